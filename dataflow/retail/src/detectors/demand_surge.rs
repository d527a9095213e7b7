//! Detector `demand.surge`: opens when the demand index of a department of an open store is too high (contract §5).

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

use crate::registry::Graph;
use crate::views::demand_index::DemandIndex;

/// `demand.surge`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "demand.surge",
    key: &["store", "dept"],
    views: &[crate::views::demand_index::NAME],
    feeds: &[],
    restricted: false,
    policies: &[Policy {
        name: "open_bp",
        default: 12_500,
        unit: "bp",
        meaning: "demand index from which demand surges; it is over 500 bp below",
    }],
    for_ms: QUARTER_MS,
    rule: Rule {
        opens: "the store is open and index_bp ≥ `open_bp`",
        clears: "index_bp < `open_bp` − 500, or the store is closed",
        severity: "high",
        recommends: &[Recommendation { action: "adjust_plan", parameters: &[], approver: "regional_manager" }],
    },
};

/// The distance between the open bound and the clear bound of the index.
pub const HYSTERESIS_BP: i64 = 500;

/// The detector; it reads demand.index and the opening hours of stores.
pub struct Surge;

impl Detector for Surge {
    const KIND: &'static ExceptionType = KIND;
    const READS_STORES: bool = true;
    type Key = StoreDept;
    type State = UniqueRow<DemandIndex>;

    fn assess(&self, key: &StoreDept, state: &mut UniqueRow<DemandIndex>, at: &EvaluationContext<'_>) -> Verdict {
        let open_bp = at.policy[0];
        judge(key, state, at, |index_bp| index_bp >= open_bp, |index_bp| index_bp < open_bp - HYSTERESIS_BP)
    }

    fn respond(&self, _: &StoreDept, _: &UniqueRow<DemandIndex>, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::High, action: Action::new("adjust_plan", "regional_manager") }
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

impl StatefulDetector for Surge {
    type Input = DemandIndex;

    fn update(&self, _: &StoreDept, state: &mut UniqueRow<DemandIndex>, row: DemandIndex, diff: i64) {
        state.update(row, diff);
    }

    fn is_empty(&self, state: &UniqueRow<DemandIndex>) -> bool {
        state.is_empty()
    }
}

/// Opens where `opens` holds of the index of an open store, clears where `clears` does or the store is closed.
pub fn judge(
    key: &StoreDept,
    state: &UniqueRow<DemandIndex>,
    at: &EvaluationContext<'_>,
    opens: impl Fn(i64) -> bool,
    clears: impl Fn(i64) -> bool,
) -> Verdict {
    let Some(row) = state.get() else { return Verdict::GONE };
    let hours = at.context.hours(key.store);
    let is_open = hours.is_open(at.now);
    let verdict =
        Verdict { open: is_open && opens(row.index_bp), clear: !is_open || clears(row.index_bp), ..Verdict::default() };
    verdict.again(hours.next_turn(at.now))
}

/// The index with its bound, and what it is made of.
pub fn drivers(key: &StoreDept, state: &UniqueRow<DemandIndex>, at: &EvaluationContext<'_>) -> Vec<Driver> {
    let row = state.get();
    let units = row.map(|row| row.units_60m_milli);
    let expected = row.map(|row| row.expected_60m_milli);
    vec![
        Driver::new("demand_index", row.map(|row| row.index_bp), at.policy[0], "bp"),
        Driver::new("units_last_hour", units, expected, "milli-units"),
        Driver::new("carts_last_hour", row.map(|row| row.carts_60m), row.map(|row| row.carts_24h / 24), "carts"),
        Driver::new("signals", row.map(|row| row.signal_bp), 10_000, "bp"),
        Driver::new("store_open", i64::from(at.context.hours(key.store).is_open(at.now)), 1, "yes or no"),
    ]
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(Surge, read(graph.demand_index(), |row| row))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use contract::event::reference::Store;
    use contract::time::HOUR_MS;
    use engine::reference::{Context, Notice};

    /// The verdict on an index at an hour of a store that opens from 8 to 20.
    pub(crate) fn verdict<D>(detector: &D, open_bp: i64, index_bp: i64, hour: i64) -> (bool, bool, Option<i64>)
    where
        D: StatefulDetector<Key = StoreDept, Input = DemandIndex>,
    {
        let (mut context, mut state) = (Context::default(), D::State::default());
        let id = Id::new("s");
        let store = Store { store: id, region: id, format: id, open_from: 480, open_to: 1_200 };
        context.apply(&Notice::Store(store), 1);
        let key = StoreDept { store: id, dept: id };
        detector.update(&key, &mut state, DemandIndex { index_bp, ..DemandIndex::default() }, 1);
        let at = EvaluationContext { now: hour * HOUR_MS, context: &context, policy: &[open_bp] };
        let verdict = detector.assess(&key, &mut state, &at);
        (verdict.open, verdict.clear, verdict.look_again.map(|at| at / HOUR_MS))
    }

    #[test]
    fn opens_high_clears_500_lower_or_closed() {
        let check = |index_bp, hour| verdict(&Surge, 12_500, index_bp, hour);
        assert_eq!(check(12_500, 9), (true, false, Some(20)));
        assert_eq!(check(12_499, 9), (false, false, Some(20)));
        assert_eq!(check(12_000, 9), (false, false, Some(20)));
        assert_eq!(check(11_999, 9), (false, true, Some(20)));
        assert_eq!(check(12_500, 20), (false, true, Some(32)));
    }
}
