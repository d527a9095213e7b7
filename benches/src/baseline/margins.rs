//! What each department of a store earned in a day, after the cost of what it sold and lost.

use contract::event::inventory::Movement;
use contract::event::pos::PosLine;
use contract::exception::Severity;
use contract::ids::Id;
use contract::keys::StoreDeptDay;
use contract::time::{HOUR_MS, day};
use engine::row::READABLE_MS;
use retail::state::costing::{Amounts, settles_at};
use retail::views::margin_daily::{Margin, NAME};

use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, NOBODY};
use super::speech::{Answer, Drivers, Key, Part};
use super::timers::Timer;

/// `margin.leak`, by its place in the list of types.
pub(super) const LEAK: u8 = 10;
const JUDGED_AFTER_MS: i64 = 12 * HOUR_MS;

/// An item's day at a store, and what it adds to which department.
#[derive(Debug, Default)]
struct ItemDay {
    store: u32,
    item: u32,
    sums: Amounts,
    said: Option<(u32, Amounts)>,
}

#[derive(Debug, Default)]
struct DeptDay {
    sums: Amounts,
    said: Said<Margin>,
    case: Case,
}

/// All margins.
#[derive(Debug, Default)]
pub(super) struct Margins {
    /// By shelf and day.
    items: Book<(u32, i64), ItemDay>,
    days: Book<(u32, u32, i64), DeptDay>,
    unsent: Unsent<Margin>,
    leaks: Vec<u32>,
    over: Vec<u32>,
}

impl Margins {
    fn add(
        &mut self,
        desk: &mut Desk,
        (shelf, store, item): (u32, u32, u32),
        time: i64,
        amounts: &Amounts,
        (diff, cause): (i64, u32),
    ) {
        let start = day(time);
        let (at, new) = self.items.open(&(shelf, start), || ItemDay { store, item, ..ItemDay::default() });
        if new {
            desk.goods[item as usize].costings.push(at);
            desk.wake(settles_at(start, desk.lateness_ms), Timer::Costing(at));
        }
        self.items.touch(at, cause).sums.add(amounts, diff);
    }

    /// A till line of a shelf, its store and item.
    pub(super) fn line(&mut self, desk: &mut Desk, of: (u32, u32, u32), (time, line): (i64, &PosLine), by: (i64, u32)) {
        self.add(desk, of, time, &Amounts::of_line(line), by);
    }

    /// A movement, if it is a loss.
    pub(super) fn movement(
        &mut self,
        desk: &mut Desk,
        of: (u32, u32, u32),
        (time, movement): (i64, &Movement),
        by: (i64, u32),
    ) {
        if let Some(amounts) = Amounts::of_loss(movement) {
            self.add(desk, of, time, &amounts, by);
        }
    }

    /// The department or cost of an item changed.
    pub(super) fn restate(&mut self, desk: &Desk, item: u32, cause: u32) {
        for at in &desk.goods[item as usize].costings {
            self.items.touch(*at, cause);
        }
    }

    /// An item's day settles at this tick.
    pub(super) fn over(&mut self, at: u32) {
        self.over.push(at);
    }

    /// The clock looks at a department's day.
    pub(super) fn wake(&mut self, at: u32, desk: &mut Desk) {
        let (_, _, start) = *self.days.key(at);
        if desk.now < settles_at(start, desk.lateness_ms) + READABLE_MS {
            self.days.touch(at, NOBODY);
        } else if self.days.get(at).said.is_waiting() || !self.days.forget(at) {
            desk.wake(desk.now + HOUR_MS, Timer::MarginDay(at));
        }
    }

    /// The clock or a policy looks at the case of a day, or of all.
    pub(super) fn touch(&mut self, at: Option<u32>, cause: u32) {
        for at in at.map_or(0..self.days.places(), |at| at..at + 1) {
            let of = self.days.get_mut(at);
            if of.said.value.is_some() || !of.case.is_idle() {
                of.case.touch(cause, at, &mut self.leaks);
            }
        }
    }

