//! What lies on the shelves: a count of everything in the night, what comes and goes by day, and counts that check.

use super::cast::{Item, Shop, item, ranged};
use super::clock::{SECOND_MS, at};
use super::{id, milli, plot, prompt, record};
use crate::generate::{Desk, Fate};
use crate::topic::{Body, Count, Movement, MovementReason, Record, SaleKind, Topic};

/// What moves by day: when, where, what, how many thousandths, why. At least one in four hours in every shop, so that
/// the feed of stock is never silent.
const MOVED: [(i64, Shop, &str, i64, MovementReason); 26] = [
    (at(5, 20), Shop::Market, "bread", 60_000, MovementReason::Receipt),
    (at(5, 25), Shop::Market, "rolls", 80_000, MovementReason::Receipt),
    (at(5, 40), Shop::Market, "lettuce", 24_000, MovementReason::Receipt),
    (at(7, 40), Shop::Market, "strawberries", -3_000, MovementReason::Waste),
    (at(9, 28), Shop::Market, "cake", 2_000, MovementReason::Receipt),
    (at(13, 20), Shop::Market, "candles", -1_000, MovementReason::Damage),
    (plot::OIL_SPILT, Shop::Market, "olive-oil", -30_000, MovementReason::Damage),
    (plot::WATER_SENT, Shop::Market, "water", -24_000, MovementReason::TransferOut),
    (at(18, 30), Shop::Market, "detergent", -2_000, MovementReason::Rtv),
    (at(19, 30), Shop::Market, "bread", -6_000, MovementReason::Waste),
    (at(6, 30), Shop::Corner, "bread", 30_000, MovementReason::Receipt),
    (at(7, 20), Shop::Corner, "croissant", 20_000, MovementReason::Receipt),
    (at(10, 10), Shop::Corner, "bananas", -850, MovementReason::Waste),
    (at(12, 40), Shop::Corner, "chocolate", -2_000, MovementReason::Theft),
    (at(15, 10), Shop::Corner, "cola", 24_000, MovementReason::Receipt),
    (plot::WATER_COMES, Shop::Corner, "water", 24_000, MovementReason::TransferIn),
    (at(18, 40), Shop::Corner, "strawberries", -2_000, MovementReason::Waste),
    (at(14, 20), Shop::Station, "pretzel", 30_000, MovementReason::Receipt),
    (at(16, 30), Shop::Station, "apples", -400, MovementReason::Waste),
    (at(18, 20), Shop::Station, "chocolate", 2_000, MovementReason::Adjust),
    (at(20, 40), Shop::Station, "oat-milk", -1_000, MovementReason::Damage),
    (at(21, 30), Shop::Station, "croissant", 12_000, MovementReason::Receipt),
    (at(23, 15), Shop::Station, "bananas", -1_250, MovementReason::Waste),
    (at(24, 20), Shop::Station, "white-wine", -1_000, MovementReason::Theft),
    (at(25, 10), Shop::Station, "pretzel", -3_000, MovementReason::Waste),
    (at(25, 40), Shop::Station, "rolls", -4_000, MovementReason::Waste),
];

/// What is counted by day: when, where, what, and how much more than the book says.
const CHECKED: [(i64, Shop, &str, i64); 10] = [
    (at(12, 30), Shop::Market, "pasta", 0),
    (at(12, 34), Shop::Market, "coffee", -1_000),
    (plot::CHARCOAL_COUNTED, Shop::Market, "charcoal", 0),
    (at(15, 5), Shop::Corner, "chocolate", 0),
    (at(16, 10), Shop::Corner, "candles", -1_000),
    (plot::BOX_OVERLOOKED, Shop::Station, "chocolate", -70_000),
    (plot::BOX_FOUND, Shop::Station, "chocolate", 70_000),
    (plot::LAGER_RECOUNTED, Shop::Station, "lager", 44_000),
    (at(22, 20), Shop::Station, "toothpaste", 0),
    (at(22, 24), Shop::Station, "cola", 2_000),
];

