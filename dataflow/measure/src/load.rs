//! The measured load: a warm-up of a large retailer, then a measured window at the wanted rate.
//!
//! The records are those of the generated scenario `black-friday`. The *warm-up* is everything before ten o'clock: the
//! reference data, the first counts of every item, the quiet morning. The *measured window* is the first records after
//! that, up to four o'clock; their event and ingest times are compressed to an even rate, in their order. All other
//! fields stay as they are. A window longer than its records is made of repeats: see [`repeats`](crate::repeats).

use contract::event::{Record, Topic};
use contract::place::Place;
use contract::time::HOUR_MS;
use engine::batch::Bound;
use engine::edge::{FUTURE_MS, LATENESS_MS};
use engine::edge::{Limits, admit};
use engine::graph::Settings;
use engine::reference::Policies;
use live::error::Error;
use retail::registry::CATALOG;
use scenarios::generate::{Generated, Wanted};
use scenarios::topic::Record as Sent;

use operators::keyed::Ticks;

/// The scenario that the load is taken from.
const SCENARIO: &str = "black-friday";
/// The hours of the crowd, after midnight.
const CROWD: std::ops::Range<i64> = 10 * HOUR_MS..16 * HOUR_MS;

/// The size of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Stores.
    pub stores: u32,
    /// Items, each of them in every store.
    pub items: u32,
    /// The seed of the generator.
    pub seed: u64,
    /// Records of the measured window, or of one repeat of it.
    pub events: usize,
    /// Repeats of the records in the measured window.
    pub repeats: u32,
    /// Records a second in the measured window.
    pub rate: u64,
    /// Length of a tick in milliseconds.
    pub tick_ms: i64,
    /// The emission interval of views, in milliseconds.
    pub emit_ms: i64,
    /// The time for which a fact may be corrected, in milliseconds.
    pub lateness_ms: i64,
}

impl Size {
    /// 50 stores of 20,000 items, a million records at 100,000 a second, a tick of 10 ms.
    pub const FULL: Size = Size {
        stores: 50,
        items: 20_000,
        seed: 1,
        events: 1_000_000,
        repeats: 1,
        rate: 100_000,
        tick_ms: 10,
        emit_ms: 1_000,
        lateness_ms: LATENESS_MS,
    };

    /// A tiny load, to check that everything works.
    pub const TINY: Size = Size { stores: 2, items: 40, events: 2_000, rate: 20_000, ..Size::FULL };

    /// The settings of the job for this size.
    pub fn settings(&self) -> Settings {
        Settings {
            ticks: Ticks { tick_ms: self.tick_ms },
            limits: Limits { lateness_ms: self.lateness_ms, future_ms: FUTURE_MS },
            emit: Ticks { tick_ms: self.emit_ms },
            policies: Policies::default(),
            catalog: CATALOG,
        }
    }
}

/// The records, as they are sent.
pub struct Load {
    /// The wanted size.
    pub size: Size,
    /// The start of the measured window.
    pub window_at: i64,
    /// The warm-up, in order of ingest time.
    pub warm_up: Vec<Sent>,
    /// The measured window, in order of ingest time.
    pub window: Vec<Sent>,
}

impl Load {
    /// Makes the records.
    ///
    /// # Errors
    /// If no retailer has this size, or the scenario has fewer records.
    pub fn new(size: Size) -> Result<Self, Error> {
        let wanted = Wanted {
            stores: Some(size.stores),
            items: Some(size.items),
            seed: Some(size.seed),
            days: Some(1),
            ..Wanted::default()
        };
        let start = scenarios::black_friday::STORY.start;
        let crowd = start + CROWD.start..start + CROWD.end;
        let mut records = scenario().and_then(|scenario| scenario.records(&wanted).ok());
        let records = records.as_mut().ok_or_else(|| Error::Engine(format!("{SCENARIO} has no such size")))?;
        let mut warm_up = Vec::new();
        let mut window = Vec::new();
        for record in records.take_while(|record| record.ingest_time < crowd.end) {
            match record.ingest_time < crowd.start {
                true => warm_up.push(record),
                false if window.len() < size.events => window.push(record),
                false => break,
            }
        }
        if window.len() < size.events {
            let sentence = format!("the rush of {SCENARIO} has but {} records at this size", window.len());
            return Err(Error::Engine(sentence));
        }
        let mut load = Load { size, window_at: crowd.start, warm_up, window };
        load.press();
        Ok(load)
    }

