//! Tills, doors and queues: views 1, 2 and 3.

use std::collections::BTreeMap;

use crate::model::decode::Id;
use crate::model::stats::{HOUR, QUARTER, floor_to, per, ratio_bp};
use crate::model::tables::{Rows, Tables, key};
use crate::model::world::World;

#[derive(Default)]
struct Sales<'a> {
    /// cents, discounts, milli and lines of sale, void and return
    cents: [i64; 3],
    discount: i64,
    milli: [i64; 3],
    lines: [i64; 3],
    /// sale lines, void lines, sale lines with a customer, by transaction
    transactions: BTreeMap<&'a Id, (i64, i64, bool)>,
}

/// View 1.
pub(super) fn sales(world: &World, _: &Tables) -> Rows {
    let mut hours: BTreeMap<(&Id, i64), Sales> = BTreeMap::new();
    for fact in &world.lines {
        let line = &fact.body;
        let of = hours.entry((&fact.store, floor_to(fact.time, HOUR))).or_default();
        let kind = usize::from(!line.is("sale")) + usize::from(line.is("return"));
        of.cents[kind] += line.net_cents;
        of.discount += line.sign() * line.discount_cents;
        of.milli[kind] += line.quantity;
        of.lines[kind] += 1;
        let (sales, voids, loyal) = of.transactions.entry(&line.transaction_id).or_default();
        *sales += i64::from(line.is("sale"));
        *voids += i64::from(line.is("void"));
        *loyal |= line.is("sale") && line.customer_id.is_some();
    }
    let row = |((store, hour), of): ((&Id, i64), Sales)| {
        let transactions = || of.transactions.values().filter(|(sales, voids, _)| sales > voids);
        let ([gross, void, returned], [lines, void_lines, return_lines]) = (of.cents, of.lines);
        let row = [
            gross,
            void,
            returned,
            gross - void - returned,
            of.discount,
            of.milli[0] - of.milli[1],
            of.milli[2],
            lines,
            void_lines,
            return_lines,
            transactions().count() as i64,
            transactions().filter(|(.., loyal)| *loyal).count() as i64,
        ];
        (key![store, hour], row.map(Some).to_vec())
    };
    hours.into_iter().map(row).collect()
}

/// View 2.
pub(super) fn traffic(world: &World, tables: &Tables) -> Rows {
    let mut hours: BTreeMap<(&Id, i64), (i64, i64)> = BTreeMap::new();
    for fact in &world.traffic {
        let (visitors_in, visitors_out) = hours.entry((&fact.store, floor_to(fact.time, HOUR))).or_default();
        if fact.body.status != "offline" {
            *visitors_in += fact.body.r#in;
            *visitors_out += fact.body.out;
        }
    }
    let row = |((store, hour), (visitors_in, visitors_out)): ((&Id, i64), (i64, i64))| {
        let key = key![store, hour];
        let transactions = tables.cell("store.sales", &key, "transactions").unwrap_or(0);
        let conversion = ratio_bp(transactions, visitors_in);
        (key, vec![Some(visitors_in), Some(visitors_out), Some(transactions), conversion])
    };
    hours.into_iter().map(row).collect()
}

/// View 3.
pub(super) fn queue(world: &World, _: &Tables) -> Rows {
    let mut quarters: BTreeMap<(&Id, &Id, i64), [i64; 5]> = BTreeMap::new();
    for fact in &world.intervals {
        let of = quarters.entry((&fact.store, &fact.body.zone_id, floor_to(fact.time, QUARTER))).or_default();
        let one = &fact.body;
        let sums = [of[0] + one.served, of[1] + one.over_target, of[2] + one.abandoned, of[3] + one.wait_ms_sum];
        *of = [sums[0], sums[1], sums[2], sums[3], of[4].max(one.length_max)];
    }
    let row = |((store, zone, quarter), numbers): ((&Id, &Id, i64), [i64; 5])| {
        let [served, over_target, abandoned, wait, length] = numbers;
        let row = [
            Some(served),
            Some(over_target),
            Some(abandoned),
            Some(wait),
            per(wait.into(), served),
            ratio_bp(served - over_target, served + abandoned),
            Some(length),
        ];
        (key![store, zone, quarter], row.to_vec())
    };
    quarters.into_iter().map(row).collect()
}
