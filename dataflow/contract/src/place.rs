//! The place of a record in its topic.

use serde::{Deserialize, Serialize};

/// The place of a record in its topic: records of one tick are judged in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The log time in milliseconds; 0 where a topic is one log in order.
    pub logged_at: i64,
    /// The partition.
    pub partition: u32,
    /// The offset in the partition.
    pub offset: u64,
}

impl Place {
    /// A place in a topic that is one log.
    pub fn number(offset: u64) -> Self {
        Place { offset, ..Place::default() }
    }
}
