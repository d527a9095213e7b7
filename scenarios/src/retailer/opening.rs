//! The night before: the chain says what shops and goods it has, what it expects to sell, and counts every shelf.

use crate::topic::{Body, Count, ItemLocation, Product, Record, Store};

use super::calendar::{MINUTE_MS, OPEN_FROM, OPEN_TO, minute_of_day};
use super::shelves::{LEAD_TIME_H, Shelves};
use super::{Cast, Desk, Id, Scene, milli};

/// When each part of the first night begins, in minutes of the day, and how many minutes it takes.
const PRODUCTS: (i64, i64) = (1, 59);
const RANGES: (i64, i64) = (60, 60);
const COUNTS: (i64, i64) = (120, 120);

/// Of `count` things done over some minutes, those of this minute, each with its instant.
pub(super) fn share(now: i64, (from, minutes): (i64, i64), count: usize) -> impl Iterator<Item = (usize, i64)> {
    let minute = minute_of_day(now) - from;
    let count = i64::try_from(count).unwrap_or(0);
    let first_of = move |minute: i64| count * minute / minutes;
    let these = if (0..minutes).contains(&minute) { first_of(minute)..first_of(minute + 1) } else { 0..0 };
    let (first, some) = (these.start, (these.end - these.start).max(1));
    these.filter_map(move |place| Some((usize::try_from(place).ok()?, now + (place - first) * MINUTE_MS / some)))
}

/// What the chain sells.
pub(super) fn products(cast: &Cast, now: i64, desk: &mut Desk<'_>) {
    if now >= cast.start + super::calendar::DAY_MS {
        return;
    }
    for (item, at) in share(now, PRODUCTS, cast.goods.len()) {
        let good = &cast.goods[item];
        let body = Body::Product(Product {
            item_id: good.id.clone(),
            dept: cast.depts[good.dept].clone(),
            unit_cost_cents: good.cost_cents,
            case_pack: good.case_pack,
        });
        desk.post.prompt(Record::new(Id::known(format!("product-{}", good.id)), at, None, body));
    }
}

/// What a shop is, what it keeps, and what lies there.
pub(super) fn shop(scene: &Scene<'_>, shelves: &Shelves, desk: &mut Desk<'_>) {
    if scene.day() > 0 {
        return;
    }
    let shop = scene.shop;
    if scene.now == scene.cast.start {
        let store =
            Store { region: shop.region.clone(), format: shop.format.clone(), open_from: OPEN_FROM, open_to: OPEN_TO };
        desk.post.prompt(scene.record(format!("store-{}", shop.id), scene.now, Body::Store(store)));
    }
    for (item, at) in share(scene.now, RANGES, scene.cast.goods.len()) {
        let good = &scene.cast.goods[item];
        let body = Body::ItemLocation(ItemLocation {
            item_id: good.id.clone(),
            lead_time_h: LEAD_TIME_H,
            forecast_milli_per_day: shelves.forecast_milli(item),
            dispersion_bp: None,
        });
        desk.post.prompt(scene.record(format!("range-{}-{}", shop.id, good.id), at, body));
    }
    for (item, at) in share(scene.now, COUNTS, scene.cast.goods.len()) {
        let good = &scene.cast.goods[item];
        let body = Body::Count(Count { item_id: good.id.clone(), counted: milli(shelves.on_hand_milli(item)) });
        desk.post.prompt(scene.record(format!("count-{}-{}-0", shop.id, good.id), at, body));
    }
}
