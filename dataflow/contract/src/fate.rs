//! The fate of a record: accepted, a duplicate, too late, or dead; and what is kept of the record until its fate is known.

use serde::{Deserialize, Serialize};

use crate::event::Topic;
use crate::ids::{EventId, Id};
use crate::place::Place;

/// Why a record is in the dead letters; they order by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// It says it happened too far ahead.
    Future,
    /// A value is wrong.
    Invalid,
    /// It cannot be read.
    Malformed,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// It stands.
    Accepted,
    /// It says nothing new.
    Duplicate,
    /// Too late, by this many milliseconds.
    Late(i64),
    /// Not taken, for this reason and because of this field.
    Dead(DeadReason, Option<String>),
}

/// What must be kept of a record until its fate is known; records order by topic, then by place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordHeader {
    /// Its topic.
    pub topic: Topic,
    /// The record itself, if its fate may have to be told.
    pub original: Option<Box<OriginalRecord>>,
    /// Its store, if it names one.
    pub store: Option<Id>,
    /// Its event time, if it could be read.
    pub event_time: Option<i64>,
}

/// A record that may be too late, or is dead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OriginalRecord {
    /// Its place in its topic.
    pub place: Place,
    /// Its name, if it could be read.
    pub event_id: Option<EventId>,
    /// The line.
    pub raw: Raw,
}

/// A line as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Raw {
    /// Text.
    Text(Box<str>),
    /// Not UTF-8.
    Bytes(Box<[u8]>),
}

impl Raw {
    /// Keeps a line.
    pub fn of(line: &[u8]) -> Self {
        match std::str::from_utf8(line) {
            Ok(text) => Raw::Text(text.into()),
            Err(_) => Raw::Bytes(line.into()),
        }
    }
}

/// A record with its fate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fated {
    /// The record.
    pub header: RecordHeader,
    /// Its fate.
    pub outcome: Outcome,
}
