//! What each department earned in a day: sums that go through a join with the products, and are then added up.

use contract::event::inventory::Movement;
use contract::event::pos::PosLine;
use contract::event::reference::Product;
use contract::ids::Id;
use contract::keys::StoreDeptDay;
use contract::time::day;
use contract::units::{floor_div, saturated};
use differential_dataflow::collection::AsCollection;
use operators::testing::reference::{PlainCollection, sum_by_key};
use retail::views::margin_daily::Margin;
use timely::dataflow::operators::vec::Map;

use super::differential::{Facts, abelian, beside};

operators::sums! {
    /// Sums over what was sold and lost; wide where money is multiplied or may be absurd.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct MarginSums {
        records: i64,
        net_cents: i128,
        discount_cents: i128,
        /// In thousandths of a unit; at cost, in thousandths of a cent.
        sold: i128,
        lost: i128,
    }
}
abelian!(MarginSums);

impl MarginSums {
    fn of_line(line: &PosLine) -> Self {
        let wide = |sum: i64| i128::from(sum);
        MarginSums {
            records: 1,
            net_cents: if line.is_sale() { wide(line.net_cents) } else { -wide(line.net_cents) },
            discount_cents: wide(line.sale_sign()) * wide(line.discount_cents),
            sold: -wide(line.stock_milli()),
            lost: 0,
        }
    }

    fn of_loss(movement: &Movement) -> Option<Self> {
        let lost = i128::from(movement.quantity_milli).abs();
        movement.reason.is_shrink().then(|| MarginSums { records: 1, lost, ..MarginSums::default() })
    }

    fn at_cost(self, unit_cost_cents: i64) -> Self {
        let cost = i128::from(unit_cost_cents);
        MarginSums { sold: self.sold * cost, lost: self.lost * cost, ..self }
    }

    fn value(self) -> Margin {
        let (cogs_cents, shrink_cents) = (floor_div(self.sold, 1_000), floor_div(self.lost, 1_000));
        let margin = self.net_cents - i128::from(cogs_cents) - i128::from(shrink_cents);
        Margin {
            net_cents: saturated(self.net_cents),
            cogs_cents,
            shrink_cents,
            margin_cents: saturated(margin),
            margin_bp: (self.net_cents != 0).then(|| floor_div(margin * 10_000, self.net_cents)),
            discount_cents: saturated(self.discount_cents),
        }
    }
}

/// The rows of the view.
pub(super) fn view<'scope>(
    pos: Facts<'scope, PosLine>,
    movements: Facts<'scope, Movement>,
    products: PlainCollection<'scope, Product, i64>,
) -> PlainCollection<'scope, (StoreDeptDay, Margin), i64> {
    let sold = pos.explode(|line| {
        let PosLine { item, store, .. } = line.body;
        [((item, (store, day(line.event_time))), MarginSums::of_line(&line.body))]
    });
    let lost = movements.explode(|movement| {
        let Movement { item, store, .. } = movement.body;
        Some(((item, (store, day(movement.event_time))), MarginSums::of_loss(&movement.body)?))
    });
    let costs = products.map(|product| (product.item, (product.dept, product.unit_cost_cents)));
    let costed = beside(sold.concat(lost), costs).inner.map(|((_, (store, day), costs), tick, sums)| {
        let (dept, unit_cost_cents) = costs.unwrap_or_else(|| (Id::new("unknown"), 0));
        (StoreDeptDay { store, dept, day }, tick, sums.at_cost(unit_cost_cents))
    });
    sum_by_key(costed.as_collection()).map(|(key, sums)| (key, sums.value()))
}
