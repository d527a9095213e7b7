//! Lookup join: regroups the sums of a key's members by the one current row of the key.
//!
//! *Meaning.* Each key has sums by member on the left and one row (or none) on the right. `place(key, member, row?)` is the
//! output key of a member. The output is `(place, move)`, the change of the sum at that place, to be added up. A changed row
//! moves every member of its key; otherwise a member's move carries only the causes of that member.
//! *Time.* None. *State.* One sum per member while it is not zero, one row per key. *Cost.* One hash lookup per update, and
//! one per member emitted: the changed members, or all of them if the row changed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::{Monoid, Multiply};
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::co_group::Side;
use crate::compact::unique_row::UniqueRow;
use crate::diff::{Traced, TracedCollection, add_up, least};
use crate::io::inputs::Inputs;
use crate::keyed::serialized::Serializable;
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

/// The logic of [`lookup`].
pub struct Lookup<P, K, M, R, V, C> {
    place: fn(&K, &M, Option<&V>) -> P,
    types: PhantomData<(R, C)>,
}

/// The members and the row of a key. The sum last emitted of a member is its sum minus its moves of this tick.
#[derive(Serialize, Deserialize)]
#[serde(
    rename = "Rows",
    bound(
        deserialize = "M: Deserialize<'de> + Eq + Hash, R: Deserialize<'de>, V: Deserialize<'de>, C: Deserialize<'de>"
    )
)]
pub struct LookupState<M, R, V, C> {
    row: UniqueRow<V>,
    #[serde(rename = "row_said")]
    last_emitted_row: Option<V>,
    row_cause: Option<C>,
    members: HashMap<M, R, FixedState>,
    moved: Vec<(M, Traced<R, C>)>,
}

impl<M, R, V, C> Default for LookupState<M, R, V, C> {
    fn default() -> Self {
        LookupState {
            row: UniqueRow::default(),
            last_emitted_row: None,
            row_cause: None,
            members: HashMap::default(),
            moved: Vec::new(),
        }
    }
}

impl<P, K, M, R, V, C> Keyed for Lookup<P, K, M, R, V, C>
where
    P: Clone + PartialEq + 'static,
    K: Clone + Eq + Hash + Serializable,
    M: Clone + Ord + Hash + Serializable,
    R: Monoid + Multiply<i64, Output = R> + PartialEq + Serializable,
    V: Clone + PartialEq + Serializable,
    C: Ord + Clone + Serializable,
{
    type Key = K;
    type Input = Side<(M, R), V>;
    type Diff = i64;
    type Broadcast = ();
    type Cause = C;
    type State = LookupState<M, R, V, C>;
    type Output = (P, R);

    fn update(&mut self, key: &K, state: &mut Self::State, side: Self::Input, diff: i64, now: i64) {
        self.update_with_cause(key, state, side, Traced::new(diff, None), now);
    }

    fn update_with_cause(&mut self, _: &K, state: &mut Self::State, side: Self::Input, change: Traced<i64, C>, _: i64) {
        match side {
            Side::Right(row) => {
                state.row.update(row, change.diff);
                least(&mut state.row_cause, &change.cause);
            }
            Side::Left((member, sum)) => {
                let sum = sum.multiply(&change.diff);
                match state.members.entry(member.clone()) {
                    Entry::Vacant(_) if sum.is_zero() => {}
                    Entry::Vacant(vacant) => _ = vacant.insert(sum.clone()),
                    Entry::Occupied(mut entry) => {
                        entry.get_mut().plus_equals(&sum);
                        if entry.get().is_zero() {
                            entry.remove();
                        }
                    }
                }
                state.moved.push((member, Traced::new(sum, change.cause)));
            }
        }
    }

    fn close(&mut self, key: &K, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        let LookupState { row, last_emitted_row, row_cause, members, moved } = state;
        let now = row.get().cloned();
        let row_cause = row_cause.take();
        let mut push = |member: &M, row: &Option<V>, sum: R, cause: &Option<C>| {
            if !sum.is_zero() {
                emit.with_cause(cause).push(((self.place)(key, member, row.as_ref()), sum), 1);
            }
        };
        add_up(moved);
        if now == *last_emitted_row {
            moved.drain(..).for_each(|(member, Traced { diff, cause })| push(&member, &now, diff, &cause));
        } else {
            let mut move_to_row = |member: &M, sum: R, (moved, mut cause): (R, Option<C>)| {
                least(&mut cause, &row_cause);
                let mut left = moved;
                left.plus_equals(&sum.clone().multiply(&-1));
                push(member, last_emitted_row, left, &cause);
                push(member, &now, sum, &cause);
            };
            members.iter().for_each(|(member, sum)| {
                let found = moved.binary_search_by(|(moved, _)| moved.cmp(member)).ok();
                let change = found.map(|at| (moved[at].1.diff.clone(), moved[at].1.cause.clone()));
                move_to_row(member, sum.clone(), change.unwrap_or_else(|| (R::zero(), None)));
            });
            for (member, Traced { diff, cause }) in moved.drain(..).filter(|(member, _)| !members.contains_key(member))
            {
                move_to_row(&member, R::zero(), (diff, cause));
            }
            *last_emitted_row = now;
        }
        if members.is_empty() && row.is_empty() { Next::Forget } else { Next::Rest }
    }
}

