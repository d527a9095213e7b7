//! Sound records that come wrong: corrected, deleted, sent again, too late, or from a clock that runs ahead.

use super::cast::{Shop, item};
use super::clock::{HOUR_MS, MINUTE_MS, SECOND_MS, at};
use super::till::Receipt;
use super::{id, milli, prompt, record};
use crate::generate::{Desk, Fate};
use crate::topic::{
    Activity, Body, Channel, Count, Op, Punch, PunchKind, QueueInterval, Record, Role, SensorStatus, Topic,
    TrafficCount,
};

/// All of it.
pub(super) fn tell(desk: &mut Desk) {
    tell_corrections(desk);
    tell_order_of_revisions(desk);
    tell_wrong_clock(desk);
    tell_repeats(desk);
    tell_late_but_in_time(desk);
    tell_too_late(desk);
    tell_future(desk);
}

/// A sale of one piece on a receipt of its own.
pub(super) fn sale(shop: Shop, name: &str, at: i64, what: &str) -> Record {
    let receipt = Receipt {
        shop,
        name: name.to_owned(),
        operator: if shop == Shop::Corner { "e-ida" } else { "e-anna" },
        channel: Channel::Store,
        customer: None,
    };
    prompt(receipt.line(1, at, item(what), 1000))
}

/// The first line of a receipt, as the till sent it.
fn sold(desk: &Desk, receipt: &str) -> Option<Record> {
    desk.accepted(Topic::Pos).find(|record| record.event_id.as_str() == format!("{receipt}-1")).cloned()
}

/// Three lines are corrected within the hour (a coupon forgotten), two are deleted, and a queue is recounted.
fn tell_corrections(desk: &mut Desk) {
    for receipt in ["market-0040", "corner-0060", "station-0030"] {
        let Some(mut told) = sold(desk, receipt) else { continue };
        if let Body::PosLine(line) = &mut told.body {
            line.net_cents -= 10;
            line.discount_cents += 10;
        }
        (told.revision, told.ingest_time) = (1, told.ingest_time + 35 * MINUTE_MS);
        desk.put(told, Fate::Accepted);
    }
    for receipt in ["market-0100", "corner-0020"] {
        let Some(mut told) = sold(desk, receipt) else { continue };
        (told.revision, told.op, told.ingest_time) = (1, Op::Delete, told.ingest_time + 50 * MINUTE_MS);
        desk.put(told, Fate::Accepted);
    }
    let recounted = desk.accepted(Topic::Queue).find(|record| record.event_id.as_str() == "queue-market-020").cloned();
    if let Some(mut told) = recounted {
        if let Body::Queue(interval) = &mut told.body {
            interval.served += 1;
        }
        (told.revision, told.ingest_time) = (1, told.ingest_time + 3 * HOUR_MS);
        desk.put(told, Fate::Accepted);
    }
}

/// A line that is deleted before it is known: the delete is remembered, the line it deletes says nothing new, and
/// only a greater revision brings it back.
fn tell_order_of_revisions(desk: &mut Desk) {
    let told = sale(Shop::Corner, "corner-early-delete", at(9, 50), "toothpaste");
    let revision = |revision, op, ingest_time| Record { revision, op, ingest_time, ..told.clone() };
    desk.put(revision(1, Op::Delete, at(9, 55)), Fate::Accepted);
    desk.put(revision(0, Op::Upsert, at(9, 56)), Fate::Duplicate);
    desk.put(revision(2, Op::Upsert, at(9, 58)), Fate::Accepted);
}

/// A till with a wrong clock: first noon, then four hours earlier, then noon again, when what would be replaced is
/// older than the contract lets anyone change.
fn tell_wrong_clock(desk: &mut Desk) {
    let mut told = sale(Shop::Market, "market-clock", at(12, 0), "toothpaste");
    desk.put(told.clone(), Fate::Accepted);
    (told.revision, told.event_time, told.ingest_time) = (1, at(8, 0), at(12, 30));
    desk.put(told.clone(), Fate::Accepted);
    (told.revision, told.event_time, told.ingest_time) = (2, at(12, 0), at(45, 0));
    desk.put(told, Fate::Late);
}

