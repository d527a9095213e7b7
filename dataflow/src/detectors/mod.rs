//! The exception types, one file each; [`KINDS`] is the one list.

pub mod capacity_overload;
pub mod coverage_gap;
pub mod negative_on_hand;
pub mod promise_missed;
pub mod promise_risk;

use crate::exception::{Kind, KindIndex};

/// Every exception type, by name.
pub const KINDS: &[&Kind] = &[
    capacity_overload::KIND,
    promise_missed::KIND,
    promise_risk::KIND,
    negative_on_hand::KIND,
    coverage_gap::KIND,
];

/// The place of a type in the list.
pub fn index_of(kind: &Kind) -> KindIndex {
    let at = KINDS.iter().position(|listed| listed.name == kind.name).unwrap_or(KINDS.len());
    KindIndex(u8::try_from(at).unwrap_or(u8::MAX))
}
