//! What both ways are given, tick by tick: each thing that happened once, and of what is kept current the newest.

use std::collections::{BTreeMap, BTreeSet};

use contract::event::{FactBody, StateBody, StateKey, Topic};
use contract::ids::EventId;
use contract::time::Time;
use engine::batch::Bound;
use engine::edge::{Admitted, Arriving};
use engine::streams::Timed;
use measure::drive::Decoded;
use operators::ingest::arrival::Fact;
use operators::keyed::Ticks;

/// What is given.
#[derive(Clone)]
pub(super) enum Given {
    /// Something happened.
    Fact(Timed<FactBody>),
    /// The current row of something: it comes (+1), or makes way for the next one (−1).
    Row(Timed<StateBody>, i64),
}

/// The facts that both ways take.
#[derive(Clone)]
pub struct Facts {
    pub(super) ticks: Ticks,
    pub(super) lateness_ms: i64,
    pub(super) warm_up: Vec<(Time, Topic, Given)>,
    pub(super) window: Vec<(Time, Topic, Given)>,
}

impl Facts {
    /// What the views read of a load: of what happened the first of each name, of current rows each that is newer than
    /// the one before it. What the edge would turn away is left out.
    pub fn of(work: &Decoded) -> Self {
        let mut seen = Seen::default();
        let mut given = |bound: &[Bound]| {
            let given = |(tick, topic, admitted): &Bound| {
                let given = seen.take(*topic, admitted).into_iter().flatten();
                given.map(|given| (*tick, *topic, given)).collect::<Vec<_>>()
            };
            bound.iter().flat_map(given).collect()
        };
        Facts {
            ticks: work.settings.ticks,
            lateness_ms: work.settings.limits.lateness_ms,
            warm_up: given(&work.warm_up),
            window: given(&work.window),
        }
    }

    /// How many the rush has.
    pub fn events(&self) -> u64 {
        let comes = |given: &Given| !matches!(given, Given::Row(_, -1));
        self.window.iter().filter(|(.., given)| comes(given)).count() as u64
    }
}

/// The names of what happened, and the rows that are current.
#[derive(Default)]
struct Seen {
    facts: BTreeSet<(Topic, EventId)>,
    rows: BTreeMap<StateKey, Arriving<StateBody>>,
}

impl Seen {
    fn take(&mut self, topic: Topic, admitted: &Admitted) -> [Option<Given>; 2] {
        match admitted {
            Admitted::Fact(_, arrival) if reads(topic) && self.facts.insert((topic, arrival.id.clone())) => {
                [fact(arrival).map(Given::Fact), None]
            }
            Admitted::State(key @ (StateKey::Order(_) | StateKey::Product(_)), arrival) => {
                let version = |arrival: &Arriving<_>| (arrival.revision, arrival.event_time, arrival.id.clone());
                if self.rows.get(key).is_some_and(|held| version(held) >= version(arrival)) {
                    return [None, None];
                }
                let held = self.rows.insert(key.clone(), arrival.clone());
                let row = |arrival: &Arriving<_>, diff| fact(arrival).map(|row| Given::Row(row, diff));
                [held.and_then(|held| row(&held, -1)), row(arrival, 1)]
            }
            _ => [None, None],
        }
    }
}

/// Whether a view reads what happened in a topic.
fn reads(topic: Topic) -> bool {
    matches!(topic, Topic::Activity | Topic::Inventory | Topic::Pos | Topic::Queue)
}

fn fact<D: Clone>(arrival: &Arriving<D>) -> Option<Timed<D>> {
    let (id, event_time) = (arrival.id.clone(), arrival.event_time);
    Some(Fact { id, event_time, horizon: event_time, body: arrival.content.clone()? })
}
