//! Fluvio topics: read without a gap, written without a doubt that is not told.
//!
//! The client crate loses records of a reader that is behind, calls refused records flushed, and never tires of a dead
//! connection. None of it can be met here: offsets are checked to be dense, the end is compared when nothing comes, one
//! batch is out at a time, every write is waited for within a limit, and after a failure everything is connected anew.
//! Only `runtime` knows async; the rest asks it and waits.

pub mod config;
#[cfg(any(test, feature = "testing"))]
pub mod double;
mod prompt;
mod runtime;
pub mod sink;
pub mod source;

pub use config::{FluvioCluster, Tls, create_topic, partitions};
#[cfg(test)]
mod tests;
