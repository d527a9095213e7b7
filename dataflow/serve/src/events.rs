//! The last exceptions records, kept so that a reader who lost the line can go on where it was.
//!
//! State: at most so many records as the configuration says; the oldest go first. A reader holds a position, the name of
//! the last record it has; when what follows it is gone, it is told so instead of missing something silently.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::exception_record::{Name, Told};

/// How many records are kept unless told otherwise.
pub const KEPT: usize = 10_000;

/// How many records a reader takes at a time.
const AT_ONCE: usize = 256;

/// What follows a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// These, in order; perhaps none yet.
    Records(Vec<Arc<Told>>),
    /// Something that is gone; go on after this position with what stands open then.
    Gap(Option<Name>),
}

/// The last records; clones share them.
#[derive(Clone)]
pub struct Events(Arc<Shared>);

struct Shared {
    ring: Mutex<Ring>,
    /// Told of every closed tick that said something.
    news: watch::Sender<()>,
}

struct Ring {
    records: VecDeque<Arc<Told>>,
    keep: usize,
    /// The last record that is no longer here.
    gone: Option<Name>,
}

impl Events {
    /// Begins after `last`.
    pub fn after(last: Option<Name>) -> Self {
        let ring = Ring { records: VecDeque::new(), keep: KEPT, gone: last };
        Events(Arc::new(Shared { ring: Mutex::new(ring), news: watch::Sender::new(()) }))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps so many from now on.
    pub fn keep(&self, count: usize) {
        let mut ring = self.ring();
        ring.keep = count.max(1);
        ring.trim();
    }

    /// Takes the records of a closed tick.
    pub fn tell(&self, records: impl IntoIterator<Item = Arc<Told>>) {
        let mut ring = self.ring();
        ring.records.extend(records);
        ring.trim();
        drop(ring);
        self.0.news.send_replace(());
    }

    /// The name of the newest record.
    pub fn newest(&self) -> Option<Name> {
        let ring = self.ring();
        ring.records.back().map(|told| told.name).or(ring.gone)
    }

    /// What follows a position; `None` is before every record.
    pub fn next(&self, position: Option<Name>) -> Next {
        let ring = self.ring();
        if position < ring.gone {
            return Next::Gap(ring.records.back().map(|told| told.name).or(ring.gone));
        }
        let first = ring.records.partition_point(|told| Some(told.name) <= position);
        Next::Records(ring.records.iter().skip(first).take(AT_ONCE).cloned().collect())
    }

    /// Tells when there is something new.
    pub fn news(&self) -> watch::Receiver<()> {
        self.0.news.subscribe()
    }
}

impl Ring {
    fn trim(&mut self) {
        while self.records.len() > self.keep {
            self.gone = self.records.pop_front().map(|told| told.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::exception::Severity;
    use contract::ids::{EventId, Id};
    use contract::record::{Event, Status};

    fn told(time: i64, seq: u64) -> Arc<Told> {
        Arc::new(Told {
            name: (time, seq),
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

    fn names(next: Next) -> Result<Vec<Name>, Option<Name>> {
        match next {
            Next::Records(records) => Ok(records.iter().map(|told| told.name).collect()),
            Next::Gap(position) => Err(position),
        }
    }

    #[test]
    fn a_reader_goes_on_where_it_was_or_hears_of_the_gap() {
        let events = Events::after(None);
        events.keep(3);
        events.tell([told(10, 0), told(10, 1)]);
        assert_eq!(names(events.next(None)), Ok(vec![(10, 0), (10, 1)]));
        assert_eq!(names(events.next(Some((10, 0)))), Ok(vec![(10, 1)]));
        events.tell([told(20, 0), told(30, 0)]);
        // (10, 0) is gone: who has it misses nothing, who does not hears so.
        assert_eq!(names(events.next(Some((10, 0)))), Ok(vec![(10, 1), (20, 0), (30, 0)]));
        assert_eq!(names(events.next(None)), Err(Some((30, 0))));
        assert_eq!(names(events.next(Some((30, 0)))), Ok(vec![]));
        assert_eq!(names(events.next(Some((99, 0)))), Ok(vec![]));
        assert_eq!(events.newest(), Some((30, 0)));
    }

    #[test]
    fn what_was_told_before_a_restart_is_gone() {
        let events = Events::after(Some((30, 4)));
        assert_eq!(names(events.next(Some((30, 3)))), Err(Some((30, 4))));
        assert_eq!(names(events.next(Some((30, 4)))), Ok(vec![]));
        events.tell([told(40, 0)]);
        assert_eq!(names(events.next(Some((30, 4)))), Ok(vec![(40, 0)]));
    }
}
