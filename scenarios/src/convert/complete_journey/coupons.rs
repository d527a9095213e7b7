//! Which lines a redeemed coupon was given for: the source says who, which coupon and which day, not which line.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar;
use super::sales::Sale;
use super::source::Source;
use super::tally::{Rule, Tally};
use crate::Error;
use crate::topic::Id;

const DAY_MS: i64 = 86_400_000;

/// A coupon of a campaign: the campaign, then the number printed on it.
type Coupon = (i64, i64);

/// The coupon of each line that has one, by the place of the line among the sales.
///
/// A redemption belongs to a line of the same household on the same day of the stores, of an item the coupon is good
/// for, which no other redemption has taken: the first in table order with a coupon discount, else the first at all.
/// Redemptions choose in order of day, household, coupon.
pub(super) fn find_coupons(
    source: &mut Source<'_>,
    sales: &[Sale],
    tally: &mut Tally,
) -> Result<BTreeMap<usize, Id>, Error> {
    let redemptions = read_redemptions(source, tally)?;
    let items = items_of(source, &redemptions, tally)?;
    let mut lines_of: BTreeMap<(i64, i64), Vec<usize>> =
        redemptions.iter().map(|(day, household, _)| ((*day, *household), Vec::new())).collect();
    for (index, sale) in sales.iter().enumerate() {
        // The day is that of the basket: its first line.
        if let Some(lines) = lines_of.get_mut(&(calendar::store_day(sale.basket_time()), sale.household)) {
            lines.push(index);
        }
    }
    let mut coupon_of: BTreeMap<usize, Id> = BTreeMap::new();
    for (day, household, coupon) in redemptions {
        let is_open = |index: &usize| items.contains(&(coupon, sales[*index].item)) && !coupon_of.contains_key(index);
        let open: Vec<usize> = lines_of[&(day, household)].iter().copied().filter(is_open).collect();
        let discounted = open.iter().find(|index| sales[**index].coupon_cents > 0);
        let (line, rule) = match (discounted, open.first()) {
            (Some(line), _) => (*line, Rule::RedemptionOnDiscount),
            (None, Some(line)) => (*line, Rule::RedemptionOnItem),
            (None, None) => {
                tally.add(Rule::RedemptionNotFound);
                continue;
            }
        };
        tally.add(rule);
        coupon_of.insert(line, Id::new(format!("c{}-{}", coupon.0, coupon.1))?);
    }
    Ok(coupon_of)
}

/// Day of the stores, household, coupon of every redemption, in order.
fn read_redemptions(source: &mut Source<'_>, tally: &mut Tally) -> Result<Vec<(i64, i64, Coupon)>, Error> {
    let mut redemptions = Vec::new();
    source.redemptions(|row| match (row.date_ms, row.household, row.campaign, row.upc) {
        (Some(date_ms), Some(household), Some(campaign), Some(upc)) => {
            redemptions.push((date_ms.div_euclid(DAY_MS), household, (campaign, upc)));
        }
        _ => tally.add(Rule::CouponIncomplete),
    })?;
    redemptions.sort_unstable();
    Ok(redemptions)
}

/// The items each redeemed coupon is good for.
fn items_of(
    source: &mut Source<'_>,
    redemptions: &[(i64, i64, Coupon)],
    tally: &mut Tally,
) -> Result<BTreeSet<(Coupon, i64)>, Error> {
    let redeemed: BTreeSet<Coupon> = redemptions.iter().map(|(_, _, coupon)| *coupon).collect();
    let mut items = BTreeSet::new();
    source.coupon_items(|row| match (row.campaign, row.upc, row.item) {
        (Some(campaign), Some(upc), Some(item)) => {
            if redeemed.contains(&(campaign, upc)) {
                items.insert(((campaign, upc), item));
            }
        }
        _ => tally.add(Rule::CouponIncomplete),
    })?;
    Ok(items)
}
