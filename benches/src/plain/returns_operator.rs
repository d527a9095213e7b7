//! How often each till operator takes goods back: sums over seven days, which leave day by day.

use contract::event::pos::PosLine;
use contract::time::DAY_MS;
use operators::keyed::Ticks;
use operators::testing::reference::{PlainCollection, sum_by_key};
use operators::window::panes::Trail;
use retail::stats::{basis_points, wilson_low};
use retail::views::returns_operator::{OperatorReturns, StoreOperator};

use super::differential::{Facts, abelian};
use super::windows::in_window;

const WEEK: Trail = Trail { window_ms: 7 * DAY_MS, pane_ms: DAY_MS };

operators::sums! {
    /// Sums over the lines of an operator.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct ReturnSums {
        lines: i64,
        refunds: i64,
        no_receipt: i64,
        refund_cents: i64,
        sale_cents: i64,
    }
}
abelian!(ReturnSums);

impl ReturnSums {
    fn of(line: &PosLine) -> Self {
        let refunds = i64::from(line.is_return());
        ReturnSums {
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

/// The rows of the view.
pub(super) fn view<'scope>(
    ticks: Ticks,
    pos: Facts<'scope, PosLine>,
) -> PlainCollection<'scope, (StoreOperator, OperatorReturns), i64> {
    let lines = pos.explode(|line| {
        let PosLine { store, operator, .. } = line.body;
        [((StoreOperator { store, operator }, line.event_time), ReturnSums::of(&line.body))]
    });
    sum_by_key(in_window(ticks, WEEK, lines)).map(|(key, sums)| (key, sums.value()))
}
