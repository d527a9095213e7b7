//! Three views from plain differential operators, as anybody would write them, beside the job's own.
//!
//! The views are those for which it is natural: `store.sales` (sums, and the distinct baskets), `store.queue` (sums, and a
//! maximum under retraction), `returns.operator` (sums over seven days, by retractions at future ticks). Both ways
//! take the same facts, after the edge and without it, on one worker, tick after tick, and say the changed rows of each
//! closed tick. The job's operators carry causes besides; the plain ones do not.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;
use std::time::Duration;

use dataflow::bench::drive::Decoded;
use dataflow::clock::Stopwatch;
use dataflow::edge::{Admitted, cause};
use dataflow::event::pos::{LineKind, PosLine};
use dataflow::event::queue::QueueInterval;
use dataflow::event::{FactBody, Topic};
use dataflow::ids::EventId;
use dataflow::row::{Row, StoreHour, quotient};
use dataflow::stats::{basis_points, wilson_low};
use dataflow::streams::{Lines, Timed};
use dataflow::time::{DAY_MS, Diff, Time, hour, quarter};
use dataflow::views::returns_operator::{self, OperatorReturns, StoreOperator};
use dataflow::views::store_queue::{self, Queue, ZoneQuarter};
use dataflow::views::store_sales::{self, Sales};
use differential_dataflow::difference::{Abelian, Semigroup};
use differential_dataflow::input::{Input, InputSession};
use differential_dataflow::{ExchangeData, VecCollection};
use operators::arrival::{Fact, Judged};
use operators::at_close::at_close;
use operators::fan::Fan;
use operators::keyed::Ticks;
use operators::panes::Trail;
use operators::twins::{Plain, greatest, totals, trailing};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::probe::Handle;

/// The views of both ways.
pub const ABOUT: &str = "store.sales, store.queue and returns.operator";

const WEEK: Trail = Trail { window_ms: 7 * DAY_MS, pane_ms: DAY_MS };

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The job's operators.
    Job,
    /// Plain differential operators.
    Plain,
}

/// The facts that both ways take.
#[derive(Clone)]
pub struct Facts {
    ticks: Ticks,
    lateness_ms: i64,
    opening: Vec<(Time, Timed<FactBody>)>,
    rush: Vec<(Time, Timed<FactBody>)>,
}

impl Facts {
    /// Till lines and queue intervals of a load, the first of each name; what the edge would turn away is left out.
    pub fn of(work: &Decoded) -> Self {
        let mut seen = BTreeSet::new();
        let mut facts = |bound: &[dataflow::feed::Bound]| {
            let fact = |(tick, topic, admitted): &dataflow::feed::Bound| match admitted {
                Admitted::Fact(_, arrival) if matches!(topic, Topic::Pos | Topic::Queue) => {
                    let is_first = seen.insert((*topic, arrival.id.clone()));
                    let body = arrival.content.clone().filter(|_| is_first)?;
                    let (id, event_time) = (arrival.id.clone(), arrival.event_time);
                    Some((*tick, Fact { id, event_time, horizon: event_time, body }))
                }
                _ => None,
            };
            bound.iter().filter_map(fact).collect()
        };
        Facts {
            ticks: work.settings.ticks,
            lateness_ms: work.settings.limits.lateness_ms,
            opening: facts(&work.opening),
            rush: facts(&work.rush),
        }
    }

    /// How many the rush has.
    pub fn events(&self) -> u64 {
        self.rush.len() as u64
    }
}

/// What a way came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// From the first tick of the rush until the last has closed.
    pub took: Duration,
    /// Rows that came or went.
    pub changes: u64,
    /// Each of them with its tick, in order, if that was wanted.
    pub said: Vec<(Time, String, i64)>,
}

/// Where rows go: counted, and kept if that is wanted.
#[derive(Clone, Default)]
struct Told(Rc<RefCell<Ran>>);

