//! How the checkout queues of each zone did, quarter of an hour by quarter of an hour, and where a lane must open.

use contract::event::queue::QueueInterval;
use contract::exception::Severity;
use contract::ids::{EventId, Id};
use contract::time::{HOUR_MS, MINUTE_MS, QUARTER_MS, hour, quarter};
use contract::units::{quotient, saturated};
use engine::row::READABLE_MS;
use retail::views::labor_coverage::Coverage;
use retail::views::store_queue::{NAME, Quarter, Queue, ZoneQuarter};

use smallvec::{SmallVec, smallvec};

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::slots::{Book, NOBODY, Names};
use super::speech::{Answer, Drivers, Key, Part};
use super::timers::Timer;

/// `store.queue_breach`, by its place in the list of types.
pub(super) const BREACH: u8 = 18;
const GRACE_MS: i64 = 5 * MINUTE_MS;
const ENOUGH: i64 = 10;
const CRITICAL_BP: i64 = 5_000;

/// When an interval was, which record, its length and its lanes.
type Interval = (i64, EventId, i64, i64);

/// A quarter of an hour of a zone.
#[derive(Debug, Default)]
struct Slot {
    intervals: SmallVec<[Interval; 2]>,
    served: i128,
    over_target: i128,
    abandoned: i128,
    wait_ms: i128,
    lanes_open: i64,
    said: Said<Queue>,
    /// The clock is to look when it counts.
    timed: bool,
}

/// A zone of a store.
#[derive(Debug, Default)]
struct Zone {
    case: Case,
    critical: bool,
}

/// All queues.
#[derive(Debug, Default)]
pub(super) struct Queues {
    names: Names,
    book: Book<(u32, i64), Slot>,
    zones: Book<(u32, u32), Zone>,
    /// By store, its zones.
    of_store: Vec<Vec<u32>>,
    unsent: Unsent<Queue>,
    touched: Vec<u32>,
}

impl Queues {
    /// An interval.
    pub(super) fn interval(
        &mut self,
        desk: &mut Desk,
        store: u32,
        (time, id, interval): (i64, &EventId, &QueueInterval),
        (diff, cause): (i64, u32),
    ) {
        let zone = (store, self.names.of(interval.zone));
        let (zone, new) = self.zones.open(&zone, Zone::default);
        if new {
            if self.of_store.len() <= store as usize {
                self.of_store.resize(store as usize + 1, Vec::new());
            }
            self.of_store[store as usize].push(zone);
        }
        let start = quarter(time);
        let (at, new) = self.book.open(&(zone, start), Slot::default);
        if new {
            let settles_at = start + QUARTER_MS + desk.lateness_ms;
            desk.wake(settles_at, Timer::Quarter(at));
            desk.wake(settles_at + READABLE_MS + HOUR_MS, Timer::Quarter(at));
        }
        let slot = self.book.touch(at, cause);
        if slot.said.settled {
            return;
        }
        let times = |count: i64| i128::from(diff) * i128::from(count);
        slot.served += times(interval.served);
        slot.over_target += times(interval.over_target);
        slot.abandoned += times(interval.abandoned);
        slot.wait_ms += times(interval.wait_ms_sum);
        let one = (time, id.clone(), interval.length_max, interval.lanes_open);
        if diff > 0 {
            slot.intervals.push(one);
        } else if let Some(found) = slot.intervals.iter().position(|held| *held == one) {
            slot.intervals.swap_remove(found);
        }
    }

    /// The clock looks at a quarter.
    pub(super) fn wake(&mut self, at: u32, desk: &mut Desk) {
        let (_, start) = *self.book.key(at);
        if desk.now < start + QUARTER_MS + desk.lateness_ms + READABLE_MS + HOUR_MS {
            self.book.touch(at, NOBODY);
        } else if self.book.get(at).said.is_waiting() || !self.book.forget(at) {
            desk.wake(desk.now + HOUR_MS, Timer::Quarter(at));
        }
    }

    /// Another quarter counts for a zone.
    pub(super) fn turn(&mut self, zone: u32) {
        self.zones.get_mut(zone).case.touch(NOBODY, zone, &mut self.touched);
    }

    /// Touches every zone, or one.
    pub(super) fn touch(&mut self, zone: Option<u32>, cause: u32) {
        for at in zone.map_or(0..self.zones.places(), |at| at..at + 1) {
            self.zones.get_mut(at).case.touch(cause, at, &mut self.touched);
        }
    }

