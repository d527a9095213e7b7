//! The shelf: all that is kept of one item at one store, in one drawer ([`drawer`]).
//!
//! A till line moves the books of its item at its store, what sells there within the hour, and its promotions; and the
//! books are what three detectors watch. So a line looks for its item once and not six times, and what two of them
//! need is held once.

use operators::driver::keyed;
use operators::fan::Fan;
use operators::keyed::Ticks;

use crate::context::{Context, Notice};
use crate::detectors::stockout_risk;
use crate::exception::Step;
use crate::ids::Id;
use crate::row::{Row, StoreItem};
use crate::streams::Streams;
use crate::time::{Collection, Inputs};
use crate::views::inventory_accuracy::StoreDay;
use crate::views::inventory_position::{self, Position};
use crate::views::item_demand::Demand;
use crate::views::promotion_performance::{self, PromotionStoreItem, Standing};
use crate::views::{demand_index, promise_score};

pub mod drawer;
mod parts;

use drawer::{Entry, Said, Shelves};

/// What is said of every shelf.
pub struct Shelf<'scope> {
    /// inventory.position.
    pub positions: Collection<'scope, Row<StoreItem, Position>>,
    /// Items that are short, for the promises of orders.
    pub short: Collection<'scope, (Id, promise_score::Entry)>,
    /// What counts found that the books did not say, for inventory.accuracy.
    pub variances: Collection<'scope, (StoreDay, i64)>,
    /// How items sell within the hour, for demand.index.
    pub demand: Collection<'scope, (Id, (Id, Demand))>,
    /// promotion.performance with what its detectors read beside.
    pub standings: Collection<'scope, Row<PromotionStoreItem, Standing>>,
    /// What stockout_risk finds.
    pub stockouts: Collection<'scope, Step>,
    /// What negative_on_hand and phantom_stock find.
    pub doubts: Collection<'scope, Step>,
}

/// Everything that happens to shelves.
fn entries<'scope>(ticks: Ticks, lateness_ms: i64, streams: &Streams<'scope>) -> Inputs<'scope, StoreItem, Entry> {
    let books = inventory_position::entries(streams, Entry::Books);
    let carts = Inputs::of(demand_index::carts(streams), Entry::Cart);
    let ranged = streams.item_locations.clone().map(|location| {
        let lead = (location.lead_time_h, location.forecast_milli, location.dispersion_bp);
        (StoreItem { store: location.store, item: location.item }, Entry::Ranged(lead))
    });
    let packs = stockout_risk::case_packs(ticks, &streams.item_locations, &streams.products);
    let offers = promotion_performance::offers(ticks, lateness_ms, streams);
    let offers = Inputs::of(offers, |(promotion, terms)| Entry::Offer(promotion, terms));
    books.and(carts).and(ranged).and(Inputs::of(packs, Entry::CasePack)).and(offers)
}

/// Keeps every shelf.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    context: &Context,
    notices: &Collection<'scope, Notice>,
    streams: &Streams<'scope>,
) -> Shelf<'scope> {
    let entries = entries(ticks, lateness_ms, streams);
    let shelves = Shelves::new(ticks, lateness_ms, context);
    let said = keyed("inventory.position: shelf", ticks, entries, Some(notices.clone()), shelves);
    let fan = Fan::new("readers of shelves", said);
    let shelf = Shelf {
        positions: fan.read(|said: &Said, _| match said {
            Said::Books(inventory_position::Said::Position(row)) => Some(row.clone()),
            _ => None,
        }),
        short: fan.read(|said, _| match said {
            Said::Books(inventory_position::Said::Position(row)) => promise_score::short(row),
            _ => None,
        }),
        variances: fan.read(|said, _| match said {
            Said::Books(inventory_position::Said::Variance(day, milli)) => Some((*day, *milli)),
            _ => None,
        }),
        demand: fan.read(|said, _| match said {
            Said::Demand(StoreItem { store, item }, demand) => Some((*item, (*store, *demand))),
            _ => None,
        }),
        standings: fan.read(|said, _| match said {
            Said::Standing(row) => Some((**row).clone()),
            _ => None,
        }),
        stockouts: fan.read(|said, _| match said {
            Said::Stockout(step) => Some((**step).clone()),
            _ => None,
        }),
        doubts: fan.read(|said, _| match said {
            Said::Doubt(step) => Some((**step).clone()),
            _ => None,
        }),
    };
    fan.build();
    shelf
}
