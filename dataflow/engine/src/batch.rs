//! Batches of records for the workers: each record is bound to its tick, each batch holds whole ticks.

use contract::event::Topic;
use contract::time::Time;

use crate::edge::Admitted;
use crate::error::Error;

/// A record bound to its tick.
pub type Bound = (Time, Topic, Admitted);

/// Records of whole ticks, ordered by tick, topic and position; no record of a tick up to `upto` is missing.
pub struct Batch {
    /// The records.
    pub records: Vec<Bound>,
    /// The last tick of the batch.
    pub upto: Time,
}

/// A source of batches in order of tick.
pub trait Batches: Send {
    /// The error of a log that cannot be read; it includes the engine's own error.
    type Error: From<Error> + Send;

    /// Returns the first tick: that of the smallest ingest time of all topics.
    fn first(&self) -> Option<Time>;

    /// Returns the tick that time must reach even without records.
    fn until(&self) -> Option<Time>;

    /// Returns the next batch, `None` at the end.
    ///
    /// # Errors
    /// If a log cannot be read.
    fn next_batch(&mut self) -> Result<Option<Batch>, Self::Error>;

    /// Returns, by topic, the number of ingest times that were smaller than the one before them.
    fn disordered(&self) -> Vec<(Topic, u64)>;
}
