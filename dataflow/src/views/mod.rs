//! The maintained views, one file each, and what several of them share.

pub mod baskets;
pub mod customer_profile;
pub mod customer_segments;
pub mod feed_health;
pub mod inventory_position;
pub mod labor_coverage;
pub mod ledger;
pub mod returns_item;
pub mod returns_operator;
pub mod store_sales;
#[cfg(test)]
mod testing;

use schemars::JsonSchema;
use serde_json::Value;

use crate::schema;

/// A view as a table: its name, and the JSON Schemas of its keys and values.
pub struct Table {
    /// The view.
    pub name: &'static str,
    /// Its keys.
    pub key: Value,
    /// Its values.
    pub value: Value,
}

fn table<K: JsonSchema, V: JsonSchema>(name: &'static str) -> Table {
    Table { name, key: schema::of::<K>(), value: schema::of::<V>() }
}

/// Every view, by name.
pub fn tables() -> Vec<Table> {
    use crate::row::{StoreHour, StoreItem};
    vec![
        table::<customer_profile::Customer, customer_profile::Profile>(customer_profile::NAME),
        table::<customer_segments::SegmentKey, customer_segments::Customers>(customer_segments::NAME),
        table::<feed_health::Feed, feed_health::Health>(feed_health::NAME),
        table::<StoreItem, inventory_position::Position>(inventory_position::NAME),
        table::<returns_item::Item, returns_item::ItemReturns>(returns_item::NAME),
        table::<returns_operator::StoreOperator, returns_operator::OperatorReturns>(returns_operator::NAME),
        table::<StoreHour, store_sales::Sales>(store_sales::NAME),
    ]
}
