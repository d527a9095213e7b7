//! Everything that goes wrong, with its instant: one page, from which all other files of the story take their times.

use std::ops::Range;

use super::cast::{Item, Shop};
use super::clock::{HOUR_MS, SECOND_MS, at};
use super::promotions::PRETZELS;

/// The charcoal of the market lies behind a pallet until somebody looks.
pub(super) const CHARCOAL_HIDDEN: Range<i64> = at(6, 0)..at(13, 0);
/// What the shelf check says, ten minutes before the pallet is moved.
pub(super) const CHARCOAL_COUNTED: i64 = at(12, 50);
/// The muesli promotion of the market: nobody sees it before its display is built, four and a half hours late.
pub(super) const MUESLI: Range<i64> = at(6, 0)..at(18, 0);
pub(super) const DISPLAY_BUILT: i64 = at(10, 30);
/// The till of the corner store knows the price of the drinks promotion only from here on.
pub(super) const TILL_REPAIRED: i64 = at(11, 0);
/// The door sensor of the corner store is dead; before that, its last word.
pub(super) const SENSOR_DEAD: Range<i64> = at(9, 40)..at(12, 20);
pub(super) const SENSOR_DIES: i64 = SENSOR_DEAD.start + SECOND_MS;
/// The last of three orders of a caterer, together more than one picker can do; and when a second one clocks in.
pub(super) const CATERER_ORDERS: i64 = at(10, 6);
pub(super) const PICKER_COMES: i64 = at(10, 22);
/// The shelf scan of the corner store was due.
pub(super) const SCAN_DUE: i64 = at(11, 0);
/// The oven of the corner store does not heat.
pub(super) const OVEN_BROKEN: Range<i64> = at(11, 0)..at(13, 30);
/// From noon to the second instant the office wants to be nearly sure before it hears of a stockout.
pub(super) const STOCKOUT_RULE: Range<i64> = at(12, 0)..at(17, 30);
/// The only picker of the corner store takes her break while an order is open, and forgets it; it was promised for the
/// second instant.
pub(super) const PICKER_RESTS: i64 = at(12, 30);
pub(super) const FORGOTTEN_PROMISE: i64 = at(14, 0);
/// A bus brings visitors to the market who look and do not buy.
pub(super) const BUS: Range<i64> = at(13, 0)..at(14, 0);
/// Three broken bottles of olive oil are keyed as thirty, and corrected the next morning.
pub(super) const OIL_SPILT: i64 = at(15, 20);
pub(super) const OIL_PUT_RIGHT: i64 = at(31, 10);
/// The heat sends everybody to the corner store for a cold drink.
pub(super) const HEAT: Range<i64> = at(15, 45)..at(17, 15);
/// One of its two cashiers feels ill and goes home in the middle of it, and another is called in.
pub(super) const CASHIER_LEAVES: i64 = at(16, 20);
pub(super) const CASHIER_COMES: i64 = at(16, 58);
/// Water leaves the market for the corner store, and is there.
pub(super) const WATER_SENT: i64 = at(17, 40);
pub(super) const WATER_COMES: i64 = at(18, 5);
/// The line of the station's till is down; what it sold meanwhile comes in one burst.
pub(super) const LINE_DOWN: Range<i64> = at(17, 0)..at(17, 35);
/// Meanwhile somebody counts the station's chocolate without the second box, and then with it; but a stock whose sales
/// are not heard of gives no all-clear.
pub(super) const BOX_OVERLOOKED: i64 = at(17, 20);
pub(super) const BOX_FOUND: i64 = at(17, 28);
/// Somebody counts the lager of the station again, of which the night count had a digit too few.
pub(super) const LAGER_RECOUNTED: i64 = at(18, 45);
/// Half an hour after the station's midnight trade: the chain is shut for the holiday, so silence means nothing.
pub(super) const HOLIDAY_RULES: i64 = at(26, 40);
/// The market's bakery sells this share of its forecast, until planning puts the forecast right the next morning.
pub(super) const BAKERY_SOLD_PERCENT: i64 = 76;
pub(super) const FORECAST_PUT_RIGHT: i64 = at(33, 0);
/// The invoice for drinks is dearer than agreed; it restates the margin of the day before.
pub(super) const INVOICE_BOOKED: i64 = at(33, 30);
/// The end of the replay: a bit over 36 h after the end of the day, so that the day has settled.
pub(super) const END: i64 = at(61, 0);

/// How long a terminal takes to tell of what a person just did at it, where the story needs the exact tick.
pub(super) const PROMPT_MS: i64 = 2 * SECOND_MS;

/// The cold drinks the heat is about.
pub(super) const COLD_DRINKS: [&str; 5] = ["water", "cola", "iced-tea", "lemonade", "orange-juice"];

/// Whether the corner store is full of thirsty people.
pub(super) fn is_rush(shop: Shop, at: i64) -> bool {
    shop == Shop::Corner && HEAT.contains(&at)
}

/// How fast an item sells, in hundredths of what is forecast.
pub(super) fn pace(shop: Shop, item: &Item, at: i64) -> i64 {
    match (shop, item.name) {
        (Shop::Market, "charcoal") if CHARCOAL_HIDDEN.contains(&at) => 0,
        (Shop::Corner, _) if item.dept == "bakery" && OVEN_BROKEN.contains(&at) => 0,
        (Shop::Corner, name) if is_rush(shop, at) && COLD_DRINKS.contains(&name) => 900,
        (Shop::Market, _) if item.dept == "bakery" => BAKERY_SOLD_PERCENT,
        (Shop::Market, "muesli") if (DISPLAY_BUILT..MUESLI.end).contains(&at) => 300,
        (Shop::Market | Shop::Corner, "iced-tea" | "lemonade") => 150,
        (Shop::Station, "pretzel") if (PRETZELS.from..PRETZELS.to).contains(&at) => 200,
        _ => 100,
    }
}

/// When a till line reaches the log: what the station sells while its line is down comes at forty times the pace.
pub(super) fn held_back(shop: Shop, event_time: i64) -> Option<i64> {
    let held = shop == Shop::Station && LINE_DOWN.contains(&event_time);
    held.then(|| LINE_DOWN.end + (event_time - LINE_DOWN.start) / 40)
}

/// How many come through the door in ten minutes.
pub(super) fn visitors(shop: Shop, at: i64) -> i64 {
    match shop {
        Shop::Market if BUS.contains(&at) => 27,
        Shop::Market => 10,
        Shop::Corner if HEAT.contains(&at) => 17,
        Shop::Corner => 7,
        Shop::Station => 6,
    }
}

// Wednesday settles at noon of Friday; an hour later, so does the first hour of Thursday, with the station's trade.
const _: () = assert!(END - at(24, 0) == 37 * HOUR_MS);
