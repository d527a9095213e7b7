//! Online orders: placed by day, promised for three to four hours later, picked in the shop by whoever is there.
//!
//! A picker does 50 units an hour, the most urgent order first; what is not on the shelf is reported short. An order
//! that is ready waits for its customer. Who knows the true work and the true pickers knows which promises are at risk.

use std::collections::BTreeMap;

use crate::random::Random;
use crate::topic::{Body, Fulfillment, Id, Order, OrderLine, OrderState};

use super::calendar::{HOUR_MS, MINUTE_MS, SECOND_MS, minute_of_day};
use super::labels::Note;
use super::shelves::{Pick, Shelves};
use super::till::{Rung, Till};
use super::{Desk, Scene, Shop, milli, part};

/// From opening to four hours before closing.
const PLACING_MINUTES: i64 = 8 * 60;

/// What a picker does in a minute, in hundredths of a unit; the contract plans with 100.
const PACE: i64 = 83;

struct Open {
    id: Id,
    wanted: Vec<Pick>,
    placed_at: i64,
    promise_at: i64,
    fulfillment: Fulfillment,
    /// Work left, in hundredths of a unit.
    left: i64,
    begun: bool,
    /// Minutes for which more work than time was left.
    hopeless: i64,
}

/// The orders of a shop.
#[derive(Default)]
pub(super) struct Orders {
    open: Vec<Open>,
    /// Who is ready, until they are fetched.
    ready: Vec<(i64, Order)>,
    due: i64,
    count: u64,
    pub(super) pickers: i64,
    overload: i64,
    gap: i64,
}

impl Orders {
    /// Orders of an even day: sixty in a supermarket.
    pub(super) fn per_day(shop: &Shop) -> i64 {
        6 + shop.lines_per_day / 500
    }

    /// A minute of placing, picking and fetching; what was rung up.
    pub(super) fn minute(
        &mut self,
        scene: &Scene<'_>,
        shelves: &mut Shelves,
        till: &mut Till,
        random: &mut Random,
        desk: &mut Desk<'_>,
    ) -> Vec<Rung> {
        let minute = minute_of_day(scene.now) - super::calendar::OPEN_FROM;
        if (0..PLACING_MINUTES).contains(&minute) {
            let percent = scene.plan.order_percent(scene.place, scene.now);
            self.due += Orders::per_day(scene.shop) * 10_000 / PLACING_MINUTES * percent / 100;
            while self.due >= 10_000 {
                self.due -= 10_000;
                self.place(scene, shelves, random, desk);
            }
        }
        let rung = self.pick(scene, shelves, till, random, desk);
        self.fetch(scene, desk);
        self.judge(scene, shelves, desk);
        rung
    }

    fn place(&mut self, scene: &Scene<'_>, shelves: &Shelves, random: &mut Random, desk: &mut Desk<'_>) {
        self.count += 1;
        let mut wanted: Vec<Pick> = Vec::new();
        for _ in 0..random.between(2, 7) {
            let item = scene.cast.some_item(random);
            // The web shop offers what the book shows plenty of.
            let plenty = shelves.on_hand_milli(item) > shelves.forecast_milli(item) * 5 / 4 + 6_000;
            if plenty && !wanted.iter().any(|pick| pick.item == item) {
                wanted.push(Pick { item, milli: 1_000 * random.between(1, 3) });
            }
        }
        if wanted.is_empty() {
            return;
        }
        let units: i64 = wanted.iter().map(|pick| pick.milli / 1_000).sum();
        let promise_at = (scene.now + random.between(180, 240) * MINUTE_MS) / (15 * MINUTE_MS) * 15 * MINUTE_MS;
        let order = Open {
            id: Id::known(format!("{}-o{}", scene.shop.id, self.count)),
            wanted,
            placed_at: scene.now,
            promise_at,
            fulfillment: if random.chance(7_000) { Fulfillment::Bopis } else { Fulfillment::Delivery },
            left: units * 100,
            begun: false,
            hopeless: 0,
        };
        tell(scene, order.state(scene, OrderState::Placed, None), desk);
        self.open.push(order);
        self.open.sort_by(|a, b| (a.promise_at, &a.id).cmp(&(b.promise_at, &b.id)));
    }

