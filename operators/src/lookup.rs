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
