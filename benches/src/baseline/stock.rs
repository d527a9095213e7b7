//! What may be wrong with a shelf: too little for the days to come, less than nothing, or something nobody can find.

use contract::exception::Severity;
use contract::units::floor_div;
use retail::detectors::{inventory_phantom_stock as phantom_stock, inventory_stockout_risk as stockout_risk};
use retail::stats::basis_points;
use retail::views::inventory_position::Position;

use smallvec::smallvec;

use super::court::{Case, Court, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::shelves::{Shelf, Shelves};
use super::speech::{Answer, Drivers, Key, Parameter, Part};
use super::timers::Timer;

/// `inventory.negative_on_hand`, by its place in the list of types.
pub(super) const NEGATIVE: u8 = 6;
/// `inventory.phantom_stock`.
pub(super) const PHANTOM: u8 = 7;
/// `inventory.stockout_risk`.
pub(super) const STOCKOUT: u8 = 8;

const UNIT_MILLI: i64 = 1_000;
const CRITICAL_BP: i64 = 8_000;
const SUFFICES_BP: i64 = 9_500;

/// The cases of a shelf.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Too little.
    pub(super) stockout: Case,
    /// Less than nothing.
    pub(super) negative: Case,
    /// Not to be found.
    pub(super) phantom: Case,
    /// Units in a case of the product.
    pub(super) case_pack: i64,
    risk_bp: Option<i64>,
    /// What was last computed: demand until the delivery, and the units that suffice.
    suffices: Option<(stockout_risk::Lead, i64)>,
    /// So many units are surely enough to clear, for this demand and bound.
    safe: Option<(stockout_risk::Lead, i64, i64)>,
    stocked_since: Option<i64>,
    /// How long silence must last: for (forecast, open day, bound).
    needed: Option<((i64, i64, i64), Option<i64>)>,
    phantom_wake: i64,
}

/// The shelves to be looked at, by type.
#[derive(Debug, Default)]
pub(super) struct Doubtful {
    /// Stockout risk.
    pub(super) stockout: Vec<u32>,
    /// Negative on hand.
    pub(super) negative: Vec<u32>,
    /// Phantom stock.
    pub(super) phantom: Vec<u32>,
}

impl Doubtful {
    /// The row of a shelf changed.
    pub(super) fn position(&mut self, at: u32, doubts: &mut Doubts, cause: u32) {
        doubts.stockout.touch(cause, at, &mut self.stockout);
        doubts.negative.touch(cause, at, &mut self.negative);
        doubts.phantom.touch(cause, at, &mut self.phantom);
    }

    /// Judges every shelf that was touched; tells the store of each stockout that opens (1) or clears (−1).
    pub(super) fn judge(
        &mut self,
        shelves: &mut Shelves,
        desk: &mut Desk,
        court: &mut Court,
        mut stockouts: impl FnMut(u32, i64),
    ) {
        for at in self.stockout.drain(..) {
            let shelf = shelves.get_mut(at);
            let before = shelf.doubts.stockout.is_open();
            judge_stockout(at, shelf, desk, court);
            let after = shelf.doubts.stockout.is_open();
            if before != after {
                stockouts(shelf.store, if after { 1 } else { -1 });
            }
        }
        for at in self.negative.drain(..) {
            let shelf = shelves.get_mut(at);
            let mut case = std::mem::take(&mut shelf.doubts.negative);
            let verdict = match shelf.said.value {
                None => Verdict::GONE,
                Some(row) => Verdict::while_true(row.anchor_at.is_some() && row.on_hand_milli < 0),
            };
            court.step(desk, (NEGATIVE, at), &mut case, verdict, &Negative(shelf));
            shelf.doubts.negative = case;
        }
        for at in self.phantom.drain(..) {
            judge_phantom(at, shelves.get_mut(at), desk, court);
        }
    }
}

fn key(shelf: &Shelf) -> Key {
    smallvec![Part::Name(shelf.key.store), Part::Name(shelf.key.item)]
}

fn lead(shelf: &Shelf) -> Option<stockout_risk::Lead> {
    shelf.location.map(|at| (at.lead_time_h, at.forecast_milli, at.dispersion_bp))
}

