//! Detector `fulfillment.promise_missed`: opens when an order is still open at its promised instant (contract §5).

use contract::event::order::CustomerOrder;
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::{EventId, Id};
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

use crate::registry::Graph;

/// `fulfillment.promise_missed`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "fulfillment.promise_missed",
    key: &["order"],
    views: &[crate::views::fulfillment_node::NAME],
    feeds: &[],
    restricted: false,
    policies: &[],
    for_ms: 0,
    rule: Rule {
        opens: "the order is open and promise_at ≤ now",
        clears: "the order is not open, or promise_at > now",
        severity: "critical",
        recommends: &[Recommendation { action: "contact_customer", parameters: &[], approver: "customer_service" }],
    },
};

/// A promise to a customer; of a closed order only the store still matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Promise {
    store: Id,
    open: bool,
    promise_at: i64,
    remaining_milli: i64,
}

impl Promise {
    /// The promise of an order, by its name.
    pub fn of(order: CustomerOrder) -> (EventId, Self) {
        let (open, remaining_milli) = (order.is_open(), order.remaining_milli());
        (order.order, Promise { store: order.store, open, promise_at: order.promise_at, remaining_milli })
    }
}

/// The detector; it reads orders.
pub struct PromiseMissed;

impl Detector for PromiseMissed {
    const KIND: &'static ExceptionType = KIND;
    type Key = EventId;
    type State = UniqueRow<Promise>;

    fn assess(&self, _: &EventId, state: &mut UniqueRow<Promise>, at: &EvaluationContext<'_>) -> Verdict {
        let Some(promise) = state.get().filter(|promise| promise.open) else { return Verdict::GONE };
        let missed = promise.promise_at <= at.now;
        Verdict::while_true(missed).again((!missed).then_some(promise.promise_at))
    }

    fn respond(&self, _: &EventId, _: &UniqueRow<Promise>, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::Critical, action: Action::new("contact_customer", "customer_service") }
    }

    fn drivers(&self, _: &EventId, state: &UniqueRow<Promise>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let promise = state.get();
        vec![
            Driver::new("promise_at", promise.map(|promise| promise.promise_at), at.now, "ms"),
            Driver::new("still_to_pick", promise.map(|promise| promise.remaining_milli), None, "milli-units"),
        ]
    }

    fn key_parts(&self, key: &EventId) -> Vec<KeyPart> {
        vec![key.into()]
    }

    fn store(&self, _: &EventId, state: &UniqueRow<Promise>) -> Option<Id> {
        state.get().map(|promise| promise.store)
    }
}

impl StatefulDetector for PromiseMissed {
    type Input = Promise;

    fn update(&self, _: &EventId, state: &mut UniqueRow<Promise>, promise: Promise, diff: i64) {
        state.update(promise, diff);
    }

    fn is_empty(&self, state: &UniqueRow<Promise>) -> bool {
        state.is_empty()
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(PromiseMissed, graph.inputs.streams.orders.clone().map(Promise::of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::event::order::OrderState;
    use engine::reference::Context;

    #[test]
    fn a_promise_is_missed_from_its_instant_on_while_the_order_is_open() {
        let (key, context) = (EventId::new("o1"), Context::default());
        let judge = |state, now| {
            let (store, order) = (Id::new("s1"), key.clone());
            let order =
                CustomerOrder { store, order, state, placed_at: 0, promise_at: 50, ready_at: None, lines: Vec::new() };
            let mut rows = UniqueRow::default();
            PromiseMissed.update(&key, &mut rows, Promise::of(order).1, 1);
            PromiseMissed.assess(&key, &mut rows, &EvaluationContext { now, context: &context, policy: &[] })
        };
        assert_eq!(judge(OrderState::Placed, 49), Verdict::while_true(false).again(Some(50)));
        assert_eq!(judge(OrderState::Picking, 50), Verdict::while_true(true));
        assert_eq!(judge(OrderState::Ready, 50), Verdict::GONE);
    }
}
