//! The open orders of a store by promise, and the probability that each is complete and in time.
//!
//! *Meaning.* The chance that the stock an order wants is there, times the chance that the work queued up to its promise
//! is done by then (contract §5, promise score).
//! *Time.* The score falls minute by minute while it is neither certain nor lost; the clock wakes the store only then,
//! and at the promise.
//! *State.* The open orders, and the items with less on hand than is committed.
//! *Cost.* One pass over the orders when an order, the pickers or a shortage changes, or at the minute of a changed
//! score.

use std::collections::BTreeMap;

use contract::ids::{EventId, Id};
use contract::time::{MINUTE_MS, minute};
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

use crate::stats::{basis_points, on_time_probability};

/// Above this many standard deviations of slack being in time is certain to the last bit of a float.
const CERTAIN: f64 = 8.5;
/// Below this many the score rounds to 0.
const LOST: f64 = -4.0;

/// The fields of an open order that the score depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenOrder {
    /// The promised instant.
    pub promise_at: i64,
    /// The order id.
    pub order: EventId,
    /// Units still to be picked.
    pub remaining_milli: i64,
    /// The items of the lines with something to be picked.
    pub wanted: Vec<Id>,
}

/// Too little for the open orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shortage {
    /// On hand, not below 0.
    pub on_hand_milli: i64,
    /// Wanted by open orders; more than is on hand.
    pub committed_milli: i64,
}

/// The score of an order and its factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Odds {
    /// The probability of being in time and complete.
    pub score_bp: i64,
    /// The probability that the stock is there.
    pub stock_bp: i64,
    /// The probability of being ready in time.
    pub on_time_bp: i64,
    /// Units to be picked up to the promise, including the order itself.
    pub backlog_milli: i64,
    /// Pickers present.
    pub present: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct ScoredOrder {
    row: UniqueRow<OpenOrder>,
    /// The chance that the stock is there, unless it has to be found again.
    stock: Option<f64>,
    last_emitted: Option<Odds>,
}

/// The shortage of an item, beside the one that the odds were last computed with.
type Short = (UniqueRow<Shortage>, Option<Shortage>);

/// The open orders of a store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OpenOrders {
    orders: BTreeMap<(i64, EventId), ScoredOrder>,
    short: BTreeMap<Id, Short>,
    dirty: Vec<Id>,
    present: i64,
    /// An order or the pickers changed.
    changed: bool,
    wake: Option<i64>,
}

impl OpenOrders {
    /// Takes (+1) or retracts (−1) an order.
    pub fn order(&mut self, order: OpenOrder, diff: i64) {
        let scored = self.orders.entry((order.promise_at, order.order.clone())).or_default();
        scored.row.update(order, diff);
        scored.stock = None;
        self.changed = true;
    }

    /// Changes the number of pickers.
    pub fn pickers(&mut self, diff: i64) {
        self.present += diff;
        self.changed = true;
    }

    /// Takes (+1) or retracts (−1) the shortage of an item.
    pub fn shortage(&mut self, item: Id, shortage: Shortage, diff: i64) {
        self.short.entry(item).or_default().0.update(shortage, diff);
        self.dirty.push(item);
    }

    /// Passes every order whose score changed to `emit`, with its odds as last emitted and as now; an order has none
    /// from its promise on. Returns the instant at which the clock alone changes a score.
    pub fn score(&mut self, now: i64, emit: impl FnMut(&(i64, EventId), Option<Odds>, Option<Odds>)) -> Option<i64> {
        let restocked = self.restock();
        if restocked || std::mem::take(&mut self.changed) || self.wake.is_some_and(|wake| wake <= now) {
            self.wake = self.rescore(restocked, now, emit);
        }
        self.wake
    }

    /// True if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.short.is_empty() && self.present == 0
    }

    fn rescore(
        &mut self,
        restocked: bool,
        now: i64,
        mut emit: impl FnMut(&(i64, EventId), Option<Odds>, Option<Odds>),
    ) -> Option<i64> {
        let mut wake = i64::MAX;
        let mut backlogs = self.backlogs().into_iter().peekable();
        let OpenOrders { orders, short, present, .. } = self;
        orders.retain(|key, scored| {
            let promise_at = key.0;
            while backlogs.next_if(|(upto, _)| *upto < promise_at).is_some() {}
            let backlog_milli = backlogs.peek().map_or(0, |backlog| backlog.1);
            let new = scored.row.get().filter(|_| promise_at > now).map(|order| {
                let stock = scored.stock.filter(|_| !restocked).unwrap_or_else(|| in_stock(order, short));
                scored.stock = Some(stock);
                let (in_time, next) = in_time(promise_at, backlog_milli, *present, now);
                wake = wake.min(promise_at).min(next.unwrap_or(i64::MAX));
                let (stock_bp, on_time_bp) = (basis_points(stock), basis_points(in_time));
                let score_bp = basis_points(stock * in_time);
                Odds { score_bp, stock_bp, on_time_bp, backlog_milli, present: *present }
            });
            if new.map(|odds| odds.score_bp) != scored.last_emitted.map(|odds| odds.score_bp) {
                emit(key, scored.last_emitted, new);
                scored.last_emitted = new;
            }
            !scored.row.is_empty()
        });
        (wake < i64::MAX).then_some(wake)
    }

    /// Takes in the dirty shortages; returns true if one of them changed.
    fn restock(&mut self) -> bool {
        let mut changed = false;
        for item in self.dirty.drain(..) {
            if let Some((now, before)) = self.short.get_mut(&item) {
                changed |= now.get() != before.as_ref();
                *before = now.get().copied();
                if before.is_none() {
                    self.short.remove(&item);
                }
            }
        }
        changed
    }

    /// The units to be picked up to each promise, including all earlier promises.
    fn backlogs(&self) -> Vec<(i64, i64)> {
        let (mut backlogs, mut sum) = (Vec::<(i64, i64)>::new(), 0);
        for ((promise_at, _), scored) in &self.orders {
            sum += scored.row.get().map_or(0, |order| order.remaining_milli);
            match backlogs.last_mut() {
                Some(last) if last.0 == *promise_at => last.1 = sum,
                _ => backlogs.push((*promise_at, sum)),
            }
        }
        backlogs
    }
}

