//! Where exceptions are opened, moved and cleared, and where people answer them.

use std::rc::Rc;

use contract::event::Topic;
use contract::event::command::{Command, CommandAction};
use contract::exception::Severity;
use contract::ids::EventId;
use contract::policy::{FOR_MS, MIN_CONFIDENCE, Policy};
use contract::record::{Event, Mode, Status};
use engine::reference::Policies;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use retail::detectors::KINDS;
use smallvec::SmallVec;

use super::desk::{Desk, bit};
use super::slots::{NOBODY, place};
use super::speech::{Answer, Driver, Drivers, Key, Spoken, exception_id};
use super::timers::Timer;

/// Never.
const NEVER: i64 = i64::MIN;

/// The case of a key under an exception type.
#[derive(Clone, Debug)]
pub(super) struct Case {
    run_since: i64,
    opened_at: i64,
    cleared_at: i64,
    wake: i64,
    /// The open exception, if there is one.
    open: Option<u32>,
    cause: u32,
    touched: bool,
}

impl Default for Case {
    fn default() -> Self {
        Case {
            run_since: NEVER,
            opened_at: NEVER,
            cleared_at: NEVER,
            wake: NEVER,
            open: None,
            cause: NOBODY,
            touched: false,
        }
    }
}

impl Case {
    /// Marks it as touched by a record; it joins `list` if it was not.
    pub(super) fn touch(&mut self, cause: u32, at: u32, list: &mut Vec<u32>) {
        self.cause = self.cause.min(cause);
        if !self.touched {
            self.touched = true;
            list.push(at);
        }
    }

    /// Whether its condition neither holds nor is its exception open.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_none() && self.run_since == NEVER
    }

    /// Whether its exception is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

/// What a condition is at a tick.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verdict {
    /// The open condition holds.
    pub(super) open: bool,
    /// The clear condition holds.
    pub(super) clear: bool,
    /// No stale feed can hold it open.
    pub(super) gone: bool,
}

impl Verdict {
    /// Nothing to speak of.
    pub(super) const GONE: Verdict = Verdict { open: false, clear: true, gone: true };

    /// Open while it holds, clear otherwise.
    pub(super) fn while_true(open: bool) -> Self {
        Verdict { open, clear: !open, gone: false }
    }
}

/// What an exception speaks of.
pub(super) trait Subject {
    /// The values of its key.
    fn key(&self) -> Key;
    /// Its store.
    fn store(&self) -> Option<u32>;
    /// How bad it is, and what to do.
    fn answer(&self) -> Answer;
    /// The numbers behind it.
    fn drivers(&self) -> Drivers;
}

/// The numbers of an exception type.
#[derive(Debug)]
struct Law {
    feeds: u16,
    policy: SmallVec<[i64; 3]>,
    for_ms: i64,
    listed: Rc<[(String, i64)]>,
}

impl Law {
    fn of(kind: usize, policies: &Policies) -> Self {
        let kind = KINDS[kind];
        let own =
            |policy: &Policy| policies.value_of(&format!("{}.{}", kind.name, policy.name)).unwrap_or(policy.default);
        let policy: SmallVec<[i64; 3]> = kind.policies.iter().map(own).collect();
        let for_ms = own(&Policy { default: kind.for_ms, ..FOR_MS });
        let named =
            kind.policies.iter().zip(&policy).map(|(one, value)| (format!("{}.{}", kind.name, one.name), *value));
        let mut listed: Vec<(String, i64)> = named.collect();
        listed.push((format!("{}.{}", kind.name, FOR_MS.name), for_ms));
        listed.push((MIN_CONFIDENCE.name.to_owned(), policies.get(MIN_CONFIDENCE)));
        listed.sort();
        let feeds = kind.feeds.iter().fold(0, |bits, feed| bits | bit(*feed));
        Law { feeds, policy, for_ms, listed: listed.into() }
    }
}

