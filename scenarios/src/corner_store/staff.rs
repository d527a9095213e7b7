//! Who works where: the plan as shifts, the truth as punches, and who stands at the till.

use super::cast::Shop;
use super::clock::{HOUR_MS, MINUTE_MS, at};
use super::{id, plot, record};
use crate::generate::{Desk, Fate};
use crate::topic::{Body, Op, Punch, PunchKind, Role, Shift};

/// Somebody on the day of the story.
struct Worker {
    name: &'static str,
    shop: Shop,
    role: Role,
    /// What is planned; `None` for who is called in.
    planned: Option<(i64, i64)>,
    from: i64,
    /// When they leave; `None` if they forget to say so.
    to: Option<i64>,
    /// When their half hour of break begins.
    rest: Option<i64>,
}

const REST_MS: i64 = 30 * MINUTE_MS;

/// Somebody who comes a little early and leaves a little late, as most do.
const fn worker(name: &'static str, shop: Shop, role: Role, planned: (i64, i64), rest: Option<i64>) -> Worker {
    let (from, to) = (planned.0 - 6 * MINUTE_MS, planned.1 + 7 * MINUTE_MS);
    Worker { name, shop, role, planned: Some(planned), from, to: Some(to), rest }
}

const fn called_in(name: &'static str, shop: Shop, role: Role, from: i64, to: i64) -> Worker {
    Worker { name, shop, role, planned: None, from, to: Some(to), rest: None }
}

const WORKERS: [Worker; 21] = [
    worker("e-anna", Shop::Market, Role::Checkout, (at(5, 50), at(13, 15)), Some(at(9, 30))),
    worker("e-ben", Shop::Market, Role::Checkout, (at(6, 30), at(14, 30)), Some(at(11, 0))),
    worker("e-cleo", Shop::Market, Role::Checkout, (at(13, 0), at(20, 15)), Some(at(17, 0))),
    worker("e-dino", Shop::Market, Role::Checkout, (at(14, 15), at(20, 15)), None),
    worker("e-ella", Shop::Market, Role::Floor, (at(5, 30), at(13, 30)), Some(at(10, 45))),
    worker("e-finn", Shop::Market, Role::Floor, (at(10, 30), at(20, 0)), Some(at(12, 0))),
    worker("e-gina", Shop::Market, Role::Fulfillment, (at(6, 0), at(14, 15)), Some(at(12, 15))),
    worker("e-hugo", Shop::Market, Role::Fulfillment, (at(12, 0), at(20, 0)), None),
    called_in("e-lea", Shop::Market, Role::Fulfillment, plot::PICKER_COMES, at(13, 5)),
    worker("e-ida", Shop::Corner, Role::Checkout, (at(6, 50), at(13, 30)), Some(at(10, 0))),
    worker("e-jan", Shop::Corner, Role::Checkout, (at(9, 0), at(12, 0)), None),
    worker("e-kim", Shop::Corner, Role::Checkout, (at(12, 0), at(19, 20)), Some(at(14, 30))),
    Worker {
        to: Some(plot::CASHIER_LEAVES),
        ..worker("e-luc", Shop::Corner, Role::Checkout, (at(13, 0), at(19, 0)), None)
    },
    called_in("e-mara", Shop::Corner, Role::Checkout, plot::CASHIER_COMES, at(19, 15)),
    worker("e-nora", Shop::Corner, Role::Fulfillment, (at(7, 0), at(19, 0)), Some(plot::PICKER_RESTS)),
    worker("e-otto", Shop::Corner, Role::Floor, (at(7, 0), at(15, 30)), Some(at(13, 0))),
    worker("e-pia", Shop::Corner, Role::Floor, (at(12, 0), at(19, 0)), None),
    worker("e-quin", Shop::Station, Role::Checkout, (at(13, 45), at(21, 30)), Some(at(16, 0))),
    Worker { to: None, ..worker("e-rex", Shop::Station, Role::Checkout, (at(15, 30), at(26, 15)), Some(at(22, 0))) },
    worker("e-sam", Shop::Station, Role::Checkout, (at(21, 0), at(26, 15)), None),
    worker("e-tess", Shop::Station, Role::Floor, (at(13, 45), at(22, 0)), None),
];

