//! View `inventory.position`: on hand, committed and recently sold units of an item at a store (contract §4, view 6).

use contract::event::Topic;
use contract::event::order::{CustomerOrder, OrderLine};
use contract::ids::EventId;
use contract::keys::StoreItem;
use contract::time::{Cause, DAY_MS, HOUR_MS, floor_to};
use contract::units::quotient;
use engine::row::Row;
use engine::streams::Streams;
use engine::time::{Collection, Inputs};
use operators::compact::optional_instant::OptionalInstant;
use operators::keyed::{Emit, Keyed, Next, stagger};
use operators::window::panes::{Panes, Trail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};
use crate::state::ledger::Ledger;
use crate::state::moves::{Move, Moves};
use crate::state::variances::Variances;
use contract::keys::StoreDay;

/// The name of the view.
pub const NAME: &str = "inventory.position";

const DAY: Trail = Trail { window_ms: DAY_MS, pane_ms: HOUR_MS };
const WEEK: Trail = Trail { window_ms: 7 * DAY_MS, pane_ms: HOUR_MS };
const FOUR_WEEKS: Trail = Trail { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };

/// The stock of an item at a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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

/// An input of a position.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// A till line or a movement.
    Move(Move),
    /// A count.
    Count {
        /// The event time.
        event_time: i64,
        /// The event id.
        event_id: EventId,
        /// The counted quantity.
        milli: i64,
    },
    /// A line of an open order: what remains to be picked.
    Committed(i64),
}

/// An output of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BooksOutput {
    /// The position of the item at the store.
    Position(Row<StoreItem, Position>),
    /// The difference between a count and the book value, by day of the count.
    Variance(StoreDay, i64),
}

/// A position in its least form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PackedPosition {
    on_hand_milli: i64,
    committed_milli: i64,
    anchor_at: OptionalInstant,
    last_sale_at: OptionalInstant,
    sold_24h_milli: i64,
    sold_7d_milli: i64,
}

impl PackedPosition {
    fn position(self) -> Position {
        let PackedPosition { on_hand_milli, committed_milli, anchor_at, last_sale_at, sold_24h_milli, sold_7d_milli } =
            self;
        let available_milli = on_hand_milli - committed_milli;
        Position {
            on_hand_milli,
            committed_milli,
            available_milli,
            anchor_at: anchor_at.get(),
            last_sale_at: last_sale_at.get(),
            sold_24h_milli,
            sold_7d_milli,
            cover_hours: cover_hours(available_milli, sold_7d_milli),
        }
    }
}

fn cover_hours(available_milli: i64, sold_7d_milli: i64) -> Option<i64> {
    match available_milli.checked_mul(168) {
        Some(hours) if sold_7d_milli > 0 => Some(hours.div_euclid(sold_7d_milli)),
        _ => quotient(i128::from(available_milli) * 168, i128::from(sold_7d_milli)),
    }
}

/// The books of an item at a store.
#[derive(Default, Serialize, Deserialize)]
pub struct Books {
    records: i64,
    committed_milli: i64,
    ledger: Ledger,
    variances: Variances,
    sold: Panes<i64>,
    last_emitted: Option<PackedPosition>,
}

impl Books {
    /// Takes `diff` copies of an entry.
    pub fn take(&mut self, entry: Entry, diff: i64) {
        self.records += diff;
        match entry {
            Entry::Move(moved) => {
                self.variances.moved(moved.event_time, diff * moved.stock_milli, &self.ledger);
                if moved.is_sold() {
                    self.sold.add(WEEK, moved.event_time, &(diff * moved.units_milli()));
                }
                if moved.is_sold() || moved.stock_milli != 0 {
                    self.ledger.moved(moved, diff);
                }
            }
            Entry::Count { event_time, event_id, milli } => {
                self.variances.count();
                self.ledger.count((event_time, event_id, milli), diff);
            }
            Entry::Committed(milli) => self.committed_milli += diff * milli,
        }
    }

    /// The moves that may still be corrected.
    pub fn moves(&self) -> &Moves {
        self.ledger.moves()
    }

    /// The position as last emitted.
    pub fn position(&self) -> Option<Position> {
        self.last_emitted.map(PackedPosition::position)
    }

    /// Emits the changed variances, then folds what happened before `edge` and passes each folded move to `folded`;
    /// unless it is `due`, the ledger decides when folding is worth its cost.
    pub fn fold(
        &mut self,
        key: &StoreItem,
        (edge, due): (i64, bool),
        folded: impl FnMut(&Move, i64),
        emit: &mut Emit<'_, BooksOutput, Cause>,
    ) {
        let mut push = |(day, variance), diff| emit.push(BooksOutput::Variance(day, variance), diff);
        self.variances.emit(key.store, &self.ledger, edge, &mut push);
        self.ledger.fold(edge, due, folded);
    }

