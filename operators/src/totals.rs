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
use crate::keyed::{Emit, Keyed, Next, Ticks};

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
    K: Clone + Eq + Hash + 'static,
    R: Monoid + PartialEq + 'static,
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
    keyed(name, ticks, input.map(|key| (key, ())), None, Totals::default())
}

/// Moves the sums of a collection from its data into its differences.
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
