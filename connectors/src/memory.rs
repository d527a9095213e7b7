//! A topic that lives in memory: for tests of whoever reads and writes one, with every fault a broker can have, at will.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, Place};
use crate::fault::FailingCall;
use crate::sink::Sink;
use crate::sole_writer::SoleWriter;
use crate::source::{Message, Polled, Position, Source, Start};

/// What an append meets instead of success. Each is met once, in the order they were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written.
    Before,
    /// This many of the records are written (all, if there are fewer), and the answer is lost.
    After(usize),
    /// These of the records are written, by their place in the append, in this order; the answer is lost.
    Scrambled(Vec<usize>),
    /// Nothing is written, and nothing ever will be.
    Final,
}

/// A topic in memory; clones are the same topic.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    partitions: Vec<Partition>,
    faults: VecDeque<Fault>,
    failing_read: FailingCall,
    stalled: bool,
    logged_at: Option<i64>,
}

#[derive(Clone, Default)]
struct Partition {
    /// Records that are no more, before the first that is.
    evicted: u64,
    records: VecDeque<(Vec<u8>, Option<i64>)>,
}

impl Partition {
    fn end(&self) -> u64 {
        self.evicted + self.records.len() as u64
    }
}

impl Log {
    /// An empty topic.
    pub fn new(partitions: u32) -> Self {
        let partitions = vec![Partition::default(); partitions as usize];
        let (faults, failing_read) = (VecDeque::new(), FailingCall::default());
        let state = State { partitions, faults, failing_read, stalled: false, logged_at: None };
        Log { shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves no half-made change: each is one push or one assignment.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.shared.changed.notify_all();
        changed
    }

    /// Appends one record, past all faults.
    pub fn append(&self, partition: u32, payload: impl Into<Vec<u8>>, logged_at: Option<i64>) {
        let payload = payload.into();
        self.change(|state| {
            if let Some(partition) = state.partitions.get_mut(partition as usize) {
                partition.records.push_back((payload, logged_at));
            }
        });
    }

    /// The records of a partition.
    pub fn records(&self, partition: u32) -> Vec<Vec<u8>> {
        let state = self.state();
        let records = state.partitions.get(partition as usize).map(|partition| &partition.records);
        records.into_iter().flatten().map(|(payload, _)| payload.clone()).collect()
    }

    /// Drops the records before `record`, as retention does.
    pub fn evict(&self, partition: u32, record: u64) {
        self.change(|state| {
            if let Some(partition) = state.partitions.get_mut(partition as usize) {
                while partition.evicted < record && partition.records.pop_front().is_some() {
                    partition.evicted += 1;
                }
            }
        });
    }

    /// Drops all records and counts from 0 again, as a topic does that is deleted and created.
    pub fn recreate(&self) {
        self.change(|state| state.partitions.iter_mut().for_each(|partition| *partition = Partition::default()));
    }

    /// The time that sinks log from now on.
    pub fn set_logged_at(&self, logged_at: Option<i64>) {
        self.change(|state| state.logged_at = logged_at);
    }

    /// Lets an append through a sink fail.
    pub fn fail(&self, fault: Fault) {
        self.change(|state| state.faults.push_back(fault));
    }

    /// Lets a read through a source fail.
    pub fn fail_read(&self, read: FailingCall) {
        self.change(|state| state.failing_read = read);
    }

    /// Lets appends through sinks wait until [`Log::release`].
    pub fn stall(&self) {
        self.change(|state| state.stalled = true);
    }

    /// Lets stalled appends go on.
    pub fn release(&self) {
        self.change(|state| state.stalled = false);
    }

    /// Reads a partition.
    ///
    /// # Errors
    /// If there is no such partition, or no record stands at the start any more, or yet.
    pub fn source(&self, partition: u32, start: Start, stop_at_end: bool) -> Result<MemorySource, Error> {
        let place = place(partition, None);
        let state = self.state();
        let Some(held) = state.partitions.get(partition as usize) else {
            return Err(Error::broker_final("read", &place, "there is no such partition"));
        };
        let next = match start {
            Start::Beginning => held.evicted,
            Start::End => held.end(),
            Start::At(position) => position.record,
        };
        if next > held.end() {
            let problem = format!("it starts after the end, {}", held.end());
            return Err(Error::broker_final("read", &Place { offset: Some(next), ..place }, problem));
        }
        let stop = stop_at_end.then(|| held.end());
        drop(state);
        Ok(MemorySource { log: self.clone(), partition, next, stop })
    }

    /// Appends to a partition.
    ///
    /// # Errors
    /// If there is no such partition.
    pub fn sink(&self, partition: u32) -> Result<MemorySink, Error> {
        if self.state().partitions.len() <= partition as usize {
            return Err(Error::broker_final("write", &place(partition, None), "there is no such partition"));
        }
        Ok(MemorySink { log: self.clone(), partition, writer: SoleWriter::new(place(partition, None)) })
    }
}

/// Where a record is among those that are still there.
fn index(record: u64, evicted: u64) -> usize {
    usize::try_from(record.saturating_sub(evicted)).unwrap_or(usize::MAX)
}

fn place(partition: u32, offset: Option<u64>) -> Place {
    Place { topic: "in memory".to_owned(), partition: Some(partition), offset }
}

/// A partition in memory being read.
pub struct MemorySource {
    log: Log,
    partition: u32,
    next: u64,
    stop: Option<u64>,
}

impl Source for MemorySource {
    fn poll(&mut self, limit: usize, patience: Duration) -> Result<Polled, Error> {
        if self.stop.is_some_and(|stop| self.next >= stop) {
            return Ok(Polled::Ended);
        }
        let (index, next) = (self.partition as usize, self.next);
        let waiting = self.log.shared.changed.wait_timeout_while(self.log.state(), patience, |state| {
            state.partitions[index].end() <= next && !patience.is_zero()
        });
        let (state, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        let partition = &state.partitions[index];
        if state.failing_read.fails() {
            return Err(Error::broker("read", &place(self.partition, Some(next)), "asked for"));
        }
        if next < partition.evicted {
            let problem = format!("it is no more; the oldest record is {}", partition.evicted);
            return Err(Error::broker_final("read", &place(self.partition, Some(next)), problem));
        }
        let upto = self.stop.unwrap_or(u64::MAX).min(next.saturating_add(limit as u64)).min(partition.end());
        let message = |record: u64| {
            let (payload, logged_at) = partition.records.get(usize::try_from(record - partition.evicted).ok()?)?;
            let next = Position { record: record + 1, byte: 0 };
            Some(Message { next, logged_at: *logged_at, payload: payload.clone() })
        };
        let messages: Vec<Message> = (next..upto).map_while(message).collect();
        self.next += messages.len() as u64;
        Ok(if messages.is_empty() { Polled::Idle } else { Polled::Records(messages) })
    }

    fn position(&self) -> Position {
        Position { record: self.next, byte: 0 }
    }

    fn seek(&mut self, to: Position) -> Result<(), Error> {
        self.next = to.record;
        Ok(())
    }

    fn behind(&mut self) -> Option<u64> {
        let end = self.log.state().partitions[self.partition as usize].end();
        Some(self.stop.unwrap_or(end).saturating_sub(self.next))
    }
}

/// A partition in memory being appended to.
pub struct MemorySink {
    log: Log,
    partition: u32,
    writer: SoleWriter,
}

impl Sink for MemorySink {
    fn append(&mut self, records: &[Vec<u8>]) -> Result<(), Error> {
        let waiting = self.log.shared.changed.wait_while(self.log.state(), |state| state.stalled);
        let mut state = waiting.unwrap_or_else(PoisonError::into_inner);
        let fault = state.faults.pop_front();
        let written: Vec<usize> = match &fault {
            None => (0..records.len()).collect(),
            Some(Fault::Before | Fault::Final) => Vec::new(),
            Some(Fault::After(count)) => (0..*count.min(&records.len())).collect(),
            Some(Fault::Scrambled(order)) => order.clone(),
        };
        let logged_at = state.logged_at;
        let stands =
            written.into_iter().filter_map(|index| records.get(index)).map(|record| (record.clone(), logged_at));
        let partition = &mut state.partitions[self.partition as usize];
        let from = partition.end();
        partition.records.extend(stands);
        let upto = partition.end();
        let evicted = partition.evicted;
        let read = |between: std::ops::Range<u64>| {
            let held = partition.records.range(index(between.start, evicted)..index(between.end, evicted));
            Ok(held.map(|(payload, _)| payload.clone()).collect())
        };
        let sole = if fault.is_none() { self.writer.stored(from..upto, read) } else { Ok(()) };
        drop(state);
        self.log.shared.changed.notify_all();
        if fault.is_some() || sole.is_err() {
            self.writer.failed(records);
        }
        let place = place(self.partition, None);
        match fault {
            None => sole,
            Some(Fault::Final) => Err(Error::broker_final("write", &place, "asked for")),
            Some(_) => Err(Error::broker("write", &place, "asked for")),
        }
    }

