//! What is known of products, stores, and items at stores.

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL, POSITIVE, Range};
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"ref-1","type":"ref.item_location","event_time":1772407800000,"ingest_time":1772407800043,"store_id":"s01","item_id":"i018","lead_time_h":24,"forecast_milli_per_day":109174,"dispersion_bp":50000}"#;

/// A product as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Product {
    /// What.
    pub item: Id,
    /// Its department.
    pub dept: Id,
    /// What one unit costs.
    pub unit_cost_cents: i64,
    /// Units in a case, ≥ 1.
    pub case_pack: i64,
}

impl Product {
    /// Reads the fields of a product, after its id.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(item: Id, fields: &mut F) -> Result<Self, Bad> {
        Ok(Product {
            item,
            dept: fields.id("dept")?,
            unit_cost_cents: fields.integer("unit_cost_cents", NATURAL)?,
            case_pack: fields.integer("case_pack", POSITIVE)?,
        })
    }
}

/// A store as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Store {
    /// The store.
    pub store: Id,
    /// Its region.
    pub region: Id,
    /// Its format.
    pub format: Id,
    /// When it opens, in minutes of the UTC day.
    pub open_from: i64,
    /// When it closes, in minutes of the UTC day.
    pub open_to: i64,
}

const MINUTE_OF_DAY: Range = Range { min: 0, max: 1440 };

impl Store {
    /// Reads the fields of a store.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, fields: &mut F) -> Result<Self, Bad> {
        Ok(Store {
            store,
            region: fields.id("region")?,
            format: fields.id("format")?,
            open_from: fields.integer("open_from", MINUTE_OF_DAY)?,
            open_to: fields.integer("open_to", MINUTE_OF_DAY)?,
        })
    }
}

/// An item ranged at a store, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemLocation {
    /// The store.
    pub store: Id,
    /// What.
    pub item: Id,
    /// Hours from order to shelf.
    pub lead_time_h: i64,
    /// Expected sales a day, in thousandths.
    pub forecast_milli: i64,
    /// k · 10000 of a negative binomial over the lead time; `None` is Poisson.
    pub dispersion_bp: Option<i64>,
}

impl ItemLocation {
    /// Reads the fields of an item at a store, after its id.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, item: Id, fields: &mut F) -> Result<Self, Bad> {
        Ok(ItemLocation {
            store,
            item,
            lead_time_h: fields.integer("lead_time_h", NATURAL)?,
            forecast_milli: fields.integer("forecast_milli_per_day", NATURAL)?,
            dispersion_bp: fields.optional_integer("dispersion_bp", POSITIVE)?,
        })
    }
}
