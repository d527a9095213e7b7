//! How each store is getting on with its tasks: which are late, and which promotions nobody has set up.

use contract::event::promotion::Promotion;
use contract::event::task::{Task, TaskStatus};
use contract::exception::Severity;
use contract::ids::{EventId, Id};
use contract::time::{HOUR_MS, day};
use retail::views::task_status::{NAME, StoreDayType, TaskCounts};

use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, NOBODY};
use super::speech::{Answer, Drivers, Key, Part};
use super::sums::Steps;
use super::timers::Timer;

/// `promotion.setup_overdue`, by its place in the list of types.
pub(super) const SETUP: u8 = 13;
/// `task.overdue`.
pub(super) const OVERDUE: u8 = 19;
const PRESSING_MS: i64 = 4 * HOUR_MS;

#[derive(Debug, Default)]
struct OfDay {
    completed: i64,
    on_time: i64,
    open: i64,
    overdue: Steps<i64>,
    said: Said<TaskCounts>,
}

#[derive(Debug, Default)]
struct OfTask {
    due_at: Option<i64>,
    case: Case,
}

#[derive(Debug, Default)]
struct OfPromotion {
    runs: Option<(i64, i64)>,
    done: i64,
    case: Case,
}

/// All tasks.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    days: Book<(u32, i64, Id), OfDay>,
    unsent: Unsent<TaskCounts>,
    tasks: Book<(u32, EventId), OfTask>,
    overdue: Vec<u32>,
    setups: Book<(Id, u32), OfPromotion>,
    unready: Vec<u32>,
}

impl Tasks {
    /// A task of a store.
    pub(super) fn task(&mut self, desk: &mut Desk, store: u32, task: &Task, (diff, cause): (i64, u32)) {
        if task.status != TaskStatus::Cancelled {
            let (at, _) = self.days.open(&(store, day(task.due_at), task.task_type), OfDay::default);
            let of = self.days.touch(at, NOBODY);
            if task.is_open() {
                of.open += diff;
                if of.overdue.add(task.due_at, &diff) {
                    desk.wake(task.due_at, Timer::Tasks(at));
                }
            } else {
                of.completed += diff;
                let on_time = task.completed_at.is_some_and(|completed_at| completed_at <= task.due_at);
                of.on_time += if on_time { diff } else { 0 };
            }
        }
        if task.is_open() {
            let (at, _) = self.tasks.open(&(store, task.task.clone()), OfTask::default);
            let of = self.tasks.get_mut(at);
            of.due_at = (diff > 0).then_some(task.due_at);
            of.case.touch(cause, at, &mut self.overdue);
            for instant in [task.due_at, task.due_at + PRESSING_MS] {
                if diff > 0 && instant > desk.now {
                    desk.wake(instant, Timer::Case(OVERDUE, at));
                }
            }
        }
        if let Some(promotion) = task.promotion.filter(|_| task.status == TaskStatus::Completed) {
            let (at, _) = self.setups.open(&(promotion, store), OfPromotion::default);
            let of = self.setups.get_mut(at);
            of.done += diff;
            of.case.touch(cause, at, &mut self.unready);
        }
    }

    /// A promotion.
    pub(super) fn promotion(&mut self, desk: &mut Desk, promotion: &Promotion, (diff, cause): (i64, u32)) {
        if !promotion.setup_required {
            return;
        }
        for store in &promotion.stores {
            let store = desk.shop(*store);
            let (at, _) = self.setups.open(&(promotion.promotion, store), OfPromotion::default);
            let of = self.setups.get_mut(at);
            let terms = promotion.terms;
            of.runs = (diff > 0).then_some((terms.start_at, terms.end_at));
            of.case.touch(cause, at, &mut self.unready);
            for instant in [terms.start_at, terms.end_at] {
                if diff > 0 && instant > desk.now {
                    desk.wake(instant, Timer::Case(SETUP, at));
                }
            }
        }
    }

