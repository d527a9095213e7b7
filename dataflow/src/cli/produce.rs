//! `storepulse scenario produce`: sends the records of a scenario to the input topics of a live job.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use connectors::codec::Codec;
use connectors::codec::arrow;
use connectors::file::lines::Lines;
use connectors::registry::SourceConfig;
use connectors::sink::Sink;
use contract::event::guard::{self, LinePosition};
use contract::event::{Record, Topic};
use engine::clock::Stopwatch;
use live::config::Config;
use live::error::Error;
use live::log::{self, LogFormat, LogLevel};
use live::replay::scenario::{Overrides, Scenario};
use measure::pace::Pace;
use xxhash_rust::xxh3::xxh3_64;

use crate::cli::out::Out;

/// Records sent together at most.
const BATCH: u64 = 4_096;

/// Sends every record of a scenario to the input topics of a live job, in order of ingest time across topics.
///
/// Records of a store go to one partition; of those that name none, the same event id always goes to the same. A line that
/// cannot be read goes where the line before it went. A topic with the arrow codec takes `--rows` records a message,
/// which then share the log time of the last of them; a line that is no JSON object is a message by itself.
#[derive(Args)]
#[command(
    after_help = "Example:\n  storepulse scenario produce scenarios/corner-store --config storepulse.toml --partitions 1 --rate 1000"
)]
pub struct Produce {
    /// The scenario folder.
    scenario: PathBuf,
    /// The configuration of the job: its [input.TOPIC] sections name the destinations and the codecs.
    #[arg(long)]
    config: PathBuf,
    /// Records a second in all; without it, as fast as they are taken.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rate: Option<u64>,
    /// Creates missing topics of a broker with this number of partitions; existing topics must have the same number.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    partitions: Option<u32>,
    /// Records a message, in topics with the arrow codec.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    rows: u32,
}

impl Produce {
    /// Runs the command.
    ///
    /// # Errors
    /// A record whose topic the configuration does not read, a log that cannot be read, or a topic that cannot be written.
    pub(super) fn run(self, out: &mut Out) -> Result<(), Error> {
        log::init(LogFormat::Text, LogLevel::Warn);
        let config = Config::read(&self.config)?;
        let scenario = Scenario::open(&self.scenario, &Overrides::default())?;
        let mut logs = Vec::new();
        let mut outlets = BTreeMap::new();
        for topic in Topic::ALL {
            let Some(path) = scenario.log(topic)? else { continue };
            let missing = || Error::scenario(&self.config, format!("has no [input.{topic}], the scenario has"));
            let input = config.input.get(&topic).ok_or_else(missing)?;
            if let Some(partitions) = self.partitions {
                input.create(partitions)?;
            }
            outlets.insert(topic, Outlet::open(input, self.rows as usize)?);
            logs.push(Log::open(topic, Lines::open(&path)?)?);
        }
        let took = Stopwatch::start();
        let sent = send(&mut logs, &mut outlets, self.rate.map(Pace::start))?;
        let seconds = took.elapsed().as_secs_f64();
        for (topic, outlet) in &outlets {
            outln!(out, "{topic:<12} {:>9} records to {} partition(s)", outlet.sent, outlet.partitions.len());
        }
        outln!(out, "{sent} records in {seconds:.2} s, {:.0} a second", sent as f64 / seconds);
        Ok(())
    }
}

/// Sends all records batch by batch: those that are due, or a full batch.
fn send(logs: &mut [Log], outlets: &mut BTreeMap<Topic, Outlet>, pace: Option<Pace>) -> Result<u64, Error> {
    let mut sent = 0;
    loop {
        let upto = pace.map_or(u64::MAX, Pace::due).min(sent + BATCH);
        while sent < upto {
            let next = logs.iter_mut().filter(|log| log.next.is_some()).min_by_key(|log| log.ingest_time);
            let Some(log) = next else { break };
            let Some((store, line)) = log.next.take() else { break };
            if let Some(outlet) = outlets.get_mut(&log.topic) {
                outlet.take(store, line);
            }
            log.advance()?;
            sent += 1;
        }
        for outlet in outlets.values_mut() {
            outlet.flush()?;
        }
        if logs.iter().all(|log| log.next.is_none()) {
            return Ok(sent);
        }
        if let Some(pace) = pace {
            pace.wait_for(sent);
        }
    }
}

/// One log of the scenario.
struct Log {
    topic: Topic,
    lines: Lines,
    /// The ingest time of the next line; for an unreadable line, that of the line before it.
    ingest_time: i64,
    /// The next line, and the key of its partition; `None` selects the partition of the line before it.
    next: Option<(Option<u64>, Vec<u8>)>,
}

impl Log {
    fn open(topic: Topic, lines: Lines) -> Result<Self, Error> {
        let mut log = Log { topic, lines, ingest_time: i64::MIN, next: None };
        log.advance()?;
        Ok(log)
    }

    fn advance(&mut self) -> Result<(), Error> {
        let Some((number, line)) = self.lines.next_line()? else { return Ok(()) };
        let record = guard::decode(Record::decode_line, LinePosition::of_log(self.topic, number), line, None).ok();
        self.ingest_time = record.as_ref().map_or(self.ingest_time, |record| record.ingest_time.max(self.ingest_time));
        let key = record.map(|record| match record.store_id {
            Some(store) => xxh3_64(store.as_str().as_bytes()),
            None => xxh3_64(record.event_id.as_str().as_bytes()),
        });
        self.next = Some((key, line.to_vec()));
        Ok(())
    }
}

