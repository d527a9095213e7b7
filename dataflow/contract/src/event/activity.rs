//! Record types `activity.view`, `activity.cart_add`, `loyalty.accrue`, `loyalty.redeem`: customer activity before a
//! purchase (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::Kind;
use crate::event::fields::{Bad, Fields, NATURAL};
use crate::event::pos::CHANNELS;
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"act-1","type":"activity.cart_add","event_time":1772431283104,"ingest_time":1772431284103,"store_id":"s03","customer_id":"c0174","session_id":"ses-1","channel":"app","item_id":"i032"}"#;

/// The kind of activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Act {
    /// Looked at something.
    View,
    /// Put something in a cart.
    CartAdd,
    /// Earned or spent points: counted at the edge, in no view.
    Loyalty,
}

/// An activity of a customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Activity {
    /// The kind.
    pub act: Act,
    /// The store in mind, if any.
    pub store: Option<Id>,
    /// The customer, if known.
    pub customer: Option<Id>,
    /// The item, if any.
    pub item: Option<Id>,
}

impl Activity {
    /// Reads the fields of an activity.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(kind: Kind, store: Option<Id>, fields: &mut F) -> Result<Self, Bad> {
        let customer = fields.optional_id("customer_id")?;
        fields.text_id("session_id")?;
        fields.choice("channel", CHANNELS)?;
        let item = fields.optional_id("item_id")?;
        fields.optional_integer("points", NATURAL)?;
        let act = match kind {
            Kind::View => Act::View,
            Kind::CartAdd => Act::CartAdd,
            _ => Act::Loyalty,
        };
        Ok(Activity { act, store, customer, item })
    }
}
