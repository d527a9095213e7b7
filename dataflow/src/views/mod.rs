//! The maintained views, one file each, and what several of them share.

pub mod baskets;
pub mod feed_health;
pub mod inventory_position;
pub mod labor_coverage;
pub mod ledger;
pub mod store_sales;

pub mod costing;
pub mod demand_index;
pub mod item_demand;
pub mod margin_daily;
pub mod model_drift;
pub mod selling_days;
pub mod signal_book;
pub mod store_queue;
pub mod store_traffic;
pub mod task_status;
