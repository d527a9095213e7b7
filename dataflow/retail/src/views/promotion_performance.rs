//! View `promotion.performance`: sales of each promoted item at a store against its baseline (contract §4, view 12).

use contract::event::Topic;
use contract::event::promotion::{Promotion, Terms};
use contract::ids::Id;
use contract::keys::StoreItem;
use contract::units::{floor_div, quotient};
use engine::row::Row;
use engine::time::Collection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};
use crate::state::offer::{LatestSale, Sums};

/// The name of the view.
pub const NAME: &str = "promotion.performance";

/// A promotion of an item at a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct PromotionStoreItem {
    /// The promotion.
    pub promotion: Id,
    /// The store.
    pub store: Id,
    /// The item.
    pub item: Id,
}

/// What a promotion of an item sold at a store so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Performance {
    /// Sale lines.
    pub lines: i64,
    /// Σ quantity, sale − void.
    pub units_milli: i64,
    /// Σ net_cents, sale − void.
    pub net_cents: i64,
    /// Σ discount_cents, sale − void.
    pub discount_cents: i64,
    /// Sale lines at the promoted price.
    pub price_ok_lines: i64,
    /// Sale lines at another price.
    pub price_mismatch_lines: i64,
    /// What the forecast says would have sold without the promotion.
    pub baseline_milli: i64,
    /// The baseline with the uplift hoped for.
    pub expected_milli: i64,
    /// How much of that uplift came.
    pub attainment_bp: Option<i64>,
}

impl Performance {
    /// The performance with these sums, terms and baseline.
    pub fn of(sums: Sums, terms: Terms, baseline_milli: i64) -> Self {
        let baseline = i128::from(baseline_milli);
        let uplift = i128::from(terms.uplift_bp);
        Performance {
            lines: sums.ok_lines + sums.mismatch_lines,
            units_milli: sums.units_milli,
            net_cents: floor_div(sums.net_cents, 1),
            discount_cents: floor_div(sums.discount_cents, 1),
            price_ok_lines: sums.ok_lines,
            price_mismatch_lines: sums.mismatch_lines,
            baseline_milli,
            expected_milli: floor_div(baseline * (10_000 + uplift), 10_000),
            attainment_bp: quotient((i128::from(sums.units_milli) - baseline) * 100_000_000, baseline * uplift),
        }
    }
}

/// A row with the fields that detectors read beside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PromotionRow {
    /// The row.
    pub performance: Performance,
    /// The start of the promotion.
    pub start_at: i64,
    /// The end of the promotion, exclusive.
    pub end_at: i64,
    /// The latest sale line among its lines.
    pub latest_sale: Option<LatestSale>,
}

/// The terms of every promotion, by store and item.
pub fn offers<'scope>(promotions: &Collection<'scope, Promotion>) -> Collection<'scope, (StoreItem, (Id, Terms))> {
    promotions.clone().flat_map(|promotion| {
        let (id, terms, items) = (promotion.promotion, promotion.terms, promotion.items);
        promotion.stores.into_iter().flat_map(move |store| {
            let offer = move |item| (StoreItem { store, item }, (id, terms));
            items.clone().into_iter().map(offer)
        })
    })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Pos, Topic::Promotions, Topic::Reference];
    type Key = PromotionStoreItem;
    type Inner = PromotionRow;
    type Value = Performance;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<PromotionStoreItem, PromotionRow>> {
        graph.item_at_store().promotions.clone()
    }

    fn publish(row: PromotionRow) -> Performance {
        row.performance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms { start_at: 0, end_at: 1, price_cents: 80, uplift_bp: 5_000 };

    #[test]
    fn attainment_is_the_part_of_the_uplift_that_came() {
        let sold = |units_milli| Performance::of(Sums { units_milli, ..Sums::default() }, TERMS, 2_001);
        assert_eq!(sold(2_001).expected_milli, 3_001);
        assert_eq!([3_001, 2_001, 2_000].map(|units| sold(units).attainment_bp), [Some(9_995), Some(0), Some(-10)]);
    }

    #[test]
    fn without_a_baseline_or_an_uplift_there_is_no_attainment() {
        assert_eq!(Performance::of(Sums::default(), TERMS, 0).attainment_bp, None);
        assert_eq!(Performance::of(Sums::default(), Terms { uplift_bp: 0, ..TERMS }, 10).attainment_bp, None);
    }

    #[test]
    fn absurd_numbers_overflow_nothing() {
        let top = (1 << 53) - 1;
        let sums = Sums { net_cents: i128::from(i64::MAX) * 9, units_milli: i64::MIN / 2, ..Sums::default() };
        let row = Performance::of(sums, Terms { uplift_bp: top, ..TERMS }, i64::MAX);
        assert_eq!((row.net_cents, row.expected_milli), (i64::MAX, i64::MAX));
    }
}
