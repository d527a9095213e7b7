//! Reads one partition of a Fluvio topic, every record once and in order.
//!
//! The broker cuts an answer off in the middle of a batch and the client goes on after it: so each batch is checked to begin
//! at the record that is next and to hold all that its header counts, and the stream is opened again at the first
//! that is missing. What is cut off at the very end shows nothing: so when nothing comes the end is asked for.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use fluvio_protocol::link::ErrorCode;
use fluvio_protocol::record::Batch;

use crate::error::{Error, Place};
use crate::fluvio::config::FluvioCluster;
use crate::fluvio::runtime::{BatchStream, Client, Failure, Leader, unsigned};
use crate::retry::Backoff;
use crate::source::{Message, Polled, Position, Source, Start};

/// The most that is asked for at a time, whatever the configuration says: more than the largest record.
const LARGEST: i32 = 64 << 20;
/// How often a record is asked for that stands and does not come.
const TRIES: u32 = 8;
/// How long nothing may come before the end is asked for.
const QUIET: Duration = Duration::from_millis(250);
/// How long records that stand may take to come when a range of them is read.
const PATIENCE: Duration = Duration::from_secs(2);
/// The rests before connecting again.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));
/// The end is asked for at the first empty poll after a record, and then at every so many.
const ASK_AGAIN: u32 = 8;
/// The broker's word for "no time".
const NO_TIME: i64 = -1;

/// A partition being read.
pub struct FluvioSource {
    cluster: FluvioCluster,
    place: Place,
    partition: u32,
    max_bytes: i32,
    connected: Option<Connected>,
    ready: VecDeque<Message>,
    /// The record to be read next; those in `ready` stand before it.
    next: u64,
    given: u64,
    /// The end to stop at.
    stop: Option<u64>,
    /// Fruitless tries to read the record `next`.
    tries: u32,
    quiet: Duration,
    /// The record to be read next when the broker last said that none stands from there on.
    reached_end: Option<u64>,
    /// Empty polls since the last record.
    unsure: u32,
    backoff: Backoff,
}

struct Connected {
    client: Client,
    leader: Leader,
    stream: Option<BatchStream>,
}

impl Connected {
    fn new(cluster: &FluvioCluster, topic: &str, partition: u32) -> Result<Connected, Failure> {
        let client = Client::connect(cluster)?;
        let leader = client.leader(topic, partition)?;
        Ok(Connected { client, leader, stream: None })
    }
}

impl FluvioSource {
    /// Opens a partition of a topic. `max_bytes` is asked for at a time, more where a record needs it.
    ///
    /// # Errors
    /// If the cluster cannot be reached; finally, if there is no such partition, the start is no more, or after the end.
    pub fn open(
        cluster: &FluvioCluster,
        topic: &str,
        partition: u32,
        start: Start,
        max_bytes: i32,
        stop_at_end: bool,
    ) -> Result<FluvioSource, Error> {
        let place = Place { topic: topic.to_owned(), partition: Some(partition), offset: None };
        let mut source = FluvioSource {
            cluster: cluster.clone(),
            place,
            partition,
            max_bytes: max_bytes.clamp(1_024, LARGEST),
            connected: None,
            ready: VecDeque::new(),
            next: 0,
            given: 0,
            stop: None,
            tries: 0,
            quiet: Duration::ZERO,
            reached_end: None,
            unsure: 0,
            backoff: BACKOFF,
        };
        let (first, end) = source.ends().map_err(|failure| source.error("read", failure))?;
        source.next = match start {
            Start::Beginning => first,
            Start::End => end,
            Start::At(position) => position.record,
        };
        source.given = source.next;
        source.check_start(first, end).map_err(|failure| source.error("read", failure))?;
        source.stop = stop_at_end.then_some(end);
        Ok(source)
    }

    fn error(&self, attempt: &'static str, failure: Failure) -> Error {
        failure.at(attempt, &Place { offset: Some(self.next), ..self.place.clone() })
    }

    fn connected(&mut self) -> Result<&mut Connected, Failure> {
        match self.connected {
            Some(ref mut connected) => Ok(connected),
            None => Ok(self.connected.insert(Connected::new(&self.cluster, &self.place.topic, self.partition)?)),
        }
    }

