//! The maintained views, one file each, and what several of them share.

pub mod attendance;
pub mod baskets;
pub mod feed_health;
pub mod fulfillment_node;
pub mod inventory_position;
pub mod labor_coverage;
pub mod labor_hours;
pub mod labor_productivity;
pub mod ledger;
pub mod open_orders;
pub mod presence;
pub mod promise_score;
pub mod rush;
pub mod store_sales;
