//! What the books say is on the shelf, what is promised to orders, and how fast it sells.

use operators::greatest::Greatest;
use operators::keyed::{Audience, Emit, Keyed, Next};
use operators::panes::{Panes, Trail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::context::Notice;
use crate::event::order::{Order, OrderLine};
use crate::graph::Streams;
use crate::ids::EventId;
use crate::row::{Row, StoreItem, quotient};
use crate::time::{Cause, Collection, DAY_MS, HOUR_MS, Inputs, floor_to};
use crate::views::inventory_accuracy::{StoreDay, Variances};
use crate::views::ledger::Ledger;

/// The name of the view.
pub const NAME: &str = "inventory.position";

const DAY: Trail = Trail { window_ms: DAY_MS, pane_ms: HOUR_MS };
const WEEK: Trail = Trail { window_ms: 7 * DAY_MS, pane_ms: HOUR_MS };
const FOUR_WEEKS: Trail = Trail { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };

/// The stock of an item at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The book value.
    pub on_hand_milli: i64,
    /// What open orders still want.
    pub committed_milli: i64,
    /// On hand − committed.
    pub available_milli: i64,
    /// When it was last counted.
    pub anchor_at: Option<i64>,
    /// When it last sold, within 28 days.
    pub last_sale_at: Option<i64>,
    /// Sold − voided over the last 24 hours.
    pub sold_24h_milli: i64,
    /// Sold − voided over the last 7 days.
    pub sold_7d_milli: i64,
    /// How long the available stock lasts at the rate of the last 7 days.
    pub cover_hours: Option<i64>,
}

/// What moves a position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// A till line.
    Line {
        /// When.
        event_time: i64,
        /// What it does to the stock.
        stock_milli: i64,
        /// Sold − voided.
        units_milli: i64,
        /// Whether it is a sale line.
        sale: bool,
    },
    /// A movement.
    Movement {
        /// When.
        event_time: i64,
        /// How much.
        milli: i64,
    },
    /// A count.
    Count {
        /// When.
        event_time: i64,
        /// Which record.
        event_id: EventId,
        /// How much was there.
        milli: i64,
    },
    /// A line of an open order: what remains to be picked.
    Committed(i64),
}

/// What is said of an item at a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Said {
    /// Its position.
    Position(Row<StoreItem, Position>),
    /// What a count found that the books did not say.
    Variance(StoreDay, i64),
}

/// The books of an item at a store.
#[derive(Default, Serialize, Deserialize)]
pub struct State {
    records: i64,
    committed_milli: i64,
    ledger: Ledger,
    variances: Variances,
    sold: Panes<i64>,
    sales: Greatest<i64>,
    said: Option<Position>,
}

impl State {
    fn move_stock(&mut self, event_time: i64, milli: i64) {
        self.variances.moved(event_time, milli, &self.ledger);
        self.ledger.delta(event_time, milli);
    }

    fn sell(&mut self, event_time: i64, units_milli: i64, sale: bool, diff: i64) {
        self.sold.add(WEEK, event_time, &(diff * units_milli));
        if sale {
            self.sales.add(event_time, diff);
        }
    }

    fn last_sale_at(&mut self, now: i64) -> Option<i64> {
        let (opens_at, ends_at) = (FOUR_WEEKS.opens_at(now), FOUR_WEEKS.ends_at(now));
        self.sales.leave(|at| *at < opens_at);
        self.sales.get(|at| *at < ends_at).copied()
    }

    fn position(&mut self, now: i64) -> Position {
        self.sold.leave(WEEK, now);
        let on_hand_milli = self.ledger.on_hand();
        let available_milli = on_hand_milli - self.committed_milli;
        let sold_7d_milli = self.sold.total(WEEK, now);
        Position {
            on_hand_milli,
            committed_milli: self.committed_milli,
            available_milli,
            anchor_at: self.ledger.anchor().map(|count| count.0),
            last_sale_at: self.last_sale_at(now),
            sold_24h_milli: self.sold.total(DAY, now),
            sold_7d_milli,
            cover_hours: quotient(i128::from(available_milli) * 168, i128::from(sold_7d_milli)),
        }
    }

