//! Sum of weights that apply from a known instant on, or between two instants, as of the clock.
//!
//! *Meaning.* [`ScheduledSum::at`] is the sum of the weights that apply at that instant.
//! *Time.* [`ScheduledSum::next`] is the next instant at which the clock alone changes the sum.
//! *State.* One sum of all instants that have passed, and one entry per distinct future instant.
//! *Cost.* Constant for a past instant, logarithmic for a future one; each is passed once.

use std::collections::BTreeMap;

use differential_dataflow::difference::{Abelian, Monoid};
use serde::{Deserialize, Serialize};

/// A sum that changes at known instants.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename = "Steps")]
pub struct ScheduledSum<R> {
    reached: i64,
    sum: R,
    ahead: BTreeMap<i64, R>,
}

impl<R: Monoid> Default for ScheduledSum<R> {
    fn default() -> Self {
        ScheduledSum { reached: i64::MIN, sum: R::zero(), ahead: BTreeMap::new() }
    }
}

impl<R: Monoid + Abelian> ScheduledSum<R> {
    /// Adds a weight that applies from the instant `from` on.
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

    /// Adds a weight that applies in `[from, to)`; nothing if that is empty.
    pub fn during(&mut self, from: i64, to: i64, mut weight: R) {
        if from < to {
            self.add(from, &weight);
            weight.negate();
            self.add(to, &weight);
        }
    }

    /// Moves the clock to `now` and returns the sum there.
    pub fn at(&mut self, now: i64) -> &R {
        self.reached = self.reached.max(now);
        while let Some(step) = self.ahead.first_entry()
            && *step.key() <= self.reached
        {
            self.sum.plus_equals(&step.remove());
        }
        &self.sum
    }

    /// The next instant at which the clock changes the sum.
    pub fn next(&self) -> Option<i64> {
        self.ahead.first_key_value().map(|(instant, _)| *instant)
    }

    /// Returns whether the sum is zero and stays so.
    pub fn is_empty(&self) -> bool {
        self.sum.is_zero() && self.ahead.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_apply_in_their_span_and_can_be_retracted_at_any_time() {
        let mut sum = ScheduledSum::<i64>::default();
        sum.during(10, 20, 3);
        sum.during(15, 30, 4);
        sum.during(40, 40, 9);
        assert_eq!((*sum.at(9), sum.next()), (0, Some(10)));
        assert_eq!((*sum.at(15), sum.next()), (7, Some(20)));
        sum.during(15, 30, -4);
        sum.during(12, 18, 5);
        assert_eq!((*sum.at(17), sum.next()), (8, Some(18)));
        sum.during(12, 18, -5);
        assert_eq!(*sum.at(20), 0);
        assert!(sum.is_empty());
    }

    #[test]
    fn equals_a_sum_over_all_spans_at_every_instant() {
        let (mut sum, mut all) = (ScheduledSum::<i64>::default(), Vec::new());
        for now in 0..400i64 {
            let (from, to, weight) = (now * 7 % 31 + now - 15, now * 11 % 37 + now - 10, now % 5 - 2);
            sum.during(from, to, weight);
            all.push((from, to, weight));
            let slow: i64 = all.iter().filter(|(from, to, _)| (*from..*to).contains(&now)).map(|span| span.2).sum();
            assert_eq!(*sum.at(now), slow, "at {now}");
        }
        assert!(sum.ahead.len() < 40);
    }
}
