//! The last exceptions records, for clients that resume the stream of exceptions.
//!
//! State: a configured number of records; the oldest are dropped first. A reader holds a position, the id of its last
//! record. If a record behind the position has been dropped, the reader gets a gap instead of missing it silently.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::exception_record::{ExceptionEntry, RecordId};

/// The default number of records.
pub const DEFAULT_CAPACITY: usize = 10_000;

/// The number of records that a reader gets at once.
const BATCH: usize = 256;

/// The continuation at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next records, in order; may be empty.
    Records(Vec<Arc<ExceptionEntry>>),
    /// Records have been dropped: read the open exceptions again and continue after this position.
    Gap(Option<RecordId>),
}

/// The last records; clones share them.
#[derive(Clone)]
pub struct Events(Arc<Shared>);

struct Shared {
    buffer: Mutex<Buffer>,
    /// Notifies readers of every closed tick with records.
    changed: watch::Sender<()>,
}

struct Buffer {
    records: VecDeque<Arc<ExceptionEntry>>,
    capacity: usize,
    /// The id of the last dropped record.
    dropped: Option<RecordId>,
}

impl Events {
    /// Creates an empty buffer; the last record before it has the id `last`.
    pub fn after(last: Option<RecordId>) -> Self {
        let buffer = Buffer { records: VecDeque::new(), capacity: DEFAULT_CAPACITY, dropped: last };
        Events(Arc::new(Shared { buffer: Mutex::new(buffer), changed: watch::Sender::new(()) }))
    }

    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.0.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the number of records to keep.
    pub fn set_capacity(&self, count: usize) {
        let mut buffer = self.buffer();
        buffer.capacity = count.max(1);
        buffer.trim();
    }

    /// Appends the records of a closed tick.
    pub fn append(&self, records: impl IntoIterator<Item = Arc<ExceptionEntry>>) {
        let mut buffer = self.buffer();
        buffer.records.extend(records);
        buffer.trim();
        drop(buffer);
        self.0.changed.send_replace(());
    }

    /// Returns the id of the newest record.
    pub fn newest(&self) -> Option<RecordId> {
        let buffer = self.buffer();
        buffer.records.back().map(|entry| entry.id).or(buffer.dropped)
    }

    /// Returns the continuation at a position; `None` is before every record.
    pub fn next(&self, position: Option<RecordId>) -> Next {
        let buffer = self.buffer();
        if position < buffer.dropped {
            return Next::Gap(buffer.records.back().map(|entry| entry.id).or(buffer.dropped));
        }
        let first = buffer.records.partition_point(|entry| Some(entry.id) <= position);
        Next::Records(buffer.records.iter().skip(first).take(BATCH).cloned().collect())
    }

    /// Returns a receiver that is notified of new records.
    pub fn changed(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }
}

impl Buffer {
    fn trim(&mut self) {
        while self.records.len() > self.capacity {
            self.dropped = self.records.pop_front().map(|entry| entry.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::exception::Severity;
    use contract::ids::{EventId, Id};
    use contract::record::{Event, Status};

    fn entry(time: i64, seq: u64) -> Arc<ExceptionEntry> {
        Arc::new(ExceptionEntry {
            id: (time, seq),
            kind: Id::new("labor.coverage_gap"),
            exception_id: EventId::from("x"),
            event: Event::Opened,
            status: Status::Open,
            severity: Severity::High,
            store: None,
            restricted: false,
            line: "{}".into(),
        })
    }

    fn ids(next: Next) -> Result<Vec<RecordId>, Option<RecordId>> {
        match next {
            Next::Records(records) => Ok(records.iter().map(|entry| entry.id).collect()),
            Next::Gap(position) => Err(position),
        }
    }

    #[test]
    fn a_reader_resumes_at_its_position_or_gets_a_gap() {
        let events = Events::after(None);
        events.set_capacity(3);
        events.append([entry(10, 0), entry(10, 1)]);
        assert_eq!(ids(events.next(None)), Ok(vec![(10, 0), (10, 1)]));
        assert_eq!(ids(events.next(Some((10, 0)))), Ok(vec![(10, 1)]));
        events.append([entry(20, 0), entry(30, 0)]);
        // (10, 0) is dropped: who has it misses nothing, who does not hears so.
        assert_eq!(ids(events.next(Some((10, 0)))), Ok(vec![(10, 1), (20, 0), (30, 0)]));
        assert_eq!(ids(events.next(None)), Err(Some((30, 0))));
        assert_eq!(ids(events.next(Some((30, 0)))), Ok(vec![]));
        assert_eq!(ids(events.next(Some((99, 0)))), Ok(vec![]));
        assert_eq!(events.newest(), Some((30, 0)));
    }

    #[test]
    fn records_before_a_restart_are_a_gap() {
        let events = Events::after(Some((30, 4)));
        assert_eq!(ids(events.next(Some((30, 3)))), Err(Some((30, 4))));
        assert_eq!(ids(events.next(Some((30, 4)))), Ok(vec![]));
        events.append([entry(40, 0)]);
        assert_eq!(ids(events.next(Some((30, 4)))), Ok(vec![(40, 0)]));
    }
}
