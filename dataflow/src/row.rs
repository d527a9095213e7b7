//! A row of a view, and how the rows of tumbling windows settle.

use operators::keyed::{Emit, Next};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::Id;
use crate::time::{Cause, Collection, HOUR_MS, Inputs};

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

/// A row of a tumbling window as it was last said, through settling and beyond.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tumbling<V> {
    said: Option<V>,
    settled_at: Option<i64>,
}

impl<V> Default for Tumbling<V> {
    fn default() -> Self {
        Tumbling { said: None, settled_at: None }
    }
}

impl<V: Clone + PartialEq> Tumbling<V> {
    /// Whether the window has settled: its value stands, whatever else arrives.
    pub fn is_settled(&self) -> bool {
        self.settled_at.is_some()
    }

    /// The value last said.
    pub fn said(&self) -> Option<&V> {
        self.said.as_ref()
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
            && let Some(old) = self.said.take()
        {
            let new = amended(old.clone());
            emit.replace(Some(row(old)), Some(row(new.clone())));
            self.said = Some(new);
        }
    }

    /// Says the row as it is now (`None`: it does not stand). At the first tick ≥ `settles_at` a standing row settles
    /// with that value; [`READABLE_MS`] later it is withdrawn. Answers when to look again.
    pub fn say<K: Clone + PartialEq>(
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
            emit.replace(self.said.take().map(|value| row(value, true)), None);
            return Next::Forget;
        }
        let settles = now >= settles_at && value.is_some();
        let old = self.said.take().map(|value| row(value, false));
        emit.replace(old, value.clone().map(|value| row(value, settles)));
        self.said = value;
        if settles {
            self.settled_at = Some(now);
            return Next::At(now + READABLE_MS);
        }
        if self.said.is_some() { Next::At(settles_at) } else { Next::Forget }
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
pub fn say<K, V>(key: &K, said: &mut Option<V>, value: Option<V>, emit: &mut Emit<'_, Row<K, V>, Cause>) -> bool
where
    K: Clone + PartialEq,
    V: Clone + PartialEq,
{
    if *said != value {
        let row = |value: V| Row::new(key.clone(), value);
        emit.replace(said.take().map(row), value.clone().map(row));
        *said = value;
    }
    said.is_some()
}

/// A store and an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreHour {
    /// The store.
    pub store: Id,
    /// The start of the hour.
    pub hour: i64,
}

/// An item at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreItem {
    /// The store.
    pub store: Id,
    /// The item.
    pub item: Id,
}

/// A department of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreDept {
    /// The store.
    pub store: Id,
    /// The department.
    pub dept: Id,
}

/// A quotient in basis points, rounded down: `floor(a · 10000 / b)`, `None` when `b` ≤ 0 (contract §0).
pub fn ratio_bp(a: i64, b: i64) -> Option<i64> {
    quotient(i128::from(a) * 10_000, i128::from(b))
}

/// `floor(a / b)`, `None` when `b` ≤ 0.
pub fn quotient(a: i128, b: i128) -> Option<i64> {
    (b > 0).then(|| floor_div(a, b))
}

/// `floor(a / b)` for money denominators: `None` only when `b` is 0.
pub fn ratio_of_money_bp(a: i64, b: i64) -> Option<i64> {
    (b != 0).then(|| floor_div(i128::from(a) * 10_000, i128::from(b)))
}

/// The mathematical floor of a / b, `b` ≠ 0, held to the 64-bit range.
pub fn floor_div(a: i128, b: i128) -> i64 {
    let (quotient, remainder) = (a / b, a % b);
    held(if remainder != 0 && (remainder < 0) != (b < 0) { quotient - 1 } else { quotient })
}

/// A wide sum, held to the 64-bit range.
pub fn held(sum: i128) -> i64 {
    i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_are_mathematical_floors() {
        assert_eq!(ratio_bp(1, 3), Some(3_333));
        assert_eq!(ratio_bp(-1, 3), Some(-3_334));
        assert_eq!(ratio_bp(1, 0), None);
        assert_eq!(ratio_bp(1, -3), None);
        assert_eq!(ratio_of_money_bp(1, -3), Some(-3_334));
        assert_eq!(floor_div(7, -2), -4);
        assert_eq!(floor_div(-6, -2), 3);
    }
}
