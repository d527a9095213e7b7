//! What there is to do, and when it is done: most of it in time.

use super::cast::Shop;
use super::clock::{MINUTE_MS, at};
use super::promotions::{MUESLI, PRETZELS};
use super::{id, plot, prompt, record};
use crate::generate::{Desk, Fate};
use crate::topic::{Body, Op, Record, Task, TaskStatus};

/// Something to do.
struct Chore {
    name: &'static str,
    shop: Shop,
    kind: &'static str,
    promotion: Option<&'static str>,
    item: Option<&'static str>,
    created_at: i64,
    due_at: i64,
    minutes: i64,
    /// When it is done; `None` if it is called off half an hour after it was made.
    done_at: Option<i64>,
}

const fn chore(name: &'static str, shop: Shop, kind: &'static str, times: [i64; 3], minutes: i64) -> Chore {
    let [created_at, due_at, done_at] = times;
    Chore { name, shop, kind, promotion: None, item: None, created_at, due_at, minutes, done_at: Some(done_at) }
}

/// The shelf scan that is late.
pub(super) const SCAN: &str = "t-corner-scan";

const CHORES: [Chore; 14] = [
    Chore {
        promotion: Some(MUESLI.name),
        ..chore("t-market-muesli", Shop::Market, "promo_setup", [at(5, 35), at(6, 0), plot::DISPLAY_BUILT], 40)
    },
    chore("t-market-cool-1", Shop::Market, "temperature_check", [at(6, 5), at(8, 0), at(7, 20)], 10),
    Chore {
        item: Some("charcoal"),
        ..chore("t-market-charcoal", Shop::Market, "shelf_check", [at(11, 0), at(13, 0), at(12, 55)], 15)
    },
    chore("t-market-cool-2", Shop::Market, "temperature_check", [at(12, 0), at(16, 0), at(15, 40)], 10),
    Chore { done_at: None, ..chore("t-market-plan", Shop::Market, "planogram", [at(14, 0), at(18, 0), 0], 60) },
    chore("t-market-clean", Shop::Market, "cleaning", [at(17, 0), at(19, 30), at(19, 5)], 45),
    chore("t-corner-cool-1", Shop::Corner, "temperature_check", [at(7, 10), at(9, 0), at(8, 30)], 10),
    chore(SCAN, Shop::Corner, "shelf_scan", [at(8, 0), plot::SCAN_DUE, at(12, 20)], 30),
    chore("t-corner-price", Shop::Corner, "price_change", [at(9, 50), at(12, 0), plot::TILL_REPAIRED], 20),
    chore("t-corner-oven", Shop::Corner, "repair", [at(11, 10), at(14, 0), plot::OVEN_BROKEN.end], 20),
    chore("t-corner-clean", Shop::Corner, "cleaning", [at(16, 0), at(18, 45), at(18, 40)], 30),
    Chore {
        promotion: Some(PRETZELS.name),
        ..chore("t-station-pretzel", Shop::Station, "promo_setup", [at(14, 10), at(17, 50), at(17, 40)], 30)
    },
    chore("t-station-cool", Shop::Station, "temperature_check", [at(14, 30), at(16, 0), at(15, 10)], 10),
    chore("t-station-clean", Shop::Station, "cleaning", [at(19, 0), at(21, 30), at(21, 10)], 45),
];

impl Chore {
    /// What is known of it from an instant on.
    fn told(&self, status: TaskStatus, at: i64) -> Record {
        let task = Task {
            task_id: id(self.name),
            task_type: id(self.kind),
            status,
            created_at: self.created_at,
            due_at: self.due_at,
            est_minutes: self.minutes,
            promotion_id: self.promotion.map(id),
            item_id: self.item.map(id),
            completed_at: (status == TaskStatus::Completed).then_some(at),
        };
        let name = format!("{}-{}", self.name, (at - self.created_at) / MINUTE_MS);
        prompt(record(&name, at, Some(self.shop), Body::Task(task)))
    }
}

/// Every chore as it goes; one is made by mistake, and one is told again after it is done.
pub(super) fn tell(desk: &mut Desk) {
    for chore in &CHORES {
        desk.put(chore.told(TaskStatus::Open, chore.created_at), Fate::Accepted);
        let Some(done_at) = chore.done_at else {
            desk.put(chore.told(TaskStatus::Cancelled, chore.created_at + 30 * MINUTE_MS), Fate::Accepted);
            continue;
        };
        let begun = chore.told(TaskStatus::InProgress, done_at - chore.minutes * MINUTE_MS / 2);
        desk.put(begun.clone(), Fate::Accepted);
        desk.put(chore.told(TaskStatus::Completed, done_at), Fate::Accepted);
        if chore.name == SCAN {
            desk.put(Record { ingest_time: done_at + 5 * MINUTE_MS, ..begun }, Fate::Duplicate);
        }
    }
    let mistake = chore("t-station-mistake", Shop::Station, "cleaning", [at(17, 0), at(19, 0), 0], 30);
    desk.put(mistake.told(TaskStatus::Open, at(17, 0)), Fate::Accepted);
    let mut deleted = mistake.told(TaskStatus::Open, at(17, 4));
    deleted.op = Op::Delete;
    desk.put(deleted, Fate::Accepted);
}
