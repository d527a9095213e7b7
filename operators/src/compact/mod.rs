//! Types that take little memory in states held by the million.

pub(crate) mod chunk_list;
pub mod compact_vec;
pub mod optional_instant;
pub mod unique_row;
