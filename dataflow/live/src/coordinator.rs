//! The coordinator: takes lines from every partition, closes ticks, logs the records of each tick, and then feeds the
//! workers.
//!
//! After a restart it first feeds the logged ticks again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use contract::time::Time;
use engine::batch::Batch;
use engine::clock::{Stopwatch, wall_ms};
use engine::edge::admit;
use engine::graph::Settings;
use engine::job::distribute;
use engine::telemetry::{Ready, Telemetry};

use crate::checkpoint::recovery::{Rebinding, Recovered};
use crate::checkpoint::writer::CheckpointMessage;
use crate::config::Config;
use crate::error::Error;
use crate::fail::fail_point;
use crate::input::binder::{Binder, BoundLine, Clock, Reached, Span};
use crate::input::reader::{Partition, PartitionInput, ReaderMessage, Readers};
use crate::input::remap_log::{Header, PartitionName, RemapWriter};
use crate::processes::Processes;
use crate::worker::WorkerMessage;

/// The time that a partition is polled for a first record.
const POLL: Duration = Duration::from_millis(5);
/// The time without a closed tick after which the log reports a stall, and the interval of further reports.
const STALL_LOG_INTERVAL: Duration = Duration::from_secs(10);
/// The interval at which queue lengths are reported.
const QUEUE_REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The interval at which a wait for missing records is logged.
const WAIT_LOG_INTERVAL: Duration = Duration::from_secs(5);
/// The greatest time that the coordinator sleeps unless it is woken.
const MAX_PARK: Duration = Duration::from_millis(20);
const MIN_PARK: Duration = Duration::from_millis(1);

/// A barrier at which workers report before records are fed. With several processes, every process has read the state
/// of the earlier run by then, so the state may be written to.
pub struct StartBarrier {
    expected: usize,
    /// The workers' threads; `None` after [`StartBarrier::give_up`].
    arrived: Mutex<Option<Vec<Thread>>>,
    changed: Condvar,
}

impl StartBarrier {
    /// Creates a barrier for `expected` workers.
    pub fn new(expected: usize) -> Self {
        StartBarrier { expected, arrived: Mutex::new(Some(Vec::new())), changed: Condvar::new() }
    }

    /// Registers the calling worker.
    pub fn arrive(&self) {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(threads) = arrived.as_mut() {
            threads.push(std::thread::current());
        }
        self.changed.notify_all();
    }

    /// Releases the waiting thread: the workers could not start.
    pub fn give_up(&self) {
        *self.arrived.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.changed.notify_all();
    }

    /// Waits until all workers have registered; `None` if they could not start.
    fn wait(&self) -> Option<Vec<Thread>> {
        let waiting =
            |arrived: &mut Option<Vec<Thread>>| arrived.as_ref().is_some_and(|here| here.len() < self.expected);
        let arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        self.changed.wait_while(arrived, waiting).unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The coordinator before it runs.
pub struct Coordinator<'a> {
    config: &'a Config,
    settings: Settings,
    processes: &'a Processes,
    recovered: Recovered,
    /// The identity of the program and its configured policies.
    program: String,
    /// The number of snapshots begun and not yet complete.
    under_way: Arc<AtomicUsize>,
    /// Set by the caller to stop the job gracefully.
    stop: &'a AtomicBool,
    /// Set when a part of the job has failed.
    halt: &'a AtomicBool,
    telemetry: &'a Telemetry,
}

impl<'a> Coordinator<'a> {
    /// Creates a coordinator that continues from `recovered` until `stop` or `halt` is set.
    pub fn new(
        config: &'a Config,
        processes: &'a Processes,
        (recovered, program, under_way): (Recovered, String, Arc<AtomicUsize>),
        (stop, halt): (&'a AtomicBool, &'a AtomicBool),
        telemetry: &'a Telemetry,
    ) -> Self {
        Coordinator {
            config,
            settings: config.settings(),
            processes,
            recovered,
            program,
            under_way,
            stop,
            halt,
            telemetry,
        }
    }

