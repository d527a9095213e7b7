//! Detector `fulfillment.promise_risk`: opens when the promise score of an open order is too low (contract §5).

use contract::event::Topic;
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::{EventId, Id};
use contract::policy::Policy;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;

use crate::collections::promise_score::Score;
use crate::registry::Graph;

/// Below this score the exception is critical and asks for another store.
const HOPELESS_BP: i64 = 4_000;

/// `fulfillment.promise_risk`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "fulfillment.promise_risk",
    key: &["order"],
    views: &[
        crate::views::inventory_position::NAME,
        crate::views::fulfillment_node::NAME,
        crate::views::labor_coverage::NAME,
    ],
    feeds: &[Topic::Inventory],
    restricted: false,
    policies: &[
        Policy { name: "open_bp", default: 7_000, unit: "bp", meaning: "opens below this chance of being in time" },
        Policy { name: "clear_bp", default: 8_000, unit: "bp", meaning: "clears from this chance of being in time" },
    ],
    for_ms: 0,
    rule: Rule {
        opens: "the order is open, promise_at > now and its promise score < `open_bp`",
        clears: "the promise score ≥ `clear_bp`, the order is not open, or promise_at ≤ now",
        severity: "critical if the score < 4000, else high",
        recommends: &[
            Recommendation { action: "expedite", parameters: &[], approver: "fulfillment_lead" },
            Recommendation { action: "reroute", parameters: &[], approver: "fulfillment_lead" },
        ],
    },
};

/// The detector; it reads the scores of open orders whose promise is ahead, and no other order has a score.
pub struct PromiseRisk;

impl Detector for PromiseRisk {
    const KIND: &'static ExceptionType = KIND;
    type Key = EventId;
    type State = UniqueRow<Score>;

    fn assess(&self, _: &EventId, state: &mut UniqueRow<Score>, at: &EvaluationContext<'_>) -> Verdict {
        let Some(score) = state.get() else { return Verdict::GONE };
        let (open, clear) = (score.odds.score_bp < at.policy[0], score.odds.score_bp >= at.policy[1]);
        Verdict { open, clear, ..Verdict::default() }
    }

    fn respond(&self, _: &EventId, state: &UniqueRow<Score>, _: &EvaluationContext<'_>) -> Response {
        let hopeless = state.get().is_some_and(|score| score.odds.score_bp < HOPELESS_BP);
        let (severity, action) = if hopeless { (Severity::Critical, "reroute") } else { (Severity::High, "expedite") };
        Response { severity, action: Action::new(action, "fulfillment_lead") }
    }

    fn drivers(&self, _: &EventId, state: &UniqueRow<Score>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let of = |number: fn(&Score) -> i64| state.get().map(number);
        vec![
            Driver::new("chance_in_time_and_complete", of(|score| score.odds.score_bp), at.policy[0], "bp"),
            Driver::new("chance_in_stock", of(|score| score.odds.stock_bp), None, "bp"),
            Driver::new("chance_in_time", of(|score| score.odds.on_time_bp), None, "bp"),
            Driver::new("promise_at", of(|score| score.promise_at), at.now, "ms"),
            Driver::new("to_pick_up_to_this_promise", of(|score| score.odds.backlog_milli), None, "milli-units"),
            Driver::new("pickers_present", of(|score| score.odds.present), None, "heads"),
        ]
    }

    fn key_parts(&self, key: &EventId) -> Vec<KeyPart> {
        vec![key.into()]
    }

    fn store(&self, _: &EventId, state: &UniqueRow<Score>) -> Option<Id> {
        state.get().map(|score| score.store)
    }
}

impl StatefulDetector for PromiseRisk {
    type Input = Score;

    fn update(&self, _: &EventId, state: &mut UniqueRow<Score>, score: Score, diff: i64) {
        state.update(score, diff);
    }

    fn is_empty(&self, state: &UniqueRow<Score>) -> bool {
        state.is_empty()
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(PromiseRisk, graph.promise_score().clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::open_orders::Odds;
    use engine::reference::Context;

    #[test]
    fn opens_when_unlikely_stays_between_the_bounds_and_clears() {
        let key = EventId::new("o1");
        let at = EvaluationContext { now: 0, context: &Context::default(), policy: &[7_000, 8_000] };
        let judge = |score_bp| {
            let mut state = UniqueRow::default();
            let odds = Odds { score_bp, stock_bp: 10_000, on_time_bp: score_bp, backlog_milli: 0, present: 1 };
            let row = Score { store: Id::new("s1"), promise_at: 50, odds };
            PromiseRisk.update(&key, &mut state, row, 1);
            let verdict = PromiseRisk.assess(&key, &mut state, &at);
            (verdict.open, verdict.clear, PromiseRisk.respond(&key, &state, &at).action.name)
        };
        assert_eq!(judge(3_999), (true, false, "reroute".into()));
        assert_eq!(judge(6_999), (true, false, "expedite".into()));
        assert_eq!(judge(7_000), (false, false, "expedite".into()));
        assert_eq!(judge(8_000), (false, true, "expedite".into()));
        assert_eq!(PromiseRisk.assess(&key, &mut UniqueRow::default(), &at), Verdict::GONE);
    }
}
