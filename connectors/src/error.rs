//! What can go wrong between a program and its bytes: what was tried, on what, and why it failed.

use std::io;
use std::path::{Path, PathBuf};

/// A failed attempt on a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {attempt} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        attempt: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The content is not what it should be.
    #[error("{path}: {problem}", path = path.display())]
    Content {
        /// Of which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    /// A failed `attempt` on `path`.
    pub fn io(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { attempt, path, source }
    }

    /// Wrong content of `path`.
    pub fn content(path: &Path, problem: impl ToString) -> Error {
        Error::Content { path: path.to_owned(), problem: problem.to_string() }
    }
}
