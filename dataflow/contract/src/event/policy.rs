//! Record type `policy`: a value that overrides a policy's default from its tick on (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, SIGNED};
use crate::ids::EventId;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"pol-1","type":"policy","event_time":1772571600000,"ingest_time":1772571601615,"policy_key":"min_confidence_bp","value":6000}"#;

/// The current row of a policy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PolicyValue {
    /// The policy's name.
    pub key: EventId,
    /// The value.
    pub value: i64,
}

impl PolicyValue {
    /// Reads the fields of a policy, after its key.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(key: &EventId, fields: &mut F) -> Result<Self, Bad> {
        Ok(PolicyValue { key: key.clone(), value: fields.integer("value", SIGNED)? })
    }
}
