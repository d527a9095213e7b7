//! The frame of the dataflow graph: the edge before, governance behind, and between them the views and detectors of a catalog.
//!
//! The engine knows no view and no detector by name: the [`Catalog`] is a value of the [`Settings`].

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

/// What a job maintains and watches.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    /// The types of its exceptions.
    pub types: ExceptionTypes,
    /// Builds its views, which leave through the outputs, and its detectors.
    pub build: for<'scope> fn(&GraphInputs<'scope>, &mut Outputs) -> Detected<'scope>,
}

/// What the views and detectors of a catalog are built from.
#[derive(Clone)]
pub struct GraphInputs<'scope> {
    /// The clock of the job.
    pub ticks: Ticks,
    /// How long what happened may be corrected.
    pub lateness_ms: i64,
    /// The accepted records.
    pub streams: Streams<'scope>,
    /// The configured policies, before any record.
    pub context: Context,
    /// Policies and stores, to every worker.
    pub reference: Collection<'scope, Notice>,
    /// The fate of every record.
    pub edge: Edge<'scope>,
}

/// What the detectors of a catalog find.
pub struct Detected<'scope> {
    /// The steps of all exceptions.
    pub steps: Collection<'scope, Step>,
    /// What every key may need to know, to every worker: policies, stores, and the feeds that are stale.
    pub notices: Collection<'scope, Notice>,
}

/// How the graph of a job is set; the same for its whole life.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Length of a tick.
    pub ticks: Ticks,
    /// The edge's two numbers.
    pub limits: Limits,
    /// How often views leave.
    pub emit: Ticks,
    /// The configured policies.
    pub policies: Policies,
    /// The views and detectors.
    pub catalog: Catalog,
}

/// Builds the job. What leaves is collected in `outputs`; the edge is given back for whoever else reads fates, and then
/// to be opened.
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

/// Gives every worker a copy.
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