    /// Emits the current position if it changed; returns true if it did.
    pub fn emit(&mut self, key: &StoreItem, emit: &mut Emit<'_, BooksOutput, Cause>) -> bool {
        let packed = (self.records > 0).then(|| self.pack(emit.now()));
        let moved = packed != self.last_emitted;
        if moved {
            let row = |packed: PackedPosition| BooksOutput::Position(Row::new(*key, packed.position()));
            self.last_emitted.map(row).into_iter().for_each(|row| emit.push(row, -1));
            packed.map(row).into_iter().for_each(|row| emit.push(row, 1));
            self.last_emitted = packed;
        }
        if packed.is_none() {
            *self = Books::default();
        }
        moved
    }

    fn pack(&mut self, now: i64) -> PackedPosition {
        self.sold.expire(WEEK, now);
        let opens_at = FOUR_WEEKS.opens_at(now);
        let last_sale_at = self.ledger.last_sale_before(FOUR_WEEKS.ends_at(now)).filter(|at| *at >= opens_at);
        PackedPosition {
            on_hand_milli: self.ledger.on_hand(),
            committed_milli: self.committed_milli,
            anchor_at: self.ledger.anchor().map(|count| count.0).into(),
            last_sale_at: last_sale_at.into(),
            sold_24h_milli: self.sold.total(DAY, now),
            sold_7d_milli: self.sold.total(WEEK, now),
        }
    }

    /// The instant at which the clock next changes the position or frees memory.
    pub fn next(&self, key: &StoreItem, now: i64, lateness_ms: i64) -> Next {
        let Some(packed) = self.last_emitted else { return Next::Rest };
        let entering = self.moves().first_sale_from(FOUR_WEEKS.ends_at(now)).map(|at| FOUR_WEEKS.pane(at));
        let leaving = packed.last_sale_at.get().map(|at| FOUR_WEEKS.turn(FOUR_WEEKS.pane(at), now));
        // One look, within two hours after the last entry can no longer change, gives the memory back.
        let folds = |at| floor_to(at + lateness_ms, HOUR_MS) + HOUR_MS + stagger(key, HOUR_MS);
        let folds = self.ledger.horizon().map(folds);
        let sold = Next::Rest.or_at(self.sold.next(DAY, now)).or_at(self.sold.next(WEEK, now));
        sold.or_at(entering).or_at(leaving).or_at(folds)
    }

    /// True if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.last_emitted.is_none()
    }

    /// True if nothing may still be corrected and no window holds anything.
    pub fn is_at_rest(&self) -> bool {
        self.ledger.is_at_rest() && self.sold.is_empty()
    }
}

/// The logic of the ledger as an operator of its own.
pub struct InventoryPosition {
    /// The time for which a fact may be corrected.
    pub lateness_ms: i64,
}

impl Keyed for InventoryPosition {
    type Key = StoreItem;
    type Input = Entry;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = Books;
    type Output = BooksOutput;

    fn update(&mut self, _: &StoreItem, books: &mut Books, entry: Entry, diff: i64, _: i64) {
        books.take(entry, diff);
    }

    fn close(&mut self, key: &StoreItem, books: &mut Books, emit: &mut Emit<'_, BooksOutput, Cause>) -> Next {
        let now = emit.now();
        books.fold(key, (now - self.lateness_ms, emit.is_timer_due()), |_, _| {}, emit);
        books.emit(key, emit);
        if books.is_empty() { Next::Forget } else { books.next(key, now, self.lateness_ms) }
    }
}

/// Everything that moves a position, by store and item, as `entry` has it.
pub fn entries<'scope, E>(
    streams: &Streams<'scope>,
    entry: impl Fn(Entry) -> E + Copy + 'static,
) -> Inputs<'scope, StoreItem, E>
where
    E: differential_dataflow::ExchangeData,
{
    let lines = streams.pos.map(move |line| {
        let key = StoreItem { store: line.body.store, item: line.body.item };
        (key, entry(Entry::Move(Move::of_line(&line))))
    });
    let movements = streams.movements.map(move |movement| {
        let key = StoreItem { store: movement.body.store, item: movement.body.item };
        (key, entry(Entry::Move(Move::of_movement(&movement))))
    });
    let counts = streams.counts.map(move |count| {
        let milli = count.body.counted_milli;
        let counted = Entry::Count { event_time: count.event_time, event_id: count.id.clone(), milli };
        (StoreItem { store: count.body.store, item: count.body.item }, entry(counted))
    });
    Inputs::from(lines).and(movements).and(counts).and(committed(&streams.orders, entry))
}

/// The quantities that open orders still want.
fn committed<'scope, E: Clone + 'static>(
    orders: &Collection<'scope, CustomerOrder>,
    entry: impl Fn(Entry) -> E + Copy + 'static,
) -> Collection<'scope, (StoreItem, E)> {
    orders.clone().flat_map(move |order| {
        let (store, open) = (order.store, order.is_open());
        let line = move |line: OrderLine| {
            (StoreItem { store, item: line.item }, entry(Entry::Committed(line.remaining_milli())))
        };
        order.lines.into_iter().filter(move |_| open).map(line)
    })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Inventory, Topic::Orders, Topic::Pos];
    type Key = StoreItem;
    type Inner = Position;
    type Value = Position;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreItem, Position>> {
        graph.item_at_store().positions.clone()
    }

    fn publish(row: Position) -> Position {
        row
    }
}
