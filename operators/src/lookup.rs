//! Sums at the place that the one current row of their key gives them: sales per store and item by the item's department.
//!
//! *Meaning.* For every key: its sums by member on the left, its one row (or none) on the right; each member has a place by
//! key, member and row. The output is `(place, move)`: by how much the sum at that place has moved, to be added up. A
//! changed row moves every member of its key; otherwise a member's move carries the causes of that member alone.
//! *Time.* None. *State.* One sum a member while it is not zero, one row a key. *Cost.* A hash lookup an update and
//! one per member spoken of: touched members only, unless the row changed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::{Monoid, Multiply};
use foldhash::fast::FixedState;

use crate::co_group::Side;
use crate::diff::{Traced, add_up, least};
use crate::driver::{Traces, keyed};
use crate::inputs::Inputs;
use crate::keyed::plain::Plain;
use crate::keyed::{Emit, Keyed, Next, Ticks};
use crate::one::One;
use serde::{Deserialize, Serialize};

/// The logic of [`lookup`].
pub struct Lookup<P, K, M, R, V, C> {
    place: fn(&K, &M, Option<&V>) -> P,
    types: PhantomData<(R, C)>,
}

/// The members and the row of a key. What was last said of a member is its sum, less what moved it in this tick.
#[derive(Serialize, Deserialize)]
#[serde(bound(
    deserialize = "M: Deserialize<'de> + Eq + Hash, R: Deserialize<'de>, V: Deserialize<'de>, C: Deserialize<'de>"
))]
pub struct Rows<M, R, V, C> {
    row: One<V>,
    row_said: Option<V>,
    row_cause: Option<C>,
    members: HashMap<M, R, FixedState>,
    moved: Vec<(M, Traced<R, C>)>,
}

impl<M, R, V, C> Default for Rows<M, R, V, C> {
    fn default() -> Self {
        Rows { row: One::default(), row_said: None, row_cause: None, members: HashMap::default(), moved: Vec::new() }
    }
}

impl<P, K, M, R, V, C> Keyed for Lookup<P, K, M, R, V, C>
where
    P: Clone + PartialEq + 'static,
    K: Clone + Eq + Hash + Plain,
    M: Clone + Ord + Hash + Plain,
    R: Monoid + Multiply<i64, Output = R> + PartialEq + Plain,
    V: Clone + PartialEq + Plain,
    C: Ord + Clone + Plain,
{
    type Key = K;
    type Input = Side<(M, R), V>;
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    type State = Rows<M, R, V, C>;
    type Output = (P, R);

    fn update(&mut self, key: &K, state: &mut Self::State, side: Self::Input, diff: i64, now: i64) {
        self.update_because(key, state, side, Traced::new(diff, None), now);
    }

    fn update_because(&mut self, _: &K, state: &mut Self::State, side: Self::Input, change: Traced<i64, C>, _: i64) {
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
                    Entry::Occupied(mut held) => {
                        held.get_mut().plus_equals(&sum);
                        if held.get().is_zero() {
                            held.remove();
                        }
                    }
                }
                state.moved.push((member, Traced::new(sum, change.cause)));
            }
        }
    }

    fn close(&mut self, key: &K, state: &mut Self::State, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        let Rows { row, row_said, row_cause, members, moved } = state;
        let now = row.get().cloned();
        let row_cause = row_cause.take();
        let mut say = |member: &M, row: &Option<V>, sum: R, cause: &Option<C>| {
            if !sum.is_zero() {
                emit.because(cause).push(((self.place)(key, member, row.as_ref()), sum), 1);
            }
        };
        add_up(moved);
        if now == *row_said {
            moved.drain(..).for_each(|(member, Traced { diff, cause })| say(&member, &now, diff, &cause));
        } else {
            let mut restate = |member: &M, sum: R, (moved, mut cause): (R, Option<C>)| {
                least(&mut cause, &row_cause);
                let mut left = moved;
                left.plus_equals(&sum.clone().multiply(&-1));
                say(member, row_said, left, &cause);
                say(member, &now, sum, &cause);
            };
            members.iter().for_each(|(member, sum)| {
                let found = moved.binary_search_by(|(moved, _)| moved.cmp(member)).ok();
                let change = found.map(|at| (moved[at].1.diff.clone(), moved[at].1.cause.clone()));
                restate(member, sum.clone(), change.unwrap_or_else(|| (R::zero(), None)));
            });
            for (member, Traced { diff, cause }) in moved.drain(..).filter(|(member, _)| !members.contains_key(member))
            {
                restate(&member, R::zero(), (diff, cause));
            }
            *row_said = now;
        }
        if members.is_empty() && row.is_empty() { Next::Forget } else { Next::Rest }
    }
}

impl<P, K, M, R, V, C> Lookup<P, K, M, R, V, C> {
    /// Puts the sum of a member where `place` says.
    pub fn new(place: fn(&K, &M, Option<&V>) -> P) -> Self {
        Lookup { place, types: PhantomData }
    }
}

