//! The contract in slow motion: every view from scratch at every tick that matters, then every exception.
//!
//! An oracle for property tests. It keeps all accepted facts for ever and shares no code with the engine. It visits a
//! tick when records arrive, when a minute begins, and when an instant of [`Model::next_tick`] has come; in between
//! nothing can change.

mod decode;
mod detectors;
mod exceptions;
mod fates;
mod record;
mod stats;
mod tables;
mod views;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use decode::Id;
use exceptions::Desk;
use fates::{Arrival, Edge, arrivals, ceil_to};
use stats::{MINUTE, QUARTER, floor_to};
use tables::{Key, Tables};
use views::VIEWS;
use world::World;

/// What goes in: a scenario as contract §7 describes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scenario {
    /// The lines of each topic, in file order.
    pub(crate) topics: BTreeMap<String, Vec<Vec<u8>>>,
    /// Where the replay ends; without it, at the last record.
    pub(crate) until: Option<i64>,
    /// The length of a tick.
    pub(crate) tick_ms: i64,
    /// How late a fact may come.
    pub(crate) lateness_ms: i64,
    /// How far ahead of the clock a fact may be.
    pub(crate) future_ms: i64,
    /// Policies as configured.
    pub(crate) policy: BTreeMap<String, i64>,
}

/// A change of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// Its tick.
    pub(crate) time: i64,
    /// The view's name.
    pub(crate) view: &'static str,
    /// The key, in the table's order.
    pub(crate) key: Vec<(&'static str, Value)>,
    /// insert, update, delete or settle
    pub(crate) op: &'static str,
    /// The row; absent on delete.
    pub(crate) value: Option<Value>,
}

/// What comes out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Output {
    /// At each tick in the order of §6.
    pub(crate) views: Vec<Change>,
    /// Records as in §6, without drivers, policy and cause.
    pub(crate) exceptions: Vec<Value>,
    /// Records as in §6.
    pub(crate) late: Vec<Value>,
    /// Records as in §6, without position.
    pub(crate) dead_letter: Vec<Value>,
    /// Records by topic and fate: accepted, duplicates, late, dead.
    pub(crate) counts: BTreeMap<(String, &'static str), u64>,
}

/// What rule 1 of contract §2 says of a line: nothing, or the reason and the first bad field of a dead letter.
pub(crate) fn verdict(topic: &str, line: &[u8]) -> Result<(), (&'static str, Option<&'static str>)> {
    decode::decode(topic, line).map(|_| ()).map_err(|dead| (dead.reason, dead.field))
}

/// Replays a scenario.
pub(crate) fn run(input: &Scenario) -> Output {
    Model::new(input).replay(input)
}

struct Model {
    world: World,
    edge: Edge,
    tables: Tables,
    desk: Desk,
    views: Vec<Change>,
}

impl Model {
    fn new(input: &Scenario) -> Self {
        let world = World::new(input);
        Model { world, edge: Edge::default(), tables: Tables::default(), desk: Desk::default(), views: Vec::new() }
    }

    fn replay(mut self, input: &Scenario) -> Output {
        let mut arrivals = arrivals(input);
        let (Some(first), Some(last)) = (arrivals.keys().next().copied(), arrivals.keys().last().copied()) else {
            return Output::default();
        };
        let end = input.until.map_or(last, |until| ceil_to(until, input.tick_ms));
        let mut next = Some(first);
        while let Some(now) = next.filter(|now| *now <= end) {
            let before = std::mem::replace(&mut self.world.now, now);
            let records = arrivals.remove(&now).unwrap_or_default();
            self.tick(before, records, now == first);
            let quiet = self.next_tick();
            next = Some(arrivals.keys().next().copied().unwrap_or(i64::MAX).min(quiet));
        }
        let Model { edge, desk, views, .. } = self;
        Output { views, exceptions: desk.records, late: edge.late, dead_letter: edge.dead, counts: edge.counts }
    }

    /// One tick: fates, views, detectors, commands.
    fn tick(&mut self, before: i64, records: Vec<Arrival>, everything: bool) {
        let now = self.world.now;
        self.world.fold();
        let mut touched: BTreeSet<&'static str> = BTreeSet::new();
        for arrival in records {
            let topic = arrival.topic();
            if self.edge.judge(&mut self.world, arrival) {
                touched.insert(topic);
            }
        }
        self.world.forget_unlisted();
        let settles = floor_to(now - self.world.lateness_ms, QUARTER) > before - self.world.lateness_ms;
        let alarm = self.world.alarms.range(before + 1..=now).next().is_some();
        let all = everything || settles || alarm || touched.contains("reference") || touched.contains("commands");
        let mut changes = Vec::new();
        for view in VIEWS {
            let moved = view.pane > 0 && floor_to(now, view.pane) != floor_to(before, view.pane);
            if all || moved || view.topics.split(' ').any(|topic| touched.contains(topic)) {
                changes.extend(self.tables.refresh(view, &self.world));
            }
        }
        changes.sort_by_key(|change| change.view);
        self.views.extend(changes);
        self.note_stocked();
        let commands = std::mem::take(&mut self.world.commands);
        self.desk.tick(&self.world, &self.tables, &commands);
    }

    /// Since when at least a unit has been on hand.
    fn note_stocked(&mut self) {
        let view = "inventory.position";
        let column = self.tables.column(view, "on_hand_milli");
        let stocked: Vec<Key> = self
            .tables
            .current(view)
            .filter(|(_, row)| row[column].is_some_and(|on_hand| on_hand >= 1000))
            .map(|(key, _)| key.clone())
            .collect();
        let before = std::mem::take(&mut self.world.stocked_since);
        let since = |key: Key| (before.get(&key).copied().unwrap_or(self.world.now), key);
        self.world.stocked_since = stocked.into_iter().map(since).map(|(since, key)| (key, since)).collect();
    }

    /// The next tick at which anything may change without input.
    fn next_tick(&self) -> i64 {
        let (world, now) = (&self.world, self.world.now);
        let settling = floor_to(now - world.lateness_ms, QUARTER) + QUARTER + world.lateness_ms;
        let mut due = vec![floor_to(now, MINUTE) + MINUTE, settling];
        due.extend(world.alarms.range(now + 1..).next());
        due.extend(self.desk.due.iter().find(|at| **at > now));
        // Other settled rows are not read as late as that.
        due.extend(self.tables.forgets("promotion.performance"));
        let stale = |(store, topic): &(Id, &'static str)| views::stale_at(world, store, topic);
        due.extend(world.health.keys().filter_map(stale).filter(|at| *at > now));
        let soonest = due.into_iter().min().unwrap_or(i64::MAX);
        let next = ceil_to(soonest, world.tick_ms);
        // Silence of a shelf grows with every tick: the first at which a phantom shows, if one does before `next`.
        let phantom = |key: &Key, at| detectors::stock::is_phantom(world, &self.tables, key, at);
        let arising = |key: &&Key| phantom(key, next) && !phantom(key, now);
        let first = |key: &Key| {
            let ticks: Vec<i64> = (1..=(next - now) / world.tick_ms).map(|n| now + n * world.tick_ms).collect();
            ticks[ticks.partition_point(|at| !phantom(key, *at))]
        };
        world.stocked_since.keys().filter(arising).map(first).min().unwrap_or(next)
    }
}
