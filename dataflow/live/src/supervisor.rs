//! The supervisor of a live job: starts its threads, watches them, and stops them together.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connectors::outbox::Outbox;
use connectors::registry::SourceConfig;
use connectors::sink::Sink;
use connectors::source::Start;
use contract::event::Topic;
use contract::ids::EventId;
use contract::output::OutputTopic;
use contract::time::{Cause, Time};
use engine::graph::Settings;
use engine::telemetry::{Ready, Telemetry};
use serve::{CommandSink, Server, ServingTables};
use timely::CommunicationConfig;

use crate::checkpoint::fingerprint::Fingerprint;
use crate::checkpoint::recovery::{self, Recovered};
use crate::checkpoint::snapshot::{self, Manifest};
use crate::checkpoint::writer::{Backlog, CheckpointMessage, CheckpointWriter};
use crate::config::Config;
use crate::coordinator::{Coordinator, StartBarrier};
use crate::error::Error;
use crate::input::binder::{Clock, Reached};
use crate::input::reader::Partition;
use crate::processes::Processes;
use crate::publish::Publisher;
use crate::retry::Retry;
use crate::worker::{LiveWorker, WorkerMessage, WorkerOutput};

/// The number of batches in flight to each worker, and of closings to the publisher.
const IN_FLIGHT: usize = 8;
/// The time for which a failing output topic, or any topic that cannot be opened at the start, is retried.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// Runs a live job until its inputs end (if it is to stop there), `stop` is set, or something fails.
///
/// # Errors
/// A wrong configuration; state that cannot be gone on from; an input or output that fails for good; a failed engine.
pub fn run(config: &Config, processes: &Processes, stop: &Arc<AtomicBool>) -> Result<(), Error> {
    let telemetry = Telemetry::new(env!("CARGO_PKG_VERSION"));
    let _alive = telemetry.alive();
    let ran = Job::prepare(config, processes, stop, &telemetry).and_then(Job::run);
    if let Err(error) = &ran {
        telemetry.failed(&error.to_string());
        tracing::error!(%error, "the job stops");
    }
    ran
}

/// A job that is ready to start.
struct Job<'a> {
    config: &'a Config,
    processes: &'a Processes,
    settings: Settings,
    program: String,
    stored: Fingerprint,
    recovered: Recovered,
    partitions: Vec<Partition>,
    outboxes: BTreeMap<OutputTopic, Outbox>,
    tables: ServingTables,
    stop: &'a Arc<AtomicBool>,
    telemetry: &'a Telemetry,
    /// Locked while the job exists.
    _lock: File,
}

/// Locks the state folder against other jobs.
fn lock(config: &Config, processes: &Processes) -> Result<File, Error> {
    let folder = &config.state.folder;
    std::fs::create_dir_all(folder).map_err(connectors::Error::io("create", folder))?;
    let path = folder.join(format!("p{}.lock", processes.index));
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(connectors::Error::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(Error::Recovery(format!("{} is locked: another job runs on this state", path.display()))),
    }
}

fn engine(problem: &str) -> Error {
    Error::Engine(problem.to_owned())
}

