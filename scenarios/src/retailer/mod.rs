//! The retailer all larger scenarios share: shops that sell, run out, queue up, order, clock in and forget, minute by
//! minute from a seed.
//!
//! Meaning: [`Retailer`] yields every record of a [`Story`] in the order in which a log takes it. One process, one
//! file: each advances by a minute and hands what happened to the post, which delivers it late, twice or at once. A
//! process that knows something is truly wrong (a queue too long, a shelf too empty, a price not told) labels it, so a
//! scenario knows which exceptions are right. State: one shelf for each item and shop, the people present, the open
//! orders, and the records on their way; nothing grows with time. Cost: a step for each shop and minute, and some
//! hundred nanoseconds for each record.
//!
//! | file | what happens there |
//! |---|---|
//! | `calendar` | days and hours |
//! | `cast` | shops, goods and offers, from the seed |
//! | `plan` | what a scenario does to a quiet day |
//! | `opening` | the night before: what the chain knows of its shops and goods, and the first count |
//! | `doors` | visitors, of whom some buy |
//! | `shelves` | what they take, and what is left; deliveries, waste, counts |
//! | `slips` | what is written down wrong, and put right hours later |
//! | `till` | baskets rung up, prices, coupons, voids |
//! | `queue` | how long they wait, and who gives up |
//! | `staff` | shifts, and who is really there |
//! | `orders` | online orders, picked in the shop against a promise |
//! | `chores` | tasks, displays of promotions |
//! | `returns` | what comes back |
//! | `browsing` | looks, carts, points, and the weather |
//! | `watch` | what of all this is truly an exception |
//! | `labels` | the truth, for scoring |
//! | `post` | how records travel |

use crate::Error;
use crate::folder::Scenario;
use crate::random::Random;
use crate::topic::{Body, Id, Quantity, Record};

mod branch;
mod browsing;
pub(crate) mod calendar;
pub(crate) mod cast;
mod chores;
mod doors;
pub(crate) mod labels;
mod opening;
mod orders;
pub(crate) mod plan;
mod post;
mod queue;
mod returns;
mod shelves;
mod slips;
mod staff;
mod till;
mod watch;
mod write;

use branch::Branch;
use calendar::MINUTE_MS;
pub(crate) use cast::{Cast, Shop};
use labels::Labels;
pub use labels::{Key, KeyPart, Label};
use plan::Plan;
use post::Post;
pub use write::write;

/// What draws are for, so that two draws about the same thing are independent.
#[derive(Clone, Copy)]
enum Draw {
    Taste = 301,
    Good = 302,
    Post = 303,
    Storm = 304,
    Shelf = 305,
    Branch = 306,
    Forgotten = 307,
    Weather = 308,
}

/// How large a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Shops.
    pub stores: u32,
    /// Items, all of which every shop keeps.
    pub items: u32,
    /// Days.
    pub days: u32,
    /// What all chance comes from.
    pub seed: u64,
    /// Busier or quieter in hundredths: visitors, and what shelves, rosters and forecasts expect of them.
    pub rate_percent: u32,
}

impl Size {
    /// The most shops, items and days that make sense.
    const MOST: [(&'static str, u32); 4] =
        [("stores", 2_000), ("items", 60_000), ("days", 366), ("rate-multiplier in hundredths", 10_000)];

    /// Refuses what no retailer has.
    ///
    /// # Errors
    /// [`Error::Size`] for nothing of something, or too much of it; 12 items make the promotions.
    pub fn check(&self) -> Result<(), Error> {
        let given = [self.stores, self.items, self.days, self.rate_percent];
        for ((name, most), given) in Size::MOST.into_iter().zip(given) {
            let least = if name == "items" { 16 } else { 1 };
            if !(least..=most).contains(&given) {
                return Err(Error::Size { name, given, least, most });
            }
        }
        Ok(())
    }
}

/// A scenario of the retailer: its name, its usual size, and what happens.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// What the command line calls it.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    /// The size it has unless asked for another.
    pub size: Size,
    /// Its first midnight.
    pub start: i64,
    /// Its tick, if not the default.
    pub tick_ms: Option<i64>,
    /// What departs from a quiet day.
    pub(crate) plan: fn(&Cast) -> Plan,
}

/// Wednesday, 25 November 2026.
pub(crate) const WEDNESDAY: i64 = 1_795_564_800_000;

/// The size of a scenario that replays in seconds.
pub(crate) const SMALL: Size = Size { stores: 3, items: 200, days: 1, seed: 1, rate_percent: 100 };

/// The shop and the minute a process is in.
#[derive(Clone, Copy)]
struct Scene<'a> {
    cast: &'a Cast,
    plan: &'a Plan,
    shop: &'a Shop,
    /// The place of the shop in the list.
    place: usize,
    /// The start of the minute.
    now: i64,
}

