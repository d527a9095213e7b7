//! The loop: read · feed · step · drain · write, until the log ends.
//!
//! One thread reads and decodes, the workers compute, one thread encodes and writes; bounded channels between them, so
//! a slow disk slows the reader. The dataflow sees whole ticks only, many at a time where the log is sparse.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use contract::event::{FactBody, StateBody, StateKey, Topic};
use contract::fate::{Fated, Outcome};
use contract::ids::EventId;
use contract::time::Time;
use operators::vault::Vault;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::InputHandle;
use timely::dataflow::operators::Input;
use timely::worker::Worker;

use differential_dataflow::collection::AsCollection;

use crate::batch::{Batch, Batches, Bound};
use crate::edge::{Admitted, Arriving, Inputs, cause};
use crate::emission::buffer::Outputs;
use crate::emission::output::{Due, Emission};
use crate::emission::priority::{Behind, Later, give_way, split};
use crate::error::Error;
use crate::graph::{self, Settings};
use crate::time::Diff;

/// Records by topic and fate.
pub type FateCounts = BTreeMap<(Topic, &'static str), u64>;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// The first tick, if there was any.
    pub first: Option<Time>,
    /// The last tick.
    pub last: Option<Time>,
    /// Records by topic and fate.
    pub fates: FateCounts,
    /// Ingest times that ran backwards, by topic.
    pub disordered: Vec<(Topic, u64)>,
}

/// What leaves when ticks have closed.
pub struct Closed {
    /// Every tick up to this one has closed.
    pub upto: Time,
    /// What is due by then, in order.
    pub emissions: Vec<Emission>,
}

/// The same, not yet in order.
struct Closing {
    upto: Time,
    dues: Vec<Due>,
}

/// Batches in flight to each worker, and closings to the writer.
const IN_FLIGHT: usize = 8;

/// A message to a worker.
enum Order {
    /// Records of whole ticks.
    Feed(Batch),
    /// Nothing follows: close every tick up to this one.
    End(Time),
}

/// Runs a feed through `workers` workers; each closing goes to `write`, in order.
///
/// # Errors
/// The first failure of the reader, of `write`, or of a worker.
pub fn run<B: Batches>(
    feed: B,
    settings: &Settings,
    workers: usize,
    mut write: impl FnMut(Closed) -> Result<(), B::Error> + Send,
) -> Result<Ran, B::Error> {
    launch(feed, settings, workers, |outbox| {
        outbox.iter().try_for_each(|Closing { upto, dues }| write(Closed { upto, emissions: in_order(dues) }))
    })
}

/// The same with views in a lane of their own ([`crate::emission::priority`]): `urgent` gets all but views of each closing, `views` the
/// views, of one closing or several, when there is time for them.
///
/// # Errors
/// As [`run`].
pub fn run_in_lanes<B: Batches>(
    feed: B,
    settings: &Settings,
    workers: usize,
    mut urgent: impl FnMut(Closed) -> Result<(), B::Error> + Send,
    mut views: impl FnMut(Closed) -> Result<(), B::Error> + Send,
) -> Result<Ran, B::Error> {
    launch(feed, settings, workers, |outbox| {
        std::thread::scope(|threads| {
            let (mut behind, later) = Behind::<std::convert::Infallible>::lane();
            let following = threads.spawn(move || {
                give_way();
                later.iter().try_for_each(|Later::Closed(upto, dues)| views(Closed { upto, emissions: in_order(dues) }))
            });
            let led = outbox.iter().try_for_each(|Closing { upto, dues }| {
                let (dues, seldom) = split(dues);
                urgent(Closed { upto, emissions: in_order(dues) })?;
                Ok(behind.close(upto, seldom)?)
            });
            let led = led.and_then(|()| Ok(behind.flush()?));
            drop(behind);
            let followed = following.join().map_err(|_| engine("the writer of views panicked"))?;
            followed.and(led)
        })
    })
}

fn in_order(dues: Vec<Due>) -> Vec<Emission> {
    dues.into_iter().filter_map(Due::emission).collect()
}

fn launch<B: Batches>(
    feed: B,
    settings: &Settings,
    workers: usize,
    write: impl FnOnce(Receiver<Closing>) -> Result<(), B::Error> + Send,
) -> Result<Ran, B::Error> {
    let Some(first) = feed.first() else { return Ok(Ran::default()) };
    let (orders, inboxes): (Vec<_>, Vec<_>) = (0..workers).map(|_| sync_channel(IN_FLIGHT)).unzip();
    let inboxes: Vec<_> = inboxes.into_iter().map(|inbox| Mutex::new(Some(inbox))).collect();
    let (emissions, outbox) = sync_channel(IN_FLIGHT);
    std::thread::scope(|threads| {
        let reader = threads.spawn(move || read(feed, first, settings, &orders));
        let writer = threads.spawn(move || write(outbox));
        let fates = work(settings.clone(), workers, first, inboxes, emissions);
        let (last, disordered) = reader.join().map_err(|_| engine("the reader panicked"))??;
        writer.join().map_err(|_| engine("the writer panicked"))??;
        Ok(Ran { first: Some(first), last: Some(last), fates: fates?, disordered })
    })
}

