//! The views, detectors and shared collections of a retailer's operations: three lists; all registration follows from
//! them ([`registry`]).
//!
//! Invariants: no input or output and no clock · detectors read views, never events · nothing that is summed is a float.

#[macro_use]
pub mod registry;

views! {
    customer_profile,
    customer_segments,
    demand_index,
    feed_health,
    fulfillment_node,
    inventory_accuracy,
    inventory_position,
    labor_coverage,
    labor_hours,
    labor_productivity,
    margin_daily,
    model_drift,
    promotion_performance,
    returns_item,
    returns_operator,
    store_queue,
    store_sales,
    store_traffic,
    task_status,
}

detectors! {
    data_feed_stale,
    demand_drop,
    demand_surge,
    fulfillment_capacity_overload,
    fulfillment_promise_missed,
    fulfillment_promise_risk,
    inventory_negative_on_hand,
    inventory_phantom_stock,
    inventory_stockout_risk,
    labor_coverage_gap,
    margin_leak,
    model_drift,
    promotion_price_mismatch,
    promotion_setup_overdue,
    promotion_under_attainment,
    returns_abnormal_rate,
    returns_operator_pattern,
    store_conversion_drop,
    store_queue_breach,
    task_overdue,
}

collections! {
    attendance,
    item_at_store,
    promise_score,
    promotion_window,
}

pub mod state;
pub mod stats;
#[cfg(test)]
mod testing;
