//! Files: line by line in, whole or not at all out.

pub mod lines;
pub mod whole;
