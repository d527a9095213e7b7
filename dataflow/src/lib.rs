//! storepulse: retail operations views and exceptions, incrementally maintained.
//!
//! The way of a record: [`event`] reads it, [`edge`] gives it its one fate, [`views`] maintain what it means,
//! [`detectors`] notice what is wrong, [`governance`] lets people answer, [`stage`] gathers and [`output`] numbers what
//! leaves. [`graph`] is the frame of that, [`registry`] what follows from the three lists below; [`job`] replays
//! files through it, [`live`] follows topics and survives every end; [`lanes`] let exceptions out ahead of views.
//! [`serve`] shows what stands and takes people's answers over HTTP, [`telemetry`] counts, [`log`] tells, [`bench`](mod@bench) measures.
//!
//! Invariants: views, detectors and the graph do no input or output and read no clock · detectors read views, never
//! events · nothing that is summed is a float · no hash order reaches an output · of this
//! crate only [`serve`] knows async.

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

pub mod allocator;
pub mod bench;
pub mod cli;
pub mod clock;
pub mod columns;
pub mod context;
pub mod detect;
pub mod edge;
pub mod encode;
pub mod error;
pub mod event;
pub mod exception;
pub mod exception_type;
pub mod fate;
pub mod feed;
pub mod governance;
pub mod graph;
pub mod ids;
pub mod job;
pub mod lanes;
pub mod live;
pub mod log;
pub mod output;
pub mod pace;
pub mod policy;
pub mod record;
pub mod row;
pub mod scenario;
pub mod schema;
pub mod serve;
pub mod stage;
pub mod state;
pub mod stats;
pub mod streams;
pub mod symbol;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod time;
pub mod write;
