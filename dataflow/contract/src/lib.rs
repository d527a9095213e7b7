//! The public contract as types: input records, fates, exceptions, policies and output records.
//!
//! [`event`] reads the input records and [`record`](mod@record) spells the output records; [`schema`] describes both.
//! The meaning of every field is in `dataflow/docs/contract.md`.
//!
//! Invariants: no input or output but the log · no engine: neither timely nor an operator is known here.

pub mod event;
pub mod exception;
pub mod exception_type;
pub mod fate;
pub mod ids;
pub mod keys;
pub mod output;
pub mod place;
pub mod policy;
pub mod record;
pub mod schema;
pub mod symbol;
pub mod time;
pub mod units;