    /// Runs to the end of the inputs, or until the job is stopped.
    ///
    /// # Errors
    /// If a partition cannot be read any more, the remap log cannot be written, or the workers have stopped.
    pub fn run(
        self,
        partitions: Vec<Partition>,
        barrier: &StartBarrier,
        inboxes: Vec<SyncSender<WorkerMessage>>,
        copies: Sender<CheckpointMessage>,
    ) -> Result<(), Error> {
        let Some(workers) = barrier.wait() else { return Err(engine("the workers could not start")) };
        let names: Vec<PartitionName> = partitions.iter().map(|partition| partition.name).collect();
        let reached: Vec<(u32, Reached)> = partitions.iter().map(|each| (each.name.1, each.reached)).collect();
        let clock = self.config.time.clock;
        let from = self.recovered.from();
        let readers_stop = Arc::new(AtomicBool::new(false));
        let readers = Readers { clock, timeout: POLL, stop: readers_stop.clone(), telemetry: self.telemetry.clone() };
        std::thread::scope(|scope| {
            let me = std::thread::current();
            let input = |partition| readers.clone().spawn(scope, partition, me.clone());
            let mut coordination = Coordination {
                replay: self.recovered.spans(&names),
                binder: Binder::new(self.settings.ticks, clock, from, &reached),
                inputs: partitions.into_iter().map(|partition| (input(partition), Stopwatch::start())).collect(),
                since_report: Stopwatch::start(),
                since_close: Stopwatch::start(),
                max_park: MAX_PARK,
                snapshot_at: None,
                last_snapshot: from,
                remap: None,
                coordinator: &self,
                names,
                inboxes,
                workers,
                copies,
            };
            let ended = coordination.run();
            readers_stop.store(true, Ordering::Relaxed);
            // Readers that wait for room in their queue find that nobody takes anything any more.
            drop(coordination);
            ended
        })
    }
}

fn engine(problem: &str) -> Error {
    Error::Engine(problem.to_owned())
}

/// The running coordinator.
struct Coordination<'a> {
    coordinator: &'a Coordinator<'a>,
    names: Vec<PartitionName>,
    binder: Binder,
    /// The logged spans that are still to be fed again.
    replay: VecDeque<Rebinding>,
    /// The input of each partition, and the time since its last lines.
    inputs: Vec<(PartitionInput, Stopwatch)>,
    /// The time since queue lengths were last reported.
    since_report: Stopwatch,
    /// The time since a tick last closed, or since a stall was last reported.
    since_close: Stopwatch,
    /// The greatest sleep: a partition may become idle at its end.
    max_park: Duration,
    remap: Option<RemapWriter>,
    /// The tick of the next snapshot.
    snapshot_at: Option<Time>,
    last_snapshot: Option<Time>,
    inboxes: Vec<SyncSender<WorkerMessage>>,
    workers: Vec<Thread>,
    copies: Sender<CheckpointMessage>,
}

