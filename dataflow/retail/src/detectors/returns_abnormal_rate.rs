//! Detector `returns.abnormal_rate`: opens when the return score of an item is too high (contract §5).

use contract::exception::{Action, Driver, KeyPart, Parameter, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use contract::policy::Policy;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::{Row, read};
use engine::time::{Collection, Inputs};
use operators::compact::unique_row::UniqueRow;

use crate::registry::Graph;
use crate::views::returns_item::{Item, ItemReturns};

/// `returns.abnormal_rate`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "returns.abnormal_rate",
    key: &["item"],
    views: &[crate::views::returns_item::NAME],
    feeds: &[],
    restricted: false,
    policies: &[
        Policy { name: "open_bp", default: 20_000, unit: "bp", meaning: "returns score from which it opens" },
        Policy { name: "clear_bp", default: 15_000, unit: "bp", meaning: "returns score below which it clears" },
    ],
    for_ms: 0,
    rule: Rule {
        opens: "score_bp ≥ `open_bp` and returned_milli ≥ 5000",
        clears: "score_bp < `clear_bp` or null",
        severity: "high",
        recommends: &[Recommendation { action: "investigate", parameters: &["detail"], approver: "quality_manager" }],
    },
};

/// Returned units below which an item is not evaluated.
const LEAST_RETURNED_MILLI: i64 = 5_000;

/// The detector; it reads returns.item.
pub struct AbnormalRate;

/// The team that investigates: by the greatest reason column, the first one on a tie (contract §5).
pub fn detail(row: &ItemReturns) -> &'static str {
    let reasons = [
        (row.defective_milli, "quality"),
        (row.not_as_described_milli, "quality"),
        (row.wrong_item_milli, "fulfillment"),
        (row.unwanted_milli, "store_process"),
        (row.other_milli, "store_process"),
    ];
    let none = (0, "store_process");
    reasons.into_iter().fold(none, |greatest, reason| if reason.0 > greatest.0 { reason } else { greatest }).1
}

impl Detector for AbnormalRate {
    const KIND: &'static ExceptionType = KIND;
    type Key = Item;
    type State = UniqueRow<ItemReturns>;

    fn assess(&self, _: &Item, state: &mut UniqueRow<ItemReturns>, at: &EvaluationContext<'_>) -> Verdict {
        let Some(row) = state.get() else { return Verdict::GONE };
        let open = row.score_bp.is_some_and(|score| score >= at.policy[0]);
        let clear = row.score_bp.is_none_or(|score| score < at.policy[1]);
        Verdict { open: open && row.returned_milli >= LEAST_RETURNED_MILLI, clear, ..Verdict::default() }
    }

    fn respond(&self, _: &Item, state: &UniqueRow<ItemReturns>, _: &EvaluationContext<'_>) -> Response {
        let detail = state.get().map_or("store_process", detail);
        let action = Action::new("investigate", "quality_manager");
        Response { severity: Severity::High, action: action.with("detail", Parameter::Text(detail.into())) }
    }

    fn drivers(&self, _: &Item, state: &UniqueRow<ItemReturns>, at: &EvaluationContext<'_>) -> Vec<Driver> {
        let row = state.get();
        let milli =
            |name: &'static str, of: fn(&ItemReturns) -> i64| Driver::new(name, row.map(of), None, "milli-units");
        let score_bp = row.and_then(|row| row.score_bp);
        let returned_milli = row.map(|row| row.returned_milli);
        vec![
            Driver::new("returns_score", score_bp, at.policy[0], "bp"),
            Driver::new("returns_score_to_clear", score_bp, at.policy[1], "bp"),
            Driver::new("returned", returned_milli, LEAST_RETURNED_MILLI, "milli-units"),
            milli("sold", |row| row.sold_milli),
            Driver::new("return_rate", row.and_then(|row| row.rate_bp), None, "bp"),
            milli("returned_defective", |row| row.defective_milli),
            milli("returned_not_as_described", |row| row.not_as_described_milli),
            milli("returned_wrong_item", |row| row.wrong_item_milli),
            milli("returned_unwanted", |row| row.unwanted_milli),
            milli("returned_other", |row| row.other_milli),
        ]
    }

    fn key_parts(&self, key: &Item) -> Vec<KeyPart> {
        vec![key.item.into()]
    }

    fn store(&self, _: &Item, _: &UniqueRow<ItemReturns>) -> Option<Id> {
        None
    }
}

impl StatefulDetector for AbnormalRate {
    type Input = ItemReturns;

    fn update(&self, _: &Item, state: &mut UniqueRow<ItemReturns>, row: ItemReturns, diff: i64) {
        state.update(row, diff);
    }

    fn is_empty(&self, state: &UniqueRow<ItemReturns>) -> bool {
        state.is_empty()
    }
}

/// The inputs from the view.
pub fn input<'scope>(rows: &Collection<'scope, Row<Item, ItemReturns>>) -> Inputs<'scope, Item, ItemReturns> {
    read(rows, |row| row)
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(AbnormalRate, input(graph.returns_item()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::reference::Context;

    fn verdict(returned_milli: i64, score_bp: Option<i64>) -> (bool, bool) {
        let key = Item { item: Id::new("i1") };
        let mut state = UniqueRow::default();
        AbnormalRate.update(&key, &mut state, ItemReturns { returned_milli, score_bp, ..ItemReturns::default() }, 1);
        let at = EvaluationContext { now: 0, context: &Context::default(), policy: &[20_000, 15_000] };
        let verdict = AbnormalRate.assess(&key, &mut state, &at);
        (verdict.open, verdict.clear)
    }

    #[test]
    fn opens_and_clears_at_its_bounds() {
        assert_eq!(verdict(5_000, Some(20_000)), (true, false));
        assert_eq!(verdict(4_999, Some(99_999)), (false, false));
        assert_eq!(verdict(5_000, Some(19_999)), (false, false));
        assert_eq!(verdict(0, Some(15_000)), (false, false));
        assert_eq!(verdict(9_000, Some(14_999)), (false, true));
        assert_eq!(verdict(9_000, None), (false, true));
    }

    #[test]
    fn a_row_that_is_gone_clears() {
        let at = EvaluationContext { now: 0, context: &Context::default(), policy: &[20_000, 15_000] };
        assert_eq!(AbnormalRate.assess(&Item { item: Id::new("i1") }, &mut UniqueRow::default(), &at), Verdict::GONE);
    }

    #[test]
    fn the_greatest_reason_says_who_looks_into_it() {
        let reasons =
            |[defective_milli, not_as_described_milli, wrong_item_milli, unwanted_milli, other_milli]: [i64; 5]| {
                let row =
                    ItemReturns { defective_milli, not_as_described_milli, wrong_item_milli, ..ItemReturns::default() };
                detail(&ItemReturns { unwanted_milli, other_milli, ..row })
            };
        assert_eq!(reasons([0; 5]), "store_process");
        assert_eq!(reasons([1; 5]), "quality");
        assert_eq!(reasons([0, 2, 1, 2, 2]), "quality");
        assert_eq!(reasons([1, 0, 2, 2, 2]), "fulfillment");
        assert_eq!(reasons([1, 1, 1, 2, 0]), "store_process");
        assert_eq!(reasons([1, 1, 1, 0, 2]), "store_process");
    }
}
