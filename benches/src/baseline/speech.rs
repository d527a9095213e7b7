//! What is said of exceptions, and how it is written.

use std::cmp::Ordering;
use std::rc::Rc;

use contract::event::Topic;
use contract::event::command::{Command, CommandAction};
use contract::exception::Severity;
use contract::ids::{EventId, Id};
use contract::record::{DecisionKind, Event, Mode, Status};
use retail::detectors::KINDS;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use smallvec::SmallVec;

use super::rows::Page;

/// One value of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Part {
    /// A number.
    Number(i64),
    /// A name that returns.
    Name(Id),
    /// A name that is seen once.
    Text(EventId),
    /// A word of the contract.
    Word(&'static str),
}

impl Part {
    fn text(&self) -> &str {
        match self {
            Part::Number(_) => "",
            Part::Name(name) => name.as_str(),
            Part::Text(text) => text,
            Part::Word(word) => word,
        }
    }
}

impl Ord for Part {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Part::Number(one), Part::Number(two)) => one.cmp(two),
            (one, two) => one.text().cmp(two.text()),
        }
    }
}

impl PartialOrd for Part {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The values of a key in the contract's order.
pub(super) type Key = SmallVec<[Part; 3]>;

/// A parameter of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Parameter {
    /// Yes.
    Flag(bool),
    /// How many.
    Number(i64),
    /// Which.
    Text(&'static str),
}

/// How bad it is, what to do, and who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// How bad.
    pub(super) severity: Severity,
    /// What to do.
    pub(super) name: &'static str,
    /// Who decides.
    pub(super) approver: &'static str,
    /// With which number or word.
    pub(super) parameter: Option<(&'static str, Parameter)>,
}

impl Answer {
    /// The same with a parameter.
    #[must_use]
    pub(super) fn with(self, name: &'static str, value: Parameter) -> Self {
        Answer { parameter: Some((name, value)), ..self }
    }

    /// Whether this differs enough from what was written to be worth a record.
    pub(super) fn moved_from(&self, written: &Answer) -> bool {
        let same = (self.severity, self.name, self.approver) == (written.severity, written.name, written.approver);
        let moved = match (self.parameter, written.parameter) {
            (Some((one, Parameter::Number(now))), Some((two, Parameter::Number(before)))) if one == two => {
                let by = (i128::from(now) - i128::from(before)).abs();
                by > 0 && by * 5 >= i128::from(before).abs()
            }
            (now, before) => now != before,
        };
        !same || moved
    }
}

/// A number that drove a condition, with its bound.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Driver {
    /// What was measured.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) observed: Option<i64>,
    /// What it was compared with.
    pub(super) expected: Option<i64>,
    /// What it counts.
    pub(super) unit: &'static str,
}

/// The numbers behind an exception.
pub(super) type Drivers = SmallVec<[Driver; 6]>;

/// The name of an exception: of its type, key and opening tick.
pub(super) fn exception_id(name: &str, key: &Key, opened_at: i64) -> EventId {
    use std::fmt::Write;
    let mut text = String::with_capacity(96);
    text.push_str(name);
    text.push('\n');
    for (at, part) in key.iter().enumerate() {
        if at > 0 {
            text.push('|');
        }
        match part {
            Part::Number(number) => _ = write!(text, "{number}"),
            part => text.push_str(part.text()),
        }
    }
    _ = write!(text, "\n{opened_at}");
    EventId::from(&blake3::hash(text.as_bytes()).to_hex()[..32])
}

/// Something said of an exception.
#[derive(Clone, Debug)]
pub(super) struct Spoken {
    pub(super) kind: u8,
    pub(super) key: Key,
    pub(super) version: i64,
    pub(super) id: EventId,
    pub(super) event: Event,
    pub(super) status: Status,
    pub(super) answer: Answer,
    pub(super) confidence_bp: i64,
    pub(super) mode: Mode,
    pub(super) store: Option<Id>,
    pub(super) opened_at: i64,
    pub(super) drivers: Drivers,
    pub(super) policy: Rc<[(String, i64)]>,
    pub(super) cause: Option<(Topic, EventId)>,
    /// Why.
    pub(super) reason: &'static str,
    /// On whose word.
    pub(super) command: Option<Command>,
    /// The exception is open.
    pub(super) known: bool,
    /// The word was not taken: a decision, and no exceptions record.
    pub(super) refused: bool,
}

impl Spoken {
    /// A word about an exception that nobody knows.
    pub(super) fn unknown(command: Command, cause: Option<(Topic, EventId)>) -> Self {
        let answer = Answer { severity: Severity::Medium, name: "", approver: "", parameter: None };
        Spoken {
            kind: 0,
            key: Key::new(),
            version: 0,
            id: command.exception.clone(),
            event: Event::Updated,
            status: Status::Cleared,
            answer,
            confidence_bp: 0,
            mode: Mode::Actionable,
            store: None,
            opened_at: 0,
            drivers: Drivers::new(),
            policy: Rc::new([]),
            cause,
            reason: "no such exception is open",
            command: Some(command),
            known: false,
            refused: true,
        }
    }