/// An open exception.
#[derive(Debug)]
struct Open {
    kind: u8,
    at: u32,
    id: EventId,
    key: Key,
    /// The store of its rows as they are now.
    seen: Option<u32>,
    /// Its store when it was last told, which a frozen one keeps.
    told: Option<u32>,
    /// The store its records name.
    store: Option<u32>,
    answer: Answer,
    written: Answer,
    frozen: bool,
    drivers: Drivers,
    policy: Rc<[(String, i64)]>,
    opened_at: i64,
    version: i64,
    status: Status,
    until: Option<i64>,
}

/// The court.
#[derive(Debug)]
pub(super) struct Court {
    laws: Vec<Law>,
    min_confidence: i64,
    open: Vec<Option<Open>>,
    free: Vec<u32>,
    by_id: HashMap<EventId, u32, FixedState>,
    /// Snoozes that may be over.
    waking: Vec<u32>,
    /// What was said in this tick.
    pub(super) spoken: Vec<Spoken>,
}

impl Court {
    /// Nothing is open.
    pub(super) fn new(policies: &Policies) -> Self {
        Court {
            laws: (0..KINDS.len()).map(|kind| Law::of(kind, policies)).collect(),
            min_confidence: policies.get(MIN_CONFIDENCE),
            open: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::with_hasher(FixedState::with_seed(7)),
            waking: Vec::new(),
            spoken: Vec::new(),
        }
    }

    /// Reads the policies anew.
    pub(super) fn read_policies(&mut self, policies: &Policies) {
        self.laws = (0..KINDS.len()).map(|kind| Law::of(kind, policies)).collect();
        self.min_confidence = policies.get(MIN_CONFIDENCE);
    }

    /// A policy of an exception type, by its place in the type's list.
    pub(super) fn policy(&self, kind: u8, at: usize) -> i64 {
        self.laws[usize::from(kind)].policy[at]
    }

    /// The open exceptions of a store whose types read a feed.
    pub(super) fn reading(&self, store: u32, topic: Topic) -> Vec<(u8, u32)> {
        let open = self.open.iter().flatten().filter(|open| open.seen == Some(store));
        open.filter(|open| self.laws[usize::from(open.kind)].feeds & bit(topic) != 0)
            .map(|open| (open.kind, open.at))
            .collect()
    }

    /// A snooze may be over.
    pub(super) fn wake(&mut self, open: u32) {
        self.waking.push(open);
    }

    /// Moves a case to this tick.
    pub(super) fn step(
        &mut self,
        desk: &mut Desk,
        (kind, at): (u8, u32),
        case: &mut Case,
        verdict: Verdict,
        subject: &impl Subject,
    ) {
        case.touched = false;
        let cause = std::mem::replace(&mut case.cause, NOBODY);
        let now = desk.now;
        if !verdict.open {
            case.run_since = NEVER;
        } else if case.run_since == NEVER {
            case.run_since = now;
        }
        match case.open {
            None if verdict.open => self.try_open(desk, (kind, at), case, verdict, (subject, cause)),
            None => {}
            Some(open) => self.go_on(desk, (open, cause), case, verdict, subject),
        }
        if case.open.is_none() && case.run_since != NEVER {
            let opens_at = case.run_since.saturating_add(self.laws[usize::from(kind)].for_ms);
            let tick = desk.ticks.at(opens_at).max(now + desk.ticks.tick_ms);
            if case.wake != tick {
                case.wake = desk.wake(tick, Timer::Case(kind, at));
            }
        }
    }

    fn is_stale(&self, desk: &Desk, kind: u8, store: Option<u32>) -> bool {
        store.is_some_and(|store| desk.shops[store as usize].stale & self.laws[usize::from(kind)].feeds != 0)
    }

