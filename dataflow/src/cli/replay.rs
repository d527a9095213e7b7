//! `storepulse replay`: runs a scenario from its files to its output files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use connectors::file::whole::WholeFile;
use contract::event::Topic;
use engine::clock::Stopwatch;
use engine::emission::output::Written;
use engine::job::{self, RunSummary};
use indicatif::{ProgressBar, ProgressStyle};
use live::error::Error;
use live::log::{self, LogFormat, LogLevel};
use live::replay::feed::Feed;
use live::replay::scenario::{Overrides, Scenario};
use live::replay::write::{Format, OutputFiles};
use retail::views;
use serde::Serialize;

use crate::cli::out::Out;

/// Replays a scenario through the dataflow and writes every output topic.
#[derive(Args)]
#[command(
    after_help = "Example:\n  storepulse replay scenarios/corner-store --out /tmp/out --workers 2 --set inventory.stockout_risk.open_bp=4000"
)]
pub struct Replay {
    /// The scenario folder: scenario.toml and one file per topic.
    scenario: PathBuf,
    /// The output folder; files there are replaced.
    #[arg(long)]
    out: PathBuf,
    /// Worker threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// Length of a tick in milliseconds.
    #[arg(long)]
    tick_ms: Option<i64>,
    /// Overrides a policy; may be repeated.
    #[arg(long = "set", value_name = "POLICY=VALUE", value_parser = policy)]
    set: Vec<(String, i64)>,
    /// The format of output files.
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
}

pub(super) fn policy(text: &str) -> Result<(String, i64), String> {
    let (name, value) = text.split_once('=').ok_or("expected POLICY=VALUE")?;
    let value = value.trim().parse().map_err(|_| format!("{value:?} is not an integer"))?;
    Ok((name.trim().to_owned(), value))
}

/// The content of `summary.json`.
#[derive(Serialize)]
struct Summary<'a> {
    scenario: &'a str,
    workers: u16,
    tick_ms: i64,
    first_tick: Option<i64>,
    last_tick: Option<i64>,
    ticks: i64,
    topics: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    out_of_order: BTreeMap<&'static str, u64>,
    rows: &'a BTreeMap<&'static str, i64>,
    records: &'a BTreeMap<&'static str, u64>,
    exceptions: &'a BTreeMap<String, BTreeMap<String, u64>>,
    seconds: f64,
    events_per_second: f64,
}

impl Replay {
    /// Runs the command.
    ///
    /// # Errors
    /// A wrong scenario, an unreadable or unwritable file, or a failed engine.
    pub fn run(self, out: &mut Out) -> Result<(), Error> {
        let stopwatch = Stopwatch::start();
        log::init(LogFormat::Text, LogLevel::Warn);
        let overrides = Overrides { tick_ms: self.tick_ms, policy: self.set.iter().cloned().collect() };
        let scenario = Scenario::open(&self.scenario, &overrides)?;
        let read = Arc::new(AtomicU64::new(0));
        let feed = Feed::open(&scenario, read.clone())?;
        let mut files = OutputFiles::create(&self.out, self.format, &views::tables())?;
        let bar = progress(&scenario)?;
        let ran = job::run(feed, &scenario.settings, usize::from(self.workers), |closed| {
            bar.set_position(read.load(Ordering::Relaxed));
            files.write(closed.emissions)
        })?;
        let written = files.finish()?;
        bar.finish_and_clear();
        let seconds = stopwatch.elapsed().as_secs_f64();
        let summary = summary(&scenario, self.workers, &ran, &written, seconds);
        write_summary(&self.out, &summary)?;
        print(out, &summary, &self.out)
    }
}

fn progress(scenario: &Scenario) -> Result<ProgressBar, Error> {
    let mut bytes = 0;
    for topic in Topic::ALL {
        if let Some(path) = scenario.log(topic)? {
            bytes += std::fs::metadata(&path).map_err(connectors::Error::io("read", &path))?.len();
        }
    }
    // Drawn on a terminal only.
    let bar = ProgressBar::new(bytes);
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    Ok(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
}

fn summary<'a>(
    scenario: &'a Scenario,
    workers: u16,
    ran: &RunSummary,
    written: &'a Written,
    seconds: f64,
) -> Summary<'a> {
    let mut topics: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for topic in Topic::ALL {
        let counts = topics.entry(topic.name()).or_default();
        for fate in ["accepted", "duplicates", "late", "dead"] {
            counts.insert(fate, ran.fates.get(&(topic, fate)).copied().unwrap_or(0));
        }
    }
    let events: u64 = ran.fates.values().sum();
    let tick_ms = scenario.settings.ticks.tick_ms;
    let ticks = ran.first.zip(ran.last).map_or(0, |(first, last)| (last - first) / tick_ms + 1);
    Summary {
        scenario: &scenario.name,
        workers,
        tick_ms,
        first_tick: ran.first,
        last_tick: ran.last,
        ticks,
        topics,
        out_of_order: ran.disordered.iter().map(|(topic, count)| (topic.name(), *count)).collect(),
        rows: &written.rows,
        records: &written.records,
        exceptions: &written.exceptions,
        seconds,
        events_per_second: if seconds > 0.0 { events as f64 / seconds } else { 0.0 },
    }
}

fn write_summary(out: &Path, summary: &Summary<'_>) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(summary).map_err(|error| Error::Engine(error.to_string()))?;
    text.push(b'\n');
    let mut file = WholeFile::create(&out.join("summary.json"))?;
    file.append(&text)?;
    Ok(file.finish()?)
}

fn print(out: &mut Out, summary: &Summary<'_>, folder: &Path) -> Result<(), Error> {
    outln!(
        out,
        "{}: {} ticks of {} ms, {} worker(s)",
        summary.scenario,
        summary.ticks,
        summary.tick_ms,
        summary.workers
    );
    outln!(out, "\n{:<12} {:>10} {:>10} {:>10} {:>10}", "topic", "accepted", "duplicate", "late", "dead");
    for (topic, fates) in &summary.topics {
        let [accepted, duplicates, late, dead] = ["accepted", "duplicates", "late", "dead"].map(|fate| fates[fate]);
        outln!(out, "{topic:<12} {accepted:>10} {duplicates:>10} {late:>10} {dead:>10}");
    }
    for (topic, count) in &summary.out_of_order {
        outln!(out, "warning: {topic}: {count} ingest times ran backwards; each was taken as the one before it");
    }
    outln!(out, "\n{:<24} {:>10}", "view", "rows");
    for (view, rows) in summary.rows {
        outln!(out, "{view:<24} {rows:>10}");
    }
    outln!(out, "\n{:<28} {:>8} {:>8} {:>8}", "exception", "opened", "updated", "cleared");
    for (name, events) in summary.exceptions {
        let [opened, updated, cleared] =
            ["opened", "updated", "cleared"].map(|event| events.get(event).copied().unwrap_or(0));
        outln!(out, "{name:<28} {opened:>8} {updated:>8} {cleared:>8}");
    }
    outln!(
        out,
        "\n{:.2} s, {:.0} events/s; output in {}",
        summary.seconds,
        summary.events_per_second,
        folder.display()
    );
    Ok(())
}
