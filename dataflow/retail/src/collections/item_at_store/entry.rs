//! The keyed entry of one item at one store: stock, demand, promotions and three detectors, and the logic that closes
//! it.
//!
//! *Meaning.* The meaning of its parts side by side; each part has a file of its own and does not know the others, and
//! this file routes inputs to parts. Each output carries the least cause that marked its part dirty; detectors read the
//! position of the same tick. *Time.* When the clock wakes an entry, every part is evaluated. *State.* The state of the
//! parts, until all of them are empty; serialized while the entry is at rest.

use contract::event::promotion::Terms;
use contract::exception::Step;
use contract::ids::Id;
use contract::keys::StoreItem;
use contract::time::Cause;
use engine::detector::{Detector, DetectorRunner, EpisodeSlot};
use engine::reference::{Context, Notice};
use engine::row::Row;
use operators::compact::optional_instant::OptionalInstant;
use operators::compact::unique_row::UniqueRow;
use operators::diff::{Traced, least};
use operators::keyed::{BroadcastScope, Emit, Keyed, Next, Ticks, route};
use serde::{Deserialize, Serialize};

use super::parts::{DirtyEntries, DirtyParts, Parts};
use crate::detectors::inventory_negative_on_hand::NegativeOnHand;
use crate::detectors::inventory_phantom_stock::{self as phantom_stock, PhantomStock};
use crate::detectors::inventory_stockout_risk::{self as stockout_risk, Lead, StockoutRisk};
use crate::state::item_demand::{Demand, ItemDemand};
use crate::state::promoted_item::{OfferInputs, PromotedItem};
use crate::views::inventory_position::{self, Books, Position};
use crate::views::promotion_performance::{PromotionRow, PromotionStoreItem};

/// An input change of an item at a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ItemInput {
    /// A movement, a count, or a line of an open order.
    Books(inventory_position::Entry),
    /// The item was put into a cart, at this event time.
    Cart(i64),
    /// The item is ranged: its forecast and its lead time.
    Ranged(Lead),
    /// Units in a case.
    CasePack(i64),
    /// A promotion of it.
    Offer(Id, Terms),
}

impl ItemInput {
    /// The parts that it concerns.
    fn parts(&self) -> Parts {
        const SOLD: Parts = Parts::BOOKS.and(Parts::DEMAND).and(Parts::OFFERS);
        const RANGED: Parts = Parts::STOCKOUT.and(Parts::PHANTOM).and(Parts::DEMAND).and(Parts::OFFERS);
        match self {
            ItemInput::Books(inventory_position::Entry::Move(moved)) if moved.is_sold() => SOLD,
            ItemInput::Books(_) => Parts::BOOKS,
            ItemInput::Cart(_) => Parts::DEMAND,
            ItemInput::Ranged(_) => RANGED,
            ItemInput::CasePack(_) => Parts::STOCKOUT,
            ItemInput::Offer(..) => Parts::OFFERS,
        }
    }
}

/// An output of the item_at_store operator.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemOutput {
    /// By its books.
    Books(inventory_position::BooksOutput),
    /// The change of the demand for the item at the store.
    Demand(StoreItem, Demand),
    /// The row of one of its promotions.
    Promotion(Box<Row<PromotionStoreItem, PromotionRow>>),
    /// By inventory.stockout_risk.
    Stockout(Box<Step>),
    /// By inventory.negative_on_hand.
    Negative(Box<Step>),
    /// By inventory.phantom_stock.
    Phantom(Box<Step>),
}

/// The state of an item at a store.
#[derive(Default, Serialize, Deserialize)]
pub struct KeyedEntry {
    books: Books,
    ranged: UniqueRow<Lead>,
    case_pack: UniqueRow<i64>,
    demand: ItemDemand,
    /// Few items are promoted.
    promoted: Option<Box<PromotedItem>>,
    stockout: EpisodeSlot,
    suffices: Option<Box<(Lead, i64)>>,
    negative: EpisodeSlot,
    phantom: EpisodeSlot,
    stocked_since: OptionalInstant,
    /// Number of the dirty parts of this tick in [`DirtyEntries`]; 0 if the entry is clean.
    #[serde(skip)]
    dirty: u32,
}

