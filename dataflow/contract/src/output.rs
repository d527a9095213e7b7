//! Output topics, and the records in the form in which consumers read them.

use serde::Serialize;

use crate::time::Time;

/// An output topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputTopic {
    /// Rows of views as they change.
    Views,
    /// Exceptions as they open, change and clear.
    Exceptions,
    /// Decisions: the reason and the author of each step of an exception.
    Decisions,
    /// Records that came too late.
    Late,
    /// Records that could not be read.
    DeadLetter,
}

impl OutputTopic {
    /// Every output topic.
    pub const ALL: [OutputTopic; 5] = [
        OutputTopic::Views,
        OutputTopic::Exceptions,
        OutputTopic::Decisions,
        OutputTopic::Late,
        OutputTopic::DeadLetter,
    ];

    /// The topic's name.
    pub fn name(self) -> &'static str {
        match self {
            OutputTopic::Views => "views",
            OutputTopic::Exceptions => "exceptions",
            OutputTopic::Decisions => "decisions",
            OutputTopic::Late => "late",
            OutputTopic::DeadLetter => "dead_letter",
        }
    }
}

/// What happened to a row since the last emission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It came.
    Insert,
    /// It changed.
    Update,
    /// It went.
    Delete,
    /// It will not change again.
    Settle,
}

/// A record with its number, `(time, seq)`, which identifies it within its topic for ever.
#[derive(Serialize)]
pub struct Numbered<R> {
    /// The tick.
    pub time: Time,
    /// The number in the tick.
    pub seq: u64,
    /// The record.
    #[serde(flatten)]
    pub record: R,
}

/// One record of the views topic: the change of a row since the last emission.
#[derive(Serialize)]
pub struct ViewRecord<'a, K, V> {
    /// The tick.
    pub time: Time,
    /// The number in the tick.
    pub seq: u64,
    /// The view's name.
    pub view: &'static str,
    /// The key of the row.
    pub key: &'a K,
    /// The kind of change.
    pub op: Op,
    /// The row; none when it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<&'a V>,
}

/// A record with a public form: the form that consumers of its topic read.
pub trait Publish {
    /// The public form.
    type Public<'a>: Serialize
    where
        Self: 'a;

    /// Converts it to its public form.
    fn public(&self) -> Self::Public<'_>;

    /// The exception type and event it is counted under, if any.
    fn label(&self) -> Option<(String, String)> {
        None
    }
}
