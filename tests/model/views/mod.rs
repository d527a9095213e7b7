//! The nineteen views, each from scratch from what is known. Contract §4.

mod customers;
pub(super) mod labor;
mod margin;
mod nodes;
pub(super) mod promotion;
mod returns;
mod sales;
mod stock;

use super::decode::Id;
use super::fates::Health;
use super::stats::{DAY, HOUR, MINUTE, QUARTER};
use super::tables::{Key, Part, Row, Rows, Tables, View, key};
use super::world::World;

/// The end of a tumbling window of `SPAN`, the only number of its key.
fn end<const SPAN: i64>(_: &World, key: &Key) -> i64 {
    key.iter().map(Part::number).sum::<i64>() + SPAN
}

/// The table of views: name, key, columns, topics, pane of its clock (0: none), end of its window if it settles, rows.
macro_rules! views {
    ($($name:literal $key:literal $columns:literal $topics:literal $pane:ident $end:expr, $rows:expr;)*) => {
        &[$(View {
            name: $name, key: $key, columns: $columns, topics: $topics, pane: $pane, window_end: $end, rows: $rows,
        }),*]
    };
}

const NONE: i64 = 0;
const TICK: i64 = 1;

/// All views; one that reads another comes after it.
pub(super) const VIEWS: &[View] = views! {
    "store.sales" "store hour"
        "gross_cents void_cents return_cents net_cents discount_cents units_milli returned_milli lines void_lines \
         return_lines transactions loyalty_transactions"
        "pos" NONE Some(end::<HOUR>), sales::sales;
    "store.traffic" "store hour" "visitors_in visitors_out transactions conversion_bp"
        "pos traffic" NONE Some(end::<HOUR>), sales::traffic;
    "store.queue" "store zone quarter"
        "served over_target abandoned wait_ms_sum avg_wait_ms service_level_bp length_max"
        "queue" NONE Some(end::<QUARTER>), sales::queue;
    "customer.profile" "customer"
        "transactions units_milli net_cents return_cents promo_cents store_cents web_cents app_cents last_purchase_at \
         views cart_adds aov_cents"
        "pos activity" DAY None, customers::profile;
    "customer.segments" "segment" "customers net_cents"
        "pos activity" DAY None, customers::segments;
    "inventory.position" "store item"
        "on_hand_milli committed_milli available_milli anchor_at last_sale_at sold_24h_milli sold_7d_milli cover_hours"
        "pos inventory orders" HOUR None, stock::position;
    "inventory.accuracy" "store day" "counts exact abs_variance_milli variance_milli accuracy_bp"
        "pos inventory" NONE Some(end::<DAY>), stock::accuracy;
    "labor.hours" "store role hour" "worked_minutes"
        "workforce" HOUR Some(end::<HOUR>), labor::hours;
    "labor.productivity" "store hour" "worked_minutes net_cents splh_cents"
        "pos workforce" HOUR Some(end::<HOUR>), labor::productivity;
    "labor.coverage" "store role" "present scheduled required gap"
        "pos workforce orders tasks" MINUTE None, labor::coverage;
    "task.status" "store day task_type" "due completed on_time overdue open"
        "tasks" NONE None, nodes::tasks;
    "promotion.performance" "promotion store item"
        "lines units_milli net_cents discount_cents price_ok_lines price_mismatch_lines baseline_milli expected_milli \
         attainment_bp"
        "pos promotions" HOUR Some(promotion::end), promotion::performance;
    "fulfillment.node" "store"
        "open_orders open_milli due_2h_milli met_24h missed_24h short_lines_24h lines_24h load_bp"
        "orders workforce" MINUTE None, nodes::fulfillment;
    "returns.item" "item"
        "sold_milli returned_milli refund_cents no_receipt_milli defective_milli not_as_described_milli \
         wrong_item_milli unwanted_milli other_milli rate_bp score_bp"
        "pos" DAY None, returns::items;
    "returns.operator" "store operator" "refunds no_receipt refund_cents sale_cents no_receipt_low_bp"
        "pos" DAY None, returns::operators;
    "margin.daily" "store dept day" "net_cents cogs_cents shrink_cents margin_cents margin_bp discount_cents"
        "pos inventory" NONE Some(end::<DAY>), margin::margin;
    "demand.index" "store dept" "units_60m_milli expected_60m_milli carts_60m carts_24h signal_bp index_bp"
        "pos activity signals" MINUTE None, margin::demand;
    "feed.health" "store topic" "accepted duplicates late dead last_event_time stale"
        "" TICK None, feeds;
    "model.drift" "region format dept" "actual_milli forecast_milli abs_error_milli wape_bp bias_bp"
        "pos" DAY None, margin::drift;
};

/// View 18.
fn feeds(world: &World, _: &Tables) -> Rows {
    let row = |((store, topic), health): (&(Id, &'static str), &Health)| {
        let stale = stale_at(world, store, topic).is_some_and(|at| at <= world.now);
        let stale = stale && world.hours(store).is_open(world.now);
        let mut row: Row = health.fates.map(Some).to_vec();
        row.extend([health.last_event_time, Some(stale.into())]);
        (key![store, *topic], row)
    };
    world.health.iter().map(row).collect()
}

/// The instant from which a feed is stale while its store is open, as things stand.
pub(super) fn stale_at(world: &World, store: &Id, topic: &'static str) -> Option<i64> {
    let last = world.health.get(&(store.clone(), topic))?.last_tick?;
    let limit = world.maybe_policy(&format!("stale_ms.{topic}"))?;
    let opening = world.hours(store).last_opening(world.now).unwrap_or(last);
    Some(last.max(opening) + limit + 1)
}
