//! The views as the job keeps them: its own operators, put together as it does.

use std::fmt::Debug;
use std::rc::Rc;

use dataflow::edge::{Memo, cause};
use dataflow::event::queue::QueueInterval;
use dataflow::event::{FactBody, Topic};
use dataflow::ids::EventId;
use dataflow::row::Row;
use dataflow::streams::{Lines, Timed};
use dataflow::time::{Collection, DAY_MS, Diff, Time};
use dataflow::views::{returns_operator, store_queue, store_sales};
use differential_dataflow::ExchangeData;
use differential_dataflow::input::{Input, InputSession};
use operators::arrival::{Fact, Judged};
use operators::at_close::at_close;
use operators::fan::Fan;
use timely::dataflow::operators::Probe;
use timely::worker::Worker;

use super::{Door, Frame, advance};

/// A lateness that puts settling off until long after the last window.
const NEVER_MS: i64 = 36_500 * DAY_MS;

/// Facts as the edge lets them through.
pub(super) struct JobDoor {
    facts: InputSession<Time, Judged<EventId, FactBody, Memo>, Diff>,
    intervals: InputSession<Time, Timed<QueueInterval>, Diff>,
}

impl Door for JobDoor {
    fn take(&mut self, tick: Time, topic: Topic, fact: Timed<FactBody>) {
        let change = cause(topic, &fact.id);
        match fact {
            Fact { id, event_time, horizon, body: FactBody::Queue(body) } => {
                self.intervals.update_at(Fact { id, event_time, horizon, body }, tick, change);
            }
            fact => self.facts.update_at(Judged::Fact(fact), tick, change),
        }
    }

    fn advance(&mut self, next: Time) {
        advance(&mut self.facts, next);
        advance(&mut self.intervals, next);
    }
}

/// Builds the views.
pub(super) fn open(worker: &mut Worker, frame: &Frame) -> JobDoor {
    worker.dataflow(|scope| {
        let (facts, judged) = scope.new_collection();
        let (intervals, queues) = scope.new_collection();
        let judged = Rc::new(Fan::new("facts", judged));
        let pos = Lines::of(judged.clone());
        let ticks = frame.ticks;
        out(store_sales::NAME, store_sales::build(ticks, NEVER_MS, &pos), frame);
        out(store_queue::NAME, store_queue::view(&store_queue::build(ticks, NEVER_MS, &queues)), frame);
        out(returns_operator::NAME, returns_operator::build(ticks, &pos), frame);
        judged.build();
        JobDoor { facts, intervals }
    })
}

fn out<K, V>(name: &'static str, rows: Collection<'_, Row<K, V>>, frame: &Frame)
where
    Row<K, V>: ExchangeData,
    K: Debug + 'static,
    V: Debug + 'static,
{
    let Frame { keeps, told, .. } = frame.clone();
    let give = move |tick, changes: Vec<(Row<K, V>, Diff)>| {
        for (row, change) in changes {
            told.tell(keeps, tick, &(name, row.key, row.value), change.diff);
        }
    };
    at_close(name, rows, give).probe_with(&frame.probe);
}
