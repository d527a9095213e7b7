//! What each store sold, hour by hour: sums beside the distinct baskets.

use contract::event::pos::{LineKind, PosLine};
use contract::keys::StoreHour;
use contract::time::hour;
use engine::streams::Timed;
use retail::views::store_sales::Sales;

use operators::testing::reference::{PlainCollection, sum_by_key};

use super::differential::{Facts, abelian};

operators::sums! {
    /// Sums over the lines of a store and hour.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct LineSums {
        gross_cents: i64,
        void_cents: i64,
        return_cents: i64,
        discount_cents: i64,
        units_milli: i64,
        returned_milli: i64,
        lines: i64,
        void_lines: i64,
        return_lines: i64,
    }
}
abelian!(LineSums);

operators::sums! {
    /// Of one basket: sale − void lines, and sale lines with a customer.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct BasketSums {
        sales: i64,
        loyal: i64,
    }
}
abelian!(BasketSums);

impl LineSums {
    fn of(line: &PosLine) -> Self {
        let some = LineSums {
            discount_cents: line.sale_sign() * line.discount_cents,
            units_milli: line.units_milli(),
            ..LineSums::default()
        };
        match line.kind {
            LineKind::Sale => LineSums { gross_cents: line.net_cents, lines: 1, ..some },
            LineKind::Void => LineSums { void_cents: line.net_cents, void_lines: 1, ..some },
            LineKind::Return => {
                LineSums { return_cents: line.net_cents, returned_milli: line.quantity_milli, return_lines: 1, ..some }
            }
        }
    }

    fn beside(self, baskets: BasketSums) -> Sales {
        Sales {
            gross_cents: self.gross_cents,
            void_cents: self.void_cents,
            return_cents: self.return_cents,
            net_cents: self.gross_cents - self.void_cents - self.return_cents,
            discount_cents: self.discount_cents,
            units_milli: self.units_milli,
            returned_milli: self.returned_milli,
            lines: self.lines,
            void_lines: self.void_lines,
            return_lines: self.return_lines,
            transactions: baskets.sales,
            loyalty_transactions: baskets.loyal,
        }
    }
}

/// The rows of the view.
pub(super) fn view<'scope>(pos: Facts<'scope, PosLine>) -> PlainCollection<'scope, (StoreHour, Sales), i64> {
    let key = |line: &Timed<PosLine>| StoreHour { store: line.body.store, hour: hour(line.event_time) };
    let sums = sum_by_key(pos.clone().explode(move |line| [(key(&line), LineSums::of(&line.body))]));
    let lines = pos.explode(move |line| {
        let sales = line.body.sale_sign();
        let loyal = i64::from(line.body.is_sale() && line.body.customer.is_some());
        [((key(&line), line.body.transaction), BasketSums { sales, loyal })]
    });
    let baskets = sum_by_key(lines).filter(|(_, basket)| basket.sales > 0);
    let baskets = sum_by_key(
        baskets.explode(|((key, _), basket)| [(key, BasketSums { sales: 1, loyal: i64::from(basket.loyal > 0) })]),
    );
    let sold = sums.clone().join_map(baskets.clone(), |key, sums, baskets| (*key, sums.beside(*baskets)));
    let unsold = sums.antijoin(baskets.map(|(key, _)| key));
    sold.concat(unsold.map(|(key, sums)| (key, sums.beside(BasketSums::default()))))
}
