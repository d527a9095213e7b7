//! The books say there is less than nothing on the shelf: somebody must count.

use operators::one::One;

use crate::detect::{At, Detector, Verdict};
use crate::event::Topic;
use crate::exception::{Action, Driver, KeyPart, Kind, Response, Severity};
use crate::ids::Id;
use crate::row::StoreItem;
use crate::views::inventory_position::Position;

/// `inventory.negative_on_hand`.
pub const KIND: &Kind = &Kind {
    name: "inventory.negative_on_hand",
    key: &["store", "item"],
    feeds: &[Topic::Pos, Topic::Inventory],
    restricted: false,
    policies: &[],
    for_ms: 0,
};

/// Watches inventory.position.
pub struct NegativeOnHand;

impl Detector for NegativeOnHand {
    const KIND: &'static Kind = KIND;
    type Key = StoreItem;
    type Input = Position;
    type State = One<Position>;

    fn update(&self, _: &StoreItem, state: &mut One<Position>, row: Position, diff: i64) {
        state.update(row, diff);
    }

    fn assess(&self, _: &StoreItem, state: &mut One<Position>, _: &At<'_>) -> Verdict {
        match state.get() {
            None => Verdict::GONE,
            Some(row) => Verdict::while_true(row.anchor_at.is_some() && row.on_hand_milli < 0),
        }
    }

    fn respond(&self, _: &StoreItem, _: &One<Position>, _: &At<'_>) -> Response {
        Response { severity: Severity::High, action: Action::new("count", "store_manager") }
    }

    fn drivers(&self, _: &StoreItem, state: &One<Position>, _: &At<'_>) -> Vec<Driver> {
        let row = state.get();
        vec![
            Driver::new("on_hand", row.map(|row| row.on_hand_milli), 0, "milli-units"),
            Driver::new("last_count_at", row.and_then(|row| row.anchor_at), None, "ms"),
        ]
    }

    fn key_parts(&self, key: &StoreItem) -> Vec<KeyPart> {
        vec![key.store.into(), key.item.into()]
    }

    fn store(&self, key: &StoreItem, _: &One<Position>) -> Option<Id> {
        Some(key.store)
    }

    fn is_empty(&self, state: &One<Position>) -> bool {
        state.is_empty()
    }
}
