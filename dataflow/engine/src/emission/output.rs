//! Emissions of closed ticks: the records of the five output topics, numbered within their tick.
//!
//! [`crate::emission::buffer`] returns emissions that are due; the writer thread puts them in order, numbers and
//! encodes them, while the worker continues. Nothing here does input or output.

use std::collections::BTreeMap;

use contract::output::OutputTopic;
use contract::time::Time;

/// The records of one topic (and view) at one tick, in order.
pub trait Records: Send {
    /// Returns the number of records.
    fn len(&self) -> usize;

    /// Returns true if there are no records.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Passes each record with its table to the encoder, numbered from `seq`.
    fn encode(&self, time: Time, seq: u64, encoder: &mut dyn Encoder);

    /// Adds the records to the summary.
    fn tally(&self, written: &mut Written);
}

/// The summary of the written records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Counts of records by topic.
    pub records: BTreeMap<&'static str, u64>,
    /// Counts of rows at the end, by view.
    pub rows: BTreeMap<&'static str, i64>,
    /// Counts of exceptions by type and event.
    pub exceptions: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Encodes records; implemented by each output format.
pub trait Encoder {
    /// Takes one record of a table.
    fn record(&mut self, table: &'static str, record: &dyn erased::Record);
}

/// Serialization through a trait object.
pub mod erased {
    use std::io;

    /// A record that encodes itself as JSON.
    pub trait Record {
        /// Appends the record as one JSON object.
        ///
        /// # Errors
        /// The error of the writer.
        fn write_json(&self, into: &mut Vec<u8>) -> io::Result<()>;
    }

    impl<T: serde::Serialize> Record for T {
        fn write_json(&self, into: &mut Vec<u8>) -> io::Result<()> {
            serde_json::to_writer(into, self).map_err(io::Error::from)
        }
    }
}

/// Builds the records of an emission and puts them in order.
pub type BuildRecords = Box<dyn FnOnce() -> Box<dyn Records> + Send>;

/// An emission that is due and whose records are not built yet; the writer thread builds them.
pub struct PendingEmission {
    /// Its tick.
    pub time: Time,
    /// Its topic.
    pub topic: OutputTopic,
    /// Builds the records.
    pub build: BuildRecords,
}

impl PendingEmission {
    /// Builds the emission; `None` if it has no records.
    pub fn emission(self) -> Option<Emission> {
        let PendingEmission { time, topic, build } = self;
        Some(Emission { time, topic, records: build() }).filter(|emission| !emission.records.is_empty())
    }
}

/// An emission with its records.
pub struct Emission {
    /// Their tick.
    pub time: Time,
    /// Their topic.
    pub topic: OutputTopic,
    /// The records; later emissions of the same topic and tick continue the numbering.
    pub records: Box<dyn Records>,
}

/// The next sequence number of each topic, and the tick it belongs to.
#[derive(Default)]
pub struct Numbers(BTreeMap<OutputTopic, (Time, u64)>);

impl Numbers {
    /// Returns the number of the first record of an emission and reserves the numbers of all its records.
    pub fn take(&mut self, emission: &Emission) -> u64 {
        let (time, next) = self.0.entry(emission.topic).or_insert((emission.time, 0));
        if *time != emission.time {
            (*time, *next) = (emission.time, 0);
        }
        let first = *next;
        *next += emission.records.len() as u64;
        first
    }
}
