//! How strongly each department of a store is asked for now, and where that is far from what was planned.

use contract::event::signal::Signal;
use contract::exception::Severity;
use contract::ids::Id;
use contract::keys::StoreDept;
use contract::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use retail::state::item_demand::Demand;
use retail::state::signal_book::product_bp;
use retail::views::demand_index::{DemandIndex, NAME, expected};

use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::rows::{Page, Said, Unsent};
use super::shelves::Shelves;
use super::slots::{Book, Marks, NOBODY};
use super::speech::{Answer, Drivers, Key, Part};
use super::sums::{Shape, Trail};
use super::timers::Timer;

/// `demand.drop`, by its place in the list of types.
pub(super) const DROP: u8 = 1;
/// `demand.surge`.
pub(super) const SURGE: u8 = 2;
const HYSTERESIS_BP: i64 = 500;
const LAST_HOUR: Shape = Shape { window_ms: HOUR_MS, pane_ms: MINUTE_MS };
const LAST_DAY: Shape = Shape { window_ms: DAY_MS, pane_ms: HOUR_MS };

#[derive(Debug, Default)]
struct Cell {
    /// Lines and units.
    sold: Trail<[i64; 2]>,
    carts_60m: Trail<i64>,
    carts_24h: Trail<i64>,
    said: Option<(u32, Demand)>,
    /// The record that moved it to another department in this tick.
    moved_by: Option<u32>,
}

#[derive(Debug, Default)]
struct Dept {
    demand: Demand,
    said: Said<DemandIndex>,
    drop: Case,
    surge: Case,
    wake: i64,
    turn: i64,
}

/// All departments.
#[derive(Debug, Default)]
pub(super) struct Demands {
    cells: Vec<Cell>,
    marks: Marks,
    depts: Book<(u32, u32), Dept>,
    /// By store, its departments and its signals.
    of_store: Vec<(Vec<u32>, Vec<Signal>)>,
    unsent: Unsent<DemandIndex>,
    drops: Vec<u32>,
    surges: Vec<u32>,
}

impl Demands {
    fn cell(&mut self, shelf: u32, cause: u32) -> &mut Cell {
        if self.cells.len() <= shelf as usize {
            self.cells.resize_with(shelf as usize + 1, Cell::default);
        }
        self.marks.touch(shelf, cause);
        &mut self.cells[shelf as usize]
    }

    /// A sale or void line.
    pub(super) fn line(
        &mut self,
        desk: &mut Desk,
        shelf: u32,
        (time, units_milli): (i64, i64),
        (diff, cause): (i64, u32),
    ) {
        let now = desk.now;
        let new = self.cell(shelf, cause).sold.add(LAST_HOUR, time, &[diff, diff * units_milli], now);
        turn(desk, shelf, new, LAST_HOUR);
    }

    /// A cart.
    pub(super) fn cart(&mut self, desk: &mut Desk, shelf: u32, time: i64, (diff, cause): (i64, u32)) {
        let now = desk.now;
        let cell = self.cell(shelf, cause);
        let new = (cell.carts_60m.add(LAST_HOUR, time, &diff, now), cell.carts_24h.add(LAST_DAY, time, &diff, now));
        turn(desk, shelf, new.0, LAST_HOUR);
        turn(desk, shelf, new.1, LAST_DAY);
    }

    /// The department of an item changed.
    pub(super) fn move_cell(&mut self, shelf: u32, cause: u32) {
        let cell = self.cell(shelf, NOBODY);
        cell.moved_by = Some(cell.moved_by.unwrap_or(NOBODY).min(cause));
    }

    /// An item was ranged, or is no longer.
    pub(super) fn touch_cell(&mut self, shelf: u32, cause: u32) {
        self.cell(shelf, cause);
    }

    /// The clock looks at an item of a store.
    pub(super) fn wake(&mut self, shelf: u32, now: i64) {
        let cell = self.cell(shelf, NOBODY);
        cell.sold.look(LAST_HOUR, now);
        cell.carts_60m.look(LAST_HOUR, now);
        cell.carts_24h.look(LAST_DAY, now);
    }

    /// The clock looks at a department.
    pub(super) fn wake_dept(&mut self, at: u32) {
        self.depts.touch(at, NOBODY);
    }

