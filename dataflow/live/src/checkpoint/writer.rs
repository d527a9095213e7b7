//! The checkpoint writer: a thread that writes snapshots while the job runs.
//!
//! It receives the state that the workers copy, chunk by chunk, and completes a snapshot when the part of every process
//! is complete and the outputs up to its tick have been written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use contract::event::Topic;
use contract::output::OutputTopic;
use contract::time::Time;
use engine::clock::Stopwatch;
use engine::telemetry::Telemetry;
use operators::keyed::registry::StateChunk;
use serve::tables::saved::SavedTables;

use crate::checkpoint::fingerprint::Fingerprint;
use crate::checkpoint::snapshot::{self, Manifest, Part, SnapshotFile};
use crate::error::Error;
use crate::fail::fail_point;
use crate::input::binder::Reached;
use crate::input::remap_log::RemapLog;

/// The interval at which parts of other processes are looked for.
const PARTS_POLL: Duration = Duration::from_millis(20);
/// The greatest number of copied bytes in flight; above it the workers pause copying.
const IN_FLIGHT: usize = 32 << 20;

/// A message to the checkpoint writer.
pub enum CheckpointMessage {
    /// A snapshot begins; the positions of this process's partitions at its tick.
    Begin(Time, Vec<(Topic, u32, Reached)>),
    /// A chunk of the state of a worker of this process at the tick.
    Piece(Time, usize, String, StateChunk),
    /// A worker has copied its whole state.
    WorkerDone(Time),
    /// The outputs up to the tick are written; the served tables and the last tick of each topic then. First process
    /// only.
    Published(Time, SavedTables, BTreeMap<OutputTopic, Time>),
}

/// The number of copied bytes that are not yet written.
#[derive(Clone, Default)]
pub struct Backlog(Arc<AtomicUsize>);

impl Backlog {
    /// Returns true if the workers should pause copying.
    pub fn is_full(&self) -> bool {
        self.0.load(Ordering::Relaxed) > IN_FLIGHT
    }

    /// Adds a chunk that is sent.
    pub fn add(&self, chunk: &StateChunk) {
        self.0.fetch_add(chunk.entries.len() + chunk.broadcasts.len(), Ordering::Relaxed);
    }

    fn done(&self, chunk: &StateChunk) {
        self.0.fetch_sub(chunk.entries.len() + chunk.broadcasts.len(), Ordering::Relaxed);
    }
}

/// The checkpoint writer and its settings.
pub struct CheckpointWriter {
    /// The folder of snapshots.
    pub snapshots: PathBuf,
    /// The folder of the remap log.
    pub remap: PathBuf,
    /// The number of complete snapshots to keep.
    pub keep: usize,
    /// The index of this process and the number of processes.
    pub process: (u32, u32),
    /// The number of workers of this process.
    pub workers: usize,
    /// The length of a tick.
    pub tick_ms: i64,
    /// The identity of the program and its configured policies.
    pub program: String,
    /// The fingerprint of the job.
    pub stored: Fingerprint,
    /// The copied bytes in flight to this thread.
    pub backlog: Backlog,
    /// The number of snapshots begun and not yet complete.
    pub under_way: Arc<AtomicUsize>,
    /// The metrics.
    pub telemetry: Telemetry,
}

/// A snapshot that is being written.
struct OpenCheckpoint {
    tick: Time,
    partitions: Vec<(Topic, u32, Reached)>,
    files: BTreeMap<usize, SnapshotFile>,
    workers_done: usize,
    published: Option<(SavedTables, BTreeMap<OutputTopic, Time>)>,
    part_written: bool,
    bytes: u64,
    stopwatch: Stopwatch,
}

impl CheckpointWriter {
    /// Runs until every sender is gone; a snapshot that is not complete by then is abandoned.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn run(self, copied: Receiver<CheckpointMessage>) -> Result<(), Error> {
        // The feeder runs ahead of the workers: several may be under way.
        let mut open: BTreeMap<Time, OpenCheckpoint> = BTreeMap::new();
        loop {
            let timeout = if open.is_empty() { Duration::from_secs(1) } else { PARTS_POLL };
            match copied.recv_timeout(timeout) {
                Ok(CheckpointMessage::Begin(tick, partitions)) => _ = open.insert(tick, self.open(tick, partitions)?),
                Ok(message) => self.take(&mut open, message)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            // In another process time may have begun newer: what it has no part of never becomes whole, and is let go.
            let ticks: Vec<Time> = open.keys().copied().collect();
            for tick in ticks {
                if let Some(checkpoint) = open.get_mut(&tick)
                    && self.advance(checkpoint)?
                {
                    let newer = open.split_off(&(tick + 1));
                    self.under_way.fetch_sub(open.len(), Ordering::Relaxed);
                    open = newer;
                }
            }
        }
    }

    fn open(&self, tick: Time, partitions: Vec<(Topic, u32, Reached)>) -> Result<OpenCheckpoint, Error> {
        let folder = snapshot::folder(&self.snapshots, tick);
        std::fs::create_dir_all(&folder).map_err(connectors::Error::io("create", &folder))?;
        let mut files = BTreeMap::new();
        for worker in 0..self.workers {
            let name = format!("p{}-w{worker}.state", self.process.0);
            files.insert(worker, SnapshotFile::create(&folder, name)?);
        }
        let stopwatch = Stopwatch::start();
        Ok(OpenCheckpoint {
            tick,
            partitions,
            files,
            workers_done: 0,
            published: None,
            part_written: false,
            bytes: 0,
            stopwatch,
        })
    }

