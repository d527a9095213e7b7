//! Of the late shift at the first shop's tills hardly anybody comes, and nobody picks.
//!
//! It begins at 13:50; by then everybody is ill. From three on it is the afternoon before a holiday, and twice as many
//! come. The one till the manager opens cannot do the work: a coverage gap, queues (`store.queue_breach`), people who
//! leave without buying, and demand that is there and not met. Nobody picks the orders either: they pile up
//! (`labor.coverage_gap`, `fulfillment.capacity_overload`, `fulfillment.promise_risk`, `fulfillment.promise_missed`).

use crate::retailer::calendar::HOUR_MS;
use crate::retailer::plan::{Absence, Crowd, Plan};
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};
use crate::topic::Role;

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "short-staffed",
    about: "A late shift that does not come: queues, lost baskets, orders nobody picks.",
    size: SMALL,
    start: WEDNESDAY,
    tick_ms: None,
    plan,
};

fn plan(cast: &Cast) -> Plan {
    let when = cast.start + 13 * HOUR_MS..cast.start + 15 * HOUR_MS;
    let away = |role, percent| Absence { shop: 0, role, when: when.clone(), percent };
    let crowd = Crowd { shop: Some(0), when: cast.start + 15 * HOUR_MS..cast.start + 19 * HOUR_MS, percent: 200 };
    Plan {
        crowds: vec![crowd],
        absences: vec![away(Role::Checkout, 100), away(Role::Fulfillment, 100)],
        ..Plan::default()
    }
}
