//! Where records go: one partition of one topic, appended to in order by one writer.
//!
//! A sink whose tail was read has the partition for itself. It knows where the next record stands, and stops with a final
//! error as soon as it sees that another writer appended, or that records which stood are gone. A sink whose tail is never
//! read may share a partition of a broker with other writers.

use crate::error::Error;

/// A partition being appended to.
pub trait Sink: Send {
    /// Appends records in order. `Ok` means that they are written, every one, and survive the death of this process.
    ///
    /// # Errors
    /// If that cannot be said of all of them. Any of them may stand then, in any order, even more than once: the caller
    /// reads the tail before it goes on (the outbox does). Unless the error is final (`Error::is_final`) the sink
    /// is good for [`Sink::tail`] and [`Sink::append`] again, which connect anew if they must. Finally, if another writer
    /// appended since the tail was read, or the partition was cut off or created anew.
    fn append(&mut self, records: &[Vec<u8>]) -> Result<(), Error>;

    /// The last `count` records (all, if there are fewer), in order. What a killed writer left half written is no record
    /// and is removed; a whole record never is, as a reader may have taken it.
    ///
    /// # Errors
    /// If they cannot be read; finally, if records stand there that nobody but another writer can have written, or records
    /// that stood are gone.
    fn tail(&mut self, count: usize) -> Result<Vec<Vec<u8>>, Error>;
}
