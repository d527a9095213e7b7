//! Who and what is in the story: three shops, what they sell, and the reference records that say so.

use super::clock::{DAY_MS, at, second};
use super::{id, plot, record};
use crate::generate::{Desk, Fate};
use crate::topic::{Body, ItemLocation, Product, Record, Store};

/// One of the three shops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shop {
    /// The supermarket by the lake: the most of everything.
    Market,
    /// The corner store by the lake.
    Corner,
    /// The kiosk at the station, open past midnight.
    Station,
}

impl Shop {
    pub(super) const ALL: [Shop; 3] = [Shop::Market, Shop::Corner, Shop::Station];

    /// Its `store_id`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Shop::Market => "market",
            Shop::Corner => "corner",
            Shop::Station => "station",
        }
    }

    pub(super) fn region(self) -> &'static str {
        match self {
            Shop::Market | Shop::Corner => "lake",
            Shop::Station => "hill",
        }
    }

    pub(super) fn format(self) -> &'static str {
        match self {
            Shop::Market => "supermarket",
            Shop::Corner => "convenience",
            Shop::Station => "kiosk",
        }
    }

    /// Its place in tables, and its name where chance is drawn.
    pub(super) fn number(self) -> u64 {
        self as u64
    }

    /// When it opens on the day of the story.
    pub(super) fn opens_at(self) -> i64 {
        match self {
            Shop::Market => at(6, 0),
            Shop::Corner => at(7, 0),
            Shop::Station => at(14, 0),
        }
    }

    /// When it closes; the station does so on the next day.
    pub(super) fn closes_at(self) -> i64 {
        match self {
            Shop::Market => at(20, 0),
            Shop::Corner => at(19, 0),
            Shop::Station => at(26, 0),
        }
    }

    /// How long it is open in a day.
    pub(super) fn open_ms(self) -> i64 {
        self.closes_at() - self.opens_at()
    }
}

/// Something on the shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) name: &'static str,
    pub(super) dept: &'static str,
    /// Of a unit: a piece, or a kilogram if it is weighed.
    pub(super) price_cents: i64,
    pub(super) cost_cents: i64,
    pub(super) case_pack: i64,
    pub(super) weighed: bool,
    /// What each shop is forecast to sell in a day, by [`Shop::number`]; 0 where it is not ranged.
    daily: [i64; 3],
}

impl Item {
    /// What a shop is forecast to sell in a day.
    pub(super) fn daily(&self, shop: Shop) -> i64 {
        self.daily[shop as usize]
    }

    /// How long a delivery takes.
    pub(super) fn lead_time_h(&self) -> i64 {
        match self.name {
            "lager" => 12,
            _ if self.dept == "household" => 48,
            _ => 24,
        }
    }
}

const fn piece(name: &'static str, dept: &'static str, money: [i64; 2], case_pack: i64, daily: [i64; 3]) -> Item {
    Item { name, dept, price_cents: money[0], cost_cents: money[1], case_pack, weighed: false, daily }
}

const fn weighed(name: &'static str, money: [i64; 2], daily: [i64; 3]) -> Item {
    let dept = "produce";
    Item { name, dept, price_cents: money[0], cost_cents: money[1], case_pack: 1, weighed: true, daily }
}

/// Everything the chain sells. Money is price and cost.
pub(super) const ITEMS: [Item; 32] = [
    piece("pasta", "grocery", [189, 120], 12, [26, 12, 12]),
    piece("coffee", "grocery", [690, 470], 6, [20, 7, 8]),
    piece("rice", "grocery", [249, 160], 10, [18, 9, 0]),
    piece("oat-milk", "grocery", [229, 150], 8, [26, 11, 12]),
    piece("chocolate", "grocery", [219, 130], 20, [28, 16, 26]),
    piece("muesli", "grocery", [449, 290], 6, [14, 7, 0]),
    piece("olive-oil", "grocery", [890, 560], 6, [13, 0, 0]),
    weighed("apples", [320, 190], [26, 12, 14]),
    weighed("bananas", [210, 120], [24, 12, 16]),
    weighed("tomatoes", [390, 230], [22, 10, 0]),
    piece("lettuce", "produce", [160, 85], 8, [22, 9, 0]),
    piece("strawberries", "produce", [350, 210], 10, [22, 12, 14]),
    piece("potatoes", "produce", [280, 160], 5, [18, 8, 0]),
    piece("water", "beverages", [95, 45], 6, [30, 22, 20]),
    piece("cola", "beverages", [160, 90], 12, [28, 16, 18]),
    piece("iced-tea", "beverages", [180, 95], 12, [18, 12, 0]),
    piece("lemonade", "beverages", [180, 95], 12, [18, 12, 0]),
    piece("orange-juice", "beverages", [260, 165], 6, [24, 9, 0]),
    piece("lager", "beverages", [170, 105], 20, [40, 10, 24]),
    piece("white-wine", "beverages", [790, 500], 6, [32, 5, 6]),
    piece("charcoal", "household", [590, 370], 4, [24, 0, 0]),
    piece("kettle", "household", [2990, 1900], 1, [3, 2, 0]),
    piece("napkins", "household", [220, 110], 10, [24, 12, 14]),
    piece("detergent", "household", [750, 490], 4, [20, 8, 0]),
    piece("bin-bags", "household", [290, 160], 10, [24, 11, 12]),
    piece("candles", "household", [340, 190], 10, [20, 9, 12]),
    piece("toothpaste", "household", [270, 150], 10, [24, 12, 18]),
    piece("bread", "bakery", [310, 170], 1, [44, 18, 0]),
    piece("rolls", "bakery", [70, 32], 10, [48, 20, 18]),
    piece("croissant", "bakery", [130, 62], 10, [40, 18, 24]),
    piece("pretzel", "bakery", [110, 52], 10, [30, 10, 24]),
    piece("cake", "bakery", [1250, 700], 1, [0, 0, 0]),
];

