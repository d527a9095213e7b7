//! How well the forecasts of the last seven days fitted what sold, by region, format and department.

use std::collections::BTreeMap;

use contract::event::pos::PosLine;
use contract::exception::Severity;
use contract::ids::Id;
use contract::time::{DAY_MS, day};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use retail::state::selling_days::Errors;
use retail::views::model_drift::{Drift, NAME, Segment};
use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, Marks, NOBODY};
use super::speech::{Answer, Drivers, Key, Part};
use super::timers::Timer;

/// `model.drift`, by its place in the list of types.
pub(super) const DRIFT: u8 = 11;
const DAYS_MS: i64 = 7 * DAY_MS;
const ENOUGH_MILLI: i64 = 100_000;

/// A ranged item: its department and its forecast.
type Ranged = (u32, i64);

#[derive(Debug, Default)]
struct Day {
    lines: i64,
    units: HashMap<u32, i64, FixedState>,
    /// Once it counts: by department, units and (|units − forecast| − forecast) of what sold.
    sold: Option<BTreeMap<u32, (i128, i128)>>,
}

impl Day {
    fn weigh(&mut self, item: u32, (dept, forecast): Ranged, sign: i128) {
        if let Some(sold) = &mut self.sold
            && let Some(units) = self.units.get(&item)
        {
            let (units, forecast) = (i128::from(*units), i128::from(forecast));
            let sums = sold.entry(dept).or_default();
            sums.0 += sign * units;
            sums.1 += sign * ((units - forecast).abs() - forecast);
        }
    }
}

#[derive(Debug, Default)]
struct Store {
    days: BTreeMap<i64, Day>,
    ranged: HashMap<u32, Ranged, FixedState>,
    /// By department: how many ranged items, and their forecasts.
    depts: BTreeMap<u32, (i64, i128)>,
    /// Items taken out of the sums while they change: the department before, and why.
    lifted: BTreeMap<u32, (Option<u32>, u32)>,
    blame: Option<u32>,
    blamed: BTreeMap<u32, u32>,
    changed: bool,
    errors: BTreeMap<u32, Errors>,
    said: BTreeMap<Segment, (u32, Errors)>,
    wake: i64,
}

/// All stores and segments.
#[derive(Debug, Default)]
pub(super) struct Drifts {
    stores: Vec<Store>,
    marks: Marks,
    segments: Book<Segment, (Errors, Said<Drift>, Case)>,
    unsent: Unsent<Drift>,
    touched: Vec<u32>,
}

impl Drifts {
    fn store(&mut self, store: u32) -> &mut Store {
        if self.stores.len() <= store as usize {
            self.stores.resize_with(store as usize + 1, Store::default);
        }
        &mut self.stores[store as usize]
    }

    /// A till line.
    pub(super) fn line(
        &mut self,
        desk: &mut Desk,
        (store, item): (u32, u32),
        (time, line): (i64, &PosLine),
        (diff, cause): (i64, u32),
    ) {
        let (start, today) = (day(time), day(desk.now));
        if start < today - DAYS_MS {
            return;
        }
        let of = self.store(store);
        if start < today {
            of.lift(item, cause);
        }
        if of.wake <= desk.now {
            of.wake = desk.wake(today + DAY_MS, Timer::Drift(store));
        }
        let held = of.days.entry(start).or_default();
        let before = held.lines;
        held.lines += diff;
        if start < today && (before == 0 || held.lines == 0) {
            of.blame = Some(of.blame.unwrap_or(NOBODY).min(cause));
        }
        let units = held.units.entry(item).or_default();
        *units += diff * line.units_milli();
        if *units == 0 {
            held.units.remove(&item);
        }
        if start < today {
            self.marks.touch(store, cause);
        }
    }

    /// An item is ranged so, or no longer.
    pub(super) fn ranged(&mut self, (store, item): (u32, u32), ranged: Option<Ranged>, cause: u32) {
        self.marks.touch(store, cause);
        let of = self.store(store);
        of.lift(item, cause);
        match ranged {
            Some(ranged) => _ = of.ranged.insert(item, ranged),
            None => _ = of.ranged.remove(&item),
        }
    }

    /// A store has another region or format, or a day begins.
    pub(super) fn touch_store(&mut self, store: u32, cause: u32) {
        self.store(store);
        self.marks.touch(store, cause);
    }

    /// Touches the cases of all segments, or of one.
    pub(super) fn touch(&mut self, at: Option<u32>, cause: u32) {
        for at in at.map_or(0..self.segments.places(), |at| at..at + 1) {
            let (_, said, case) = self.segments.get_mut(at);
            if said.value.is_some() || !case.is_idle() {
                case.touch(cause, at, &mut self.touched);
            }
        }
    }

    /// Says the rows; `places` are the stores whose reference changed, with the records that did it.
    pub(super) fn close(&mut self, desk: &mut Desk, places: &[(u32, u32)], list: &mut Vec<(u32, u32)>) {
        self.marks.drain(list);
        for (store, _) in list.drain(..) {
            let place_cause = places.iter().filter(|place| place.0 == store).map(|place| place.1).min();
            self.close_store(desk, store, place_cause.unwrap_or(NOBODY));
        }
        let touched = self.segments.take_touched();
        for at in &touched {
            let (_, (sums, said, case), cause) = self.segments.close(*at);
            let value = (sums.item_days > 0).then(|| Drift::of(sums));
            if self.unsent.say(*at, said, value) {
                case.touch(cause, *at, &mut self.touched);
            }
        }
        self.segments.give_back(touched);
    }