impl Told {
    fn tell(&self, keeps: bool, tick: Time, row: &dyn Debug, diff: i64) {
        let mut ran = self.0.borrow_mut();
        ran.changes += 1;
        if keeps {
            ran.said.push((tick, format!("{row:?}"), diff));
        }
        std::hint::black_box(row);
    }
}

/// What is the same for every view of a run.
#[derive(Clone)]
struct Frame {
    ticks: Ticks,
    lateness_ms: i64,
    keeps: bool,
    told: Told,
    probe: Handle<Time>,
}

/// Runs the facts one way; `keeps` every row that is said, for comparing.
pub fn run(facts: Facts, way: Way, keeps: bool) -> Ran {
    timely::execute_directly(move |worker| {
        let Facts { ticks, lateness_ms, opening, rush } = facts;
        let frame = Frame { ticks, lateness_ms, keeps, told: Told::default(), probe: Handle::new() };
        let told = frame.told.clone();
        let took = match way {
            Way::Job => drive(worker, &frame, [opening, rush], cause, job),
            Way::Plain => drive(worker, &frame, [opening, rush], |_, _| 1, plain),
        };
        let mut ran = told.0.take();
        ran.said.sort();
        Ran { took, ..ran }
    })
}

type Build<R> = for<'scope> fn(
    VecCollection<'scope, Time, Timed<PosLine>, R>,
    VecCollection<'scope, Time, Timed<QueueInterval>, R>,
    &Frame,
);

/// Gives facts tick by tick, each closed before the next, and measures the second of the two parts.
fn drive<R: ExchangeData + Semigroup>(
    worker: &mut timely::worker::Worker,
    frame: &Frame,
    parts: [Vec<(Time, Timed<FactBody>)>; 2],
    diff: impl Fn(Topic, &EventId) -> R,
    build: Build<R>,
) -> Duration {
    let (mut lines, mut intervals) = worker.dataflow(|scope| {
        let (lines, pos) = scope.new_collection();
        let (intervals, queues) = scope.new_collection();
        build(pos, queues, frame);
        (lines, intervals)
    });
    let mut took = Duration::ZERO;
    for facts in parts {
        let watch = Stopwatch::start();
        let mut facts = facts.into_iter().peekable();
        while let Some(tick) = facts.peek().map(|fact| fact.0) {
            while let Some((_, Fact { id, event_time, horizon, body })) = facts.next_if(|fact| fact.0 == tick) {
                match body {
                    FactBody::Pos(body) => {
                        let change = diff(Topic::Pos, &id);
                        lines.update_at(Fact { id, event_time, horizon, body }, tick, change);
                    }
                    FactBody::Queue(body) => {
                        let change = diff(Topic::Queue, &id);
                        intervals.update_at(Fact { id, event_time, horizon, body }, tick, change);
                    }
                    _ => {}
                }
            }
            let next = tick + frame.ticks.tick_ms;
            advance(&mut lines, next);
            advance(&mut intervals, next);
            worker.step_while(|| frame.probe.less_than(&next));
        }
        took = watch.elapsed();
    }
    took
}

fn advance<D: ExchangeData, R: ExchangeData + Semigroup>(input: &mut InputSession<Time, D, R>, next: Time) {
    input.advance_to(next);
    input.flush();
}

/// The job's own views.
fn job<'scope>(
    pos: VecCollection<'scope, Time, Timed<PosLine>, Diff>,
    queues: VecCollection<'scope, Time, Timed<QueueInterval>, Diff>,
    frame: &Frame,
) {
    let Frame { ticks, lateness_ms, .. } = *frame;
    let judged = pos.map(|Fact { id, event_time, horizon, body }| {
        Judged::Fact(Fact { id, event_time, horizon, body: FactBody::Pos(body) })
    });
    let judged = Rc::new(Fan::new("facts", judged));
    let pos = Lines::of(judged.clone());
    out("sales", store_sales::build(ticks, lateness_ms, &pos), frame);
    out("queues", store_queue::view(&store_queue::build(ticks, lateness_ms, &queues)), frame);
    out("returns", returns_operator::build(ticks, &pos), frame);
    judged.build();
}

