//! Staff: who is planned to work, who really comes, and who is there at any minute.
//!
//! Two shifts a day for each role, as many heads as the busiest hour of a planned day needs, and one or more beyond.
//! People clock in a little early and out a little late, and take half an hour of break, one after the other.

use crate::random::Random;
use crate::topic::{Body, Id, Punch, PunchKind, Role, Shift};

use super::calendar::{MINUTE_MS, OPEN_MINUTES, PEAK_PERCENT, minute_of_day};
use super::orders::Orders;
use super::{Desk, Scene};

/// When shifts are planned, in minutes of the day.
const PLANNED: i64 = 240;

/// From when to when a shift goes, and when its first break may begin, in minutes of the day.
const WAVES: [(&str, i64, i64, i64); 2] = [("early", 465, 850, 600), ("late", 830, 1_220, 870)];

const REST_MINUTES: i64 = 30;
const ROLES: [(Role, &str); 3] = [(Role::Checkout, "till"), (Role::Fulfillment, "pick"), (Role::Floor, "floor")];

/// Somebody uses the clock.
struct Clocking {
    at: i64,
    employee: Id,
    role: Role,
    kind: PunchKind,
}

/// The people of a shop.
#[derive(Default)]
pub(super) struct Staff {
    /// What the clock will be told today, the last first.
    today: Vec<Clocking>,
    present: [Vec<Id>; 3],
}

/// Heads that a role needs at the busiest time of a planned day, with some to spare for breaks.
fn heads(scene: &Scene<'_>, role: Role) -> i64 {
    let shop = scene.shop;
    let spare = |heads: i64| heads + 1 + heads / 8;
    match role {
        Role::Checkout => {
            let seconds_percent = 4_000 + 3 * shop.lines_per_basket_percent();
            let lanes_percent = shop.buyers_per_day * seconds_percent / (OPEN_MINUTES * 60) * PEAK_PERCENT / 100;
            spare((lanes_percent * 13 / 10 + 99) / 100 + 1)
        }
        Role::Fulfillment => spare(1 + Orders::per_day(shop) / 60),
        Role::Floor => spare(1 + shop.lines_per_day / 8_000),
    }
}

impl Staff {
    /// How many are there and not on break.
    pub(super) fn present(&self, role: Role) -> i64 {
        i64::try_from(self.present[role as usize].len()).unwrap_or(0)
    }

    /// One of those who are there, in turn; the manager if nobody is.
    pub(super) fn someone(&self, role: Role, turn: u64) -> Id {
        let there = &self.present[role as usize];
        let place = usize::try_from(turn % there.len().max(1) as u64).unwrap_or(0);
        there.get(place).cloned().unwrap_or_else(|| Id::known("manager".to_owned()))
    }

    /// Plans the day in the night; lets people in and out.
    pub(super) fn minute(&mut self, scene: &Scene<'_>, orders: &mut Orders, random: &mut Random, desk: &mut Desk<'_>) {
        if minute_of_day(scene.now) == PLANNED {
            self.plan(scene, random, desk);
        }
        while let Some(clocking) = self.today.pop_if(|next| next.at < scene.now + MINUTE_MS) {
            let there = &mut self.present[clocking.role as usize];
            match clocking.kind {
                PunchKind::In | PunchKind::BreakEnd => there.push(clocking.employee.clone()),
                PunchKind::Out | PunchKind::BreakStart => there.retain(|one| *one != clocking.employee),
            }
            let word = match clocking.kind {
                PunchKind::In => "in",
                PunchKind::Out => "out",
                PunchKind::BreakStart => "rest",
                PunchKind::BreakEnd => "back",
            };
            let name = format!("{}-{}-{word}", clocking.employee, scene.day());
            let Clocking { at, employee, role, kind } = clocking;
            desk.post.prompt(scene.record(name, at, Body::Punch(Punch { employee_id: employee, role, kind })));
        }
        orders.pickers = self.present(Role::Fulfillment);
    }

    fn plan(&mut self, scene: &Scene<'_>, random: &mut Random, desk: &mut Desk<'_>) {
        let midnight = scene.now - PLANNED * MINUTE_MS;
        for (role, word) in ROLES {
            let heads = heads(scene, role);
            for (wave, from, to, rest) in WAVES {
                let (start_at, end_at) = (midnight + from * MINUTE_MS, midnight + to * MINUTE_MS);
                for one in 0..heads {
                    let employee = Id::known(format!("{}-{word}-{wave}{one}", scene.shop.id));
                    let shift_id = Id::known(format!("{employee}-{}", scene.day()));
                    let event_id = format!("shift-{shift_id}");
                    let shift = Shift { shift_id, employee_id: employee.clone(), role, start_at, end_at };
                    desk.post.prompt(scene.record(event_id, scene.now, Body::Shift(shift)));
                    if scene.plan.is_absent(scene.place, role, start_at, (one, heads)) {
                        continue;
                    }
                    let rest_at = midnight + (rest + (one * 37) % 220) * MINUTE_MS;
                    let mut clock = |at, kind| {
                        self.today.push(Clocking { at, employee: employee.clone(), role, kind });
                    };
                    clock(start_at - random.between(120, 540) * 1_000, PunchKind::In);
                    clock(rest_at, PunchKind::BreakStart);
                    clock(rest_at + REST_MINUTES * MINUTE_MS, PunchKind::BreakEnd);
                    clock(end_at + random.between(60, 540) * 1_000, PunchKind::Out);
                }
            }
        }
        self.today.sort_by(|a, b| (b.at, &b.employee).cmp(&(a.at, &a.employee)));
    }
}
