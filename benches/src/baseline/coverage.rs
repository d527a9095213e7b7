//! How many people each role of a store has, has planned and needs, and where somebody must be called in.

use std::collections::BTreeMap;

use contract::event::workforce::{Role, Shift};
use contract::exception::Severity;
use contract::ids::{Id, Transaction};
use contract::keys::StoreRole;
use contract::time::{MINUTE_MS, QUARTER_MS};
use contract::units::floor_div;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use retail::stats::required_servers;
use retail::views::fulfillment_node::{PICKED_MILLI, near_from};
use retail::views::labor_coverage::{Coverage, NAME};
use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Marks, NOBODY, place};
use super::speech::{Answer, Drivers, Key, Parameter, Part};
use super::sums::{Shape, Steps};
use super::timers::Timer;

/// `labor.coverage_gap`, by its place in the list of types.
pub(super) const GAP: u8 = 9;
const TASK_MINUTES: i128 = 102;
const WINDOW: Shape = Shape { window_ms: QUARTER_MS, pane_ms: MINUTE_MS };
const ROLES: [Role; 3] = [Role::Checkout, Role::Floor, Role::Fulfillment];

/// The sale and void lines of a minute.
#[derive(Debug, Default)]
struct Minute {
    counted: bool,
    lines: i64,
    weights: Vec<(Transaction, i64)>,
}

/// The tills of the last quarter of an hour.
#[derive(Debug, Default)]
struct Rush {
    minutes: BTreeMap<i64, Minute>,
    inside: HashMap<Transaction, i64, FixedState>,
    transactions: i64,
    lines: i64,
    /// What was needed for these transactions and lines.
    needed: ((i64, i64), i64),
}

impl Rush {
    fn weigh(&mut self, transaction: Transaction, weight: i64) {
        let held = self.inside.entry(transaction).or_insert(0);
        let before = *held > 0;
        *held += weight;
        self.transactions += i64::from(*held > 0) - i64::from(before);
        if *held == 0 {
            self.inside.remove(&transaction);
        }
    }

    /// Answers the start of a new minute.
    fn add(&mut self, time: i64, (transaction, sign): (Transaction, i64), diff: i64, now: i64) -> Option<i64> {
        let start = WINDOW.pane(time);
        if WINDOW.has_left(start, now) {
            return None;
        }
        let new = !self.minutes.contains_key(&start);
        let minute = self.minutes.entry(start).or_insert_with(|| Minute { counted: start <= now, ..Minute::default() });
        minute.weights.push((transaction, sign * diff));
        let lines = if sign > 0 { diff } else { 0 };
        minute.lines += lines;
        if minute.counted {
            self.lines += lines;
            self.weigh(transaction, sign * diff);
        }
        new.then_some(start)
    }

    fn shift(&mut self, minute: &Minute, sign: i64) {
        self.lines += sign * minute.lines;
        for (transaction, weight) in &minute.weights {
            self.weigh(*transaction, sign * weight);
        }
    }

    /// Minutes come and leave by the clock.
    fn look(&mut self, now: i64) {
        while let Some(first) = self.minutes.first_entry()
            && WINDOW.has_left(*first.key(), now)
        {
            let minute = first.remove();
            if minute.counted {
                self.shift(&minute, -1);
            }
        }
        let coming: Vec<i64> =
            self.minutes.range(..=now).filter(|(_, minute)| !minute.counted).map(|(at, _)| *at).collect();
        for at in coming {
            if let Some(mut minute) = self.minutes.remove(&at) {
                minute.counted = true;
                self.shift(&minute, 1);
                self.minutes.insert(at, minute);
            }
        }
    }

    fn required(&mut self) -> i64 {
        let of = (self.transactions, self.lines);
        if self.needed.0 != of {
            self.needed = (of, required_servers(of.0, of.1));
        }
        self.needed.1
    }
}

#[derive(Debug, Default)]
struct OfRole {
    present: i64,
    scheduled: Steps<i64>,
    rush: Rush,
    due_milli: i64,
    tasks: Steps<i128>,
    said: Said<Coverage>,
    case: Case,
}

/// All roles of all stores, three a store.
#[derive(Debug, Default)]
pub(super) struct Roles {
    roles: Vec<OfRole>,
    marks: Marks,
    unsent: Unsent<Coverage>,
    gaps: Vec<u32>,
}

impl Roles {
    fn at(&mut self, store: u32, role: Role, cause: u32) -> (u32, &mut OfRole) {
        let at = store * 3 + role as u32;
        if self.roles.len() <= at as usize {
            self.roles.resize_with(at as usize + 1, OfRole::default);
        }
        self.marks.touch(at, cause);
        (at, &mut self.roles[at as usize])
    }

    /// Somebody came or went.
    pub(super) fn here(&mut self, (store, role, diff, cause): super::clocks::Here) {
        self.at(store, role, cause).1.present += diff;
    }

