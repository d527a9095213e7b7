//! Writes to one partition of a Fluvio topic: one batch out at a time, each waited for.
//!
//! After any failure the producer and its connection are dropped and never asked again: they would keep the records, send
//! them once more, or refuse all that follow. What the dropped producer may still send is a repeat of what its caller
//! sends again, which readers of numbered records drop.
//!
//! Once the tail was read, every answer must name the offset that is next: another one shows another writer, or a topic that
//! was created anew (`SoleWriter`).

use std::ops::Range;
use std::time::Duration;

use crate::error::{Error, Place};
use crate::fluvio::config::FluvioCluster;
use crate::fluvio::runtime::{Client, Failure, Producer};
use crate::fluvio::source::FluvioSource;
use crate::retry::Backoff;
use crate::sink::Sink;
use crate::sole_writer::SoleWriter;
use crate::source::{Position, Source, Start};

/// Bytes of records sent together: a fraction of what any reader asks for at a time.
const BATCH_BYTES: usize = 256 << 10;
/// What a record takes in a batch beside its bytes, at most.
const OVERHEAD: usize = 64;
/// How long the broker may take to say that a batch stands.
const STANDS: Duration = Duration::from_secs(2);
/// The rests before the leader is asked again whether it leads.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(50));
/// Bytes asked for at a time when reading the tail.
const MAX_BYTES: i32 = 8 << 20;

/// A partition being appended to.
pub struct FluvioSink {
    cluster: FluvioCluster,
    place: Place,
    partition: u32,
    connected: Option<(Client, Producer)>,
    writer: SoleWriter,
}

impl FluvioSink {
    /// Opens a partition of a topic.
    ///
    /// # Errors
    /// If the cluster cannot be reached; finally, if there is no such partition.
    pub fn open(cluster: &FluvioCluster, topic: &str, partition: u32) -> Result<FluvioSink, Error> {
        let place = Place { topic: topic.to_owned(), partition: Some(partition), offset: None };
        let writer = SoleWriter::new(place.clone());
        let mut sink =
            FluvioSink { cluster: cluster.clone(), place: place.clone(), partition, connected: None, writer };
        let failed = sink.producer().err();
        failed.map_or(Ok(sink), |failure| Err(failure.at("write", &place)))
    }

    /// A producer whose partition has a leader that answers: just after its start a broker refuses what it is sent.
    fn producer(&mut self) -> Result<&Producer, Failure> {
        if self.connected.is_none() {
            let client = Client::connect(&self.cluster)?;
            let leader = client.leader(&self.place.topic, self.partition)?;
            let (mut backoff, mut rested) = (BACKOFF, Duration::ZERO);
            while let Err(failure) = leader.offsets() {
                if failure.is_final || rested >= STANDS {
                    return Err(failure);
                }
                let rest = backoff.next_rest(STANDS);
                std::thread::sleep(rest);
                rested += rest;
            }
            // Twice the bytes of a batch, so that what is sent together is never sent apart.
            let producer = client.producer(&self.place.topic, self.partition, 2 * BATCH_BYTES)?;
            self.connected = Some((client, producer));
        }
        self.connected.as_ref().map(|(_, producer)| producer).ok_or_else(|| Failure::passing("not connected"))
    }

    fn send(&mut self, batch: &[Vec<u8>]) -> Result<(), Error> {
        let sent = self.producer().and_then(|producer| producer.send(batch, STANDS));
        let sent = sent.map_err(|failure| failure.at("write", &self.place)).and_then(|stored| self.check(stored));
        if sent.is_err() {
            self.connected = None;
            self.writer.failed(batch);
        }
        sent
    }

    /// Fails if records are not stored where they should be.
    fn check(&mut self, stored: Range<u64>) -> Result<(), Error> {
        let (cluster, topic, partition) = (&self.cluster, &self.place.topic, self.partition);
        let read = |between: Range<u64>| {
            let start = Start::At(Position { record: between.start, byte: 0 });
            FluvioSource::open(cluster, topic, partition, start, MAX_BYTES, true)?.read(between)
        };
        self.writer.stored(stored, read)
    }
}

/// The first records that are sent together.
fn first_batch(records: &[Vec<u8>]) -> usize {
    let mut bytes = 0;
    let fits = |record: &&Vec<u8>| {
        bytes += record.len() + OVERHEAD;
        bytes <= BATCH_BYTES
    };
    records.iter().take_while(fits).count().max(1)
}

impl Sink for FluvioSink {
    fn append(&mut self, records: &[Vec<u8>]) -> Result<(), Error> {
        let mut rest = records;
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(first_batch(rest));
            self.send(batch)?;
            rest = after;
        }
        Ok(())
    }

    fn tail(&mut self, count: usize) -> Result<Vec<Vec<u8>>, Error> {
        let (cluster, topic) = (&self.cluster, &self.place.topic);
        let mut source = FluvioSource::open(cluster, topic, self.partition, Start::End, MAX_BYTES, true)?;
        let new = self.writer.new_before(source.position().record);
        source.go_back(new.max(count as u64)).map_err(|failure| failure.at("read", &self.place))?;
        let mut records = source.read_all()?;
        self.writer.found(source.position().record, &records)?;
        Ok(records.split_off(records.len().saturating_sub(count)))
    }
}
