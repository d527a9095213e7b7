//! The configuration file `storepulse.toml`: inputs, outputs, state and time of a live job. The documentation of each
//! field is its manual.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use connectors::registry::{SinkConfig, SourceConfig};
use contract::event::Topic;
use contract::output::OutputTopic;
use engine::edge::Limits;
use engine::edge::{FUTURE_MS, LATENESS_MS};
use engine::graph::Settings;
use engine::reference::Policies;
use operators::keyed::Ticks;
use retail::detectors::KINDS;
use retail::registry::CATALOG;
use serde::Deserialize;
use serve::HttpConfig;

use crate::error::Error;
use crate::input::binder::Clock;
use crate::log::{LogFormat, LogLevel};

/// The configuration of a live job.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of the job, in logs.
    #[serde(default = "default_name")]
    pub name: String,
    /// Worker threads of each process.
    #[serde(default = "default_workers")]
    pub workers: u16,
    /// Ticks and clocks.
    #[serde(default)]
    pub time: TimeConfig,
    /// The state folder and its snapshots.
    pub state: StateConfig,
    /// `[input.TOPIC]`: the source of each input topic; a topic without a table is empty.
    pub input: BTreeMap<Topic, SourceConfig>,
    /// `[output.TOPIC]`: the sink of each output topic; a topic without a table is not written.
    pub output: BTreeMap<OutputTopic, SinkConfig>,
    /// Policies that differ from their defaults, as `"name" = value`; records of the commands topic override them.
    #[serde(default)]
    pub policy: BTreeMap<String, i64>,
    /// `[http]`: metrics, health, the read API, events and commands; without it no port is opened.
    #[serde(default)]
    pub http: Option<HttpConfig>,
    /// The log of the program.
    #[serde(default)]
    pub log: LogConfig,
}

/// Ticks and clocks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeConfig {
    /// Length of a tick in milliseconds; exceptions are emitted every tick. Fixed for the life of the state.
    pub tick_ms: i64,
    /// Interval of view emissions, in milliseconds.
    pub emit_ms: i64,
    /// Greatest age of an event, in milliseconds.
    pub lateness_ms: i64,
    /// Greatest lead of an event over the clock, in milliseconds.
    pub future_ms: i64,
    /// Time does not wait for a partition that has been at its end and silent for this long (milliseconds). It always
    /// waits for a partition with unread records or one that cannot be read. Default: 5 by the wall clock, where it
    /// delays the ticks after the last record of a quiet topic, and 5000 by the records' clock, where time that
    /// continues without a partition makes its next records late.
    pub idle_ms: Option<u64>,
    /// The clock of the job: `wall` (ticks close as the wall clock passes; a record's log time is the broker's, or its
    /// `ingest_time` in files), or `data` (ticks close as far as the records' `ingest_time` has come, as in a replay).
    pub clock: Clock,
    /// With `data`: the last instant; when every input has ended, time advances to it.
    pub until: Option<i64>,
    /// If true, the job reads every input to its present end, then stops. Otherwise it follows its inputs until it is
    /// stopped.
    pub stop_at_end: bool,
}

impl TimeConfig {
    /// Returns the time for which a partition must be at its end and silent before time continues without it.
    pub fn idle(&self) -> Duration {
        let usual = match self.clock {
            Clock::Wall => 5,
            Clock::Data => 5_000,
        };
        Duration::from_millis(self.idle_ms.unwrap_or(usual))
    }
}

impl Default for TimeConfig {
    fn default() -> Self {
        TimeConfig {
            tick_ms: 10,
            emit_ms: 1_000,
            lateness_ms: LATENESS_MS,
            future_ms: FUTURE_MS,
            idle_ms: None,
            clock: Clock::Wall,
            until: None,
            stop_at_end: false,
        }
    }
}

/// The state folder and its snapshots.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateConfig {
    /// The folder of the remap log and the snapshots; one for all processes of the job, shared if they are on several
    /// machines.
    pub folder: PathBuf,
    /// Interval of snapshots, in milliseconds of tick time; they are taken at its multiples.
    #[serde(default = "default_snapshot_ms")]
    pub snapshot_ms: i64,
    /// Number of complete snapshots to keep.
    #[serde(default = "default_keep")]
    pub keep: usize,
}

/// The log of the program.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `text` or `json`.
    pub format: LogFormat,
    /// The least level: `error`, `warn`, `info`, `debug` or `trace`; default `info`.
    pub level: LogLevel,
}

fn default_name() -> String {
    "storepulse".to_owned()
}

fn default_workers() -> u16 {
    1
}

fn default_snapshot_ms() -> i64 {
    60_000
}

fn default_keep() -> usize {
    3
}

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to the working directory.
    ///
    /// # Errors
    /// If the file cannot be read, has an unknown or wrong field, or fields contradict each other.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(connectors::Error::io("read", path))?;
        let config: Config = toml::from_str(&text).map_err(|error| Error::scenario(path, error))?;
        config.check().map_err(|problem| Error::scenario(path, problem))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let time = &self.time;
        let positive = [
            ("time.tick_ms", time.tick_ms),
            ("time.emit_ms", time.emit_ms),
            ("state.snapshot_ms", self.state.snapshot_ms),
            ("workers", i64::from(self.workers)),
            ("state.keep", i64::try_from(self.state.keep).unwrap_or(i64::MAX)),
        ];
        if let Some((name, value)) = positive.iter().find(|(_, value)| *value < 1) {
            return Err(format!("{name} is {value}, it must be at least 1"));
        }
        if self.input.is_empty() {
            return Err("no [input.TOPIC] is given: there is nothing to read".to_owned());
        }
        if self.output.is_empty() {
            return Err("no [output.TOPIC] is given: nobody would learn anything".to_owned());
        }
        let inputs = self.input.iter().map(|(topic, source)| (format!("input.{topic}"), source.check()));
        let outputs = self.output.iter().map(|(topic, sink)| (format!("output.{}", topic.name()), sink.check()));
        if let Some((table, Err(error))) = inputs.chain(outputs).find(|(_, checked)| checked.is_err()) {
            return Err(format!("[{table}] {error}"));
        }
        if time.until.is_some() && time.clock == Clock::Wall {
            return Err("time.until is for time.clock = \"data\": the wall clock does not end".to_owned());
        }
        let known = KINDS.policies();
        let unknown = self.policy.keys().find(|name| !known.iter().any(|policy| policy.name == **name));
        // Feeds may be given a staleness of their own.
        match unknown.filter(|name| !name.starts_with("stale_ms.")) {
            Some(name) => Err(format!("no policy is called {name:?}; `storepulse policy list` shows them all")),
            None => Ok(()),
        }
    }

    /// Returns the settings of the graph.
    pub fn settings(&self) -> Settings {
        let time = &self.time;
        Settings {
            ticks: Ticks { tick_ms: time.tick_ms },
            limits: Limits { lateness_ms: time.lateness_ms, future_ms: time.future_ms },
            emit: Ticks { tick_ms: time.emit_ms },
            policies: Policies::configured(self.policy.clone()),
            catalog: CATALOG,
        }
    }

    /// Returns the folder of snapshots.
    pub fn snapshots(&self) -> PathBuf {
        self.state.folder.join("snapshots")
    }

    /// Returns the folder of the remap log.
    pub fn remap(&self) -> PathBuf {
        self.state.folder.join("remap")
    }
}
