//! The exception types, one file each; [`KINDS`] is the one list.

pub mod abnormal_rate;
pub mod negative_on_hand;
pub mod operator_pattern;

use crate::exception::{Kind, KindIndex};

/// Every exception type, by name.
pub const KINDS: &[&Kind] = &[negative_on_hand::KIND, abnormal_rate::KIND, operator_pattern::KIND];

/// The place of a type in the list.
pub fn index_of(kind: &Kind) -> KindIndex {
    let at = KINDS.iter().position(|listed| listed.name == kind.name).unwrap_or(KINDS.len());
    KindIndex(u8::try_from(at).unwrap_or(u8::MAX))
}
