//! What stands: the rows of every view and the open exceptions, at one closed tick.
//!
//! The writers hand over the encoded records of a tick ([`Board::apply`]), and the last of them closes it
//! ([`Board::closed`]): only then does anything change, all at once, so whoever reads sees one closed tick and never a part
//! of one. Views are emitted at multiples of `emit_ms` and exceptions every tick; both times are shown.
//!
//! State: a row per row of a view ([`Pages`]), a record per open exception, and the records of the tick that is not closed
//! yet. The row of a tumbling window stays for 26 h of ticks after it settled, then goes: the memory is that of the views.
//! Cost of reading: one count per page of some 50 rows while the writer waits, whatever is done with the rows afterwards.

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
use std::borrow::Cow;

use crate::events::Events;
use crate::exception_record::{Filter, Name, Told};
use crate::tables::layout::{Key, layouts, place_of};
use crate::tables::pages::{NEVER, Pages, Row};

/// A record that the job wrote and nobody can read: a defect, not bad data.
#[derive(Debug, thiserror::Error)]
#[error("a record of {topic} cannot be read back: {problem}: {record}")]
pub struct Unreadable {
    topic: &'static str,
    problem: String,
    record: String,
}

/// What changes in a view.
struct Change {
    view: usize,
    key: Key,
    /// The value and when it goes; `None` takes the row away.
    stands: Option<(Box<str>, i64)>,
}

/// The records of ticks that are not closed yet.
#[derive(Default)]
struct Pending {
    changes: Vec<Change>,
    /// With their ticks, in order: exceptions are written ahead of views.
    told: Vec<(i64, Arc<Told>)>,
}

impl Pending {
    /// Takes what is of ticks up to `time`.
    fn take(&mut self, time: i64) -> (Vec<Change>, Vec<Arc<Told>>) {
        let due = self.told.partition_point(|(at, _)| *at <= time);
        (std::mem::take(&mut self.changes), self.told.drain(..due).map(|(_, told)| told).collect())
    }
}

/// What stands at a closed tick.
#[derive(Clone, Default)]
pub(super) struct Stand {
    /// The tick; none has closed yet without it.
    pub(super) time: Option<i64>,
    /// The tick of the last emission of views.
    pub(super) views_time: i64,
    /// The last exceptions record of all.
    pub(super) last: Option<Name>,
    /// The rows of each view, in the order of [`layouts`].
    pub(super) views: Vec<Pages>,
    /// The last record of each open exception, by type and id.
    pub(super) open: BTreeMap<(Id, EventId), Arc<Told>>,
}

/// What is shared: the stand, and the settled rows in the order in which they go.
struct Standing {
    stand: Stand,
    settled: VecDeque<(i64, usize, Key)>,
}

/// A view at a closed tick.
pub struct ViewAt {
    /// The tick of the last emission of views: the rows are of this tick.
    pub time: i64,
    /// The last closed tick.
    pub closed_time: i64,
    /// The rows.
    pub rows: Pages,
}

/// The exceptions that stand open at a closed tick.
pub struct OpenAt {
    /// The last closed tick.
    pub time: i64,
    /// The last exceptions record of all, to go on from.
    pub last: Option<Name>,
    /// The last record of each exception asked for, by type and id.
    pub open: Vec<Arc<Told>>,
}

/// What stands; clones share it.
#[derive(Clone)]
pub struct Board(Arc<Shared>);

struct Shared {
    emit_ms: i64,
    standing: RwLock<Standing>,
    pending: Mutex<Pending>,
    events: Events,
}

/// What is read of a record of the views topic.
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

impl Change {
    fn read(time: i64, line: &str) -> Result<Self, String> {
        let line: ViewLine<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let view = place_of(&line.view).ok_or("there is no such view")?;
        let bad = |bad| format!("its key is wrong: {bad:?}");
        let key = layouts()[view].read_key(line.key.get()).map_err(bad)?;
        let expires_at = if line.op == Op::Settle { time.saturating_add(READABLE_MS) } else { NEVER };
        let stands = match (line.op, line.value) {
            (Op::Delete, _) => None,
            (_, Some(value)) => Some((value.get().into(), expires_at)),
            (_, None) => return Err("it has no value".to_owned()),
        };
        Ok(Change { view, key, stands })
    }
}

impl Board {
    /// Nothing yet, of a job that emits its views at multiples of `emit_ms`.
    pub fn new(emit_ms: i64) -> Self {
        let views = vec![Pages::default(); layouts().len()];
        Board::of(emit_ms, Stand { views, ..Stand::default() })
    }

    pub(super) fn of(emit_ms: i64, stand: Stand) -> Self {
        let mut settled: Vec<(i64, usize, Key)> = Vec::new();
        for (view, rows) in stand.views.iter().enumerate() {
            let goes = rows.iter().filter(|row| row.expires_at != NEVER);
            settled.extend(goes.map(|row| (row.expires_at, view, row.key.clone())));
        }
        settled.sort_unstable();
        let events = Events::after(stand.last);
        let standing = RwLock::new(Standing { stand, settled: settled.into() });
        Board(Arc::new(Shared { emit_ms: emit_ms.max(1), standing, pending: Mutex::default(), events }))
    }