    fn take(&self, open: &mut BTreeMap<Time, OpenCheckpoint>, message: CheckpointMessage) -> Result<(), Error> {
        match message {
            CheckpointMessage::Piece(tick, worker, operator, chunk) => {
                if let Some(file) = open.get_mut(&tick).and_then(|open| open.files.get_mut(&worker)) {
                    file.append_piece(&operator, &chunk)?;
                }
                self.backlog.done(&chunk);
                fail_point("mid-snapshot");
            }
            CheckpointMessage::WorkerDone(tick) => {
                if let Some(open) = open.get_mut(&tick) {
                    open.workers_done += 1;
                }
            }
            CheckpointMessage::Published(tick, tables, published) => {
                if let Some(open) = open.get_mut(&tick) {
                    open.published = Some((tables, published));
                }
            }
            CheckpointMessage::Begin(..) => {}
        }
        Ok(())
    }

    /// Does the next possible steps of a snapshot; returns `true` when it is finished.
    fn advance(&self, open: &mut OpenCheckpoint) -> Result<bool, Error> {
        let whole = open.workers_done == self.workers && (self.process.0 != 0 || open.published.is_some());
        if whole && !open.part_written {
            fail_point("before-part");
            self.write_part(open)?;
            open.part_written = true;
        }
        if !open.part_written || self.process.0 != 0 {
            return Ok(open.part_written);
        }
        let parts = snapshot::read_parts(&self.snapshots, open.tick, self.process.1)?;
        if parts.len() < self.process.1 as usize {
            return Ok(false);
        }
        let (version, program, stored) = (snapshot::VERSION, self.program.clone(), self.stored.clone());
        let manifest = Manifest { version, tick: open.tick, tick_ms: self.tick_ms, program, stored, parts };
        fail_point("before-manifest");
        snapshot::complete(&self.snapshots, &manifest)?;
        fail_point("after-manifest");
        open.bytes = manifest.bytes();
        let seconds = open.stopwatch.elapsed().as_secs_f64();
        self.telemetry.snapshot(open.tick, open.bytes, seconds);
        tracing::info!(tick = open.tick, bytes = open.bytes, seconds, "snapshot complete");
        if let Some(oldest) = snapshot::retain(&self.snapshots, self.keep)? {
            RemapLog::forget_before(&self.remap, oldest)?;
        }
        Ok(true)
    }

    fn write_part(&self, open: &mut OpenCheckpoint) -> Result<(), Error> {
        let states = std::mem::take(&mut open.files).into_values().map(SnapshotFile::finish);
        let states = states.collect::<Result<Vec<_>, _>>()?;
        let (tables, published) = match open.published.take() {
            Some((tables, published)) => (Some(self.write_tables(open.tick, &tables)?), published),
            None => (None, BTreeMap::new()),
        };
        let partitions = open.partitions.clone();
        snapshot::write_part(
            &self.snapshots,
            open.tick,
            &Part { process: self.process.0, states, tables, published, partitions },
        )
    }

    fn write_tables(&self, tick: Time, tables: &SavedTables) -> Result<snapshot::FileEntry, Error> {
        let folder = snapshot::folder(&self.snapshots, tick);
        let mut file = SnapshotFile::create(&folder, format!("p{}.board", self.process.0))?;
        tables.write(&mut file).map_err(connectors::Error::io("write", &folder))?;
        file.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use serve::ServingTables;

    #[test]
    fn a_snapshot_without_a_part_of_another_process_is_abandoned() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let under_way = Arc::new(AtomicUsize::new(2));
        let writer = CheckpointWriter {
            snapshots: path("snapshots"),
            remap: path("remap"),
            keep: 2,
            process: (0, 2),
            workers: 1,
            tick_ms: 10,
            program: "p".to_owned(),
            stored: Fingerprint::default(),
            backlog: Backlog::default(),
            under_way: under_way.clone(),
            telemetry: Telemetry::new("test"),
        };
        let (sender, receiver) = channel();
        let writing = std::thread::spawn(move || writer.run(receiver));
        for tick in [10, 20] {
            sender.send(CheckpointMessage::Begin(tick, Vec::new())).expect("it listens");
            sender.send(CheckpointMessage::WorkerDone(tick)).expect("it listens");
            sender
                .send(CheckpointMessage::Published(tick, ServingTables::new(10).save(), BTreeMap::new()))
                .expect("it listens");
        }
        // In the other process time has begun between the two.
        let part =
            Part { process: 1, states: Vec::new(), tables: None, published: BTreeMap::new(), partitions: Vec::new() };
        std::fs::create_dir_all(snapshot::folder(&path("snapshots"), 20)).expect("made");
        snapshot::write_part(&path("snapshots"), 20, &part).expect("written");
        while under_way.load(Ordering::Relaxed) > 0 && !writing.is_finished() {
            std::thread::yield_now();
        }
        drop(sender);
        writing.join().expect("it ends").expect("it could write");
        let (newest, _) = snapshot::newest(&path("snapshots")).expect("read");
        assert_eq!(newest.map(|manifest| (manifest.tick, manifest.parts.len())), Some((20, 2)));
        assert_eq!(under_way.load(Ordering::Relaxed), 0);
    }
}
