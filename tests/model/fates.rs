//! The edge: every record has exactly one fate. Contract §2.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Scenario;
use super::decode::{Dead, Id, Record, decode};
use super::record::Fact;
use super::world::World;

/// Topics in the order of their names.
pub(super) const TOPICS: [&str; 12] = [
    "activity",
    "commands",
    "inventory",
    "orders",
    "pos",
    "promotions",
    "queue",
    "reference",
    "signals",
    "tasks",
    "traffic",
    "workforce",
];

/// A line on its way: its topic, its text, and what it says.
pub(super) struct Arrival {
    topic: &'static str,
    line: Vec<u8>,
    read: Result<Record, Dead>,
}

/// What is remembered of a fact's id.
pub(super) struct Remembered {
    revision: i64,
    greatest: i64,
    /// event_time of the content that stands, if any does.
    content: Option<i64>,
}

/// The row of feed.health of a store and topic.
#[derive(Default)]
pub(super) struct Health {
    /// accepted, duplicates, late, dead
    pub(super) fates: [i64; 4],
    pub(super) last_event_time: Option<i64>,
    pub(super) last_tick: Option<i64>,
}

/// What leaves at the edge, and the counts.
#[derive(Default)]
pub(super) struct Edge {
    pub(super) late: Vec<Value>,
    pub(super) dead: Vec<Value>,
    pub(super) counts: BTreeMap<(String, &'static str), u64>,
    remembered: BTreeMap<(&'static str, Id), Remembered>,
    ranks: BTreeMap<(&'static str, Vec<Id>), (i64, i64, Id)>,
}

/// All lines by the tick they arrive at, each tick's by topic and file order.
pub(super) fn arrivals(input: &Scenario) -> BTreeMap<i64, Vec<Arrival>> {
    let mut by_ingest: Vec<(Option<i64>, Arrival)> = Vec::new();
    for topic in TOPICS {
        let mut ingest = None;
        for line in input.topics.get(topic).into_iter().flatten() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let read = decode(topic, line);
            if let Ok(record) = &read {
                ingest = ingest.max(Some(record.ingest));
            }
            by_ingest.push((ingest, Arrival { topic, line: line.clone(), read }));
        }
    }
    let first = by_ingest.iter().filter_map(|(ingest, _)| *ingest).min();
    let last = input.until.unwrap_or(i64::MAX - input.tick_ms);
    let mut ticks: BTreeMap<i64, Vec<Arrival>> = BTreeMap::new();
    for (ingest, arrival) in by_ingest {
        if let Some(ingest) = ingest.or(first) {
            let tick = ceil_to(ingest, input.tick_ms);
            if tick <= ceil_to(last, input.tick_ms) {
                ticks.entry(tick).or_default().push(arrival);
            }
        }
    }
    ticks
}

/// The first multiple of `tick_ms` ≥ `instant`.
pub(super) fn ceil_to(instant: i64, tick_ms: i64) -> i64 {
    -(-instant).div_euclid(tick_ms) * tick_ms
}

impl Arrival {
    pub(super) fn topic(&self) -> &'static str {
        self.topic
    }
}

impl Edge {
    /// Judges a record and lets the accepted one act on the world. True if it was accepted.
    pub(super) fn judge(&mut self, world: &mut World, arrival: Arrival) -> bool {
        let topic = arrival.topic;
        let (now, before) = (world.now, (self.late.len(), self.dead.len()));
        let store = match &arrival.read {
            Ok(record) => Some(record.fields.id("store_id")).filter(|id| !id.is_empty()).unwrap_or_else(|| "-".into()),
            Err(dead) => dead.store.clone(),
        };
        let time = arrival.read.as_ref().map(|record| record.fields.int("event_time")).unwrap_or_default();
        let accepted = match arrival.read {
            Err(dead) => {
                self.bury(now, topic, &store, (dead.reason, dead.field), &arrival.line);
                false
            }
            Ok(record) if record.key.is_empty() => self.judge_fact(world, topic, &store, record, &arrival.line),
            Ok(record) => self.judge_state(world, record),
        };
        let fate = match (accepted, self.late.len() > before.0, self.dead.len() > before.1) {
            (true, ..) => 0,
            (_, true, _) => 2,
            (_, _, true) => 3,
            _ => 1,
        };
        let name = ["accepted", "duplicates", "late", "dead"][fate];
        *self.counts.entry((topic.into(), name)).or_default() += 1;
        let health = world.health.entry((store, topic)).or_default();
        health.fates[fate] += 1;
        if accepted {
            health.last_event_time = health.last_event_time.max(Some(time));
            health.last_tick = Some(now);
        }
        accepted
    }

