//! Reads the logs of a scenario side by side, decodes them, binds each record to its tick, and returns batches of whole
//! ticks.
//!
//! A line that cannot be decoded takes the ingest time of the line before it, or the first tick if there is none. An
//! ingest time smaller than the one before it is replaced by that one, and counted (contract §1).

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use connectors::file::lines::Lines;
use contract::event::guard::{self, Decoder, LinePosition};
use contract::event::{Dead, Record, Topic};
use contract::place::Place;
use contract::time::Time;
use engine::batch::{Batch, Batches, Bound};
use engine::edge::admit;
use engine::graph::Settings;

use crate::error::Error;
use crate::replay::scenario::Scenario;

/// The number of records of a batch, unless one tick has more.
const BATCH: usize = 4_096;

/// The lines of one topic.
struct TopicFeed {
    topic: Topic,
    decoder: Decoder,
    lines: Lines,
    /// The ingest time of the last decoded line.
    ingest_time: Option<i64>,
    /// Lines before the first decoded one; they wait for the first tick.
    leading: VecDeque<(u64, Vec<u8>, Dead)>,
    next: Option<Bound>,
    disordered: u64,
}

/// A scenario's logs, merged by tick.
pub struct Feed {
    topics: Vec<TopicFeed>,
    settings: Settings,
    first: Option<Time>,
    until: Option<Time>,
    read: Arc<AtomicU64>,
}

impl Feed {
    /// Opens every log of a scenario; `read` counts the bytes read.
    ///
    /// # Errors
    /// If a log cannot be opened or read.
    pub fn open(scenario: &Scenario, read: Arc<AtomicU64>) -> Result<Self, Error> {
        Feed::decoded_by(Record::decode_line, scenario, read)
    }

    /// Opens every log with another decoder.
    fn decoded_by(decoder: Decoder, scenario: &Scenario, read: Arc<AtomicU64>) -> Result<Self, Error> {
        let settings = scenario.settings.clone();
        let mut topics = Vec::new();
        for topic in Topic::ALL {
            if let Some(path) = scenario.log(topic)? {
                topics.push(TopicFeed::open(decoder, topic, &path)?);
            }
        }
        let until = scenario.until.map(|until| settings.ticks.at(until));
        let mut feed = Feed { topics, settings, first: None, until, read };
        for topic in &mut feed.topics {
            topic.advance(&feed.settings)?;
        }
        feed.first = feed.topics.iter().filter_map(|topic| topic.next.as_ref().map(|next| next.0)).min();
        // A scenario of nothing but unreadable lines still accounts for each of them.
        let unreadable = feed.topics.iter().any(|topic| !topic.leading.is_empty());
        feed.first = feed.first.or(unreadable.then(|| feed.until.unwrap_or(0)));
        Ok(feed)
    }

    fn next_tick(&self) -> Option<Time> {
        let leading = self.first.filter(|_| self.topics.iter().any(|topic| !topic.leading.is_empty()));
        let next = self.topics.iter().filter_map(|topic| topic.next.as_ref().map(|next| next.0)).min();
        let tick = leading.into_iter().chain(next).min()?;
        self.until.is_none_or(|until| tick <= until).then_some(tick)
    }
}

impl Batches for Feed {
    type Error = Error;

    fn first(&self) -> Option<Time> {
        self.first
    }

    fn until(&self) -> Option<Time> {
        self.until
    }

    fn disordered(&self) -> Vec<(Topic, u64)> {
        self.topics.iter().filter(|topic| topic.disordered > 0).map(|topic| (topic.topic, topic.disordered)).collect()
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        let mut records = Vec::new();
        let mut upto = None;
        while records.len() < BATCH {
            let Some(tick) = self.next_tick() else { break };
            upto = Some(tick);
            for topic in &mut self.topics {
                topic.take(tick, self.first, &self.settings, &mut records)?;
            }
        }
        self.read.store(self.topics.iter().map(|topic| topic.lines.bytes()).sum(), Ordering::Relaxed);
        Ok(upto.map(|upto| Batch { records, upto }))
    }
}

impl TopicFeed {
    fn open(decoder: Decoder, topic: Topic, path: &Path) -> Result<Self, Error> {
        let lines = Lines::open(path)?;
        Ok(TopicFeed { topic, decoder, lines, ingest_time: None, leading: VecDeque::new(), next: None, disordered: 0 })
    }

    /// Reads up to the next record whose tick is known.
    fn advance(&mut self, settings: &Settings) -> Result<(), Error> {
        self.next = None;
        while let Some((position, line)) = self.lines.next_line()? {
            let decoded = guard::decode(self.decoder, LinePosition::of_log(self.topic, position), line, None);
            if let Ok(record) = &decoded {
                let held = self.ingest_time.unwrap_or(record.ingest_time);
                self.disordered += u64::from(record.ingest_time < held);
                self.ingest_time = Some(record.ingest_time.max(held));
            }
            match (self.ingest_time, decoded) {
                (Some(ingest_time), decoded) => {
                    let tick = settings.ticks.at(ingest_time);
                    let admitted = admit(self.topic, Place::number(position), line, decoded, tick, settings.limits);
                    self.next = Some((tick, self.topic, admitted));
                    return Ok(());
                }
                (None, Err(dead)) => self.leading.push_back((position, line.to_vec(), dead)),
                (None, Ok(_)) => {}
            }
        }
        Ok(())
    }

    /// Takes every record of `tick`.
    fn take(
        &mut self,
        tick: Time,
        first: Option<Time>,
        settings: &Settings,
        into: &mut Vec<Bound>,
    ) -> Result<(), Error> {
        if Some(tick) == first {
            for (position, line, dead) in self.leading.drain(..) {
                into.push((
                    tick,
                    self.topic,
                    admit(self.topic, Place::number(position), &line, Err(dead), tick, settings.limits),
                ));
            }
        }
        while let Some(bound) = self.next.take_if(|next| next.0 == tick) {
            into.push(bound);
            self.advance(settings)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::scenario::Overrides;
    use crate::testing::panics_on_poison;
    use contract::event::pos;
    use contract::fate::{DeadReason, Outcome};
    use engine::edge::Admitted;

    #[test]
    fn a_line_on_which_the_decoder_panics_is_one_dead_letter_in_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = ["first", "poison", "last"].map(|name| pos::SAMPLE.replace("pos-1", name));
        std::fs::write(folder.path().join("pos.jsonl"), lines.join("\n")).expect("written");
        let scenario = Scenario::open(folder.path(), &Overrides::default()).expect("a scenario");
        let mut feed = Feed::decoded_by(panics_on_poison, &scenario, Arc::default()).expect("opened");
        let batch = feed.next_batch().expect("read").expect("a batch");
        let fates = batch.records.iter().map(|(_, _, admitted)| match admitted {
            Admitted::Fated(fated) => {
                Some((&fated.outcome, fated.header.original.as_ref().map(|original| original.place)))
            }
            _ => None,
        });
        let dead = Some((&Outcome::Dead(DeadReason::Malformed, None), Some(Place::number(2))));
        assert_eq!(fates.collect::<Vec<_>>(), [None, dead, None]);
        assert!(feed.next_batch().expect("read").is_none());
    }
}
