//! One promotion of one item at one store: selects its till lines by the terms and sums them.
//!
//! *Meaning.* An offer takes in the sale and void lines with an event time in `[start_at, end_at)`. When its terms change it
//! judges again the lines that may still be corrected; what lines folded by then have added stays as it was judged.
//! *State.* Sums. Folding may lag behind: a line folds under the terms last judged, and does so before new ones are.

use contract::event::promotion::Terms;
use contract::ids::EventId;
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

use crate::state::moves::{Move, Moves};

/// Sums over the lines of an offer. Money is wide: no valid line overflows a sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Sale lines at the promoted price.
    pub ok_lines: i64,
    /// Sale lines at another price.
    pub mismatch_lines: i64,
    /// Sold − voided.
    pub units_milli: i64,
    /// Sold − voided.
    pub net_cents: i128,
    /// Sold − voided.
    pub discount_cents: i128,
}

impl Sums {
    fn add(&mut self, line: &Move, terms: Terms, count: i64) {
        if line.event_time < terms.start_at || line.event_time >= terms.end_at {
            return;
        }
        if line.is_sale() {
            let ok = line.unit_price_cents == terms.price_cents;
            *(if ok { &mut self.ok_lines } else { &mut self.mismatch_lines }) += count;
        }
        self.units_milli += count * line.units_milli();
        self.net_cents += i128::from(count) * i128::from(line.net_cents);
        self.discount_cents += i128::from(count) * i128::from(line.discount_cents);
    }
}

/// A sale line and the price it should have had; later ones are greater.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LatestSale {
    /// The event time.
    pub event_time: i64,
    /// The event id.
    pub id: EventId,
    /// The price of one unit at the till.
    pub unit_price_cents: i64,
    /// The promoted price of one unit, by the terms at its evaluation.
    pub promo_price_cents: i64,
}

impl LatestSale {
    fn of(line: &Move, terms: Terms) -> Self {
        LatestSale {
            event_time: line.event_time,
            id: line.id.clone(),
            unit_price_cents: line.unit_price_cents,
            promo_price_cents: terms.price_cents,
        }
    }

    /// True if the till price is not the promoted price.
    pub fn is_mismatch(&self) -> bool {
        self.unit_price_cents != self.promo_price_cents
    }
}

/// A promotion of an item at a store, with the sums of its lines.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Offer {
    terms: UniqueRow<Terms>,
    /// The terms at the last close: those that `sums` and foldings follow.
    judged: Option<Terms>,
    sums: Sums,
    folded: Sums,
    folded_sale: Option<LatestSale>,
}

impl Offer {
    /// Takes (+1) or retracts (−1) terms.
    pub fn update(&mut self, terms: Terms, diff: i64) {
        self.terms.update(terms, diff);
    }

    /// Takes (+1) or retracts (−1) a line.
    pub fn line(&mut self, line: &Move, diff: i64) {
        if let Some(terms) = self.judged {
            self.sums.add(line, terms, diff);
        }
    }

    /// Takes a line that can no longer be corrected, as it was last judged.
    pub fn fold(&mut self, line: &Move, count: i64) {
        let Some(terms) = self.judged else { return };
        self.folded.add(line, terms, count);
        if line.is_sale() && count > 0 && (terms.start_at..terms.end_at).contains(&line.event_time) {
            self.folded_sale = self.folded_sale.take().max(Some(LatestSale::of(line, terms)));
        }
    }

    /// The same offer without lines and sums: it only follows the terms.
    pub fn settled(self) -> Self {
        Offer { terms: self.terms, ..Offer::default() }
    }

    /// The terms as they are now.
    pub fn current(&self) -> Option<Terms> {
        self.terms.get().copied()
    }

    /// True if the terms have changed since the last evaluation.
    pub fn is_changed(&self) -> bool {
        self.terms.get() != self.judged.as_ref()
    }

    /// Judges the lines that may still be corrected by the terms as they are now.
    pub fn judge(&mut self, moves: &Moves) {
        self.judged = self.terms.get().copied();
        self.sums = self.folded;
        if let Some(terms) = self.judged {
            for (line, count) in moves.within(terms.start_at, terms.end_at) {
                self.sums.add(line, terms, *count);
            }
        }
    }

    /// The terms last judged by; `None`: the item is not, or no longer, promoted at the store.
    pub fn terms(&self) -> Option<Terms> {
        self.judged
    }

    /// The sums of its lines.
    pub fn sums(&self) -> Sums {
        self.sums
    }

