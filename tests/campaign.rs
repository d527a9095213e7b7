//! A campaign of random ends: a live job that follows growing files is killed, stopped and paused at moments of every kind,
//! and started again with another number of workers, while lines arrive or do not. It is never to refuse a start, never
//! to stand still, and at the end every output topic holds, byte for byte, what it holds without any of that.
//!
//! *By the records' clock* that is what a replay of the files says. *By the wall clock* a tick is made of what had come when
//! it closed, so another run has other ticks: there the remap log of the whole campaign, from the first tick on, is given
//! to a job that has neither snapshots nor outputs and is not interrupted. What it was fed says, record by record, what
//! must come out whatever the ticks are: each probe opens its exception once, each line that cannot be read and each late
//! event is told once.
//!
//! A few ends each time; many, and others, with
//!
//! ```text
//! CAMPAIGN_ENDS=500 SEED=1 cargo test --release -p tests campaign -- --nocapture
//! ```

mod arrivals;
mod check;
mod consumer;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use contract::output::OutputTopic;
use engine::clock::Stopwatch;
use live::input::binder::Clock;
use operators::testing::Random;
use rustix::process::Signal;
use signal_hook::consts::{SIGABRT, SIGKILL, SIGTERM, SIGXFSZ};

use crate::campaign::arrivals::{Arrivals, LATENESS_MS, TOPICS};
use crate::campaign::consumer::Consumer;
use crate::following::Following;
use crate::live_job::{AtLimit, SECOND, archive};
use crate::process::{HANG, Waited};

/// Ends of a campaign that nobody asked more of.
const ENDS: u32 = 12;
/// Lines that arrive at once, now and then.
const BURST: i64 = 20_000;
/// Between snapshots.
const SNAPSHOT_MS: i64 = 200;
/// Length of a tick, and how often views leave.
const TICK_MS: i64 = 10;
const EMIT_MS: i64 = 100;
/// The exit code of a process whose job failed.
const FAILED: i32 = 101;
/// Places to die at, and how often each is passed before that at most.
const POINTS: [(&str, i64); 16] = [
    ("remap-create", 3),
    ("remap-header", 3),
    ("remap-begun", 3),
    ("remap-write", 40),
    ("remap-delete", 4),
    ("after-remap-append", 40),
    ("mid-sink-batch", 60),
    ("mid-snapshot", 40),
    ("before-manifest", 4),
    ("manifest-renamed", 4),
    ("after-manifest", 4),
    ("mid-replay", 30),
    ("snapshot-cut", 4),
    ("before-part", 4),
    ("snapshot-delete", 3),
    ("before-stop", 1),
];

/// When an end comes.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many milliseconds after the start.
    Start(i64),
    /// So many milliseconds after it has shown that it lives.
    Life(i64),
}

/// How an end comes.
#[derive(Clone, Copy, Debug)]
enum End {
    Killed,
    Stopped,
    /// Told again after so many milliseconds.
    StoppedTwice(i64),
    /// Told to stop, and killed after so many milliseconds.
    KilledWhileStopping(i64),
    /// Paused for so many milliseconds while lines arrive, and killed when it has shown that it lives.
    Paused(i64, i64),
    /// At its fail point, or killed if it does not come there.
    FailPoint,
    /// When a file grows by so many bytes beyond the largest there is: the write that would is cut off there, and the
    /// process dies of it or is told that it failed. Killed if that does not come.
    TornWrite(u64, AtLimit),
}

impl End {
    fn name(self) -> &'static str {
        match self {
            End::Killed => "killed",
            End::Stopped => "stopped",
            End::StoppedTwice(_) => "stopped twice",
            End::KilledWhileStopping(_) => "killed while stopping",
            End::Paused(..) => "paused, then killed",
            End::FailPoint => "died at a fail point",
            End::TornWrite(..) => "a torn write",
        }
    }
}

struct Campaign {
    clock: Clock,
    job: Following,
    arrivals: Arrivals,
    random: Random,
    consumers: Vec<Consumer>,
    /// Which end it is.
    number: u32,
    /// Ends by kind.
    ends: BTreeMap<&'static str, u64>,
    lives: u64,
    /// The longest that a sign of life was waited for.
    longest: Duration,
}