    /// A shift.
    pub(super) fn shift(&mut self, desk: &mut Desk, store: u32, shift: &Shift, (diff, cause): (i64, u32)) {
        let (at, of) = self.at(store, shift.role, cause);
        if shift.start_at < shift.end_at {
            for (instant, weight) in [(shift.start_at, diff), (shift.end_at, -diff)] {
                if of.scheduled.add(instant, &weight) {
                    desk.wake(instant, Timer::Role(at));
                }
            }
        }
    }

    /// A sale (1) or void (−1) line at the tills.
    pub(super) fn line(
        &mut self,
        desk: &mut Desk,
        store: u32,
        time: i64,
        line: (Transaction, i64),
        (diff, cause): (i64, u32),
    ) {
        let now = desk.now;
        let (at, of) = self.at(store, Role::Checkout, cause);
        if let Some(start) = of.rush.add(time, line, diff, now) {
            if start > now {
                desk.wake(start, Timer::Role(at));
            }
            desk.wake(start + WINDOW.window_ms, Timer::Role(at));
        }
    }

    /// What is to be picked within two hours.
    pub(super) fn due(&mut self, store: u32, due_milli: i64, cause: u32) {
        self.at(store, Role::Fulfillment, cause).1.due_milli = due_milli;
    }

    /// An open task.
    pub(super) fn task(
        &mut self,
        desk: &mut Desk,
        store: u32,
        (due_at, est_minutes): (i64, i64),
        (diff, cause): (i64, u32),
    ) {
        let (at, of) = self.at(store, Role::Floor, cause);
        let from = near_from(due_at);
        if of.tasks.add(from, &(i128::from(est_minutes) * i128::from(diff))) {
            desk.wake(from, Timer::Role(at));
        }
    }

    /// The clock looks at a role.
    pub(super) fn wake(&mut self, at: u32, now: i64) {
        let store = at / 3;
        self.at(store, ROLES[(at % 3) as usize], NOBODY).1.rush.look(now);
    }

    /// Touches the cases of all roles, or of one.
    pub(super) fn touch(&mut self, at: Option<u32>, cause: u32) {
        for at in at.map_or(0..place(self.roles.len()), |at| at..at + 1) {
            let of = &mut self.roles[at as usize];
            if of.said.value.is_some() || !of.case.is_idle() {
                of.case.touch(cause, at, &mut self.gaps);
            }
        }
    }

    /// Says the rows.
    pub(super) fn close(&mut self, desk: &Desk, list: &mut Vec<(u32, u32)>) {
        self.marks.drain(list);
        for (at, cause) in list.drain(..) {
            let of = &mut self.roles[at as usize];
            let (present, scheduled) = (of.present, of.scheduled.at(desk.now));
            let required = match ROLES[(at % 3) as usize] {
                Role::Checkout => of.rush.required(),
                Role::Fulfillment => {
                    floor_div(i128::from(of.due_milli) + i128::from(PICKED_MILLI - 1), PICKED_MILLI.into())
                }
                Role::Floor => floor_div(of.tasks.at(desk.now) + TASK_MINUTES - 1, TASK_MINUTES),
            };
            let row = Coverage { present, scheduled, required, gap: required.saturating_sub(present) };
            let value = Some(row).filter(|_| (present, scheduled, required) != (0, 0, 0));
            if self.unsent.say(at, &mut of.said, value) {
                of.case.touch(cause, at, &mut self.gaps);
            }
        }
    }

    /// The row of a store's checkout.
    pub(super) fn cashiers(&self, store: u32) -> Option<Coverage> {
        self.roles.get(store as usize * 3 + Role::Checkout as usize)?.said.value
    }

    /// Judges the roles that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        for at in std::mem::take(&mut self.gaps) {
            let of = &mut self.roles[at as usize];
            let verdict = of.said.value.map_or(Verdict::GONE, |row| Verdict::while_true(row.gap >= 1));
            let role = ROLES[(at % 3) as usize];
            let subject =
                Gap { store: at / 3, name: desk.store_id(at / 3), role, row: of.said.value.unwrap_or_default() };
            court.step(desk, (GAP, at), &mut of.case, verdict, &subject);
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let roles = &mut self.roles;
        self.unsent.send(NAME, page, |at| {
            let key = StoreRole { store: desk.store_id(at / 3), role: ROLES[(at % 3) as usize] };
            (key, roles[at as usize].said.leave())
        });
    }
}

struct Gap {
    store: u32,
    name: Id,
    role: Role,
    row: Coverage,
}

impl Subject for Gap {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.name), Part::Word(self.role.name())]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        let short = self.row.present.saturating_mul(2) <= self.row.required;
        let severity = if short { Severity::Critical } else { Severity::High };
        answer(severity, "call_in", "store_manager").with("heads", Parameter::Number(self.row.gap))
    }

    fn drivers(&self) -> Drivers {
        let row = self.row;
        smallvec![
            driver("gap", row.gap, 0, "heads"),
            driver("present", row.present, row.required, "heads"),
            driver("scheduled", row.scheduled, row.required, "heads"),
        ]
    }
}
