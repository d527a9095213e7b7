//! Input records: the topics, record types and decoding of single lines (contract §2, §3).
//!
//! One record type, one file, each with a sample line. [`Record::decode`] reads a line of a topic: the common fields,
//! then the type's own, in the contract's order (§2, §3); the first bad field is named.

pub mod activity;
pub mod command;
pub mod fields;
pub mod guard;
pub mod inventory;
pub mod order;
pub mod policy;
pub mod pos;
pub mod promotion;
pub mod queue;
pub mod reference;
pub mod signal;
pub mod task;
pub mod traffic;
pub mod workforce;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fault, Fields, JsonFields, NATURAL, SIGNED, Spelling};
use crate::ids::{EventId, Id};

/// An input topic; they order by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Browsing, carts, loyalty.
    Activity,
    /// Policies and answers to exceptions.
    Commands,
    /// Stock movements and counts.
    Inventory,
    /// Customer orders.
    Orders,
    /// Till lines.
    Pos,
    /// Promotions.
    Promotions,
    /// Queue intervals.
    Queue,
    /// Products, stores, what is sold where.
    Reference,
    /// Weather, events, holidays.
    Signals,
    /// Store tasks.
    Tasks,
    /// Footfall.
    Traffic,
    /// Shifts and punches.
    Workforce,
}

impl Topic {
    /// Every topic, by name.
    pub const ALL: [Topic; 12] = [
        Topic::Activity,
        Topic::Commands,
        Topic::Inventory,
        Topic::Orders,
        Topic::Pos,
        Topic::Promotions,
        Topic::Queue,
        Topic::Reference,
        Topic::Signals,
        Topic::Tasks,
        Topic::Traffic,
        Topic::Workforce,
    ];

    /// The topic's name.
    pub fn name(self) -> &'static str {
        match self {
            Topic::Activity => "activity",
            Topic::Commands => "commands",
            Topic::Inventory => "inventory",
            Topic::Orders => "orders",
            Topic::Pos => "pos",
            Topic::Promotions => "promotions",
            Topic::Queue => "queue",
            Topic::Reference => "reference",
            Topic::Signals => "signals",
            Topic::Tasks => "tasks",
            Topic::Traffic => "traffic",
            Topic::Workforce => "workforce",
        }
    }

    /// The record types of the topic.
    pub fn kinds(self) -> Spelling<Kind> {
        match self {
            Topic::Activity => &[
                ("activity.view", Kind::View),
                ("activity.cart_add", Kind::CartAdd),
                ("loyalty.accrue", Kind::Accrue),
                ("loyalty.redeem", Kind::Redeem),
            ],
            Topic::Commands => &[("policy", Kind::Policy), ("exception.command", Kind::Command)],
            Topic::Inventory => &[("inventory.movement", Kind::Movement), ("inventory.count", Kind::Count)],
            Topic::Orders => &[("order", Kind::Order)],
            Topic::Pos => &[("pos.line", Kind::PosLine)],
            Topic::Promotions => &[("promotion", Kind::Promotion)],
            Topic::Queue => &[("queue.interval", Kind::QueueInterval)],
            Topic::Reference => {
                &[("ref.product", Kind::Product), ("ref.store", Kind::Store), ("ref.item_location", Kind::ItemLocation)]
            }
            Topic::Signals => &[("signal", Kind::Signal)],
            Topic::Tasks => &[("task", Kind::Task)],
            Topic::Traffic => &[("traffic.count", Kind::TrafficCount)],
            Topic::Workforce => &[("punch", Kind::Punch), ("shift", Kind::Shift)],
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the contract's record types, documented at their structs")]
pub enum Kind {
    View,
    CartAdd,
    Accrue,
    Redeem,
    Policy,
    Command,
    Movement,
    Count,
    Order,
    PosLine,
    Promotion,
    QueueInterval,
    Product,
    Store,
    ItemLocation,
    Signal,
    Task,
    TrafficCount,
    Punch,
    Shift,
}

impl Kind {
    /// True if records of this type are facts, which happen once; false if they are state, the current row of a key.
    pub fn is_fact(self) -> bool {
        use Kind::{Accrue, CartAdd, Count, Movement, PosLine, Punch, QueueInterval, Redeem, TrafficCount, View};
        matches!(
            self,
            View | CartAdd | Accrue | Redeem | Movement | Count | PosLine | QueueInterval | TrafficCount | Punch
        )
    }

    /// True if a key or rule needs the record's store.
    fn needs_store(self) -> bool {
        use Kind::{Accrue, CartAdd, Command, Policy, Product, Promotion, Redeem, View};
        !matches!(self, View | CartAdd | Accrue | Redeem | Policy | Command | Promotion | Product)
    }
}

/// The body of a fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FactBody {
    /// A till line.
    Pos(pos::PosLine),
    /// A customer looked, or put something in a cart, or used a loyalty account.
    Activity(activity::Activity),
    /// People through a door.
    Traffic(traffic::TrafficCount),
    /// An interval of a queue.
    Queue(queue::QueueInterval),
    /// A movement of stock.
    Movement(inventory::Movement),
    /// A count of stock.
    Count(inventory::Count),
    /// A punch of an employee.
    Punch(workforce::Punch),
}

/// The body of a state record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StateBody {
    /// A planned shift.
    Shift(workforce::Shift),
    /// A store task.
    Task(task::Task),
    /// A promotion.
    Promotion(promotion::Promotion),
    /// A customer order.
    Order(order::CustomerOrder),
    /// A product.
    Product(reference::Product),
    /// A store.
    Store(reference::Store),
    /// An item ranged at a store.
    ItemLocation(reference::ItemLocation),
    /// An outside signal.
    Signal(signal::Signal),
    /// A policy value.
    Policy(policy::PolicyValue),
    /// An answer to an exception.
    Command(command::Command),
}

