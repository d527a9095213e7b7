//! One sum per key, kept in a hash map and spoken of once a tick.
//!
//! *Meaning.* The sum of the differences of each key; equal to differential's `count_total` at every tick. The
//! difference is a struct of integers, so that many sums of a key travel and add as one.
//! *Time.* None. *State.* One sum a key whose sum is not zero. *Cost.* One hash lookup an update.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Monoid;

use crate::diff::Traced;
use crate::driver::{Traces, keyed};
use crate::inputs::Inputs;
use crate::keyed::plain::Plain;
use crate::keyed::{Emit, Keyed, Next, Ticks};
use serde::{Deserialize, Serialize};

/// The logic of [`totals`].
pub struct Totals<K, R, C> {
    types: PhantomData<(K, R, C)>,
}

impl<K, R, C> Default for Totals<K, R, C> {
    fn default() -> Self {
        Totals { types: PhantomData }
    }
}

/// A sum and what was last said of it.
#[derive(Serialize, Deserialize)]
pub struct Total<R> {
    sum: Option<R>,
    said: Option<R>,
}

impl<R> Default for Total<R> {
    fn default() -> Self {
        Total { sum: None, said: None }
    }
}

impl<K, R, C> Keyed for Totals<K, R, C>
where
    K: Clone + Eq + Hash + Plain,
    R: Monoid + PartialEq + Plain,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = ();
    type Diff = R;
    type Notice = ();
    type Cause = C;
    type State = Total<R>;
    type Output = (K, R);

    fn update(&mut self, _: &K, state: &mut Total<R>, (): (), diff: R, _: i64) {
        match &mut state.sum {
            Some(sum) => sum.plus_equals(&diff),
            none => *none = Some(diff),
        }
    }

    fn close(&mut self, key: &K, state: &mut Total<R>, emit: &mut Emit<'_, (K, R), C>) -> Next {
        let sum = state.sum.take().filter(|sum| !sum.is_zero());
        if sum != state.said {
            let row = |sum: R| (key.clone(), sum);
            emit.replace(state.said.take().map(row), sum.clone().map(row));
            state.said.clone_from(&sum);
        }
        state.sum = sum;
        if state.sum.is_some() { Next::Rest } else { Next::Forget }
    }
}

/// Sums the differences of each key.
///
/// ```
/// # use operators::{keyed::Ticks, testing::play, totals::totals};
/// let sold = [(10, "pear".to_owned(), 3), (10, "pear".to_owned(), 1), (20, "pear".to_owned(), -4)];
/// let sums = play(&sold, 20, |sold| totals("sold", Ticks { tick_ms: 10 }, sold));
/// assert_eq!(sums, [(10, ("pear".to_owned(), 4), 1), (20, ("pear".to_owned(), 4), -1)]);
/// ```
pub fn totals<'scope, K, R, C>(
    name: &str,
    ticks: Ticks,
    input: Traces<'scope, K, R, C>,
) -> Traces<'scope, (K, R), i64, C>
where
    K: ExchangeData + Eq + Hash,
    R: ExchangeData + Monoid + PartialEq,
    C: ExchangeData + Ord,
{
    keyed(name, ticks, Inputs::made(input, |key| key, |key| Some((key, ()))), None, Totals::default())
}

/// Moves the sums of a collection from its data into its differences.
///
/// ```
/// # use operators::{keyed::Ticks, testing::play, totals::{explode, totals}};
/// // Lines and cents of a shop, and one of the two lines taken back.
/// let lines = [(10, ('a', 250), 2), (20, ('a', 250), -1)];
/// let sums = play(&lines, 20, |lines| {
///     totals("sales", Ticks { tick_ms: 10 }, explode(lines, |(shop, cents)| (shop, (1, cents))))
/// });
/// assert_eq!(sums, [(10, ('a', (2, 500)), 1), (20, ('a', (1, 250)), 1), (20, ('a', (2, 500)), -1)]);
/// ```
pub fn explode<'scope, D, K, R, C>(
    input: Traces<'scope, D, i64, C>,
    mut split: impl FnMut(D) -> (K, R) + 'static,
) -> Traces<'scope, K, R, C>
where
    D: Clone + 'static,
    K: Clone + 'static,
    R: Clone + differential_dataflow::difference::Multiply<i64, Output = R> + 'static,
    C: Clone + 'static,
{
    use differential_dataflow::collection::AsCollection;
    use timely::dataflow::operators::vec::Map;
    input
        .inner
        .map(move |(data, tick, change)| {
            let (key, sum) = split(data);
            (key, tick, Traced::new(sum.multiply(&change.diff), change.cause))
        })
        .as_collection()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, held_after, law, scripts, told};
    use crate::twins;
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    fn script(random: &mut Random, size: usize) -> Vec<Update<char, i64>> {
        scripts::facts(random, size, TICKS, 200, |random, _| (random.letter(7), random.below(5) - 2))
    }

    #[test]
    fn a_sum_is_replaced_once_a_tick() {
        let script = [(10, 'a', 3), (10, 'b', 1), (10, 'a', 4), (20, 'b', 2), (20, 'b', -2), (30, 'a', -7)];
        let said = told(&script, 30, |input| totals("sums", TICKS, input));
        expect![[r#"
            10 +1 ('a', 7) by 0
            10 +1 ('b', 1) by 1
            30 -1 ('a', 7) by 5
        "#]]
        .assert_eq(&said);
    }

    #[test]
    fn equal_to_count_total() {
        law(200, script, |input| totals("sums", TICKS, input), twins::totals);
    }

    #[test]
    fn a_sum_of_zero_is_forgotten() {
        let script = scripts::and_back(script(&mut Random::new(1), 100), 200);
        let script = script.into_iter().map(|(tick, key, sum)| (tick, (key, ()), sum)).collect();
        assert_eq!(held_after(Totals::<_, _, ()>::default(), TICKS, script, 200), (0, None));
    }
}
