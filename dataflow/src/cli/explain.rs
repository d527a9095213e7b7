//! `storepulse explain`: prints the numbers, rows, records and policies behind an exception.
//!
//! The scenario is replayed to the tick at which the exception opened. The output is the state of that tick: the
//! published record, the rows of the views its type reads, and the current input records of its key.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use clap::Args;
use connectors::file::lines::Lines;
use contract::event::guard::{self, LinePosition};
use contract::event::{Record, Topic};
use contract::output::OutputTopic;
use contract::place::Place;
use engine::edge::{Admitted, admit};
use engine::emission::output::{Emission, Encoder, erased};
use engine::job;
use live::error::Error;
use live::log::{self, LogFormat, LogLevel};
use live::replay::feed::Feed;
use live::replay::scenario::{Overrides, Scenario};
use retail::views;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::out::Out;

/// Prints the numbers, rows, records and policies behind an exception.
#[derive(Args)]
#[command(
    after_help = "Example:\n  storepulse explain 6f1cee6ced89e7183cb419c8f7747c98 --scenario scenarios/corner-store"
)]
pub struct Explain {
    /// The exception, as named in the exceptions topic.
    exception_id: String,
    /// The scenario it came from.
    #[arg(long)]
    scenario: PathBuf,
    /// The --set options of the run.
    #[arg(long = "set", value_name = "POLICY=VALUE", value_parser = super::replay::policy)]
    set: Vec<(String, i64)>,
    /// Prints one JSON object instead of text.
    #[arg(long)]
    json: bool,
    /// The latest records and rows to show of each kind.
    #[arg(long, default_value_t = 12)]
    most: usize,
}

/// Everything found.
#[derive(Serialize)]
struct Explanation {
    /// The record that opened it.
    opened: Value,
    /// The rows its type reads, as of that tick; the latest last.
    rows: Vec<Value>,
    /// The number of rows in all.
    rows_found: usize,
    /// The records of its key, as of that tick; the latest last.
    records: Vec<Found>,
    /// The number of records in all.
    records_found: usize,
}

/// An input record behind the exception.
#[derive(Serialize)]
struct Found {
    topic: Topic,
    event_id: String,
    ingest_time: i64,
    event_time: i64,
    line: u64,
    record: Value,
}

impl Explain {
    /// Runs the command.
    ///
    /// # Errors
    /// A scenario that cannot be read, or one in which no such exception opens.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        log::init(LogFormat::Text, LogLevel::Warn);
        let overrides = Overrides { tick_ms: None, policy: self.set.iter().cloned().collect() };
        let scenario = Scenario::open(&self.scenario, &overrides)?;
        let (opened, mut rows) = self.replay(&scenario)?;
        let mut records = records(&scenario, &opened)?;
        let (rows_found, records_found) = (rows.len(), records.len());
        rows.drain(..rows_found.saturating_sub(self.most));
        records.drain(..records_found.saturating_sub(self.most));
        let explanation = Explanation { opened, rows, rows_found, records, records_found };
        if self.json {
            let text = serde_json::to_string_pretty(&explanation).map_err(|error| Error::Engine(error.to_string()))?;
            outln!(out, "{text}");
        } else {
            print(out, &explanation)?;
        }
        Ok(())
    }

    /// Replays; the record that opened the exception, and the rows of its key at that tick.
    fn replay(&self, scenario: &Scenario) -> Result<(Value, Vec<Value>), Error> {
        let mut state = OpeningState { exception_id: &self.exception_id, opened: None, rows: BTreeMap::new() };
        let feed = Feed::open(scenario, Arc::new(AtomicU64::new(0)))?;
        job::run(feed, &scenario.settings, 1, |closed| {
            closed.emissions.iter().for_each(|emission| state.take(emission));
            Ok(())
        })?;
        let OpeningState { opened, rows, .. } = state;
        let Some(opened) = opened else {
            let problem = format!("no exception {} opens in it", self.exception_id);
            return Err(Error::scenario(&self.scenario, problem));
        };
        let mut rows: Vec<Value> = rows.into_values().filter(|row| reads_row(&opened, row)).collect();
        rows.sort_by_key(|row| row["time"].as_i64());
        Ok((opened, rows))
    }
}