    fn tail(&mut self, count: usize) -> Result<Vec<Vec<u8>>, Error> {
        let state = self.log.state();
        let partition = &state.partitions[self.partition as usize];
        let (records, end) = (&partition.records, partition.end());
        let read = count.max(usize::try_from(self.writer.new_before(end)).unwrap_or(usize::MAX));
        let tail = records.iter().skip(records.len().saturating_sub(read)).map(|(payload, _)| payload.clone());
        let mut tail: Vec<Vec<u8>> = tail.collect();
        self.writer.found(end, &tail)?;
        Ok(tail.split_off(tail.len().saturating_sub(count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_met_once_and_in_order() {
        let log = Log::new(1);
        let mut sink = log.sink(0).expect("a sink");
        let records: Vec<Vec<u8>> = ["a", "b", "c"].map(|text| text.as_bytes().to_vec()).to_vec();
        for fault in [Fault::Before, Fault::After(2), Fault::Scrambled(vec![2, 2, 0])] {
            log.fail(fault);
        }
        for expected in ["", "ab", "abcca"] {
            assert!(sink.append(&records).is_err_and(|error| !error.is_final()));
            assert_eq!(String::from_utf8_lossy(&log.records(0).concat()), expected);
        }
        sink.append(&records).expect("no fault is left");
        assert_eq!(sink.tail(2).expect("a tail"), records[1..]);
    }

    #[test]
    fn a_stalled_append_waits_for_its_release() {
        let log = Log::new(1);
        log.stall();
        let mut sink = log.sink(0).expect("a sink");
        let writer = std::thread::spawn(move || sink.append(&[b"a".to_vec()]));
        assert!(log.records(0).is_empty());
        log.release();
        writer.join().expect("no panic").expect("appended");
        assert_eq!(log.records(0), [b"a".to_vec()]);
    }

    #[test]
    fn what_is_no_more_is_a_final_error() {
        let log = Log::new(1);
        (0..3).for_each(|n| log.append(0, format!("{n}"), Some(n)));
        log.evict(0, 2);
        let start = Start::At(Position { record: 1, byte: 0 });
        let error = log.source(0, start, false).expect("opened").poll(1, Duration::ZERO).expect_err("evicted");
        assert!(error.is_final(), "{error}");
        assert!(log.source(0, Start::At(Position { record: 4, byte: 0 }), false).is_err_and(|error| error.is_final()));
        let mut rest = log.source(0, Start::Beginning, true).expect("opened");
        let expected = Message { next: Position { record: 3, byte: 0 }, logged_at: Some(2), payload: b"2".to_vec() };
        assert_eq!(rest.poll(9, Duration::ZERO).expect("read"), Polled::Records(vec![expected]));
        assert_eq!(rest.poll(9, Duration::ZERO).expect("read"), Polled::Ended);
    }
}