    /// The clock looks at a day.
    pub(super) fn wake(&mut self, at: u32) {
        self.days.touch(at, NOBODY);
    }

    /// Touches the cases of all tasks, or of one.
    pub(super) fn touch_tasks(&mut self, at: Option<u32>, cause: u32) {
        for at in at.map_or(0..self.tasks.places(), |at| at..at + 1) {
            self.tasks.get_mut(at).case.touch(cause, at, &mut self.overdue);
        }
    }

    /// Touches the cases of all promotions, or of one.
    pub(super) fn touch_setups(&mut self, at: Option<u32>, cause: u32) {
        for at in at.map_or(0..self.setups.places(), |at| at..at + 1) {
            self.setups.get_mut(at).case.touch(cause, at, &mut self.unready);
        }
    }

    /// Says the rows.
    pub(super) fn close(&mut self, desk: &Desk) {
        let touched = self.days.take_touched();
        for at in &touched {
            let (_, of, _) = self.days.close(*at);
            let row = TaskCounts {
                due: of.open + of.completed,
                completed: of.completed,
                on_time: of.on_time,
                overdue: of.overdue.at(desk.now),
                open: of.open,
            };
            self.unsent.say(*at, &mut of.said, Some(row).filter(|row| row.due > 0));
        }
        self.days.give_back(touched);
    }

    /// Judges what was touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        let now = desk.now;
        for at in std::mem::take(&mut self.overdue) {
            let (store, task) = self.tasks.key(at).clone();
            let of = self.tasks.get_mut(at);
            let verdict = of.due_at.map_or(Verdict::GONE, |due_at| Verdict::while_true(due_at <= now));
            let subject = Overdue { store, name: desk.store_id(store), task, due_at: of.due_at, now };
            court.step(desk, (OVERDUE, at), &mut of.case, verdict, &subject);
        }
        for at in std::mem::take(&mut self.unready) {
            let (promotion, store) = *self.setups.key(at);
            let of = self.setups.get_mut(at);
            let verdict = match of.runs {
                Some((start_at, end_at)) if now < end_at => Verdict::while_true(now >= start_at && of.done == 0),
                _ => Verdict::GONE,
            };
            let names = (promotion, desk.store_id(store));
            let subject = Setup { store, names, runs: of.runs, done: of.done, now };
            court.step(desk, (SETUP, at), &mut of.case, verdict, &subject);
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let days = &mut self.days;
        self.unsent.send(NAME, page, |at| {
            let (store, day, task_type) = *days.key(at);
            (StoreDayType { store: desk.store_id(store), day, task_type }, days.get_mut(at).said.leave())
        });
    }
}

struct Overdue {
    store: u32,
    name: Id,
    task: EventId,
    due_at: Option<i64>,
    now: i64,
}

impl Subject for Overdue {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.name), Part::Text(self.task.clone())]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        let pressing = self.due_at.is_some_and(|due_at| due_at + PRESSING_MS <= self.now);
        answer(if pressing { Severity::High } else { Severity::Medium }, "escalate", "store_manager")
    }

    fn drivers(&self) -> Drivers {
        smallvec![
            driver("overdue_ms", self.due_at.map(|due_at| self.now - due_at), 0, "ms"),
            driver("due_at", self.due_at, None, "ms"),
        ]
    }
}

struct Setup {
    store: u32,
    names: (Id, Id),
    runs: Option<(i64, i64)>,
    done: i64,
    now: i64,
}

impl Subject for Setup {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.names.0), Part::Name(self.names.1)]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::High, "store_task", "store_manager")
    }

    fn drivers(&self) -> Drivers {
        smallvec![
            driver("completed_setup_tasks", self.done, 1, "tasks"),
            driver("time_since_start", self.runs.map(|runs| self.now - runs.0), 0, "ms"),
            driver("promotion_starts_at", self.runs.map(|runs| runs.0), None, "ms"),
            driver("promotion_ends_at", self.runs.map(|runs| runs.1), None, "ms"),
        ]
    }
}