impl Scene<'_> {
    /// A record of this shop, which arrives as it happens.
    fn record(&self, event_id: String, at: i64, body: Body) -> Record {
        Record::new(Id::known(event_id), at, Some(self.shop.id.clone()), body)
    }

    /// The field of a key that names this shop.
    fn store(&self) -> (&'static str, KeyPart) {
        ("store", KeyPart::Id(self.shop.id.to_string()))
    }

    /// Days since the scenario began.
    fn day(&self) -> i64 {
        (self.now - self.cast.start).div_euclid(calendar::DAY_MS)
    }
}

/// Where processes hand over what happened, and what of it is wrong.
struct Desk<'a> {
    post: &'a mut Post,
    labels: &'a mut Labels,
}

/// A field of a key.
fn part(name: &'static str, value: &Id) -> (&'static str, KeyPart) {
    (name, KeyPart::Id(value.to_string()))
}

/// A quantity of the world, all of which the contract can carry.
fn milli(milli: i64) -> Quantity {
    Quantity::from_milli(milli).unwrap_or_default()
}

/// Every record of a story, in order of arrival, as long as it is asked for.
pub struct Retailer {
    cast: Cast,
    plan: Plan,
    branches: Vec<Branch>,
    post: Post,
    labels: Labels,
    random: Random,
    now: i64,
    ready: std::vec::IntoIter<Record>,
}

impl Retailer {
    /// The story at a size.
    ///
    /// # Errors
    /// [`Error::Size`] for a size no retailer has.
    pub fn new(story: &Story, size: &Size) -> Result<Retailer, Error> {
        size.check()?;
        let cast = Cast::new(size, story.start);
        let plan = (story.plan)(&cast);
        let branches = (0..cast.shops.len()).map(|place| Branch::new(&cast, &plan, place)).collect();
        let post = Post::new(&cast, &plan);
        Ok(Retailer {
            branches,
            post,
            labels: Labels::default(),
            random: Random::keyed(size.seed, &[Draw::Weather as u64]),
            now: cast.start,
            ready: Vec::new().into_iter(),
            cast,
            plan,
        })
    }

    /// What is truly wrong in it; complete when the last record has been taken.
    #[must_use]
    pub fn into_truth(self) -> Vec<Label> {
        let last = self.cast.last();
        self.labels.finish().into_iter().filter(|label| label.from <= last).collect()
    }

    /// The head of its folder.
    fn head(&self, story: &Story, size: &Size) -> Scenario {
        Scenario {
            notes: vec![
                format!(
                    "Written by `storepulse scenario generate {} --stores {} --items {} --days {} --seed {}`.",
                    story.name, size.stores, size.items, size.days, size.seed
                ),
                "What truly goes wrong in it is in truth.jsonl.".to_owned(),
            ],
            name: story.name.to_owned(),
            until: Some(self.cast.last()),
            tick_ms: story.tick_ms,
            ..Scenario::default()
        }
    }

    /// One more minute of the world.
    fn minute(&mut self) {
        let Retailer { cast, plan, branches, post, labels, random, now, .. } = self;
        let mut desk = Desk { post, labels };
        opening::products(cast, *now, &mut desk);
        for (place, branch) in branches.iter_mut().enumerate() {
            let scene = Scene { cast, plan, shop: &cast.shops[place], place, now: *now };
            branch.minute(&scene, random, &mut desk);
        }
        self.now += MINUTE_MS;
    }
}

