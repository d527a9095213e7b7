//! The house: which room each record is told to, and the order in which rooms are brought up to date.

use contract::event::activity::Act;
use contract::event::command::Command;
use contract::event::order::CustomerOrder;
use contract::event::pos::PosLine;
use contract::event::reference::{ItemLocation, Product, Store};
use contract::event::workforce::Role;
use contract::event::{FactBody, StateBody};
use contract::ids::EventId;
use engine::graph::Settings;
use engine::reference::Hours as OpenHours;

use smallvec::SmallVec;

use super::accuracy::AccuracyDays;
use super::clocks::{Clocks, Here};
use super::court::Court;
use super::coverage::Roles;
use super::customers::{Customers, Look};
use super::demand::Demands;
use super::desk::Desk;
use super::drift::Drifts;
use super::facts::{Facts, NOWHERE};
use super::feeds::Feeds;
use super::hours::{Explained, Hours};
use super::margins::Margins;
use super::nodes::Nodes;
use super::promises::Promises;
use super::promotions::Promotions;
use super::queues::Queues;
use super::returns::Returns;
use super::shelves::{Changed, Shelves};
use super::stock::Doubtful;
use super::tasks::Tasks;

/// Every room.
pub(super) struct Rooms {
    pub(super) desk: Desk,
    pub(super) court: Court,
    pub(super) shelves: Shelves,
    pub(super) doubtful: Doubtful,
    pub(super) accuracy: AccuracyDays,
    pub(super) hours: Hours,
    pub(super) queues: Queues,
    pub(super) customers: Customers,
    pub(super) returns: Returns,
    pub(super) margins: Margins,
    pub(super) demands: Demands,
    pub(super) drifts: Drifts,
    pub(super) clocks: Clocks,
    pub(super) roles: Roles,
    pub(super) nodes: Nodes,
    pub(super) promises: Promises,
    pub(super) tasks: Tasks,
    pub(super) feeds: Feeds,
    pub(super) promotions: Promotions,
    /// Commands of this tick, with the records that said them.
    pub(super) commands: Vec<(Command, u32)>,
    /// Policies that changed in this tick.
    pub(super) policies: Vec<(EventId, u32)>,
    /// Products as they were before this tick.
    restated: Vec<(u32, Option<Product>, u32)>,
    /// Forecasts of shelves as they were before this tick.
    ranging: Vec<(u32, Option<i64>, u32)>,
    /// Stores whose reference changed in this tick.
    places: Vec<(u32, u32)>,
    /// By store, its open stockout risks.
    stockouts: Vec<i64>,
    list: Vec<(u32, u32)>,
    changed: Vec<Changed>,
    here: Vec<Here>,
}

impl Rooms {
    /// Empty rooms.
    pub(super) fn new(settings: &Settings) -> Self {
        Rooms {
            desk: Desk::new(settings),
            court: Court::new(&settings.policies),
            shelves: Shelves::default(),
            doubtful: Doubtful::default(),
            accuracy: AccuracyDays::default(),
            hours: Hours::default(),
            queues: Queues::default(),
            customers: Customers::default(),
            returns: Returns::default(),
            margins: Margins::default(),
            demands: Demands::default(),
            drifts: Drifts::default(),
            clocks: Clocks::default(),
            roles: Roles::default(),
            nodes: Nodes::default(),
            promises: Promises::default(),
            tasks: Tasks::default(),
            feeds: Feeds::new(&settings.policies),
            promotions: Promotions::default(),
            commands: Vec::new(),
            policies: Vec::new(),
            restated: Vec::new(),
            ranging: Vec::new(),
            places: Vec::new(),
            stockouts: Vec::new(),
            list: Vec::new(),
            changed: Vec::new(),
            here: Vec::new(),
        }
    }

