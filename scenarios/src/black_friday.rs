//! From ten to four the shops have three and a half times their visitors, and are not quite ready for that.
//!
//! Shelves are filled for a third as much again, and rosters are those of any Friday. It is not enough: lanes fill up
//! and people leave their baskets (`labor.coverage_gap`, `store.queue_breach`, perhaps `store.conversion_drop`), every
//! department sells far more than forecast (`demand.surge`), and above all of the items of which nobody thought, one in
//! eight, the shelves run low (`inventory.stockout_risk`). All of it follows from the crowd, and is labelled where it
//! does.

use crate::retailer::calendar::HOUR_MS;
use crate::retailer::plan::{Crowd, Plan};
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "black-friday",
    about: "Three and a half times the visitors for six hours, with the hands of any Friday.",
    size: SMALL,
    start: FRIDAY,
    tick_ms: None,
    plan,
};

/// Friday, 27 November 2026: the day after Thanksgiving.
const FRIDAY: i64 = WEDNESDAY + 48 * HOUR_MS;

fn plan(cast: &Cast) -> Plan {
    let when = cast.start + 10 * HOUR_MS..cast.start + 16 * HOUR_MS;
    Plan {
        crowds: vec![Crowd { shop: None, when, percent: 350 }],
        prepared_percent: Some(130),
        forgotten_percent: 12,
        ..Plan::default()
    }
}
