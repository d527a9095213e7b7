//! Records of the exceptions, decisions, late and dead-letter topics, in stored and in published form.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::Topic;
use crate::event::command::{Command, CommandAction};
use crate::exception::{Driver, KeyPart, Parameter, Response, Severity};
use crate::fate::{DeadReason, Fated, Outcome, Raw, RecordHeader};
use crate::ids::{EventId, Id};
use crate::output::Publish;
use crate::place::Place;
use crate::symbol::Symbol;
use crate::time::Cause;

/// What a record of the exceptions topic tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the contract's words")]
pub enum Event {
    Opened,
    Updated,
    Cleared,
    Acknowledged,
    Approved,
    Rejected,
    Snoozed,
    Dismissed,
}

/// Where an exception stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the contract's words")]
pub enum Status {
    Open,
    Acknowledged,
    Approved,
    Rejected,
    Snoozed,
    Dismissed,
    Cleared,
}

/// Whether to route it or only to show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Route it.
    Actionable,
    /// Show it.
    Advisory,
}

/// A record of the exceptions topic; records order by type, key and version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExceptionRecord {
    /// The name of its type.
    pub kind: Symbol,
    /// The key: values under their JSON names, in the contract's order.
    pub key: Arc<[(Symbol, KeyPart)]>,
    /// The version: 1 when opened, increased by every later record.
    pub version: i64,
    /// The exception id.
    pub exception_id: EventId,
    /// True if only the role `loss_prevention` may see it.
    pub restricted: bool,
    /// The event that this record reports.
    pub event: Event,
    /// The status.
    pub status: Status,
    /// The severity and the action.
    pub response: Response,
    /// The confidence in basis points.
    pub confidence_bp: i64,
    /// The mode that follows from the confidence.
    pub mode: Mode,
    /// The store, if there is one.
    pub store: Option<Id>,
    /// The tick at which it opened.
    pub opened_at: i64,
    /// The numbers behind it.
    pub drivers: Arc<[Driver]>,
    /// The policies in force.
    pub policy: Arc<[(Symbol, i64)]>,
    /// The record that led to this one.
    pub cause: Option<Cause>,
}

/// A value of a key in public.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PublicKey<'a> {
    /// A number.
    Number(i64),
    /// A name.
    Name(&'a str),
}

/// A parameter in public.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PublicParameter<'a> {
    /// Yes or no.
    Flag(bool),
    /// How many.
    Number(i64),
    /// Which.
    Text(&'a str),
}

/// An action in public.
#[derive(Serialize, JsonSchema)]
pub struct PublicAction<'a> {
    name: &'a str,
    approver: &'a str,
    parameters: BTreeMap<&'a str, PublicParameter<'a>>,
}

/// A record of the exceptions topic in public.
#[derive(Serialize, JsonSchema)]
pub struct PublicException<'a> {
    exception_id: &'a str,
    r#type: &'a str,
    version: i64,
    event: Event,
    status: Status,
    severity: Severity,
    confidence_bp: i64,
    mode: Mode,
    restricted: bool,
    key: PublicKeys<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store_id: Option<Id>,
    opened_at: i64,
    action: PublicAction<'a>,
    drivers: &'a [Driver],
    policy: BTreeMap<&'a str, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<PublicCause<'a>>,
}

/// What is behind a record, in public: a record by its topic and name, or the program (topic `program`) by its fingerprint.
#[derive(Serialize, JsonSchema)]
pub struct PublicCause<'a> {
    topic: &'a str,
    event_id: &'a str,
}

impl<'a> From<&'a Cause> for PublicCause<'a> {
    fn from(cause: &'a Cause) -> Self {
        match cause {
            Cause::Record { topic, event_id } => PublicCause { topic: topic.name(), event_id },
            Cause::Program(fingerprint) => PublicCause { topic: "program", event_id: fingerprint },
        }
    }
}

/// A key in public: its values under their names, in the contract's order.
pub struct PublicKeys<'a>(Vec<(&'static str, PublicKey<'a>)>);

impl Serialize for PublicKeys<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl JsonSchema for PublicKeys<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Key".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": { "type": ["string", "integer"] } })
    }
}

