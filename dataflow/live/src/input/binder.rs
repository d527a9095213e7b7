//! Decides, once and for all, which tick each record belongs to.
//!
//! *Meaning.* A record belongs to the tick of its log time, or, if that has closed before the record was seen, to the
//! first tick still open. [`Binder::close`] says how far time may go: to where every partition has been read, but for those
//! that are idle or ended; what it says is logged ([`crate::input::remap_log`]) before anything acts on it, and
//! [`Binder::rebind`] binds the same records to the same ticks from that log. *State.* The lines read but not yet bound;
//! the caller takes no more from a partition whose queue is full. A full queue never holds time back: it holds lines of two
//! ticks, or lines that came late and may leave with the open tick. *Cost.* A look at each queue a closing.

use std::collections::VecDeque;

use connectors::source::Position;
use contract::event::{Dead, Record};
use contract::place::Place;
use contract::time::Time;
use operators::keyed::Ticks;
use serde::{Deserialize, Serialize};

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
const QUEUE_LINES: usize = 4_096;

/// The lines of one partition that wait for their tick.
#[derive(Debug)]
struct PartitionQueue {
    /// The partition's number in its topic.
    number: u32,
    /// Each line, and the instant whose tick it is due at: its log time, or, if that is ahead of the wall clock, when it came.
    waiting: VecDeque<(i64, Line)>,
    flow: Flow,
    /// The instant of the last line that came.
    seen: i64,
    reached: Reached,
}

/// The queues of all partitions.
#[derive(Debug)]
pub struct Binder {
    ticks: Ticks,
    clock: Clock,
    closed: Option<Time>,
    queues: Vec<PartitionQueue>,
}

impl Binder {
    /// Goes on after the tick `closed`, each partition (its number in its topic) from where it was `reached`.
    pub fn new(ticks: Ticks, clock: Clock, closed: Option<Time>, reached: &[(u32, Reached)]) -> Self {
        let queue = |(number, reached): &(u32, Reached)| PartitionQueue {
            number: *number,
            waiting: VecDeque::new(),
            flow: Flow::Reading,
            seen: reached.logged_at,
            reached: *reached,
        };
        Binder { ticks, clock, closed, queues: reached.iter().map(queue).collect() }
    }

    /// The last closed tick.
    pub fn closed(&self) -> Option<Time> {
        self.closed
    }

    /// How far each partition has been bound.
    pub fn reached(&self) -> Vec<Reached> {
        self.queues.iter().map(|queue| queue.reached).collect()
    }

    /// Lines that wait in the queue of a partition.
    pub fn waiting(&self, partition: usize) -> usize {
        self.queues[partition].waiting.len()
    }

    /// Whether a queue takes no more for now: some of its lines can leave as soon as the other partitions allow it.
    pub fn is_full(&self, partition: usize) -> bool {
        self.queues[partition].is_full(self.ticks, self.open())
    }

    /// Whether a queue takes no more until a logged span is bound again: it has all that the span took from it.
    pub fn is_full_for(&self, span: &Span, partition: usize) -> bool {
        let end = span.ends.iter().find(|(index, _)| *index as usize == partition);
        let queue = &self.queues[partition];
        queue.waiting.len() >= 2 * QUEUE_LINES && end.is_none_or(|(_, end)| queue.has_come_to(end))
    }

    /// Whether every partition has ended and every line up to the instant `until` is bound: nothing is left to wait for.
    pub fn is_done(&self, until: Option<Time>) -> bool {
        let is_past = |(due, _): &(i64, Line)| until.is_some_and(|until| *due > until);
        self.queues.iter().all(|queue| match queue.waiting.front() {
            // Log times never go back: whatever follows is past it too.
            Some(first) => is_past(first),
            None => queue.flow == Flow::Ended,
        })
    }

    /// The first tick that is still open; `i64::MIN` before any has closed.
    fn open(&self) -> Time {
        self.closed.map_or(i64::MIN, |closed| closed + self.ticks.tick_ms)
    }

    /// The partition that holds time back the most, if one does.
    pub fn slowest(&self) -> Option<usize> {
        let holds = |queue: &PartitionQueue| queue.flow == Flow::Reading && !queue.is_full(self.ticks, self.open());
        let holding = self.queues.iter().enumerate().filter(|(_, queue)| holds(queue));
        holding.min_by_key(|(_, queue)| queue.seen).map(|(partition, _)| partition)
    }

    /// Whether lines have been read that wait for their tick.
    pub fn has_waiting(&self) -> bool {
        self.queues.iter().any(|queue| !queue.waiting.is_empty())
    }

    /// Takes lines of a partition, in order, that came at the instant `now` by the wall clock. A log that is ahead of the
    /// clock does not wait for it: its lines are due when they come.
    pub fn push(&mut self, partition: usize, now: i64, lines: impl IntoIterator<Item = Line>) {
        let now = if self.clock == Clock::Wall { now } else { i64::MAX };
        let queue = &mut self.queues[partition];
        queue.flow = Flow::Reading;
        for line in lines {
            let due = line.logged_at.min(now);
            queue.seen = queue.seen.max(due);
            queue.waiting.push_back((due, line));
        }
    }

    /// A partition will have nothing ever again.
    pub fn end(&mut self, partition: usize) {
        self.queues[partition].flow = Flow::Ended;
    }

