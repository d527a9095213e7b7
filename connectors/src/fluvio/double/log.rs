//! The records of one partition, in the batches they came in.

use fluvio_protocol::Encoder;
use fluvio_protocol::record::{Batch, RawRecords};

/// A partition.
#[derive(Default)]
pub(super) struct Log {
    batches: Vec<Batch<RawRecords>>,
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Log {
    pub(super) fn append(&mut self, mut batch: Batch<RawRecords>) {
        batch.set_base_offset(self.end);
        self.end += i64::from(batch.last_offset_delta()) + 1;
        self.batches.push(batch);
    }

    pub(super) fn evict(&mut self, before: i64) {
        self.batches.retain(|batch| batch.get_last_offset() >= before);
        self.start = self.batches.first().map_or(self.end, Batch::get_base_offset);
    }

    /// The batches from the one of a record on, up to so many bytes; with `truncate` cut off in the middle of a batch.
    pub(super) fn slice(&self, from: i64, max_bytes: usize, truncate: bool) -> Vec<u8> {
        let first = self.batches.partition_point(|batch| batch.get_last_offset() < from);
        let mut bytes = Vec::new();
        for batch in &self.batches[first..] {
            let before = bytes.len();
            batch.encode(&mut bytes, 0).unwrap();
            if bytes.len() > max_bytes {
                if truncate {
                    bytes.truncate(max_bytes);
                } else if before > 0 {
                    bytes.truncate(before);
                }
                break;
            }
        }
        bytes
    }
}

/// The last record of the last batch whose header is there, which the client takes for the last it was sent.
pub(super) fn last_offset(bytes: &[u8]) -> Option<i64> {
    let (mut rest, mut last) = (bytes, None);
    while rest.len() >= 61 {
        let base = i64::from_be_bytes(rest[..8].try_into().unwrap());
        let length = i32::from_be_bytes(rest[8..12].try_into().unwrap()) as usize;
        last = Some(base + i64::from(i32::from_be_bytes(rest[23..27].try_into().unwrap())));
        rest = rest.get(12 + length..).unwrap_or(&[]);
    }
    last
}
