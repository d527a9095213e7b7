//! One worker of a live job: feeds records, steps the dataflow, sends due emissions, and copies its state in small
//! steps for snapshots.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::Duration;

use contract::time::{Cause, Time};
use engine::batch::Batch;
use engine::clock::Stopwatch;
use engine::emission::buffer::Outputs;
use engine::emission::output::PendingEmission;
use engine::graph::Settings;
use engine::job::{FateCounts, Handles};
use engine::telemetry::Telemetry;
use operators::keyed::registry::{StateChunk, StateRegistry};
use timely::worker::Worker;

use crate::checkpoint::snapshot::{Manifest, StateFrames};
use crate::checkpoint::writer::{Backlog, CheckpointMessage};
use crate::error::Error;

/// The number of keyed entries copied between two looks at the inbox.
const FUEL: usize = 1_024;
/// The greatest time that a worker sleeps unless it is woken: other processes wake it only through their sockets.
const MAX_PARK: Duration = Duration::from_millis(50);

/// A message to a worker.
pub enum WorkerMessage {
    /// Records of whole ticks, and whether they are the last: then all emissions are due.
    Feed(Batch, bool),
    /// Copy the state: every tick up to this one has been fed.
    Snapshot(Time),
    /// Nothing follows.
    Stop,
}

/// An output of the first worker of the job.
pub enum WorkerOutput {
    /// The last closed tick, the time it took, and the emissions that are due.
    Closed(Time, Duration, Vec<PendingEmission>),
    /// A snapshot is taken at this tick.
    Mark(Time),
}

/// A worker before it runs.
pub struct LiveWorker {
    /// The settings of the graph.
    pub settings: Settings,
    /// The first tick that may be fed; `None` at the first start.
    pub first: Option<Time>,
    /// The snapshot to restore, with its folder.
    pub restore: Option<(std::path::PathBuf, Manifest)>,
    /// Has every keyed entry evaluated again at the first tick, with this changed program as the cause.
    pub judge_anew: Option<Cause>,
    /// The inbox.
    pub inbox: Receiver<WorkerMessage>,
    /// The channel of outputs; only of the first worker of the job.
    pub outbox: Option<SyncSender<WorkerOutput>>,
    /// The channel to the checkpoint writer.
    pub copies: std::sync::mpsc::Sender<CheckpointMessage>,
    /// The copied bytes in flight.
    pub backlog: Backlog,
    /// The tick of the current copy.
    pub copying: Cell<Time>,
    /// The index of the worker in its process.
    pub local: usize,
    /// Set when a part of the job has failed.
    pub halt: Arc<AtomicBool>,
    /// The metrics.
    pub telemetry: Telemetry,
}

fn engine(problem: &str) -> Error {
    Error::Engine(problem.to_owned())
}

