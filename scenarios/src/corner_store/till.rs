//! What the three shops sell: each item at the pace of the plot, gathered into baskets, rung up by whoever is there.

use super::cast::{ITEMS, Item, Shop};
use super::clock::{MINUTE_MS, SECOND_MS};
use super::{DISORDER, SEED, id, milli, plot, promotions, record, staff};
use crate::disorder;
use crate::generate::{Desk, Fate};
use crate::money::divide_half_up;
use crate::random::Random;
use crate::topic::{Body, Channel, PosLine, Record, SaleKind};

/// A basket waits this long for the next line, and an idle till this long for the next basket: so that only a dead
/// line keeps a till silent for a quarter of an hour.
const BASKET_MS: i64 = 4 * MINUTE_MS;
const IDLE_MS: i64 = 7 * MINUTE_MS;

/// One line of a basket at the till.
const SCAN_MS: i64 = 4 * SECOND_MS;

/// Something leaves the shelf.
#[derive(Clone, Copy)]
struct Pick {
    at: i64,
    item: &'static Item,
    milli: i64,
}

/// What draws are for.
#[derive(Clone, Copy)]
enum Draw {
    Pick = 101,
    Basket = 102,
}

/// A receipt under way.
pub(super) struct Receipt {
    pub(super) shop: Shop,
    pub(super) name: String,
    pub(super) operator: &'static str,
    pub(super) channel: Channel,
    pub(super) customer: Option<i64>,
}

impl Receipt {
    /// A line of it, which arrives as it happens.
    pub(super) fn line(&self, number: u32, at: i64, item: &Item, quantity_milli: i64) -> Record {
        let promotion = promotions::at_till(self.shop, item.name, at);
        let unit_price_cents = promotion.map_or(item.price_cents, |offer| offer.price_cents);
        let extended = |unit_cents: i64| divide_half_up(unit_cents * quantity_milli, 1000);
        let net_cents = extended(unit_price_cents);
        let line = PosLine {
            transaction_id: id(&self.name),
            line: number,
            register_id: id(if self.channel == Channel::Store { self.operator } else { "online" }),
            operator_id: id(self.operator),
            item_id: id(item.name),
            kind: SaleKind::Sale,
            quantity: milli(quantity_milli),
            unit_price_cents,
            net_cents,
            discount_cents: extended(item.price_cents) - net_cents,
            channel: self.channel,
            promotion_id: promotion.map(|offer| id(offer.name)),
            customer_id: self.customer.map(|number| id(&format!("c-{number:02}"))),
            receipt: None,
            reason: None,
            restock: None,
        };
        record(&format!("{}-{number}", self.name), at, Some(self.shop), Body::PosLine(line))
    }
}

/// Every ordinary sale of the day.
pub(super) fn tell(desk: &mut Desk) {
    for shop in Shop::ALL {
        let mut picks = picks(shop).into_iter().peekable();
        let (mut number, mut last_at) = (0, shop.opens_at());
        while let Some(mut first) = picks.next() {
            number += 1;
            first.at = first.at.min(last_at + IDLE_MS);
            last_at = first.at;
            let mut random = Random::keyed(SEED, &[Draw::Basket as u64, shop.number(), number]);
            let lines = if plot::is_rush(shop, first.at) { 1 } else { random.between(1, most_lines(shop) + 1) };
            let mut basket = vec![first];
            for _ in 1..lines {
                basket.extend(picks.next_if(|next| next.at < first.at + BASKET_MS));
            }
            ring_up(desk, shop, number, &basket, &mut random);
        }
    }
}

/// What leaves the shelves of a shop, in order. After each pick an item waits for as long as it takes to sell as much
/// at its pace, give or take a fifth: so each sells about what it should, in every hour.
fn picks(shop: Shop) -> Vec<Pick> {
    let mut picks = Vec::new();
    for (place, item) in (0..).zip(&ITEMS).filter(|(_, item)| item.daily(shop) > 0) {
        let mut random = Random::keyed(SEED, &[Draw::Pick as u64, shop.number(), place]);
        let unit_ms = shop.open_ms() / item.daily(shop);
        let mut wait_ms = random.between(0, unit_ms);
        for minute_at in (shop.opens_at()..shop.closes_at() - 4 * MINUTE_MS).step_by(60_000) {
            wait_ms -= MINUTE_MS * plot::pace(shop, item, minute_at) / 100;
            while wait_ms <= 0 {
                let at = minute_at + random.between(0, MINUTE_MS);
                let milli = if plot::is_rush(shop, at) { 1000 } else { quantity(item, &mut random) };
                picks.push(Pick { at, item, milli });
                wait_ms += unit_ms * milli / 1000 * random.between(80, 121) / 100;
            }
        }
    }
    // Somebody always comes at the last minute.
    picks.push(Pick { at: shop.closes_at() - 5 * MINUTE_MS, item: &ITEMS[0], milli: 1000 });
    picks.sort_by_key(|pick| (pick.at, pick.item.name));
    picks
}

/// A shopper takes 300 g to 1.6 kg of what is weighed; one piece of the rest, or two, seldom three.
fn quantity(item: &Item, random: &mut Random) -> i64 {
    if item.weighed {
        return 300 + 5 * random.between(0, 260);
    }
    match random.below(100) {
        _ if item.price_cents >= 1000 => 1000,
        0..88 => 1000,
        88..98 => 2000,
        _ => 3000,
    }
}

fn most_lines(shop: Shop) -> i64 {
    match shop {
        Shop::Market => 4,
        Shop::Corner => 3,
        Shop::Station => 2,
    }
}

/// Rings up a basket. Of a hundred lines two bear a coupon and one is struck again.
fn ring_up(desk: &mut Desk, shop: Shop, number: u64, basket: &[Pick], random: &mut Random) {
    let Some(first) = basket.first() else { return };
    let receipt = Receipt {
        shop,
        name: format!("{}-{number:04}", shop.name()),
        operator: staff::at_till(shop, first.at, number),
        channel: Channel::Store,
        customer: random.chance(4_000).then(|| random.between(1, 49)),
    };
    let mut line_number = 0;
    for pick in basket {
        line_number += 1;
        let at = first.at + i64::from(line_number - 1) * SCAN_MS;
        let mut told = receipt.line(line_number, at, pick.item, pick.milli);
        let Body::PosLine(line) = &mut told.body else { continue };
        if line.net_cents >= 200 && random.chance(200) {
            line.net_cents -= 20;
            line.discount_cents += 20;
        }
        let struck = random.chance(100).then(|| {
            line_number += 1;
            let mut line = line.clone();
            (line.line, line.kind) = (line_number, SaleKind::Void);
            record(&format!("{}-{line_number}", receipt.name), at + SCAN_MS, Some(shop), Body::PosLine(line))
        });
        for told in [Some(told), struck].into_iter().flatten() {
            deliver(desk, shop, shop.number() * 10_000 + number, told);
        }
    }
}

/// Sends a line as the lines of its basket travel, and now and then twice.
fn deliver(desk: &mut Desk, shop: Shop, basket: u64, mut told: Record) {
    let Body::PosLine(line) = &told.body else { return };
    let event_time = told.event_time;
    let named = disorder::Line { store: shop.number(), basket, number: u64::from(line.line), event_time };
    told.ingest_time = plot::held_back(shop, event_time).unwrap_or_else(|| DISORDER.arrival(&named).0);
    let again = DISORDER.resend(&named, told.ingest_time).map(|at| Record { ingest_time: at, ..told.clone() });
    desk.put(told, Fate::Accepted);
    if let Some(again) = again {
        desk.put(again, Fate::Duplicate);
    }
}