/// What drinks cost by the invoice of the next morning.
const INVOICE: [(&str, i64); 5] =
    [("water", 85), ("cola", 140), ("lager", 165), ("orange-juice", 255), ("white-wine", 785)];

/// An item by its name.
pub(super) fn item(name: &str) -> &'static Item {
    let found = ITEMS.iter().find(|item| item.name == name);
    debug_assert!(found.is_some(), "nobody sells {name}");
    found.unwrap_or(&ITEMS[0])
}

/// What a shop keeps on its shelf.
pub(super) fn ranged(shop: Shop) -> impl Iterator<Item = &'static Item> {
    ITEMS.iter().filter(move |item| item.daily(shop) > 0)
}

/// Shops first, so that no item waits for the hours of its shop.
pub(super) fn tell(desk: &mut Desk) {
    let mut next_at = at(2, 10);
    let mut put = |name: &str, shop: Option<Shop>, body: Body| {
        next_at += 200;
        let mut told = record(name, next_at, shop, body);
        told.ingest_time = next_at;
        desk.put(told, Fate::Accepted);
    };
    for shop in Shop::ALL {
        put(&format!("store-{}", shop.name()), Some(shop), Body::Store(store(shop)));
    }
    for item in &ITEMS {
        put(&format!("product-{}", item.name), None, Body::Product(product(item, item.cost_cents)));
    }
    for shop in Shop::ALL {
        for item in ranged(shop) {
            let name = format!("range-{}-{}", shop.name(), item.name);
            put(&name, Some(shop), Body::ItemLocation(location(shop, item, item.daily(shop) * 1000)));
        }
    }
    tell_next_morning(desk);
}

/// The forecast of a department put right, and an invoice that was dearer than agreed.
fn tell_next_morning(desk: &mut Desk) {
    for (nth, item) in (1_i64..).zip(ranged(Shop::Market).filter(|item| item.dept == "bakery")) {
        let forecast = item.daily(Shop::Market) * 10 * plot::BAKERY_SOLD_PERCENT;
        let name = format!("range-market-{}", item.name);
        let body = Body::ItemLocation(location(Shop::Market, item, forecast));
        revise(desk, record(&name, plot::FORECAST_PUT_RIGHT + nth * 100, Some(Shop::Market), body));
    }
    for (nth, (name, cost_cents)) in (1_i64..).zip(INVOICE) {
        let body = Body::Product(product(item(name), cost_cents));
        revise(desk, record(&format!("product-{name}"), plot::INVOICE_BOOKED + nth * 100, None, body));
    }
}

/// The records of one page of corrections are taken in the second in which they are made.
fn revise(desk: &mut Desk, mut told: Record) {
    told.revision = 1;
    told.ingest_time = second(told.event_time);
    desk.put(told, Fate::Accepted);
}

fn store(shop: Shop) -> Store {
    let minute = |at: i64| at.rem_euclid(DAY_MS) / 60_000;
    Store {
        region: id(shop.region()),
        format: id(shop.format()),
        open_from: minute(shop.opens_at()),
        open_to: minute(shop.closes_at()),
    }
}

fn product(item: &Item, unit_cost_cents: i64) -> Product {
    Product { item_id: id(item.name), dept: id(item.dept), unit_cost_cents, case_pack: item.case_pack }
}

fn location(shop: Shop, item: &Item, forecast_milli_per_day: i64) -> ItemLocation {
    // Cold drinks at the station sell by the train load, not one by one.
    let dispersion_bp = (shop == Shop::Station && item.name == "cola").then_some(40_000);
    ItemLocation { item_id: id(item.name), lead_time_h: item.lead_time_h(), forecast_milli_per_day, dispersion_bp }
}
