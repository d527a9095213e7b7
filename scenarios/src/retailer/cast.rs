//! Who and what is in the retailer's world: shops, goods and promotions, all from a seed.
//!
//! Few goods sell most: the item of rank k has a weight of 1 / (k + 2), so of 200 items the first 40 make two thirds
//! of the units, of 20 000 the first 4000 four fifths. Shops differ in size by a factor of 2.7. A shop of 200 items
//! rings up some 2600 lines a day, one of 3425 and more 28 400, which is what a supermarket does.

use crate::random::Random;
use crate::topic::Id;

use super::calendar::{DAY_MS, HOUR_MS, MINUTE_MS};
use super::{Draw, Size};

/// The departments; an item's is decided by its rank.
pub(crate) const DEPTS: [&str; 8] =
    ["grocery", "produce", "dairy", "beverages", "bakery", "household", "frozen", "care"];

/// Of a hundred visitors so many buy.
pub(crate) const CONVERSION_PERCENT: i64 = 30;

/// A basket of so much is a day's work of progress: see [`super::shelves`].
pub(crate) const PROGRESS_PER_DAY: i64 = 1_000_000_000;

const REGIONS: [&str; 4] = ["north", "east", "south", "west"];
const SIZES_PERCENT: [i64; 5] = [100, 80, 125, 60, 160];

/// A shop, as the chain knows it.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) number: u64,
    pub(crate) id: Id,
    pub(crate) region: Id,
    pub(crate) format: Id,
    /// Lines it rings up on an even day.
    pub(crate) lines_per_day: i64,
    /// Buyers on an even day.
    pub(crate) buyers_per_day: i64,
}

impl Shop {
    /// Lines of a basket, in hundredths.
    pub(crate) fn lines_per_basket_percent(&self) -> i64 {
        self.lines_per_day * 100 / self.buyers_per_day.max(1)
    }
}

/// Something to sell.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    pub(crate) id: Id,
    pub(crate) dept: usize,
    pub(crate) price_cents: i64,
    pub(crate) cost_cents: i64,
    pub(crate) case_pack: i64,
    /// Sold by weight, in kilograms.
    pub(crate) weighed: bool,
    /// Its share of all units, in billionths.
    share: i64,
    /// Its promotion, by place in [`Cast::promotions`].
    pub(crate) promotion: Option<usize>,
}

/// Items at a price for a time, in every shop.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) id: Id,
    pub(crate) items: Vec<usize>,
    pub(crate) start_at: i64,
    pub(crate) end_at: i64,
    /// The price of each of them.
    pub(crate) price_cents: i64,
    /// The uplift that is expected, and true where the promotion is carried out.
    pub(crate) uplift_percent: i64,
}

/// The whole world.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) seed: u64,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) shops: Vec<Shop>,
    pub(crate) goods: Vec<Good>,
    pub(crate) promotions: Vec<Offer>,
    pub(crate) depts: Vec<Id>,
}

impl Cast {
    /// The world of a size, from the first midnight on.
    pub(crate) fn new(size: &Size, start: i64) -> Cast {
        let mut goods = goods(size);
        let promotions = offers(size, start, &mut goods);
        Cast {
            seed: size.seed,
            start,
            end: start + i64::from(size.days) * DAY_MS,
            shops: (0..u64::from(size.stores)).map(|number| shop(size, number)).collect(),
            goods,
            promotions,
            depts: DEPTS.iter().map(|dept| Id::known((*dept).to_owned())).collect(),
        }
    }

    /// The last instant of the log: a minute before midnight, so that no tick of up to a minute is of another day.
    pub(crate) fn last(&self) -> i64 {
        self.end - MINUTE_MS
    }

    /// What a shop truly sells of an item on an even day, and what its forecast says, both in thousandths of a unit.
    /// Shops differ in taste by a fifth; forecasts of what is not on offer are wrong by up to 6 %.
    pub(crate) fn daily_milli(&self, shop: &Shop, item: usize) -> (i64, i64) {
        let good = &self.goods[item];
        let mut random = Random::keyed(self.seed, &[Draw::Taste as u64, shop.number, item as u64]);
        let even = i128::from(shop.lines_per_day) * 1100 * i128::from(good.share) / 1_000_000_000;
        let rate = i64::try_from(even).unwrap_or(0) * random.between(80, 121) / 100;
        let error = if good.promotion.is_some() { 100 } else { random.between(94, 107) };
        (rate.max(1), (rate * error / 100).max(1))
    }

