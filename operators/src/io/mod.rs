//! Collections into operators and out of them: inputs, exchange between workers, tee, merge and consolidated output.

pub mod at_close;
pub(crate) mod capability;
mod exchange;
pub mod inputs;
pub mod merge;
pub mod tee;