    /// The clock looks at the cases of a department.
    pub(super) fn touch_case(&mut self, at: u32, cause: u32) {
        let of = self.depts.get_mut(at);
        of.drop.touch(cause, at, &mut self.drops);
        of.surge.touch(cause, at, &mut self.surges);
    }

    /// A policy of a type changed.
    pub(super) fn touch_all(&mut self, surge: bool, cause: u32) {
        for at in 0..self.depts.places() {
            let of = self.depts.get_mut(at);
            let stands = of.said.value.is_some();
            if surge && (stands || !of.surge.is_idle()) {
                of.surge.touch(cause, at, &mut self.surges);
            }
            if !surge && (stands || !of.drop.is_idle()) {
                of.drop.touch(cause, at, &mut self.drops);
            }
        }
    }

    fn store(&mut self, store: u32) -> &mut (Vec<u32>, Vec<Signal>) {
        if self.of_store.len() <= store as usize {
            self.of_store.resize_with(store as usize + 1, Default::default);
        }
        &mut self.of_store[store as usize]
    }

    /// The hours of a store changed.
    pub(super) fn touch_store(&mut self, store: u32, cause: u32) {
        for at in self.store(store).0.clone() {
            let stands = self.depts.get(at).said.value.is_some();
            if stands {
                self.depts.touch(at, cause);
            }
            let of = self.depts.get_mut(at);
            if stands || !of.drop.is_idle() {
                of.drop.touch(cause, at, &mut self.drops);
            }
            if stands || !of.surge.is_idle() {
                of.surge.touch(cause, at, &mut self.surges);
            }
        }
    }

    /// A signal came or went.
    pub(super) fn signal(&mut self, store: u32, desk: &Desk, signal: &Signal, (diff, cause): (i64, u32)) {
        let (depts, signals) = self.store(store);
        if diff > 0 {
            signals.push(*signal);
        } else if let Some(at) = signals.iter().position(|held| held == signal) {
            signals.swap_remove(at);
        }
        for at in depts.clone() {
            let dept = self.depts.key(at).1;
            if signal.dept.is_none_or(|told| told == desk.depts.name(dept)) && self.depts.get(at).said.value.is_some() {
                self.depts.touch(at, cause);
            }
        }
    }

    fn move_to(&mut self, key: (u32, u32), (demand, times): (&Demand, i64), cause: u32) {
        let (at, new) = self.depts.open(&key, Dept::default);
        if new {
            self.store(key.0).0.push(at);
        }
        self.depts.touch(at, cause).demand.add(demand, times);
    }

    /// Says the rows.
    pub(super) fn close(&mut self, desk: &mut Desk, shelves: &Shelves, list: &mut Vec<(u32, u32)>) {
        self.marks.drain(list);
        for (at, cause) in list.drain(..) {
            let (shelf, cell) = (shelves.get(at), &mut self.cells[at as usize]);
            let [lines, units_milli] = cell.sold.total;
            let demand = Demand {
                lines,
                units_milli,
                carts_60m: cell.carts_60m.total,
                carts_24h: cell.carts_24h.total,
                ranged: i64::from(shelf.location.is_some()),
                forecast_milli: shelf.location.map_or(0, |location| i128::from(location.forecast_milli)),
            };
            let new = demand.is_present().then_some((desk.goods[shelf.item as usize].dept, demand));
            let old = std::mem::replace(&mut cell.said, new);
            let same = old.map(|(_, demand)| demand) == new.map(|(_, demand)| demand);
            let cause = cell.moved_by.take().unwrap_or(NOBODY).min(if same { NOBODY } else { cause });
            if old != new {
                for (demand, times) in [(old, -1), (new, 1)] {
                    if let Some((dept, demand)) = demand {
                        self.move_to((shelf.store, dept), (&demand, times), cause);
                    }
                }
            }
        }
        let touched = self.depts.take_touched();
        for at in &touched {
            let (&(store, dept), of, cause) = self.depts.close(*at);
            let (share, share_turns) = expected(of.demand.forecast_milli, desk.hours(store), desk.now);
            let signals = &self.of_store[store as usize].1;
            let (signal_bp, signals_turn) = in_force(signals, desk.depts.name(dept), desk.now);
            let value = of.demand.is_present().then(|| DemandIndex::of(&of.demand, share, signal_bp));
            if self.unsent.say(*at, &mut of.said, value) {
                of.drop.touch(cause, *at, &mut self.drops);
                of.surge.touch(cause, *at, &mut self.surges);
            }
            let next = share_turns.into_iter().chain(signals_turn).min().filter(|_| value.is_some());
            if let Some(next) = next
                && (of.wake <= desk.now || next < of.wake)
            {
                of.wake = desk.wake(next, Timer::Dept(*at));
            }
        }
        self.depts.give_back(touched);
    }

