//! The promises made to customers: how likely each is to be kept, and which were missed.

use std::collections::BTreeMap;

use contract::event::order::CustomerOrder;
use contract::exception::Severity;
use contract::ids::EventId;
use retail::state::open_orders::{Odds, in_time};
use retail::stats::basis_points;
use retail::views::inventory_position::Position;

use smallvec::{SmallVec, smallvec};

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::shelves::Shelves;
use super::slots::{Book, Marks, NOBODY};
use super::speech::{Answer, Drivers, Key, Part};
use super::timers::Timer;

/// `fulfillment.promise_missed`, by its place in the list of types.
pub(super) const MISSED: u8 = 4;
/// `fulfillment.promise_risk`.
pub(super) const RISK: u8 = 5;
const HOPELESS_BP: i64 = 4_000;

/// What was promised: store, open, until when, what remains.
type Promise = (u32, bool, i64, i64);
/// A score: store, until when, and why.
type Score = (u32, i64, Odds);

#[derive(Debug, Default)]
struct OfOrder {
    promise: Option<Promise>,
    missed: Case,
    score: Option<Score>,
    risk: Case,
}

/// An open order of a store.
#[derive(Debug)]
struct Waiting {
    at: u32,
    remaining_milli: i64,
    /// The shelves it wants something of.
    wanted: SmallVec<[u32; 4]>,
    stands: bool,
    said: Option<Odds>,
}

#[derive(Debug, Default)]
struct OfStore {
    orders: BTreeMap<(i64, EventId), Waiting>,
    present: i64,
    stirred: bool,
    wake: i64,
}

/// All promises.
#[derive(Debug, Default)]
pub(super) struct Promises {
    orders: Book<EventId, OfOrder>,
    stores: Vec<OfStore>,
    marks: Marks,
    missed: Vec<u32>,
    risks: Vec<u32>,
    told: Vec<(u32, Option<Score>, u32)>,
}

/// What is short of what open orders want: on hand, and wanted.
fn shortage(row: Option<Position>) -> Option<(i64, i64)> {
    let row = row?;
    let short = row.committed_milli > 0 && row.on_hand_milli < row.committed_milli;
    short.then_some((row.on_hand_milli.max(0), row.committed_milli))
}

impl Promises {
    fn store(&mut self, store: u32, cause: u32) -> &mut OfStore {
        if self.stores.len() <= store as usize {
            self.stores.resize_with(store as usize + 1, OfStore::default);
        }
        self.marks.touch(store, cause);
        &mut self.stores[store as usize]
    }

    /// An order; `wanted` are the shelves of its lines with something to be picked.
    pub(super) fn order(
        &mut self,
        desk: &mut Desk,
        store: u32,
        order: &CustomerOrder,
        wanted: SmallVec<[u32; 4]>,
        (diff, cause): (i64, u32),
    ) {
        let (at, _) = self.orders.open(&order.order, OfOrder::default);
        let of = self.orders.get_mut(at);
        of.missed.touch(cause, at, &mut self.missed);
        let remaining_milli = order.remaining_milli();
        of.promise = (diff > 0).then_some((store, order.is_open(), order.promise_at, remaining_milli));
        if !order.is_open() {
            return;
        }
        if diff > 0 && order.promise_at > desk.now {
            desk.wake(order.promise_at, Timer::Case(MISSED, at));
        }
        let of = self.store(store, cause);
        of.stirred = true;
        let key = (order.promise_at, order.order.clone());
        if diff > 0 {
            let waiting = of.orders.entry(key).or_insert_with(|| Waiting {
                at,
                remaining_milli: 0,
                wanted: SmallVec::new(),
                stands: false,
                said: None,
            });
            (waiting.remaining_milli, waiting.wanted, waiting.stands) = (remaining_milli, wanted, true);
        } else if let Some(waiting) = of.orders.get_mut(&key) {
            (waiting.remaining_milli, waiting.stands) = (0, false);
        }
    }

    /// A picker came or went.
    pub(super) fn picker(&mut self, store: u32, (diff, cause): (i64, u32)) {
        let of = self.store(store, cause);
        of.present += diff;
        of.stirred = true;
    }

    /// The row of a shelf changed.
    pub(super) fn position(&mut self, store: u32, before: Option<Position>, after: Option<Position>, cause: u32) {
        let (before, after) = (shortage(before), shortage(after));
        if before.is_some() || after.is_some() {
            self.store(store, cause).stirred |= before != after;
        }
    }

    /// The clock looks at the scores of a store.
    pub(super) fn wake(&mut self, store: u32) {
        self.store(store, NOBODY);
    }

    /// Touches the cases of all orders, or of one, under a type.
    pub(super) fn touch(&mut self, kind: u8, at: Option<u32>, cause: u32) {
        let range = at.map_or(0..self.orders.places(), |at| at..at + 1);
        for at in range {
            let of = self.orders.get_mut(at);
            if kind == MISSED {
                of.missed.touch(cause, at, &mut self.missed);
            } else {
                of.risk.touch(cause, at, &mut self.risks);
            }
        }
    }

    /// Brings the scores up to date.
    pub(super) fn close(&mut self, desk: &mut Desk, shelves: &Shelves, list: &mut Vec<(u32, u32)>) {
        self.marks.drain(list);
        let mut told = std::mem::take(&mut self.told);
        for (store, cause) in list.drain(..) {
            let of = &mut self.stores[store as usize];
            if !std::mem::take(&mut of.stirred) && of.wake > desk.now {
                continue;
            }
            if let Some(wake) = of.rescore(desk.now, shelves, |at, score| {
                told.push((at, score.map(|(promise_at, odds)| (store, promise_at, odds)), cause));
            }) && (of.wake <= desk.now || wake < of.wake)
            {
                of.wake = desk.wake(wake, Timer::Scores(store));
            }
        }
        // An order that moved has left its old place before it comes to the new one.
        told.sort_by_key(|(_, score, _)| score.is_some());
        for (at, score, cause) in told.drain(..) {
            let of = self.orders.get_mut(at);
            of.score = score;
            of.risk.touch(cause, at, &mut self.risks);
        }
        self.told = told;
    }

