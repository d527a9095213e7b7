//! From eleven to one, sixty times the online orders come in at one shop, and its pickers are those of any day.
//!
//! They pick as fast as they can, the most urgent first, and it is not enough: more is due than they can do
//! (`fulfillment.capacity_overload`, `labor.coverage_gap`), promises are at risk and then broken
//! (`fulfillment.promise_risk`, `fulfillment.promise_missed`).

use crate::retailer::calendar::HOUR_MS;
use crate::retailer::plan::{OrderRush, Plan};
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "promise-crunch",
    about: "More online orders than the pickers can do, and promises that break.",
    size: SMALL,
    start: WEDNESDAY,
    tick_ms: None,
    plan,
};

fn plan(cast: &Cast) -> Plan {
    let when = cast.start + 11 * HOUR_MS..cast.start + 13 * HOUR_MS;
    Plan { order_rushes: vec![OrderRush { shop: 0, when, percent: 6_000 }], ..Plan::default() }
}
