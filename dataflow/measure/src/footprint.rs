//! Footprint of the job: memory by the number of (store, item) keys, and state as days pass at an even load.
//!
//! The keys arrive all at one moment, when every fact may still be corrected; or hour by hour over days, at the end of
//! which most entries are at rest, as in a long-running job.
//!
//! Resident memory is that of the whole process, as the system reports it (decoded records of the last chunk included);
//! entries and table bytes are reported by the operators and exclude what an entry holds outside its table.

use contract::event::{Record, Topic};
use contract::place::Place;
use contract::time::{DAY_MS, HOUR_MS, Time};
use engine::batch::{Batch, Bound};
use engine::edge::admit;
use live::error::Error;
use operators::keyed::Ticks;
use scenarios::generate::Wanted;
use serde::{Deserialize, Serialize};

use crate::apart::{Apart, Task};
use crate::inside::{Inside, inside};
use crate::load::{Binder, Size};
use crate::machine::Memory;
use crate::result::{DayFootprint, KeyFootprint, Settings};

/// The scenario with an even load.
const EVEN: &str = "long-month";
/// Items of a store; more keys make more stores.
const ITEMS: u64 = 10_000;
/// The maximum number of records or keys that are taken in together.
const CHUNK: usize = 1 << 12;
/// The first tick; any tick will do.
pub const START: Time = 1_795_564_800_000;
/// Days over which keys arrive: longer than the longest window of a position.
const LONG: u32 = 30;

/// Task: takes in a number of (store, item) keys over a number of days, and reads the memory of the process.
#[derive(Debug, Serialize, Deserialize)]
pub struct Keys {
    keys: u64,
    over_days: u32,
}

impl Task for Keys {
    const NAME: &'static str = "keys";
    type Answer = KeyFootprint;

    fn run(&self) -> Result<KeyFootprint, Error> {
        take_keys(self.keys, self.over_days)
    }
}

/// Task: takes in days of an even load, and reads the state at the end of each.
#[derive(Debug, Serialize, Deserialize)]
pub struct Days(Settings);

impl Task for Days {
    const NAME: &'static str = "days";
    type Answer = Vec<DayFootprint>;

    fn run(&self) -> Result<Vec<DayFootprint>, Error> {
        take_days(&self.0)
    }
}

/// Measures memory at each of the wanted numbers of keys, arrived at one moment and over days.
///
/// # Errors
/// If the process of a task fails.
pub fn by_keys(settings: &Settings, apart: &Apart, progress: &mut dyn FnMut(&str)) -> Result<Vec<KeyFootprint>, Error> {
    let mut found = Vec::new();
    for keys in settings.keys.iter().copied() {
        for over_days in [0, LONG] {
            progress(&format!("footprint of {keys} keys over {over_days} days"));
            found.push(apart.run(&Keys { keys, over_days })?.answer);
        }
    }
    Ok(found)
}

/// Measures state after each day of an even load.
///
/// # Errors
/// If the process of a task fails.
pub fn by_days(settings: &Settings, apart: &Apart, progress: &mut dyn FnMut(&str)) -> Result<Vec<DayFootprint>, Error> {
    progress(&format!("footprint over {} days", settings.days));
    Ok(apart.run(&Days(settings.clone()))?.answer)
}

