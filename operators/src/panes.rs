//! Sums over the last hours or days, which leave by the clock, with or without input.
//!
//! *Meaning.* [`Panes`] keeps one sum per event-time pane; the window `trail(window, pane)` at `now` covers the panes
//! whose start s satisfies P − window < s ≤ P, P being `now` floored to the pane. A pane ahead of P waits for the clock.
//! *Time.* Panes leave at the first tick ≥ s + window and enter at the first tick ≥ s.
//! *State.* One sum per pane that is in the window or ahead of it: at most window / pane + what lies ahead.
//! *Cost.* A search from the newest pane an update; one pass over the panes of the window a total.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Monoid;

use crate::driver::{Traces, keyed};
use crate::keyed::plain::Plain;
use crate::keyed::{Emit, Keyed, Next, Ticks};
use crate::slim::Slim;
use serde::{Deserialize, Serialize};

/// The shape of a trailing window.
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

    /// Whether the pane starting at `start` has left the window by `now`.
    pub fn has_left(self, start: i64, now: i64) -> bool {
        start < self.opens_at(now)
    }

    /// When the standing of the pane starting at `start` changes next, seen from `now`.
    pub fn turn(self, start: i64, now: i64) -> i64 {
        if start > now { start } else { start + self.window_ms }
    }
}

/// Sums per event-time pane, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Panes<R> {
    panes: Slim<(i64, R)>,
}

impl<R> Default for Panes<R> {
    fn default() -> Self {
        Panes { panes: Slim::default() }
    }
}

impl<R: Monoid> Panes<R> {
    /// Adds `sum` to the pane of `event_time`.
    pub fn add(&mut self, trail: Trail, event_time: i64, sum: &R) {
        let start = trail.pane(event_time);
        let after = self.panes.iter().rposition(|(held, _)| *held <= start).map_or(0, |at| at + 1);
        if after > 0 && self.panes[after - 1].0 == start {
            let held = &mut self.panes[after - 1].1;
            held.plus_equals(sum);
            if held.is_zero() {
                self.panes.remove(after - 1);
            }
        } else if !sum.is_zero() {
            self.panes.insert(after, (start, sum.clone()));
        }
    }

    /// Frees the panes that have left the window by `now`.
    pub fn leave(&mut self, trail: Trail, now: i64) {
        let gone = self.starting_before(trail.opens_at(now));
        self.panes.drain(..gone, drop);
    }

    /// How many panes start before `instant`.
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

    /// When the clock next changes the total, if ever.
    pub fn next(&self, trail: Trail, now: i64) -> Option<i64> {
        let (inside, ahead) = self.split(trail, now);
        let turns = [inside.first(), ahead.first()].into_iter().flatten();
        turns.map(|(start, _)| trail.turn(*start, now)).min()
    }

    /// Whether no pane is held.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }
}

/// The logic of [`trailing`].
pub struct Trailing<K, R, C> {
    trail: Trail,
    types: PhantomData<(K, R, C)>,
}

impl<K, R, C> Trailing<K, R, C> {
    /// Sums over `trail`.
    pub fn new(trail: Trail) -> Self {
        Trailing { trail, types: PhantomData }
    }
}

/// The panes of a key and what was last said of them.
#[derive(Serialize, Deserialize)]
pub struct Window<R> {
    panes: Panes<R>,
    said: Option<R>,
}

impl<R> Default for Window<R> {
    fn default() -> Self {
        Window { panes: Panes::default(), said: None }
    }
}

impl<K, R, C> Keyed for Trailing<K, R, C>
where
    K: Clone + Eq + Hash + Plain,
    R: Monoid + PartialEq + Plain,
    C: Ord + Clone + 'static,
{
    type Key = K;
    /// The event time.
    type Input = i64;
    type Diff = R;
    type Notice = ();
    type Cause = C;
    type State = Window<R>;
    type Output = (K, R);

    fn update(&mut self, _: &K, state: &mut Window<R>, event_time: i64, diff: R, _: i64) {
        state.panes.add(self.trail, event_time, &diff);
    }

    fn close(&mut self, key: &K, state: &mut Window<R>, emit: &mut Emit<'_, (K, R), C>) -> Next {
        let now = emit.now();
        state.panes.leave(self.trail, now);
        let total = Some(state.panes.total(self.trail, now)).filter(|total| !total.is_zero());
        let row = |sum: R| (key.clone(), sum);
        emit.replace(state.said.take().map(row), total.clone().map(row));
        state.said = total;
        match state.panes.next(self.trail, now) {
            Some(instant) => Next::At(instant),
            None => Next::Forget,
        }
    }
}

/// The sum of each key's differences over a trailing window of their event times.
///
/// ```
/// # use operators::{keyed::Ticks, panes::{Trail, trailing}, testing::play};
/// let trail = Trail { window_ms: 60, pane_ms: 20 };
/// // Two sold at 5, three sold at 27: each leaves with its pane, by the clock.
/// let sold = [(10, ('a', 5), 2), (30, ('a', 27), 3)];
/// let sums = play(&sold, 100, move |sold| trailing("sold lately", Ticks { tick_ms: 10 }, trail, sold));
/// let sums: Vec<_> = sums.into_iter().filter(|(.., diff)| *diff > 0).collect();
/// assert_eq!(sums, [(10, ('a', 2), 1), (30, ('a', 5), 1), (60, ('a', 3), 1)]);
/// ```
pub fn trailing<'scope, K, R, C>(
    name: &str,
    ticks: Ticks,
    trail: Trail,
    input: Traces<'scope, (K, i64), R, C>,
) -> Traces<'scope, (K, R), i64, C>
where
    K: ExchangeData + Eq + Hash,
    R: ExchangeData + Monoid + PartialEq,
    C: ExchangeData + Ord,
{
    keyed(name, ticks, input, None, Trailing::new(trail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, held_after, law, scripts, told};
    use crate::twins;
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };
    /// Three panes, whose boundaries are not those of ticks.
    const TRAIL: Trail = Trail { window_ms: 75, pane_ms: 25 };

    fn script(random: &mut Random, size: usize) -> Vec<Update<(char, i64), i64>> {
        scripts::facts(random, size, TICKS, 200, |random, tick| {
            ((random.letter(4), tick + 40 - random.below(140)), random.below(5) - 1)
        })
    }

    #[test]
    fn the_clock_alone_lets_panes_enter_and_leave() {
        let script = [(10, ('a', 5), 2), (20, ('a', 60), 3), (100, ('a', 30), 4), (110, ('a', 5), 9)];
        let said = told(&script, 200, |input| trailing("lately", TICKS, TRAIL, input));
        expect![[r#"
            10 +1 ('a', 2) by 0
            50 -1 ('a', 2) by the clock
            50 +1 ('a', 5) by the clock
            80 +1 ('a', 3) by the clock
            80 -1 ('a', 5) by the clock
            130 -1 ('a', 3) by the clock
        "#]]
        .assert_eq(&said);
    }

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

    #[test]
    fn equal_to_negated_future_copies() {
        law(300, script, |input| trailing("lately", TICKS, TRAIL, input), |input| twins::trailing(TICKS, TRAIL, input));
    }

    #[test]
    fn a_key_is_forgotten_with_its_last_pane() {
        let script = script(&mut Random::new(1), 100);
        assert_eq!(held_after(Trailing::<_, _, ()>::new(TRAIL), TICKS, script, 330), (0, None));
    }
}