fn public_key(key: &[(Symbol, KeyPart)]) -> PublicKeys<'_> {
    let value = |part| match part {
        &KeyPart::Number(number) => PublicKey::Number(number),
        KeyPart::Name(name) => PublicKey::Name(name),
    };
    PublicKeys(key.iter().map(|(name, part)| (name.as_str(), value(part))).collect())
}

fn public_action(response: &Response) -> PublicAction<'_> {
    let value = |parameter| match parameter {
        &Parameter::Flag(flag) => PublicParameter::Flag(flag),
        &Parameter::Number(number) => PublicParameter::Number(number),
        Parameter::Text(text) => PublicParameter::Text(text.as_str()),
    };
    let action = &response.action;
    let parameters = action.parameters.iter().map(|(name, parameter)| (name.as_str(), value(parameter))).collect();
    PublicAction { name: action.name.as_str(), approver: action.approver.as_str(), parameters }
}

fn public_policy(policy: &[(Symbol, i64)]) -> BTreeMap<&'static str, i64> {
    policy.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

impl Publish for ExceptionRecord {
    type Public<'a> = PublicException<'a>;

    fn public(&self) -> PublicException<'_> {
        PublicException {
            exception_id: &self.exception_id,
            r#type: self.kind.as_str(),
            version: self.version,
            event: self.event,
            status: self.status,
            severity: self.response.severity,
            confidence_bp: self.confidence_bp,
            mode: self.mode,
            restricted: self.restricted,
            key: public_key(&self.key),
            store_id: self.store,
            opened_at: self.opened_at,
            action: public_action(&self.response),
            drivers: &self.drivers,
            policy: public_policy(&self.policy),
            cause: self.cause.as_ref().map(PublicCause::from),
        }
    }

    fn label(&self) -> Option<(String, String)> {
        Some((self.kind.as_str().to_owned(), format!("{:?}", self.event).to_lowercase()))
    }
}

/// What a decision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// A detector opened it.
    Opened,
    /// It changed, or a snooze ended.
    Updated,
    /// A detector cleared it.
    Cleared,
    /// A person's word was taken.
    Command,
    /// A person's word was not taken.
    Refused,
}

/// A record of the decisions topic; records order by type, key, version and, refused commands, by place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DecisionRecord {
    /// The exception after the decision; `None` when it is unknown.
    pub exception: Option<ExceptionRecord>,
    /// The place of the command in its topic.
    pub place: Place,
    /// The kind of the decision.
    pub kind: DecisionKind,
    /// The exception id.
    pub exception_id: EventId,
    /// The reason.
    pub reason: Symbol,
    /// The command behind it, if there is one.
    pub command: Option<Command>,
}

impl DecisionRecord {
    /// The decision behind a record of the exceptions topic.
    pub fn of(record: &ExceptionRecord, reason: &'static str, command: Option<Command>) -> Self {
        let kind = match record.event {
            Event::Opened => DecisionKind::Opened,
            Event::Updated => DecisionKind::Updated,
            Event::Cleared => DecisionKind::Cleared,
            _ => DecisionKind::Command,
        };
        DecisionRecord {
            exception: Some(record.clone()),
            place: command.as_ref().map_or(Place::default(), |command| command.place),
            kind,
            exception_id: record.exception_id.clone(),
            reason: reason.into(),
            command,
        }
    }

    /// A refused command, with the current exception, if it is open.
    pub fn refused(record: Option<&ExceptionRecord>, reason: &'static str, command: Command) -> Self {
        DecisionRecord {
            exception: record.cloned(),
            place: command.place,
            kind: DecisionKind::Refused,
            exception_id: command.exception.clone(),
            reason: reason.into(),
            command: Some(command),
        }
    }
}

/// A record of the decisions topic in public. `type`, `key`, `version` and the state are absent when nobody knows the
/// exception.
#[derive(Serialize, JsonSchema)]
pub struct PublicDecision<'a> {
    kind: DecisionKind,
    exception_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<PublicKeys<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence_bp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<PublicAction<'a>>,
    reason: &'a str,
    policy: BTreeMap<&'a str, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<CommandAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    inputs: Vec<Input<'a>>,
}

