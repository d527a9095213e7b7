//! Scenarios made from a seed: the list of them, the desk on which one is laid out, and what came of it.
//!
//! A generated scenario knows its outcome. Every line is put on the desk together with the fate it is meant to meet at
//! the edge (section 2 of the public contract), so the [`Report`] says how many of each an engine must count.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::Error;
use crate::folder::{Folder, Format, Line, Scenario, Written};
use crate::retailer::{Retailer, Size, Story};
use crate::topic::{Id, Record, Topic};
use crate::{
    black_friday, corner_store, duplicate_storm, late_corrections, long_month, phantom_shelves, promise_crunch,
    quiet_day, retailer, returns_ring, short_staffed, store_dark, wrong_price,
};

/// A scenario that can be generated.
#[derive(Clone, Copy, Debug)]
pub struct Generated {
    /// What the command line calls it.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// How it is made.
    pub make: Make,
}

/// How a scenario is made.
#[derive(Clone, Copy, Debug)]
pub enum Make {
    /// It is told record by record, and has one size.
    Told(fn(&Path) -> Result<Report, Error>),
    /// It happens in the retailer's world, at any size, and its truth is known.
    World(&'static Story),
}

/// What is asked of a scenario that has sizes; what is `None` is as usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Shops.
    pub stores: Option<u32>,
    /// Items.
    pub items: Option<u32>,
    /// Days.
    pub days: Option<u32>,
    /// What all chance comes from.
    pub seed: Option<u64>,
    /// Busier or quieter, in hundredths.
    pub rate_percent: Option<u32>,
    /// How topics are written.
    pub format: Format,
}

impl Wanted {
    /// The usual size of a story, but for what was asked.
    #[must_use]
    pub fn size(&self, story: &Story) -> Size {
        Size {
            stores: self.stores.unwrap_or(story.size.stores),
            items: self.items.unwrap_or(story.size.items),
            days: self.days.unwrap_or(story.size.days),
            seed: self.seed.unwrap_or(story.size.seed),
            rate_percent: self.rate_percent.unwrap_or(story.size.rate_percent),
        }
    }
}

impl Generated {
    /// A story of the retailer's world.
    const fn world(story: &'static Story) -> Generated {
        Generated { name: story.name, about: story.about, make: Make::World(story) }
    }

    /// Writes it into a folder, which must not exist or be empty.
    ///
    /// # Errors
    /// [`Error::Told`] if a size is asked of a scenario that has one, [`Error::Size`] for a size no retailer has,
    /// [`Error::OutputExists`] if the folder holds something, [`Error::Write`] or [`Error::Table`] if the system refuses.
    pub fn write(&self, wanted: &Wanted, out: &Path) -> Result<Report, Error> {
        match self.make {
            Make::Told(_) if *wanted != Wanted::default() => Err(Error::Told { name: self.name }),
            Make::Told(write) => write(out),
            Make::World(story) => retailer::write(story, &wanted.size(story), wanted.format, out),
        }
    }

    /// Its records one by one, in order of arrival, if it happens in the retailer's world.
    ///
    /// # Errors
    /// [`Error::Told`] if it does not, [`Error::Size`] for a size no retailer has.
    pub fn records(&self, wanted: &Wanted) -> Result<Retailer, Error> {
        match self.make {
            Make::Told(_) => Err(Error::Told { name: self.name }),
            Make::World(story) => Retailer::new(story, &wanted.size(story)),
        }
    }
}

/// Every generated scenario.
pub const SCENARIOS: [Generated; 12] = [
    corner_store::SCENARIO,
    Generated::world(&quiet_day::STORY),
    Generated::world(&black_friday::STORY),
    Generated::world(&store_dark::STORY),
    Generated::world(&duplicate_storm::STORY),
    Generated::world(&wrong_price::STORY),
    Generated::world(&phantom_shelves::STORY),
    Generated::world(&short_staffed::STORY),
    Generated::world(&late_corrections::STORY),
    Generated::world(&returns_ring::STORY),
    Generated::world(&promise_crunch::STORY),
    Generated::world(&long_month::STORY),
];

/// How many records of a topic are meant to meet each fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// They stand.
    pub accepted: u64,
    /// They say nothing new.
    pub duplicates: u64,
    /// They come too late.
    pub late: u64,
    /// They cannot be read, or claim to come from the future.
    pub dead: u64,
}

/// What came of generating a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was written, by topic.
    pub written: Vec<Written>,
    /// The fates the records are meant to meet; blank lines have none.
    pub fates: BTreeMap<Topic, Fates>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<12} {:>8} {:>9} {:>10} {:>5} {:>5}",
            "topic", "bytes", "accepted", "duplicates", "late", "dead"
        )?;
        for Written { topic, bytes, .. } in &self.written {
            let Fates { accepted, duplicates, late, dead } = self.fates.get(topic).copied().unwrap_or_default();
            writeln!(f, "{:<12} {bytes:>8} {accepted:>9} {duplicates:>10} {late:>5} {dead:>5}", topic.name())?;
        }
        Ok(())
    }
}

