//! What is on each shelf by the books: counts anchor it, everything that came or went since moves it.

use contract::event::FactBody;
use contract::event::pos::PosLine;
use contract::event::reference::ItemLocation;
use contract::ids::EventId;
use contract::keys::StoreItem;
use contract::time::{DAY_MS, HOUR_MS, day};
use contract::units::quotient;
use retail::views::inventory_position::{NAME, Position};

use smallvec::SmallVec;

use super::desk::Desk;
use super::facts::Facts;
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, Marks, NOBODY};
use super::stock::Doubts;
use super::sums::{Shape, Trail};
use super::timers::Timer;

/// A count: when, which record, how much.
pub(super) type Counted = (i64, EventId, i64);

const WEEK: Shape = Shape { window_ms: 7 * DAY_MS, pane_ms: HOUR_MS };
const LAST_DAY: Shape = Shape { window_ms: DAY_MS, pane_ms: HOUR_MS };
const FOUR_WEEKS: Shape = Shape { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };

/// An item at a store.
#[derive(Debug)]
pub(super) struct Shelf {
    /// The store.
    pub(super) store: u32,
    /// The item.
    pub(super) item: u32,
    /// Their names.
    pub(super) key: StoreItem,
    /// What the reference says, if the item is ranged here.
    pub(super) location: Option<ItemLocation>,
    /// Its till lines, movements and counts that may still be corrected.
    pub(super) facts: Vec<u32>,
    /// The row.
    pub(super) said: Said<Position>,
    /// Its exceptions.
    pub(super) doubts: Doubts,
    records: i64,
    committed: i64,
    counts: SmallVec<[Counted; 1]>,
    base: Option<Counted>,
    base_delta: i64,
    since_anchor: i64,
    sold: Trail<i64>,
    sold_day: i64,
    last_sale: Option<i64>,
    folded_sale: Option<i64>,
    sale_ahead: bool,
    /// Something happened that a variance may depend on.
    moved: bool,
    variances: Vec<(Counted, i64)>,
}

impl Shelf {
    fn new(store: u32, item: u32, key: StoreItem) -> Self {
        Shelf {
            store,
            item,
            key,
            location: None,
            facts: Vec::new(),
            said: Said::default(),
            doubts: Doubts::default(),
            records: 0,
            committed: 0,
            counts: SmallVec::new(),
            base: None,
            base_delta: 0,
            since_anchor: 0,
            sold: Trail::default(),
            sold_day: 0,
            last_sale: None,
            folded_sale: None,
            sale_ahead: false,
            moved: false,
            variances: Vec::new(),
        }
    }

    fn anchor(&self) -> Option<&Counted> {
        self.counts.last().or(self.base.as_ref())
    }

    /// Something came or went.
    fn delta(&mut self, event_time: i64, milli: i64) {
        let anchor = self.anchor().map(|count| count.0);
        if anchor.is_none_or(|anchor| event_time > anchor) {
            self.since_anchor += milli;
        } else {
            self.moved |= milli != 0;
        }
    }

    /// A count came or was taken back.
    fn count(&mut self, facts: &Facts, count: Counted, diff: i64) {
        let before = self.anchor().cloned();
        match (self.counts.binary_search(&count), diff > 0) {
            (Ok(at), false) => _ = self.counts.remove(at),
            (Err(at), true) => self.counts.insert(at, count),
            _ => {}
        }
        self.moved = true;
        if self.anchor() != before.as_ref() {
            let anchor = self.anchor().map(|count| count.0);
            let folded = if self.counts.is_empty() { self.base_delta } else { 0 };
            let deltas = self.facts.iter().filter_map(|at| delta_of(facts, *at));
            let after = deltas.filter(|(at, _)| anchor.is_none_or(|anchor| *at > anchor));
            self.since_anchor = folded + after.map(|(_, milli)| milli).sum::<i64>();
        }
    }

    fn sell(&mut self, desk: &mut Desk, (at, event_time): (u32, i64), milli: i64) {
        let now = desk.now;
        if let Some(start) = self.sold.add(WEEK, event_time, &milli, now) {
            if start > now {
                desk.wake(start, Timer::Position(at));
            }
            desk.wake(start + DAY_MS, Timer::Position(at));
            desk.wake(start + 7 * DAY_MS, Timer::Position(at));
        }
        let pane = LAST_DAY.pane(event_time);
        if pane <= now && !LAST_DAY.has_left(pane, now) {
            self.sold_day += milli;
        }
    }

    fn last_sold(&mut self, desk: &mut Desk, facts: &Facts, (at, event_time): (u32, i64), diff: i64) {
        let pane = day(event_time);
        if diff < 0 {
            if self.last_sale == Some(event_time) {
                self.find_last_sale(facts, desk, at);
            }
        } else if pane > desk.now {
            self.sale_ahead = true;
            desk.wake(pane, Timer::Position(at));
        } else if self.last_sale.is_none_or(|last| event_time > last) && !FOUR_WEEKS.has_left(pane, desk.now) {
            if self.last_sale.is_none_or(|last| day(last) != pane) {
                desk.wake(pane + FOUR_WEEKS.window_ms, Timer::Position(at));
            }
            self.last_sale = Some(event_time);
        }
    }

