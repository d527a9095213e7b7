//! How likely each open order is to be ready in time: its stock is there, and the work queued before it fits.
//!
//! Not a view of its own; the promise score of contract §5, which `fulfillment.promise_risk` watches order by order.
//! *Time.* The score falls minute by minute, but only while it is neither certain nor lost: then alone is the clock
//! looked at, and at the promise.
//! *State.* The open orders of a store by promise, and its items with less on hand than is committed.
//! *Cost.* One pass over a store's open orders when one of them, its pickers, or a shortage changes, or its minute does.

use std::collections::BTreeMap;

use operators::driver::keyed;
use operators::keyed::{Emit, Keyed, Next, Ticks};
use operators::one::One;
use serde::{Deserialize, Serialize};

use crate::event::order::Order;
use crate::ids::{EventId, Id};
use crate::row::{Row, StoreItem};
use crate::stats::{basis_points, on_time_probability};
use crate::time::{Cause, Collection, MINUTE_MS, minute};
use crate::views::attendance::Attendance;
use crate::views::inventory_position::Position;

/// Above this many standard deviations of slack being in time is certain to the last bit of a float.
const CERTAIN: f64 = 8.5;
/// Below this many the score rounds to 0.
const LOST: f64 = -4.0;

/// The score of an open order whose promise is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Score {
    /// The store that fulfils it.
    pub store: Id,
    /// When it should be ready.
    pub promise_at: i64,
    /// How likely it is to be ready in time and complete.
    pub score_bp: i64,
    /// How likely its stock is there, when the score last changed.
    pub stock_bp: i64,
    /// How likely it is ready in time, when the score last changed.
    pub on_time_bp: i64,
    /// What is to be picked up to its promise, when the score last changed.
    pub backlog_milli: i64,
    /// Pickers present, when the score last changed.
    pub present: i64,
}

/// What bears on the scores of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// An open order.
    Order(OpenOrder),
    /// Somebody who is there to pick.
    Here,
    /// An item of which less is on hand than open orders want.
    Short(Id, Shortage),
}

/// What the scores must know of an open order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenOrder {
    /// When it should be ready.
    pub promise_at: i64,
    /// Its name.
    pub order: EventId,
    /// What remains to be picked.
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

#[derive(Default)]
struct Slot {
    row: One<OpenOrder>,
    /// The chance that the stock is there, unless it has to be found again.
    stock: Option<f64>,
    said: Option<Score>,
}

#[derive(Default)]
struct State {
    orders: BTreeMap<(i64, EventId), Slot>,
    /// Shortages, each beside the one that the scores were last computed with.
    short: BTreeMap<Id, (One<Shortage>, Option<Shortage>)>,
    touched: Vec<Id>,
    present: i64,
    /// An order or the pickers changed.
    stirred: bool,
    wake: Option<i64>,
}

