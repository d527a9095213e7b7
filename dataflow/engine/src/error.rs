//! The error of a job that cannot go on.

/// The engine failed: this is a defect, or the machine's. Holds what happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine failed: {0}")]
pub struct Error(pub String);
