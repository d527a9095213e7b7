//! Record type `task`: a task of a store, such as setting up a promotion (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL, Spelling};
use crate::ids::{EventId, Id};

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"tas-1","type":"task","event_time":1772417760000,"ingest_time":1772418041000,"store_id":"s02","task_id":"t-1","task_type":"price_check","status":"open","created_at":1772417760000,"due_at":1772439360000,"est_minutes":90}"#;

/// The status of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the contract's words")]
pub enum TaskStatus {
    Open,
    InProgress,
    Completed,
    Cancelled,
}

const STATUSES: Spelling<TaskStatus> = &[
    ("open", TaskStatus::Open),
    ("in_progress", TaskStatus::InProgress),
    ("completed", TaskStatus::Completed),
    ("cancelled", TaskStatus::Cancelled),
];

/// The current row of a task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Task {
    /// The store.
    pub store: Id,
    /// The task id.
    pub task: EventId,
    /// The task type.
    pub task_type: Id,
    /// The promotion it belongs to, if any.
    pub promotion: Option<Id>,
    /// The status.
    pub status: TaskStatus,
    /// The instant at which it is due.
    pub due_at: i64,
    /// The instant at which it was completed.
    pub completed_at: Option<i64>,
    /// The estimated minutes.
    pub est_minutes: i64,
}

impl Task {
    /// Reads the fields of a task at `store`, after its id.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, task: EventId, fields: &mut F) -> Result<Self, Bad> {
        let task_type = fields.id("task_type")?;
        let promotion = fields.optional_id("promotion_id")?;
        fields.optional_id("item_id")?;
        let status = fields.choice("status", STATUSES)?;
        fields.integer("created_at", NATURAL)?;
        let due_at = fields.integer("due_at", NATURAL)?;
        let completed_at = fields.optional_integer("completed_at", NATURAL)?;
        let est_minutes = fields.integer("est_minutes", NATURAL)?;
        Ok(Task { store, task, task_type, promotion, status, due_at, completed_at, est_minutes })
    }

    /// True while the task is to be done.
    pub fn is_open(&self) -> bool {
        matches!(self.status, TaskStatus::Open | TaskStatus::InProgress)
    }
}
