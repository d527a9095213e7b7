//! A day on which nothing is wrong: what an engine says here, somebody has to explain.
//!
//! Shops open, sell, queue a little, pick their orders, do their tasks, carry out three promotions, take a few things
//! back. Records travel as they do: some baskets wait for the line, some lines come twice.
//!
//! Nothing must be found. At the usual size nothing should be said either.

use crate::retailer::plan::Plan;
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "quiet-day",
    about: "Nothing is wrong: whatever is said here is one too much.",
    size: SMALL,
    start: WEDNESDAY,
    tick_ms: None,
    plan,
};

fn plan(_: &Cast) -> Plan {
    Plan::default()
}
