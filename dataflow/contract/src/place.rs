//! The place of a record in its topic.

use serde::{Deserialize, Serialize};

/// Where a record is in its topic: records of one tick are judged in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// When its log took it (milliseconds); 0 where a topic is one log in order.
    pub logged_at: i64,
    /// The log it is in, of those of the topic.
    pub partition: u32,
    /// Its number in that log.
    pub offset: u64,
}

impl Place {
    /// A place in a topic that is one log.
    pub fn number(offset: u64) -> Self {
        Place { offset, ..Place::default() }
    }
}
