//! Detector `labor.coverage_gap`: opens when fewer employees of a role are present than required (contract §5).

use contract::event::Topic;
use contract::exception::{Action, Driver, KeyPart, Parameter, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::read;
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;

use crate::registry::Graph;
use crate::views::labor_coverage::Coverage;
use contract::keys::StoreRole;

/// `labor.coverage_gap`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "labor.coverage_gap",
    key: &["store", "role"],
    views: &[crate::views::labor_coverage::NAME],
    feeds: &[Topic::Pos],
    restricted: false,
    policies: &[],
    for_ms: 300_000,
    rule: Rule {
        opens: "gap ≥ 1",
        clears: "gap ≤ 0",
        severity: "critical if present · 2 ≤ required, else high",
        recommends: &[Recommendation { action: "call_in", parameters: &["heads"], approver: "store_manager" }],
    },
};

/// The detector; it reads labor.coverage.
pub struct CoverageGap;

impl Detector for CoverageGap {
    const KIND: &'static ExceptionType = KIND;
    type Key = StoreRole;
    type State = UniqueRow<Coverage>;

    fn assess(&self, _: &StoreRole, state: &mut UniqueRow<Coverage>, _: &EvaluationContext<'_>) -> Verdict {
        match state.get() {
            None => Verdict::GONE,
            Some(row) => Verdict::while_true(row.gap >= 1),
        }
    }

    fn respond(&self, _: &StoreRole, state: &UniqueRow<Coverage>, _: &EvaluationContext<'_>) -> Response {
        let row = state.get().copied().unwrap_or_default();
        let severity = if row.present.saturating_mul(2) <= row.required { Severity::Critical } else { Severity::High };
        let action = Action::new("call_in", "store_manager").with("heads", Parameter::Number(row.gap));
        Response { severity, action }
    }

    fn drivers(&self, _: &StoreRole, state: &UniqueRow<Coverage>, _: &EvaluationContext<'_>) -> Vec<Driver> {
        let row = state.get().copied().unwrap_or_default();
        vec![
            Driver::new("gap", row.gap, 0, "heads"),
            Driver::new("present", row.present, row.required, "heads"),
            Driver::new("scheduled", row.scheduled, row.required, "heads"),
        ]
    }

    fn key_parts(&self, key: &StoreRole) -> Vec<KeyPart> {
        vec![key.store.into(), KeyPart::Name(key.role.name().into())]
    }

    fn store(&self, key: &StoreRole, _: &UniqueRow<Coverage>) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for CoverageGap {
    type Input = Coverage;

    fn update(&self, _: &StoreRole, state: &mut UniqueRow<Coverage>, row: Coverage, diff: i64) {
        state.update(row, diff);
    }

    fn is_empty(&self, state: &UniqueRow<Coverage>) -> bool {
        state.is_empty()
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(CoverageGap, read(graph.labor_coverage(), |row| row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::event::workforce::Role;
    use engine::reference::Context;

    #[test]
    fn a_gap_opens_and_half_the_heads_are_critical() {
        let key = StoreRole { store: Id::new("s1"), role: Role::Checkout };
        let at = EvaluationContext { now: 0, context: &Context::default(), policy: &[] };
        let judge = |present: i64, required: i64| {
            let mut state = UniqueRow::default();
            let row = Coverage { present, scheduled: 0, required, gap: required - present };
            CoverageGap.update(&key, &mut state, row, 1);
            let verdict = CoverageGap.assess(&key, &mut state, &at);
            (verdict.open, verdict.clear, CoverageGap.respond(&key, &state, &at).severity)
        };
        assert_eq!(judge(1, 1), (false, true, Severity::High));
        assert_eq!(judge(2, 3), (true, false, Severity::High));
        assert_eq!(judge(2, 4), (true, false, Severity::Critical));
        assert_eq!(CoverageGap.assess(&key, &mut UniqueRow::default(), &at), Verdict::GONE);
    }
}
