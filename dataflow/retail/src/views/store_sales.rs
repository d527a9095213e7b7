//! View `store.sales`: sums over the till lines of each store and hour (contract §4, view 1).

use contract::event::Topic;
use contract::event::pos::{LineKind, PosLine};
use contract::ids::Transaction;
use contract::keys::StoreHour;
use contract::time::{Cause, HOUR_MS, hour};
use engine::row::{Row, Tumbling};
use engine::streams::PosLines;
use engine::time::Collection;
use operators::aggregate::sums::difference::Semigroup;
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};
use crate::state::baskets::Baskets;

/// The name of the view.
pub const NAME: &str = "store.sales";

operators::sums! {
    /// Sums over the lines of a store and hour.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    pub struct Sales {
        /// Σ net_cents of sale lines.
        pub gross_cents: i64,
        /// Σ net_cents of void lines.
        pub void_cents: i64,
        /// Σ net_cents of return lines.
        pub return_cents: i64,
        /// Gross − void − return.
        pub net_cents: i64,
        /// Σ discount_cents, sale − void.
        pub discount_cents: i64,
        /// Σ quantity, sale − void.
        pub units_milli: i64,
        /// Σ quantity of return lines.
        pub returned_milli: i64,
        /// Sale lines.
        pub lines: i64,
        /// Void lines.
        pub void_lines: i64,
        /// Return lines.
        pub return_lines: i64,
        /// Transactions with more sale than void lines.
        pub transactions: i64,
        /// Of them, those with a customer on a sale line.
        pub loyalty_transactions: i64,
    }
}

impl Sales {
    /// The sums of `diff` copies of a line.
    fn of(line: &PosLine, diff: i64) -> Self {
        let net_cents = diff * line.net_cents;
        let sold = Sales {
            discount_cents: diff * line.sale_sign() * line.discount_cents,
            units_milli: diff * line.units_milli(),
            ..Sales::default()
        };
        match line.kind {
            LineKind::Sale => Sales { gross_cents: net_cents, net_cents, lines: diff, ..sold },
            LineKind::Void => Sales { void_cents: net_cents, net_cents: -net_cents, void_lines: diff, ..sold },
            LineKind::Return => Sales {
                return_cents: net_cents,
                net_cents: -net_cents,
                returned_milli: diff * line.quantity_milli,
                return_lines: diff,
                ..sold
            },
        }
    }

    fn records(&self) -> i64 {
        self.lines + self.void_lines + self.return_lines
    }
}

/// The state of a store and hour until it settles.
#[derive(Default, Serialize, Deserialize)]
struct StoreSalesState {
    sums: Sales,
    baskets: Baskets<Transaction>,
    row: Tumbling<Sales>,
}

struct StoreSales {
    lateness_ms: i64,
}

impl Keyed for StoreSales {
    type Key = StoreHour;
    type Input = PosLine;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = StoreSalesState;
    type Output = Row<StoreHour, Sales>;

    fn update(&mut self, _: &StoreHour, state: &mut StoreSalesState, line: PosLine, diff: i64, _: i64) {
        if state.row.is_settled() {
            return;
        }
        state.sums.plus_equals(&Sales::of(&line, diff));
        let sales = diff * line.sale_sign();
        if sales != 0 {
            let loyal = if line.is_sale() && line.customer.is_some() { diff } else { 0 };
            state.baskets.add(&line.transaction, sales, loyal);
        }
    }

    fn close(
        &mut self,
        key: &StoreHour,
        state: &mut StoreSalesState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let value = (state.sums.records() > 0).then(|| Sales {
            transactions: state.baskets.transactions(),
            loyalty_transactions: state.baskets.loyalty(),
            ..state.sums
        });
        let next = state.row.emit_row(key, value, key.hour + HOUR_MS + self.lateness_ms, emit);
        if state.row.is_settled() {
            state.baskets.free();
        }
        next
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    pos: &PosLines<'scope>,
) -> Collection<'scope, Row<StoreHour, Sales>> {
    let lines = pos.map(|line| {
        let key = StoreHour { store: line.body.store, hour: hour(line.event_time) };
        (key, line.body.clone())
    });
    keyed_operator("view: store.sales", ticks, lines, None, StoreSales { lateness_ms })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Pos];
    type Key = StoreHour;
    type Inner = Sales;
    type Value = Sales;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreHour, Sales>> {
        build(graph.inputs.ticks, graph.inputs.lateness_ms, &graph.inputs.streams.pos)
    }

    fn publish(row: Sales) -> Sales {
        row
    }
}
