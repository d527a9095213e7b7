//! Sum per key over a trailing window of event time.
//!
//! *Meaning.* The sum of the differences of each key whose event time is in the window ([`panes`](super::panes)).
//! *Time.* As [`panes`](super::panes): panes enter and leave by the clock, with or without input.
//! *State.* One sum per key and pane that is in the window or ahead of it. *Cost.* One hash lookup per update; a key that
//! changes, or whose oldest pane leaves, adds up its panes.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Monoid;
use serde::{Deserialize, Serialize};

use super::panes::{Panes, Trail};
use crate::diff::TracedCollection;
use crate::keyed::serialized::Serializable;
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

/// The logic of [`trailing_sum`].
pub struct TrailingSum<K, R, C> {
    trail: Trail,
    types: PhantomData<(K, R, C)>,
}

impl<K, R, C> TrailingSum<K, R, C> {
    /// Sums over `trail`.
    pub fn new(trail: Trail) -> Self {
        TrailingSum { trail, types: PhantomData }
    }
}

/// The panes of a key and the sum last emitted.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Window")]
pub struct WindowState<R> {
    panes: Panes<R>,
    #[serde(rename = "said")]
    last_emitted: Option<R>,
}

impl<R> Default for WindowState<R> {
    fn default() -> Self {
        WindowState { panes: Panes::default(), last_emitted: None }
    }
}

impl<K, R, C> Keyed for TrailingSum<K, R, C>
where
    K: Clone + Eq + Hash + Serializable,
    R: Monoid + PartialEq + Serializable,
    C: Ord + Clone + 'static,
{
    type Key = K;
    /// The event time.
    type Input = i64;
    type Diff = R;
    type Broadcast = ();
    type Cause = C;
    type State = WindowState<R>;
    type Output = (K, R);

    fn update(&mut self, _: &K, state: &mut WindowState<R>, event_time: i64, diff: R, _: i64) {
        state.panes.add(self.trail, event_time, &diff);
    }

    fn close(&mut self, key: &K, state: &mut WindowState<R>, emit: &mut Emit<'_, (K, R), C>) -> Next {
        let now = emit.now();
        state.panes.expire(self.trail, now);
        let total = Some(state.panes.total(self.trail, now)).filter(|total| !total.is_zero());
        let row = |sum: R| (key.clone(), sum);
        emit.replace(state.last_emitted.take().map(row), total.clone().map(row));
        state.last_emitted = total;
        match state.panes.next(self.trail, now) {
            Some(instant) => Next::At(instant),
            None => Next::Forget,
        }
    }
}

/// The sum of each key's differences over a trailing window of their event times.
///
/// ```
/// # use operators::{keyed::Ticks, testing::play, window::{panes::Trail, trailing_sum::trailing_sum}};
/// let trail = Trail { window_ms: 60, pane_ms: 20 };
/// // Two messages at 5, three at 27: each leaves with its pane, by the clock.
/// let messages = [(10, ('a', 5), 2), (30, ('a', 27), 3)];
/// let sums = play(&messages, 100, move |messages| trailing_sum("recent", Ticks { tick_ms: 10 }, trail, messages));
/// let sums: Vec<_> = sums.into_iter().filter(|(.., diff)| *diff > 0).collect();
/// assert_eq!(sums, [(10, ('a', 2), 1), (30, ('a', 5), 1), (60, ('a', 3), 1)]);
/// ```
pub fn trailing_sum<'scope, K, R, C>(
    name: &str,
    ticks: Ticks,
    trail: Trail,
    input: TracedCollection<'scope, (K, i64), R, C>,
) -> TracedCollection<'scope, (K, R), i64, C>
where
    K: ExchangeData + Eq + Hash,
    R: ExchangeData + Monoid + PartialEq,
    C: ExchangeData + Ord,
{
    keyed_operator(name, ticks, input, None, TrailingSum::new(trail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, entries_after, law, reference, scripts, transcript};
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
    fn panes_enter_and_leave_by_the_clock() {
        let script = [(10, ('a', 5), 2), (20, ('a', 60), 3), (100, ('a', 30), 4), (110, ('a', 5), 9)];
        let output = transcript(&script, 200, |input| trailing_sum("lately", TICKS, TRAIL, input));
        expect![[r#"
            10 +1 ('a', 2) by 0
            50 -1 ('a', 2) by the clock
            50 +1 ('a', 5) by the clock
            80 +1 ('a', 3) by the clock
            80 -1 ('a', 5) by the clock
            130 -1 ('a', 3) by the clock
        "#]]
        .assert_eq(&output);
    }

    #[test]
    fn equals_future_negated_copies() {
        law(
            300,
            script,
            |input| trailing_sum("lately", TICKS, TRAIL, input),
            |input| reference::trailing_sum(TICKS, TRAIL, input),
        );
    }

    #[test]
    fn a_key_is_forgotten_with_its_last_pane() {
        let script = script(&mut Random::new(1), 100);
        assert_eq!(entries_after(TrailingSum::<_, _, ()>::new(TRAIL), TICKS, script, 330), (0, None));
    }
}