/// The count of the night, the day, and the checks.
pub(super) fn tell(desk: &mut Desk) {
    let mut next_at = at(3, 0);
    for shop in Shop::ALL {
        for item in ranged(shop).chain((shop == Shop::Market).then(|| item("cake"))) {
            next_at += 45 * SECOND_MS;
            count(desk, shop, item, next_at, stock(shop, item) * 1000);
        }
    }
    for (at, shop, name, quantity_milli, reason) in MOVED {
        let body = Body::Movement(Movement { item_id: id(name), quantity: milli(quantity_milli), reason });
        let told = prompt(record(&format!("move-{}-{name}-{}", shop.name(), hour_minute(at)), at, Some(shop), body));
        if at == plot::OIL_SPILT {
            put_right(desk, &told);
        }
        desk.put(told, Fate::Accepted);
    }
}

/// The checks, once all that moved the book is told.
pub(super) fn tell_checks(desk: &mut Desk) {
    for (at, shop, name, variance_milli) in CHECKED {
        let counted_milli = book(desk, shop, name, at) + variance_milli;
        count(desk, shop, item(name), at, counted_milli);
    }
}

/// What a shop has in the night: enough for two days and a delivery, but where the story wants otherwise.
fn stock(shop: Shop, item: &Item) -> i64 {
    let daily = item.daily(shop);
    let enough = daily * item.lead_time_h() / 24 + 2 * daily + 8;
    match (shop, item.name) {
        // Forty-eight; the eight is lost.
        (Shop::Station, "lager") => 4,
        (Shop::Corner, "water") => 60,
        (Shop::Corner, name) if plot::COLD_DRINKS.contains(&name) => enough + daily,
        // What the caterer will order.
        (Shop::Market, "rolls" | "croissant" | "napkins") => enough + 50,
        (Shop::Market, "water" | "olive-oil") => enough + 30,
        (Shop::Market, "cake") => 1,
        _ => enough,
    }
}

fn count(desk: &mut Desk, shop: Shop, item: &Item, at: i64, counted_milli: i64) {
    let body = Body::Count(Count { item_id: id(item.name), counted: milli(counted_milli) });
    let name = format!("count-{}-{}-{}", shop.name(), item.name, hour_minute(at));
    desk.put(prompt(record(&name, at, Some(shop), body)), Fate::Accepted);
}

/// The same damage with a tenth of the bottles.
fn put_right(desk: &mut Desk, wrong: &Record) {
    let Body::Movement(movement) = &wrong.body else { return };
    let right = Movement { quantity: milli(movement.quantity.milli() / 10), ..movement.clone() };
    let right = Record { revision: 1, ingest_time: plot::OIL_PUT_RIGHT, body: Body::Movement(right), ..wrong.clone() };
    desk.put(right, Fate::Accepted);
}

/// What the book says of an item just before an instant: its last count and all that moved since.
fn book(desk: &Desk, shop: Shop, name: &str, at: i64) -> i64 {
    let here = |record: &&Record| {
        record.store_id.as_ref().is_some_and(|store| store.as_str() == shop.name()) && record.event_time <= at
    };
    let records = || desk.accepted(Topic::Inventory).chain(desk.accepted(Topic::Pos)).filter(here);
    let (mut counted_at, mut book_milli) = (i64::MIN, 0);
    for record in records() {
        if let Body::Count(count) = &record.body
            && count.item_id.as_str() == name
            && record.event_time > counted_at
        {
            (counted_at, book_milli) = (record.event_time, count.counted.milli());
        }
    }
    book_milli
        + records().filter(|record| record.event_time > counted_at).map(|record| moved(record, name)).sum::<i64>()
}

/// What a record adds to the stock of an item.
fn moved(record: &Record, name: &str) -> i64 {
    match &record.body {
        Body::Movement(movement) if movement.item_id.as_str() == name => movement.quantity.milli(),
        Body::PosLine(line) if line.item_id.as_str() == name => match line.kind {
            SaleKind::Sale => -line.quantity.milli(),
            SaleKind::Void => line.quantity.milli(),
            SaleKind::Return if line.restock == Some(true) => line.quantity.milli(),
            SaleKind::Return => 0,
        },
        _ => 0,
    }
}

/// An instant as four digits, to name a record by.
fn hour_minute(at: i64) -> String {
    let minute = at.div_euclid(60_000).rem_euclid(1440);
    format!("{:02}{:02}", minute / 60, minute % 60)
}
