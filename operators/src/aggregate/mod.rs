//! Aggregates of each key under retraction: sums and maxima.

pub mod max_by_key;
pub mod sum_by_key;
pub mod sums;
