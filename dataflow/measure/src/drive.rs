//! Runs the job over a load and reads the clocks at the start of the measured window and at its last output.
//!
//! The job is the one that replays files ([`job::run`]): a thread that feeds ticks, the workers, and a thread that
//! encodes the output as lines. Each tick of the measured window is fed by itself; ticks that wait for a worker are
//! closed together. No record of the window is fed before the output of the whole warm-up has left.

use std::iter::Peekable;
use std::sync::mpsc::channel;
use std::time::Duration;

use contract::event::Topic;
use contract::time::Time;
use engine::batch::{Batch, Batches, Bound};
use engine::clock::{Stopwatch, cpu_time};
use engine::emission::encode::append_lines;
use engine::emission::output::{Emission, Numbers};
use engine::graph::Settings;
use engine::job::{self, Closed};
use live::error::Error;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::load::{Load, Places};
use crate::pacing::Schedule;
use crate::repeats::Repeats;

/// The work, decoded.
#[derive(Clone)]
pub struct Decoded {
    /// The settings of the job.
    pub settings: Settings,
    /// The warm-up.
    pub warm_up: Vec<Bound>,
    /// The measured window.
    pub window: Vec<Bound>,
}

impl Decoded {
    /// Decodes all of it.
    ///
    /// # Errors
    /// If a record does not follow the contract.
    pub fn new(load: &Load) -> Result<Self, Error> {
        let mut places = Places::default();
        let warm_up = load.bind(&load.warm_up, &mut places)?;
        let window = load.bind(&load.window, &mut places)?;
        Ok(Decoded { settings: load.size.settings(), warm_up, window })
    }

    /// The last tick of the warm-up.
    pub fn warm_up_end(&self) -> Time {
        self.warm_up.last().map_or(0, |bound| bound.0)
    }
}

/// The figures of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Records of the measured window.
    pub events: u64,
    /// Wall time from the first of them to the last output line.
    pub wall: Duration,
    /// Processor time of all threads in that span.
    pub cpu: Duration,
    /// Output lines in that span.
    pub lines: u64,
    /// Their bytes.
    pub bytes: u64,
    /// A hash of every output byte, of warm-up and window.
    pub hash: u64,
}

impl Taken {
    /// Events a second.
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.wall.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Processor seconds per million events.
    pub fn cpu_per_million(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / (self.events as f64).max(1.0)
    }
}

/// Runs the decoded work through `workers` workers.
///
/// # Errors
/// If the engine fails.
pub fn from_memory(work: Decoded, workers: usize) -> Result<Taken, Error> {
    let span = Span { warm_up_end: work.warm_up_end(), events: work.window.len() as u64 };
    let records = work.warm_up.into_iter().chain(work.window);
    measure(&work.settings, span, workers, |open| Gate::new(records, span.warm_up_end, open))
}

/// Runs the repeats of a load through `workers` workers. Measuring begins when the first repeat is out of the horizon:
/// from then on as much state is released as added.
///
/// # Errors
/// If the engine fails, or the load ends before that instant.
pub fn sustained(load: &Load, workers: usize) -> Result<Taken, Error> {
    let Decoded { settings, warm_up, window } = Decoded::new(load)?;
    let (schedule, horizon) = (Schedule::of(load), load.window_at + load.size.lateness_ms);
    let [first, rest] = [(Time::MIN, horizon), (horizon, Time::MAX)].map(|(after, upto)| schedule.closed(after, upto));
    let (Some(last), Some(_)) = (first.last(), rest.first()) else {
        return Err(Error::Engine("the laps are over before the first is out of the horizon".to_owned()));
    };
    let span = Span { warm_up_end: last.tick, events: rest.iter().map(|tick| tick.events.len() as u64).sum() };
    let records = warm_up.into_iter().chain(Repeats::of(load, window));
    measure(&settings, span, workers, |open| Gate::new(records, span.warm_up_end, open))
}

/// The measured part of a feed: the records after the tick `warm_up_end`, and their number.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// The last tick that is not measured.
    pub(super) warm_up_end: Time,
    /// Records after it.
    pub(super) events: u64,
}

/// Called once by a feed after it has fed the whole warm-up: returns when the output of the warm-up has left.
pub(super) type WarmedUp = Box<dyn FnOnce() + Send>;

/// Runs a feed and measures its span.
pub(super) fn measure<F: Batches<Error = Error>>(
    settings: &Settings,
    Span { warm_up_end, events }: Span,
    workers: usize,
    feed: impl FnOnce(WarmedUp) -> F,
) -> Result<Taken, Error> {
    let (closings, closed) = channel();
    let (starts, started) = channel();
    let feed = feed(Box::new(move || {
        closed.iter().find(|upto| *upto >= warm_up_end);
        // The other end is gone only when the job is.
        let _ = starts.send((Stopwatch::start(), cpu_time()));
    }));
    let mut sink = Sink::default();
    let (mut before, mut start) = ((0, 0), None);
    let mut taken = None;
    let mut started = move || started.try_recv().ok();
    job::run(feed, settings, workers, |closed| {
        sink.take(&closed)?;
        let _ = closings.send(closed.upto);
        if closed.upto <= warm_up_end {
            before = (sink.lines, sink.bytes);
            return Ok(());
        }
        // At the last closing this is the end: releasing the state is not measured.
        start = start.or_else(&mut started);
        taken = start.map(|(wall, cpu): (Stopwatch, Duration)| (wall.elapsed(), cpu_time().saturating_sub(cpu)));
        Ok(())
    })?;
    let (wall, cpu) = taken.ok_or_else(|| Error::Engine("there was no rush".to_owned()))?;
    let (lines, bytes) = (sink.lines - before.0, sink.bytes - before.1);
    Ok(Taken { events, wall, cpu, lines, bytes, hash: sink.hash.digest() })
}

