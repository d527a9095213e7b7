//! The maintained views, one file each, and what several of them share.

pub mod attendance;
pub mod baskets;
pub mod costing;
pub mod customer_profile;
pub mod customer_segments;
pub mod demand_index;
pub mod feed_health;
pub mod fulfillment_node;
pub mod inventory_accuracy;
pub mod inventory_position;
pub mod item_demand;
pub mod labor_coverage;
pub mod labor_hours;
pub mod labor_productivity;
pub mod ledger;
pub mod margin_daily;
pub mod model_drift;
pub mod moves;
pub mod offer;
pub mod open_orders;
pub mod presence;
pub mod promise_score;
pub mod promoted_item;
pub mod promotion_performance;
pub mod promotion_window;
pub mod returns_item;
pub mod returns_operator;
pub mod rush;
pub mod selling_days;
pub mod signal_book;
pub mod store_queue;
pub mod store_sales;
pub mod store_traffic;
pub mod task_status;
#[cfg(test)]
mod testing;

use std::collections::BTreeSet;

use crate::event::Topic;
use crate::row::{StoreDept, StoreHour, StoreItem};
use crate::schema::Table;

/// Every view, by name.
pub fn tables() -> Vec<Table> {
    use Topic::{Activity, Inventory, Orders, Pos, Promotions, Queue, Reference, Signals, Tasks, Traffic, Workforce};
    vec![
        Table::of::<customer_profile::Customer, customer_profile::Profile>(customer_profile::NAME, &[Activity, Pos]),
        Table::of::<customer_segments::SegmentKey, customer_segments::Customers>(
            customer_segments::NAME,
            &[Activity, Pos],
        ),
        Table::of::<StoreDept, demand_index::DemandIndex>(demand_index::NAME, &[Activity, Pos, Reference, Signals]),
        Table::of::<feed_health::Feed, feed_health::Health>(feed_health::NAME, &Topic::ALL),
        Table::of::<fulfillment_node::Node, fulfillment_node::Fulfillment>(
            fulfillment_node::NAME,
            &[Orders, Workforce],
        ),
        Table::of::<inventory_accuracy::StoreDay, inventory_accuracy::Accuracy>(
            inventory_accuracy::NAME,
            &[Inventory, Pos],
        ),
        Table::of::<StoreItem, inventory_position::Position>(inventory_position::NAME, &[Inventory, Orders, Pos]),
        Table::of::<labor_coverage::StoreRole, labor_coverage::Coverage>(
            labor_coverage::NAME,
            &[Orders, Pos, Tasks, Workforce],
        ),
        Table::of::<labor_hours::RoleHour, labor_hours::WorkedHour>(labor_hours::NAME, &[Workforce]),
        Table::of::<StoreHour, labor_productivity::Productivity>(labor_productivity::NAME, &[Pos, Workforce]),
        Table::of::<margin_daily::StoreDeptDay, margin_daily::Margin>(margin_daily::NAME, &[Inventory, Pos, Reference]),
        Table::of::<model_drift::Segment, model_drift::Drift>(model_drift::NAME, &[Pos, Reference]),
        Table::of::<promotion_performance::PromotionStoreItem, promotion_performance::Performance>(
            promotion_performance::NAME,
            &[Pos, Promotions, Reference],
        ),
        Table::of::<returns_item::Item, returns_item::ItemReturns>(returns_item::NAME, &[Pos]),
        Table::of::<returns_operator::StoreOperator, returns_operator::OperatorReturns>(returns_operator::NAME, &[Pos]),
        Table::of::<store_queue::ZoneQuarter, store_queue::Queue>(store_queue::NAME, &[Queue]),
        Table::of::<StoreHour, store_sales::Sales>(store_sales::NAME, &[Pos]),
        Table::of::<StoreHour, store_traffic::Traffic>(store_traffic::NAME, &[Pos, Traffic]),
        Table::of::<task_status::StoreDayType, task_status::TaskCounts>(task_status::NAME, &[Tasks]),
    ]
}

/// The topics that these views are made of.
pub fn topics(views: &[&str]) -> BTreeSet<Topic> {
    tables().iter().filter(|table| views.contains(&table.name)).flat_map(|table| table.topics.iter().copied()).collect()
}
