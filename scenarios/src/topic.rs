//! Every record a retailer can send, as the public contract (version 1, sections 2 and 3) lists them.
//!
//! A [`Record`] is the common envelope with one [`Body`]; written with `serde_json` it is one line of a topic file.
//! What is absent is left out, never written as null. Texts are [`Id`]s, so no line can break the id grammar;
//! quantities are [`Quantity`], whole thousandths; money is whole cents and every time whole milliseconds of UTC.

use serde::Serialize;

mod value;

pub use value::{Id, Quantity};

/// An input topic; its name is that of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names of the contract, explained there")]
pub enum Topic {
    Pos,
    Activity,
    Traffic,
    Queue,
    Inventory,
    Workforce,
    Tasks,
    Promotions,
    Orders,
    Reference,
    Signals,
    Commands,
}

impl Topic {
    /// The name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Topic::Pos => "pos",
            Topic::Activity => "activity",
            Topic::Traffic => "traffic",
            Topic::Queue => "queue",
            Topic::Inventory => "inventory",
            Topic::Workforce => "workforce",
            Topic::Tasks => "tasks",
            Topic::Promotions => "promotions",
            Topic::Orders => "orders",
            Topic::Reference => "reference",
            Topic::Signals => "signals",
            Topic::Commands => "commands",
        }
    }
}

/// One record: the common fields and what it says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// The identity: a second record with it is a duplicate or a correction.
    pub event_id: Id,
    /// When it happened.
    pub event_time: i64,
    /// When the log took it.
    pub ingest_time: i64,
    /// Where, if it has a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_id: Option<Id>,
    /// Which device or system sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Id>,
    /// Its number at the source, which may be negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// 0 at first, greater with every correction.
    #[serde(skip_serializing_if = "is_zero")]
    pub revision: u32,
    /// Whether it states or removes.
    #[serde(skip_serializing_if = "Op::is_upsert")]
    pub op: Op,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
}

impl Record {
    /// A record that arrives as it happens, at revision 0.
    #[must_use]
    pub fn new(event_id: Id, event_time: i64, store_id: Option<Id>, body: Body) -> Record {
        Record {
            event_id,
            event_time,
            ingest_time: event_time,
            store_id,
            source: None,
            seq: None,
            revision: 0,
            op: Op::Upsert,
            body,
        }
    }

    /// The topic it belongs to.
    #[must_use]
    pub fn topic(&self) -> Topic {
        self.body.topic()
    }
}

fn is_zero(revision: &u32) -> bool {
    *revision == 0
}

/// Puts records into the order of a topic file: by ingest time, then by what names them, so that no two orders are
/// possible.
pub fn sort_by_arrival(records: &mut [Record]) {
    records.sort_by(|a, b| {
        let key = |r: &Record| (r.ingest_time, r.event_time, r.revision);
        key(a).cmp(&key(b)).then_with(|| a.event_id.cmp(&b.event_id))
    });
}

/// Whether a record states something or takes it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of the contract")]
pub enum Op {
    #[default]
    Upsert,
    Delete,
}

impl Op {
    fn is_upsert(&self) -> bool {
        matches!(self, Op::Upsert)
    }
}

/// What a record says: one variant for each type of the contract, named by it in the field `type`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type")]
#[expect(missing_docs, reason = "each variant is documented at the struct it holds")]
pub enum Body {
    #[serde(rename = "pos.line")]
    PosLine(PosLine),
    #[serde(rename = "activity.view")]
    View(Activity),
    #[serde(rename = "activity.cart_add")]
    CartAdd(Activity),
    #[serde(rename = "loyalty.accrue")]
    LoyaltyAccrue(Activity),
    #[serde(rename = "loyalty.redeem")]
    LoyaltyRedeem(Activity),
    #[serde(rename = "traffic.count")]
    Traffic(TrafficCount),
    #[serde(rename = "queue.interval")]
    Queue(QueueInterval),
    #[serde(rename = "inventory.movement")]
    Movement(Movement),
    #[serde(rename = "inventory.count")]
    Count(Count),
    #[serde(rename = "punch")]
    Punch(Punch),
    #[serde(rename = "shift")]
    Shift(Shift),
    #[serde(rename = "task")]
    Task(Task),
    #[serde(rename = "promotion")]
    Promotion(Promotion),
    #[serde(rename = "order")]
    Order(Order),
    #[serde(rename = "ref.product")]
    Product(Product),
    #[serde(rename = "ref.store")]
    Store(Store),
    #[serde(rename = "ref.item_location")]
    ItemLocation(ItemLocation),
    #[serde(rename = "signal")]
    Signal(Signal),
    #[serde(rename = "policy")]
    Policy(Policy),
    #[serde(rename = "exception.command")]
    Command(Command),
}

