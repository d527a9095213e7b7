//! What leaves: the records of the five output topics, numbered within their tick, when the tick has closed.
//!
//! [`crate::emission::buffer`] gathers them and says what is due; the writer puts that in order, numbers and encodes it, while the
//! worker goes on. Nothing here does input or output.

use std::collections::BTreeMap;

use contract::output::OutputTopic;
use contract::time::Time;

/// Records of one topic (and view) that leave at one tick, in order.
pub trait Records: Send {
    /// How many.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives each record, with its table, to the encoder, numbering from `seq`.
    fn encode(&self, time: Time, seq: u64, encoder: &mut dyn Encoder);

    /// Counts them for the summary.
    fn tally(&self, written: &mut Written);
}

/// What was written, for the summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Records by topic.
    pub records: BTreeMap<&'static str, u64>,
    /// Rows standing at the end, by view.
    pub rows: BTreeMap<&'static str, i64>,
    /// Exceptions by type and event.
    pub exceptions: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Turns records into bytes; implemented where they are written.
pub trait Encoder {
    /// Takes one record of a table.
    fn record(&mut self, table: &'static str, record: &dyn erased::Record);
}

/// Serialization through a trait object.
pub mod erased {
    use std::io;

    /// Something that writes itself as JSON.
    pub trait Record {
        /// Appends the record as one JSON object.
        ///
        /// # Errors
        /// What the writer says.
        fn write_json(&self, into: &mut Vec<u8>) -> io::Result<()>;
    }

    impl<T: serde::Serialize> Record for T {
        fn write_json(&self, into: &mut Vec<u8>) -> io::Result<()> {
            serde_json::to_writer(into, self).map_err(io::Error::from)
        }
    }
}

/// Puts what has gathered into records.
pub type BuildRecords = Box<dyn FnOnce() -> Box<dyn Records> + Send>;

/// What is due to leave, not yet in order: that is work for whoever writes it.
pub struct PendingEmission {
    /// Its tick.
    pub time: Time,
    /// Its topic.
    pub topic: OutputTopic,
    /// Puts it in order.
    pub build: BuildRecords,
}

impl PendingEmission {
    /// Puts it in order; nothing may be left of it.
    pub fn emission(self) -> Option<Emission> {
        let PendingEmission { time, topic, build } = self;
        Some(Emission { time, topic, records: build() }).filter(|emission| !emission.records.is_empty())
    }
}

/// Records on their way to the writer.
pub struct Emission {
    /// Their tick.
    pub time: Time,
    /// Their topic.
    pub topic: OutputTopic,
    /// The records; those of a topic's later emissions of the same tick are numbered on.
    pub records: Box<dyn Records>,
}

/// How far the records of each topic are numbered, in the tick it has come to.
#[derive(Default)]
pub struct Numbers(BTreeMap<OutputTopic, (Time, u64)>);

impl Numbers {
    /// The number of the first record of an emission; the topic's next emission of the same tick goes on behind the last.
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
