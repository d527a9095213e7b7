//! What should be on each shelf: the greatest count, what moved after it, what orders want, and how fast it sells.
//!
//! The moves of a shelf are kept by their event times, and joined with when it was last counted: a move after that
//! counts, and a new count takes all of those before it back. Every part of a row adds itself to one sum of the shelf.

use contract::event::inventory::{Count, Movement};
use contract::event::order::CustomerOrder;
use contract::event::pos::PosLine;
use contract::keys::StoreItem;
use contract::time::{DAY_MS, HOUR_MS};
use contract::units::quotient;
use operators::keyed::Ticks;
use operators::testing::reference::{PlainCollection, max_by_key, sum_by_key};
use operators::window::panes::Trail;
use retail::views::inventory_position::Position;

use super::differential::{Facts, abelian, beside};
use super::windows::in_window;

const DAY: Trail = Trail { window_ms: DAY_MS, pane_ms: HOUR_MS };
const WEEK: Trail = Trail { window_ms: 7 * DAY_MS, pane_ms: HOUR_MS };
const FOUR_WEEKS: Trail = Trail { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };

operators::sums! {
    /// Sums over all that is known of a shelf.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct ShelfSums {
        records: i64,
        on_hand_milli: i64,
        committed_milli: i64,
        sold_24h_milli: i64,
        sold_7d_milli: i64,
        /// Of the greatest count: 1, and when.
        counted: i64,
        counted_at: i64,
        /// Of the latest sale: 1, and when.
        sold: i64,
        sold_at: i64,
    }
}
abelian!(ShelfSums);

const NOTHING: ShelfSums = ShelfSums {
    records: 0,
    on_hand_milli: 0,
    committed_milli: 0,
    sold_24h_milli: 0,
    sold_7d_milli: 0,
    counted: 0,
    counted_at: 0,
    sold: 0,
    sold_at: 0,
};

impl ShelfSums {
    fn value(self) -> Position {
        let available_milli = self.on_hand_milli - self.committed_milli;
        Position {
            on_hand_milli: self.on_hand_milli,
            committed_milli: self.committed_milli,
            available_milli,
            anchor_at: (self.counted > 0).then_some(self.counted_at),
            last_sale_at: (self.sold > 0).then_some(self.sold_at),
            sold_24h_milli: self.sold_24h_milli,
            sold_7d_milli: self.sold_7d_milli,
            cover_hours: quotient(i128::from(available_milli) * 168, i128::from(self.sold_7d_milli)),
        }
    }
}

/// The facts and rows that move a position.
#[derive(Clone)]
pub(super) struct Moves<'scope> {
    pub(super) pos: Facts<'scope, PosLine>,
    pub(super) movements: Facts<'scope, Movement>,
    pub(super) counts: Facts<'scope, Count>,
    pub(super) orders: PlainCollection<'scope, CustomerOrder, i64>,
}

type Parts<'scope> = PlainCollection<'scope, StoreItem, ShelfSums>;

fn shelf_of(line: &PosLine) -> StoreItem {
    StoreItem { store: line.store, item: line.item }
}

impl<'scope> Moves<'scope> {
    /// What the greatest count says, and what moved after it.
    fn books(self) -> Parts<'scope> {
        let sold = self.pos.explode(|line| [((shelf_of(&line.body), line.event_time), line.body.stock_milli())]);
        let moved = self.movements.explode(|movement| {
            let Movement { store, item, quantity_milli, .. } = movement.body;
            [((StoreItem { store, item }, movement.event_time), quantity_milli)]
        });
        let counts = self.counts.map(|count| {
            let Count { store, item, counted_milli } = count.body;
            (StoreItem { store, item }, (count.event_time, count.id, counted_milli))
        });
        let anchors = max_by_key(counts);
        let anchored_at = anchors.clone().map(|(shelf, (counted_at, ..))| (shelf, counted_at));
        let later = beside(sold.concat(moved), anchored_at)
            .filter(|(_, at, anchored_at)| anchored_at.is_none_or(|anchored_at| *at > anchored_at))
            .explode(|(shelf, ..)| [(shelf, ShelfSums { on_hand_milli: 1, ..NOTHING })]);
        let anchors = anchors.explode(|(shelf, (counted_at, _, on_hand_milli))| {
            [(shelf, ShelfSums { on_hand_milli, counted: 1, counted_at, ..NOTHING })]
        });
        later.concat(anchors)
    }

    /// How fast it sells, and when it last did.
    fn sales(self, ticks: Ticks) -> Parts<'scope> {
        let sold = |part: fn(i64) -> ShelfSums| {
            self.pos.clone().explode(move |line| {
                let units_milli = Some(line.body.units_milli()).filter(|units| *units != 0)?;
                Some(((shelf_of(&line.body), line.event_time), part(units_milli)))
            })
        };
        let day = in_window(ticks, DAY, sold(|sold_24h_milli| ShelfSums { sold_24h_milli, ..NOTHING }));
        let week = in_window(ticks, WEEK, sold(|sold_7d_milli| ShelfSums { sold_7d_milli, ..NOTHING }));
        let sales = self
            .pos
            .flat_map(|line| line.body.is_sale().then(|| ((shelf_of(&line.body), line.event_time), line.event_time)));
        let latest = max_by_key(in_window(ticks, FOUR_WEEKS, sales))
            .explode(|(shelf, sold_at)| [(shelf, ShelfSums { sold: 1, sold_at, ..NOTHING })]);
        day.concat(week).concat(latest)
    }

    /// That there is something, and what open orders still want of it.
    fn records(self) -> Parts<'scope> {
        let one = ShelfSums { records: 1, ..NOTHING };
        let lines = self.pos.explode(move |line| [(shelf_of(&line.body), one)]);
        let movements = self.movements.explode(move |movement| {
            let Movement { store, item, .. } = movement.body;
            [(StoreItem { store, item }, one)]
        });
        let counts = self.counts.explode(move |count| {
            let Count { store, item, .. } = count.body;
            [(StoreItem { store, item }, one)]
        });
        let committed = self.orders.explode(move |order| {
            let (store, is_open) = (order.store, order.is_open());
            order.lines.into_iter().filter(move |_| is_open).map(move |line| {
                let committed_milli = line.remaining_milli();
                (StoreItem { store, item: line.item }, ShelfSums { committed_milli, ..one })
            })
        });
        lines.concat(movements).concat(counts).concat(committed)
    }
}

/// The rows of the view.
pub(super) fn view<'scope>(ticks: Ticks, moves: Moves<'scope>) -> PlainCollection<'scope, (StoreItem, Position), i64> {
    let parts = moves.clone().books().concat(moves.clone().sales(ticks)).concat(moves.records());
    sum_by_key(parts).map(|(shelf, sums)| (shelf, sums.value()))
}
