//! A job over topics or files.
//!
//! [`replay`] runs a folder of files to its end. [`run`] follows topics as they grow, closes ticks, writes what follows, and
//! goes on where it was after any end:
//!
//! ```text
//! intake (a thread a partition) ─► binder ─► remap log ─► workers ─► publisher ─► output topics, read API
//!                                                            └─ copies ─► keeper ─► snapshots
//! ```
//!
//! *What makes it exact.* A tick's records are fixed in the remap log before anything acts on them; operators are
//! functions of their state and a tick's records; each output tick is written once, in order, with its number. So a job
//! that goes on from a snapshot and the log says the same bytes again, and the publisher skips those that stand.

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