/// The key of a state record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "one variant a state record, named after it")]
pub enum StateKey {
    Shift(EventId),
    Task(EventId),
    Promotion(Id),
    Order(EventId),
    Product(Id),
    Store(Id),
    ItemLocation(Id, Id),
    Signal(Id),
    Policy(EventId),
    Command(EventId),
}

/// The type-dependent part of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A fact; `None` deletes it.
    Fact(Option<FactBody>),
    /// A state row; `None` deletes it.
    State(StateKey, Option<StateBody>),
}

/// A decoded record: the common fields and the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The record type.
    pub kind: Kind,
    /// The event id, unique in its topic.
    pub event_id: EventId,
    /// The event time.
    pub event_time: i64,
    /// The ingest time.
    pub ingest_time: i64,
    /// The record's store, if it names one.
    pub store_id: Option<Id>,
    /// Greater revisions replace lesser ones.
    pub revision: i64,
    /// The body.
    pub body: Body,
}

/// The reason a line is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dead {
    /// The first bad field and what is wrong with it.
    pub bad: Bad,
    /// The line's store, if it names one.
    pub store_id: Option<Id>,
}

const OPS: Spelling<bool> = &[("upsert", false), ("delete", true)];

impl Record {
    /// Reads one line of `topic`.
    ///
    /// # Errors
    /// [`Dead`] with the first bad field, when the line breaks rule 1 of contract §2.
    pub fn decode(topic: Topic, line: &[u8]) -> Result<Record, Dead> {
        Record::decode_line(topic, line, None)
    }

    /// Reads one line of `topic`; a log time (`logged_at`), where given, replaces the ingest time in the line.
    ///
    /// # Errors
    /// As [`Record::decode`].
    pub fn decode_line(topic: Topic, line: &[u8], logged_at: Option<i64>) -> Result<Record, Dead> {
        let mut fields = JsonFields::parse(line).map_err(|bad| Dead { bad, store_id: None })?;
        let record = Record::kind(topic, &mut fields).and_then(|kind| Record::read_as(kind, logged_at, &mut fields));
        record.map_err(|bad| Dead { bad, store_id: fields.any_store() })
    }

    fn kind<F: Fields>(topic: Topic, fields: &mut F) -> Result<Kind, Bad> {
        // An unknown type is of no known shape at all: malformed, not invalid.
        fields.choice("type", topic.kinds()).map_err(|bad| Bad { fault: Fault::Malformed, ..bad })
    }

