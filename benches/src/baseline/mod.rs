//! The whole contract by hand: one thread, plain hash maps, no engine. The line the job is measured against.
//!
//! Records wait for the close of their tick. Then the clock rings, facts that can be corrected no longer become sums,
//! records are ranked so that the least record behind a change is the least number, each is told to the rooms it concerns,
//! and only the drawers that were touched are brought up to date. What the contract says is shared with the job (records as read, row values,
//! formulas); nothing that keeps state is.
//!
//! It maintains everything: the nineteen views, the twenty exception types, commands and decisions, late and dead
//! letters. Nothing is left out, so [`verify`] compares every record of every topic.

mod accuracy;
mod clocks;
mod court;
mod coverage;
mod customers;
mod demand;
mod desk;
mod drift;
mod facts;
mod feeds;
mod hours;
mod margins;
mod nodes;
mod offers;
mod promises;
mod promotions;
mod queues;
mod returns;
mod ring;
mod rooms;
mod rows;
mod shelves;
mod slots;
mod speech;
mod states;
mod stock;
mod sums;
mod tasks;
mod timers;
mod verify;

use operators::keyed::Ticks;

use contract::event::{FactBody, StateBody, Topic};
use contract::fate::{Fated, Outcome, RecordHeader};
use contract::ids::{EventId, Id};
use contract::output::{Numbered, OutputTopic, Publish};
use contract::record::{DeadRecord, LateRecord};
use contract::time::Time;
use engine::batch::Bound;
use engine::edge::{Admitted, Arriving};
use engine::graph::Settings;
use facts::Facts;
use facts::NOWHERE;
use rooms::Rooms;
use rows::Page;
pub use rows::Sink;
use slots::{NOBODY, place};
use states::States;
pub use verify::{Verified, run, verify};

/// The hand-written program.
pub struct Baseline {
    rooms: Rooms,
    facts: Facts,
    states: States,
    emit: Ticks,
    /// The records of the tick that is to be closed next.
    pending: Vec<(Topic, Admitted)>,
    pending_at: Time,
    emission: Option<Time>,
    expired: Vec<u32>,
    late: Vec<LateRecord>,
    dead: Vec<DeadRecord>,
}

impl Baseline {
    /// Nothing has happened yet.
    pub fn new(settings: &Settings) -> Self {
        Baseline {
            rooms: Rooms::new(settings),
            facts: Facts::default(),
            states: States::default(),
            emit: settings.emit,
            pending: Vec::new(),
            pending_at: Time::MIN,
            emission: None,
            expired: Vec::new(),
            late: Vec::new(),
            dead: Vec::new(),
        }
    }

    /// Takes a record at its tick. Records come in order of tick, topic and place; every earlier tick has been closed.
    pub fn take(&mut self, (time, topic, admitted): Bound) {
        debug_assert!(self.pending.is_empty() || self.pending_at == time, "one tick at a time");
        self.pending_at = time;
        self.pending.push((topic, admitted));
    }

    /// Closes every tick up to and including `tick`.
    pub fn close(&mut self, tick: Time, out: &mut dyn Sink) {
        loop {
            let pending = (!self.pending.is_empty()).then_some(self.pending_at);
            let work = pending.into_iter().chain(self.rooms.desk.timers.next()).min();
            let Some(next) = work.into_iter().chain(self.emission).min().filter(|next| *next <= tick) else { return };
            if work == Some(next) {
                self.close_one(next, out);
                let due = self.emit.at(next);
                self.emission.get_or_insert(due);
            }
            if self.emission == Some(next) {
                self.emission = None;
                self.rooms.send(&mut Page::new(OutputTopic::Views, next, out));
            }
        }
    }

    /// Closes the last tick: what waits for its emission leaves.
    pub fn end(&mut self, last: Time, out: &mut dyn Sink) {
        self.close(last, out);
        if self.emission.take().is_some() {
            self.rooms.send(&mut Page::new(OutputTopic::Views, last, out));
        }
    }

