//! `storepulse check`: reads a scenario without running it, and counts its records by type and by problem.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use clap::Args;
use connectors::file::lines::Lines;
use contract::event::guard::{self, LinePosition};
use contract::event::{Body, Kind, Record, Topic};
use contract::fate::{DeadReason, Outcome};
use contract::ids::EventId;
use contract::place::Place;
use engine::edge::{Admitted, admit};
use live::error::Error;
use live::log::{self, LogFormat, LogLevel};
use live::replay::scenario::{Overrides, Scenario};

use crate::cli::out::Out;

/// Validates a scenario: counts by type, and problems with the first lines that have them.
#[derive(Args)]
#[command(
    after_help = "Example:\n  storepulse check scenarios/corner-store\n\nExit code: 0 when the scenario can be replayed, 2 when it cannot. Bad records are no obstacle: they have their fates."
)]
pub struct Check {
    /// The scenario folder.
    scenario: PathBuf,
    /// Offending lines to name for each problem.
    #[arg(long, default_value_t = 3)]
    examples: usize,
}

/// The records and problems of one topic.
#[derive(Default)]
struct Found {
    records: u64,
    types: BTreeMap<&'static str, u64>,
    /// Problem → how many, and the first lines that have it.
    problems: BTreeMap<String, (u64, Vec<u64>)>,
}

impl Found {
    fn problem(&mut self, what: String, line: u64, examples: usize) {
        let (count, lines) = self.problems.entry(what).or_default();
        *count += 1;
        if lines.len() < examples {
            lines.push(line);
        }
    }
}

impl Check {
    /// Runs the command.
    ///
    /// # Errors
    /// If the scenario or one of its files cannot be read.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        log::init(LogFormat::Text, LogLevel::Warn);
        let scenario = Scenario::open(&self.scenario, &Overrides::default())?;
        outln!(out, "{}", scenario.name);
        for topic in Topic::ALL {
            if let Some(path) = scenario.log(topic)? {
                print(out, topic, &self.check(&scenario, topic, &path)?)?;
                out.flush()?;
            }
        }
        Ok(())
    }

    fn check(&self, scenario: &Scenario, topic: Topic, path: &Path) -> Result<Found, Error> {
        let settings = &scenario.settings;
        let mut lines = Lines::open(path)?;
        let mut found = Found::default();
        let mut revisions: HashMap<EventId, i64> = HashMap::new();
        let mut ingest_time = None;
        while let Some((line, text)) = lines.next_line()? {
            found.records += 1;
            let decoded = guard::decode(Record::decode_line, LinePosition::of_log(topic, line), text, None);
            if let Ok(record) = &decoded {
                *found.types.entry(type_name(topic, record.kind)).or_default() += 1;
                let before = ingest_time.unwrap_or(record.ingest_time);
                if record.ingest_time < before {
                    found.problem("ingest_time before that of an earlier line".to_owned(), line, self.examples);
                }
                ingest_time = Some(before.max(record.ingest_time));
                if matches!(record.body, Body::Fact(_))
                    && let Some(problem) = seen_before(&mut revisions, record)
                {
                    found.problem(problem.to_owned(), line, self.examples);
                }
            }
            let now = settings.ticks.at(ingest_time.unwrap_or(0));
            if let Admitted::Fated(fated) = admit(topic, Place::number(line), text, decoded, now, settings.limits) {
                found.problem(describe(&fated.outcome), line, self.examples);
            }
        }
        Ok(found)
    }
}

/// Stores a fact's revision; returns the problem if an earlier line makes this one a duplicate.
fn seen_before(revisions: &mut HashMap<EventId, i64>, record: &Record) -> Option<&'static str> {
    let latest = revisions.entry(record.event_id.clone()).or_insert(-1);
    let duplicate = *latest >= record.revision;
    *latest = (*latest).max(record.revision);
    duplicate.then_some("event_id seen before at this revision or a greater one")
}

fn type_name(topic: Topic, kind: Kind) -> &'static str {
    topic.kinds().iter().find(|(_, listed)| *listed == kind).map_or("?", |(name, _)| name)
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Dead(DeadReason::Future, _) => "event_time too far in the future".to_owned(),
        Outcome::Dead(DeadReason::Malformed, None) => "not a JSON object".to_owned(),
        Outcome::Dead(DeadReason::Malformed, Some(field)) => format!("{field}: missing, or of a wrong type"),
        Outcome::Dead(DeadReason::Invalid, field) => {
            format!("{}: not a value it may have", field.as_deref().unwrap_or("a field"))
        }
        Outcome::Late(_) => "event_time too far in the past".to_owned(),
        Outcome::Accepted | Outcome::Duplicate => String::new(),
    }
}

fn print(out: &mut Out, topic: Topic, found: &Found) -> Result<(), Error> {
    outln!(out, "\n{topic}: {} records", found.records);
    for (name, count) in &found.types {
        outln!(out, "  {count:>10}  {name}");
    }
    for (problem, (count, lines)) in &found.problems {
        let named: Vec<String> = lines.iter().map(u64::to_string).collect();
        outln!(
            out,
            "  {count:>10}  {problem} (line {}{})",
            named.join(", "),
            if *count > lines.len() as u64 { ", …" } else { "" }
        );
    }
    Ok(())
}