    /// A fact came (1) or was taken back (−1); answers the shelf it is of.
    pub(super) fn fact(&mut self, facts: &Facts, handle: u32, (time, body): (i64, &FactBody), by: (i64, u32)) -> u32 {
        let id = &facts.get(handle).id;
        match body {
            FactBody::Pos(line) => self.line(facts, handle, (time, line), by),
            FactBody::Activity(activity) => {
                let look = match activity.act {
                    Act::View => Look::View,
                    Act::CartAdd => Look::Cart,
                    Act::Loyalty => return NOWHERE,
                };
                if let Some(customer) = activity.customer {
                    self.customers.look(&mut self.desk, customer, (time, look), by.0);
                }
                if let (Some(store), Some(item), Act::CartAdd) = (activity.store, activity.item, activity.act) {
                    let (store, item) = (self.desk.shop(store), self.desk.item(item));
                    let at = self.shelves.at(&mut self.desk, store, item);
                    self.demands.cart(&mut self.desk, at, time, by);
                }
                NOWHERE
            }
            FactBody::Traffic(count) => {
                let store = self.desk.shop(count.store);
                self.hours.traffic(&mut self.desk, store, (time, count), by);
                NOWHERE
            }
            FactBody::Queue(interval) => {
                let store = self.desk.shop(interval.store);
                self.queues.interval(&mut self.desk, store, (time, id, interval), by);
                NOWHERE
            }
            FactBody::Movement(movement) => {
                let (store, item) = (self.desk.shop(movement.store), self.desk.item(movement.item));
                let at = self.shelves.at(&mut self.desk, store, item);
                self.shelves.hold(at, handle, by.0);
                self.shelves.movement(at, (time, movement.quantity_milli), by);
                self.margins.movement(&mut self.desk, (at, store, item), (time, movement), by);
                at
            }
            FactBody::Count(count) => {
                let (store, item) = (self.desk.shop(count.store), self.desk.item(count.item));
                let at = self.shelves.at(&mut self.desk, store, item);
                self.shelves.hold(at, handle, by.0);
                self.shelves.count(facts, at, (time, id.clone(), count.counted_milli), by);
                at
            }
            FactBody::Punch(punch) => {
                let store = self.desk.shop(punch.store);
                self.clocks.punch(store, (time, id, punch), by);
                NOWHERE
            }
        }
    }

    fn line(&mut self, facts: &Facts, handle: u32, of: (i64, &PosLine), by: (i64, u32)) -> u32 {
        let (time, line) = of;
        let desk = &mut self.desk;
        let (store, item) = (desk.shop(line.store), desk.item(line.item));
        let at = self.shelves.at(desk, store, item);
        self.shelves.hold(at, handle, by.0);
        self.shelves.line((desk, facts), at, of, by);
        self.hours.line(desk, store, of, by);
        if !line.is_return() {
            self.roles.line(desk, store, time, (line.transaction, line.sale_sign()), by);
            self.demands.line(desk, at, (time, line.units_milli()), by);
            self.promotions.line(self.shelves.get(at), at, facts, (facts.get(handle), line), by);
        }
        if let Some(customer) = line.customer {
            self.customers.line(desk, (customer, store), of, by.0);
        }
        self.returns.line(desk, (store, item), of, by);
        self.margins.line(desk, (at, store, item), of, by);
        self.drifts.line(desk, (store, item), of, by);
        at
    }

    /// A row was replaced.
    pub(super) fn row(&mut self, old: Option<StateBody>, new: Option<StateBody>, cause: u32) {
        if let (Some(StateBody::ItemLocation(_)), _) | (None, Some(StateBody::ItemLocation(_))) = (&old, &new) {
            let location = |body: Option<StateBody>| match body {
                Some(StateBody::ItemLocation(location)) => Some(location),
                _ => None,
            };
            return self.location(location(old), location(new), cause);
        }
        for (body, diff) in [(old, -1), (new, 1)] {
            if let Some(body) = body {
                self.state(body, (diff, cause));
            }
        }
    }

    fn state(&mut self, body: StateBody, by: (i64, u32)) {
        let (diff, cause) = by;
        let desk = &mut self.desk;
        match body {
            StateBody::Shift(shift) => {
                let store = desk.shop(shift.store);
                self.roles.shift(desk, store, &shift, by);
            }
            StateBody::Task(task) => {
                let store = desk.shop(task.store);
                self.tasks.task(desk, store, &task, by);
                if task.is_open() {
                    self.roles.task(desk, store, (task.due_at, task.est_minutes), by);
                }
            }
            StateBody::Promotion(promotion) => {
                self.tasks.promotion(desk, &promotion, by);
                self.promotions.promotion(&promotion, by);
            }
            StateBody::Order(order) => self.order(&order, by),
            StateBody::Product(product) => {
                let item = desk.item(product.item);
                self.restated.push((item, desk.goods[item as usize].product, cause));
                let dept = if diff > 0 { desk.depts.of(product.dept) } else { 0 };
                let goods = &mut desk.goods[item as usize];
                (goods.product, goods.dept) = ((diff > 0).then_some(product), dept);
            }
            StateBody::Store(store) => self.store(&store, by),
            StateBody::Signal(signal) => {
                let store = desk.shop(signal.store);
                self.demands.signal(store, desk, &signal, by);
            }
            StateBody::Policy(policy) => {
                desk.policies.record(&policy, diff);
                self.policies.push((policy.key, cause));
            }
            StateBody::Command(command) if diff > 0 => self.commands.push((command, cause)),
            StateBody::Command(_) | StateBody::ItemLocation(_) => {}
        }
    }

