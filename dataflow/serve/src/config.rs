//! The table `[http]` in the configuration of a live job.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::events;

/// The configuration of the HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// The address and port to listen on; default `127.0.0.1:9464`. Port 0 takes any free one.
    pub bind: SocketAddr,
    /// Must be true to listen on an address that other machines can reach. The server does not encrypt: put a TLS proxy
    /// in front.
    pub allow_public: bool,
    /// The file of tokens; only their holders may give commands and see restricted exceptions. It holds `[[token]]`
    /// tables with `sha256` (of the token, in hex: `printf %s "$token" | sha256sum`), `actor`, `roles` and `expires_at`
    /// (RFC 3339, or milliseconds); it is read again when it changes.
    pub tokens_file: Option<PathBuf>,
    /// If true, views and exceptions need a token of any role. Metrics and health never do.
    pub reads_need_token: bool,
    /// The number of exceptions records that are kept for clients that resume the stream.
    pub events_kept: usize,
    /// The greatest number of clients that read the stream of exceptions at the same time.
    pub event_readers: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        HttpConfig {
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 9_464)),
            allow_public: false,
            tokens_file: None,
            reads_need_token: false,
            events_kept: events::DEFAULT_CAPACITY,
            event_readers: 64,
        }
    }
}