    /// When the clock next changes the row.
    fn next_turn(&self, now: i64) -> Option<i64> {
        let sold = self.sold.next(DAY, now).into_iter().chain(self.sold.next(WEEK, now));
        let ends_at = FOUR_WEEKS.ends_at(now);
        let entering = self.sales.next(|at| *at < ends_at).map(|at| FOUR_WEEKS.pane(*at));
        let leaving = self.said.and_then(|row| row.last_sale_at).map(|at| FOUR_WEEKS.turn(FOUR_WEEKS.pane(at), now));
        sold.chain(entering).chain(leaving).min()
    }
}

/// The logic of the books.
pub struct InventoryPosition {
    /// How long what happened may still be corrected.
    pub lateness_ms: i64,
}

impl Keyed for InventoryPosition {
    type Key = StoreItem;
    type Input = Entry;
    type Diff = i64;
    type Notice = Notice;
    type Cause = Cause;
    type State = State;
    type Output = Said;

    fn audience(&self, _: &Notice) -> Audience {
        Audience::Nobody
    }

    fn update(&mut self, _: &StoreItem, state: &mut State, entry: Entry, diff: i64, _: i64) {
        state.records += diff;
        match entry {
            Entry::Line { event_time, stock_milli, units_milli, sale } => {
                state.move_stock(event_time, diff * stock_milli);
                state.sell(event_time, units_milli, sale, diff);
            }
            Entry::Movement { event_time, milli } => state.move_stock(event_time, diff * milli),
            Entry::Count { event_time, event_id, milli } => {
                state.variances.count();
                state.ledger.count((event_time, event_id, milli), diff);
            }
            Entry::Committed(milli) => state.committed_milli += diff * milli,
        }
    }

    fn close(&mut self, key: &StoreItem, state: &mut State, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let now = emit.now();
        let edge = now - self.lateness_ms;
        state.variances.say(key.store, &state.ledger, edge, emit);
        state.ledger.fold(edge);
        state.sales.fold(|at| *at < edge);
        let value = (state.records > 0).then(|| state.position(now));
        if state.said != value {
            let row = |value: Position| Said::Position(Row::new(*key, value));
            emit.replace(state.said.map(row), value.map(row));
            state.said = value;
        }
        if state.said.is_none() {
            return Next::Forget;
        }
        // One look, within the hour after the last entry can no longer change, gives the memory back.
        let folds = state.ledger.latest().map(|at| floor_to(at + self.lateness_ms, HOUR_MS) + HOUR_MS);
        Next::Rest.or_at(state.next_turn(now)).or_at(folds)
    }
}

/// Everything that moves a position, by store and item.
pub fn entries<'scope>(streams: &Streams<'scope>) -> Inputs<'scope, StoreItem, Entry> {
    let lines = streams.pos.map(|line| {
        let entry = Entry::Line {
            event_time: line.event_time,
            stock_milli: line.body.stock_milli(),
            units_milli: line.body.units_milli(),
            sale: line.body.is_sale(),
        };
        (StoreItem { store: line.body.store, item: line.body.item }, entry)
    });
    let movements = streams.movements.map(|movement| {
        let entry = Entry::Movement { event_time: movement.event_time, milli: movement.body.quantity_milli };
        (StoreItem { store: movement.body.store, item: movement.body.item }, entry)
    });
    let counts = streams.counts.map(|count| {
        let entry =
            Entry::Count { event_time: count.event_time, event_id: count.id.clone(), milli: count.body.counted_milli };
        (StoreItem { store: count.body.store, item: count.body.item }, entry)
    });
    Inputs::from(lines).and(movements).and(counts).and(committed(&streams.orders))
}

/// What orders that are open still want.
fn committed<'scope>(orders: &Collection<'scope, Order>) -> Collection<'scope, (StoreItem, Entry)> {
    orders.clone().flat_map(|order| {
        let (store, open) = (order.store, order.is_open());
        let line =
            move |line: OrderLine| (StoreItem { store, item: line.item }, Entry::Committed(line.remaining_milli()));
        order.lines.into_iter().filter(move |_| open).map(line)
    })
}
