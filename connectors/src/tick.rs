//! What an output topic is made of: the records of a tick, each naming its place, and one record that says they are all.
//!
//! ```text
//! {"time":T,"seq":0,…}  {"time":T,"seq":1,…}  …  {"progress":{"time":T,"count":N,"hash":"…","after":A,"stood":S}}
//! ```
//! `hash` is the xxh3 (64 bits, hex) of the records' bytes in order of `seq`. `after` is the tick that was closed before
//! (null: none), so that a tick which never came is missed. `stood` is a tick known to have stood completely, with all
//! before it, when this was written (null: none): whoever reads this and lacks one of those reads a damaged topic.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// The record that closes a tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The tick.
    pub time: i64,
    /// Its records.
    pub count: u64,
    /// The xxh3 of their bytes in order of their numbers: 16 hex digits.
    pub hash: String,
    /// The tick closed before it, if one was.
    pub after: Option<i64>,
    /// A tick that stood, with all before it, when this was written.
    pub stood: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    progress: Progress,
}

const PROGRESS: &[u8] = b"{\"progress\":";

impl Progress {
    /// Its bytes in the topic.
    pub fn to_line(&self) -> Vec<u8> {
        let Progress { time, count, hash, after, stood } = self;
        let or_null = |tick: &Option<i64>| tick.map_or("null".to_owned(), |tick| tick.to_string());
        let (after, stood) = (or_null(after), or_null(stood));
        format!(r#"{{"progress":{{"time":{time},"count":{count},"hash":"{hash}","after":{after},"stood":{stood}}}}}"#)
            .into_bytes()
    }

    /// Whether both say the same of the same tick; what stood when they were written may differ.
    pub fn agrees(&self, other: &Progress) -> bool {
        (self.time, self.count, &self.hash, self.after) == (other.time, other.count, &other.hash, other.after)
    }
}

/// Hashes the records of a tick.
#[derive(Clone, Default)]
pub(crate) struct Digest {
    hasher: Box<Xxh3>,
    pub(crate) count: u64,
}

impl Digest {
    pub(crate) fn add(&mut self, record: &[u8]) {
        self.hasher.update(record);
        self.count += 1;
    }

    pub(crate) fn hash(&self) -> String {
        format!("{:016x}", self.hasher.digest())
    }
}

/// What a record of an output topic is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A record of a tick.
    Record { time: i64, seq: u64 },
    /// The end of a tick.
    Progress(Progress),
}

impl Entry {
    /// Reads what a record is from its first bytes; `None` if it is no record of an output topic.
    pub(crate) fn read(record: &[u8]) -> Option<Entry> {
        if record.starts_with(PROGRESS) {
            return serde_json::from_slice::<Line>(record).ok().map(|line| Entry::Progress(line.progress));
        }
        let rest = record.strip_prefix(b"{\"time\":")?;
        let (time, rest) = integer(rest)?;
        let (seq, rest) = integer(rest.strip_prefix(b",\"seq\":")?)?;
        let follows = matches!(rest.first(), Some(b',' | b'}'));
        Some(Entry::Record { time, seq: u64::try_from(seq).ok()? }).filter(|_| follows)
    }
}

/// The integer that `text` begins with, and what follows it.
fn integer(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.iter().skip(1).position(|byte| !byte.is_ascii_digit()).map_or(text.len(), |at| at + 1);
    let (number, rest) = text.split_at(digits);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_are_written() {
        let progress = Progress { time: -5, count: 2, hash: "00ff".into(), after: None, stood: Some(-10) };
        assert_eq!(Entry::read(&progress.to_line()), Some(Entry::Progress(progress.clone())));
        let line = serde_json::to_vec(&Line { progress: progress.clone() }).expect("a line");
        assert_eq!(line, progress.to_line());
        let record = |time, seq| Some(Entry::Record { time, seq });
        assert_eq!(Entry::read(b"{\"time\":12,\"seq\":0,\"view\":\"x\"}"), record(12, 0));
        assert_eq!(Entry::read(b"{\"time\":-1,\"seq\":34}"), record(-1, 34));
        for wrong in [
            "",
            "{}",
            "{\"time\":1}",
            "{\"time\":x,\"seq\":1}",
            "{\"time\":1,\"seq\":-1}",
            "{\"time\":1,\"seq\":1",
            "{\"progress\":1}",
        ] {
            assert_eq!(Entry::read(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
