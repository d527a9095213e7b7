//! Sums next to the one current row of their key: sales per store and day beside the product's cost.
//!
//! *Meaning.* For every key: its sums by member on the left, its one row (or none) on the right; the output is
//! `(key, member, sum, row?)` for every member whose sum is not zero. A changed row restates every member of its key.
//! *Time.* None. *State.* One sum a member while it is not zero, one row a key. *Cost.* A hash lookup an update and
//! one per member spoken of: touched members only, unless the row changed.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::marker::PhantomData;

use differential_dataflow::ExchangeData;
use differential_dataflow::difference::{Monoid, Multiply};

use crate::co_group::Side;
use crate::driver::{Traces, keyed};
use crate::keyed::{Emit, Keyed, Next, Ticks};
use crate::one::One;

/// The logic of [`lookup`].
pub struct Lookup<K, M, R, V, C> {
    types: PhantomData<(K, M, R, V, C)>,
}

/// The members and the row of a key, and what was last said of them.
pub struct Rows<M, R, V> {
    row: One<V>,
    row_said: Option<V>,
    members: BTreeMap<M, (R, Option<R>)>,
    touched: Vec<M>,
}

impl<M, R, V> Default for Rows<M, R, V> {
    fn default() -> Self {
        Rows { row: One::default(), row_said: None, members: BTreeMap::new(), touched: Vec::new() }
    }
}

impl<K, M, R, V, C> Keyed for Lookup<K, M, R, V, C>
where
    K: Clone + Eq + Hash + 'static,
    M: Clone + Ord + 'static,
    R: Monoid + Multiply<i64, Output = R> + PartialEq + 'static,
    V: Clone + PartialEq + 'static,
    C: Ord + Clone + 'static,
{
    type Key = K;
    type Input = Side<(M, R), V>;
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    type State = Rows<M, R, V>;
    type Output = (K, M, R, Option<V>);

    fn update(&mut self, _: &K, state: &mut Rows<M, R, V>, side: Side<(M, R), V>, diff: i64, _: i64) {
        match side {
            Side::Right(row) => state.row.update(row, diff),
            Side::Left((member, sum)) => {
                let held = state.members.entry(member.clone()).or_insert_with(|| (R::zero(), None));
                held.0.plus_equals(&sum.multiply(&diff));
                state.touched.push(member);
            }
        }
    }

    fn close(&mut self, key: &K, state: &mut Rows<M, R, V>, emit: &mut Emit<'_, Self::Output, C>) -> Next {
        let Rows { row, row_said, members, touched } = state;
        let now = row.get().cloned();
        let say = |member: &M, (sum, said): &mut (R, Option<R>), emit: &mut Emit<'_, Self::Output, C>| {
            let new = Some(sum.clone()).filter(|sum| !sum.is_zero());
            let old = said.take().map(|sum| (key.clone(), member.clone(), sum, row_said.clone()));
            emit.replace(old, new.clone().map(|sum| (key.clone(), member.clone(), sum, now.clone())));
            *said = new;
            said.is_some()
        };
        if now == *row_said {
            touched.sort_unstable();
            touched.dedup();
            for member in touched.drain(..) {
                if let Some(held) = members.get_mut(&member)
                    && !say(&member, held, emit)
                {
                    members.remove(&member);
                }
            }
        } else {
            touched.clear();
            members.retain(|member, held| say(member, held, emit));
            *row_said = now;
        }
        if members.is_empty() && row.is_empty() { Next::Forget } else { Next::Rest }
    }
}

/// Puts sums by member beside the one row of their key.
///
/// ```
/// # use operators::{co_group::Side, keyed::Ticks, lookup::lookup, testing::{play, sides}};
/// // Pears sold in two stores, then their cost becomes known.
/// let given = [
///     (10, Side::Left(("pear".to_owned(), ('s', 3))), 1),
///     (10, Side::Left(("pear".to_owned(), ('t', 5))), 1),
///     (20, Side::Right(("pear".to_owned(), 90)), 1),
/// ];
/// let rows = play(&given, 20, |given| {
///     let (sold, cost) = sides(given);
///     lookup("cost of sales", Ticks { tick_ms: 10 }, sold, cost)
/// });
/// let row = |store, sold, cost| ("pear".to_owned(), store, sold, cost);
/// assert_eq!(rows[..2], [(10, row('s', 3, None), 1), (10, row('t', 5, None), 1)]);
/// assert!(rows.contains(&(20, row('s', 3, None), -1)) && rows.contains(&(20, row('s', 3, Some(90)), 1)));
/// ```
pub fn lookup<'scope, K, M, R, V, C>(
    name: &str,
    ticks: Ticks,
    sums: Traces<'scope, (K, (M, R)), i64, C>,
    rows: Traces<'scope, (K, V), i64, C>,
) -> Traces<'scope, (K, M, R, Option<V>), i64, C>
where
    K: ExchangeData + Eq + Hash,
    M: ExchangeData + Ord,
    R: ExchangeData + Monoid + Multiply<i64, Output = R> + PartialEq,
    V: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    let sums = sums.map(|(key, sum)| (key, Side::Left(sum)));
    let rows = rows.map(|(key, row)| (key, Side::Right(row)));
    keyed(name, ticks, sums.concat(rows), None, Lookup { types: PhantomData })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Random, Update, held_after, law, scripts, sides, told};
    use crate::twins;
    use expect_test::expect;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    type Sold = (char, (char, i64));
    type Cost = (char, i64);

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
            lookup("cost", TICKS, sums, rows)
        });
        expect![[r#"
            10 +1 ('p', 's', 2, None) by 0
            20 -1 ('p', 's', 2, None) by 1
            20 +1 ('p', 's', 2, Some(90)) by 1
            30 +1 ('p', 't', 5, Some(90)) by 2
            40 -1 ('p', 's', 2, Some(90)) by 3
            40 +1 ('p', 's', 2, Some(95)) by 3
            40 -1 ('p', 't', 5, Some(90)) by 3
            40 +1 ('p', 't', 5, Some(95)) by 3
            50 -1 ('p', 's', 2, Some(95)) by 5
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
                lookup("cost", TICKS, sums, rows)
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
        let logic = Lookup::<_, _, _, _, ()> { types: PhantomData };
        assert_eq!(held_after(logic, TICKS, script, 200), (0, None));
    }
}
