//! Fates of records: accepted, duplicate, late or dead, and the header of a record that carries its fate (contract §2).

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

/// The fate of a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// Accepted: it takes effect.
    Accepted,
    /// A duplicate.
    Duplicate,
    /// Late, by this many milliseconds.
    Late(i64),
    /// A dead letter, with the reason and the bad field.
    Dead(DeadReason, Option<String>),
}

/// The fields of a record that its fate is reported with; headers order by topic, then by place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordHeader {
    /// The topic.
    pub topic: Topic,
    /// The original record, if its fate may be published.
    pub original: Option<Box<OriginalRecord>>,
    /// The record's store, if it names one.
    pub store: Option<Id>,
    /// The event time, if it could be read.
    pub event_time: Option<i64>,
}

/// A record that may be late or is dead, with its original line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OriginalRecord {
    /// The place in the topic.
    pub place: Place,
    /// The event id, if it could be read.
    pub event_id: Option<EventId>,
    /// The original line.
    pub raw: Raw,
}

/// An original line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Raw {
    /// Text.
    Text(Box<str>),
    /// Not UTF-8.
    Bytes(Box<[u8]>),
}

impl Raw {
    /// Copies a line.
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
    /// The fate.
    pub outcome: Outcome,
}
