//! Everything that is known at a tick: the facts that stand, the state rows, the policies.

use std::collections::{BTreeMap, BTreeSet};

use super::Scenario;
use super::decode::{Fields, Id, Record};
use super::fates::Health;
use super::record::*;
use super::stats::{HOUR, Hours};
use super::tables::Key;
use super::views::promotion::Taken;

/// What is known at a tick.
#[derive(Default)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) tick_ms: i64,
    pub(super) lateness_ms: i64,
    pub(super) future_ms: i64,
    pub(super) lines: Vec<Fact<Line>>,
    pub(super) product_views: Vec<Fact<Activity>>,
    pub(super) carts: Vec<Fact<Activity>>,
    pub(super) traffic: Vec<Fact<Traffic>>,
    pub(super) intervals: Vec<Fact<Interval>>,
    pub(super) movements: Vec<Fact<Movement>>,
    pub(super) counts: Vec<Fact<Count>>,
    pub(super) punches: Vec<Fact<Punch>>,
    pub(super) shifts: BTreeMap<Id, Shift>,
    pub(super) tasks: BTreeMap<Id, Task>,
    pub(super) promotions: BTreeMap<Id, Promotion>,
    pub(super) orders: BTreeMap<Id, Order>,
    pub(super) products: BTreeMap<Id, Product>,
    pub(super) stores: BTreeMap<Id, Store>,
    /// By (store, item): the ranged items.
    pub(super) locations: BTreeMap<(Id, Id), Location>,
    pub(super) signals: BTreeMap<Id, Signal>,
    configured: BTreeMap<String, i64>,
    policies: BTreeMap<Id, i64>,
    /// The commands of this tick, in file order.
    pub(super) commands: Vec<Command>,
    pub(super) health: BTreeMap<(Id, &'static str), Health>,
    /// What folded lines led to, by (promotion, store, item).
    pub(super) folded: BTreeMap<(Id, Id, Id), Taken>,
    /// By (store, item): the tick since which at least a unit has been on hand without a break.
    pub(super) stocked_since: BTreeMap<Key, i64>,
    /// Instants at which something may change without input.
    pub(super) alarms: BTreeSet<i64>,
}

/// Defaults of the policies. Contract §4 and §5.
const POLICIES: &str = "min_confidence_bp 6000 returns.prior_bp 200 \
    stale_ms.inventory 14400000 stale_ms.pos 900000 stale_ms.queue 900000 stale_ms.traffic 900000 \
    inventory.stockout_risk.open_bp 5000 inventory.stockout_risk.clear_bp 3000 inventory.phantom_stock.alpha_bp 10 \
    promotion.under_attainment.p_bp 200 promotion.under_attainment.open_bp 7000 \
    promotion.under_attainment.clear_bp 8500 labor.coverage_gap.for_ms 300000 store.queue_breach.sl_bp 8000 \
    fulfillment.promise_risk.open_bp 7000 fulfillment.promise_risk.clear_bp 8000 \
    fulfillment.capacity_overload.open_bp 9000 fulfillment.capacity_overload.clear_bp 7000 \
    returns.abnormal_rate.open_bp 20000 returns.abnormal_rate.clear_bp 15000 returns.operator_pattern.open_bp 3000 \
    demand.surge.open_bp 12500 demand.surge.for_ms 900000 demand.drop.open_bp 8000 demand.drop.for_ms 900000 \
    store.conversion_drop.drop_bp 6000 margin.leak.min_cents 50000 margin.leak.floor_bp 1000 \
    model.drift.max_wape_bp 6000 model.drift.max_bias_bp 2500";

impl World {
    pub(super) fn new(input: &Scenario) -> Self {
        let words: Vec<&str> = POLICIES.split_whitespace().collect();
        let mut configured: BTreeMap<String, i64> =
            words.chunks(2).map(|of| (of[0].to_string(), of[1].parse().expect("a number"))).collect();
        configured.extend(input.policy.clone());
        let Scenario { tick_ms, lateness_ms, future_ms, .. } = *input;
        World { tick_ms, lateness_ms, future_ms, configured, ..World::default() }
    }

    /// A policy in force, if it has a value at all.
    pub(super) fn maybe_policy(&self, name: &str) -> Option<i64> {
        self.policies.get(name).or_else(|| self.configured.get(name)).copied()
    }

    /// A policy in force; 0 without a default, as for every `for_ms`.
    pub(super) fn policy(&self, name: &str) -> i64 {
        self.maybe_policy(name).unwrap_or(0)
    }

    /// The policies of an exception type.
    pub(super) fn policies<const N: usize>(&self, exception: &str, names: [&str; N]) -> [i64; N] {
        names.map(|name| self.policy(&format!("{exception}.{name}")))
    }

    /// The opening hours of a store.
    pub(super) fn hours(&self, store: &Id) -> Hours {
        Hours::of(self.stores.get(store))
    }

    /// The department of an item as it is now.
    pub(super) fn dept(&self, item: &Id) -> Id {
        self.products.get(item).map_or_else(|| "unknown".into(), |product| product.dept.clone())
    }

    /// The open orders of a store.
    pub(super) fn open_orders<'a>(&'a self, store: &'a Id) -> impl Iterator<Item = &'a Order> {
        self.orders.values().filter(move |order| order.store_id == *store && order.is_open())
    }