fn judge_stockout(at: u32, shelf: &mut Shelf, desk: &mut Desk, court: &mut Court) {
    let mut case = std::mem::take(&mut shelf.doubts.stockout);
    let verdict = stockout(shelf, case.is_open(), court);
    let bound = court.policy(STOCKOUT, 0);
    court.step(desk, (STOCKOUT, at), &mut case, verdict, &Stockout(shelf, bound));
    shelf.doubts.stockout = case;
}

fn stockout(shelf: &mut Shelf, is_open: bool, court: &Court) -> Verdict {
    let (open_bp, clear_bp) = (court.policy(STOCKOUT, 0), court.policy(STOCKOUT, 1));
    let (row, of) = (shelf.said.value, lead(shelf));
    let doubts = &mut shelf.doubts;
    doubts.risk_bp = None;
    let (Some(row), Some(lead)) = (row, of) else { return Verdict::GONE };
    if row.anchor_at.is_none() || stockout_risk::expected_24000(lead) < 24_000 {
        return Verdict::while_true(false);
    }
    let units = row.available_milli.div_euclid(UNIT_MILLI);
    let bound = open_bp.min(clear_bp);
    let is_safe =
        |(of, below, from): &(stockout_risk::Lead, i64, i64)| *of == lead && *below == bound && units >= *from;
    // More stock is never a greater risk.
    if !is_open && doubts.safe.as_ref().is_some_and(is_safe) {
        return Verdict::while_true(false);
    }
    let risk_bp = basis_points(stockout_risk::demand(lead).exceeds(units));
    doubts.risk_bp = Some(risk_bp);
    let (open, clear) = (risk_bp >= open_bp, risk_bp < clear_bp);
    if !open && clear {
        doubts.safe = Some((lead, bound, units));
    } else if doubts.suffices.is_none_or(|(of, _)| of != lead) {
        doubts.suffices = Some((lead, stockout_risk::demand(lead).quantile(SUFFICES_BP)));
    }
    Verdict { open, clear, gone: false }
}

struct Stockout<'a>(&'a Shelf, i64);

impl Subject for Stockout<'_> {
    fn key(&self) -> Key {
        key(self.0)
    }

    fn store(&self) -> Option<u32> {
        Some(self.0.store)
    }

    fn answer(&self) -> Answer {
        let doubts = &self.0.doubts;
        let critical = doubts.risk_bp.is_some_and(|risk_bp| risk_bp >= CRITICAL_BP);
        let available = self.0.said.value.map_or(0, |row| row.available_milli);
        let suffices = doubts.suffices.map_or(0, |(_, units)| units);
        let quantity = stockout_risk::quantity(suffices, available, doubts.case_pack.max(1));
        let severity = if critical { Severity::Critical } else { Severity::High };
        answer(severity, "replenish", "inventory_planner").with("quantity", Parameter::Number(quantity))
    }

    fn drivers(&self) -> Drivers {
        let (row, lead, doubts) = (self.0.said.value, lead(self.0), &self.0.doubts);
        let suffices = doubts.suffices.filter(|(of, _)| Some(*of) == lead);
        let wanted = lead.map(|lead| floor_div(stockout_risk::expected_24000(lead), 24));
        smallvec![
            driver("stockout_probability", doubts.risk_bp, self.1, "bp"),
            driver(
                "available",
                row.map(|row| row.available_milli),
                suffices.map(|(_, units)| units.saturating_mul(UNIT_MILLI)),
                "milli-units"
            ),
            driver("demand_over_lead_time", wanted, UNIT_MILLI, "milli-units"),
            driver("lead_time", lead.map(|lead| lead.0), None, "hours"),
            driver("last_count_at", row.and_then(|row| row.anchor_at), None, "ms"),
        ]
    }
}

struct Negative<'a>(&'a Shelf);

impl Subject for Negative<'_> {
    fn key(&self) -> Key {
        key(self.0)
    }

    fn store(&self) -> Option<u32> {
        Some(self.0.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::High, "count", "store_manager")
    }

    fn drivers(&self) -> Drivers {
        let row = self.0.said.value;
        smallvec![
            driver("on_hand", row.map(|row| row.on_hand_milli), 0, "milli-units"),
            driver("last_counted_at", row.and_then(|row| row.anchor_at), None, "ms"),
        ]
    }
}