impl State {
    /// Takes the touched shortages in; whether one of them is not as it was.
    fn restock(&mut self) -> bool {
        let mut changed = false;
        for item in self.touched.drain(..) {
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

    /// What is to be picked up to each promise, itself and everything before included.
    fn backlogs(&self) -> Vec<(i64, i64)> {
        let (mut backlogs, mut sum) = (Vec::<(i64, i64)>::new(), 0);
        for ((promise_at, _), slot) in &self.orders {
            sum += slot.row.get().map_or(0, |order| order.remaining_milli);
            match backlogs.last_mut() {
                Some(last) if last.0 == *promise_at => last.1 = sum,
                _ => backlogs.push((*promise_at, sum)),
            }
        }
        backlogs
    }
}

/// The chance that everything an order wants is there.
fn in_stock(order: &OpenOrder, short: &BTreeMap<Id, (One<Shortage>, Option<Shortage>)>) -> f64 {
    let shortages = order.wanted.iter().filter_map(|item| short.get(item)?.1);
    shortages.map(|held| held.on_hand_milli as f64 / held.committed_milli as f64).product()
}

/// The chance that `backlog_milli` are picked by `promise_at`, and the next minute at which it is another.
fn in_time(promise_at: i64, backlog_milli: i64, present: i64, now: i64) -> (f64, Option<i64>) {
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

struct Scores;

impl Keyed for Scores {
    /// The store.
    type Key = Id;
    type Input = Entry;
    type Diff = i64;
    type Notice = ();
    type Cause = Cause;
    type State = State;
    type Output = (EventId, Score);

    fn update(&mut self, _: &Id, state: &mut State, entry: Entry, diff: i64, _: i64) {
        match entry {
            Entry::Order(order) => {
                let slot = state.orders.entry((order.promise_at, order.order.clone())).or_default();
                slot.row.update(order, diff);
                slot.stock = None;
                state.stirred = true;
            }
            Entry::Here => {
                state.present += diff;
                state.stirred = true;
            }
            Entry::Short(item, shortage) => {
                state.short.entry(item).or_default().0.update(shortage, diff);
                state.touched.push(item);
            }
        }
    }

    fn close(&mut self, store: &Id, state: &mut State, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let now = emit.now();
        let restocked = state.restock();
        if restocked || std::mem::take(&mut state.stirred) || state.wake.is_some_and(|wake| wake <= now) {
            state.wake = score(*store, state, restocked, emit);
        }
        if state.orders.is_empty() && state.short.is_empty() && state.present == 0 {
            return Next::Forget;
        }
        Next::Rest.or_at(state.wake)
    }
}

/// Scores every open order of a store; answers when the clock alone changes a score.
fn score(store: Id, state: &mut State, restocked: bool, emit: &mut Emit<'_, (EventId, Score), Cause>) -> Option<i64> {
    let (now, present, mut wake) = (emit.now(), state.present, i64::MAX);
    let mut backlogs = state.backlogs().into_iter().peekable();
    let State { orders, short, .. } = state;
    orders.retain(|(promise_at, name), slot| {
        while backlogs.next_if(|(upto, _)| upto < promise_at).is_some() {}
        let backlog_milli = backlogs.peek().map_or(0, |backlog| backlog.1);
        let order = slot.row.get().filter(|_| *promise_at > now);
        let new = order.map(|order| {
            let stock = slot.stock.filter(|_| !restocked).unwrap_or_else(|| in_stock(order, short));
            slot.stock = Some(stock);
            let (in_time, next) = in_time(*promise_at, backlog_milli, present, now);
            wake = wake.min(*promise_at).min(next.unwrap_or(i64::MAX));
            let (score_bp, promise_at) = (basis_points(stock * in_time), *promise_at);
            let (stock_bp, on_time_bp) = (basis_points(stock), basis_points(in_time));
            Score { store, promise_at, score_bp, stock_bp, on_time_bp, backlog_milli, present }
        });
        if new.map(|new| new.score_bp) != slot.said.map(|said| said.score_bp) {
            emit.replace(slot.said.map(|said| (name.clone(), said)), new.map(|new| (name.clone(), new)));
            slot.said = new;
        }
        !slot.row.is_empty()
    });
    (wake < i64::MAX).then_some(wake)
}

/// The scores of the open orders whose promise is ahead, by order.
pub fn build<'scope>(
    ticks: Ticks,
    orders: &Collection<'scope, Order>,
    positions: &Collection<'scope, Row<StoreItem, Position>>,
    attendance: &Attendance<'scope>,
) -> Collection<'scope, (EventId, Score)> {
    let orders = orders.clone().flat_map(|order| {
        let (open, remaining_milli) = (order.is_open(), order.remaining_milli());
        let wanted = order.lines.iter().filter(|line| line.remaining_milli() > 0).map(|line| line.item).collect();
        let entry = OpenOrder { promise_at: order.promise_at, order: order.order, remaining_milli, wanted };
        open.then_some((order.store, Entry::Order(entry)))
    });
    let here = attendance.pickers().map(|store| (store, Entry::Here));
    let short = positions.clone().flat_map(|row| {
        let Position { on_hand_milli, committed_milli, .. } = row.value;
        let shortage = Shortage { on_hand_milli: on_hand_milli.max(0), committed_milli };
        (on_hand_milli < committed_milli && committed_milli > 0)
            .then_some((row.key.store, Entry::Short(row.key.item, shortage)))
    });
    keyed("promise scores", ticks, orders.concat(here).concat(short), None, Scores)
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;
    use operators::keyed::KeyedState;

    use super::*;
    use crate::time::HOUR_MS;

    fn open(name: &str, promise_at: i64, remaining_milli: i64, wanted: &[&str]) -> Entry {
        let wanted = wanted.iter().map(|item| Id::new(item)).collect();
        Entry::Order(OpenOrder { promise_at, order: EventId::new(name), remaining_milli, wanted })
    }

    /// A store whose scores are kept, driven by entries at a tick.
    struct Script {
        state: KeyedState<Scores>,
        standing: BTreeMap<EventId, Score>,
        said: usize,
    }

    impl Script {
        fn new() -> Self {
            let state = KeyedState::new(Scores, Ticks { tick_ms: 1_000 });
            Script { state, standing: BTreeMap::new(), said: 0 }
        }

        fn at(&mut self, now: i64, entries: &[(Entry, i64)]) -> Vec<(String, i64)> {
            for (entry, diff) in entries {
                self.state.update(Id::new("s1"), entry.clone(), Traced::new(*diff, None), now);
            }
            let mut out = Vec::new();
            self.state.wake(now);
            assert!(self.state.close(now, &mut 10, &mut out));
            for ((order, score), _, change) in out {
                self.said += 1;
                if change.diff > 0 {
                    self.standing.insert(order, score);
                } else if self.standing.get(&order) == Some(&score) {
                    self.standing.remove(&order);
                }
            }
            self.standing.iter().map(|(order, score)| (order.to_string(), score.score_bp)).collect()
        }
    }

    #[test]
    fn stock_and_time_multiply() {
        let mut script = Script::new();
        let shortage = Shortage { on_hand_milli: 500, committed_milli: 2_000 };
        let short = |diff| (Entry::Short(Id::new("i1"), shortage), diff);
        let order = open("o1", HOUR_MS, 2_000, &["i1", "i2"]);
        assert_eq!(script.at(0, &[(order, 1), short(1)]), [("o1".to_owned(), 2_500)]);
        assert_eq!(script.at(1_000, &[short(-1)]), [("o1".to_owned(), 10_000)]);
        assert_eq!(script.at(HOUR_MS, &[]), []);
    }

    #[test]
    fn a_score_is_the_same_as_if_every_order_were_looked_at_every_minute() {
        let mut script = Script::new();
        let orders = [("o1", 50, 20_000), ("o2", 50, 5_000), ("o3", 200, 60_000), ("o4", 90, 300_000), ("o5", 2, 0)];
        let entries: Vec<_> =
            orders.iter().map(|(name, at, milli)| (open(name, at * MINUTE_MS, *milli, &[]), 1)).collect();
        script.at(0, &entries);
        for tick in 1..=12_000 {
            let now = tick * 1_000;
            let hire = if tick == 1_500 { vec![(Entry::Here, 1), (Entry::Here, 1)] } else { Vec::new() };
            let said = script.at(now, &hire);
            let present = if tick < 1_500 { 1.0 } else { 2.0 };
            let slow = orders.iter().filter(|(_, at, _)| at * MINUTE_MS > now).map(|(name, at, _)| {
                let before = orders.iter().filter(|other| other.1 <= *at);
                let backlog_ms = before.map(|other| other.2).sum::<i64>() as f64 * 60.0 / present;
                let in_time = on_time_probability(at * MINUTE_MS - minute(now), backlog_ms);
                ((*name).to_owned(), basis_points(in_time))
            });
            assert_eq!(said, slow.collect::<Vec<_>>(), "at {now}");
        }
        assert!(script.said < 300, "{}", script.said);
    }
}