    /// Changes of stock other than counts: (store, item, event_time, quantity).
    pub(super) fn deltas(&self) -> impl Iterator<Item = (&Id, &Id, i64, i64)> {
        let moved = self.movements.iter().map(|fact| (&fact.store, &fact.body.item_id, fact.time, fact.body.quantity));
        let sold = self.lines.iter().map(|fact| {
            let restocked = i64::from(fact.body.restock && fact.body.is("return"));
            (&fact.store, &fact.body.item_id, fact.time, (restocked - fact.body.sign()) * fact.body.quantity)
        });
        moved.chain(sold)
    }

    /// From this tick on, old facts can no longer change.
    pub(super) fn fold(&mut self) {
        fn mark<T>(facts: &mut [Fact<T>], horizon: i64) {
            facts.iter_mut().for_each(|fact| fact.folded |= fact.greatest < horizon);
        }
        let horizon = self.now - self.lateness_ms;
        for fact in self.lines.iter().filter(|fact| !fact.folded && fact.greatest < horizon) {
            let (store, item) = (&fact.store, &fact.body.item_id);
            for (id, promotion) in self.promotions.iter().filter(|(_, promotion)| promotion.lists(store, item)) {
                self.folded.entry((id.clone(), store.clone(), item.clone())).or_default().take(promotion, fact);
            }
        }
        mark(&mut self.lines, horizon);
        mark(&mut self.product_views, horizon);
        mark(&mut self.carts, horizon);
        mark(&mut self.traffic, horizon);
        mark(&mut self.intervals, horizon);
        mark(&mut self.movements, horizon);
        mark(&mut self.counts, horizon);
        mark(&mut self.punches, horizon);
    }

    /// After a tick's records: folded sums stay only while their store and item stay listed.
    pub(super) fn forget_unlisted(&mut self) {
        let promotions = &self.promotions;
        self.folded.retain(|(id, store, item), _| promotions.get(id).is_some_and(|of| of.lists(store, item)));
    }

    /// Removes the content of a remembered fact.
    pub(super) fn remove_fact(&mut self, topic: &str, id: &Id) {
        fn remove<T>(facts: &mut Vec<Fact<T>>, id: &Id) {
            facts.retain(|fact| fact.folded || fact.id != *id);
        }
        match topic {
            "pos" => remove(&mut self.lines, id),
            "traffic" => remove(&mut self.traffic, id),
            "queue" => remove(&mut self.intervals, id),
            "workforce" => remove(&mut self.punches, id),
            "activity" => {
                remove(&mut self.product_views, id);
                remove(&mut self.carts, id);
            }
            _ => {
                remove(&mut self.movements, id);
                remove(&mut self.counts, id);
            }
        }
    }

    /// Adds the content of an accepted fact.
    pub(super) fn add_fact(&mut self, kind: &str, fact: Fact<Fields>) {
        fn add<T>(to: &mut Vec<Fact<T>>, fact: Fact<Fields>, body: fn(&Fields) -> T) {
            let Fact { id, store, time, greatest, folded, body: fields } = fact;
            to.push(Fact { id, store, time, greatest, folded, body: body(&fields) });
        }
        self.alarms.extend([fact.time, fact.time + 14 * HOUR]);
        match kind {
            "pos.line" => add(&mut self.lines, fact, Line::new),
            "activity.view" => add(&mut self.product_views, fact, Activity::new),
            "activity.cart_add" => add(&mut self.carts, fact, Activity::new),
            "traffic.count" => add(&mut self.traffic, fact, Traffic::new),
            "queue.interval" => add(&mut self.intervals, fact, Interval::new),
            "inventory.movement" => add(&mut self.movements, fact, Movement::new),
            "inventory.count" => add(&mut self.counts, fact, Count::new),
            "punch" => add(&mut self.punches, fact, Punch::new),
            _ => {}
        }
    }

    /// Replaces or removes the row of an accepted state record.
    pub(super) fn set_state(&mut self, r: &Record) {
        fn set<K: Ord, T>(rows: &mut BTreeMap<K, T>, key: K, r: &Record, body: fn(&Fields) -> T) {
            rows.remove(&key);
            if !r.delete {
                rows.insert(key, body(&r.fields));
            }
        }
        let (key, f) = (r.key[0].clone(), &r.fields);
        let instants = ["start_at", "end_at", "due_at", "promise_at", "valid_from", "valid_to"].map(|name| f.int(name));
        self.alarms.extend(instants.iter().flat_map(|at| [*at, at + self.lateness_ms, at + 4 * HOUR]));
        match r.kind {
            "shift" => set(&mut self.shifts, key, r, Shift::new),
            "task" => set(&mut self.tasks, key, r, Task::new),
            "promotion" => set(&mut self.promotions, key, r, Promotion::new),
            "order" => set(&mut self.orders, key, r, Order::new),
            "ref.product" => set(&mut self.products, key, r, Product::new),
            "ref.store" => set(&mut self.stores, key, r, Store::new),
            "ref.item_location" => set(&mut self.locations, (key, r.key[1].clone()), r, Location::new),
            "signal" => set(&mut self.signals, key, r, Signal::new),
            "policy" => set(&mut self.policies, key, r, |f| f.int("value")),
            _ if r.delete => {}
            _ => self.commands.push(Command::new(f)),
        }
    }
}
