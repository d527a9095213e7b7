//! Tills: baskets rung up line by line, at the price the till knows, with a coupon now and then and a line struck.

use crate::money::divide_half_up;
use crate::random::Random;
use crate::topic::{Body, Channel, Id, PosLine, Record, Role, SaleKind};

use super::calendar::{MINUTE_MS, SECOND_MS};
use super::labels::Note;
use super::shelves::Pick;
use super::staff::Staff;
use super::{Desk, Scene, Shop, milli, part};

/// One line of a basket takes this long.
const SCAN_MS: i64 = 3 * SECOND_MS;

/// A basket that has been paid.
pub(super) struct Rung {
    pub(super) at: i64,
    pub(super) customer: Option<Id>,
    /// What was sold, with the price of a unit.
    pub(super) sold: Vec<(Pick, i64)>,
    /// A line that was struck again.
    pub(super) voided: Option<Pick>,
    pub(super) transaction: Id,
}

/// Everything one basket's lines have in common.
struct Receipt {
    transaction: Id,
    register: Id,
    operator: Id,
    customer: Option<Id>,
    channel: Channel,
}

/// The tills of a shop.
pub(super) struct Till {
    receipts: u64,
    customers: i64,
    online: Id,
}

impl Till {
    pub(super) fn new(shop: &Shop) -> Till {
        Till { receipts: 0, customers: shop.buyers_per_day * 6, online: Id::known("online".to_owned()) }
    }

    /// Rings up a basket after its wait. Four baskets in ten show a card.
    pub(super) fn ring_up(
        &mut self,
        scene: &Scene<'_>,
        (basket, wait_ms): (&[Pick], i64),
        staff: &Staff,
        random: &mut Random,
        desk: &mut Desk<'_>,
    ) -> Rung {
        let operator = staff.someone(Role::Checkout, self.receipts);
        let customer = random.chance(4_000).then(|| random.between(0, self.customers));
        let receipt = Receipt {
            register: operator.clone(),
            operator,
            customer: customer.map(|number| Id::known(format!("c{}-{number}", scene.shop.number + 1))),
            channel: Channel::Store,
            transaction: self.next(scene),
        };
        let at = scene.now + random.between(0, MINUTE_MS) + wait_ms;
        let struck = random.chance(70 * u32::try_from(basket.len()).unwrap_or(1)).then(|| basket.last()).flatten();
        let rung = self.ring(scene, &receipt, basket, (at, struck.copied(), random), desk);
        if random.chance(scene.plan.post_void_bp) {
            self.post_void(scene, &receipt, &rung, random, desk);
        }
        rung
    }

    /// Rings up what was picked for an online order.
    pub(super) fn ring_online(
        &mut self,
        scene: &Scene<'_>,
        basket: &[Pick],
        random: &mut Random,
        desk: &mut Desk<'_>,
    ) -> Rung {
        let receipt = Receipt {
            register: self.online.clone(),
            operator: self.online.clone(),
            customer: Some(Id::known(format!("c{}-{}", scene.shop.number + 1, random.between(0, self.customers)))),
            channel: Channel::Web,
            transaction: self.next(scene),
        };
        self.ring(scene, &receipt, basket, (scene.now, None, random), desk)
    }

    fn next(&mut self, scene: &Scene<'_>) -> Id {
        self.receipts += 1;
        Id::known(format!("{}-t{}", scene.shop.id, self.receipts))
    }

    fn ring(
        &mut self,
        scene: &Scene<'_>,
        receipt: &Receipt,
        basket: &[Pick],
        (at, struck, random): (i64, Option<Pick>, &mut Random),
        desk: &mut Desk<'_>,
    ) -> Rung {
        let basket_name = scene.shop.number << 40 | self.receipts;
        let mut number = 0;
        let mut sold = Vec::with_capacity(basket.len());
        let (place, mut line_at) = (scene.shop.number, at);
        for pick in basket {
            number += 1;
            let coupon = receipt.channel == Channel::Store && random.chance(1_500);
            let record = line(scene, receipt, *pick, (number, line_at, coupon), desk);
            if let Body::PosLine(line) = &record.body {
                sold.push((*pick, line.unit_price_cents));
            }
            desk.post.basket_line(place, basket_name, u64::from(number), record);
            line_at += SCAN_MS;
        }
        if let Some(pick) = struck {
            let mut record = line(scene, receipt, pick, (number + 1, line_at, false), desk);
            if let Body::PosLine(line) = &mut record.body {
                line.kind = SaleKind::Void;
            }
            desk.post.basket_line(place, basket_name, u64::from(number + 1), record);
            sold.pop();
        }
        Rung { at, customer: receipt.customer.clone(), sold, voided: struck, transaction: receipt.transaction.clone() }
    }

    /// The whole basket is voided two to six hours later; what was in it is not found again.
    fn post_void(&self, scene: &Scene<'_>, receipt: &Receipt, rung: &Rung, random: &mut Random, desk: &mut Desk<'_>) {
        let ingest_time = rung.at + random.between(120, 360) * MINUTE_MS;
        for (number, (pick, _)) in (100..).zip(&rung.sold) {
            let mut record = line(scene, receipt, *pick, (number, rung.at + MINUTE_MS, false), desk);
            if let Body::PosLine(line) = &mut record.body {
                line.kind = SaleKind::Void;
            }
            record.ingest_time = ingest_time;
            desk.post.at(record);
        }
    }
}

/// A line at the price the till knows at that instant; a wrong one is noted.
fn line(
    scene: &Scene<'_>,
    receipt: &Receipt,
    pick: Pick,
    (number, at, coupon): (u32, i64, bool),
    desk: &mut Desk<'_>,
) -> Record {
    let good = &scene.cast.goods[pick.item];
    let offer = good
        .promotion
        .map(|place| (place, &scene.cast.promotions[place]))
        .filter(|(_, offer)| (offer.start_at..offer.end_at).contains(&at));
    let wrong = offer.filter(|(place, _)| scene.plan.price_is_wrong(scene.place, *place, at));
    let offer = if wrong.is_some() { None } else { offer };
    if let Some((_, wrong)) = wrong {
        let key = vec![part("promotion", &wrong.id), scene.store(), part("item", &good.id)];
        let cause = "the till does not know the promotion";
        // Until the next line, which need not come soon; and the line itself may come late.
        let when = at..at + 40 * MINUTE_MS;
        desk.labels.note(Note { kind: "promotion.price_mismatch", key, when, cause, certain: true });
    }
    let unit_price_cents = offer.map_or(good.price_cents, |(_, offer)| offer.price_cents);
    let extended = |unit_cents: i64| divide_half_up(unit_cents * pick.milli, 1000);
    let coupon_cents = if coupon { extended(unit_price_cents) / 10 } else { 0 };
    let net_cents = extended(unit_price_cents) - coupon_cents;
    let body = PosLine {
        transaction_id: receipt.transaction.clone(),
        line: number,
        register_id: receipt.register.clone(),
        operator_id: receipt.operator.clone(),
        item_id: good.id.clone(),
        kind: SaleKind::Sale,
        quantity: milli(pick.milli),
        unit_price_cents,
        net_cents,
        discount_cents: extended(good.price_cents) - net_cents,
        channel: receipt.channel,
        promotion_id: offer.map(|(_, offer)| offer.id.clone()),
        customer_id: receipt.customer.clone(),
        receipt: None,
        reason: None,
        restock: None,
    };
    scene.record(format!("{}-{number}", receipt.transaction), at, Body::PosLine(body))
}
