//! The signals of all stores: the product of the factors in force for a department at an instant.
//!
//! *Meaning.* The product of the factors of the store's signals that are valid now and name the department or none.
//! *State.* Every current signal, by store and end; ended signals are skipped at no cost.

use std::collections::BTreeMap;

use contract::event::signal::Signal;
use contract::ids::Id;

use serde::{Deserialize, Serialize};

/// Nothing is to be multiplied.
const UNCHANGED_BP: i64 = 10_000;

/// The signals of all stores.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SignalBook {
    /// Signals by store and end, each with its multiplicity.
    stores: BTreeMap<Id, BTreeMap<i64, Vec<(Signal, i64)>>>,
}

impl SignalBook {
    /// Adds (+1) or removes (−1) a signal, in any order within a tick; two equal signals count twice.
    pub fn update(&mut self, signal: Signal, diff: i64) {
        let store = self.stores.entry(signal.store).or_default();
        let ending = store.entry(signal.valid_to).or_default();
        match ending.iter().position(|(known, _)| *known == signal) {
            Some(at) => {
                ending[at].1 += diff;
                if ending[at].1 == 0 {
                    ending.swap_remove(at);
                }
            }
            None => ending.push((signal, diff)),
        }
        if ending.is_empty() {
            store.remove(&signal.valid_to);
        }
    }

    /// True if `signal` applies to this department.
    pub fn concerns(signal: &Signal, store: Id, dept: Id) -> bool {
        signal.store == store && signal.dept.is_none_or(|named| named == dept)
    }

    /// The product of the factors in force, and when the clock next changes what is in force.
    pub fn in_force(&self, store: Id, dept: Id, now: i64) -> (i64, Option<i64>) {
        let unended = self.stores.get(&store).into_iter().flat_map(|store| store.range(now + 1..));
        let concerning = unended
            .flat_map(|(_, signals)| signals)
            .filter(|(signal, count)| *count > 0 && Self::concerns(signal, store, dept));
        let mut factors = Vec::new();
        let mut next: Option<i64> = None;
        for (signal, count) in concerning {
            let begun = signal.valid_from <= now;
            let turn = if begun { signal.valid_to } else { signal.valid_from };
            next = Some(next.map_or(turn, |known| known.min(turn)));
            if begun {
                factors.extend((0..*count).map(|_| signal.factor_bp));
            }
        }
        (product_bp(factors), next)
    }
}

/// The product of factors in basis points, half-up: in integers while they fit, which two factors always do.
pub fn product_bp(mut factors: Vec<i64>) -> i64 {
    let Some(first) = factors.pop() else { return UNCHANGED_BP };
    let exact = factors.iter().try_fold((i128::from(first), 1i128), |(product, scale), factor| {
        Some((product.checked_mul(i128::from(*factor))?, scale.checked_mul(10_000)?))
    });
    let halves = exact.and_then(|(product, scale)| Some((product.checked_mul(2)?.checked_add(scale)?, scale * 2)));
    match halves {
        Some((product, scale)) => contract::units::floor_div(product, scale),
        None => {
            // In one order, whatever order they came in.
            factors.push(first);
            factors.sort_unstable();
            crate::stats::basis_points(factors.iter().map(|factor| *factor as f64 / 10_000.0).product())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(dept: Option<&str>, valid_from: i64, valid_to: i64, factor_bp: i64) -> Signal {
        Signal { store: Id::new("s"), dept: dept.map(Id::new), valid_from, valid_to, factor_bp }
    }

    #[test]
    fn factors_multiply_exactly_half_up() {
        assert_eq!(product_bp(vec![]), 10_000);
        assert_eq!(product_bp(vec![10_001, 15_000]), 15_002);
        assert_eq!(product_bp(vec![12_345, 0, 9_999, 8_000]), 0);
        assert_eq!(product_bp(vec![11_000; 3]), 13_310);
        assert_eq!(product_bp(vec![(1 << 53) - 1; 2]), i64::MAX);
        // Beyond 128 bits, and back: 2^n up, as much down.
        let [up, down] = [20_000, 5_000].map(|factor| vec![factor; 40]);
        assert_eq!(product_bp([up, down].concat()), 10_000);
    }

    #[test]
    fn signals_come_and_go_by_the_clock() {
        let mut book = SignalBook::default();
        let all = signal(None, 10, 20, 12_000);
        book.update(all, 1);
        book.update(all, 1);
        book.update(signal(Some("a"), 15, 30, 5_000), 1);
        let at = |book: &SignalBook, dept: &str, now| book.in_force(Id::new("s"), Id::new(dept), now);
        assert_eq!(at(&book, "a", 9), (10_000, Some(10)));
        assert_eq!(at(&book, "a", 10), (14_400, Some(15)));
        assert_eq!(at(&book, "a", 15), (7_200, Some(20)));
        assert_eq!(at(&book, "b", 19), (14_400, Some(20)));
        assert_eq!(at(&book, "a", 20), (5_000, Some(30)));
        assert_eq!(at(&book, "a", 30), (10_000, None));
        book.update(all, -1);
        assert_eq!(at(&book, "b", 10), (12_000, Some(20)));
        // Sent and corrected in one tick: the retraction may come before the addition.
        let first = signal(Some("c"), 10, 20, 9_000);
        book.update(first, -1);
        book.update(first, 1);
        assert_eq!(at(&book, "c", 10), (12_000, Some(20)));
    }
}