    fn close_one(&mut self, now: Time, out: &mut dyn Sink) {
        self.rooms.desk.now = now;
        while let Some(due) = self.rooms.desk.timers.take(now) {
            due.into_iter().for_each(|timer| self.rooms.ring(timer, &self.facts));
        }
        self.expire();
        if !self.pending.is_empty() && self.pending_at == now {
            self.judge_pending();
        }
        self.rooms.close(&mut self.facts);
        self.rooms.judge();
        self.write(now, out);
    }

    /// Facts that can be corrected no longer become sums.
    fn expire(&mut self) {
        let mut expired = std::mem::take(&mut self.expired);
        self.facts.expired(self.rooms.desk.now, &mut expired);
        for at in expired.drain(..) {
            self.book(at);
            if self.facts.get(at).horizon < self.rooms.desk.edge() {
                self.forget(at);
            } else {
                self.facts.expire_later(at, self.rooms.desk.lateness_ms);
            }
        }
        self.expired = expired;
    }

    fn book(&mut self, at: u32) {
        let fact = self.facts.get(at);
        if !fact.booked && fact.shelf != NOWHERE {
            self.rooms.shelves.book(fact.shelf, &self.facts, at);
        }
        self.facts.get_mut(at).booked = true;
    }

    fn forget(&mut self, at: u32) {
        let shelf = self.facts.get(at).shelf;
        if shelf != NOWHERE {
            self.rooms.promotions.fold(shelf, &self.facts, at);
            self.rooms.shelves.release(shelf, at);
        }
        self.facts.forget(at);
    }

