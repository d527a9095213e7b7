//! Shelves: what buyers take from them, what is delivered, spoilt, counted, and what is there in truth.
//!
//! Each item of a shop waits for its next buyer. The day's demand of a department is a length, buyers move along it,
//! and an item is taken each time they have passed as much of it as one piece of it is worth, give or take 30 %. So
//! each item sells at its pace in every hour, and a shelf that does not sell is one that cannot. Cost: one step in a
//! heap of the department for each piece taken; an item that nobody takes costs nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::random::Random;
use crate::topic::{Body, Count, Movement, MovementReason};

use super::calendar::{HOUR_MS, MINUTE_MS, OPEN_FROM, OPEN_MINUTES, is_open, minute_of_day};
use super::cast::{Cast, DEPTS, PROGRESS_PER_DAY};
use super::labels::Note;
use super::opening::share;
use super::plan::{Plan, Slip, Vanished};
use super::{Desk, Draw, Scene, milli, part, slips};

/// How long a delivery takes.
pub(super) const LEAD_TIME_H: i64 = 24;

/// When the morning's delivery is put on the shelves, in minutes of the day, and how many minutes that takes.
pub(super) const DELIVERY: (i64, i64) = (330, 60);

/// When the morning's counts are taken.
pub(super) const COUNT_FROM: i64 = OPEN_FROM - 60;

/// Something taken from a shelf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pick {
    pub(super) item: usize,
    pub(super) milli: i64,
}

#[derive(Clone, Copy, Debug)]
struct Shelf {
    /// Sold on an even day.
    rate_milli: i64,
    forecast_milli: i64,
    /// What can be bought.
    on_hand_milli: i64,
    /// What has vanished, and will be found.
    gone_milli: i64,
}

/// The shelves of a shop.
pub(super) struct Shelves {
    shelves: Vec<Shelf>,
    /// When each item is taken next, in progress of its department.
    wants: Vec<BinaryHeap<Reverse<(i64, usize)>>>,
    progress: i64,
    /// Taken, and not yet in a basket.
    pool: Vec<Pick>,
    moves: u64,
}

