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
use crate::keyed::plain::Plain;
use crate::keyed::{Emit, Keyed, Next, Ticks};
use crate::slim::Slim;
use serde::{Deserialize, Serialize};

/// A multiset that answers its maximum.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Greatest<V> {
    folded: Option<V>,
    /// Values with their counts, ascending.
    standing: Slim<(V, i64)>,
}

impl<V> Default for Greatest<V> {
    fn default() -> Self {
        Greatest { folded: None, standing: Slim::default() }
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
            Err(at) if count != 0 => self.standing.insert(at, (value, count)),
            Err(_) => {}
        }
    }

    /// Gives up the right to retract the values for which `settled` holds; it must hold for a prefix of the order.
    pub fn fold(&mut self, settled: impl Fn(&V) -> bool) {
        let end = self.standing.partition_point(|(value, _)| settled(value));
        let mut kept = self.folded.take();
        self.standing.drain(..end, |(value, count)| {
            if count > 0 {
                kept = kept.take().max(Some(value));
            }
        });
        self.folded = kept;
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

    /// The least value that may still be retracted and for which `admit` does not hold; it must hold for a prefix of the order.
    pub fn next(&self, admit: impl Fn(&V) -> bool) -> Option<&V> {
        let end = self.standing.partition_point(|(value, _)| admit(value));
        self.standing.get(end).map(|(value, _)| value)
    }

    /// Forgets everything for which `gone` holds; it must hold for a prefix of the order.
    pub fn leave(&mut self, gone: impl Fn(&V) -> bool) {
        let end = self.standing.partition_point(|(value, _)| gone(value));
        self.standing.drain(..end, drop);
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

impl<K, V, C> Default for Maximum<K, V, C> {
    fn default() -> Self {
        Maximum { types: PhantomData }
    }
}

/// The values of a key and the maximum last said.
#[derive(Serialize, Deserialize)]
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
    K: Clone + Eq + Hash + Plain,
    V: Clone + Ord + Plain,
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
///
/// ```
/// # use operators::{greatest::greatest, keyed::Ticks, testing::play};
/// let seen = [(10, ('a', 3), 1), (10, ('a', 7), 1), (20, ('a', 7), -1)];
/// let last = play(&seen, 20, |seen| greatest("last seen", Ticks { tick_ms: 10 }, seen));
/// assert_eq!(last, [(10, ('a', 7), 1), (20, ('a', 3), 1), (20, ('a', 7), -1)]);
/// ```
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
    keyed(name, ticks, input, None, Maximum::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, held_after, law, scripts, told};
    use crate::twins;
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    fn script(random: &mut Random, size: usize) -> Vec<Update<(char, i64), i64>> {
        scripts::facts(random, size, TICKS, 200, |random, _| ((random.letter(4), random.below(9)), random.below(4) - 1))
    }

    #[test]
    fn the_next_greatest_stands_up() {
        let script = [(10, ('a', 3), 1), (10, ('a', 7), 2), (20, ('a', 7), -1), (30, ('a', 7), -1), (40, ('a', 3), -1)];
        let said = told(&script, 40, |input| greatest("top", TICKS, input));
        expect![[r#"
            10 +1 ('a', 7) by 0
            30 +1 ('a', 3) by 3
            30 -1 ('a', 7) by 3
            40 -1 ('a', 3) by 4
        "#]]
        .assert_eq(&said);
    }

    #[test]
    fn what_is_folded_needs_no_copies() {
        let mut values = Greatest::default();
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
        values.leave(|value| *value <= 3);
        assert!(values.is_empty());
    }

    #[test]
    fn equal_to_reduce() {
        law(200, script, |input| greatest("top", TICKS, input), twins::greatest);
    }

    #[test]
    fn a_key_without_values_is_forgotten() {
        let script = scripts::and_back(script(&mut Random::new(1), 100), 200);
        let logic = Maximum::<_, _, ()> { types: PhantomData };
        assert_eq!(held_after(logic, TICKS, script, 200), (0, None));
    }
}
