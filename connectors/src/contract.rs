//! What every connector is held to: the tests a new one passes before anybody uses it.
//!
//! Each check is given a way to open the same partition again and again, as a restarted program would. They panic with a
//! sentence, as tests do.
#![expect(clippy::unwrap_used, reason = "this is a test that several tests share")]

use std::time::Duration;

use crate::error::Error;
use crate::fault::FailingCall;
use crate::outbox::Outbox;
use crate::reader::{Next, Reader};
use crate::sink::Sink;
use crate::source::{Message, Polled, Source, Start};

/// One empty partition, opened as often as the contract wants.
pub trait Partition {
    /// Reads it.
    fn source(&self, start: Start, stop_at_end: bool) -> Result<Box<dyn Source>, Error>;
    /// Appends to it; the sink before was dropped.
    fn sink(&self) -> Result<Box<dyn Sink>, Error>;
    /// Appends a record beside the sink, as another writer does.
    fn append_beside(&self, record: Vec<u8>);
    /// Removes it, and creates an empty one in its place.
    fn recreate(&self);
    /// Lets a read of what lies under the sources that are opened from now on fail.
    fn fail_read(&self, read: FailingCall);
}

/// Long enough for a record that is there to come, wherever this runs.
const PATIENCE: Duration = Duration::from_secs(5);

fn records(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    range.map(|n| format!("{{\"n\":{n},\"x\":\"{}\"}}", "y".repeat(n * 7 % 300)).into_bytes()).collect()
}

/// Reads to the end, a few records at a time.
fn read_all(mut source: Box<dyn Source>) -> Vec<Message> {
    let (mut all, mut limit) = (Vec::new(), 1);
    loop {
        match source.poll(limit, PATIENCE).unwrap() {
            Polled::Records(messages) => {
                assert!(!messages.is_empty() && messages.len() <= limit, "between one record and {limit}");
                let last = messages.last().unwrap().next;
                assert_eq!(source.position(), last, "the position is that after the last record given");
                all.extend(messages);
            }
            Polled::Idle | Polled::Waiting => panic!("a source that stops at the end is not idle before it"),
            Polled::Ended => break,
        }
        limit = limit * 2 % 61 + 1;
    }
    assert_eq!(source.poll(1, Duration::ZERO).unwrap(), Polled::Ended, "the end is the end");
    assert_eq!(source.behind(), Some(0), "nothing is left at the end");
    all
}

fn payloads(messages: &[Message]) -> Vec<Vec<u8>> {
    messages.iter().map(|message| message.payload.clone()).collect()
}

/// Appends, tails and reads back: dense, in order, from anywhere, through restarts of both sides.
///
/// # Panics
/// If the partition is not what a partition must be.
pub fn moves_bytes(partition: &dyn Partition) {
    let mut sink = partition.sink().unwrap();
    assert!(sink.tail(10).unwrap().is_empty(), "an empty partition has no tail");
    assert!(read_all(partition.source(Start::Beginning, true).unwrap()).is_empty());
    sink.append(&[]).unwrap();
    sink.append(&records(0..1)).unwrap();
    sink.append(&records(1..100)).unwrap();
    drop(sink);
    let mut sink = partition.sink().unwrap();
    for count in [0, 1, 2, 50, 100, 1_000] {
        assert_eq!(sink.tail(count).unwrap(), records(100_usize.saturating_sub(count)..100), "the last {count}");
    }
    sink.append(&records(100..200)).unwrap();
    let all = read_all(partition.source(Start::Beginning, true).unwrap());
    assert_eq!(payloads(&all), records(0..200), "what was appended, in order");
    assert!(all.iter().map(Message::record).eq(0..200), "numbered densely");
    for message in all.iter().step_by(33).chain(all.last()) {
        let rest = read_all(partition.source(Start::At(message.next), true).unwrap());
        let from = usize::try_from(message.next.record).unwrap();
        assert_eq!(rest, all[from..], "the rest from record {from} on");
    }
    let mut again = partition.source(Start::Beginning, true).unwrap();
    assert!(matches!(again.poll(150, PATIENCE).unwrap(), Polled::Records(_)));
    for message in all.iter().step_by(45).rev() {
        again.seek(message.next).unwrap();
        let Polled::Records(next) = again.poll(1, PATIENCE).unwrap() else { panic!("a record follows") };
        assert_eq!(next[0].record(), message.next.record, "the record after the place gone to");
    }
    let mut live = partition.source(Start::End, false).unwrap();
    assert_eq!(live.position(), all.last().unwrap().next, "the end is after the last record");
    assert_eq!(live.poll(10, Duration::ZERO).unwrap(), Polled::Idle, "nothing yet");
    assert_eq!(live.poll(10, Duration::from_millis(5)).unwrap(), Polled::Idle, "still nothing");
    sink.append(&records(200..203)).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let Polled::Records(messages) = live.poll(10, PATIENCE).unwrap() else { panic!("new records come") };
        seen.extend(messages);
    }
    assert_eq!(payloads(&seen), records(200..203), "what came after the end");
    assert!(seen.iter().map(Message::record).eq(200..203), "numbered on");
}

/// Fails every read of what lies under a source in turn: all records come, once and in order.
///
/// # Panics
/// If they do not.
pub fn loses_nothing_when_a_read_fails(partition: &dyn Partition) {
    let mut sink = partition.sink().unwrap();
    (0..8).for_each(|group| sink.append(&records(group * 1_000..(group + 1) * 1_000)).unwrap());
    survives_failed_reads(&|read| {
        partition.fail_read(read);
        partition.source(Start::Beginning, true)
    });
    partition.fail_read(FailingCall::default());
}

