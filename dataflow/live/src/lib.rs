//! Runs a job over topics or files.
//!
//! [`replay`] runs a folder of files to its end. [`run`] follows topics as they grow, closes ticks, writes the outputs,
//! and continues after any end where it was:
//!
//! ```text
//! reader (a thread per partition) ─► binder ─► remap log ─► workers ─► publisher ─► output topics, serving tables
//!                                                               └─ chunks ─► checkpoint writer ─► snapshots
//! ```
//!
//! *Exactness.* The records of a tick are fixed in the remap log before the tick takes effect; operators are functions
//! of their state and a tick's records; each output tick is written once, in order, with its number. So a job that
//! continues from a snapshot and the log produces the same bytes again, and the publisher skips those that are already
//! written.

pub mod checkpoint;
pub mod config;
pub mod coordinator;
pub mod error;
pub mod fail;
pub mod input;
pub mod log;
pub mod processes;
pub mod publish;
pub mod replay;
pub mod retry;
pub mod supervisor;
#[cfg(test)]
mod testing;
pub mod worker;

pub use crate::processes::Processes;
pub use crate::supervisor::run;