/// Encodes the output as for a sink.
#[derive(Default)]
pub(super) struct Encoding {
    numbers: Numbers,
    buffer: Vec<u8>,
}

impl Encoding {
    /// Encodes the output of a closing; the lines of each emission go to `sink`.
    pub(super) fn take(&mut self, closed: &Closed, mut sink: impl FnMut(&Emission, &[u8])) -> Result<(), Error> {
        for emission in &closed.emissions {
            self.buffer.clear();
            append_lines(emission, self.numbers.take(emission), &mut self.buffer)?;
            sink(emission, &self.buffer);
        }
        Ok(())
    }
}

/// Encodes and hashes the output.
#[derive(Default)]
pub struct Sink {
    encoding: Encoding,
    hash: Xxh3,
    /// Lines so far.
    pub lines: u64,
    /// Bytes so far.
    pub bytes: u64,
}

impl Sink {
    /// Takes a closing.
    ///
    /// # Errors
    /// If a record cannot be encoded.
    pub fn take(&mut self, closed: &Closed) -> Result<(), Error> {
        let Sink { encoding, hash, lines, bytes } = self;
        encoding.take(closed, |emission, encoded| {
            hash.update(encoded);
            *lines += emission.records.len() as u64;
            *bytes += encoded.len() as u64;
        })
    }
}

/// Feeds the records up to a tick in large chunks, waits for `open`, then feeds the rest tick by tick.
struct Gate<I: Iterator<Item = Bound>, W> {
    first: Option<Time>,
    records: Peekable<I>,
    warm_up_end: Time,
    open: Option<W>,
}

/// Records of the warm-up that are fed together.
const CHUNK: usize = 1 << 16;

impl<I: Iterator<Item = Bound>, W> Gate<I, W> {
    fn new(records: I, warm_up_end: Time, open: W) -> Self {
        let mut records = records.peekable();
        Gate { first: records.peek().map(|bound| bound.0), records, warm_up_end, open: Some(open) }
    }
}

/// All records of the next tick that has any.
pub(super) fn next_tick(records: &mut Peekable<impl Iterator<Item = Bound>>) -> Option<Batch> {
    chunk(records, 1, Time::MAX)
}

/// Whole ticks up to the tick `last`, with at least `least` records if there are so many.
fn chunk(records: &mut Peekable<impl Iterator<Item = Bound>>, least: usize, last: Time) -> Option<Batch> {
    let mut upto = records.peek()?.0;
    if upto > last {
        return None;
    }
    let mut taken = Vec::with_capacity(least);
    while let Some(bound) = records.next_if(|bound| bound.0 == upto || (bound.0 <= last && taken.len() < least)) {
        upto = bound.0;
        taken.push(bound);
    }
    Some(Batch { records: taken, upto })
}

impl<I: Iterator<Item = Bound> + Send, W: FnOnce() + Send> Batches for Gate<I, W> {
    type Error = Error;

    fn first(&self) -> Option<Time> {
        self.first
    }

    fn until(&self) -> Option<Time> {
        None
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        if self.open.is_some()
            && let Some(batch) = chunk(&mut self.records, CHUNK, self.warm_up_end)
        {
            return Ok(Some(batch));
        }
        if let Some(open) = self.open.take() {
            open();
        }
        Ok(next_tick(&mut self.records))
    }

    fn disordered(&self) -> Vec<(Topic, u64)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Size;

    #[test]
    fn any_number_of_workers_emits_the_same_bytes() {
        let work = Decoded::new(&Load::new(Size::TINY).expect("a load")).expect("sound");
        let one = from_memory(work.clone(), 1).expect("it runs");
        let two = from_memory(work, 2).expect("it runs");
        assert_eq!(one.events, 2_000);
        assert!(one.lines > 0 && one.bytes > one.lines);
        assert_eq!((one.hash, one.lines), (two.hash, two.lines));
    }

    #[test]
    fn repeats_are_measured_once_the_first_is_out_of_the_horizon() {
        // Laps of 100 ms.
        let size = Size { repeats: 3, lateness_ms: 150, ..Size::TINY };
        let load = Load::new(size).expect("a load");
        let some = sustained(&load, 1).expect("it runs");
        let work = Decoded::new(&load).expect("sound");
        let late = Repeats::of(&load, work.window).filter(|bound| bound.0 > load.window_at + 150).count();
        assert_eq!((some.events, late.abs_diff(3_000) < 200), (late as u64, true));
        assert!(some.lines > 0 && some.hash == sustained(&load, 2).expect("it runs").hash);
        assert!(sustained(&Load { size: Size { lateness_ms: 400, ..size }, ..load }, 1).is_err());
    }
}