/// The same for a source that is opened so that the given read fails.
///
/// # Panics
/// If a record is missing or comes twice.
pub fn survives_failed_reads(open: &dyn Fn(FailingCall) -> Result<Box<dyn Source>, Error>) {
    let undisturbed = read_all(open(FailingCall::default()).unwrap());
    for nth in 0.. {
        let read = FailingCall::nth(nth);
        let disturbed = read_on(&|| open(read.clone()));
        let first = disturbed.iter().zip(&undisturbed).position(|(seen, expected)| seen != expected);
        assert_eq!((first, disturbed.len()), (None, undisturbed.len()), "when read {nth} fails");
        if !read.has_failed() {
            assert!(nth > 2, "several reads were made to fail");
            return;
        }
    }
}

/// Reads to the end, again and again where it fails.
fn read_on(open: &dyn Fn() -> Result<Box<dyn Source>, Error>) -> Vec<Message> {
    let may_pass = |error: Error| assert!(!error.is_final(), "{error}");
    let mut source = open().or_else(|error| {
        may_pass(error);
        open()
    });
    let source = source.as_mut().unwrap();
    let mut all: Vec<Message> = Vec::new();
    for limit in (1..62).cycle() {
        match source.poll(limit, PATIENCE) {
            Ok(Polled::Records(messages)) => all.extend(messages),
            Ok(Polled::Ended) => break,
            Ok(Polled::Idle | Polled::Waiting) => panic!("a source that stops at the end is not idle before it"),
            Err(error) => may_pass(error),
        }
        let at = all.last().map_or(source.position(), |last| last.next);
        assert_eq!(source.position(), at, "the position is that after the last record given");
    }
    all
}

/// Another writer, or a partition created anew, stops a sink that has read the tail.
///
/// # Panics
/// If it does not.
pub fn has_one_writer(fresh: &mut dyn FnMut() -> Box<dyn Partition>) {
    let disturb: [&dyn Fn(&dyn Partition); 2] =
        [&|partition| partition.append_beside(records(7..8).remove(0)), &|partition| partition.recreate()];
    for (number, disturb) in disturb.into_iter().enumerate() {
        let partition = fresh();
        let mut sink = partition.sink().unwrap();
        sink.tail(1).unwrap();
        (0..3).for_each(|n| sink.append(&records(n * 2..n * 2 + 2)).unwrap());
        disturb(&*partition);
        let refused = sink.append(&records(6..7));
        assert!(refused.as_ref().is_err_and(Error::is_final), "disturbance {number}: {refused:?}");
    }
}

/// A sink whose process dies after so many more records.
struct Dying {
    sink: Box<dyn Sink>,
    left: usize,
}

impl Sink for Dying {
    fn append(&mut self, records: &[Vec<u8>]) -> Result<(), Error> {
        let written = records.len().min(self.left);
        self.left -= written;
        self.sink.append(&records[..written])?;
        if written < records.len() { Err(Error::Output("the process dies".to_owned())) } else { Ok(()) }
    }

    fn tail(&mut self, count: usize) -> Result<Vec<Vec<u8>>, Error> {
        self.sink.tail(count)
    }
}

/// The ticks of the contract: what a job yields, again and again.
fn ticks() -> Vec<(i64, Vec<Vec<u8>>)> {
    let record = |time: i64, seq: usize| format!("{{\"time\":{time},\"seq\":{seq},\"x\":{}}}", time * 3).into_bytes();
    [2, 0, 1, 3]
        .iter()
        .zip(1..)
        .map(|(count, time)| (time, (0..*count).map(|seq| record(time, seq)).collect()))
        .collect()
}

fn replay(sink: Box<dyn Sink>) -> Result<(), Error> {
    let mut outbox = Outbox::open(sink)?;
    for (time, records) in ticks() {
        outbox.push(time, records)?;
        outbox.seal(time)?;
        if time % 2 == 1 {
            outbox.flush(PATIENCE)?;
        }
    }
    outbox.flush(PATIENCE)
}

/// Kills the writer after every record in turn, and starts it again: the reader sees each tick once.
///
/// # Panics
/// If it does not.
pub fn writes_each_tick_once(fresh: &mut dyn FnMut() -> Box<dyn Partition>) {
    let whole: usize = ticks().iter().map(|(_, records)| records.len() + usize::from(!records.is_empty())).sum();
    for left in 0..=whole {
        let partition = fresh();
        let died = replay(Box::new(Dying { sink: partition.sink().unwrap(), left }));
        assert_eq!(died.is_err(), left < whole);
        replay(partition.sink().unwrap()).unwrap();
        let mut reader = Reader::new(partition.source(Start::Beginning, true).unwrap());
        for (time, records) in ticks().into_iter().filter(|(_, records)| !records.is_empty()) {
            assert_eq!(reader.next(PATIENCE).unwrap(), Next::Tick { time, records }, "after {left} records");
        }
        assert_eq!((reader.next(PATIENCE).unwrap(), reader.unfinished()), (Next::Ended, None));
        assert_eq!(
            read_all(partition.source(Start::Beginning, true).unwrap()).len(),
            whole,
            "nothing is written twice"
        );
    }
}

#[cfg(test)]
mod tests;
