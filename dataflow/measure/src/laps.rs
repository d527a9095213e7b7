//! A rush that is longer than its records: they come again, lap after lap, later and under new names.
//!
//! In every lap each event is a new one, of the same stores, items and customers: sales go on, and rows of state are said
//! anew. Their bodies stay as they are, transactions included.

use contract::event::FactBody;
use contract::fate::Memo;
use contract::ids::{EventId, Id};
use engine::batch::Bound;
use engine::edge::{Admitted, Arriving};
use operators::arrival::Arrival;

use crate::load::Load;
use crate::probes;

/// The records of every lap, in order.
pub struct Laps {
    records: Vec<Bound>,
    lap_ms: i64,
    /// The lap that comes, and how many there are.
    lap: (u32, u32),
    next: usize,
}

impl Laps {
    /// Of the decoded rush of a load.
    pub fn of(load: &Load, records: Vec<Bound>) -> Self {
        Laps { records, lap_ms: load.lap_ms(), lap: (0, load.size.laps), next: 0 }
    }
}

impl Iterator for Laps {
    type Item = Bound;

    fn next(&mut self) -> Option<Bound> {
        if self.next == self.records.len() {
            self.next = 0;
            self.lap.0 += 1;
        }
        if self.lap.0 >= self.lap.1 {
            return None;
        }
        let bound = self.records.get(self.next)?.clone();
        self.next += 1;
        Some(if self.lap.0 == 0 { bound } else { again(bound, self.lap.0, i64::from(self.lap.0) * self.lap_ms) })
    }
}

/// The name of a record in a later lap.
pub fn name(first: &str, lap: u32) -> EventId {
    EventId::from(format!("{first}:{lap}"))
}

/// The name in the first lap, and the lap, of a name in a later one.
pub fn lap_of(name: &str) -> Option<(&str, u32)> {
    let (first, lap) = name.rsplit_once(':')?;
    Some((first, lap.parse().ok()?))
}

/// What is sold in a lap instead of an item, which may be that of a probe.
fn in_lap(item: Id, lap: u32) -> Id {
    if item.as_str().starts_with(probes::PREFIX) { Id::new(&name(item.as_str(), lap)) } else { item }
}

/// A record as it comes in a later lap.
fn again((tick, topic, admitted): Bound, lap: u32, later: i64) -> Bound {
    let memo = |memo: Memo| Memo { event_time: memo.event_time.map(|at| at + later), ..memo };
    let admitted = match admitted {
        Admitted::Fact((topic, id), arrival) => {
            let mut arrival = renamed(arrival, lap, later, memo);
            if let Some(FactBody::Pos(line)) = &mut arrival.content {
                line.item = in_lap(line.item, lap);
            }
            Admitted::Fact((topic, name(&id, lap)), arrival)
        }
        Admitted::State(key, arrival) => Admitted::State(key, renamed(arrival, lap, later, memo)),
        Admitted::Fated(mut fated) => {
            fated.memo = memo(fated.memo);
            Admitted::Fated(fated)
        }
    };
    (tick + later, topic, admitted)
}

fn renamed<D>(arrival: Arriving<D>, lap: u32, later: i64, memo: impl Fn(Memo) -> Memo) -> Arriving<D> {
    let (id, event_time) = (name(&arrival.id, lap), arrival.event_time + later);
    Arrival { id, event_time, memo: memo(arrival.memo), ..arrival }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::drive::Decoded;
    use crate::load::Size;

    #[test]
    fn every_lap_is_later_and_has_names_of_its_own() {
        let load = probes::load(Size { laps: 3, ..Size::TINY }).expect("a load");
        let work = Decoded::new(&load).expect("sound");
        let first = work.rush.clone();
        let all: Vec<Bound> = Laps::of(&load, work.rush).collect();
        assert_eq!((all.len(), &all[..first.len()]), (3 * first.len(), &first[..]));
        assert!(all.is_sorted_by_key(|(tick, ..)| *tick));
        let ids: BTreeSet<_> = all.iter().filter_map(|(.., admitted)| id(admitted)).collect();
        let of_one: BTreeSet<_> = first.iter().filter_map(|(.., admitted)| id(admitted)).collect();
        assert_eq!(ids.len(), 3 * of_one.len());
        assert!(of_one.iter().all(|(topic, id)| ids.contains(&(*topic, name(id, 2)))));
        // What is counted before the rush is what its probes sell.
        let item = |admitted: &Admitted| match admitted {
            Admitted::Fact(_, Arrival { content: Some(FactBody::Pos(line)), .. }) => Some(line.item),
            Admitted::Fact(_, Arrival { content: Some(FactBody::Count(count)), .. }) => Some(count.item),
            _ => None,
        };
        let probes = |bound: &[Bound]| -> BTreeSet<_> {
            let items = bound.iter().filter_map(|(.., admitted)| item(admitted));
            items.filter(|item| item.as_str().starts_with("probe-")).collect()
        };
        assert_eq!((probes(&all).len(), probes(&all)), (60, probes(&work.opening)));
    }

    fn id(admitted: &Admitted) -> Option<(contract::event::Topic, EventId)> {
        match admitted {
            Admitted::Fact(id, _) => Some(id.clone()),
            _ => None,
        }
    }

    #[test]
    fn a_name_tells_its_lap() {
        assert_eq!(lap_of(&name("s1:tx-4", 12)), Some(("s1:tx-4", 12)));
        assert_eq!([lap_of("s1.tx-4"), lap_of("s1:tx-4")], [None, None]);
    }
}