/// The chance that everything an order wants is there.
fn in_stock(order: &OpenOrder, short: &BTreeMap<Id, Short>) -> f64 {
    let shortages = order.wanted.iter().filter_map(|item| short.get(item)?.1);
    shortages.map(|shortage| shortage.on_hand_milli as f64 / shortage.committed_milli as f64).product()
}

/// The chance that `backlog_milli` are picked by `promise_at`, and the next minute at which it is another.
pub fn in_time(promise_at: i64, backlog_milli: i64, present: i64, now: i64) -> (f64, Option<i64>) {
    let (now, slack_ms) = (minute(now), promise_at - minute(now));
    // 60 units an hour a head: a minute a unit.
    let backlog_ms = backlog_milli as f64 * 60.0 / present.max(1) as f64;
    let spread_ms = 0.5 * libm::sqrt(backlog_ms * 60_000.0) + 1.0;
    let deviations = (slack_ms as f64 - backlog_ms) / spread_ms;
    #[expect(clippy::cast_possible_truncation, reason = "asked for between now and the promise only")]
    let next = if deviations > CERTAIN {
        Some(minute((promise_at as f64 - backlog_ms - CERTAIN * spread_ms) as i64).max(now + MINUTE_MS))
    } else {
        (deviations > LOST).then_some(now + MINUTE_MS)
    };
    (on_time_probability(slack_ms, backlog_ms), next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::time::HOUR_MS;

    fn open(name: &str, promise_at: i64, remaining_milli: i64, wanted: &[&str]) -> OpenOrder {
        let wanted = wanted.iter().map(|item| Id::new(item)).collect();
        OpenOrder { promise_at, order: EventId::new(name), remaining_milli, wanted }
    }

    /// Brings `current` up to date; returns its names and scores.
    fn follow(orders: &mut OpenOrders, current: &mut BTreeMap<EventId, Odds>, now: i64) -> Vec<(String, i64)> {
        orders.score(now, |(_, name), old, new| {
            assert_eq!(current.remove(name), old, "{name} at {now}");
            current.extend(new.map(|odds| (name.clone(), odds)));
        });
        current.iter().map(|(name, odds)| (name.to_string(), odds.score_bp)).collect()
    }

    #[test]
    fn stock_and_time_multiply() {
        let (mut orders, mut current) = (OpenOrders::default(), BTreeMap::new());
        let (item, short) = (Id::new("i1"), Shortage { on_hand_milli: 500, committed_milli: 2_000 });
        let order = open("o1", HOUR_MS, 2_000, &["i1", "i2"]);
        orders.order(order.clone(), 1);
        orders.shortage(item, short, 1);
        assert_eq!(follow(&mut orders, &mut current, 0), [("o1".to_owned(), 2_500)]);
        orders.shortage(item, short, -1);
        assert_eq!(follow(&mut orders, &mut current, 1_000), [("o1".to_owned(), 10_000)]);
        assert_eq!(follow(&mut orders, &mut current, HOUR_MS), []);
        orders.order(order, -1);
        follow(&mut orders, &mut current, HOUR_MS + 1_000);
        assert!(orders.is_empty());
    }

    #[test]
    fn a_score_is_the_same_as_if_every_order_were_looked_at_every_second() {
        let (mut orders, mut current, mut looks) = (OpenOrders::default(), BTreeMap::new(), 0);
        let all = [("o1", 50, 20_000), ("o2", 50, 5_000), ("o3", 200, 60_000), ("o4", 90, 300_000), ("o5", 2, 0)];
        all.iter().for_each(|(name, at, milli)| orders.order(open(name, at * MINUTE_MS, *milli, &[]), 1));
        for now in (0..12_000_000).step_by(1_000) {
            if now == 1_500_000 {
                orders.pickers(2);
            }
            looks += usize::from(orders.wake.is_some_and(|wake| wake <= now));
            let scores = follow(&mut orders, &mut current, now);
            let present = if now < 1_500_000 { 1.0 } else { 2.0 };
            let slow = all.iter().filter(|(_, at, _)| at * MINUTE_MS > now).map(|(name, at, _)| {
                let before = all.iter().filter(|other| other.1 <= *at);
                let backlog_ms = before.map(|other| other.2).sum::<i64>() as f64 * 60.0 / present;
                let in_time = on_time_probability(at * MINUTE_MS - minute(now), backlog_ms);
                ((*name).to_owned(), basis_points(in_time))
            });
            assert_eq!(scores, slow.collect::<Vec<_>>(), "at {now}");
        }
        assert!(looks < 120, "{looks}");
    }
}