    fn move_to(&mut self, desk: &mut Desk, key: (u32, u32, i64), (amounts, times): (&Amounts, i64), cause: u32) {
        let (at, new) = self.days.open(&key, DeptDay::default);
        if new {
            let settles = settles_at(key.2, desk.lateness_ms);
            desk.wake(settles, Timer::MarginDay(at));
            desk.wake(settles + READABLE_MS, Timer::MarginDay(at));
            if key.2 + JUDGED_AFTER_MS > desk.now {
                desk.wake(key.2 + JUDGED_AFTER_MS, Timer::Case(LEAK, at));
            }
        }
        self.days.touch(at, cause).sums.add(amounts, times);
    }

    /// Says the rows.
    pub(super) fn close(&mut self, desk: &mut Desk) {
        let touched = self.items.take_touched();
        for at in &touched {
            let (&(_, start), of, cause) = self.items.close(*at);
            let goods = &desk.goods[of.item as usize];
            let cost = i128::from(goods.product.map_or(0, |product| product.unit_cost_cents));
            let costed = Amounts { sold: of.sums.sold * cost, lost: of.sums.lost * cost, ..of.sums };
            let new = (of.sums.records > 0).then_some((goods.dept, costed));
            let (store, old) = (of.store, of.said);
            if old != new {
                of.said = new;
                for (amounts, times) in [(old, -1), (new, 1)] {
                    if let Some((dept, amounts)) = amounts {
                        self.move_to(desk, (store, dept, start), (&amounts, times), cause);
                    }
                }
            }
        }
        self.items.give_back(touched);
        for at in std::mem::take(&mut self.over) {
            let item = self.items.get(at).item;
            desk.goods[item as usize].costings.retain(|held| *held != at);
            self.items.forget(at);
        }
        let touched = self.days.take_touched();
        for at in &touched {
            let (&(_, _, start), of, cause) = self.days.close(*at);
            let value = (of.sums.records > 0).then(|| Margin::of(&of.sums));
            let settles = (desk.now, settles_at(start, desk.lateness_ms));
            if self.unsent.tumble(*at, &mut of.said, value, settles) {
                of.case.touch(cause, *at, &mut self.leaks);
            }
        }
        self.days.give_back(touched);
    }

    /// Judges the days that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        for at in std::mem::take(&mut self.leaks) {
            let (store, dept, start) = *self.days.key(at);
            let of = self.days.get_mut(at);
            let bounds = [court.policy(LEAK, 0), court.policy(LEAK, 1)];
            let row = of.said.value.filter(|_| !of.said.settled);
            let verdict = row.map_or(Verdict::GONE, |row| {
                let low = row.margin_bp.is_some_and(|margin_bp| margin_bp < bounds[1]);
                let judged = desk.now >= start + JUDGED_AFTER_MS;
                Verdict { open: judged && row.net_cents >= bounds[0] && low, clear: !low, gone: false }
            });
            let names = (desk.store_id(store), desk.depts.name(dept));
            let subject = Leak { store, names, day: start, now: desk.now, row, bounds };
            court.step(desk, (LEAK, at), &mut of.case, verdict, &subject);
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let days = &mut self.days;
        self.unsent.send(NAME, page, |at| {
            let (store, dept, day) = *days.key(at);
            let key = StoreDeptDay { store: desk.store_id(store), dept: desk.depts.name(dept), day };
            (key, days.get_mut(at).said.leave())
        });
    }
}

struct Leak {
    store: u32,
    names: (Id, Id),
    day: i64,
    now: i64,
    row: Option<Margin>,
    bounds: [i64; 2],
}

impl Subject for Leak {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.names.0), Part::Name(self.names.1), Part::Number(self.day)]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::High, "review_margin", "finance")
    }

    fn drivers(&self) -> Drivers {
        let row = self.row;
        smallvec![
            driver("margin", row.and_then(|row| row.margin_bp), self.bounds[1], "bp"),
            driver("net_sales", row.map(|row| row.net_cents), self.bounds[0], "cents"),
            driver("age_of_day", self.now - self.day, JUDGED_AFTER_MS, "ms"),
            driver("cost_of_goods", row.map(|row| row.cogs_cents), None, "cents"),
            driver("shrink", row.map(|row| row.shrink_cents), None, "cents"),
            driver("discount", row.map(|row| row.discount_cents), None, "cents"),
        ]
    }
}
