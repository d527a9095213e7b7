//! The maintained views, one file each, and what several of them share.

pub mod baskets;
pub mod feed_health;
pub mod inventory_accuracy;
pub mod inventory_position;
pub mod labor_coverage;
pub mod ledger;
pub mod offer;
pub mod promoted_item;
pub mod promotion_lines;
pub mod promotion_performance;
pub mod promotion_window;
pub mod store_sales;
