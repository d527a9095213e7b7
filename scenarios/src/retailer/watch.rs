//! Who knows the whole world sees what is truly wrong in it: crowds and silences, tills without hands, visitors who
//! do not buy, promotions that do not sell.
//!
//! Each rule here is coarser than the contract's, on purpose: what is far beyond a bound is certain, what is near it
//! may be an exception, what is far within it is none. So the labels do not depend on how an engine rounds.

use std::collections::VecDeque;

use crate::topic::Role;

use super::calendar::{DAY_MS, HOUR_MS, MINUTE_MS, OPEN_FROM, OPEN_MINUTES, is_open, minute_of_day};
use super::cast::DEPTS;
use super::chores::Chores;
use super::labels::Note;
use super::queue::service_ms;
use super::shelves::Shelves;
use super::staff::Staff;
use super::till::Rung;
use super::{Cast, Desk, KeyPart, Scene, part};

/// How long something must have been far beyond its bound to be certain.
const COVERAGE_MINUTES: i64 = 9;
const DEMAND_MINUTES: i64 = 25;

/// What a silence may look like.
const SILENT: [&str; 7] = [
    "demand.drop",
    "demand.surge",
    "inventory.phantom_stock",
    "labor.coverage_gap",
    "promotion.under_attainment",
    "store.conversion_drop",
    "task.overdue",
];

