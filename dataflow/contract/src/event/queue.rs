//! Record type `queue.interval`: service of a checkout queue over a short interval (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL};
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"que-1","type":"queue.interval","event_time":1772434800000,"ingest_time":1772434800000,"store_id":"s03","zone_id":"kiosk","served":12,"over_target":2,"abandoned":1,"wait_ms_sum":840000,"length_max":6,"lanes_open":3}"#;

/// One interval of one queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QueueInterval {
    /// The store.
    pub store: Id,
    /// The zone of the store.
    pub zone: Id,
    /// Customers served.
    pub served: i64,
    /// Customers among the served who waited longer than the target.
    pub over_target: i64,
    /// Customers who left the queue.
    pub abandoned: i64,
    /// Sum of the waits of those served.
    pub wait_ms_sum: i64,
    /// Longest queue seen.
    pub length_max: i64,
    /// Lanes open.
    pub lanes_open: i64,
}

impl QueueInterval {
    /// Reads the fields of an interval at `store`.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, fields: &mut F) -> Result<Self, Bad> {
        Ok(QueueInterval {
            store,
            zone: fields.id("zone_id")?,
            served: fields.integer("served", NATURAL)?,
            over_target: fields.integer("over_target", NATURAL)?,
            abandoned: fields.integer("abandoned", NATURAL)?,
            wait_ms_sum: fields.integer("wait_ms_sum", NATURAL)?,
            length_max: fields.integer("length_max", NATURAL)?,
            lanes_open: fields.integer("lanes_open", NATURAL)?,
        })
    }
}
