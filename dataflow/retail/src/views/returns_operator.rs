//! View `returns.operator`: refunds of each till operator, with and without a receipt (contract §4, view 15).

use contract::event::Topic;
use contract::event::pos::PosLine;
use contract::ids::Id;
use contract::time::{Cause, DAY_MS};
use engine::row::{Row, emit_row};
use engine::streams::PosLines;
use engine::time::Collection;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use operators::window::panes::{Panes, Trail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};
use crate::stats::{basis_points, wilson_low};

/// The name of the view.
pub const NAME: &str = "returns.operator";

const WEEK: Trail = Trail { window_ms: 7 * DAY_MS, pane_ms: DAY_MS };

/// A till operator of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StoreOperator {
    /// The store.
    pub store: Id,
    /// The operator.
    pub operator: Id,
}

/// What an operator sold and took back over the last 7 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct OperatorReturns {
    /// Return lines.
    pub refunds: i64,
    /// Of them, those without a receipt.
    pub no_receipt: i64,
    /// Money given back.
    pub refund_cents: i64,
    /// Money taken, sale − void.
    pub sale_cents: i64,
    /// The lowest share of returns without a receipt that the numbers are still compatible with.
    pub no_receipt_low_bp: Option<i64>,
}

operators::sums! {
    /// Sums over lines.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    struct Sums {
        lines: i64,
        refunds: i64,
        no_receipt: i64,
        refund_cents: i64,
        sale_cents: i64,
    }
}

impl Sums {
    fn of(line: &PosLine) -> Self {
        let refunds = i64::from(line.is_return());
        Sums {
            lines: 1,
            refunds,
            no_receipt: if line.receipt { 0 } else { refunds },
            refund_cents: refunds * line.net_cents,
            sale_cents: line.sale_sign() * line.net_cents,
        }
    }

    fn value(self) -> OperatorReturns {
        OperatorReturns {
            refunds: self.refunds,
            no_receipt: self.no_receipt,
            refund_cents: self.refund_cents,
            sale_cents: self.sale_cents,
            no_receipt_low_bp: wilson_low(self.no_receipt, self.refunds).map(basis_points),
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct ReturnsOperatorState {
    sums: Panes<Sums>,
    last_emitted: Option<OperatorReturns>,
}

struct ReturnsOperator;

impl Keyed for ReturnsOperator {
    type Key = StoreOperator;
    /// The event time.
    type Input = i64;
    type Diff = Sums;
    type Broadcast = ();
    type Cause = Cause;
    type State = ReturnsOperatorState;
    type Output = Row<StoreOperator, OperatorReturns>;

    fn update(&mut self, _: &StoreOperator, state: &mut ReturnsOperatorState, event_time: i64, sums: Sums, _: i64) {
        state.sums.add(WEEK, event_time, &sums);
    }

    fn close(
        &mut self,
        key: &StoreOperator,
        state: &mut ReturnsOperatorState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let now = emit.now();
        state.sums.expire(WEEK, now);
        let total = state.sums.total(WEEK, now);
        emit_row(key, &mut state.last_emitted, (total.lines > 0).then(|| total.value()), emit);
        state.sums.next(WEEK, now).map_or(Next::Forget, Next::At)
    }
}

/// Maintains the view.
pub fn build<'scope>(ticks: Ticks, pos: &PosLines<'scope>) -> Collection<'scope, Row<StoreOperator, OperatorReturns>> {
    let lines = pos.explode(|line| {
        let key = StoreOperator { store: line.body.store, operator: line.body.operator };
        Some(((key, line.event_time), Sums::of(line.body)))
    });
    keyed_operator("view: returns.operator", ticks, lines, None, ReturnsOperator)
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Pos];
    type Key = StoreOperator;
    type Inner = OperatorReturns;
    type Value = OperatorReturns;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreOperator, OperatorReturns>> {
        build(graph.inputs.ticks, &graph.inputs.streams.pos)
    }

    fn publish(row: OperatorReturns) -> OperatorReturns {
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Driven;

    fn refund(receipt: bool) -> Sums {
        Sums { lines: 1, refunds: 1, no_receipt: i64::from(!receipt), refund_cents: 250, sale_cents: 0 }
    }

    #[test]
    fn a_week_of_returns_leaves_day_by_day() {
        let key = StoreOperator { store: Id::new("s1"), operator: Id::new("o1") };
        let mut view = Driven::new(ReturnsOperator, 1_000);
        let sale = Sums { lines: 1, sale_cents: 999, ..Sums::default() };
        let today = 20_000 * DAY_MS;
        view.update(today, key, today - 1, sale);
        for receipt in [false, false, false, true] {
            view.update(today, key, today, refund(receipt));
        }
        view.close(today);
        let four = OperatorReturns { refunds: 4, no_receipt: 3, refund_cents: 1_000, ..OperatorReturns::default() };
        // Wilson: (0.75 + z²/8 − z·√(0.75·0.25/4 + z²/64)) / (1 + z²/4) at z = 1.959964.
        let four = OperatorReturns { no_receipt_low_bp: Some(3_006), ..four };
        assert_eq!(view.rows[&key], OperatorReturns { sale_cents: 999, ..four });
        // Yesterday's sale leaves on the sixth day from now; today's returns a day later, and with them the row.
        assert_eq!(view.close(today + 6 * DAY_MS - 1_000), 0);
        assert_eq!(view.close(today + 6 * DAY_MS), 2);
        assert_eq!(view.rows[&key], four);
        view.close(today + 7 * DAY_MS);
        assert!(view.rows.is_empty() && view.state.is_empty());
    }

    #[test]
    fn a_row_exists_while_a_line_does_even_if_all_is_zero() {
        let key = StoreOperator { store: Id::new("s1"), operator: Id::new("o1") };
        let mut view = Driven::new(ReturnsOperator, 1_000);
        let free = Sums { lines: 1, ..Sums::default() };
        view.update(DAY_MS, key, DAY_MS, free);
        view.close(DAY_MS);
        assert_eq!(view.rows[&key], OperatorReturns::default());
        // A line of tomorrow waits for the clock; a deleted line takes its row along.
        let tomorrow = 2 * DAY_MS;
        view.update(tomorrow - 1_000, key, DAY_MS, Sums { lines: -1, ..free });
        view.update(tomorrow - 1_000, key, tomorrow, refund(true));
        view.close(tomorrow - 1_000);
        assert!(view.rows.is_empty());
        view.close(tomorrow);
        assert_eq!(view.rows[&key].no_receipt_low_bp, Some(0));
    }
}
