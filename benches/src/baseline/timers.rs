//! The alarm clock: who wants to be looked at again, and when.

use std::collections::BTreeMap;

use operators::keyed::Ticks;

/// What is to be looked at again, by its place in its room.
#[derive(Clone, Copy, Debug)]
pub(super) enum Timer {
    Position(u32),
    ItemDemand(u32),
    Promoted(u32),
    Customer(u32),
    Member(u32),
    ItemReturns(u32),
    OperatorReturns(u32),
    Hour(u32),
    Quarter(u32),
    AccuracyDay(u32),
    RoleHour(u32),
    Employee(u32),
    Role(u32),
    Node(u32),
    Scores(u32),
    Tasks(u32),
    Costing(u32),
    MarginDay(u32),
    Dept(u32),
    Drift(u32),
    Feed(u32),
    Conversion(u32),
    Zone(u32),
    Snooze(u32),
    /// An exception type and a key of it.
    Case(u8, u32),
}

/// Everything that waits for the clock.
#[derive(Debug)]
pub(super) struct Timers {
    ticks: Ticks,
    due: BTreeMap<i64, Vec<Timer>>,
}

impl Timers {
    /// Nothing waits.
    pub(super) fn new(ticks: Ticks) -> Self {
        Timers { ticks, due: BTreeMap::new() }
    }

    /// Rings at the first tick ≥ `instant`, after `now` in any case; answers that tick.
    pub(super) fn set(&mut self, now: i64, instant: i64, timer: Timer) -> i64 {
        let tick = self.ticks.at(instant).max(now + self.ticks.tick_ms);
        self.due.entry(tick).or_default().push(timer);
        tick
    }

    /// The next tick at which something rings.
    pub(super) fn next(&self) -> Option<i64> {
        self.due.first_key_value().map(|(tick, _)| *tick)
    }

    /// What rings by `now`.
    pub(super) fn take(&mut self, now: i64) -> Option<Vec<Timer>> {
        let first = self.due.first_entry()?;
        (*first.key() <= now).then(|| first.remove())
    }
}
