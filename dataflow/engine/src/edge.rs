//! The edge: gives every arriving record exactly one fate (contract §2).
//!
//! [`admit`] applies rules 1–3, which need only the record and the tick, where lines are read. The graph ([`build`])
//! applies rule 4, which needs the records accepted before: [`operators::ingest::dedup`] for facts, [`operators::ingest::latest_by_key`] for
//! state rows. The outputs are accepted facts and current rows as changes (±1), and one [`Fated`] per record.

use std::rc::Rc;

use contract::event::fields::Fault;
use contract::event::{Body, Dead, FactBody, Record, StateBody, StateKey, Topic};
use contract::fate::{DeadReason, Fated, OriginalRecord, Outcome, Raw, RecordHeader};
use contract::ids::EventId;
use contract::place::Place;
use contract::time::{Cause, Time};
use operators::ingest::arrival::{self, Arrival, Fate, Judged};
use operators::ingest::dedup::dedup;
use operators::ingest::latest_by_key::latest_by_key;
use operators::io::tee::Tee;
use operators::keyed::Ticks;

use crate::time::{Collection, Diff};

/// Default of the greatest age of an event: 36 h.
pub const LATENESS_MS: i64 = 129_600_000;
/// Default of the greatest lead of an event over the clock: 5 min.
pub const FUTURE_MS: i64 = 300_000;

/// The two limits that the rules use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The greatest age of an event.
    pub lateness_ms: i64,
    /// The greatest lead of an event over the clock.
    pub future_ms: i64,
}

/// An arriving fact or row.
pub type Arriving<D> = Arrival<EventId, D, RecordHeader>;

/// A record after rules 1–3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// A fact; rule 4 deduplicates it by topic and id.
    Fact((Topic, EventId), Arriving<FactBody>),
    /// A row; rule 4 compares it with the current row of its key.
    State(StateKey, Arriving<StateBody>),
    /// A record whose fate rules 1–3 have decided.
    Fated(Fated),
}

/// Applies rules 1–3 to a line of `topic` at tick `now`.
pub fn admit(
    topic: Topic,
    place: Place,
    line: &[u8],
    decoded: Result<Record, Dead>,
    now: Time,
    limits: Limits,
) -> Admitted {
    let fated = |memo, outcome| Admitted::Fated(Fated { header: memo, outcome });
    let record = match decoded {
        Ok(record) => record,
        Err(Dead { bad, store_id }) => {
            let reason = if bad.fault == Fault::Malformed { DeadReason::Malformed } else { DeadReason::Invalid };
            let original = Some(Box::new(OriginalRecord { place, event_id: None, raw: Raw::of(line) }));
            let memo = RecordHeader { topic, original, store: store_id, event_time: None };
            return fated(memo, Outcome::Dead(reason, bad.field.map(str::to_owned)));
        }
    };
    let Record { event_id, event_time, store_id, revision, body, .. } = record;
    let mut memo = RecordHeader { topic, original: None, store: store_id, event_time: Some(event_time) };
    if matches!(body, Body::Fact(_)) {
        let edge = now.saturating_sub(limits.lateness_ms);
        let outcome = if event_time > now.saturating_add(limits.future_ms) {
            Some(Outcome::Dead(DeadReason::Future, Some("event_time".to_owned())))
        } else {
            (event_time < edge).then(|| Outcome::Late(edge.saturating_sub(event_time)))
        };
        // Only a later revision can still be late, by replacing content that is too old.
        if outcome.is_some() || revision > 0 {
            memo.original =
                Some(Box::new(OriginalRecord { place, event_id: Some(event_id.clone()), raw: Raw::of(line) }));
        }
        if let Some(outcome) = outcome {
            return fated(memo, outcome);
        }
    }
    let id = event_id.clone();
    let Place { logged_at, partition, offset } = place;
    let arrived = arrival::Place { logged_at, partition, offset };
    match body {
        Body::Fact(content) => {
            Admitted::Fact((topic, event_id), Arrival { place: arrived, id, revision, event_time, content, memo })
        }
        Body::State(key, mut content) => {
            if let Some(StateBody::Command(command)) = &mut content {
                command.place = place;
            }
            Admitted::State(key, Arrival { place: arrived, id, revision, event_time, content, memo })
        }
    }
}

/// The three inputs of the graph, in the order in which rule 4 reads them.
#[derive(Clone)]
pub struct Inputs<'scope> {
    /// Facts after rules 1–3.
    pub facts: Collection<'scope, ((Topic, EventId), Arriving<FactBody>)>,
    /// State rows after rule 1.
    pub states: Collection<'scope, (StateKey, Arriving<StateBody>)>,
    /// Records whose fate rules 1–3 have decided.
    pub fated: Collection<'scope, Fated>,
}

/// Results of rule 4 that many operators read.
pub type Judgements<'scope, D> = Tee<'scope, Judged<EventId, D, RecordHeader>, i64, Cause>;

/// The results of the edge.
#[derive(Clone)]
pub struct Edge<'scope> {
    /// Accepted facts, and the fates of facts.
    pub facts: Rc<Judgements<'scope, FactBody>>,
    /// Current rows, and the fates of state records.
    pub rows: Rc<Judgements<'scope, StateBody>>,
    /// Records whose fate rules 1–3 decided.
    pub known: Rc<Tee<'scope, Fated, i64, Cause>>,
}

