//! What departments earn and how demand compares with its forecast: views 16, 17 and 19.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::decode::Id;
use crate::model::stats::{DAY, HOUR, MINUTE, basis_points, floor_to, quotient, ratio_bp, trailing};
use crate::model::tables::{Rows, Tables, key};
use crate::model::world::World;

/// View 16.
pub(super) fn margin(world: &World, _: &Tables) -> Rows {
    let cost = |item: &Id| world.products.get(item).map_or(0, |product| i128::from(product.unit_cost_cents));
    // net, Σ units·cost, Σ lost·cost, discount
    let mut days: BTreeMap<(Id, Id, i64), [i128; 4]> = BTreeMap::new();
    for fact in &world.lines {
        let line = &fact.body;
        let key = (fact.store.clone(), world.dept(&line.item_id), floor_to(fact.time, DAY));
        let [net, cogs, _, discount] = days.entry(key).or_default();
        let returned = line.is("return");
        *net += i128::from(if returned { -line.net_cents } else { line.sign() * line.net_cents });
        let taken = if returned && line.restock { -1 } else { line.sign() };
        *cogs += i128::from(taken * line.quantity) * cost(&line.item_id);
        *discount += i128::from(line.sign() * line.discount_cents);
    }
    for fact in &world.movements {
        let stock = &fact.body;
        if matches!(stock.reason, "damage" | "waste" | "theft") {
            let key = (fact.store.clone(), world.dept(&stock.item_id), floor_to(fact.time, DAY));
            days.entry(key).or_default()[2] += i128::from(stock.quantity.abs()) * cost(&stock.item_id);
        }
    }
    let row = |((store, dept, day), [net, cogs, shrink, discount]): ((Id, Id, i64), [i128; 4])| {
        let [cogs, shrink] = [cogs, shrink].map(|milli| milli.div_euclid(1000));
        let margin = net - cogs - shrink;
        let whole = |cents| quotient(cents, 1);
        let row = vec![
            whole(net),
            whole(cogs),
            whole(shrink),
            whole(margin),
            quotient(margin * 10_000, net),
            whole(discount),
        ];
        (key![&store, &dept, day], row)
    };
    days.into_iter().map(row).collect()
}

/// View 17.
pub(super) fn demand(world: &World, _: &Tables) -> Rows {
    let [minutes, hours] = [(HOUR, MINUTE), (DAY, HOUR)].map(|(w, p)| trailing(world.now, w, p));
    // units, Σ forecast, carts of the hour, carts of the day
    let mut depts: BTreeMap<(Id, Id), [i64; 4]> = BTreeMap::new();
    for ((store, item), location) in &world.locations {
        depts.entry((store.clone(), world.dept(item))).or_default()[1] += location.forecast_milli_per_day;
    }
    for fact in world.lines.iter().filter(|fact| fact.body.sign() != 0 && minutes(fact.time)) {
        let key = (fact.store.clone(), world.dept(&fact.body.item_id));
        depts.entry(key).or_default()[0] += fact.body.sign() * fact.body.quantity;
    }
    for fact in &world.carts {
        let Some(item) = fact.body.item_id.as_ref().filter(|_| !fact.store.is_empty()) else { continue };
        let (in_60m, in_24h) = (minutes(fact.time), hours(fact.time));
        if in_60m || in_24h {
            let of = depts.entry((fact.store.clone(), world.dept(item))).or_default();
            of[2] += i64::from(in_60m);
            of[3] += i64::from(in_24h);
        }
    }
    let minute = floor_to(world.now, MINUTE);
    let row = |((store, dept), [units, forecast, carts, carts_24h]): ((Id, Id), [i64; 4])| {
        let hours = world.hours(&store);
        let open = hours.open(minute - 59 * MINUTE, minute + MINUTE);
        let expected = quotient(i128::from(forecast) * i128::from(open), hours.open_day().into()).unwrap_or(0);
        let signals = world.signals.values().filter(|signal| {
            let of_dept = signal.dept.as_ref().is_none_or(|of| *of == dept);
            signal.store_id == store && of_dept && signal.valid_from <= world.now && world.now < signal.valid_to
        });
        let signal = basis_points(signals.map(|signal| signal.factor_bp as f64 / 10_000.0).product());
        let [u, e] = [units.max(0), expected].map(|milli| milli as f64 / 1000.0);
        let sales = libm::pow((u + 5.0) / (e + 5.0), 0.6);
        let cart = libm::pow((carts as f64 + 5.0) / (carts_24h as f64 / 24.0 + 5.0), 0.2);
        let index = basis_points(sales * cart * libm::pow(signal as f64 / 10_000.0, 0.2));
        let row = [units, expected, carts, carts_24h, signal, index];
        (key![&store, &dept], row.map(Some).to_vec())
    };
    depts.into_iter().map(row).collect()
}

/// View 19.
pub(super) fn drift(world: &World, _: &Tables) -> Rows {
    let today = floor_to(world.now, DAY);
    let week = today - 7 * DAY..today;
    let mut traded: BTreeSet<(&Id, i64)> = BTreeSet::new();
    let mut units: BTreeMap<(&Id, &Id, i64), i64> = BTreeMap::new();
    for fact in world.lines.iter().filter(|fact| week.contains(&fact.time)) {
        let day = floor_to(fact.time, DAY);
        traded.insert((&fact.store, day));
        *units.entry((&fact.store, &fact.body.item_id, day)).or_default() += fact.body.sign() * fact.body.quantity;
    }
    // actual, forecast, abs_error
    let mut groups: BTreeMap<(Id, Id, Id), [i64; 3]> = BTreeMap::new();
    for ((store, item), location) in &world.locations {
        for (_, day) in traded.iter().filter(|(of, _)| *of == store) {
            let of_store = world.stores.get(store);
            let [region, format] = match of_store {
                Some(of) => [of.region.clone(), of.format.clone()],
                None => ["unknown".into(), "unknown".into()],
            };
            let sold = units.get(&(store, item, *day)).copied().unwrap_or(0);
            let of = groups.entry((region, format, world.dept(item))).or_default();
            *of = [
                of[0] + sold,
                of[1] + location.forecast_milli_per_day,
                of[2] + (sold - location.forecast_milli_per_day).abs(),
            ];
        }
    }
    let row = |((region, format, dept), [actual, forecast, error]): ((Id, Id, Id), [i64; 3])| {
        let (wape, bias) = (ratio_bp(error, actual), ratio_bp(forecast - actual, actual));
        (key![&region, &format, &dept], vec![Some(actual), Some(forecast), Some(error), wape, bias])
    };
    groups.into_iter().map(row).collect()
}
