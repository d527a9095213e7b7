//! The job beside other ways to the same answers: verified first, then timed over the same load, each in a process of its own.
//!
//! To enter, add a [`Contender`] to one of the two lists below: [`WHOLE`] for programs that answer the whole contract,
//! [`VIEWS`] for those that keep the views named in [`plain::ABOUT`].

use std::time::Duration;

use contract::output::OutputTopic;
use contract::time::Time;
use engine::batch::Bound;
use engine::clock::Stopwatch;
use live::error::Error;
use live::replay::scenario::Overrides;
use measure::apart::{Apart, Task};
use measure::drive::{Decoded, from_memory};
use measure::files::write_scenario;
use measure::load::{Load, Size};
use measure::result::{Contest, Entry, Settings, median, per_second};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::baseline::{Baseline, Sink, verify};
use crate::plain::{self, Facts, Way};

/// One way to the answers.
#[derive(Clone, Copy)]
pub struct Contender {
    /// What it is called.
    pub name: &'static str,
    /// Threads that compute.
    pub workers: usize,
    /// Fails, with what differs, unless it says what the job says over this load
    /// ([`write_scenario`] makes a folder of it).
    pub verify: fn(&Load) -> Result<(), String>,
    /// Takes the opening unmeasured, then the rush; answers how many events that were and how long they took.
    pub time: fn(&Decoded) -> Result<(u64, Duration), Error>,
}

/// Programs that answer the whole contract; the first is the job.
pub const WHOLE: &[Contender] = &[
    Contender { name: "storepulse", workers: 1, verify: itself, time: job },
    Contender { name: "by hand, one thread", workers: 1, verify: by_hand_is_job, time: by_hand },
];

/// Ways to some of the views, after the edge; the first is the job's own operators.
pub const VIEWS: &[Contender] = &[
    Contender { name: "storepulse's operators", workers: 1, verify: itself, time: |work| views(work, Way::Job) },
    Contender { name: "plain differential", workers: 1, verify: plain_is_job, time: |work| views(work, Way::Plain) },
];

/// What they answer, and who they are.
const CONTESTS: [(&str, &[Contender]); 2] = [("the whole contract", WHOLE), (plain::ABOUT, VIEWS)];

/// A contender's turn.
#[derive(Debug, Serialize, Deserialize)]
pub struct Turn {
    settings: Settings,
    contest: usize,
    contender: usize,
}

impl Task for Turn {
    const NAME: &'static str = "turn";
    /// How many events it took, and how long.
    type Answer = (u64, Duration);

    fn run(&self) -> Result<(u64, Duration), Error> {
        let contenders = CONTESTS.get(self.contest).map(|(_, contenders)| *contenders).unwrap_or_default();
        let contender = contenders.get(self.contender);
        let contender = contender.ok_or_else(|| Error::Engine(format!("there is no contender of {self:?}")))?;
        (contender.time)(&Decoded::new(&Load::new(self.settings.size())?)?)
    }
}

/// Verifies and times everybody; `say` is told what comes next.
///
/// # Errors
/// If somebody says something else than the job, or cannot run.
pub fn hold(settings: &Settings, apart: &Apart, say: &mut dyn FnMut(&str)) -> Result<Vec<Contest>, Error> {
    let small = Load::new(Size::TINY)?;
    let mut contests = Vec::new();
    for (contest, (about, contenders)) in CONTESTS.into_iter().enumerate() {
        for contender in contenders {
            say(&format!("verifying {}", contender.name));
            (contender.verify)(&small)
                .map_err(|differs| Error::Engine(format!("{} is wrong: {differs}", contender.name)))?;
        }
        // In turn, so that a slow minute of the machine hits all.
        let mut wall_seconds = vec![Vec::new(); contenders.len()];
        let mut events = 0;
        for _ in 0..settings.runs.max(1) {
            for (contender, seconds) in wall_seconds.iter_mut().enumerate() {
                say(&format!("{about}: {}", contenders[contender].name));
                let turn = Turn { settings: settings.clone(), contest, contender };
                let (count, took) = apart.run(&turn)?.answer;
                events = count;
                seconds.push(took.as_secs_f64());
            }
        }
        let entry = |(contender, wall_seconds): (&Contender, Vec<f64>)| Entry {
            name: contender.name.to_owned(),
            workers: contender.workers,
            events_per_second: per_second(events, median(&wall_seconds)),
            wall_seconds,
        };
        let entries = contenders.iter().zip(wall_seconds).map(entry).collect();
        contests.push(Contest { about: about.to_owned(), events, entries });
    }
    Ok(contests)
}

