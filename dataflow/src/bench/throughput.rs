//! How fast the job takes a rush when nothing holds it up: from memory, from JSON lines and from Parquet, on one worker
//! and on two.
//!
//! Each tick is handed over by itself (those that wait for a worker are closed together), and all that leaves is encoded, as in a live job. Each origin
//! and number of workers must say the same to the byte, or there is no figure.

use scenarios::folder::Format;

use crate::bench::drive::{Decoded, Taken, from_memory};
use crate::bench::files::Files;
use crate::bench::load::Load;
use crate::bench::result::{Origin, Settings, Throughput};
use crate::error::Error;

/// The numbers of workers it is measured with.
pub const WORKERS: [usize; 2] = [1, 2];

/// Measures every origin with every number of workers; `say` is told what comes next.
///
/// # Errors
/// If the load cannot be made or run, or two runs differ in what they say.
pub fn measure(settings: &Settings, say: &mut dyn FnMut(&str)) -> Result<Vec<Throughput>, Error> {
    say("making the load");
    let load = Load::new(settings.size())?;
    let mut found = Vec::new();
    let mut hash = None;
    {
        let decoded = Decoded::new(&load)?;
        let mut run = |workers| from_memory(decoded.clone(), workers);
        for workers in WORKERS {
            say(&format!("throughput from memory, {workers} worker(s)"));
            found.push(repeat(Origin::Memory, workers, settings.runs, &mut hash, &mut run)?);
        }
    }
    for (origin, format) in [(Origin::Json, Format::Jsonl), (Origin::Parquet, Format::Parquet)] {
        let files = Files::write(&load, format)?;
        for workers in WORKERS {
            say(&format!("throughput from {}, {workers} worker(s)", origin.name()));
            found.push(repeat(origin, workers, settings.runs, &mut hash, &mut |workers| files.run(workers))?);
        }
    }
    Ok(found)
}

/// Measures the capacity that rates of latency are shares of: from memory.
///
/// # Errors
/// As [`measure`].
pub fn capacity(settings: &Settings, workers: usize) -> Result<Throughput, Error> {
    let decoded = Decoded::new(&Load::new(settings.size())?)?;
    repeat(Origin::Memory, workers, settings.runs, &mut None, &mut |workers| from_memory(decoded.clone(), workers))
}

fn repeat(
    origin: Origin,
    workers: usize,
    runs: u32,
    hash: &mut Option<u64>,
    run: &mut dyn FnMut(usize) -> Result<Taken, Error>,
) -> Result<Throughput, Error> {
    let taken = (0..runs.max(1)).map(|_| run(workers)).collect::<Result<Vec<_>, _>>()?;
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
        let mut said = Vec::new();
        let found = measure(&Settings::quick(), &mut |text| said.push(text.to_owned())).expect("measured");
        let origins: Vec<_> = found.iter().map(|one| (one.origin, one.workers)).collect();
        let [memory, json, parquet] = [Origin::Memory, Origin::Json, Origin::Parquet];
        assert_eq!(origins, [(memory, 1), (memory, 2), (json, 1), (json, 2), (parquet, 1), (parquet, 2)]);
        assert!(found.iter().all(|one| one.events == 2_000 && one.events_per_second > 0.0));
        assert_eq!(said.len(), 7);
    }

    #[test]
    fn another_hash_is_no_figure() {
        let mut hash = Some(1);
        let refused = repeat(Origin::Memory, 1, 1, &mut hash, &mut |_| Ok(Taken { hash: 2, ..Taken::default() }));
        assert!(refused.is_err());
    }
}
