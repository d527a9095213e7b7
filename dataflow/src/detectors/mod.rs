//! The exception types, one file each; [`KINDS`] is the one list.

pub mod negative_on_hand;

pub mod conversion_drop;
pub mod drop;
pub mod feed_stale;
pub mod leak;
pub mod model_drift;
pub mod overdue;
pub mod queue_breach;
pub mod surge;

use crate::exception::{Kind, KindIndex};

/// Every exception type, by name.
pub const KINDS: &[&Kind] = &[
    feed_stale::KIND,
    drop::KIND,
    surge::KIND,
    negative_on_hand::KIND,
    leak::KIND,
    model_drift::KIND,
    conversion_drop::KIND,
    queue_breach::KIND,
    overdue::KIND,
];

/// The place of a type in the list.
pub fn index_of(kind: &Kind) -> KindIndex {
    let at = KINDS.iter().position(|listed| listed.name == kind.name).unwrap_or(KINDS.len());
    KindIndex(u8::try_from(at).unwrap_or(u8::MAX))
}
