//! Reference data that every key may read: policies in force, opening hours of stores, stale feeds.
//!
//! It is small and changes seldom. Every worker and every operator that needs it holds a copy, fed by broadcasts that
//! take effect before the updates of their tick.

use std::collections::{BTreeMap, HashMap, HashSet};

use contract::event::Topic;
use contract::event::policy::PolicyValue;
use contract::event::reference::Store;
use contract::ids::Id;
use contract::policy::Policy;
use contract::time::{DAY_MS, MINUTE_MS, day};
use foldhash::fast::FixedState;
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

/// The policy values in force on one worker.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    configured: BTreeMap<String, i64>,
    recorded: BTreeMap<String, UniqueRow<i64>>,
}

impl Policies {
    /// The values of a configuration: the scenario's table, overridden by the command line.
    pub fn configured(configured: BTreeMap<String, i64>) -> Self {
        Policies { configured, recorded: BTreeMap::new() }
    }

    /// Adds (+1) or removes (−1) a policy record; the order within a tick is arbitrary.
    pub fn record(&mut self, policy: &PolicyValue, diff: i64) {
        self.recorded.entry(policy.key.to_string()).or_default().update(policy.value, diff);
    }

    /// Returns the value in force of the policy called `name`, if a record or the configuration sets one.
    pub fn value_of(&self, name: &str) -> Option<i64> {
        self.recorded.get(name).and_then(UniqueRow::get).or_else(|| self.configured.get(name)).copied()
    }

    /// Returns the value in force.
    pub fn get(&self, policy: Policy) -> i64 {
        self.value_of(policy.name).unwrap_or(policy.default)
    }
}

/// A change of reference data, broadcast to every key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Notice {
    /// A policy record was added or removed.
    Policy(PolicyValue),
    /// A reference row of a store was added or removed.
    Store(Store),
    /// A feed of a store became stale, or no longer is.
    Stale(Id, Topic),
}

/// Opening hours of a store, in minutes of the UTC day; equal bounds mean always open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    open_from: i64,
    open_to: i64,
}

impl Hours {
    /// Open around the clock: the hours of an unknown store.
    pub const ALWAYS: Hours = Hours { open_from: 0, open_to: 0 };

    /// Returns the hours of a store.
    pub fn of(store: &Store) -> Self {
        Hours { open_from: store.open_from, open_to: store.open_to }
    }

    fn is_always(self) -> bool {
        self.open_from == self.open_to
    }

    /// Returns true if the store is open at `instant`.
    pub fn is_open(self, instant: i64) -> bool {
        let minute = (instant - day(instant)) / MINUTE_MS;
        if self.is_always() {
            true
        } else if self.open_from < self.open_to {
            (self.open_from..self.open_to).contains(&minute)
        } else {
            minute >= self.open_from || minute < self.open_to
        }
    }

    /// Returns the open milliseconds of a day.
    pub fn open_day(self) -> i64 {
        let wrapped = if self.open_to <= self.open_from { 1440 } else { 0 };
        if self.is_always() { DAY_MS } else { (self.open_to - self.open_from + wrapped) * MINUTE_MS }
    }

    /// Returns the open milliseconds in `[from, to)`; 0 if `to` ≤ `from`.
    pub fn open(self, from: i64, to: i64) -> i64 {
        if to <= from { 0 } else { self.open_until(to) - self.open_until(from) }
    }

    /// Returns the open milliseconds from the start of 1970 to `instant`.
    fn open_until(self, instant: i64) -> i64 {
        if self.is_always() {
            return instant;
        }
        let (start, within) = (day(instant), instant - day(instant));
        let (from, to) = (self.open_from * MINUTE_MS, self.open_to * MINUTE_MS);
        let today = if from < to { (within.min(to) - from).max(0) } else { within.min(to) + (within - from).max(0) };
        start / DAY_MS * self.open_day() + today
    }

    /// Returns the last instant ≤ `instant` at which the store opened; `None` if it never closes.
    pub fn last_opening(self, instant: i64) -> Option<i64> {
        if self.is_always() || self.open_day() == DAY_MS {
            return None;
        }
        let today = day(instant) + self.open_from % 1440 * MINUTE_MS;
        Some(if today <= instant { today } else { today - DAY_MS })
    }

    /// Returns the first instant > `instant` at which the store opens or closes; `None` if it never does.
    pub fn next_turn(self, instant: i64) -> Option<i64> {
        if self.is_always() || self.open_day() == DAY_MS {
            return None;
        }
        let next = |minute: i64| {
            let at = day(instant) + minute % 1440 * MINUTE_MS;
            if at > instant { at } else { at + DAY_MS }
        };
        Some(next(self.open_from).min(next(self.open_to)))
    }

    /// Returns the first instant ≥ `from` at which the store has been open for `open_ms` since `from`.
    pub fn after_open(self, from: i64, open_ms: i64) -> i64 {
        let per_day = self.open_day();
        if open_ms <= 0 || per_day == 0 {
            return from;
        }
        // Whole days first, then the turn within the last one.
        let mut at = from + open_ms / per_day * DAY_MS;
        let mut left = open_ms % per_day;
        while left > 0 {
            let turn = self.next_turn(at).unwrap_or(i64::MAX);
            if self.is_open(at) {
                let step = left.min(turn.saturating_sub(at));
                at += step;
                left -= step;
            } else {
                at = turn;
            }
        }
        at
    }
}

