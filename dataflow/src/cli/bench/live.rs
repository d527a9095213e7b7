//! `storepulse bench live`: measures the time from the moment a sale is due until a reader has the exception it opens.
//!
//! Open loop: the due time of each till line follows from the rate; a line that is sent late counts from its due time.
//! Some lines are probes: each sells one unit of an item of its own that was counted as zero, so the stock goes
//! negative and `inventory.negative_on_hand` opens for it. The others are plain sales.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use connectors::reader::{Next, Reader};
use connectors::registry::{SinkConfig, SourceConfig};
use connectors::sink::Sink;
use connectors::source::Start;
use contract::event::Topic;
use contract::output::OutputTopic;
use engine::clock::wall_ms;
use hdrhistogram::Histogram;
use live::config::Config;
use live::error::Error;
use live::input::binder::Clock;
use measure::pace::Pace;
use retail::detectors::inventory_negative_on_hand;
use serde::{Deserialize, Serialize};

use crate::cli::out::Out;

/// Lines sent together at most.
const BATCH: u64 = 4_096;
/// The time that the reader waits for a record before it looks again.
const PATIENCE: Duration = Duration::from_millis(50);
/// The time that probes may take after the last line was sent.
const AFTERWARDS: Duration = Duration::from_secs(20);
/// The longest latency that is resolved: an hour.
const LONGEST_MICROS: u64 = 3_600_000_000;
/// Stores, and items beside the probes.
const STORES: u64 = 20;
const ITEMS: u64 = 500;
/// Lines of a basket.
const BASKET: u64 = 4;

/// Sends till lines to a running job at a rate and measures how long each exception takes to reach a reader.
///
/// The job must follow the wall clock, read `pos` and `inventory`, and write `exceptions`. It keeps what is sent.
#[derive(Args)]
#[command(after_help = "Example:\n  storepulse bench live --config storepulse.toml --rate 10000 --seconds 30")]
pub(super) struct Live {
    /// The configuration of the job, which is running.
    #[arg(long)]
    config: PathBuf,
    /// Till lines a second.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// Measured seconds, after the warm-up.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Seconds at the beginning that are sent but not measured.
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// Probes a second, at most one a line.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    probes: u64,
}

/// The result, in milliseconds.
#[derive(Debug, Serialize)]
struct Report {
    rate: u64,
    rate_reached: f64,
    reached: bool,
    records: u64,
    seconds: u64,
    probes: u64,
    missing: u64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    p99_9_ms: f64,
    max_ms: f64,
    tick_ms: i64,
    cores: usize,
}

impl Live {
    /// Runs the command.
    ///
    /// # Errors
    /// If the job's topics cannot be written or read, or no probe came back.
    pub(super) fn run(self, out: &mut Out) -> Result<(), Error> {
        let report = self.measured()?;
        outln!(
            out,
            "{}/s for {} s: {:.0}/s reached{}; {} probes, {} missing",
            report.rate,
            report.seconds,
            report.rate_reached,
            if report.reached { "" } else { " (NOT the rate)" },
            report.probes,
            report.missing
        );
        outln!(
            out,
            "ms from the intended sending to the reader: p50 {:.1}  p90 {:.1}  p99 {:.1}  p99.9 {:.1}  max {:.1}",
            report.p50_ms,
            report.p90_ms,
            report.p99_ms,
            report.p99_9_ms,
            report.max_ms
        );
        outln!(out, "{}", serde_json::to_string(&report).map_err(|error| Error::Engine(error.to_string()))?);
        Ok(())
    }
}

/// The lines of one run.
#[derive(Clone, Copy)]
struct Load {
    /// Names what is sent in this run.
    run: i64,
    /// The number of lines from one probe to the next.
    every: u64,
    total: u64,
}

impl Load {
    fn probes(self) -> u64 {
        self.total.div_ceil(self.every)
    }

    fn item(self, probe: u64) -> String {
        format!("probe-{}-{probe}", self.run)
    }

    /// The number of the probe that sells this item, if it belongs to this run.
    fn probe(self, item: &str) -> Option<u64> {
        item.strip_prefix(&format!("probe-{}-", self.run))?.parse().ok()
    }