    fn standing(&self) -> RwLockReadGuard<'_, Standing> {
        self.0.standing.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes encoded records of tick `time`, as they leave; readers see them when the tick has closed. Each topic comes in
    /// order of ticks, and views never after a later tick was closed.
    ///
    /// # Errors
    /// If one is not as the job writes them.
    pub fn apply(&self, time: i64, topic: OutputTopic, records: &[Vec<u8>]) -> Result<(), Unreadable> {
        let text = |record| std::str::from_utf8(record).map_err(|error| error.to_string());
        let told = |record| Told::read(record).map_err(|error| error.to_string());
        let unreadable = |record: &[u8], problem| {
            let record = String::from_utf8_lossy(record).into_owned();
            Unreadable { topic: topic.name(), problem, record }
        };
        let mut pending = Pending::default();
        for record in records {
            let read = match topic {
                OutputTopic::Views => {
                    text(record).and_then(|line| Change::read(time, line)).map(|change| pending.changes.push(change))
                }
                OutputTopic::Exceptions => text(record)
                    .and_then(|line| told(line.trim_end()))
                    .map(|told| pending.told.push((time, Arc::new(told)))),
                OutputTopic::Decisions | OutputTopic::Late | OutputTopic::DeadLetter => Ok(()),
            };
            read.map_err(|problem| unreadable(record, problem))?;
        }
        let mut held = self.pending();
        held.changes.append(&mut pending.changes);
        held.told.append(&mut pending.told);
        Ok(())
    }

    /// Tick `time` has closed: what was applied stands from now on.
    pub fn closed(&self, time: i64) {
        let (changes, told) = self.pending().take(time);
        let mut standing = self.0.standing.write().unwrap_or_else(PoisonError::into_inner);
        standing.expire(time);
        if !changes.is_empty() {
            standing.stand.views_time = time;
        }
        changes.into_iter().for_each(|change| standing.change(change));
        told.iter().for_each(|told| standing.stand.tell(told));
        standing.stand.time = Some(time);
        let emitted = floor_to(time, self.0.emit_ms);
        standing.stand.views_time = standing.stand.views_time.max(emitted);
        drop(standing);
        if !told.is_empty() {
            self.0.events.tell(told);
        }
    }

    /// The last closed tick.
    pub fn time(&self) -> Option<i64> {
        self.standing().stand.time
    }

    /// The view at this place in [`layouts`]; `None` before the first closed tick.
    pub fn view(&self, place: usize) -> Option<ViewAt> {
        let standing = self.standing();
        let stand = &standing.stand;
        let rows = stand.views.get(place)?.clone();
        stand.time.map(|closed_time| ViewAt { time: stand.views_time, closed_time, rows })
    }

    /// The open exceptions that `filter` takes; `None` before the first closed tick.
    pub fn open(&self, filter: &Filter) -> Option<OpenAt> {
        let standing = self.standing();
        let stand = &standing.stand;
        let open = stand.open.values().filter(|told| filter.takes(told)).cloned().collect();
        stand.time.map(|time| OpenAt { time, last: stand.last, open })
    }

    /// Every view, in the order of [`layouts`], at one tick; `None` before the first closed tick.
    pub fn views(&self) -> Option<Vec<ViewAt>> {
        let stand = self.stand();
        let at = |closed_time, rows| ViewAt { time: stand.views_time, closed_time, rows };
        stand.time.map(|time| stand.views.into_iter().map(|rows| at(time, rows)).collect())
    }

    /// How many rows each view has, by name.
    pub fn rows(&self) -> Vec<(&'static str, usize)> {
        let standing = self.standing();
        layouts().iter().zip(&standing.stand.views).map(|(layout, rows)| (layout.name, rows.len())).collect()
    }

    /// How many exceptions of each type stand open, 0 included.
    pub fn open_by_type(&self) -> BTreeMap<&'static str, i64> {
        let mut open: BTreeMap<&str, i64> = KINDS.iter().map(|kind| (kind.name, 0)).collect();
        for (kind, _) in self.standing().stand.open.keys() {
            *open.entry(kind.as_str()).or_default() += 1;
        }
        open
    }

    /// The last exceptions records.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    pub(super) fn stand(&self) -> Stand {
        self.standing().stand.clone()
    }
}

impl Stand {
    fn tell(&mut self, told: &Arc<Told>) {
        let name = (told.kind, told.exception_id.clone());
        if told.status == Status::Cleared {
            self.open.remove(&name);
        } else {
            self.open.insert(name, told.clone());
        }
        self.last = self.last.max(Some(told.name));
    }
}

impl Standing {
    /// Lets go of rows that settled 26 h ago.
    fn expire(&mut self, time: i64) {
        while let Some((_, view, key)) = self.settled.pop_front_if(|(expires_at, ..)| *expires_at <= time) {
            // A row that came anew since then stays.
            self.stand.views[view].remove_if(&key, |row| row.expires_at <= time);
        }
    }

    fn change(&mut self, Change { view, key, stands }: Change) {
        match stands {
            None => _ = self.stand.views[view].remove(&key),
            Some((value, expires_at)) => {
                if expires_at != NEVER {
                    self.settled.push_back((expires_at, view, key.clone()));
                }
                self.stand.views[view].set(Row { key, value, expires_at });
            }
        }
    }
}
