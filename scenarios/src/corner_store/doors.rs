//! What the doors and the queues count, every ten minutes and twice a quarter.

use super::cast::Shop;
use super::clock::{MINUTE_MS, SECOND_MS, at};
use super::{SEED, id, plot, record};
use crate::generate::{Desk, Fate};
use crate::random::Random;
use crate::topic::{Body, QueueInterval, Record, SensorStatus, TrafficCount};

const COUNT_MS: i64 = 10 * MINUTE_MS;
const INTERVAL_MS: i64 = 450 * SECOND_MS;

/// What draws are for.
#[derive(Clone, Copy)]
enum Draw {
    Door = 201,
    Queue = 202,
}

/// Doors and queues of all shops.
pub(super) fn tell(desk: &mut Desk) {
    for shop in Shop::ALL {
        for (number, from) in (0_u64..).zip((shop.opens_at()..shop.closes_at()).step_by(600_000)) {
            let mut random = Random::keyed(SEED, &[Draw::Door as u64, shop.number(), number]);
            if shop == Shop::Corner && plot::SENSOR_DEAD.contains(&from) {
                continue;
            }
            desk.put(door(shop, number, from, &mut random), Fate::Accepted);
        }
        for (number, from) in (0_u64..).zip((shop.opens_at()..shop.closes_at()).step_by(450_000)) {
            let mut random = Random::keyed(SEED, &[Draw::Queue as u64, shop.number(), number]);
            desk.put(queue(shop, number, from, &mut random), Fate::Accepted);
        }
    }
}

/// The sensor that comes back to life is at first not sure of itself; one at the station is covered for a while.
fn status(shop: Shop, from: i64) -> SensorStatus {
    match shop {
        Shop::Corner if from == plot::SENSOR_DEAD.end => SensorStatus::Degraded,
        Shop::Station if (at(20, 0)..at(20, 30)).contains(&from) => SensorStatus::Offline,
        _ => SensorStatus::Ok,
    }
}

fn door(shop: Shop, number: u64, from: i64, random: &mut Random) -> Record {
    let status = status(shop, from);
    let came = plot::visitors(shop, from) + random.between(-1, 2);
    let left = (plot::visitors(shop, from - COUNT_MS) + random.between(-1, 2)).max(0);
    let (came, left) = if status == SensorStatus::Offline { (0, 0) } else { (came, left) };
    let body = Body::Traffic(TrafficCount { sensor_id: id("door"), r#in: came, out: left, status });
    let mut told = record(&format!("door-{}-{number:03}", shop.name()), from, Some(shop), body);
    told.source = Some(id("counter"));
    told.ingest_time = from + COUNT_MS + SECOND_MS;
    told
}

/// How a queue does: usually nobody waits; in the heat one lane is not enough, and the bus queues without buying.
fn queue(shop: Shop, number: u64, from: i64, random: &mut Random) -> Record {
    let usual = match shop {
        Shop::Market => random.between(2, 5),
        Shop::Corner | Shop::Station => random.between(1, 4),
    };
    let rush = plot::is_rush(shop, from);
    let bus = shop == Shop::Market && plot::BUS.contains(&from);
    let one_lane = rush && (plot::CASHIER_LEAVES..plot::CASHIER_COMES).contains(&from);
    // A quarter holds two of these; the one after the heat still is busy, and goes well.
    let (served, over_target, abandoned) = match from {
        _ if one_lane => (6, if from < at(16, 45) { 4 } else { 2 }, 1),
        _ if rush => (8, 1, 0),
        _ if bus => (3, 1, 1),
        _ => (usual, 0, 0),
    };
    let wait_ms_sum = served * random.between(15_000, 40_000) + over_target * 150_000;
    let body = Body::Queue(QueueInterval {
        zone_id: id("tills"),
        served,
        over_target,
        abandoned,
        wait_ms_sum,
        length_max: 1 + over_target + abandoned,
        lanes_open: if one_lane || shop == Shop::Station { 1 } else { 2 },
    });
    let mut told = record(&format!("queue-{}-{number:03}", shop.name()), from, Some(shop), body);
    told.seq = i64::try_from(number).ok();
    told.ingest_time = from + INTERVAL_MS + random.between(500, 4_000);
    told
}
