//! What the shelf may lack: stockout_risk, negative_on_hand and phantom_stock.

use super::{Verdicts, row, rows};
use crate::model::decode::Id;
use crate::model::exceptions::{Param, Verdict};
use crate::model::record::Location;
use crate::model::stats::{at_most, basis_points, quantile_95};
use crate::model::tables::{Key, Tables, key};
use crate::model::world::World;

const VIEW: &str = "inventory.position";

/// Ranged items that have a position: their key, location, and the view's key.
fn ranged<'a>(world: &'a World, tables: &'a Tables) -> impl Iterator<Item = (&'a (Id, Id), &'a Location, Key)> {
    let key = |(at, location): (&'a (Id, Id), &'a Location)| (at, location, key![&at.0, &at.1]);
    world.locations.iter().map(key).filter(|(.., key)| tables.row(VIEW, key).is_some())
}

pub(super) fn stockout_risk(world: &World, tables: &Tables) -> Verdicts {
    let [open_bp, clear_bp] = world.policies("inventory.stockout_risk", ["open_bp", "clear_bp"]);
    let verdict = |((store, item), location, key): (&(Id, Id), &Location, Key)| {
        let available = tables.cell(VIEW, &key, "available_milli").unwrap_or(0);
        let mean = location.forecast_milli_per_day as f64 * location.lead_time_h as f64 / 24_000.0;
        let dispersion = location.dispersion_bp.map(|bp| bp as f64 / 10_000.0);
        let counted = tables.cell(VIEW, &key, "anchor_at").is_some();
        if !counted || i128::from(location.forecast_milli_per_day) * i128::from(location.lead_time_h) < 24_000 {
            return (key, Verdict::when(false, "high", "replenish", store));
        }
        let p = basis_points(1.0 - at_most(mean, dispersion, available.div_euclid(1000)));
        let severity = if p >= 8000 { "critical" } else { "high" };
        let verdict = Verdict::when(p >= open_bp, severity, "replenish", store).until(p < clear_bp);
        if !verdict.open && verdict.clear {
            return (key, verdict);
        }
        let pack = world.products.get(item).map_or(1, |product| product.case_pack);
        let lacking = quantile_95(mean, dispersion) * 1000 - available;
        let packs = (lacking + pack * 1000 - 1).div_euclid(pack * 1000).max(0);
        (key, verdict.with("quantity", Param::Number(packs * pack)))
    };
    ranged(world, tables).map(verdict).collect()
}

pub(super) fn negative_on_hand(_: &World, tables: &Tables) -> Verdicts {
    let verdict = |(key, row): (&Key, super::Cells)| {
        let negative = row.maybe("anchor_at").is_some() && row.get("on_hand_milli") < 0;
        (key.clone(), Verdict::when(negative, "high", "count", &key[0].id()))
    };
    rows(tables, VIEW).map(verdict).collect()
}

/// Whether stock of a key would be held to be a phantom at `now`, were nothing else to change.
pub(in crate::model) fn is_phantom(world: &World, tables: &Tables, key: &Key, now: i64) -> bool {
    let (store, item) = (key[0].id(), key[1].id());
    let forecast = world.locations.get(&(store.clone(), item)).map_or(0, |location| location.forecast_milli_per_day);
    let (Some(row), Some(stocked)) = (row(tables, VIEW, key), world.stocked_since.get(key)) else { return false };
    let (Some(counted), hours) = (row.maybe("anchor_at"), world.hours(&store)) else { return false };
    if forecast == 0 || hours.open_day() == 0 {
        return false;
    }
    let quiet_since = counted.max(*stocked).max(row.maybe("last_sale_at").unwrap_or(counted));
    let expected = forecast as f64 / 1000.0 * hours.open(quiet_since, now) as f64 / hours.open_day() as f64;
    basis_points(libm::exp(-expected)) < world.policy("inventory.phantom_stock.alpha_bp")
}

pub(super) fn phantom_stock(world: &World, tables: &Tables) -> Verdicts {
    let verdict = |((store, _), _, key): (&(Id, Id), &Location, Key)| {
        let phantom = is_phantom(world, tables, &key, world.now);
        (key, Verdict::when(phantom, "medium", "shelf_check", store))
    };
    ranged(world, tables).map(verdict).collect()
}
