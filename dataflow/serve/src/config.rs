//! `[http]` of the configuration of a live job.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::events;

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
            events_kept: events::DEFAULT_CAPACITY,
            event_readers: 64,
        }
    }
}