impl<'a> Job<'a> {
    /// Recovers, opens every input, then every output, and refuses contradictions. Opening outputs may create them, so
    /// a job whose inputs cannot be opened creates none.
    fn prepare(
        config: &'a Config,
        processes: &'a Processes,
        stop: &'a Arc<AtomicBool>,
        telemetry: &'a Telemetry,
    ) -> Result<Self, Error> {
        let lock = lock(config, processes)?;
        let program = recovery::program(&config.policy)?;
        let recovered = recovery::recover(config, &program)?;
        let settings = config.settings();
        let stored = Fingerprint::of(&settings);
        if let Some(manifest) = &recovered.manifest {
            stored.check(manifest.tick, &manifest.stored)?;
        }
        let retry = Retry { limit: GIVE_UP_AFTER, stop, rest: std::thread::sleep };
        let partitions = open_partitions(config, processes, &recovered, retry)?;
        let mut outboxes = BTreeMap::new();
        if processes.index == 0 {
            // The others write nothing before they have met this one.
            snapshot::forget_after(&config.snapshots(), recovered.from())?;
            for (topic, sink) in &config.output {
                let outbox = retry.with(|| sink.open().and_then(Outbox::open))?;
                recovered.check_published(*topic, outbox.committed())?;
                outboxes.insert(*topic, outbox);
            }
        }
        let tables = load_tables(config, &recovered)?;
        if let Some(tick) = recovered.from() {
            telemetry.restarted();
            tracing::info!(tick, replay = recovered.replay.spans.len(), "going on from a snapshot");
        }
        Ok(Job {
            config,
            processes,
            settings,
            program,
            stored,
            recovered,
            partitions,
            outboxes,
            tables,
            stop,
            telemetry,
            _lock: lock,
        })
    }

    fn run(self) -> Result<(), Error> {
        let server = self.serve()?;
        let workers = usize::from(self.config.workers);
        let (senders, inboxes): (Vec<_>, Vec<_>) = (0..workers).map(|_| sync_channel(IN_FLIGHT)).unzip();
        let (outbox, outputs) = sync_channel(IN_FLIGHT);
        let (copies, copied) = channel();
        let (backlog, barrier, halt) =
            (Backlog::default(), Arc::new(StartBarrier::new(workers)), Arc::new(AtomicBool::new(false)));
        let under_way = Arc::new(AtomicUsize::new(0));
        let checkpoint_writer = self.checkpoint_writer(workers, &backlog, &under_way);
        let pool = self.pool(&backlog, &barrier, &halt);
        let telemetry = self.telemetry;
        let publisher = Publisher {
            outboxes: self.outboxes,
            tables: self.tables,
            copies: copies.clone(),
            telemetry: telemetry.clone(),
            give_up_after: GIVE_UP_AFTER,
            is_live: self.config.time.clock == Clock::Wall,
        };
        let coordinator = Coordinator::new(
            self.config,
            self.processes,
            (self.recovered, self.program, under_way),
            (self.stop, &halt),
            telemetry,
        );
        let ends = &*halt;
        let ended = std::thread::scope(|scope| {
            let checkpointing = scope.spawn(move || halt_on_error(ends, checkpoint_writer.run(copied)));
            let publishing = scope.spawn(move || halt_on_error(ends, publisher.run(outputs)));
            let (begin, partitions) = (copies.clone(), self.partitions);
            let coordinating =
                scope.spawn(|| halt_on_error(&halt, coordinator.run(partitions, &barrier, senders, begin)));
            let worked = halt_on_error(&halt, pool.run(workers, inboxes, outbox, copies));
            let joined = [publishing, checkpointing, coordinating]
                .map(|thread| thread.join().map_err(|_| engine("a thread panicked")));
            first_cause(joined.into_iter().flatten().chain([worked]))
        });
        telemetry.ready(Ready::No);
        if let Some(server) = server {
            server.stop();
        }
        ended
    }

    fn pool(&self, backlog: &Backlog, barrier: &Arc<StartBarrier>, halt: &Arc<AtomicBool>) -> WorkerPool {
        WorkerPool {
            processes: self.processes.clone(),
            settings: self.settings.clone(),
            from: self.recovered.from(),
            restore: self.recovered.manifest.clone().map(|manifest| (self.config.snapshots(), manifest)),
            judge_anew: self.recovered.judges_anew.then(|| Cause::Program(EventId::new(&self.program))),
            backlog: backlog.clone(),
            barrier: barrier.clone(),
            halt: halt.clone(),
            telemetry: self.telemetry.clone(),
        }
    }