    /// The latest sale line it has taken in.
    pub fn latest_sale(&self, moves: &Moves) -> Option<LatestSale> {
        let terms = self.judged?;
        let sold =
            moves.within(terms.start_at, terms.end_at).iter().rev().find(|(line, count)| line.is_sale() && *count > 0);
        let sold = sold.map(|(line, _)| LatestSale::of(line, terms));
        sold.max(self.folded_sale.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::moves::MoveKind;

    const LATENESS: i64 = 30;

    fn line(event_time: i64, id: i64, horizon: i64, price: i64) -> Move {
        let (kind, sign) = if id % 5 != 0 { (MoveKind::Sale, 1) } else { (MoveKind::Void, -1) };
        let moved = Move::of_stock(event_time, EventId::new(format!("e{id:05}")), horizon, -sign * 1_000);
        Move { kind, net_cents: sign * price, unit_price_cents: price, ..moved }
    }

    /// The reference version: every line stored, with the terms it folded under.
    #[derive(Default)]
    struct Slow {
        terms: Option<Terms>,
        current: Vec<Move>,
        folded: Vec<(Move, Terms)>,
    }

    impl Slow {
        fn tick(&mut self, all: &[Move], terms: Option<Terms>, now: i64) {
            for line in all.iter().filter(|line| line.horizon < now - LATENESS) {
                if self.current.contains(line)
                    && let Some(judged) = self.terms.filter(|t| (t.start_at..t.end_at).contains(&line.event_time))
                {
                    self.folded.push((line.clone(), judged));
                }
            }
            self.current = all.iter().filter(|line| line.horizon >= now - LATENESS).cloned().collect();
            self.terms = terms;
            if terms.is_none() {
                self.folded.clear();
            }
        }

        fn answer(&self) -> (Sums, Option<LatestSale>) {
            let (mut sums, mut latest) = (Sums::default(), None);
            let current = self.current.iter().filter_map(|line| Some((line, self.terms?)));
            for (line, terms) in current.chain(self.folded.iter().map(|(line, terms)| (line, *terms))) {
                sums.add(line, terms, 1);
                if line.is_sale() && (terms.start_at..terms.end_at).contains(&line.event_time) {
                    latest = latest.max(Some(LatestSale::of(line, terms)));
                }
            }
            (sums, latest)
        }
    }

    fn terms(start_at: i64, end_at: i64, price_cents: i64) -> Terms {
        Terms { start_at, end_at, price_cents, uplift_bp: 0 }
    }

    #[test]
    fn folding_late_and_in_batches_changes_no_answer() {
        for seed in 1..40u64 {
            let mut seed = seed;
            let mut draw = |below: u64| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                i64::try_from((seed >> 33) % below).expect("small")
            };
            let (mut lines, mut offer, mut slow) = (Moves::default(), Offer::default(), Slow::default());
            let (mut all, mut current): (Vec<Move>, Option<Terms>) = (Vec::new(), None);
            for now in 0..400 {
                let mut take = |line: &Move, diff| {
                    lines.add(line.clone(), diff);
                    offer.line(line, diff);
                };
                if draw(3) > 0 {
                    let at = now - draw(28);
                    all.push(line(at, now, at, 90 + draw(2)));
                    take(&all[all.len() - 1], 1);
                }
                let correctable = all.iter().position(|line| line.event_time >= now - LATENESS);
                if draw(6) == 0
                    && let Some(at) = correctable
                {
                    let old = all.remove(at);
                    let moved = now - draw(28);
                    let id = old.id[1..].parse().unwrap();
                    all.push(line(moved, id, old.horizon.max(moved), 90 + draw(2)));
                    take(&all[all.len() - 1], 1);
                    take(&old, -1);
                }
                if draw(25) == 0 {
                    let start_at = now - 60 + draw(70);
                    let new = (draw(5) > 0).then(|| terms(start_at, start_at + draw(120), 90 + draw(2)));
                    new.into_iter().for_each(|terms| offer.update(terms, 1));
                    current.into_iter().for_each(|terms| offer.update(terms, -1));
                    current = new;
                }
                if offer.is_changed() || draw(7) == 0 {
                    lines.fold(now - LATENESS, |line, count| offer.fold(line, count));
                }
                if offer.is_changed() {
                    offer.judge(&lines);
                }
                if current.is_none() {
                    offer = Offer::default();
                }
                slow.tick(&all, current, now);
                assert_eq!((offer.sums(), offer.latest_sale(&lines)), slow.answer(), "seed {seed} at {now}");
            }
        }
    }

    #[test]
    fn a_changed_price_judges_again_only_what_may_still_change() {
        let (mut lines, mut offer) = (Moves::default(), Offer::default());
        for (at, id) in [(10, 1), (50, 2)] {
            lines.add(line(at, id, at, 90), 1);
        }
        offer.update(terms(0, 100, 90), 1);
        offer.judge(&lines);
        assert_eq!((offer.sums().ok_lines, offer.sums().mismatch_lines), (2, 0));
        offer.update(terms(0, 100, 90), -1);
        offer.update(terms(0, 100, 80), 1);
        lines.fold(20, |line, count| offer.fold(line, count));
        offer.judge(&lines);
        assert_eq!((offer.sums().ok_lines, offer.sums().mismatch_lines), (1, 1));
        assert!(offer.latest_sale(&lines).is_some_and(|sale| sale.is_mismatch()));
    }
}
