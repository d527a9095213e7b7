//! Visitors: they come as the hour, the weekday and the crowd have it, and three in ten buy.

use crate::random::Random;
use crate::topic::{Body, Id, SensorStatus, TrafficCount};

use super::calendar::{MINUTE_MS, OPEN_MINUTES, busy_bp, is_open, minute_of_day};
use super::cast::CONVERSION_PERCENT;
use super::watch::Watch;
use super::{Desk, Scene, Shop};

/// How often doors and tills count: every minute in a supermarket, every five in a small shop.
pub(super) fn sensor_minutes(scene: &Scene<'_>) -> i64 {
    scene.plan.sensor_minutes.unwrap_or(if scene.shop.lines_per_day >= 5_000 { 1 } else { 5 })
}

/// Whether the minute is the last of a sensor's interval, and when that began.
pub(super) fn interval_ends(scene: &Scene<'_>) -> Option<i64> {
    let minutes = sensor_minutes(scene);
    let open = is_open(scene.now) && (minute_of_day(scene.now) + 1) % minutes == 0;
    open.then(|| scene.now - (minutes - 1) * MINUTE_MS)
}

/// The doors of a shop.
pub(super) struct Doors {
    names: Vec<Id>,
    /// Visitors who are due but have not come, in millionths.
    due: i64,
    /// Buyers among those who came, in hundredths.
    willing: i64,
    came: i64,
    left: i64,
    count: u64,
}

impl Doors {
    pub(super) fn new(shop: &Shop) -> Doors {
        let doors = 1 + shop.lines_per_day / 10_000;
        let names = (1..=doors).map(|door| Id::known(format!("{}-door{door}", shop.id))).collect();
        Doors { names, due: 0, willing: 0, came: 0, left: 0, count: 0 }
    }

    /// Lets visitors in; how many of them buy.
    pub(super) fn minute(
        &mut self,
        scene: &Scene<'_>,
        random: &mut Random,
        watch: &mut Watch,
        desk: &mut Desk<'_>,
    ) -> i64 {
        let even = scene.shop.buyers_per_day * 1_000_000 / CONVERSION_PERCENT * 100 / OPEN_MINUTES;
        let crowd = scene.plan.crowd_percent(scene.place, scene.now);
        self.due += even * busy_bp(scene.now) / 10_000 * crowd / 100 * random.between(75, 126) / 100;
        let visitors = self.due / 1_000_000;
        self.due -= visitors * 1_000_000;
        self.willing += visitors * CONVERSION_PERCENT;
        let buyers = self.willing / 100;
        self.willing -= buyers * 100;
        self.came += visitors;
        watch.came(visitors);
        if let Some(from) = interval_ends(scene) {
            self.tell(scene, from, desk);
        }
        buyers
    }

    fn tell(&mut self, scene: &Scene<'_>, from: i64, desk: &mut Desk<'_>) {
        let doors = i64::try_from(self.names.len()).unwrap_or(1);
        for (door, name) in (0..).zip(&self.names) {
            let part = |all: i64| all / doors + i64::from(door < all % doors);
            self.count += 1;
            let body = Body::Traffic(TrafficCount {
                sensor_id: name.clone(),
                r#in: part(self.came),
                out: part(self.left),
                status: SensorStatus::Ok,
            });
            let mut record = scene.record(format!("{name}-{}", self.count), from, body);
            record.ingest_time = scene.now + MINUTE_MS + 700 + 50 * door;
            desk.post.at(record);
        }
        (self.left, self.came) = (self.came, 0);
    }
}
