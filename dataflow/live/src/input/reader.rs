//! Partition readers: one thread per partition reads, decodes and sends lines through a bounded queue; a full queue
//! stops the reading.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Scope, Thread};
use std::time::Duration;

use connectors::codec::Codec;
use connectors::retry::Backoff;
use connectors::source::{Message, Polled, Source};
use contract::event::fields::{Bad, EXACT, Fault};
use contract::event::guard::{self, Decoder, LinePosition};
use contract::event::{Dead, Record};
use engine::clock::{Stopwatch, wall_ms};
use engine::telemetry::Telemetry;

use crate::error::Error;
use crate::input::binder::{Clock, Line, Reached};
use crate::input::remap_log::PartitionName;

/// The number of batches in flight from one partition.
const IN_FLIGHT: usize = 4;
/// The number of messages requested at once.
const BATCH: usize = 2_048;
/// The rests before a partition that failed is tried again.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
/// The time (milliseconds) for which the state "at the end" is valid: a reader that waits for its source, or a process
/// that was paused, does not know what has arrived since.
const AT_END_VALID_MS: i64 = 1_000;
/// The interval at which the distance to the end is measured.
const LAG_INTERVAL: Duration = Duration::from_secs(1);

/// A message from the thread that reads a partition.
pub enum ReaderMessage {
    /// Decoded lines, in order.
    Lines(Vec<Line>),
    /// No more lines will come.
    Ended,
    /// The partition cannot be read any more.
    Failed(Error),
}

/// The reader's state that other threads read. A time of 0 means never.
#[derive(Default)]
struct Status {
    /// The last instant, by the wall clock, at which no record was unread: all earlier records are in the queue.
    at_end_at: AtomicI64,
    /// The error with which reading fails at the moment.
    failing: Mutex<Option<String>>,
}

impl Status {
    fn failing(&self) -> MutexGuard<'_, Option<String>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A partition to read.
pub struct Partition {
    /// The topic and number.
    pub name: PartitionName,
    /// The source.
    pub source: Box<dyn Source>,
    /// The codec of its messages.
    pub codec: Codec,
    /// The number of its first record: 1 for lines of a file, 0 for offsets.
    pub first: u64,
    /// The position up to which it has been bound.
    pub reached: Reached,
}

/// The receiving end of a partition's queue.
pub struct PartitionInput {
    messages: Receiver<ReaderMessage>,
    status: Arc<Status>,
    /// True after the last message.
    ended: Cell<bool>,
}

impl PartitionInput {
    /// Returns the next message, if there is one. It is an error if the thread has ended without a last message.
    ///
    /// # Errors
    /// If the partition cannot be read any more.
    pub fn next(&self) -> Result<Option<ReaderMessage>, Error> {
        match self.messages.try_recv() {
            Ok(ReaderMessage::Failed(error)) => Err(error),
            Ok(message) => {
                self.ended.set(matches!(message, ReaderMessage::Ended));
                Ok(Some(message))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) if !self.ended.get() => {
                Err(Error::Engine("the reader of a partition has died".to_owned()))
            }
            Err(TryRecvError::Disconnected) => Ok(None),
        }
    }

    /// Returns true if no record was unread a moment ago. Ask before taking messages: the answer holds for records that
    /// arrived until then.
    pub fn is_at_end(&self) -> bool {
        wall_ms() - self.status.at_end_at.load(Ordering::Acquire) < AT_END_VALID_MS
    }

    /// Returns the reason for which time waits for the partition.
    pub fn reason(&self) -> String {
        match self.status.failing().as_deref() {
            Some(problem) => format!("it cannot be read: {problem}"),
            None => "it has records that are not read yet, or its end is not known".to_owned(),
        }
    }
}

/// The settings that all readers share.
#[derive(Clone)]
pub struct Readers {
    /// The clock that closes ticks.
    pub clock: Clock,
    /// The time to wait for a first record.
    pub timeout: Duration,
    /// Set when the job stops.
    pub stop: Arc<AtomicBool>,
    /// The metrics.
    pub telemetry: Telemetry,
}

impl Readers {
    /// Starts a thread that reads a partition; it wakes `listener` after each message.
    pub fn spawn<'scope>(
        self,
        scope: &'scope Scope<'scope, '_>,
        partition: Partition,
        listener: Thread,
    ) -> PartitionInput {
        let (sender, messages) = sync_channel(IN_FLIGHT);
        let status = Arc::<Status>::default();
        let reader = Reader { readers: self, partition, sender, listener, status: status.clone(), at_end: false };
        scope.spawn(move || reader.run());
        PartitionInput { messages, status, ended: Cell::new(false) }
    }
}

struct Reader {
    readers: Readers,
    partition: Partition,
    sender: SyncSender<ReaderMessage>,
    listener: Thread,
    status: Arc<Status>,
    /// True if the last poll found no record.
    at_end: bool,
}

