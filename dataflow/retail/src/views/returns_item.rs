//! View `returns.item`: returns of each item by reason, and the score against the usual rate (contract §4, view 14).

use contract::event::Topic;
use contract::event::pos::{PosLine, Reason};
use contract::ids::Id;
use contract::policy::RETURNS_PRIOR;
use contract::time::{Cause, DAY_MS};
use contract::units::{quotient, ratio_bp};
use engine::reference::{Context, Notice};
use engine::row::{Row, emit_row};
use engine::streams::PosLines;
use engine::time::Collection;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use operators::window::panes::{Panes, Trail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};

/// The name of the view.
pub const NAME: &str = "returns.item";

const FOUR_WEEKS: Trail = Trail { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };

/// An item, wherever it is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// The item.
    pub item: Id,
}

/// What was sold and brought back of an item over the last 28 days, at all stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct ItemReturns {
    /// Sold − voided.
    pub sold_milli: i64,
    /// Brought back.
    pub returned_milli: i64,
    /// Money given back.
    pub refund_cents: i64,
    /// Brought back without a receipt.
    pub no_receipt_milli: i64,
    /// Brought back because it was broken.
    pub defective_milli: i64,
    /// Brought back because it was not what was promised.
    pub not_as_described_milli: i64,
    /// Brought back because it was the wrong one.
    pub wrong_item_milli: i64,
    /// Brought back because it was not wanted.
    pub unwanted_milli: i64,
    /// Brought back for another reason.
    pub other_milli: i64,
    /// Returned / sold.
    pub rate_bp: Option<i64>,
    /// The return rate as a multiple of the usual one, cautious where little was sold: 10 000 is as usual.
    pub score_bp: Option<i64>,
}

operators::sums! {
    /// Sums over lines.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Sums {
        lines: i64,
        sold_milli: i64,
        returned_milli: i64,
        refund_cents: i64,
        no_receipt_milli: i64,
        defective_milli: i64,
        not_as_described_milli: i64,
        wrong_item_milli: i64,
        unwanted_milli: i64,
        other_milli: i64,
    }
}

impl Sums {
    fn of(line: &PosLine) -> Self {
        if !line.is_return() {
            return Sums { lines: 1, sold_milli: line.units_milli(), ..Sums::default() };
        }
        let returned_milli = line.quantity_milli;
        let because = |reason| if line.reason == Some(reason) { returned_milli } else { 0 };
        Sums {
            lines: 1,
            sold_milli: 0,
            returned_milli,
            refund_cents: line.net_cents,
            no_receipt_milli: if line.receipt { 0 } else { returned_milli },
            defective_milli: because(Reason::Defective),
            not_as_described_milli: because(Reason::NotAsDescribed),
            wrong_item_milli: because(Reason::WrongItem),
            unwanted_milli: because(Reason::Unwanted),
            other_milli: because(Reason::Other),
        }
    }

    fn value(self, prior_bp: i64) -> ItemReturns {
        ItemReturns {
            sold_milli: self.sold_milli,
            returned_milli: self.returned_milli,
            refund_cents: self.refund_cents,
            no_receipt_milli: self.no_receipt_milli,
            defective_milli: self.defective_milli,
            not_as_described_milli: self.not_as_described_milli,
            wrong_item_milli: self.wrong_item_milli,
            unwanted_milli: self.unwanted_milli,
            other_milli: self.other_milli,
            rate_bp: ratio_bp(self.returned_milli, self.sold_milli),
            score_bp: score_bp(self.returned_milli, self.sold_milli, prior_bp),
        }
    }
}

/// (returned + 4 units) / (sold · prior + 4 units), half-up: the mean of a gamma prior of weight 4 around the usual
/// rate, exact in integers. `None` when nothing was expected to come back.
pub fn score_bp(returned_milli: i64, sold_milli: i64, prior_bp: i64) -> Option<i64> {
    let expected = i128::from(sold_milli) * i128::from(prior_bp) + 40_000_000;
    let returned = (i128::from(returned_milli) + 4_000) * 100_000_000;
    quotient(2 * returned + expected, 2 * expected)
}

#[derive(Default, Serialize, Deserialize)]
struct ReturnsItemState {
    sums: Panes<Sums>,
    last_emitted: Option<ItemReturns>,
}

struct ReturnsItem {
    context: Context,
}

impl Keyed for ReturnsItem {
    type Key = Item;
    /// The event time.
    type Input = i64;
    type Diff = Sums;
    type Broadcast = Notice;
    type Cause = Cause;
    type State = ReturnsItemState;
    type Output = Row<Item, ItemReturns>;

