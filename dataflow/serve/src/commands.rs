//! Commands over HTTP: checks a command and appends it to the commands topic, through which every command enters the
//! job.
//!
//! `POST /v1/commands` with a bearer token and `{"exception_id", "action", "until"?, "comment"?, "role"?}`. The actor
//! and the role are the token's; a role is required only if the token has several. Status 202 means that the record is
//! in the topic, and carries its `event_id`; the decisions topic and the stream of exceptions show its effect.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use contract::event::fields::Fault;
use contract::event::{Record, Topic};
use engine::clock;
use serde_json::{Map, Value, json};

use crate::access::Refusal;
use crate::reply::{self, Problem};
use crate::tokens::Holder;

/// Appends one record to the commands topic and returns when it is stored.
pub type CommandSink = Box<dyn Fn(Vec<u8>) -> Result<(), String> + Send + Sync>;

/// The fields that a client may send.
const FIELDS: [&str; 5] = ["exception_id", "action", "role", "comment", "until"];

/// Creates unique ids of commands.
pub(super) struct CommandIds {
    started_at: i64,
    count: AtomicU64,
}

impl CommandIds {
    /// Creates the ids of a server that starts now.
    pub(super) fn new() -> Self {
        CommandIds { started_at: clock::wall_ms(), count: AtomicU64::new(0) }
    }

    /// Returns an id that no other command has: a hash of the sender, the time, the process and a counter.
    fn next(&self, holder: &Holder, now: i64) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let seed = format!("{}\n{now}\n{}\n{process}\n{count}", holder.actor, self.started_at);
        format!("http-{}", &blake3::hash(seed.as_bytes()).to_hex()[..32])
    }
}

/// A command that is ready to be appended.
#[derive(Debug)]
pub(super) struct AcceptedCommand {
    pub(super) event_id: String,
    pub(super) record: Vec<u8>,
}

/// The reasons for which a command is not accepted.
#[derive(Debug)]
pub(super) enum CommandError {
    /// The body is no valid command.
    Invalid(Problem),
    /// The sender may not give the command.
    Refused(Refusal),
}

/// Builds the record of a command that `holder` sent.
///
/// # Errors
/// If the body is no command, or names a role that the holder does not have.
pub(super) fn read(body: &[u8], holder: &Holder, ids: &CommandIds) -> Result<AcceptedCommand, CommandError> {
    let not_json =
        |error| CommandError::Invalid(Problem::new(StatusCode::BAD_REQUEST, format!("no JSON object: {error}")));
    let mut sent: Map<String, Value> = serde_json::from_slice(body).map_err(not_json)?;
    if let Some(name) = sent.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        let sentence = format!("there is no field {name:?}; there are {}", FIELDS.join(", "));
        return Err(CommandError::Invalid(Problem::field(name, sentence)));
    }
    let role = role(&sent, holder)?;
    sent.insert("role".to_owned(), role.into());
    let now = clock::wall_ms();
    let event_id = ids.next(holder, now);
    let mut record = json!({
        "event_id": event_id, "type": "exception.command", "event_time": now, "ingest_time": now, "source": "http",
        "actor": holder.actor.as_str(),
    });
    if let Some(record) = record.as_object_mut() {
        record.extend(sent);
    }
    let record = record.to_string().into_bytes();
    // The same judge as at the edge: what is taken here is no dead letter there.
    Record::decode(Topic::Commands, &record).map_err(|dead| {
        let field = dead.bad.field.unwrap_or("the record");
        let problem = match dead.bad.fault {
            Fault::Malformed => "is missing or of a wrong type",
            Fault::Invalid => "has a value it may not have",
        };
        CommandError::Invalid(Problem::field(field, format!("{field} {problem}")))
    })?;
    Ok(AcceptedCommand { event_id, record })
}

/// Returns the role of a command: the one it names, or the only one of its sender.
fn role(sent: &Map<String, Value>, holder: &Holder) -> Result<&'static str, CommandError> {
    let wrong = |sentence: &'static str| CommandError::Invalid(Problem::field("role", sentence));
    match sent.get("role") {
        None | Some(Value::Null) => match holder.roles.as_slice() {
            [only] => Ok(only.as_str()),
            _ => Err(wrong("role must be named: this token has several")),
        },
        Some(Value::String(named)) => {
            let found = holder.roles.iter().find(|role| role.as_str() == named);
            found.map(|role| role.as_str()).ok_or_else(|| CommandError::Refused(Refusal::wrong_role(holder)))
        }
        Some(_) => Err(wrong("role must be a text")),
    }
}

/// Returns the answer for a command that is in its topic.
pub(super) fn accepted(event_id: &str) -> Response {
    (StatusCode::ACCEPTED, reply::json(json!({ "event_id": event_id }).to_string())).into_response()
}
