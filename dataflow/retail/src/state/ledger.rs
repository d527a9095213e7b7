//! The stock ledger of one item at one store: the latest count is the anchor, and later moves change the book value.
//!
//! *Meaning.* The anchor is the accepted count with the greatest (event_time, event_id), 0 at −∞ if there is none. The book
//! value is the anchor's count plus the moves with a later event time.
//! *State.* Counts and moves that may still be corrected, by event time; of older ones only the greatest count, the sum
//! of the moves after it, and the last sale.

use contract::ids::EventId;
use operators::compact::compact_vec::CompactVec;
use operators::compact::optional_instant::OptionalInstant;
use serde::{Deserialize, Serialize};

use crate::state::moves::{Move, Moves};

/// A count: when, which record, and how much was there.
pub type Counted = (i64, EventId, i64);

/// With fewer entries than this, folding waits until it is due.
const FEW: usize = 4;

/// Counts and moves of one key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// The greatest count that can no longer change.
    base: Option<Box<Counted>>,
    /// Moves after the base that can no longer change.
    base_delta: i64,
    /// Counts that may still change, ascending.
    counts: CompactVec<Counted>,
    /// Moves that may still change.
    moves: Moves,
    /// Sum of `moves` later than the anchor, valid while `anchored_at` is the anchor's event time.
    #[serde(skip)]
    since_anchor: i64,
    #[serde(skip, default = "nowhere")]
    anchored_at: OptionalInstant,
    /// The last sale among the folded moves.
    sold_at: OptionalInstant,
    /// With so many entries that may still change it looks whether they still may.
    #[serde(skip)]
    folds_at: u32,
}

