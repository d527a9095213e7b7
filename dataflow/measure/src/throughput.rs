//! Maximum throughput of the job: from memory, JSON lines and Parquet, on one worker and on two.
//!
//! Each tick is fed by itself (ticks that wait for a worker are closed together), and all output is encoded, as in a
//! live job. All sources and numbers of workers must give the same output bytes, or there is no figure.

use live::error::Error;
use scenarios::folder::Format;
use serde::{Deserialize, Serialize};

use crate::apart::{Apart, Task};
use crate::drive::{Decoded, Taken, from_memory, sustained};
use crate::files::Files;
use crate::load::Load;
use crate::result::{Origin, Settings, Throughput};

/// The numbers of workers it is measured with.
pub const WORKERS: [usize; 2] = [1, 2];

/// Task: the measured window of a source, run once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MeasuredWindow {
    /// The size of the load.
    pub settings: Settings,
    /// The source.
    pub origin: Origin,
    /// Worker threads.
    pub workers: usize,
}

impl Task for MeasuredWindow {
    const NAME: &'static str = "rush";
    type Answer = Taken;

    fn run(&self) -> Result<Taken, Error> {
        let load = || Load::new(self.settings.size());
        let files = |format| Files::write(&load()?, format)?.run(self.workers);
        match self.origin {
            Origin::Memory => from_memory(Decoded::new(&load()?)?, self.workers),
            Origin::Json => files(Format::Jsonl),
            Origin::Parquet => files(Format::Parquet),
        }
    }
}

/// Task: the measured window from memory in repeats, run once; measuring begins when as much state is released as
/// added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sustained {
    /// The size of the load.
    pub settings: Settings,
    /// Worker threads.
    pub workers: usize,
}

impl Task for Sustained {
    const NAME: &'static str = "sustained";
    type Answer = Taken;

    fn run(&self) -> Result<Taken, Error> {
        sustained(&Load::new(self.settings.size_sustained())?, self.workers)
    }
}

/// Measures every source with every number of workers; `progress` receives a line before each step.
///
/// # Errors
/// If the load cannot be made or run, or the output bytes of two runs differ.
pub fn measure(settings: &Settings, apart: &Apart, progress: &mut dyn FnMut(&str)) -> Result<Vec<Throughput>, Error> {
    let mut found = Vec::new();
    let mut hash = None;
    for origin in [Origin::Memory, Origin::Json, Origin::Parquet] {
        for workers in WORKERS {
            progress(&format!("throughput from {}, {workers} worker(s)", origin.name()));
            let window = MeasuredWindow { settings: settings.clone(), origin, workers };
            found.push(repeat(&window, (origin, workers, settings.runs), &mut hash, apart)?);
        }
    }
    Ok(found)
}

/// Measures the capacity that the rates of latency are shares of, from memory. If rates last for at least twice the
/// lateness, the capacity is that of the time after the first lateness.
///
/// # Errors
/// As [`measure`].
pub fn capacity(settings: &Settings, workers: usize, apart: &Apart) -> Result<Throughput, Error> {
    let (settings, origin) = (settings.clone(), Origin::Memory);
    let how = (origin, workers, settings.runs);
    if settings.outlasts_lateness() {
        repeat(&Sustained { settings, workers }, how, &mut None, apart)
    } else {
        repeat(&MeasuredWindow { settings, origin, workers }, how, &mut None, apart)
    }
}

/// Runs a task several times.
fn repeat(
    window: &impl Task<Answer = Taken>,
    (origin, workers, runs): (Origin, usize, u32),
    hash: &mut Option<u64>,
    apart: &Apart,
) -> Result<Throughput, Error> {
    let runs = 0..runs.max(1);
    let taken = runs.map(|_| apart.run(window).map(|done| done.answer)).collect::<Result<Vec<_>, _>>()?;
    for one in &taken {
        let wanted = *hash.get_or_insert(one.hash);
        if one.hash != wanted {
            let sentence = format!("{workers} worker(s) from {} say something else than those before", origin.name());
            return Err(Error::Engine(sentence));
        }
    }
    let seconds = |of: fn(&Taken) -> f64| taken.iter().map(of).collect();
    let events = taken.first().map_or(0, |one| one.events);
    let wall = seconds(|one| one.wall.as_secs_f64());
    Ok(Throughput::of(origin, workers, events, wall, seconds(|one| one.cpu.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_origin_is_measured_with_every_number_of_workers() {
        let mut messages = Vec::new();
        let found =
            measure(&Settings::quick(), &Apart::Here, &mut |text| messages.push(text.to_owned())).expect("measured");
        let origins: Vec<_> = found.iter().map(|one| (one.origin, one.workers)).collect();
        let [memory, json, parquet] = [Origin::Memory, Origin::Json, Origin::Parquet];
        assert_eq!(origins, [(memory, 1), (memory, 2), (json, 1), (json, 2), (parquet, 1), (parquet, 2)]);
        assert!(found.iter().all(|one| one.events == 2_000 && one.events_per_second > 0.0));
        assert_eq!(messages.len(), 6);
    }

    #[test]
    fn another_hash_is_no_figure() {
        let window = MeasuredWindow { settings: Settings::quick(), origin: Origin::Memory, workers: 1 };
        let (how, mut hash) = ((window.origin, window.workers, 1), None);
        assert!(repeat(&window, how, &mut hash, &Apart::Here).is_ok());
        hash = hash.map(|hash| hash + 1);
        assert!(repeat(&window, how, &mut hash, &Apart::Here).is_err());
    }

    #[test]
    fn capacity_is_what_can_be_sustained_where_the_first_is_forgotten() {
        let short = Settings::quick();
        let long = Settings { lateness_ms: 200, ..short.clone() };
        assert!(!short.outlasts_lateness() && long.outlasts_lateness());
        let capacity = |settings| capacity(settings, 1, &Apart::Here).expect("measured").events;
        // 2,000 events in each repeat of 100 ms; the last two of four are measured.
        assert_eq!((capacity(&short), long.size_sustained().repeats), (2_000, 4));
        assert!(capacity(&long).abs_diff(4_000) < 200);
    }
}
