//! A connection without the 40 ms that delayed acknowledgements cost: it sends at once and acknowledges at once.
//!
//! The broker writes an answer in two pieces and waits for the first to be acknowledged (Nagle); the kernel waits with
//! the acknowledgement for something to send along. Either alone is cheap, together they are the latency.

use std::io::Result;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use fluvio_future::net::{
    BoxReadConnection, BoxWriteConnection, ConnectionFd, DomainConnector, TcpDomainConnector, TcpStream,
};
use futures_lite::io::AsyncRead;
use rustix::net::sockopt::set_tcp_quickack;

/// Makes such connections.
#[derive(Clone)]
pub(super) struct Prompt;

#[async_trait]
impl TcpDomainConnector for Prompt {
    async fn connect(&self, address: &str) -> Result<(BoxWriteConnection, BoxReadConnection, ConnectionFd)> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        set_tcp_quickack(&stream, true)?;
        let fd = stream.as_raw_fd();
        Ok((Box::new(stream.clone()), Box::new(Acknowledging(stream)), fd))
    }

    fn new_domain(&self, _domain: String) -> DomainConnector {
        Box::new(Prompt)
    }

    fn domain(&self) -> &str {
        "localhost"
    }

    fn clone_box(&self) -> DomainConnector {
        Box::new(Prompt)
    }
}

struct Acknowledging(TcpStream);

impl AsyncRead for Acknowledging {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<usize>> {
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        if read.is_ready() {
            // The kernel forgets it, so again after every read.
            set_tcp_quickack(&self.0, true)?;
        }
        read
    }
}