/// Who rings up a basket: those at the tills take turns.
pub(super) fn at_till(shop: Shop, at: i64, number: u64) -> &'static str {
    let there: Vec<&Worker> = WORKERS
        .iter()
        .filter(|worker| worker.shop == shop && worker.role == Role::Checkout)
        .filter(|worker| (worker.from..worker.to.unwrap_or(i64::MAX)).contains(&at))
        .filter(|worker| worker.rest.is_none_or(|rest| !(rest..rest + REST_MS).contains(&at)))
        .collect();
    let turns = there.len().max(1) as u64;
    (0..).zip(&there).find(|(turn, _)| *turn == number % turns).map_or("self", |(_, worker)| worker.name)
}

/// The plan of the night before, then the clock.
pub(super) fn tell(desk: &mut Desk) {
    for worker in &WORKERS {
        if let Some((start_at, end_at)) = worker.planned {
            let shift = shift(worker, start_at, end_at);
            desk.put(record(&format!("shift-{}", worker.name), at(2, 40), Some(worker.shop), shift), Fate::Accepted);
        }
        let mut punches = vec![(worker.from, PunchKind::In)];
        punches.extend(worker.rest.map(|rest| (rest, PunchKind::BreakStart)));
        punches.extend(worker.rest.map(|rest| (rest + REST_MS, PunchKind::BreakEnd)));
        punches.extend(worker.to.map(|to| (to, PunchKind::Out)));
        for (at, kind) in punches {
            clock(desk, worker, at, kind);
        }
    }
    tell_oddities(desk);
}

fn shift(worker: &Worker, start_at: i64, end_at: i64) -> Body {
    let shift_id = id(&format!("shift-{}", worker.name));
    Body::Shift(Shift { shift_id, employee_id: id(worker.name), role: worker.role, start_at, end_at })
}

fn clock(desk: &mut Desk, worker: &Worker, at: i64, kind: PunchKind) {
    let word = match kind {
        PunchKind::In => "in",
        PunchKind::Out => "out",
        PunchKind::BreakStart => "rest",
        PunchKind::BreakEnd => "back",
    };
    let body = Body::Punch(Punch { employee_id: id(worker.name), role: worker.role, kind });
    let mut told = record(&format!("{}-{word}", worker.name), at, Some(worker.shop), body);
    told.source = Some(id("clock"));
    told.ingest_time = at + plot::PROMPT_MS;
    // Anna leaves by the back door; her manager tells the clock an hour and three quarters later.
    if worker.name == "e-anna" && kind == PunchKind::Out {
        told.ingest_time = at + 105 * MINUTE_MS;
    }
    desk.put(told, Fate::Accepted);
}

/// What every time clock tells: somebody clocks in twice, a punch is moved, a shift is replanned and one dropped.
fn tell_oddities(desk: &mut Desk) {
    let ben = &WORKERS[1];
    let body = Body::Punch(Punch { employee_id: id(ben.name), role: ben.role, kind: PunchKind::In });
    desk.put(record("e-ben-in-again", ben.from + MINUTE_MS, Some(ben.shop), body), Fate::Accepted);

    let tess = &WORKERS[20];
    let body = Body::Punch(Punch { employee_id: id(tess.name), role: tess.role, kind: PunchKind::In });
    let mut moved = record("e-tess-in", tess.from + 15 * MINUTE_MS, Some(tess.shop), body);
    (moved.revision, moved.ingest_time) = (1, at(15, 10));
    desk.put(moved.clone(), Fate::Accepted);
    (moved.revision, moved.event_time, moved.ingest_time) = (0, tess.from, at(15, 30));
    desk.put(moved, Fate::Duplicate);

    let cleo = &WORKERS[2];
    let mut replanned = record("shift-e-cleo", at(8, 0), Some(cleo.shop), shift(cleo, at(12, 45), at(20, 15)));
    replanned.revision = 1;
    desk.put(replanned, Fate::Accepted);
    let spare = Worker { name: "e-uma", ..worker("e-uma", Shop::Station, Role::Floor, (at(22, 0), at(26, 0)), None) };
    let planned = record("shift-e-uma", at(2, 40), Some(spare.shop), shift(&spare, at(22, 0), at(26, 0)));
    desk.put(planned.clone(), Fate::Accepted);
    let mut dropped = record("shift-e-uma", at(12, 0) + HOUR_MS, Some(spare.shop), planned.body);
    (dropped.revision, dropped.op) = (1, Op::Delete);
    desk.put(dropped, Fate::Accepted);
}
