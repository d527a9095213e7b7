//! The error of a job that cannot go on.

/// A failure of the engine: a defect of the program or of the machine. It holds the description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the engine failed: {0}")]
pub struct Error(pub String);
