//! Record type `pos.line`: one item sold, voided or returned at a till (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL, Sign, Spelling};
use crate::ids::{Id, Transaction};

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"pos-1","type":"pos.line","event_time":1772431283104,"ingest_time":1772431284103,"store_id":"s01","transaction_id":"s01.tx-1","line":1,"register_id":"s01.r1","operator_id":"s01.op1","item_id":"i001","kind":"sale","quantity":0.65,"unit_price_cents":499,"net_cents":324,"discount_cents":0,"channel":"store"}"#;

/// The kind of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LineKind {
    /// Sold.
    Sale,
    /// A void: cancels a sale line.
    Void,
    /// A return.
    Return,
}

/// The sales channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's words")]
pub enum Channel {
    Store,
    Web,
    App,
}

/// The reason of a return.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's words")]
pub enum Reason {
    Defective,
    NotAsDescribed,
    WrongItem,
    Unwanted,
    Other,
}

/// A till line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PosLine {
    /// The store.
    pub store: Id,
    /// The transaction.
    pub transaction: Transaction,
    /// The till operator.
    pub operator: Id,
    /// The item.
    pub item: Id,
    /// Sale, void or return.
    pub kind: LineKind,
    /// The quantity in thousandths, greater than 0.
    pub quantity_milli: i64,
    /// Price of one unit.
    pub unit_price_cents: i64,
    /// Price of the line.
    pub net_cents: i64,
    /// The discount.
    pub discount_cents: i64,
    /// The promotion it was sold under.
    pub promotion: Option<Id>,
    /// The loyalty customer.
    pub customer: Option<Id>,
    /// The sales channel.
    pub channel: Channel,
    /// True if a return came with a receipt.
    pub receipt: bool,
    /// The reason of a return.
    pub reason: Option<Reason>,
    /// True if a return goes back into stock.
    pub restock: bool,
}

const KINDS: Spelling<LineKind> = &[("sale", LineKind::Sale), ("void", LineKind::Void), ("return", LineKind::Return)];
/// The spelling of channels, shared with browsing.
pub const CHANNELS: Spelling<Channel> = &[("store", Channel::Store), ("web", Channel::Web), ("app", Channel::App)];
const REASONS: Spelling<Reason> = &[
    ("defective", Reason::Defective),
    ("not_as_described", Reason::NotAsDescribed),
    ("wrong_item", Reason::WrongItem),
    ("unwanted", Reason::Unwanted),
    ("other", Reason::Other),
];

impl PosLine {
    /// Reads the fields of a line sold at `store`.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, fields: &mut F) -> Result<Self, Bad> {
        let transaction = Transaction::new(&fields.text_id("transaction_id")?);
        fields.integer("line", NATURAL)?;
        fields.text_id("register_id")?;
        let operator = fields.id("operator_id")?;
        let item = fields.id("item_id")?;
        let kind = fields.choice("kind", KINDS)?;
        let quantity_milli = fields.quantity("quantity", Sign::Positive)?;
        let unit_price_cents = fields.integer("unit_price_cents", NATURAL)?;
        let net_cents = fields.integer("net_cents", NATURAL)?;
        let discount_cents = fields.integer("discount_cents", NATURAL)?;
        let promotion = fields.optional_id("promotion_id")?;
        let customer = fields.optional_id("customer_id")?;
        let channel = fields.choice("channel", CHANNELS)?;
        let returned = kind == LineKind::Return;
        let receipt =
            if returned { fields.boolean("receipt")? } else { fields.optional_boolean("receipt")?.unwrap_or(false) };
        let reason = fields.optional_choice("reason", REASONS)?;
        let restock =
            if returned { fields.boolean("restock")? } else { fields.optional_boolean("restock")?.unwrap_or(false) };
        Ok(PosLine {
            store,
            transaction,
            operator,
            item,
            kind,
            quantity_milli,
            unit_price_cents,
            net_cents,
            discount_cents,
            promotion,
            customer,
            channel,
            receipt,
            reason,
            restock,
        })
    }

    /// +1 for a sale, −1 for a void, 0 for a return: the weight of the line in sold units and baskets.
    pub fn sale_sign(&self) -> i64 {
        match self.kind {
            LineKind::Sale => 1,
            LineKind::Void => -1,
            LineKind::Return => 0,
        }
    }

    /// Sold minus voided thousandths.
    pub fn units_milli(&self) -> i64 {
        self.sale_sign() * self.quantity_milli
    }

    /// True for a sale line.
    pub fn is_sale(&self) -> bool {
        self.kind == LineKind::Sale
    }

    /// True for a return line.
    pub fn is_return(&self) -> bool {
        self.kind == LineKind::Return
    }

    /// The change of the store's stock, in thousandths.
    pub fn stock_milli(&self) -> i64 {
        match self.kind {
            LineKind::Sale => -self.quantity_milli,
            LineKind::Void => self.quantity_milli,
            LineKind::Return if self.restock => self.quantity_milli,
            LineKind::Return => 0,
        }
    }
}
