//! Detector `margin.leak`: opens when a department's sales of today are large and its margin is low (contract §5).

use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::policy::Policy;
use contract::time::HOUR_MS;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::{Row, read_some};
use engine::time::{Collection, Inputs};
use operators::compact::unique_row::UniqueRow;

use crate::registry::Graph;
use crate::views::margin_daily::Margin;
use contract::keys::StoreDeptDay;

/// `margin.leak`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "margin.leak",
    key: &["store", "dept", "day"],
    views: &[crate::views::margin_daily::NAME],
    feeds: &[],
    restricted: false,
    policies: &[
        Policy {
            name: "min_cents",
            default: 50_000,
            unit: "cents",
            meaning: "net sales of a department's day below which its margin is not judged",
        },
        Policy { name: "floor_bp", default: 1_000, unit: "bp", meaning: "margin below which a department leaks" },
    ],
    for_ms: 0,
    rule: Rule {
        opens: "12 hours of the day have passed, net_cents ≥ `min_cents` and margin_bp < `floor_bp`",
        clears: "margin_bp ≥ `floor_bp`, or the row settles",
        severity: "high",
        recommends: &[Recommendation { action: "review_margin", parameters: &[], approver: "finance" }],
    },
};

/// The age from which on a day is evaluated.
const SETTLED_IN_MS: i64 = 12 * HOUR_MS;

/// The detector; it reads the rows of margin.daily that have not settled.
pub struct Leak;

impl Detector for Leak {
    const KIND: &'static ExceptionType = KIND;
    type Key = StoreDeptDay;
    type State = UniqueRow<Margin>;

    fn assess(&self, key: &StoreDeptDay, state: &mut UniqueRow<Margin>, at: &EvaluationContext<'_>) -> Verdict {
        let Some(row) = state.get() else { return Verdict::GONE };
        let (judged_at, low) =
            (key.day + SETTLED_IN_MS, row.margin_bp.is_some_and(|margin_bp| margin_bp < at.policy[1]));
        let open = at.now >= judged_at && row.net_cents >= at.policy[0] && low;
        let verdict = Verdict { open, clear: !low, ..Verdict::default() };
        verdict.again(Some(judged_at).filter(|judged_at| *judged_at > at.now))
    }

    fn respond(&self, _: &StoreDeptDay, _: &UniqueRow<Margin>, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::High, action: Action::new("review_margin", "finance") }
    }

    fn drivers(&self, key: &StoreDeptDay, state: &UniqueRow<Margin>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let row = state.get();
        vec![
            Driver::new("margin", row.and_then(|row| row.margin_bp), at.policy[1], "bp"),
            Driver::new("net_sales", row.map(|row| row.net_cents), at.policy[0], "cents"),
            Driver::new("age_of_day", at.now - key.day, SETTLED_IN_MS, "ms"),
            Driver::new("cost_of_goods", row.map(|row| row.cogs_cents), None, "cents"),
            Driver::new("shrink", row.map(|row| row.shrink_cents), None, "cents"),
            Driver::new("discount", row.map(|row| row.discount_cents), None, "cents"),
        ]
    }

    fn key_parts(&self, key: &StoreDeptDay) -> Vec<KeyPart> {
        vec![key.store.into(), key.dept.into(), key.day.into()]
    }

    fn store(&self, key: &StoreDeptDay, _: &UniqueRow<Margin>) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for Leak {
    type Input = Margin;

    fn update(&self, _: &StoreDeptDay, state: &mut UniqueRow<Margin>, row: Margin, diff: i64) {
        state.update(row, diff);
    }

    fn is_empty(&self, state: &UniqueRow<Margin>) -> bool {
        state.is_empty()
    }
}

/// The rows of open days.
pub fn readings<'scope>(rows: &Collection<'scope, Row<StoreDeptDay, Margin>>) -> Inputs<'scope, StoreDeptDay, Margin> {
    read_some(rows, |row| (!row.settled).then_some(row.value))
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(Leak, readings(graph.margin_daily()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    fn check(now: i64, net_cents: i64, margin_bp: Option<i64>) -> (bool, bool, Option<i64>) {
        let (context, mut state) = (Context::default(), UniqueRow::default());
        let key = StoreDeptDay { store: Id::new("s"), dept: Id::new("d"), day: 0 };
        Leak.update(&key, &mut state, Margin { net_cents, margin_bp, ..Margin::default() }, 1);
        let verdict =
            Leak.assess(&key, &mut state, &EvaluationContext { now, context: &context, policy: &[50_000, 1_000] });
        (verdict.open, verdict.clear, verdict.look_again)
    }

    #[test]
    fn opens_from_noon_on_large_sales_at_a_low_margin() {
        assert_eq!(check(SETTLED_IN_MS - 1, 50_000, Some(999)), (false, false, Some(SETTLED_IN_MS)));
        assert_eq!(check(SETTLED_IN_MS, 50_000, Some(999)), (true, false, None));
        assert_eq!(check(SETTLED_IN_MS, 49_999, Some(999)), (false, false, None));
        assert_eq!(check(SETTLED_IN_MS, 50_000, Some(1_000)), (false, true, None));
        assert_eq!(check(SETTLED_IN_MS, 0, None), (false, true, None));
    }
}
