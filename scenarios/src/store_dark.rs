//! The first shop is cut off from noon to three, then hands over everything at once.
//!
//! Its tills, doors and queues are silent for three hours and must be missed (`data.feed_stale`). The silence looks
//! like a drop in demand, and goods that sell all the time look lost: such alarms are explained, not asked for. When
//! the line is back, three hours arrive in order within five minutes, and the views must say what they would have said.

use crate::retailer::calendar::HOUR_MS;
use crate::retailer::plan::{Outage, Plan};
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "store-dark",
    about: "A shop is offline for three hours, then floods the log with them.",
    size: SMALL,
    start: WEDNESDAY,
    tick_ms: None,
    plan,
};

fn plan(cast: &Cast) -> Plan {
    let when = cast.start + 12 * HOUR_MS..cast.start + 15 * HOUR_MS;
    Plan { outages: vec![Outage { shop: 0, when }], ..Plan::default() }
}
