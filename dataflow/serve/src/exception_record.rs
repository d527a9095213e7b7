//! An exceptions record as clients get it, with the fields by which they filter.

use std::borrow::Cow;

use contract::exception::Severity;
use contract::ids::{EventId, Id};
use contract::record::{Event, Status};
use serde::Deserialize;

/// The role that may see restricted exceptions.
pub const RESTRICTED_ROLE: &str = "loss_prevention";

/// The id of a record within its topic: its tick and its sequence number.
pub type RecordId = (i64, u64);

/// One record of the exceptions topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionEntry {
    /// The id of the record.
    pub id: RecordId,
    /// The type of the exception.
    pub kind: Id,
    /// The id of the exception.
    pub exception_id: EventId,
    /// The event that the record reports.
    pub event: Event,
    /// The status of the exception after it.
    pub status: Status,
    /// The severity of the exception.
    pub severity: Severity,
    /// The store of the exception, if it has one.
    pub store: Option<Id>,
    /// True if only holders of [`RESTRICTED_ROLE`] may see the record.
    pub restricted: bool,
    /// The record as JSON text.
    pub line: Box<str>,
}

/// The fields that are read of a record; the rest stays text.
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
    /// If the text is no record of the exceptions topic.
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

/// Formats a record id as `time.seq`.
pub fn write_record_id((time, seq): RecordId) -> String {
    format!("{time}.{seq}")
}

/// Parses a record id; `None` if the text is no `time.seq`.
pub fn read_record_id(text: &str) -> Option<RecordId> {
    let (time, seq) = text.split_once('.')?;
    Some((time.parse().ok()?, seq.parse().ok()?))
}

/// The filter of a query, and the permission of the client.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this type.
    pub kind: Option<String>,
    /// Only this store.
    pub store: Option<String>,
    /// Only this status.
    pub status: Option<Status>,
    /// Only this severity.
    pub severity: Option<Severity>,
    /// True if the client may see restricted exceptions.
    pub sees_restricted: bool,
}

impl Filter {
    /// Returns true if the entry matches the filter and the client may see it.
    pub fn accepts(&self, entry: &ExceptionEntry) -> bool {
        (self.sees_restricted || !entry.restricted)
            && self.kind.as_deref().is_none_or(|kind| kind == entry.kind.as_str())
            && self.store.as_deref().is_none_or(|store| entry.store.is_some_and(|held| held.as_str() == store))
            && self.status.is_none_or(|status| status == entry.status)
            && self.severity.is_none_or(|severity| severity == entry.severity)
    }
}
