//! Record types `ref.product`, `ref.store`, `ref.item_location`: reference data (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL, POSITIVE, Range};
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"ref-1","type":"ref.item_location","event_time":1772407800000,"ingest_time":1772407800043,"store_id":"s01","item_id":"i018","lead_time_h":24,"forecast_milli_per_day":109174,"dispersion_bp":50000}"#;

/// The current row of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Product {
    /// The item.
    pub item: Id,
    /// The department.
    pub dept: Id,
    /// The cost of one unit.
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

/// The current row of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Store {
    /// The store.
    pub store: Id,
    /// The region.
    pub region: Id,
    /// The format.
    pub format: Id,
    /// The opening time, in minutes of the UTC day.
    pub open_from: i64,
    /// The closing time, in minutes of the UTC day.
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

/// The current row of an item ranged at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemLocation {
    /// The store.
    pub store: Id,
    /// The item.
    pub item: Id,
    /// Lead time: hours from order to delivery.
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
