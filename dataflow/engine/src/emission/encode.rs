//! Encodes emissions as JSON lines.

use contract::output::OutputTopic;

use crate::emission::output::{Emission, Encoder, erased};
use crate::error::Error;

/// Returns the error of a record that cannot be encoded.
pub fn unencodable(topic: OutputTopic, error: impl std::fmt::Display) -> Error {
    Error(format!("cannot encode a record of {}: {error}", topic.name()))
}

/// Appends records as JSON lines.
struct LineEncoder<'a> {
    buffer: &'a mut Vec<u8>,
    failed: Option<std::io::Error>,
}

impl Encoder for LineEncoder<'_> {
    fn record(&mut self, _: &'static str, record: &dyn erased::Record) {
        if let Err(error) = record.write_json(self.buffer) {
            self.failed = Some(error);
        }
        self.buffer.push(b'\n');
    }
}

/// Encodes the records of an emission as JSON lines without line ends, numbered from `seq`.
///
/// # Errors
/// If a record cannot be encoded.
pub fn lines(emission: &Emission, seq: u64) -> Result<Vec<Vec<u8>>, Error> {
    struct Each(Vec<Vec<u8>>, Option<std::io::Error>);
    impl Encoder for Each {
        fn record(&mut self, _: &'static str, record: &dyn erased::Record) {
            let mut line = Vec::with_capacity(256);
            match record.write_json(&mut line) {
                Ok(()) => self.0.push(line),
                Err(error) => self.1 = Some(error),
            }
        }
    }
    let mut each = Each(Vec::with_capacity(emission.records.len()), None);
    emission.records.encode(emission.time, seq, &mut each);
    each.1.map_or(Ok(each.0), |error| Err(unencodable(emission.topic, error)))
}

/// Appends the records of an emission to `buffer` as JSON lines, numbered from `seq`.
///
/// # Errors
/// If a record cannot be encoded.
pub fn append_lines(emission: &Emission, seq: u64, buffer: &mut Vec<u8>) -> Result<(), Error> {
    let mut encoder = LineEncoder { buffer, failed: None };
    emission.records.encode(emission.time, seq, &mut encoder);
    encoder.failed.map_or(Ok(()), |error| Err(unencodable(emission.topic, error)))
}
