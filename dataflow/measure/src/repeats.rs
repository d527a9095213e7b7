//! Repeats: a measured window longer than its records reads them again, later and under new event ids.
//!
//! The events of each repeat are new ones, of the same stores, items and customers: sales continue, and state rows are
//! sent again. The bodies stay as they are, transactions included.

use contract::event::FactBody;
use contract::fate::RecordHeader;
use contract::ids::{EventId, Id};
use engine::batch::Bound;
use engine::edge::{Admitted, Arriving};
use operators::ingest::arrival::Arrival;

use crate::load::Load;
use crate::probes;

/// The records of every repeat, in order.
pub struct Repeats {
    records: Vec<Bound>,
    repeat_ms: i64,
    /// The current repeat and the number of repeats.
    repeat: (u32, u32),
    next: usize,
}

impl Repeats {
    /// The repeats of the decoded window of a load.
    pub fn of(load: &Load, records: Vec<Bound>) -> Self {
        Repeats { records, repeat_ms: load.repeat_ms(), repeat: (0, load.size.repeats), next: 0 }
    }
}

impl Iterator for Repeats {
    type Item = Bound;

    fn next(&mut self) -> Option<Bound> {
        if self.next == self.records.len() {
            self.next = 0;
            self.repeat.0 += 1;
        }
        if self.repeat.0 >= self.repeat.1 {
            return None;
        }
        let bound = self.records.get(self.next)?.clone();
        self.next += 1;
        Some(if self.repeat.0 == 0 {
            bound
        } else {
            again(bound, self.repeat.0, i64::from(self.repeat.0) * self.repeat_ms)
        })
    }
}

/// The event id of a record in a later repeat.
pub fn name(first: &str, repeat: u32) -> EventId {
    EventId::from(format!("{first}:{repeat}"))
}

/// The event id in the first repeat, and the repeat, of an event id in a later one.
pub fn repeat_of(name: &str) -> Option<(&str, u32)> {
    let (first, repeat) = name.rsplit_once(':')?;
    Some((first, repeat.parse().ok()?))
}

/// The item that is sold in a repeat: each repeat has probe items of its own.
fn in_repeat(item: Id, repeat: u32) -> Id {
    if item.as_str().starts_with(probes::PREFIX) { Id::new(&name(item.as_str(), repeat)) } else { item }
}

/// A record in a later repeat.
fn again((tick, topic, admitted): Bound, repeat: u32, later: i64) -> Bound {
    let shift = |header: RecordHeader| RecordHeader { event_time: header.event_time.map(|at| at + later), ..header };
    let admitted = match admitted {
        Admitted::Fact((topic, id), arrival) => {
            let mut arrival = renamed(arrival, repeat, later, shift);
            if let Some(FactBody::Pos(line)) = &mut arrival.content {
                line.item = in_repeat(line.item, repeat);
            }
            Admitted::Fact((topic, name(&id, repeat)), arrival)
        }
        Admitted::State(key, arrival) => Admitted::State(key, renamed(arrival, repeat, later, shift)),
        Admitted::Fated(mut fated) => {
            fated.header = shift(fated.header);
            Admitted::Fated(fated)
        }
    };
    (tick + later, topic, admitted)
}

fn renamed<D>(
    arrival: Arriving<D>,
    repeat: u32,
    later: i64,
    shift: impl Fn(RecordHeader) -> RecordHeader,
) -> Arriving<D> {
    let (id, event_time) = (name(&arrival.id, repeat), arrival.event_time + later);
    Arrival { id, event_time, memo: shift(arrival.memo), ..arrival }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::drive::Decoded;
    use crate::load::Size;

    #[test]
    fn every_lap_is_later_and_has_names_of_its_own() {
        let load = probes::load(Size { repeats: 3, ..Size::TINY }).expect("a load");
        let work = Decoded::new(&load).expect("sound");
        let first = work.window.clone();
        let all: Vec<Bound> = Repeats::of(&load, work.window).collect();
        assert_eq!((all.len(), &all[..first.len()]), (3 * first.len(), &first[..]));
        assert!(all.is_sorted_by_key(|(tick, ..)| *tick));
        let ids: BTreeSet<_> = all.iter().filter_map(|(.., admitted)| id(admitted)).collect();
        let of_one: BTreeSet<_> = first.iter().filter_map(|(.., admitted)| id(admitted)).collect();
        assert_eq!(ids.len(), 3 * of_one.len());
        assert!(of_one.iter().all(|(topic, id)| ids.contains(&(*topic, name(id, 2)))));
        // The items that are counted in the warm-up are those that the probes sell.
        let item = |admitted: &Admitted| match admitted {
            Admitted::Fact(_, Arrival { content: Some(FactBody::Pos(line)), .. }) => Some(line.item),
            Admitted::Fact(_, Arrival { content: Some(FactBody::Count(count)), .. }) => Some(count.item),
            _ => None,
        };
        let probes = |bound: &[Bound]| -> BTreeSet<_> {
            let items = bound.iter().filter_map(|(.., admitted)| item(admitted));
            items.filter(|item| item.as_str().starts_with("probe-")).collect()
        };
        assert_eq!((probes(&all).len(), probes(&all)), (60, probes(&work.warm_up)));
    }

    fn id(admitted: &Admitted) -> Option<(contract::event::Topic, EventId)> {
        match admitted {
            Admitted::Fact(id, _) => Some(id.clone()),
            _ => None,
        }
    }

    #[test]
    fn a_name_has_its_repeat() {
        assert_eq!(repeat_of(&name("s1:tx-4", 12)), Some(("s1:tx-4", 12)));
        assert_eq!([repeat_of("s1.tx-4"), repeat_of("s1:tx-4")], [None, None]);
    }
}
