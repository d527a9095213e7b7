//! The accepted records, split by type: what every view starts from.

use differential_dataflow::collection::AsCollection;
use operators::arrival::Fact;
use timely::dataflow::operators::vec::Map;

use crate::edge::Edge;
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
use crate::ids::EventId;
use crate::time::{Cause, Collection};

/// A fact with its times and name.
pub type Timed<D> = Fact<EventId, D>;

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
    /// Splits what the edge lets through.
    pub fn split(edge: &Edge<'scope>) -> Self {
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
    rows.inner.map(|(data, time, change)| ((data, change.cause.clone()), time, change)).as_collection()
}
