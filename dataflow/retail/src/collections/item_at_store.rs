//! The item_at_store operator: one keyed entry per item and store ([`entry`]), and the collections that are read from
//! it.
//!
//! A till line changes the stock of its item at its store, the demand of the last hour and the promotions of the item,
//! and three detectors read the stock. One keyed entry holds all of them, so a line needs one lookup instead of six,
//! and shared values are stored once.

use contract::exception::Step;
use contract::ids::Id;
use contract::keys::StoreItem;
use engine::graph::GraphInputs;
use engine::row::Row;
use engine::time::{Collection, Inputs};
use operators::io::tee::Tee;
use operators::keyed::keyed_operator;

use crate::collections::promise_score;
use crate::detectors::inventory_stockout_risk;
use crate::registry::Graph;
use crate::state::item_demand::Demand;
use crate::views::demand_index;
use crate::views::inventory_position::{self, Position};
use crate::views::promotion_performance::{self, PromotionRow, PromotionStoreItem};
use contract::keys::StoreDay;

pub mod entry;
mod parts;

use entry::{ItemInput, ItemLogic, ItemOutput};

/// The collections that the item_at_store operator emits.
pub struct ItemAtStore<'scope> {
    /// inventory.position.
    pub positions: Collection<'scope, Row<StoreItem, Position>>,
    /// Items that are short, for the promises of orders.
    pub short: Collection<'scope, (Id, promise_score::Entry)>,
    /// Differences between counts and book values, for inventory.accuracy.
    pub variances: Collection<'scope, (StoreDay, i64)>,
    /// Demand of the last hour by item and store, for demand.index.
    pub demand: Collection<'scope, (Id, (Id, Demand))>,
    /// promotion.performance with what its detectors read beside.
    pub promotions: Collection<'scope, Row<PromotionStoreItem, PromotionRow>>,
    /// Steps of inventory.stockout_risk.
    pub stockouts: Collection<'scope, Step>,
    /// Steps of inventory.negative_on_hand.
    pub negatives: Collection<'scope, Step>,
    /// Steps of inventory.phantom_stock.
    pub phantoms: Collection<'scope, Step>,
}

/// Everything that happens to items at stores.
fn entries<'scope>(graph: &Graph<'scope>) -> Inputs<'scope, StoreItem, ItemInput> {
    let GraphInputs { ticks, streams, .. } = &graph.inputs;
    let books = inventory_position::entries(streams, ItemInput::Books);
    let carts = Inputs::from_keyed(demand_index::carts(streams), ItemInput::Cart);
    let ranged = streams.item_locations.clone().map(|location| {
        let lead = (location.lead_time_h, location.forecast_milli, location.dispersion_bp);
        (StoreItem { store: location.store, item: location.item }, ItemInput::Ranged(lead))
    });
    let packs = inventory_stockout_risk::case_packs(*ticks, &streams.item_locations, &streams.products);
    let offers = promotion_performance::offers(graph.promotion_window());
    let offers = Inputs::from_keyed(offers, |(promotion, terms)| ItemInput::Offer(promotion, terms));
    books.and(carts).and(ranged).and(Inputs::from_keyed(packs, ItemInput::CasePack)).and(offers)
}

/// The collections as they are listed.
pub type Collected<'scope> = ItemAtStore<'scope>;

/// Builds them for a graph.
pub fn collect<'scope>(graph: &Graph<'scope>) -> Collected<'scope> {
    let GraphInputs { ticks, lateness_ms, context, .. } = &graph.inputs;
    let ticks = *ticks;
    let entries = entries(graph);
    let logic = ItemLogic::new(ticks, *lateness_ms, context);
    let output = keyed_operator("inventory.position: shelf", ticks, entries, Some(graph.notices().clone()), logic);
    let tee = Tee::new("readers of shelves", output);
    let collected = ItemAtStore {
        positions: tee.read(|output: &ItemOutput, _| match output {
            ItemOutput::Books(inventory_position::BooksOutput::Position(row)) => Some(row.clone()),
            _ => None,
        }),
        short: tee.read(|output, _| match output {
            ItemOutput::Books(inventory_position::BooksOutput::Position(row)) => promise_score::short(row),
            _ => None,
        }),
        variances: tee.read(|output, _| match output {
            ItemOutput::Books(inventory_position::BooksOutput::Variance(day, milli)) => Some((*day, *milli)),
            _ => None,
        }),
        demand: tee.read(|output, _| match output {
            ItemOutput::Demand(StoreItem { store, item }, demand) => Some((*item, (*store, *demand))),
            _ => None,
        }),
        promotions: tee.read(|output, _| match output {
            ItemOutput::Promotion(row) => Some((**row).clone()),
            _ => None,
        }),
        stockouts: tee.read(|output, _| match output {
            ItemOutput::Stockout(step) => Some((**step).clone()),
            _ => None,
        }),
        negatives: tee.read(|output, _| match output {
            ItemOutput::Negative(step) => Some((**step).clone()),
            _ => None,
        }),
        phantoms: tee.read(|output, _| match output {
            ItemOutput::Phantom(step) => Some((**step).clone()),
            _ => None,
        }),
    };
    tee.build();
    collected
}
