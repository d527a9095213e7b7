//! The twenty exception types: what each finds of its keys at a tick. Contract §5.

mod demand;
mod orders;
mod shop;
pub(super) mod stock;

use std::collections::BTreeMap;

use super::exceptions::{Detector, Verdict};
use super::tables::{Key, Tables};

type Verdicts = BTreeMap<Key, Verdict>;

/// A row by the names of its columns.
struct Cells<'a>(&'a Tables, &'static str, &'a [Option<i64>]);

impl Cells<'_> {
    fn maybe(&self, column: &str) -> Option<i64> {
        self.2[self.0.column(self.1, column)]
    }

    /// A value that is never null.
    fn get(&self, column: &str) -> i64 {
        self.maybe(column).unwrap_or(0)
    }
}

/// The current rows of a view.
fn rows<'a>(tables: &'a Tables, view: &'static str) -> impl Iterator<Item = (&'a Key, Cells<'a>)> {
    tables.current(view).map(move |(key, row)| (key, Cells(tables, view, row)))
}

/// A row, be it settled.
fn row<'a>(tables: &'a Tables, view: &'static str, key: &Key) -> Option<Cells<'a>> {
    tables.row(view, key).map(|row| Cells(tables, view, row))
}

const fn detector(
    name: &'static str,
    key: &'static [&'static str],
    feeds: &'static [&'static str],
    approver: &'static str,
    judge: fn(&super::world::World, &Tables) -> Verdicts,
) -> Detector {
    Detector { name, key, feeds, approver, absent_stays: false, judge }
}

const STOCK: &[&str] = &["pos", "inventory"];
const ITEM: &[&str] = &["store", "item"];
const DEPT: &[&str] = &["store", "dept"];
const PROMOTED: &[&str] = &["promotion", "store", "item"];

/// All exception types.
pub(super) const DETECTORS: &[Detector] = &[
    detector("inventory.stockout_risk", ITEM, STOCK, "inventory_planner", stock::stockout_risk),
    detector("inventory.negative_on_hand", ITEM, STOCK, "store_manager", stock::negative_on_hand),
    detector("inventory.phantom_stock", ITEM, STOCK, "store_manager", stock::phantom_stock),
    detector("promotion.price_mismatch", PROMOTED, &["pos"], "store_manager", demand::price_mismatch),
    detector("promotion.under_attainment", PROMOTED, &["pos"], "regional_manager", demand::under_attainment),
    detector("promotion.setup_overdue", &["promotion", "store"], &[], "store_manager", demand::setup_overdue),
    detector("labor.coverage_gap", &["store", "role"], &["pos"], "store_manager", shop::coverage_gap),
    Detector {
        absent_stays: true,
        ..detector("store.queue_breach", &["store", "zone"], &["queue"], "store_manager", shop::queue_breach)
    },
    detector("fulfillment.promise_risk", &["order"], &["inventory"], "fulfillment_lead", orders::promise_risk),
    detector("fulfillment.promise_missed", &["order"], &[], "customer_service", orders::promise_missed),
    detector(
        "fulfillment.capacity_overload",
        &["store"],
        &["inventory"],
        "fulfillment_lead",
        orders::capacity_overload,
    ),
    detector("returns.abnormal_rate", &["item"], &[], "quality_manager", shop::abnormal_rate),
    detector("returns.operator_pattern", &["store", "operator"], &[], "loss_prevention", shop::operator_pattern),
    detector("demand.surge", DEPT, &[], "regional_manager", demand::surge),
    detector("demand.drop", DEPT, &[], "regional_manager", demand::drop),
    Detector {
        absent_stays: true,
        ..detector("store.conversion_drop", &["store"], &["traffic", "pos"], "regional_manager", shop::conversion_drop)
    },
    detector("task.overdue", &["store", "task"], &[], "store_manager", orders::task_overdue),
    detector("data.feed_stale", &["store", "topic"], &[], "platform_team", shop::feed_stale),
    detector("margin.leak", &["store", "dept", "day"], &[], "finance", shop::margin_leak),
    detector("model.drift", &["region", "format", "dept"], &[], "planning", demand::drift),
];
