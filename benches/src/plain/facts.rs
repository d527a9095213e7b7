//! What both ways are given: what happened, each thing once, tick by tick.

use std::collections::BTreeSet;

use dataflow::bench::drive::Decoded;
use dataflow::edge::Admitted;
use dataflow::event::{FactBody, Topic};
use dataflow::feed::Bound;
use dataflow::streams::Timed;
use dataflow::time::Time;
use operators::arrival::Fact;
use operators::keyed::Ticks;

/// What is given at a tick, of a topic.
type Given = (Time, Topic, Timed<FactBody>);

/// The facts that both ways take.
#[derive(Clone)]
pub struct Facts {
    pub(super) ticks: Ticks,
    pub(super) lateness_ms: i64,
    pub(super) opening: Vec<Given>,
    pub(super) rush: Vec<Given>,
}

impl Facts {
    /// What happened in a load, of the topics that the views read, the first of each name; what the edge would turn
    /// away is left out.
    pub fn of(work: &Decoded) -> Self {
        let mut seen = BTreeSet::new();
        let mut facts = |bound: &[Bound]| {
            let fact = |(tick, topic, admitted): &Bound| match admitted {
                Admitted::Fact(_, arrival) if is_read(*topic) => {
                    let is_first = seen.insert((*topic, arrival.id.clone()));
                    let body = arrival.content.clone().filter(|_| is_first)?;
                    let (id, event_time) = (arrival.id.clone(), arrival.event_time);
                    Some((*tick, *topic, Fact { id, event_time, horizon: event_time, body }))
                }
                _ => None,
            };
            bound.iter().filter_map(fact).collect()
        };
        Facts {
            ticks: work.settings.ticks,
            lateness_ms: work.settings.limits.lateness_ms,
            opening: facts(&work.opening),
            rush: facts(&work.rush),
        }
    }

    /// How many the rush has.
    pub fn events(&self) -> u64 {
        self.rush.len() as u64
    }
}

fn is_read(topic: Topic) -> bool {
    matches!(topic, Topic::Activity | Topic::Pos | Topic::Queue)
}

#[cfg(test)]
impl Facts {
    /// All but the last for which `is` holds.
    pub(super) fn without_last(mut self, is: impl Fn(&FactBody) -> bool) -> Self {
        let part = [&mut self.rush, &mut self.opening].into_iter().find_map(|part| {
            let last = part.iter().rposition(|given| is(&given.2.body))?;
            Some(part.remove(last))
        });
        assert!(part.is_some(), "there is something to leave out");
        self
    }
}
