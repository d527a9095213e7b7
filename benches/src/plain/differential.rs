//! The views from `count_total`, `reduce`, `threshold`, `join` and `consolidate` alone.
//!
//! What can be added up travels as a difference, a struct of sums ([`operators::sums!`]). A row of many parts is one
//! `count_total` over all of them, wherever each is a sum or one of a kind: the greatest of a key, say, adds itself,
//! and takes itself back.

use std::hash::Hash;

use contract::event::activity::Activity;
use contract::event::inventory::{Count, Movement};
use contract::event::order::CustomerOrder;
use contract::event::pos::PosLine;
use contract::event::queue::QueueInterval;
use contract::event::reference::Product;
use contract::event::{FactBody, StateBody, Topic};
use contract::time::Time;
use differential_dataflow::ExchangeData;
use differential_dataflow::difference::{Abelian, Multiply};
use differential_dataflow::input::{Input, InputSession};
use engine::streams::Timed;
use operators::ingest::arrival::Fact;
use operators::testing::reference::PlainCollection;
use retail::views;
use timely::worker::Worker;

use super::inventory_position::{self, Moves};
use super::{Door, Frame, Given, advance};
use super::{customer_profile, margin_daily, returns_item, returns_operator, store_queue, store_sales};

/// Facts that stand, of one type.
pub(super) type Facts<'scope, D> = PlainCollection<'scope, Timed<D>, i64>;

/// Facts and rows by what they say.
pub(super) struct PlainDoor {
    lines: InputSession<Time, Timed<PosLine>, i64>,
    intervals: InputSession<Time, Timed<QueueInterval>, i64>,
    activities: InputSession<Time, Timed<Activity>, i64>,
    movements: InputSession<Time, Timed<Movement>, i64>,
    counts: InputSession<Time, Timed<Count>, i64>,
    products: InputSession<Time, Product, i64>,
    orders: InputSession<Time, CustomerOrder, i64>,
}

impl Door for PlainDoor {
    fn take(&mut self, tick: Time, _: Topic, given: Given) {
        let Fact { id, event_time, horizon, body } = match given {
            Given::Fact(fact) => fact,
            Given::Row(row, diff) => {
                match row.body {
                    StateBody::Product(product) => self.products.update_at(product, tick, diff),
                    StateBody::Order(order) => self.orders.update_at(order, tick, diff),
                    _ => {}
                }
                return;
            }
        };
        match body {
            FactBody::Pos(body) => self.lines.update_at(Fact { id, event_time, horizon, body }, tick, 1),
            FactBody::Queue(body) => self.intervals.update_at(Fact { id, event_time, horizon, body }, tick, 1),
            FactBody::Activity(body) => self.activities.update_at(Fact { id, event_time, horizon, body }, tick, 1),
            FactBody::Movement(body) => self.movements.update_at(Fact { id, event_time, horizon, body }, tick, 1),
            FactBody::Count(body) => self.counts.update_at(Fact { id, event_time, horizon, body }, tick, 1),
            _ => {}
        }
    }

    fn advance(&mut self, next: Time) {
        advance(&mut self.lines, next);
        advance(&mut self.intervals, next);
        advance(&mut self.activities, next);
        advance(&mut self.movements, next);
        advance(&mut self.counts, next);
        advance(&mut self.products, next);
        advance(&mut self.orders, next);
    }
}

/// Builds the views.
pub(super) fn open(worker: &mut Worker, frame: &Frame) -> PlainDoor {
    let ticks = frame.ticks;
    worker.dataflow(|scope| {
        let (lines, pos) = scope.new_collection();
        let (intervals, queues) = scope.new_collection();
        let (activities, acts) = scope.new_collection();
        let (movements, moved) = scope.new_collection();
        let (counts, counted) = scope.new_collection();
        let (products, catalogue) = scope.new_collection();
        let (orders, ordered) = scope.new_collection();
        out(views::store_sales::NAME, store_sales::view(pos.clone()), frame);
        out(views::store_queue::NAME, store_queue::view(queues), frame);
        out(views::returns_operator::NAME, returns_operator::view(ticks, pos.clone()), frame);
        out(views::customer_profile::NAME, customer_profile::view(ticks, pos.clone(), acts), frame);
        out(views::returns_item::NAME, returns_item::view(ticks, pos.clone()), frame);
        out(views::margin_daily::NAME, margin_daily::view(pos.clone(), moved.clone(), catalogue), frame);
        let moves = Moves { pos, movements: moved, counts: counted, orders: ordered };
        out(views::inventory_position::NAME, inventory_position::view(ticks, moves), frame);
        PlainDoor { lines, intervals, activities, movements, counts, products, orders }
    })
}

fn out<K: ExchangeData + Hash, V: ExchangeData>(
    name: &'static str,
    rows: PlainCollection<'_, (K, V), i64>,
    frame: &Frame,
) {
    let Frame { keeps, told, .. } = frame.clone();
    let say = move |((key, value), tick, diff): &((K, V), Time, i64)| {
        told.tell(keeps, *tick, &(name, key, value), *diff);
    };
    // As `consolidate` does it, but for values that do not hash.
    let consolidated = rows.arrange_by_key().as_collection(|key, value| (key.clone(), value.clone()));
    consolidated.inspect(say).probe_with(&frame.probe);
}

/// Each beside the row of its key, if there is one: a join, and what it does not find.
pub(super) fn beside<'scope, K, D, V, R>(
    data: PlainCollection<'scope, (K, D), R>,
    rows: PlainCollection<'scope, (K, V), i64>,
) -> PlainCollection<'scope, (K, D, Option<V>), R>
where
    K: ExchangeData + Hash,
    D: ExchangeData,
    V: ExchangeData,
    R: ExchangeData + Abelian + Multiply<i64, Output = R>,
{
    let found = data.clone().join_map(rows, |key, data, row| (key.clone(), data.clone(), Some(row.clone())));
    let not_missed = found.clone().map(|(key, data, _)| (key, data, None)).negate();
    data.map(|(key, data)| (key, data, None)).concat(not_missed).concat(found)
}

/// Gives a struct of sums what plain operators ask of it beside adding.
macro_rules! abelian {
    ($name:ident) => {
        impl differential_dataflow::difference::Abelian for $name {
            fn negate(&mut self) {
                use differential_dataflow::difference::Multiply;
                *self = self.multiply(&-1);
            }
        }
    };
}
pub(super) use abelian;
