//! Record type `exception.command`: a person's answer to an exception (contract §3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL, Spelling};
use crate::ids::{EventId, Id};
use crate::place::Place;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"cmd-1","type":"exception.command","event_time":1772408702000,"ingest_time":1772408702000,"exception_id":"b3e6c4ca930b1dbf5a215c2438f6ec01","action":"ack","actor":"u1","role":"regional_manager"}"#;

/// What the person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandAction {
    /// Seen.
    Ack,
    /// Do what is recommended.
    Approve,
    /// Do not.
    Reject,
    /// Not now.
    Snooze,
    /// Not an exception.
    Dismiss,
}

const ACTIONS: Spelling<CommandAction> = &[
    ("ack", CommandAction::Ack),
    ("approve", CommandAction::Approve),
    ("reject", CommandAction::Reject),
    ("snooze", CommandAction::Snooze),
    ("dismiss", CommandAction::Dismiss),
];

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Command {
    /// The place in the topic: commands of a tick are applied in this order.
    pub place: Place,
    /// The exception it answers.
    pub exception: EventId,
    /// The requested action.
    pub action: CommandAction,
    /// By whom.
    pub actor: Id,
    /// In which role.
    pub role: Id,
    /// In their words.
    pub comment: Option<String>,
    /// The end of a snooze.
    pub until: Option<i64>,
}

impl Command {
    /// Reads the fields of a command.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(fields: &mut F) -> Result<Self, Bad> {
        Ok(Command {
            place: Place::default(),
            exception: fields.text_id("exception_id")?,
            action: fields.choice("action", ACTIONS)?,
            actor: fields.id("actor")?,
            role: fields.id("role")?,
            comment: fields.optional_text("comment")?,
            until: fields.optional_integer("until", NATURAL)?,
        })
    }
}
