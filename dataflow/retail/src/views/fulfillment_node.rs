//! View `fulfillment.node`: open orders, kept promises and picker load of each store (contract §4, view 13).

use contract::event::Topic;
use contract::event::order::{CustomerOrder, OrderState};
use contract::ids::Id;
use contract::time::{Cause, DAY_MS, HOUR_MS, MINUTE_MS, hour, minute};
use contract::units::quotient;
use engine::row::{Row, emit_row};
use engine::time::{Collection, Inputs};
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use operators::window::scheduled_sum::ScheduledSum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::attendance::Attendance;
use crate::registry::{Graph, View};

/// The name of the view.
pub const NAME: &str = "fulfillment.node";

/// Units that one picker picks in two hours (60 units an hour).
pub const PICKED_MILLI: i64 = 120_000;

/// The first instant whose minute is less than two hours before `due_at`, or after it.
pub fn near_from(due_at: i64) -> i64 {
    minute(due_at - 2 * HOUR_MS) + MINUTE_MS
}

/// A store that fulfils orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// The store.
    pub store: Id,
}

/// The orders of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Fulfillment {
    /// Orders still to be picked.
    pub open_orders: i64,
    /// What they still want.
    pub open_milli: i64,
    /// The part of it promised within two hours, or overdue.
    pub due_2h_milli: i64,
    /// Promises of the last 24 hours that were kept.
    pub met_24h: i64,
    /// Promises of the last 24 hours that were not.
    pub missed_24h: i64,
    /// Lines ordered in the last 24 hours of which something was not to be had.
    pub short_lines_24h: i64,
    /// Lines ordered in the last 24 hours.
    pub lines_24h: i64,
    /// What is due within two hours, of what the pickers present can do in two hours.
    pub load_bp: Option<i64>,
}

/// An input of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Entry {
    /// An order.
    Order(Promise),
    /// A picker who is present.
    Here,
}

/// The fields of an order that a node depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Promise {
    placed_at: i64,
    promise_at: i64,
    /// Units still to be picked, if the order is open.
    open_milli: Option<i64>,
    /// True if it was ready in time; `None` for a cancelled order.
    met: Option<bool>,
    lines: i64,
    short_lines: i64,
}

