//! Record type `promotion`: a promoted price for items at stores over a period (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL};
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"pro-1","type":"promotion","event_time":1772439420000,"ingest_time":1772439421441,"promotion_id":"p03","store_ids":["s02","s03"],"item_ids":["i014","i018"],"start_at":1772443020000,"end_at":1772551020000,"promo_price_cents":79,"expected_uplift_bp":3000,"setup_required":true}"#;

/// The current row of a promotion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Promotion {
    /// The promotion id.
    pub promotion: Id,
    /// The stores.
    pub stores: Vec<Id>,
    /// The items.
    pub items: Vec<Id>,
    /// The terms, the same at every listed store and item.
    pub terms: Terms,
    /// True if stores must set something up.
    pub setup_required: bool,
}

/// The terms of a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Terms {
    /// The start.
    pub start_at: i64,
    /// The end, exclusive.
    pub end_at: i64,
    /// The promoted price of one unit.
    pub price_cents: i64,
    /// The expected increase of sales.
    pub uplift_bp: i64,
}

impl Promotion {
    /// Reads the fields of a promotion, after its id.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(promotion: Id, fields: &mut F) -> Result<Self, Bad> {
        let stores = fields.ids("store_ids")?;
        let items = fields.ids("item_ids")?;
        let terms = Terms {
            start_at: fields.integer("start_at", NATURAL)?,
            end_at: fields.integer("end_at", NATURAL)?,
            price_cents: fields.integer("promo_price_cents", NATURAL)?,
            uplift_bp: fields.integer("expected_uplift_bp", NATURAL)?,
        };
        let setup_required = fields.boolean("setup_required")?;
        Ok(Promotion { promotion, stores: distinct(stores), items: distinct(items), terms, setup_required })
    }
}

/// Sorts and deduplicates: a store or item named twice is listed once.
fn distinct(mut ids: Vec<Id>) -> Vec<Id> {
    ids.sort_unstable();
    ids.dedup();
    ids
}
