//! The window of the job: numbers, health, the rows of every view, the exceptions, and a slot for commands.
//!
//! | route | answers |
//! |---|---|
//! | `GET /metrics` | every number of [`Telemetry`], for Prometheus |
//! | `GET /healthz`, `/readyz` | 200 while the job runs; 200 once it has caught up; else 503 with the reason |
//! | `GET /v1/views`, `/v1/views/NAME` | the views, and the rows of one at a closed tick, as JSON or Arrow ([`tables`]) |
//! | `GET /v1/exceptions`, `/v1/exceptions/stream` | those that stand open, and what happens to them ([`exceptions`]) |
//! | `POST /v1/commands` | takes a person's answer to an exception ([`commands`], [`tokens`]) |
//!
//! What is read comes from a [`Board`], which the writer's thread feeds and closes tick by tick. The server has its own
//! thread with its own small runtime; nothing of it reaches into the graph, and a slow reader slows nobody.

mod access;
pub mod commands;
pub mod events;
pub mod exceptions;
pub mod layout;
mod listen;
pub mod pages;
mod reply;
mod routes;
pub mod rows;
pub mod saved;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod told;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::watch;

pub use crate::serve::commands::CommandSink;
pub use crate::serve::rows::Board;
use crate::serve::tokens::Tokens;
use crate::telemetry::Telemetry;

/// How long a stop waits for work that does not end.
const STUCK_TIMEOUT: Duration = Duration::from_secs(1);

/// The part of the configuration that speaks of HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// The address and port to listen on, `127.0.0.1:9464` unless told otherwise. Port 0 takes any free one.
    pub bind: SocketAddr,
    /// Must be true to listen on an address that other machines can reach. Nothing is encrypted here: put a proxy that
    /// speaks TLS in front.
    pub allow_public: bool,
    /// The file of tokens that may give commands and see restricted exceptions; without it nobody may. It holds
    /// `[[token]]` tables with `sha256` (of the token, in hex: `printf %s "$token" | sha256sum`), `actor`, `roles` and
    /// `expires_at` (RFC 3339, or milliseconds); it is read again when it changes.
    pub tokens_file: Option<PathBuf>,
    /// Whether views and exceptions are for holders of a token only, whatever its roles. Metrics and health are for all.
    pub reads_need_token: bool,
    /// How many exceptions records are kept for those who lost the stream and go on where they were.
    pub events_kept: usize,
    /// How many clients may read the stream of exceptions at a time.
    pub event_readers: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 9_464)),
            allow_public: false,
            tokens_file: None,
            reads_need_token: false,
            events_kept: events::KEPT,
            event_readers: 64,
        }
    }
}

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

/// A server that runs.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts answering on a thread of its own.
    ///
    /// # Errors
    /// If the configuration is not allowed or wrong, or the address cannot be had.
    pub fn start(
        config: &HttpConfig,
        telemetry: Telemetry,
        board: Board,
        commands: Option<CommandSink>,
    ) -> Result<Self, Error> {
        let bind = config.bind;
        if !bind.ip().is_loopback() && !config.allow_public {
            return Err(Error::Public(bind));
        }
        let tokens = Tokens::open(config.tokens_file.as_deref())?;
        board.events().keep(config.events_kept);
        let unbound = |error| Error::Bind { bind, error };
        let listener = TcpListener::bind(bind).map_err(unbound)?;
        listener.set_nonblocking(true).map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(4)
            .build()
            .map_err(Error::Start)?;
        let (stop, stopping) = watch::channel(false);
        let app = routes::App::new(config, telemetry, board, tokens, commands, stopping.clone());
        let serve = async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => listen::serve(listener, routes::router(app), stopping).await,
                Err(error) => tracing::error!(%error, "the HTTP server cannot listen"),
            }
        };
        let run = move || {
            runtime.block_on(serve);
            // A log that hangs under a command does not keep the job from stopping.
            runtime.shutdown_timeout(STUCK_TIMEOUT);
        };
        let thread = std::thread::Builder::new().name("http".to_owned()).spawn(run).map_err(Error::Start)?;
        tracing::info!(%address, "HTTP server started");
        Ok(Server { address, stop, thread })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, ends the streams, and waits a little for the answers on their way.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the HTTP server's thread panicked");
        }
    }
}