    /// Judges the records of the tick by rule 4 and tells the rooms of those that are accepted.
    fn judge_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        let ranks = rank(&pending, &mut self.rooms.desk.causes);
        let now = self.rooms.desk.now;
        let mut states = Vec::new();
        for ((topic, admitted), rank) in pending.drain(..).zip(ranks) {
            match admitted {
                Admitted::Fact(_, arrival) => self.fact(topic, arrival, rank),
                Admitted::State(key, arrival) => states.push((self.states.hear(key, now, rank), arrival)),
                Admitted::Fated(fated) => self.fate(fated, NOBODY),
            }
        }
        // Policies and stores take effect before what they bear on.
        let (first, then): (Vec<_>, Vec<_>) = states.into_iter().partition(|(at, _)| self.states.is_notice(*at));
        self.judge_states(first);
        self.rooms.reform();
        self.judge_states(then);
        self.pending = pending;
    }

    fn judge_states(&mut self, states: Vec<(u32, Arriving<StateBody>)>) {
        for (at, mut arrival) in states {
            let memo = take_memo(&mut arrival.memo);
            let cause = self.states.cause(at);
            let (outcome, replaced) = self.states.judge(at, arrival);
            if let Some((old, new)) = replaced {
                self.rooms.row(old, new, cause);
            }
            self.fate(Fated { header: memo, outcome }, cause);
        }
    }

    fn fact(&mut self, topic: Topic, mut arrival: Arriving<FactBody>, rank: u32) {
        let memo = take_memo(&mut arrival.memo);
        let edge = self.rooms.desk.edge();
        let mut found = self.facts.find(topic, &arrival.id);
        if let Some(at) = found.filter(|at| self.facts.get(*at).horizon < edge) {
            self.book(at);
            self.forget(at);
            found = None;
        }
        let held = found.map(|at| self.facts.get(at));
        let outcome = match held {
            Some(held) if held.revision >= arrival.revision => Outcome::Duplicate,
            Some(held) if held.body.is_some() && held.event_time < edge => Outcome::Late(edge - held.event_time),
            _ => Outcome::Accepted,
        };
        if outcome == Outcome::Accepted {
            self.accept(found, topic, arrival, rank);
        }
        self.fate(Fated { header: memo, outcome }, rank);
    }

    fn accept(&mut self, found: Option<u32>, topic: Topic, arrival: Arriving<FactBody>, rank: u32) {
        let at = found.unwrap_or_else(|| self.facts.open(topic, arrival.id));
        let fact = self.facts.get_mut(at);
        let (old_time, old_horizon) = (fact.event_time, fact.horizon);
        fact.revision = arrival.revision;
        let horizon = old_horizon.max(arrival.event_time);
        if found.is_some()
            && fact.body.is_some()
            && (fact.event_time, old_horizon) == (arrival.event_time, horizon)
            && fact.body == arrival.content
        {
            return;
        }
        if let Some(old) = fact.body.take() {
            self.rooms.fact(&self.facts, at, (old_time, &old), (-1, rank));
        }
        let fact = self.facts.get_mut(at);
        (fact.event_time, fact.horizon, fact.body, fact.shelf) =
            (arrival.event_time, horizon, arrival.content, NOWHERE);
        if let Some(body) = &self.facts.get(at).body {
            let shelf = self.rooms.fact(&self.facts, at, (arrival.event_time, body), (1, rank));
            self.facts.get_mut(at).shelf = shelf;
        }
        self.facts.expire_later(at, self.rooms.desk.lateness_ms);
    }

    fn fate(&mut self, fated: Fated, cause: u32) {
        let desk = &mut self.rooms.desk;
        let store = desk.shop(fated.header.store.unwrap_or_else(|| Id::new("-")));
        let event_time = fated.header.event_time.unwrap_or_default();
        self.rooms.feeds.beat(desk.now, (store, fated.header.topic), &fated.outcome, event_time, cause);
        match fated.outcome {
            Outcome::Late(_) => self.late.extend(LateRecord::of(&fated.header, &fated.outcome)),
            Outcome::Dead(..) => self.dead.extend(DeadRecord::of(&fated.header, &fated.outcome)),
            Outcome::Accepted | Outcome::Duplicate => {}
        }
    }

    /// Writes what this tick says of exceptions and of records that were not taken.
    fn write(&mut self, now: Time, out: &mut dyn Sink) {
        let spoken = &mut self.rooms.court.spoken;
        if !spoken.is_empty() {
            speech::write_exceptions(spoken, &mut Page::new(OutputTopic::Exceptions, now, out));
            speech::write_decisions(spoken, &mut Page::new(OutputTopic::Decisions, now, out));
            spoken.clear();
        }
        publish(&mut self.late, &mut Page::new(OutputTopic::Late, now, out));
        publish(&mut self.dead, &mut Page::new(OutputTopic::DeadLetter, now, out));
    }
}

fn publish<R: Publish + Ord>(records: &mut Vec<R>, page: &mut Page<'_>) {
    records.sort();
    for record in records.drain(..) {
        let (time, seq) = page.number();
        page.write(&Numbered { time, seq, record: record.public() });
    }
}

/// A memo on its way, leaving nothing behind.
fn take_memo(memo: &mut RecordHeader) -> RecordHeader {
    RecordHeader { topic: memo.topic, original: memo.original.take(), store: memo.store, event_time: memo.event_time }
}

/// The ranks of records by topic and name: the least is 0. The names come to `causes`, least first.
fn rank(pending: &[(Topic, Admitted)], causes: &mut Vec<(Topic, EventId)>) -> Vec<u32> {
    let name = |at: &u32| {
        let (topic, admitted) = &pending[*at as usize];
        let id = match admitted {
            Admitted::Fact(_, arrival) => &arrival.id,
            Admitted::State(_, arrival) => &arrival.id,
            Admitted::Fated(_) => return None,
        };
        Some((*topic, id))
    };
    let mut order: Vec<u32> = (0..place(pending.len())).filter(|at| name(at).is_some()).collect();
    order.sort_by(|one, two| name(one).cmp(&name(two)));
    let mut ranks = vec![NOBODY; pending.len()];
    causes.clear();
    for (rank, at) in (0u32..).zip(&order) {
        ranks[*at as usize] = rank;
        causes.extend(name(at).map(|(topic, id)| (topic, id.clone())));
    }
    ranks
}
