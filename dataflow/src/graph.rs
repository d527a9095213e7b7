//! Every named collection of the job, on one page: from the records at the edge to the records that leave.

use operators::arrival::Fact;
use operators::keyed::Ticks;
use timely::dataflow::Scope;
use timely::dataflow::operators::vec::Broadcast;

use differential_dataflow::collection::AsCollection;

use crate::context::{Context, Notice};
use crate::detect::watch;
use crate::detectors;
use crate::edge::{self, Edge, Inputs, Limits};
use crate::event::activity::Activity;
use crate::event::command::Command;
use crate::event::inventory::{Count, Movement};
use crate::event::order::Order;
use crate::event::policy::PolicyValue;
use crate::event::pos::PosLine;
use crate::event::promotion::Promotion;
use crate::event::queue::QueueInterval;
use crate::event::reference::{ItemLocation, Product, Store};
use crate::event::signal::Signal;
use crate::event::task::Task;
use crate::event::traffic::TrafficCount;
use crate::event::workforce::{Punch, Shift};
use crate::event::{FactBody, StateBody};
use crate::governance;
use crate::ids::EventId;
use crate::output::{OutputTopic, Outputs};
use crate::policy::Policies;
use crate::record::{DeadRecord, LateRecord};
use crate::time::{Cause, Collection, Time};
use crate::views;

/// A fact with its times and name.
pub type Timed<D> = Fact<EventId, D>;

/// What the job is told once.
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
}

/// The accepted records, by type.
#[derive(Clone)]
#[expect(missing_docs, reason = "one collection a record type, named after it")]
pub struct Streams<'scope> {
    pub pos: Collection<'scope, Timed<PosLine>>,
    pub activities: Collection<'scope, Timed<Activity>>,
    pub traffic: Collection<'scope, Timed<TrafficCount>>,
    pub queues: Collection<'scope, Timed<QueueInterval>>,
    pub movements: Collection<'scope, Timed<Movement>>,
    pub counts: Collection<'scope, Timed<Count>>,
    pub punches: Collection<'scope, Timed<Punch>>,
    pub shifts: Collection<'scope, Shift>,
    pub tasks: Collection<'scope, Task>,
    pub promotions: Collection<'scope, Promotion>,
    pub orders: Collection<'scope, Order>,
    pub products: Collection<'scope, Product>,
    pub stores: Collection<'scope, Store>,
    pub item_locations: Collection<'scope, ItemLocation>,
    pub signals: Collection<'scope, Signal>,
    pub policies: Collection<'scope, PolicyValue>,
    pub commands: Collection<'scope, (Command, Option<Cause>)>,
}

/// The facts for which `body` answers something, under their times and names.
fn facts<'scope, D: Clone + 'static>(
    facts: &Collection<'scope, Timed<FactBody>>,
    body: impl Fn(FactBody) -> Option<D> + 'static,
) -> Collection<'scope, Timed<D>> {
    facts.clone().flat_map(move |Fact { id, event_time, horizon, body: told }| {
        body(told).map(|body| Fact { id, event_time, horizon, body })
    })
}

/// The current rows for which `body` answers something.
fn rows<'scope, D: Clone + 'static>(
    rows: &Collection<'scope, Timed<StateBody>>,
    body: impl Fn(StateBody) -> Option<D> + 'static,
) -> Collection<'scope, D> {
    rows.clone().flat_map(move |fact| body(fact.body))
}

macro_rules! only {
    ($variant:path) => {
        |body| if let $variant(body) = body { Some(body) } else { None }
    };
}

impl<'scope> Streams<'scope> {
    fn split(edge: &Edge<'scope>) -> Self {
        let commands = rows(&edge.rows, only!(StateBody::Command));
        Streams {
            pos: facts(&edge.facts, only!(FactBody::Pos)),
            activities: facts(&edge.facts, only!(FactBody::Activity)),
            traffic: facts(&edge.facts, only!(FactBody::Traffic)),
            queues: facts(&edge.facts, only!(FactBody::Queue)),
            movements: facts(&edge.facts, only!(FactBody::Movement)),
            counts: facts(&edge.facts, only!(FactBody::Count)),
            punches: facts(&edge.facts, only!(FactBody::Punch)),
            shifts: rows(&edge.rows, only!(StateBody::Shift)),
            tasks: rows(&edge.rows, only!(StateBody::Task)),
            promotions: rows(&edge.rows, only!(StateBody::Promotion)),
            orders: rows(&edge.rows, only!(StateBody::Order)),
            products: rows(&edge.rows, only!(StateBody::Product)),
            stores: rows(&edge.rows, only!(StateBody::Store)),
            item_locations: rows(&edge.rows, only!(StateBody::ItemLocation)),
            signals: rows(&edge.rows, only!(StateBody::Signal)),
            policies: rows(&edge.rows, only!(StateBody::Policy)),
            commands: with_cause(commands),
        }
    }
}

