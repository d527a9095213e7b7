//! In every shop four quick items are gone from the shelf, and the book still counts them.
//!
//! Stolen, behind a pallet, in the wrong aisle: from half past nine on nobody can buy them, until somebody counts at
//! six in the evening. What has not sold for as long as would sell seven of it must be missed
//! (`inventory.phantom_stock`).

use crate::retailer::calendar::HOUR_MS;
use crate::retailer::plan::{Plan, Vanished};
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "phantom-shelves",
    about: "Quick items are gone from the shelf, and the book does not know.",
    size: SMALL,
    start: WEDNESDAY,
    tick_ms: None,
    plan,
};

fn plan(cast: &Cast) -> Plan {
    let when = cast.start + 9 * HOUR_MS + HOUR_MS / 2..cast.start + 18 * HOUR_MS;
    let quick = (0..cast.goods.len()).filter(|item| cast.goods[*item].promotion.is_none()).take(4);
    let vanished = quick
        .flat_map(|item| (0..cast.shops.len()).map(move |shop| (shop, item)))
        .map(|(shop, item)| Vanished { shop, item, when: when.clone() })
        .collect();
    Plan { vanished, ..Plan::default() }
}