fn out<K, V>(name: &'static str, rows: dataflow::time::Collection<'_, Row<K, V>>, frame: &Frame)
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

/// The same from `count_total`, `reduce`, `threshold`, `join` and `consolidate`.
fn plain<'scope>(
    pos: Plain<'scope, Timed<PosLine>, i64>,
    queues: Plain<'scope, Timed<QueueInterval>, i64>,
    frame: &Frame,
) {
    plain_out("sales", sales(pos.clone()), frame);
    plain_out("queues", queue(queues), frame);
    plain_out("returns", returns(frame.ticks, pos), frame);
}

fn plain_out<K: ExchangeData + Hash, V: ExchangeData>(name: &'static str, rows: Plain<'_, (K, V), i64>, frame: &Frame) {
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
        impl Abelian for $name {
            fn negate(&mut self) {
                use differential_dataflow::difference::Multiply;
                *self = self.multiply(&-1);
            }
        }
    };
}

operators::sums! {
    /// Sums over the lines of a store and hour.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct LineSums {
        gross_cents: i64,
        void_cents: i64,
        return_cents: i64,
        discount_cents: i64,
        units_milli: i64,
        returned_milli: i64,
        lines: i64,
        void_lines: i64,
        return_lines: i64,
    }
}
abelian!(LineSums);

operators::sums! {
    /// Of one basket: sale − void lines, and sale lines with a customer.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct BasketSums {
        sales: i64,
        loyal: i64,
    }
}
abelian!(BasketSums);

impl LineSums {
    fn of(line: &PosLine) -> Self {
        let some = LineSums {
            discount_cents: line.sale_sign() * line.discount_cents,
            units_milli: line.units_milli(),
            ..LineSums::default()
        };
        match line.kind {
            LineKind::Sale => LineSums { gross_cents: line.net_cents, lines: 1, ..some },
            LineKind::Void => LineSums { void_cents: line.net_cents, void_lines: 1, ..some },
            LineKind::Return => {
                LineSums { return_cents: line.net_cents, returned_milli: line.quantity_milli, return_lines: 1, ..some }
            }
        }
    }

    fn beside(self, baskets: BasketSums) -> Sales {
        Sales {
            gross_cents: self.gross_cents,
            void_cents: self.void_cents,
            return_cents: self.return_cents,
            net_cents: self.gross_cents - self.void_cents - self.return_cents,
            discount_cents: self.discount_cents,
            units_milli: self.units_milli,
            returned_milli: self.returned_milli,
            lines: self.lines,
            void_lines: self.void_lines,
            return_lines: self.return_lines,
            transactions: baskets.sales,
            loyalty_transactions: baskets.loyal,
        }
    }
}

fn sales<'scope>(pos: Plain<'scope, Timed<PosLine>, i64>) -> Plain<'scope, (StoreHour, Sales), i64> {
    let key = |line: &Timed<PosLine>| StoreHour { store: line.body.store, hour: hour(line.event_time) };
    let sums = totals(pos.clone().explode(move |line| [(key(&line), LineSums::of(&line.body))]));
    let lines = pos.explode(move |line| {
        let sales = line.body.sale_sign();
        let loyal = i64::from(line.body.is_sale() && line.body.customer.is_some());
        [((key(&line), line.body.transaction), BasketSums { sales, loyal })]
    });
    let baskets = totals(lines).filter(|(_, basket)| basket.sales > 0);
    let baskets = totals(
        baskets.explode(|((key, _), basket)| [(key, BasketSums { sales: 1, loyal: i64::from(basket.loyal > 0) })]),
    );
    let sold = sums.clone().join_map(baskets.clone(), |key, sums, baskets| (*key, sums.beside(*baskets)));
    let unsold = sums.antijoin(baskets.map(|(key, _)| key));
    sold.concat(unsold.map(|(key, sums)| (key, sums.beside(BasketSums::default()))))
}

