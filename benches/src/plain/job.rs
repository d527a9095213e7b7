//! The views as the job keeps them: its own operators, put together as it does.

use std::fmt::Debug;
use std::rc::Rc;

use contract::event::{FactBody, StateBody, Topic};
use contract::fate::RecordHeader;
use contract::ids::EventId;
use contract::time::{DAY_MS, Time};
use differential_dataflow::ExchangeData;
use differential_dataflow::input::{Input, InputSession};
use engine::edge::{Edge, cause};
use engine::reference::{Context, Notice};
use engine::row::Row;
use engine::streams::Streams;
use engine::time::{Collection, Diff};
use operators::ingest::arrival::Judged;
use operators::io::merge::Merge;
use operators::io::tee::Tee;
use operators::keyed::keyed_operator;
use retail::views::inventory_position::{self, BooksOutput, InventoryPosition};
use retail::views::{customer_profile, margin_daily, returns_item, returns_operator, store_queue, store_sales};
use timely::dataflow::operators::Probe;
use timely::worker::Worker;

use super::{Door, Frame, Given, advance};

/// A lateness that puts settling off until long after the last window.
const NEVER_MS: i64 = 36_500 * DAY_MS;

/// Facts and rows as the edge lets them through.
pub(super) struct JobDoor {
    facts: InputSession<Time, Judged<EventId, FactBody, RecordHeader>, Diff>,
    rows: InputSession<Time, Judged<EventId, StateBody, RecordHeader>, Diff>,
}

impl Door for JobDoor {
    fn take(&mut self, tick: Time, topic: Topic, given: Given) {
        match given {
            Given::Fact(fact) => {
                let change = cause(topic, &fact.id);
                self.facts.update_at(Judged::Fact(fact), tick, change);
            }
            Given::Row(row, diff) => {
                let change = Diff { diff, ..cause(topic, &row.id) };
                self.rows.update_at(Judged::Fact(row), tick, change);
            }
        }
    }

    fn advance(&mut self, next: Time) {
        advance(&mut self.facts, next);
        advance(&mut self.rows, next);
    }
}

/// Builds the views.
pub(super) fn open(worker: &mut Worker, frame: &Frame) -> JobDoor {
    worker.dataflow(|scope| {
        let (facts, judged) = scope.new_collection();
        let (rows, current) = scope.new_collection();
        let (_, known) = scope.new_collection();
        let edge = Edge {
            facts: Rc::new(Tee::new("readers of facts", judged)),
            rows: Rc::new(Tee::new("readers of rows", current)),
            known: Rc::new(Tee::new("readers of known fates", known)),
        };
        let mut views = Views { merge: Merge::new("views", scope), frame };
        views.build(&Streams::split(&edge));
        views.merge.build().probe_with(&frame.probe);
        edge.open();
        JobDoor { facts, rows }
    })
}

/// Where the rows of views come together, as those of the job do.
struct Views<'a, 'scope> {
    merge: Merge<'scope>,
    frame: &'a Frame,
}

impl<'scope> Views<'_, 'scope> {
    fn build(&mut self, streams: &Streams<'scope>) {
        let Frame { ticks, lateness_ms, .. } = *self.frame;
        let policies = streams.policies.clone().map(Notice::Policy);
        let queues = store_queue::build(ticks, NEVER_MS, &streams.queues);
        self.out(store_sales::NAME, store_sales::build(ticks, NEVER_MS, &streams.pos));
        let queues = queues.map(|Row { key, value, settled }| Row { key, value: value.queue, settled });
        self.out(store_queue::NAME, queues);
        self.out(returns_operator::NAME, returns_operator::build(ticks, &streams.pos));
        self.out(customer_profile::NAME, customer_profile::build(ticks, lateness_ms, streams));
        self.out(returns_item::NAME, returns_item::build(ticks, Context::default(), &policies, &streams.pos));
        self.out(margin_daily::NAME, margin_daily::build(ticks, NEVER_MS, streams));
        let entries = inventory_position::entries(streams, |entry| entry);
        let said = keyed_operator(inventory_position::NAME, ticks, entries, None, InventoryPosition { lateness_ms });
        let positions = said.flat_map(|said| match said {
            BooksOutput::Position(row) => Some(row),
            BooksOutput::Variance(..) => None,
        });
        self.out(inventory_position::NAME, positions);
    }

    fn out<K, V>(&mut self, name: &'static str, rows: Collection<'scope, Row<K, V>>)
    where
        Row<K, V>: ExchangeData,
        K: Debug + 'static,
        V: Debug + 'static,
    {
        let Frame { keeps, told, .. } = self.frame.clone();
        self.merge.add(rows, move |row: Row<K, V>, tick, change: Diff| {
            told.tell(keeps, tick, &(name, row.key, row.value), change.diff);
        });
    }
}