    fn order(&mut self, order: &CustomerOrder, by: (i64, u32)) {
        let store = self.desk.shop(order.store);
        self.nodes.order(&mut self.desk, store, order, by);
        let mut wanted = SmallVec::new();
        if order.is_open() {
            for line in &order.lines {
                let item = self.desk.item(line.item);
                let at = self.shelves.at(&mut self.desk, store, item);
                let milli = line.remaining_milli();
                self.shelves.commit(at, milli, by);
                if milli > 0 {
                    wanted.push(at);
                }
            }
        }
        self.promises.order(&mut self.desk, store, order, wanted, by);
    }

    fn store(&mut self, row: &Store, (diff, cause): (i64, u32)) {
        let store = self.desk.shop(row.store);
        let shop = &mut self.desk.shops[store as usize];
        shop.row = (diff > 0).then_some(*row);
        shop.hours = shop.row.as_ref().map_or(OpenHours::ALWAYS, OpenHours::of);
        self.places.push((store, cause));
        self.feeds.touch_store(store, cause);
        self.demands.touch_store(store, cause);
        self.promotions.touch_store(store, &self.shelves, cause);
        self.drifts.touch_store(store, cause);
        for at in 0..self.shelves.places() {
            let shelf = self.shelves.get_mut(at);
            let known = shelf.said.value.is_some() || shelf.location.is_some();
            if shelf.store == store && (known || !shelf.doubts.phantom.is_idle()) {
                shelf.doubts.phantom.touch(cause, at, &mut self.doubtful.phantom);
            }
        }
    }

    fn location(&mut self, old: Option<ItemLocation>, new: Option<ItemLocation>, cause: u32) {
        let Some(of) = old.or(new) else { return };
        let (store, item) = (self.desk.shop(of.store), self.desk.item(of.item));
        let at = self.shelves.at(&mut self.desk, store, item);
        let shelf = self.shelves.get_mut(at);
        shelf.location = new;
        shelf.doubts.stockout.touch(cause, at, &mut self.doubtful.stockout);
        shelf.doubts.phantom.touch(cause, at, &mut self.doubtful.phantom);
        self.demands.touch_cell(at, cause);
        self.promotions.touch(at, cause);
        self.ranging.push((at, old.map(|location| location.forecast_milli), cause));
    }

    /// Forecasts that are others than before this tick are told, with the products as they are now.
    fn range(&mut self) {
        let mut ranging = std::mem::take(&mut self.ranging);
        ranging.sort_by_key(|one| one.0);
        for of in ranging.chunk_by(|one, two| one.0 == two.0) {
            let (at, before, _) = of[0];
            let shelf = self.shelves.get_mut(at);
            let goods = &self.desk.goods[shelf.item as usize];
            shelf.doubts.case_pack = goods.product.map_or(1, |product| product.case_pack);
            let now = shelf.location.map(|location| location.forecast_milli);
            if before != now {
                let cause = of.iter().map(|one| one.2).min().unwrap_or_default();
                let ranged = now.map(|forecast| (goods.dept, forecast));
                self.drifts.ranged((shelf.store, shelf.item), ranged, cause);
            }
        }
        ranging.clear();
        self.ranging = ranging;
    }