    /// Judges the departments that were touched.
    pub(super) fn judge(&mut self, desk: &mut Desk, court: &mut Court) {
        for (kind, list) in [(DROP, std::mem::take(&mut self.drops)), (SURGE, std::mem::take(&mut self.surges))] {
            for at in list {
                let (store, dept) = *self.depts.key(at);
                let of = self.depts.get_mut(at);
                let (row, hours, open_bp) = (of.said.value, desk.hours(store), court.policy(kind, 0));
                let is_open = hours.is_open(desk.now);
                let verdict = row.map_or(Verdict::GONE, |row| {
                    let (opens, clears) = if kind == SURGE {
                        (row.index_bp >= open_bp, row.index_bp < open_bp - HYSTERESIS_BP)
                    } else {
                        (row.index_bp <= open_bp, row.index_bp > open_bp + HYSTERESIS_BP)
                    };
                    Verdict { open: is_open && opens, clear: !is_open || clears, gone: false }
                });
                if let Some(turn) = hours.next_turn(desk.now).filter(|_| row.is_some())
                    && (of.turn <= desk.now || turn < of.turn)
                {
                    of.turn = desk.wake(turn, Timer::Case(SURGE, at));
                }
                let names = (desk.store_id(store), desk.depts.name(dept));
                let subject = Index { store, names, row, is_open, open_bp, surge: kind == SURGE };
                let case = if kind == SURGE { &mut of.surge } else { &mut of.drop };
                court.step(desk, (kind, at), case, verdict, &subject);
            }
        }
    }

    /// Sends the rows that changed.
    pub(super) fn send(&mut self, desk: &Desk, page: &mut Page<'_>) {
        let depts = &mut self.depts;
        self.unsent.send(NAME, page, |at| {
            let (store, dept) = *depts.key(at);
            let key = StoreDept { store: desk.store_id(store), dept: desk.depts.name(dept) };
            (key, depts.get_mut(at).said.leave())
        });
    }
}

/// Sets the clock for a new pane.
fn turn(desk: &mut Desk, shelf: u32, pane: Option<i64>, shape: Shape) {
    if let Some(start) = pane {
        if start > desk.now {
            desk.wake(start, Timer::ItemDemand(shelf));
        }
        desk.wake(start + shape.window_ms, Timer::ItemDemand(shelf));
    }
}

/// The product of the factors in force, and when the clock changes what is.
fn in_force(signals: &[Signal], dept: Id, now: i64) -> (i64, Option<i64>) {
    let (mut factors, mut next) = (Vec::new(), None::<i64>);
    for signal in signals.iter().filter(|signal| signal.valid_to > now && signal.dept.is_none_or(|told| told == dept)) {
        let begun = signal.valid_from <= now;
        let turn = if begun { signal.valid_to } else { signal.valid_from };
        next = Some(next.map_or(turn, |held| held.min(turn)));
        if begun {
            factors.push(signal.factor_bp);
        }
    }
    (product_bp(factors), next)
}

struct Index {
    store: u32,
    names: (Id, Id),
    row: Option<DemandIndex>,
    is_open: bool,
    open_bp: i64,
    surge: bool,
}

impl Subject for Index {
    fn key(&self) -> Key {
        smallvec![Part::Name(self.names.0), Part::Name(self.names.1)]
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        answer(if self.surge { Severity::High } else { Severity::Medium }, "adjust_plan", "regional_manager")
    }

    fn drivers(&self) -> Drivers {
        let row = self.row;
        let expected = row.map(|row| row.expected_60m_milli);
        smallvec![
            driver("demand_index", row.map(|row| row.index_bp), self.open_bp, "bp"),
            driver("units_last_hour", row.map(|row| row.units_60m_milli), expected, "milli-units"),
            driver("carts_last_hour", row.map(|row| row.carts_60m), row.map(|row| row.carts_24h / 24), "carts"),
            driver("signals", row.map(|row| row.signal_bp), 10_000, "bp"),
            driver("store_open", i64::from(self.is_open), 1, "yes or no"),
        ]
    }
}
