//! Files: line by line in, whole or not at all out.

pub mod lines;
pub mod parquet;
pub mod whole;
