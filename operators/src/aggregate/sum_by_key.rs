//! Sum per key, emitted once per tick.
//!
//! *Meaning.* The sum of the differences of each key; equal to differential's `count_total` at every tick. The
//! difference is a struct of integers, so that many sums of a key are added together.
//! *Time.* None. *State.* One sum per key whose sum is not zero. *Cost.* One hash lookup per update.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Monoid;

use crate::diff::{Traced, TracedCollection};
use crate::io::inputs::Inputs;
use crate::keyed::serialized::Serializable;
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use serde::{Deserialize, Serialize};

/// The logic of [`sum_by_key`].
pub struct SumByKey<K, R, C> {
    types: PhantomData<(K, R, C)>,
}

impl<K, R, C> Default for SumByKey<K, R, C> {
    fn default() -> Self {
        SumByKey { types: PhantomData }
    }
}

/// The sum of a key, now and as last emitted.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Total")]
pub struct SumState<R> {
    sum: Option<R>,
    #[serde(rename = "said")]
    last_emitted: Option<R>,
}

impl<R> Default for SumState<R> {
    fn default() -> Self {
        SumState { sum: None, last_emitted: None }
    }
}

impl<K, R, C> Keyed for SumByKey<K, R, C>
where
    K: Clone + Eq + Hash + Serializable,
    R: Monoid + PartialEq + Serializable,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = ();
    type Diff = R;
    type Broadcast = ();
    type Cause = C;
    type State = SumState<R>;
    type Output = (K, R);

    fn update(&mut self, _: &K, state: &mut SumState<R>, (): (), diff: R, _: i64) {
        match &mut state.sum {
            Some(sum) => sum.plus_equals(&diff),
            none => *none = Some(diff),
        }
    }

    fn close(&mut self, key: &K, state: &mut SumState<R>, emit: &mut Emit<'_, (K, R), C>) -> Next {
        let sum = state.sum.take().filter(|sum| !sum.is_zero());
        if sum != state.last_emitted {
            let row = |sum: R| (key.clone(), sum);
            emit.replace(state.last_emitted.take().map(row), sum.clone().map(row));
            state.last_emitted.clone_from(&sum);
        }
        state.sum = sum;
        if state.sum.is_some() { Next::Rest } else { Next::Forget }
    }
}

/// Sums the differences of each key.
///
/// ```
/// # use operators::{aggregate::sum_by_key::sum_by_key, keyed::Ticks, testing::play};
/// let words = [(10, "pear".to_owned(), 3), (10, "pear".to_owned(), 1), (20, "pear".to_owned(), -4)];
/// let counts = play(&words, 20, |words| sum_by_key("words", Ticks { tick_ms: 10 }, words));
/// assert_eq!(counts, [(10, ("pear".to_owned(), 4), 1), (20, ("pear".to_owned(), 4), -1)]);
/// ```
pub fn sum_by_key<'scope, K, R, C>(
    name: &str,
    ticks: Ticks,
    input: TracedCollection<'scope, K, R, C>,
) -> TracedCollection<'scope, (K, R), i64, C>
where
    K: ExchangeData + Eq + Hash,
    R: ExchangeData + Monoid + PartialEq,
    C: ExchangeData + Ord,
{
    keyed_operator(name, ticks, Inputs::filter_map(input, |key| key, |key| Some((key, ()))), None, SumByKey::default())
}

/// Moves the sums of a collection from its data into its differences.
///
/// ```
/// # use operators::{aggregate::sum_by_key::{explode, sum_by_key}, keyed::Ticks, testing::play};
/// // Messages and bytes of a host; one of the two messages is retracted.
/// let messages = [(10, ('a', 250), 2), (20, ('a', 250), -1)];
/// let sums = play(&messages, 20, |messages| {
///     sum_by_key("traffic", Ticks { tick_ms: 10 }, explode(messages, |(host, bytes)| (host, (1, bytes))))
/// });
/// assert_eq!(sums, [(10, ('a', (2, 500)), 1), (20, ('a', (1, 250)), 1), (20, ('a', (2, 500)), -1)]);
/// ```
pub fn explode<'scope, D, K, R, C>(
    input: TracedCollection<'scope, D, i64, C>,
    mut split: impl FnMut(D) -> (K, R) + 'static,
) -> TracedCollection<'scope, K, R, C>
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
    use crate::testing::{Random, Update, entries_after, law, reference, scripts, transcript};
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    fn script(random: &mut Random, size: usize) -> Vec<Update<char, i64>> {
        scripts::facts(random, size, TICKS, 200, |random, _| (random.letter(7), random.below(5) - 2))
    }

    #[test]
    fn a_sum_is_replaced_once_per_tick() {
        let script = [(10, 'a', 3), (10, 'b', 1), (10, 'a', 4), (20, 'b', 2), (20, 'b', -2), (30, 'a', -7)];
        let output = transcript(&script, 30, |input| sum_by_key("sums", TICKS, input));
        expect![[r#"
            10 +1 ('a', 7) by 0
            10 +1 ('b', 1) by 1
            30 -1 ('a', 7) by 5
        "#]]
        .assert_eq(&output);
    }

    #[test]
    fn equals_count_total() {
        law(200, script, |input| sum_by_key("sums", TICKS, input), reference::sum_by_key);
    }

    #[test]
    fn a_sum_of_zero_is_forgotten() {
        let script = scripts::and_retracted(script(&mut Random::new(1), 100), 200);
        let script = script.into_iter().map(|(tick, key, sum)| (tick, (key, ()), sum)).collect();
        assert_eq!(entries_after(SumByKey::<_, _, ()>::default(), TICKS, script, 200), (0, None));
    }
}