    fn try_open(
        &mut self,
        desk: &mut Desk,
        (kind, at): (u8, u32),
        case: &mut Case,
        verdict: Verdict,
        (subject, cause): (&impl Subject, u32),
    ) {
        let (now, law) = (desk.now, &self.laws[usize::from(kind)]);
        if now < case.run_since.saturating_add(law.for_ms) || case.cleared_at == now {
            return;
        }
        case.opened_at = now;
        let (key, store, answer) = (subject.key(), subject.store(), subject.answer());
        let open = Open {
            kind,
            at,
            id: exception_id(KINDS[usize::from(kind)].name, &key, now),
            key,
            seen: store,
            told: store,
            store,
            answer,
            written: answer,
            frozen: false,
            drivers: subject.drivers(),
            policy: law.listed.clone(),
            opened_at: now,
            version: 0,
            status: Status::Open,
            until: None,
        };
        let held = !verdict.gone && self.is_stale(desk, kind, store);
        if verdict.clear && !held {
            desk.wake(now, Timer::Case(kind, at));
        }
        let place = self.keep(open);
        case.open = Some(place);
        self.tell(desk, place, Event::Opened, desk.cause(cause), None);
    }

    fn keep(&mut self, open: Open) -> u32 {
        let id = open.id.clone();
        let at = if let Some(at) = self.free.pop() {
            self.open[at as usize] = Some(open);
            at
        } else {
            self.open.push(Some(open));
            place(self.open.len() - 1)
        };
        self.by_id.insert(id, at);
        at
    }

    fn go_on(
        &mut self,
        desk: &Desk,
        (at, cause): (u32, u32),
        case: &mut Case,
        verdict: Verdict,
        subject: &impl Subject,
    ) {
        let Some(mut open) = self.open[at as usize].take() else { return };
        let (kind, now) = (open.kind, desk.now);
        open.seen = subject.store();
        let store = open.seen.or(open.told);
        let frozen = verdict.clear && !verdict.gone && self.is_stale(desk, kind, store);
        let cleared = verdict.clear && !frozen;
        // A frozen case keeps the store and the answer it had.
        let told = if frozen || cleared { (open.told, open.answer) } else { (store, subject.answer()) };
        let moved = (open.told, open.answer, open.frozen) != (told.0, told.1, frozen);
        if cleared || moved {
            open.store = store;
            (open.told, open.answer, open.frozen) = (told.0, told.1, frozen);
            open.drivers = subject.drivers();
            open.policy = self.laws[usize::from(kind)].listed.clone();
        }
        let updated = !cleared && moved && !frozen && open.answer.moved_from(&open.written);
        if updated && open.until.is_some_and(|until| until <= now) {
            (open.status, open.until) = (Status::Open, None);
        }
        self.open[at as usize] = Some(open);
        if updated {
            self.tell(desk, at, Event::Updated, desk.cause(cause), None);
        }
        if cleared {
            self.tell(desk, at, Event::Cleared, desk.cause(cause), None);
            if let Some(open) = self.open[at as usize].take() {
                self.by_id.remove(&open.id);
            }
            self.free.push(at);
            (case.open, case.opened_at, case.cleared_at) = (None, NEVER, now);
        }
    }

    fn spoken(&self, desk: &Desk, open: &Open, event: Event, cause: Option<(Topic, EventId)>) -> Spoken {
        let law = &self.laws[usize::from(open.kind)];
        let stale = open.store.map_or(0, |store| (desk.shops[store as usize].stale & law.feeds).count_ones());
        let confidence_bp = 10_000 >> stale;
        let mode = if confidence_bp >= self.min_confidence { Mode::Actionable } else { Mode::Advisory };
        Spoken {
            kind: open.kind,
            key: open.key.clone(),
            version: open.version,
            id: open.id.clone(),
            event,
            status: if event == Event::Cleared { Status::Cleared } else { open.status },
            answer: open.written,
            confidence_bp,
            mode,
            store: open.store.map(|store| desk.store_id(store)),
            opened_at: open.opened_at,
            drivers: open.drivers.clone(),
            policy: open.policy.clone(),
            cause,
            reason: reason_of(event),
            command: None,
            known: true,
            refused: false,
        }
    }