    /// Products that are others than before this tick are told to whom they concern.
    fn restate(&mut self) {
        let mut restated = std::mem::take(&mut self.restated);
        restated.sort_by_key(|one| one.0);
        for of in restated.chunk_by(|one, two| one.0 == two.0) {
            let (item, before, _) = of[0];
            let cause = of.iter().map(|one| one.2).min().unwrap_or_default();
            let goods = &self.desk.goods[item as usize];
            let (now, dept) = (goods.product, goods.dept);
            let dept_changed = before.map(|one| one.dept) != now.map(|one| one.dept);
            if dept_changed || before.map(|one| one.unit_cost_cents) != now.map(|one| one.unit_cost_cents) {
                self.margins.restate(&self.desk, item, cause);
            }
            let pack_changed = before.map(|one| one.case_pack) != now.map(|one| one.case_pack);
            for at in &goods.shelves {
                let shelf = self.shelves.get_mut(*at);
                if pack_changed && shelf.location.is_some() {
                    shelf.doubts.case_pack = now.map_or(1, |product| product.case_pack);
                    shelf.doubts.stockout.touch(cause, *at, &mut self.doubtful.stockout);
                }
                if dept_changed {
                    self.demands.move_cell(*at, cause);
                    if let Some(location) = shelf.location {
                        self.drifts.ranged((shelf.store, item), Some((dept, location.forecast_milli)), cause);
                    }
                }
            }
        }
        restated.clear();
        self.restated = restated;
    }

    /// Brings every room up to date.
    pub(super) fn close(&mut self, facts: &mut Facts) {
        let desk = &mut self.desk;
        let mut turned = Vec::new();
        self.feeds.close(desk, |store, topic, cause| turned.push((store, topic, cause)));
        for (store, topic, cause) in turned {
            for (kind, at) in self.court.reading(store, topic) {
                self.touch(kind, Some(at), cause);
            }
        }
        self.restate();
        self.range();
        let Rooms { desk, .. } = self;
        let hours = &mut self.hours;
        self.clocks.close(desk, &mut self.here, |desk, at, rows, minutes| hours.worked(desk, at, rows, minutes));
        for here in self.here.drain(..) {
            self.roles.here(here);
            if here.1 == Role::Fulfillment {
                self.nodes.picker(here.0, (here.2, here.3));
                self.promises.picker(here.0, (here.2, here.3));
            }
        }
        self.hours.close(desk);
        self.hours.close_productivity(desk);
        self.shelves.close(&mut self.list, &mut self.changed);
        for (at, before, cause) in self.changed.drain(..) {
            let shelf = self.shelves.get_mut(at);
            self.doubtful.position(at, &mut shelf.doubts, cause);
            self.promises.position(shelf.store, before, shelf.said.value, cause);
        }
        let accuracy = &mut self.accuracy;
        self.shelves.tell_variances((facts, desk.edge()), &mut self.list, |store, time, variance, diff| {
            accuracy.tell(desk, store, time, variance, diff);
        });
        self.close_others(facts);
    }

    fn close_others(&mut self, facts: &mut Facts) {
        let Rooms { desk, list, .. } = self;
        self.accuracy.close(desk);
        let roles = &mut self.roles;
        self.nodes.close(desk, list, |store, due_milli, cause| roles.due(store, due_milli, cause));
        self.roles.close(desk, list);
        self.promises.close(desk, &self.shelves, list);
        self.queues.close(desk);
        self.customers.close(desk, list);
        self.returns.close(desk, list);
        self.margins.close(desk);
        self.demands.close(desk, &self.shelves, list);
        self.drifts.close(desk, &self.places, list);
        self.places.clear();
        self.tasks.close(desk);
        self.promotions.close(desk, &mut self.shelves, facts, list);
    }

    /// Runs every detector, then lets people speak.
    pub(super) fn judge(&mut self) {
        let Rooms { desk, court, .. } = self;
        let stockouts = &mut self.stockouts;
        self.doubtful.judge(&mut self.shelves, desk, court, |store, diff| {
            if stockouts.len() <= store as usize {
                stockouts.resize(store as usize + 1, 0);
            }
            stockouts[store as usize] += diff;
        });
        self.feeds.judge(desk, court);
        self.demands.judge(desk, court);
        self.nodes.judge(desk, court);
        self.promises.judge(desk, court);
        self.roles.judge(desk, court);
        self.margins.judge(desk, court);
        self.drifts.judge(desk, court);
        self.promotions.judge(desk, court);
        self.tasks.judge(desk, court);
        self.returns.judge(desk, court);
        let (roles, queues) = (&self.roles, &self.queues);
        self.hours.judge(desk, court, |store, start| Explained {
            served: queues.served(store, start),
            gap: roles.cashiers(store).map_or(0, |row| row.gap),
            stockouts: stockouts.get(store as usize).copied().unwrap_or(0),
        });
        self.queues.judge(desk, court, |store| roles.cashiers(store));
        court.hear(desk, &mut self.commands);
    }
}