/// Stores the current rows until the exception opens.
struct OpeningState<'a> {
    exception_id: &'a str,
    opened: Option<Value>,
    rows: BTreeMap<(String, String), Value>,
}

impl OpeningState<'_> {
    fn take(&mut self, emission: &Emission) {
        let opened_at = self.opened.as_ref().and_then(|opened| opened["time"].as_i64());
        let wanted = match emission.topic {
            OutputTopic::Exceptions => opened_at.is_none(),
            // Views of a tick leave before its exceptions.
            OutputTopic::Views => opened_at.is_none_or(|opened_at| emission.time <= opened_at),
            _ => false,
        };
        if wanted {
            emission.records.encode(emission.time, 0, self);
        }
    }
}

impl Encoder for OpeningState<'_> {
    fn record(&mut self, table: &'static str, record: &dyn erased::Record) {
        let mut text = Vec::new();
        let Ok(()) = record.write_json(&mut text) else { return };
        let Ok(record) = serde_json::from_slice::<Value>(&text) else { return };
        if table == OutputTopic::Exceptions.name() {
            if record["exception_id"] == self.exception_id && record["event"] == "opened" {
                self.opened = Some(record);
            }
            return;
        }
        let name = (table.to_owned(), record["key"].to_string());
        if record["op"] == "delete" {
            self.rows.remove(&name);
        } else {
            self.rows.insert(name, record);
        }
    }
}

/// True if the type of the exception reads this row: of a view it reads, and with the same values of the common key
/// fields.
fn reads_row(opened: &Value, row: &Value) -> bool {
    let kind = retail::detectors::KINDS.iter().find(|kind| opened["type"] == kind.name);
    let reads = kind.is_some_and(|kind| kind.views.iter().any(|view| row["view"] == *view));
    reads && shares(&key(opened), row["key"].as_object())
}

/// True if all common fields are equal, and there is one.
fn shares(key: &Map<String, Value>, other: Option<&Map<String, Value>>) -> bool {
    let common: Vec<bool> = key
        .iter()
        .filter_map(|(name, value)| other.and_then(|other| other.get(name)).map(|other| other == value))
        .collect();
    !common.is_empty() && common.into_iter().all(|same| same)
}

/// The key of an exception, with its store where the key itself has none.
fn key(opened: &Value) -> Map<String, Value> {
    let mut key = opened["key"].as_object().cloned().unwrap_or_default();
    if let Some(store) = opened.get("store_id") {
        key.entry("store").or_insert_with(|| store.clone());
    }
    key
}

/// The input records of its key that were current when it opened, oldest first; of each only its last revision.
fn records(scenario: &Scenario, opened: &Value) -> Result<Vec<Found>, Error> {
    let kind = retail::detectors::KINDS.iter().find(|kind| opened["type"] == kind.name);
    let topics = kind.map(|kind| views::topics(kind.views)).unwrap_or_default();
    let opened_at = opened["opened_at"].as_i64().unwrap_or(0);
    let key = key(opened);
    let mut found = Vec::new();
    for topic in topics {
        if let Some(path) = scenario.log(topic)? {
            current_records(scenario, topic, &mut Lines::open(&path)?, opened_at, &key, &mut found)?;
        }
    }
    found.sort_by(|a, b| (a.ingest_time, a.topic, &a.event_id).cmp(&(b.ingest_time, b.topic, &b.event_id)));
    Ok(found)
}

