//! Measures the job on a day of a retailer: always the whole contract, always from the same seed.
//!
//! | file | what it does |
//! |---|---|
//! | [`load`] | makes the work |
//! | [`drive`] | runs it from memory and reads the clocks; [`files`] does so from JSON lines and Parquet |
//! | [`throughput`] | how fast at most |
//! | [`costs`] | where the time goes, by view |
//! | [`latency`] | how soon, at rates, by [`pacing`] that waits for no answer and [`probes`] that get one |
//! | [`footprint`] | what is held, by keys and as days pass |
//! | [`restart`] | how long a snapshot and a restart take |
//! | [`inside`], [`apart`] | the job opened up; work in a process of its own |
//! | [`result`](mod@result), [`machine`], [`percentiles`] | the figures, as one JSON file |
//! | [`figures`], [`compare`], [`report`], [`plot`], [`words`] | the same for people: a list, two beside each other, a page |
//!
//! Timing decides nothing here: what is checked is that every way through says the same.

pub mod allocator;
pub mod apart;
pub mod compare;
pub mod costs;
pub mod drive;
pub mod figures;
pub mod files;
pub mod footprint;
pub mod format;
pub mod inside;
pub mod latency;
pub mod load;
pub mod machine;
pub mod pace;
pub mod pacing;
pub mod percentiles;
pub mod plot;
pub mod probes;
pub mod repeats;
pub mod report;
pub mod restart;
pub mod result;
pub mod throughput;

#[cfg(test)]
mod testing;

use live::error::Error;

use crate::apart::{Apart, Task, child};
use crate::costs::Costs;
use crate::footprint::{Days, Keys};
use crate::latency::Rate;
use crate::restart::Live;
use crate::result::{Measured, Settings};
use crate::throughput::{MeasuredWindow, Sustained};

/// Measures everything; `say` is told what comes next.
///
/// # Errors
/// The first measurement that fails.
pub fn suite(settings: Settings, apart: &Apart, progress: &mut dyn FnMut(&str)) -> Result<Measured, Error> {
    let mut measured = Measured::here(settings);
    let settings = &measured.settings;
    measured.throughput = throughput::measure(settings, apart, progress)?;
    (measured.views, measured.states) = costs::measure(settings, apart, progress)?;
    for workers in throughput::WORKERS {
        let capacity = measured.capacity(workers).unwrap_or_default();
        let latency = latency::measure(settings, (workers, capacity), &latency::PERCENTS, apart, progress)?;
        measured.latency.extend(latency);
    }
    measured.keys = footprint::by_keys(settings, apart, progress)?;
    measured.days = footprint::by_days(settings, apart, progress)?;
    measured.restarts = restart::measure(settings, apart, progress)?;
    Ok(measured)
}

/// Does the task of this name in this process: the answer for the process that started this one ([`Apart::Process`]).
///
/// # Errors
/// If there is none, or it fails.
pub fn task(name: &str, task: &str) -> Result<String, Error> {
    match name {
        MeasuredWindow::NAME => child::<MeasuredWindow>(task),
        Sustained::NAME => child::<Sustained>(task),
        Costs::NAME => child::<Costs>(task),
        Rate::NAME => child::<Rate>(task),
        Keys::NAME => child::<Keys>(task),
        Days::NAME => child::<Days>(task),
        Live::NAME => child::<Live>(task),
        _ => Err(Error::Scenario(format!("there is no task {name}"))),
    }
}
