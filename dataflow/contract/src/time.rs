//! Ticks, causes, and helpers for spans of time (contract §1).
//!
//! Three times, never mixed: *event time* (when it happened) and *ingest time* (when the log took it) are data;
//! the *tick* is the engine's time, `ceil(ingest_time / tick_ms) · tick_ms`. All are milliseconds since 1970 UTC.

use serde::{Deserialize, Serialize};

use crate::event::Topic;
use crate::ids::EventId;

/// The engine's time: a tick in milliseconds.
pub type Time = i64;

/// The cause of an output: the least (topic, event_id) among the records that led to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// A record.
    Record {
        /// The topic it came from.
        topic: Topic,
        /// The event id in that topic.
        event_id: EventId,
    },
    /// A program, by its fingerprint, that judges otherwise than the one before it.
    Program(EventId),
}

/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// A quarter of an hour in milliseconds.
pub const QUARTER_MS: i64 = 15 * MINUTE_MS;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One UTC day in milliseconds.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// `instant` floored to a multiple of `span_ms`.
pub fn floor_to(instant: i64, span_ms: i64) -> i64 {
    instant - instant.rem_euclid(span_ms)
}

/// The start of the minute of `instant`.
pub fn minute(instant: i64) -> i64 {
    floor_to(instant, MINUTE_MS)
}

/// The start of the quarter of an hour of `instant`.
pub fn quarter(instant: i64) -> i64 {
    floor_to(instant, QUARTER_MS)
}

/// The start of the hour of `instant`.
pub fn hour(instant: i64) -> i64 {
    floor_to(instant, HOUR_MS)
}

/// The start of the UTC day of `instant`.
pub fn day(instant: i64) -> i64 {
    floor_to(instant, DAY_MS)
}
