//! The last days of one store: units sold against forecasts of its ranged items, by department.
//!
//! *Meaning.* Over the 7 UTC days before today on which the store had a till line: for each department, the sums over its
//! ranged items and those days of units, forecast and |units − forecast|. Forecast and department are today's.
//! *State.* Units by item and day for the days that count now or later. Items that sold nothing on a day are not
//! visited: their error equals their forecast, so the cost of a day is proportional to its sales.

use std::collections::{BTreeMap, HashMap};

use contract::ids::Id;
use contract::time::{Cause, DAY_MS, day};
use foldhash::fast::FixedState;
use operators::compact::unique_row::UniqueRow;
use operators::diff::least;
use serde::{Deserialize, Serialize};

/// The number of days before today that count.
const DAYS_MS: i64 = 7 * DAY_MS;

/// Sums of units, forecasts and absolute errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Errors {
    /// Ranged items × days.
    pub item_days: i64,
    /// Σ units.
    pub actual_milli: i128,
    /// Σ forecast.
    pub forecast_milli: i128,
    /// Σ |units − forecast|.
    pub abs_error_milli: i128,
}

impl Errors {
    /// Adds `times` of another.
    pub fn add(&mut self, other: &Errors, times: i64) {
        let wide = i128::from(times);
        self.item_days += times * other.item_days;
        self.actual_milli += wide * other.actual_milli;
        self.forecast_milli += wide * other.forecast_milli;
        self.abs_error_milli += wide * other.abs_error_milli;
    }
}

/// A ranged item, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ranged {
    /// The department.
    pub dept: Id,
    /// The daily forecast.
    pub forecast_milli: i64,
}

/// A day of the store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Day {
    /// Till lines of any kind and item.
    lines: i64,
    units: HashMap<Id, i64, FixedState>,
    /// Once the day counts: by department, Σ units and Σ (|units − forecast| − forecast) over what sold.
    sold: Option<BTreeMap<Id, (i128, i128)>>,
}

impl Day {
    fn weigh(&mut self, item: Id, ranged: Ranged, sign: i128) {
        if let Some(sold) = &mut self.sold
            && let Some(units) = self.units.get(&item)
        {
            let (units, forecast) = (i128::from(*units), i128::from(ranged.forecast_milli));
            let sums = sold.entry(ranged.dept).or_default();
            sums.0 += sign * units;
            sums.1 += sign * ((units - forecast).abs() - forecast);
        }
    }
}

/// The days and ranged items of a store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SellingDays {
    days: BTreeMap<i64, Day>,
    ranged: HashMap<Id, UniqueRow<Ranged>, FixedState>,
    /// By department: how many ranged items, Σ forecast.
    depts: BTreeMap<Id, (i64, i128)>,
    /// Items taken out of the sums while they change: their department before, and why they change.
    lifted: BTreeMap<Id, (Option<Id>, Option<Cause>)>,
    causes: ChangeCauses,
    changed: bool,
}

/// The causes of the changed sums of departments, beside the clock.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ChangeCauses {
    all: Option<Cause>,
    depts: BTreeMap<Id, Option<Cause>>,
}

impl ChangeCauses {
    /// The least record that changed the sums of a department.
    pub fn of(&self, dept: Id) -> Option<Cause> {
        let mut cause = self.all.clone();
        least(&mut cause, self.depts.get(&dept).unwrap_or(&None));
        cause
    }
}

impl SellingDays {
    /// Takes (+1) or retracts (−1) a till line with these units sold − voided, at tick `now`.
    pub fn line(
        &mut self,
        (item, event_time, units_milli): (Id, i64, i64),
        diff: i64,
        cause: &Option<Cause>,
        now: i64,
    ) {
        let (start, today) = (day(event_time), day(now));
        if start < today - DAYS_MS {
            return;
        }
        if start < today {
            self.lift(item, cause);
        }
        let day = self.days.entry(start).or_default();
        let before = day.lines;
        day.lines += diff;
        if start < today && (before == 0 || day.lines == 0) {
            least(&mut self.causes.all, cause);
        }
        let units = day.units.entry(item).or_default();
        *units += diff * units_milli;
        if *units == 0 {
            day.units.remove(&item);
        }
    }

    /// Takes (+1) or retracts (−1) that an item is ranged.
    pub fn ranged(&mut self, item: Id, ranged: Ranged, diff: i64, cause: &Option<Cause>) {
        self.lift(item, cause);
        self.ranged.entry(item).or_default().update(ranged, diff);
    }

    fn lift(&mut self, item: Id, cause: &Option<Cause>) {
        match self.lifted.get_mut(&item) {
            Some((_, least_cause)) => least(least_cause, cause),
            None => {
                let dept = self.weigh(item, -1);
                self.lifted.insert(item, (dept, cause.clone()));
            }
        }
    }

    /// Adds an item to the sums of its department, or takes it out.
    fn weigh(&mut self, item: Id, sign: i64) -> Option<Id> {
        self.changed = true;
        let ranged = self.ranged.get(&item).and_then(UniqueRow::get).copied()?;
        let sums = self.depts.entry(ranged.dept).or_default();
        sums.0 += sign;
        sums.1 += i128::from(sign) * i128::from(ranged.forecast_milli);
        if sums.0 == 0 {
            self.depts.remove(&ranged.dept);
        }
        self.days.values_mut().for_each(|day| day.weigh(item, ranged, sign.into()));
        Some(ranged.dept)
    }

