//! Runs a job over batches until they end: read, feed, step, drain, write.
//!
//! One thread reads and decodes, the workers compute, one thread encodes and writes. The channels between them are
//! bounded, so a slow disk slows the reader. The dataflow gets whole ticks, many at a time where the log is sparse.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use contract::event::{FactBody, StateBody, StateKey, Topic};
use contract::fate::{Fated, Outcome};
use contract::ids::EventId;
use contract::time::Time;
use operators::keyed::registry::StateRegistry;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::Input;
use timely::worker::Worker;

use differential_dataflow::collection::AsCollection;

use crate::batch::{Batch, Batches, Bound};
use crate::edge::{Admitted, Arriving, Inputs, cause};
use crate::emission::buffer::Outputs;
use crate::emission::output::{Emission, PendingEmission};
use crate::emission::priority::{Deferred, DeferredSender, lower_priority, split_by_priority};
use crate::error::Error;
use crate::graph::{self, Settings};
use crate::time::Diff;

/// Counts of records by topic and fate.
pub type FateCounts = BTreeMap<(Topic, &'static str), u64>;

/// The summary of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunSummary {
    /// The first tick, if there was one.
    pub first: Option<Time>,
    /// The last tick.
    pub last: Option<Time>,
    /// Counts of records by topic and fate.
    pub fates: FateCounts,
    /// Counts, by topic, of ingest times that were smaller than the one before them.
    pub disordered: Vec<(Topic, u64)>,
}

/// The emissions of closed ticks.
pub struct Closed {
    /// The last closed tick.
    pub upto: Time,
    /// The emissions that were due by then, in order.
    pub emissions: Vec<Emission>,
}

/// The same before the records are built and put in order.
struct Closing {
    upto: Time,
    pending: Vec<PendingEmission>,
}

/// Batches in flight to each worker, and closings to the writer.
const IN_FLIGHT: usize = 8;

/// A message to a worker.
enum WorkerMessage {
    /// Records of whole ticks.
    Feed(Batch),
    /// Nothing follows: the worker closes every tick up to this one.
    End(Time),
}

/// Runs a job with `workers` workers; each closing goes to `write`, in order.
///
/// # Errors
/// The first failure of the reader, of `write`, or of a worker.
pub fn run<B: Batches>(
    feed: B,
    settings: &Settings,
    workers: usize,
    mut write: impl FnMut(Closed) -> Result<(), B::Error> + Send,
) -> Result<RunSummary, B::Error> {
    launch(feed, settings, workers, |outbox| {
        outbox.iter().try_for_each(|Closing { upto, pending }| write(Closed { upto, emissions: build_all(pending) }))
    })
}

/// Runs a job with low priority for views ([`crate::emission::priority`]): `urgent` gets everything else of each
/// closing, `views` gets the views, of one closing or of several together.
///
/// # Errors
/// As [`run`].
pub fn run_with_priorities<B: Batches>(
    feed: B,
    settings: &Settings,
    workers: usize,
    mut urgent: impl FnMut(Closed) -> Result<(), B::Error> + Send,
    mut views: impl FnMut(Closed) -> Result<(), B::Error> + Send,
) -> Result<RunSummary, B::Error> {
    launch(feed, settings, workers, |outbox| {
        std::thread::scope(|threads| {
            let (mut deferred, receiver) = DeferredSender::<std::convert::Infallible>::channel();
            let writing_views = threads.spawn(move || {
                lower_priority();
                receiver.iter().try_for_each(|Deferred::Closed(upto, pending)| {
                    views(Closed { upto, emissions: build_all(pending) })
                })
            });
            let wrote_urgent = outbox.iter().try_for_each(|Closing { upto, pending }| {
                let (pending, views_pending) = split_by_priority(pending);
                urgent(Closed { upto, emissions: build_all(pending) })?;
                Ok(deferred.close(upto, views_pending)?)
            });
            let wrote_urgent = wrote_urgent.and_then(|()| Ok(deferred.flush()?));
            drop(deferred);
            let wrote_views = writing_views.join().map_err(|_| engine("the writer of views panicked"))?;
            wrote_views.and(wrote_urgent)
        })
    })
}

