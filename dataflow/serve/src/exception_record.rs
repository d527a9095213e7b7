//! A record of the exceptions topic as readers get it: its line, and what they may ask for it by.

use std::borrow::Cow;

use contract::exception::Severity;
use contract::ids::{EventId, Id};
use contract::record::{Event, Status};
use serde::Deserialize;

/// The role that may see restricted exceptions.
pub const RESTRICTED_ROLE: &str = "loss_prevention";

/// The name of a record within its topic, for ever: its tick and its place there.
pub type RecordId = (i64, u64);

/// One record of the exceptions topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionEntry {
    /// Its name.
    pub id: RecordId,
    /// The exception's type.
    pub kind: Id,
    /// The exception's id.
    pub exception_id: EventId,
    /// What it tells.
    pub event: Event,
    /// Where the exception stands after it.
    pub status: Status,
    /// How bad the exception is.
    pub severity: Severity,
    /// Its store, if it has one.
    pub store: Option<Id>,
    /// For few eyes only.
    pub restricted: bool,
    /// The record itself.
    pub line: Box<str>,
}

/// What is read of the record; the rest stays text.
#[derive(Deserialize)]
struct Line<'a> {
    time: i64,
    seq: u64,
    #[serde(borrow)]
    exception_id: Cow<'a, str>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    event: Event,
    status: Status,
    severity: Severity,
    restricted: bool,
    #[serde(borrow, default)]
    store_id: Option<Cow<'a, str>>,
}

impl ExceptionEntry {
    /// Reads a record.
    ///
    /// # Errors
    /// If it is no record of the exceptions topic.
    pub fn read(line: &str) -> Result<Self, serde_json::Error> {
        let read: Line<'_> = serde_json::from_str(line)?;
        Ok(ExceptionEntry {
            id: (read.time, read.seq),
            kind: Id::new(&read.r#type),
            exception_id: EventId::from(read.exception_id),
            event: read.event,
            status: read.status,
            severity: read.severity,
            store: read.store_id.map(|store| Id::new(&store)),
            restricted: read.restricted,
            line: line.into(),
        })
    }
}

/// Writes a name as `time.seq`.
pub fn write_record_id((time, seq): RecordId) -> String {
    format!("{time}.{seq}")
}

/// Reads a name as [`write_record_id`] wrote it.
pub fn read_record_id(text: &str) -> Option<RecordId> {
    let (time, seq) = text.split_once('.')?;
    Some((time.parse().ok()?, seq.parse().ok()?))
}

/// Which exceptions a reader asks for, and may see.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this type.
    pub kind: Option<String>,
    /// Only those of this store.
    pub store: Option<String>,
    /// Only those that stand so.
    pub status: Option<Status>,
    /// Only those as bad as this.
    pub severity: Option<Severity>,
    /// Restricted ones too.
    pub sees_restricted: bool,
}

impl Filter {
    /// Whether this one is asked for and may be seen.
    pub fn accepts(&self, entry: &ExceptionEntry) -> bool {
        (self.sees_restricted || !entry.restricted)
            && self.kind.as_deref().is_none_or(|kind| kind == entry.kind.as_str())
            && self.store.as_deref().is_none_or(|store| entry.store.is_some_and(|held| held.as_str() == store))
            && self.status.is_none_or(|status| status == entry.status)
            && self.severity.is_none_or(|severity| severity == entry.severity)
    }
}
