//! Detector `promotion.under_attainment`: opens when sales are improbably low against the expected uplift (contract
//! §5).

use contract::event::Topic;
use contract::exception::{Action, Driver, KeyPart, Parameter, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::policy::Policy;
use contract::units::floor_div;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::read;
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

use crate::registry::Graph;
use crate::stats::{Demand, basis_points};
use crate::views::promotion_performance::{PromotionRow, PromotionStoreItem};

/// `promotion.under_attainment`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "promotion.under_attainment",
    key: &["promotion", "store", "item"],
    views: &[crate::views::promotion_performance::NAME],
    feeds: &[Topic::Pos],
    restricted: false,
    policies: &[
        Policy {
            name: "p_bp",
            default: 200,
            unit: "bp",
            meaning: "chance of so few sales below which it is no chance",
        },
        Policy { name: "open_bp", default: 7_000, unit: "bp", meaning: "part of the uplift below which it opens" },
        Policy { name: "clear_bp", default: 8_500, unit: "bp", meaning: "part of the uplift from which it clears" },
    ],
    for_ms: 0,
    rule: Rule {
        opens: "the promotion runs, expected_milli ≥ 5000, the probability of selling so little < `p_bp`, and attainment_bp < `open_bp`",
        clears: "attainment_bp ≥ `clear_bp` or null, or the promotion has ended",
        severity: "high",
        recommends: &[Recommendation { action: "store_task", parameters: &["escalate"], approver: "regional_manager" }],
    },
};

/// Expected sales, 5 units, below which a promotion is not evaluated.
const ENOUGH_MILLI: i64 = 5_000;

/// The inputs from promotion.performance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sales {
    /// The start of the promotion.
    pub start_at: i64,
    /// The end of the promotion, exclusive.
    pub end_at: i64,
    /// Sold − voided.
    pub units_milli: i64,
    /// The units expected until now.
    pub expected_milli: i64,
    /// The part of the uplift that was reached.
    pub attainment_bp: Option<i64>,
}

impl Sales {
    /// The inputs from a row.
    pub fn of(row: &PromotionRow) -> Self {
        let performance = row.performance;
        Sales {
            start_at: row.start_at,
            end_at: row.end_at,
            units_milli: performance.units_milli,
            expected_milli: performance.expected_milli,
            attainment_bp: performance.attainment_bp,
        }
    }

    /// The probability of selling at most this much if the expectation were true.
    fn chance_bp(self) -> i64 {
        let hoped = Demand { mean: self.expected_milli as f64 / 1_000.0, dispersion: None };
        basis_points(hoped.at_most(floor_div(self.units_milli.into(), 1_000)))
    }
}

/// The detector; it reads promotion.performance.
pub struct UnderAttainment;

impl Detector for UnderAttainment {
    const KIND: &'static ExceptionType = KIND;
    type Key = PromotionStoreItem;
    type State = UniqueRow<Sales>;

    fn assess(&self, _: &PromotionStoreItem, state: &mut UniqueRow<Sales>, at: &EvaluationContext<'_>) -> Verdict {
        let (p_bp, open_bp, clear_bp) = (at.policy[0], at.policy[1], at.policy[2]);
        let Some(row) = state.get().filter(|row| at.now < row.end_at) else { return Verdict::GONE };
        if at.now < row.start_at {
            // A settled row of a promotion whose period was moved ahead.
            return Verdict::GONE.again(Some(row.start_at));
        }
        let Some(attainment_bp) = row.attainment_bp else {
            return Verdict::while_true(false).again(Some(row.end_at));
        };
        let open = row.expected_milli >= ENOUGH_MILLI && attainment_bp < open_bp && row.chance_bp() < p_bp;
        Verdict { open, clear: attainment_bp >= clear_bp, gone: false, look_again: Some(row.end_at) }
    }

    fn respond(&self, _: &PromotionStoreItem, _: &UniqueRow<Sales>, _: &EvaluationContext<'_>) -> Response {
        let action = Action::new("store_task", "regional_manager").with("escalate", Parameter::Flag(true));
        Response { severity: Severity::High, action }
    }

    fn drivers(&self, _: &PromotionStoreItem, state: &UniqueRow<Sales>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let row = state.get();
        vec![
            Driver::new("attainment", row.and_then(|row| row.attainment_bp), at.policy[1], "bp"),
            Driver::new("units_sold", row.map(|row| row.units_milli), row.map(|row| row.expected_milli), "milli-units"),
            Driver::new("expected_units", row.map(|row| row.expected_milli), ENOUGH_MILLI, "milli-units"),
            Driver::new("chance_of_so_few", row.map(|row| row.chance_bp()), at.policy[0], "bp"),
            Driver::new("promotion_ends_at", row.map(|row| row.end_at), None, "ms"),
        ]
    }

    fn key_parts(&self, key: &PromotionStoreItem) -> Vec<KeyPart> {
        vec![key.promotion.into(), key.store.into(), key.item.into()]
    }

    fn store(&self, key: &PromotionStoreItem, _: &UniqueRow<Sales>) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for UnderAttainment {
    type Input = Sales;

    fn update(&self, _: &PromotionStoreItem, state: &mut UniqueRow<Sales>, row: Sales, diff: i64) {
        state.update(row, diff);
    }

    fn is_empty(&self, state: &UniqueRow<Sales>) -> bool {
        state.is_empty()
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(UnderAttainment, read(graph.promotion_performance(), |row| Sales::of(&row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    /// (open, clear) of a row that sold `units_milli` and attained `attainment_bp`, hoping for `expected_milli`.
    fn check(units_milli: i64, expected_milli: i64, attainment_bp: Option<i64>, expected: (bool, bool)) {
        let [promotion, store, item] = ["p", "s", "i"].map(Id::new);
        let mut state = UniqueRow::default();
        state.update(Sales { start_at: 0, end_at: 100, units_milli, expected_milli, attainment_bp }, 1);
        let context = Context::default();
        let mut assess = |now| {
            let at = EvaluationContext { now, context: &context, policy: &[200, 7_000, 8_500] };
            UnderAttainment.assess(&PromotionStoreItem { promotion, store, item }, &mut state, &at)
        };
        let verdict = assess(99);
        assert_eq!((verdict.open, verdict.clear), expected);
        assert_eq!(verdict.look_again, Some(100));
        assert_eq!(assess(100), Verdict::GONE);
    }

    #[test]
    fn opens_when_chance_cannot_explain_it() {
        // P(X ≤ 2 | 9) = 62 bp, P(X ≤ 3 | 9) = 212 bp.
        check(2_999, 9_000, Some(-5_000), (true, false));
        check(3_000, 9_000, Some(-5_000), (false, false));
        check(-1, 5_000, Some(-5_000), (true, false));
        check(-1, 4_999, Some(-5_000), (false, false));
        check(0, 9_000, Some(7_000), (false, false));
    }

    #[test]
    fn clears_when_the_uplift_came_or_is_undefined() {
        check(2_000, 9_000, Some(8_499), (false, false));
        check(2_000, 9_000, Some(8_500), (false, true));
        check(0, 9_000, None, (false, true));
    }
}
