//! Schedule of events at a rate, and a feed that feeds ticks when they are due: an open loop.
//!
//! A measurement of latency must not wait for the previous answer: a stalled job would be asked nothing meanwhile and
//! look fast. So the due time of each event follows from the rate alone, and a late event counts from its due time. A
//! tick is due when it ends; ticks that are due together are fed together, as a live job that has fallen behind takes
//! them.

use std::ops::Range;
use std::time::Duration;

use contract::event::Topic;
use contract::time::Time;
use engine::batch::{Batch, Batches, Bound};
use engine::clock::Stopwatch;
use live::error::Error;

use crate::load::Load;
use crate::repeats::Repeats;

/// Time as the feed sees it, from the start of the measured window.
pub trait Clock: Send {
    /// The time since then.
    fn elapsed(&self) -> Duration;

    /// Rests until then.
    fn wait_until(&self, at: Duration);
}

/// The wall clock.
#[derive(Clone, Copy)]
pub struct Wall(Stopwatch);

impl Wall {
    /// From now on.
    pub fn start() -> Self {
        Wall(Stopwatch::start())
    }
}

impl Clock for Wall {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn wait_until(&self, at: Duration) {
        let rest = at.saturating_sub(self.elapsed());
        if !rest.is_zero() {
            std::thread::sleep(rest);
        }
    }
}

/// A tick of the measured window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledTick {
    /// The tick.
    pub tick: Time,
    /// The end of the tick, from the start of the measured window.
    pub at: Duration,
    /// The events of the tick.
    pub events: Range<usize>,
}

/// The due time of each event and tick of a measured window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The due time of each event of a repeat, in order of arrival, from the start of the repeat.
    moments: Vec<Duration>,
    /// The length of a repeat.
    repeat: Duration,
    /// The ticks that have events, in order, of all repeats.
    pub ticks: Vec<ScheduledTick>,
}

impl Schedule {
    /// The schedule of a load whose window is in order of ingest time. Events of one millisecond are spread over it.
    pub fn of(load: &Load) -> Self {
        let (window, ticks, repeat_ms) = (&load.window, load.size.settings().ticks, load.repeat_ms());
        let millis = |span: i64| Duration::from_millis(u64::try_from(span).unwrap_or(0));
        let since = |at: Time| millis(at - load.window_at);
        let mut schedule =
            Schedule { moments: Vec::with_capacity(window.len()), repeat: millis(repeat_ms), ticks: Vec::new() };
        for together in window.chunk_by(|a, b| a.ingest_time == b.ingest_time) {
            let count = u32::try_from(together.len()).unwrap_or(u32::MAX);
            // An ingest time is the end of its millisecond, as a tick is the end of its span.
            let began = since(together[0].ingest_time - 1);
            let spread = |place: u32| began + Duration::from_millis(1) * (place + 1) / count;
            schedule.moments.extend((0..count).map(spread));
        }
        let mut from = 0;
        for repeat in 0..load.size.repeats {
            let later = i64::from(repeat) * repeat_ms;
            for together in window.chunk_by(|a, b| ticks.at(a.ingest_time) == ticks.at(b.ingest_time)) {
                let tick = ticks.at(together[0].ingest_time) + later;
                schedule.ticks.push(ScheduledTick { tick, at: since(tick), events: from..from + together.len() });
                from += together.len();
            }
        }
        schedule
    }

    /// The number of events.
    pub fn events(&self) -> usize {
        self.ticks.last().map_or(0, |last| last.events.end)
    }

    /// The number of events of a repeat.
    pub fn events_of_repeat(&self) -> usize {
        self.moments.len()
    }

    /// The due time of an event, in order of arrival, from the start of the measured window.
    ///
    /// # Panics
    /// If there are no events.
    pub fn moment(&self, event: usize) -> Duration {
        let (repeat, place) = (event / self.moments.len(), event % self.moments.len());
        self.moments[place] + self.repeat * u32::try_from(repeat).unwrap_or(u32::MAX)
    }

    /// The ticks after `after` and up to `upto`.
    pub fn closed(&self, after: Time, upto: Time) -> &[ScheduledTick] {
        let place = |upto: Time| self.ticks.partition_point(|tick| tick.tick <= upto);
        &self.ticks[place(after)..place(upto).max(place(after))]
    }
}

/// Feeds the warm-up, then the measured window, tick by tick as they are due.
pub struct Paced<C, B> {
    warm_up: Option<Batch>,
    window: std::iter::Peekable<Repeats>,
    schedule: std::iter::Peekable<std::vec::IntoIter<ScheduledTick>>,
    first: Option<Time>,
    begin: Option<B>,
    clock: Option<C>,
    /// Receives the delay of each tick that was waited for: the fault of the machine, not of the job.
    late: Box<dyn FnMut(Duration) + Send>,
}