    fn close_store(&mut self, desk: &mut Desk, store: u32, place_cause: u32) {
        let unknown = || Id::new("unknown");
        let row = desk.shops[store as usize].row;
        let (region, format) = row.map_or_else(|| (unknown(), unknown()), |row| (row.region, row.format));
        let of = &mut self.stores[store as usize];
        let moved = of.said.first_key_value().is_some_and(|(at, _)| (at.region, at.format) != (region, format));
        let told = of.close(desk.now);
        if !of.days.is_empty() && of.wake <= desk.now {
            of.wake = desk.wake(day(desk.now) + DAY_MS, Timer::Drift(store));
        }
        if !told && !moved {
            return;
        }
        let blame = of.blame.take().unwrap_or(NOBODY).min(if moved { place_cause } else { NOBODY });
        let blamed = std::mem::take(&mut of.blamed);
        let mut before = std::mem::take(&mut of.said);
        let now: Vec<(u32, Errors)> = of.errors.iter().map(|(dept, errors)| (*dept, *errors)).collect();
        let mut said = BTreeMap::new();
        for (dept, errors) in now {
            let segment = Segment { region, format, dept: desk.depts.name(dept) };
            let cause = blame.min(blamed.get(&dept).copied().unwrap_or(NOBODY));
            let old = before.remove(&segment);
            if old.is_none_or(|(_, old)| old != errors) {
                self.add(segment, old.map(|(_, old)| old), Some(errors), cause);
            }
            said.insert(segment, (dept, errors));
        }
        for (segment, (dept, errors)) in before {
            let cause = blame.min(blamed.get(&dept).copied().unwrap_or(NOBODY));
            self.add(segment, Some(errors), None, cause);
        }
        self.stores[store as usize].said = said;
    }

    fn add(&mut self, segment: Segment, old: Option<Errors>, new: Option<Errors>, cause: u32) {
        let (at, _) = self.segments.open(&segment, Default::default);
        let (sums, ..) = self.segments.touch(at, cause);
        old.iter().for_each(|errors| sums.add(errors, -1));
        new.iter().for_each(|errors| sums.add(errors, 1));
    }

    /// Judges the segments that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        for at in std::mem::take(&mut self.touched) {
            let key = *self.segments.key(at);
            let (_, said, case) = self.segments.get_mut(at);
            let bounds = [court.policy(DRIFT, 0), court.policy(DRIFT, 1)];
            let row = said.value;
            let verdict = row.map_or(Verdict::GONE, |row| {
                let wide = row.wape_bp.unwrap_or(0) > bounds[0];
                let drifts = wide || row.bias_bp.unwrap_or(0).saturating_abs() > bounds[1];
                Verdict { open: row.actual_milli >= ENOUGH_MILLI && drifts, clear: !drifts, gone: false }
            });
            court.step(desk, (DRIFT, at), case, verdict, &Drifting { key, row, bounds });
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, page: &mut Page<'_>) {
        let segments = &mut self.segments;
        self.unsent.send(NAME, page, |at| (*segments.key(at), segments.get_mut(at).1.leave()));
    }
}

impl Store {
    fn lift(&mut self, item: u32, cause: u32) {
        if let Some((_, held)) = self.lifted.get_mut(&item) {
            *held = cause.min(*held);
        } else {
            let dept = self.weigh(item, -1);
            self.lifted.insert(item, (dept, cause));
        }
    }

    fn weigh(&mut self, item: u32, sign: i64) -> Option<u32> {
        self.changed = true;
        let ranged = self.ranged.get(&item).copied()?;
        let sums = self.depts.entry(ranged.0).or_default();
        sums.0 += sign;
        sums.1 += i128::from(sign) * i128::from(ranged.1);
        if sums.0 == 0 {
            self.depts.remove(&ranged.0);
        }
        self.days.values_mut().for_each(|day| day.weigh(item, ranged, sign.into()));
        Some(ranged.0)
    }

    /// Closes a tick; whether the sums may have changed.
    fn close(&mut self, now: i64) -> bool {
        for (item, (before, cause)) in std::mem::take(&mut self.lifted) {
            let after = self.weigh(item, 1);
            for dept in before.into_iter().chain(after) {
                let held = self.blamed.entry(dept).or_insert(NOBODY);
                *held = cause.min(*held);
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
            let mut sold: Vec<u32> = day.units.keys().copied().collect();
            sold.sort_unstable();
            for item in sold {
                if let Some(ranged) = self.ranged.get(&item) {
                    day.weigh(item, *ranged, 1);
                }
            }
        }
        self.days.retain(|_, day| day.lines != 0 || !day.units.is_empty());
        let changed = std::mem::take(&mut self.changed);
        if changed {
            self.errors = self.sum(today);
        } else {
            self.blame = None;
            self.blamed.clear();
        }
        changed
    }

    fn sum(&self, today: i64) -> BTreeMap<u32, Errors> {
        let mut errors: BTreeMap<u32, Errors> = BTreeMap::new();
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
}

struct Drifting {
    key: Segment,
    row: Option<Drift>,
    bounds: [i64; 2],
}

impl Subject for Drifting {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.key.region), Part::Name(self.key.format), Part::Name(self.key.dept)]
    }

    fn store(&self) -> Option<u32> {
        None
    }

    fn answer(&self) -> Answer {
        answer(Severity::Medium, "review_forecast", "planning")
    }

    fn drivers(&self) -> Drivers {
        let row = self.row;
        smallvec![
            driver("wape", row.and_then(|row| row.wape_bp), self.bounds[0], "bp"),
            driver("bias", row.and_then(|row| row.bias_bp), self.bounds[1], "bp"),
            driver("actual", row.map(|row| row.actual_milli), ENOUGH_MILLI, "milli-units"),
            driver("forecast", row.map(|row| row.forecast_milli), None, "milli-units"),
        ]
    }
}