impl KeyedEntry {
    fn is_promoted(&self) -> bool {
        self.promoted.as_ref().is_some_and(|promoted| promoted.is_promoted())
    }

    /// The detectors whose exception is open.
    fn open(&self) -> Parts {
        let stockout = Parts::STOCKOUT.when(self.stockout.is_open());
        let doubts = Parts::NEGATIVE.when(self.negative.is_open()).and(Parts::PHANTOM.when(self.phantom.is_open()));
        stockout.and(doubts)
    }

    /// True if no move is open to correction, no window holds anything and no promotion runs.
    fn is_at_rest(&self) -> bool {
        self.books.is_at_rest() && self.demand.is_at_rest() && self.promoted.is_none()
    }

    fn is_empty(&self) -> bool {
        let lives = [&self.stockout, &self.negative, &self.phantom];
        self.books.is_empty()
            && self.ranged.is_empty()
            && self.case_pack.is_empty()
            && self.demand.is_empty()
            && self.promoted.is_none()
            && lives.iter().all(|life| life.is_empty())
    }
}

/// The logic of the item_at_store operator.
pub struct ItemLogic {
    ticks: Ticks,
    lateness_ms: i64,
    context: Context,
    stockout: DetectorRunner<StockoutRisk>,
    negative: DetectorRunner<NegativeOnHand>,
    phantom: DetectorRunner<PhantomStock>,
    dirty: DirtyEntries<Cause>,
}

/// The dirty parts of an entry that is being closed, and whether the clock woke it.
struct Closing {
    dirty: DirtyParts<Cause>,
    is_woken: bool,
}

impl Closing {
    fn is_due(&self, parts: Parts) -> bool {
        self.is_woken || self.dirty.any(parts)
    }
}

impl ItemLogic {
    /// A new operator logic; facts may be corrected for `lateness_ms`, and `context` is the context before any
    /// broadcast.
    pub fn new(ticks: Ticks, lateness_ms: i64, context: &Context) -> Self {
        ItemLogic {
            ticks,
            lateness_ms,
            context: context.clone(),
            stockout: DetectorRunner::new(StockoutRisk, ticks, context.clone()),
            negative: DetectorRunner::new(NegativeOnHand, ticks, context.clone()),
            phantom: DetectorRunner::new(PhantomStock, ticks, context.clone()),
            dirty: DirtyEntries::default(),
        }
    }

    /// The parts of an entry that a broadcast change makes dirty; without one, all parts are evaluated.
    fn concerned(&self, notice: Option<&Notice>, key: &StoreItem, entry: &KeyedEntry) -> Parts {
        fn asks<D: Detector>(part: Parts, notice: &Notice) -> Parts {
            part.when(DetectorRunner::<D>::scope_of(notice) != BroadcastScope::NoKey)
        }
        let Some(notice) = notice else { return Parts::ALL };
        let stockout = asks::<StockoutRisk>(Parts::STOCKOUT, notice);
        let doubts = asks::<NegativeOnHand>(Parts::NEGATIVE, notice).and(asks::<PhantomStock>(Parts::PHANTOM, notice));
        let asked = stockout.and(doubts);
        match notice {
            Notice::Policy(_) => asked,
            Notice::Store(store) => {
                let offers = Parts::OFFERS.when(entry.is_promoted());
                asked.and(offers).when(store.store == key.store)
            }
            // A stale feed holds back the clearing of what is open, and nothing else.
            Notice::Stale(store, _) => asked.common(entry.open()).when(*store == key.store),
        }
    }

