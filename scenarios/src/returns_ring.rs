//! At the service desk of two shops somebody refunds goods that nobody bought.
//!
//! From eleven to five, every twelve minutes, one of two slow items, never with a receipt. Nobody else refunds at that
//! desk: by the fifth refund the person stands out (`returns.operator_pattern`), and so do the items of which more
//! comes back than was ever sold (`returns.abnormal_rate`).

use crate::retailer::calendar::HOUR_MS;
use crate::retailer::plan::{Plan, Ring};
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "returns-ring",
    about: "Refunds of goods nobody bought, by one person in each of two shops.",
    size: SMALL,
    start: WEDNESDAY,
    tick_ms: None,
    plan,
};

fn plan(cast: &Cast) -> Plan {
    let when = cast.start + 11 * HOUR_MS..cast.start + 17 * HOUR_MS;
    let middle = cast.goods.len() / 2;
    let ring = |shop| Ring { shop, items: vec![middle, middle + 1], when: when.clone(), every_ms: HOUR_MS / 5 };
    Plan { rings: (0..cast.shops.len().min(2)).map(ring).collect(), ..Plan::default() }
}
