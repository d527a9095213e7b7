//! The whole job says what a slow, obvious model of the contract says: every view at every tick, every exception, every
//! fate, over seeds.
//!
//! The model ([`crate::model`]) shares no code with the engine. When they differ, the records that make no difference to
//! the difference are dropped one by one, and the rest is printed.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tests::{Outputs, Run};

use crate::generator;
use crate::model::{self, Scenario};

/// What is compared, in one order: a line a record.
type Said = Vec<String>;

/// Writes a scenario into a folder.
pub(crate) fn folder(scenario: &Scenario) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut toml = format!(
        "tick_ms = {}\nlateness_ms = {}\nfuture_ms = {}\n",
        scenario.tick_ms, scenario.lateness_ms, scenario.future_ms
    );
    if let Some(until) = scenario.until {
        toml += &format!("until = {until}\n");
    }
    toml += "[policy]\n";
    for (name, value) in &scenario.policy {
        toml += &format!("\"{name}\" = {value}\n");
    }
    std::fs::write(folder.path().join("scenario.toml"), toml).expect("written");
    for (topic, lines) in &scenario.topics {
        std::fs::write(folder.path().join(format!("{topic}.jsonl")), lines.join(&b'\n')).expect("written");
    }
    folder
}

fn engine(scenario: &Scenario, run: Run) -> Outputs {
    tests::run(folder(scenario).path(), run)
}

/// Basis points born of floating point may differ by one in the last place between two ways to compute them.
fn rounded(view: &str, value: &Value) -> Value {
    let mut value = value.clone();
    let born_of_floats =
        [("returns.operator", "no_receipt_low_bp"), ("demand.index", "index_bp"), ("demand.index", "signal_bp")];
    for (_, field) in born_of_floats.iter().filter(|(name, _)| *name == view) {
        if let Some(bp) = value[*field].as_i64() {
            value[*field] = (bp / 4 * 4).into();
        }
    }
    value
}

fn strip(record: &Value, fields: &[&str]) -> Value {
    let kept = record.as_object().expect("an object").iter().filter(|(name, _)| !fields.contains(&name.as_str()));
    // One order of names, whatever the writer's.
    let sorted: BTreeMap<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    Value::Object(sorted.into_iter().collect())
}

fn said_by_engine(outputs: &Outputs) -> Said {
    let view = |record: &Value| {
        let name = record["view"].as_str().expect("a view");
        let value = record.get("value").map_or(Value::Null, |value| rounded(name, value));
        format!("{} view {name} {} {} {value}", record["time"], strip(&record["key"], &[]), record["op"])
    };
    let exception = |record: &Value| {
        format!("{} exception {}", record["time"], strip(record, &["seq", "drivers", "policy", "cause"]))
    };
    let reject = |record: &Value| format!("{} reject {}", record["time"], strip(record, &["seq", "position"]));
    let views = outputs.records("views");
    let rejects = outputs.records("late").into_iter().chain(outputs.records("dead_letter"));
    let mut said: Said = views.iter().map(view).collect();
    said.extend(outputs.records("exceptions").iter().map(exception));
    said.extend(rejects.map(|record| reject(&record)));
    said.sort();
    said
}

fn said_by_model(scenario: &Scenario) -> Said {
    let output = model::run(scenario);
    let view = |change: &model::Change| {
        let key: Map<String, Value> =
            change.key.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let value = change.value.as_ref().map_or(Value::Null, |value| rounded(change.view, value));
        format!("{} view {} {} \"{}\" {value}", change.time, change.view, strip(&Value::Object(key), &[]), change.op)
    };
    let mut said: Said = output.views.iter().map(view).collect();
    said.extend(output.exceptions.iter().map(|record| {
        format!("{} exception {}", record["time"], strip(record, &["seq", "drivers", "policy", "cause"]))
    }));
    let rejects = output.late.iter().chain(&output.dead_letter);
    said.extend(rejects.map(|record| format!("{} reject {}", record["time"], strip(record, &["seq", "position"]))));
    said.sort();
    said
}

/// The first thing that only one of them says.
fn difference(scenario: &Scenario, run: Run) -> Option<String> {
    let (engine, model) = (said_by_engine(&engine(scenario, run)), said_by_model(scenario));
    let only = |said: &Said, other: &Said| said.iter().find(|line| other.binary_search(line).is_err()).cloned();
    match (only(&engine, &model), only(&model, &engine)) {
        (None, None) => None,
        (engine, model) => Some(format!("only the engine: {engine:?}\nonly the model:  {model:?}")),
    }
}

/// Drops records while a difference remains.
pub(crate) fn smallest(mut scenario: Scenario, differs: impl Fn(&Scenario) -> bool) -> Scenario {
    let topics: Vec<String> = scenario.topics.keys().cloned().collect();
    for step in [32, 8, 1] {
        for topic in &topics {
            let mut at = 0;
            while at < scenario.topics[topic].len() {
                let mut fewer = scenario.clone();
                let lines = fewer.topics.get_mut(topic).expect("a topic");
                let end = (at + step).min(lines.len());
                lines.drain(at..end);
                if differs(&fewer) { scenario = fewer } else { at += step }
            }
        }
    }
    scenario
}

fn check(scenario: &Scenario, run: Run, seed: u64) {
    if let Some(difference_at_first) = difference(scenario, run) {
        eprintln!("seed {seed} differs, looking for the records that matter\n{difference_at_first}");
        let small = smallest(scenario.clone(), |fewer| difference(fewer, run).is_some());
        let lines: Vec<String> = small
            .topics
            .iter()
            .flat_map(|(topic, lines)| {
                lines.iter().map(move |line| format!("{topic}: {}", String::from_utf8_lossy(line)))
            })
            .collect();
        panic!("seed {seed}, {run:?}\n{}\n{}", lines.join("\n"), difference(&small, run).unwrap_or_default());
    }
}

#[test]
fn the_job_says_what_the_model_says() {
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(6);
    let first: u64 = std::env::var("FIRST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for seed in first..first + seeds {
        let workers = 1 + usize::try_from(seed % 4).expect("small");
        let run = Run { workers, shuffle: Some(seed) };
        let scenario = generator::scenario(seed, 160);
        let outputs = engine(&scenario, run);
        let opened: Vec<(i64, String)> = outputs
            .records("exceptions")
            .iter()
            .filter(|record| record["event"] == "opened")
            .map(|record| {
                (record["time"].as_i64().expect("a time"), record["exception_id"].as_str().expect("an id").to_owned())
            })
            .collect();
        check(&generator::with_commands(&scenario, seed, &opened), run, seed);
    }
}
