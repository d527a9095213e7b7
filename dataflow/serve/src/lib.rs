//! The HTTP server: metrics, health, the rows of views, exceptions, and commands.
//!
//! | route | answers |
//! |---|---|
//! | `GET /metrics` | every number of [`Telemetry`](engine::telemetry::Telemetry), for Prometheus |
//! | `GET /healthz`, `/readyz` | 200 while the job runs; 200 once it has caught up; else 503 with the reason |
//! | `GET /v1/views`, `/v1/views/NAME` | the views, and the rows of one at a closed tick, as JSON or Arrow ([`views`]) |
//! | `GET /v1/exceptions`, `/v1/exceptions/stream` | those that stand open, and what happens to them ([`exceptions`]) |
//! | `POST /v1/commands` | takes a person's answer to an exception ([`commands`], [`tokens`]) |
//!
//! Readers query the [`ServingTables`], which the publishing threads fill and close tick by tick. The server has its
//! own thread and runtime; it has no access to the graph, and a slow client slows nothing.

mod access;
pub mod commands;
pub mod config;
pub mod error;
pub mod events;
pub mod exception_record;
pub mod exceptions;
mod listen;
mod reply;
mod routes;
pub mod server;
pub mod tables;
#[cfg(test)]
mod tests;
pub mod tokens;
pub mod views;

pub use crate::commands::CommandSink;
pub use crate::config::HttpConfig;
pub use crate::error::Error;
pub use crate::server::Server;
pub use crate::tables::serving::ServingTables;
