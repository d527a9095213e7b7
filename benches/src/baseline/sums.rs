//! Sums that the clock changes: over the last hours or days, or from one instant until another.

use std::collections::{BTreeMap, VecDeque};

/// What can be added up.
pub(super) trait Sum: Copy + PartialEq {
    /// Nothing.
    const ZERO: Self;

    /// Adds another.
    fn add(&mut self, other: &Self);
}

impl Sum for i64 {
    const ZERO: Self = 0;

    fn add(&mut self, other: &i64) {
        *self = self.wrapping_add(*other);
    }
}

impl Sum for i128 {
    const ZERO: Self = 0;

    fn add(&mut self, other: &i128) {
        *self += other;
    }
}

impl<const N: usize> Sum for [i64; N] {
    const ZERO: Self = [0; N];

    fn add(&mut self, other: &Self) {
        for (held, more) in self.iter_mut().zip(other) {
            *held = held.wrapping_add(*more);
        }
    }
}

/// `trail(window, pane)`: sums per pane, oldest first, and their total at the last look.
#[derive(Clone, Debug)]
pub(super) struct Trail<S> {
    panes: VecDeque<(i64, S)>,
    /// The sum of the panes in the window.
    pub(super) total: S,
}

/// The shape of a window: its length and that of its panes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Length of the window.
    pub(super) window_ms: i64,
    /// Length of a pane.
    pub(super) pane_ms: i64,
}

impl Shape {
    /// The start of the pane of an instant.
    pub(super) fn pane(self, instant: i64) -> i64 {
        instant - instant.rem_euclid(self.pane_ms)
    }

    /// Whether a pane has left by `now`.
    pub(super) fn has_left(self, start: i64, now: i64) -> bool {
        start <= self.pane(now) - self.window_ms
    }
}

impl<S: Sum> Default for Trail<S> {
    fn default() -> Self {
        Trail { panes: VecDeque::new(), total: S::ZERO }
    }
}

impl<S: Sum> Default for Steps<S> {
    fn default() -> Self {
        Steps { reached: 0, sum: S::ZERO, ahead: BTreeMap::new() }
    }
}

impl<S: Sum> Trail<S> {
    /// Adds to the pane of an instant; answers the start of the pane if it is a new one, to be looked at again when it
    /// comes or leaves.
    pub(super) fn add(&mut self, shape: Shape, instant: i64, sum: &S, now: i64) -> Option<i64> {
        let start = shape.pane(instant);
        if shape.has_left(start, now) {
            return None;
        }
        if start <= now {
            self.total.add(sum);
        }
        let after = self.panes.iter().rposition(|(held, _)| *held <= start).map_or(0, |at| at + 1);
        if after > 0 && self.panes[after - 1].0 == start {
            self.panes[after - 1].1.add(sum);
            return None;
        }
        self.panes.insert(after, (start, *sum));
        Some(start)
    }

    /// Lets panes come and leave by the clock.
    pub(super) fn look(&mut self, shape: Shape, now: i64) {
        while self.panes.front().is_some_and(|(start, _)| shape.has_left(*start, now)) {
            self.panes.pop_front();
        }
        self.total = self.over(shape, now);
    }

    /// The sum over a window no longer than the one looked at.
    pub(super) fn over(&self, shape: Shape, now: i64) -> S {
        let mut total = S::ZERO;
        for (start, sum) in self.panes.iter().rev() {
            if shape.has_left(*start, now) {
                break;
            }
            if *start <= now {
                total.add(sum);
            }
        }
        total
    }
}

/// A sum over things that count from an instant on.
#[derive(Clone, Debug)]
pub(super) struct Steps<S> {
    reached: i64,
    sum: S,
    ahead: BTreeMap<i64, S>,
}

impl<S: Sum> Steps<S> {
    /// Counts from an instant on; answers whether that is still to come.
    pub(super) fn add(&mut self, from: i64, weight: &S) -> bool {
        if from <= self.reached {
            self.sum.add(weight);
            return false;
        }
        self.ahead.entry(from).or_insert(S::ZERO).add(weight);
        true
    }

    /// The sum at `now`, to which the clock moves on.
    pub(super) fn at(&mut self, now: i64) -> S {
        self.reached = self.reached.max(now);
        while let Some(first) = self.ahead.first_entry()
            && *first.key() <= self.reached
        {
            let step = first.remove();
            self.sum.add(&step);
        }
        self.sum
    }
}