impl Iterator for Retailer {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            if let Some(record) = self.ready.next() {
                return Some(record);
            }
            if let Some(records) = self.post.take(self.now) {
                self.ready = records.into_iter();
            } else if self.now < self.cast.end {
                self.minute();
            } else {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::topic::SaleKind;
    use crate::{black_friday, duplicate_storm, late_corrections, quiet_day, store_dark};

    const TINY: Size = Size { stores: 2, items: 40, days: 1, seed: 3, rate_percent: 100 };

    fn records(story: &Story, size: &Size) -> Vec<Record> {
        Retailer::new(story, size).unwrap().collect()
    }

    #[test]
    fn records_come_in_order_of_arrival_and_a_name_is_one_record() {
        for story in [&quiet_day::STORY, &late_corrections::STORY, &store_dark::STORY] {
            let records = records(story, &Size { days: 2, ..TINY });
            assert!(records.is_sorted_by_key(|record| record.ingest_time), "{}", story.name);
            assert!(records.iter().all(|record| record.event_time <= record.ingest_time));
            let mut bodies: BTreeMap<_, &Record> = BTreeMap::new();
            for record in &records {
                let name = (record.topic(), &record.event_id, record.revision);
                let first = bodies.entry(name).or_insert(record);
                assert_eq!(first.body, record.body, "{}: {} is two records", story.name, record.event_id);
            }
        }
    }

    #[test]
    fn nobody_buys_what_is_not_there() {
        for story in [&quiet_day::STORY, &black_friday::STORY] {
            let mut book: BTreeMap<(Option<Id>, Id), i64> = BTreeMap::new();
            let mut seen = BTreeSet::new();
            for record in records(story, &TINY) {
                if !seen.insert((record.topic(), record.event_id.clone())) {
                    continue;
                }
                let (item, milli) = match record.body {
                    Body::Count(count) if record.event_id.as_str().ends_with("-0") => {
                        (count.item_id, count.counted.milli())
                    }
                    Body::Movement(moved) => (moved.item_id, moved.quantity.milli()),
                    Body::PosLine(line) => {
                        let sign = match line.kind {
                            SaleKind::Sale => -1,
                            SaleKind::Void => 1,
                            SaleKind::Return => i64::from(line.restock == Some(true)),
                        };
                        (line.item_id, sign * line.quantity.milli())
                    }
                    _ => continue,
                };
                *book.entry((record.store_id, item)).or_default() += milli;
            }
            assert_eq!(book.len(), 80, "{}", story.name);
            assert!(book.values().all(|milli| *milli >= 0), "{}: {book:?}", story.name);
        }
    }

    #[test]
    fn a_shop_that_is_cut_off_is_silent_and_then_tells_all() {
        let records = records(&store_dark::STORY, &TINY);
        let (from, to) = (WEDNESDAY + 12 * calendar::HOUR_MS, WEDNESDAY + 15 * calendar::HOUR_MS);
        let store = Id::known("s001".to_owned());
        let held = records.iter().filter(|record| record.store_id.as_ref() == Some(&store));
        let held: Vec<_> = held.filter(|record| (from..to).contains(&record.event_time)).collect();
        assert!(held.len() > 300, "{}", held.len());
        assert!(held.iter().all(|record| record.ingest_time >= to));
        let soon = held.iter().filter(|record| record.ingest_time < to + 10 * MINUTE_MS).count();
        assert!(soon * 100 > held.len() * 95, "{soon} of {}", held.len());
    }

    #[test]
    fn a_storm_brings_nothing_new() {
        let told = |story| {
            let records = records(story, &TINY);
            let count = records.len();
            let names: BTreeSet<_> = records.into_iter().map(|record| (record.topic(), record.event_id)).collect();
            (names, count)
        };
        let ((quiet, before), (storm, after)) = (told(&quiet_day::STORY), told(&duplicate_storm::STORY));
        assert!(quiet == storm && after > before * 5 / 4, "{before} {after}");
    }

    #[test]
    fn sizes_no_retailer_has_are_refused() {
        let refused = |size: Size| Retailer::new(&quiet_day::STORY, &size).err().map(|error| error.to_string());
        assert_eq!(refused(Size { items: 3, ..TINY }).as_deref(), Some("3 is no number of items: from 16 to 60000"));
        assert!(refused(Size { days: 0, ..TINY }).is_some() && refused(TINY).is_none());
    }
}
