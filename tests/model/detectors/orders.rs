//! Orders and tasks: promise_risk, promise_missed, capacity_overload and task.overdue.

use super::{Cells, Verdicts, rows};
use crate::model::decode::Id;
use crate::model::exceptions::Verdict;
use crate::model::record::Order;
use crate::model::stats::{HOUR, MINUTE, basis_points, floor_to, normal};
use crate::model::tables::{Key, Tables, key};
use crate::model::world::World;

/// The chance in bp that an open order keeps its promise.
fn score(world: &World, tables: &Tables, order: &Order) -> i64 {
    let mut in_stock = 1.0;
    for line in order.lines.iter().filter(|line| line.remaining() > 0) {
        let key = key![&order.store_id, &line.item_id];
        let cell = |column| tables.cell("inventory.position", &key, column).unwrap_or(0) as f64;
        if cell("committed_milli") > 0.0 {
            in_stock *= (cell("on_hand_milli") / cell("committed_milli")).clamp(0.0, 1.0);
        }
    }
    let present = tables.cell("labor.coverage", &key![&order.store_id, "fulfillment"], "present").unwrap_or(0).max(1);
    let before = world.open_orders(&order.store_id).filter(|other| other.promise_at <= order.promise_at);
    let backlog = before.map(Order::remaining).sum::<i64>() as f64 / 1000.0 * 60_000.0 / present as f64;
    let slack = (order.promise_at - floor_to(world.now, MINUTE)) as f64;
    basis_points(in_stock * normal((slack - backlog) / (0.5 * libm::sqrt(backlog * 60_000.0) + 1.0)))
}

pub(super) fn promise_risk(world: &World, tables: &Tables) -> Verdicts {
    let [open_bp, clear_bp] = world.policies("fulfillment.promise_risk", ["open_bp", "clear_bp"]);
    let verdict = |(id, order): (&Id, &Order)| {
        let score = score(world, tables, order);
        let (severity, action) = if score < 4000 { ("critical", "reroute") } else { ("high", "expedite") };
        (key![id], Verdict::when(score < open_bp, severity, action, &order.store_id).until(score >= clear_bp))
    };
    let pending = |(_, order): &(&Id, &Order)| order.is_open() && order.promise_at > world.now;
    world.orders.iter().filter(pending).map(verdict).collect()
}

pub(super) fn promise_missed(world: &World, _: &Tables) -> Verdicts {
    let verdict = |(id, order): (&Id, &Order)| {
        let missed = order.is_open() && order.promise_at <= world.now;
        (key![id], Verdict::when(missed, "critical", "contact_customer", &order.store_id))
    };
    world.orders.iter().map(verdict).collect()
}

pub(super) fn capacity_overload(world: &World, tables: &Tables) -> Verdicts {
    let [open_bp, clear_bp] = world.policies("fulfillment.capacity_overload", ["open_bp", "clear_bp"]);
    let verdict = |(key, row): (&Key, Cells)| {
        let (due, load) = (row.get("due_2h_milli"), row.maybe("load_bp"));
        // Without a load nobody is present.
        let open = load.map_or(due > 0, |load| load >= open_bp);
        let clear = due == 0 || load.is_some_and(|load| load < clear_bp);
        (key.clone(), Verdict::when(open, "high", "throttle_node", &key[0].id()).until(clear))
    };
    rows(tables, "fulfillment.node").map(verdict).collect()
}

pub(super) fn task_overdue(world: &World, _: &Tables) -> Verdicts {
    let verdict = |(id, task): (&Id, &crate::model::record::Task)| {
        let overdue = task.is_open() && task.due_at <= world.now;
        let severity = if task.due_at + 4 * HOUR <= world.now { "high" } else { "medium" };
        (key![&task.store_id, id], Verdict::when(overdue, severity, "escalate", &task.store_id))
    };
    world.tasks.iter().map(verdict).collect()
}
