//! One shop's minute, process by process.

use crate::random::Random;

use super::browsing::Browsing;
use super::chores::Chores;
use super::doors::Doors;
use super::orders::Orders;
use super::plan::Plan;
use super::queue::Queue;
use super::returns::Returns;
use super::shelves::Shelves;
use super::staff::Staff;
use super::till::Till;
use super::watch::Watch;
use super::{Cast, Desk, Draw, Scene, browsing, opening};

/// A shop as it is.
pub(super) struct Branch {
    random: Random,
    shelves: Shelves,
    doors: Doors,
    till: Till,
    queue: Queue,
    staff: Staff,
    orders: Orders,
    chores: Chores,
    returns: Returns,
    browsing: Browsing,
    watch: Watch,
}

impl Branch {
    pub(super) fn new(cast: &Cast, plan: &Plan, place: usize) -> Branch {
        let shop = &cast.shops[place];
        let shelves = Shelves::new(cast, plan, place);
        Branch {
            random: Random::keyed(cast.seed, &[Draw::Branch as u64, shop.number]),
            doors: Doors::new(shop),
            till: Till::new(shop),
            queue: Queue::default(),
            staff: Staff::default(),
            orders: Orders::default(),
            chores: Chores::default(),
            returns: Returns::default(),
            browsing: Browsing::new(shop),
            watch: Watch::new(cast, &shelves),
            shelves,
        }
    }

    /// What happens in a minute.
    pub(super) fn minute(&mut self, scene: &Scene<'_>, weather: &mut Random, desk: &mut Desk<'_>) {
        let random = &mut self.random;
        opening::shop(scene, &self.shelves, desk);
        browsing::weather(scene, weather, desk);
        self.staff.minute(scene, &mut self.orders, random, desk);
        self.shelves.minute(scene, random, desk);
        let buyers = self.doors.minute(scene, random, &mut self.watch, desk);
        for basket in self.shelves.pick(scene, buyers, random, desk) {
            match self.queue.join(scene, basket.len(), &self.staff, random) {
                Some(wait_ms) => {
                    let rung = self.till.ring_up(scene, (&basket, wait_ms), &self.staff, random, desk);
                    self.watch.sold(scene, &rung);
                    self.returns.remember(&rung);
                    self.browsing.bought(scene, &rung, desk);
                    self.shelves.put_back(rung.voided);
                }
                None => basket.into_iter().for_each(|pick| self.shelves.put_back(Some(pick))),
            }
        }
        self.queue.minute(scene, &self.staff, random, desk);
        for rung in self.orders.minute(scene, &mut self.shelves, &mut self.till, random, desk) {
            self.watch.sold(scene, &rung);
        }
        self.chores.minute(scene, random, desk);
        self.returns.minute(scene, &mut self.shelves, &self.staff, random, desk);
        self.browsing.minute(scene, random, desk);
        self.watch.minute(scene, &self.staff, &self.chores, desk);
    }
}