    /// An item, the popular ones more often.
    pub(crate) fn some_item(&self, random: &mut Random) -> usize {
        let count = self.goods.len() as u64;
        let (a, b) = (random.below(count), random.below(count));
        usize::try_from(a * b / count.max(1)).unwrap_or(0)
    }
}

fn shop(size: &Size, number: u64) -> Shop {
    let place = usize::try_from(number).unwrap_or(0);
    let percent = SIZES_PERCENT[place % SIZES_PERCENT.len()];
    let even = (1_000 + 8 * i64::from(size.items)).min(28_400);
    let lines_per_day = (even * percent / 100 * i64::from(size.rate_percent) / 100).max(100);
    // Small shops sell five lines at a time, supermarkets thirteen.
    let per_basket_percent = 500 + 800 * lines_per_day.min(28_400) / 28_400;
    Shop {
        number,
        id: Id::known(format!("s{:03}", number + 1)),
        region: Id::known(REGIONS[place % REGIONS.len()].to_owned()),
        format: Id::known(if percent >= 100 { "supermarket" } else { "convenience" }.to_owned()),
        lines_per_day,
        buyers_per_day: lines_per_day * 100 / per_basket_percent,
    }
}

fn goods(size: &Size) -> Vec<Good> {
    let weight = |rank: i64| 1_000_000_000_000 / (rank + 3);
    let count = i64::from(size.items);
    let total: i64 = (0..count).map(weight).sum();
    (0..count)
        .zip(0_usize..)
        .map(|(rank, place)| {
            let mut random = Random::keyed(size.seed, &[Draw::Good as u64, place as u64]);
            let price_cents = 99 + 10 * random.between(0, 60) + if random.chance(1_000) { 1_500 } else { 0 };
            let dept = place % DEPTS.len();
            Good {
                id: Id::known(format!("i{:05}", rank + 1)),
                dept,
                price_cents,
                cost_cents: price_cents * random.between(58, 69) / 100,
                case_pack: [6, 8, 10, 12][place % 4],
                weighed: dept == 1 && place % 3 == 0,
                share: i64::try_from(i128::from(weight(rank)) * 1_000_000_000 / i128::from(total)).unwrap_or(0),
                promotion: None,
            }
        })
        .collect()
}

/// Three promotions of three pieces each, from 10:00 of the first day to 20:00 of the last: by ten a day has caught up
/// with its forecast, which knows no hours. They are not the quickest: no department is to stand out because of them. A promotion has one price, so its items usually cost the same.
fn offers(size: &Size, start: i64, goods: &mut [Good]) -> Vec<Offer> {
    let pieces: Vec<usize> =
        (18.min(goods.len() / 2)..goods.len()).filter(|place| place % DEPTS.len() != 1).take(9).collect();
    let mut offers = Vec::new();
    for (place, items) in pieces.chunks(3).enumerate() {
        let Good { price_cents, cost_cents, .. } = goods[items[0]];
        for item in items {
            let good = &mut goods[*item];
            (good.price_cents, good.cost_cents, good.promotion) = (price_cents, cost_cents, Some(place));
        }
        offers.push(Offer {
            id: Id::known(format!("p{}", place + 1)),
            items: items.to_vec(),
            start_at: start + 10 * HOUR_MS,
            end_at: start + i64::from(size.days) * DAY_MS - 4 * HOUR_MS,
            price_cents: price_cents * 80 / 100,
            uplift_percent: 100,
        });
    }
    offers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_goods_sell_most_and_shops_sell_what_they_ring_up() {
        let size = Size { stores: 5, items: 2_000, days: 1, seed: 7, rate_percent: 100 };
        let cast = Cast::new(&size, 0);
        let shop = &cast.shops[0];
        let sold: Vec<i64> = (0..2_000).map(|item| cast.daily_milli(shop, item).0).collect();
        let (first, all) = (sold[..400].iter().sum::<i64>(), sold.iter().sum::<i64>());
        assert!((70..80).contains(&(first * 100 / all)), "{first} of {all}");
        assert!((97..103).contains(&(all / (11 * shop.lines_per_day))), "{all} of {} lines", shop.lines_per_day);
        assert_eq!(cast.promotions.len(), 3);
        assert!(cast.goods.iter().all(|good| good.cost_cents * 10 < good.price_cents * 7));
    }
}