impl Body {
    /// The topic it belongs to.
    #[must_use]
    pub fn topic(&self) -> Topic {
        match self {
            Body::PosLine(_) => Topic::Pos,
            Body::View(_) | Body::CartAdd(_) | Body::LoyaltyAccrue(_) | Body::LoyaltyRedeem(_) => Topic::Activity,
            Body::Traffic(_) => Topic::Traffic,
            Body::Queue(_) => Topic::Queue,
            Body::Movement(_) | Body::Count(_) => Topic::Inventory,
            Body::Punch(_) | Body::Shift(_) => Topic::Workforce,
            Body::Task(_) => Topic::Tasks,
            Body::Promotion(_) => Topic::Promotions,
            Body::Order(_) => Topic::Orders,
            Body::Product(_) | Body::Store(_) | Body::ItemLocation(_) => Topic::Reference,
            Body::Signal(_) => Topic::Signals,
            Body::Policy(_) | Body::Command(_) => Topic::Commands,
        }
    }
}

/// An enum of words, each written in snake case as the contract spells it.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($word:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[expect(missing_docs, reason = "the words of the contract")]
        pub enum $name { $($word),+ }
    };
}

/// A struct of the contract's fields, in its order; an `Option` that is `None` is left out of the line.
macro_rules! fields {
    ($(#[$doc:meta])* $name:ident {
        $($field:ident: $type:ty),+ $(,)?
        $(; $($optional:ident: $optional_type:ty),+ $(,)?)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[expect(missing_docs, reason = "the fields of the contract, explained there; units are in the names")]
        pub struct $name {
            $(pub $field: $type,)+
            $($(#[serde(skip_serializing_if = "Option::is_none")] pub $optional: Option<$optional_type>,)+)?
        }
    };
}

words! {
    /// What a line of a receipt does.
    SaleKind { Sale, Void, Return }
}
words! {
    /// Through which door a customer came.
    Channel { Store, Web, App }
}
words! {
    /// Why a customer brought something back.
    ReturnReason { Defective, NotAsDescribed, WrongItem, Unwanted, Other }
}
words! {
    /// Whether a sensor can be believed.
    SensorStatus { Ok, Degraded, Offline }
}
words! {
    /// Why stock moved.
    MovementReason { Receipt, TransferIn, TransferOut, Adjust, Damage, Waste, Theft, Rtv }
}
words! {
    /// What somebody is there to do.
    Role { Checkout, Fulfillment, Floor }
}
words! {
    /// What a time clock was told.
    PunchKind { In, Out, BreakStart, BreakEnd }
}
words! {
    /// How far a task is.
    TaskStatus { Open, InProgress, Completed, Cancelled }
}
words! {
    /// How an order reaches its customer.
    Fulfillment { Bopis, ShipFromStore, Delivery }
}
words! {
    /// How far an order is.
    OrderState { Placed, Accepted, Picking, Ready, PickedUp, Shipped, Cancelled, Expired }
}
words! {
    /// What drives demand from outside.
    SignalKind { Weather, LocalEvent, Holiday }
}
words! {
    /// What a person says to an exception.
    CommandAction { Ack, Approve, Reject, Snooze, Dismiss }
}

fields! {
    /// One line of a receipt. `receipt` and `restock` are required of a return.
    PosLine {
        transaction_id: Id, line: u32, register_id: Id, operator_id: Id, item_id: Id, kind: SaleKind,
        quantity: Quantity, unit_price_cents: i64, net_cents: i64, discount_cents: i64, channel: Channel;
        promotion_id: Id, customer_id: Id, receipt: bool, reason: ReturnReason, restock: bool,
    }
}
fields! {
    /// Something a customer did outside the till.
    Activity { session_id: Id, channel: Channel; customer_id: Id, item_id: Id, points: i64 }
}
fields! {
    /// How many went in and out of a door.
    TrafficCount { sensor_id: Id, r#in: i64, out: i64, status: SensorStatus }
}
fields! {
    /// What a queue did in an interval.
    QueueInterval {
        zone_id: Id, served: i64, over_target: i64, abandoned: i64, wait_ms_sum: i64, length_max: i64, lanes_open: i64,
    }
}
fields! {
    /// Stock that moved; the sign says which way.
    Movement { item_id: Id, quantity: Quantity, reason: MovementReason }
}
fields! {
    /// What somebody counted on the shelf.
    Count { item_id: Id, counted: Quantity }
}
fields! {
    /// A time clock was used.
    Punch { employee_id: Id, role: Role, kind: PunchKind }
}
fields! {
    /// Somebody is planned to work; by `shift_id`.
    Shift { shift_id: Id, employee_id: Id, role: Role, start_at: i64, end_at: i64 }
}
fields! {
    /// Something to do in a store; by `task_id`.
    Task {
        task_id: Id, task_type: Id, status: TaskStatus, created_at: i64, due_at: i64, est_minutes: i64;
        promotion_id: Id, item_id: Id, completed_at: i64,
    }
}
fields! {
    /// Items at a price in stores for a time; by `promotion_id`.
    Promotion {
        promotion_id: Id, store_ids: Vec<Id>, item_ids: Vec<Id>, start_at: i64, end_at: i64, promo_price_cents: i64,
        expected_uplift_bp: i64, setup_required: bool,
    }
}
fields! {
    /// An order to pick in a store; by `order_id`.
    Order {
        order_id: Id, fulfillment: Fulfillment, state: OrderState, placed_at: i64, promise_at: i64,
        lines: Vec<OrderLine>; ready_at: i64,
    }
}
fields! {
    /// One item of an order.
    OrderLine { item_id: Id, quantity: Quantity, picked: Quantity, short: Quantity }
}
fields! {
    /// What the chain knows of an item; by `item_id`.
    Product { item_id: Id, dept: Id, unit_cost_cents: i64, case_pack: i64 }
}
fields! {
    /// What the chain knows of a store; by the record's `store_id`.
    Store { region: Id, format: Id, open_from: i64, open_to: i64 }
}
fields! {
    /// That a store keeps an item, and what it expects of it; by `store_id` and `item_id`.
    ItemLocation { item_id: Id, lead_time_h: i64, forecast_milli_per_day: i64; dispersion_bp: i64 }
}
fields! {
    /// Something outside that moves demand; by `signal_id`. Without `dept` it is meant for all.
    Signal { signal_id: Id, kind: SignalKind, valid_from: i64, valid_to: i64, factor_bp: i64; dept: Id }
}
fields! {
    /// A number of the contract, changed from its tick on; by `policy_key`.
    Policy { policy_key: Id, value: i64 }
}
fields! {
    /// What a person says to an exception. The comment is free text.
    Command { exception_id: Id, action: CommandAction, actor: Id, role: Id; comment: String, until: i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(record: &Record) -> String {
        serde_json::to_string(record).unwrap()
    }

    #[test]
    fn a_record_is_one_line_without_nulls() {
        let sale = PosLine {
            transaction_id: Id::from(31),
            line: 2,
            register_id: Id::new("r1").unwrap(),
            operator_id: Id::new("o1").unwrap(),
            item_id: Id::from(99),
            kind: SaleKind::Sale,
            quantity: Quantity::from_milli(650).unwrap(),
            unit_price_cents: 199,
            net_cents: 129,
            discount_cents: 0,
            channel: Channel::Store,
            promotion_id: None,
            customer_id: Some(Id::from(7)),
            receipt: None,
            reason: None,
            restock: None,
        };
        let mut record = Record::new(Id::new("31-2").unwrap(), 5, Some(Id::from(330)), Body::PosLine(sale));
        assert_eq!(
            line(&record),
            r#"{"event_id":"31-2","event_time":5,"ingest_time":5,"store_id":"330","type":"pos.line","transaction_id":"31","line":2,"register_id":"r1","operator_id":"o1","item_id":"99","kind":"sale","quantity":0.65,"unit_price_cents":199,"net_cents":129,"discount_cents":0,"channel":"store","customer_id":"7"}"#
        );
        record.revision = 1;
        record.op = Op::Delete;
        assert!(line(&record).contains(r#""revision":1,"op":"delete","type":"pos.line""#));
    }

    #[test]
    fn words_are_spelled_as_in_the_contract() {
        let word = |value: serde_json::Value| value.as_str().unwrap().to_owned();
        assert_eq!(word(serde_json::to_value(MovementReason::TransferIn).unwrap()), "transfer_in");
        assert_eq!(word(serde_json::to_value(Fulfillment::ShipFromStore).unwrap()), "ship_from_store");
        assert_eq!(word(serde_json::to_value(ReturnReason::NotAsDescribed).unwrap()), "not_as_described");
        assert_eq!(word(serde_json::to_value(PunchKind::BreakStart).unwrap()), "break_start");
        let count = TrafficCount { sensor_id: Id::from(1), r#in: 3, out: 2, status: SensorStatus::Ok };
        assert_eq!(serde_json::to_string(&count).unwrap(), r#"{"sensor_id":"1","in":3,"out":2,"status":"ok"}"#);
    }
}