/// Whether it ended as it was to.
fn fits(end: End, ended: ExitStatus) -> bool {
    let is_one_of = |signals: &[i32]| ended.signal().is_some_and(|signal| signals.contains(&signal));
    match end {
        End::Killed | End::Paused(..) => is_one_of(&[SIGKILL]),
        End::FailPoint => is_one_of(&[SIGABRT, SIGKILL]),
        // Before it listens, a signal to stop ends it.
        End::Stopped => ended.success() || is_one_of(&[SIGTERM]),
        End::StoppedTwice(_) => ended.success() || ended.code() == Some(SECOND) || is_one_of(&[SIGTERM]),
        End::KilledWhileStopping(_) => ended.success() || is_one_of(&[SIGKILL, SIGTERM]),
        End::TornWrite(_, AtLimit::Dies) => is_one_of(&[SIGXFSZ, SIGKILL]),
        End::TornWrite(_, AtLimit::Fails) => ended.code() == Some(FAILED) || is_one_of(&[SIGKILL]),
    }
}

#[test]
fn by_the_wall_clock() {
    Campaign::new(Clock::Wall, &format!("idle_ms = {}", 2 * TICK_MS)).run();
}

#[test]
fn by_the_records_clock() {
    // No silence moves this clock on.
    Campaign::new(Clock::Data, "clock = \"data\"\nidle_ms = 86400000").run();
}

/// A number from the environment.
fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

impl Campaign {
    fn new(clock: Clock, time: &str) -> Self {
        let seed = u64::from(number("SEED", 1));
        println!("{clock:?} clock, SEED={seed}");
        // The two campaigns of a seed differ.
        let chance = 2 * seed + u64::from(clock == Clock::Wall);
        let settings = format!("tick_ms = {TICK_MS}\nemit_ms = {EMIT_MS}\nlateness_ms = {LATENESS_MS}");
        let mut job = Following::new(&TOPICS, &format!("{settings}\n{time}"));
        job.live.snapshot_ms = SNAPSHOT_MS;
        job.live.keeps_log = true;
        Campaign {
            clock,
            job,
            arrivals: Arrivals::new(clock, chance.wrapping_add(1 << 40)),
            random: Random::new(chance),
            consumers: Consumer::of_all(),
            number: 0,
            ends: BTreeMap::new(),
            lives: 0,
            longest: Duration::ZERO,
        }
    }

    fn run(mut self) {
        for number in 1..=number("CAMPAIGN_ENDS", ENDS) {
            self.number = number;
            self.arrive_while_down();
            self.life();
            self.look();
        }
        let (lives, longest) = (self.lives, self.longest);
        println!("ends: {:?}; it showed {lives} times that it lived, after {longest:?} at most", self.ends);
        self.check();
    }

    /// One start and its end.
    fn life(&mut self) {
        let number = self.number;
        let (moment, end) = self.choose();
        let (point, most) = POINTS[self.random.index(POINTS.len())];
        let point = format!("{point}:{}", 1 + self.random.below(most));
        let point = matches!(end, End::FailPoint).then_some(point);
        self.job.live.workers = 1 + self.random.index(3);
        self.job.live.file_limit = match end {
            End::TornWrite(bytes, at_limit) => Some((self.largest_file() + bytes, at_limit)),
            _ => None,
        };
        let place = point.as_deref().unwrap_or_default();
        println!("end {number}: {} workers, {moment:?}, {end:?} {place}", self.job.live.workers);
        self.job.start(point.as_deref());
        let ended = match self.live_until(moment) {
            Some(ended) => ended,
            None => self.end(end),
        };
        self.job.live.file_limit = None;
        assert!(fits(end, ended), "end {number}: {ended}: {}", self.job.log());
        let is_killed = ended.signal() == Some(SIGKILL) && matches!(end, End::FailPoint | End::TornWrite(..));
        *self.ends.entry(if is_killed { End::Killed.name() } else { end.name() }).or_default() += 1;
    }

    /// Bytes of the largest file that its processes have written.
    fn largest_file(&self) -> u64 {
        let outputs = OutputTopic::ALL.map(|topic| format!("{}.jsonl", topic.name()));
        let names = outputs.iter().map(String::as_str).chain(["child.log"]);
        let bytes = |name| fs::metadata(self.job.live.path(name)).map_or(0, |file| file.len());
        names.map(bytes).max().unwrap_or(0)
    }

