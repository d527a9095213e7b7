//! Detector `model.drift`: opens when the forecast error or bias of a department is too large (contract §5).

use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::policy::Policy;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::read;
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;

use crate::registry::Graph;
use crate::views::model_drift::{Drift, Segment};

/// `model.drift`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "model.drift",
    key: &["region", "format", "dept"],
    views: &[crate::views::model_drift::NAME],
    feeds: &[],
    restricted: false,
    policies: &[
        Policy {
            name: "max_wape_bp",
            default: 6_000,
            unit: "bp",
            meaning: "absolute forecast error per unit sold above which a model drifts",
        },
        Policy {
            name: "max_bias_bp",
            default: 2_500,
            unit: "bp",
            meaning: "forecast bias per unit sold, either way, above which a model drifts",
        },
    ],
    for_ms: 0,
    rule: Rule {
        opens: "actual_milli ≥ 100 000, and wape_bp > `max_wape_bp` or |bias_bp| > `max_bias_bp`",
        clears: "neither is above its maximum (null counts as 0)",
        severity: "medium",
        recommends: &[Recommendation { action: "review_forecast", parameters: &[], approver: "planning" }],
    },
};

/// Sales below which a model is not evaluated.
const ENOUGH_MILLI: i64 = 100_000;

/// The detector; it reads view model.drift.
pub struct ModelDrift;

impl Detector for ModelDrift {
    const KIND: &'static ExceptionType = KIND;
    type Key = Segment;
    type State = UniqueRow<Drift>;

    fn assess(&self, _: &Segment, state: &mut UniqueRow<Drift>, at: &EvaluationContext<'_>) -> Verdict {
        let Some(row) = state.get() else { return Verdict::GONE };
        let wide = row.wape_bp.unwrap_or(0) > at.policy[0];
        let biased = row.bias_bp.unwrap_or(0).saturating_abs() > at.policy[1];
        let drifts = wide || biased;
        Verdict { open: row.actual_milli >= ENOUGH_MILLI && drifts, clear: !drifts, ..Verdict::default() }
    }

    fn respond(&self, _: &Segment, _: &UniqueRow<Drift>, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::Medium, action: Action::new("review_forecast", "planning") }
    }

    fn drivers(&self, _: &Segment, state: &UniqueRow<Drift>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let row = state.get();
        vec![
            Driver::new("wape", row.and_then(|row| row.wape_bp), at.policy[0], "bp"),
            Driver::new("bias", row.and_then(|row| row.bias_bp), at.policy[1], "bp"),
            Driver::new("actual", row.map(|row| row.actual_milli), ENOUGH_MILLI, "milli-units"),
            Driver::new("forecast", row.map(|row| row.forecast_milli), None, "milli-units"),
        ]
    }

    fn key_parts(&self, key: &Segment) -> Vec<KeyPart> {
        vec![key.region.into(), key.format.into(), key.dept.into()]
    }

    fn store(&self, _: &Segment, _: &UniqueRow<Drift>) -> Option<Id> {
        None
    }
}

impl StatefulDetector for ModelDrift {
    type Input = Drift;

    fn update(&self, _: &Segment, state: &mut UniqueRow<Drift>, row: Drift, diff: i64) {
        state.update(row, diff);
    }

    fn is_empty(&self, state: &UniqueRow<Drift>) -> bool {
        state.is_empty()
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(ModelDrift, read(graph.model_drift(), |row| row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    fn check(actual_milli: i64, wape_bp: Option<i64>, bias_bp: Option<i64>) -> (bool, bool) {
        let (context, mut state, id) = (Context::default(), UniqueRow::default(), Id::new("x"));
        let key = Segment { region: id, format: id, dept: id };
        ModelDrift.update(&key, &mut state, Drift { actual_milli, wape_bp, bias_bp, ..Drift::default() }, 1);
        let verdict = ModelDrift.assess(
            &key,
            &mut state,
            &EvaluationContext { now: 0, context: &context, policy: &[6_000, 2_500] },
        );
        (verdict.open, verdict.clear)
    }

    #[test]
    fn opens_above_either_maximum_and_clears_at_both() {
        assert_eq!(check(100_000, Some(6_001), Some(0)), (true, false));
        assert_eq!(check(100_000, Some(0), Some(-2_501)), (true, false));
        assert_eq!(check(99_999, Some(6_001), Some(2_501)), (false, false));
        assert_eq!(check(100_000, Some(6_000), Some(2_500)), (false, true));
        assert_eq!(check(0, None, None), (false, true));
    }
}