fn current_records(
    scenario: &Scenario,
    topic: Topic,
    lines: &mut Lines,
    until: i64,
    key: &Map<String, Value>,
    found: &mut Vec<Found>,
) -> Result<(), Error> {
    let settings = &scenario.settings;
    let mut latest: BTreeMap<String, (i64, Option<Found>)> = BTreeMap::new();
    while let Some((line, text)) = lines.next_line()? {
        let decoded = guard::decode(Record::decode_line, LinePosition::of_log(topic, line), text, None);
        let Ok(record) = decoded else { continue };
        let now = settings.ticks.at(record.ingest_time);
        if now > until {
            break;
        }
        let (event_id, revision) = (record.event_id.to_string(), record.revision);
        let (ingest_time, event_time) = (record.ingest_time, record.event_time);
        if matches!(admit(topic, Place::number(line), text, Ok(record), now, settings.limits), Admitted::Fated(_)) {
            continue;
        }
        if latest.get(&event_id).is_some_and(|(known, _)| *known >= revision) {
            continue;
        }
        let record: Value = serde_json::from_slice(text).unwrap_or(Value::Null);
        let matches = record["op"] != "delete" && names_key(&record, key);
        let row = matches.then(|| Found { topic, event_id: event_id.clone(), ingest_time, event_time, line, record });
        latest.insert(event_id, (revision, row));
    }
    found.extend(latest.into_values().filter_map(|(_, row)| row));
    Ok(())
}

/// True if the record has the key's value in every key field that its type has, and in at least one.
fn names_key(record: &Value, key: &Map<String, Value>) -> bool {
    let mut named = 0;
    for (name, wanted) in key {
        let fields: &[&str] = match name.as_str() {
            "store" => &["store_id", "store_ids"],
            "item" => &["item_id", "item_ids"],
            "promotion" => &["promotion_id"],
            "operator" => &["operator_id"],
            "zone" => &["zone_id"],
            "order" => &["order_id"],
            "task" => &["task_id"],
            "role" => &["role"],
            "dept" => &["dept"],
            _ => &[],
        };
        let values: Vec<&Value> = fields.iter().filter_map(|field| record.get(field)).collect();
        let lines = record.get("lines").and_then(Value::as_array).filter(|_| name == "item");
        let in_lines = lines.map(|lines| lines.iter().any(|line| line["item_id"] == *wanted));
        let is = |value: &Value| value == wanted || value.as_array().is_some_and(|list| list.contains(wanted));
        match (values.is_empty(), in_lines) {
            (true, None) => {}
            _ if values.iter().any(|value| is(value)) || in_lines == Some(true) => named += 1,
            _ => return false,
        }
    }
    named > 0
}

fn print(out: &mut Out, explanation: &Explanation) -> Result<(), Error> {
    let opened = &explanation.opened;
    outln!(out, "{} {}", opened["type"].as_str().unwrap_or_default(), opened["key"]);
    outln!(
        out,
        "  opened at tick {}, {}, confidence {} bp",
        opened["opened_at"],
        opened["severity"],
        opened["confidence_bp"]
    );
    outln!(
        out,
        "  recommends {} {} to {}",
        opened["action"]["name"],
        opened["action"]["parameters"],
        opened["action"]["approver"]
    );
    outln!(out, "\nBecause (observed, expected):");
    for driver in opened["drivers"].as_array().into_iter().flatten() {
        outln!(
            out,
            "  {:<32} {:>16} {:>16} {}",
            text(&driver["name"]),
            text(&driver["observed"]),
            text(&driver["expected"]),
            text(&driver["unit"])
        );
    }
    outln!(out, "\nPolicies in force:");
    for (name, value) in opened["policy"].as_object().into_iter().flatten() {
        outln!(out, "  {name:<48} {value}");
    }
    match opened.get("cause") {
        Some(cause) => outln!(out, "\nThe record of that tick: {} {}", text(&cause["topic"]), text(&cause["event_id"])),
        None => outln!(out, "\nThe clock did it: no record of that tick changed what the condition reads."),
    }
    outln!(out, "\nRows at that tick ({} of {}):", explanation.rows.len(), explanation.rows_found);
    for row in &explanation.rows {
        outln!(out, "  {} {} {} (since {})", text(&row["view"]), row["key"], row["value"], row["time"]);
    }
    outln!(out, "\nRecords that stood ({} of {}):", explanation.records.len(), explanation.records_found);
    for Found { topic, event_id, ingest_time, line, record, .. } in &explanation.records {
        outln!(out, "  {topic} {event_id} ingested {ingest_time} (line {line}): {record}");
    }
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
