//! Updates that take effect later: held until the clock reaches their instant, then let go.
//!
//! *Meaning.* The update `(data, from)` of tick t is an update of `data` at the first tick ≥ max(t, from).
//! *Time.* Released as the frontier reaches the tick; nothing is re-examined before. *State.* One entry an update that
//! is not yet due. *Cost.* Logarithmic in the number of distinct ticks held.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;

use crate::driver::{Traces, keyed};
use crate::inputs::Inputs;
use crate::keyed::plain::Plain;
use crate::keyed::{Emit, Keyed, Next, Ticks};

/// The logic of [`release_at`].
pub struct Waiting<D, C> {
    types: PhantomData<(D, C)>,
}

impl<D, C> Keyed for Waiting<D, C>
where
    D: Clone + Eq + Hash + Plain,
    C: Ord + Clone + 'static,
{
    type Key = (D, i64);
    type Input = ();
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    /// Copies waiting.
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

/// Holds updates until their instant.
///
/// ```
/// # use operators::{keyed::Ticks, release_at::release_at, testing::play};
/// let given = [(10, ('n', 4), 1), (10, ('l', 35), 1)];
/// let due = play(&given, 60, |given| release_at("due", Ticks { tick_ms: 10 }, given));
/// assert_eq!(due, [(10, 'n', 1), (40, 'l', 1)]);
/// ```
pub fn release_at<'scope, D, C>(
    name: &str,
    ticks: Ticks,
    input: Traces<'scope, (D, i64), i64, C>,
) -> Traces<'scope, D, i64, C>
where
    D: ExchangeData + Eq + Hash,
    C: ExchangeData + Ord,
{
    keyed(name, ticks, Inputs::made(input, |held| held, |held| Some((held, ()))), None, Waiting { types: PhantomData })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, held_after, law, scripts, told};
    use crate::twins;
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    fn script(random: &mut Random, size: usize) -> Vec<Update<(char, i64), i64>> {
        scripts::facts(random, size, TICKS, 200, |random, tick| {
            ((random.letter(4), tick + random.below(90) - 20), random.below(4) - 1)
        })
    }

    #[test]
    fn what_is_due_passes_and_the_rest_waits() {
        let script =
            [(10, ('a', 35), 1), (10, ('b', 5), 1), (20, ('c', 35), 1), (30, ('c', 35), -1), (50, ('a', 35), -1)];
        let said = told(&script, 50, |input| release_at("due", TICKS, input));
        expect![[r#"
            10 +1 'b' by 1
            40 +1 'a' by the clock
            50 -1 'a' by 4
        "#]]
        .assert_eq(&said);
    }

    #[test]
    fn equal_to_updates_at_future_ticks() {
        law(300, script, |input| release_at("due", TICKS, input), |input| twins::release_at(TICKS, input));
    }

    #[test]
    fn what_is_let_go_is_forgotten() {
        let script = script(&mut Random::new(1), 100);
        let script = script.into_iter().map(|(tick, held, diff)| (tick, (held, ()), diff)).collect();
        let logic = Waiting::<_, ()> { types: PhantomData };
        assert_eq!(held_after(logic, TICKS, script, 300), (0, None));
    }
}