impl LiveWorker {
    /// Runs until the coordinator stops it. After an error the worker must not be stepped any more.
    ///
    /// # Errors
    /// If a snapshot cannot be restored, a channel is closed, or another part of the job has failed.
    pub fn run(self, worker: &mut Worker) -> Result<(), Error> {
        let fates = Rc::new(RefCell::new(FateCounts::new()));
        let registry = StateRegistry::default();
        let mut outputs = Outputs::new(self.settings.emit);
        let mut handles = registry.capture(|| Handles::build(worker, &self.settings, &mut outputs, &fates));
        self.restore(worker, &registry, &mut outputs)?;
        if let Some(first) = self.first {
            if let Some(cause) = &self.judge_anew {
                registry.reevaluate(first, cause);
            }
            handles.advance_to(first);
        }
        loop {
            let message = match self.inbox.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => return Err(engine("whoever feeds the workers has stopped")),
                Err(TryRecvError::Empty) => {
                    if self.copy(&registry)? {
                        worker.step();
                    } else {
                        worker.step_or_park(Some(MAX_PARK));
                    }
                    continue;
                }
            };
            match message {
                WorkerMessage::Feed(batch, last) => {
                    batch.records.into_iter().for_each(|record| handles.send(record));
                    let took = self.close(worker, &mut handles, batch.upto, &outputs)?;
                    let next = batch.upto + self.settings.ticks.tick_ms;
                    let frontier = (!last).then_some(next);
                    self.emit(batch.upto, took, outputs.drain(frontier, batch.upto))?;
                    self.count(&mut fates.borrow_mut());
                }
                WorkerMessage::Snapshot(tick) => self.begin(tick, &registry, &outputs)?,
                WorkerMessage::Stop => {
                    while self.copy(&registry)? {
                        self.check_halted()?;
                    }
                    self.count(&mut fates.borrow_mut());
                    return self.end(worker, handles);
                }
            }
            self.copy(&registry)?;
        }
    }

    /// Closes every tick up to `upto` and waits until all workers have.
    fn close(
        &self,
        worker: &mut Worker,
        handles: &mut Handles,
        upto: Time,
        outputs: &Outputs,
    ) -> Result<Duration, Error> {
        let watch = Stopwatch::start();
        let next = upto + self.settings.ticks.tick_ms;
        handles.advance_to(next);
        while outputs.probe.less_than(&next) {
            worker.step_or_park(Some(MAX_PARK));
            self.check_halted()?;
        }
        Ok(watch.elapsed())
    }

    /// Returns an error if a part of the job has failed: its ticks never close, so waiting for them would not end.
    fn check_halted(&self) -> Result<(), Error> {
        if self.halt.load(Ordering::Relaxed) { Err(engine("another part of the job has failed")) } else { Ok(()) }
    }

    /// Drops the inputs and waits until every worker has ended.
    fn end(&self, worker: &mut Worker, handles: Handles) -> Result<(), Error> {
        drop(handles);
        while worker.has_dataflows() {
            worker.step_or_park(Some(MAX_PARK));
            self.check_halted()?;
        }
        Ok(())
    }

    fn emit(&self, closed: Time, took: Duration, pending: Vec<PendingEmission>) -> Result<(), Error> {
        let Some(outbox) = &self.outbox else { return Ok(()) };
        outbox.send(WorkerOutput::Closed(closed, took, pending)).map_err(|_| engine("the writer has stopped"))
    }

    /// Restores this worker's share of a snapshot.
    fn restore(&self, worker: &Worker, registry: &StateRegistry, outputs: &mut Outputs) -> Result<(), Error> {
        let Some((snapshots, manifest)) = &self.restore else { return Ok(()) };
        let (index, peers) = (worker.index(), worker.peers());
        let states = manifest.states();
        for (place, entry) in states.iter().enumerate() {
            // Written by as many workers, each finds its own file; else everybody looks through all of them.
            if states.len() == peers && place != index {
                continue;
            }
            let mut frames = StateFrames::open(snapshots, manifest.tick, entry)?;
            while let Some((name, chunk)) = frames.next_frame()? {
                let taken = index == 0 && outputs.load(&name, &chunk.entries).map_err(Error::Recovery)?;
                if !taken && !Outputs::is_buffer(&name) {
                    registry.restore(&name, &chunk, (index, peers)).map_err(Error::Recovery)?;
                }
            }
        }
        Ok(())
    }

    /// Begins a copy; finishes the one before first.
    fn begin(&self, tick: Time, registry: &StateRegistry, outputs: &Outputs) -> Result<(), Error> {
        while registry.is_checkpointing() {
            self.copy_step(registry)?;
        }
        registry.begin_checkpoint();
        self.copying.set(tick);
        if let Some(outbox) = &self.outbox {
            for (name, waiting) in outputs.save() {
                self.send_piece(name, StateChunk { entries: waiting, broadcasts: Vec::new() })?;
            }
            outbox.send(WorkerOutput::Mark(tick)).map_err(|_| engine("the writer has stopped"))?;
        }
        for (name, size) in registry.sizes() {
            self.telemetry.state(self.local, &name, size.entries as u64, size.bytes as u64);
        }
        Ok(())
    }

    /// Does one step of the current copy unless the checkpoint writer is behind; returns true if more steps follow.
    fn copy(&self, registry: &StateRegistry) -> Result<bool, Error> {
        if registry.is_checkpointing() && !self.backlog.is_full() {
            self.copy_step(registry)?;
        }
        Ok(registry.is_checkpointing())
    }

    fn copy_step(&self, registry: &StateRegistry) -> Result<(), Error> {
        if registry.checkpoint(FUEL, |name, chunk| self.send_piece(name.to_owned(), chunk))? {
            self.copies
                .send(CheckpointMessage::WorkerDone(self.copying.get()))
                .map_err(|_| engine("the keeper of snapshots has stopped"))?;
        }
        Ok(())
    }

    fn send_piece(&self, name: String, chunk: StateChunk) -> Result<(), Error> {
        self.backlog.add(&chunk);
        let message = CheckpointMessage::Piece(self.copying.get(), self.local, name, chunk);
        self.copies.send(message).map_err(|_| engine("the keeper of snapshots has stopped"))
    }

    fn count(&self, fates: &mut FateCounts) {
        for ((topic, fate), count) in std::mem::take(fates) {
            self.telemetry.fates(topic.name(), fate, count);
        }
    }
}
