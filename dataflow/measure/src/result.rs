//! The result of a run: all figures with machine, program and settings, as one JSON file.

use std::path::Path;

use live::error::Error;
use serde::{Deserialize, Serialize};

use crate::load::Size;
use crate::machine::{Build, Machine};
use crate::percentiles::Percentiles;

/// The form of the file; a file of another form is refused.
pub const FORM: u32 = 1;

/// All figures of one run; a figure that was not measured is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measured {
    /// The form of the file: [`FORM`].
    pub form: u32,
    /// The wall clock time of the run, in milliseconds since 1970 UTC.
    pub taken_at_ms: i64,
    /// The machine.
    pub machine: Machine,
    /// The program.
    pub build: Build,
    /// The size of the run.
    pub settings: Settings,
    /// Throughput.
    pub throughput: Vec<Throughput>,
    /// Cost by view.
    pub views: Vec<ViewCost>,
    /// Latency at rates.
    pub latency: Vec<Latency>,
    /// Memory by the number of (store, item) keys.
    pub keys: Vec<KeyFootprint>,
    /// State by operator, at the end of the load.
    pub states: Vec<OperatorState>,
    /// State as days pass at an even load.
    pub days: Vec<DayFootprint>,
    /// Snapshot and restart.
    pub restarts: Vec<Restart>,
    /// Comparisons with other ways to the same rows.
    pub contests: Vec<Contest>,
}

/// The size of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Stores of the load.
    pub stores: u32,
    /// Items of the load, all of which every store has.
    pub items: u32,
    /// Events of the measured window.
    pub events: u64,
    /// Events a second in the event times of the measured window.
    pub rate: u64,
    /// The seed of the generator.
    pub seed: u64,
    /// Length of a tick in milliseconds, where throughput is measured.
    pub tick_ms: i64,
    /// Length of a tick in milliseconds, where latency is.
    pub latency_tick_ms: i64,
    /// Runs of each throughput measurement; the median is the figure.
    pub runs: u32,
    /// The time that each rate is held, in seconds.
    pub hold_seconds: u64,
    /// The time for which a fact may be corrected, in milliseconds.
    #[serde(default = "usual_lateness")]
    pub lateness_ms: i64,
    /// The numbers of keys that footprint and restart are measured at.
    pub keys: Vec<u64>,
    /// Days of the footprint by days.
    pub days: u32,
    /// True for sizes whose figures mean nothing: checks that everything works.
    pub quick: bool,
}

fn usual_lateness() -> i64 {
    Size::FULL.lateness_ms
}

impl Settings {
    /// A large retailer, with enough events for percentiles.
    pub fn full() -> Self {
        Settings {
            runs: 3,
            latency_tick_ms: 5,
            hold_seconds: 10,
            keys: vec![10_000, 100_000, 1_000_000],
            days: 30,
            ..Settings::of(Size::FULL)
        }
    }

    /// A size of seconds, for checks only: its figures mean nothing.
    pub fn quick() -> Self {
        Settings {
            runs: 1,
            latency_tick_ms: 5,
            hold_seconds: 1,
            keys: vec![100, 400],
            days: 2,
            quick: true,
            ..Settings::of(Size::TINY)
        }
    }

    fn of(size: Size) -> Self {
        let Size { stores, items, seed, rate, tick_ms, lateness_ms, .. } = size;
        let events = size.events as u64;
        Settings { stores, items, seed, rate, tick_ms, lateness_ms, events, ..Settings::default() }
    }

    /// The load that throughput is measured with.
    pub fn size(&self) -> Size {
        Size {
            stores: self.stores,
            items: self.items,
            seed: self.seed,
            events: usize::try_from(self.events).unwrap_or(usize::MAX),
            rate: self.rate,
            tick_ms: self.tick_ms,
            lateness_ms: self.lateness_ms,
            ..Size::FULL
        }
    }

    /// True if a rate is held for at least twice the lateness.
    pub fn outlasts_lateness(&self) -> bool {
        self.lateness_ms > 0 && i128::from(self.hold_seconds) * 1_000 >= 2 * i128::from(self.lateness_ms)
    }

    /// The load of the throughput measurement, with as many repeats as outlast the lateness.
    pub fn size_sustained(&self) -> Size {
        let size = self.size();
        let events = u128::from(self.lateness_ms.unsigned_abs()) * 2 * u128::from(size.rate) / 1_000;
        let repeats = events.div_ceil(size.events.max(1) as u128).max(1);
        Size { repeats: u32::try_from(repeats).unwrap_or(u32::MAX), ..size }
    }

