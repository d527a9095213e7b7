//! A small HTTP client for tests: one request per connection, and a reader of server-sent events.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use engine::telemetry::Telemetry;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::{CommandSink, HttpConfig, Server, ServingTables};

/// A running server with its tables and metrics.
pub(super) struct Served {
    pub(super) server: Server,
    pub(super) telemetry: Telemetry,
    pub(super) tables: ServingTables,
    _folder: TempDir,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// Tokens and what they allow; the last has expired.
const TOKENS: [(&str, &str, &str, i64); 4] = [
    ("token-of-mara", "mara", "store_manager", i64::MAX),
    ("token-of-paul", "paul", "store_manager finance", i64::MAX),
    ("token-of-lena", "lena", "loss_prevention", i64::MAX),
    ("token-of-otto", "otto", "store_manager", 1),
];

fn tokens_file(folder: &TempDir) -> PathBuf {
    let entry = |(token, actor, roles, expires_at): (&str, &str, &str, i64)| {
        let hash: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
        let roles: Vec<&str> = roles.split(' ').collect();
        format!("[[token]]\nsha256 = {hash:?}\nactor = {actor:?}\nroles = {roles:?}\nexpires_at = {expires_at}\n")
    };
    let path = folder.path().join("tokens.toml");
    std::fs::write(&path, TOKENS.map(entry).concat()).expect("written");
    path
}

impl Served {
    /// A server of `tables` on any free port.
    pub(super) fn start(tables: ServingTables, commands: Option<CommandSink>) -> Self {
        Served::configured(tables, commands, |_| {})
    }

    /// The same with another configuration.
    pub(super) fn configured(
        tables: ServingTables,
        commands: Option<CommandSink>,
        change: impl FnOnce(&mut HttpConfig),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = HttpConfig { tokens_file: Some(tokens_file(&folder)), ..HttpConfig::default() };
        config.bind.set_port(0);
        change(&mut config);
        let telemetry = Telemetry::new("1");
        let server = Server::start(&config, telemetry.clone(), tables.clone(), commands).expect("it starts");
        Served { server, telemetry, tables, _folder: folder }
    }

    /// Sends bytes and reads the answer to its end.
    pub(super) fn send(&self, request: &[u8]) -> Answer {
        let mut stream = connect(self.server.address());
        stream.write_all(request).expect("sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("answered");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("text").to_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head, body: bytes[end + 4..].to_vec() }
    }

    /// `GET path` with more header lines.
    pub(super) fn get_with(&self, path: &str, headers: &[&str]) -> Answer {
        self.send(request("GET", path, headers, "").as_bytes())
    }

    /// `GET path`.
    pub(super) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    /// `GET path`, answered with JSON.
    pub(super) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Posts a command.
    pub(super) fn post(&self, token: Option<&str>, body: &str) -> Answer {
        let header = token.map(bearer);
        let headers: Vec<&str> = header.as_deref().into_iter().collect();
        self.send(request("POST", "/v1/commands", &headers, body).as_bytes())
    }

    /// Reads the stream of exceptions.
    pub(super) fn stream(&self, path: &str, headers: &[&str]) -> Stream {
        let mut stream = connect(self.server.address());
        stream.write_all(request("GET", path, headers, "").as_bytes()).expect("sent");
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while lines.read_line(&mut head).expect("read") > 2 {}
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        Stream(lines)
    }
}

pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// HTTP/1.0: the answer ends with its connection, a stream is not cut into chunks.
fn request(method: &str, path: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{method} {path} HTTP/1.0\r\nHost: here\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    // Only a defect waits so long; then the test fails instead of standing still.
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The sentence and the field of a refusal.
    pub(super) fn problem(&self) -> (u16, String, String) {
        let exception = self.json();
        let text = |name: &str| exception[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("field"), text("error"))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }
}

/// Reads events.
pub(super) struct Stream(BufReader<TcpStream>);

impl Stream {
    /// The next event as `id event data`; `None` when the stream has ended.
    pub(super) fn next(&mut self) -> Option<(String, String, String)> {
        let (mut id, mut event, mut data) = (String::new(), String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("read") == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", text)) => text.clone_into(&mut id),
                Some(("event", text)) => text.clone_into(&mut event),
                Some(("data", text)) => text.clone_into(&mut data),
                _ if line.trim_end().is_empty() && !event.is_empty() => return Some((id, event, data)),
                _ => {}
            }
        }
    }

    /// The next events' ids and names.
    pub(super) fn named(&mut self, count: usize) -> Vec<String> {
        let name = |_| self.next().map(|(id, event, _)| format!("{id} {event}"));
        (0..count).map_while(name).collect()
    }
}