impl<P, K, M, R, V, C> Lookup<P, K, M, R, V, C> {
    /// A lookup in which `place` is the output key of a member.
    pub fn new(place: fn(&K, &M, Option<&V>) -> P) -> Self {
        Lookup { place, types: PhantomData }
    }
}

/// Regroups sums by member: `place` returns the output key for a key, a member and the one row of the key.
///
/// ```
/// # use operators::{join::{co_group::Side, lookup::lookup}, keyed::Ticks, testing::{play, sides}};
/// // Words of two languages; then the class of a word becomes known.
/// let script = [
///     (10, Side::Left(("pear".to_owned(), ('s', 3))), 1),
///     (10, Side::Left(("pear".to_owned(), ('t', 5))), 1),
///     (20, Side::Right(("pear".to_owned(), "fruit".to_owned())), 1),
///     (30, Side::Left(("pear".to_owned(), ('t', 2))), 1),
/// ];
/// let moves = play(&script, 30, |script| {
///     let (words, classes) = sides(script);
///     lookup("words by class", Ticks { tick_ms: 10 }, words, classes, |_, tongue, class| (*tongue, class.cloned()))
/// });
/// let (unknown, fruit) = (|tongue| (tongue, None), |tongue| (tongue, Some("fruit".to_owned())));
/// assert_eq!(moves[..2], [(10, (unknown('s'), 3), 1), (10, (unknown('t'), 5), 1)]);
/// assert!(moves.contains(&(20, (unknown('t'), -5), 1)) && moves.contains(&(20, (fruit('t'), 5), 1)));
/// assert_eq!(moves.last(), Some(&(30, (fruit('t'), 2), 1)));
/// ```
pub fn lookup<'scope, P, K, M, R, V, C>(
    name: &str,
    ticks: Ticks,
    sums: TracedCollection<'scope, (K, (M, R)), i64, C>,
    rows: TracedCollection<'scope, (K, V), i64, C>,
    place: fn(&K, &M, Option<&V>) -> P,
) -> TracedCollection<'scope, (P, R), i64, C>
where
    P: ExchangeData,
    K: ExchangeData + Eq + Hash,
    M: ExchangeData + Ord + Hash,
    R: ExchangeData + Monoid + Multiply<i64, Output = R> + PartialEq,
    V: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    let inputs = Inputs::from_keyed(sums, Side::Left).and(Inputs::from_keyed(rows, Side::Right));
    keyed_operator(name, ticks, inputs, None, Lookup::new(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::sum_by_key::{explode, sum_by_key};
    use crate::keyed::KeyedStore;
    use crate::testing::{Random, Update, entries_after, law, reference, scripts, sides, transcript};
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    type Amount = (char, (char, i64));
    type Rate = (char, i64);

    fn at<V: Copy>(key: &char, member: &char, row: Option<&V>) -> (char, char, Option<V>) {
        (*key, *member, row.copied())
    }

    fn script(random: &mut Random, size: usize) -> Vec<Update<Side<Amount, Rate>, i64>> {
        let sums = scripts::facts(random, size, TICKS, 200, |random, _| {
            ((random.letter(5), (random.letter(3), random.below(4) - 1)), 1)
        });
        let rows = scripts::rows(random, size / 3, TICKS, 200, |random| (random.letter(5), random.below(3)));
        scripts::both(sums, rows)
    }

    #[test]
    fn a_changed_row_moves_its_members() {
        let script = [
            (10, Side::Left(('p', ('s', 2))), 1),
            (20, Side::Right(('p', 90)), 1),
            (30, Side::Left(('p', ('t', 5))), 1),
            (40, Side::Right(('p', 90)), -1),
            (40, Side::Right(('p', 95)), 1),
            (50, Side::Left(('p', ('s', 2))), -1),
        ];
        let output = transcript(&script, 50, |input| {
            let (sums, rows) = sides(input);
            lookup("cost", TICKS, sums, rows, at)
        });
        expect![[r#"
            10 +1 (('p', 's', None), 2) by 0
            20 +1 (('p', 's', None), -2) by 1
            20 +1 (('p', 's', Some(90)), 2) by 1
            30 +1 (('p', 't', Some(90)), 5) by 2
            40 +1 (('p', 's', Some(90)), -2) by 3
            40 +1 (('p', 's', Some(95)), 2) by 3
            40 +1 (('p', 't', Some(90)), -5) by 3
            40 +1 (('p', 't', Some(95)), 5) by 3
            50 +1 (('p', 's', Some(95)), -2) by 5
        "#]]
        .assert_eq(&output);
    }

    #[test]
    fn equals_a_join_and_an_antijoin() {
        law(
            200,
            script,
            |input| {
                let (sums, rows) = sides(input);
                sum_by_key("costs", TICKS, explode(lookup("cost", TICKS, sums, rows, at), |moved| moved))
            },
            |input| {
                let (sums, rows) = sides(input);
                reference::lookup(sums, rows)
            },
        );
    }

    #[test]
    fn a_key_without_sums_and_row_is_forgotten() {
        let script = scripts::by_key(scripts::and_retracted(script(&mut Random::new(1), 100), 200));
        let logic = Lookup::<_, _, _, i64, _, ()>::new(at::<i64>);
        assert_eq!(entries_after(logic, TICKS, script, 200), (0, None));
    }

    #[test]
    fn the_cause_of_a_move_is_a_record_of_the_member_or_of_the_row() {
        let mut state = KeyedStore::<Lookup<_, char, char, i64, char, u32>>::new(Lookup::new(at), Ticks { tick_ms: 1 });
        let member = |name: char, sum: i64| Side::Left((name, sum));
        let row = Side::Right('x');
        let script = [
            (vec![(member('a', 2), 1, 9), (member('b', 3), 1, 5)], "a 2 by 9, b 3 by 5"),
            (vec![(row.clone(), 1, 7), (member('a', 1), 1, 6)], "a -2 by 6, ax 3 by 6, b -3 by 7, bx 3 by 7"),
            (vec![(row.clone(), -1, 2), (row.clone(), 1, 1), (member('b', 3), -1, 4)], "bx -3 by 4"),
            (vec![(row, -1, 2), (member('a', 3), -1, 4)], "ax -3 by 2"),
        ];
        for (now, (changes, expected)) in (0..).zip(script) {
            for (side, diff, cause) in changes {
                state.update('k', side, Traced::new(diff, Some(cause)), now);
            }
            let mut out = Vec::new();
            assert!(state.close(now, &mut 10, &mut out));
            let output = out.into_iter().map(|(((_, member, row), moved), _, change)| {
                let row = row.map_or(String::new(), String::from);
                format!("{member}{row} {moved} by {}", change.cause.unwrap_or(0))
            });
            assert_eq!(output.collect::<Vec<_>>().join(", "), expected);
        }
        assert!(state.is_empty());
    }
}
