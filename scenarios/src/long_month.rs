//! Thirty days, for state that must not grow; one department's forecast is too high all along.
//!
//! Small shops, sensors every quarter of an hour, ticks of ten seconds. Deliveries fill the shelves every night. The
//! bakery's forecast is half as high again as what sells: its drift must be found (`model.drift`, from the second day
//! on), and so may its demand be called low (`demand.drop`), its shelves phantoms.

use crate::retailer::plan::Plan;
use crate::retailer::{Cast, SMALL, Size, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "long-month",
    about: "Thirty days for flat state, with one department whose forecast is too high.",
    size: Size { stores: 2, items: 60, days: 30, ..SMALL },
    start: WEDNESDAY,
    tick_ms: Some(10_000),
    plan,
};

fn plan(_: &Cast) -> Plan {
    Plan { biased_dept: Some((4, 150)), sensor_minutes: Some(15), ..Plan::default() }
}