/// A copy of the reference data.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The policies in force.
    pub policies: Policies,
    stores: HashMap<Id, UniqueRow<Store>, FixedState>,
    stale: HashSet<(Id, Topic), FixedState>,
}

impl Context {
    /// Creates a context that holds only the configured policies.
    pub fn new(policies: Policies) -> Self {
        Context { policies, ..Context::default() }
    }

    /// Applies a broadcast.
    pub fn apply(&mut self, notice: &Notice, diff: i64) {
        match notice {
            Notice::Policy(policy) => self.policies.record(policy, diff),
            Notice::Store(store) => self.stores.entry(store.store).or_default().update(*store, diff),
            Notice::Stale(store, topic) if diff > 0 => _ = self.stale.insert((*store, *topic)),
            Notice::Stale(store, topic) => _ = self.stale.remove(&(*store, *topic)),
        }
    }

    /// Returns the hours of a store.
    pub fn hours(&self, store: Id) -> Hours {
        self.store(store).map_or(Hours::ALWAYS, Hours::of)
    }

    /// Returns the reference row of a store.
    pub fn store(&self, store: Id) -> Option<&Store> {
        self.stores.get(&store).and_then(UniqueRow::get)
    }

    /// Returns true if the feed of the store is stale.
    pub fn is_stale(&self, store: Id, topic: Topic) -> bool {
        self.stale.contains(&(store, topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::policy::{MIN_CONFIDENCE, RETURNS_PRIOR};
    use contract::time::HOUR_MS;

    const DAY: Hours = Hours { open_from: 8 * 60, open_to: 20 * 60 };
    const NIGHT: Hours = Hours { open_from: 20 * 60, open_to: 4 * 60 };
    const CLOSING_AT_MIDNIGHT: Hours = Hours { open_from: 8 * 60, open_to: 1440 };
    const ALL_DAY: Hours = Hours { open_from: 0, open_to: 1440 };
    const NEVER: Hours = Hours { open_from: 1440, open_to: 0 };

    /// The slow version: minute by minute.
    fn open_slow(hours: Hours, from: i64, to: i64) -> i64 {
        (from / MINUTE_MS..to / MINUTE_MS).filter(|minute| hours.is_open(minute * MINUTE_MS)).count() as i64 * MINUTE_MS
    }

    #[test]
    fn open_time_is_the_sum_of_open_minutes() {
        for hours in [DAY, NIGHT, CLOSING_AT_MIDNIGHT, ALL_DAY, NEVER, Hours::ALWAYS] {
            assert_eq!(hours.open_day(), open_slow(hours, 0, DAY_MS));
            for from in (0..DAY_MS * 2).step_by(97 * 60_000) {
                for span in [0, HOUR_MS, 13 * HOUR_MS, 3 * DAY_MS + 5 * MINUTE_MS] {
                    assert_eq!(hours.open(from, from + span), open_slow(hours, from, from + span), "{hours:?} {from}");
                }
            }
        }
        assert_eq!(DAY.open(10, 5), 0);
    }

    #[test]
    fn after_open_is_the_inverse_of_open() {
        for hours in [DAY, NIGHT, CLOSING_AT_MIDNIGHT, ALL_DAY, Hours::ALWAYS] {
            for from in (0..DAY_MS).step_by(101 * 60_000) {
                for open_ms in [1, HOUR_MS, 30 * HOUR_MS + 7] {
                    let at = hours.after_open(from, open_ms);
                    assert_eq!(hours.open(from, at), open_ms, "{hours:?} {from} {open_ms}");
                    assert!(hours.open(from, at - 1) < open_ms);
                }
            }
        }
    }

    #[test]
    fn last_openings_and_next_changes_of_opening() {
        let at = |hour: i64| hour * HOUR_MS;
        assert_eq!(DAY.last_opening(at(7)), Some(at(8) - DAY_MS));
        assert_eq!(DAY.last_opening(at(8)), Some(at(8)));
        assert_eq!(DAY.next_turn(at(8)), Some(at(20)));
        assert_eq!(NIGHT.next_turn(at(21)), Some(at(28)));
        assert_eq!(CLOSING_AT_MIDNIGHT.next_turn(at(9)), Some(at(24)));
        assert_eq!(Hours::ALWAYS.next_turn(0), None);
    }

    #[test]
    fn a_record_beats_the_configuration_and_a_delete_restores_it() {
        let mut policies = Policies::configured(BTreeMap::from([("returns.prior_bp".to_owned(), 300)]));
        assert_eq!(policies.get(MIN_CONFIDENCE), 6_000);
        assert_eq!(policies.get(RETURNS_PRIOR), 300);
        let record = PolicyValue { key: "returns.prior_bp".into(), value: 400 };
        policies.record(&record, 1);
        assert_eq!(policies.get(RETURNS_PRIOR), 400);
        policies.record(&record, -1);
        assert_eq!(policies.get(RETURNS_PRIOR), 300);
    }
}