    /// The first record there is, and the place after the last: the leader's word, and what stands beyond it.
    pub(super) fn ends(&mut self) -> Result<(u64, u64), Failure> {
        let (topic, partition) = (self.place.topic.clone(), self.partition);
        let connected = self.connected()?;
        let (first, mut end) = connected.leader.offsets()?;
        // A reader is given all there is from its start on, beyond the end that is told after the broker was killed.
        while end > first {
            let mut stream = connected.client.stream(&topic, partition, end - 1, LARGEST)?;
            let mut last = 0;
            let mut patience = QUIET * 4;
            while let Some(batch) = stream.next(patience) {
                let batch = batch.map_err(failure)?;
                last = last.max(unsigned(batch.get_last_offset()) + 1);
                patience = Duration::ZERO;
            }
            if last < end {
                return Err(Failure::passing("the last record does not come"));
            }
            if last == end {
                break;
            }
            end = last;
        }
        Ok((first, end))
    }

    /// Reads the records of a range, all of which stand.
    pub(super) fn read(mut self, records: Range<u64>) -> Result<Vec<Vec<u8>>, Error> {
        (self.next, self.given, self.stop) = (records.start, records.start, Some(records.end));
        self.read_all()
    }

    /// Reads up to the end to stop at.
    pub(super) fn read_all(&mut self) -> Result<Vec<Vec<u8>>, Error> {
        let mut records = Vec::new();
        loop {
            match self.poll(usize::MAX, PATIENCE)? {
                Polled::Records(messages) => records.extend(messages.into_iter().map(|message| message.payload)),
                Polled::Idle | Polled::Waiting => {
                    return Err(self.error("read", Failure::passing("the last records do not come")));
                }
                Polled::Ended => return Ok(records),
            }
        }
    }

    /// Goes back so that `count` records, or all there are, come before the end.
    pub(super) fn go_back(&mut self, count: u64) -> Result<(), Failure> {
        let (first, end) = self.connected()?.leader.offsets()?;
        let end = end.max(self.next);
        self.next = end.saturating_sub(count).max(first);
        self.given = self.next;
        self.stop = Some(end);
        Ok(())
    }

    fn check_start(&self, first: u64, end: u64) -> Result<(), Failure> {
        if self.next < first {
            return Err(Failure::lasting(format!("the record is no more; the oldest is {first}")));
        }
        if self.next > end {
            return Err(Failure::lasting(format!(
                "it lies after the end, {end}: this is not the topic it was read from"
            )));
        }
        Ok(())
    }

    /// Opens the stream where reading goes on.
    fn open_stream(&mut self) -> Result<(), Failure> {
        let (topic, partition, next) = (self.place.topic.clone(), self.partition, self.next);
        // A record that does not come may not fit.
        let wider = self.max_bytes.saturating_mul(1 << self.tries.min(16)).min(LARGEST);
        let connected = self.connected()?;
        let (first, _) = connected.leader.offsets()?;
        if next < first {
            return Err(Failure::lasting(format!("the record is no more; the oldest is {first}")));
        }
        connected.stream = Some(connected.client.stream(&topic, partition, next, wider)?);
        self.reached_end = None;
        Ok(())
    }

    fn close_stream(&mut self) {
        if let Some(connected) = &mut self.connected {
            connected.stream = None;
        }
    }

    /// Waits for the next batch; whether any record came of it.
    fn advance(&mut self, patience: Duration) -> Result<bool, Failure> {
        if self.connected.as_ref().is_none_or(|connected| connected.stream.is_none()) {
            self.open_stream()?;
        }
        let stream = self.connected.as_mut().and_then(|connected| connected.stream.as_mut());
        match stream.and_then(|stream| stream.next(patience)) {
            Some(Ok(batch)) => {
                self.quiet = Duration::ZERO;
                self.backoff.reset();
                self.take(batch)
            }
            Some(Err(error)) => {
                // What the client says of a compressed batch that was cut off.
                if error.to_string().contains("failed to fill whole buffer") {
                    self.close_stream();
                    self.fruitless("it stands in a batch that is cut off")?;
                    return Ok(false);
                }
                Err(failure(error))
            }
            None => self.look_when_quiet(patience).map(|()| false),
        }
    }