/// The initial anchor time of a read ledger: it makes the sum since the anchor be computed again.
fn nowhere() -> OptionalInstant {
    OptionalInstant::LAST
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

    /// Takes `diff` copies of a move.
    pub fn moved(&mut self, moved: Move, diff: i64) {
        if self.anchored_at.get().is_none_or(|anchor| moved.event_time > anchor) {
            self.since_anchor += diff * moved.stock_milli;
        }
        self.moves.add(moved, diff);
    }

    /// The moves that may still change.
    pub fn moves(&self) -> &Moves {
        &self.moves
    }

    /// The anchor: the greatest count.
    pub fn anchor(&self) -> Option<&Counted> {
        self.counts.last().or(self.base.as_deref())
    }

    /// The book value now.
    pub fn on_hand(&mut self) -> i64 {
        let anchored_at = self.anchor().map(|count| count.0);
        if anchored_at != self.anchored_at.get() {
            self.anchored_at = anchored_at.into();
            self.since_anchor = self.moves.stock_milli(anchored_at.unwrap_or(i64::MIN), i64::MAX);
        }
        let folded = if self.counts.is_empty() { self.base_delta } else { 0 };
        self.anchor().map_or(0, |count| count.2) + folded + self.since_anchor
    }

    /// The last sale before `instant`.
    pub fn last_sale_before(&self, instant: i64) -> Option<i64> {
        self.moves.last_sale_before(instant).max(self.sold_at.get().filter(|at| *at < instant))
    }

    /// Each count that may still change and has a count before it, with its variance: counted − book just before it.
    pub fn variances(&self) -> Vec<(Counted, i64)> {
        let mut before = self.base.as_ref().map(|base| (base.0, base.2 + self.base_delta));
        let mut variances = Vec::new();
        for count in self.counts.iter() {
            if let Some((at, book)) = before {
                let book = book + self.moves.stock_milli(at, count.0);
                variances.push((count.clone(), count.2 - book));
            }
            before = Some((count.0, count.2));
        }
        variances
    }

    /// Folds what happened before `edge` and passes each folded move to `folded`: keeps the greatest such count and one
    /// sum after it. Unless it is `due`, it waits until the number of entries has doubled since the last fold, so its
    /// amortized cost per update is constant.
    pub fn fold(&mut self, edge: i64, due: bool, mut folded: impl FnMut(&Move, i64)) {
        if !due && self.len() < (self.folds_at as usize).max(FEW) {
            return;
        }
        if self.begins().is_some_and(|at| at < edge) {
            self.fold_before(edge, &mut folded);
        }
        self.folds_at = u32::try_from(2 * self.len()).unwrap_or(u32::MAX);
    }

    fn fold_before(&mut self, edge: i64, folded: &mut impl FnMut(&Move, i64)) {
        let counts = self.counts.partition_point(|count| count.0 < edge);
        let Ledger { base, base_delta, since_anchor, anchored_at, sold_at, .. } = self;
        self.counts.drain(..counts, |count| {
            *base_delta = 0;
            *base = Some(Box::new(count));
        });
        let after = base.as_ref().map_or(i64::MIN, |base| base.0);
        self.moves.fold(edge, |moved, count| {
            let (at, milli) = (moved.event_time, count * moved.stock_milli);
            if anchored_at.get().is_none_or(|anchor| at > anchor) {
                *since_anchor -= milli;
            }
            if at > after {
                *base_delta += milli;
            }
            if moved.is_sale() && count > 0 {
                *sold_at = sold_at.get().max(Some(at)).into();
            }
            folded(moved, count);
        });
    }

    /// The event time of the first entry that may still change.
    fn begins(&self) -> Option<i64> {
        let counted = self.counts.first().map(|count| count.0);
        counted.into_iter().chain(self.moves.begins()).min()
    }

    /// The number of entries that may still change or have not been folded yet.
    fn len(&self) -> usize {
        self.moves.len() + self.counts.len()
    }

    /// True if no entry may still change.
    pub fn is_at_rest(&self) -> bool {
        self.moves.is_empty() && self.counts.is_empty()
    }

    /// An instant by which all that may still change can no longer change, if that is any.
    pub fn horizon(&self) -> Option<i64> {
        self.moves.horizon().max(self.counts.last().map(|count| count.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(at: i64, milli: i64) -> Counted {
        (at, EventId::new(format!("c{at}")), milli)
    }

    fn moved(ledger: &mut Ledger, at: i64, milli: i64) {
        ledger.moved(Move::of_stock(at, EventId::default(), at, milli), 1);
    }

    fn fold(ledger: &mut Ledger, edge: i64) {
        ledger.fold(edge, false, |_, _| {});
    }

    /// The reference version: every entry stored, every sum computed again.
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
        moved(&mut ledger, 5, -3);
        assert_eq!(ledger.on_hand(), -3);
        ledger.count(count(10, 100), 1);
        assert_eq!(ledger.on_hand(), 100);
        moved(&mut ledger, 10, -7);
        moved(&mut ledger, 11, -2);
        assert_eq!(ledger.on_hand(), 98);
        ledger.count(count(20, 90), 1);
        assert_eq!(ledger.variances(), [(count(20, 90), 90 - 98)]);
        ledger.count(count(20, 90), -1);
        assert_eq!(ledger.on_hand(), 98);
    }

    #[test]
    fn few_entries_fold_when_it_is_due_and_many_before() {
        let mut ledger = Ledger::default();
        (1..=3).for_each(|at| moved(&mut ledger, at, -1));
        fold(&mut ledger, 9);
        assert_eq!(ledger.len(), 3);
        ledger.fold(3, true, |_, _| {});
        assert_eq!((ledger.len(), ledger.on_hand()), (1, -3));
        (10..=12).for_each(|at| moved(&mut ledger, at, -1));
        fold(&mut ledger, 9);
        assert_eq!((ledger.len(), ledger.on_hand()), (3, -6));
        // Three are left: with six it looks again.
        (13..=14).for_each(|at| moved(&mut ledger, at, -1));
        fold(&mut ledger, 99);
        assert_eq!(ledger.len(), 5);
        moved(&mut ledger, 15, -1);
        fold(&mut ledger, 99);
        assert_eq!((ledger.len(), ledger.on_hand()), (0, -9));
    }

    #[test]
    fn folding_changes_no_answer() {
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
                if !slow.counts.iter().any(|known| known.0 == event_time) {
                    slow.counts.push(count.clone());
                    ledger.count(count, 1);
                }
            } else {
                let milli = draw(9) - 4;
                slow.deltas.push((event_time, milli));
                moved(&mut ledger, event_time, milli);
            }
            if draw(10) == 0
                && let Some(at) = slow.counts.iter().position(|count| count.0 >= now - 25)
            {
                ledger.count(slow.counts.remove(at), -1);
            }
            fold(&mut ledger, now - 30);
            assert_eq!(ledger.on_hand(), slow.on_hand(), "at {now}");
        }
        assert!(ledger.moves.len() < 100 && ledger.counts.len() < 20);
    }
}
