//! What `storepulse bench` runs: measurements of the job on a generated day of a retailer, always from the same seed.
//!
//! | file | content |
//! |---|---|
//! | [`load`] | the load: warm-up and measured window; [`repeats`] makes it longer |
//! | [`drive`] | a run from memory with its clocks; [`files`] runs from JSON lines and Parquet |
//! | [`throughput`] | maximum throughput |
//! | [`costs`] | running time by view |
//! | [`latency`] | latency at rates: [`pacing`] schedules events, [`probes`] are sure to open exceptions |
//! | [`footprint`] | memory and state, by keys and as days pass |
//! | [`restart`] | duration of a snapshot and a restart |
//! | [`inside`], [`apart`] | a job with access to its operators; tasks in processes of their own |
//! | [`result`](mod@result), [`machine`], [`percentiles`] | the figures, as one JSON file |
//! | [`figures`], [`compare`], [`report`], [`plot`], [`format`](mod@format) | the figures as a list, a comparison and a page |
//!
//! The tests check no times: they check that every way through gives the same bytes.

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

/// Runs every measurement; `progress` receives a line before each step.
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

/// Runs the task of this name in this process; returns the answer for the process that started it ([`Apart::Process`]).
///
/// # Errors
/// If there is no such task, or it fails.
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
