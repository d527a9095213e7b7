//! Record type `traffic.count`: people counted by a door sensor (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL, Spelling};
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"tra-1","type":"traffic.count","event_time":1772434800000,"ingest_time":1772434800001,"store_id":"s03","sensor_id":"s03.door","in":4,"out":5,"status":"ok"}"#;

/// The counts of a sensor in its last interval.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrafficCount {
    /// The store.
    pub store: Id,
    /// People who came in.
    pub visitors_in: i64,
    /// People who left.
    pub visitors_out: i64,
    /// False if the sensor is offline and its counts are void.
    pub online: bool,
}

const ONLINE: Spelling<bool> = &[("ok", true), ("degraded", true), ("offline", false)];

impl TrafficCount {
    /// Reads the fields of a count at `store`.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, fields: &mut F) -> Result<Self, Bad> {
        fields.text_id("sensor_id")?;
        let visitors_in = fields.integer("in", NATURAL)?;
        let visitors_out = fields.integer("out", NATURAL)?;
        let online = fields.choice("status", ONLINE)?;
        Ok(TrafficCount { store, visitors_in, visitors_out, online })
    }
}
