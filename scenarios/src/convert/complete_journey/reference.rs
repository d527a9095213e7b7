//! What the chain knew before the first sale: its items, its stores, and what it expected of an item in a store.

use std::collections::{BTreeMap, BTreeSet};

use super::sales::{Catalogue, Sale};
use super::tally::{Rule, Tally};
use crate::Error;
use crate::money::divide_half_up;
use crate::topic::{Body, Id, ItemLocation, Product, Record, Store};

const HOUR_MS: i64 = 3_600_000;

/// Cost of a unit as a share of its regular price. With it the data set as a whole earns about a quarter of what it
/// takes in, as grocers do.
const COST_PERCENT: i64 = 65;

/// The source counts single units and knows no case.
const CASE_PACK: i64 = 1;

/// Two days from order to shelf: a grocer's usual rhythm. It moves nothing here, since the source has no stock.
const LEAD_TIME_H: i64 = 48;

/// A gap in the day is believed to be a closed store from this length on …
const MIN_CLOSED_HOURS: usize = 3;
/// … in a store with at least this many lines a year: in one with fewer a gap says nothing.
const MIN_LINES_FOR_HOURS: u64 = 1_000;

/// What the reference records are made from.
pub(super) struct Basis<'a> {
    pub(super) sales: &'a [Sale],
    pub(super) catalogue: &'a Catalogue,
    pub(super) watched_stores: &'a BTreeSet<i64>,
    /// When all of it is known.
    pub(super) known_at: i64,
    /// The days over which means are taken.
    pub(super) days: i64,
    /// The lines from which on an item is ranged in a store.
    pub(super) range_min_lines: u64,
}

impl Basis<'_> {
    /// Every reference record, in order of arrival: stores, items, then items of stores.
    pub(super) fn records(&self, tally: &mut Tally) -> Result<Vec<Record>, Error> {
        let mut records = self.stores()?;
        records.extend(self.products(tally)?);
        records.extend(self.locations(tally)?);
        Ok(records)
    }

    fn record(&self, event_id: String, store: Option<i64>, body: Body) -> Result<Record, Error> {
        Ok(Record::new(Id::new(event_id)?, self.known_at, store.map(Id::from), body))
    }

    fn stores(&self) -> Result<Vec<Record>, Error> {
        let mut hours: BTreeMap<i64, [u64; 24]> = BTreeMap::new();
        for sale in self.sales {
            let hour = usize::try_from(sale.event_time.div_euclid(HOUR_MS).rem_euclid(24)).unwrap_or(0);
            hours.entry(sale.store).or_default()[hour] += 1;
        }
        let region = Id::new("unknown")?;
        let stores = hours.iter().map(|(store, lines)| {
            let (open_from, open_to) = opening(lines);
            let format = Id::new(if self.watched_stores.contains(store) { "watched" } else { "unwatched" })?;
            let body = Store { region: region.clone(), format, open_from, open_to };
            self.record(format!("store-{store}"), Some(*store), Body::Store(body))
        });
        stores.collect()
    }

    fn products(&self, tally: &mut Tally) -> Result<Vec<Record>, Error> {
        let mut prices: Vec<(i64, i64)> =
            self.sales.iter().map(|sale| (sale.item, sale.regular_price_cents())).collect();
        prices.sort_unstable();
        let mut records = Vec::new();
        for of_item in prices.chunk_by(|a, b| a.0 == b.0) {
            let (item, median_cents) = of_item[(of_item.len() - 1) / 2];
            let Some(known) = self.catalogue.get(&item) else { continue };
            let body = Product {
                item_id: Id::from(item),
                dept: known.dept.clone(),
                unit_cost_cents: divide_half_up(median_cents * COST_PERCENT, 100),
                case_pack: CASE_PACK,
            };
            records.push(self.record(format!("product-{item}"), None, Body::Product(body))?);
        }
        tally.add_many(Rule::ProductNeverSold, self.catalogue.len() - records.len());
        Ok(records)
    }

    fn locations(&self, tally: &mut Tally) -> Result<Vec<Record>, Error> {
        let mut sold: Vec<(i64, i64, i64)> =
            self.sales.iter().map(|sale| (sale.store, sale.item, sale.quantity.milli())).collect();
        sold.sort_unstable();
        let mut records = Vec::new();
        for lines in sold.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let (store, item, _) = lines[0];
            if (lines.len() as u64) < self.range_min_lines {
                tally.add(Rule::LocationNotRanged);
                continue;
            }
            let milli: i64 = lines.iter().map(|(_, _, milli)| milli).sum();
            let body = ItemLocation {
                item_id: Id::from(item),
                lead_time_h: LEAD_TIME_H,
                forecast_milli_per_day: divide_half_up(milli, self.days),
                dispersion_bp: None,
            };
            records.push(self.record(format!("location-{store}-{item}"), Some(store), Body::ItemLocation(body))?);
        }
        Ok(records)
    }
}

/// Opening and closing minute of the UTC day, from the lines of each hour: closed in the longest stretch of hours
/// without a single line, always open (both 0) if that is short or says nothing.
fn opening(lines: &[u64; 24]) -> (i64, i64) {
    let quiet_from = |start: usize| (0..24).take_while(|step| lines[(start + step) % 24] == 0).count();
    // The earliest of equally long stretches.
    let longest = (0..24).map(|start| (quiet_from(start), 24 - start)).max().unwrap_or((0, 24));
    let (quiet, start) = (longest.0, 24 - longest.1);
    if quiet < MIN_CLOSED_HOURS || lines.iter().sum::<u64>() < MIN_LINES_FOR_HOURS {
        return (0, 0);
    }
    let minute = |hour: usize| i64::try_from(hour % 24 * 60).unwrap_or(0);
    (minute(start + quiet), minute(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_closed_when_it_never_sells() {
        let hours =
            |closed: &[usize], lines| std::array::from_fn(|hour| if closed.contains(&hour) { 0 } else { lines });
        assert_eq!(opening(&hours(&[5, 6, 7, 8, 9, 10], 100)), (11 * 60, 5 * 60));
        assert_eq!(opening(&hours(&[22, 23, 0, 1], 100)), (2 * 60, 22 * 60));
        assert_eq!(opening(&hours(&[0, 1, 2], 100)), (3 * 60, 0), "closing at midnight");
        assert_eq!(opening(&hours(&[3, 4, 8, 9, 10], 100)), (11 * 60, 8 * 60), "the longer gap");
        assert_eq!(opening(&hours(&[3, 4], 100)), (0, 0), "a short gap");
        assert_eq!(opening(&hours(&[3, 4, 5, 6], 1)), (0, 0), "too few lines to tell");
        assert_eq!(opening(&hours(&[], 100)), (0, 0));
    }
}
