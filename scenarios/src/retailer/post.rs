//! How records travel from shops to the log: most in seconds, some late, twice, or corrected; in order of arrival.
//!
//! Meaning: a record is handed over when it happened and comes out when the log takes it. State: the records on their
//! way, by the minute in which they arrive; a shop that is cut off for hours is held here for hours, and nothing else
//! is held for long. Cost: one push for each record, and a sort of each minute.

use std::collections::BTreeMap;

use crate::disorder::{self, Disorder};
use crate::generate::Fates;
use crate::random::Random;
use crate::topic::{Body, Id, Op, Record, Topic, sort_by_arrival};

use super::calendar::{HOUR_MS, MINUTE_MS, SECOND_MS};
use super::plan::{Outage, Plan, Storm};
use super::{Cast, Draw};

/// How many times faster than it happened a held back stretch is handed over.
const BURST_PACE: i64 = 40;

/// How late a fact may be, by the contract.
const LATENESS_MS: i64 = 36 * HOUR_MS;

/// The records on their way.
#[derive(Debug)]
pub(crate) struct Post {
    due: BTreeMap<i64, Vec<Record>>,
    disorder: Disorder,
    random: Random,
    outages: Vec<(Id, Outage)>,
    storms: Vec<(Id, Storm)>,
    fates: BTreeMap<Topic, Fates>,
    /// The first instant whose arrivals are of no tick any more.
    end: i64,
}

impl Post {
    pub(crate) fn new(cast: &Cast, plan: &Plan) -> Post {
        let name = |shop: usize| cast.shops.get(shop).map(|shop| shop.id.clone());
        let rates = plan.rates.unwrap_or(disorder::Rates {
            offline_bp: 0,
            polled_bp: 0,
            correction_bp: 0,
            ..disorder::Rates::default()
        });
        Post {
            due: BTreeMap::new(),
            disorder: Disorder::On { rates, seed: cast.seed },
            random: Random::keyed(cast.seed, &[Draw::Post as u64]),
            outages: plan.outages.iter().filter_map(|one| Some((name(one.shop)?, one.clone()))).collect(),
            storms: plan.storms.iter().filter_map(|one| Some((name(one.shop)?, one.clone()))).collect(),
            fates: BTreeMap::new(),
            end: cast.last() + 1,
        }
    }

    /// Sends a record over a good line: it arrives within four seconds.
    pub(crate) fn prompt(&mut self, mut record: Record) {
        record.ingest_time = record.event_time + self.random.between(200, 4_000);
        self.hold_and_post(record);
    }

    /// Sends a record that arrives when it says.
    pub(crate) fn at(&mut self, record: Record) {
        self.hold_and_post(record);
    }

    /// Sends a till line or a tap as the lines of its basket travel: perhaps late, twice, or wrong at first.
    pub(crate) fn basket_line(&mut self, shop: u64, basket: u64, number: u64, mut record: Record) {
        let line = disorder::Line { store: shop, basket, number, event_time: record.event_time };
        record.ingest_time = self.disorder.arrival(&line).0;
        if let Some(at) = self.disorder.correction(&line, record.ingest_time)
            && let Body::PosLine(first) = &record.body
        {
            let mut wrong = first.clone();
            wrong.net_cents += 100;
            let right = Record { ingest_time: at, revision: 1, ..record.clone() };
            record.body = Body::PosLine(wrong);
            self.hold_and_post(right);
        }
        if let Some(at) = self.disorder.resend(&line, record.ingest_time) {
            let again = Record { ingest_time: at, ..record.clone() };
            let original = self.held(&record).unwrap_or(record.ingest_time);
            self.hold_and_post(record);
            self.again(Record { ingest_time: at.max(original + SECOND_MS), ..again });
            return;
        }
        self.hold_and_post(record);
    }

    /// When a shop that is cut off hands over a record, if it holds it back.
    fn held(&self, record: &Record) -> Option<i64> {
        let store = record.store_id.as_ref()?;
        let outage =
            self.outages.iter().find(|(shop, outage)| shop == store && outage.when.contains(&record.event_time));
        let when = &outage?.1.when;
        Some(record.ingest_time.max(when.end + (record.event_time - when.start) / BURST_PACE))
    }

    fn hold_and_post(&mut self, mut record: Record) {
        if let Some(at) = self.held(&record) {
            record.ingest_time = at;
        }
        for place in 0..self.storms.len() {
            let (shop, storm) = &self.storms[place];
            if record.store_id.as_ref() == Some(shop) && storm.when.contains(&record.ingest_time) {
                for copy in 1..=storm.copies {
                    let name = [Draw::Storm as u64, copy, record.ingest_time.cast_unsigned()];
                    let delay_ms = Random::keyed(0, &name).between(SECOND_MS, 90 * SECOND_MS);
                    self.again(Record { ingest_time: record.ingest_time + delay_ms, ..record.clone() });
                }
            }
        }
        let late = self.is_late(&record);
        let fates = self.fates.entry(record.topic()).or_default();
        if record.ingest_time < self.end {
            *(if late { &mut fates.late } else { &mut fates.accepted }) += 1;
        }
        self.push(record);
    }

    /// Sends a record another time.
    fn again(&mut self, record: Record) {
        let late = self.is_late(&record);
        let fates = self.fates.entry(record.topic()).or_default();
        if record.ingest_time < self.end {
            *(if late { &mut fates.late } else { &mut fates.duplicates }) += 1;
        }
        self.push(record);
    }

    fn is_late(&self, record: &Record) -> bool {
        let tick = (record.ingest_time + SECOND_MS - 1).div_euclid(SECOND_MS) * SECOND_MS;
        let fact = match record.topic() {
            Topic::Pos | Topic::Activity | Topic::Traffic | Topic::Queue | Topic::Inventory => true,
            Topic::Workforce => matches!(record.body, Body::Punch(_)),
            _ => false,
        };
        debug_assert_eq!(record.op, Op::Upsert);
        fact && record.event_time < tick - LATENESS_MS
    }

    fn push(&mut self, record: Record) {
        if record.ingest_time < self.end {
            self.due.entry(record.ingest_time.div_euclid(MINUTE_MS)).or_default().push(record);
        }
    }

    /// The records of the next minute that has any and ends at or before `upto`, in order of arrival.
    pub(crate) fn take(&mut self, upto: i64) -> Option<Vec<Record>> {
        let entry = self.due.first_entry()?;
        if (entry.key() + 1) * MINUTE_MS > upto {
            return None;
        }
        let mut records = entry.remove();
        sort_by_arrival(&mut records);
        Some(records)
    }

    /// What should become of everything that was sent, by topic.
    pub(crate) fn fates(&self) -> &BTreeMap<Topic, Fates> {
        &self.fates
    }
}
