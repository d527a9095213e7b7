//! The binder: decides, once, which tick each record belongs to.
//!
//! *Meaning.* A record belongs to the tick of its log time, or, if that tick closed before the record was read, to the
//! first open tick. [`Binder::close`] closes ticks as far as every partition has been read, except idle and ended ones.
//! Its result is logged ([`crate::input::remap_log`]) before it takes effect, and [`Binder::rebind`] binds the same
//! records to the same ticks from that log.
//!
//! *State.* The lines that are read and not yet bound. The caller takes no more lines from a partition whose queue is
//! full. A full queue never delays time: it holds lines of two ticks, or late lines that belong to the open tick.
//! *Cost.* One look at each queue per closing.

use std::collections::VecDeque;

use connectors::source::Position;
use contract::event::{Dead, Record};
use contract::place::Place;
use contract::time::Time;
use operators::keyed::Ticks;
use serde::{Deserialize, Serialize};

/// A decoded line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The log time; never less than that of the line before it.
    pub logged_at: i64,
    /// The number in the partition: an offset, or a line number from 1.
    pub offset: u64,
    /// The position after the message, if this is the message's last line.
    pub next: Option<Position>,
    /// The record, or the defect of the line.
    pub decoded: Result<Record, Dead>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The position up to which a partition has been bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The position from which reading continues.
    pub next: Position,
    /// The log time of the last record before the position; `i64::MIN` before the first.
    pub logged_at: i64,
}

impl Reached {
    /// The beginning of a partition at `next`.
    pub fn start(next: Position) -> Self {
        Reached { next, logged_at: i64::MIN }
    }
}

/// The state of a partition, as far as time waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// More records may come at any time, with any log time from the last one on.
    Reading,
    /// It has no records now; time does not wait for it.
    Idle,
    /// It will have no more records.
    Ended,
}

/// The clock that closes ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The wall clock: a tick closes when the wall clock has passed it and every partition that is not idle has been
    /// read past it.
    #[default]
    Wall,
    /// The records' clock: ticks close as far as the records' times have come, as in a replay of files.
    Data,
}

/// Ticks that close together, with the positions that the partitions reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The last tick closed before.
    pub after: Time,
    /// The last tick that closes.
    pub closed: Time,
    /// The partitions that moved, with their new positions.
    pub ends: Vec<(u32, Reached)>,
    /// True if the inputs end here: all waiting emissions are due at `closed`.
    pub last: bool,
}

/// A line with its tick and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundLine {
    /// The index of the partition.
    pub partition: u32,
    /// Its tick.
    pub tick: Time,
    /// The log time within the tick, and the offset.
    pub place: Place,
    /// The line.
    pub line: Line,
}

/// The number of lines of one partition that a closing takes at most, unless one tick has more.
const QUEUE_LINES: usize = 4_096;

/// The queue of a partition: lines that wait for their tick.
#[derive(Debug)]
struct PartitionQueue {
    /// The number of the partition in its topic.
    number: u32,
    /// Each line with the instant that decides its tick: its log time, or its arrival if the log time is ahead of the
    /// wall clock.
    waiting: VecDeque<(i64, Line)>,
    flow: Flow,
    /// The instant of the last line that arrived.
    seen: i64,
    reached: Reached,
}

/// Binds the lines of all partitions to ticks.
#[derive(Debug)]
pub struct Binder {
    ticks: Ticks,
    clock: Clock,
    closed: Option<Time>,
    queues: Vec<PartitionQueue>,
}

impl Binder {
    /// Creates a binder that continues after the tick `closed`; each partition (by its number in its topic) from its
    /// position.
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

    /// Returns the last closed tick.
    pub fn closed(&self) -> Option<Time> {
        self.closed
    }

    /// Returns the position up to which each partition has been bound.
    pub fn reached(&self) -> Vec<Reached> {
        self.queues.iter().map(|queue| queue.reached).collect()
    }

    /// Returns the number of lines that wait in the queue of a partition.
    pub fn waiting(&self, partition: usize) -> usize {
        self.queues[partition].waiting.len()
    }

    /// Returns true if a queue takes no more lines for now: some can be bound as soon as the other partitions allow it.
    pub fn is_full(&self, partition: usize) -> bool {
        self.queues[partition].is_full(self.ticks, self.open())
    }

    /// Returns true if a queue takes no more lines until a logged span is bound again: it has all lines of the span.
    pub fn is_full_for(&self, span: &Span, partition: usize) -> bool {
        let end = span.ends.iter().find(|(index, _)| *index as usize == partition);
        let queue = &self.queues[partition];
        queue.waiting.len() >= 2 * QUEUE_LINES && end.is_none_or(|(_, end)| queue.has_come_to(end))
    }

