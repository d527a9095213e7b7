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
