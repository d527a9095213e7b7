//! What customers do before they buy: looking, filling a cart, using a loyalty account.

use serde::{Deserialize, Serialize};

use crate::event::Kind;
use crate::event::fields::{Bad, Fields, NATURAL};
use crate::event::pos::CHANNELS;
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"act-1","type":"activity.cart_add","event_time":1772431283104,"ingest_time":1772431284103,"store_id":"s03","customer_id":"c0174","session_id":"ses-1","channel":"app","item_id":"i032"}"#;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Act {
    /// Looked at something.
    View,
    /// Put something in a cart.
    CartAdd,
    /// Earned or spent points: counted at the edge, in no view.
    Loyalty,
}

/// Something a customer did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Activity {
    /// What.
    pub act: Act,
    /// The store in mind, if any.
    pub store: Option<Id>,
    /// Who, if known.
    pub customer: Option<Id>,
    /// With which item.
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
