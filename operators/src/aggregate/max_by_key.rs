//! Maximum per key that stays right when the greatest value is retracted.
//!
//! *Meaning.* [`RetractableMax`] is the maximum of a multiset under additions and retractions. Values that can no
//! longer be retracted may be folded: only the greatest of them is kept, which is all that a maximum needs.
//! *Time.* None; the caller decides which values are folded. *State.* One entry per distinct value that may still be
//! retracted, and one for all folded values. *Cost.* One binary search per update.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;

use crate::compact::compact_vec::CompactVec;
use crate::diff::TracedCollection;
use crate::keyed::serialized::Serializable;
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use serde::{Deserialize, Serialize};

/// A multiset with its maximum.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename = "Greatest")]
pub struct RetractableMax<V> {
    folded: Option<V>,
    /// The values that may still be retracted, with their counts, ascending.
    standing: CompactVec<(V, i64)>,
}

impl<V> Default for RetractableMax<V> {
    fn default() -> Self {
        RetractableMax { folded: None, standing: CompactVec::default() }
    }
}

impl<V: Ord + Clone> RetractableMax<V> {
    /// Adds `count` copies of `value`.
    pub fn add(&mut self, value: V, count: i64) {
        match self.standing.binary_search_by(|(other, _)| other.cmp(&value)) {
            Ok(at) => {
                self.standing[at].1 += count;
                if self.standing[at].1 == 0 {
                    self.standing.remove(at);
                }
            }
            Err(at) if count != 0 => self.standing.insert(at, (value, count)),
            Err(_) => {}
        }
    }

    /// Folds the values for which `settled` holds: they can no longer be retracted. It must hold for a prefix of the order.
    pub fn fold(&mut self, settled: impl Fn(&V) -> bool) {
        let end = self.standing.partition_point(|(value, _)| settled(value));
        let mut folded = self.folded.take();
        self.standing.drain(..end, |(value, count)| {
            if count > 0 {
                folded = folded.take().max(Some(value));
            }
        });
        self.folded = folded;
    }

    /// The greatest value for which `admit` holds; it must hold for a prefix of the order.
    pub fn get(&self, admit: impl Fn(&V) -> bool) -> Option<&V> {
        let end = self.standing.partition_point(|(value, _)| admit(value));
        let standing = self.standing[..end].iter().rev().find(|(_, count)| *count > 0).map(|(value, _)| value);
        standing.max(self.folded.as_ref().filter(|value| admit(value)))
    }

    /// The values that may still be retracted, ascending.
    pub fn standing(&self) -> impl Iterator<Item = &V> {
        self.standing.iter().map(|(value, _)| value)
    }

    /// The least value that may still be retracted and for which `admit` does not hold; `admit` must hold for a prefix of the
    /// order.
    pub fn next(&self, admit: impl Fn(&V) -> bool) -> Option<&V> {
        let end = self.standing.partition_point(|(value, _)| admit(value));
        self.standing.get(end).map(|(value, _)| value)
    }

    /// Removes all values for which `gone` holds, folded ones included; it must hold for a prefix of the order.
    pub fn expire(&mut self, gone: impl Fn(&V) -> bool) {
        let end = self.standing.partition_point(|(value, _)| gone(value));
        self.standing.drain(..end, drop);
        self.folded = self.folded.take().filter(|value| !gone(value));
    }

    /// Returns whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.folded.is_none() && self.standing.is_empty()
    }
}

/// The logic of [`max_by_key`].
pub struct MaxByKey<K, V, C> {
    types: PhantomData<(K, V, C)>,
}

impl<K, V, C> Default for MaxByKey<K, V, C> {
    fn default() -> Self {
        MaxByKey { types: PhantomData }
    }
}

/// The values of a key and the maximum last emitted.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Said")]
pub struct MaxState<V> {
    values: RetractableMax<V>,
    #[serde(rename = "said")]
    last_emitted: Option<V>,
}