    /// Reads the fields of a record of `kind`, after its type.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read_kind<F: Fields>(kind: Kind, fields: &mut F) -> Result<Record, Bad> {
        Record::read_as(kind, None, fields)
    }

    fn read_as<F: Fields>(kind: Kind, logged_at: Option<i64>, fields: &mut F) -> Result<Record, Bad> {
        let event_id = fields.text_id("event_id")?;
        let event_time = fields.integer("event_time", NATURAL)?;
        let ingest_time = logged_at.map_or_else(|| fields.integer("ingest_time", NATURAL), Ok)?;
        let store_id =
            if kind.needs_store() { Some(fields.id("store_id")?) } else { fields.optional_id("store_id")? };
        fields.optional_text("source")?;
        fields.optional_integer("seq", SIGNED)?;
        let revision = fields.optional_integer("revision", NATURAL)?.unwrap_or(0);
        let delete = fields.optional_choice("op", OPS)?.unwrap_or(false);
        let body = read_body(kind, delete, store_id, &event_id, fields)?;
        Ok(Record { kind, event_id, event_time, ingest_time, store_id, revision, body })
    }
}

/// Reads the fields of `kind`; of a delete, only what names its key.
///
/// # Errors
/// The first bad field.
fn read_body<F: Fields>(
    kind: Kind,
    delete: bool,
    store_id: Option<Id>,
    event_id: &EventId,
    fields: &mut F,
) -> Result<Body, Bad> {
    let store = store_id.unwrap_or_default();
    let state = |key, body| Ok(Body::State(key, body));
    if kind.is_fact() && delete {
        return Ok(Body::Fact(None));
    }
    let fact = match kind {
        Kind::View | Kind::CartAdd | Kind::Accrue | Kind::Redeem => {
            FactBody::Activity(activity::Activity::read(kind, store_id, fields)?)
        }
        Kind::Movement => FactBody::Movement(inventory::Movement::read(store, fields)?),
        Kind::Count => FactBody::Count(inventory::Count::read(store, fields)?),
        Kind::PosLine => FactBody::Pos(pos::PosLine::read(store, fields)?),
        Kind::QueueInterval => FactBody::Queue(queue::QueueInterval::read(store, fields)?),
        Kind::TrafficCount => FactBody::Traffic(traffic::TrafficCount::read(store, fields)?),
        Kind::Punch => FactBody::Punch(workforce::Punch::read(store, fields)?),
        Kind::Shift => {
            let id = fields.text_id("shift_id")?;
            let row = if delete { None } else { Some(StateBody::Shift(workforce::Shift::read(store, fields)?)) };
            return state(StateKey::Shift(id), row);
        }
        Kind::Task => {
            let id = fields.text_id("task_id")?;
            let row = if delete { None } else { Some(StateBody::Task(task::Task::read(store, id.clone(), fields)?)) };
            return state(StateKey::Task(id), row);
        }
        Kind::Promotion => {
            let id = fields.id("promotion_id")?;
            let row = if delete { None } else { Some(StateBody::Promotion(promotion::Promotion::read(id, fields)?)) };
            return state(StateKey::Promotion(id), row);
        }
        Kind::Order => {
            let id = fields.text_id("order_id")?;
            let row = if delete {
                None
            } else {
                Some(StateBody::Order(order::CustomerOrder::read(store, id.clone(), fields)?))
            };
            return state(StateKey::Order(id), row);
        }
        Kind::Product => {
            let id = fields.id("item_id")?;
            let row = if delete { None } else { Some(StateBody::Product(reference::Product::read(id, fields)?)) };
            return state(StateKey::Product(id), row);
        }
        Kind::Store => {
            let row = if delete { None } else { Some(StateBody::Store(reference::Store::read(store, fields)?)) };
            return state(StateKey::Store(store), row);
        }
        Kind::ItemLocation => {
            let item = fields.id("item_id")?;
            let read = |fields: &mut F| reference::ItemLocation::read(store, item, fields);
            let row = if delete { None } else { Some(StateBody::ItemLocation(read(fields)?)) };
            return state(StateKey::ItemLocation(store, item), row);
        }
        Kind::Signal => {
            let id = fields.id("signal_id")?;
            let row = if delete { None } else { Some(StateBody::Signal(signal::Signal::read(store, fields)?)) };
            return state(StateKey::Signal(id), row);
        }
        Kind::Policy => {
            let key = fields.text_id("policy_key")?;
            let row = if delete { None } else { Some(StateBody::Policy(policy::PolicyValue::read(&key, fields)?)) };
            return state(StateKey::Policy(key), row);
        }
        Kind::Command => {
            let row = if delete { None } else { Some(StateBody::Command(command::Command::read(fields)?)) };
            return state(StateKey::Command(event_id.clone()), row);
        }
    };
    Ok(Body::Fact(Some(fact)))
}
