//! Decides, once and for all, which tick each record belongs to.
//!
//! *Meaning.* A record belongs to the tick of its log time, or, if that has closed before the record was seen, to the
//! first tick still open. [`Binder::close`] says how far time may go: to where every partition has been read, but for those
//! that are idle or ended; what it says is logged ([`crate::live::remap`]) before anything acts on it, and
//! [`Binder::again`] binds the same records to the same ticks from that log. *State.* The lines read but not yet bound;
//! the caller takes no more from a partition whose lane is full. A full lane never holds time back: it holds lines of two
//! ticks, or lines that came late and may leave with the open tick. *Cost.* A look at each lane a closing.

use std::collections::VecDeque;

use connectors::source::Position;
use operators::arrival::Place;
use operators::keyed::Ticks;
use serde::{Deserialize, Serialize};

use crate::event::{Dead, Record};
use crate::time::Time;

/// One line of a message, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When the log took it; never before the line ahead of it.
    pub logged_at: i64,
    /// Its number in its partition, for people.
    pub offset: u64,
    /// The place after its message, if it is the last line of it.
    pub next: Option<Position>,
    /// What it says.
    pub decoded: Result<Record, Dead>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// How far a partition has been taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Where to go on reading.
    pub next: Position,
    /// The log time of the last record before that place; `i64::MIN` before the first.
    pub logged_at: i64,
}

impl Reached {
    /// At `next`, with nothing before it.
    pub fn start(next: Position) -> Self {
        Reached { next, logged_at: i64::MIN }
    }
}

/// What is known of a partition's future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// More may come at any time, of any log time from the last one on.
    Reading,
    /// It has nothing now: time does not wait for it.
    Idle,
    /// It will have nothing ever again.
    Ended,
}

/// Whose time it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The wall's: a tick closes when the wall clock has passed it and every partition that is not idle has been read past it.
    #[default]
    Wall,
    /// The records': time goes as far as they take it, as in a replay of files.
    Data,
}

/// A span of ticks that closes at once, and how far each partition is taken by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The last tick that had closed before.
    pub after: Time,
    /// The last tick that closes.
    pub closed: Time,
    /// The partitions that moved, and to where.
    pub ends: Vec<(u32, Reached)>,
    /// Whether the inputs ended here: what waits for a later tick leaves at this one.
    pub last: bool,
}

/// A line with its tick and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundLine {
    /// The partition, by its index.
    pub partition: u32,
    /// Its tick.
    pub tick: Time,
    /// Its log time within the tick, and its offset.
    pub place: Place,
    /// The line.
    pub line: Line,
}

/// Lines of one partition beyond which a closing does not look: a span stays of a size to work with.
const LANE: usize = 4_096;

/// The lines of one partition that wait for their tick.
#[derive(Debug)]
struct Lane {
    /// The partition's number in its topic.
    number: u32,
    /// Each line, and the instant whose tick it is due at: its log time, or, if that is ahead of the wall clock, when it came.
    waiting: VecDeque<(i64, Line)>,
    flow: Flow,
    /// The instant of the last line that came.
    seen: i64,
    reached: Reached,
}

/// The lanes of all partitions.
#[derive(Debug)]
pub struct Binder {
    ticks: Ticks,
    clock: Clock,
    closed: Option<Time>,
    lanes: Vec<Lane>,
}

impl Binder {
    /// Goes on after the tick `closed`, each partition (its number in its topic) from where it was `reached`.
    pub fn new(ticks: Ticks, clock: Clock, closed: Option<Time>, reached: &[(u32, Reached)]) -> Self {
        let lane = |(number, reached): &(u32, Reached)| Lane {
            number: *number,
            waiting: VecDeque::new(),
            flow: Flow::Reading,
            seen: reached.logged_at,
            reached: *reached,
        };
        Binder { ticks, clock, closed, lanes: reached.iter().map(lane).collect() }
    }

    /// The last closed tick.
    pub fn closed(&self) -> Option<Time> {
        self.closed
    }

