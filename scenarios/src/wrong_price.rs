//! The tills of the first shop do not learn a promotion until seven in the evening, those of another until one.
//!
//! Every line of the items on offer is rung up at the regular price (`promotion.price_mismatch`), and at that price
//! nobody buys more (`promotion.under_attainment`, where enough should have been sold to tell). In the first shop the
//! display of another promotion is built three hours late (`promotion.setup_overdue`, `task.overdue`).

use crate::retailer::calendar::HOUR_MS;
use crate::retailer::plan::{LateSetup, Plan, WrongPrice};
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "wrong-price",
    about: "Tills that do not know a promotion, and a display that is built late.",
    size: SMALL,
    start: WEDNESDAY,
    tick_ms: None,
    plan,
};

fn plan(cast: &Cast) -> Plan {
    let until = |hour| cast.start..cast.start + hour * HOUR_MS;
    let mut wrong_prices = vec![WrongPrice { shop: 0, promotion: 0, when: until(19) }];
    if cast.shops.len() > 1 {
        wrong_prices.push(WrongPrice { shop: cast.shops.len() - 1, promotion: 1, when: until(13) });
    }
    let late_setups = vec![LateSetup { shop: 0, promotion: 2, done_at: cast.start + 13 * HOUR_MS }];
    Plan { wrong_prices, late_setups, ..Plan::default() }
}
