//! Input files that grow while a live job follows them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use tempfile::TempDir;

/// Items that crowds of lines are about.
const ITEMS: u64 = 40;

/// A folder with a file for each of some topics.
pub(crate) struct Growing {
    folder: TempDir,
    /// Lines in each file.
    lines: BTreeMap<String, u64>,
    serial: u64,
    probes: u64,
}

impl Growing {
    /// Empty files.
    pub(crate) fn new(topics: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut growing = Growing { folder, lines: BTreeMap::new(), serial: 0, probes: 0 };
        topics.iter().for_each(|topic| growing.append(topic, &[]));
        growing
    }

    /// Where the files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lines in the file of a topic.
    pub(crate) fn lines(&self, topic: &str) -> u64 {
        self.lines.get(topic).copied().unwrap_or(0)
    }

    /// Appends lines with one write.
    pub(crate) fn append(&mut self, topic: &str, lines: &[String]) {
        let path = self.folder.path().join(format!("{topic}.jsonl"));
        let mut file = File::options().create(true).append(true).open(path).expect("opened");
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        file.write_all(text.as_bytes()).expect("written");
        *self.lines.entry(topic.to_owned()).or_default() += lines.len() as u64;
    }

    /// A number that no event has had.
    pub(crate) fn serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A count of an item, at the instant `at`.
    pub(crate) fn count(&mut self, item: &str, counted: i64, at: i64) -> String {
        let serial = self.serial();
        format!(
            r#"{{"event_id":"c{serial}","type":"inventory.count","event_time":{at},"ingest_time":{at},"store_id":"s1","item_id":"{item}","counted":{counted}}}"#
        )
    }

    /// A movement of an item, a millisecond after the instant `at` that the log took it at.
    pub(crate) fn movement(&mut self, item: &str, quantity: i64, at: i64) -> String {
        let (serial, event_time) = (self.serial(), at + 1);
        format!(
            r#"{{"event_id":"m{serial}","type":"inventory.movement","event_time":{event_time},"ingest_time":{at},"store_id":"s1","item_id":"{item}","reason":"adjust","quantity":{quantity}}}"#
        )
    }

    /// A sale of one of an item, at the instant `at`.
    pub(crate) fn sale(&mut self, item: &str, at: i64) -> String {
        let serial = self.serial();
        let (transaction, line) = (serial / 3, serial % 3 + 1);
        format!(
            r#"{{"event_id":"p{serial}","type":"pos.line","event_time":{at},"ingest_time":{at},"store_id":"s1","transaction_id":"t{transaction}","line":{line},"register_id":"r1","operator_id":"o{}","item_id":"{item}","kind":"sale","quantity":1,"unit_price_cents":350,"net_cents":350,"discount_cents":0,"channel":"store"}}"#,
            transaction % 4
        )
    }

    /// People who pass a door, at the instant `at`.
    pub(crate) fn passing(&mut self, at: i64) -> String {
        let serial = self.serial();
        let people = serial % 5;
        format!(
            r#"{{"event_id":"d{serial}","event_time":{at},"ingest_time":{at},"store_id":"s1","source":"counter","type":"traffic.count","sensor_id":"door","in":{people},"out":{people},"status":"ok"}}"#
        )
    }

    /// Lines that open an exception about an item of their own at the instant `at`; with the item.
    pub(crate) fn probe(&mut self, at: i64) -> (String, Vec<String>) {
        self.probes += 1;
        let item = format!("probe-{}", self.probes);
        let lines = vec![self.count(&item, 0, at), self.movement(&item, -2, at)];
        (item, lines)
    }

    /// Counts of a few items, evenly spread over the time after `from` up to `upto`.
    pub(crate) fn counts(&mut self, lines: i64, from: i64, upto: i64) -> Vec<String> {
        spread(lines, from, upto).map(|at| self.count(&item(self.serial), self.serial.cast_signed() % 7, at)).collect()
    }

    /// Sales of a few items, spread alike.
    pub(crate) fn sales(&mut self, lines: i64, from: i64, upto: i64) -> Vec<String> {
        spread(lines, from, upto).map(|at| self.sale(&item(self.serial), at)).collect()
    }
}

/// Instants evenly spread over the time after `from` up to `upto`.
fn spread(lines: i64, from: i64, upto: i64) -> impl Iterator<Item = i64> {
    (1..=lines).map(move |line| from + (upto - from) * line / lines)
}

fn item(serial: u64) -> String {
    format!("i{}", serial % ITEMS)
}
