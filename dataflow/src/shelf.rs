//! The shelf: all that is kept of one item at one store, in one drawer.
//!
//! A till line moves the books of its item at its store, what sells there within the hour, and its promotions; and the
//! books are what three detectors watch. Each is a file of its own and knows nothing of the others. Here they are put
//! together ([`operators::fused`]), so that a line looks for its item once and not six times, and the item's name is
//! held once.

use operators::co_group::Side;
use operators::driver::keyed;
use operators::fan::Fan;
use operators::fused::{self, Fused};
use operators::keyed::Ticks;

use crate::context::{Context, Notice};
use crate::detect::{Detector, Watch};
use crate::detectors::negative_on_hand::{Book, NegativeOnHand};
use crate::detectors::phantom_stock::{self, PhantomStock};
use crate::detectors::stockout_risk::{self, StockoutRisk};
use crate::exception::Step;
use crate::graph::Streams;
use crate::ids::Id;
use crate::row::{Row, StoreItem};
use crate::time::{Collection, Diff, Inputs};
use crate::views::inventory_accuracy::StoreDay;
use crate::views::inventory_position::{self, InventoryPosition, Position, Said};
use crate::views::item_demand::{Demand, ItemDemand};
use crate::views::promoted_item::PromotedItem;
use crate::views::promotion_performance::{self, PromotionStoreItem, Standing};
use crate::views::{demand_index, item_demand, promise_score, promoted_item};

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

type Doubts = Fused<Watch<NegativeOnHand>, Watch<PhantomStock>>;
type Detectors = Fused<Watch<StockoutRisk>, Doubts>;
type Books = Fused<InventoryPosition, Detectors>;
type Sales = Fused<ItemDemand, PromotedItem>;

/// What happens to a shelf.
type Input = Side<BooksInput, Side<item_demand::Entry, promoted_item::Entry>>;
type BooksInput = Side<inventory_position::Entry, DetectorsInput>;
type DetectorsInput = Side<stockout_risk::Input, Side<Option<Book>, phantom_stock::Input>>;
/// What is said of one.
type Output =
    Side<Side<Said, Side<Step, Side<Step, Step>>>, Side<(StoreItem, Demand), Row<PromotionStoreItem, Standing>>>;

/// What the detectors read of what the books say: how they stand now.
fn reads(said: &fused::Said<InventoryPosition>, read: &mut dyn FnMut(DetectorsInput, &Diff)) {
    // The row that goes comes before the one that replaces it.
    let stands = said.iter().rev().find_map(|(said, _, change)| match said {
        Said::Position(row) => Some(((change.diff > 0).then_some(&row.value), change)),
        Said::Variance(..) => None,
    });
    if let Some((position, change)) = stands {
        read(Side::Left(stockout_risk::Input::Stock(position.map(stockout_risk::Stock::of))), change);
        read(Side::Right(Side::Left(position.map(Book::of))), change);
        read(Side::Right(Side::Right(phantom_stock::Input::Stock(position.map(phantom_stock::Stock::of)))), change);
    }
}

/// Everything that happens to shelves.
fn inputs<'scope>(ticks: Ticks, lateness_ms: i64, streams: &Streams<'scope>) -> Inputs<'scope, StoreItem, Input> {
    let locations = &streams.item_locations;
    let leads = stockout_risk::inputs(ticks, locations, &streams.products);
    let forecasts = Inputs::from(phantom_stock::inputs(locations));
    let books = inventory_position::entries(streams).map(|entry| Side::Left(Side::Left(entry)));
    let leads = leads.map(|input| Side::Left(Side::Right(Side::Left(input))));
    let forecasts = forecasts.map(|input| Side::Left(Side::Right(Side::Right(Side::Right(input)))));
    let demand = demand_index::entries(streams).map(|entry| Side::Right(Side::Left(entry)));
    let promoted = promotion_performance::entries(ticks, lateness_ms, streams);
    let promoted = promoted.map(|entry| Side::Right(Side::Right(entry)));
    books.and(leads).and(forecasts).and(demand).and(promoted)
}

/// Keeps every shelf.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    context: &Context,
    notices: &Collection<'scope, Notice>,
    streams: &Streams<'scope>,
) -> Shelf<'scope> {
    fn watch<D: Detector>(detector: D, ticks: Ticks, context: &Context) -> Watch<D> {
        Watch::new(detector, ticks, context.clone())
    }
    let doubts: Doubts = Fused::beside(watch(NegativeOnHand, ticks, context), watch(PhantomStock, ticks, context));
    let detectors: Detectors = Fused::beside(watch(StockoutRisk, ticks, context), doubts);
    let books: Books = Fused::new(InventoryPosition { lateness_ms }, detectors, reads);
    let sales: Sales = Fused::beside(ItemDemand, PromotedItem::new(lateness_ms, context.clone()));
    let inputs = inputs(ticks, lateness_ms, streams);
    let said = keyed("inventory.position: shelf", ticks, inputs, Some(notices.clone()), Fused::beside(books, sales));
    let fan = Fan::new("readers of shelves", said);
    let shelf = Shelf {
        positions: fan.read(|said: &Output, _| match said {
            Side::Left(Side::Left(Said::Position(row))) => Some(row.clone()),
            _ => None,
        }),
        short: fan.read(|said, _| match said {
            Side::Left(Side::Left(Said::Position(row))) => promise_score::short(row),
            _ => None,
        }),
        variances: fan.read(|said, _| match said {
            Side::Left(Side::Left(Said::Variance(day, milli))) => Some((*day, *milli)),
            _ => None,
        }),
        demand: fan.read(|said, _| match said {
            Side::Right(Side::Left((StoreItem { store, item }, demand))) => Some((*item, (*store, *demand))),
            _ => None,
        }),
        standings: fan.read(|said, _| match said {
            Side::Right(Side::Right(standing)) => Some(standing.clone()),
            _ => None,
        }),
        stockouts: fan.read(|said, _| match said {
            Side::Left(Side::Right(Side::Left(step))) => Some(step.clone()),
            _ => None,
        }),
        doubts: fan.read(|said, _| match said {
            Side::Left(Side::Right(Side::Right(Side::Left(step) | Side::Right(step)))) => Some(step.clone()),
            _ => None,
        }),
    };
    fan.build();
    shelf
}
