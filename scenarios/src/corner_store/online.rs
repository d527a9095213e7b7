//! Who looks at what in the web shop and the app, what they put into carts, and the points they earn.

use super::cast::{Item, Shop, item, ranged};
use super::clock::{MINUTE_MS, SECOND_MS, at};
use super::{DISORDER, SEED, id, plot, record};
use crate::disorder;
use crate::generate::{Desk, Fate};
use crate::random::Random;
use crate::topic::{Activity, Body, Channel, Record, Topic};

/// What draws are for.
#[derive(Clone, Copy)]
enum Draw {
    Session = 301,
    Heat = 302,
}

/// A visit to the web shop or the app.
struct Session {
    shop: Shop,
    number: u64,
    channel: Channel,
    customer: Option<i64>,
}

impl Session {
    fn activity(&self, item: Option<&Item>, points: Option<i64>) -> Activity {
        Activity {
            session_id: id(&format!("{}-visit-{}", self.shop.name(), self.number)),
            channel: self.channel,
            customer_id: self.customer.map(|number| id(&format!("c-{number:02}"))),
            item_id: item.map(|item| id(item.name)),
            points,
        }
    }

    /// One step of it, which arrives as the lines of a basket do.
    fn step(&self, step: u64, at: i64, body: Body) -> Record {
        let mut told = record(&format!("{}-visit-{}-{step}", self.shop.name(), self.number), at, Some(self.shop), body);
        let basket = 50_000 + self.shop.number() * 1_000 + self.number;
        let named = disorder::Line { store: self.shop.number(), basket, number: step, event_time: at };
        told.ingest_time = DISORDER.arrival(&named).0;
        told
    }
}

/// Browsing all day, carts full of cold drinks in the heat, and points for every third basket with a card.
pub(super) fn tell(desk: &mut Desk) {
    for shop in Shop::ALL {
        let mut visit_at = shop.opens_at();
        for number in 1.. {
            let mut random = Random::keyed(SEED, &[Draw::Session as u64, shop.number(), number]);
            visit_at += random.between(10 * MINUTE_MS, 22 * MINUTE_MS);
            if visit_at > shop.closes_at() {
                break;
            }
            visit(desk, shop, number, visit_at, &mut random);
        }
    }
    for (number, cart_at) in (900..).zip((plot::HEAT.start..plot::HEAT.end).step_by(210_000)) {
        let mut random = Random::keyed(SEED, &[Draw::Heat as u64, number]);
        let session = Session { shop: Shop::Corner, number, channel: Channel::App, customer: None };
        let wanted = plot::COLD_DRINKS.into_iter().nth(usize::from(random.chance(5_000))).unwrap_or("water");
        let body = Body::CartAdd(session.activity(Some(item(wanted)), None));
        desk.put(session.step(1, cart_at, body), Fate::Accepted);
    }
    tell_points(desk);
}

fn visit(desk: &mut Desk, shop: Shop, number: u64, at: i64, random: &mut Random) {
    let channel = if random.chance(5_000) { Channel::Web } else { Channel::App };
    let customer = random.chance(6_000).then(|| random.between(1, 49));
    let session = Session { shop, number, channel, customer };
    let shelf: Vec<&Item> = ranged(shop).collect();
    let looks = 1 + random.below(2);
    for look in 0..looks {
        let place = random.below(shelf.len() as u64);
        let item = (0..).zip(&shelf).find(|(at, _)| *at == place).map(|(_, item)| *item);
        let seen_at = at + i64::try_from(look).unwrap_or(0) * 40 * SECOND_MS;
        desk.put(session.step(2 * look + 1, seen_at, Body::View(session.activity(item, None))), Fate::Accepted);
        if random.chance(3_500) {
            let added = Body::CartAdd(session.activity(item, None));
            desk.put(session.step(2 * look + 2, seen_at + 15 * SECOND_MS, added), Fate::Accepted);
        }
    }
}

/// A point for every full unit of money; four customers spend theirs.
fn tell_points(desk: &mut Desk) {
    let earns = |record: &&Record| match &record.body {
        Body::PosLine(line) => line.line == 1 && line.customer_id.is_some() && line.receipt.is_none(),
        _ => false,
    };
    let first_lines: Vec<Record> = desk.accepted(Topic::Pos).filter(earns).step_by(3).cloned().collect();
    for line in first_lines {
        let Body::PosLine(sold) = line.body else { continue };
        let body = Body::LoyaltyAccrue(Activity {
            session_id: sold.transaction_id,
            channel: sold.channel,
            customer_id: sold.customer_id,
            item_id: None,
            points: Some(sold.net_cents / 100),
        });
        let mut told = Record::new(id(&format!("{}-points", line.event_id)), line.event_time, line.store_id, body);
        told.ingest_time = line.ingest_time + 3 * SECOND_MS;
        desk.put(told, Fate::Accepted);
    }
    for (number, customer) in (950..).zip([3, 11, 28, 40]) {
        let session = Session { shop: Shop::Market, number, channel: Channel::App, customer: Some(customer) };
        let redeemed_at = at(8 + customer / 4, 25);
        let body = Body::LoyaltyRedeem(session.activity(None, Some(100 + customer)));
        desk.put(session.step(1, redeemed_at, body), Fate::Accepted);
    }
}
