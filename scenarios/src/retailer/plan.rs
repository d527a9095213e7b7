//! What a scenario does to the retailer's world: everything that departs from a quiet day.
//!
//! Each entry is an injected cause. The process it strikes asks the plan, acts on it, and labels what must follow.

use std::ops::Range;

use crate::disorder::Rates;
use crate::topic::Role;

/// A span of time, in milliseconds since 1970.
pub(crate) type Span = Range<i64>;

/// More (or fewer) visitors than planned.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    /// Which shop; all without one.
    pub(crate) shop: Option<usize>,
    pub(crate) when: Span,
    pub(crate) percent: i64,
}

/// A shop that is cut off: what happened there arrives after it is back, in order, at 40 times the pace.
#[derive(Clone, Debug)]
pub(crate) struct Outage {
    pub(crate) shop: usize,
    pub(crate) when: Span,
}

/// Every record that arrives from a shop in the span arrives again, several times.
#[derive(Clone, Debug)]
pub(crate) struct Storm {
    pub(crate) shop: usize,
    pub(crate) when: Span,
    pub(crate) copies: u64,
}

/// The tills of a shop do not know a promotion.
#[derive(Clone, Debug)]
pub(crate) struct WrongPrice {
    pub(crate) shop: usize,
    pub(crate) promotion: usize,
    pub(crate) when: Span,
}

/// Goods are gone from the shelf, and the book does not know, until somebody counts.
#[derive(Clone, Debug)]
pub(crate) struct Vanished {
    pub(crate) shop: usize,
    pub(crate) item: usize,
    pub(crate) when: Span,
}

/// Of those whose shift begins in the span so many in a hundred do not come.
#[derive(Clone, Debug)]
pub(crate) struct Absence {
    pub(crate) shop: usize,
    pub(crate) role: Role,
    pub(crate) when: Span,
    pub(crate) percent: i64,
}

/// A promotion's display is built late.
#[derive(Clone, Debug)]
pub(crate) struct LateSetup {
    pub(crate) shop: usize,
    pub(crate) promotion: usize,
    pub(crate) done_at: i64,
}

/// Somebody at the till refunds goods that nobody bought.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    pub(crate) shop: usize,
    pub(crate) items: Vec<usize>,
    pub(crate) when: Span,
    pub(crate) every_ms: i64,
}

/// More online orders than planned.
#[derive(Clone, Debug)]
pub(crate) struct OrderRush {
    pub(crate) shop: usize,
    pub(crate) when: Span,
    pub(crate) percent: i64,
}

/// Something was written down wrong, and is put right.
#[derive(Clone, Debug)]
pub(crate) enum Slip {
    /// A count before opening, written down as next to nothing, put right at an instant.
    Count { shop: usize, item: usize, mended_at: i64 },
    /// A delivery of the morning whose note arrives at an instant: the shelf is full, the book is not.
    DeliveryNote { shop: usize, item: usize, arrives_at: i64 },
    /// Waste keyed a thousandfold, put right at an instant.
    Waste { shop: usize, item: usize, at: i64, mended_at: i64 },
}

/// Everything that departs from a quiet day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) crowds: Vec<Crowd>,
    pub(crate) outages: Vec<Outage>,
    pub(crate) storms: Vec<Storm>,
    pub(crate) wrong_prices: Vec<WrongPrice>,
    pub(crate) vanished: Vec<Vanished>,
    pub(crate) absences: Vec<Absence>,
    pub(crate) late_setups: Vec<LateSetup>,
    pub(crate) rings: Vec<Ring>,
    pub(crate) order_rushes: Vec<OrderRush>,
    pub(crate) slips: Vec<Slip>,
    /// Of so many in ten thousand baskets one is voided as a whole, hours later.
    pub(crate) post_void_bp: u32,
    /// Shelves are filled to so many hundredths of the usual, if not as usual.
    pub(crate) prepared_percent: Option<i64>,
    /// So many in a hundred items were forgotten when shelves were made ready.
    pub(crate) forgotten_percent: u32,
    /// The department whose forecast is too high, and by how many hundredths.
    pub(crate) biased_dept: Option<(usize, i64)>,
    /// How till lines and taps travel.
    pub(crate) rates: Option<Rates>,
    /// How often doors and tills count.
    pub(crate) sensor_minutes: Option<i64>,
}

impl Plan {
    /// How many come, in hundredths of the plan.
    pub(crate) fn crowd_percent(&self, shop: usize, at: i64) -> i64 {
        let struck = |crowd: &&Crowd| crowd.shop.is_none_or(|one| one == shop) && crowd.when.contains(&at);
        self.crowds.iter().filter(struck).map(|crowd| crowd.percent).max().unwrap_or(100)
    }

    /// Whether the tills of a shop do not know a promotion.
    pub(crate) fn price_is_wrong(&self, shop: usize, promotion: usize, at: i64) -> bool {
        let struck = |one: &WrongPrice| one.shop == shop && one.promotion == promotion && one.when.contains(&at);
        self.wrong_prices.iter().any(struck)
    }

    /// When the display of a promotion is built, if not in time.
    pub(crate) fn late_setup(&self, shop: usize, promotion: usize) -> Option<i64> {
        let struck = |one: &&LateSetup| one.shop == shop && one.promotion == promotion;
        self.late_setups.iter().find(struck).map(|one| one.done_at)
    }

    /// Whether one of `heads` people stays away from a shift.
    pub(crate) fn is_absent(&self, shop: usize, role: Role, start_at: i64, (one, heads): (i64, i64)) -> bool {
        let struck = |absence: &Absence| {
            absence.shop == shop
                && absence.role == role
                && absence.when.contains(&start_at)
                && one * 100 < absence.percent * heads
        };
        self.absences.iter().any(struck)
    }

    /// Whether the book of an item is wrong because somebody wrote something down wrong.
    pub(crate) fn is_miswritten(&self, place: usize, one: usize) -> bool {
        self.slips.iter().any(|slip| {
            let (Slip::Count { shop, item, .. }
            | Slip::DeliveryNote { shop, item, .. }
            | Slip::Waste { shop, item, .. }) = *slip;
            (shop, item) == (place, one)
        })
    }

    /// How many order, in hundredths of the plan.
    pub(crate) fn order_percent(&self, shop: usize, at: i64) -> i64 {
        let struck = |rush: &&OrderRush| rush.shop == shop && rush.when.contains(&at);
        self.order_rushes.iter().filter(struck).map(|rush| rush.percent).max().unwrap_or(100)
    }
}
