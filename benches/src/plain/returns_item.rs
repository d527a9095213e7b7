//! How much of each item comes back: sums over four weeks, which leave day by day.

use contract::event::pos::{PosLine, Reason};
use contract::policy::RETURNS_PRIOR;
use contract::time::DAY_MS;
use contract::units::ratio_bp;
use operators::keyed::Ticks;
use operators::testing::reference::{PlainCollection, sum_by_key};
use operators::window::panes::Trail;
use retail::views::returns_item::{Item, ItemReturns, score_bp};

use super::differential::{Facts, abelian};
use super::windows::in_window;

const FOUR_WEEKS: Trail = Trail { window_ms: 28 * DAY_MS, pane_ms: DAY_MS };

operators::sums! {
    /// Sums over the lines of an item.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct ItemSums {
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
abelian!(ItemSums);

impl ItemSums {
    fn of(line: &PosLine) -> Self {
        let some = ItemSums { lines: 1, sold_milli: line.units_milli(), ..ItemSums::default() };
        if !line.is_return() {
            return some;
        }
        let milli = line.quantity_milli;
        let sums = ItemSums {
            returned_milli: milli,
            refund_cents: line.net_cents,
            no_receipt_milli: if line.receipt { 0 } else { milli },
            ..some
        };
        match line.reason {
            None => sums,
            Some(Reason::Defective) => ItemSums { defective_milli: milli, ..sums },
            Some(Reason::NotAsDescribed) => ItemSums { not_as_described_milli: milli, ..sums },
            Some(Reason::WrongItem) => ItemSums { wrong_item_milli: milli, ..sums },
            Some(Reason::Unwanted) => ItemSums { unwanted_milli: milli, ..sums },
            Some(Reason::Other) => ItemSums { other_milli: milli, ..sums },
        }
    }

    /// With the share of returns that is expected by default.
    fn value(self) -> ItemReturns {
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
            score_bp: score_bp(self.returned_milli, self.sold_milli, RETURNS_PRIOR.default),
        }
    }
}

/// The rows of the view.
pub(super) fn view<'scope>(
    ticks: Ticks,
    pos: Facts<'scope, PosLine>,
) -> PlainCollection<'scope, (Item, ItemReturns), i64> {
    let lines = pos.explode(|line| [((Item { item: line.body.item }, line.event_time), ItemSums::of(&line.body))]);
    sum_by_key(in_window(ticks, FOUR_WEEKS, lines)).map(|(item, sums)| (item, sums.value()))
}