impl Shelves {
    /// Three days of everything, and twice that of what will be on offer; next to nothing of what is delivered with a
    /// late note.
    pub(super) fn new(cast: &Cast, plan: &Plan, place: usize) -> Shelves {
        let shop = &cast.shops[place];
        let mut shelves = Vec::with_capacity(cast.goods.len());
        let mut wants: Vec<_> = DEPTS.iter().map(|_| BinaryHeap::new()).collect();
        let prepared = plan.prepared_percent.unwrap_or(100);
        for (item, good) in cast.goods.iter().enumerate() {
            let (rate_milli, mut forecast_milli) = cast.daily_milli(shop, item);
            if let Some((_, percent)) = plan.biased_dept.filter(|(dept, _)| *dept == good.dept) {
                forecast_milli = forecast_milli * percent / 100;
            }
            let mut random = Random::keyed(cast.seed, &[Draw::Shelf as u64, shop.number, item as u64]);
            let mut forgotten = Random::keyed(cast.seed, &[Draw::Forgotten as u64, shop.number, item as u64]);
            let prepared = if forgotten.chance(plan.forgotten_percent * 100) { 100 } else { prepared };
            let days_percent = random.between(270, 341) * prepared / 100 * if good.promotion.is_some() { 2 } else { 1 };
            let late_note = plan.slips.iter().any(
                |slip| matches!(slip, Slip::DeliveryNote { shop, item: one, .. } if *shop == place && *one == item),
            );
            let days_percent = if late_note { 20 } else { days_percent };
            let on_hand_milli = ((forecast_milli * days_percent / 100).div_euclid(1000) + 3) * 1000;
            shelves.push(Shelf { rate_milli, forecast_milli, on_hand_milli, gone_milli: 0 });
            // The golden ratio spreads the items of a department evenly over their waits.
            let phase = ((item / DEPTS.len()) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44;
            let first =
                PROGRESS_PER_DAY / 1000 * i64::try_from(phase).unwrap_or(0) / (1 << 20) * 1_000_000 / rate_milli;
            wants[good.dept].push(Reverse((first, item)));
        }
        Shelves { shelves, wants, progress: 0, pool: Vec::new(), moves: 0 }
    }

    pub(super) fn forecast_milli(&self, item: usize) -> i64 {
        self.shelves[item].forecast_milli
    }

    pub(super) fn on_hand_milli(&self, item: usize) -> i64 {
        self.shelves[item].on_hand_milli
    }

    /// What the book says, which is all that can be known of a promise: what has vanished is still in it.
    pub(super) fn book_milli(&self, item: usize) -> i64 {
        self.shelves[item].on_hand_milli + self.shelves[item].gone_milli
    }

    /// Adds to a shelf, or takes away.
    pub(super) fn add(&mut self, item: usize, milli: i64) {
        self.shelves[item].on_hand_milli += milli;
    }

    /// Puts something back.
    pub(super) fn put_back(&mut self, picks: impl IntoIterator<Item = Pick>) {
        for pick in picks {
            self.shelves[pick.item].on_hand_milli += pick.milli;
        }
    }

    /// Takes as much of an item as is there, up to so much.
    pub(super) fn take(&mut self, scene: &Scene<'_>, item: usize, milli: i64, desk: &mut Desk<'_>) -> i64 {
        let shelf = &mut self.shelves[item];
        let taken = shelf.on_hand_milli.min(milli) / 1000 * 1000;
        shelf.on_hand_milli -= taken;
        self.judge(scene, item, 0, desk);
        taken
    }

    /// What so many buyers take, a basket each; fewer if there is less to want.
    pub(super) fn pick(
        &mut self,
        scene: &Scene<'_>,
        buyers: i64,
        random: &mut Random,
        desk: &mut Desk<'_>,
    ) -> Vec<Vec<Pick>> {
        let Some(baskets) = usize::try_from(buyers).ok().filter(|baskets| *baskets > 0) else { return Vec::new() };
        self.progress += PROGRESS_PER_DAY / scene.shop.buyers_per_day.max(1) * buyers;
        for dept in 0..self.wants.len() {
            while let Some(Reverse((due, item))) = self.wants[dept].peek().copied()
                && due <= self.progress
            {
                self.wants[dept].pop();
                let wanted = self.want(scene, item, random, desk);
                let pace = self.pace_milli(scene, item);
                let gap = PROGRESS_PER_DAY / 100 * wanted / pace * random.between(70, 131);
                self.wants[dept].push(Reverse((due + gap.max(1), item)));
            }
        }
        let pool = std::mem::take(&mut self.pool);
        let mut taken: Vec<Vec<Pick>> = (0..baskets.min(pool.len())).map(|_| Vec::new()).collect();
        for (place, pick) in pool.into_iter().enumerate() {
            let basket = if place < baskets { place } else { index(random.below(baskets as u64)) };
            taken[basket].push(pick);
        }
        taken
    }

    /// Somebody wants a piece or two of an item, or a bag of it; takes it if it is there.
    fn want(&mut self, scene: &Scene<'_>, item: usize, random: &mut Random, desk: &mut Desk<'_>) -> i64 {
        let wanted = match scene.cast.goods[item].weighed {
            true => 5 * random.between(60, 341),
            false if random.chance(1_000) => 2_000,
            false => 1_000,
        };
        let shelf = &mut self.shelves[item];
        if shelf.on_hand_milli >= wanted {
            shelf.on_hand_milli -= wanted;
            self.pool.push(Pick { item, milli: wanted });
        }
        self.judge(scene, item, 0, desk);
        wanted
    }

    /// What an item sells on an even day, offers included; a display that is not there is worth half the uplift.
    fn pace_milli(&self, scene: &Scene<'_>, item: usize) -> i64 {
        let rate = self.shelves[item].rate_milli;
        let Some(place) = scene.cast.goods[item].promotion else { return rate };
        let offer = &scene.cast.promotions[place];
        let told = (offer.start_at..offer.end_at).contains(&scene.now)
            && !scene.plan.price_is_wrong(scene.place, place, scene.now);
        let built = scene.plan.late_setup(scene.place, place).is_none_or(|at| at <= scene.now);
        let uplift = match (told, built) {
            (false, _) => 0,
            (true, false) => offer.uplift_percent / 2,
            (true, true) => offer.uplift_percent,
        };
        rate * (100 + uplift) / 100
    }

    /// A shelf that holds less than a delivery's time sells is at risk; one that holds hardly more may be. What is
    /// committed to orders cannot be sold.
    pub(super) fn judge(&self, scene: &Scene<'_>, item: usize, committed_milli: i64, desk: &mut Desk<'_>) {
        let Shelf { forecast_milli, on_hand_milli, gone_milli, .. } = self.shelves[item];
        let on_hand_milli = on_hand_milli - committed_milli;
        let lead = forecast_milli * LEAD_TIME_H / 24;
        if lead < 1_000 || gone_milli > 0 || on_hand_milli > lead * 11 / 10 + 3_000 {
            return;
        }
        let certain = on_hand_milli.div_euclid(1000) * 1000 <= lead - 1_700;
        let key = vec![scene.store(), part("item", &scene.cast.goods[item].id)];
        let when = scene.now..scene.now + 12 * HOUR_MS;
        let cause = "the shelf holds less than sells until the next delivery";
        desk.labels.note(Note { kind: "inventory.stockout_risk", key, when, cause, certain });
    }

    /// Deliveries, waste, counts, and what the plan does to shelves.
    pub(super) fn minute(&mut self, scene: &Scene<'_>, random: &mut Random, desk: &mut Desk<'_>) {
        if scene.day() > 0 {
            for (item, at) in share(scene.now, DELIVERY, self.shelves.len()) {
                self.deliver(scene, item, at, desk);
            }
        }
        let minute = minute_of_day(scene.now);
        if minute == COUNT_FROM {
            for nth in 0..5 + scene.shop.lines_per_day / 200 {
                let item = scene.cast.some_item(random);
                if !scene.plan.is_miswritten(scene.place, item) {
                    self.count(scene, item, scene.now + nth * 100, desk);
                }
            }
        }
        // At full size some 500 a day are spoilt.
        let per_hour = 1 + scene.shop.lines_per_day / 700;
        if is_open(scene.now) && minute % 60 == 17 {
            for nth in 0..per_hour {
                let item = scene.cast.some_item(random);
                let reason = if nth % 2 == 0 { MovementReason::Waste } else { MovementReason::Damage };
                if self.shelves[item].on_hand_milli > self.shelves[item].forecast_milli * 3 / 2 + 5_000 {
                    self.shelves[item].on_hand_milli -= 1_000;
                    self.tell(scene, item, scene.now + nth * 500, (-1_000, reason), desk);
                }
            }
            let item = scene.cast.some_item(random);
            self.tell(scene, item, scene.now + 40_000, (1_000, MovementReason::Adjust), desk);
            self.shelves[item].on_hand_milli += 1_000;
        }
        for vanished in &scene.plan.vanished {
            if vanished.shop == scene.place {
                self.vanish(scene, vanished, desk);
            }
        }
        for slip in &scene.plan.slips {
            slips::happen(scene, slip, self, desk);
        }
    }

    /// Fills a shelf that holds less than two days and a half, by the case.
    fn deliver(&mut self, scene: &Scene<'_>, item: usize, at: i64, desk: &mut Desk<'_>) {
        let good = &scene.cast.goods[item];
        let offer = good.promotion.map(|place| &scene.cast.promotions[place]);
        let days = if offer.is_some_and(|offer| scene.now < offer.end_at) { 2 } else { 1 };
        let shelf = self.shelves[item];
        let target = days * shelf.forecast_milli * 32 / 10 + 3_000;
        if shelf.gone_milli == 0 && shelf.on_hand_milli < days * shelf.forecast_milli * 25 / 10 + 2_000 {
            let case = good.case_pack * 1_000;
            let milli = (target - shelf.on_hand_milli + case - 1) / case * case;
            self.shelves[item].on_hand_milli += milli;
            self.tell(scene, item, at, (milli, MovementReason::Receipt), desk);
        }
    }

    fn count(&mut self, scene: &Scene<'_>, item: usize, at: i64, desk: &mut Desk<'_>) {
        self.moves += 1;
        let body = Body::Count(Count {
            item_id: scene.cast.goods[item].id.clone(),
            counted: milli(self.shelves[item].on_hand_milli),
        });
        desk.post.prompt(scene.record(format!("count-{}-{}", scene.shop.id, self.moves), at, body));
    }

    fn tell(&mut self, scene: &Scene<'_>, item: usize, at: i64, moved: (i64, MovementReason), desk: &mut Desk<'_>) {
        self.moves += 1;
        let item_id = scene.cast.goods[item].id.clone();
        let body = Body::Movement(Movement { item_id, quantity: milli(moved.0), reason: moved.1 });
        desk.post.prompt(scene.record(format!("move-{}-{}", scene.shop.id, self.moves), at, body));
    }

    /// What vanishes stays in the book; it is certain to be missed once it should have sold ten times.
    fn vanish(&mut self, scene: &Scene<'_>, vanished: &Vanished, desk: &mut Desk<'_>) {
        let Vanished { item, when, .. } = vanished;
        let shelf = &mut self.shelves[*item];
        if scene.now == when.start {
            (shelf.gone_milli, shelf.on_hand_milli) = (shelf.on_hand_milli, 0);
            let expected = shelf.forecast_milli * (when.end - when.start) / (OPEN_MINUTES * MINUTE_MS);
            let key = vec![scene.store(), part("item", &scene.cast.goods[*item].id)];
            desk.labels.note(Note {
                kind: "inventory.phantom_stock",
                key,
                when: when.start..when.end,
                cause: "gone from the shelf, and the book does not know",
                certain: expected >= 10_000 && shelf.gone_milli >= 1_000,
            });
        }
        if scene.now == when.end {
            shelf.on_hand_milli += std::mem::take(&mut shelf.gone_milli);
            self.count(scene, *item, scene.now, desk);
        }
    }
}

/// A draw as a place in a list.
pub(super) fn index(draw: u64) -> usize {
    usize::try_from(draw).unwrap_or(0)
}
