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

/// A fact with its tick and topic.
type Given = (Time, Topic, Timed<FactBody>);

/// The facts that both ways take.
#[derive(Clone)]
pub struct Facts {
    pub(super) ticks: Ticks,
    pub(super) opening: Vec<Given>,
    pub(super) rush: Vec<Given>,
}

impl Facts {
    /// Till lines and queue intervals of a load, the first of each name; what the edge would turn away is left out.
    pub fn of(work: &Decoded) -> Self {
        let mut seen = BTreeSet::new();
        let mut facts = |bound: &[Bound]| {
            let fact = |(tick, topic, admitted): &Bound| match admitted {
                Admitted::Fact(_, arrival) if matches!(topic, Topic::Pos | Topic::Queue) => {
                    let is_first = seen.insert((*topic, arrival.id.clone()));
                    let body = arrival.content.clone().filter(|_| is_first)?;
                    let (id, event_time) = (arrival.id.clone(), arrival.event_time);
                    Some((*tick, *topic, Fact { id, event_time, horizon: event_time, body }))
                }
                _ => None,
            };
            bound.iter().filter_map(fact).collect()
        };
        Facts { ticks: work.settings.ticks, opening: facts(&work.opening), rush: facts(&work.rush) }
    }

    /// How many the rush has.
    pub fn events(&self) -> u64 {
        self.rush.len() as u64
    }
}

#[cfg(test)]
impl Facts {
    /// All but the last of a topic.
    pub(super) fn without_last(mut self, topic: Topic) -> Self {
        let part = [&mut self.rush, &mut self.opening].into_iter().find_map(|part| {
            let last = part.iter().rposition(|given| given.1 == topic)?;
            Some(part.remove(last))
        });
        assert!(part.is_some(), "there is something of {topic}");
        self
    }
}
