//! Stands in for the Fluvio client in a program that is built without it: every call is refused.

use std::convert::Infallible;
use std::time::Duration;

use crate::error::Error;
use crate::fluvio::config::FluvioCluster;
use crate::sink::Sink;
use crate::source::{Polled, Position, Source, Start};

fn absent<T>() -> Result<T, Error> {
    Err(Error::Config("this program was built without Fluvio: build it with the feature `fluvio`".to_owned()))
}

/// A partition that cannot be read here.
pub struct FluvioSource(Infallible);

impl FluvioSource {
    /// Refuses to open a partition.
    ///
    /// # Errors
    /// Always, finally.
    pub fn open(
        _cluster: &FluvioCluster,
        _topic: &str,
        _partition: u32,
        _start: Start,
        _max_bytes: i32,
        _stop_at_end: bool,
    ) -> Result<FluvioSource, Error> {
        absent()
    }
}

impl Source for FluvioSource {
    fn poll(&mut self, _limit: usize, _patience: Duration) -> Result<Polled, Error> {
        match self.0 {}
    }

    fn position(&self) -> Position {
        match self.0 {}
    }

    fn seek(&mut self, _to: Position) -> Result<(), Error> {
        match self.0 {}
    }

    fn behind(&mut self) -> Option<u64> {
        match self.0 {}
    }
}

/// A partition that cannot be written here.
pub struct FluvioSink(Infallible);

impl FluvioSink {
    /// Refuses to open a partition.
    ///
    /// # Errors
    /// Always, finally.
    pub fn open(_cluster: &FluvioCluster, _topic: &str, _partition: u32) -> Result<FluvioSink, Error> {
        absent()
    }
}

impl Sink for FluvioSink {
    fn append(&mut self, _records: &[Vec<u8>]) -> Result<(), Error> {
        match self.0 {}
    }

    fn tail(&mut self, _count: usize) -> Result<Vec<Vec<u8>>, Error> {
        match self.0 {}
    }
}

/// Refuses to look up a topic.
///
/// # Errors
/// Always, finally.
pub fn partitions(_cluster: &FluvioCluster, _topic: &str) -> Result<u32, Error> {
    absent()
}

/// Refuses to create a topic.
///
/// # Errors
/// Always, finally.
pub fn create_topic(_cluster: &FluvioCluster, _topic: &str, _partitions: u32) -> Result<(), Error> {
    absent()
}
