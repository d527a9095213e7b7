//! The error of a command, with its exit code: 2 if the user must change arguments or the scenario, 3 if the engine
//! failed.

use std::path::Path;

/// An error that ends a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The scenario or an argument is wrong.
    #[error("{0}")]
    Scenario(String),
    /// A file could not be read or written.
    #[error(transparent)]
    Connector(#[from] connectors::Error),
    /// The job cannot continue from the state of an earlier run; it has not started.
    #[error("cannot go on from what is there: {0}")]
    Recovery(String),
    /// The reader of standard output is gone (`| head`): the command ends without a fault.
    #[error("standard output has no reader any more")]
    ReaderGone,
    /// The engine failed: a defect of the program or of the machine.
    #[error("the engine failed: {0}")]
    Engine(String),
}

impl From<engine::error::Error> for Error {
    fn from(engine::error::Error(problem): engine::error::Error) -> Self {
        Error::Engine(problem)
    }
}

impl Error {
    /// Returns the error of a wrong scenario file.
    pub fn scenario(path: &Path, problem: impl std::fmt::Display) -> Self {
        Error::Scenario(format!("{}: {problem}", path.display()))
    }

    /// Returns the exit code of a command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::ReaderGone => 0,
            Error::Scenario(_) | Error::Connector(_) => 2,
            Error::Recovery(_) | Error::Engine(_) => 3,
        }
    }
}
