//! How promotions do: view 12.

use std::collections::BTreeMap;

use crate::model::decode::Id;
use crate::model::record::{Fact, Line, Promotion};
use crate::model::stats::{HOUR, floor_to, quotient};
use crate::model::tables::{Key, Rows, Tables, key};
use crate::model::world::World;

/// What the lines of a promotion, store and item add up to.
#[derive(Clone, Default)]
pub(in crate::model) struct Taken {
    units: i64,
    net: i64,
    discount: i64,
    price_ok: i64,
    mismatch: i64,
    /// The latest sale line, and whether its price was not that of the promotion.
    latest: Option<((i64, Id), bool)>,
}

impl Taken {
    /// Takes in a line of the store and item, judged by the promotion as it is, if it falls into its time.
    pub(in crate::model) fn take(&mut self, promotion: &Promotion, fact: &Fact<Line>) {
        let line = &fact.body;
        if line.sign() == 0 || fact.time < promotion.start_at || promotion.end_at <= fact.time {
            return;
        }
        self.units += line.sign() * line.quantity;
        self.net += line.sign() * line.net_cents;
        self.discount += line.sign() * line.discount_cents;
        if line.is("sale") {
            let mismatch = line.unit_price_cents != promotion.promo_price_cents;
            *(if mismatch { &mut self.mismatch } else { &mut self.price_ok }) += 1;
            self.latest = self.latest.take().max(Some((fact.order(), mismatch)));
        }
    }
}

/// The lines of a row: what is folded, and of its store and item the others, judged now.
fn taken<'a>(world: &World, (id, store, item): (&Id, &Id, &Id), lines: impl Iterator<Item = &'a Fact<Line>>) -> Taken {
    let mut taken = world.folded.get(&(id.clone(), store.clone(), item.clone())).cloned().unwrap_or_default();
    let promotion = world.promotions.get(id);
    lines.filter(|fact| !fact.folded).for_each(|fact| promotion.iter().for_each(|of| taken.take(of, fact)));
    taken
}

/// Whether the latest sale line of a row is a mismatch.
pub(in crate::model) fn latest_is_mismatch(world: &World, key: &Key) -> bool {
    let [id, store, item] = [0, 1, 2].map(|part| key[part].id());
    let lines = world.lines.iter().filter(|fact| fact.store == store && fact.body.item_id == item);
    taken(world, (&id, &store, &item), lines).latest.is_some_and(|(_, mismatch)| mismatch)
}

/// A promotion settles with its end.
pub(super) fn end(world: &World, key: &Key) -> i64 {
    world.promotions.get(&key[0].id()).map_or(i64::MAX - world.lateness_ms, |promotion| promotion.end_at)
}

/// View 12.
pub(super) fn performance(world: &World, _: &Tables) -> Rows {
    let mut lines: BTreeMap<(&Id, &Id), Vec<&Fact<Line>>> = BTreeMap::new();
    for fact in &world.lines {
        lines.entry((&fact.store, &fact.body.item_id)).or_default().push(fact);
    }
    let mut rows = Rows::new();
    for (id, promotion) in world.promotions.iter().filter(|(_, promotion)| promotion.start_at <= world.now) {
        for store in &promotion.store_ids {
            let until = floor_to(world.now, HOUR).min(promotion.end_at);
            let hours = world.hours(store);
            let open = hours.open(promotion.start_at, until);
            for item in &promotion.item_ids {
                let forecast =
                    world.locations.get(&(store.clone(), item.clone())).map_or(0, |at| at.forecast_milli_per_day);
                let lines = lines.get(&(store, item)).into_iter().flatten().copied();
                let of = taken(world, (id, store, item), lines);
                let baseline = quotient(i128::from(forecast) * i128::from(open), hours.open_day().into()).unwrap_or(0);
                let (base, uplift) = (i128::from(baseline), i128::from(promotion.expected_uplift_bp));
                let row = vec![
                    Some(of.price_ok + of.mismatch),
                    Some(of.units),
                    Some(of.net),
                    Some(of.discount),
                    Some(of.price_ok),
                    Some(of.mismatch),
                    Some(baseline),
                    quotient(base * (10_000 + uplift), 10_000),
                    quotient((i128::from(of.units) - base) * 100_000_000, base * uplift),
                ];
                rows.insert(key![id, store, item], row);
            }
        }
    }
    rows
}