    fn judge_fact(&mut self, world: &mut World, topic: &'static str, store: &Id, r: Record, line: &[u8]) -> bool {
        let (id, time, revision) = (r.fields.id("event_id"), r.fields.int("event_time"), r.fields.int("revision"));
        let horizon = world.now - world.lateness_ms;
        if time > world.now + world.future_ms {
            self.bury(world.now, topic, store, ("future", Some("event_time")), line);
            return false;
        }
        if time < horizon {
            self.set_aside(world.now, topic, store, horizon - time, (&id, time, line));
            return false;
        }
        // Forgotten as soon as it is folded.
        let known = self.remembered.get(&(topic, id.clone())).filter(|known| known.greatest >= horizon);
        let mut greatest = time;
        if let Some(known) = known {
            if known.revision >= revision {
                return false;
            }
            if let Some(content) = known.content.filter(|content| *content < horizon) {
                self.set_aside(world.now, topic, store, horizon - content, (&id, time, line));
                return false;
            }
            greatest = greatest.max(known.greatest);
        }
        let content = (!r.delete).then_some(time);
        self.remembered.insert((topic, id.clone()), Remembered { revision, greatest, content });
        world.remove_fact(topic, &id);
        if !r.delete {
            let store = r.fields.id("store_id");
            world.add_fact(r.kind, Fact { id, store, time, greatest, folded: false, body: r.fields });
        }
        true
    }

    fn judge_state(&mut self, world: &mut World, r: Record) -> bool {
        let rank = (r.fields.int("revision"), r.fields.int("event_time"), r.fields.id("event_id"));
        let held = self.ranks.get(&(r.kind, r.key.clone()));
        if held.is_some_and(|held| *held >= rank) {
            return false;
        }
        self.ranks.insert((r.kind, r.key.clone()), rank);
        world.set_state(&r);
        true
    }

    fn bury(&mut self, now: i64, topic: &str, store: &Id, (reason, field): (&str, Option<&str>), line: &[u8]) {
        let mut dead = json!({"time": now, "seq": seq(&self.dead, now), "topic": topic, "store_id": &**store,
            "reason": reason, "field": field});
        match std::str::from_utf8(line) {
            Ok(text) => dead["raw"] = text.into(),
            Err(_) => dead["raw_base64"] = base64(line).into(),
        }
        self.dead.push(dead);
    }

    fn set_aside(&mut self, now: i64, topic: &str, store: &Id, late_by: i64, (id, time, line): (&Id, i64, &[u8])) {
        let record: Value = serde_json::from_slice(line).unwrap_or_default();
        self.late.push(json!({"time": now, "seq": seq(&self.late, now), "topic": topic, "store_id": &**store,
            "event_id": &**id, "event_time": time, "late_by_ms": late_by, "record": record}));
    }
}

/// The next `seq` of a topic at a tick.
pub(super) fn seq(records: &[Value], now: i64) -> usize {
    records.iter().rev().take_while(|record| record["time"] == now).count()
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, i| bits << 8 | usize::from(chunk.get(i).copied().unwrap_or(0)));
        for digit in 0..4 {
            let used = digit <= chunk.len();
            text.push(if used { DIGITS[bits >> (18 - 6 * digit) & 63].into() } else { '=' });
        }
    }
    text
}
