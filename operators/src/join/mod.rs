//! Joins of collections that have at most one row per key.

pub mod co_group;
pub mod lookup;
