//! Detector `returns.operator_pattern`: opens when a till operator refunds too often without a receipt (contract §5).

use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::policy::Policy;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::{Row, read_some};
use engine::time::{Collection, Inputs};
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

use crate::registry::Graph;
use crate::views::returns_operator::{OperatorReturns, StoreOperator};

/// `returns.operator_pattern`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "returns.operator_pattern",
    key: &["store", "operator"],
    views: &[crate::views::returns_operator::NAME],
    feeds: &[],
    restricted: true,
    policies: &[Policy {
        name: "open_bp",
        default: 3_000,
        unit: "bp",
        meaning: "opens while the cautious share of refunds without a receipt is above this",
    }],
    for_ms: 0,
    rule: Rule {
        opens: "no_receipt_low_bp > `open_bp` and refunds ≥ 5",
        clears: "no_receipt_low_bp ≤ `open_bp` or null",
        severity: "high",
        recommends: &[Recommendation { action: "review_case", parameters: &[], approver: "loss_prevention" }],
    },
};

/// Refunds below which an operator is not evaluated.
const LEAST_REFUNDS: i64 = 5;

/// The inputs of an operator with refunds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refunds {
    refunds: i64,
    no_receipt: i64,
    refund_cents: i64,
    no_receipt_low_bp: Option<i64>,
}

/// The detector; it reads returns.operator.
pub struct OperatorPattern;

impl Detector for OperatorPattern {
    const KIND: &'static ExceptionType = KIND;
    type Key = StoreOperator;
    type State = UniqueRow<Refunds>;

    fn assess(&self, _: &StoreOperator, state: &mut UniqueRow<Refunds>, at: &EvaluationContext<'_>) -> Verdict {
        let Some(row) = state.get() else { return Verdict::GONE };
        let above = row.no_receipt_low_bp.is_some_and(|low| low > at.policy[0]);
        Verdict { open: above && row.refunds >= LEAST_REFUNDS, clear: !above, ..Verdict::default() }
    }

    fn respond(&self, _: &StoreOperator, _: &UniqueRow<Refunds>, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::High, action: Action::new("review_case", "loss_prevention") }
    }

    fn drivers(&self, _: &StoreOperator, state: &UniqueRow<Refunds>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let row = state.get();
        let low_bp = row.and_then(|row| row.no_receipt_low_bp);
        vec![
            Driver::new("no_receipt_share_at_least", low_bp, at.policy[0], "bp"),
            Driver::new("refunds", row.map_or(0, |row| row.refunds), LEAST_REFUNDS, "lines"),
            Driver::new("refunds_without_receipt", row.map_or(0, |row| row.no_receipt), None, "lines"),
            Driver::new("refunded", row.map_or(0, |row| row.refund_cents), None, "cents"),
        ]
    }

    fn key_parts(&self, key: &StoreOperator) -> Vec<KeyPart> {
        vec![key.store.into(), key.operator.into()]
    }

    fn store(&self, key: &StoreOperator, _: &UniqueRow<Refunds>) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for OperatorPattern {
    type Input = Refunds;

    fn update(&self, _: &StoreOperator, state: &mut UniqueRow<Refunds>, row: Refunds, diff: i64) {
        state.update(row, diff);
    }

    fn is_empty(&self, state: &UniqueRow<Refunds>) -> bool {
        state.is_empty()
    }
}

/// The inputs from the view. A row without refunds, the usual case, is equivalent to no row and is left out.
pub fn input<'scope>(
    rows: &Collection<'scope, Row<StoreOperator, OperatorReturns>>,
) -> Inputs<'scope, StoreOperator, Refunds> {
    read_some(rows, |row| {
        let OperatorReturns { refunds, no_receipt, refund_cents, no_receipt_low_bp, .. } = row.value;
        (refunds > 0).then_some(Refunds { refunds, no_receipt, refund_cents, no_receipt_low_bp })
    })
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(OperatorPattern, input(graph.returns_operator()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    fn verdict(refunds: i64, no_receipt_low_bp: Option<i64>) -> (bool, bool) {
        let key = StoreOperator { store: Id::new("s1"), operator: Id::new("o1") };
        let mut state = UniqueRow::default();
        OperatorPattern.update(&key, &mut state, Refunds { refunds, no_receipt_low_bp, ..Refunds::default() }, 1);
        let at = EvaluationContext { now: 0, context: &Context::default(), policy: &[3_000] };
        let verdict = OperatorPattern.assess(&key, &mut state, &at);
        (verdict.open, verdict.clear)
    }

    #[test]
    fn opens_above_its_bound_and_clears_at_it() {
        assert_eq!(verdict(5, Some(3_001)), (true, false));
        assert_eq!(verdict(4, Some(9_000)), (false, false));
        assert_eq!(verdict(5, Some(3_000)), (false, true));
        assert_eq!(verdict(0, None), (false, true));
    }

    #[test]
    fn an_operator_without_refunds_is_clear() {
        let key = StoreOperator { store: Id::new("s1"), operator: Id::new("o1") };
        let at = EvaluationContext { now: 0, context: &Context::default(), policy: &[3_000] };
        assert_eq!(OperatorPattern.assess(&key, &mut UniqueRow::default(), &at), Verdict::GONE);
        assert!(OperatorPattern.is_empty(&UniqueRow::default()));
    }
}