    fn update(&mut self, _: &Item, state: &mut ReturnsItemState, event_time: i64, sums: Sums, _: i64) {
        state.sums.add(FOUR_WEEKS, event_time, &sums);
    }

    fn on_broadcast(&mut self, notice: &Notice, diff: i64) {
        self.context.apply(notice, diff);
    }

    fn is_affected(&self, notice: &Notice, _: &Item, _: &ReturnsItemState) -> bool {
        matches!(notice, Notice::Policy(policy) if policy.key == RETURNS_PRIOR.name)
    }

    fn close(&mut self, key: &Item, state: &mut ReturnsItemState, emit: &mut Emit<'_, Self::Output, Cause>) -> Next {
        let now = emit.now();
        state.sums.expire(FOUR_WEEKS, now);
        let total = state.sums.total(FOUR_WEEKS, now);
        let prior_bp = self.context.policies.get(RETURNS_PRIOR);
        emit_row(key, &mut state.last_emitted, (total.lines > 0).then(|| total.value(prior_bp)), emit);
        state.sums.next(FOUR_WEEKS, now).map_or(Next::Forget, Next::At)
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    context: Context,
    notices: &Collection<'scope, Notice>,
    pos: &PosLines<'scope>,
) -> Collection<'scope, Row<Item, ItemReturns>> {
    let lines = pos.explode(|line| Some(((Item { item: line.body.item }, line.event_time), Sums::of(line.body))));
    keyed_operator("view: returns.item", ticks, lines, Some(notices.clone()), ReturnsItem { context })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Pos];
    type Key = Item;
    type Inner = ItemReturns;
    type Value = ItemReturns;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<Item, ItemReturns>> {
        let inputs = &graph.inputs;
        build(inputs.ticks, inputs.context.clone(), &inputs.reference, &inputs.streams.pos)
    }

    fn publish(row: ItemReturns) -> ItemReturns {
        row
    }
}

#[cfg(test)]
mod tests {
    use operators::diff::Traced;

    use super::*;
    use crate::testing::Driven;
    use contract::event::policy::PolicyValue;

    #[test]
    fn the_score_is_one_where_returns_are_as_usual() {
        // 100 units at 2 % bring back 2; with the weight of 4 units on both sides, 7 are (7 + 4)/(2 + 4).
        assert_eq!(score_bp(2_000, 100_000, 200), Some(10_000));
        assert_eq!(score_bp(7_000, 100_000, 200), Some(18_333));
        // One unit sold: 4/(0.02 + 4) = 0.995025, two: 0.990099, half-up.
        assert_eq!([1_000, 2_000].map(|sold| score_bp(0, sold, 200)), [Some(9_950), Some(9_901)]);
        // Exactly a half goes up: 4.001/4 = 1.00025.
        assert_eq!(score_bp(1, 0, 0), Some(10_003));
        // More voids than sales: as long as anything is left in the denominator.
        assert_eq!(score_bp(0, -199_999, 200), Some(2_000_000_000));
        assert_eq!(score_bp(0, -200_000, 200), None);
        assert_eq!(score_bp(0, 1_000, -40_000), None);
        let most = (1 << 53) - 1;
        assert_eq!(score_bp(0, most, most), Some(0));
    }

    #[test]
    fn four_weeks_leave_by_the_clock_and_the_prior_restates() {
        let (key, today) = (Item { item: Id::new("i1") }, 20_000 * DAY_MS);
        let mut view = Driven::new(ReturnsItem { context: Context::default() }, 1_000);
        let sold = Sums { lines: 1, sold_milli: 100_000, ..Sums::default() };
        let back = Sums { lines: 1, returned_milli: 7_000, defective_milli: 7_000, ..Sums::default() };
        view.update(today, key, today - DAY_MS, sold);
        view.update(today, key, today + 5, back);
        view.close(today + 1_000);
        let row = view.rows[&key];
        assert_eq!((row.sold_milli, row.defective_milli), (100_000, 7_000));
        assert_eq!((row.rate_bp, row.score_bp), (Some(700), Some(18_333)));
        let prior = Notice::Policy(PolicyValue { key: RETURNS_PRIOR.name.into(), value: 700 });
        view.state.broadcast(&prior, &Traced::new(1, None));
        view.close(today + 2_000);
        assert_eq!(view.rows[&key].score_bp, Some(10_000));
        // The sale leaves a day before the return; a rate without sales is none.
        view.close(today + 27 * DAY_MS);
        let row = view.rows[&key];
        assert_eq!((row.sold_milli, row.rate_bp, row.score_bp), (0, None, Some(27_500)));
        view.close(today + 28 * DAY_MS);
        assert!(view.rows.is_empty() && view.state.is_empty());
    }
}