    /// Judges the orders that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        let now = desk.now;
        for at in std::mem::take(&mut self.missed) {
            let key = self.orders.key(at).clone();
            let of = self.orders.get_mut(at);
            let open = of.promise.filter(|promise| promise.1);
            let verdict = open.map_or(Verdict::GONE, |promise| Verdict::while_true(promise.2 <= now));
            court.step(desk, (MISSED, at), &mut of.missed, verdict, &Missed { key, promise: of.promise, now });
        }
        for at in std::mem::take(&mut self.risks) {
            let key = self.orders.key(at).clone();
            let of = self.orders.get_mut(at);
            let (open_bp, clear_bp) = (court.policy(RISK, 0), court.policy(RISK, 1));
            let verdict = of.score.map_or(Verdict::GONE, |(_, _, odds)| Verdict {
                open: odds.score_bp < open_bp,
                clear: odds.score_bp >= clear_bp,
                gone: false,
            });
            court.step(desk, (RISK, at), &mut of.risk, verdict, &Risk { key, score: of.score, now, open_bp });
        }
    }
}

impl OfStore {
    /// Gives every order whose score is another than it was; answers when the clock alone changes one.
    fn rescore(&mut self, now: i64, shelves: &Shelves, mut give: impl FnMut(u32, Option<(i64, Odds)>)) -> Option<i64> {
        let (mut wake, mut backlog_milli, present) = (i64::MAX, 0, self.present);
        let mut promised: SmallVec<[(i64, i64); 32]> = smallvec![];
        for ((promise_at, _), waiting) in &self.orders {
            backlog_milli += waiting.remaining_milli;
            match promised.last_mut() {
                Some(last) if last.0 == *promise_at => last.1 = backlog_milli,
                _ => promised.push((*promise_at, backlog_milli)),
            }
        }
        let mut backlogs = promised.iter().peekable();
        self.orders.retain(|(promise_at, _), waiting| {
            while backlogs.next_if(|(upto, _)| upto < promise_at).is_some() {}
            let backlog_milli = backlogs.peek().map_or(0, |backlog| backlog.1);
            let new = (waiting.stands && *promise_at > now).then(|| {
                let short = waiting.wanted.iter().filter_map(|shelf| shortage(shelves.get(*shelf).said.value));
                let stock: f64 = short.map(|(on_hand, wanted)| on_hand as f64 / wanted as f64).product();
                let (in_time, next) = in_time(*promise_at, backlog_milli, present, now);
                wake = wake.min(*promise_at).min(next.unwrap_or(i64::MAX));
                Odds {
                    score_bp: basis_points(stock * in_time),
                    stock_bp: basis_points(stock),
                    on_time_bp: basis_points(in_time),
                    backlog_milli,
                    present,
                }
            });
            if new.map(|odds| odds.score_bp) != waiting.said.map(|odds| odds.score_bp) {
                give(waiting.at, new.map(|odds| (*promise_at, odds)));
                waiting.said = new;
            }
            waiting.stands
        });
        (wake < i64::MAX).then_some(wake)
    }
}

struct Missed {
    key: EventId,
    promise: Option<Promise>,
    now: i64,
}

impl Subject for Missed {
    fn key(&self) -> Key {
        smallvec![Part::Text(self.key.clone())]
    }

    fn store(&self) -> Option<u32> {
        self.promise.map(|promise| promise.0)
    }

    fn answer(&self) -> Answer {
        answer(Severity::Critical, "contact_customer", "customer_service")
    }

    fn drivers(&self) -> Drivers {
        smallvec![
            driver("promise_at", self.promise.map(|promise| promise.2), self.now, "ms"),
            driver("still_to_pick", self.promise.map(|promise| promise.3), None, "milli-units"),
        ]
    }
}

struct Risk {
    key: EventId,
    score: Option<Score>,
    now: i64,
    open_bp: i64,
}

impl Subject for Risk {
    fn key(&self) -> Key {
        smallvec![Part::Text(self.key.clone())]
    }

    fn store(&self) -> Option<u32> {
        self.score.map(|score| score.0)
    }

    fn answer(&self) -> Answer {
        let hopeless = self.score.is_some_and(|(_, _, odds)| odds.score_bp < HOPELESS_BP);
        let (severity, name) = if hopeless { (Severity::Critical, "reroute") } else { (Severity::High, "expedite") };
        answer(severity, name, "fulfillment_lead")
    }

    fn drivers(&self) -> Drivers {
        let odds = self.score.map(|score| score.2);
        smallvec![
            driver("chance_in_time_and_complete", odds.map(|odds| odds.score_bp), self.open_bp, "bp"),
            driver("chance_in_stock", odds.map(|odds| odds.stock_bp), None, "bp"),
            driver("chance_in_time", odds.map(|odds| odds.on_time_bp), None, "bp"),
            driver("promise_at", self.score.map(|score| score.1), self.now, "ms"),
            driver("to_pick_up_to_this_promise", odds.map(|odds| odds.backlog_milli), None, "milli-units"),
            driver("pickers_present", odds.map(|odds| odds.present), None, "heads"),
        ]
    }
}
