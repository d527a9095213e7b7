//! The rules by which the data set was read, each with the number of times it was applied.

use std::fmt;

/// Rules in reporting order, each with the name it is reported under and what it means.
macro_rules! rules {
    ($($rule:ident $name:literal $meaning:literal)+) => {
        /// A rule of the conversion that was applied to a row, a pair or a line. The head of
        /// [`complete_journey`](super) gives the reasons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $meaning] $rule,)+
        }

        impl Rule {
            /// Every rule, in reporting order.
            pub const ALL: [Rule; [$($name),+].len()] = [$(Rule::$rule),+];

            /// The name of the rule in a report.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Rule::$rule => $name,)+ }
            }

            /// What the rule did, in a sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Rule::$rule => $meaning,)+ }
            }
        }
    };
}

rules! {
    RowIncomplete "row_incomplete" "Transaction rows dropped: a value is missing."
    RowOutOfRange "row_out_of_range" "Transaction rows dropped: a value is negative, not a number or absurdly great."
    NothingSold "nothing_sold" "Transaction rows dropped: neither a quantity nor money, such as a coupon on its own."
    MoneyWithoutQuantity "money_without_quantity" "Lines kept as one unit: money without a quantity."
    FuelInThousandths "fuel_in_thousandths" "Lines kept: fuel, whose quantity counts thousandths."
    FreeGoods "free_goods" "Lines kept: a quantity without money."
    PartOfACent "part_of_a_cent" "Transaction rows with an amount that was not whole cents, rounded half up."
    WeekDisagrees "week_disagrees" "Lines kept in the week of their time, although the table names another."
    ProductUnknown "product_unknown" "Lines kept: the product table does not know their item, so it has no ref.product."
    ProductIncomplete "product_incomplete" "Product rows left out: no item number."
    ProductRepeated "product_repeated" "Product rows left out: the item had a row before."
    ProductNeverSold "product_never_sold" "Product rows left out: nobody bought the item, so it has no price."
    LocationNotRanged "location_not_ranged" "Items of a store without ref.item_location: sold too seldom."
    PlacementIncomplete "placement_incomplete" "Promotion rows left out: a number is missing."
    PlacementUnsold "placement_unsold" "Promotion rows left out: nobody bought the item in that store and week."
    PlacementRepeated "placement_repeated" "Promotion rows merged with an earlier one of the same item, store and week."
    PlacementTooThin "placement_too_thin" "Placed items sold in a store and week, without a promotion: too few lines tell the price."
    CouponIncomplete "coupon_incomplete" "Coupon and redemption rows left out: a value is missing."
    RedemptionOnDiscount "redemption_on_discount" "Redemptions found on a line with a coupon discount."
    RedemptionOnItem "redemption_on_item" "Redemptions found on a line by its item alone."
    RedemptionNotFound "redemption_not_found" "Redemptions left out: the household bought no such item that day."
    LineHiccup "line_hiccup" "Lines that waited for the network."
    LineOffline "line_offline" "Lines held back by a store that was cut off."
    LinePolled "line_polled" "Lines fetched the next morning."
    LineResent "line_resent" "Lines sent twice."
    LineCorrected "line_corrected" "Lines that were wrong at first and corrected later."
}

/// How often each rule was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [u64; Rule::ALL.len()],
}

impl Tally {
    /// Counts one application.
    pub(super) fn add(&mut self, rule: Rule) {
        self.counts[rule as usize] += 1;
    }

    /// Counts `times` applications.
    pub(super) fn add_many(&mut self, rule: Rule, times: usize) {
        self.counts[rule as usize] += times as u64;
    }

    /// How often a rule was applied.
    #[must_use]
    pub fn of(&self, rule: Rule) -> u64 {
        self.counts[rule as usize]
    }
}

/// One line a rule, those never applied too: a zero is an answer.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in Rule::ALL {
            writeln!(f, "{:>10}  {:<24}{}", self.of(rule), rule.name(), rule.meaning())?;
        }
        Ok(())
    }
}
