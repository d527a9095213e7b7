//! Everything two shops send between noon and two comes four times.
//!
//! A relay has lost its place and sends again what it has sent. Nothing is wrong in the shops, so nothing must be
//! found, and what an engine says must be what it says of the quiet day of the same seed.

use crate::retailer::calendar::HOUR_MS;
use crate::retailer::plan::{Plan, Storm};
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "duplicate-storm",
    about: "Two hours of two shops come four times; nothing may come of it.",
    size: SMALL,
    start: WEDNESDAY,
    tick_ms: None,
    plan,
};

fn plan(cast: &Cast) -> Plan {
    let when = cast.start + 12 * HOUR_MS..cast.start + 14 * HOUR_MS;
    let storm = |shop| Storm { shop, when: when.clone(), copies: 3 };
    Plan { storms: (0..cast.shops.len().min(2)).map(storm).collect(), ..Plan::default() }
}
