//! The shop and its books: coverage_gap, queue_breach, conversion_drop, abnormal_rate, operator_pattern, feed_stale and
//! margin.leak.

use std::collections::BTreeSet;

use super::{Cells, Verdicts, row, rows};
use crate::model::decode::Id;
use crate::model::exceptions::{Param, Verdict};
use crate::model::stats::{DAY, HOUR, MINUTE, QUARTER, floor_to};
use crate::model::tables::{Key, Tables, key};
use crate::model::world::World;

pub(super) fn coverage_gap(_: &World, tables: &Tables) -> Verdicts {
    let verdict = |(key, row): (&Key, Cells)| {
        let (gap, short) = (row.get("gap"), row.get("present") * 2 <= row.get("required"));
        let severity = if short { "critical" } else { "high" };
        let verdict = Verdict::when(gap >= 1, severity, "call_in", &key[0].id());
        (key.clone(), verdict.with("heads", Param::Number(gap)))
    };
    rows(tables, "labor.coverage").map(verdict).collect()
}

pub(super) fn queue_breach(world: &World, tables: &Tables) -> Verdicts {
    let quarter = floor_to(world.now - 5 * MINUTE, QUARTER) - QUARTER;
    let target = world.policy("store.queue_breach.sl_bp");
    let zones: BTreeSet<(Id, Id)> = tables.keys("store.queue").map(|key| (key[0].id(), key[1].id())).collect();
    let verdict = |(store, zone): (Id, Id)| {
        let row = row(tables, "store.queue", &key![&store, &zone, quarter]);
        let busy = row.filter(|row| row.get("served") + row.get("abandoned") >= 10);
        let level = busy.map(|row| row.get("service_level_bp"));
        let severity = if level.is_some_and(|level| level < 5000) { "critical" } else { "high" };
        let breach = level.is_some_and(|level| level < target);
        let verdict = Verdict::when(breach, severity, "open_lane", &store);
        let clear = level.is_some_and(|level| level >= target);
        (key![&store, &zone], Verdict { clear, stays: level.is_none(), ..verdict })
    };
    zones.into_iter().map(verdict).collect()
}

pub(super) fn conversion_drop(world: &World, tables: &Tables) -> Verdicts {
    let hour = floor_to(world.now - 5 * MINUTE, HOUR) - HOUR;
    let drop_bp = world.policy("store.conversion_drop.drop_bp");
    let stores: BTreeSet<Id> = tables.keys("store.traffic").map(|key| key[0].id()).collect();
    let verdict = |store: Id| {
        let conversion = |hour: i64| {
            let row = row(tables, "store.traffic", &key![&store, hour])?;
            if row.get("visitors_in") >= 50 { row.maybe("conversion_bp") } else { None }
        };
        let before: Vec<i64> = (1..=24).filter_map(|back| conversion(hour - back * HOUR)).collect();
        let (n, sum) = (before.len() as i64, before.iter().sum::<i64>());
        let now = conversion(hour);
        let dropped = n >= 6 && now.is_some_and(|now| now * 10_000 * n < drop_bp * sum);
        let verdict = Verdict::when(dropped, "high", "review_store", &store);
        (key![&store], Verdict { clear: now.is_some() && !dropped, stays: now.is_none(), ..verdict })
    };
    stores.into_iter().map(verdict).collect()
}

pub(super) fn abnormal_rate(world: &World, tables: &Tables) -> Verdicts {
    let [open_bp, clear_bp] = world.policies("returns.abnormal_rate", ["open_bp", "clear_bp"]);
    let verdict = |(key, row): (&Key, Cells)| {
        let score = row.maybe("score_bp");
        let open = score.is_some_and(|score| score >= open_bp) && row.get("returned_milli") >= 5000;
        let clear = score.is_none_or(|score| score < clear_bp);
        let reasons = [
            ("defective_milli", "quality"),
            ("not_as_described_milli", "quality"),
            ("wrong_item_milli", "fulfillment"),
            ("unwanted_milli", "store_process"),
            ("other_milli", "store_process"),
        ];
        let mut greatest = (0, "store_process");
        for (column, detail) in reasons {
            if row.get(column) > greatest.0 {
                greatest = (row.get(column), detail);
            }
        }
        let verdict = Verdict::when(open, "high", "investigate", &"".into()).until(clear);
        (key.clone(), verdict.with("detail", Param::Text(greatest.1)))
    };
    rows(tables, "returns.item").map(verdict).collect()
}

pub(super) fn operator_pattern(world: &World, tables: &Tables) -> Verdicts {
    let open_bp = world.policy("returns.operator_pattern.open_bp");
    let verdict = |(key, row): (&Key, Cells)| {
        let above = row.maybe("no_receipt_low_bp").is_some_and(|low| low > open_bp);
        let open = above && row.get("refunds") >= 5;
        (key.clone(), Verdict::when(open, "high", "review_case", &key[0].id()).until(!above))
    };
    rows(tables, "returns.operator").map(verdict).collect()
}

pub(super) fn feed_stale(_: &World, tables: &Tables) -> Verdicts {
    let verdict = |(key, row): (&Key, Cells)| {
        (key.clone(), Verdict::when(row.get("stale") == 1, "high", "check_feed", &key[0].id()))
    };
    rows(tables, "feed.health").map(verdict).collect()
}

pub(super) fn margin_leak(world: &World, tables: &Tables) -> Verdicts {
    let [min_cents, floor_bp] = world.policies("margin.leak", ["min_cents", "floor_bp"]);
    let verdict = |(key, row): (&Key, Cells)| {
        let low = row.maybe("margin_bp").is_some_and(|margin| margin < floor_bp);
        let open = low && world.now >= key[2].number() + DAY / 2 && row.get("net_cents") >= min_cents;
        (key.clone(), Verdict::when(open, "high", "review_margin", &key[0].id()).until(!low))
    };
    rows(tables, "margin.daily").map(verdict).collect()
}
