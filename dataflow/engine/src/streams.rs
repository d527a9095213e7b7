//! Splits the accepted records by type; every view starts from these streams.

use std::rc::Rc;

use contract::event::activity::Activity;
use contract::event::command::Command;
use contract::event::inventory::{Count, Movement};
use contract::event::order::CustomerOrder;
use contract::event::policy::PolicyValue;
use contract::event::pos::PosLine;
use contract::event::promotion::Promotion;
use contract::event::queue::QueueInterval;
use contract::event::reference::{ItemLocation, Product, Store};
use contract::event::signal::Signal;
use contract::event::task::Task;
use contract::event::traffic::TrafficCount;
use contract::event::workforce::{Punch, Shift};
use contract::event::{FactBody, StateBody};
use contract::fate::RecordHeader;
use contract::ids::EventId;
use contract::time::Cause;
use operators::aggregate::sums::difference::Multiply;
use operators::ingest::arrival::{Fact, Judged};

use crate::edge::{Edge, Judgements};
use crate::time::{Collection, Sums};

macro_rules! only {
    ($variant:path) => {
        |body| if let $variant(body) = body { Some(body) } else { None }
    };
}

/// A fact with its times and id.
pub type Timed<D> = Fact<EventId, D>;

/// A borrowed fact, as readers get it.
pub type FactRef<'a, D> = Fact<&'a EventId, &'a D>;

/// The accepted facts of one type, for many readers; each reader copies only what it needs.
#[derive(Clone)]
pub struct Facts<'scope, D> {
    judged: Rc<Judgements<'scope, FactBody>>,
    of: fn(&FactBody) -> Option<&D>,
}

/// The accepted till lines, the most frequent facts.
pub type PosLines<'scope> = Facts<'scope, PosLine>;

impl<'scope> PosLines<'scope> {
    /// Selects the till lines of the edge's results, before the edge is built.
    pub fn of(judged: Rc<Judgements<'scope, FactBody>>) -> Self {
        Facts { judged, of: only!(FactBody::Pos) }
    }
}

/// Returns the fact in a result of the edge, if it is of the type.
fn fact_ref<D>(
    judged: &Judged<EventId, FactBody, RecordHeader>,
    of: fn(&FactBody) -> Option<&D>,
) -> Option<FactRef<'_, D>> {
    match judged {
        Judged::Fact(Fact { id, event_time, horizon, body }) => {
            Some(Fact { id, event_time: *event_time, horizon: *horizon, body: of(body)? })
        }
        Judged::Fate(..) => None,
    }
}

impl<'scope, D: 'static> Facts<'scope, D> {
    /// Returns the results of `read` for each fact, at most one per fact.
    pub fn flat_map<T>(&self, read: impl Fn(FactRef<'_, D>) -> Option<T> + 'static) -> Collection<'scope, T>
    where
        T: Clone + 'static,
    {
        let of = self.of;
        self.judged.read(move |judged, _| read(fact_ref(judged, of)?))
    }

    /// Returns the results of `split` for each fact, at most one per fact: an item, and the amount to add to its sum.
    pub fn explode<T, R>(&self, split: impl Fn(FactRef<'_, D>) -> Option<(T, R)> + 'static) -> Sums<'scope, T, R>
    where
        T: Clone + 'static,
        R: Clone + Multiply<i64, Output = R> + 'static,
    {
        let of = self.of;
        self.judged.explode(move |judged| split(fact_ref(judged, of)?))
    }

    /// Returns the result of `read` for each fact.
    pub fn map<T>(&self, read: impl Fn(FactRef<'_, D>) -> T + 'static) -> Collection<'scope, T>
    where
        T: Clone + 'static,
    {
        self.flat_map(move |fact| Some(read(fact)))
    }
}

/// The accepted records, by type.
#[derive(Clone)]
#[expect(missing_docs, reason = "one collection a record type, named after it")]
pub struct Streams<'scope> {
    pub pos: PosLines<'scope>,
    pub activities: Facts<'scope, Activity>,
    pub traffic: Collection<'scope, Timed<TrafficCount>>,
    pub queues: Collection<'scope, Timed<QueueInterval>>,
    pub movements: Facts<'scope, Movement>,
    pub counts: Facts<'scope, Count>,
    pub punches: Collection<'scope, Timed<Punch>>,
    pub shifts: Collection<'scope, Shift>,
    pub tasks: Collection<'scope, Task>,
    pub promotions: Collection<'scope, Promotion>,
    pub orders: Collection<'scope, CustomerOrder>,
    pub products: Collection<'scope, Product>,
    pub stores: Collection<'scope, Store>,
    pub item_locations: Collection<'scope, ItemLocation>,
    pub signals: Collection<'scope, Signal>,
    pub policies: Collection<'scope, PolicyValue>,
    pub commands: Collection<'scope, (Command, Option<Cause>)>,
}

/// Copies the facts of one type for one reader.
fn whole<'scope, D: Clone + 'static>(facts: Facts<'scope, D>) -> Collection<'scope, Timed<D>> {
    facts.map(|Fact { id, event_time, horizon, body }| Fact { id: id.clone(), event_time, horizon, body: body.clone() })
}

/// Returns the current rows for which `of` returns a body.
fn rows<'scope, D: Clone + 'static>(
    judged: &Judgements<'scope, StateBody>,
    of: impl Fn(&StateBody) -> Option<&D> + 'static,
) -> Collection<'scope, D> {
    judged.read(move |judged, _| match judged {
        Judged::Fact(fact) => of(&fact.body).cloned(),
        Judged::Fate(..) => None,
    })
}

impl<'scope> Streams<'scope> {
    /// Splits the accepted records of the edge.
    pub fn split(edge: &Edge<'scope>) -> Self {
        let commands = edge.rows.read(|judged, change| match judged {
            Judged::Fact(Fact { body: StateBody::Command(command), .. }) => {
                Some((command.clone(), change.cause.clone()))
            }
            _ => None,
        });
        let judged = || edge.facts.clone();
        Streams {
            pos: PosLines::of(judged()),
            activities: Facts { judged: judged(), of: only!(FactBody::Activity) },
            traffic: whole(Facts { judged: judged(), of: only!(FactBody::Traffic) }),
            queues: whole(Facts { judged: judged(), of: only!(FactBody::Queue) }),
            movements: Facts { judged: judged(), of: only!(FactBody::Movement) },
            counts: Facts { judged: judged(), of: only!(FactBody::Count) },
            punches: whole(Facts { judged: judged(), of: only!(FactBody::Punch) }),
            shifts: rows(&edge.rows, only!(StateBody::Shift)),
            tasks: rows(&edge.rows, only!(StateBody::Task)),
            promotions: rows(&edge.rows, only!(StateBody::Promotion)),
            orders: rows(&edge.rows, only!(StateBody::Order)),
            products: rows(&edge.rows, only!(StateBody::Product)),
            stores: rows(&edge.rows, only!(StateBody::Store)),
            item_locations: rows(&edge.rows, only!(StateBody::ItemLocation)),
            signals: rows(&edge.rows, only!(StateBody::Signal)),
            policies: rows(&edge.rows, only!(StateBody::Policy)),
            commands,
        }
    }
}
