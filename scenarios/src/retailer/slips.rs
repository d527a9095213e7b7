//! What is written down wrong, and put right hours later: the shelf is as it should be, the book is not.

use std::ops::Range;

use crate::topic::{Body, Count, Movement, MovementReason, Record};

use super::calendar::{DAY_MS, MINUTE_MS};
use super::labels::Note;
use super::plan::Slip;
use super::shelves::{COUNT_FROM, DELIVERY, Shelves};
use super::{Desk, KeyPart, Scene, milli, part};

/// Written records arrive so soon when nobody is slow.
const PROMPT_MS: i64 = 2_000;

/// Lets a slip of this shop happen when its time has come.
pub(super) fn happen(scene: &Scene<'_>, slip: &Slip, shelves: &mut Shelves, desk: &mut Desk<'_>) {
    let day = scene.now - scene.now.rem_euclid(DAY_MS);
    match *slip {
        Slip::Count { shop, item, mended_at } if shop == scene.place => {
            let at = day + (COUNT_FROM + 30) * MINUTE_MS;
            if scene.now == at && at < mended_at {
                count(scene, item, at..mended_at, shelves, desk);
            }
        }
        Slip::DeliveryNote { shop, item, arrives_at } if shop == scene.place => {
            let at = day + DELIVERY.0 * MINUTE_MS;
            if scene.now == at && at < arrives_at {
                delivery(scene, item, at..arrives_at, shelves, desk);
            }
        }
        Slip::Waste { shop, item, at, mended_at } if shop == scene.place && scene.now == at => {
            waste(scene, item, at..mended_at, shelves, desk);
        }
        _ => {}
    }
}

/// A count is written down as one.
fn count(scene: &Scene<'_>, item: usize, when: Range<i64>, shelves: &Shelves, desk: &mut Desk<'_>) {
    let counted =
        |units_milli| Body::Count(Count { item_id: scene.cast.goods[item].id.clone(), counted: milli(units_milli) });
    let (wrong, right) = (counted(1_000), counted(shelves.on_hand_milli(item)));
    correct(scene, ("recount", item), when.clone(), (wrong, right), desk);
    let cause = "a count was written down as one";
    note(scene, "inventory.stockout_risk", item, when.clone(), (cause, desk));
    if shelves.forecast_milli(item) >= 8_000 {
        note(scene, "inventory.negative_on_hand", item, when, (cause, desk));
    }
}

/// Three days' worth are delivered, and the note of it comes late.
fn delivery(scene: &Scene<'_>, item: usize, when: Range<i64>, shelves: &mut Shelves, desk: &mut Desk<'_>) {
    let added = shelves.forecast_milli(item) / 1000 * 3_000 + 3_000;
    shelves.add(item, added);
    let mut note_of = moved(scene, "delivery", item, when.start, (added, MovementReason::Receipt));
    note_of.ingest_time = when.end;
    desk.post.at(note_of);
    let cause = "a delivery note comes late";
    let since = when.start - when.start.rem_euclid(DAY_MS)..when.end;
    note(scene, "inventory.stockout_risk", item, since.clone(), (cause, desk));
    note(scene, "inventory.negative_on_hand", item, since, (cause, desk));
}

/// One broken piece is keyed as hundreds.
fn waste(scene: &Scene<'_>, item: usize, when: Range<i64>, shelves: &mut Shelves, desk: &mut Desk<'_>) {
    shelves.add(item, -1_000);
    let body = |units: i64| moved(scene, "waste", item, when.start, (units * 1_000, MovementReason::Waste)).body;
    let wrong_units = scene.shop.lines_per_day / 3;
    correct(scene, ("waste", item), when.clone(), (body(-wrong_units), body(-1)), desk);
    let cause = "one broken piece was keyed as hundreds";
    note(scene, "inventory.stockout_risk", item, when.clone(), (cause, desk));
    note(scene, "inventory.negative_on_hand", item, when.clone(), (cause, desk));
    let dept = part("dept", &scene.cast.depts[scene.cast.goods[item].dept]);
    let day = ("day", KeyPart::At(when.start - when.start.rem_euclid(DAY_MS)));
    let key = vec![scene.store(), dept, day];
    desk.labels.note(Note { kind: "margin.leak", key, when, cause, certain: true });
}

fn moved(scene: &Scene<'_>, word: &str, item: usize, at: i64, (units, reason): (i64, MovementReason)) -> Record {
    let item_id = scene.cast.goods[item].id.clone();
    let name = format!("{word}-{}-{item_id}-{}", scene.shop.id, scene.day());
    scene.record(name, at, Body::Movement(Movement { item_id, quantity: milli(units), reason }))
}

/// Sends what is wrong at once, and what is right at the end of the span.
fn correct(
    scene: &Scene<'_>,
    (word, item): (&str, usize),
    when: Range<i64>,
    (wrong, right): (Body, Body),
    desk: &mut Desk<'_>,
) {
    let name = format!("{word}-{}-{}-{}", scene.shop.id, scene.cast.goods[item].id, scene.day());
    let first = scene.record(name, when.start, wrong);
    desk.post.at(Record { ingest_time: when.end, revision: 1, body: right, ..first.clone() });
    desk.post.at(Record { ingest_time: when.start + PROMPT_MS, ..first });
}

/// Notes that the book of an item is wrong, so that an exception must be raised.
fn note(
    scene: &Scene<'_>,
    kind: &'static str,
    item: usize,
    when: Range<i64>,
    (cause, desk): (&'static str, &mut Desk<'_>),
) {
    let key = vec![scene.store(), part("item", &scene.cast.goods[item].id)];
    desk.labels.note(Note { kind, key, when, cause, certain: true });
}