/// What a decision rests on.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Input<'a> {
    /// A record.
    Record(PublicCause<'a>),
    /// A number.
    Number(&'a Driver),
}

impl Publish for DecisionRecord {
    type Public<'a> = PublicDecision<'a>;

    fn public(&self) -> PublicDecision<'_> {
        let exception = self.exception.as_ref();
        let command = self.command.as_ref();
        let causes = exception.and_then(|record| record.cause.as_ref()).map(|cause| Input::Record(cause.into()));
        let numbers = exception.into_iter().flat_map(|record| record.drivers.iter().map(Input::Number));
        PublicDecision {
            kind: self.kind,
            exception_id: &self.exception_id,
            r#type: exception.map(|record| record.kind.as_str()),
            key: exception.map(|record| public_key(&record.key)),
            version: exception.map(|record| record.version),
            opened_at: exception.map(|record| record.opened_at),
            status: exception.map(|record| record.status),
            severity: exception.map(|record| record.response.severity),
            confidence_bp: exception.map(|record| record.confidence_bp),
            mode: exception.map(|record| record.mode),
            response: exception.map(|record| public_action(&record.response)),
            reason: self.reason.as_str(),
            policy: exception.map_or_else(BTreeMap::new, |record| public_policy(&record.policy)),
            actor: command.map(|command| command.actor),
            role: command.map(|command| command.role),
            action: command.map(|command| command.action),
            comment: command.and_then(|command| command.comment.as_deref()),
            until: command.and_then(|command| command.until),
            inputs: causes.into_iter().chain(numbers).collect(),
        }
    }
}

/// A record of the late topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LateRecord(Fated);

/// A record of the dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeadRecord(Fated);

impl LateRecord {
    /// The late record of a fate, if it is one.
    pub fn of(header: &RecordHeader, outcome: &Outcome) -> Option<Self> {
        matches!(outcome, Outcome::Late(_))
            .then(|| LateRecord(Fated { header: header.clone(), outcome: outcome.clone() }))
    }
}

impl DeadRecord {
    /// The dead-letter record of a fate, if it is one.
    pub fn of(header: &RecordHeader, outcome: &Outcome) -> Option<Self> {
        matches!(outcome, Outcome::Dead(..))
            .then(|| DeadRecord(Fated { header: header.clone(), outcome: outcome.clone() }))
    }
}

/// A record of the late topic in public.
#[derive(Serialize, JsonSchema)]
pub struct PublicLate<'a> {
    topic: Topic,
    store_id: &'a str,
    event_id: &'a str,
    event_time: i64,
    late_by_ms: i64,
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    record: Option<&'a RawValue>,
}

impl Publish for LateRecord {
    type Public<'a> = PublicLate<'a>;

    fn public(&self) -> PublicLate<'_> {
        let header = &self.0.header;
        let original = header.original.as_ref();
        let record = match original.map(|original| &original.raw) {
            Some(Raw::Text(text)) => serde_json::from_str(text).ok(),
            _ => None,
        };
        let late_by_ms = if let Outcome::Late(by_ms) = self.0.outcome { by_ms } else { 0 };
        PublicLate {
            topic: header.topic,
            store_id: header.store.map_or("-", Id::as_str),
            event_id: original.and_then(|original| original.event_id.as_deref()).unwrap_or_default(),
            event_time: header.event_time.unwrap_or_default(),
            late_by_ms,
            record,
        }
    }
}

/// A record of the dead-letter topic in public.
#[derive(Serialize, JsonSchema)]
pub struct PublicDead<'a> {
    topic: Topic,
    store_id: &'a str,
    position: u64,
    reason: DeadReason,
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
}

impl Publish for DeadRecord {
    type Public<'a> = PublicDead<'a>;

    fn public(&self) -> PublicDead<'_> {
        let header = &self.0.header;
        let (reason, field) = match &self.0.outcome {
            Outcome::Dead(reason, field) => (*reason, field.as_deref()),
            _ => (DeadReason::Malformed, None),
        };
        let original = header.original.as_ref();
        let (raw, raw_base64) = match original.map(|original| &original.raw) {
            Some(Raw::Text(text)) => (Some(&**text), None),
            Some(Raw::Bytes(bytes)) => (None, Some(base64::engine::general_purpose::STANDARD.encode(bytes))),
            None => (None, None),
        };
        PublicDead {
            topic: header.topic,
            store_id: header.store.map_or("-", Id::as_str),
            position: original.map_or(0, |original| original.place.offset),
            reason,
            field,
            raw,
            raw_base64,
        }
    }
}