impl<C: Clock, B: FnOnce() -> C + Send> Paced<C, B> {
    /// `begin` is called after the warm-up was fed: it starts the clock when the output of the warm-up has left.
    pub fn new(
        warm_up: Vec<Bound>,
        window: Repeats,
        schedule: &Schedule,
        begin: B,
        late: impl FnMut(Duration) + Send + 'static,
    ) -> Self {
        let (mut window, schedule) = (window.peekable(), schedule.ticks.clone().into_iter().peekable());
        let first = warm_up.first().or(window.peek()).map(|bound| bound.0);
        let warm_up = warm_up.last().map(|bound| bound.0).map(|upto| Batch { records: warm_up, upto });
        Paced { warm_up, window, schedule, first, begin: Some(begin), clock: None, late: Box::new(late) }
    }
}

impl<C: Clock, B: FnOnce() -> C + Send> Batches for Paced<C, B> {
    type Error = Error;

    fn first(&self) -> Option<Time> {
        self.first
    }

    fn until(&self) -> Option<Time> {
        None
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Error> {
        if let Some(warm_up) = self.warm_up.take() {
            return Ok(Some(warm_up));
        }
        if let Some(begin) = self.begin.take() {
            self.clock = Some(begin());
        }
        let (Some(clock), Some(next)) = (&self.clock, self.schedule.peek()) else { return Ok(None) };
        if clock.elapsed() < next.at {
            clock.wait_until(next.at);
            (self.late)(clock.elapsed().saturating_sub(next.at));
        }
        let (now, mut upto, mut records) = (clock.elapsed(), next.tick, Vec::new());
        while let Some(tick) = self.schedule.next_if(|tick| tick.at <= now) {
            upto = tick.tick;
        }
        while let Some(bound) = self.window.next_if(|bound| bound.0 <= upto) {
            records.push(bound);
        }
        Ok(Some(Batch { records, upto }))
    }

    fn disordered(&self) -> Vec<(Topic, u64)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::drive::Decoded;
    use crate::load::Size;

    /// A manual clock: it advances when it is waited for or set.
    #[derive(Clone, Default)]
    struct Fake(Arc<AtomicU64>);

    impl Clock for Fake {
        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }

        fn wait_until(&self, at: Duration) {
            self.0.fetch_max(u64::try_from(at.as_millis()).expect("soon"), Ordering::Relaxed);
        }
    }

    /// A measured window of two repeats.
    fn load() -> (Load, Schedule) {
        let load = Load::new(Size { rate: 10_000, repeats: 2, ..Size::TINY }).expect("a load");
        let schedule = Schedule::of(&load);
        (load, schedule)
    }

    #[test]
    fn every_event_has_its_moment_within_its_tick() {
        let (load, schedule) = load();
        assert_eq!((schedule.events_of_repeat(), schedule.events()), (load.window.len(), 2 * load.window.len()));
        assert!((0..schedule.events()).is_sorted_by_key(|event| schedule.moment(event)));
        assert_eq!(schedule.moment(load.window.len() + 7), schedule.moment(7) + Duration::from_millis(200));
        let width = Duration::from_millis(10);
        for tick in &schedule.ticks {
            let mut moments = tick.events.clone().map(|event| schedule.moment(event));
            assert!(moments.all(|moment| moment <= tick.at && moment + width >= tick.at), "{tick:?}");
        }
        let [first, second] = [&schedule.ticks[0], &schedule.ticks[1]];
        assert_eq!(schedule.closed(first.tick - 1, second.tick), &schedule.ticks[..2]);
        assert!(schedule.closed(second.tick, first.tick).is_empty());
    }

    #[test]
    fn ticks_come_when_they_are_due_and_a_job_that_stalls_moves_no_moment() {
        let (load, schedule) = load();
        let work = Decoded::new(&load).expect("sound");
        let (clock, warm_up) = (Fake::default(), work.warm_up.len());
        let begun = clock.clone();
        let mut paced = Paced::new(work.warm_up, Repeats::of(&load, work.window), &schedule, move || begun, |_| {});
        let batch = |paced: &mut Paced<_, _>| paced.next_batch().expect("never fails");
        assert_eq!(batch(&mut paced).map(|batch| batch.records.len()), Some(warm_up));
        let (first, third) = (schedule.ticks[0].clone(), schedule.ticks[2].clone());
        let given = batch(&mut paced).expect("the first tick");
        assert_eq!((given.upto, given.records.len(), clock.elapsed()), (first.tick, first.events.end, first.at));
        // The job takes long: the two ticks that are due meanwhile come together, at once.
        clock.0.store(u64::try_from(third.at.as_millis()).expect("soon"), Ordering::Relaxed);
        let given = batch(&mut paced).expect("two ticks");
        assert_eq!((given.upto, given.records.len()), (third.tick, third.events.end - first.events.end));
        assert_eq!(clock.elapsed(), third.at);
        let mut rest = 0;
        while let Some(given) = batch(&mut paced) {
            rest += given.records.len();
        }
        assert_eq!(rest, schedule.events() - third.events.end);
        assert_eq!(Some(clock.elapsed()), schedule.ticks.last().map(|tick| tick.at));
    }
}