    fn store(line: u64) -> String {
        format!("bench-{}", line / BASKET % STORES)
    }

    /// The count after which one sale makes the stock of a probe negative.
    fn count(self, probe: u64, at: i64) -> Vec<u8> {
        let (run, item, store) = (self.run, self.item(probe), Load::store(probe * self.every));
        format!(
            r#"{{"event_id":"bench-{run}-{probe}","type":"inventory.count","event_time":{at},"ingest_time":{at},"store_id":"{store}","item_id":"{item}","counted":0}}"#
        )
        .into_bytes()
    }

    fn line(self, line: u64, at: i64) -> Vec<u8> {
        let item = match line.is_multiple_of(self.every) {
            true => self.item(line / self.every),
            false => format!("item-{}", line % ITEMS),
        };
        let (run, store, basket, place) = (self.run, Load::store(line), line / BASKET, line % BASKET + 1);
        format!(
            r#"{{"event_id":"bench-{run}-{line}","type":"pos.line","event_time":{at},"ingest_time":{at},"store_id":"{store}","transaction_id":"bench-{run}-{basket}","line":{place},"register_id":"r1","operator_id":"o1","item_id":"{item}","kind":"sale","quantity":1,"unit_price_cents":199,"net_cents":199,"discount_cents":0,"channel":"store"}}"#
        )
        .into_bytes()
    }
}

impl Live {
    fn measured(self) -> Result<Report, Error> {
        let config = Config::read(&self.config)?;
        let (pos, inventory, exceptions) = self.topics(&config)?;
        let total = self.rate.saturating_mul(self.seconds + self.warm_up);
        let load = Load { run: wall_ms(), every: (self.rate / self.probes).max(1), total };
        let mut reader = Reader::new(exceptions.source(Start::End, false)?);
        let before = wall_ms() - 60_000;
        let counts: Vec<Vec<u8>> = (0..load.probes()).map(|probe| load.count(probe, before)).collect();
        inventory.sink(0)?.append(&counts)?;
        let partitions = pos.partitions()?;
        let sinks = (0..partitions).map(|partition| pos.sink(partition)).collect::<Result<Vec<_>, _>>()?;
        let (pace, finished) = (Pace::start(self.rate), AtomicU64::new(0));
        let (measured, took) = std::thread::scope(|scope| {
            let write = |(first, sink)| {
                let finished = &finished;
                scope.spawn(move || {
                    let written = write(load, pace, (first, u64::from(partitions)), sink);
                    finished.fetch_add(1, Ordering::Release);
                    written.map(|()| pace.elapsed())
                })
            };
            let writers: Vec<_> = (0..).zip(sinks).map(write).collect();
            let is_over = || finished.load(Ordering::Acquire) == u64::from(partitions);
            let measured = self.measure(load, pace, &mut reader, &is_over);
            let mut took = Duration::ZERO;
            for writer in writers {
                took = took.max(writer.join().map_err(|_| Error::Engine("a writer panicked".to_owned()))??);
            }
            Ok::<_, Error>((measured?, took))
        })?;
        self.report(load, &measured, took, &config)
    }

