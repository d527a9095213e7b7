//! The views from `count_total`, `reduce`, `threshold`, `join` and `consolidate` alone.
//!
//! What can be added up travels as a difference, a struct of sums ([`operators::sums!`]), and windows are retractions
//! at future ticks ([`operators::twins`]). A row of many parts is one `count_total` over all of them, wherever each is
//! a sum or one of a kind: the greatest of a key, say, adds itself, and takes itself back.

use std::hash::Hash;

use dataflow::event::activity::Activity;
use dataflow::event::pos::PosLine;
use dataflow::event::queue::QueueInterval;
use dataflow::event::{FactBody, Topic};
use dataflow::streams::Timed;
use dataflow::time::Time;
use dataflow::views::store_sales as sales;
use dataflow::views::{customer_profile as profile, returns_operator as returns, store_queue as queue};
use differential_dataflow::ExchangeData;
use differential_dataflow::input::{Input, InputSession};
use operators::arrival::Fact;
use operators::twins::Plain;
use timely::worker::Worker;

use super::{Door, Frame, advance, customer_profile, returns_item, returns_operator, store_queue, store_sales};

/// Facts that stand, of one type.
pub(super) type Facts<'scope, D> = Plain<'scope, Timed<D>, i64>;

/// Facts by what they say.
pub(super) struct PlainDoor {
    lines: InputSession<Time, Timed<PosLine>, i64>,
    intervals: InputSession<Time, Timed<QueueInterval>, i64>,
    activities: InputSession<Time, Timed<Activity>, i64>,
}

impl Door for PlainDoor {
    fn take(&mut self, tick: Time, _: Topic, fact: Timed<FactBody>) {
        let Fact { id, event_time, horizon, body } = fact;
        match body {
            FactBody::Pos(body) => self.lines.update_at(Fact { id, event_time, horizon, body }, tick, 1),
            FactBody::Queue(body) => self.intervals.update_at(Fact { id, event_time, horizon, body }, tick, 1),
            FactBody::Activity(body) => self.activities.update_at(Fact { id, event_time, horizon, body }, tick, 1),
            _ => {}
        }
    }

    fn advance(&mut self, next: Time) {
        advance(&mut self.lines, next);
        advance(&mut self.intervals, next);
        advance(&mut self.activities, next);
    }
}

/// Builds the views.
pub(super) fn open(worker: &mut Worker, frame: &Frame) -> PlainDoor {
    let ticks = frame.ticks;
    worker.dataflow(|scope| {
        let (lines, pos) = scope.new_collection();
        let (intervals, queues) = scope.new_collection();
        let (activities, acts) = scope.new_collection();
        out(sales::NAME, store_sales::view(pos.clone()), frame);
        out(queue::NAME, store_queue::view(queues), frame);
        out(returns::NAME, returns_operator::view(ticks, pos.clone()), frame);
        out(profile::NAME, customer_profile::view(ticks, pos.clone(), acts), frame);
        out(dataflow::views::returns_item::NAME, returns_item::view(ticks, pos), frame);
        PlainDoor { lines, intervals, activities }
    })
}

fn out<K: ExchangeData + Hash, V: ExchangeData>(name: &'static str, rows: Plain<'_, (K, V), i64>, frame: &Frame) {
    let Frame { keeps, told, .. } = frame.clone();
    let say = move |((key, value), tick, diff): &((K, V), Time, i64)| {
        told.tell(keeps, *tick, &(name, key, value), *diff);
    };
    // As `consolidate` does it, but for values that do not hash.
    let consolidated = rows.arrange_by_key().as_collection(|key, value| (key.clone(), value.clone()));
    consolidated.inspect(say).probe_with(&frame.probe);
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