    /// Closes books and what folds with them; answers whether the position moved.
    fn close_books(
        &self,
        key: &StoreItem,
        entry: &mut KeyedEntry,
        closing: &Closing,
        emit: &mut Emit<'_, ItemOutput, Cause>,
    ) -> bool {
        let KeyedEntry { books, promoted, .. } = entry;
        let edge = emit.now() - self.lateness_ms;
        let is_due = closing.is_woken || promoted.as_ref().is_some_and(|promoted| promoted.is_changed());
        let fold = |moved: &_, count| promoted.iter_mut().for_each(|promoted| promoted.fold(moved, count));
        let cause = closing.dirty.cause(Parts::BOOKS);
        emit.part(&cause, ItemOutput::Books, |emit| {
            books.fold(key, (edge, is_due), fold, emit);
            closing.is_due(Parts::BOOKS) && books.emit(key, emit)
        })
    }

    /// Evaluates the detectors that read the position.
    fn judge(
        &self,
        key: &StoreItem,
        entry: &mut KeyedEntry,
        (closing, moved): (&Closing, bool),
        emit: &mut Emit<'_, ItemOutput, Cause>,
    ) -> Next {
        let position: Option<Position> = entry.books.position();
        let by_books = if moved { closing.dirty.cause(Parts::BOOKS) } else { None };
        let is_due = |part: Parts| moved || closing.is_due(part);
        let cause = |part: Parts| {
            let mut cause = closing.dirty.cause(part);
            least(&mut cause, &by_books);
            cause
        };
        let lead = entry.ranged.get().copied();
        let mut next = Next::Rest;
        if is_due(Parts::STOCKOUT) {
            let case_pack = entry.case_pack.get().copied();
            let suffices = entry.suffices.take();
            let mut rows =
                stockout_risk::StockoutRiskState { position, lead, case_pack, suffices, ..Default::default() };
            let life = &mut entry.stockout;
            let step = |step| ItemOutput::Stockout(Box::new(step));
            let looks =
                emit.part(&cause(Parts::STOCKOUT), step, |emit| self.stockout.evaluate(key, &mut rows, life, emit));
            next = next.merge(looks);
            entry.suffices = rows.suffices;
        }
        if is_due(Parts::NEGATIVE) {
            let (mut rows, life) = (position, &mut entry.negative);
            let step = |step| ItemOutput::Negative(Box::new(step));
            let looks =
                emit.part(&cause(Parts::NEGATIVE), step, |emit| self.negative.evaluate(key, &mut rows, life, emit));
            next = next.merge(looks);
        }
        if is_due(Parts::PHANTOM) {
            let (forecast_milli, stocked_since) = (lead.map(|lead| lead.1), entry.stocked_since.get());
            let mut rows = phantom_stock::PhantomStockState { position, forecast_milli, stocked_since };
            let life = &mut entry.phantom;
            let step = |step| ItemOutput::Phantom(Box::new(step));
            let looks =
                emit.part(&cause(Parts::PHANTOM), step, |emit| self.phantom.evaluate(key, &mut rows, life, emit));
            next = next.merge(looks);
            entry.stocked_since = rows.stocked_since.into();
        }
        next
    }

    /// Brings the rows of promotions up to date.
    fn close_offers(
        &self,
        key: &StoreItem,
        entry: &mut KeyedEntry,
        closing: &Closing,
        emit: &mut Emit<'_, ItemOutput, Cause>,
    ) -> Next {
        let KeyedEntry { promoted, books, ranged, .. } = entry;
        let Some(offers) = promoted.as_mut().filter(|_| closing.is_due(Parts::OFFERS)) else { return Next::Rest };
        let inputs = OfferInputs {
            key,
            moves: books.moves(),
            forecast_milli: ranged.get().map_or(0, |lead| lead.1),
            hours: self.context.hours(key.store),
            ticks: self.ticks,
            lateness_ms: self.lateness_ms,
        };
        let promotion = |row| ItemOutput::Promotion(Box::new(row));
        let next = emit.part(&closing.dirty.cause(Parts::OFFERS), promotion, |emit| offers.close(&inputs, emit));
        promoted.take_if(|promoted| promoted.is_empty());
        next
    }
}

impl Keyed for ItemLogic {
    type Key = StoreItem;
    type Input = ItemInput;
    type Diff = i64;
    type Broadcast = Notice;
    type Cause = Cause;
    type State = KeyedEntry;
    type Output = ItemOutput;

