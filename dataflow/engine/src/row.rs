//! A row of a view, and how the rows of tumbling windows settle.

use contract::time::{Cause, HOUR_MS};
use operators::keyed::{Emit, Next};
use serde::{Deserialize, Serialize};

use crate::time::{Collection, Inputs};

/// How long a settled value stays readable to detectors.
pub const READABLE_MS: i64 = 26 * HOUR_MS;

/// One row of a view: its key, its value, and whether it can still change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row<K, V> {
    /// Names the row within its view.
    pub key: K,
    /// What the view says of it.
    pub value: V,
    /// No correction can come any more.
    pub settled: bool,
}

impl<K, V> Row<K, V> {
    /// A row that may still change.
    pub fn new(key: K, value: V) -> Self {
        Row { key, value, settled: false }
    }
}

/// A row of a tumbling window as it was last last_emitted, through settling and beyond.
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
    /// Whether the window has settled: its value stands, whatever else arrives.
    pub fn is_settled(&self) -> bool {
        self.settled_at.is_some()
    }

    /// The value last last_emitted.
    pub fn last_emitted(&self) -> Option<&V> {
        self.last_emitted.as_ref()
    }

    /// Changes what a settled value carries beside its row, while it stays readable.
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

    /// Says the row as it is now (`None`: it does not stand). At the first tick ≥ `settles_at` a standing row settles
    /// with that value; [`READABLE_MS`] later it is withdrawn. Answers when to look again.
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

/// What `input` reads of the value of each row, one thing or nothing, by the row's key.
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
    Inputs::made(rows.clone(), |row| &row.key, make)
}

/// What `input` reads of the value of each row, by the row's key.
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

/// Says a row that never settles; answers whether it stands.
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
