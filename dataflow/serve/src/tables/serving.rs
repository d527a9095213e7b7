//! The tables that readers query: the rows of every view and the open exceptions, at one closed tick.
//!
//! The publishing threads pass the encoded records of a tick to [`ServingTables::apply`]; the last of them calls
//! [`ServingTables::closed`]. Only then the tables change, all at once, so a reader sees one closed tick and never a
//! part of one. Views are emitted at multiples of `emit_ms` and exceptions every tick; answers carry both times.
//!
//! State: an entry per row of a view ([`Pages`]), a record per open exception, and the records of ticks that have not
//! closed yet. The row of a tumbling window is removed 26 h of ticks after it settled, as in the views. Cost of a read:
//! one reference count per page of some 50 rows under the lock; the rows are used without it.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use contract::ids::{EventId, Id};
use contract::output::{Op, OutputTopic};
use contract::record::Status;
use contract::time::floor_to;
use engine::row::READABLE_MS;
use retail::detectors::KINDS;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::events::Events;
use crate::exception_record::{ExceptionEntry, Filter, RecordId};
use crate::tables::layout::{Key, layouts, place_of};
use crate::tables::pages::{NEVER, Pages, Row};

/// A record that the job wrote and the server cannot read back: a defect of the program, not bad data.
#[derive(Debug, thiserror::Error)]
#[error("a record of {topic} cannot be read back: {problem}: {record}")]
pub struct Unreadable {
    topic: &'static str,
    problem: String,
    record: String,
}

/// A change of one row of a view.
struct RowChange {
    view: usize,
    key: Key,
    /// The new value and the tick at which it is removed; `None` removes the row.
    value: Option<(Box<str>, i64)>,
}

/// The records of ticks that have not closed yet.
#[derive(Default)]
struct Pending {
    changes: Vec<RowChange>,
    /// Exception records with their ticks, in order: they are written ahead of views.
    exceptions: Vec<(i64, Arc<ExceptionEntry>)>,
}

impl Pending {
    /// Removes and returns what belongs to ticks up to `time`.
    fn take(&mut self, time: i64) -> (Vec<RowChange>, Vec<Arc<ExceptionEntry>>) {
        let count = self.exceptions.partition_point(|(tick, _)| *tick <= time);
        (std::mem::take(&mut self.changes), self.exceptions.drain(..count).map(|(_, entry)| entry).collect())
    }
}

/// The content of all tables at a closed tick; clones share the rows.
#[derive(Clone, Default)]
pub(crate) struct TablesSnapshot {
    /// The tick; `None` before the first tick has closed.
    pub(crate) time: Option<i64>,
    /// The tick of the last emission of views.
    pub(crate) views_time: i64,
    /// The id of the last exceptions record of all.
    pub(crate) last: Option<RecordId>,
    /// The rows of each view, in the order of [`layouts`].
    pub(crate) views: Vec<Pages>,
    /// The last record of each open exception, by type and id.
    pub(crate) open: BTreeMap<(Id, EventId), Arc<ExceptionEntry>>,
}

/// The current tables, and the settled rows in the order of their removal.
struct Current {
    tables: TablesSnapshot,
    settled: VecDeque<(i64, usize, Key)>,
}

/// The rows of a view at a closed tick.
pub struct ViewAt {
    /// The tick of the last emission of views, which the rows are of.
    pub time: i64,
    /// The last closed tick.
    pub closed_time: i64,
    /// The rows.
    pub rows: Pages,
}

/// The open exceptions at a closed tick.
pub struct OpenAt {
    /// The last closed tick.
    pub time: i64,
    /// The id of the last exceptions record of all: a reader of the stream continues after it.
    pub last: Option<RecordId>,
    /// The last record of each exception that the filter accepts, by type and id.
    pub open: Vec<Arc<ExceptionEntry>>,
}

/// The tables that readers query; clones share them.
#[derive(Clone)]
pub struct ServingTables(Arc<Shared>);

struct Shared {
    emit_ms: i64,
    current: RwLock<Current>,
    pending: Mutex<Pending>,
    events: Events,
}

/// The fields that are read of a record of the views topic.
#[derive(Deserialize)]
struct ViewLine<'a> {
    #[serde(borrow)]
    view: Cow<'a, str>,
    #[serde(borrow)]
    key: &'a RawValue,
    op: Op,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

impl RowChange {
    fn read(time: i64, line: &str) -> Result<Self, String> {
        let line: ViewLine<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let view = place_of(&line.view).ok_or("there is no such view")?;
        let bad = |bad| format!("its key is wrong: {bad:?}");
        let key = layouts()[view].read_key(line.key.get()).map_err(bad)?;
        let expires_at = if line.op == Op::Settle { time.saturating_add(READABLE_MS) } else { NEVER };
        let value = match (line.op, line.value) {
            (Op::Delete, _) => None,
            (_, Some(value)) => Some((value.get().into(), expires_at)),
            (_, None) => return Err("it has no value".to_owned()),
        };
        Ok(RowChange { view, key, value })
    }
}

impl ServingTables {
    /// Creates empty tables for a job that emits its views at multiples of `emit_ms`.
    pub fn new(emit_ms: i64) -> Self {
        let views = vec![Pages::default(); layouts().len()];
        ServingTables::of(emit_ms, TablesSnapshot { views, ..TablesSnapshot::default() })
    }

    pub(super) fn of(emit_ms: i64, tables: TablesSnapshot) -> Self {
        let mut settled: Vec<(i64, usize, Key)> = Vec::new();
        for (view, rows) in tables.views.iter().enumerate() {
            let expiring = rows.iter().filter(|row| row.expires_at != NEVER);
            settled.extend(expiring.map(|row| (row.expires_at, view, row.key.clone())));
        }
        settled.sort_unstable();
        let events = Events::after(tables.last);
        let current = RwLock::new(Current { tables, settled: settled.into() });
        ServingTables(Arc::new(Shared { emit_ms: emit_ms.max(1), current, pending: Mutex::default(), events }))
    }