    fn update(&mut self, key: &StoreItem, entry: &mut KeyedEntry, input: ItemInput, diff: i64, now: i64) {
        self.update_with_cause(key, entry, input, Traced::new(diff, None), now);
    }

    fn update_with_cause(
        &mut self,
        _: &StoreItem,
        entry: &mut KeyedEntry,
        input: ItemInput,
        Traced { diff, cause }: Traced<i64, Cause>,
        _: i64,
    ) {
        self.dirty.mark_dirty(&mut entry.dirty, input.parts(), cause.as_ref());
        match input {
            ItemInput::Books(change) => {
                if let inventory_position::Entry::Move(moved) = &change
                    && moved.is_sold()
                {
                    entry.demand.line(moved.event_time, moved.units_milli(), diff);
                    entry.promoted.iter_mut().for_each(|promoted| promoted.line(moved, diff));
                }
                entry.books.take(change, diff);
            }
            ItemInput::Cart(event_time) => entry.demand.cart(event_time, diff),
            ItemInput::Ranged(lead) => entry.ranged.update(lead, diff),
            ItemInput::CasePack(units) => entry.case_pack.update(units, diff),
            ItemInput::Offer(promotion, terms) => entry.promoted.get_or_insert_default().offer(promotion, terms, diff),
        }
    }

    fn on_broadcast(&mut self, notice: &Notice, diff: i64) {
        self.context.apply(notice, diff);
        self.stockout.apply(notice, diff);
        self.negative.apply(notice, diff);
        self.phantom.apply(notice, diff);
    }

    fn scope(&self, notice: &Notice) -> BroadcastScope {
        let stock =
            DetectorRunner::<StockoutRisk>::scope_of(notice).max(DetectorRunner::<NegativeOnHand>::scope_of(notice));
        stock.max(DetectorRunner::<PhantomStock>::scope_of(notice))
    }

    fn subscription(&self, key: &StoreItem, entry: &KeyedEntry) -> Option<u64> {
        entry.open().are_any().then(|| route(&key.store))
    }

    fn is_cold(&self, entry: &KeyedEntry) -> bool {
        entry.is_at_rest()
    }

    fn key_in_scope(&self, notice: &Notice, key: &StoreItem) -> bool {
        match notice {
            Notice::Policy(_) => true,
            Notice::Store(store) => store.store == key.store,
            Notice::Stale(store, _) => *store == key.store,
        }
    }

    fn is_affected(&self, notice: &Notice, key: &StoreItem, entry: &KeyedEntry) -> bool {
        self.concerned(Some(notice), key, entry).are_any()
    }

    fn mark_dirty(&mut self, notice: Option<&Notice>, key: &StoreItem, entry: &mut KeyedEntry, cause: Option<&Cause>) {
        let parts = self.concerned(notice, key, entry);
        self.dirty.mark_dirty(&mut entry.dirty, parts, cause);
    }

    fn close(&mut self, key: &StoreItem, entry: &mut KeyedEntry, emit: &mut Emit<'_, ItemOutput, Cause>) -> Next {
        let now = emit.now();
        let dirty = self.dirty.take(&mut entry.dirty);
        let closing = Closing { dirty, is_woken: emit.is_timer_due() };
        let (mut next, mut moved) = (Next::Rest.or_at(emit.timer_at()), false);
        if closing.is_due(Parts::BOOKS.and(Parts::OFFERS)) {
            moved = self.close_books(key, entry, &closing, emit);
            next = next.merge(entry.books.next(key, now, self.lateness_ms));
        }
        next = next.merge(self.judge(key, entry, (&closing, moved), emit));
        if closing.is_due(Parts::DEMAND) {
            let more = entry.demand.grow(entry.ranged.get().map(|lead| lead.1), now);
            if more != Demand::default() {
                let cause = closing.dirty.cause(Parts::DEMAND);
                emit.with_cause(&cause).push(ItemOutput::Demand(*key, more), 1);
            }
            next = next.merge(entry.demand.next(now));
        }
        next = next.merge(self.close_offers(key, entry, &closing, emit));
        if entry.is_empty() { Next::Forget } else { next }
    }
}