    /// The load at a rate, with as many repeats as the time it is held.
    pub fn size_at(&self, rate: u64) -> Size {
        let wanted = rate.saturating_mul(self.hold_seconds).max(1);
        let events = wanted.min(self.events.max(1));
        let repeats = u32::try_from(wanted.div_ceil(events)).unwrap_or(u32::MAX);
        let events = usize::try_from(events).unwrap_or(usize::MAX);
        Size { events, repeats, rate, tick_ms: self.latency_tick_ms, ..self.size() }
    }
}

/// The source of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Decoded already.
    Memory,
    /// Files of JSON lines.
    Json,
    /// Parquet files.
    Parquet,
}

impl Origin {
    /// The source's name.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Memory => "memory",
            Origin::Json => "json",
            Origin::Parquet => "parquet",
        }
    }
}

/// Maximum throughput of the job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// The source of the events.
    pub origin: Origin,
    /// Worker threads.
    pub workers: usize,
    /// Events of each run.
    pub events: u64,
    /// Wall seconds of each run.
    pub wall_seconds: Vec<f64>,
    /// Processor seconds of each run, over all threads, where the system tells.
    pub cpu_seconds: Vec<f64>,
    /// Events a second in the median run.
    pub events_per_second: f64,
}

impl Throughput {
    /// The throughput of runs of `events` events.
    pub fn of(origin: Origin, workers: usize, events: u64, wall_seconds: Vec<f64>, cpu_seconds: Vec<f64>) -> Self {
        let events_per_second = per_second(events, median(&wall_seconds));
        Throughput { origin, workers, events, wall_seconds, cpu_seconds, events_per_second }
    }
}

/// The cost of one view, or of one part beside the views.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewCost {
    /// The view or part.
    pub part: String,
    /// Running time of its operators in seconds.
    pub busy_seconds: f64,
    /// Nanoseconds of running time per event of the load, of any topic.
    pub nanos_per_event: f64,
}

/// Latency at a rate, in an open loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The rate in hundredths of the capacity measured from memory with as many workers.
    pub percent_of_capacity: u32,
    /// Worker threads.
    pub workers: usize,
    /// Events a second that were offered.
    pub rate: u64,
    /// Events a second that were answered, from the start until the last was.
    pub rate_reached: f64,
    /// True if the answered rate is the offered one, to a hundredth.
    pub reached: bool,
    /// The greatest delay of feeding a tick, in microseconds: the fault of the machine, not of the job.
    pub handed_over_late_us: u64,
    /// Events offered.
    pub events: u64,
    /// From the due time of an event until the exception it caused was handed to the sink.
    pub exceptions: Percentiles,
    /// Exceptions caused by the clock alone or by an event before the window: they have no due time.
    pub unattributed: u64,
    /// From the due time of an event until all output of its tick and of those before it, views included, was handed to
    /// the sinks.
    pub answers: Percentiles,
    /// The same over ten equal spans of the run, so that growth is visible.
    pub spans: Vec<Percentiles>,
}

/// Memory at a number of keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyFootprint {
    /// (store, item) keys, each counted once, every fourth sold once.
    pub keys: u64,
    /// Days over which they came, hour by hour; 0 if all came at one moment.
    #[serde(default)]
    pub over_days: u32,
    /// Resident memory with them.
    pub resident_bytes: u64,
    /// Resident bytes of a job without keys.
    pub resident_before_bytes: u64,
    /// Peak resident bytes while they were taken in.
    pub peak_bytes: u64,
    /// Entries of all operators.
    pub entries: u64,
    /// Bytes of their tables.
    pub table_bytes: u64,
}

impl KeyFootprint {
    /// The number of keys and the days over which they came.
    pub fn name(&self) -> String {
        match self.over_days {
            0 => format!("{} keys at once", self.keys),
            days => format!("{} keys over {days} days", self.keys),
        }
    }

    /// Resident bytes that a key adds.
    pub fn bytes_per_key(&self) -> f64 {
        self.resident_bytes.saturating_sub(self.resident_before_bytes) as f64 / self.keys.max(1) as f64
    }
}

/// The state of one operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorState {
    /// The operator's name.
    pub operator: String,
    /// The entries.
    pub entries: u64,
    /// Bytes of its tables; what entries hold outside themselves is not counted.
    pub bytes: u64,
    /// Bytes of its entries in serialized form, as in a snapshot; all they hold is counted.
    pub plain_bytes: u64,
}

