//! Waiting at the tills: work that arrives faster than the lanes can do it makes people wait, and some give up.
//!
//! A basket is 40 s of work and 3 s a line, as the contract has it. The lanes share what waits; who would wait for
//! more than two minutes counts as over target, and of those who would wait for five or more, some leave their basket.

use crate::random::Random;
use crate::topic::{Body, Id, QueueInterval, Role};

use super::calendar::{MINUTE_MS, SECOND_MS, minute_of_day};
use super::doors::interval_ends;
use super::labels::Note;
use super::staff::Staff;
use super::{Desk, KeyPart, Scene};

const ZONE: &str = "tills";
const TARGET_MS: i64 = 120 * SECOND_MS;
const PATIENCE_MS: i64 = 300 * SECOND_MS;

/// The work of a basket.
pub(super) fn service_ms(lines: usize) -> i64 {
    (40 + 3 * i64::try_from(lines).unwrap_or(0)) * SECOND_MS
}

#[derive(Clone, Copy, Default)]
struct Counts {
    served: i64,
    over_target: i64,
    abandoned: i64,
    wait_ms: i64,
    longest: i64,
}

/// The queue of a shop.
#[derive(Default)]
pub(super) struct Queue {
    /// Work that waits, in lane-milliseconds.
    backlog_ms: i64,
    interval: Counts,
    quarter: Counts,
    count: u64,
}

/// Somebody always opens a till, if only the manager.
fn lanes(staff: &Staff) -> i64 {
    staff.present(Role::Checkout).max(1)
}

impl Queue {
    /// Joins with a basket of so many lines; how long it takes until it is rung up, or nothing if that is too long.
    pub(super) fn join(&mut self, scene: &Scene<'_>, lines: usize, staff: &Staff, random: &mut Random) -> Option<i64> {
        let lanes = lanes(staff);
        // The minute's own work is spread over it: only what stands before it waits.
        let wait_ms = (self.backlog_ms - lanes * MINUTE_MS / 2).max(0) / lanes;
        let leaves_percent = ((wait_ms - PATIENCE_MS) / (6 * SECOND_MS)).clamp(0, 90);
        let leaves = wait_ms > PATIENCE_MS && i64::try_from(random.below(100)).is_ok_and(|roll| roll < leaves_percent);
        for counts in [&mut self.interval, &mut self.quarter] {
            if leaves {
                counts.abandoned += 1;
            } else {
                counts.served += 1;
                counts.over_target += i64::from(wait_ms > TARGET_MS);
                counts.wait_ms += wait_ms;
            }
            counts.longest = counts.longest.max(self.backlog_ms / (55 * SECOND_MS));
        }
        debug_assert!(scene.now % MINUTE_MS == 0);
        if leaves {
            return None;
        }
        self.backlog_ms += service_ms(lines);
        Some(wait_ms)
    }

    /// The lanes work for a minute; sensors tell what they saw.
    pub(super) fn minute(&mut self, scene: &Scene<'_>, staff: &Staff, random: &mut Random, desk: &mut Desk<'_>) {
        self.backlog_ms = (self.backlog_ms - lanes(staff) * MINUTE_MS).max(0);
        let Some(from) = interval_ends(scene) else { return };
        let Counts { served, over_target, abandoned, wait_ms, longest } = std::mem::take(&mut self.interval);
        self.count += 1;
        let body = Body::Queue(QueueInterval {
            zone_id: Id::known(ZONE.to_owned()),
            served,
            over_target,
            abandoned,
            wait_ms_sum: wait_ms + served * random.between(5_000, 25_000),
            length_max: longest,
            lanes_open: lanes(staff),
        });
        let mut record = scene.record(format!("{}-q{}", scene.shop.id, self.count), from, body);
        record.ingest_time = scene.now + MINUTE_MS + random.between(500, 4_000);
        desk.post.at(record);
        if (minute_of_day(scene.now) + 1) % 15 == 0 {
            self.judge(scene, desk);
        }
    }

    /// A quarter in which fewer than eight in ten were served in time is a breach until a quarter is not.
    fn judge(&mut self, scene: &Scene<'_>, desk: &mut Desk<'_>) {
        let Counts { served, over_target, abandoned, .. } = std::mem::take(&mut self.quarter);
        if abandoned * 4 > served {
            let when = scene.now - 15 * MINUTE_MS..scene.now + 20 * MINUTE_MS;
            let (kind, cause) = ("inventory.phantom_stock", "baskets left behind at the tills hide what would sell");
            desk.labels.note(Note { kind, key: vec![scene.store()], when, cause, certain: false });
        }
        if served + abandoned < 10 || (served - over_target) * 10 >= (served + abandoned) * 8 {
            return;
        }
        let key = vec![scene.store(), ("zone", KeyPart::Id(ZONE.to_owned()))];
        let when = scene.now..scene.now + 25 * MINUTE_MS;
        let cause = "more work at the tills than the lanes can do";
        desk.labels.note(Note { kind: "store.queue_breach", key, when, cause, certain: true });
    }
}
