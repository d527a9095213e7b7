//! Returns: of a hundred lines one comes back, seven in eight with a receipt; and what a ring at the till invents.

use std::collections::VecDeque;

use crate::money::divide_half_up;
use crate::random::Random;
use crate::topic::{Body, Channel, Id, PosLine, ReturnReason, Role, SaleKind};

use super::calendar::{HOUR_MS, MINUTE_MS};
use super::labels::Note;
use super::plan::Ring;
use super::shelves::{Pick, Shelves, index};
use super::staff::Staff;
use super::till::Rung;
use super::{Desk, Scene, milli, part};

/// Sold items out of which one comes back.
const MEMORY: usize = 64;

const REASONS: [ReturnReason; 4] =
    [ReturnReason::Unwanted, ReturnReason::Defective, ReturnReason::WrongItem, ReturnReason::NotAsDescribed];

/// What may come back to a shop.
#[derive(Default)]
pub(super) struct Returns {
    sold: VecDeque<(Pick, i64)>,
    due: usize,
    count: u64,
    /// What came back today, and which day that is.
    today: Vec<usize>,
    day: i64,
    /// Refunds of the ring.
    invented: u64,
}

/// Something brought back.
struct Brought {
    pick: Pick,
    price_cents: i64,
    operator: Id,
    receipt: bool,
    reason: ReturnReason,
}

impl Returns {
    /// Notes what was sold.
    pub(super) fn remember(&mut self, rung: &Rung) {
        self.due += rung.sold.len();
        self.sold.extend(&rung.sold);
        while self.sold.len() > MEMORY {
            self.sold.pop_front();
        }
    }

    /// What comes back in a minute.
    pub(super) fn minute(
        &mut self,
        scene: &Scene<'_>,
        shelves: &mut Shelves,
        staff: &Staff,
        random: &mut Random,
        desk: &mut Desk<'_>,
    ) {
        while self.due >= 100 {
            self.due -= 100;
            let Some((pick, price_cents)) = self.sold.remove(index(random.below(self.sold.len() as u64))) else {
                break;
            };
            let brought = Brought {
                pick,
                price_cents,
                operator: staff.someone(Role::Checkout, random.bits()),
                receipt: self.count % 8 != 7,
                reason: REASONS[index(self.count % 4)],
            };
            self.judge(scene, pick.item, desk);
            if tell(scene, self.next(), &brought, random, desk) {
                shelves.add(brought.pick.item, brought.pick.milli);
            }
        }
        for ring in &scene.plan.rings {
            if ring.shop == scene.place
                && ring.when.contains(&scene.now)
                && (scene.now - ring.when.start) % ring.every_ms == 0
            {
                self.invent(scene, ring, random, desk);
            }
        }
    }

    /// The second piece of an item in a day may be chance, and may be too many.
    fn judge(&mut self, scene: &Scene<'_>, item: usize, desk: &mut Desk<'_>) {
        if self.day != scene.day() {
            (self.day, self.today) = (scene.day(), Vec::new());
        }
        self.today.push(item);
        if self.today.iter().filter(|one| **one == item).count() >= 2 {
            let key = vec![part("item", &scene.cast.goods[item].id)];
            let (cause, when) = ("more came back than usual, by chance", scene.now..scene.now + 24 * HOUR_MS);
            desk.labels.note(Note { kind: "returns.abnormal_rate", key, when, cause, certain: false });
        }
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// A refund for what nobody bought, at the till of the same person each time, without a receipt.
    fn invent(&mut self, scene: &Scene<'_>, ring: &Ring, random: &mut Random, desk: &mut Desk<'_>) {
        let item = ring.items[index(self.invented % ring.items.len() as u64)];
        self.invented += 1;
        let operator = Id::known(format!("{}-desk", scene.shop.id));
        let brought = Brought {
            pick: Pick { item, milli: 1_000 },
            price_cents: scene.cast.goods[item].price_cents,
            operator: operator.clone(),
            receipt: false,
            reason: ReturnReason::Other,
        };
        tell(scene, self.next(), &brought, random, desk);
        // Nobody but the ring refunds at this desk: five refunds, none with a receipt, are proof.
        let key = vec![scene.store(), part("operator", &operator)];
        let (cause, when) = ("refunds without receipts by one person", scene.now..scene.now + 24 * HOUR_MS);
        let certain = self.invented >= 6;
        desk.labels.note(Note { kind: "returns.operator_pattern", key, when: when.clone(), cause, certain });
        let key = vec![part("item", &scene.cast.goods[item].id)];
        let cause = "a ring refunds what nobody bought";
        desk.labels.note(Note { kind: "returns.abnormal_rate", key, when: when.clone(), cause, certain });
        let dept = part("dept", &scene.cast.depts[scene.cast.goods[item].dept]);
        let (key, cause) = (vec![scene.store(), dept], "a ring eats the margin");
        desk.labels.note(Note { kind: "margin.leak", key, when, cause, certain: false });
    }
}

/// Tells a return; whether it goes back to the shelf.
fn tell(scene: &Scene<'_>, number: u64, brought: &Brought, random: &mut Random, desk: &mut Desk<'_>) -> bool {
    let restock = matches!(brought.reason, ReturnReason::Unwanted | ReturnReason::WrongItem);
    let transaction_id = Id::known(format!("{}-r{number}", scene.shop.id));
    let body = PosLine {
        line: 1,
        register_id: brought.operator.clone(),
        operator_id: brought.operator.clone(),
        item_id: scene.cast.goods[brought.pick.item].id.clone(),
        kind: SaleKind::Return,
        quantity: milli(brought.pick.milli),
        unit_price_cents: brought.price_cents,
        net_cents: divide_half_up(brought.price_cents * brought.pick.milli, 1000),
        discount_cents: 0,
        channel: Channel::Store,
        promotion_id: None,
        customer_id: None,
        receipt: Some(brought.receipt),
        reason: Some(brought.reason),
        restock: Some(restock),
        transaction_id: transaction_id.clone(),
    };
    let at = scene.now + random.between(0, MINUTE_MS);
    desk.post.prompt(scene.record(format!("{transaction_id}-1"), at, Body::PosLine(body)));
    restock
}