fn judge_phantom(at: u32, shelf: &mut Shelf, desk: &mut Desk, court: &mut Court) {
    let mut case = std::mem::take(&mut shelf.doubts.phantom);
    let (verdict, again) = phantom(shelf, desk, court.policy(PHANTOM, 0));
    if let Some(again) = again
        && (shelf.doubts.phantom_wake <= desk.now || again < shelf.doubts.phantom_wake)
    {
        shelf.doubts.phantom_wake = desk.wake(again, Timer::Case(PHANTOM, at));
    }
    let subject =
        Phantom { shelf, desk_hours: desk.hours(shelf.store), now: desk.now, bound: court.policy(PHANTOM, 0) };
    court.step(desk, (PHANTOM, at), &mut case, verdict, &subject);
    shelf.doubts.phantom = case;
}

fn silent_since(row: Option<Position>, stocked_since: Option<i64>) -> Option<i64> {
    let row = row?;
    row.last_sale_at.max(row.anchor_at).max(stocked_since)
}

fn phantom(shelf: &mut Shelf, desk: &Desk, alpha_bp: i64) -> (Verdict, Option<i64>) {
    let (row, location, now) = (shelf.said.value, shelf.location, desk.now);
    let stocked = row.is_some_and(|row| row.on_hand_milli >= UNIT_MILLI);
    let doubts = &mut shelf.doubts;
    doubts.stocked_since = doubts.stocked_since.or(Some(now)).filter(|_| stocked);
    let (Some(row), Some(location)) = (row, location) else { return (Verdict::GONE, None) };
    if !stocked || row.anchor_at.is_none() {
        return (Verdict::while_true(false), None);
    }
    let hours = desk.hours(shelf.store);
    let of = (location.forecast_milli, hours.open_day(), alpha_bp);
    let needed = match doubts.needed {
        Some((held, needed)) if held == of => needed,
        _ => {
            let needed = phantom_stock::silent_for(of.0, of.1, of.2);
            doubts.needed = Some((of, needed));
            needed
        }
    };
    let (Some(since), Some(open_ms)) = (silent_since(Some(row), doubts.stocked_since), needed) else {
        return (Verdict::while_true(false), None);
    };
    if hours.open(since, now) >= open_ms {
        return (Verdict::while_true(true), None);
    }
    // A look that comes too early is repeated then.
    let waits = doubts.phantom_wake > now && doubts.phantom_wake <= since + open_ms;
    (Verdict::while_true(false), (!waits).then(|| hours.after_open(since, open_ms)))
}

struct Phantom<'a> {
    shelf: &'a Shelf,
    desk_hours: engine::reference::Hours,
    now: i64,
    bound: i64,
}

impl Subject for Phantom<'_> {
    fn key(&self) -> Key {
        key(self.shelf)
    }

    fn store(&self) -> Option<u32> {
        Some(self.shelf.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::Medium, "shelf_check", "store_manager")
    }

    fn drivers(&self) -> Drivers {
        let (row, hours) = (self.shelf.said.value, self.desk_hours);
        let forecast = self.shelf.location.map(|location| location.forecast_milli);
        let stocked_since = self.shelf.doubts.stocked_since;
        let silent_ms = silent_since(row, stocked_since).map(|since| hours.open(since, self.now));
        let chance = match (forecast, silent_ms) {
            (Some(milli), Some(open_ms)) if hours.open_day() > 0 => {
                Some(phantom_stock::silence_bp(milli, open_ms, hours.open_day()))
            }
            _ => None,
        };
        let needed = forecast.and_then(|milli| phantom_stock::silent_for(milli, hours.open_day(), self.bound));
        smallvec![
            driver("chance_of_no_sale", chance, self.bound, "bp"),
            driver("open_time_without_sale", silent_ms, needed, "ms"),
            driver("on_hand", row.map(|row| row.on_hand_milli), UNIT_MILLI, "milli-units"),
            driver("forecast_per_day", forecast, 0, "milli-units"),
            driver("last_sale_at", row.and_then(|row| row.last_sale_at), None, "ms"),
            driver("last_count_at", row.and_then(|row| row.anchor_at), None, "ms"),
            driver("in_stock_since", stocked_since, None, "ms"),
        ]
    }
}
