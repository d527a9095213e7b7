//! Detector `promotion.price_mismatch`: opens while the latest sale in a running promotion had another price (contract
//! §5).

use contract::event::Topic;
use contract::exception::{Action, Driver, KeyPart, Response, Severity, Step};
use contract::exception_type::{ExceptionType, Recommendation, Rule};
use contract::ids::Id;
use engine::detector::{Detector, EvaluationContext, StatefulDetector, Verdict};
use engine::row::read;
use engine::time::Collection;
use operators::compact::unique_row::UniqueRow;
use serde::{Deserialize, Serialize};

use crate::registry::Graph;
use crate::state::offer::LatestSale;
use crate::views::promotion_performance::{PromotionRow, PromotionStoreItem};

/// `promotion.price_mismatch`.
pub const KIND: &ExceptionType = &ExceptionType {
    name: "promotion.price_mismatch",
    key: &["promotion", "store", "item"],
    views: &[crate::views::promotion_performance::NAME],
    feeds: &[Topic::Pos],
    restricted: false,
    policies: &[],
    for_ms: 0,
    rule: Rule {
        opens: "the promotion runs and its latest sale line had another price",
        clears: "the latest sale line had the promoted price, or the promotion has ended",
        severity: "critical",
        recommends: &[Recommendation { action: "fix_price", parameters: &[], approver: "store_manager" }],
    },
};

/// The inputs from promotion.performance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Prices {
    /// The start of the promotion.
    pub start_at: i64,
    /// The end of the promotion, exclusive.
    pub end_at: i64,
    /// The latest sale line.
    pub latest_sale: Option<LatestSale>,
}

impl Prices {
    /// The inputs from a row.
    pub fn of(row: &PromotionRow) -> Self {
        Prices { start_at: row.start_at, end_at: row.end_at, latest_sale: row.latest_sale.clone() }
    }
}

/// The detector; it reads promotion.performance.
pub struct PriceMismatch;

impl Detector for PriceMismatch {
    const KIND: &'static ExceptionType = KIND;
    type Key = PromotionStoreItem;
    type State = UniqueRow<Prices>;

    fn assess(&self, _: &PromotionStoreItem, state: &mut UniqueRow<Prices>, at: &EvaluationContext<'_>) -> Verdict {
        match state.get() {
            None => Verdict::GONE,
            // A settled row of a promotion whose period was moved ahead.
            Some(row) if at.now < row.start_at => Verdict::GONE.again(Some(row.start_at)),
            Some(row) if row.end_at <= at.now => Verdict::GONE,
            Some(row) => Verdict::while_true(row.latest_sale.as_ref().is_some_and(LatestSale::is_mismatch))
                .again(Some(row.end_at)),
        }
    }

    fn respond(&self, _: &PromotionStoreItem, _: &UniqueRow<Prices>, _: &EvaluationContext<'_>) -> Response {
        Response { severity: Severity::Critical, action: Action::new("fix_price", "store_manager") }
    }

    fn drivers(&self, _: &PromotionStoreItem, state: &UniqueRow<Prices>, _: &EvaluationContext<'_>) -> Vec<Driver> {
        let sale = state.get().and_then(|row| row.latest_sale.as_ref());
        let (sold, promised) = (sale.map(|sale| sale.unit_price_cents), sale.map(|sale| sale.promo_price_cents));
        vec![
            Driver::new("unit_price_of_latest_sale", sold, promised, "cents"),
            Driver::new("latest_sale_at", sale.map(|sale| sale.event_time), None, "ms"),
            Driver::new("promotion_ends_at", state.get().map(|row| row.end_at), None, "ms"),
        ]
    }

    fn key_parts(&self, key: &PromotionStoreItem) -> Vec<KeyPart> {
        vec![key.promotion.into(), key.store.into(), key.item.into()]
    }

    fn store(&self, key: &PromotionStoreItem, _: &UniqueRow<Prices>) -> Option<Id> {
        Some(key.store)
    }
}

impl StatefulDetector for PriceMismatch {
    type Input = Prices;

    fn update(&self, _: &PromotionStoreItem, state: &mut UniqueRow<Prices>, row: Prices, diff: i64) {
        state.update(row, diff);
    }

    fn is_empty(&self, state: &UniqueRow<Prices>) -> bool {
        state.is_empty()
    }
}

/// The steps of its exceptions.
pub fn steps<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Step> {
    graph.watch(PriceMismatch, read(graph.promotion_performance(), |row| Prices::of(&row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::ids::EventId;
    use engine::reference::Context;

    fn assess(row: Option<Prices>, now: i64) -> Verdict {
        let [promotion, store, item] = ["p", "s", "i"].map(Id::new);
        let mut state = UniqueRow::default();
        row.into_iter().for_each(|row| state.update(row, 1));
        let context = Context::default();
        let at = EvaluationContext { now, context: &context, policy: &[] };
        PriceMismatch.assess(&PromotionStoreItem { promotion, store, item }, &mut state, &at)
    }

    fn sold_for(unit_price_cents: i64) -> Prices {
        let id = EventId::new("e");
        Prices {
            start_at: 0,
            end_at: 100,
            latest_sale: Some(LatestSale { event_time: 5, id, unit_price_cents, promo_price_cents: 80 }),
        }
    }

    #[test]
    fn opens_while_the_latest_sale_had_another_price() {
        assert!(assess(Some(sold_for(90)), 99).open);
        assert_eq!(assess(Some(sold_for(80)), 99), Verdict::while_true(false).again(Some(100)));
        assert!(assess(Some(Prices { start_at: 0, end_at: 100, latest_sale: None }), 99).clear);
    }

    #[test]
    fn is_over_when_the_promotion_is() {
        assert_eq!(assess(Some(sold_for(90)), 100), Verdict::GONE);
        assert_eq!(assess(None, 0), Verdict::GONE);
    }
}
