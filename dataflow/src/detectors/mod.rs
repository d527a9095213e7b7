//! The exception types, one file each; [`KINDS`] is the one list.

pub mod negative_on_hand;
pub mod phantom_stock;
pub mod price_mismatch;
pub mod setup_overdue;
pub mod stockout_risk;
pub mod under_attainment;

use crate::exception::{Kind, KindIndex};

/// Every exception type, by name.
pub const KINDS: &[&Kind] = &[
    negative_on_hand::KIND,
    phantom_stock::KIND,
    stockout_risk::KIND,
    price_mismatch::KIND,
    setup_overdue::KIND,
    under_attainment::KIND,
];

/// The place of a type in the list.
pub fn index_of(kind: &Kind) -> KindIndex {
    let at = KINDS.iter().position(|listed| listed.name == kind.name).unwrap_or(KINDS.len());
    KindIndex(u8::try_from(at).unwrap_or(u8::MAX))
}
