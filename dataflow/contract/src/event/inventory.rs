//! Record types `inventory.movement` and `inventory.count`: stock moved and stock counted (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, Sign, Spelling};
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"inv-1","type":"inventory.count","event_time":1772406000000,"ingest_time":1772406000000,"store_id":"s01","item_id":"i004","counted":91}"#;

/// The reason of a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's words")]
pub enum MovementReason {
    Receipt,
    TransferIn,
    TransferOut,
    Adjust,
    Damage,
    Waste,
    Theft,
    Rtv,
}

impl MovementReason {
    /// True if the stock was lost.
    pub fn is_shrink(self) -> bool {
        matches!(self, MovementReason::Damage | MovementReason::Waste | MovementReason::Theft)
    }
}

const REASONS: Spelling<MovementReason> = &[
    ("receipt", MovementReason::Receipt),
    ("transfer_in", MovementReason::TransferIn),
    ("transfer_out", MovementReason::TransferOut),
    ("adjust", MovementReason::Adjust),
    ("damage", MovementReason::Damage),
    ("waste", MovementReason::Waste),
    ("theft", MovementReason::Theft),
    ("rtv", MovementReason::Rtv),
];

/// A movement of stock: positive in, negative out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Movement {
    /// The store.
    pub store: Id,
    /// The item.
    pub item: Id,
    /// The quantity in thousandths, not 0.
    pub quantity_milli: i64,
    /// The reason.
    pub reason: MovementReason,
}

impl Movement {
    /// Reads the fields of a movement at `store`.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, fields: &mut F) -> Result<Self, Bad> {
        Ok(Movement {
            store,
            item: fields.id("item_id")?,
            quantity_milli: fields.quantity("quantity", Sign::NonZero)?,
            reason: fields.choice("reason", REASONS)?,
        })
    }
}

/// A count: the stock at its event time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Count {
    /// The store.
    pub store: Id,
    /// The item.
    pub item: Id,
    /// The quantity in thousandths.
    pub counted_milli: i64,
}

impl Count {
    /// Reads the fields of a count at `store`.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, fields: &mut F) -> Result<Self, Bad> {
        Ok(Count { store, item: fields.id("item_id")?, counted_milli: fields.quantity("counted", Sign::Natural)? })
    }
}
