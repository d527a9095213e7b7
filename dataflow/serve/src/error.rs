//! The error of a server that does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the server does not start: the configuration, or the machine, must change first.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others could reach it.
    #[error(
        "http.bind is {0}, which other machines can reach; bind to a loopback address, or set http.allow_public = true"
    )]
    Public(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {bind}: {error}")]
    Bind {
        /// The address asked for.
        bind: SocketAddr,
        /// What the machine says.
        error: io::Error,
    },
    /// The tokens file is wrong.
    #[error("the tokens file {}: {problem}", path.display())]
    Tokens {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The machine gives no thread or no runtime.
    #[error("the HTTP server cannot start: {0}")]
    Start(io::Error),
}