    fn serve(&self) -> Result<Option<Server>, Error> {
        let Some(http) = self.config.http.as_ref().filter(|_| self.processes.index == 0) else { return Ok(None) };
        let commands = match self.config.input.get(&Topic::Commands) {
            Some(source) => {
                let retry = Retry { limit: GIVE_UP_AFTER, stop: self.stop, rest: std::thread::sleep };
                Some(command_sink(retry.with(|| source.sink(0))?))
            }
            None => None,
        };
        let server = Server::start(http, self.telemetry.clone(), self.tables.clone(), commands);
        server.map(Some).map_err(|error| Error::Scenario(error.to_string()))
    }

    fn checkpoint_writer(&self, workers: usize, backlog: &Backlog, under_way: &Arc<AtomicUsize>) -> CheckpointWriter {
        CheckpointWriter {
            snapshots: self.config.snapshots(),
            remap: self.config.remap(),
            keep: self.config.state.keep,
            process: (self.processes.index, self.processes.count()),
            workers,
            tick_ms: self.settings.ticks.tick_ms,
            program: self.program.clone(),
            stored: self.stored.clone(),
            backlog: backlog.clone(),
            under_way: under_way.clone(),
            telemetry: self.telemetry.clone(),
        }
    }
}

/// Sets `halt` if a part of the job has failed.
fn halt_on_error(halt: &AtomicBool, ended: Result<(), Error>) -> Result<(), Error> {
    if ended.is_err() {
        halt.store(true, Ordering::Relaxed);
    }
    ended
}

/// Returns the error that made the job fail: parts that fail only because another has failed report an engine error.
fn first_cause(ended: impl Iterator<Item = Result<(), Error>>) -> Result<(), Error> {
    let (consequences, causes): (Vec<_>, Vec<_>) =
        ended.filter_map(Result::err).partition(|error| matches!(error, Error::Engine(_)));
    causes.into_iter().chain(consequences).next().map_or(Ok(()), Err)
}

/// Returns the sink of commands: they are appended to the commands topic like every record.
fn command_sink(sink: Box<dyn Sink>) -> CommandSink {
    let sink = Mutex::new(sink);
    Box::new(move |command| {
        let mut sink = sink.lock().map_err(|_| "the commands topic cannot be written any more".to_owned())?;
        sink.append(&[command]).map_err(|error| error.to_string())
    })
}

/// Opens the partitions that this process reads, each at its position.
fn open_partitions(
    config: &Config,
    processes: &Processes,
    recovered: &Recovered,
    retry: Retry<'_>,
) -> Result<Vec<Partition>, Error> {
    let mut partitions = Vec::new();
    let mut place = 0;
    for (topic, source) in &config.input {
        for number in 0..retry.with(|| source.partitions())? {
            let mine = place % processes.count() == processes.index;
            place += 1;
            if !mine {
                continue;
            }
            let name = (*topic, number);
            let known = recovered.reached(&name);
            let start = known.map_or(Start::Beginning, |reached| Start::At(reached.next));
            let source_at = retry.with(|| source.open(number, start, config.time.stop_at_end))?;
            let reached = known.unwrap_or_else(|| Reached::start(source_at.position()));
            let first = u64::from(matches!(source, SourceConfig::File(_)));
            partitions.push(Partition { name, source: source_at, codec: source.codec(), first, reached });
        }
    }
    Ok(partitions)
}

/// Loads the tables that readers saw at the snapshot.
fn load_tables(config: &Config, recovered: &Recovered) -> Result<ServingTables, Error> {
    let emit_ms = config.time.emit_ms;
    let entry = recovered.manifest.as_ref().and_then(|manifest| {
        let tables = manifest.parts.iter().find_map(|part| part.tables.as_ref())?;
        Some(snapshot::folder(&config.snapshots(), manifest.tick).join(&tables.name))
    });
    let Some(path) = entry else { return Ok(ServingTables::new(emit_ms)) };
    let mut file = File::open(&path).map_err(connectors::Error::io("open", &path))?;
    ServingTables::load(emit_ms, &mut file).map_err(|error| Error::Recovery(format!("{}: {error}", path.display())))
}