/// The name of an exception of a type and key that opens at a tick (section 5 of the contract): whoever knows the tick
/// can answer to it before it is there.
#[must_use]
pub fn exception_id(kind: &str, key: &[&str], opened_at: i64) -> Id {
    let hash = blake3::hash(format!("{kind}\n{}\n{opened_at}", key.join("|")).as_bytes());
    Id::resembling(&hash.to_hex()[..32])
}

/// What is meant to become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepted,
    Duplicate,
    Late,
    Dead,
    /// Skipped without a count.
    Blank,
}

/// A scenario being laid out: its lines in any order, each with its intended fate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk {
    lines: BTreeMap<Topic, Vec<(Line, Fate)>>,
}

impl Desk {
    /// Puts down a record.
    pub(crate) fn put(&mut self, record: Record, fate: Fate) {
        self.lines.entry(record.topic()).or_default().push((record.into(), fate));
    }

    /// Puts down bytes as they are. At one ingest time they stand behind what was put down before them.
    pub(crate) fn put_raw(&mut self, topic: Topic, ingest_time: i64, bytes: impl Into<Vec<u8>>, fate: Fate) {
        self.lines.entry(topic).or_default().push((Line::Raw { ingest_time, bytes: bytes.into() }, fate));
    }

    /// The records of a topic that are meant to be accepted, in the order in which they were put down.
    pub(crate) fn accepted(&self, topic: Topic) -> impl Iterator<Item = &Record> {
        self.lines.get(&topic).into_iter().flatten().filter_map(|(line, fate)| match line {
            Line::Record(record) if *fate == Fate::Accepted => Some(record),
            _ => None,
        })
    }

    /// Writes every topic in order of arrival, then the head.
    ///
    /// # Errors
    /// Those of [`Folder`].
    pub(crate) fn write(self, out: &Path, scenario: &Scenario) -> Result<Report, Error> {
        let mut folder = Folder::create(out)?;
        let mut report = Report { written: Vec::new(), fates: BTreeMap::new() };
        for (topic, mut lines) in self.lines {
            lines.sort_by_key(|(line, _)| line.ingest_time());
            let fates = report.fates.entry(topic).or_default();
            for (_, fate) in &lines {
                match fate {
                    Fate::Accepted => fates.accepted += 1,
                    Fate::Duplicate => fates.duplicates += 1,
                    Fate::Late => fates.late += 1,
                    Fate::Dead => fates.dead += 1,
                    Fate::Blank => {}
                }
            }
            report.written.push(folder.write(topic, lines.into_iter().map(|(line, _)| Ok(line)))?);
        }
        folder.finish(scenario)?;
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::{Body, Policy};

    #[test]
    fn the_desk_is_written_by_arrival_and_counted_by_fate() {
        let room = tempfile::tempdir().unwrap();
        let policy = |name: &str, at| {
            let body = Body::Policy(Policy { policy_key: Id::resembling(name), value: 1 });
            Record::new(Id::resembling(name), at, None, body)
        };
        let mut desk = Desk::default();
        desk.put(policy("b", 2), Fate::Accepted);
        desk.put_raw(Topic::Commands, 1, "", Fate::Blank);
        desk.put(policy("b", 2), Fate::Duplicate);
        desk.put(policy("a", 1), Fate::Accepted);
        desk.put_raw(Topic::Commands, 1, "{", Fate::Dead);
        assert_eq!(desk.accepted(Topic::Commands).count(), 2);
        let report = desk.write(&room.path().join("x"), &Scenario::default()).unwrap();
        assert_eq!(report.fates[&Topic::Commands], Fates { accepted: 2, duplicates: 1, late: 0, dead: 1 });
        let text = std::fs::read_to_string(room.path().join("x/commands.jsonl")).unwrap();
        let starts: Vec<&str> = text.lines().map(|line| line.get(..15).unwrap_or(line)).collect();
        assert_eq!(starts, ["", r#"{"event_id":"a""#, "{", r#"{"event_id":"b""#, r#"{"event_id":"b""#]);
        assert!(report.to_string().contains("commands"));
    }

    #[test]
    fn an_exception_is_named_by_type_key_and_opening() {
        let id = exception_id("inventory.negative_on_hand", &["station", "lager"], 1_778_686_907_000);
        assert_eq!(id.as_str(), "51830679486aec8e7d6591177e6daf17");
    }

    #[test]
    fn names_are_ids_and_differ() {
        let mut names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        names.dedup();
        assert_eq!(names.len(), SCENARIOS.len());
        assert!(names.iter().all(|name| Id::resembling(name).as_str() == *name));
    }
}
