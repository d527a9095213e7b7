//! Where records come from: one partition of one topic, read in order, from a position that outlives the process.
//!
//! A source moves bytes and says where they stood; what they mean is for the codec and its caller.
//!
//! ```text
//!            open(start)                 poll                        poll
//!   config ─────────────► Source ──► Polled::Records ──► … ──► Polled::Idle (at the end) ──► …
//!                           │                                  Polled::Waiting (nothing came, records may stand unread)
//!                           │                                  Polled::Ended (nothing ever again)
//!                           └──► Err: nothing was skipped; polling again tries the same place
//! ```
//!
//! *What an error means.* No record is lost by one. Records that were read before the transport failed are given first, and
//! the error by the next poll; or the source goes back to the place after the last record given and reads them again.
//! The contract (`contract::loses_nothing_when_a_read_fails`) fails every read in turn and compares.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A place in a partition: between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Records before it. In a broker this is the offset of the next record, in a file of lines the lines before it.
    pub record: u64,
    /// Bytes before it, where the transport counts them; 0 elsewhere.
    pub byte: u64,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record there is.
    #[default]
    Beginning,
    /// After the newest record there is.
    End,
    /// Where an earlier reader left off.
    At(Position),
}

/// One record as the transport has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The place after it: where to go on once it is taken.
    pub next: Position,
    /// When the log took it (milliseconds since 1970 UTC), where the transport says so.
    pub logged_at: Option<i64>,
    /// Its bytes.
    pub payload: Vec<u8>,
}

impl Message {
    /// The number of this record in its partition: from 0 in a broker, from 0 for the first line of a file.
    pub fn record(&self) -> u64 {
        self.next.record - 1
    }
}

/// What a poll came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// At least one record; dense and in order.
    Records(Vec<Message>),
    /// Nothing: the partition is at its end, no record stood unread.
    Idle,
    /// Nothing came, though records may stand unread: they are on their way, or the end could not be asked for.
    Waiting,
    /// Nothing ever again: the end this source was opened to stop at is reached.
    Ended,
}

/// A partition being read.
pub trait Source: Send {
    /// The next records, at most `limit` (≥ 1) of them; waits up to `patience` for the first.
    ///
    /// # Errors
    /// If the partition cannot be read; the error names topic, partition and offset. It comes instead of records, never
    /// after some were taken off the transport and dropped: [`Source::position`] is the place after the last record given,
    /// and unless the error is final (`Error::is_final`), polling again goes on there.
    fn poll(&mut self, limit: usize, patience: Duration) -> Result<Polled, Error>;

    /// The place after the last record given.
    fn position(&self) -> Position;

    /// Goes to a place that was the place after a record given, or where this source began: the next record given is the one
    /// after it.
    ///
    /// # Errors
    /// Finally, if the partition no longer has that place, where that can be seen at once.
    fn seek(&mut self, to: Position) -> Result<(), Error>;

    /// Records between that place and the end of the partition, where that can be told.
    fn behind(&mut self) -> Option<u64>;
}