/// The partitions of a topic, and the records that are not sent yet.
struct Outlet {
    partitions: Vec<(Box<dyn Sink>, Vec<Vec<u8>>)>,
    codec: Codec,
    rows: usize,
    last: usize,
    sent: u64,
}

impl Outlet {
    fn open(input: &SourceConfig, rows: usize) -> Result<Self, Error> {
        let sink = |partition| Ok((input.sink(partition)?, Vec::new()));
        let partitions = (0..input.partitions()?).map(sink).collect::<Result<Vec<_>, Error>>()?;
        Ok(Outlet { partitions, codec: input.codec(), rows, last: 0, sent: 0 })
    }

    fn take(&mut self, key: Option<u64>, line: Vec<u8>) {
        let count = self.partitions.len() as u64;
        self.last = key.and_then(|key| usize::try_from(key % count).ok()).unwrap_or(self.last);
        self.partitions[self.last].1.push(line);
        self.sent += 1;
    }

    fn flush(&mut self) -> Result<(), Error> {
        for (sink, waiting) in self.partitions.iter_mut().filter(|(_, waiting)| !waiting.is_empty()) {
            match self.codec {
                Codec::Json => sink.append(waiting)?,
                Codec::Arrow => {
                    let mut messages = Vec::new();
                    waiting.chunks(self.rows).for_each(|lines| pack(lines, &mut messages));
                    sink.append(&messages)?;
                }
            }
            waiting.clear();
        }
        Ok(())
    }
}

/// Packs lines into one message, or into several where they do not fit together.
fn pack(lines: &[Vec<u8>], into: &mut Vec<Vec<u8>>) {
    let rows = || lines.iter().map(Vec::as_slice);
    match (arrow::schema_of(rows()).and_then(|schema| arrow::encode(rows(), &schema)), lines) {
        (Ok(message), _) => into.push(message),
        (Err(_), [line]) => into.push(line.clone()),
        (Err(_), _) => {
            let (first, rest) = lines.split_at(lines.len() / 2);
            pack(first, into);
            pack(rest, into);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_events_are_messages_by_themselves() {
        let lines: Vec<Vec<u8>> =
            ["{\"a\":1}", "{\"a\":2}", "{broken", "{\"a\":3}"].map(|line| line.as_bytes().to_vec()).into();
        let mut messages = Vec::new();
        pack(&lines, &mut messages);
        let mut seen = Vec::new();
        for message in &messages {
            let mut each = |event: &[u8]| seen.push(event.to_vec());
            if Codec::Arrow.events(message, &mut each).is_err() {
                seen.push(message.clone());
            }
        }
        assert_eq!((seen, messages.len()), (lines, 3));
    }

    #[test]
    fn a_scenario_arrives_whole_in_order_and_by_store() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let count = |id: u32, store: &str, at: u32| {
            format!(
                "{{\"event_id\":\"c{id}\",\"type\":\"inventory.count\",\"event_time\":{at},\"ingest_time\":{at},\
                 \"store_id\":\"{store}\",\"item_id\":\"i\",\"counted\":1}}\n"
            )
        };
        std::fs::create_dir(path("scenario")).expect("a folder");
        let stores: Vec<String> = (0..8).map(|n| format!("s{n}")).collect();
        let lines: Vec<String> = (0..64).map(|id| count(id, &stores[id as usize % 8], 1_000 + id)).collect();
        std::fs::write(path("scenario/inventory.jsonl"), lines.concat() + "{broken\n").expect("written");
        let config = format!(
            "[state]\nfolder = \"state\"\n[input.inventory]\nconnector = \"file\"\npaths = [{:?}, {:?}]\n\
             [output.views]\nconnector = \"file\"\npath = \"views\"\n",
            path("0"),
            path("1")
        );
        std::fs::write(path("job.toml"), config).expect("written");
        let produce =
            Produce { scenario: path("scenario"), config: path("job.toml"), rate: None, partitions: None, rows: 1 };
        produce.run(&mut Out::to(std::io::sink())).expect("produced");
        let logs_read = ["0", "1"].map(|name| std::fs::read_to_string(path(name)).expect("read"));
        let of = |logs_read: &str, store: &str| {
            logs_read.lines().filter(|line| line.contains(store)).map(|line| format!("{line}\n")).collect::<String>()
        };
        for (n, store) in stores.iter().enumerate() {
            let want: String = lines.iter().skip(n).step_by(8).cloned().collect();
            let homes = logs_read.iter().filter(|logs_read| of(logs_read, store) == want).count();
            let strays = logs_read.iter().filter(|logs_read| !of(logs_read, store).is_empty()).count();
            assert_eq!((homes, strays), (1, 1), "{store}");
        }
        let broken = logs_read.iter().find(|logs_read| logs_read.contains("{broken")).expect("it arrived");
        assert!(broken.ends_with(&format!("{}{{broken\n", lines[63])));
        assert!(logs_read.iter().all(|logs_read| !logs_read.is_empty()));
    }
}
