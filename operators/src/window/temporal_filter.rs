//! Temporal filter: the row of a key is in the output while the clock is in the time span of the key.
//!
//! *Meaning.* At the ticks in the span `[from, until)` of a key, its row in the output is its row in the input; at other
//! ticks it has none. *Time.* The row enters at the first tick ≥ `from` and leaves at the first tick ≥ `until`, by the
//! clock; only a change within the span carries a cause. *State.* One row per key until its span is over, nothing after.
//! *Cost.* One hash lookup per update, two timers per key.

use std::hash::Hash;
use std::marker::PhantomData;
use std::ops::Range;

use differential_dataflow::ExchangeData;
use serde::{Deserialize, Serialize};

use crate::compact::unique_row::UniqueRow;
use crate::diff::TracedCollection;
use crate::keyed::serialized::Serializable;
use crate::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};

/// The logic of [`temporal_filter`].
pub struct TemporalFilter<K, V, C, S> {
    span: S,
    types: PhantomData<(K, V, C)>,
}

/// The row of a key, and the row last emitted.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Shown")]
pub struct FilterState<V> {
    row: UniqueRow<V>,
    #[serde(rename = "said")]
    last_emitted: Option<V>,
}

impl<V> Default for FilterState<V> {
    fn default() -> Self {
        FilterState { row: UniqueRow::default(), last_emitted: None }
    }
}

impl<K, V, C, S> Keyed for TemporalFilter<K, V, C, S>
where
    K: Clone + Eq + Hash + Serializable,
    V: Clone + PartialEq + Serializable,
    C: Ord + Clone + 'static,
    S: Fn(&K) -> Range<i64> + 'static,
{
    type Key = K;
    type Input = V;
    type Diff = i64;
    type Broadcast = ();
    type Cause = C;
    type State = FilterState<V>;
    type Output = (K, V);

    fn update(&mut self, key: &K, state: &mut FilterState<V>, row: V, diff: i64, now: i64) {
        if now < (self.span)(key).end {
            state.row.update(row, diff);
        }
    }

    fn close(&mut self, key: &K, state: &mut FilterState<V>, emit: &mut Emit<'_, (K, V), C>) -> Next {
        let (now, span) = (emit.now(), (self.span)(key));
        let new = state.row.get().filter(|_| span.contains(&now)).cloned();
        let row = |row: V| (key.clone(), row);
        emit.replace(state.last_emitted.take().map(row), new.clone().map(row));
        state.last_emitted = new;
        if now >= span.end || state.row.is_empty() {
            Next::Forget
        } else {
            Next::At(if now < span.start { span.start } else { span.end })
        }
    }
}

/// Passes each row on while the clock is in the span of its key.
pub fn temporal_filter<'scope, K, V, C>(
    name: &str,
    ticks: Ticks,
    rows: TracedCollection<'scope, (K, V), i64, C>,
    span: impl Fn(&K) -> Range<i64> + 'static,
) -> TracedCollection<'scope, (K, V), i64, C>
where
    K: ExchangeData + Eq + Hash,
    V: ExchangeData + PartialEq,
    C: ExchangeData + Ord,
{
    keyed_operator(name, ticks, rows, None, TemporalFilter { span, types: PhantomData })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Traced;
    use crate::keyed::KeyedStore;

    #[test]
    fn a_row_enters_and_leaves_by_the_clock() {
        let logic = TemporalFilter { span: |from: &i64| *from..*from + 20, types: PhantomData };
        let mut state = KeyedStore::new(logic, Ticks { tick_ms: 10 });
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
            state.fire_timers(now);
            let mut out = Vec::new();
            assert!(state.close(now, &mut 10, &mut out));
            let output: Vec<String> = out
                .into_iter()
                .map(|((_, row), _, change)| {
                    let by = change.cause.map_or(String::new(), |cause| format!(" by {cause}"));
                    format!("{}{row}{by}", if change.diff > 0 { '+' } else { '-' })
                })
                .collect();
            assert_eq!(output.join(" "), expected, "at {now}");
        }
        assert!(state.is_empty());
    }
}