impl Reader {
    fn run(mut self) {
        let mut backoff = BACKOFF;
        let mut since_report = Stopwatch::start();
        while !self.readers.stop.load(Ordering::Relaxed) {
            let began_at = wall_ms();
            let message = match self.partition.source.poll(BATCH, self.readers.timeout) {
                Ok(Polled::Records(messages)) => {
                    self.left_end();
                    ReaderMessage::Lines(self.decode(messages))
                }
                Ok(Polled::Idle) => {
                    self.clear_failure(&mut backoff);
                    self.reached_end(began_at);
                    self.report_lag(&mut since_report);
                    continue;
                }
                Ok(Polled::Waiting) => {
                    self.clear_failure(&mut backoff);
                    self.left_end();
                    self.report_lag(&mut since_report);
                    continue;
                }
                Ok(Polled::Ended) => {
                    self.send(ReaderMessage::Ended);
                    return;
                }
                Err(error) if error.is_final() => {
                    self.send(ReaderMessage::Failed(error.into()));
                    return;
                }
                Err(error) => {
                    self.left_end();
                    let (topic, number) = self.partition.name;
                    tracing::warn!(%topic, partition = number, %error, "cannot read; trying again");
                    *self.status.failing() = Some(error.to_string());
                    std::thread::park_timeout(backoff.next_rest(Duration::MAX));
                    continue;
                }
            };
            self.clear_failure(&mut backoff);
            if !self.send(message) {
                return;
            }
            self.report_lag(&mut since_report);
        }
    }

    /// Records that the partition can be read; the next error rests for the first length again.
    fn clear_failure(&self, backoff: &mut Backoff) {
        self.status.failing().take();
        backoff.reset();
    }

    /// Records that a poll which began at this instant found no unread record. Wakes the coordinator once, which may
    /// wait for it.
    fn reached_end(&mut self, began_at: i64) {
        self.status.at_end_at.store(began_at, Ordering::Release);
        if !std::mem::replace(&mut self.at_end, true) {
            self.listener.unpark();
        }
    }

    /// Records that there are unread records, or that it is not known.
    fn left_end(&mut self) {
        self.status.at_end_at.store(0, Ordering::Release);
        self.at_end = false;
    }

    /// Sends a message, waiting while the queue is full; returns `false` if the receiver is gone.
    fn send(&self, message: ReaderMessage) -> bool {
        let sent = self.sender.send(message).is_ok();
        self.listener.unpark();
        sent
    }

    fn report_lag(&mut self, since_report: &mut Stopwatch) {
        if since_report.elapsed() >= LAG_INTERVAL {
            *since_report = Stopwatch::start();
            if let Some(lag) = self.partition.source.behind() {
                let (topic, number) = self.partition.name;
                self.readers.telemetry.lag(topic.name(), number, lag);
            }
        }
    }

    fn decode(&mut self, messages: Vec<Message>) -> Vec<Line> {
        let mut lines = Vec::with_capacity(messages.len());
        for message in messages {
            self.decode_message(message, &mut lines);
        }
        lines
    }

    /// Decodes a message. All its events get one log time: the broker's, or the greatest of their own.
    fn decode_message(&mut self, message: Message, lines: &mut Vec<Line>) {
        let first = lines.len();
        let (offset, (topic, partition)) = (message.record() + self.partition.first, self.partition.name);
        let at = LinePosition { topic, partition, number: offset };
        // Whoever sends to a broker may name any time: what no record could sender is taken for the nearest that one could.
        let logged_at = message.logged_at.map(|logged_at| logged_at.clamp(0, EXACT));
        let logged_at = logged_at.filter(|_| self.readers.clock == Clock::Wall);
        if self.partition.codec == Codec::Json {
            lines.push(line(Record::decode_line, at, logged_at, message.payload));
        } else {
            let mut each = |event: &[u8]| lines.push(line(Record::decode_line, at, logged_at, event.to_vec()));
            if self.partition.codec.events(&message.payload, &mut each).is_err() {
                lines.truncate(first);
                let bad = Bad { fault: Fault::Malformed, field: None };
                let decoded = Err(Dead { bad, store_id: None });
                lines.push(Line { logged_at: i64::MIN, offset, next: None, decoded, bytes: message.payload });
            }
        }
        let own = lines[first..].iter().map(|line| line.logged_at).max().unwrap_or(i64::MIN);
        let reached = &mut self.partition.reached;
        reached.logged_at = reached.logged_at.max(logged_at.unwrap_or(own));
        lines[first..].iter_mut().for_each(|line| line.logged_at = reached.logged_at);
        match lines[first..].last_mut() {
            Some(last) => last.next = Some(message.next),
            // A message without events is nothing but a step forward: it goes with the line before it.
            None => {
                if let Some(last) = lines.last_mut().filter(|last| last.next.is_some()) {
                    last.next = Some(message.next);
                }
            }
        }
        reached.next = message.next;
    }
}

/// Decodes a line with its own log time; `i64::MIN` if it cannot be decoded.
fn line(decoder: Decoder, at: LinePosition, logged_at: Option<i64>, bytes: Vec<u8>) -> Line {
    let decoded = guard::decode(decoder, at, &bytes, logged_at);
    let logged_at = decoded.as_ref().map_or(logged_at.unwrap_or(i64::MIN), |record| record.ingest_time);
    Line { logged_at, offset: at.number, next: None, decoded, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::panics_on_poison;
    use contract::event::{Topic, pos};

    #[test]
    fn a_line_on_which_the_decoder_panics_keeps_its_bytes_offset_and_log_time() {
        let at = LinePosition { topic: Topic::Pos, partition: 1, number: 9 };
        let poison = pos::SAMPLE.replace("pos-1", "poison").into_bytes();
        let dead = Dead { bad: Bad { fault: Fault::Malformed, field: None }, store_id: None };
        for (logged_at, taken_at) in [(Some(7), 7), (None, i64::MIN)] {
            let line = line(panics_on_poison, at, logged_at, poison.clone());
            let expected =
                Line { logged_at: taken_at, offset: 9, next: None, decoded: Err(dead), bytes: poison.clone() };
            assert_eq!(line, expected);
        }
    }
}