/// The settings that all workers of a process share.
struct WorkerPool {
    processes: Processes,
    settings: Settings,
    from: Option<Time>,
    restore: Option<(PathBuf, Manifest)>,
    judge_anew: Option<Cause>,
    backlog: Backlog,
    barrier: Arc<StartBarrier>,
    /// Set when a part of the job has failed.
    halt: Arc<AtomicBool>,
    telemetry: Telemetry,
}

/// Sets `halt` if the worker's thread panics.
struct PanicGuard(Arc<AtomicBool>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// The channels of one worker.
struct WorkerChannels {
    inbox: Receiver<WorkerMessage>,
    outbox: Option<SyncSender<WorkerOutput>>,
    copies: Sender<CheckpointMessage>,
}

impl WorkerPool {
    /// Runs the workers of this process to their end.
    fn run(
        self,
        workers: usize,
        inboxes: Vec<Receiver<WorkerMessage>>,
        outbox: SyncSender<WorkerOutput>,
        copies: Sender<CheckpointMessage>,
    ) -> Result<(), Error> {
        // The publisher and the checkpoint writer end when the last worker lets go of its channel, so nobody else may hold one.
        let mut outbox = Some(outbox).filter(|_| self.processes.index == 0);
        let of = |inbox| Mutex::new(Some(WorkerChannels { inbox, outbox: outbox.take(), copies: copies.clone() }));
        let channels: Vec<_> = inboxes.into_iter().map(of).collect();
        drop(copies);
        let config =
            timely::Config { communication: self.communication(workers), worker: timely::WorkerConfig::default() };
        let barrier = self.barrier.clone();
        let (fail, failures) = channel();
        let fail = Mutex::new(fail);
        let guards = timely::execute(config, move |worker| {
            let _guard = PanicGuard(self.halt.clone());
            let local = worker.index() % workers;
            let channels = channels[local].lock().ok().and_then(|mut channels| channels.take());
            self.barrier.arrive();
            let Some(channels) = channels else { return };
            if let Err(error) = self.live_worker(local, channels).run(worker) {
                _ = fail.lock().map(|fail| fail.send(error));
                // A worker that returned would go on stepping with its inputs closed: to the others, here and in other
                // processes, what it was not fed would look as if it had never been. Unwinding, it says nothing more.
                resume_unwind(Box::new("a worker has failed"));
            }
        });
        let guards = match guards {
            Ok(guards) => guards,
            Err(error) => {
                barrier.give_up();
                return Err(Error::Engine(error));
            }
        };
        // Threads that talk to other processes panic when a worker, or another process, has.
        let ended = catch_unwind(AssertUnwindSafe(|| guards.join()));
        let ended = ended.unwrap_or_else(|_| vec![Err("the connection to another process has broken".to_owned())]);
        first_cause(failures.try_iter().map(Err).chain(ended.into_iter().map(|worked| worked.map_err(Error::Engine))))
    }

    fn communication(&self, workers: usize) -> CommunicationConfig {
        match (self.processes.hosts.len(), workers) {
            (0 | 1, 1) => CommunicationConfig::Thread,
            (0 | 1, _) => CommunicationConfig::Process(workers),
            _ => CommunicationConfig::Cluster {
                threads: workers,
                process: self.processes.index as usize,
                addresses: self.processes.hosts.clone(),
                report: false,
                zerocopy: false,
            },
        }
    }

    fn live_worker(&self, local: usize, WorkerChannels { inbox, outbox, copies }: WorkerChannels) -> LiveWorker {
        let tick_ms = self.settings.ticks.tick_ms;
        LiveWorker {
            settings: self.settings.clone(),
            first: self.from.map(|from| from + tick_ms),
            restore: self.restore.clone(),
            judge_anew: self.judge_anew.clone(),
            inbox,
            outbox,
            copies,
            backlog: self.backlog.clone(),
            copying: Cell::new(0),
            local,
            halt: self.halt.clone(),
            telemetry: self.telemetry.clone(),
        }
    }
}