    fn find_last_sale(&mut self, facts: &Facts, desk: &mut Desk, place: u32) {
        let now = desk.now;
        let held = self.facts.iter().filter_map(|at| {
            let fact = facts.get(*at);
            matches!(&fact.body, Some(FactBody::Pos(line)) if line.is_sale()).then_some(fact.event_time)
        });
        let (mut ahead, mut last) = (false, None);
        for sold_at in held.chain(self.folded_sale).filter(|at| !FOUR_WEEKS.has_left(day(*at), now)) {
            if day(sold_at) > now {
                ahead = true;
            } else {
                last = last.max(Some(sold_at));
            }
        }
        (self.sale_ahead, self.last_sale) = (ahead, last);
        if let Some(last) = last {
            desk.wake(day(last) + FOUR_WEEKS.window_ms, Timer::Position(place));
        }
    }

    fn look(&mut self, facts: &Facts, desk: &mut Desk, at: u32) {
        let now = desk.now;
        self.sold.look(WEEK, now);
        self.sold_day = self.sold.over(LAST_DAY, now);
        if self.sale_ahead {
            self.find_last_sale(facts, desk, at);
        }
        self.last_sale = self.last_sale.filter(|at| !FOUR_WEEKS.has_left(day(*at), now));
    }

    fn position(&self) -> Option<Position> {
        if self.records <= 0 {
            return None;
        }
        let anchor = self.anchor();
        let on_hand_milli = anchor.map_or(0, |count| count.2) + self.since_anchor;
        let available_milli = on_hand_milli - self.committed;
        Some(Position {
            on_hand_milli,
            committed_milli: self.committed,
            available_milli,
            anchor_at: anchor.map(|count| count.0),
            last_sale_at: self.last_sale,
            sold_24h_milli: self.sold_day,
            sold_7d_milli: self.sold.total,
            cover_hours: quotient(i128::from(available_milli) * 168, i128::from(self.sold.total)),
        })
    }

    /// Each count that may still change and has one before it, with what it missed.
    fn variances(&self, facts: &Facts, edge: i64) -> Vec<(Counted, i64)> {
        let mut deltas: Vec<(i64, i64)> = self.facts.iter().filter_map(|at| delta_of(facts, *at)).collect();
        deltas.sort_unstable();
        let mut deltas = deltas.into_iter().peekable();
        let mut book = self.base.as_ref().map(|base| base.2 + self.base_delta);
        let mut found = Vec::new();
        for count in &self.counts {
            let mut moved = 0;
            while let Some((_, milli)) = deltas.next_if(|(at, _)| *at <= count.0) {
                moved += milli;
            }
            if let Some(book) = book.filter(|_| count.0 >= edge) {
                found.push((count.clone(), count.2 - (book + moved)));
            }
            book = Some(count.2);
        }
        found
    }
}

/// When a fact that is not booked moved stock, and by how much.
fn delta_of(facts: &Facts, at: u32) -> Option<(i64, i64)> {
    let fact = facts.get(at);
    match &fact.body {
        Some(FactBody::Pos(line)) if !fact.booked => Some((fact.event_time, line.stock_milli())),
        Some(FactBody::Movement(movement)) if !fact.booked => Some((fact.event_time, movement.quantity_milli)),
        _ => None,
    }
}

/// All shelves.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    book: Book<(u32, u32), Shelf>,
    marks: Marks,
    uneasy: Marks,
    unsent: Unsent<Position>,
}

/// A row that changed: its shelf, what it said before, and because of which record.
pub(super) type Changed = (u32, Option<Position>, u32);

impl Shelves {
    /// The place of an item at a store.
    pub(super) fn at(&mut self, desk: &mut Desk, store: u32, item: u32) -> u32 {
        let key = || StoreItem { store: desk.shops[store as usize].id, item: desk.goods[item as usize].id };
        let (at, new) = self.book.open(&(store, item), || Shelf::new(store, item, key()));
        if new {
            desk.goods[item as usize].shelves.push(at);
        }
        at
    }

    /// A shelf.
    pub(super) fn get(&self, at: u32) -> &Shelf {
        self.book.get(at)
    }

    /// A shelf, to be changed.
    pub(super) fn get_mut(&mut self, at: u32) -> &mut Shelf {
        self.book.get_mut(at)
    }

    /// How many there are.
    pub(super) fn places(&self) -> u32 {
        self.book.places()
    }

    /// The shelf holds a fact, or no longer.
    pub(super) fn hold(&mut self, at: u32, fact: u32, diff: i64) {
        let held = &mut self.book.get_mut(at).facts;
        if diff > 0 {
            held.push(fact);
        } else if let Some(found) = held.iter().rposition(|one| *one == fact) {
            held.remove(found);
        }
    }

