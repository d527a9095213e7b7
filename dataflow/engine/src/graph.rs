//! Builds the dataflow graph: the edge, the views and detectors of a catalog, and governance.
//!
//! The engine names no view and no detector: the [`Catalog`] is a value in the [`Settings`].

use contract::exception::Step;
use contract::exception_type::ExceptionTypes;
use contract::output::OutputTopic;
use contract::record::{DeadRecord, LateRecord};
use differential_dataflow::collection::AsCollection;
use operators::keyed::Ticks;
use timely::dataflow::operators::vec::Broadcast;

use crate::edge::{self, Edge, Inputs, Limits};
use crate::emission::buffer::Outputs;
use crate::governance;
use crate::reference::Policies;
use crate::reference::{Context, Notice};
use crate::streams::Streams;
use crate::time::Collection;

/// The views, detectors and exception types of a job.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    /// The exception types.
    pub types: ExceptionTypes,
    /// Builds the views, which are emitted through the outputs, and the detectors.
    pub build: for<'scope> fn(&GraphInputs<'scope>, &mut Outputs) -> Detected<'scope>,
}

/// The inputs of the views and detectors of a catalog.
#[derive(Clone)]
pub struct GraphInputs<'scope> {
    /// The tick length of the job.
    pub ticks: Ticks,
    /// The time during which an event may be corrected.
    pub lateness_ms: i64,
    /// The accepted records.
    pub streams: Streams<'scope>,
    /// The configured policies, before any record.
    pub context: Context,
    /// Policies and stores, broadcast to every worker.
    pub reference: Collection<'scope, Notice>,
    /// The fate of every record.
    pub edge: Edge<'scope>,
}

/// The outputs of the detectors of a catalog.
pub struct Detected<'scope> {
    /// The steps of all exceptions.
    pub steps: Collection<'scope, Step>,
    /// Reference data for every key, broadcast to every worker: policies, stores and stale feeds.
    pub notices: Collection<'scope, Notice>,
}

/// The settings of a graph; they are constant for the life of a job.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Length of a tick.
    pub ticks: Ticks,
    /// The two limits of the edge.
    pub limits: Limits,
    /// The interval of view emissions.
    pub emit: Ticks,
    /// The configured policies.
    pub policies: Policies,
    /// The views and detectors.
    pub catalog: Catalog,
}

/// Builds the graph. Outputs are collected in `outputs`; the caller registers more readers of the returned edge, then
/// calls [`Edge::open`].
pub fn build<'scope>(settings: &Settings, inputs: Inputs<'scope>, outputs: &mut Outputs) -> Edge<'scope> {
    let edge = edge::build(settings.ticks, settings.limits, inputs);
    outputs.records(OutputTopic::Late, &edge.fates(LateRecord::of));
    outputs.records(OutputTopic::DeadLetter, &edge.fates(DeadRecord::of));

    let catalog = settings.catalog;
    let inputs = GraphInputs::new(settings, &edge);
    let Detected { steps, notices } = (catalog.build)(&inputs, outputs);

    let governed = (inputs.context, catalog.types);
    let records = governance::build(inputs.ticks, governed, &notices, &steps, &inputs.streams.commands);
    let (exceptions, decisions) = governance::split_topics(&records);
    outputs.records(OutputTopic::Exceptions, &exceptions);
    outputs.records(OutputTopic::Decisions, &decisions);
    edge
}

/// Copies every row to every worker.
pub fn broadcast<'scope>(notices: Collection<'scope, Notice>) -> Collection<'scope, Notice> {
    notices.inner.broadcast().as_collection()
}

impl<'scope> GraphInputs<'scope> {
    fn new(settings: &Settings, edge: &Edge<'scope>) -> Self {
        let streams = Streams::split(edge);
        let policies = streams.policies.clone().map(Notice::Policy);
        let stores = streams.stores.clone().map(Notice::Store);
        GraphInputs {
            ticks: settings.ticks,
            lateness_ms: settings.limits.lateness_ms,
            context: Context::new(settings.policies.clone()),
            reference: broadcast(policies.concat(stores)),
            edge: edge.clone(),
            streams,
        }
    }
}