    fn topics<'a>(&self, config: &'a Config) -> Result<(&'a SourceConfig, &'a SourceConfig, &'a SinkConfig), Error> {
        if config.time.clock != Clock::Wall {
            return Err(Error::scenario(&self.config, "the job must follow the wall clock"));
        }
        let missing = |name: &str| Error::scenario(&self.config, format!("has no [{name}]"));
        let input = |topic| config.input.get(&topic).ok_or_else(|| missing(&format!("input.{topic}")));
        let exceptions = config.output.get(&OutputTopic::Exceptions).ok_or_else(|| missing("output.exceptions"))?;
        Ok((input(Topic::Pos)?, input(Topic::Inventory)?, exceptions))
    }

    /// Reads exceptions until every probe has one, or the time of the last ones is over.
    fn measure(
        &self,
        load: Load,
        pace: Pace,
        reader: &mut Reader,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Histogram<u64>, Error> {
        let mut micros =
            Histogram::new_with_bounds(1, LONGEST_MICROS, 3).map_err(|error| Error::Engine(error.to_string()))?;
        let from = (self.rate * self.warm_up).div_ceil(load.every);
        let (mut waited_for, mut over) = (load.probes(), None);
        while waited_for > 0 {
            if over.is_none() && is_over() {
                over = Some(pace.elapsed());
            }
            if over.is_some_and(|over| pace.elapsed() > over + AFTERWARDS) {
                break;
            }
            let Next::Tick { records, .. } = reader.next(PATIENCE)? else { continue };
            let now = pace.elapsed();
            for probe in records.iter().filter_map(|record| opened(load, record)) {
                waited_for -= 1;
                let took = now.saturating_sub(pace.at(probe * load.every));
                if probe >= from {
                    micros.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                }
            }
        }
        Ok(micros)
    }

    fn report(&self, load: Load, micros: &Histogram<u64>, took: Duration, config: &Config) -> Result<Report, Error> {
        if micros.is_empty() {
            return Err(Error::Engine("no probe came back: is the job running?".to_owned()));
        }
        let ms = |micros: u64| micros as f64 / 1_000.0;
        let at = |quantile: f64| ms(micros.value_at_quantile(quantile));
        let rate_reached = load.total as f64 / took.as_secs_f64();
        let expected = load.probes() - (self.rate * self.warm_up).div_ceil(load.every);
        Ok(Report {
            rate: self.rate,
            rate_reached,
            reached: rate_reached >= 0.99 * self.rate as f64,
            records: load.total,
            seconds: self.seconds,
            probes: micros.len(),
            missing: expected.saturating_sub(micros.len()),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p99_9_ms: at(0.999),
            max_ms: ms(micros.max()),
            tick_ms: config.time.tick_ms,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
        })
    }
}

/// Sends every `step`-th line from `first` on, each batch when its first line is due and the batch before it is
/// durable.
fn write(load: Load, pace: Pace, (first, step): (u64, u64), mut sink: Box<dyn Sink>) -> Result<(), Error> {
    let mut next = first;
    let stride = usize::try_from(step).unwrap_or(usize::MAX);
    while next < load.total {
        pace.wait_for(next);
        let upto = pace.due().min(load.total).min(next + BATCH * step);
        let now = wall_ms();
        let lines: Vec<Vec<u8>> = (next..upto).step_by(stride).map(|line| load.line(line, now)).collect();
        next += step * lines.len() as u64;
        sink.append(&lines)?;
    }
    Ok(())
}

/// The probe whose exception this record opens.
fn opened(load: Load, record: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Key<'a> {
        item: Option<&'a str>,
    }
    #[derive(Deserialize)]
    struct Exception<'a> {
        r#type: &'a str,
        event: &'a str,
        #[serde(borrow)]
        key: Key<'a>,
    }
    let exception: Exception<'_> = serde_json::from_slice(record).ok()?;
    let is_opening = exception.r#type == inventory_negative_on_hand::KIND.name && exception.event == "opened";
    exception.key.item.filter(|_| is_opening).and_then(|item| load.probe(item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::event::Record;

    #[test]
    fn what_is_sent_is_valid_and_a_probe_is_known_by_its_exception() {
        let load = Load { run: 17, every: 10, total: 95 };
        assert_eq!(load.probes(), 10);
        for line in 0..load.total {
            assert!(Record::decode(Topic::Pos, &load.line(line, 1_000)).is_ok(), "line {line}");
        }
        let count = Record::decode(Topic::Inventory, &load.count(3, 1_000)).expect("valid");
        let sale = Record::decode(Topic::Pos, &load.line(30, 1_000)).expect("valid");
        assert_eq!(count.store_id, sale.store_id);
        let opened_probe = |kind: &str, event: &str, item: &str| {
            opened(load, format!(r#"{{"type":"{kind}","event":"{event}","key":{{"item":"{item}"}}}}"#).as_bytes())
        };
        assert_eq!(opened_probe("inventory.negative_on_hand", "opened", &load.item(3)), Some(3));
        assert_eq!(opened_probe("inventory.negative_on_hand", "opened", "probe-18-3"), None);
        assert_eq!(opened_probe("inventory.negative_on_hand", "cleared", &load.item(3)), None);
        assert_eq!(opened_probe("inventory.stockout_risk", "opened", &load.item(3)), None);
    }
}