    /// Takes the records of a batch from `next` on; whether there were any.
    fn take(&mut self, batch: Batch) -> Result<bool, Failure> {
        let (base, counted) = (unsigned(batch.get_base_offset()), batch.records_len() as u64);
        let first_at = batch.get_base_timestamp();
        let before = self.next;
        let mut held = 0;
        for (offset, record) in (base..).zip(batch.own_records()) {
            held += 1;
            if offset != self.next || self.stop.is_some_and(|stop| stop <= offset) {
                continue;
            }
            self.next += 1;
            let logged_at = (first_at != NO_TIME).then(|| first_at.saturating_add(record.timestamp_delta()));
            let next = Position { record: self.next, byte: 0 };
            self.ready.push_back(Message { next, logged_at, payload: record.into_value().into_vec() });
        }
        let taken = self.next > before;
        if taken {
            (self.tries, self.unsure) = (0, 0);
        }
        // A gap before it or an end cut off: the rest of the stream begins too late.
        if base > before || held < counted {
            self.close_stream();
            if !taken {
                self.fruitless("it is cut off")?;
            }
        }
        Ok(taken)
    }

    fn fruitless(&mut self, problem: &str) -> Result<(), Failure> {
        self.tries += 1;
        if self.tries >= TRIES {
            return Err(Failure::lasting(format!("the record stands but does not come: {problem}")));
        }
        Ok(())
    }

    /// Whether no record stands unread. The broker is asked at the first empty poll after a record, and while more stand
    /// now and then.
    fn is_at_end(&mut self) -> bool {
        if self.reached_end == Some(self.next) {
            return true;
        }
        self.unsure += 1;
        if self.unsure % ASK_AGAIN == 1 {
            let end = self.connected().and_then(|connected| connected.leader.offsets()).map(|(_, end)| end);
            self.reached_end = end.ok().filter(|end| *end <= self.next).map(|_| self.next);
        }
        self.reached_end == Some(self.next)
    }

    /// After a while without a record, compares with the end: a silent broker looks like an idle topic, and so does a
    /// stream whose last record was cut off.
    fn look_when_quiet(&mut self, patience: Duration) -> Result<(), Failure> {
        self.quiet += patience.max(Duration::from_micros(100));
        if self.quiet < QUIET {
            return Ok(());
        }
        self.quiet = Duration::ZERO;
        let next = self.next;
        let (first, end) = self.connected()?.leader.offsets()?;
        if next < first {
            return Err(Failure::lasting(format!("the record is no more; the oldest is {first}")));
        }
        if next < end {
            self.close_stream();
            self.fruitless("nothing comes")?;
        }
        Ok(())
    }
}

/// What an error of the stream means.
fn failure(error: ErrorCode) -> Failure {
    match error {
        ErrorCode::OffsetEvicted { next_available, .. } => {
            Failure::lasting(format!("the record is no more; the oldest is {next_available}"))
        }
        ErrorCode::TopicNotFound | ErrorCode::TopicDeleted | ErrorCode::PermissionDenied => Failure::lasting(error),
        error => Failure::passing(error),
    }
}

impl Source for FluvioSource {
    fn poll(&mut self, limit: usize, patience: Duration) -> Result<Polled, Error> {
        let mut waited = Duration::ZERO;
        while self.ready.is_empty() {
            if self.stop.is_some_and(|stop| self.next >= stop) {
                return Ok(Polled::Ended);
            }
            let step = (patience - waited).min(QUIET);
            match self.advance(step) {
                Ok(true) => break,
                Ok(false) => waited += step.max(Duration::from_millis(1)),
                Err(failure) => {
                    self.connected = None;
                    if failure.is_final || waited >= patience {
                        return Err(self.error("read", failure));
                    }
                    let rest = self.backoff.next_rest(patience - waited);
                    std::thread::sleep(rest);
                    waited += rest;
                }
            }
            waited = waited.min(patience);
            if waited >= patience && self.ready.is_empty() {
                return Ok(if self.is_at_end() { Polled::Idle } else { Polled::Waiting });
            }
        }
        let count = limit.min(self.ready.len());
        let messages: Vec<Message> = self.ready.drain(..count).collect();
        self.given = messages.last().map_or(self.given, |message| message.next.record);
        Ok(Polled::Records(messages))
    }

    fn position(&self) -> Position {
        Position { record: self.given, byte: 0 }
    }

    fn seek(&mut self, to: Position) -> Result<(), Error> {
        self.ready.clear();
        self.close_stream();
        (self.next, self.given, self.tries) = (to.record, to.record, 0);
        Ok(())
    }

    fn behind(&mut self) -> Option<u64> {
        let end = match self.stop {
            Some(stop) => stop,
            None => self.connected.as_ref()?.leader.offsets().ok()?.1,
        };
        Some(end.saturating_sub(self.given))
    }
}
