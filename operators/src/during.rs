//! Rows that count only for a while: from one instant of the clock until another.
//!
//! *Meaning.* The row of a key stands in the output at the ticks in `[from, until)` of its key's span, as it then stands in
//! the input. *Time.* It comes at the first tick ≥ `from` and goes at the first tick ≥ `until`, by the clock alone; only
//! a change within its span carries that change's cause. *State.* One row a key until its span is over, nothing
//! after. *Cost.* One hash lookup an update, two wake-ups a key.

use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::Range;

use differential_dataflow::ExchangeData;

use crate::driver::{Traces, keyed};
use crate::keyed::plain::Plain;
use crate::keyed::{Emit, Keyed, Next, Ticks};
use crate::one::One;
use serde::{Deserialize, Serialize};

/// The logic of [`during`].
pub struct During<K, V, C, S> {
    span: S,
    types: PhantomData<(K, V, C)>,
}

/// The row of a key and what was last said of it.
#[derive(Serialize, Deserialize)]
pub struct Shown<V> {
    row: One<V>,
    said: Option<V>,
}

impl<V> Default for Shown<V> {
    fn default() -> Self {
        Shown { row: One::default(), said: None }
    }
}

impl<K, V, C, S> Keyed for During<K, V, C, S>
where
    K: Clone + Eq + Hash + Plain,
    V: Clone + PartialEq + Plain,
    C: Ord + Clone + 'static,
    S: Fn(&K) -> Range<i64> + 'static,
{
    type Key = K;
    type Input = V;
    type Diff = i64;
    type Notice = ();
    type Cause = C;
    type State = Shown<V>;
    type Output = (K, V);

    fn update(&mut self, key: &K, state: &mut Shown<V>, row: V, diff: i64, now: i64) {
        if now < (self.span)(key).end {
            state.row.update(row, diff);
        }
    }

    fn close(&mut self, key: &K, state: &mut Shown<V>, emit: &mut Emit<'_, (K, V), C>) -> Next {
        let (now, span) = (emit.now(), (self.span)(key));
        let new = state.row.get().filter(|_| span.contains(&now)).cloned();
        let row = |row: V| (key.clone(), row);
        emit.replace(state.said.take().map(row), new.clone().map(row));
        state.said = new;
        if now >= span.end || state.row.is_empty() {
            Next::Forget
        } else {
            Next::At(if now < span.start { span.start } else { span.end })
        }
    }
}

/// Shows each row of `rows` while the clock is in the span of its key.
pub fn during<'scope, K, V, C>(
    name: &str,
    ticks: Ticks,
    rows: Traces<'scope, (K, V), i64, C>,
    span: impl Fn(&K) -> Range<i64> + 'static,
) -> Traces<'scope, (K, V), i64, C>
where
    K: ExchangeData + Eq + Hash,
    V: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    keyed(name, ticks, rows, None, During { span, types: PhantomData })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Traced;
    use crate::keyed::KeyedState;

    #[test]
    fn a_row_comes_and_goes_by_the_clock_and_changes_only_between() {
        let logic = During { span: |from: &i64| *from..*from + 20, types: PhantomData };
        let mut state = KeyedState::new(logic, Ticks { tick_ms: 10 });
        let mut script = vec![
            (0, vec![('a', 1)], ""),
            (10, vec![('a', -1), ('b', 1)], ""),
            (30, vec![], "+b"),
            (40, vec![('b', -1), ('c', 1)], "-b by 7 +c by 7"),
            (50, vec![], "-c"),
            (60, vec![('c', -1), ('d', 1)], ""),
        ];
        for (now, changes, expected) in script.drain(..) {
            for (row, diff) in changes {
                state.update(30, row, Traced::new(diff, Some(7)), now);
            }
            state.wake(now);
            let mut out = Vec::new();
            assert!(state.close(now, &mut 10, &mut out));
            let said: Vec<String> = out
                .into_iter()
                .map(|((_, row), _, change)| {
                    let by = change.cause.map_or(String::new(), |cause| format!(" by {cause}"));
                    format!("{}{row}{by}", if change.diff > 0 { '+' } else { '-' })
                })
                .collect();
            assert_eq!(said.join(" "), expected, "at {now}");
        }
        assert!(state.is_empty());
    }
}