/// The state at the end of a day of an even load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayFootprint {
    /// Days passed.
    pub day: u32,
    /// Events of that day.
    pub events: u64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Entries of all operators.
    pub entries: u64,
    /// Bytes of their tables.
    pub table_bytes: u64,
    /// Bytes of the entries in serialized form, as in a snapshot.
    pub plain_bytes: u64,
}

impl Measured {
    /// Serialized bytes that a day of the windows holds: the mean growth over the days after the first, of the first
    /// eight.
    pub fn bytes_per_day(&self) -> Option<f64> {
        let (first, eighth) = (self.days.first()?, self.days.get(7)?);
        Some((eighth.plain_bytes as f64 - first.plain_bytes as f64) / 7.0)
    }
}

/// Duration of a snapshot and of a restart of the live job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// (store, item) keys, each counted once, every fourth sold once.
    pub keys: u64,
    /// Bytes of the snapshot.
    pub snapshot_bytes: u64,
    /// Seconds from the start of the snapshot until it is durable, while the job runs.
    pub snapshot_seconds: f64,
    /// Seconds of the first run: reads and writes everything and leaves a snapshot.
    pub first_seconds: f64,
    /// Seconds of the restart: checks hashes, loads the state, finds nothing to read, stops.
    pub restart_seconds: f64,
}

/// Ways to the same rows, compared over the same load in one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// The question that all entries answer.
    pub about: String,
    /// Events of the load.
    pub events: u64,
    /// Each of them; the first is what the others are compared with.
    pub entries: Vec<Entry>,
}

/// One way of a contest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// Worker threads.
    pub workers: usize,
    /// Wall seconds of each run.
    pub wall_seconds: Vec<f64>,
    /// Events a second in the median run.
    pub events_per_second: f64,
}

/// The median; 0 of no values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
        (Some(below), Some(above)) if sorted.len().is_multiple_of(2) => (below + above) / 2.0,
        (_, Some(middle)) => *middle,
        _ => 0.0,
    }
}

/// Events a second; 0 for a duration of 0.
pub fn per_second(events: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { events as f64 / seconds } else { 0.0 }
}

impl Measured {
    /// An empty result of this machine and program, now.
    pub fn here(settings: Settings) -> Self {
        Measured {
            form: FORM,
            taken_at_ms: engine::clock::wall_ms(),
            machine: Machine::here(),
            build: Build::here(),
            settings,
            ..Measured::default()
        }
    }

    /// Reads a file that [`Measured::write`] wrote.
    ///
    /// # Errors
    /// If the file cannot be read, or has another form.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read(path).map_err(connectors::Error::io("read", path))?;
        let measured: Measured = serde_json::from_slice(&text).map_err(|error| Error::scenario(path, error))?;
        if measured.form != FORM {
            let problem = format!("its form is {}, this program reads form {FORM}", measured.form);
            return Err(Error::scenario(path, problem));
        }
        Ok(measured)
    }

    /// As JSON.
    ///
    /// # Errors
    /// If a number has no JSON form, which is a defect.
    pub fn json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n").map_err(|error| Error::Engine(error.to_string()))
    }

    /// Writes it as JSON into a file.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_text(path, &self.json()?)
    }
}

/// Writes a text into a file, making the folders above it.
///
/// # Errors
/// If one of them cannot be made or written.
pub fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(connectors::Error::io("create", folder))?;
    }
    Ok(std::fs::write(path, text).map_err(connectors::Error::io("write", path))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::measured;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/result.json");
        let mut wanted = measured();
        // Seconds as clocks tell them: to the last bit.
        wanted.throughput[0].wall_seconds = (1..1_000).map(|at| f64::from(at) / 3_001.0).collect();
        wanted.write(&path).expect("written");
        assert_eq!(Measured::read(&path).expect("read"), wanted);
        Measured { form: FORM + 1, ..wanted }.write(&path).expect("written");
        assert!(Measured::read(&path).expect_err("another form").to_string().contains("form"));
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!([median(&[]), median(&[3.0]), median(&[9.0, 1.0, 2.0]), median(&[4.0, 1.0])], [0.0, 3.0, 2.0, 2.5]);
        assert_eq!([per_second(10, 0.5), per_second(10, 0.0)], [20.0, 0.0]);
    }
}
