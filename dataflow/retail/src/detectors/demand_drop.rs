//! Detector `demand.drop`: opens when the demand index of a department of an open store is too low (contract §5).

use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::keys::StoreDept;
use contract::policy::Policy;
use contract::time::QUARTER_MS;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::read;
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;

use crate::detectors::demand_surge::{HYSTERESIS_BP, drivers, judge};
use crate::registry::Graph;
use crate::views::demand_index::DemandIndex;

/// `demand.drop`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "demand.drop",
    key: &["store", "dept"],
    views: &[crate::views::demand_index::NAME],
    feeds: &[],
    restricted: false,
    policies: &[Policy {
        name: "open_bp",
        default: 8_000,
        unit: "bp",
        meaning: "demand index down to which demand drops; it is over 500 bp above",
    }],
    for_ms: QUARTER_MS,
    rule: Rule {
        opens: "the store is open and index_bp ≤ `open_bp`",
        clears: "index_bp > `open_bp` + 500, or the store is closed",
        severity: "medium",
        recommends: &[Recommendation { action: "adjust_plan", parameters: &[], approver: "regional_manager" }],
    },
};

/// The detector; it reads demand.index and the opening hours of stores.
pub struct DemandDrop;

impl Detector for DemandDrop {
    const KIND: &'static ExceptionType = KIND;
    const READS_STORES: bool = true;
    type Key = StoreDept;
    type State = UniqueRow<DemandIndex>;

    fn assess(&self, key: &StoreDept, state: &mut UniqueRow<DemandIndex>, at: &EvaluationContext<'_>) -> Verdict {
        let open_bp = at.policy[0];
        judge(key, state, at, |index_bp| index_bp <= open_bp, |index_bp| index_bp > open_bp + HYSTERESIS_BP)
    }

    fn respond(&self, _: &StoreDept, _: &UniqueRow<DemandIndex>, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::Medium, action: Action::new("adjust_plan", "regional_manager") }
    }

    fn drivers(&self, key: &StoreDept, state: &UniqueRow<DemandIndex>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        drivers(key, state, at)
    }

    fn key_parts(&self, key: &StoreDept) -> Vec<KeyPart> {
        vec![key.store.into(), key.dept.into()]
    }

    fn store(&self, key: &StoreDept, _: &UniqueRow<DemandIndex>) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for DemandDrop {
    type Input = DemandIndex;

    fn update(&self, _: &StoreDept, state: &mut UniqueRow<DemandIndex>, row: DemandIndex, diff: i64) {
        state.update(row, diff);
    }

    fn is_empty(&self, state: &UniqueRow<DemandIndex>) -> bool {
        state.is_empty()
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(DemandDrop, read(graph.demand_index(), |row| row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::demand_surge::tests::verdict;

    #[test]
    fn opens_low_clears_500_higher_or_closed() {
        let check = |index_bp, hour| verdict(&DemandDrop, 8_000, index_bp, hour);
        assert_eq!(check(8_000, 9), (true, false, Some(20)));
        assert_eq!(check(8_001, 9), (false, false, Some(20)));
        assert_eq!(check(8_500, 9), (false, false, Some(20)));
        assert_eq!(check(8_501, 9), (false, true, Some(20)));
        assert_eq!(check(8_000, 7), (false, true, Some(8)));
    }
}
