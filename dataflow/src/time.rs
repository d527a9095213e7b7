//! The words for time and change: ticks, differences with their cause, and collections of both.
//!
//! Three times, never mixed: *event time* (when it happened) and *ingest time* (when the log took it) are data;
//! the *tick* is the engine's time, `ceil(ingest_time / tick_ms) · tick_ms`. All are milliseconds since 1970 UTC.
//! No other file spells a differential type.

use operators::diff::Traced;

use crate::event::Topic;
use crate::ids::EventId;
use serde::{Deserialize, Serialize};

/// The engine's time: a tick in milliseconds.
pub type Time = i64;

/// What is behind an output: the least (topic, event_id) among the records that led to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// A record.
    Record {
        /// The topic it came from.
        topic: Topic,
        /// Its name there.
        event_id: EventId,
    },
    /// A program, by its fingerprint, that judges otherwise than the one before it.
    Program(EventId),
}

/// How many, and because of which record.
pub type Diff = Traced<i64, Cause>;

/// A maintained collection of `D`.
pub type Collection<'scope, D> = operators::driver::Traces<'scope, D, i64, Cause>;

/// What flows into a keyed operator: several collections, each at a port of its own.
pub type Inputs<'scope, K, I> = operators::inputs::Inputs<'scope, K, I, i64, Cause>;

/// A maintained sum per `D`.
pub type Sums<'scope, D, R> = operators::driver::Traces<'scope, D, R, Cause>;

/// The same rows, with no record to blame: for what explains an exception but does not decide it.
pub fn unblamed<D: Clone + 'static>(rows: Collection<'_, D>) -> Collection<'_, D> {
    use differential_dataflow::collection::AsCollection;
    use timely::dataflow::operators::vec::Map;
    rows.inner.map(|(row, tick, change)| (row, tick, Traced::new(change.diff, None))).as_collection()
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
