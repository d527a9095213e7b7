//! View `margin.daily`: margin of each department of a store by day, after cost of goods and losses (contract §4, view
//! 16).

use contract::event::Topic;
use contract::keys::StoreDeptDay;
use contract::time::{Cause, day};
use contract::units::{floor_div, saturated};
use engine::row::{Row, Tumbling};
use engine::streams::Streams;
use engine::time::{Collection, Inputs};
use operators::keyed::{Emit, Keyed, Next, Ticks, keyed_operator};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::registry::{Graph, View};
use crate::state::costing::{Amounts, Costing, Costs, Entry, settles_at};

/// The name of the view.
pub const NAME: &str = "margin.daily";

/// What was earned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Margin {
    /// Sale − void − return.
    pub net_cents: i64,
    /// Cost of what was sold and not voided or brought back to the shelf.
    pub cogs_cents: i64,
    /// Cost of what was damaged, wasted or stolen.
    pub shrink_cents: i64,
    /// Net − cost − shrink.
    pub margin_cents: i64,
    /// Margin / net.
    pub margin_bp: Option<i64>,
    /// What was taken off, sale − void.
    pub discount_cents: i64,
}

impl Margin {
    /// The margin of costed amounts: summed exactly, divided once.
    pub fn of(amounts: &Amounts) -> Self {
        let cents = |thousandths: i128| floor_div(thousandths, 1_000);
        let (cogs_cents, shrink_cents) = (cents(amounts.sold), cents(amounts.lost));
        let net = amounts.net_cents;
        let margin = net - i128::from(cogs_cents) - i128::from(shrink_cents);
        Margin {
            net_cents: saturated(net),
            cogs_cents,
            shrink_cents,
            margin_cents: saturated(margin),
            margin_bp: (net != 0).then(|| floor_div(margin * 10_000, net)),
            discount_cents: saturated(amounts.discount_cents),
        }
    }
}

/// The state of a department's day until it settles.
#[derive(Default, Serialize, Deserialize)]
struct MarginDailyState {
    amounts: Amounts,
    row: Tumbling<Margin>,
}

struct MarginDaily {
    lateness_ms: i64,
}

impl Keyed for MarginDaily {
    type Key = StoreDeptDay;
    type Input = Amounts;
    type Diff = i64;
    type Broadcast = ();
    type Cause = Cause;
    type State = MarginDailyState;
    type Output = Row<StoreDeptDay, Margin>;

    fn update(&mut self, _: &StoreDeptDay, state: &mut MarginDailyState, amounts: Amounts, diff: i64, _: i64) {
        state.amounts.add(&amounts, diff);
    }

    fn close(
        &mut self,
        key: &StoreDeptDay,
        state: &mut MarginDailyState,
        emit: &mut Emit<'_, Self::Output, Cause>,
    ) -> Next {
        let value = (state.amounts.records > 0).then(|| Margin::of(&state.amounts));
        state.row.emit_row(key, value, settles_at(key.day, self.lateness_ms), emit)
    }
}

/// Maintains the view.
pub fn build<'scope>(
    ticks: Ticks,
    lateness_ms: i64,
    streams: &Streams<'scope>,
) -> Collection<'scope, Row<StoreDeptDay, Margin>> {
    let lines = streams.pos.map(|line| {
        let entry = Entry::Happened(day(line.event_time), line.body.store, Amounts::of_line(line.body));
        (line.body.item, entry)
    });
    let losses = streams.movements.flat_map(|movement| {
        let (day, body) = (day(movement.event_time), movement.body);
        Amounts::of_loss(body).map(|amounts| (body.item, Entry::Happened(day, body.store, amounts)))
    });
    let products = streams.products.clone().map(|product| {
        let costs = Costs { dept: product.dept, unit_cost_cents: product.unit_cost_cents };
        (product.item, Entry::Product(costs))
    });
    let entries = Inputs::from(lines).and(losses).and(products);
    let costed = keyed_operator("margin.daily: costs", ticks, entries, None, Costing { lateness_ms });
    keyed_operator("view: margin.daily", ticks, costed, None, MarginDaily { lateness_ms })
}

/// The view as it is listed.
pub struct Definition;

impl View for Definition {
    const NAME: &'static str = NAME;
    const TOPICS: &'static [Topic] = &[Topic::Inventory, Topic::Pos, Topic::Reference];
    type Key = StoreDeptDay;
    type Inner = Margin;
    type Value = Margin;

    fn build<'scope>(graph: &Graph<'scope>) -> Collection<'scope, Row<StoreDeptDay, Margin>> {
        let inputs = &graph.inputs;
        build(inputs.ticks, inputs.lateness_ms, &inputs.streams)
    }

    fn publish(row: Margin) -> Margin {
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::event::inventory::{Movement, MovementReason};
    use contract::event::pos::{Channel, LineKind, PosLine};
    use contract::ids::Id;

    fn line(kind: LineKind, quantity_milli: i64, net_cents: i64, restock: bool) -> PosLine {
        let id = Id::new("x");
        PosLine {
            store: id,
            transaction: Default::default(),
            operator: id,
            item: id,
            kind,
            quantity_milli,
            unit_price_cents: net_cents,
            net_cents,
            discount_cents: 10,
            promotion: None,
            customer: None,
            channel: Channel::Store,
            receipt: true,
            reason: None,
            restock,
        }
    }

    #[test]
    fn sums_at_cost_and_divides_last() {
        // 0.333 + 0.333 units at 301 cents are 200.466 cents: two floors would lose one.
        let sale = Amounts { sold: 333 * 301, ..Amounts::of_line(&line(LineKind::Sale, 333, 500, false)) };
        let mut amounts = Amounts::default();
        amounts.add(&sale, 2);
        let margin = Margin::of(&amounts);
        assert_eq!((margin.net_cents, margin.cogs_cents, margin.discount_cents), (1_000, 200, 20));
        assert_eq!((margin.margin_cents, margin.margin_bp), (800, Some(8_000)));
    }

    #[test]
    fn voids_and_restocked_returns_take_their_cost_back() {
        let mut amounts = Amounts::default();
        for (line, sold) in [
            (line(LineKind::Sale, 3_000, 900, false), 3_000),
            (line(LineKind::Void, 1_000, 300, false), -1_000),
            (line(LineKind::Return, 1_000, 300, true), -1_000),
            (line(LineKind::Return, 1_000, 400, false), 0),
        ] {
            assert_eq!(Amounts::of_line(&line).sold, sold);
            amounts.add(&Amounts::of_line(&line), 1);
        }
        let margin = Margin::of(&amounts);
        assert_eq!((margin.net_cents, margin.cogs_cents, margin.discount_cents), (-100, 1, 0));
        assert_eq!((margin.margin_cents, margin.margin_bp), (-101, Some(10_100)));
    }

    #[test]
    fn losses_count_whatever_their_sign() {
        let movement = |reason| Movement { store: Id::new("s"), item: Id::new("i"), quantity_milli: -2_500, reason };
        let lost = Amounts::of_loss(&movement(MovementReason::Theft)).map(|amounts| amounts.lost);
        assert_eq!((lost, Amounts::of_loss(&movement(MovementReason::Adjust))), (Some(2_500), None));
        let only_lost = Amounts { records: 1, lost: 2_500 * 301, ..Amounts::default() };
        let margin = Margin::of(&only_lost);
        assert_eq!((margin.shrink_cents, margin.margin_cents, margin.margin_bp), (752, -752, None));
    }
}
