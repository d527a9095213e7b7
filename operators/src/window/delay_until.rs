//! Delay of updates until the clock reaches their instant.
//!
//! *Meaning.* The update `(data, from)` of tick t is an update of `data` at the first tick ≥ max(t, from).
//! *Time.* An update is emitted when its tick closes, and is not read before. *State.* One entry per update that is not yet
//! due. *Cost.* One hash lookup and one timer per update.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;

use crate::diff::TracedCollection;
use crate::io::inputs::Inputs;
use crate::keyed::serialized::Serializable;
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

/// The logic of [`delay_until`].
pub struct DelayUntil<D, C> {
    types: PhantomData<(D, C)>,
}

impl<D, C> Keyed for DelayUntil<D, C>
where
    D: Clone + Eq + Hash + Serializable,
    C: Ord + Clone + 'static,
{
    type Key = (D, i64);
    type Input = ();
    type Diff = i64;
    type Broadcast = ();
    type Cause = C;
    /// The number of copies.
    type State = i64;
    type Output = D;

    fn update(&mut self, _: &Self::Key, state: &mut Self::State, (): (), diff: i64, _: i64) {
        *state += diff;
    }

    fn close(&mut self, (data, from): &Self::Key, state: &mut Self::State, emit: &mut Emit<'_, D, C>) -> Next {
        if *state != 0 && emit.now() < *from {
            return Next::At(*from);
        }
        if *state != 0 {
            emit.push(data.clone(), *state);
        }
        Next::Forget
    }
}

/// Delays the update `(data, from)` until the instant `from`.
///
/// ```
/// # use operators::{keyed::Ticks, testing::play, window::delay_until::delay_until};
/// let given = [(10, ('n', 4), 1), (10, ('l', 35), 1)];
/// let due = play(&given, 60, |given| delay_until("due", Ticks { tick_ms: 10 }, given));
/// assert_eq!(due, [(10, 'n', 1), (40, 'l', 1)]);
/// ```
pub fn delay_until<'scope, D, C>(
    name: &str,
    ticks: Ticks,
    input: TracedCollection<'scope, (D, i64), i64, C>,
) -> TracedCollection<'scope, D, i64, C>
where
    D: ExchangeData + Eq + Hash,
    C: ExchangeData + Ord,
{
    keyed_operator(
        name,
        ticks,
        Inputs::filter_map(input, |update| update, |update| Some((update, ()))),
        None,
        DelayUntil { types: PhantomData },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, entries_after, law, reference, scripts, transcript};
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    fn script(random: &mut Random, size: usize) -> Vec<Update<(char, i64), i64>> {
        scripts::facts(random, size, TICKS, 200, |random, tick| {
            ((random.letter(4), tick + random.below(90) - 20), random.below(4) - 1)
        })
    }

    #[test]
    fn due_updates_pass_and_others_are_delayed() {
        let script =
            [(10, ('a', 35), 1), (10, ('b', 5), 1), (20, ('c', 35), 1), (30, ('c', 35), -1), (50, ('a', 35), -1)];
        let output = transcript(&script, 50, |input| delay_until("due", TICKS, input));
        expect![[r#"
            10 +1 'b' by 1
            40 +1 'a' by the clock
            50 -1 'a' by 4
        "#]]
        .assert_eq(&output);
    }

    #[test]
    fn equals_updates_at_future_ticks() {
        law(300, script, |input| delay_until("due", TICKS, input), |input| reference::delay_until(TICKS, input));
    }

    #[test]
    fn an_emitted_update_is_forgotten() {
        let script = script(&mut Random::new(1), 100);
        let script = script.into_iter().map(|(tick, key, diff)| (tick, (key, ()), diff)).collect();
        let logic = DelayUntil::<_, ()> { types: PhantomData };
        assert_eq!(entries_after(logic, TICKS, script, 300), (0, None));
    }
}
