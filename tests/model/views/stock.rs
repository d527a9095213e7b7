//! What is on the shelf and how well it is known: views 6 and 7.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::decode::Id;
use crate::model::stats::{DAY, HOUR, floor_to, per, ratio_bp, trailing};
use crate::model::tables::{Rows, Tables, key};
use crate::model::world::World;

type ByItem<'a, T> = BTreeMap<(&'a Id, &'a Id), T>;

/// View 6.
pub(super) fn position(world: &World, _: &Tables) -> Rows {
    // The greatest count, and what it counted.
    let mut anchors: ByItem<((i64, Id), i64)> = BTreeMap::new();
    for fact in &world.counts {
        let anchor =
            anchors.entry((&fact.store, &fact.body.item_id)).or_insert_with(|| (fact.order(), fact.body.counted));
        if fact.order() > anchor.0 {
            *anchor = (fact.order(), fact.body.counted);
        }
    }
    let mut on_hand: ByItem<i64> = anchors.iter().map(|(key, (_, counted))| (*key, *counted)).collect();
    for (store, item, time, milli) in world.deltas() {
        let counted_before = anchors.get(&(store, item)).is_none_or(|((at, _), _)| time > *at);
        *on_hand.entry((store, item)).or_default() += if counted_before { milli } else { 0 };
    }
    let mut committed: ByItem<i64> = BTreeMap::new();
    for order in world.orders.values().filter(|order| order.is_open()) {
        for line in &order.lines {
            *committed.entry((&order.store_id, &line.item_id)).or_default() += line.remaining();
        }
    }
    let [month, day, week] = [(28 * DAY, DAY), (DAY, HOUR), (7 * DAY, HOUR)].map(|(w, p)| trailing(world.now, w, p));
    let mut sold: ByItem<(Option<i64>, i64, i64)> = BTreeMap::new();
    for fact in &world.lines {
        let (last, sold_24h, sold_7d) = sold.entry((&fact.store, &fact.body.item_id)).or_default();
        let units = fact.body.sign() * fact.body.quantity;
        if fact.body.is("sale") && month(fact.time) {
            *last = (*last).max(Some(fact.time));
        }
        *sold_24h += if day(fact.time) { units } else { 0 };
        *sold_7d += if week(fact.time) { units } else { 0 };
    }
    let keys: BTreeSet<_> = on_hand.keys().chain(committed.keys()).copied().collect();
    let row = |(store, item)| {
        let on_hand = on_hand.get(&(store, item)).copied().unwrap_or(0);
        let committed = committed.get(&(store, item)).copied().unwrap_or(0);
        let (last_sale_at, sold_24h, sold_7d) = sold.get(&(store, item)).copied().unwrap_or_default();
        let available = on_hand - committed;
        let row = vec![
            Some(on_hand),
            Some(committed),
            Some(available),
            anchors.get(&(store, item)).map(|((at, _), _)| *at),
            last_sale_at,
            Some(sold_24h),
            Some(sold_7d),
            per(i128::from(available) * 168, sold_7d),
        ];
        (key![store, item], row)
    };
    keys.into_iter().map(row).collect()
}

/// View 7.
pub(super) fn accuracy(world: &World, _: &Tables) -> Rows {
    let mut counts: ByItem<BTreeMap<(i64, Id), i64>> = BTreeMap::new();
    for fact in &world.counts {
        counts.entry((&fact.store, &fact.body.item_id)).or_default().insert(fact.order(), fact.body.counted);
    }
    let mut deltas: ByItem<Vec<(i64, i64)>> = BTreeMap::new();
    for (store, item, time, milli) in world.deltas() {
        deltas.entry((store, item)).or_default().push((time, milli));
    }
    // counts, exact, abs_variance, variance
    let mut days: BTreeMap<(&Id, i64), [i64; 4]> = BTreeMap::new();
    for (key, counts) in &counts {
        for (((before, _), booked), ((at, _), counted)) in counts.iter().zip(counts.iter().skip(1)) {
            let moved = deltas.get(key).into_iter().flatten().filter(|(time, _)| before < time && time <= at);
            let variance = counted - booked - moved.map(|(_, milli)| milli).sum::<i64>();
            let of = days.entry((key.0, floor_to(*at, DAY))).or_default();
            let exact = i64::from(variance == 0);
            *of = [of[0] + 1, of[1] + exact, of[2] + variance.abs(), of[3] + variance];
        }
    }
    let row = |((store, day), [counts, exact, abs, variance]): ((&Id, i64), [i64; 4])| {
        let row = [Some(counts), Some(exact), Some(abs), Some(variance), ratio_bp(exact, counts)];
        (key![store, day], row.to_vec())
    };
    days.into_iter().map(row).collect()
}
