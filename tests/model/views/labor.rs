//! Who worked, who is there and who is needed: views 8, 9 and 10.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::decode::Id;
use crate::model::record::{Fact, Punch};
use crate::model::stats::{HOUR, MINUTE, checkouts, floor_to, per, trailing};
use crate::model::tables::{Rows, Tables, key};
use crate::model::world::World;

/// A time an employee was in and not on break: store, role, employee, from, to.
type Span<'a> = (&'a Id, &'static str, &'a Id, i64, i64);

/// All spans that follow from the punches before `until`; one still open lasts until 14 h after its `in`.
fn spans(world: &World, until: i64) -> Vec<Span<'_>> {
    let mut employees: BTreeMap<(&Id, &Id), Vec<&Fact<Punch>>> = BTreeMap::new();
    for punch in world.punches.iter().filter(|punch| punch.time < until) {
        employees.entry((&punch.store, &punch.body.employee_id)).or_default().push(punch);
    }
    let mut spans = Vec::new();
    for ((store, employee), mut punches) in employees {
        punches.sort_by_key(|punch| punch.order());
        let mut span = |role, from, to| spans.push((store, role, employee, from, to));
        // Role, `in`, and since when not on break.
        let mut presence: Option<(&'static str, i64, Option<i64>)> = None;
        for punch in punches {
            if let Some((role, came, working)) = presence
                && punch.time >= came + 14 * HOUR
            {
                working.into_iter().for_each(|from| span(role, from, came + 14 * HOUR));
                presence = None;
            }
            presence = match (punch.body.kind, presence) {
                ("in", None) => Some((punch.body.role, punch.time, Some(punch.time))),
                ("out", Some((role, _, working))) => {
                    working.into_iter().for_each(|from| span(role, from, punch.time));
                    None
                }
                ("break_start", Some((role, came, Some(from)))) => {
                    span(role, from, punch.time);
                    Some((role, came, None))
                }
                ("break_end", Some((role, came, None))) => Some((role, came, Some(punch.time))),
                (_, ignored) => ignored,
            };
        }
        if let Some((role, came, Some(from))) = presence {
            span(role, from, came + 14 * HOUR);
        }
    }
    spans
}

/// View 8.
pub(super) fn hours(world: &World, _: &Tables) -> Rows {
    let mut worked: BTreeMap<(&Id, &str, i64, &Id), i64> = BTreeMap::new();
    for (store, role, employee, from, to) in spans(world, i64::MAX) {
        let mut hour = floor_to(from, HOUR);
        while hour < to && hour + HOUR <= world.now {
            let ms = to.min(hour + HOUR) - from.max(hour);
            if ms > 0 {
                *worked.entry((store, role, hour, employee)).or_default() += ms;
            }
            hour += HOUR;
        }
    }
    let mut rows = Rows::new();
    for ((store, role, hour, _), ms) in worked {
        let row = rows.entry(key![store, role, hour]).or_insert_with(|| vec![Some(0)]);
        row[0] = row[0].map(|minutes| minutes + ms / MINUTE);
    }
    rows
}

/// View 9.
pub(super) fn productivity(world: &World, tables: &Tables) -> Rows {
    let mut minutes: BTreeMap<_, i64> = BTreeMap::new();
    for (key, row) in hours(world, tables) {
        *minutes.entry(vec![key[0].clone(), key[2].clone()]).or_default() += row[0].unwrap_or(0);
    }
    let row = |(key, minutes)| {
        let net = tables.cell("store.sales", &key, "net_cents").unwrap_or(0);
        (key, vec![Some(minutes), Some(net), per(i128::from(net) * 60, minutes)])
    };
    minutes.into_iter().map(row).collect()
}

/// Who is in and not on break, by store and role.
fn present(world: &World) -> BTreeMap<(Id, &'static str), i64> {
    let mut present = BTreeMap::new();
    for (store, role, _, from, to) in spans(world, world.now + 1) {
        if from <= world.now && world.now < to {
            *present.entry((store.clone(), role)).or_default() += 1;
        }
    }
    present
}

/// How many of fulfillment are present at a store.
pub(super) fn pickers(world: &World) -> BTreeMap<Id, i64> {
    present(world).into_iter().filter(|((_, role), _)| *role == "fulfillment").map(|((s, _), n)| (s, n)).collect()
}

/// Remaining quantity of a store's open orders promised before `minute(now)` + 2 h.
pub(super) fn due_2h(world: &World, store: &Id) -> i64 {
    let soon = floor_to(world.now, MINUTE) + 2 * HOUR;
    world.open_orders(store).filter(|order| order.promise_at < soon).map(|order| order.remaining()).sum()
}

/// View 10.
pub(super) fn coverage(world: &World, _: &Tables) -> Rows {
    // present, scheduled, required
    let mut roles: BTreeMap<(Id, &str), [i64; 3]> = BTreeMap::new();
    for (key, present) in present(world) {
        roles.entry(key).or_default()[0] = present;
    }
    for shift in world.shifts.values() {
        if shift.start_at <= world.now && world.now < shift.end_at {
            roles.entry((shift.store_id.clone(), shift.role)).or_default()[1] += 1;
        }
    }
    let recent = trailing(world.now, 15 * MINUTE, MINUTE);
    let mut tills: BTreeMap<&Id, (i64, BTreeMap<&Id, i64>)> = BTreeMap::new();
    for fact in world.lines.iter().filter(|fact| recent(fact.time)) {
        let (lines, transactions) = tills.entry(&fact.store).or_default();
        *lines += i64::from(fact.body.is("sale"));
        *transactions.entry(&fact.body.transaction_id).or_default() += fact.body.sign();
    }
    for (store, (lines, transactions)) in tills {
        let transactions = transactions.values().filter(|more_sales| **more_sales > 0).count() as i64;
        roles.entry((store.clone(), "checkout")).or_default()[2] = checkouts(transactions, lines);
    }
    let nodes: BTreeSet<&Id> = world.orders.values().map(|order| &order.store_id).collect();
    for store in nodes {
        let heads = (due_2h(world, store) + 119_999) / 120_000;
        roles.entry((store.clone(), "fulfillment")).or_default()[2] = heads;
    }
    let soon = floor_to(world.now, MINUTE) + 2 * HOUR;
    let mut minutes: BTreeMap<&Id, i64> = BTreeMap::new();
    for task in world.tasks.values().filter(|task| task.is_open() && task.due_at < soon) {
        *minutes.entry(&task.store_id).or_default() += task.est_minutes;
    }
    for (store, minutes) in minutes {
        roles.entry((store.clone(), "floor")).or_default()[2] = (minutes + 101) / 102;
    }
    roles.retain(|_, numbers| *numbers != [0; 3]);
    let row = |((store, role), [present, scheduled, required]): ((Id, &str), [i64; 3])| {
        let row = [present, scheduled, required, required - present];
        (key![&store, role], row.map(Some).to_vec())
    };
    roles.into_iter().map(row).collect()
}
