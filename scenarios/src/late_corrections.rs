//! What is written down in the morning is put right in the afternoon.
//!
//! A count is written down as one instead of what is there; a delivery note comes nine hours late; a broken piece is
//! keyed as hundreds, which eats the margin of its department. Baskets are voided hours later, one line in thirty is
//! corrected by an audit, and some corrections come too late to count. The book is wrong for hours, and the exceptions
//! that follow (`inventory.stockout_risk`, `inventory.negative_on_hand`, `margin.leak`) are right until it is mended.

use crate::disorder::Rates;
use crate::retailer::calendar::HOUR_MS;
use crate::retailer::plan::{Plan, Slip};
use crate::retailer::{Cast, SMALL, Story, WEDNESDAY};

/// Its place in the list of scenarios.
pub const STORY: Story = Story {
    name: "late-corrections",
    about: "Counts, notes and waste written down wrong and put right; voids and audits hours later.",
    size: SMALL,
    start: WEDNESDAY,
    tick_ms: None,
    plan,
};

fn plan(cast: &Cast) -> Plan {
    let at = |hour| cast.start + hour * HOUR_MS;
    let last = cast.shops.len() - 1;
    Plan {
        slips: vec![
            Slip::Count { shop: 0, item: 0, mended_at: at(15) },
            Slip::DeliveryNote { shop: last, item: 1, arrives_at: at(15) },
            Slip::Waste { shop: 0, item: 2, at: at(10), mended_at: at(18) },
        ],
        post_void_bp: 100,
        rates: Some(Rates { hiccup_bp: 200, offline_bp: 0, polled_bp: 0, resend_bp: 30, correction_bp: 300 }),
        ..Plan::default()
    }
}
