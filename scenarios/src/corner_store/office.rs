//! The head office: what it hears of the weather, which rules it changes, and the answers it passes on.

use super::cast::Shop;
use super::clock::{HOUR_MS, MINUTE_MS, SECOND_MS, at};
use super::{answers, id, plot, prompt, record};
use crate::generate::{Desk, Fate};
use crate::topic::{Body, Command, Op, Policy, Record, Signal, SignalKind};

/// Everything the office says.
pub(super) fn tell(desk: &mut Desk) {
    tell_signals(desk);
    tell_policies(desk);
    tell_commands(desk);
}

fn tell_signals(desk: &mut Desk) {
    let mut put = |name: &str, told_at: i64, shop: Shop, signal: Signal| {
        desk.put(prompt(record(name, told_at, Some(shop), Body::Signal(signal))), Fate::Accepted);
    };
    let signal = |name: &str, kind, valid: (i64, i64), factor_bp, dept: Option<&str>| Signal {
        signal_id: id(name),
        kind,
        valid_from: valid.0,
        valid_to: valid.1,
        factor_bp,
        dept: dept.map(id),
    };
    let heat = signal("heat", SignalKind::Weather, (at(14, 0), at(18, 0)), 12_000, Some("beverages"));
    put("heat-1", at(6, 0), Shop::Corner, heat);
    let hotter = signal("heat", SignalKind::Weather, (at(14, 0), at(18, 0)), 13_000, Some("beverages"));
    put("heat-2", at(12, 0), Shop::Corner, hotter);
    put(
        "bus-1",
        at(8, 0),
        Shop::Market,
        signal("bus", SignalKind::LocalEvent, (plot::BUS.start, plot::BUS.end), 11_000, None),
    );
    for shop in Shop::ALL {
        let name = format!("holiday-{}", shop.name());
        put(&name, at(3, 0), shop, signal(&name, SignalKind::Holiday, (plot::HOLIDAY_RULES, at(50, 0)), 2_000, None));
    }
    let fair = signal("fair", SignalKind::LocalEvent, (at(18, 0), at(22, 0)), 15_000, None);
    put("fair-1", at(9, 0), Shop::Station, fair.clone());
    let mut called_off = prompt(record("fair-2", at(15, 0), Some(Shop::Station), Body::Signal(fair)));
    called_off.op = Op::Delete;
    desk.put(called_off, Fate::Accepted);
}

/// By day the office is slower to cry stockout; over the holiday it does not listen for silence. One key is of another
/// system.
fn tell_policies(desk: &mut Desk) {
    let mut put = |key: &str, from: i64, value: Option<i64>| {
        let body = Body::Policy(Policy { policy_key: id(key), value: value.unwrap_or(0) });
        let mut told = record(&format!("{key}-{}", (from - at(0, 0)) / MINUTE_MS), from, None, body);
        told.op = if value.is_some() { Op::Upsert } else { Op::Delete };
        desk.put(told, Fate::Accepted);
    };
    put("window.display.colour", at(7, 0), Some(-3));
    put("inventory.stockout_risk.open_bp", plot::STOCKOUT_RULE.start, Some(9_000));
    put("inventory.stockout_risk.open_bp", plot::STOCKOUT_RULE.end, None);
    let week_ms = 7 * 24 * HOUR_MS;
    for topic in ["inventory", "pos", "queue", "traffic"] {
        put(&format!("stale_ms.{topic}"), plot::HOLIDAY_RULES, Some(week_ms));
    }
    put("inventory.phantom_stock.alpha_bp", plot::HOLIDAY_RULES, Some(0));
    put("demand.drop.open_bp", plot::HOLIDAY_RULES, Some(0));
}

fn tell_commands(desk: &mut Desk) {
    for (number, said) in (1..).zip(answers::all()) {
        let command = Command {
            exception_id: id(&said.exception),
            action: said.action,
            actor: id(said.actor),
            role: id(said.role),
            comment: said.comment.map(str::to_owned),
            until: said.until,
        };
        let told = prompt(record(&format!("answer-{number:02}"), said.at, None, Body::Command(command)));
        // The first is sent twice: it is applied once.
        let again = (number == 1).then(|| Record { ingest_time: told.ingest_time + 9 * SECOND_MS, ..told.clone() });
        desk.put(told, Fate::Accepted);
        if let Some(again) = again {
            desk.put(again, Fate::Duplicate);
        }
    }
}