impl Coordination<'_> {
    fn run(&mut self) -> Result<(), Error> {
        while let Some(again) = self.replay.pop_front() {
            match self.take_rebound(&again)? {
                Some(bound) => {
                    self.feed(bound, again.closes, again.span.last)?;
                    fail_point("mid-replay");
                }
                // Told to stop before it had caught up: what was read again is read again next time.
                None => return self.send_all(|| WorkerMessage::Stop),
            }
        }
        self.begin_segment()?;
        while !self.coordinator.halt.load(Ordering::Relaxed) {
            self.take(None)?;
            if self.coordinator.stop.load(Ordering::Relaxed) {
                return self.stop();
            }
            // At the very beginning the first record says where time begins, unless ticks have closed without any.
            let begins = || {
                let begun = self.binder.first_tick()? - 1;
                Some(self.next_snapshot(self.binder.closed().map_or(begun, |closed| closed.max(begun))))
            };
            self.snapshot_at = self.snapshot_at.or_else(begins);
            if let Some((mut span, bound)) = self.binder.close(self.limit()) {
                span.last = self.is_done() && self.until().is_none_or(|until| until <= span.closed);
                self.append(&span)?;
                self.feed(bound, span.closed, span.last)?;
                self.since_close = Stopwatch::start();
                if span.last {
                    return self.stop();
                }
                if Some(span.closed) == self.snapshot_at {
                    self.snapshot_if_free(span.closed)?;
                }
                let is_live = self.coordinator.config.time.clock == Clock::Wall;
                self.coordinator.telemetry.ready(if is_live { Ready::At(span.closed) } else { Ready::Yes });
            } else if self.is_done() {
                return self.finish();
            } else {
                self.report_stall();
                std::thread::park_timeout(self.park_time());
            }
        }
        Ok(())
    }

    /// Takes lines until those of a logged span are complete, and binds them; `None` if the job ends before that.
    fn take_rebound(&mut self, again: &Rebinding) -> Result<Option<Vec<BoundLine>>, Error> {
        let span = &again.span;
        let mut waited = Stopwatch::start();
        loop {
            self.take(Some(span))?;
            if let Some(bound) = self.binder.rebind(span, again.upto) {
                return Ok(Some(bound));
            }
            if let Some((partition, end)) = self.binder.missing(span) {
                let (topic, number) = self.names[partition];
                return Err(Error::Recovery(format!(
                    "the inputs end before what tick {} was made of: {topic}/{number} had {} records then",
                    span.closed, end.next.record
                )));
            }
            if self.coordinator.halt.load(Ordering::Relaxed) || self.coordinator.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            if waited.elapsed() > WAIT_LOG_INTERVAL {
                waited = Stopwatch::start();
                tracing::warn!(
                    tick = span.closed,
                    "waiting for the records this tick was made of: was an input cut short?"
                );
            }
            std::thread::park_timeout(MAX_PARK);
        }
    }

    /// Takes lines from the partitions as far as their queues have room: for the span that is bound again, or for the
    /// next ticks.
    fn take(&mut self, again: Option<&Span>) -> Result<(), Error> {
        let idle = self.coordinator.config.time.idle();
        self.max_park = MAX_PARK;
        for (partition, (input, silent)) in self.inputs.iter_mut().enumerate() {
            // Asked first: what had come by then is taken below, unless there is no room for it.
            let was_at_end = input.is_at_end();
            let is_full = |binder: &Binder| match again {
                Some(span) => binder.is_full_for(span, partition),
                None => binder.is_full(partition),
            };
            let mut is_empty = false;
            while !is_empty && !is_full(&self.binder) {
                match input.next()? {
                    Some(ReaderMessage::Lines(lines)) => {
                        *silent = Stopwatch::start();
                        self.binder.push(partition, wall_ms(), lines);
                    }
                    Some(ReaderMessage::Ended) => self.binder.end(partition),
                    Some(ReaderMessage::Failed(error)) => return Err(error),
                    None => is_empty = true,
                }
            }
            // A job that stops at the end waits for every end.
            let is_at_end = was_at_end && is_empty && !self.coordinator.config.time.stop_at_end;
            let silent_for = silent.elapsed();
            self.binder.set_idle(partition, is_at_end && silent_for >= idle);
            if is_at_end && silent_for < idle {
                self.max_park = self.max_park.min(idle.saturating_sub(silent_for).max(MIN_PARK));
            }
        }
        if self.since_report.elapsed() >= QUEUE_REPORT_INTERVAL {
            self.since_report = Stopwatch::start();
            for (partition, (topic, number)) in self.names.iter().enumerate() {
                self.coordinator.telemetry.queue_depth(&format!("{topic}/{number}"), self.binder.waiting(partition));
            }
        }
        Ok(())
    }

    /// Logs at intervals that no tick has closed for long although records wait.
    fn report_stall(&mut self) {
        if self.since_close.elapsed() < STALL_LOG_INTERVAL {
            return;
        }
        self.since_close = Stopwatch::start();
        let Some(partition) = self.binder.slowest() else { return };
        let (topic, number) = self.names[partition];
        let input = &self.inputs[partition].0;
        if self.coordinator.config.time.clock == Clock::Data && input.is_at_end() {
            // The records' time stands still where no records come.
            return;
        }
        let reason = input.reason();
        tracing::warn!(
            tick = self.binder.closed(), %topic, partition = number, reason,
            waiting = self.binder.has_waiting(), "no tick closes: time waits for a partition"
        );
    }

    /// Returns the last tick, if one is configured.
    fn until(&self) -> Option<Time> {
        self.coordinator.config.time.until.map(|until| self.coordinator.settings.ticks.at(until))
    }

    /// Returns true if every input has ended or reached the last tick.
    fn is_done(&self) -> bool {
        self.binder.is_done(self.until())
    }

    /// Returns the greatest tick that may close now.
    fn limit(&self) -> Time {
        let now = if self.coordinator.config.time.clock == Clock::Wall { wall_ms() } else { Time::MAX };
        now.min(self.until().unwrap_or(Time::MAX)).min(self.snapshot_at.unwrap_or(Time::MAX))
    }

    /// Returns the time for which nothing can happen unless a reader wakes this thread.
    fn park_time(&self) -> Duration {
        let tick_ms = self.coordinator.settings.ticks.tick_ms;
        let to_tick = tick_ms - wall_ms().rem_euclid(tick_ms);
        self.max_park.min(Duration::from_millis(to_tick.cast_unsigned()))
    }

    /// Begins a segment of the remap log for new spans.
    fn begin_segment(&mut self) -> Result<(), Error> {
        let closed = self.binder.closed();
        let partitions = self.names.iter().copied().zip(self.binder.reached()).collect();
        let judged = (self.coordinator.program.as_str(), self.coordinator.settings.ticks.tick_ms);
        let header = Header::new(self.coordinator.processes.index, judged, closed, partitions);
        let incarnation = self.coordinator.recovered.incarnation;
        self.remap = Some(RemapWriter::create(&self.coordinator.config.remap(), incarnation, &header)?);
        self.snapshot_at = closed.map(|closed| self.next_snapshot(closed));
        Ok(())
    }

    fn next_snapshot(&self, closed: Time) -> Time {
        let every = self.coordinator.config.state.snapshot_ms;
        self.coordinator.settings.ticks.at(closed - closed.rem_euclid(every) + every)
    }

    fn append(&mut self, span: &Span) -> Result<(), Error> {
        if let Some(remap) = &mut self.remap {
            remap.append(span)?;
        }
        self.coordinator.telemetry.remap_appends(1);
        Ok(())
    }

    /// Sends lines to the workers and closes every tick up to `upto`; `last` is true if the inputs end there.
    fn feed(&mut self, bound: Vec<BoundLine>, upto: Time, last: bool) -> Result<(), Error> {
        let limits = self.coordinator.settings.limits;
        let admitted = bound.into_iter().map(|BoundLine { partition, tick, place, line }| {
            let topic = self.names[partition as usize].0;
            (tick, topic, admit(topic, place, &line.bytes, line.decoded, tick, limits))
        });
        let shares = distribute(admitted.collect(), self.inboxes.len());
        for (worker, records) in shares.into_iter().enumerate() {
            self.send(worker, WorkerMessage::Feed(Batch { records, upto }, last))?;
        }
        Ok(())
    }

    fn send(&self, worker: usize, message: WorkerMessage) -> Result<(), Error> {
        self.inboxes[worker].send(message).map_err(|_| engine("a worker stopped"))?;
        self.workers.iter().for_each(Thread::unpark);
        Ok(())
    }

    fn send_all(&self, message: impl Fn() -> WorkerMessage) -> Result<(), Error> {
        (0..self.inboxes.len()).try_for_each(|worker| self.send(worker, message()))
    }

    /// Takes a snapshot unless the one before is still being written: a job that catches up passes snapshot ticks
    /// faster than snapshots can be written. Several processes must take the same snapshots and do not know each
    /// other's progress.
    fn snapshot_if_free(&mut self, tick: Time) -> Result<(), Error> {
        if self.coordinator.processes.count() == 1 && self.coordinator.under_way.load(Ordering::Relaxed) > 0 {
            self.snapshot_at = Some(self.next_snapshot(tick));
            return Ok(());
        }
        self.snapshot(tick)
    }

    /// Takes a snapshot at the tick that has just been fed, and begins a new segment of the log.
    fn snapshot(&mut self, tick: Time) -> Result<(), Error> {
        let reached = self.binder.reached();
        let partitions = self.names.iter().zip(reached).map(|((topic, number), reached)| (*topic, *number, reached));
        self.coordinator.under_way.fetch_add(1, Ordering::Relaxed);
        let begun = self.copies.send(CheckpointMessage::Begin(tick, partitions.collect()));
        begun.map_err(|_| engine("the keeper of snapshots has stopped"))?;
        self.send_all(|| WorkerMessage::Snapshot(tick))?;
        fail_point("snapshot-cut");
        self.last_snapshot = Some(tick);
        self.begin_segment()
    }

    /// Every input has ended: advances time to its last instant, so that waiting emissions are due.
    fn finish(&mut self) -> Result<(), Error> {
        let until = self.until();
        let Some(after) = self.binder.closed().or(until) else { return self.stop() };
        let span = Span { after, closed: until.unwrap_or(after).max(after), ends: Vec::new(), last: true };
        self.binder.rebind(&span, span.closed);
        self.append(&span)?;
        self.feed(Vec::new(), span.closed, true)?;
        self.stop()
    }

    /// Takes a last snapshot, so that the next start reads nothing again, and stops the workers.
    fn stop(&mut self) -> Result<(), Error> {
        // Several processes stop at different ticks: they have no tick in common to cut at.
        if let Some(closed) = self.binder.closed()
            && self.coordinator.processes.count() == 1
            && self.last_snapshot != Some(closed)
        {
            self.snapshot(closed)?;
        }
        fail_point("before-stop");
        self.send_all(|| WorkerMessage::Stop)
    }
}
