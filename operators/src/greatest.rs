//! The greatest that stands: a maximum that survives the retraction of what was greatest.
//!
//! *Meaning.* [`Greatest`] is the maximum of a multiset under additions and retractions. Values that can no longer be
//! retracted may be folded: of those only the greatest is kept, which is all a maximum can ever need.
//! *Time.* None of its own; the caller says what is folded. *State.* One entry per distinct value that may still be
//! retracted, and one for the rest. *Cost.* A binary search an update, near the end for values that grow.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;

use crate::driver::{Traces, keyed};
use crate::keyed::{Emit, Keyed, Next, Ticks};

/// A multiset that answers its maximum.
#[derive(Clone, Debug)]
pub struct Greatest<V> {
    folded: Option<V>,
    /// Values with their counts, ascending.
    standing: Vec<(V, i64)>,
}

impl<V> Default for Greatest<V> {
    fn default() -> Self {
        Greatest { folded: None, standing: Vec::new() }
    }
}

impl<V: Ord + Clone> Greatest<V> {
    /// Adds `count` copies of `value`.
    pub fn add(&mut self, value: V, count: i64) {
        match self.standing.binary_search_by(|(held, _)| held.cmp(&value)) {
            Ok(at) => {
                self.standing[at].1 += count;
                if self.standing[at].1 == 0 {
                    self.standing.remove(at);
                }
            }
            Err(at) => self.standing.insert(at, (value, count)),
        }
    }

    /// Gives up the right to retract the values for which `settled` holds; it must hold for a prefix of the order.
    pub fn fold(&mut self, settled: impl Fn(&V) -> bool) {
        let end = self.standing.partition_point(|(value, _)| settled(value));
        let kept = self.standing.drain(..end).rev().find(|(_, count)| *count > 0);
        self.folded = self.folded.take().max(kept.map(|(value, _)| value));
    }

    /// The greatest value that stands and for which `admit` holds; it must hold for a prefix of the order.
    pub fn get(&self, admit: impl Fn(&V) -> bool) -> Option<&V> {
        let end = self.standing.partition_point(|(value, _)| admit(value));
        let standing = self.standing[..end].iter().rev().find(|(_, count)| *count > 0).map(|(value, _)| value);
        standing.max(self.folded.as_ref().filter(|value| admit(value)))
    }

    /// The values that may still be retracted, ascending.
    pub fn standing(&self) -> impl Iterator<Item = &V> {
        self.standing.iter().map(|(value, _)| value)
    }

    /// Forgets everything for which `gone` holds; it must hold for a prefix of the order.
    pub fn leave(&mut self, gone: impl Fn(&V) -> bool) {
        let end = self.standing.partition_point(|(value, _)| gone(value));
        self.standing.drain(..end);
        self.folded = self.folded.take().filter(|value| !gone(value));
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.folded.is_none() && self.standing.is_empty()
    }
}

/// The logic of [`greatest`].
pub struct Maximum<K, V, C> {
    types: PhantomData<(K, V, C)>,
}

/// The values of a key and the maximum last said.
pub struct Said<V> {
    values: Greatest<V>,
    said: Option<V>,
}

impl<V> Default for Said<V> {
    fn default() -> Self {
        Said { values: Greatest::default(), said: None }
    }
}

impl<K, V, C> Keyed for Maximum<K, V, C>
where
    K: Clone + Eq + Hash + 'static,
    V: Clone + Ord + 'static,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = V;
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    type State = Said<V>;
    type Output = (K, V);

    fn update(&mut self, _: &K, state: &mut Said<V>, value: V, diff: i64, _: i64) {
        state.values.add(value, diff);
    }

    fn close(&mut self, key: &K, state: &mut Said<V>, emit: &mut Emit<'_, (K, V), C>) -> Next {
        let new = state.values.get(|_| true).cloned();
        let row = |value: V| (key.clone(), value);
        emit.replace(state.said.take().map(row), new.clone().map(row));
        state.said = new;
        if state.values.is_empty() { Next::Forget } else { Next::Rest }
    }
}

/// The greatest standing value of each key.
pub fn greatest<'scope, K, V, C>(
    name: &str,
    ticks: Ticks,
    input: Traces<'scope, (K, V), i64, C>,
) -> Traces<'scope, (K, V), i64, C>
where
    K: ExchangeData + Eq + Hash,
    V: ExchangeData + Ord,
    C: ExchangeData + Ord,
{
    keyed(name, ticks, input, None, Maximum { types: PhantomData })
}