    /// The order of decisions.
    fn compare(&self, other: &Self) -> Ordering {
        let place = |one: &Self| one.command.as_ref().map_or_else(Default::default, |command| command.place);
        let known = self.known.cmp(&other.known);
        if known != Ordering::Equal || !self.known {
            return known.then_with(|| place(self).cmp(&place(other)));
        }
        let rank = |one: &Self| (one.event, one.status);
        self.kind
            .cmp(&other.kind)
            .then_with(|| self.key.cmp(&other.key))
            .then_with(|| self.version.cmp(&other.version))
            .then_with(|| rank(self).cmp(&rank(other)))
            .then_with(|| self.cause.cmp(&other.cause))
            .then_with(|| place(self).cmp(&place(other)))
    }
}

struct Map<'a, K, V>(&'a [(K, V)]);

impl<K: Serialize, V: Serialize> Serialize for Map<'_, K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

struct Keys<'a>(&'static [&'static str], &'a Key);

impl Serialize for Keys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, part) in self.0.iter().zip(self.1) {
            map.serialize_entry(name, part)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Action<'a> {
    name: &'static str,
    approver: &'static str,
    parameters: Map<'a, &'static str, Parameter>,
}

impl<'a> Action<'a> {
    fn of(answer: &'a Answer) -> Self {
        Action { name: answer.name, approver: answer.approver, parameters: Map(answer.parameter.as_slice()) }
    }
}

#[derive(Serialize)]
struct Cause<'a> {
    topic: &'static str,
    event_id: &'a str,
}

fn cause_of(spoken: &Spoken) -> Option<Cause<'_>> {
    spoken.cause.as_ref().map(|(topic, event_id)| Cause { topic: topic.name(), event_id })
}

#[derive(Serialize)]
struct Exception<'a> {
    time: i64,
    seq: u64,
    exception_id: &'a str,
    r#type: &'static str,
    version: i64,
    event: Event,
    status: Status,
    severity: Severity,
    confidence_bp: i64,
    mode: Mode,
    restricted: bool,
    key: Keys<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store_id: Option<Id>,
    opened_at: i64,
    action: Action<'a>,
    drivers: &'a [Driver],
    policy: Map<'a, String, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cause<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Input<'a> {
    Record(Cause<'a>),
    Number(&'a Driver),
}

#[derive(Serialize)]
struct Decision<'a> {
    time: i64,
    seq: u64,
    kind: DecisionKind,
    exception_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Keys<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence_bp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Action<'a>>,
    reason: &'static str,
    policy: Map<'a, String, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<CommandAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    inputs: SmallVec<[Input<'a>; 8]>,
}

/// Writes the exceptions of a tick.
pub(super) fn write_exceptions(spoken: &mut [Spoken], page: &mut Page<'_>) {
    spoken.sort_by(|one, two| {
        let order = one.kind.cmp(&two.kind).then_with(|| one.key.cmp(&two.key));
        order.then_with(|| one.version.cmp(&two.version))
    });
    for one in spoken.iter().filter(|one| !one.refused) {
        let ((time, seq), kind) = (page.number(), KINDS[usize::from(one.kind)]);
        page.write(&Exception {
            time,
            seq,
            exception_id: &one.id,
            r#type: kind.name,
            version: one.version,
            event: one.event,
            status: one.status,
            severity: one.answer.severity,
            confidence_bp: one.confidence_bp,
            mode: one.mode,
            restricted: kind.restricted,
            key: Keys(kind.key, &one.key),
            store_id: one.store,
            opened_at: one.opened_at,
            action: Action::of(&one.answer),
            drivers: &one.drivers,
            policy: Map(&one.policy),
            cause: cause_of(one),
        });
    }
}

/// Writes the decisions of a tick.
pub(super) fn write_decisions(spoken: &mut [Spoken], page: &mut Page<'_>) {
    spoken.sort_by(Spoken::compare);
    for one in spoken.iter() {
        let ((time, seq), kind) = (page.number(), KINDS[usize::from(one.kind)]);
        let command = one.command.as_ref();
        let known = |known: bool| known.then_some(());
        let is = known(one.known);
        let causes = cause_of(one).filter(|_| one.known).map(Input::Record);
        page.write(&Decision {
            time,
            seq,
            kind: decision_kind(one),
            exception_id: &one.id,
            r#type: is.map(|()| kind.name),
            key: is.map(|()| Keys(kind.key, &one.key)),
            version: is.map(|()| one.version),
            opened_at: is.map(|()| one.opened_at),
            status: is.map(|()| one.status),
            severity: is.map(|()| one.answer.severity),
            confidence_bp: is.map(|()| one.confidence_bp),
            mode: is.map(|()| one.mode),
            response: is.map(|()| Action::of(&one.answer)),
            reason: one.reason,
            policy: Map(&one.policy),
            actor: command.map(|command| command.actor),
            role: command.map(|command| command.role),
            action: command.map(|command| command.action),
            comment: command.and_then(|command| command.comment.as_deref()),
            until: command.and_then(|command| command.until),
            inputs: causes.into_iter().chain(one.drivers.iter().map(Input::Number)).collect(),
        });
    }
}

fn decision_kind(spoken: &Spoken) -> DecisionKind {
    match spoken.event {
        _ if spoken.refused => DecisionKind::Refused,
        Event::Opened => DecisionKind::Opened,
        Event::Updated => DecisionKind::Updated,
        Event::Cleared => DecisionKind::Cleared,
        _ => DecisionKind::Command,
    }
}