    fn current(&self) -> RwLockReadGuard<'_, Current> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes encoded records of tick `time` as they are emitted; readers see them when the tick has closed. The records
    /// of each topic come in order of ticks, and views never after a later tick was closed.
    ///
    /// # Errors
    /// If a record is not of the form that the job writes.
    pub fn apply(&self, time: i64, topic: OutputTopic, records: &[Vec<u8>]) -> Result<(), Unreadable> {
        let text = |record| std::str::from_utf8(record).map_err(|error| error.to_string());
        let entry = |record| ExceptionEntry::read(record).map_err(|error| error.to_string());
        let unreadable = |record: &[u8], problem| {
            let record = String::from_utf8_lossy(record).into_owned();
            Unreadable { topic: topic.name(), problem, record }
        };
        let mut read = Pending::default();
        for record in records {
            let result = match topic {
                OutputTopic::Views => {
                    text(record).and_then(|line| RowChange::read(time, line)).map(|change| read.changes.push(change))
                }
                OutputTopic::Exceptions => text(record)
                    .and_then(|line| entry(line.trim_end()))
                    .map(|entry| read.exceptions.push((time, Arc::new(entry)))),
                OutputTopic::Decisions | OutputTopic::Late | OutputTopic::DeadLetter => Ok(()),
            };
            result.map_err(|problem| unreadable(record, problem))?;
        }
        let mut pending = self.pending();
        pending.changes.append(&mut read.changes);
        pending.exceptions.append(&mut read.exceptions);
        Ok(())
    }

    /// Closes tick `time`: readers see the records that were applied up to it from now on.
    pub fn closed(&self, time: i64) {
        let (changes, entries) = self.pending().take(time);
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        current.expire(time);
        if !changes.is_empty() {
            current.tables.views_time = time;
        }
        changes.into_iter().for_each(|change| current.change(change));
        entries.iter().for_each(|entry| current.tables.record_exception(entry));
        current.tables.time = Some(time);
        let emitted = floor_to(time, self.0.emit_ms);
        current.tables.views_time = current.tables.views_time.max(emitted);
        drop(current);
        if !entries.is_empty() {
            self.0.events.append(entries);
        }
    }

    /// Returns the last closed tick.
    pub fn time(&self) -> Option<i64> {
        self.current().tables.time
    }

    /// Returns the view at this place in [`layouts`]; `None` before the first closed tick.
    pub fn view(&self, place: usize) -> Option<ViewAt> {
        let current = self.current();
        let tables = &current.tables;
        let rows = tables.views.get(place)?.clone();
        tables.time.map(|closed_time| ViewAt { time: tables.views_time, closed_time, rows })
    }

    /// Returns the open exceptions that `filter` accepts; `None` before the first closed tick.
    pub fn open(&self, filter: &Filter) -> Option<OpenAt> {
        let current = self.current();
        let tables = &current.tables;
        let open = tables.open.values().filter(|entry| filter.accepts(entry)).cloned().collect();
        tables.time.map(|time| OpenAt { time, last: tables.last, open })
    }

    /// Returns every view, in the order of [`layouts`], at one tick; `None` before the first closed tick.
    pub fn views(&self) -> Option<Vec<ViewAt>> {
        let tables = self.snapshot();
        let at = |closed_time, rows| ViewAt { time: tables.views_time, closed_time, rows };
        tables.time.map(|time| tables.views.into_iter().map(|rows| at(time, rows)).collect())
    }

    /// Returns the number of rows of each view, by name.
    pub fn rows(&self) -> Vec<(&'static str, usize)> {
        let current = self.current();
        layouts().iter().zip(&current.tables.views).map(|(layout, rows)| (layout.name, rows.len())).collect()
    }

    /// Returns the number of open exceptions of each type, 0 included.
    pub fn open_by_type(&self) -> BTreeMap<&'static str, i64> {
        let mut open: BTreeMap<&str, i64> = KINDS.iter().map(|kind| (kind.name, 0)).collect();
        for (kind, _) in self.current().tables.open.keys() {
            *open.entry(kind.as_str()).or_default() += 1;
        }
        open
    }

    /// Returns the last exceptions records.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    pub(super) fn snapshot(&self) -> TablesSnapshot {
        self.current().tables.clone()
    }
}

impl TablesSnapshot {
    fn record_exception(&mut self, entry: &Arc<ExceptionEntry>) {
        let key = (entry.kind, entry.exception_id.clone());
        if entry.status == Status::Cleared {
            self.open.remove(&key);
        } else {
            self.open.insert(key, entry.clone());
        }
        self.last = self.last.max(Some(entry.id));
    }
}

impl Current {
    /// Removes the rows that settled 26 h ago.
    fn expire(&mut self, time: i64) {
        while let Some((_, view, key)) = self.settled.pop_front_if(|(expires_at, ..)| *expires_at <= time) {
            // A row that was inserted again since then is kept.
            self.tables.views[view].remove_if(&key, |row| row.expires_at <= time);
        }
    }

    fn change(&mut self, RowChange { view, key, value }: RowChange) {
        match value {
            None => _ = self.tables.views[view].remove(&key),
            Some((value, expires_at)) => {
                if expires_at != NEVER {
                    self.settled.push_back((expires_at, view, key.clone()));
                }
                self.tables.views[view].set(Row { key, value, expires_at });
            }
        }
    }
}