    fn choose(&mut self) -> (Moment, End) {
        let moment = match self.random.below(5) {
            0 => Moment::Start(self.random.below(20)),
            1 | 2 => Moment::Start(self.random.below(300)),
            _ => Moment::Life(self.random.below(400)),
        };
        let end = match self.random.below(20) {
            0..6 => End::Killed,
            6..9 => End::Stopped,
            9..11 => End::StoppedTwice(self.random.below(30)),
            11..14 => End::KilledWhileStopping(self.random.below(60)),
            14 | 15 => {
                let lines = if self.random.once_in(4) { BURST } else { self.random.below(500) };
                End::Paused(if self.random.once_in(8) { 2_000 } else { self.random.below(300) }, lines)
            }
            16 => {
                let at_limit = if self.random.once_in(2) { AtLimit::Dies } else { AtLimit::Fails };
                // A job that cannot write shows no life.
                let torn = End::TornWrite(self.random.below(3_000).cast_unsigned(), at_limit);
                return (Moment::Start(500 + self.random.below(1_000)), torn);
            }
            // It is given the time to come there.
            _ => return (Moment::Life(300 + self.random.below(700)), End::FailPoint),
        };
        (moment, end)
    }

    /// Lines arrive, or do not, while nobody reads.
    fn arrive_while_down(&mut self) {
        // The first campaign anybody runs has a burst.
        let (lines, over_ms) = match self.random.below(24) {
            0 => (BURST, [1, 100, 1_000, 5_000][self.random.index(4)]),
            _ if self.number == 5 => (BURST, 1_000),
            1..10 => return self.arrivals.nothing(),
            _ => (1 + self.random.below(200), 1 + self.random.below(500)),
        };
        self.arrivals.some(&mut self.job.inputs, lines, over_ms);
        if lines == BURST {
            println!("{lines} lines of {over_ms} ms arrive");
        }
    }

    /// Lets it live until a moment; answers how it ended if it came to an end of its own before.
    fn live_until(&mut self, moment: Moment) -> Option<ExitStatus> {
        match moment {
            Moment::Start(after_ms) => self.pass(after_ms),
            Moment::Life(after_ms) => self.shows_life().or_else(|| self.pass(after_ms)),
        }
    }

    /// Lets time pass, in which lines arrive or do not.
    fn pass(&mut self, ms: i64) -> Option<ExitStatus> {
        let is_busy = self.random.once_in(2);
        let mut left = ms.cast_unsigned();
        while left > 0 {
            let step = left.min(10);
            left -= step;
            if is_busy && step == 10 {
                self.arrivals.some(&mut self.job.inputs, 3, 10);
            }
            let ended = self.job.process().wait_for_end(Duration::from_millis(step));
            if ended.is_some() {
                return ended;
            }
        }
        None
    }

    /// What arrives now must come out.
    fn shows_life(&mut self) -> Option<ExitStatus> {
        let item = self.arrivals.probe(&mut self.job.inputs);
        let watch = Stopwatch::start();
        match self.job.try_opens(&item) {
            Waited::Happened => {}
            Waited::Ended(ended) => return Some(ended),
            Waited::Neither => panic!("it stands still: no word of {item} within {HANG:?}: {}", self.job.log()),
        }
        self.lives += 1;
        self.longest = self.longest.max(watch.elapsed());
        None
    }

    /// Ends it.
    fn end(&mut self, end: End) -> ExitStatus {
        match end {
            End::Killed | End::FailPoint | End::TornWrite(..) => {}
            End::Stopped => {
                self.job.process().signal(Signal::TERM);
                return self.job.ends();
            }
            End::StoppedTwice(after_ms) => {
                self.job.process().signal(Signal::TERM);
                _ = self.job.process().wait_for_end(Duration::from_millis(after_ms.cast_unsigned()));
                self.job.process().signal(Signal::TERM);
                return self.job.ends();
            }
            End::KilledWhileStopping(after_ms) => {
                self.job.process().signal(Signal::TERM);
                _ = self.job.process().wait_for_end(Duration::from_millis(after_ms.cast_unsigned()));
            }
            End::Paused(for_ms, lines) => {
                self.job.process().signal(Signal::STOP);
                self.arrivals.some(&mut self.job.inputs, lines, 1 + for_ms);
                _ = self.job.process().wait_for_end(Duration::from_millis(for_ms.cast_unsigned()));
                self.job.process().signal(Signal::CONT);
                if let Some(ended) = self.shows_life() {
                    return ended;
                }
            }
        }
        self.job.kill()
    }

    /// Nobody writes now: the log is kept, and consumers read on.
    fn look(&mut self) {
        self.job.forget_ended();
        let live = &self.job.live;
        archive::link(&live.path("state/remap"), &live.path("archive")).expect("segments can have second names");
        self.consumers.iter_mut().for_each(|consumer| consumer.read_on(live));
    }
}
