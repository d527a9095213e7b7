//! What customers do outside the till: looks, carts, points; and the weather that drives them.

use crate::random::Random;
use crate::topic::{Activity, Body, Channel, Id, Signal, SignalKind};

use super::calendar::{DAY_MS, MINUTE_MS, OPEN_FROM, minute_of_day};
use super::till::Rung;
use super::{Desk, Scene, Shop};

/// Of a day's lines there are so many looks, and so many carts, in hundredths, spread over day and night.
const VIEWS_PERCENT: i64 = 50;
const CARTS_PERCENT: i64 = 12;

/// The taps of a shop's customers.
pub(super) struct Browsing {
    views_due: i64,
    carts_due: i64,
    count: u64,
    customers: i64,
}

impl Browsing {
    pub(super) fn new(shop: &Shop) -> Browsing {
        Browsing { views_due: 0, carts_due: 0, count: 0, customers: shop.buyers_per_day * 6 }
    }

    /// Looks and carts of a minute: in the evening of the first night as by day, so that no hour stands out.
    pub(super) fn minute(&mut self, scene: &Scene<'_>, random: &mut Random, desk: &mut Desk<'_>) {
        if scene.day() == 0 && minute_of_day(scene.now) < OPEN_FROM - 420 {
            return;
        }
        for (due, percent) in [(&mut self.views_due, VIEWS_PERCENT), (&mut self.carts_due, CARTS_PERCENT)] {
            *due += scene.shop.lines_per_day * percent;
        }
        while self.views_due >= 144_000 {
            self.views_due -= 144_000;
            self.tap(scene, Body::View, random, desk);
        }
        while self.carts_due >= 144_000 {
            self.carts_due -= 144_000;
            self.tap(scene, Body::CartAdd, random, desk);
        }
    }

    fn tap(&mut self, scene: &Scene<'_>, body: fn(Activity) -> Body, random: &mut Random, desk: &mut Desk<'_>) {
        self.count += 1;
        let customer = random.between(0, self.customers);
        let item = scene.cast.some_item(random);
        let told = body(Activity {
            session_id: Id::known(format!("w{}-{}", scene.shop.number + 1, self.count)),
            channel: if random.chance(5_000) { Channel::App } else { Channel::Web },
            customer_id: Some(Id::known(format!("c{}-{customer}", scene.shop.number + 1))),
            item_id: Some(scene.cast.goods[item].id.clone()),
            points: None,
        });
        let at = scene.now + random.between(0, MINUTE_MS);
        let record = scene.record(format!("{}-a{}", scene.shop.id, self.count), at, told);
        desk.post.basket_line(scene.shop.number, 1 << 39 | self.count, 0, record);
    }

    /// Points for who showed a card.
    pub(super) fn bought(&mut self, scene: &Scene<'_>, rung: &Rung, desk: &mut Desk<'_>) {
        let Some(customer) = &rung.customer else { return };
        let points = rung.sold.iter().map(|(pick, price)| price * pick.milli / 100_000).sum();
        let told = Body::LoyaltyAccrue(Activity {
            session_id: rung.transaction.clone(),
            channel: Channel::Store,
            customer_id: Some(customer.clone()),
            item_id: None,
            points: Some(points),
        });
        let record = scene.record(format!("{}-points", rung.transaction), rung.at, told);
        desk.post.basket_line(scene.shop.number, 1 << 38 | self.count, 1, record);
    }
}

/// The weather of a day, told in its night: a little more or a little less is sold.
pub(super) fn weather(scene: &Scene<'_>, random: &mut Random, desk: &mut Desk<'_>) {
    if minute_of_day(scene.now) != 50 {
        return;
    }
    let midnight = scene.now - scene.now.rem_euclid(DAY_MS);
    let name = format!("weather-{}-{}", scene.shop.id, scene.day());
    let body = Body::Signal(Signal {
        signal_id: Id::known(name.clone()),
        kind: SignalKind::Weather,
        valid_from: midnight,
        valid_to: midnight + DAY_MS,
        factor_bp: random.between(9_700, 10_301),
        dept: None,
    });
    desk.post.prompt(scene.record(name, scene.now, body));
}