    /// Closes tick `now`: returns the sums by department and their causes, if they may have changed.
    pub fn close(&mut self, now: i64) -> Option<(BTreeMap<Id, Errors>, ChangeCauses)> {
        for (item, (before, cause)) in std::mem::take(&mut self.lifted) {
            let after = self.weigh(item, 1);
            if self.ranged.get(&item).is_some_and(UniqueRow::is_empty) {
                self.ranged.remove(&item);
            }
            for dept in before.into_iter().chain(after) {
                least(self.causes.depts.entry(dept).or_default(), &cause);
            }
        }
        let today = day(now);
        while let Some(first) = self.days.first_entry()
            && *first.key() < today - DAYS_MS
        {
            first.remove();
            self.changed = true;
        }
        for (_, day) in self.days.range_mut(..today).filter(|(_, day)| day.sold.is_none()) {
            day.sold = Some(BTreeMap::new());
            self.changed = true;
            let sold: Vec<Id> = day.units.keys().copied().collect();
            for item in sold {
                if let Some(ranged) = self.ranged.get(&item).and_then(UniqueRow::get) {
                    day.weigh(item, *ranged, 1);
                }
            }
        }
        self.days.retain(|_, day| day.lines != 0 || !day.units.is_empty());
        let causes = std::mem::take(&mut self.causes);
        std::mem::take(&mut self.changed).then(|| (self.errors(today), causes))
    }

    fn errors(&self, today: i64) -> BTreeMap<Id, Errors> {
        let mut errors: BTreeMap<Id, Errors> = BTreeMap::new();
        for (_, day) in self.days.range(..today).filter(|(_, day)| day.lines > 0) {
            for (dept, (items, forecast_milli)) in &self.depts {
                let sold = day.sold.as_ref().and_then(|sold| sold.get(dept)).copied().unwrap_or_default();
                let sums = Errors {
                    item_days: *items,
                    actual_milli: sold.0,
                    forecast_milli: *forecast_milli,
                    abs_error_milli: forecast_milli + sold.1,
                };
                errors.entry(*dept).or_default().add(&sums, 1);
            }
        }
        errors
    }

    /// The instant at which the clock next changes the sums.
    pub fn next_turn(&self, now: i64) -> Option<i64> {
        (!self.days.is_empty()).then(|| day(now) + DAY_MS)
    }

    /// True if nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.ranged.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference version: every line stored, every sum computed again.
    #[derive(Default)]
    struct Slow {
        lines: Vec<(usize, i64, i64)>,
        ranged: BTreeMap<usize, Ranged>,
    }

    impl Slow {
        fn errors(&self, now: i64) -> BTreeMap<Id, Errors> {
            let mut errors: BTreeMap<Id, Errors> = BTreeMap::new();
            for start in (1..=7).map(|back| day(now) - back * DAY_MS) {
                let on_day = || self.lines.iter().filter(|(_, at, _)| day(*at) == start);
                for (item, ranged) in self.ranged.iter().filter(|_| on_day().next().is_some()) {
                    let units: i64 = on_day().filter(|line| line.0 == *item).map(|line| line.2).sum();
                    let sums = Errors {
                        item_days: 1,
                        actual_milli: units.into(),
                        forecast_milli: ranged.forecast_milli.into(),
                        abs_error_milli: i128::from((units - ranged.forecast_milli).abs()),
                    };
                    errors.entry(ranged.dept).or_default().add(&sums, 1);
                }
            }
            errors
        }
    }

    #[test]
    fn agrees_with_adding_everything_up_again() {
        let items = ["i0", "i1", "i2", "i3", "i4"].map(Id::new);
        let depts = ["a", "b"].map(Id::new);
        let mut seed = 3u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let small = |number: u64| i64::try_from(number).unwrap();
        let (mut fast, mut slow, mut found) = (SellingDays::default(), Slow::default(), BTreeMap::new());
        for step in 0..3_000 {
            let now = step * DAY_MS / 19;
            for _ in 0..draw(4) {
                let item = usize::try_from(draw(5)).unwrap();
                match draw(5) {
                    0 => {
                        let ranged = Ranged { dept: depts[usize::from(draw(2) > 0)], forecast_milli: small(draw(9)) };
                        slow.ranged
                            .insert(item, ranged)
                            .into_iter()
                            .for_each(|old| fast.ranged(items[item], old, -1, &None));
                        fast.ranged(items[item], ranged, 1, &None);
                    }
                    1 => {
                        slow.ranged.remove(&item).into_iter().for_each(|old| fast.ranged(items[item], old, -1, &None));
                    }
                    2 if !slow.lines.is_empty() => {
                        let at = usize::try_from(draw(1 << 20)).unwrap() % slow.lines.len();
                        let (item, event_time, units) = slow.lines.swap_remove(at);
                        fast.line((items[item], event_time, units), -1, &None, now);
                    }
                    _ if draw(9) > 0 => {
                        let (event_time, units) = (now + 300_000 - small(draw(2 * 86_400)) * 1_000, small(draw(9)) - 3);
                        slow.lines.push((item, event_time, units));
                        fast.line((items[item], event_time, units), 1, &None, now);
                    }
                    _ => {}
                }
            }
            if let Some((errors, _)) = fast.close(now) {
                found = errors;
            }
            assert_eq!(found, slow.errors(now), "step {step}");
            slow.lines.retain(|(_, at, _)| day(*at) >= day(now) - 8 * DAY_MS);
        }
        assert!(fast.days.len() < 11);
    }
}