/// What was rung up in a minute.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    work_ms: i64,
    units_milli: [i64; DEPTS.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Hour {
    visitors: i64,
    buyers: i64,
}

/// An item on offer: what is forecast of it for a day, and what was sold of it.
#[derive(Clone, Copy, Debug)]
struct Offered {
    item: usize,
    forecast_milli: i64,
    sold_milli: i64,
}

/// What is known of a shop.
pub(super) struct Watch {
    /// The minutes from an hour ago on, and those ahead that are known already.
    minutes: VecDeque<Minute>,
    /// The start of the first of them.
    since: i64,
    /// The hours of the last day, this one last.
    hours: VecDeque<Hour>,
    /// What each department is forecast to sell in a day.
    forecast_milli: [i64; DEPTS.len()],
    offered: Vec<Offered>,
    short: i64,
    floor_short: i64,
    surge: [i64; DEPTS.len()],
    drop: [i64; DEPTS.len()],
}

impl Watch {
    pub(super) fn new(cast: &Cast, shelves: &Shelves) -> Watch {
        let mut forecast_milli = [0; DEPTS.len()];
        for (item, good) in cast.goods.iter().enumerate() {
            forecast_milli[good.dept] += shelves.forecast_milli(item);
        }
        let offered = cast.promotions.iter().flat_map(|offer| &offer.items);
        Watch {
            minutes: VecDeque::from([Minute::default(); 60]),
            since: cast.start - HOUR_MS,
            hours: VecDeque::from([Hour::default()]),
            forecast_milli,
            offered: offered.map(|item| Offered::new(*item, shelves)).collect(),
            short: 0,
            floor_short: 0,
            surge: [0; DEPTS.len()],
            drop: [0; DEPTS.len()],
        }
    }

    /// Notes visitors.
    pub(super) fn came(&mut self, visitors: i64) {
        if let Some(hour) = self.hours.back_mut() {
            hour.visitors += visitors;
        }
    }

    /// Notes a basket, in the minute in which it is rung up.
    pub(super) fn sold(&mut self, scene: &Scene<'_>, rung: &Rung) {
        let place = usize::try_from((rung.at - self.since) / MINUTE_MS).unwrap_or(0);
        if self.minutes.len() <= place {
            self.minutes.resize(place + 1, Minute::default());
        }
        let minute = &mut self.minutes[place];
        minute.work_ms += service_ms(rung.sold.len());
        for (pick, _) in &rung.sold {
            minute.units_milli[scene.cast.goods[pick.item].dept] += pick.milli;
            let Some(place) = scene.cast.goods[pick.item].promotion else { continue };
            let offer = &scene.cast.promotions[place];
            if (offer.start_at..offer.end_at).contains(&rung.at)
                && let Some(offered) = self.offered.iter_mut().find(|offered| offered.item == pick.item)
            {
                offered.sold_milli += pick.milli;
            }
        }
        if let Some(hour) = self.hours.back_mut() {
            hour.buyers += 1;
        }
    }

    /// A shop that is cut off must be missed, and what its silence looks like is explained.
    fn silence(scene: &Scene<'_>, desk: &mut Desk<'_>) {
        let here = scene.plan.outages.iter().filter(|outage| outage.shop == scene.place);
        for outage in here.filter(|outage| outage.when.start == scene.now && is_open(scene.now)) {
            let when = scene.now + 15 * MINUTE_MS..outage.when.end;
            for topic in ["pos", "traffic", "queue"] {
                let key = vec![scene.store(), ("topic", KeyPart::Id(topic.to_owned()))];
                let (kind, cause) = ("data.feed_stale", "the shop is cut off");
                desk.labels.note(Note { kind, key, when: when.clone(), cause, certain: true });
            }
            for kind in SILENT {
                // Conversion and demand look back over an hour that was silent.
                let when = scene.now + 5 * MINUTE_MS..outage.when.end + 70 * MINUTE_MS;
                let (key, cause) = (vec![scene.store()], "a shop that is cut off looks like one that sells nothing");
                desk.labels.note(Note { kind, key, when, cause, certain: false });
            }
        }
    }

    /// A forecast that is far too high is found when its first day has passed.
    fn drift(scene: &Scene<'_>, desk: &mut Desk<'_>) {
        let since = scene.cast.start + DAY_MS;
        let Some((dept, percent)) = scene.plan.biased_dept.filter(|_| scene.now == since) else { return };
        let (region, format) = (part("region", &scene.shop.region), part("format", &scene.shop.format));
        let key = vec![region, format, part("dept", &scene.cast.depts[dept])];
        let (kind, when) = ("model.drift", since..scene.cast.end);
        let cause = "the forecast of the department is too high";
        desk.labels.note(Note { kind, key, when, cause, certain: percent >= 140 });
    }

    /// Judges the minute that has passed.
    pub(super) fn minute(&mut self, scene: &Scene<'_>, staff: &Staff, chores: &Chores, desk: &mut Desk<'_>) {
        // The window ends with the minute that has just passed.
        self.minutes.pop_front();
        self.since += MINUTE_MS;
        if self.minutes.len() < 60 {
            self.minutes.resize(60, Minute::default());
        }
        Watch::silence(scene, desk);
        Watch::drift(scene, desk);
        self.judge_tills(scene, staff, desk);
        if is_open(scene.now) {
            self.judge_floor(scene, staff, chores, desk);
            self.judge_demand(scene, desk);
            if minute_of_day(scene.now) % 5 == 4 {
                self.judge_offers(scene, desk);
            }
        }
        if minute_of_day(scene.now) % 60 == 59 {
            self.judge_hour(scene, desk);
        }
    }

    /// Work of the last quarter against the hands there: more than they can do for minutes is certain, more than half
    /// of what they can do may already be more than the contract's service level allows.
    fn judge_tills(&mut self, scene: &Scene<'_>, staff: &Staff, desk: &mut Desk<'_>) {
        let work_ms: i64 = self.minutes.iter().take(60).skip(45).map(|minute| minute.work_ms).sum();
        let hands_ms = staff.present(Role::Checkout) * 15 * MINUTE_MS;
        self.short = if work_ms * 100 > hands_ms * 88 { self.short + 1 } else { 0 };
        if work_ms * 100 > hands_ms * 52 {
            let certain = self.short >= COVERAGE_MINUTES;
            self.coverage(scene, ("checkout", "more work at the tills than hands", certain), desk);
        }
    }

    fn judge_floor(&mut self, scene: &Scene<'_>, staff: &Staff, chores: &Chores, desk: &mut Desk<'_>) {
        let due = chores.due_minutes(scene.now);
        let needed = (due + 101) / 102;
        self.floor_short = if needed > staff.present(Role::Floor) { self.floor_short + 1 } else { 0 };
        if self.floor_short > 0 {
            let certain = self.floor_short >= COVERAGE_MINUTES;
            self.coverage(scene, ("floor", "more tasks are due than hands are there", certain), desk);
        }
    }

    fn coverage(&self, scene: &Scene<'_>, (role, cause, certain): (&str, &'static str, bool), desk: &mut Desk<'_>) {
        let key = vec![scene.store(), ("role", KeyPart::Id(role.to_owned()))];
        let when = scene.now..scene.now + 8 * MINUTE_MS;
        desk.labels.note(Note { kind: "labor.coverage_gap", key, when, cause, certain });
    }

    /// The last hour's units of each department against the even hour of its forecast: twice as many for long enough
    /// are a surge whatever carts and weather say, a quarter more may be one together with them.
    fn judge_demand(&mut self, scene: &Scene<'_>, desk: &mut Desk<'_>) {
        let open = (minute_of_day(scene.now) - OPEN_FROM + 1).min(60);
        for dept in 0..DEPTS.len() {
            let sold: i64 = self.minutes.iter().take(60).map(|minute| minute.units_milli[dept]).sum();
            let sold = sold + 5_000;
            let expected = self.forecast_milli[dept] * open / OPEN_MINUTES + 5_000;
            self.surge[dept] = if sold * 10 > expected * 20 { self.surge[dept] + 1 } else { 0 };
            self.drop[dept] = if sold * 10 < expected * 5 { self.drop[dept] + 1 } else { 0 };
            let verdict = match () {
                () if sold * 100 > expected * 126 => {
                    ("demand.surge", "more is bought than forecast", self.surge[dept] >= DEMAND_MINUTES)
                }
                () if sold * 100 < expected * 82 => {
                    ("demand.drop", "less is bought than forecast", self.drop[dept] >= DEMAND_MINUTES)
                }
                () => continue,
            };
            let (kind, cause, certain) = verdict;
            let key = vec![scene.store(), part("dept", &scene.cast.depts[dept])];
            let when = scene.now..scene.now + 18 * MINUTE_MS;
            desk.labels.note(Note { kind, key, when, cause, certain });
        }
    }

    /// An offer that sells no more than without it, long enough to be no accident.
    fn judge_offers(&self, scene: &Scene<'_>, desk: &mut Desk<'_>) {
        for Offered { item, forecast_milli, sold_milli: sold } in self.offered.iter().copied() {
            let good = &scene.cast.goods[item];
            let Some(offer) = good.promotion.map(|place| &scene.cast.promotions[place]) else { continue };
            if !(offer.start_at..offer.end_at).contains(&scene.now) {
                continue;
            }
            let days = (scene.now - offer.start_at) / DAY_MS;
            let first = offer.start_at - offer.start_at.rem_euclid(MINUTE_MS);
            let today = (minute_of_day(scene.now) - OPEN_FROM) - (minute_of_day(first) - OPEN_FROM);
            let open = days * OPEN_MINUTES + today.rem_euclid(OPEN_MINUTES);
            let base = forecast_milli * open / OPEN_MINUTES;
            let expected = base * (100 + offer.uplift_percent) / 100;
            if expected < 5_000 || sold * 100 > expected * 88 {
                continue;
            }
            let certain = (expected >= 20_000 && sold * 100 < expected * 46)
                || (expected >= 30_000 && sold * 100 < expected * 58);
            let key = vec![part("promotion", &offer.id), scene.store(), part("item", &good.id)];
            let (cause, when) = ("the promotion does not sell", scene.now..scene.now + HOUR_MS);
            desk.labels.note(Note { kind: "promotion.under_attainment", key, when, cause, certain });
        }
    }

    /// Visitors of an hour who bought, against the hours of the day before it.
    fn judge_hour(&mut self, scene: &Scene<'_>, desk: &mut Desk<'_>) {
        let busy: Vec<i64> = self.hours.iter().filter(|hour| hour.visitors >= 50).map(Hour::conversion_bp).collect();
        let last = self.hours.back().copied().unwrap_or_default();
        self.hours.push_back(Hour::default());
        if self.hours.len() > 25 {
            self.hours.pop_front();
        }
        let Some((_, before)) = busy.split_last().filter(|(_, before)| before.len() >= 6 && last.visitors >= 50) else {
            return;
        };
        let mean = before.iter().sum::<i64>() / i64::try_from(before.len()).unwrap_or(1);
        if last.conversion_bp() * 100 < mean * 70 {
            let certain = last.conversion_bp() * 100 < mean * 50;
            let (key, cause) = (vec![scene.store()], "visitors leave without buying");
            let when = scene.now..scene.now + 66 * MINUTE_MS;
            desk.labels.note(Note { kind: "store.conversion_drop", key, when, cause, certain });
        }
    }
}

impl Offered {
    fn new(item: usize, shelves: &Shelves) -> Offered {
        Offered { item, forecast_milli: shelves.forecast_milli(item), sold_milli: 0 }
    }
}

impl Hour {
    fn conversion_bp(&self) -> i64 {
        self.buyers * 10_000 / self.visitors.max(1)
    }
}