/// What is sent again by devices which did not hear the answer.
fn tell_repeats(desk: &mut Desk) {
    for (topic, name, after_ms) in [
        (Topic::Traffic, "door-market-010", 20 * SECOND_MS),
        (Topic::Queue, "queue-corner-011", 5 * SECOND_MS),
        (Topic::Inventory, "move-market-cake-0928", 8 * MINUTE_MS),
        (Topic::Workforce, "e-quin-rest", 30 * SECOND_MS),
        (Topic::Reference, "product-cola", HOUR_MS),
        (Topic::Signals, "bus-1", MINUTE_MS),
    ] {
        let sent = desk.accepted(topic).find(|record| record.event_id.as_str() == name).cloned();
        if let Some(sent) = sent {
            desk.put(Record { ingest_time: sent.ingest_time + after_ms, ..sent }, Fate::Duplicate);
        }
    }
}

/// Two sales found in the memory of a till a day and a half later, but in time; and one of something nobody listed.
fn tell_late_but_in_time(desk: &mut Desk) {
    let mut gift = sale(Shop::Market, "market-gift", at(10, 55), "rolls");
    if let Body::PosLine(line) = &mut gift.body {
        line.item_id = id("gift-wrap");
    }
    desk.put(gift, Fate::Accepted);
    for (name, what, at, ingest_time) in
        [("market-found-1", "bin-bags", at(10, 0), at(45, 30)), ("market-found-2", "candles", at(19, 30), at(53, 0))]
    {
        desk.put(Record { ingest_time, ..sale(Shop::Market, name, at, what) }, Fate::Accepted);
    }
}

/// What comes more than 36 h after it happened: one of each kind of fact, and a correction of what can no longer
/// change.
fn tell_too_late(desk: &mut Desk) {
    let door = TrafficCount { sensor_id: id("door"), r#in: 9, out: 8, status: SensorStatus::Ok };
    let queue = QueueInterval {
        zone_id: id("tills"),
        served: 4,
        over_target: 0,
        abandoned: 0,
        wait_ms_sum: 90_000,
        length_max: 2,
        lanes_open: 2,
    };
    let punch = Punch { employee_id: id("e-uma"), role: Role::Floor, kind: PunchKind::In };
    let count = Count { item_id: id("candles"), counted: milli(5_000) };
    let seen = Activity {
        session_id: id("old-visit"),
        channel: Channel::App,
        customer_id: Some(id("c-05")),
        item_id: Some(id("rice")),
        points: None,
    };
    let market = Some(Shop::Market);
    let mut late = |told: Record, ingest_time: i64| desk.put(Record { ingest_time, ..told }, Fate::Late);
    late(record("old-visit-1", at(-30, 0), market, Body::View(seen)), at(9, 0));
    late(record("old-count", at(5, 0), market, Body::Count(count)), at(43, 0));
    late(sale(Shop::Market, "market-lost", at(6, 40), "rice"), at(44, 0));
    late(record("old-punch", at(6, 10), market, Body::Punch(punch)), at(44, 30));
    late(record("old-queue", at(8, 0), market, Body::Queue(queue)), at(45, 0));
    late(record("old-door", at(7, 0), market, Body::Traffic(door)), at(46, 0));
    if let Some(told) = sold(desk, "market-0003") {
        desk.put(Record { revision: 1, ingest_time: at(44, 10), ..told }, Fate::Late);
    }
}

/// Two counters whose clocks run ahead: by four minutes, which is allowed, and by twelve.
fn tell_future(desk: &mut Desk) {
    for (name, ahead_ms, fate) in
        [("ahead-a-little", 4 * MINUTE_MS, Fate::Accepted), ("ahead-too-far", 12 * MINUTE_MS, Fate::Dead)]
    {
        let door = TrafficCount { sensor_id: id("back-door"), r#in: 1, out: 0, status: SensorStatus::Ok };
        let mut told = record(name, at(16, 5) + ahead_ms, Some(Shop::Market), Body::Traffic(door));
        told.ingest_time = at(16, 5);
        desk.put(told, fate);
    }
}
