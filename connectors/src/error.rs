//! What can go wrong between a program and its bytes: what was tried, on what, why it failed, and whether to try again.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A failed attempt on a file, a broker or an output topic.
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
    /// The content is not what it should be. Final.
    #[error("{path}: {problem}", path = path.display())]
    Content {
        /// Of which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A file no longer holds what was read of it. Final for whoever acted on what was read.
    #[error("{path}: {problem}", path = path.display())]
    Changed {
        /// The path of the file.
        path: PathBuf,
        /// The missing content, as a sentence.
        problem: String,
    },
    /// A broker refused, or could not be reached.
    #[error("cannot {attempt} {place}: {problem}")]
    Broker {
        /// What was tried.
        attempt: &'static str,
        /// Where.
        place: Place,
        /// Why it failed.
        problem: String,
        /// Whether trying again cannot help.
        is_final: bool,
    },
    /// A setting that cannot be followed. Final.
    #[error("{0}")]
    Config(String),
    /// An output topic contradicts what is written to it, or itself. Final: writing on would make it worse.
    #[error("{0}")]
    Output(String),
}

/// A place in a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// Its partition, where one is meant.
    pub partition: Option<u32>,
    /// The record in it, where one is meant.
    pub offset: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "topic {}", self.topic)?;
        self.partition.map_or(Ok(()), |partition| write!(to, ", partition {partition}"))?;
        self.offset.map_or(Ok(()), |offset| write!(to, ", offset {offset}"))
    }
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

    /// A failed `attempt` at `place` that may succeed when it is made again.
    pub fn broker(attempt: &'static str, place: &Place, problem: impl ToString) -> Error {
        Error::Broker { attempt, place: place.clone(), problem: problem.to_string(), is_final: false }
    }

    /// A failed `attempt` at `place` that will fail again.
    pub fn broker_final(attempt: &'static str, place: &Place, problem: impl ToString) -> Error {
        Error::Broker { attempt, place: place.clone(), problem: problem.to_string(), is_final: true }
    }

    /// Whether trying again cannot help: somebody has to change something first.
    pub fn is_final(&self) -> bool {
        match self {
            Error::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::NotFound
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::ReadOnlyFilesystem
                    | io::ErrorKind::IsADirectory
                    | io::ErrorKind::NotADirectory
                    | io::ErrorKind::InvalidData
            ),
            Error::Broker { is_final, .. } => *is_final,
            Error::Content { .. } | Error::Changed { .. } | Error::Config(_) | Error::Output(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_where_and_whether_to_try_again() {
        let place = Place { topic: "pos".into(), partition: Some(3), offset: Some(17) };
        let lost = Error::broker("read", &place, "socket closed");
        assert_eq!(lost.to_string(), "cannot read topic pos, partition 3, offset 17: socket closed");
        assert!(!lost.is_final());
        assert!(Error::broker_final("read", &Place { topic: "pos".into(), ..Place::default() }, "no topic").is_final());
        let full = Error::io("write", Path::new("x"))(io::Error::from(io::ErrorKind::StorageFull));
        assert!(!full.is_final());
        assert!(Error::io("open", Path::new("x"))(io::Error::from(io::ErrorKind::NotFound)).is_final());
    }
}