fn engine(problem: &str) -> Error {
    Error(problem.to_owned())
}

/// Reads to the end and says which tick was the last. A closed channel means that a worker stopped: so does this.
fn read<B: Batches>(
    mut feed: B,
    first: Time,
    settings: &Settings,
    workers: &[SyncSender<Order>],
) -> Result<(Time, Vec<(Topic, u64)>), B::Error> {
    let mut last = first;
    while let Some(Batch { records, upto }) = feed.next_batch()? {
        last = upto;
        for (worker, records) in workers.iter().zip(deal(records, workers.len())) {
            if worker.send(Order::Feed(Batch { records, upto })).is_err() {
                return Err(engine("a worker stopped").into());
            }
        }
    }
    last = last.max(feed.until().unwrap_or(last)).max(settings.ticks.at(first));
    for worker in workers {
        worker.send(Order::End(last)).map_err(|_| engine("a worker stopped"))?;
    }
    Ok((last, feed.disordered()))
}

/// Deals records out to workers; where a record enters does not matter.
pub fn deal(records: Vec<Bound>, workers: usize) -> Vec<Vec<Bound>> {
    if workers == 1 {
        return vec![records];
    }
    let mut hands: Vec<Vec<Bound>> = (0..workers).map(|_| Vec::with_capacity(records.len() / workers + 1)).collect();
    for (at, record) in records.into_iter().enumerate() {
        hands[at % workers].push(record);
    }
    hands
}

/// Runs the workers and adds up the fates they saw.
fn work(
    settings: Settings,
    workers: usize,
    first: Time,
    inboxes: Vec<Mutex<Option<Receiver<Order>>>>,
    emissions: SyncSender<Closing>,
) -> Result<FateCounts, Error> {
    let config = if workers == 1 { timely::Config::thread() } else { timely::Config::process(workers) };
    // The writer ends when the first worker lets go of its channel, so nobody else may hold it.
    let (inboxes, emissions) = (Arc::new(inboxes), Mutex::new(Some(emissions)));
    let guards = timely::execute(config, move |worker| {
        let index = worker.index();
        let inbox = inboxes[index].lock().ok().and_then(|mut inbox| inbox.take());
        let emissions = (index == 0).then(|| emissions.lock().ok().and_then(|mut held| held.take())).flatten();
        inbox.map_or(Ok(FateCounts::new()), |inbox| work_one(worker, &settings, first, &inbox, emissions.as_ref()))
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
    /// Builds the job on a worker; records are counted by fate in `fates`.
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

    /// Takes a record at its tick.
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

    /// Closes every tick before `time`, as far as this worker goes.
    pub fn advance_to(&mut self, time: Time) {
        self.facts.advance_to(time);
        self.states.advance_to(time);
        self.fated.advance_to(time);
    }
}

/// The operators and outputs of a job that store something, and the shape of what each stores, by name.
pub fn shapes(settings: &Settings) -> Vec<(String, String)> {
    let settings = settings.clone();
    timely::execute_directly(move |worker| {
        let (vault, mut outputs) = (Vault::default(), Outputs::new(settings.emit));
        // Nothing is sent: dropping the handles ends it.
        drop(vault.around(|| Handles::build(worker, &settings, &mut outputs, &Rc::default())));
        vault.shapes().into_iter().chain(outputs.shapes()).collect()
    })
}

fn work_one(
    worker: &mut Worker,
    settings: &Settings,
    first: Time,
    inbox: &Receiver<Order>,
    emissions: Option<&SyncSender<Closing>>,
) -> Result<FateCounts, Error> {
    let fates = Rc::new(RefCell::new(FateCounts::new()));
    let mut outputs = Outputs::new(settings.emit);
    let mut handles = Handles::build(worker, settings, &mut outputs, &fates);
    handles.advance_to(first);
    let mut ended = false;
    while !ended {
        let Ok(order) = inbox.recv() else { return Err(engine("the reader stopped")) };
        // What has come meanwhile is taken together: the further behind, the fewer rounds a tick.
        let mut last = first;
        for order in std::iter::once(order).chain(inbox.try_iter()) {
            match order {
                Order::Feed(batch) => {
                    batch.records.into_iter().for_each(|record| handles.send(record));
                    last = batch.upto;
                }
                Order::End(end) => (ended, last) = (true, end),
            }
        }
        let next = last + settings.ticks.tick_ms;
        handles.advance_to(next);
        while outputs.probe.less_than(&next) {
            worker.step_or_park(None);
        }
        let frontier = (!ended).then_some(next);
        send(Closing { upto: last, dues: outputs.drain(frontier, last) }, emissions)?;
    }
    Ok(fates.take())
}

fn send(closed: Closing, to: Option<&SyncSender<Closing>>) -> Result<(), Error> {
    to.map_or(Ok(()), |to| to.send(closed).map_err(|_| engine("the writer stopped")))
}

/// What a fate is called in counts.
fn fate_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Duplicate => "duplicates",
        Outcome::Late(_) => "late",
        Outcome::Dead(..) => "dead",
    }
}