impl Promise {
    fn of(order: &CustomerOrder) -> Self {
        let met = order.ready_at.is_some_and(|ready_at| ready_at <= order.promise_at);
        let lines = order.lines.iter().map(|line| (1, i64::from(line.short_milli > 0)));
        let (lines, short_lines) = lines.fold((0, 0), |sum, line| (sum.0 + line.0, sum.1 + line.1));
        Promise {
            placed_at: order.placed_at,
            promise_at: order.promise_at,
            open_milli: order.is_open().then(|| order.remaining_milli()),
            met: (order.state != OrderState::Cancelled).then_some(met),
            lines,
            short_lines,
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct FulfillmentNodeState {
    present: i64,
    open_orders: i64,
    open_milli: i64,
    due_milli: ScheduledSum<i64>,
    /// Promises met and missed.
    judged: ScheduledSum<(i64, i64)>,
    /// Orders placed, their lines, and the short ones of them.
    placed: ScheduledSum<(i64, i64, i64)>,
    last_emitted: Option<Fulfillment>,
}

impl FulfillmentNodeState {
    fn order(&mut self, order: &Promise, diff: i64) {
        if let Some(milli) = order.open_milli {
            self.open_orders += diff;
            self.open_milli += diff * milli;
            self.due_milli.add(near_from(order.promise_at), &(diff * milli));
        }
        if let Some(met) = order.met {
            let counts = if met { (diff, 0) } else { (0, diff) };
            self.judged.during(order.promise_at, hour(order.promise_at) + DAY_MS, counts);
        }
        let placed = hour(order.placed_at);
        self.placed.during(placed, placed + DAY_MS, (diff, diff * order.lines, diff * order.short_lines));
    }

    fn row(&mut self, now: i64) -> Option<Fulfillment> {
        let due_2h_milli = *self.due_milli.at(now);
        let (met_24h, missed_24h) = *self.judged.at(now);
        let (placed_24h, lines_24h, short_lines_24h) = *self.placed.at(now);
        let row = Fulfillment {
            open_orders: self.open_orders,
            open_milli: self.open_milli,
            due_2h_milli,
            met_24h,
            missed_24h,
            short_lines_24h,
            lines_24h,
            load_bp: quotient(i128::from(due_2h_milli) * 10_000, i128::from(self.present) * i128::from(PICKED_MILLI)),
        };
        (self.open_orders > 0 || placed_24h > 0 || met_24h + missed_24h > 0).then_some(row)
    }

    fn is_empty(&self) -> bool {
        self.present == 0
            && self.open_orders == 0
            && self.due_milli.is_empty()
            && self.judged.is_empty()
            && self.placed.is_empty()
    }
}

struct FulfillmentNode;

impl Keyed for FulfillmentNode {
    type Key = Node;
    type Input = Entry;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = FulfillmentNodeState;
    type Output = Row<Node, Fulfillment>;

    fn update(&mut self, _: &Node, state: &mut FulfillmentNodeState, entry: Entry, diff: i64, _: i64) {
        match entry {
            Entry::Order(order) => state.order(&order, diff),
            Entry::Here => state.present += diff,
        }
    }

    fn close(
        &mut self,
        key: &Node,
        state: &mut FulfillmentNodeState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let value = state.row(emit.now());
        emit_row(key, &mut state.last_emitted, value, emit);
        if state.is_empty() {
            return Next::Forget;
        }
        Next::Rest.or_at(state.due_milli.next()).or_at(state.judged.next()).or_at(state.placed.next())
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    orders: &Collection<'scope, CustomerOrder>,
    attendance: &Attendance<'scope>,
) -> Collection<'scope, Row<Node, Fulfillment>> {
    let orders = orders.clone().map(|order| (Node { store: order.store }, Entry::Order(Promise::of(&order))));
    let here = attendance.pickers().map(|store| (Node { store }, Entry::Here));
    keyed_operator("view: fulfillment.node", ticks, Inputs::from(orders).and(here), None, FulfillmentNode)
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Orders, Topic::Workforce];
    type Key = Node;
    type Inner = Fulfillment;
    type Value = Fulfillment;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<Node, Fulfillment>> {
        build(graph.inputs.ticks, &graph.inputs.streams.orders, graph.attendance())
    }

    fn publish(row: Fulfillment) -> Fulfillment {
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::event::order::OrderLine;
    use contract::ids::EventId;

    fn order(state: OrderState, promise_at: i64, ready_at: Option<i64>) -> CustomerOrder {
        let line = |quantity_milli, short_milli| OrderLine {
            item: Id::new("i1"),
            quantity_milli,
            picked_milli: 1_000,
            short_milli,
        };
        let (store, order) = (Id::new("s1"), EventId::new("o1"));
        let lines = vec![line(3_000, 0), line(1_000, 500), line(5_000, 1_000)];
        CustomerOrder { store, order, state, placed_at: HOUR_MS + 7, promise_at, ready_at, lines }
    }

    fn node(orders: &[CustomerOrder]) -> FulfillmentNodeState {
        let mut state = FulfillmentNodeState::default();
        orders.iter().for_each(|order| state.order(&Promise::of(order), 1));
        state
    }

    #[test]
    fn an_open_order_is_work_that_becomes_due_and_then_a_missed_promise() {
        let promise_at = 4 * HOUR_MS + 90_000;
        let mut state = node(&[order(OrderState::Picking, promise_at, None)]);
        let mut at = |now: i64, present| {
            state.present = present;
            state.row(now).map(|row| (row.open_milli, row.due_2h_milli, row.missed_24h, row.lines_24h, row.load_bp))
        };
        assert_eq!(at(2 * HOUR_MS, 1), Some((5_000, 0, 0, 3, Some(0))));
        assert_eq!(at(2 * HOUR_MS + 2 * MINUTE_MS - 1, 1), Some((5_000, 0, 0, 3, Some(0))));
        assert_eq!(at(2 * HOUR_MS + 2 * MINUTE_MS, 2), Some((5_000, 5_000, 0, 3, Some(208))));
        assert_eq!(at(promise_at, 0), Some((5_000, 5_000, 1, 3, None)));
        assert_eq!(at(25 * HOUR_MS, 0), Some((5_000, 5_000, 1, 0, None)));
        assert_eq!(at(28 * HOUR_MS, 0), Some((5_000, 5_000, 0, 0, None)));
    }

    #[test]
    fn promises_are_met_missed_or_not_asked_for() {
        let at = 5 * HOUR_MS;
        let states = [OrderState::Ready, OrderState::PickedUp, OrderState::Expired, OrderState::Cancelled];
        let ready_at = [Some(at), Some(at + 1), None, Some(at)];
        let orders: Vec<_> = states.into_iter().zip(ready_at).map(|(state, ready)| order(state, at, ready)).collect();
        let row = node(&orders).row(at).unwrap();
        assert_eq!((row.open_orders, row.met_24h, row.missed_24h), (0, 1, 2));
        assert_eq!((row.lines_24h, row.short_lines_24h), (12, 8));
        // The row goes when nothing counts any more, and so does its state.
        let mut state = node(&orders);
        assert_eq!(state.row(29 * HOUR_MS), None);
        assert!(state.is_empty());
    }
}
