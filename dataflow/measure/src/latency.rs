//! Latency at a rate: from the moment an event is due until the exception it causes, and all other output of its tick,
//! is encoded and with the sink.
//!
//! Open loop (see [`pacing`](crate::pacing)): no event waits for an answer. As in the live job, five or more threads
//! share the machine: the feeder, the workers, the encoder of exceptions and the encoder of views, which has a lower
//! priority ([`engine::emission::priority`]). An event waits half a tick on average until its tick ends. One event in a
//! hundred is sure to cause an exception: see [`probes`].

use std::collections::HashMap;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use contract::output::OutputTopic;
use contract::time::Time;
use engine::job::{self, Closed};
use live::error::Error;
use serde::{Deserialize, Serialize};

use crate::apart::{Apart, Task};
use crate::drive::{Decoded, Encoding};
use crate::load::{Load, Size};
use crate::pacing::{Clock, Paced, Schedule, Wall};
use crate::percentiles::Spans;
use crate::probes;
use crate::repeats::{self, Repeats};
use crate::result::{Latency, Settings, per_second};

/// The usual rates, in hundredths of the capacity.
pub const PERCENTS: [u32; 5] = [10, 25, 50, 75, 90];
/// The number of equal spans of a run that are reported one by one.
const SPANS: usize = 10;
/// The share of the offered rate from which on the rate counts as reached.
const REACHED: f64 = 0.99;

/// Task: the measured window at a rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rate {
    /// The size of the load.
    pub settings: Settings,
    /// Events a second.
    pub rate: u64,
    /// The rate as a share of the capacity, in hundredths.
    pub percent_of_capacity: u32,
    /// Worker threads.
    pub workers: usize,
}

impl Task for Rate {
    const NAME: &'static str = "rate";
    type Answer = Latency;

    fn run(&self) -> Result<Latency, Error> {
        one(self.settings.size_at(self.rate), self.percent_of_capacity, self.workers)
    }
}

/// Measures each of the rates, in hundredths of the capacity; `progress` receives a line before each step.
///
/// # Errors
/// If the load cannot be made or run.
pub fn measure(
    settings: &Settings,
    (workers, capacity): (usize, f64),
    percents: &[u32],
    apart: &Apart,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Latency>, Error> {
    let at = |percent_of_capacity: u32| {
        let rate = share(capacity, percent_of_capacity);
        progress(&format!("latency at {rate} events/s, {percent_of_capacity} % of capacity, {workers} worker(s)"));
        Ok(apart.run(&Rate { settings: settings.clone(), rate, percent_of_capacity, workers })?.answer)
    };
    percents.iter().copied().map(at).collect()
}

/// The given hundredths of a capacity, at least one event a second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is far below 2^53 and not negative"
)]
fn share(capacity: f64, percent: u32) -> u64 {
    ((capacity * f64::from(percent) / 100.0) as u64).max(1)
}

/// Measures one rate.
fn one(size: Size, percent_of_capacity: u32, workers: usize) -> Result<Latency, Error> {
    let load = probes::load(size)?;
    let schedule = Arc::new(Schedule::of(&load));
    let (mut left, mut answers) = (Vec::new(), AnswerLog::new(schedule.clone()));
    let late = run(&load, workers, &schedule, &mut left, &mut answers)?;
    let (exceptions, unattributed) = attribute(&left, &load, &schedule)?;
    let events = schedule.events() as u64;
    let rate_reached = per_second(events, answers.answered_at.as_secs_f64());
    Ok(Latency {
        percent_of_capacity,
        workers,
        rate: size.rate,
        rate_reached,
        reached: rate_reached >= REACHED * size.rate as f64,
        handed_over_late_us: u64::try_from(late.as_micros()).unwrap_or(u64::MAX),
        events,
        exceptions: exceptions.percentiles(),
        unattributed,
        answers: answers.all.percentiles(),
        spans: answers.spans.iter().map(Spans::percentiles).collect(),
    })
}

/// Runs the job over the load at its schedule; returns the greatest delay of feeding a tick.
fn run(
    load: &Load,
    workers: usize,
    schedule: &Schedule,
    left: &mut Vec<(Duration, Vec<u8>)>,
    answers: &mut AnswerLog,
) -> Result<Duration, Error> {
    let work = Decoded::new(load)?;
    let warm_up_end = work.warm_up_end();
    let (closings, closed) = channel();
    let clock = Arc::new(OnceLock::new());
    let started = clock.clone();
    let begin = move || {
        closed.iter().find(|upto: &Time| *upto >= warm_up_end);
        *started.get_or_init(Wall::start)
    };
    let latest = Arc::new(Mutex::new(Duration::ZERO));
    let shared = latest.clone();
    let late = move |late: Duration| {
        if let Ok(mut latest) = shared.lock() {
            *latest = late.max(*latest);
        }
    };
    let feed = Paced::new(work.warm_up, Repeats::of(load, work.window), schedule, begin, late);
    let mut urgent = Encoding::default();
    let urgent = |closed: Closed| {
        urgent.take(&closed, |emission, lines| {
            if let Some(clock) = clock.get().filter(|_| emission.topic == OutputTopic::Exceptions) {
                left.push((clock.elapsed(), lines.to_vec()));
            }
        })
    };
    let mut views = Encoding::default();
    let views = |closed: Closed| {
        views.take(&closed, |_, _| {})?;
        if let Some(clock) = clock.get() {
            answers.answer(closed.upto, clock.elapsed());
        }
        // The receiver is gone once the measured window has begun.
        let _ = closings.send(closed.upto);
        Ok(())
    };
    job::run_with_priorities(feed, &work.settings, workers, urgent, views)?;
    Ok(latest.lock().map_or(Duration::ZERO, |latest| *latest))
}