    /// How far each partition has been bound.
    pub fn reached(&self) -> Vec<Reached> {
        self.lanes.iter().map(|lane| lane.reached).collect()
    }

    /// Lines that wait in the lane of a partition.
    pub fn waiting(&self, partition: usize) -> usize {
        self.lanes[partition].waiting.len()
    }

    /// Whether a lane takes no more for now: some of its lines can leave as soon as the other partitions allow it.
    pub fn is_full(&self, partition: usize) -> bool {
        self.lanes[partition].is_full(self.ticks, self.open())
    }

    /// Whether a lane takes no more until a logged span is bound again: it has all that the span took from it.
    pub fn is_full_for(&self, span: &Span, partition: usize) -> bool {
        let end = span.ends.iter().find(|(index, _)| *index as usize == partition);
        let lane = &self.lanes[partition];
        lane.waiting.len() >= 2 * LANE && end.is_none_or(|(_, end)| lane.has_come_to(end))
    }

    /// Whether every partition has ended and every line up to the instant `until` is bound: nothing is left to wait for.
    pub fn is_done(&self, until: Option<Time>) -> bool {
        let is_past = |(due, _): &(i64, Line)| until.is_some_and(|until| *due > until);
        self.lanes.iter().all(|lane| match lane.waiting.front() {
            // Log times never go back: whatever follows is past it too.
            Some(first) => is_past(first),
            None => lane.flow == Flow::Ended,
        })
    }

    /// The first tick that is still open; `i64::MIN` before any has closed.
    fn open(&self) -> Time {
        self.closed.map_or(i64::MIN, |closed| closed + self.ticks.tick_ms)
    }

    /// The partition that holds time back the most, if one does.
    pub fn holder(&self) -> Option<usize> {
        let holds = |lane: &Lane| lane.flow == Flow::Reading && !lane.is_full(self.ticks, self.open());
        let holding = self.lanes.iter().enumerate().filter(|(_, lane)| holds(lane));
        holding.min_by_key(|(_, lane)| lane.seen).map(|(partition, _)| partition)
    }

