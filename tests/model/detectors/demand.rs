//! Promotions and demand: price_mismatch, under_attainment, setup_overdue, surge, drop and drift.

use super::{Cells, Verdicts, row, rows};
use crate::model::decode::Id;
use crate::model::exceptions::Verdict;
use crate::model::record::Promotion;
use crate::model::stats::{at_most, basis_points};
use crate::model::tables::{Key, Tables, key};
use crate::model::views::promotion::latest_is_mismatch;
use crate::model::world::World;

const VIEW: &str = "promotion.performance";

fn running(world: &World) -> impl Iterator<Item = (&Id, &Promotion)> {
    world.promotions.iter().filter(|(_, of)| of.start_at <= world.now && world.now < of.end_at)
}

/// The rows of running promotions, by the same key.
fn promoted<'a>(world: &'a World, tables: &'a Tables) -> impl Iterator<Item = (Key, Cells<'a>)> {
    let listed = |(id, of): (&'a Id, &'a Promotion)| {
        let keys = move |store: &'a Id| of.item_ids.iter().map(move |item| key![id, store, item]);
        of.store_ids.iter().flat_map(keys)
    };
    running(world).flat_map(listed).filter_map(|key| row(tables, VIEW, &key).map(|row| (key, row)))
}

pub(super) fn price_mismatch(world: &World, tables: &Tables) -> Verdicts {
    let verdict = |(key, row): (Key, Cells)| {
        let wrong = row.get("price_mismatch_lines") > 0 && latest_is_mismatch(world, &key);
        let verdict = Verdict::when(wrong, "critical", "fix_price", &key[1].id());
        (key, verdict)
    };
    promoted(world, tables).map(verdict).collect()
}

pub(super) fn under_attainment(world: &World, tables: &Tables) -> Verdicts {
    let [p_bp, open_bp, clear_bp] = world.policies("promotion.under_attainment", ["p_bp", "open_bp", "clear_bp"]);
    let verdict = |(key, row): (Key, Cells)| {
        let (expected, attainment) = (row.get("expected_milli"), row.maybe("attainment_bp"));
        let units = row.get("units_milli").div_euclid(1000);
        let open = expected >= 5000
            && attainment.is_some_and(|attainment| attainment < open_bp)
            && basis_points(at_most(expected as f64 / 1000.0, None, units)) < p_bp;
        let clear = attainment.is_none_or(|attainment| attainment >= clear_bp);
        let verdict = Verdict::when(open, "high", "store_task", &key[1].id()).until(clear);
        (key, verdict.with("escalate", crate::model::exceptions::Param::Flag))
    };
    promoted(world, tables).map(verdict).collect()
}

pub(super) fn setup_overdue(world: &World, _: &Tables) -> Verdicts {
    let verdict = |(id, of, store): (&Id, &Promotion, &Id)| {
        let mut tasks = world.tasks.values();
        let done = tasks.any(|task| {
            task.store_id == *store && task.promotion_id.as_ref() == Some(id) && task.status == "completed"
        });
        (key![id, store], Verdict::when(of.setup_required && !done, "high", "store_task", store))
    };
    running(world).flat_map(|(id, of)| of.store_ids.iter().map(move |store| (id, of, store))).map(verdict).collect()
}

/// Rows of demand.index of a store that is open, and their index.
fn indices(world: &World, tables: &Tables, verdict: impl Fn(i64, Id) -> Verdict) -> Verdicts {
    let verdict = |(key, row): (&Key, Cells)| {
        let store = key[0].id();
        let found = verdict(row.get("index_bp"), store.clone());
        let open = world.hours(&store).is_open(world.now);
        (key.clone(), Verdict { open: found.open && open, clear: found.clear || !open, ..found })
    };
    rows(tables, "demand.index").map(verdict).collect()
}

pub(super) fn surge(world: &World, tables: &Tables) -> Verdicts {
    let open_bp = world.policy("demand.surge.open_bp");
    indices(world, tables, |index, store| {
        Verdict::when(index >= open_bp, "high", "adjust_plan", &store).until(index < open_bp - 500)
    })
}

pub(super) fn drop(world: &World, tables: &Tables) -> Verdicts {
    let open_bp = world.policy("demand.drop.open_bp");
    indices(world, tables, |index, store| {
        Verdict::when(index <= open_bp, "medium", "adjust_plan", &store).until(index > open_bp + 500)
    })
}

pub(super) fn drift(world: &World, tables: &Tables) -> Verdicts {
    let [max_wape, max_bias] = world.policies("model.drift", ["max_wape_bp", "max_bias_bp"]);
    let verdict = |(key, row): (&Key, Cells)| {
        let above = row.get("wape_bp") > max_wape || row.get("bias_bp").abs() > max_bias;
        let enough = row.get("actual_milli") >= 100_000;
        (key.clone(), Verdict::when(enough && above, "medium", "review_forecast", &"".into()).until(!above))
    };
    rows(tables, "model.drift").map(verdict).collect()
}
