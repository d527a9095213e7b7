//! The books of one item on one shelf: counts anchor them, everything that came or went since then moves them.
//!
//! *Meaning.* The anchor is the accepted count with the greatest (event_time, event_id), 0 at −∞ if there is none. The book
//! value is the anchor's count plus the deltas with a later event time.
//! *State.* Counts and deltas that may still be corrected, by event time; of older ones only the greatest count and the
//! sum of the deltas after it.

use operators::slim::Slim;
use serde::{Deserialize, Serialize};

use crate::ids::EventId;

/// A count: when, which record, and how much was there.
pub type Counted = (i64, EventId, i64);

/// Counts and deltas of one key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// The greatest count that can no longer change.
    base: Option<Box<Counted>>,
    /// Deltas after the base that can no longer change.
    base_delta: i64,
    /// Counts that may still change, ascending.
    counts: Slim<Counted>,
    /// Sums of deltas that may still change, by event time, ascending.
    deltas: Slim<(i64, i64)>,
    /// Sum of `deltas` later than the anchor, valid while `anchored_at` is the anchor's event time.
    since_anchor: i64,
    anchored_at: Option<i64>,
}

impl Ledger {
    /// Takes (+1) or retracts (−1) a count.
    pub fn count(&mut self, count: Counted, diff: i64) {
        let at = self.counts.binary_search(&count);
        match (at, diff > 0) {
            (Ok(at), false) => _ = self.counts.remove(at),
            (Err(at), true) => self.counts.insert(at, count),
            // A retraction ahead of its addition within a tick cannot be: retractions are of earlier ticks.
            (Ok(_), true) | (Err(_), false) => {}
        }
    }

    /// Adds a delta at an event time.
    pub fn delta(&mut self, event_time: i64, milli: i64) {
        if self.anchored_at.is_none_or(|anchor| event_time > anchor) {
            self.since_anchor += milli;
        }
        let at = self.deltas.partition_point(|(held, _)| *held < event_time);
        match self.deltas.get_mut(at) {
            Some((held, sum)) if *held == event_time => *sum += milli,
            _ => self.deltas.insert(at, (event_time, milli)),
        }
    }

    /// The anchor: the greatest count.
    pub fn anchor(&self) -> Option<&Counted> {
        self.counts.last().or(self.base.as_deref())
    }

    /// The book value now.
    pub fn on_hand(&mut self) -> i64 {
        let anchored_at = self.anchor().map(|count| count.0);
        if anchored_at != self.anchored_at {
            self.anchored_at = anchored_at;
            self.since_anchor = self.sum_after(anchored_at);
        }
        let folded = if self.counts.is_empty() { self.base_delta } else { 0 };
        self.anchor().map_or(0, |count| count.2) + folded + self.since_anchor
    }

    fn sum_after(&self, after: Option<i64>) -> i64 {
        let from = after.map_or(0, |after| self.deltas.partition_point(|(at, _)| *at <= after));
        self.deltas[from..].iter().map(|(_, milli)| milli).sum()
    }

    /// Each count that may still change and has a count before it, with its variance: counted − book just before it.
    pub fn variances(&self) -> Vec<(Counted, i64)> {
        let mut book = self.base.as_ref().map(|base| base.2 + self.base_delta);
        let mut deltas = self.deltas.iter().peekable();
        // Deltas before the first count belong to the book only if there is a base to add them to.
        let mut variances = Vec::new();
        for count in self.counts.iter() {
            let mut moved = 0;
            while let Some((_, milli)) = deltas.next_if(|(at, _)| *at <= count.0) {
                moved += milli;
            }
            if let Some(book) = book {
                variances.push((count.clone(), count.2 - (book + moved)));
            }
            book = Some(count.2);
        }
        variances
    }

    /// Gives up the right to change what happened before `edge`: keeps the greatest such count and one sum after it.
    /// Does so only once that frees at least half of what is held, so that its cost per update is constant.
    pub fn fold(&mut self, edge: i64) {
        let foldable = self.deltas.partition_point(|(at, _)| *at < edge);
        let counts = self.counts.partition_point(|count| count.0 < edge);
        if (foldable + counts) * 2 < self.deltas.len() + self.counts.len() || foldable + counts == 0 {
            return;
        }
        let Ledger { base, base_delta, since_anchor, anchored_at, .. } = self;
        self.counts.drain(..counts, |count| {
            *base_delta = 0;
            *base = Some(Box::new(count));
        });
        let after = base.as_ref().map_or(i64::MIN, |base| base.0);
        self.deltas.drain(..foldable, |(at, milli)| {
            if anchored_at.is_none_or(|anchor| at > anchor) {
                *since_anchor -= milli;
            }
            if at > after {
                *base_delta += milli;
            }
        });
    }

    /// The latest event time that may still change.
    pub fn latest(&self) -> Option<i64> {
        self.deltas.last().map(|(at, _)| *at).max(self.counts.last().map(|count| count.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(at: i64, milli: i64) -> Counted {
        (at, EventId::new(format!("c{at}")), milli)
    }

    /// The obvious version: every entry kept, everything added up again.
    #[derive(Default)]
    struct Slow {
        counts: Vec<Counted>,
        deltas: Vec<(i64, i64)>,
    }

    impl Slow {
        fn on_hand(&self) -> i64 {
            let anchor = self.counts.iter().max();
            let after = anchor.map_or(i64::MIN, |count| count.0);
            anchor.map_or(0, |count| count.2)
                + self.deltas.iter().filter(|(at, _)| *at > after).map(|(_, milli)| milli).sum::<i64>()
        }
    }

    #[test]
    fn a_count_anchors_the_book() {
        let mut ledger = Ledger::default();
        ledger.delta(5, -3);
        assert_eq!(ledger.on_hand(), -3);
        ledger.count(count(10, 100), 1);
        assert_eq!(ledger.on_hand(), 100);
        ledger.delta(10, -7);
        ledger.delta(11, -2);
        assert_eq!(ledger.on_hand(), 98);
        ledger.count(count(20, 90), 1);
        assert_eq!(ledger.variances(), [(count(20, 90), 90 - 98)]);
        ledger.count(count(20, 90), -1);
        assert_eq!(ledger.on_hand(), 98);
    }

    #[test]
    fn folding_changes_nothing_that_is_said() {
        let (mut ledger, mut slow) = (Ledger::default(), Slow::default());
        let mut seed = 7u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from((seed >> 33) % below).expect("small")
        };
        for now in 0..2_000 {
            let event_time = now - draw(30);
            if draw(12) == 0 {
                let count = count(event_time, draw(50));
                if !slow.counts.iter().any(|held| held.0 == event_time) {
                    slow.counts.push(count.clone());
                    ledger.count(count, 1);
                }
            } else {
                let milli = draw(9) - 4;
                slow.deltas.push((event_time, milli));
                ledger.delta(event_time, milli);
            }
            if draw(10) == 0
                && let Some(at) = slow.counts.iter().position(|count| count.0 >= now - 25)
            {
                ledger.count(slow.counts.remove(at), -1);
            }
            ledger.fold(now - 30);
            assert_eq!(ledger.on_hand(), slow.on_hand(), "at {now}");
        }
        assert!(ledger.deltas.len() < 100 && ledger.counts.len() < 20);
    }
}
