//! Tasks and orders: views 11 and 13.

use std::collections::{BTreeMap, BTreeSet};

use super::labor::{due_2h, pickers};
use crate::model::decode::Id;
use crate::model::stats::{DAY, HOUR, floor_to, ratio_bp, trailing};
use crate::model::tables::{Rows, Tables, key};
use crate::model::world::World;

/// View 11.
pub(super) fn tasks(world: &World, _: &Tables) -> Rows {
    // completed, on_time, overdue, open
    let mut days: BTreeMap<(&Id, i64, &Id), [i64; 4]> = BTreeMap::new();
    for task in world.tasks.values().filter(|task| task.status != "cancelled") {
        let of = days.entry((&task.store_id, floor_to(task.due_at, DAY), &task.task_type)).or_default();
        let completed = task.status == "completed";
        let on_time = completed && task.completed_at.is_some_and(|at| at <= task.due_at);
        let overdue = task.is_open() && task.due_at <= world.now;
        for (sum, is) in of.iter_mut().zip([completed, on_time, overdue, task.is_open()]) {
            *sum += i64::from(is);
        }
    }
    let row = |((store, day, task_type), [completed, on_time, overdue, open]): ((&Id, i64, &Id), [i64; 4])| {
        let row = [open + completed, completed, on_time, overdue, open];
        (key![store, day, task_type], row.map(Some).to_vec())
    };
    days.into_iter().map(row).collect()
}

/// View 13.
pub(super) fn fulfillment(world: &World, _: &Tables) -> Rows {
    let recent = trailing(world.now, DAY, HOUR);
    let pickers = pickers(world);
    let stores: BTreeSet<&Id> = world.orders.values().map(|order| &order.store_id).collect();
    let mut rows = Rows::new();
    for store in stores {
        let of_store = || world.orders.values().filter(|order| order.store_id == *store);
        let placed = || of_store().filter(|order| recent(order.placed_at));
        let lines = || placed().flat_map(|order| &order.lines);
        let promised = of_store()
            .filter(|order| recent(order.promise_at) && order.promise_at <= world.now && order.state != "cancelled");
        let met = |order: &_| matches!(order, crate::model::record::Order { ready_at: Some(at), promise_at, .. } if at <= promise_at);
        let (met, missed): (Vec<_>, Vec<_>) = promised.partition(|order| met(order));
        let open = world.open_orders(store).count();
        if open + placed().count() + met.len() + missed.len() == 0 {
            continue;
        }
        let due = due_2h(world, store);
        let row = [
            open as i64,
            world.open_orders(store).map(|order| order.remaining()).sum(),
            due,
            met.len() as i64,
            missed.len() as i64,
            lines().filter(|line| line.short > 0).count() as i64,
            lines().count() as i64,
        ];
        let mut row = row.map(Some).to_vec();
        row.push(ratio_bp(due, pickers.get(store).unwrap_or(&0) * 120_000));
        rows.insert(key![store], row);
    }
    rows
}
