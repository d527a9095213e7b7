//! Promise scores: the probability that each open order is ready in time and complete. Detector
//! `fulfillment.promise_risk` reads them; no topic carries them.

use contract::event::order::CustomerOrder;
use contract::ids::{EventId, Id};
use contract::keys::StoreItem;
use contract::time::Cause;
use engine::row::Row;
use engine::time::{Collection, Inputs};
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use serde::{Deserialize, Serialize};

use crate::collections::attendance::Attendance;
use crate::registry::Graph;
use crate::state::open_orders::{Odds, OpenOrder, OpenOrders, Shortage};
use crate::views::inventory_position::Position;

/// The score of an open order whose promise is ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Score {
    /// The store that fulfils it.
    pub store: Id,
    /// The promised instant.
    pub promise_at: i64,
    /// The score and its factors, as of the last change of the score.
    pub odds: Odds,
}

/// An input of the scores of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// An open order.
    Order(OpenOrder),
    /// A picker who is present.
    Here,
    /// An item of which less is on hand than open orders want.
    Short(Id, Shortage),
}

struct Scores;

impl Keyed for Scores {
    /// The store.
    type Key = Id;
    type Input = Entry;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = OpenOrders;
    type Output = (EventId, Score);

    fn update(&mut self, _: &Id, orders: &mut OpenOrders, entry: Entry, diff: i64, _: i64) {
        match entry {
            Entry::Order(order) => orders.order(order, diff),
            Entry::Here => orders.pickers(diff),
            Entry::Short(item, shortage) => orders.shortage(item, shortage, diff),
        }
    }

    fn close(&mut self, store: &Id, orders: &mut OpenOrders, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let wake = orders.score(emit.now(), |(promise_at, order), old, new| {
            let row = |odds| (order.clone(), Score { store: *store, promise_at: *promise_at, odds });
            emit.replace(old.map(row), new.map(row));
        });
        if orders.is_empty() { Next::Forget } else { Next::Rest.or_at(wake) }
    }
}

/// The shortage of an item, if open orders want more of it than is on hand.
fn shortage(position: &Position) -> Option<Shortage> {
    let Position { on_hand_milli, committed_milli, .. } = *position;
    let shortage = Shortage { on_hand_milli: on_hand_milli.max(0), committed_milli };
    (committed_milli > 0 && on_hand_milli < committed_milli).then_some(shortage)
}

/// The shortage of an item at a store as an input of the store's scores, if there is one.
pub fn short(position: &Row<StoreItem, Position>) -> Option<(Id, Entry)> {
    let StoreItem { store, item } = position.key;
    shortage(&position.value).map(|shortage| (store, Entry::Short(item, shortage)))
}

/// The scores of the open orders whose promise is ahead, by order.
pub fn build<'scope>(
    ticks: Ticks,
    orders: &Collection<'scope, CustomerOrder>,
    short: Collection<'scope, (Id, Entry)>,
    attendance: &Attendance<'scope>,
) -> Collection<'scope, (EventId, Score)> {
    let orders = orders.clone().flat_map(|order| {
        let (open, remaining_milli) = (order.is_open(), order.remaining_milli());
        let wanted = order.lines.iter().filter(|line| line.remaining_milli() > 0).map(|line| line.item).collect();
        let entry = OpenOrder { promise_at: order.promise_at, order: order.order, remaining_milli, wanted };
        open.then_some((order.store, Entry::Order(entry)))
    });
    let here = attendance.pickers().map(|store| (store, Entry::Here));
    keyed_operator("promise scores", ticks, Inputs::from(short).and(orders).and(here), None, Scores)
}

/// The collection as it is listed.
pub type Collected<'scope> = Collection<'scope, (EventId, Score)>;

/// Builds it for a graph.
pub fn collect<'scope>(graph: &Graph<'scope>) -> Collected<'scope> {
    let short = graph.item_at_store().short.clone();
    build(graph.inputs.ticks, &graph.inputs.streams.orders, short, graph.attendance())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_too_little_stock_is_a_shortage() {
        let short = |on_hand_milli, committed_milli| {
            let available_milli = on_hand_milli - committed_milli;
            let sold = (None, None, 0, 0, None);
            let (anchor_at, last_sale_at, sold_24h_milli, sold_7d_milli, cover_hours) = sold;
            let position = Position {
                on_hand_milli,
                committed_milli,
                available_milli,
                anchor_at,
                last_sale_at,
                sold_24h_milli,
                sold_7d_milli,
                cover_hours,
            };
            shortage(&position).map(|short| (short.on_hand_milli, short.committed_milli))
        };
        assert_eq!(short(2_000, 2_000), None);
        assert_eq!(short(-5, 0), None);
        assert_eq!(short(1_000, 2_000), Some((1_000, 2_000)));
        assert_eq!(short(-1_000, 2_000), Some((0, 2_000)));
    }
}
