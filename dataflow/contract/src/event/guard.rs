//! Panic guard of decoding: a line on which the decoder panics becomes a dead letter, and the job continues.
//!
//! A live job reads the same line again after every restart, so a decoder that panics would end it each time. Every line
//! of an input topic, in a replay, in a check or live, is decoded by [`decode`].

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::event::fields::{Bad, Fault};
use crate::event::{Dead, Record, Topic};

#[cfg(not(panic = "unwind"))]
compile_error!("the panic guard of decoding needs panic = \"unwind\" in the profile");

/// Reads a line of a topic; a log time, where given, replaces the ingest time in the line.
pub type Decoder = fn(Topic, &[u8], Option<i64>) -> Result<Record, Dead>;

/// The position of a line in an input topic, as people count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinePosition {
    /// The topic.
    pub topic: Topic,
    /// The partition; a scenario has one of each topic.
    pub partition: u32,
    /// The number of the line in a file, from 1; the offset of the record in a broker, from 0.
    pub number: u64,
}

impl LinePosition {
    /// A line of a scenario's log of `topic`.
    pub fn of_log(topic: Topic, number: u64) -> Self {
        LinePosition { topic, partition: 0, number }
    }
}

/// Decodes a line with `decoder`. If it panics, the line is malformed and the panic is logged with the position.
///
/// # Errors
/// Those of `decoder`, or [`Fault::Malformed`] without a field.
pub fn decode(decoder: Decoder, at: LinePosition, line: &[u8], logged_at: Option<i64>) -> Result<Record, Dead> {
    // The line is only read, and a table of interned ids is whole whenever its lock is released.
    catch_unwind(AssertUnwindSafe(|| decoder(at.topic, line, logged_at))).unwrap_or_else(|panic| {
        let LinePosition { topic, partition, number } = at;
        let problem = message(&*panic);
        tracing::error!(%topic, partition, position = number, problem, "decoding panicked: the line is a dead letter");
        Err(Dead { bad: Bad { fault: Fault::Malformed, field: None }, store_id: None })
    })
}

/// The text of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek};
    use std::sync::Arc;

    use crate::event::pos;

    /// Panics on lines that hold the word `poison`; decodes the others.
    fn panics_on_poison(topic: Topic, line: &[u8], logged_at: Option<i64>) -> Result<Record, Dead> {
        let is_poison = line.windows(6).any(|word| word == b"poison");
        assert!(!is_poison, "attempt to add with overflow");
        Record::decode_line(topic, line, logged_at)
    }

    /// The log output of `act` on this thread, as JSON.
    fn logged(act: impl FnOnce()) -> String {
        let (mut page, mut text) = (tempfile::tempfile().expect("a file"), String::new());
        let writer = Arc::new(page.try_clone().expect("a second handle"));
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(writer).finish();
        tracing::subscriber::with_default(subscriber, act);
        page.rewind().expect("the start");
        page.read_to_string(&mut text).expect("text");
        text
    }

    #[test]
    fn a_panic_is_a_malformed_line_and_a_logged_position() {
        let poison = pos::SAMPLE.replace("pos-1", "poison");
        let at = LinePosition { topic: Topic::Pos, partition: 3, number: 17 };
        let mut decoded = None;
        let log = logged(|| decoded = Some(decode(panics_on_poison, at, poison.as_bytes(), None)));
        let bad = Bad { fault: Fault::Malformed, field: None };
        assert_eq!(decoded, Some(Err(Dead { bad, store_id: None })));
        let line: serde_json::Value = serde_json::from_str(&log).expect("one line");
        assert_eq!((&line["level"], &line["topic"]), (&"ERROR".into(), &"pos".into()));
        assert_eq!((&line["partition"], &line["position"]), (&3.into(), &17.into()));
        assert_eq!(line["problem"], "attempt to add with overflow");
    }

    #[test]
    fn a_line_without_a_panic_is_what_the_decoder_says() {
        let at = LinePosition::of_log(Topic::Pos, 1);
        for (line, logged_at) in [(pos::SAMPLE, None), (pos::SAMPLE, Some(5)), ("{", None)] {
            let guarded = decode(panics_on_poison, at, line.as_bytes(), logged_at);
            assert_eq!(guarded, Record::decode_line(Topic::Pos, line.as_bytes(), logged_at));
        }
    }
}
