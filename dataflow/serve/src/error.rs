//! The errors of a server that cannot start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The reason for which the server cannot start; the configuration or the machine must change first.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can be reached from other machines, without `allow_public`.
    #[error(
        "http.bind is {0}, which other machines can reach; bind to a loopback address, or set http.allow_public = true"
    )]
    Public(SocketAddr),
    /// The address cannot be bound.
    #[error("cannot listen on {bind}: {error}")]
    Bind {
        /// The configured address.
        bind: SocketAddr,
        /// The error of the system.
        error: io::Error,
    },
    /// The tokens file is missing or wrong.
    #[error("the tokens file {}: {problem}", path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
        /// The problem in the file.
        problem: String,
    },
    /// The system has no thread, or no runtime can be created.
    #[error("the HTTP server cannot start: {0}")]
    Start(io::Error),
}