    /// Whether a partition is at its end and silent, so that time does not wait for it. By the records' clock it is waited
    /// for as long as it has lines: its next one may be of the same tick.
    pub fn set_idle(&mut self, partition: usize, is_idle: bool) {
        let queue = &mut self.queues[partition];
        if queue.flow != Flow::Ended {
            let is_idle = is_idle && (self.clock == Clock::Wall || queue.waiting.is_empty());
            queue.flow = if is_idle { Flow::Idle } else { Flow::Reading };
        }
    }

    /// Closes as many ticks as can be, none after `limit` (the wall clock, or the next moment something must happen at);
    /// `None` while no further tick can close.
    pub fn close(&mut self, limit: Time) -> Option<(Span, Vec<BoundLine>)> {
        let closed = self.closable(limit)?;
        let after = self.closed.unwrap_or_else(|| self.first_tick().unwrap_or(closed) - self.ticks.tick_ms);
        (closed > after).then(|| {
            let open = after + self.ticks.tick_ms;
            let ends: Vec<usize> =
                self.queues.iter().map(|queue| queue.count_until(closed, open, self.ticks)).collect();
            self.bind(after, closed, &ends)
        })
    }

    /// Binds again what a logged span bound to ticks up to `upto`; `None` until every line of the span has come.
    /// Afterwards `upto` is closed.
    pub fn rebind(&mut self, span: &Span, upto: Time) -> Option<Vec<BoundLine>> {
        let mut counts = vec![0; self.queues.len()];
        for (partition, end) in &span.ends {
            let queue = &self.queues[*partition as usize];
            if !queue.has_come_to(end) {
                return None;
            }
            let at = queue
                .waiting
                .iter()
                .position(|(_, line)| line.next.is_some_and(|next| next.record >= end.next.record))?;
            let acted_on = |(_, line): &&(i64, Line)| tick_of(self.ticks, span, line) <= upto;
            counts[*partition as usize] = queue.waiting.iter().take(at + 1).take_while(acted_on).count();
        }
        let bound = self.bind(span.after, span.closed, &counts).1;
        self.closed = Some(upto);
        Some(bound)
    }

    /// The tick of the earliest line that waits.
    pub fn first_tick(&self) -> Option<Time> {
        let first =
            self.queues.iter().filter_map(|queue| queue.waiting.iter().map(|(due, _)| *due).find(|at| *at > i64::MIN));
        first.min().map(|logged_at| self.ticks.at(logged_at))
    }

    fn closable(&self, limit: Time) -> Option<Time> {
        let tick_ms = self.ticks.tick_ms;
        let tick_of = |logged_at: i64| if logged_at == i64::MIN { i64::MIN } else { self.ticks.at(logged_at) };
        let mut closable = limit - limit.rem_euclid(tick_ms);
        if self.clock == Clock::Data {
            let furthest = self.queues.iter().map(|queue| queue.seen).max()?;
            let has_ended = self.queues.iter().all(|queue| queue.flow == Flow::Ended);
            if furthest > i64::MIN {
                closable = closable.min(tick_of(furthest));
            } else if has_ended && !self.is_done(None) {
                // Nothing but lines that cannot be read, and no word of time: they still have a tick.
                return Some(if limit == Time::MAX { 0 } else { closable });
            }
        }
        let open = self.open();
        for queue in &self.queues {
            if queue.flow == Flow::Reading {
                // The next line may have the log time of the last. Lines that come late leave with the open tick.
                let passed = tick_of(queue.seen).saturating_sub(tick_ms);
                closable = closable.min(if queue.is_full(self.ticks, open) { passed.max(open) } else { passed });
            }
            if let Some((due, _)) = queue.waiting.get(QUEUE_LINES) {
                closable = closable.min(tick_of(*due).max(open));
            }
        }
        (closable > i64::MIN).then_some(closable)
    }

    /// Takes the first `counts` lines of each queue into the span.
    fn bind(&mut self, after: Time, closed: Time, counts: &[usize]) -> (Span, Vec<BoundLine>) {
        let tick_ms = self.ticks.tick_ms;
        let mut bound = Vec::with_capacity(counts.iter().sum());
        let mut span = Span { after, closed, ends: Vec::new(), last: false };
        for ((partition, queue), count) in (0u32..).zip(&mut self.queues).zip(counts) {
            for (_, line) in queue.waiting.drain(..count) {
                let tick = tick_of(self.ticks, &span, &line);
                let logged_at = line.logged_at.clamp(tick - tick_ms + 1, tick);
                let place = Place { logged_at, partition: queue.number, offset: line.offset };
                queue.reached.logged_at = queue.reached.logged_at.max(line.logged_at);
                queue.reached.next = line.next.unwrap_or(queue.reached.next);
                bound.push(BoundLine { partition, tick, place, line });
            }
            if *count > 0 {
                span.ends.push((partition, queue.reached));
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

impl PartitionQueue {
    /// Whether it holds many lines, of which some can leave: those of a tick that it has passed, or, where all came late,
    /// all of them with the tick `open`. A tick closes only when its partition has passed it, however many lines it has.
    fn is_full(&self, ticks: Ticks, open: Time) -> bool {
        let Some(((first, _), (last, _))) = self.waiting.front().zip(self.waiting.back()) else { return false };
        let tick = |due: i64| if due == i64::MIN { i64::MIN } else { ticks.at(due) };
        self.waiting.len() >= 2 * QUEUE_LINES && (tick(*first).max(open) < tick(*last) || tick(*last) < open)
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
mod tests;