/// The job is what the others are verified by.
fn itself(_: &Load) -> Result<(), String> {
    Ok(())
}

fn job(work: &Decoded) -> Result<(u64, Duration), Error> {
    from_memory(work.clone(), 1).map(|taken| (taken.events, taken.wall))
}

/// The baseline tick by tick, what it says hashed as the job's is.
fn by_hand(work: &Decoded) -> Result<(u64, Duration), Error> {
    let Decoded { settings, warm_up, window } = work.clone();
    let (mut baseline, events) = (Baseline::new(&settings), window.len() as u64);
    let mut hash = Xxh3::new();
    let mut sink = |_: OutputTopic, line: &[u8]| hash.update(line);
    take(&mut baseline, warm_up, &mut sink);
    let watch = Stopwatch::start();
    let last = take(&mut baseline, window, &mut sink);
    baseline.end(last, &mut sink);
    Ok((events, watch.elapsed()))
}

/// Takes records and closes the tick of each before the next one begins; answers the last.
fn take(baseline: &mut Baseline, records: Vec<Bound>, sink: &mut dyn Sink) -> Time {
    let mut tick = records.first().map_or(0, |record| record.0);
    for record in records {
        if record.0 > tick {
            baseline.close(tick, sink);
            tick = record.0;
        }
        baseline.take(record);
    }
    baseline.close(tick, sink);
    tick
}

fn by_hand_is_job(load: &Load) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let scenario = folder.path().join("rush");
    write_scenario(load, &scenario).map_err(|error| error.to_string())?;
    let verified = verify(&scenario, &Overrides::default()).map_err(|error| error.to_string())?;
    verified.difference.map_or(Ok(()), Err)
}

fn views(work: &Decoded, way: Way) -> Result<(u64, Duration), Error> {
    let facts = Facts::of(work);
    let events = facts.events();
    Ok((events, plain::run(facts, way, false).took))
}

fn plain_is_job(load: &Load) -> Result<(), String> {
    let facts = Facts::of(&Decoded::new(load).map_err(|error| error.to_string())?);
    let [job, plain] = [Way::Job, Way::Plain].map(|way| plain::run(facts.clone(), way, true));
    if let Some((job, plain)) = job.said.iter().zip(&plain.said).find(|(job, plain)| job != plain) {
        return Err(format!("{plain:?} where the job says {job:?}"));
    }
    if job.said.len() != plain.said.len() {
        return Err(format!("{} changes where the job says {}", plain.said.len(), job.said.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_verified_and_timed() {
        let contests = hold(&Settings::quick(), &Apart::Here, &mut |_| {}).expect("held");
        let views = contests.iter().find(|contest| contest.about == plain::ABOUT).expect("it was held");
        assert!(views.entries.len() == 2 && views.events > 0);
        assert!(views.entries.iter().all(|entry| entry.events_per_second > 0.0));
    }

    #[test]
    fn who_says_something_else_is_not_timed() {
        let load = Load::new(Size::TINY).expect("a load");
        let liar = Contender { verify: |_| Err("a row too many".to_owned()), ..VIEWS[0] };
        assert!((liar.verify)(&load).is_err());
        assert_eq!(plain_is_job(&load), Ok(()));
    }
}