    /// Says the rows.
    pub(super) fn close(&mut self, desk: &mut Desk) {
        let touched = self.book.take_touched();
        for at in &touched {
            let (&(zone, start), slot, cause) = self.book.close(*at);
            let before = slot.said.value.map(|queue| (queue, slot.lanes_open));
            let value = (!slot.intervals.is_empty()).then(|| slot.queue());
            let settled = slot.said.settled;
            self.unsent.tumble(*at, &mut slot.said, value, (desk.now, start + QUARTER_MS + desk.lateness_ms));
            if !settled && let Some(last) = slot.intervals.iter().max() {
                slot.lanes_open = last.3;
            }
            if slot.said.settled {
                slot.intervals = SmallVec::new();
            }
            let after = slot.said.value.map(|queue| (queue, slot.lanes_open));
            let (from, until) = (start + QUARTER_MS + GRACE_MS, start + 2 * QUARTER_MS + GRACE_MS);
            let now = desk.now;
            let shown = before.filter(|_| desk.ticks.at(from) < now && now <= desk.ticks.at(until));
            let shows = after.filter(|_| from <= now && now < until);
            if shown != shows {
                self.zones.get_mut(zone).case.touch(cause, zone, &mut self.touched);
            }
            if from > now && !std::mem::replace(&mut slot.timed, true) {
                desk.wake(from, Timer::Zone(zone));
            }
        }
        self.book.give_back(touched);
    }

    /// Customers served in time, and all, of an hour of a store.
    pub(super) fn served(&self, store: u32, start: i64) -> (i128, i128) {
        let (mut in_time, mut all) = (0, 0);
        for zone in self.of_store.get(store as usize).into_iter().flatten() {
            for part in 0..4 {
                let at = self.book.find(&(*zone, start + part * QUARTER_MS));
                if let Some(queue) = at.and_then(|at| self.book.get(at).said.value) {
                    in_time += i128::from(queue.served.saturating_sub(queue.over_target));
                    all += i128::from(queue.served.saturating_add(queue.abandoned));
                }
            }
        }
        debug_assert_eq!(hour(start), start, "an hour");
        (in_time, all)
    }

    /// Judges the zones that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court, cashiers: impl Fn(u32) -> Option<Coverage>) {
        for at in std::mem::take(&mut self.touched) {
            let start = quarter(desk.now - GRACE_MS) - QUARTER_MS;
            let row = self.book.find(&(at, start)).map(|place| self.book.get(place));
            let row =
                row.and_then(|slot| Some((start, Quarter { queue: slot.said.value?, lanes_open: slot.lanes_open })));
            let sl_bp = court.policy(BREACH, 0);
            let (store, zone) = *self.zones.key(at);
            let name = self.names.name(zone);
            let of = self.zones.get_mut(at);
            let verdict = match row.and_then(|(_, row)| judged(&row.queue)) {
                None => Verdict::default(),
                Some(level) => {
                    if level < sl_bp {
                        of.critical = level < CRITICAL_BP;
                    }
                    Verdict::while_true(level < sl_bp)
                }
            };
            let mut case = std::mem::take(&mut of.case);
            let subject = Breach {
                store,
                names: (desk.store_id(store), name),
                row,
                sl_bp,
                critical: of.critical,
                cashiers: cashiers(store).unwrap_or_default(),
            };
            court.step(desk, (BREACH, at), &mut case, verdict, &subject);
            self.zones.get_mut(at).case = case;
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let Queues { book, zones, names, unsent, .. } = self;
        unsent.send(NAME, page, |at| {
            let (zone, quarter) = *book.key(at);
            let (store, zone) = *zones.key(zone);
            (
                ZoneQuarter { store: desk.store_id(store), zone: names.name(zone), quarter },
                book.get_mut(at).said.leave(),
            )
        });
    }
}

impl Slot {
    fn queue(&self) -> Queue {
        Queue {
            served: saturated(self.served),
            over_target: saturated(self.over_target),
            abandoned: saturated(self.abandoned),
            wait_ms_sum: saturated(self.wait_ms),
            avg_wait_ms: quotient(self.wait_ms, self.served),
            service_level_bp: quotient((self.served - self.over_target) * 10_000, self.served + self.abandoned),
            length_max: self.intervals.iter().map(|interval| interval.2).max().unwrap_or(0),
        }
    }
}

/// The service level of a quarter with customers enough.
fn judged(queue: &Queue) -> Option<i64> {
    let customers = queue.served.saturating_add(queue.abandoned);
    queue.service_level_bp.filter(|_| customers >= ENOUGH)
}

struct Breach {
    store: u32,
    names: (Id, Id),
    row: Option<(i64, Quarter)>,
    sl_bp: i64,
    critical: bool,
    cashiers: Coverage,
}

impl Subject for Breach {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.names.0), Part::Name(self.names.1)]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        let severity = if self.critical { Severity::Critical } else { Severity::High };
        answer(severity, "open_lane", "store_manager")
    }

    fn drivers(&self) -> Drivers {
        let queue = self.row.map(|(_, row)| row.queue);
        let customers = queue.map(|queue| queue.served.saturating_add(queue.abandoned));
        let required = self.cashiers.required;
        smallvec![
            driver("service_level", queue.and_then(|queue| queue.service_level_bp), self.sl_bp, "bp"),
            driver("customers", customers, ENOUGH, "customers"),
            driver("quarter_start", self.row.map(|(start, _)| start), None, "ms"),
            driver("average_wait", queue.and_then(|queue| queue.avg_wait_ms), None, "ms"),
            driver("present", self.cashiers.present, required, "heads"),
            driver("required", required, None, "heads"),
            driver("lanes_open", self.row.map(|(_, row)| row.lanes_open), None, "lanes"),
        ]
    }
}
