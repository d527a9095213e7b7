//! What every room of the shop may ask: the time, the stores, the items, the policies, and who is to blame.

use contract::event::Topic;
use contract::event::reference::{Product, Store};
use contract::ids::{EventId, Id};
use engine::graph::Settings;
use engine::reference::Hours;
use engine::reference::Policies;

use operators::keyed::Ticks;

use super::slots::{NOBODY, Names};
use super::timers::{Timer, Timers};

/// A store.
#[derive(Debug)]
pub(super) struct Shop {
    /// Its name.
    pub(super) id: Id,
    /// What the reference says of it.
    pub(super) row: Option<Store>,
    /// When it is open.
    pub(super) hours: Hours,
    /// Its stale feeds, a bit a topic.
    pub(super) stale: u16,
}

/// An item.
#[derive(Debug)]
pub(super) struct Goods {
    /// Its name.
    pub(super) id: Id,
    /// What the reference says of it.
    pub(super) product: Option<Product>,
    /// Its department.
    pub(super) dept: u32,
    /// Where it is: the places of its shelves.
    pub(super) shelves: Vec<u32>,
    /// Days of it whose costs may still change.
    pub(super) costings: Vec<u32>,
}

/// The desk.
#[derive(Debug)]
pub(super) struct Desk {
    /// The tick being closed.
    pub(super) now: i64,
    /// The clock.
    pub(super) ticks: Ticks,
    /// How long a fact may be corrected.
    pub(super) lateness_ms: i64,
    /// What waits for the clock.
    pub(super) timers: Timers,
    /// The policies in force.
    pub(super) policies: Policies,
    /// The stores, by number.
    pub(super) shops: Vec<Shop>,
    /// The items, by number.
    pub(super) goods: Vec<Goods>,
    /// The departments.
    pub(super) depts: Names,
    /// The records of this tick, least first.
    pub(super) causes: Vec<(Topic, EventId)>,
    shop_names: Names,
    goods_names: Names,
}

/// The bit of a topic.
pub(super) fn bit(topic: Topic) -> u16 {
    1 << (topic as u16)
}

impl Desk {
    /// An empty one.
    pub(super) fn new(settings: &Settings) -> Self {
        let mut depts = Names::default();
        depts.of(Id::new("unknown"));
        Desk {
            now: i64::MIN,
            ticks: settings.ticks,
            lateness_ms: settings.limits.lateness_ms,
            timers: Timers::new(settings.ticks),
            policies: settings.policies.clone(),
            shops: Vec::new(),
            goods: Vec::new(),
            depts,
            causes: Vec::new(),
            shop_names: Names::default(),
            goods_names: Names::default(),
        }
    }

    /// The number of a store.
    pub(super) fn shop(&mut self, id: Id) -> u32 {
        let at = self.shop_names.of(id);
        if at as usize == self.shops.len() {
            self.shops.push(Shop { id, row: None, hours: Hours::ALWAYS, stale: 0 });
        }
        at
    }

    /// The number of an item.
    pub(super) fn item(&mut self, id: Id) -> u32 {
        let at = self.goods_names.of(id);
        if at as usize == self.goods.len() {
            self.goods.push(Goods { id, product: None, dept: 0, shelves: Vec::new(), costings: Vec::new() });
        }
        at
    }

    /// The name of a store.
    pub(super) fn store_id(&self, shop: u32) -> Id {
        self.shops[shop as usize].id
    }

    /// The hours of a store.
    pub(super) fn hours(&self, shop: u32) -> Hours {
        self.shops[shop as usize].hours
    }

    /// Sets the alarm clock.
    pub(super) fn wake(&mut self, instant: i64, timer: Timer) -> i64 {
        self.timers.set(self.now, instant, timer)
    }

    /// From then on nothing can be corrected.
    pub(super) fn edge(&self) -> i64 {
        self.now - self.lateness_ms
    }

    /// The record of a rank.
    pub(super) fn cause(&self, rank: u32) -> Option<(Topic, EventId)> {
        if rank == NOBODY { None } else { self.causes.get(rank as usize).cloned() }
    }
}
