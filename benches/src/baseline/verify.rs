//! Before any time is told: the hand-written program says, byte for byte, what the job says.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use contract::output::OutputTopic;
use contract::time::Time;
use engine::batch::{Batch, Batches};
use engine::emission::encode::lines;
use engine::emission::output::Numbers;
use engine::graph::Settings;
use engine::job;
use live::error::Error;
use live::replay::feed::Feed;
use live::replay::scenario::{Overrides, Scenario};

use super::{Baseline, Sink};

/// What a comparison came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records compared, by topic.
    pub records: BTreeMap<&'static str, usize>,
    /// The first record that differs, in words; `None` if all are equal.
    pub difference: Option<String>,
}

/// Runs a feed through the hand-written program, tick by tick; answers how many records it read.
///
/// # Errors
/// If a log cannot be read.
pub fn run(mut feed: impl Batches<Error = Error>, settings: &Settings, out: &mut dyn Sink) -> Result<u64, Error> {
    let Some(first) = feed.first() else { return Ok(0) };
    let mut baseline = Baseline::new(settings);
    let (mut tick, mut last, mut read) = (Time::MIN, settings.ticks.at(first), 0);
    while let Some(Batch { records, upto }) = feed.next_batch()? {
        last = last.max(upto);
        for record in records {
            if record.0 != tick {
                tick = record.0;
                baseline.close(tick - settings.ticks.tick_ms, out);
            }
            read += 1;
            baseline.take(record);
        }
    }
    baseline.end(last.max(feed.until().unwrap_or(last)), out);
    Ok(read)
}

type Pages = BTreeMap<OutputTopic, Vec<Vec<u8>>>;

/// What the job says.
fn told_by_job(scenario: &Scenario) -> Result<Pages, Error> {
    let feed = Feed::open(scenario, Arc::new(AtomicU64::new(0)))?;
    let mut pages = Pages::new();
    let mut numbers = Numbers::default();
    job::run(feed, &scenario.settings, 1, |closed| {
        for emission in closed.emissions {
            let said = lines(&emission, numbers.take(&emission))?;
            pages.entry(emission.topic).or_default().extend(said);
        }
        Ok(())
    })?;
    Ok(pages)
}

/// What the hand-written program says.
fn told_by_hand(scenario: &Scenario) -> Result<Pages, Error> {
    let feed = Feed::open(scenario, Arc::new(AtomicU64::new(0)))?;
    let mut pages = Pages::new();
    let mut take = |topic: OutputTopic, line: &[u8]| pages.entry(topic).or_default().push(line.to_vec());
    run(feed, &scenario.settings, &mut take)?;
    Ok(pages)
}

/// Compares all five topics of a scenario folder, record by record.
///
/// # Errors
/// If the scenario cannot be read, or the job fails.
pub fn verify(folder: &Path, overrides: &Overrides) -> Result<Verified, Error> {
    let scenario = Scenario::open(folder, overrides)?;
    Ok(compare(&told_by_job(&scenario)?, &told_by_hand(&scenario)?))
}

fn compare(job: &Pages, hand: &Pages) -> Verified {
    let mut verified = Verified::default();
    for topic in OutputTopic::ALL {
        let nothing = Vec::new();
        let (job, hand) = (job.get(&topic).unwrap_or(&nothing), hand.get(&topic).unwrap_or(&nothing));
        verified.records.insert(topic.name(), job.len());
        let first = (0..job.len().max(hand.len())).find(|at| job.get(*at) != hand.get(*at));
        if let Some(at) = first {
            let text = |line: Option<&Vec<u8>>| {
                line.map_or("nothing".into(), |line| String::from_utf8_lossy(line).into_owned())
            };
            let told = format!(
                "{}: record {at} of {} differs\nthe job: {}\nby hand: {}",
                topic.name(),
                job.len(),
                text(job.get(at)),
                text(hand.get(at))
            );
            verified.difference.get_or_insert(told);
        }
    }
    verified
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_told() {
        let pages = |lines: &[&str]| -> Pages {
            [(OutputTopic::Late, lines.iter().map(|line| line.as_bytes().to_vec()).collect())].into()
        };
        let told = |job: &[&str], hand: &[&str]| compare(&pages(job), &pages(hand)).difference;
        assert_eq!(told(&["a", "b"], &["a", "b"]), None);
        let differs = |text: &str| Some(format!("late: record 1 of 2 differs\nthe job: b\nby hand: {text}"));
        assert_eq!(told(&["a", "b"], &["a", "c"]), differs("c"));
        assert_eq!(told(&["a", "b"], &["a"]), differs("nothing"));
        assert_eq!(
            told(&["a"], &["a", "b"]).as_deref(),
            Some("late: record 1 of 1 differs\nthe job: nothing\nby hand: b")
        );
    }
}
