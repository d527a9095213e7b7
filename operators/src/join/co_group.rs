//! Full outer join of two collections that have at most one row per key each.
//!
//! *Meaning.* `(key, left?, right?)` for every key with a row on either side. *Time.* None. *State.* One entry per key while
//! either side has a row. *Cost.* One hash lookup per update, where a join of arrangements searches every batch of both.

use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use serde::{Deserialize, Serialize};

use crate::compact::unique_row::UniqueRow;
use crate::diff::TracedCollection;
use crate::io::inputs::Inputs;
use crate::keyed::serialized::Serializable;
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

/// A change on one of two sides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side<A, B> {
    /// Element of the first collection.
    Left(A),
    /// Element of the second collection.
    Right(B),
}

/// The logic of [`co_group`].
pub struct CoGroup<K, A, B, C> {
    types: PhantomData<(K, A, B, C)>,
}

/// The rows of a key, and the pair last emitted.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Sides")]
pub struct CoGroupState<A, B> {
    left: UniqueRow<A>,
    right: UniqueRow<B>,
    #[serde(rename = "said")]
    last_emitted: Option<(Option<A>, Option<B>)>,
}

impl<A, B> Default for CoGroupState<A, B> {
    fn default() -> Self {
        CoGroupState { left: UniqueRow::default(), right: UniqueRow::default(), last_emitted: None }
    }
}

impl<K, A, B, C> Keyed for CoGroup<K, A, B, C>
where
    K: Clone + Eq + Hash + Serializable,
    A: Clone + PartialEq + Serializable,
    B: Clone + PartialEq + Serializable,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = Side<A, B>;
    type Diff = i64;
    type Broadcast = ();
    type Cause = C;
    type State = CoGroupState<A, B>;
    type Output = (K, Option<A>, Option<B>);

    fn update(&mut self, _: &K, state: &mut CoGroupState<A, B>, side: Side<A, B>, diff: i64, _: i64) {
        match side {
            Side::Left(row) => state.left.update(row, diff),
            Side::Right(row) => state.right.update(row, diff),
        }
    }

    fn close(&mut self, key: &K, state: &mut CoGroupState<A, B>, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        let new = Some((state.left.get().cloned(), state.right.get().cloned()))
            .filter(|(left, right)| left.is_some() || right.is_some());
        let row = |(left, right)| (key.clone(), left, right);
        emit.replace(state.last_emitted.take().map(row), new.clone().map(row));
        state.last_emitted = new;
        if state.last_emitted.is_some() { Next::Rest } else { Next::Forget }
    }
}

/// Joins the rows of two collections by key.
///
/// ```
/// # use operators::{join::co_group::{Side, co_group}, keyed::Ticks, testing::{play, sides}};
/// let rows = [(10, Side::Left(('k', 1)), 1), (20, Side::Right(('k', 2)), 1)];
/// let pairs = play(&rows, 20, |rows| {
///     let (load, limit) = sides(rows);
///     co_group("limited load", Ticks { tick_ms: 10 }, load, limit)
/// });
/// let (alone, together) = (('k', Some(1), None), ('k', Some(1), Some(2)));
/// assert_eq!(pairs, [(10, alone, 1), (20, alone, -1), (20, together, 1)]);
/// ```
pub fn co_group<'scope, K, A, B, C>(
    name: &str,
    ticks: Ticks,
    left: TracedCollection<'scope, (K, A), i64, C>,
    right: TracedCollection<'scope, (K, B), i64, C>,
) -> TracedCollection<'scope, (K, Option<A>, Option<B>), i64, C>
where
    K: ExchangeData + Eq + Hash,
    A: ExchangeData + PartialEq,
    B: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    let inputs = Inputs::from_keyed(left, Side::Left).and(Inputs::from_keyed(right, Side::Right));
    keyed_operator(name, ticks, inputs, None, CoGroup { types: PhantomData })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, entries_after, law, reference, scripts, sides, transcript};
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    type Rows = Side<(char, i64), (char, i64)>;

    fn script(random: &mut Random, size: usize) -> Vec<Update<Rows, i64>> {
        let left = scripts::rows(random, size, TICKS, 200, |random| (random.letter(6), random.below(3)));
        let right = scripts::rows(random, size, TICKS, 200, |random| (random.letter(6), random.below(2)));
        scripts::both(left, right)
    }

    #[test]
    fn a_pair_exists_while_either_side_has_a_row() {
        let script = [
            (10, Side::Left(('k', 1)), 1),
            (20, Side::Right(('k', 9)), 1),
            (30, Side::Left(('k', 2)), 1),
            (30, Side::Left(('k', 1)), -1),
            (40, Side::Left(('k', 2)), -1),
            (50, Side::Right(('k', 9)), -1),
        ];
        let output = transcript(&script, 50, |input| {
            let (left, right) = sides(input);
            co_group("pairs", TICKS, left, right)
        });
        expect![[r#"
            10 +1 ('k', Some(1), None) by 0
            20 -1 ('k', Some(1), None) by 1
            20 +1 ('k', Some(1), Some(9)) by 1
            30 -1 ('k', Some(1), Some(9)) by 2
            30 +1 ('k', Some(2), Some(9)) by 2
            40 +1 ('k', None, Some(9)) by 4
            40 -1 ('k', Some(2), Some(9)) by 4
            50 -1 ('k', None, Some(9)) by 5
        "#]]
        .assert_eq(&output);
    }

    #[test]
    fn equals_a_join_and_two_antijoins() {
        law(
            200,
            script,
            |input| {
                let (left, right) = sides(input);
                co_group("pairs", TICKS, left, right)
            },
            |input| {
                let (left, right) = sides(input);
                reference::co_group(left, right)
            },
        );
    }

    #[test]
    fn a_key_without_rows_is_forgotten() {
        let script = scripts::by_key(scripts::and_retracted(script(&mut Random::new(1), 50), 200));
        let logic = CoGroup::<_, _, _, ()> { types: PhantomData };
        assert_eq!(entries_after(logic, TICKS, script, 200), (0, None));
    }
}