    /// Whether lines have been read that wait for their tick.
    pub fn has_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.waiting.is_empty())
    }

    /// Takes lines of a partition, in order, that came at the instant `now` by the wall clock. A log that is ahead of the
    /// clock does not wait for it: its lines are due when they come.
    pub fn push(&mut self, partition: usize, now: i64, lines: impl IntoIterator<Item = Line>) {
        let now = if self.clock == Clock::Wall { now } else { i64::MAX };
        let lane = &mut self.lanes[partition];
        lane.flow = Flow::Reading;
        for line in lines {
            let due = line.logged_at.min(now);
            lane.seen = lane.seen.max(due);
            lane.waiting.push_back((due, line));
        }
    }

    /// A partition will have nothing ever again.
    pub fn end(&mut self, partition: usize) {
        self.lanes[partition].flow = Flow::Ended;
    }

    /// Whether a partition is at its end and silent, so that time does not wait for it. By the records' clock it is waited
    /// for as long as it has lines: its next one may be of the same tick.
    pub fn set_idle(&mut self, partition: usize, is_idle: bool) {
        let lane = &mut self.lanes[partition];
        if lane.flow != Flow::Ended {
            let is_idle = is_idle && (self.clock == Clock::Wall || lane.waiting.is_empty());
            lane.flow = if is_idle { Flow::Idle } else { Flow::Reading };
        }
    }

    /// Closes as many ticks as can be, none after `limit` (the wall clock, or the next moment something must happen at);
    /// `None` while no further tick can close.
    pub fn close(&mut self, limit: Time) -> Option<(Span, Vec<BoundLine>)> {
        let closed = self.closable(limit)?;
        let after = self.closed.unwrap_or_else(|| self.first_tick().unwrap_or(closed) - self.ticks.tick_ms);
        (closed > after).then(|| {
            let open = after + self.ticks.tick_ms;
            let ends: Vec<usize> = self.lanes.iter().map(|lane| lane.count_until(closed, open, self.ticks)).collect();
            self.bind(after, closed, &ends)
        })
    }

    /// Binds again what a logged span bound to ticks up to `upto`; `None` until every line of the span has come.
    /// Afterwards `upto` is closed.
    pub fn again(&mut self, span: &Span, upto: Time) -> Option<Vec<BoundLine>> {
        let mut counts = vec![0; self.lanes.len()];
        for (partition, end) in &span.ends {
            let lane = &self.lanes[*partition as usize];
            if !lane.has_come_to(end) {
                return None;
            }
            let at = lane
                .waiting
                .iter()
                .position(|(_, line)| line.next.is_some_and(|next| next.record >= end.next.record))?;
            let acted_on = |(_, line): &&(i64, Line)| tick_of(self.ticks, span, line) <= upto;
            counts[*partition as usize] = lane.waiting.iter().take(at + 1).take_while(acted_on).count();
        }
        let bound = self.bind(span.after, span.closed, &counts).1;
        self.closed = Some(upto);
        Some(bound)
    }

    /// The tick of the earliest line that waits.
    pub fn first_tick(&self) -> Option<Time> {
        let first =
            self.lanes.iter().filter_map(|lane| lane.waiting.iter().map(|(due, _)| *due).find(|at| *at > i64::MIN));
        first.min().map(|logged_at| self.ticks.at(logged_at))
    }

    fn closable(&self, limit: Time) -> Option<Time> {
        let tick_ms = self.ticks.tick_ms;
        let tick_of = |logged_at: i64| if logged_at == i64::MIN { i64::MIN } else { self.ticks.at(logged_at) };
        let mut closable = limit - limit.rem_euclid(tick_ms);
        if self.clock == Clock::Data {
            let told = self.lanes.iter().map(|lane| lane.seen).max()?;
            let has_ended = self.lanes.iter().all(|lane| lane.flow == Flow::Ended);
            if told > i64::MIN {
                closable = closable.min(tick_of(told));
            } else if has_ended && !self.is_done(None) {
                // Nothing but lines that cannot be read, and no word of time: they still have a tick.
                return Some(if limit == Time::MAX { 0 } else { closable });
            }
        }
        let open = self.open();
        for lane in &self.lanes {
            if lane.flow == Flow::Reading {
                // The next line may have the log time of the last. Lines that come late leave with the open tick.
                let passed = tick_of(lane.seen).saturating_sub(tick_ms);
                closable = closable.min(if lane.is_full(self.ticks, open) { passed.max(open) } else { passed });
            }
            if let Some((due, _)) = lane.waiting.get(LANE) {
                closable = closable.min(tick_of(*due).max(open));
            }
        }
        (closable > i64::MIN).then_some(closable)
    }

    /// Takes the first `counts` lines of each lane into the span.
    fn bind(&mut self, after: Time, closed: Time, counts: &[usize]) -> (Span, Vec<BoundLine>) {
        let tick_ms = self.ticks.tick_ms;
        let mut bound = Vec::with_capacity(counts.iter().sum());
        let mut span = Span { after, closed, ends: Vec::new(), last: false };
        for ((partition, lane), count) in (0u32..).zip(&mut self.lanes).zip(counts) {
            for (_, line) in lane.waiting.drain(..count) {
                let tick = tick_of(self.ticks, &span, &line);
                let logged_at = line.logged_at.clamp(tick - tick_ms + 1, tick);
                let place = Place { logged_at, partition: lane.number, offset: line.offset };
                lane.reached.logged_at = lane.reached.logged_at.max(line.logged_at);
                lane.reached.next = line.next.unwrap_or(lane.reached.next);
                bound.push(BoundLine { partition, tick, place, line });
            }
            if *count > 0 {
                span.ends.push((partition, lane.reached));
            }
        }
        self.closed = Some(closed);
        (span, bound)
    }
}

/// The tick that a line has in a span.
fn tick_of(ticks: Ticks, span: &Span, line: &Line) -> Time {
    let tick = if line.logged_at == i64::MIN { i64::MIN } else { ticks.at(line.logged_at) };
    tick.clamp(span.after + ticks.tick_ms, span.closed)
}

