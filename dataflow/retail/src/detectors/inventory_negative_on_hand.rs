//! Detector `inventory.negative_on_hand`: opens when the book value of a counted item is below zero (contract §5).

use contract::event::Topic;
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::keys::StoreItem;
use engine::detector::{Detector, EvaluationContext, Verdict};
use engine::time::Collection;

use crate::registry::Graph;
use crate::views::inventory_position::{self, Position};

/// `inventory.negative_on_hand`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "inventory.negative_on_hand",
    key: &["store", "item"],
    views: &[inventory_position::NAME],
    feeds: &[Topic::Pos, Topic::Inventory],
    restricted: false,
    policies: &[],
    for_ms: 0,
    rule: Rule {
        opens: "anchor_at is not null and on_hand_milli < 0",
        clears: "the open condition is false",
        severity: "high",
        recommends: &[Recommendation { action: "count", parameters: &[], approver: "store_manager" }],
    },
};

/// The detector; it reads inventory.position.
pub struct NegativeOnHand;

impl Detector for NegativeOnHand {
    const KIND: &'static ExceptionType = KIND;
    type Key = StoreItem;
    /// The current position.
    type State = Option<Position>;

    fn assess(&self, _: &StoreItem, state: &mut Option<Position>, _: &EvaluationContext<'_>) -> Verdict {
        match state {
            None => Verdict::GONE,
            Some(row) => Verdict::while_true(row.anchor_at.is_some() && row.on_hand_milli < 0),
        }
    }

    fn respond(&self, _: &StoreItem, _: &Option<Position>, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::High, action: Action::new("count", "store_manager") }
    }

    fn drivers(&self, _: &StoreItem, state: &Option<Position>, _: &EvaluationContext<'_>) -> Vec<Driver> {
        let row = state.as_ref();
        vec![
            Driver::new("on_hand", row.map(|row| row.on_hand_milli), 0, "milli-units"),
            Driver::new("last_counted_at", row.and_then(|row| row.anchor_at), None, "ms"),
        ]
    }

    fn key_parts(&self, key: &StoreItem) -> Vec<KeyPart> {
        vec![key.store.into(), key.item.into()]
    }

    fn store(&self, key: &StoreItem, _: &Option<Position>) -> Option<Id> {
        Some(key.store)
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.item_at_store().negatives.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    #[test]
    fn a_counted_shelf_below_zero_is_an_exception() {
        let key = StoreItem { store: Id::new("s"), item: Id::new("i") };
        let context = Context::default();
        let at = EvaluationContext { now: 0, context: &context, policy: &[] };
        let verdict = |on_hand_milli, anchor_at| {
            let position = Position { on_hand_milli, anchor_at, ..Position::default() };
            NegativeOnHand.assess(&key, &mut Some(position), &at)
        };
        assert!(verdict(-1, Some(5)).open);
        assert!(verdict(0, Some(5)).clear);
        assert!(!verdict(-1, None).open);
        assert_eq!(NegativeOnHand.assess(&key, &mut None, &at), Verdict::GONE);
    }
}
