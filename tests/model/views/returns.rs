//! What comes back, and over which hands: views 14 and 15.

use std::collections::BTreeMap;

use crate::model::decode::Id;
use crate::model::stats::{DAY, quotient, ratio_bp, trailing, wilson_low_bp};
use crate::model::tables::{Rows, Tables, key};
use crate::model::world::World;

/// Reasons of a return in the order of the columns.
const REASONS: [&str; 5] = ["defective", "not_as_described", "wrong_item", "unwanted", "other"];

/// View 14.
pub(super) fn items(world: &World, _: &Tables) -> Rows {
    let recent = trailing(world.now, 28 * DAY, DAY);
    // sold, returned, refund, no receipt, then the reasons
    let mut items: BTreeMap<&Id, [i64; 9]> = BTreeMap::new();
    for fact in world.lines.iter().filter(|fact| recent(fact.time)) {
        let line = &fact.body;
        let of = items.entry(&line.item_id).or_default();
        of[0] += line.sign() * line.quantity;
        if line.is("return") {
            of[1] += line.quantity;
            of[2] += line.net_cents;
            of[3] += if line.receipt { 0 } else { line.quantity };
            if let Some(reason) = REASONS.iter().position(|reason| *reason == line.reason) {
                of[4 + reason] += line.quantity;
            }
        }
    }
    let prior = i128::from(world.policy("returns.prior_bp"));
    let row = |(item, of): (&Id, [i64; 9])| {
        let [sold, returned, ..] = of;
        let above = (i128::from(returned) + 4000) * 100_000_000;
        let below = i128::from(sold) * prior + 40_000_000;
        let score = if below > 0 { quotient(2 * above + below, 2 * below) } else { None };
        let mut row = of.map(Some).to_vec();
        row.extend([ratio_bp(returned, sold), score]);
        (key![item], row)
    };
    items.into_iter().map(row).collect()
}

/// View 15.
pub(super) fn operators(world: &World, _: &Tables) -> Rows {
    let recent = trailing(world.now, 7 * DAY, DAY);
    // refunds, no receipt, refund cents, sale cents
    let mut operators: BTreeMap<(&Id, &Id), [i64; 4]> = BTreeMap::new();
    for fact in world.lines.iter().filter(|fact| recent(fact.time)) {
        let line = &fact.body;
        let of = operators.entry((&fact.store, &line.operator_id)).or_default();
        of[3] += line.sign() * line.net_cents;
        if line.is("return") {
            of[0] += 1;
            of[1] += i64::from(!line.receipt);
            of[2] += line.net_cents;
        }
    }
    let row = |((store, operator), of): ((&Id, &Id), [i64; 4])| {
        let mut row = of.map(Some).to_vec();
        row.push(wilson_low_bp(of[1], of[0]));
        (key![store, operator], row)
    };
    operators.into_iter().map(row).collect()
}