operators::sums! {
    /// Sums over the intervals of a zone and quarter.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct IntervalSums {
        intervals: i64,
        served: i64,
        over_target: i64,
        abandoned: i64,
        wait_ms: i64,
    }
}
abelian!(IntervalSums);

fn queue<'scope>(queues: Plain<'scope, Timed<QueueInterval>, i64>) -> Plain<'scope, (ZoneQuarter, Queue), i64> {
    let key = |interval: &Timed<QueueInterval>| {
        let QueueInterval { store, zone, .. } = interval.body;
        ZoneQuarter { store, zone, quarter: quarter(interval.event_time) }
    };
    let sums = totals(queues.clone().explode(move |interval| {
        let QueueInterval { served, over_target, abandoned, wait_ms_sum: wait_ms, .. } = interval.body;
        [(key(&interval), IntervalSums { intervals: 1, served, over_target, abandoned, wait_ms })]
    }));
    let longest = greatest(queues.map(move |interval| (key(&interval), interval.body.length_max)));
    sums.join_map(longest, |key, sums, length_max| {
        let wide = |sum: i64| i128::from(sum);
        let queue = Queue {
            served: sums.served,
            over_target: sums.over_target,
            abandoned: sums.abandoned,
            wait_ms_sum: sums.wait_ms,
            avg_wait_ms: quotient(wide(sums.wait_ms), wide(sums.served)),
            service_level_bp: quotient(
                wide(sums.served - sums.over_target) * 10_000,
                wide(sums.served + sums.abandoned),
            ),
            length_max: *length_max,
        };
        (*key, queue)
    })
}

operators::sums! {
    /// Sums over the lines of an operator.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
    struct ReturnSums {
        lines: i64,
        refunds: i64,
        no_receipt: i64,
        refund_cents: i64,
        sale_cents: i64,
    }
}
abelian!(ReturnSums);

fn returns<'scope>(
    ticks: Ticks,
    pos: Plain<'scope, Timed<PosLine>, i64>,
) -> Plain<'scope, (StoreOperator, OperatorReturns), i64> {
    let lines = pos.explode(|line| {
        let PosLine { store, operator, receipt, net_cents, .. } = line.body;
        let refunds = i64::from(line.body.is_return());
        let sums = ReturnSums {
            lines: 1,
            refunds,
            no_receipt: if receipt { 0 } else { refunds },
            refund_cents: refunds * net_cents,
            sale_cents: line.body.sale_sign() * net_cents,
        };
        [((StoreOperator { store, operator }, line.event_time), sums)]
    });
    trailing(ticks, WEEK, lines).map(|(key, sums)| {
        let value = OperatorReturns {
            refunds: sums.refunds,
            no_receipt: sums.no_receipt,
            refund_cents: sums.refund_cents,
            sale_cents: sums.sale_cents,
            no_receipt_low_bp: wilson_low(sums.no_receipt, sums.refunds).map(basis_points),
        };
        (key, value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataflow::bench::load::{Load, Size};

    #[test]
    fn both_ways_say_the_same_rows_at_every_tick() {
        let work = Decoded::new(&Load::new(Size::TINY).expect("a load")).expect("sound");
        let facts = Facts::of(&work);
        let [job, plain] = [Way::Job, Way::Plain].map(|way| run(facts.clone(), way, true));
        assert!(job.changes > 1_000 && job.said.len() as u64 == job.changes);
        for name in ["sales", "queues", "returns"] {
            assert!(job.said.iter().any(|(_, row, _)| row.contains(name)), "{name}");
        }
        let differs = job.said.iter().zip(&plain.said).find(|(job, plain)| job != plain);
        assert_eq!((differs, job.said.len()), (None, plain.said.len()));
    }
}
