//! Notices that a partition has another writer, or is another partition than before: by where records are stored.
//!
//! A log has no owner, so nothing keeps a second program from appending. A sink whose tail was read knows the offset of the
//! next record; records stored elsewhere show that something else was stored before them, or that what was there is gone.
//!
//! A send whose answer never came may be stored, and may even be stored after the tail was read. Its records are remembered:
//! they may stand where others were expected.

use std::collections::VecDeque;
use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Place};

/// Records of failed sends that are remembered, the newest.
const REMEMBERED: usize = 1 << 16;

/// What a sink knows of the end of its partition.
pub(crate) struct SoleWriter {
    place: Place,
    /// The offset of the next record. Unknown until the tail is read: a sink that never reads it shares its partition with
    /// other writers, and nothing is checked.
    next: Option<u64>,
    /// Hashes of the records of failed sends.
    doubtful: VecDeque<u64>,
}

impl SoleWriter {
    pub(crate) fn new(place: Place) -> Self {
        SoleWriter { place, next: None, doubtful: VecDeque::new() }
    }

    /// Records that stand before `end` and were not there when the end was known last.
    pub(crate) fn new_before(&self, end: u64) -> u64 {
        self.next.map_or(0, |next| end.saturating_sub(next))
    }

    /// A send of `records` failed: each may be stored, now or later.
    pub(crate) fn failed(&mut self, records: &[Vec<u8>]) {
        self.doubtful.extend(records.iter().map(|record| xxh3_64(record)));
        self.doubtful.drain(..self.doubtful.len().saturating_sub(REMEMBERED));
    }

    /// The partition ends at `end`, with `tail` as its last records.
    ///
    /// # Errors
    /// Finally, if records that stood are gone, or records of nobody but another writer stand after them.
    pub(crate) fn found(&mut self, end: u64, tail: &[Vec<u8>]) -> Result<(), Error> {
        self.check_lost(end)?;
        let known = usize::try_from(self.new_before(end)).unwrap_or(usize::MAX);
        self.check_records(end, &tail[tail.len().saturating_sub(known)..])?;
        self.next = Some(end);
        Ok(())
    }

    /// Records were stored at `stored`. `read` reads what stands before them, when something else does.
    ///
    /// # Errors
    /// Those of `found`, and of `read`.
    pub(crate) fn stored(
        &mut self,
        stored: Range<u64>,
        read: impl FnOnce(Range<u64>) -> Result<Vec<Vec<u8>>, Error>,
    ) -> Result<(), Error> {
        let Some(next) = self.next else { return Ok(()) };
        self.check_lost(stored.start)?;
        if stored.start > next {
            self.check_records(stored.start, &read(next..stored.start)?)?;
        }
        self.next = Some(stored.end);
        Ok(())
    }

    /// Fails if the partition ends at `end`, before records that stood.
    fn check_lost(&self, end: u64) -> Result<(), Error> {
        match self.next {
            Some(next) if end < next => Err(Error::Output(format!(
                "{}: it ends at offset {end}, and had records up to offset {next}: it was created anew, or has lost \
                 records. Start again with new output topics and new state",
                self.place
            ))),
            _ => Ok(()),
        }
    }

    /// Fails if one of the records before `end`, after those known, is not of a failed send.
    fn check_records(&self, end: u64, records: &[Vec<u8>]) -> Result<(), Error> {
        let foreign = records.iter().position(|record| !self.doubtful.contains(&xxh3_64(record)));
        let Some(foreign) = foreign else { return Ok(()) };
        let offset = end - (records.len() - foreign) as u64;
        let next = self.next.unwrap_or_default();
        Err(Error::Output(format!(
            "{}: a record stands at offset {offset} that was not written here, and offset {next} was next: another \
             writer appends to it. Stop that writer, and start again with output topics that no other job writes to",
            self.place
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<Vec<u8>> {
        text.chars().map(|letter| letter.to_string().into_bytes()).collect()
    }

    fn place() -> Place {
        Place { topic: "t".into(), partition: Some(1), offset: None }
    }

    fn says(result: Result<(), Error>, words: &str) {
        let error = result.expect_err("refused");
        assert!(error.is_final() && error.to_string().contains(words), "{error}");
    }

    #[test]
    fn a_sink_that_never_read_the_tail_shares_its_partition() {
        let mut writer = SoleWriter::new(place());
        for stored in [3..5, 9..10, 0..1] {
            writer.stored(stored, |_| Ok(records("x"))).expect("nothing is known");
        }
    }

    #[test]
    fn an_offset_that_is_not_the_next_is_another_writer_s_or_another_topic_s() {
        let mut writer = SoleWriter::new(place());
        writer.found(4, &records("ab")).expect("the first look");
        writer.stored(4..6, |_| Ok(Vec::new())).expect("the next");
        says(
            writer.stored(8..9, |_| Ok(records("xy"))),
            "topic t, partition 1: a record stands at offset 6 that was not written here, and offset 6 was next",
        );
        says(writer.stored(0..2, |_| Ok(Vec::new())), "it ends at offset 0, and had records up to offset 6");
        says(writer.found(5, &records("abc")), "it ends at offset 5, and had records up to offset 6");
        says(writer.found(8, &records("bbxy")), "a record stands at offset 6");
    }

    #[test]
    fn records_of_failed_sends_may_stand_anywhere() {
        let mut writer = SoleWriter::new(place());
        writer.found(2, &records("ab")).expect("the first look");
        writer.failed(&records("cde"));
        writer.found(5, &records("abcdc")).expect("in any order, and repeated");
        writer
            .stored(7..10, |between| {
                assert_eq!(between, 5..7);
                Ok(records("dc"))
            })
            .expect("after the tail was read");
        says(writer.found(12, &records("dx")), "a record stands at offset 11");
        says(writer.stored(11..12, |_| Ok(records("f"))), "a record stands at offset 10");
        let failed = writer.stored(11..12, |_| Err(Error::broker("read", &place(), "gone")));
        assert!(failed.is_err_and(|error| !error.is_final()));
    }
}
