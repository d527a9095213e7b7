//! Consumers of the output topics of a job that ends at random: each remembers what it has taken, and reads on from there
//! after every end.

use std::collections::BTreeMap;
use std::time::Duration;

use connectors::reader::{Next, Reader};
use connectors::source::{Position, Start};
use contract::output::OutputTopic;
use live::config::Config;
use serde_json::Value;

use crate::live_job::Live;

/// A consumer of one topic.
pub(super) struct Consumer {
    pub(super) topic: OutputTopic,
    /// Where to read on.
    position: Position,
    /// The last tick taken.
    last: Option<i64>,
    /// What was taken, by tick.
    ticks: BTreeMap<i64, String>,
}

impl Consumer {
    /// One that has taken nothing, for each topic.
    pub(super) fn of_all() -> Vec<Consumer> {
        let consumer = |topic| Consumer { topic, position: Position::default(), last: None, ticks: BTreeMap::new() };
        OutputTopic::ALL.map(consumer).into()
    }

    /// Takes what has come since. The job does not run, and what it left unfinished is left.
    pub(super) fn read_on(&mut self, live: &Live) {
        let topic = self.topic.name();
        if !live.path(&format!("{topic}.jsonl")).exists() {
            return;
        }
        let config = Config::read(&live.config()).expect("a configuration");
        let source = config.output[&self.topic].source(Start::At(self.position), false);
        let source = source.unwrap_or_else(|error| panic!("{topic} cannot be read on: {error}"));
        let mut reader = match self.last {
            Some(last) => Reader::after(source, last),
            None => Reader::new(source),
        };
        loop {
            match reader.next(Duration::ZERO) {
                Ok(Next::Tick { time, records }) => {
                    let lines = records.iter().map(|record| String::from_utf8_lossy(record) + "\n");
                    let taken = self.ticks.insert(time, lines.collect());
                    assert_eq!(taken, None, "tick {time} of {topic} is given twice");
                }
                Ok(Next::Idle | Next::Ended) => break,
                Err(error) => panic!("{topic}: {error}"),
            }
        }
        (self.position, self.last) = (reader.position(), reader.last());
    }

    /// The records taken, in order.
    pub(super) fn records(&self) -> impl Iterator<Item = Value> {
        let lines = self.ticks.values().flat_map(|text| text.lines());
        lines.map(|line| serde_json::from_str(line).expect("every record is JSON"))
    }

    /// How many they are.
    pub(super) fn count(&self) -> usize {
        self.ticks.values().map(|text| text.lines().count()).sum()
    }

    /// What was taken, by tick.
    pub(super) fn ticks(&self) -> &BTreeMap<i64, String> {
        &self.ticks
    }
}

/// Fails unless two consumers have taken the same.
pub(super) fn assert_same(
    topic: OutputTopic,
    taken: &BTreeMap<i64, String>,
    expected: &BTreeMap<i64, String>,
    of: &str,
) {
    let ticks = taken.keys().chain(expected.keys());
    let differs = ticks.filter(|tick| taken.get(tick) != expected.get(tick)).min();
    let Some(tick) = differs else { return };
    let (taken, expected) = (taken.get(tick), expected.get(tick));
    let lines = |text: Option<&String>| text.map_or(0, |text| text.lines().count());
    let line = taken.zip(expected).and_then(|(one, other)| one.lines().zip(other.lines()).find(|(a, b)| a != b));
    panic!(
        "{} differs from {of} at tick {tick}: {} records for {}; first {line:?}",
        topic.name(),
        lines(taken),
        lines(expected)
    );
}
