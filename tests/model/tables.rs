//! Views as tables: rows by key, what changed since the last tick, and what has settled.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Change;
use super::decode::Id;
use super::fates::ceil_to;
use super::stats::HOUR;
use super::world::World;

/// One value of a key: numbers order numerically, texts by bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Number(i64),
    Text(Id),
}

/// The values of a key in the table's order.
pub(super) type Key = Vec<Part>;
/// The values of a row in the table's order; a bool is 0 or 1.
pub(super) type Row = Vec<Option<i64>>;
pub(super) type Rows = BTreeMap<Key, Row>;

impl From<i64> for Part {
    fn from(number: i64) -> Self {
        Part::Number(number)
    }
}

impl From<&Id> for Part {
    fn from(id: &Id) -> Self {
        Part::Text(id.clone())
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Part::Text(text.into())
    }
}

impl Part {
    pub(super) fn json(&self) -> Value {
        match self {
            Part::Number(number) => (*number).into(),
            Part::Text(text) => (&**text).into(),
        }
    }

    /// The id this part is.
    pub(super) fn id(&self) -> Id {
        match self {
            Part::Number(number) => number.to_string().into(),
            Part::Text(text) => text.clone(),
        }
    }

    /// The number this part is.
    pub(super) fn number(&self) -> i64 {
        if let Part::Number(number) = self { *number } else { 0 }
    }
}

/// A key from its values.
macro_rules! key {
    ($($part:expr),*) => { vec![$($crate::model::tables::Part::from($part)),*] };
}
pub(super) use key;

/// A view: its name, columns, and how its rows follow from what is known. Names are divided by spaces.
pub(super) struct View {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    pub(super) columns: &'static str,
    /// Topics whose accepted records may change it, besides reference and commands.
    pub(super) topics: &'static str,
    /// The pane of its clock; 0 without one.
    pub(super) pane: i64,
    /// The end of the window of a key, of a view that settles.
    pub(super) window_end: Option<fn(&World, &Key) -> i64>,
    pub(super) rows: fn(&World, &Tables) -> Rows,
}

/// The rows of a view: those that may change, and those that no longer can, with the tick they settled.
#[derive(Default)]
struct Table {
    current: Rows,
    settled: BTreeMap<Key, (Row, i64)>,
    columns: &'static str,
}

/// All views at a tick.
#[derive(Default)]
pub(super) struct Tables(BTreeMap<&'static str, Table>, i64);

impl Tables {
    /// Computes a view anew and says what changed.
    pub(super) fn refresh(&mut self, view: &View, world: &World) -> Vec<Change> {
        let mut rows = (view.rows)(world, self);
        self.1 = world.now;
        let table = self.0.entry(view.name).or_default();
        table.columns = view.columns;
        let mut changes = BTreeMap::new();
        let mut change = |key: &Key, op, row: Option<&Row>| {
            let change = Change {
                time: world.now,
                view: view.name,
                key: view.key.split(' ').zip(key).map(|(name, part)| (name, part.json())).collect(),
                op,
                value: row.map(|row| value(view, row)),
            };
            changes.insert(key.clone(), change);
        };
        if let Some(window_end) = view.window_end {
            rows.retain(|key, row| {
                let due = window_end(world, key) + world.lateness_ms;
                if table.settled.contains_key(key) {
                    return false;
                }
                if due > world.now {
                    return true;
                }
                // No new row after its settle tick.
                let stood = table.current.remove(key).is_some();
                if stood || ceil_to(due, world.tick_ms) == world.now {
                    change(key, "settle", Some(row));
                    table.settled.insert(key.clone(), (row.clone(), world.now));
                }
                false
            });
        }
        for key in table.current.keys().filter(|key| !rows.contains_key(*key)) {
            change(key, "delete", None);
        }
        for (key, row) in &rows {
            match table.current.get(key) {
                None => change(key, "insert", Some(row)),
                Some(old) if old != row => change(key, "update", Some(row)),
                _ => {}
            }
        }
        table.current = rows;
        changes.into_values().collect()
    }

    /// The rows of a view that may still change.
    pub(super) fn current(&self, view: &str) -> impl Iterator<Item = (&Key, &Row)> {
        self.0.get(view).into_iter().flat_map(|table| &table.current)
    }

    /// A row, be it settled; that can be read for 26 h.
    pub(super) fn row(&self, view: &str, key: &Key) -> Option<&Row> {
        let table = self.0.get(view)?;
        let settled = || table.settled.get(key).filter(|(_, at)| self.1 < at + 26 * HOUR).map(|(row, _)| row);
        table.current.get(key).or_else(settled)
    }

    /// The next instant at which a settled row of a view can no longer be read.
    pub(super) fn forgets(&self, view: &str) -> Option<i64> {
        let settled = self.0.get(view).into_iter().flat_map(|table| table.settled.values());
        settled.map(|(_, at)| at + 26 * HOUR).filter(|at| *at > self.1).min()
    }

    /// The keys of a view's rows, settled ones included.
    pub(super) fn keys(&self, view: &str) -> impl Iterator<Item = &Key> {
        self.0.get(view).into_iter().flat_map(|table| table.current.keys().chain(table.settled.keys()))
    }

    /// A value of a row; `None` if there is no such row, or it is null.
    pub(super) fn cell(&self, view: &str, key: &Key, column: &str) -> Option<i64> {
        self.row(view, key)?[self.column(view, column)]
    }

    /// The place of a column; panics on a name that the view does not have.
    pub(super) fn column(&self, view: &str, column: &str) -> usize {
        let columns = self.0.get(view).map(|table| table.columns).unwrap_or_default();
        columns.split(' ').position(|name| name == column).expect("a column of the view")
    }
}

fn value(view: &View, row: &Row) -> Value {
    let cell = |name: &str, cell: Option<i64>| match cell {
        Some(flag) if name == "stale" => Value::Bool(flag != 0),
        cell => cell.into(),
    };
    view.columns.split(' ').zip(row).map(|(name, of)| (name.to_string(), cell(name, *of))).collect::<Map<_, _>>().into()
}
