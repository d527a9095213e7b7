//! Keyed state of views and collections as pure structures: no timely, no input or output.

pub mod baskets;
pub mod costing;
pub mod item_demand;
pub mod ledger;
pub mod moves;
pub mod offer;
pub mod open_orders;
pub mod presence;
pub mod promoted_item;
pub mod selling_days;
pub mod signal_book;
pub mod till_load;
pub mod variances;