fn build_all(pending: Vec<PendingEmission>) -> Vec<Emission> {
    pending.into_iter().filter_map(PendingEmission::emission).collect()
}

fn launch<B: Batches>(
    feed: B,
    settings: &Settings,
    workers: usize,
    write: impl FnOnce(Receiver<Closing>) -> Result<(), B::Error> + Send,
) -> Result<RunSummary, B::Error> {
    let Some(first) = feed.first() else { return Ok(RunSummary::default()) };
    let (inputs, inboxes): (Vec<_>, Vec<_>) = (0..workers).map(|_| sync_channel(IN_FLIGHT)).unzip();
    let inboxes: Vec<_> = inboxes.into_iter().map(|inbox| Mutex::new(Some(inbox))).collect();
    let (emissions, outbox) = sync_channel(IN_FLIGHT);
    std::thread::scope(|threads| {
        let reader = threads.spawn(move || read(feed, first, settings, &inputs));
        let writer = threads.spawn(move || write(outbox));
        let fates = run_workers(settings.clone(), workers, first, inboxes, emissions);
        let (last, disordered) = reader.join().map_err(|_| engine("the reader panicked"))??;
        writer.join().map_err(|_| engine("the writer panicked"))??;
        Ok(RunSummary { first: Some(first), last: Some(last), fates: fates?, disordered })
    })
}

fn engine(problem: &str) -> Error {
    Error(problem.to_owned())
}

/// Reads to the end and returns the last tick. A closed channel means that a worker has stopped.
fn read<B: Batches>(
    mut feed: B,
    first: Time,
    settings: &Settings,
    workers: &[SyncSender<WorkerMessage>],
) -> Result<(Time, Vec<(Topic, u64)>), B::Error> {
    let mut last = first;
    while let Some(Batch { records, upto }) = feed.next_batch()? {
        last = upto;
        for (worker, records) in workers.iter().zip(distribute(records, workers.len())) {
            if worker.send(WorkerMessage::Feed(Batch { records, upto })).is_err() {
                return Err(engine("a worker stopped").into());
            }
        }
    }
    last = last.max(feed.until().unwrap_or(last)).max(settings.ticks.at(first));
    for worker in workers {
        worker.send(WorkerMessage::End(last)).map_err(|_| engine("a worker stopped"))?;
    }
    Ok((last, feed.disordered()))
}

/// Distributes records over workers; the entry worker of a record does not matter.
pub fn distribute(records: Vec<Bound>, workers: usize) -> Vec<Vec<Bound>> {
    if workers == 1 {
        return vec![records];
    }
    let mut shares: Vec<Vec<Bound>> = (0..workers).map(|_| Vec::with_capacity(records.len() / workers + 1)).collect();
    for (at, record) in records.into_iter().enumerate() {
        shares[at % workers].push(record);
    }
    shares
}

/// Runs the workers and adds up their counts of fates.
fn run_workers(
    settings: Settings,
    workers: usize,
    first: Time,
    inboxes: Vec<Mutex<Option<Receiver<WorkerMessage>>>>,
    emissions: SyncSender<Closing>,
) -> Result<FateCounts, Error> {
    let config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    // The writer ends when the first worker lets go of its channel, so nobody else may hold it.
    let (inboxes, emissions) = (Arc::new(inboxes), Mutex::new(Some(emissions)));
    let guards = timely::execute(config, move |worker| {
        let index = worker.index();
        let inbox = inboxes[index].lock().ok().and_then(|mut inbox| inbox.take());
        let emissions = (index == 0).then(|| emissions.lock().ok().and_then(|mut held| held.take())).flatten();
        inbox.map_or(Ok(FateCounts::new()), |inbox| run_worker(worker, &settings, first, &inbox, emissions.as_ref()))
    });
    let mut fates = FateCounts::new();
    for counted in guards.map_err(|error| engine(&error))?.join() {
        for (name, count) in counted.map_err(|error| engine(&error))?? {
            *fates.entry(name).or_default() += count;
        }
    }
    Ok(fates)
}

type Handle<D> = InputHandle<Time, CapacityContainerBuilder<Vec<(D, Time, Diff)>>>;