    /// The length of a repeat: whole ticks.
    pub fn repeat_ms(&self) -> i64 {
        let last = self.window.last().map_or(self.window_at, |last| last.ingest_time);
        self.size.settings().ticks.at(last) - self.window_at
    }

    /// Compresses the measured window to its rate: the time of a record follows from its place.
    fn press(&mut self) {
        let (from, rate) = (self.window_at, i64::try_from(self.size.rate).unwrap_or(i64::MAX).max(1));
        let came: Vec<i64> = self.window.iter().map(|record| record.ingest_time).collect();
        // The warm-up has closed none of its ticks.
        let moment = |place: usize| from + (place as i64 * 1_000 / rate).max(1);
        for (place, record) in self.window.iter_mut().enumerate() {
            record.ingest_time = moment(place + 1);
            if record.event_time >= from {
                record.event_time = moment(came.partition_point(|at| *at <= record.event_time)).min(record.ingest_time);
            }
        }
    }

    /// Decodes records and assigns each to its tick, in order of tick, topic and position; `places` continues.
    ///
    /// # Errors
    /// If a record does not follow the contract.
    pub fn bind(&self, records: &[Sent], places: &mut Places) -> Result<Vec<Bound>, Error> {
        let mut binder = Binder { settings: self.size.settings(), places: places.clone(), line: Vec::new() };
        let mut bound = records.iter().map(|record| binder.bind(record)).collect::<Result<Vec<_>, _>>()?;
        *places = binder.places;
        bound.sort_by_key(|(tick, topic, _)| (*tick, *topic));
        Ok(bound)
    }
}

/// Decodes records one by one and assigns each to its tick.
pub struct Binder {
    settings: Settings,
    places: Places,
    line: Vec<u8>,
}

impl Binder {
    /// Has seen none yet.
    pub fn new(settings: Settings) -> Self {
        Binder { settings, places: Places::default(), line: Vec::new() }
    }

    /// Assigns the next record of its topic to its tick.
    ///
    /// # Errors
    /// If there is no such topic.
    pub fn bind(&mut self, record: &Sent) -> Result<Bound, Error> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record).map_err(|error| Error::Engine(error.to_string()))?;
        let topic = topic(record)?;
        let tick = self.settings.ticks.at(record.ingest_time);
        let decoded = Record::decode(topic, &self.line);
        let admitted = admit(topic, self.places.next(topic), &self.line, decoded, tick, self.settings.limits);
        Ok((tick, topic, admitted))
    }
}

fn scenario() -> Option<&'static Generated> {
    scenarios::SCENARIOS.iter().find(|scenario| scenario.name == SCENARIO)
}

/// The topic of a record, by its name.
fn topic(record: &Sent) -> Result<Topic, Error> {
    let name = record.topic().name();
    let found = Topic::ALL.into_iter().find(|topic| topic.name() == name);
    found.ok_or_else(|| Error::Engine(format!("there is no topic {name}")))
}

/// The number of records of each topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places([u64; Topic::ALL.len()]);

impl Places {
    fn next(&mut self, topic: Topic) -> Place {
        let count = &mut self.0[topic as usize];
        *count += 1;
        Place::number(*count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rush_has_its_rate_and_every_record_is_sound() {
        let load = Load::new(Size::TINY).expect("there is one");
        let last = load.window.last().expect("records").ingest_time;
        assert_eq!((load.window.len(), last - load.window_at), (2_000, 100));
        assert!(load.window.is_sorted_by_key(|record| record.ingest_time));
        let mut places = Places::default();
        for records in [&load.warm_up, &load.window] {
            let bound = load.bind(records, &mut places).expect("sound");
            assert!(bound.is_sorted_by_key(|(tick, topic, _)| (*tick, *topic)));
            let dead = |bound: &&Bound| matches!(&bound.2, engine::edge::Admitted::Fated(_));
            assert_eq!(bound.iter().find(dead), None);
        }
    }
}
