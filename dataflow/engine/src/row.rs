//! Rows of views, and the settling of rows of tumbling windows.

use contract::time::{Cause, HOUR_MS};
use operators::keyed::{Emit, Next};
use serde::{Deserialize, Serialize};

use crate::time::{Collection, Inputs};

/// The time for which a settled value can still be read by detectors.
pub const READABLE_MS: i64 = 26 * HOUR_MS;

/// One row of a view.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row<K, V> {
    /// The key of the row within its view.
    pub key: K,
    /// The value.
    pub value: V,
    /// True if no correction can change the row any more.
    pub settled: bool,
}

impl<K, V> Row<K, V> {
    /// Creates a row that may still change.
    pub fn new(key: K, value: V) -> Self {
        Row { key, value, settled: false }
    }
}

/// The last emitted row of a tumbling window, while it can change and after it has settled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tumbling<V> {
    #[serde(rename = "said")]
    last_emitted: Option<V>,
    settled_at: Option<i64>,
}

impl<V> Default for Tumbling<V> {
    fn default() -> Self {
        Tumbling { last_emitted: None, settled_at: None }
    }
}

impl<V: Clone + PartialEq> Tumbling<V> {
    /// Returns true if the window has settled: its value is final.
    pub fn is_settled(&self) -> bool {
        self.settled_at.is_some()
    }

    /// Returns the last emitted value.
    pub fn last_emitted(&self) -> Option<&V> {
        self.last_emitted.as_ref()
    }

    /// Changes the part of a settled value that lies outside its row, while it can still be read.
    pub fn amend<K: Clone + PartialEq>(
        &mut self,
        key: &K,
        amended: impl FnOnce(V) -> V,
        emit: &mut Emit<'_, Row<K, V>, Cause>,
    ) {
        let row = |value: V| Row { key: key.clone(), value, settled: true };
        if self.settled_at.is_some()
            && let Some(old) = self.last_emitted.take()
        {
            let new = amended(old.clone());
            emit.replace(Some(row(old)), Some(row(new.clone())));
            self.last_emitted = Some(new);
        }
    }

    /// Emits the row with its current value (`None`: there is no row). At the first tick ≥ `settles_at` an existing row
    /// settles with that value; [`READABLE_MS`] later it is retracted. Returns the time of the next call.
    pub fn emit_row<K: Clone + PartialEq>(
        &mut self,
        key: &K,
        value: Option<V>,
        settles_at: i64,
        emit: &mut Emit<'_, Row<K, V>, Cause>,
    ) -> Next {
        let now = emit.now();
        let row = |value: V, settled: bool| Row { key: key.clone(), value, settled };
        if let Some(settled_at) = self.settled_at {
            if now < settled_at + READABLE_MS {
                return Next::At(settled_at + READABLE_MS);
            }
            emit.replace(self.last_emitted.take().map(|value| row(value, true)), None);
            return Next::Forget;
        }
        let settles = now >= settles_at && value.is_some();
        let old = self.last_emitted.take().map(|value| row(value, false));
        emit.replace(old, value.clone().map(|value| row(value, settles)));
        self.last_emitted = value;
        if settles {
            self.settled_at = Some(now);
            return Next::At(now + READABLE_MS);
        }
        if self.last_emitted.is_some() { Next::At(settles_at) } else { Next::Forget }
    }
}

/// Returns the results of `input` for each row, at most one per row, by the row's key.
pub fn read_some<'scope, K, V, I: 'static>(
    rows: &Collection<'scope, Row<K, V>>,
    input: impl Fn(Row<K, V>) -> Option<I> + 'static,
) -> Inputs<'scope, K, I>
where
    Row<K, V>: differential_dataflow::ExchangeData,
    K: Clone + std::hash::Hash + 'static,
{
    let make = move |row: Row<K, V>| {
        let key = row.key.clone();
        Some((key, input(row)?))
    };
    Inputs::filter_map(rows.clone(), |row| &row.key, make)
}

/// Returns the result of `input` for the value of each row, by the row's key.
pub fn read<'scope, K, V, I: 'static>(
    rows: &Collection<'scope, Row<K, V>>,
    input: impl Fn(V) -> I + 'static,
) -> Inputs<'scope, K, I>
where
    Row<K, V>: differential_dataflow::ExchangeData,
    K: Clone + std::hash::Hash + 'static,
    V: 'static,
{
    read_some(rows, move |row| Some(input(row.value)))
}

/// Emits a row that never settles; returns true if the row exists.
pub fn emit_row<K, V>(
    key: &K,
    last_emitted: &mut Option<V>,
    value: Option<V>,
    emit: &mut Emit<'_, Row<K, V>, Cause>,
) -> bool
where
    K: Clone + PartialEq,
    V: Clone + PartialEq,
{
    if *last_emitted != value {
        let row = |value: V| Row::new(key.clone(), value);
        emit.replace(last_emitted.take().map(row), value.clone().map(row));
        *last_emitted = value;
    }
    last_emitted.is_some()
}
