//! Starts and stops the HTTP server, which has its own thread and runtime.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::telemetry::Telemetry;
use tokio::sync::watch;

use crate::commands::CommandSink;
use crate::config::HttpConfig;
use crate::error::Error;
use crate::tables::serving::ServingTables;
use crate::tokens::Tokens;
use crate::{listen, routes};

/// The time that a stop waits for blocked work.
const STUCK_TIMEOUT: Duration = Duration::from_secs(1);

/// A running server.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl Server {
    /// Starts the server on a thread of its own.
    ///
    /// # Errors
    /// If the configuration is not allowed or wrong, or the address cannot be bound.
    pub fn start(
        config: &HttpConfig,
        telemetry: Telemetry,
        tables: ServingTables,
        commands: Option<CommandSink>,
    ) -> Result<Self, Error> {
        let bind = config.bind;
        if !bind.ip().is_loopback() && !config.allow_public {
            return Err(Error::Public(bind));
        }
        let tokens = Tokens::open(config.tokens_file.as_deref())?;
        tables.events().set_capacity(config.events_kept);
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
        let app = routes::App::new(config, telemetry, tables, tokens, commands, stopping.clone());
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

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting requests, ends the streams, and waits for a limited time for other answers.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("the HTTP server's thread panicked");
        }
    }
}
