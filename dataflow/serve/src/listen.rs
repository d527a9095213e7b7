//! Accepts connections with limits: their number, the time for a request's head, and the time that a stop waits for
//! answers.

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use futures_lite::future::or;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::access::Peer;

/// The greatest number of connections; more wait to be accepted.
const CONNECTIONS: usize = 256;
/// The greatest time for a request's head, and between requests on a kept connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The greatest size of a request's head, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// The greatest time that a stop waits for answers.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// The wait before the next accept after one has failed.
const NO_ROOM: Duration = Duration::from_millis(200);

/// Serves connections until `stopping` turns true.
pub(super) async fn serve(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES);
    loop {
        let accepted = async {
            let permit = room.clone().acquire_owned().await;
            Some((listener.accept().await, permit))
        };
        let stopped = async {
            // An error says that the server is gone, which is a stop as well.
            _ = stopping.wait_for(|stopping| *stopping).await;
            None
        };
        let Some((accepted, permit)) = or(stopped, accepted).await else { break };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(NO_ROOM).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone().layer(Extension(Peer(peer))));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, %peer, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some HTTP answers were cut off by the stop");
    }
}
