//! Sums that change at known instants: what is due by now, what is going on now.
//!
//! *Meaning.* A sum over things that count from an instant on, or from one instant until another, as of the clock.
//! *Time.* [`Steps::next`] is the next instant at which the clock alone changes the sum.
//! *State.* One sum for all that has come, and one entry per distinct instant still ahead.
//! *Cost.* Constant for an instant that has come, logarithmic for one ahead; each is passed once.

use std::collections::BTreeMap;

use differential_dataflow::difference::{Abelian, Monoid};
use serde::{Deserialize, Serialize};

/// A sum that changes at known instants.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steps<R> {
    reached: i64,
    sum: R,
    ahead: BTreeMap<i64, R>,
}

impl<R: Monoid> Default for Steps<R> {
    fn default() -> Self {
        Steps { reached: i64::MIN, sum: R::zero(), ahead: BTreeMap::new() }
    }
}

impl<R: Monoid + Abelian> Steps<R> {
    /// Counts `weight` from the instant `from` on.
    pub fn add(&mut self, from: i64, weight: &R) {
        if from <= self.reached {
            self.sum.plus_equals(weight);
            return;
        }
        let step = self.ahead.entry(from).or_insert_with(R::zero);
        step.plus_equals(weight);
        if step.is_zero() {
            self.ahead.remove(&from);
        }
    }

    /// Counts `weight` in `[from, to)`; never when that is empty.
    pub fn during(&mut self, from: i64, to: i64, mut weight: R) {
        if from < to {
            self.add(from, &weight);
            weight.negate();
            self.add(to, &weight);
        }
    }

    /// The sum at `now`, to which the clock moves on.
    pub fn at(&mut self, now: i64) -> &R {
        self.reached = self.reached.max(now);
        while let Some(step) = self.ahead.first_entry()
            && *step.key() <= self.reached
        {
            self.sum.plus_equals(&step.remove());
        }
        &self.sum
    }

    /// When the clock next changes the sum, if ever.
    pub fn next(&self) -> Option<i64> {
        self.ahead.first_key_value().map(|(instant, _)| *instant)
    }

    /// Whether the sum is zero and stays so.
    pub fn is_empty(&self) -> bool {
        self.sum.is_zero() && self.ahead.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_count_while_they_go_on_and_can_be_taken_back_at_any_time() {
        let mut steps = Steps::<i64>::default();
        steps.during(10, 20, 3);
        steps.during(15, 30, 4);
        steps.during(40, 40, 9);
        assert_eq!((*steps.at(9), steps.next()), (0, Some(10)));
        assert_eq!((*steps.at(15), steps.next()), (7, Some(20)));
        steps.during(15, 30, -4);
        steps.during(12, 18, 5);
        assert_eq!((*steps.at(17), steps.next()), (8, Some(18)));
        steps.during(12, 18, -5);
        assert_eq!(*steps.at(20), 0);
        assert!(steps.is_empty());
    }

    #[test]
    fn agrees_with_looking_at_everything_at_every_instant() {
        let (mut steps, mut all) = (Steps::<i64>::default(), Vec::new());
        for now in 0..400i64 {
            let (from, to, weight) = (now * 7 % 31 + now - 15, now * 11 % 37 + now - 10, now % 5 - 2);
            steps.during(from, to, weight);
            all.push((from, to, weight));
            let slow: i64 = all.iter().filter(|(from, to, _)| (*from..*to).contains(&now)).map(|held| held.2).sum();
            assert_eq!(*steps.at(now), slow, "at {now}");
        }
        assert!(steps.ahead.len() < 40);
    }
}
