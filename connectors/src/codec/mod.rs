//! What a message holds: one event as JSON, or many as a table.
//!
//! A codec takes a message apart into events, each a JSON object on one line; what an event means is for its reader. So a
//! row of a table and a line of text are judged by the same rules.

pub mod arrow;

use serde::{Deserialize, Serialize};

/// How events are packed into messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// One event a message: a JSON object.
    #[default]
    Json,
    /// Many events a message: an Arrow IPC stream, a row an event. Columns that are null in a row are left out of it.
    Arrow,
}

impl Codec {
    /// Gives each event of a message to `each`, in order, as JSON without line end; all of them or none.
    ///
    /// # Errors
    /// If the message cannot be taken apart; the text says why. Whether a JSON event is one is for its reader to say.
    pub fn events(self, payload: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        match self {
            Codec::Json => {
                each(payload);
                Ok(())
            }
            Codec::Arrow => arrow::events(payload, each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_message_is_its_event() {
        let mut seen = Vec::new();
        Codec::Json.events(b"{ not judged here", &mut |event| seen.push(event.to_vec())).expect("taken apart");
        assert_eq!(seen, [b"{ not judged here".to_vec()]);
        assert_eq!(serde_json::to_string(&Codec::Arrow).expect("text"), "\"arrow\"");
    }
}
