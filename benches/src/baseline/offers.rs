//! One promotion of one item at one store: which till lines belong to it, what they add up to, what may be wrong.

use contract::event::FactBody;
use contract::event::pos::PosLine;
use contract::event::promotion::Terms;
use contract::exception::Severity;
use contract::time::hour;
use contract::units::{floor_div, quotient};
use retail::state::offer::{LatestSale, Sums};
use retail::stats::{Demand, basis_points};
use retail::views::promotion_performance::{Performance, PromotionStoreItem};

use smallvec::smallvec;

use super::court::{Case, Subject, Verdict, answer, driver};
use super::desk::Desk;
use super::facts::{Fact, Facts};
use super::rows::Said;
use super::shelves::Shelf;
use super::speech::{Answer, Drivers, Key, Parameter, Part};

const ENOUGH_MILLI: i64 = 5_000;

/// A promotion of an item at a store.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) key: PromotionStoreItem,
    pub(super) store: u32,
    /// As told.
    pub(super) terms: Option<Terms>,
    /// As last judged by.
    pub(super) judged: Option<Terms>,
    pub(super) sums: Sums,
    pub(super) folded: Sums,
    pub(super) folded_sale: Option<LatestSale>,
    pub(super) latest: Option<LatestSale>,
    pub(super) said: Said<Performance>,
    /// What detectors read: when it begins and ends, and the latest sale line.
    pub(super) read: ((i64, i64), Option<LatestSale>),
    pub(super) settled_at: Option<i64>,
    pub(super) over: bool,
    pub(super) gone: bool,
    pub(super) wake: i64,
    pub(super) mismatch: Case,
    pub(super) under: Case,
}

/// Adds a line to sums if it belongs to the terms; whether it does.
pub(super) fn add(sums: &mut Sums, (time, line): (i64, &PosLine), terms: Terms, count: i64) -> bool {
    let belongs = (terms.start_at..terms.end_at).contains(&time);
    if belongs {
        let sign = line.sale_sign();
        if line.is_sale() {
            let ok = line.unit_price_cents == terms.price_cents;
            *(if ok { &mut sums.ok_lines } else { &mut sums.mismatch_lines }) += count;
        }
        sums.units_milli += count * line.units_milli();
        sums.net_cents += i128::from(count * sign) * i128::from(line.net_cents);
        sums.discount_cents += i128::from(count * sign) * i128::from(line.discount_cents);
    }
    belongs
}

pub(super) fn latest_of(fact: &Fact, line: &PosLine, terms: Terms) -> LatestSale {
    LatestSale {
        event_time: fact.event_time,
        id: fact.id.clone(),
        unit_price_cents: line.unit_price_cents,
        promo_price_cents: terms.price_cents,
    }
}

/// A sale or void line.
pub(super) fn line_of(facts: &Facts, at: u32) -> Option<(&Fact, &PosLine)> {
    let fact = facts.get(at);
    match &fact.body {
        Some(FactBody::Pos(line)) if !line.is_return() && !fact.folded => Some((fact, line)),
        _ => None,
    }
}

impl Offer {
    /// Judges the lines that may still be corrected anew.
    pub(super) fn judge(&mut self, shelf: &Shelf, facts: &Facts) {
        self.judged = self.terms;
        self.sums = self.folded;
        if let Some(terms) = self.judged {
            for (fact, line) in shelf.facts.iter().filter_map(|at| line_of(facts, *at)) {
                add(&mut self.sums, (fact.event_time, line), terms, 1);
            }
        }
        self.find_latest(shelf, facts);
    }

    pub(super) fn find_latest(&mut self, shelf: &Shelf, facts: &Facts) {
        self.latest = self.judged.and_then(|terms| {
            let sales = shelf
                .facts
                .iter()
                .filter_map(|at| line_of(facts, *at))
                .filter(|(fact, line)| line.is_sale() && (terms.start_at..terms.end_at).contains(&fact.event_time));
            let latest = sales.max_by(|a, b| (a.0.event_time, &a.0.id).cmp(&(b.0.event_time, &b.0.id)));
            latest.map(|(fact, line)| latest_of(fact, line, terms)).max(self.folded_sale.clone())
        });
    }