impl<V> Default for MaxState<V> {
    fn default() -> Self {
        MaxState { values: RetractableMax::default(), last_emitted: None }
    }
}

impl<K, V, C> Keyed for MaxByKey<K, V, C>
where
    K: Clone + Eq + Hash + Serializable,
    V: Clone + Ord + Serializable,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = V;
    type Diff = i64;
    type Broadcast = ();
    type Cause = C;
    type State = MaxState<V>;
    type Output = (K, V);

    fn update(&mut self, _: &K, state: &mut MaxState<V>, value: V, diff: i64, _: i64) {
        state.values.add(value, diff);
    }

    fn close(&mut self, key: &K, state: &mut MaxState<V>, emit: &mut Emit<'_, (K, V), C>) -> Next {
        let new = state.values.get(|_| true).cloned();
        let row = |value: V| (key.clone(), value);
        emit.replace(state.last_emitted.take().map(row), new.clone().map(row));
        state.last_emitted = new;
        if state.values.is_empty() { Next::Forget } else { Next::Rest }
    }
}

/// The greatest value of each key.
///
/// ```
/// # use operators::{aggregate::max_by_key::max_by_key, keyed::Ticks, testing::play};
/// let seen = [(10, ('a', 3), 1), (10, ('a', 7), 1), (20, ('a', 7), -1)];
/// let last = play(&seen, 20, |seen| max_by_key("last seen", Ticks { tick_ms: 10 }, seen));
/// assert_eq!(last, [(10, ('a', 7), 1), (20, ('a', 3), 1), (20, ('a', 7), -1)]);
/// ```
pub fn max_by_key<'scope, K, V, C>(
    name: &str,
    ticks: Ticks,
    input: TracedCollection<'scope, (K, V), i64, C>,
) -> TracedCollection<'scope, (K, V), i64, C>
where
    K: ExchangeData + Eq + Hash,
    V: ExchangeData + Ord,
    C: ExchangeData + Ord,
{
    keyed_operator(name, ticks, input, None, MaxByKey::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, entries_after, law, reference, scripts, transcript};
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    fn script(random: &mut Random, size: usize) -> Vec<Update<(char, i64), i64>> {
        scripts::facts(random, size, TICKS, 200, |random, _| ((random.letter(4), random.below(9)), random.below(4) - 1))
    }

    #[test]
    fn the_next_greatest_replaces_a_retracted_maximum() {
        let script = [(10, ('a', 3), 1), (10, ('a', 7), 2), (20, ('a', 7), -1), (30, ('a', 7), -1), (40, ('a', 3), -1)];
        let output = transcript(&script, 40, |input| max_by_key("top", TICKS, input));
        expect![[r#"
            10 +1 ('a', 7) by 0
            30 +1 ('a', 3) by 3
            30 -1 ('a', 7) by 3
            40 -1 ('a', 3) by 4
        "#]]
        .assert_eq(&output);
    }

    #[test]
    fn folded_values_stay_without_their_copies() {
        let mut values = RetractableMax::default();
        for value in 1..=5 {
            values.add(value, 1);
        }
        values.fold(|value| *value <= 3);
        assert_eq!(values.standing().count(), 2);
        assert_eq!((values.next(|value| *value < 5), values.next(|_| true)), (Some(&5), None));
        values.add(5, -1);
        values.add(4, -1);
        assert_eq!(values.get(|_| true), Some(&3));
        assert_eq!(values.get(|value| *value < 3), None);
        values.expire(|value| *value <= 3);
        assert!(values.is_empty());
    }

    #[test]
    fn equals_reduce() {
        law(200, script, |input| max_by_key("top", TICKS, input), reference::max_by_key);
    }

    #[test]
    fn a_key_without_values_is_forgotten() {
        let script = scripts::and_retracted(script(&mut Random::new(1), 100), 200);
        let logic = MaxByKey::<_, _, ()> { types: PhantomData };
        assert_eq!(entries_after(logic, TICKS, script, 200), (0, None));
    }
}
