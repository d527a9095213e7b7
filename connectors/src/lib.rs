//! Where bytes come from and go to: sources, sinks, and how they fail.
//!
//! Invariants: connectors know neither timely nor retail · one moves bytes, another reads them · what is half written
//! never looks whole.

pub mod codec;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
pub mod error;
pub mod fault;
pub mod file;
pub mod fluvio;
pub mod memory;
#[cfg(test)]
mod numbers;
pub mod outbox;
pub mod reader;
pub mod registry;
pub mod retry;
pub mod sink;
mod sole_writer;
pub mod source;
pub mod tick;

pub use error::Error;
