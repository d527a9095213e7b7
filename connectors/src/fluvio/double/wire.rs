//! Frames of the protocol: a length, then a header and a request, or a number and an answer.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Cursor, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use fluvio_protocol::api::RequestHeader;
use fluvio_protocol::bytes::{Buf, BufMut};
use fluvio_protocol::link::ErrorCode;
use fluvio_protocol::link::versions::{ApiVersionKey, ApiVersionsResponse};
use fluvio_protocol::{Decoder, Encoder, Version};

/// Whether to go on with a connection.
pub(super) type Answer = Result<bool, Box<dyn Error>>;

/// A request.
pub(super) struct Frame {
    pub(super) header: RequestHeader,
    bytes: Vec<u8>,
    body: usize,
}

impl Frame {
    pub(super) fn read(input: &mut impl Read) -> io::Result<Frame> {
        let mut length = [0; 4];
        input.read_exact(&mut length)?;
        let mut bytes = vec![0; i32::from_be_bytes(length) as usize];
        input.read_exact(&mut bytes)?;
        let mut rest = Cursor::new(&bytes[..]);
        let header = RequestHeader::decode_from(&mut rest, 0)?;
        let body = rest.position() as usize;
        Ok(Frame { header, bytes, body })
    }

    pub(super) fn decode<T: Decoder>(&self) -> io::Result<T> {
        T::decode_from(&mut &self.bytes[self.body..], self.header.api_version())
    }
}

/// What the streams of a connection wait for.
#[derive(Default)]
pub(super) struct Acks {
    pub(super) acked: HashMap<u32, i64>,
    pub(super) closed: bool,
}

/// The answering side of a connection; clones are the same.
#[derive(Clone)]
pub(super) struct Connection {
    out: Arc<Mutex<TcpStream>>,
    pub(super) streams: Arc<(Mutex<Acks>, Condvar)>,
}

impl Connection {
    pub(super) fn new(stream: &TcpStream) -> Connection {
        stream.set_nodelay(true).unwrap();
        Connection { out: Arc::new(Mutex::new(stream.try_clone().unwrap())), streams: Arc::default() }
    }

    pub(super) fn close(&self) {
        self.streams.0.lock().unwrap().closed = true;
        self.streams.1.notify_all();
        // It may have ended by itself.
        _ = self.out.lock().unwrap().shutdown(Shutdown::Both);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.streams.0.lock().unwrap().closed
    }

    pub(super) fn reply<R: Encoder>(&self, header: &RequestHeader, response: &R) -> io::Result<()> {
        let mut frame = vec![0; 4];
        header.correlation_id().encode(&mut frame, 0)?;
        response.encode(&mut frame, header.api_version())?;
        let length = (frame.len() - 4) as i32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.out.lock().unwrap().write_all(&frame)
    }
}

/// What a server says it speaks.
pub(super) fn versions(api_keys: Vec<ApiVersionKey>) -> ApiVersionsResponse {
    let platform_version = semver::Version::new(0, 18, 2).into();
    ApiVersionsResponse { error_code: ErrorCode::None, api_keys, platform_version }
}

/// A record set that is encoded already; the real broker sends slices of its files in its place.
#[derive(Default, Debug)]
pub(super) struct Encoded(pub(super) Vec<u8>);

impl Encoder for Encoded {
    fn write_size(&self, _: Version) -> usize {
        4 + self.0.len()
    }

    fn encode<T: BufMut>(&self, into: &mut T, version: Version) -> io::Result<()> {
        (self.0.len() as i32).encode(into, version)?;
        into.put_slice(&self.0);
        Ok(())
    }
}

impl Decoder for Encoded {
    fn decode<T: Buf>(&mut self, _: &mut T, _: Version) -> io::Result<()> {
        Err(io::Error::other("only sent"))
    }
}