/// The times at which ticks were answered: all output of the tick and of those before it is with the sinks.
struct AnswerLog {
    schedule: Arc<Schedule>,
    /// The last tick that is answered.
    answered: Time,
    /// The time of the last answer.
    answered_at: Duration,
    all: Spans,
    spans: Vec<Spans>,
}

impl AnswerLog {
    fn new(schedule: Arc<Schedule>) -> Self {
        AnswerLog {
            schedule,
            answered: Time::MIN,
            answered_at: Duration::ZERO,
            all: Spans::default(),
            spans: vec![Spans::default(); SPANS],
        }
    }

    /// Records that every tick up to this one is answered now.
    fn answer(&mut self, upto: Time, now: Duration) {
        let AnswerLog { schedule, all, spans, answered, answered_at, .. } = self;
        let count = schedule.events().max(1);
        for tick in schedule.closed(*answered, upto) {
            *answered_at = now;
            for event in tick.events.clone() {
                let took = now.saturating_sub(schedule.moment(event));
                all.record(took);
                spans[event * SPANS / count].record(took);
            }
        }
        *answered = upto.max(*answered);
    }
}

/// The part of an exception's line that names its time and its cause.
#[derive(Deserialize)]
struct Line<'a> {
    time: Time,
    #[serde(borrow)]
    cause: Option<CausedBy<'a>>,
}

#[derive(Deserialize)]
struct CausedBy<'a> {
    topic: &'a str,
    event_id: &'a str,
}

/// Finds the event behind each exception: the record of this id that arrived in the tick of the exception.
fn attribute(exceptions: &[(Duration, Vec<u8>)], load: &Load, schedule: &Schedule) -> Result<(Spans, u64), Error> {
    let ticks = load.size.settings().ticks;
    let mut places: HashMap<(&str, &str, Time), usize> = HashMap::with_capacity(load.window.len());
    for (place, record) in load.window.iter().enumerate() {
        let name = (record.topic().name(), record.event_id.as_str(), ticks.at(record.ingest_time));
        places.entry(name).or_insert(place);
    }
    let place_of = |topic: &str, name: &str, time: Time| {
        let in_repeat = |name: &str, repeat: u32| {
            let place = places.get(&(topic, name, time - i64::from(repeat) * load.repeat_ms()))?;
            Some(place + repeat as usize * schedule.events_of_repeat())
        };
        in_repeat(name, 0).or_else(|| repeats::repeat_of(name).and_then(|(first, repeat)| in_repeat(first, repeat)))
    };
    let (mut spans, mut unattributed) = (Spans::default(), 0);
    for (at, lines) in exceptions {
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Line<'_> = serde_json::from_slice(line).map_err(|error| Error::Engine(error.to_string()))?;
            let place = line.cause.and_then(|cause| place_of(cause.topic, cause.event_id, line.time));
            match place {
                Some(place) => spans.record(at.saturating_sub(schedule.moment(place))),
                None => unattributed += 1,
            }
        }
    }
    Ok((spans, unattributed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_answered_once_and_exceptions_find_their_events() {
        let found = one(Size { repeats: 2, ..Size::TINY }, 50, 2).expect("measured");
        assert_eq!((found.events, found.answers.count, found.rate, found.workers), (4_000, 4_000, 20_000, 2));
        assert_eq!(found.spans.iter().map(|span| span.count).sum::<u64>(), 4_000);
        assert!(found.exceptions.count >= 40 && found.rate_reached > 0.0, "{}", found.exceptions.count);
        assert!(found.answers.max_us > 0 && !found.exceptions.curve.is_empty());
    }

    #[test]
    fn a_late_answer_counts_from_the_moment_its_event_should_have_come() {
        let load = Load::new(Size::TINY).expect("a load");
        let schedule = Arc::new(Schedule::of(&load));
        let mut answers = AnswerLog::new(schedule.clone());
        let last = schedule.ticks.last().expect("a tick").clone();
        // Nothing is answered until a minute after the last tick was due.
        answers.answer(last.tick, last.at + Duration::from_secs(60));
        answers.answer(last.tick, last.at + Duration::from_secs(99));
        let found = answers.all.percentiles();
        assert!(found.count == 2_000 && found.p50_us >= 60_000_000 && found.max_us < 61_000_000);
        assert!(answers.spans[0].percentiles().p50_us > answers.spans[SPANS - 1].percentiles().p50_us);
    }

    #[test]
    fn an_exception_belongs_to_the_record_of_its_own_tick_or_to_none() {
        let load = Load::new(Size { repeats: 2, ..Size::TINY }).expect("a load");
        let schedule = Schedule::of(&load);
        let (topic, id) = (load.window[7].topic().name(), &load.window[7].event_id);
        let tick = load.size.settings().ticks.at(load.window[7].ingest_time);
        let line =
            |id: &str, time: Time| format!(r#"{{"time":{time},"cause":{{"topic":"{topic}","event_id":"{id}"}}}}"#);
        let lines = format!(
            "{}\n{}\n{{\"time\":{tick},\"cause\":null}}\n",
            line(id.as_str(), tick),
            line(id.as_str(), tick + 10)
        );
        let at = schedule.moment(7) + Duration::from_millis(4);
        // The same in the next repeat.
        let again = line(&repeats::name(id.as_str(), 1), tick + load.repeat_ms());
        let later = schedule.moment(7 + load.window.len()) + Duration::from_millis(4);
        let left = [(at, lines.into_bytes()), (later, again.into_bytes())];
        let (spans, none) = attribute(&left, &load, &schedule).expect("read");
        assert_eq!((spans.percentiles().count, none), (2, 2));
        assert!(spans.percentiles().max_us.abs_diff(4_000) <= 4);
    }
}
