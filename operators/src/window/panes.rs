//! Panes of a trailing window: one sum per slice of event time; slices enter and leave as the clock moves.
//!
//! *Meaning.* [`Panes`] keeps one sum per event-time pane. The window `trail(window, pane)` at `now` covers the panes whose
//! start s satisfies P − window < s ≤ P, where P is `now` floored to the pane. A pane after P is ahead of the window.
//! *Time.* A pane enters at the first tick ≥ s and leaves at the first tick ≥ s + window.
//! *State.* One sum per pane that is in the window or ahead of it: at most window / pane, and those ahead.
//! *Cost.* An update searches from the newest pane; a total adds up the panes of the window.

use differential_dataflow::difference::Monoid;
use serde::{Deserialize, Serialize};

use crate::compact::compact_vec::CompactVec;

/// The lengths of a trailing window and its panes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Length of the window, a multiple of the pane (milliseconds).
    pub window_ms: i64,
    /// Length of a pane (milliseconds).
    pub pane_ms: i64,
}

impl Trail {
    /// The start of the pane that holds `instant`.
    pub fn pane(self, instant: i64) -> i64 {
        instant - instant.rem_euclid(self.pane_ms)
    }

    /// The first instant of the window at `now`.
    pub fn opens_at(self, now: i64) -> i64 {
        self.ends_at(now) - self.window_ms
    }

    /// The first instant after the window at `now`.
    pub fn ends_at(self, now: i64) -> i64 {
        self.pane(now) + self.pane_ms
    }

    /// Returns whether the pane starting at `start` has left the window by `now`.
    pub fn has_left(self, start: i64, now: i64) -> bool {
        start < self.opens_at(now)
    }

    /// The instant after `now` at which the pane starting at `start` enters or leaves.
    pub fn turn(self, start: i64, now: i64) -> i64 {
        if start > now { start } else { start + self.window_ms }
    }
}

/// Sums per event-time pane, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Panes<R> {
    panes: CompactVec<(i64, R)>,
}

impl<R> Default for Panes<R> {
    fn default() -> Self {
        Panes { panes: CompactVec::default() }
    }
}

impl<R: Monoid> Panes<R> {
    /// Adds `sum` to the pane of `event_time`.
    pub fn add(&mut self, trail: Trail, event_time: i64, sum: &R) {
        let start = trail.pane(event_time);
        let after = self.panes.iter().rposition(|(other, _)| *other <= start).map_or(0, |at| at + 1);
        if after > 0 && self.panes[after - 1].0 == start {
            let pane = &mut self.panes[after - 1].1;
            pane.plus_equals(sum);
            if pane.is_zero() {
                self.panes.remove(after - 1);
            }
        } else if !sum.is_zero() {
            self.panes.insert(after, (start, sum.clone()));
        }
    }

    /// Removes the panes that have left the window by `now`.
    pub fn expire(&mut self, trail: Trail, now: i64) {
        let gone = self.starting_before(trail.opens_at(now));
        self.panes.drain(..gone, drop);
    }

    /// The number of panes that start before `instant`.
    fn starting_before(&self, instant: i64) -> usize {
        self.panes.partition_point(|(start, _)| *start < instant)
    }

    /// The panes in the window at `now`, and those ahead of it.
    fn split(&self, trail: Trail, now: i64) -> (&[(i64, R)], &[(i64, R)]) {
        let (come, ahead) = self.panes.split_at(self.starting_before(trail.ends_at(now)));
        (&come[self.starting_before(trail.opens_at(now))..], ahead)
    }

    /// The sum over the window at `now`.
    pub fn total(&self, trail: Trail, now: i64) -> R {
        let mut total = R::zero();
        self.split(trail, now).0.iter().for_each(|(_, sum)| total.plus_equals(sum));
        total
    }

    /// The next instant at which the clock changes the total.
    pub fn next(&self, trail: Trail, now: i64) -> Option<i64> {
        let (inside, ahead) = self.split(trail, now);
        let turns = [inside.first(), ahead.first()].into_iter().flatten();
        turns.map(|(start, _)| trail.turn(*start, now)).min()
    }

    /// Returns whether there is no pane.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three panes.
    const TRAIL: Trail = Trail { window_ms: 75, pane_ms: 25 };

    #[test]
    fn a_window_is_the_panes_it_covers() {
        for now in 0..200 {
            for start in (-100..200).step_by(25) {
                let newest = TRAIL.pane(now);
                let covers = |now| start <= now && !TRAIL.has_left(start, now);
                assert_eq!(covers(now), newest - 75 < start && start <= newest, "{start} at {now}");
                assert_eq!(covers(now), (TRAIL.opens_at(now)..TRAIL.ends_at(now)).contains(&start));
                let turn = TRAIL.turn(start, now);
                assert!(TRAIL.has_left(start, now) || (covers(turn) != covers(turn - 1)));
            }
        }
    }
}