/// Puts sums by member at the place that `place` makes of key, member and the one row of the key.
///
/// ```
/// # use operators::{co_group::Side, keyed::Ticks, lookup::lookup, testing::{play, sides}};
/// // Pears sold in two stores, then it becomes known that they are fruit.
/// let given = [
///     (10, Side::Left(("pear".to_owned(), ('s', 3))), 1),
///     (10, Side::Left(("pear".to_owned(), ('t', 5))), 1),
///     (20, Side::Right(("pear".to_owned(), "fruit".to_owned())), 1),
///     (30, Side::Left(("pear".to_owned(), ('t', 2))), 1),
/// ];
/// let moves = play(&given, 30, |given| {
///     let (sold, depts) = sides(given);
///     lookup("sold by department", Ticks { tick_ms: 10 }, sold, depts, |_, store, dept| (*store, dept.cloned()))
/// });
/// let (nowhere, fruit) = (|store| (store, None), |store| (store, Some("fruit".to_owned())));
/// assert_eq!(moves[..2], [(10, (nowhere('s'), 3), 1), (10, (nowhere('t'), 5), 1)]);
/// assert!(moves.contains(&(20, (nowhere('t'), -5), 1)) && moves.contains(&(20, (fruit('t'), 5), 1)));
/// assert_eq!(moves.last(), Some(&(30, (fruit('t'), 2), 1)));
/// ```
pub fn lookup<'scope, P, K, M, R, V, C>(
    name: &str,
    ticks: Ticks,
    sums: Traces<'scope, (K, (M, R)), i64, C>,
    rows: Traces<'scope, (K, V), i64, C>,
    place: fn(&K, &M, Option<&V>) -> P,
) -> Traces<'scope, (P, R), i64, C>
where
    P: ExchangeData,
    K: ExchangeData + Eq + Hash,
    M: ExchangeData + Ord + Hash,
    R: ExchangeData + Monoid + Multiply<i64, Output = R> + PartialEq,
    V: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    let inputs = Inputs::of(sums, Side::Left).and(Inputs::of(rows, Side::Right));
    keyed(name, ticks, inputs, None, Lookup::new(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyed::KeyedState;
    use crate::testing::{Random, Update, held_after, law, scripts, sides, told};
    use crate::totals::{explode, totals};
    use crate::twins;
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    type Sold = (char, (char, i64));
    type Cost = (char, i64);

    fn at<V: Copy>(key: &char, member: &char, row: Option<&V>) -> (char, char, Option<V>) {
        (*key, *member, row.copied())
    }

    fn script(random: &mut Random, size: usize) -> Vec<Update<Side<Sold, Cost>, i64>> {
        let sums = scripts::facts(random, size, TICKS, 200, |random, _| {
            ((random.letter(5), (random.letter(3), random.below(4) - 1)), 1)
        });
        let rows = scripts::rows(random, size / 3, TICKS, 200, |random| (random.letter(5), random.below(3)));
        scripts::both(sums, rows)
    }

    #[test]
    fn a_changed_row_restates_its_members() {
        let script = [
            (10, Side::Left(('p', ('s', 2))), 1),
            (20, Side::Right(('p', 90)), 1),
            (30, Side::Left(('p', ('t', 5))), 1),
            (40, Side::Right(('p', 90)), -1),
            (40, Side::Right(('p', 95)), 1),
            (50, Side::Left(('p', ('s', 2))), -1),
        ];
        let said = told(&script, 50, |input| {
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
        .assert_eq(&said);
    }

    #[test]
    fn equal_to_a_join_and_an_antijoin() {
        law(
            200,
            script,
            |input| {
                let (sums, rows) = sides(input);
                totals("costs", TICKS, explode(lookup("cost", TICKS, sums, rows, at), |moved| moved))
            },
            |input| {
                let (sums, rows) = sides(input);
                twins::lookup(sums, rows)
            },
        );
    }

    #[test]
    fn a_key_without_sums_and_row_is_forgotten() {
        let script = scripts::by_key(scripts::and_back(script(&mut Random::new(1), 100), 200));
        let logic = Lookup::<_, _, _, i64, _, ()>::new(at::<i64>);
        assert_eq!(held_after(logic, TICKS, script, 200), (0, None));
    }

    #[test]
    fn a_member_is_blamed_on_its_own_records_and_on_those_of_the_row() {
        let mut state = KeyedState::<Lookup<_, char, char, i64, char, u32>>::new(Lookup::new(at), Ticks { tick_ms: 1 });
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
            let said = out.into_iter().map(|(((_, member, row), moved), _, change)| {
                let row = row.map_or(String::new(), String::from);
                format!("{member}{row} {moved} by {}", change.cause.unwrap_or(0))
            });
            assert_eq!(said.collect::<Vec<_>>().join(", "), expected);
        }
        assert!(state.is_empty());
    }
}
