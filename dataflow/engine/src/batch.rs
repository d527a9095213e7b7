//! Records bound to their ticks, whole ticks at a time.

use contract::event::Topic;
use contract::time::Time;

use crate::edge::Admitted;
use crate::error::Error;

/// A record bound to its tick.
pub type Bound = (Time, Topic, Admitted);

/// Records of whole ticks, in order of tick, topic and position: nothing earlier than `upto` is missing.
pub struct Batch {
    /// The records.
    pub records: Vec<Bound>,
    /// The last tick they belong to.
    pub upto: Time,
}

/// Records in order of tick, whole ticks at a time.
pub trait Batches: Send {
    /// Why a log cannot be read, or the engine's own failure.
    type Error: From<Error> + Send;

    /// The first tick: that of the smallest ingest time of all topics.
    fn first(&self) -> Option<Time>;

    /// The last tick to be reached even without records.
    fn until(&self) -> Option<Time>;

    /// The next records, `None` at the end.
    ///
    /// # Errors
    /// If a log cannot be read.
    fn next_batch(&mut self) -> Result<Option<Batch>, Self::Error>;

    /// Ingest times that were smaller than the one before them, by topic.
    fn disordered(&self) -> Vec<(Topic, u64)>;
}