    /// The pickers work for a minute, the most urgent order first; one that has just come is left for a minute.
    fn pick(
        &mut self,
        scene: &Scene<'_>,
        shelves: &mut Shelves,
        till: &mut Till,
        random: &mut Random,
        desk: &mut Desk<'_>,
    ) -> Vec<Rung> {
        let mut rung = Vec::new();
        let mut power = self.pickers * PACE;
        let mut place = 0;
        while power > 0 && place < self.open.len() {
            let order = &mut self.open[place];
            if order.placed_at == scene.now {
                place += 1;
                continue;
            }
            if !order.begun {
                order.begun = true;
                tell(scene, order.state(scene, OrderState::Picking, None), desk);
                // Whoever begins an order walks first.
                break;
            }
            let done = power.min(order.left);
            (order.left, power) = (order.left - done, power - done);
            if order.left == 0 {
                let order = self.open.remove(place);
                if order.promise_at < scene.now + 5 * SECOND_MS {
                    // Ready at the last moment, and heard of a moment too late.
                    let when = order.promise_at - MINUTE_MS..scene.now + MINUTE_MS;
                    for kind in ["fulfillment.promise_missed", "fulfillment.promise_risk"] {
                        let (key, cause) = (vec![part("order", &order.id)], "ready at the last moment");
                        desk.labels.note(Note { kind, key, when: when.clone(), cause, certain: false });
                    }
                }
                let found: Vec<i64> =
                    order.wanted.iter().map(|pick| shelves.take(scene, pick.item, pick.milli, desk)).collect();
                let ready = order.state(scene, OrderState::Ready, Some(&found));
                tell(scene, ready.clone(), desk);
                let basket: Vec<Pick> = order
                    .wanted
                    .iter()
                    .zip(&found)
                    .filter(|(_, found)| **found > 0)
                    .map(|(pick, found)| Pick { item: pick.item, milli: *found })
                    .collect();
                rung.push(till.ring_online(scene, &basket, random, desk));
                self.ready.push((scene.now + random.between(20, 90) * MINUTE_MS, ready));
            }
        }
        rung
    }

    fn fetch(&mut self, scene: &Scene<'_>, desk: &mut Desk<'_>) {
        for (_, mut order) in self.ready.extract_if(.., |(at, _)| *at <= scene.now) {
            order.state = match order.fulfillment {
                Fulfillment::Bopis => OrderState::PickedUp,
                Fulfillment::ShipFromStore | Fulfillment::Delivery => OrderState::Shipped,
            };
            tell(scene, order, desk);
        }
    }