    fn tell(
        &mut self,
        desk: &Desk,
        at: u32,
        event: Event,
        cause: Option<(Topic, EventId)>,
        by: Option<(Option<Command>, &'static str)>,
    ) {
        let Some(mut open) = self.open[at as usize].take() else { return };
        open.version += 1;
        if matches!(event, Event::Opened | Event::Updated) && !open.frozen {
            open.written = open.answer;
        }
        let mut spoken = self.spoken(desk, &open, event, cause);
        if let Some((command, reason)) = by {
            (spoken.command, spoken.reason) = (command, reason);
        }
        self.spoken.push(spoken);
        self.open[at as usize] = Some(open);
    }

    /// After all cases: snoozes end, then people speak, in file order.
    pub(super) fn hear(&mut self, desk: &mut Desk, commands: &mut Vec<(Command, u32)>) {
        for at in std::mem::take(&mut self.waking) {
            let now = desk.now;
            if let Some(Some(open)) = self.open.get_mut(at as usize)
                && open.until.is_some_and(|until| until <= now)
            {
                (open.status, open.until) = (Status::Open, None);
                self.tell(desk, at, Event::Updated, None, Some((None, "the snooze ended")));
            }
        }
        commands.sort_by_key(|(command, _)| command.place);
        for (command, cause) in commands.drain(..) {
            let cause = desk.cause(cause);
            match self.by_id.get(&command.exception).copied() {
                Some(at) => self.answer(desk, at, command, cause),
                None => self.spoken.push(Spoken::unknown(command, cause)),
            }
        }
    }

    fn answer(&mut self, desk: &mut Desk, at: u32, command: Command, cause: Option<(Topic, EventId)>) {
        let Some(open) = &mut self.open[at as usize] else { return };
        let needs_approver = matches!(command.action, CommandAction::Approve | CommandAction::Reject);
        if needs_approver && command.role.as_str() != open.answer.approver {
            let Some(open) = &self.open[at as usize] else { return };
            let mut spoken = self.spoken(desk, open, Event::Updated, cause);
            (spoken.refused, spoken.command) = (true, Some(command));
            spoken.reason = "only the approver of the action may approve or reject it";
            self.spoken.push(spoken);
            return;
        }
        let (event, status) = match command.action {
            CommandAction::Ack => (Event::Acknowledged, Status::Acknowledged),
            CommandAction::Approve => (Event::Approved, Status::Approved),
            CommandAction::Reject => (Event::Rejected, Status::Rejected),
            CommandAction::Snooze => (Event::Snoozed, Status::Snoozed),
            CommandAction::Dismiss => (Event::Dismissed, Status::Dismissed),
        };
        open.status = status;
        open.until = if status == Status::Snoozed { command.until } else { None };
        if let Some(until) = open.until {
            desk.wake(until, Timer::Snooze(at));
        }
        self.tell(desk, at, event, cause, Some((Some(command), reason_of(event))));
    }
}

fn reason_of(event: Event) -> &'static str {
    match event {
        Event::Opened => "the open condition holds",
        Event::Updated => "severity or action changed",
        Event::Cleared => "the clear condition holds",
        Event::Acknowledged => "seen",
        Event::Approved => "approved by the approver of the action",
        Event::Rejected => "rejected by the approver of the action",
        Event::Snoozed => "put off",
        Event::Dismissed => "said to be no exception",
    }
}

/// A number that drove a condition, with its bound.
pub(super) fn driver(
    name: &'static str,
    observed: impl Into<Option<i64>>,
    expected: impl Into<Option<i64>>,
    unit: &'static str,
) -> Driver {
    Driver { name, observed: observed.into(), expected: expected.into(), unit }
}

/// How bad, what to do, and who decides.
pub(super) fn answer(severity: Severity, name: &'static str, approver: &'static str) -> Answer {
    Answer { severity, name, approver, parameter: None }
}