    /// The shelf lets go of a fact, one of the oldest it holds.
    pub(super) fn release(&mut self, at: u32, fact: u32) {
        let held = &mut self.book.get_mut(at).facts;
        if let Some(found) = held.iter().position(|one| *one == fact) {
            held.remove(found);
        }
    }

    fn change(&mut self, at: u32, diff: i64, cause: u32) -> &mut Shelf {
        self.marks.touch(at, cause);
        let shelf = self.book.get_mut(at);
        shelf.records += diff;
        shelf
    }

    fn settle_books(&mut self, at: u32) {
        if self.book.get(at).moved {
            self.uneasy.touch(at, NOBODY);
        }
    }

    /// A till line.
    pub(super) fn line(
        &mut self,
        (desk, facts): (&mut Desk, &Facts),
        at: u32,
        (time, line): (i64, &PosLine),
        (diff, cause): (i64, u32),
    ) {
        let shelf = self.change(at, diff, cause);
        shelf.delta(time, diff * line.stock_milli());
        let units = diff * line.units_milli();
        if units != 0 {
            shelf.sell(desk, (at, time), units);
        }
        if line.is_sale() {
            shelf.last_sold(desk, facts, (at, time), diff);
        }
        self.settle_books(at);
    }

    /// A movement.
    pub(super) fn movement(&mut self, at: u32, (time, milli): (i64, i64), (diff, cause): (i64, u32)) {
        self.change(at, diff, cause).delta(time, diff * milli);
        self.settle_books(at);
    }

    /// A count.
    pub(super) fn count(&mut self, facts: &Facts, at: u32, count: Counted, (diff, cause): (i64, u32)) {
        self.change(at, diff, cause).count(facts, count, diff);
        self.settle_books(at);
    }

    /// A line of an open order.
    pub(super) fn commit(&mut self, at: u32, milli: i64, (diff, cause): (i64, u32)) {
        self.change(at, diff, cause).committed += diff * milli;
    }

    /// A fact can be corrected no longer: it lives on in a sum.
    pub(super) fn book(&mut self, at: u32, facts: &Facts, fact: u32) {
        let shelf = self.book.get_mut(at);
        let held = facts.get(fact);
        match &held.body {
            Some(FactBody::Count(count)) => {
                let counted = (held.event_time, held.id.clone(), count.counted_milli);
                shelf.counts.retain(|one| *one != counted);
                if shelf.base.as_ref().is_none_or(|base| *base < counted) {
                    shelf.base = Some(counted);
                    shelf.base_delta = 0;
                }
            }
            Some(body) => {
                if matches!(body, FactBody::Pos(line) if line.is_sale()) {
                    shelf.folded_sale = shelf.folded_sale.max(Some(held.event_time));
                }
                if let Some((time, milli)) = delta_of(facts, fact)
                    && shelf.base.as_ref().is_none_or(|base| time > base.0)
                {
                    shelf.base_delta += milli;
                }
            }
            None => {}
        }
    }

    /// The clock moves a shelf.
    pub(super) fn wake(&mut self, at: u32, facts: &Facts, desk: &mut Desk) {
        self.book.get_mut(at).look(facts, desk, at);
        self.marks.touch(at, NOBODY);
    }

    /// Says the rows that changed.
    pub(super) fn close(&mut self, list: &mut Vec<(u32, u32)>, changed: &mut Vec<Changed>) {
        self.marks.drain(list);
        for (at, cause) in list.drain(..) {
            let shelf = self.book.get_mut(at);
            let (before, value) = (shelf.said.value, shelf.position());
            if self.unsent.say(at, &mut shelf.said, value) {
                changed.push((at, before, cause));
            }
        }
    }

    /// Tells what counts found, for each shelf where that changed: store, time and variance, come or gone.
    pub(super) fn tell_variances(
        &mut self,
        (facts, edge): (&Facts, i64),
        list: &mut Vec<(u32, u32)>,
        mut tell: impl FnMut(u32, i64, i64, i64),
    ) {
        self.uneasy.drain(list);
        for (at, _) in list.drain(..) {
            let shelf = self.book.get_mut(at);
            shelf.moved = false;
            let new = shelf.variances(facts, edge);
            shelf.variances.retain(|(count, _)| count.0 >= edge);
            if new != shelf.variances {
                shelf.variances.iter().for_each(|(count, variance)| tell(shelf.store, count.0, *variance, -1));
                new.iter().for_each(|(count, variance)| tell(shelf.store, count.0, *variance, 1));
                shelf.variances = new;
            }
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, page: &mut Page<'_>) {
        let book = &mut self.book;
        self.unsent.send(NAME, page, |at| {
            let shelf = book.get_mut(at);
            (shelf.key, shelf.said.leave())
        });
    }
}