    /// Returns true if every partition has ended and every line up to the instant `until` is bound.
    pub fn is_done(&self, until: Option<Time>) -> bool {
        let is_past = |(due, _): &(i64, Line)| until.is_some_and(|until| *due > until);
        self.queues.iter().all(|queue| match queue.waiting.front() {
            // Log times never go back: whatever follows is past it too.
            Some(first) => is_past(first),
            None => queue.flow == Flow::Ended,
        })
    }

    /// Returns the end of a logged span that will never come, because its partition has ended before it.
    pub fn missing(&self, span: &Span) -> Option<(usize, Reached)> {
        let mut ends = span.ends.iter().map(|(partition, end)| (*partition as usize, *end));
        ends.find(|(partition, end)| {
            let queue = &self.queues[*partition];
            queue.flow == Flow::Ended && !queue.has_come_to(end)
        })
    }

    /// Returns the first open tick; `i64::MIN` before any has closed.
    fn open(&self) -> Time {
        self.closed.map_or(i64::MIN, |closed| closed + self.ticks.tick_ms)
    }

    /// Returns the partition that delays time the most, if one does.
    pub fn slowest(&self) -> Option<usize> {
        let holds = |queue: &PartitionQueue| queue.flow == Flow::Reading && !queue.is_full(self.ticks, self.open());
        let holding = self.queues.iter().enumerate().filter(|(_, queue)| holds(queue));
        holding.min_by_key(|(_, queue)| queue.seen).map(|(partition, _)| partition)
    }

    /// Returns true if lines wait for their tick.
    pub fn has_waiting(&self) -> bool {
        self.queues.iter().any(|queue| !queue.waiting.is_empty())
    }

    /// Takes lines of a partition, in order, that arrived at the instant `now` by the wall clock. Lines of a log that
    /// is ahead of the wall clock belong to the tick of their arrival.
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

    /// Marks a partition as ended.
    pub fn end(&mut self, partition: usize) {
        self.queues[partition].flow = Flow::Ended;
    }

    /// Marks a partition as idle, so that time does not wait for it, or as active. By the records' clock a partition
    /// with waiting lines stays active: its next line may belong to the same tick.
    pub fn set_idle(&mut self, partition: usize, is_idle: bool) {
        let queue = &mut self.queues[partition];
        if queue.flow != Flow::Ended {
            let is_idle = is_idle && (self.clock == Clock::Wall || queue.waiting.is_empty());
            queue.flow = if is_idle { Flow::Idle } else { Flow::Reading };
        }
    }

    /// Closes as many ticks as possible, none after `limit` (the wall clock, or the next instant at which something
    /// must happen); `None` if no further tick can close.
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

    /// Binds the lines of a logged span to ticks up to `upto` again and closes `upto`; `None` until every line of the
    /// span has arrived.
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

    /// Returns the tick of the earliest waiting line.
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

    /// Binds the first `counts` lines of each queue to the span.
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

/// Returns the tick of a line in a span.
fn tick_of(ticks: Ticks, span: &Span, line: &Line) -> Time {
    let tick = if line.logged_at == i64::MIN { i64::MIN } else { ticks.at(line.logged_at) };
    tick.clamp(span.after + ticks.tick_ms, span.closed)
}

impl PartitionQueue {
    /// Returns true if the queue holds many lines and some can be bound: those of a tick that the partition has passed,
    /// or, if all are late, all of them with the tick `open`. A tick closes only when its partition has passed it,
    /// however many lines it has.
    fn is_full(&self, ticks: Ticks, open: Time) -> bool {
        let Some(((first, _), (last, _))) = self.waiting.front().zip(self.waiting.back()) else { return false };
        let tick = |due: i64| if due == i64::MIN { i64::MIN } else { ticks.at(due) };
        self.waiting.len() >= 2 * QUEUE_LINES && (tick(*first).max(open) < tick(*last) || tick(*last) < open)
    }

    /// Returns true if the last complete message that arrived is at `end` or behind it.
    fn has_come_to(&self, end: &Reached) -> bool {
        let last = self.waiting.iter().rev().find_map(|(_, line)| line.next);
        last.is_some_and(|next| next.record >= end.next.record)
    }

    /// Returns the number of lines that belong to ticks up to `closed`, whole messages only; `open` is the first open
    /// tick.
    fn count_until(&self, closed: Time, open: Time, ticks: Ticks) -> usize {
        let belongs = |(due, _): &&(i64, Line)| *due == i64::MIN || ticks.at(*due).max(open) <= closed;
        let count = self.waiting.iter().take_while(belongs).count();
        let whole = self.waiting.iter().take(count).rposition(|(_, line)| line.next.is_some());
        whole.map_or(0, |last| last + 1)
    }
}

#[cfg(test)]
mod tests;