/// The lines that create key number `key` at an instant: a count, and for every fourth key a sale.
pub fn key_lines(key: u64, at: Time) -> Vec<(Topic, String)> {
    let (store, item) = (key / ITEMS, key % ITEMS);
    let common = |name: &str| {
        format!(
            r#"{{"event_id":"{name}-{key}","event_time":{at},"ingest_time":{at},"store_id":"s{store}","item_id":"i{item}""#
        )
    };
    let count = format!(r#"{},"type":"inventory.count","counted":12}}"#, common("c"));
    let sale = format!(
        r#"{},"type":"pos.line","transaction_id":"t{key}","line":1,"register_id":"r1","operator_id":"o1","kind":"sale","quantity":1,"unit_price_cents":199,"net_cents":199,"discount_cents":0,"channel":"store"}}"#,
        common("p")
    );
    let sale = key.is_multiple_of(4).then_some((Topic::Pos, sale));
    std::iter::once((Topic::Inventory, count)).chain(sale).collect()
}

/// The keys of each tick and the tick: every hour of the days, or tick after tick with at most a chunk of keys each.
fn arrivals(keys: u64, over_days: u32, tick_ms: i64) -> impl Iterator<Item = (std::ops::Range<u64>, Time)> {
    let (count, apart) = match u64::from(over_days) {
        0 => (keys.div_ceil(CHUNK as u64), tick_ms),
        days => (days * 24, HOUR_MS),
    };
    let share = move |place: u64| keys * place / count;
    (0..count).zip(0..).map(move |(place, nth): (u64, i64)| (share(place)..share(place + 1), START + nth * apart))
}

fn take_keys(keys: u64, over_days: u32) -> Result<KeyFootprint, Error> {
    let settings = Size { tick_ms: 1_000, ..Size::TINY }.settings();
    let (ticks, limits) = (settings.ticks, settings.limits);
    inside(settings, START, move |job| {
        job.take(Batch { records: Vec::new(), upto: START - ticks.tick_ms })?;
        let resident_before_bytes = Memory::now().resident_bytes;
        let mut places = 1..;
        for (come, tick) in arrivals(keys, over_days, ticks.tick_ms) {
            let lines = come.flat_map(|key| key_lines(key, tick)).zip(&mut places);
            let bound = lines.map(|((topic, line), place)| {
                let decoded = Record::decode(topic, line.as_bytes());
                (tick, topic, admit(topic, Place::number(place), line.as_bytes(), decoded, tick, limits))
            });
            job.take(Batch { records: bound.collect(), upto: tick })?;
        }
        let (memory, (entries, table_bytes)) = (Memory::now(), job.size());
        let (resident_bytes, peak_bytes) = (memory.resident_bytes, memory.peak_bytes);
        Ok(KeyFootprint { keys, over_days, resident_bytes, resident_before_bytes, peak_bytes, entries, table_bytes })
    })
}

fn take_days(settings: &Settings) -> Result<Vec<DayFootprint>, Error> {
    let story = scenarios::long_month::STORY;
    let tick_ms = story.tick_ms.unwrap_or(1_000);
    let size = Size { tick_ms, emit_ms: tick_ms, seed: settings.seed, ..Size::TINY };
    let wanted = Wanted { days: Some(settings.days), seed: Some(settings.seed), ..Wanted::default() };
    let scenario = scenarios::SCENARIOS.iter().find(|scenario| scenario.name == EVEN);
    let scenario = scenario.ok_or_else(|| Error::Engine(format!("there is no scenario {EVEN}")))?;
    // A retailer cannot be moved to another thread's closure whole: it is made where it is used.
    let (days, ticks) = (settings.days, Ticks { tick_ms });
    inside(size.settings(), story.start, move |job| {
        let refused = |error: scenarios::Error| Error::Scenario(error.to_string());
        let mut records = scenario.records(&wanted).map_err(refused)?.peekable();
        let mut binder = Binder::new(size.settings());
        let mut found = Vec::new();
        for day in 1..=days {
            let end = story.start + i64::from(day) * DAY_MS;
            let (mut events, mut chunk) = (0, Vec::new());
            while let Some(record) = records.next_if(|record| ticks.at(record.ingest_time) <= end) {
                let bound = binder.bind(&record)?;
                if chunk.len() >= CHUNK && chunk.last().is_some_and(|last: &Bound| last.0 < bound.0) {
                    take(job, &mut chunk)?;
                }
                chunk.push(bound);
                events += 1;
            }
            take(job, &mut chunk)?;
            job.take(Batch { records: Vec::new(), upto: end })?;
            let (resident_bytes, (entries, table_bytes)) = (Memory::now().resident_bytes, job.size());
            let plain_bytes = job.states().iter().map(|state| state.plain_bytes).sum();
            found.push(DayFootprint { day, events, resident_bytes, entries, table_bytes, plain_bytes });
        }
        Ok(found)
    })
}

fn take(job: &mut Inside<'_>, chunk: &mut Vec<Bound>) -> Result<(), Error> {
    let records = std::mem::take(chunk);
    let Some(upto) = records.last().map(|bound| bound.0) else { return Ok(()) };
    job.take(Batch { records, upto })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_keys_are_sound_and_every_fourth_sells() {
        let lines: Vec<_> = (0..8).flat_map(|key| key_lines(key, START)).collect();
        assert_eq!(lines.len(), 10);
        for (topic, line) in lines {
            assert!(Record::decode(topic, line.as_bytes()).is_ok(), "{line}");
        }
    }

    #[test]
    fn keys_are_held_and_days_pass() {
        let [few, many] = [100, 400].map(|keys| take_keys(keys, 0).expect("taken"));
        assert!(few.entries > 100 && many.entries > few.entries, "{few:?} {many:?}");
        let passed = take_keys(400, 3).expect("taken");
        assert!((400..many.entries).contains(&passed.entries), "{many:?} {passed:?}");
        let settings = Settings::quick();
        let days = take_days(&settings).expect("taken");
        assert_eq!(days.len(), settings.days as usize);
        assert!(days.iter().all(|day| day.events > 0 && day.entries > 0), "{days:?}");
    }
}
