//! Files: line by line in and out, or whole or not at all.

mod growing;
pub mod lines;
pub mod parquet;
pub mod rows;
pub mod sink;
pub mod source;
pub mod whole;
