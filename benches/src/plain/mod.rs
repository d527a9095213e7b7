//! Some of the views kept by plain differential operators, as anybody would write them, beside the job's own.
//!
//! The views are those for which that is natural ([`ABOUT`]), one a file: three with few keys, and four with as many as
//! there are customers, items, departments by day, and shelves. Both ways take the same facts and current rows, after
//! the edge and without it, on one worker, tick after tick, and say the changed rows of each closed tick. The job's
//! operators (`job`) carry causes besides; the plain ones (`differential`) do not. Nothing settles, either way.

mod customer_profile;
mod differential;
mod facts;
mod inventory_position;
mod job;
mod margin_daily;
mod returns_item;
mod returns_operator;
mod store_queue;
mod store_sales;
mod windows;

use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use contract::event::Topic;
use contract::time::{DAY_MS, Time};
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::Semigroup;
use differential_dataflow::input::InputSession;
use engine::clock::Stopwatch;
use operators::keyed::Ticks;
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

pub use facts::Facts;
use facts::Given;

/// The views of both ways.
pub const ABOUT: &str =
    "store.sales, store.queue, returns.operator, customer.profile, returns.item, margin.daily and inventory.position";

/// How many of the opening are given at once, if its ticks allow.
const PIECE: usize = 1 << 16;

/// Longer than any window.
const LONGEST_MS: i64 = 29 * DAY_MS;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The job's operators.
    Job,
    /// Plain differential operators.
    Plain,
}

/// What a way came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// From the first tick of the rush until the last has closed.
    pub took: Duration,
    /// Rows that came or went.
    pub changes: u64,
    /// Each of them with its tick, in order, if that was wanted.
    pub said: Vec<(Time, String, i64)>,
}

/// Where rows go: counted, and kept if that is wanted.
#[derive(Clone, Default)]
struct Told(Rc<RefCell<Ran>>);

impl Told {
    fn tell(&self, keeps: bool, tick: Time, row: &dyn Debug, diff: i64) {
        let mut ran = self.0.borrow_mut();
        ran.changes += 1;
        if keeps {
            ran.said.push((tick, format!("{row:?}"), diff));
        }
        std::hint::black_box(row);
    }
}

/// What is the same for every view of a run.
#[derive(Clone)]
struct Frame {
    ticks: Ticks,
    lateness_ms: i64,
    keeps: bool,
    told: Told,
    probe: Handle<Time>,
}

/// Where a way takes things in.
trait Door {
    /// Takes what is given at a tick.
    fn take(&mut self, tick: Time, topic: Topic, given: Given);

    /// Nothing before the tick `next` comes any more.
    fn advance(&mut self, next: Time);
}

/// Runs the facts one way; `keeps` every row that is said, for comparing, and then the clock runs on until the last
/// window is empty.
pub fn run(facts: Facts, way: Way, keeps: bool) -> Ran {
    timely::execute_directly(move |worker| {
        let (ticks, lateness_ms) = (facts.ticks, facts.lateness_ms);
        let frame = Frame { ticks, lateness_ms, keeps, told: Told::default(), probe: Handle::new() };
        let told = frame.told.clone();
        let took = match way {
            Way::Job => drive(worker, &frame, facts, job::open),
            Way::Plain => drive(worker, &frame, facts, differential::open),
        };
        let mut ran = told.0.take();
        ran.said.sort();
        Ran { took, ..ran }
    })
}

/// Gives the opening many ticks at once, and then the rush tick by tick, each closed before the next: that is measured.
fn drive<D: Door>(worker: &mut Worker, frame: &Frame, facts: Facts, open: fn(&mut Worker, &Frame) -> D) -> Duration {
    let mut door = open(worker, frame);
    let mut close = |door: &mut D, next: Time| {
        door.advance(next);
        worker.step_while(|| frame.probe.less_than(&next));
    };
    let (mut took, mut closed) = (Duration::ZERO, 0);
    for (facts, least) in [(facts.warm_up, PIECE), (facts.window, 1)] {
        let watch = Stopwatch::start();
        let mut facts = facts.into_iter().peekable();
        while let Some(mut tick) = facts.peek().map(|given| given.0) {
            let mut taken = 0;
            while let Some((at, topic, given)) = facts.next_if(|given| given.0 == tick || taken < least) {
                door.take(at, topic, given);
                (tick, taken) = (at, taken + 1);
            }
            closed = tick + frame.ticks.tick_ms;
            close(&mut door, closed);
        }
        took = watch.elapsed();
    }
    if frame.keeps {
        close(&mut door, frame.ticks.at(closed + LONGEST_MS));
    }
    took
}

fn advance<D: ExchangeData, R: ExchangeData + Semigroup>(input: &mut InputSession<Time, D, R>, next: Time) {
    input.advance_to(next);
    input.flush();
}

#[cfg(test)]
mod tests;
