//! Record type `order`: a customer order that a store fulfils (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL, Sign, Spelling};
use crate::ids::{EventId, Id};

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"ord-1","type":"order","event_time":1772437080000,"ingest_time":1772437081000,"store_id":"s03","order_id":"o-1","fulfillment":"bopis","state":"placed","placed_at":1772437080000,"promise_at":1772451480000,"lines":[{"item_id":"i026","quantity":1,"picked":0,"short":0}]}"#;

/// The state of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's words")]
pub enum OrderState {
    Placed,
    Accepted,
    Picking,
    Ready,
    PickedUp,
    Shipped,
    Cancelled,
    Expired,
}

const STATES: Spelling<OrderState> = &[
    ("placed", OrderState::Placed),
    ("accepted", OrderState::Accepted),
    ("picking", OrderState::Picking),
    ("ready", OrderState::Ready),
    ("picked_up", OrderState::PickedUp),
    ("shipped", OrderState::Shipped),
    ("cancelled", OrderState::Cancelled),
    ("expired", OrderState::Expired),
];
const FULFILLMENTS: Spelling<()> = &[("bopis", ()), ("ship_from_store", ()), ("delivery", ())];

/// One line of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderLine {
    /// The item.
    pub item: Id,
    /// Ordered, picked and found missing, in thousandths.
    pub quantity_milli: i64,
    /// The picked quantity, in thousandths.
    pub picked_milli: i64,
    /// The missing quantity, in thousandths.
    pub short_milli: i64,
}

impl OrderLine {
    /// The quantity still to be picked.
    pub fn remaining_milli(&self) -> i64 {
        (self.quantity_milli - self.picked_milli - self.short_milli).max(0)
    }
}

/// The current row of an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CustomerOrder {
    /// The store that fulfils it.
    pub store: Id,
    /// The order id.
    pub order: EventId,
    /// The state.
    pub state: OrderState,
    /// The time of the order.
    pub placed_at: i64,
    /// The promised instant.
    pub promise_at: i64,
    /// The instant at which it was ready.
    pub ready_at: Option<i64>,
    /// The lines.
    pub lines: Vec<OrderLine>,
}

impl CustomerOrder {
    /// Reads the fields of an order at `store`, after its id.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, order: EventId, fields: &mut F) -> Result<Self, Bad> {
        fields.choice("fulfillment", FULFILLMENTS)?;
        let state = fields.choice("state", STATES)?;
        let placed_at = fields.integer("placed_at", NATURAL)?;
        let promise_at = fields.integer("promise_at", NATURAL)?;
        let ready_at = fields.optional_integer("ready_at", NATURAL)?;
        let lines = fields.list("lines", |line| {
            Ok(OrderLine {
                item: line.id("item_id")?,
                quantity_milli: line.quantity("quantity", Sign::Natural)?,
                picked_milli: line.quantity("picked", Sign::Natural)?,
                short_milli: line.quantity("short", Sign::Natural)?,
            })
        })?;
        Ok(CustomerOrder { store, order, state, placed_at, promise_at, ready_at, lines })
    }

    /// True while the order is to be picked.
    pub fn is_open(&self) -> bool {
        matches!(self.state, OrderState::Placed | OrderState::Accepted | OrderState::Picking)
    }

    /// The quantity still to be picked, over all lines.
    pub fn remaining_milli(&self) -> i64 {
        self.lines.iter().map(OrderLine::remaining_milli).fold(0, i64::wrapping_add)
    }
}
