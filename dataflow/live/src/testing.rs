//! A decoder that panics, for tests.

use contract::event::{Dead, Record, Topic};

/// Panics on lines that hold the word `poison`; decodes the others.
pub(crate) fn panics_on_poison(topic: Topic, line: &[u8], logged_at: Option<i64>) -> Result<Record, Dead> {
    let is_poison = line.windows(6).any(|word| word == b"poison");
    assert!(!is_poison, "attempt to add with overflow");
    Record::decode_line(topic, line, logged_at)
}