impl Lane {
    /// Whether it holds many lines, of which some can leave: those of a tick that it has passed, or, where all came late,
    /// all of them with the tick `open`. A tick closes only when its partition has passed it, however many lines it has.
    fn is_full(&self, ticks: Ticks, open: Time) -> bool {
        let Some(((first, _), (last, _))) = self.waiting.front().zip(self.waiting.back()) else { return false };
        let tick = |due: i64| if due == i64::MIN { i64::MIN } else { ticks.at(due) };
        self.waiting.len() >= 2 * LANE && (tick(*first).max(open) < tick(*last) || tick(*last) < open)
    }

    /// Whether the last whole message that came is at `end` or behind it.
    fn has_come_to(&self, end: &Reached) -> bool {
        let last = self.waiting.iter().rev().find_map(|(_, line)| line.next);
        last.is_some_and(|next| next.record >= end.next.record)
    }

    /// How many lines belong to ticks up to `closed`, the first open tick being `open`: whole messages only.
    fn count_until(&self, closed: Time, open: Time, ticks: Ticks) -> usize {
        let belongs = |(due, _): &&(i64, Line)| *due == i64::MIN || ticks.at(*due).max(open) <= closed;
        let count = self.waiting.iter().take_while(belongs).count();
        let whole = self.waiting.iter().take(count).rposition(|(_, line)| line.next.is_some());
        whole.map_or(0, |last| last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::fields::{Bad, Fault};
    use operators::testing::Random;

    const TICKS: Ticks = Ticks { tick_ms: 10 };

    fn line(logged_at: i64, offset: u64) -> Line {
        let decoded = Err(Dead { bad: Bad { fault: Fault::Malformed, field: None }, store_id: None });
        let next = Some(Position { record: offset + 1, byte: 0 });
        Line { logged_at, offset, next, decoded, bytes: Vec::new() }
    }

    fn binder(clock: Clock, partitions: u32) -> Binder {
        let reached: Vec<_> = (0..partitions).map(|number| (number, Reached::start(Position::default()))).collect();
        Binder::new(TICKS, clock, None, &reached)
    }

    fn ticks(bound: &[BoundLine]) -> Vec<(u32, u64, Time)> {
        bound.iter().map(|bound| (bound.partition, bound.line.offset, bound.tick)).collect()
    }

    #[test]
    fn time_goes_to_where_every_partition_has_been_read() {
        let mut binder = binder(Clock::Data, 2);
        binder.push(0, 200, [line(11, 0), line(25, 1), line(31, 2)]);
        assert_eq!(binder.close(Time::MAX), None, "nothing is known of the other partition");
        binder.push(1, 200, [line(22, 0)]);
        let (span, bound) = binder.close(Time::MAX).unwrap();
        // The other partition may go on at 22: tick 30 is not over.
        assert_eq!((span.after, span.closed), (10, 20));
        assert_eq!(ticks(&bound), [(0, 0, 20)]);
        binder.end(1);
        let (span, bound) = binder.close(Time::MAX).unwrap();
        assert_eq!((span.closed, ticks(&bound)), (30, vec![(0, 1, 30), (1, 0, 30)]));
        assert_eq!(span.ends, [(0, binder.reached()[0]), (1, binder.reached()[1])]);
        binder.end(0);
        assert_eq!(ticks(&binder.close(Time::MAX).unwrap().1), [(0, 2, 40)]);
        assert!(binder.is_done(None));
    }

    #[test]
    fn a_tick_of_any_size_fits_into_its_lane() {
        let lines = 3 * LANE as u64;
        let mut binder = binder(Clock::Data, 1);
        binder.push(0, 200, (0..lines).map(|offset| line(11, offset)));
        assert!(!binder.is_full(0), "its end has not come yet");
        assert_eq!(binder.close(Time::MAX), None);
        binder.push(0, 200, [line(25, lines)]);
        assert!(binder.is_full(0));
        let (span, bound) = binder.close(Time::MAX).unwrap();
        assert_eq!((span.closed, bound.len()), (20, 3 * LANE));
        assert!(!binder.is_full(0));
    }

    #[test]
    fn a_full_lane_of_late_lines_leaves_with_the_open_tick() {
        let lines = 2 * LANE as u64;
        let mut binder = binder(Clock::Wall, 2);
        binder.push(0, 200, [line(101, 0)]);
        (0..2).for_each(|partition| binder.set_idle(partition, true));
        assert_eq!(binder.close(200).unwrap().0.closed, 200);
        // A backlog of which every line belongs to a tick that has closed, and more behind it.
        binder.push(0, 230, (1..=lines).map(|offset| line(100 + offset.cast_signed() / 1_000, offset)));
        assert!(binder.is_full(0));
        let (span, bound) = binder.close(235).unwrap();
        assert_eq!((span.after, span.closed, bound.len()), (200, 210, 2 * LANE));
        assert!(bound.iter().all(|bound| bound.tick == 210));
        assert!(!binder.is_full(0), "there is room for what follows");
        assert_eq!(binder.close(235), None, "what follows is unread: time waits for it");
        assert_eq!(binder.holder(), Some(0));
        binder.push(0, 240, [line(233, lines + 1), line(238, lines + 2)]);
        assert_eq!(binder.close(240).unwrap().0.closed, 230);
    }

    #[test]
    fn time_goes_on_whenever_every_partition_is_full_idle_or_at_its_end() {
        for seed in 0..30 {
            let mut random = Random::new(seed);
            let mut binder = binder(Clock::Wall, 3);
            let (mut now, mut offsets) = (1_000, [0u64; 3]);
            let mut late = [0, 0, 0].map(|_: i64| random.below(3) * random.below(2_000));
            for round in 0..6 {
                for (partition, offset) in offsets.iter_mut().enumerate() {
                    let rests = random.below(4) == 0;
                    while !rests && !binder.is_full(partition) {
                        now += i64::from(random.below(50) == 0);
                        binder.push(partition, now, [line(now - late[partition], *offset)]);
                        late[partition] = (late[partition] - random.below(2)).max(0);
                        *offset += 1;
                    }
                    binder.set_idle(partition, rests);
                }
                now += TICKS.tick_ms;
                let (span, bound) = binder.close(now).unwrap_or_else(|| panic!("seed {seed}: it stands still"));
                assert!(round == 0 || span.closed > span.after, "seed {seed}");
                assert!(bound.iter().all(|bound| (span.after + 1..=span.closed).contains(&bound.tick)));
            }
        }
    }

    #[test]
    fn lines_past_the_end_of_time_are_not_waited_for() {
        let mut binder = binder(Clock::Data, 2);
        binder.push(0, 0, [line(11, 0), line(55, 1)]);
        assert!(!binder.is_done(Some(50)));
        binder.end(1);
        let (span, bound) = binder.close(50).unwrap();
        assert_eq!((span.closed, bound.len()), (50, 1));
        assert!(binder.is_done(Some(50)) && !binder.is_done(None) && !binder.is_done(Some(60)));
    }

    #[test]
    fn a_span_longer_than_a_lane_is_bound_again() {
        let lines = 5 * LANE as u64;
        let end = Reached { next: Position { record: lines, byte: 0 }, logged_at: 11 };
        let span = Span { after: 10, closed: 20, ends: vec![(0, end)], last: false };
        let mut binder = binder(Clock::Wall, 2);
        let mut offset = 0;
        let bound = loop {
            for partition in 0..2 {
                while !binder.is_full_for(&span, partition) && (partition == 0 || offset < lines) {
                    binder.push(partition, i64::MAX, [line(offset.cast_signed() / 1_000, offset)]);
                    offset += 1;
                }
            }
            if let Some(bound) = binder.again(&span, 20) {
                break bound;
            }
        };
        assert_eq!(bound.len() as u64, lines);
    }

    #[test]
    fn a_log_that_nobody_can_read_has_a_tick() {
        for (limit, tick) in [(Time::MAX, 0), (45, 40)] {
            let mut binder = binder(Clock::Data, 2);
            binder.push(0, 200, [line(i64::MIN, 0), line(i64::MIN, 1)]);
            binder.end(0);
            assert_eq!(binder.close(limit), None, "the other partition may still say when it is");
            binder.end(1);
            assert_eq!(ticks(&binder.close(limit).unwrap().1), [(0, 0, tick), (0, 1, tick)]);
            assert!(binder.is_done(None));
        }
    }

    #[test]
    fn by_the_wall_clock_idle_partitions_do_not_hold_time_back_and_what_comes_late_is_bound_to_the_open_tick() {
        let mut binder = binder(Clock::Wall, 2);
        binder.push(0, 200, [line(101, 0)]);
        binder.set_idle(0, true);
        binder.set_idle(1, true);
        let (span, bound) = binder.close(125).unwrap();
        assert_eq!((span.after, span.closed, ticks(&bound)), (100, 120, vec![(0, 0, 110)]));
        assert_eq!(binder.close(129), None, "tick 130 is not over");
        binder.push(1, 200, [line(105, 0), line(126, 1)]);
        binder.set_idle(1, true);
        let (_, bound) = binder.close(130).unwrap();
        assert_eq!(ticks(&bound), [(1, 0, 130), (1, 1, 130)]);
        // Late within its tick: it comes before what the log took in time.
        assert_eq!(bound[0].place, Place { logged_at: 121, partition: 1, offset: 0 });
    }

    #[test]
    fn a_log_that_is_ahead_of_the_clock_does_not_wait_for_it() {
        let mut binder = binder(Clock::Wall, 1);
        binder.push(0, 95, [line(9_000, 0), line(9_001, 1)]);
        binder.set_idle(0, true);
        assert_eq!(binder.close(99), None);
        let (_, bound) = binder.close(100).unwrap();
        assert_eq!(ticks(&bound), [(0, 0, 100), (0, 1, 100)]);
        assert_eq!(bound[0].place.logged_at, 100);
    }

    #[test]
    fn what_was_bound_once_is_bound_again_however_it_comes_in() {
        for seed in 0..300 {
            let mut random = Random::new(seed);
            let logs: Vec<Vec<Line>> = (0..3)
                .map(|_| {
                    let mut at = 0;
                    (0..random.below(30))
                        .map(|offset| {
                            line(
                                {
                                    at += random.below(12);
                                    at
                                },
                                offset.cast_unsigned(),
                            )
                        })
                        .collect()
                })
                .collect();
            let mut first = binder(Clock::Wall, 3);
            let mut rest: Vec<_> = logs.iter().map(|log| log.clone().into_iter().peekable()).collect();
            let (mut spans, mut expected, mut now) = (Vec::new(), Vec::new(), 0);
            while !first.is_done(None) {
                now += random.below(25);
                for (partition, log) in rest.iter_mut().enumerate() {
                    let count = random.index(5);
                    first.push(partition, now, log.by_ref().take(count).collect::<Vec<_>>());
                    first.set_idle(partition, true);
                    if log.peek().is_none() {
                        first.end(partition);
                    }
                }
                if let Some((span, bound)) = first.close(now) {
                    assert!(bound.iter().all(|bound| (span.after + 1..=span.closed).contains(&bound.tick)));
                    spans.push(span);
                    expected.push(bound);
                }
            }
            assert_eq!(expected.iter().map(Vec::len).sum::<usize>(), logs.iter().map(Vec::len).sum::<usize>());
            let mut again = binder(Clock::Wall, 3);
            let mut rest: Vec<_> = logs.into_iter().map(Vec::into_iter).collect();
            for (span, expected) in spans.iter().zip(expected) {
                let bound = loop {
                    match again.again(span, span.closed) {
                        Some(bound) => break bound,
                        None => rest
                            .iter_mut()
                            .enumerate()
                            .for_each(|(partition, log)| again.push(partition, i64::MAX, log.next())),
                    }
                };
                assert_eq!(bound, expected, "seed {seed}");
            }
            assert_eq!(again.reached(), first.reached());
        }
    }
}