/// Applies rule 4. Readers register before [`Edge::open`] is called.
pub fn build<'scope>(ticks: Ticks, limits: Limits, inputs: Inputs<'scope>) -> Edge<'scope> {
    let facts = dedup("edge: facts", ticks, limits.lateness_ms, inputs.facts);
    let rows = latest_by_key("edge: current rows", ticks, inputs.states);
    Edge {
        facts: Rc::new(Tee::new("edge: readers of facts", facts)),
        rows: Rc::new(Tee::new("edge: readers of rows", rows)),
        known: Rc::new(Tee::new("edge: readers of known fates", inputs.fated)),
    }
}

impl<'scope> Edge<'scope> {
    /// Returns the results of `read` for the fate of each record.
    pub fn fates<T>(
        &self,
        read: impl Fn(&RecordHeader, &Outcome) -> Option<T> + Copy + 'static,
    ) -> Collection<'scope, T>
    where
        T: Clone + 'static,
    {
        let facts = self.facts.read(move |judged, _| fate(judged).and_then(|(memo, outcome)| read(memo, &outcome)));
        let rows = self.rows.read(move |judged, _| fate(judged).and_then(|(memo, outcome)| read(memo, &outcome)));
        let known = self.known.read(move |fated, _| read(&fated.header, &fated.outcome));
        facts.concatenate([rows, known])
    }

    /// Calls `look` with the fate of each record.
    pub fn look(&self, look: impl Fn(&RecordHeader, &Outcome) + Clone + 'static) {
        fn visit<D>(judged: &Judged<EventId, D, RecordHeader>, look: &impl Fn(&RecordHeader, &Outcome)) {
            if let Some((memo, outcome)) = fate(judged) {
                look(memo, &outcome);
            }
        }
        let (facts, rows) = (look.clone(), look.clone());
        self.facts.inspect(move |judged, _| visit(judged, &facts));
        self.rows.inspect(move |judged, _| visit(judged, &rows));
        self.known.inspect(move |fated, _| look(&fated.header, &fated.outcome));
    }

    /// Builds the operators; every reader must be registered.
    pub fn open(&self) {
        self.facts.build();
        self.rows.build();
        self.known.build();
    }
}

/// Returns the fate that a result of rule 4 is; `None` for a fact or row.
fn fate<D>(judged: &Judged<EventId, D, RecordHeader>) -> Option<(&RecordHeader, Outcome)> {
    let Judged::Fate(fate, memo) = judged else { return None };
    let outcome = match fate {
        Fate::Accepted => Outcome::Accepted,
        Fate::Duplicate => Outcome::Duplicate,
        Fate::Late(by_ms) => Outcome::Late(*by_ms),
    };
    Some((memo, outcome))
}

/// Returns the change that one admitted record makes, with the record as its cause.
pub fn cause(topic: Topic, event_id: &EventId) -> Diff {
    Diff::new(1, Some(Cause::Record { topic, event_id: event_id.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::event::pos;

    /// The fate by rules 2 and 3 of a till line of `event_time`; `None` where neither applies.
    fn fate(event_time: i64, now: Time, limits: Limits) -> Option<Outcome> {
        let record = Record::decode(Topic::Pos, pos::SAMPLE.as_bytes()).map(|record| Record { event_time, ..record });
        match admit(Topic::Pos, Place::default(), pos::SAMPLE.as_bytes(), record, now, limits) {
            Admitted::Fated(fated) => Some(fated.outcome),
            _ => None,
        }
    }

    #[test]
    fn times_and_limits_at_the_ends_of_their_range_follow_the_rules() {
        let instants = [i64::MIN, i64::MIN + 1, -1, 0, 1_772_431_283_104, i64::MAX - 1, i64::MAX];
        let spans = [0, 1, 300_000, i64::MAX - 1, i64::MAX];
        for (event_time, now) in instants.iter().flat_map(|at| instants.map(|now| (*at, now))) {
            for (lateness_ms, future_ms) in spans.iter().flat_map(|late| spans.map(|future| (*late, future))) {
                let found = fate(event_time, now, Limits { lateness_ms, future_ms });
                let [at, now, late, future] = [event_time, now, lateness_ms, future_ms].map(i128::from);
                let clamped =
                    |wide: i128| i64::try_from(wide.clamp(i64::MIN.into(), i64::MAX.into())).expect("it fits");
                let (edge, last) = (clamped(now - late), clamped(now + future));
                let case = format!("{event_time} at {now}, -{late} +{future}");
                match found {
                    Some(Outcome::Dead(DeadReason::Future, _)) => assert!(event_time > last, "{case}"),
                    Some(Outcome::Late(by_ms)) => {
                        assert!(event_time < edge, "{case}");
                        assert_eq!(by_ms, clamped(i128::from(edge) - at), "{case}");
                    }
                    found => assert!(found.is_none() && (edge..=last).contains(&event_time), "{case}"),
                }
            }
        }
    }
}
