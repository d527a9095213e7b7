//! What the tests of the whole job share: running a scenario in this process and reading what it wrote.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use contract::event::Topic;
use contract::time::Time;
use engine::batch::{Batch, Batches};
use engine::job;
use live::replay::feed::Feed;
use live::replay::scenario::{Overrides, Scenario};
use live::replay::write::{Format, OutputFiles};
use operators::testing::Random;
use serde_json::Value;

/// The root of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The committed scenario.
pub fn corner_store() -> PathBuf {
    root().join("scenarios/corner-store")
}

/// How a scenario is run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Worker threads.
    pub workers: usize,
    /// Records are shuffled within their batch, and batches cut anew, by this seed.
    pub shuffle: Option<u64>,
}

/// What a run wrote, by topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// The five topics: views, exceptions, decisions, late, dead_letter.
    pub topics: Vec<(&'static str, String)>,
}

impl Outputs {
    /// The records of a topic.
    pub fn records(&self, topic: &str) -> Vec<Value> {
        let text = self.text(topic);
        text.lines().map(|line| serde_json::from_str(line).expect("every record is JSON")).collect()
    }

    /// The bytes of a topic.
    pub fn text(&self, topic: &str) -> &str {
        self.topics.iter().find(|(name, _)| *name == topic).map_or("", |(_, text)| text)
    }
}

/// Runs a scenario folder.
pub fn run(folder: &Path, run: Run) -> Outputs {
    let scenario = Scenario::open(folder, &Overrides::default()).expect("a scenario");
    let feed = Feed::open(&scenario, Arc::new(AtomicU64::new(0))).expect("its logs open");
    let out = tempfile::tempdir().expect("a folder");
    let mut files = OutputFiles::create(out.path(), Format::Jsonl, &[]).expect("files");
    let write = |closed: job::Closed| files.write(closed.emissions);
    match run.shuffle {
        None => job::run(feed, &scenario.settings, run.workers, write),
        Some(seed) => job::run(Shuffled::new(feed, seed), &scenario.settings, run.workers, write),
    }
    .expect("it runs");
    files.finish().expect("whole files");
    let read = |topic: &str| std::fs::read_to_string(out.path().join(format!("{topic}.jsonl"))).expect("written");
    let names = ["views", "exceptions", "decisions", "late", "dead_letter"];
    Outputs { topics: names.map(|topic| (topic, read(topic))).to_vec() }
}

/// A feed whose ticks are handed over in other batches, and whose records in another order within them.
struct Shuffled<B> {
    feed: B,
    random: Random,
    waiting: VecDeque<Batch>,
}

impl<B: Batches> Shuffled<B> {
    fn new(feed: B, seed: u64) -> Self {
        Shuffled { feed, random: Random::new(seed), waiting: VecDeque::new() }
    }

    /// Cuts a batch between ticks, now and then, and shuffles each part.
    fn cut(&mut self, batch: Batch) {
        let mut part = Vec::new();
        let mut records = batch.records.into_iter().peekable();
        while let Some(record) = records.next() {
            let tick = record.0;
            part.push(record);
            if records.peek().is_some_and(|next| next.0 > tick) && self.random.once_in(40) {
                self.hand_over(std::mem::take(&mut part), tick);
            }
        }
        self.hand_over(part, batch.upto);
    }

    fn hand_over(&mut self, mut records: Vec<engine::batch::Bound>, upto: Time) {
        self.random.shuffle(&mut records);
        self.waiting.push_back(Batch { records, upto });
    }
}

impl<B: Batches> Batches for Shuffled<B> {
    type Error = B::Error;

    fn first(&self) -> Option<Time> {
        self.feed.first()
    }

    fn until(&self) -> Option<Time> {
        self.feed.until()
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Self::Error> {
        if self.waiting.is_empty()
            && let Some(batch) = self.feed.next_batch()?
        {
            self.cut(batch);
        }
        Ok(self.waiting.pop_front())
    }

    fn disordered(&self) -> Vec<(Topic, u64)> {
        self.feed.disordered()
    }
}

/// Writes a scenario folder from lines by topic.
pub fn scenario(toml: &str, topics: &[(&str, &[&str])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("scenario.toml"), toml).expect("written");
    for (topic, lines) in topics {
        std::fs::write(folder.path().join(format!("{topic}.jsonl")), lines.join("\n")).expect("written");
    }
    folder
}
