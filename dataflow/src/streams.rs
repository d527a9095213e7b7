//! The accepted records, split by type: what every view starts from.

use std::rc::Rc;

use operators::arrival::{Fact, Judged};

use crate::edge::{Edge, Judgements};
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

/// The till lines that stand: most of what comes, and read by many.
#[derive(Clone)]
pub struct Lines<'scope>(Rc<Judgements<'scope, FactBody>>);

/// A till line as its readers see it.
pub type Line<'a> = Fact<&'a EventId, &'a PosLine>;

impl<'scope> Lines<'scope> {
    /// The till lines among judgements that are not built yet.
    pub fn of(judgements: Rc<Judgements<'scope, FactBody>>) -> Self {
        Lines(judgements)
    }

    /// What `read` makes of each line, one or none.
    pub fn flat_map<T>(&self, read: impl Fn(Line<'_>) -> Option<T> + 'static) -> Collection<'scope, T>
    where
        T: Clone + 'static,
    {
        self.0.read(move |judged, _| match judged {
            Judged::Fact(Fact { id, event_time, horizon, body: FactBody::Pos(body) }) => {
                read(Fact { id, event_time: *event_time, horizon: *horizon, body })
            }
            _ => None,
        })
    }

    /// What `read` makes of each line.
    pub fn map<T>(&self, read: impl Fn(Line<'_>) -> T + 'static) -> Collection<'scope, T>
    where
        T: Clone + 'static,
    {
        self.flat_map(move |line| Some(read(line)))
    }
}

/// The accepted records, by type.
#[derive(Clone)]
#[expect(missing_docs, reason = "one collection a record type, named after it")]
pub struct Streams<'scope> {
    pub pos: Lines<'scope>,
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
    judged: &Judgements<'scope, FactBody>,
    of: impl Fn(&FactBody) -> Option<&D> + 'static,
) -> Collection<'scope, Timed<D>> {
    judged.read(move |judged, _| match judged {
        Judged::Fact(Fact { id, event_time, horizon, body }) => {
            of(body).map(|body| Fact { id: id.clone(), event_time: *event_time, horizon: *horizon, body: body.clone() })
        }
        Judged::Fate(..) => None,
    })
}

/// The current rows for which `body` answers something.
fn rows<'scope, D: Clone + 'static>(
    judged: &Judgements<'scope, StateBody>,
    of: impl Fn(&StateBody) -> Option<&D> + 'static,
) -> Collection<'scope, D> {
    judged.read(move |judged, _| match judged {
        Judged::Fact(fact) => of(&fact.body).cloned(),
        Judged::Fate(..) => None,
    })
}

macro_rules! only {
    ($variant:path) => {
        |body| if let $variant(body) = body { Some(body) } else { None }
    };
}

impl<'scope> Streams<'scope> {
    /// Splits what the edge lets through.
    pub fn split(edge: &Edge<'scope>) -> Self {
        let commands = edge.rows.read(|judged, change| match judged {
            Judged::Fact(Fact { body: StateBody::Command(command), .. }) => {
                Some((command.clone(), change.cause.clone()))
            }
            _ => None,
        });
        Streams {
            pos: Lines::of(edge.facts.clone()),
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
            commands,
        }
    }
}
