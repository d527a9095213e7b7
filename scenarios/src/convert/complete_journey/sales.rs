//! From transaction rows to the lines of receipts: what is dropped, what is kept as it is, what is read differently.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::calendar;
use super::source::{Source, Transaction};
use super::tally::{Rule, Tally};
use crate::Error;
use crate::money::{cents, divide_half_up, is_whole_cents};
use crate::topic::{Id, Quantity};

/// The time between two lines of a basket: a scan every 3 s, the pace of a practised cashier.
const SCAN_MS: i64 = 3_000;

/// Beyond a million units or a thousand million cents a row is a fault: no basket holds them.
const MAX_UNITS: i64 = 1_000_000;
const MAX_CENTS: i64 = 1_000_000_000;

/// An instant beyond the year 2286 is a fault.
const MAX_TIME_MS: i64 = 10_000_000_000_000;

/// What the product table knows of an item.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) dept: Id,
    is_fuel: bool,
}

/// The product table by item number.
pub(super) type Catalogue = HashMap<i64, Known>;

/// One line of a receipt.
#[derive(Clone, Debug)]
pub(super) struct Sale {
    pub(super) household: i64,
    pub(super) store: i64,
    pub(super) basket: i64,
    pub(super) item: i64,
    pub(super) week: i64,
    /// Its place among the rows of its basket, dropped ones counted, from 1.
    pub(super) number: u32,
    pub(super) event_time: i64,
    pub(super) quantity: Quantity,
    /// What the retailer received.
    pub(super) net_cents: i64,
    /// What the loyalty card took off.
    pub(super) retail_cents: i64,
    /// What a maker's coupon took off, which its maker refunds.
    pub(super) coupon_cents: i64,
    /// What the retailer gave on top of a coupon.
    pub(super) match_cents: i64,
}

impl Sale {
    /// The shelf price of a unit to a holder of the loyalty card.
    pub(super) fn unit_price_cents(&self) -> i64 {
        self.per_unit(self.net_cents + self.match_cents)
    }

    /// The shelf price of a unit to anybody.
    pub(super) fn regular_price_cents(&self) -> i64 {
        self.per_unit(self.net_cents + self.match_cents + self.retail_cents)
    }

    /// When its basket was rung up.
    pub(super) fn basket_time(&self) -> i64 {
        self.event_time - scanned_after_ms(self.number)
    }

    pub(super) fn discount_cents(&self) -> i64 {
        self.retail_cents + self.coupon_cents + self.match_cents
    }

    fn per_unit(&self, cents: i64) -> i64 {
        divide_half_up(cents * 1000, self.quantity.milli())
    }
}

/// Reads the product table.
pub(super) fn read_catalogue(source: &mut Source<'_>, tally: &mut Tally) -> Result<Catalogue, Error> {
    let mut catalogue = Catalogue::new();
    source.products(|row| {
        let Some(item) = row.item else {
            tally.add(Rule::ProductIncomplete);
            return;
        };
        let is_fuel = row.product_type.is_some_and(|text| text.starts_with("GASOLINE"));
        let known = Known { dept: Id::resembling(row.department.as_deref().unwrap_or("")), is_fuel };
        match catalogue.entry(item) {
            Entry::Vacant(place) => {
                place.insert(known);
            }
            Entry::Occupied(_) => tally.add(Rule::ProductRepeated),
        }
    })?;
    Ok(catalogue)
}

/// What came of the transaction table.
pub(super) struct Sales {
    /// The lines that are kept, in table order.
    pub(super) lines: Vec<Sale>,
    /// The rows read.
    pub(super) rows: u64,
    /// Coupon money on rows which sold nothing, and so in no line.
    pub(super) unsold_coupon_cents: i64,
}

/// Reads the transactions, in table order.
pub(super) fn read_sales(source: &mut Source<'_>, catalogue: &Catalogue, tally: &mut Tally) -> Result<Sales, Error> {
    let mut sales = Sales { lines: Vec::new(), rows: 0, unsold_coupon_cents: 0 };
    let mut last_number: HashMap<i64, u32> = HashMap::new();
    source.transactions(|row| {
        sales.rows += 1;
        let number = match row.basket {
            Some(basket) => {
                let last = last_number.entry(basket).or_default();
                *last += 1;
                *last
            }
            None => 0,
        };
        match read_sale(&row, number, catalogue, tally) {
            Ok(sale) => sales.lines.push(sale),
            Err(rule) => {
                tally.add(rule);
                if rule == Rule::NothingSold {
                    sales.unsold_coupon_cents += row.coupon_disc.and_then(cents).unwrap_or(0);
                }
            }
        }
    })?;
    Ok(sales)
}

/// One row as a line, or the rule by which it is dropped.
fn read_sale(row: &Transaction, number: u32, catalogue: &Catalogue, tally: &mut Tally) -> Result<Sale, Rule> {
    let dollars = [row.sales_value, row.retail_disc, row.coupon_disc, row.coupon_match_disc];
    let (Some(household), Some(store), Some(basket), Some(item)) = (row.household, row.store, row.basket, row.item)
    else {
        return Err(Rule::RowIncomplete);
    };
    let (Some(units), Some(at_ms), [Some(net), Some(retail), Some(coupon), Some(matched)]) =
        (row.quantity, row.at_ms, dollars)
    else {
        return Err(Rule::RowIncomplete);
    };
    let amount = |dollars| cents(dollars).filter(|cents| *cents <= MAX_CENTS).ok_or(Rule::RowOutOfRange);
    let [net_cents, retail_cents, coupon_cents, match_cents] =
        [amount(net)?, amount(retail)?, amount(coupon)?, amount(matched)?];
    if !(0..=MAX_UNITS).contains(&units) || !(0..=MAX_TIME_MS).contains(&at_ms) {
        return Err(Rule::RowOutOfRange);
    }
    if units == 0 && net_cents == 0 {
        return Err(Rule::NothingSold);
    }
    if ![net, retail, coupon, matched].into_iter().all(is_whole_cents) {
        tally.add(Rule::PartOfACent);
    }
    let known = catalogue.get(&item);
    let is_fuel = known.is_some_and(|known| known.is_fuel);
    let quantity = read_quantity(units, net_cents, is_fuel, tally).ok_or(Rule::RowOutOfRange)?;
    if net_cents == 0 {
        tally.add(Rule::FreeGoods);
    }
    if known.is_none() {
        tally.add(Rule::ProductUnknown);
    }
    let week = calendar::week_of(at_ms);
    if row.week != Some(week) {
        tally.add(Rule::WeekDisagrees);
    }
    let event_time = at_ms + scanned_after_ms(number);
    Ok(Sale {
        household,
        store,
        basket,
        item,
        week,
        number,
        event_time,
        quantity,
        net_cents,
        retail_cents,
        coupon_cents,
        match_cents,
    })
}

/// How long after its basket's time a line is scanned.
fn scanned_after_ms(number: u32) -> i64 {
    i64::from(number.saturating_sub(1)) * SCAN_MS
}

/// Fuel below a cent a unit counts thousandths of a gallon; money without a quantity is one unit.
fn read_quantity(units: i64, net_cents: i64, is_fuel: bool, tally: &mut Tally) -> Option<Quantity> {
    if units == 0 {
        tally.add(Rule::MoneyWithoutQuantity);
        return Quantity::from_units(1);
    }
    if is_fuel && net_cents < units {
        tally.add(Rule::FuelInThousandths);
        return Quantity::from_milli(units);
    }
    Quantity::from_units(units)
}
