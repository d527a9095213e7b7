//! Decides, once and for all, which tick each record belongs to.
//!
//! *Meaning.* A record belongs to the tick of its log time, or, if that has closed before the record was seen, to the
//! first tick still open. [`Binder::close`] says how far time may go: to where every partition has been read, but for those
//! that are idle or ended; what it says is logged ([`crate::live::remap`]) before anything acts on it, and
//! [`Binder::again`] binds the same records to the same ticks from that log. *State.* The lines read but not yet bound;
//! the caller takes no more from a partition whose lane is full. *Cost.* A look at each lane a closing.

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
pub enum Flow {
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
    waiting: VecDeque<Line>,
    flow: Flow,
    /// The log time of the last line that came.
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

    /// Whether a lane takes no more for now.
    pub fn is_full(&self, partition: usize) -> bool {
        self.waiting(partition) >= 2 * LANE
    }

    /// Whether every partition has ended and every line is bound.
    pub fn is_done(&self) -> bool {
        self.lanes.iter().all(|lane| lane.flow == Flow::Ended && lane.waiting.is_empty())
    }

    /// Takes lines of a partition, in order.
    pub fn push(&mut self, partition: usize, lines: impl IntoIterator<Item = Line>) {
        let lane = &mut self.lanes[partition];
        lane.flow = Flow::Reading;
        for line in lines {
            lane.seen = lane.seen.max(line.logged_at);
            lane.waiting.push_back(line);
        }
    }

    /// Takes what became known of a partition's future.
    pub fn flow(&mut self, partition: usize, flow: Flow) {
        self.lanes[partition].flow = flow;
    }

    /// A partition has been silent for long: until it says something, time does not wait for it.
    pub fn silent(&mut self, partition: usize) {
        let lane = &mut self.lanes[partition];
        if lane.flow == Flow::Reading && lane.waiting.is_empty() {
            lane.flow = Flow::Idle;
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

    /// Binds again what a logged span bound; `None` until every line of it has come. Afterwards the span is closed.
    pub fn again(&mut self, span: &Span) -> Option<Vec<BoundLine>> {
        let mut counts = vec![0; self.lanes.len()];
        for (partition, end) in &span.ends {
            let lane = &self.lanes[*partition as usize];
            let at = lane.waiting.iter().position(|line| line.next.is_some_and(|next| next.record >= end.next.record))?;
            counts[*partition as usize] = at + 1;
        }
        Some(self.bind(span.after, span.closed, &counts).1)
    }

    /// The tick of the earliest line of all.
    fn first_tick(&self) -> Option<Time> {
        let first = self.lanes.iter().filter_map(|lane| lane.waiting.iter().map(|line| line.logged_at).find(|at| *at > i64::MIN));
        first.min().map(|logged_at| self.ticks.at(logged_at))
    }

    fn closable(&self, limit: Time) -> Option<Time> {
        let tick_ms = self.ticks.tick_ms;
        let tick_of = |logged_at: i64| if logged_at == i64::MIN { i64::MIN } else { self.ticks.at(logged_at) };
        let mut closable = limit - limit.rem_euclid(tick_ms);
        if self.clock == Clock::Data {
            closable = closable.min(self.lanes.iter().map(|lane| tick_of(lane.seen)).max()?);
        }
        for lane in &self.lanes {
            if lane.flow == Flow::Reading {
                // The next line may have the log time of the last.
                closable = closable.min(tick_of(lane.seen).saturating_sub(tick_ms));
            }
            if let Some(line) = lane.waiting.get(LANE) {
                let open = self.closed.map_or(i64::MIN, |closed| closed + tick_ms);
                closable = closable.min(tick_of(line.logged_at).max(open));
            }
        }
        (closable > i64::MIN).then_some(closable)
    }

    /// Takes the first `counts` lines of each lane into the span.
    fn bind(&mut self, after: Time, closed: Time, counts: &[usize]) -> (Span, Vec<BoundLine>) {
        let tick_ms = self.ticks.tick_ms;
        let mut bound = Vec::with_capacity(counts.iter().sum());
        let mut ends = Vec::new();
        for ((partition, lane), count) in (0u32..).zip(&mut self.lanes).zip(counts) {
            for line in lane.waiting.drain(..count) {
                let tick = if line.logged_at == i64::MIN { after + tick_ms } else { self.ticks.at(line.logged_at) };
                let tick = tick.clamp(after + tick_ms, closed);
                let logged_at = line.logged_at.clamp(tick - tick_ms + 1, tick);
                let place = Place { logged_at, partition: lane.number, offset: line.offset };
                lane.reached.logged_at = lane.reached.logged_at.max(line.logged_at);
                lane.reached.next = line.next.unwrap_or(lane.reached.next);
                bound.push(BoundLine { partition, tick, place, line });
            }
            if *count > 0 {
                ends.push((partition, lane.reached));
            }
        }
        self.closed = Some(closed);
        (Span { after, closed, ends, last: false }, bound)
    }
}

impl Lane {
    /// How many lines belong to ticks up to `closed`, the first open tick being `open`: whole messages only.
    fn count_until(&self, closed: Time, open: Time, ticks: Ticks) -> usize {
        let belongs = |line: &&Line| line.logged_at == i64::MIN || ticks.at(line.logged_at).max(open) <= closed;
        let count = self.waiting.iter().take_while(belongs).count();
        let whole = self.waiting.iter().take(count).rposition(|line| line.next.is_some());
        whole.map_or(0, |last| last + 1)
    }
}