/// The graph's inputs on one worker.
pub struct Handles {
    facts: Handle<((Topic, EventId), Arriving<FactBody>)>,
    states: Handle<(StateKey, Arriving<StateBody>)>,
    fated: Handle<Fated>,
}

impl Handles {
    /// Builds the graph on a worker; `fates` counts records by fate.
    pub fn build(
        worker: &mut Worker,
        settings: &Settings,
        outputs: &mut Outputs,
        fates: &Rc<RefCell<FateCounts>>,
    ) -> Self {
        worker.dataflow(|scope| {
            let (facts, fact_stream) = scope.new_input();
            let (states, state_stream) = scope.new_input();
            let (fated, fated_stream) = scope.new_input();
            let inputs = Inputs {
                facts: fact_stream.as_collection(),
                states: state_stream.as_collection(),
                fated: fated_stream.as_collection(),
            };
            let edge = graph::build(settings, inputs, outputs);
            let counts = fates.clone();
            edge.look(move |memo, outcome| {
                *counts.borrow_mut().entry((memo.topic, fate_name(outcome))).or_default() += 1;
            });
            edge.open();
            Handles { facts, states, fated }
        })
    }

    /// Sends a record at its tick.
    pub fn send(&mut self, (time, topic, admitted): Bound) {
        match admitted {
            Admitted::Fact(key, arrival) => {
                let diff = cause(topic, &arrival.id);
                self.facts.send(((key, arrival), time, diff));
            }
            Admitted::State(key, arrival) => {
                let diff = cause(topic, &arrival.id);
                self.states.send(((key, arrival), time, diff));
            }
            Admitted::Fated(fated) => self.fated.send((fated, time, Diff::new(1, None))),
        }
    }

    /// Closes every tick before `time` on this worker.
    pub fn advance_to(&mut self, time: Time) {
        self.facts.advance_to(time);
        self.states.advance_to(time);
        self.fated.advance_to(time);
    }
}

/// Returns the shape of the stored state of every operator and output, by name.
pub fn shapes(settings: &Settings) -> Vec<(String, String)> {
    let settings = settings.clone();
    timely::execute_directly(move |worker| {
        let (registry, mut outputs) = (StateRegistry::default(), Outputs::new(settings.emit));
        // Nothing is sent: dropping the handles ends it.
        drop(registry.capture(|| Handles::build(worker, &settings, &mut outputs, &Rc::default())));
        registry.shapes().into_iter().chain(outputs.shapes()).collect()
    })
}

fn run_worker(
    worker: &mut Worker,
    settings: &Settings,
    first: Time,
    inbox: &Receiver<WorkerMessage>,
    emissions: Option<&SyncSender<Closing>>,
) -> Result<FateCounts, Error> {
    let fates = Rc::new(RefCell::new(FateCounts::new()));
    let mut outputs = Outputs::new(settings.emit);
    let mut handles = Handles::build(worker, settings, &mut outputs, &fates);
    handles.advance_to(first);
    let mut ended = false;
    while !ended {
        let Ok(message) = inbox.recv() else { return Err(engine("the reader stopped")) };
        // What has come meanwhile is taken together: the further behind, the fewer rounds a tick.
        let mut last = first;
        for message in std::iter::once(message).chain(inbox.try_iter()) {
            match message {
                WorkerMessage::Feed(batch) => {
                    batch.records.into_iter().for_each(|record| handles.send(record));
                    last = batch.upto;
                }
                WorkerMessage::End(end) => (ended, last) = (true, end),
            }
        }
        let next = last + settings.ticks.tick_ms;
        handles.advance_to(next);
        while outputs.probe.less_than(&next) {
            worker.step_or_park(None);
        }
        let frontier = (!ended).then_some(next);
        send(Closing { upto: last, pending: outputs.drain(frontier, last) }, emissions)?;
    }
    Ok(fates.take())
}

fn send(closed: Closing, to: Option<&SyncSender<Closing>>) -> Result<(), Error> {
    to.map_or(Ok(()), |to| to.send(closed).map_err(|_| engine("the writer stopped")))
}

/// Returns the name of a fate in counts.
fn fate_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Duplicate => "duplicates",
        Outcome::Late(_) => "late",
        Outcome::Dead(..) => "dead",
    }
}
