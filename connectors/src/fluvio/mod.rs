//! Reads and writes topics of a Fluvio cluster; compiled with the feature `fluvio`.
//!
//! The client crate loses records of a reader that is behind, reports refused records as flushed, and keeps a dead
//! connection. So offsets are checked to be dense, the end is compared when nothing comes, one batch is out at a time, every
//! write is awaited within a limit, and after a failure everything is connected anew. Only `runtime` knows async; the rest
//! calls it and blocks.

#[cfg(not(feature = "fluvio"))]
mod absent;
pub mod config;
#[cfg(all(feature = "fluvio", any(test, feature = "testing")))]
pub mod double;
#[cfg(feature = "fluvio")]
mod prompt;
#[cfg(feature = "fluvio")]
mod runtime;
#[cfg(feature = "fluvio")]
mod sink;
#[cfg(feature = "fluvio")]
mod source;
#[cfg(feature = "fluvio")]
mod topics;

#[cfg(not(feature = "fluvio"))]
pub use absent::{FluvioSink, FluvioSource, create_topic, partitions};
pub use config::{FluvioCluster, Tls};
#[cfg(feature = "fluvio")]
pub use sink::FluvioSink;
#[cfg(feature = "fluvio")]
pub use source::FluvioSource;
#[cfg(feature = "fluvio")]
pub use topics::{create_topic, partitions};

#[cfg(all(test, feature = "fluvio"))]
mod tests;
