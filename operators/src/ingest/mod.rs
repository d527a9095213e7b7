//! From records as they arrive to facts and rows: duplicates dropped, corrections and deletions applied.

pub mod arrival;
pub mod dedup;
pub mod latest_by_key;