/// Puts the cause of each update beside its data.
fn with_cause<'scope, D: Clone + 'static>(rows: Collection<'scope, D>) -> Collection<'scope, (D, Option<Cause>)> {
    use timely::dataflow::operators::vec::Map;
    rows.inner.map(|(data, time, change)| ((data, change.cause.clone()), time, change)).as_collection()
}

/// Gives every worker a copy.
fn broadcast<'scope>(notices: Collection<'scope, Notice>) -> Collection<'scope, Notice> {
    notices.inner.broadcast().as_collection()
}

/// Builds the job. What leaves is collected in `outputs`; `count` sees every fate.
pub fn build<'scope>(
    scope: Scope<'scope, Time>,
    settings: &Settings,
    inputs: Inputs<'scope>,
    outputs: &mut Outputs,
) -> Edge<'scope> {
    let (ticks, lateness_ms) = (settings.ticks, settings.limits.lateness_ms);
    let context = Context::new(settings.policies.clone());

    // The edge: one fate a record.
    let edge = edge::build(scope, ticks, settings.limits, inputs);
    let streams = Streams::split(&edge);
    outputs.records(OutputTopic::Late, &edge.fates.clone().flat_map(LateRecord::of));
    outputs.records(OutputTopic::DeadLetter, &edge.fates.clone().flat_map(DeadRecord::of));

    // What every key may need to know.
    let policies = streams.policies.clone().map(Notice::Policy);
    let stores = streams.stores.clone().map(Notice::Store);
    let reference = broadcast(policies.concat(stores));
    let feed_health = views::feed_health::build(ticks, context.clone(), &reference, &edge.fates);
    let stale = broadcast(views::feed_health::stale(ticks, &feed_health));
    let notices = reference.clone().concat(stale);

    // Views.
    let store_sales = views::store_sales::build(ticks, lateness_ms, &streams.pos);
    let position = views::inventory_position::build(ticks, lateness_ms, &streams);
    outputs.view(views::feed_health::NAME, &feed_health);
    outputs.view(views::store_sales::NAME, &store_sales);
    outputs.view(views::inventory_position::NAME, &position);
    let entries = views::inventory_position::entries(&streams);
    let accuracy = views::inventory_accuracy::build(ticks, lateness_ms, entries);
    let promoted = views::promotion_performance::build(ticks, lateness_ms, context.clone(), &reference, &streams);
    outputs.view(views::inventory_accuracy::NAME, &accuracy);
    outputs.view(views::promotion_performance::NAME, &views::promotion_performance::rows(&promoted));

    // Detectors.
    let positions = position.clone().map(|row| (row.key, row.value));
    let steps = watch(detectors::negative_on_hand::NegativeOnHand, ticks, context.clone(), &notices, positions);
    let steps = {
        use detectors::{phantom_stock, price_mismatch, setup_overdue, stockout_risk, under_attainment};
        let (now, at) = (ticks, || context.clone());
        let stock = stockout_risk::inputs(ticks, &position, &streams.item_locations, &streams.products);
        let silence = phantom_stock::inputs(&position, &streams.item_locations);
        let prices = promoted.clone().map(|row| (row.key, price_mismatch::Prices::of(&row.value)));
        let sales = promoted.clone().map(|row| (row.key, under_attainment::Sales::of(&row.value)));
        let setups = setup_overdue::inputs(&streams.promotions, &streams.tasks);
        steps
            .concat(watch(stockout_risk::StockoutRisk, now, at(), &notices, stock))
            .concat(watch(phantom_stock::PhantomStock, now, at(), &notices, silence))
            .concat(watch(price_mismatch::PriceMismatch, now, at(), &notices, prices))
            .concat(watch(under_attainment::UnderAttainment, now, at(), &notices, sales))
            .concat(watch(setup_overdue::SetupOverdue, now, at(), &notices, setups))
    };

    // People.
    let told = governance::build(ticks, context, &notices, &steps, &streams.commands);
    let (exceptions, decisions) = governance::topics(&told);
    outputs.records(OutputTopic::Exceptions, &exceptions);
    outputs.records(OutputTopic::Decisions, &decisions);
    edge
}
