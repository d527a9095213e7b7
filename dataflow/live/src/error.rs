//! What stops a command, and who must act: 2 means the arguments or the scenario, 3 means the engine.

use std::path::Path;

/// A command that could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The scenario or an argument is wrong: mend it and try again.
    #[error("{0}")]
    Scenario(String),
    /// A file could not be read or written.
    #[error(transparent)]
    Connector(#[from] connectors::Error),
    /// What an earlier run left cannot be gone on from: nothing was started.
    #[error("cannot go on from what is there: {0}")]
    Recovery(String),
    /// The reader of standard output has gone (`| head`): the command ends, and nothing is wrong.
    #[error("standard output has no reader any more")]
    ReaderGone,
    /// The engine failed: this is a defect, or the machine's.
    #[error("the engine failed: {0}")]
    Engine(String),
}

impl From<engine::error::Error> for Error {
    fn from(engine::error::Error(problem): engine::error::Error) -> Self {
        Error::Engine(problem)
    }
}

impl Error {
    /// A wrong scenario file.
    pub fn scenario(path: &Path, problem: impl std::fmt::Display) -> Self {
        Error::Scenario(format!("{}: {problem}", path.display()))
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::ReaderGone => 0,
            Error::Scenario(_) | Error::Connector(_) => 2,
            Error::Recovery(_) | Error::Engine(_) => 3,
        }
    }
}