    /// Judges promises and load by the true work and the true pickers, as the contract counts them.
    fn judge(&mut self, scene: &Scene<'_>, shelves: &Shelves, desk: &mut Desk<'_>) {
        let committed = self.committed(scene, shelves, desk);
        let (now, pickers) = (scene.now, self.pickers);
        let own = |order: &Open| order.wanted.iter().map(|pick| pick.milli / 1_000).sum::<i64>();
        let soon = self.open.iter().filter(|order| order.promise_at < now + 2 * HOUR_MS);
        let due_2h: i64 = soon.map(own).sum();
        // What is to be picked by each promise, those of the same instant included.
        let mut by_promise: BTreeMap<i64, i64> = BTreeMap::new();
        let mut units = 0;
        for order in &self.open {
            units += own(order);
            by_promise.insert(order.promise_at, units);
        }
        for order in &mut self.open {
            let units = by_promise[&order.promise_at];
            let work_ms = units * MINUTE_MS / pickers.max(1);
            let slack_ms = order.promise_at - now - work_ms;
            let spread_ms = (work_ms * MINUTE_MS).isqrt() / 2 + 1;
            let scarce = |parts: i64| {
                let short = |pick: &Pick| shelves.book_milli(pick.item) * parts < committed[&pick.item] * 2;
                order.wanted.iter().any(short)
            };
            let doubtful = order.wanted.iter().any(|pick| scene.plan.is_miswritten(scene.place, pick.item));
            let (kind, certain) = match () {
                () if order.promise_at <= now => ("fulfillment.promise_missed", true),
                () if slack_ms >= spread_ms && !scarce(2) && !doubtful => continue,
                () => {
                    let hopeless = slack_ms < 0 || scarce(4);
                    order.hopeless = if hopeless { order.hopeless + 1 } else { 0 };
                    ("fulfillment.promise_risk", order.hopeless >= 3)
                }
            };
            let cause = "more to pick than the pickers can do before the promise, or than is on the shelf";
            let when = now..now + 2 * MINUTE_MS;
            desk.labels.note(Note { kind, key: vec![part("order", &order.id)], when, cause, certain });
        }
        let (full, over) = (due_2h * 10 >= pickers * 120 * 9, due_2h * 100 > pickers * 120 * 95);
        self.overload = if due_2h > 0 && over { self.overload + 1 } else { 0 };
        self.gap = if due_2h > pickers * 120 { self.gap + 1 } else { 0 };
        let cause = "more is due in two hours than the pickers can do";
        let when = now..now + 2 * MINUTE_MS;
        if due_2h > 0 && full {
            let (kind, key, certain) = ("fulfillment.capacity_overload", vec![scene.store()], self.overload >= 3);
            desk.labels.note(Note { kind, key, when: when.clone(), cause, certain });
        }
        if self.gap > 0 {
            let role = ("role", super::KeyPart::Id("fulfillment".to_owned()));
            let (kind, key, certain) = ("labor.coverage_gap", vec![scene.store(), role], self.gap >= 8);
            desk.labels.note(Note { kind, key, when, cause, certain });
        }
    }
}

impl Orders {
    /// What the open orders still need of each item; a shelf that is low without it is noted.
    fn committed(&self, scene: &Scene<'_>, shelves: &Shelves, desk: &mut Desk<'_>) -> BTreeMap<usize, i64> {
        let mut committed = BTreeMap::new();
        for pick in self.open.iter().flat_map(|order| &order.wanted) {
            *committed.entry(pick.item).or_default() += pick.milli;
        }
        for (item, milli) in &committed {
            shelves.judge(scene, *item, *milli, desk);
        }
        committed
    }
}

impl Open {
    /// The order as it is told in a state; `found` of each line has been picked, and the rest is short.
    fn state(&self, scene: &Scene<'_>, state: OrderState, found: Option<&[i64]>) -> Order {
        let line = |(place, pick): (usize, &Pick)| {
            let picked = found.and_then(|found| found.get(place)).copied().unwrap_or(0);
            let short = if found.is_some() { pick.milli - picked } else { 0 };
            OrderLine {
                item_id: scene.cast.goods[pick.item].id.clone(),
                quantity: milli(pick.milli),
                picked: milli(picked),
                short: milli(short),
            }
        };
        Order {
            order_id: self.id.clone(),
            fulfillment: self.fulfillment,
            state,
            placed_at: self.placed_at,
            promise_at: self.promise_at,
            lines: self.wanted.iter().enumerate().map(line).collect(),
            ready_at: found.map(|_| scene.now),
        }
    }
}

fn tell(scene: &Scene<'_>, order: Order, desk: &mut Desk<'_>) {
    let word = match order.state {
        OrderState::Placed => "placed",
        OrderState::Picking => "picking",
        OrderState::Ready => "ready",
        _ => "gone",
    };
    desk.post.prompt(scene.record(format!("{}-{word}", order.order_id), scene.now, Body::Order(order)));
}