    /// Takes a line that cannot be corrected any more, as it was judged.
    pub(super) fn fold(&mut self, fact: &Fact, line: &PosLine) {
        let Some(terms) = self.judged else { return };
        if add(&mut self.folded, (fact.event_time, line), terms, 1) && line.is_sale() {
            self.folded_sale = self.folded_sale.take().max(Some(latest_of(fact, line, terms)));
        }
    }

    pub(super) fn performance(&self, terms: Terms, shelf: &Shelf, desk: &Desk) -> Performance {
        let hours = desk.hours(self.store);
        let open_ms = hours.open(terms.start_at, hour(desk.now).min(terms.end_at));
        let forecast = shelf.location.map_or(0, |location| i128::from(location.forecast_milli));
        let baseline = quotient(forecast * i128::from(open_ms), i128::from(hours.open_day())).unwrap_or(0);
        Performance::of(self.sums, terms, baseline)
    }
}

fn chance_bp(row: &Performance) -> i64 {
    let hoped = Demand { mean: row.expected_milli as f64 / 1_000.0, dispersion: None };
    basis_points(hoped.at_most(floor_div(row.units_milli.into(), 1_000)))
}

pub(super) fn under(row: &Performance, [p_bp, open_bp, clear_bp]: [i64; 3]) -> Verdict {
    let Some(attainment_bp) = row.attainment_bp else { return Verdict::while_true(false) };
    let open = row.expected_milli >= ENOUGH_MILLI && attainment_bp < open_bp && chance_bp(row) < p_bp;
    Verdict { open, clear: attainment_bp >= clear_bp, gone: false }
}

fn key(key: &PromotionStoreItem) -> Key {
    smallvec![Part::Name(key.promotion), Part::Name(key.store), Part::Name(key.item)]
}

pub(super) struct Mismatch<'a>(pub(super) &'a Offer, pub(super) bool);

impl Subject for Mismatch<'_> {
    fn key(&self) -> Key {
        key(&self.0.key)
    }

    fn store(&self) -> Option<u32> {
        Some(self.0.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::Critical, "fix_price", "store_manager")
    }

    fn drivers(&self) -> Drivers {
        let read = Some(&self.0.read).filter(|_| self.1);
        let sale = read.and_then(|read| read.1.as_ref());
        let promised = sale.map(|sale| sale.promo_price_cents);
        smallvec![
            driver("unit_price_of_latest_sale", sale.map(|sale| sale.unit_price_cents), promised, "cents"),
            driver("latest_sale_at", sale.map(|sale| sale.event_time), None, "ms"),
            driver("promotion_ends_at", read.map(|read| read.0.1), None, "ms"),
        ]
    }
}

pub(super) struct Under {
    pub(super) key: PromotionStoreItem,
    pub(super) store: u32,
    pub(super) row: Option<Performance>,
    pub(super) end_at: i64,
    pub(super) bounds: [i64; 3],
}

impl Subject for Under {
    fn key(&self) -> Key {
        key(&self.key)
    }

    fn store(&self) -> Option<u32> {
        Some(self.store)
    }

    fn answer(&self) -> Answer {
        answer(Severity::High, "store_task", "regional_manager").with("escalate", Parameter::Flag(true))
    }

    fn drivers(&self) -> Drivers {
        let row = self.row.as_ref();
        let expected = row.map(|row| row.expected_milli);
        smallvec![
            driver("attainment", row.and_then(|row| row.attainment_bp), self.bounds[1], "bp"),
            driver("units_sold", row.map(|row| row.units_milli), expected, "milli-units"),
            driver("expected_units", expected, ENOUGH_MILLI, "milli-units"),
            driver("chance_of_so_few", row.map(chance_bp), self.bounds[0], "bp"),
            driver("promotion_ends_at", row.map(|_| self.end_at), None, "ms"),
        ]
    }
}
