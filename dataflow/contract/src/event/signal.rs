//! Record type `signal`: an outside influence on demand, such as weather, an event or a holiday (contract §3).

use serde::{Deserialize, Serialize};

use crate::event::fields::{Bad, Fields, NATURAL, Spelling};
use crate::ids::Id;

/// A line of the topic.
pub const SAMPLE: &str = r#"{"event_id":"sig-1","type":"signal","event_time":1772416800000,"ingest_time":1772416802000,"store_id":"s02","signal_id":"sig3","kind":"holiday","valid_from":1772424000000,"valid_to":1772434800000,"factor_bp":8000}"#;

/// The current row of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signal {
    /// The store.
    pub store: Id,
    /// The department; `None` is all of them.
    pub dept: Option<Id>,
    /// The start.
    pub valid_from: i64,
    /// The end, exclusive.
    pub valid_to: i64,
    /// The factor by which demand is multiplied.
    pub factor_bp: i64,
}

const KINDS: Spelling<()> = &[("weather", ()), ("local_event", ()), ("holiday", ())];

impl Signal {
    /// Reads the fields of a signal at `store`, after its id.
    ///
    /// # Errors
    /// The first bad field.
    pub fn read<F: Fields>(store: Id, fields: &mut F) -> Result<Self, Bad> {
        let dept = fields.optional_id("dept")?;
        fields.choice("kind", KINDS)?;
        Ok(Signal {
            store,
            dept,
            valid_from: fields.integer("valid_from", NATURAL)?,
            valid_to: fields.integer("valid_to", NATURAL)?,
            factor_bp: fields.integer("factor_bp", NATURAL)?,
        })
    }
}
