//! Each operator beside its plain differential twin, on the same input: updates a second; and the codecs at both ends.
//!
//! The claim under test: on one total order of ticks, state in a hash map outruns an arrangement that answers the same.
//! Operators carry the causes of their updates besides, twins do not. Both run on one worker, which is given tick after
//! tick and settles each before the next: what a live job does, where it costs most.
//!
//! `cargo bench -p benches` measures, `cargo bench -p benches -- --test` runs everything once.

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use differential_dataflow::difference::Semigroup;
use differential_dataflow::input::Input;
use differential_dataflow::{AsCollection, ExchangeData};
use operators::aggregate::max_by_key;
use operators::aggregate::sum_by_key;
use operators::diff::Traced;
use operators::ingest::arrival::{Arrival, Place};
use operators::ingest::dedup;
use operators::ingest::latest_by_key;
use operators::io::at_close;
use operators::join::co_group;
use operators::join::lookup;
use operators::keyed::Ticks;
use operators::testing::reference;
use operators::testing::{Graph, Random, Update, scripts, sides, traced};
use operators::window::delay_until;
use operators::window::distinct_in_window;
use operators::window::panes::Trail;
use operators::window::trailing_sum;
use timely::dataflow::operators::vec::Map;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// About this many updates, at random ticks and in their order.
const UPDATES: usize = 100_000;
/// Over this many keys.
const KEYS: i64 = 20_000;
/// In ticks of about 1 000 updates, of a second each.
const TICKS: Ticks = Ticks { tick_ms: 1_000 };
const LAST_TICK: i64 = 100 * TICKS.tick_ms;
/// Windows slide twenty times over the run.
const TRAIL: Trail = Trail { window_ms: 30_000, pane_ms: 5_000 };
/// Two thirds of the ids that are ever accepted are forgotten again.
const LATENESS_MS: i64 = 30_000;
const SEED: u64 = 42;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    sums(&mut criterion);
    windows(&mut criterion);
    sides_by_side(&mut criterion);
    arrivals(&mut criterion);
    passing(&mut criterion);
    benches::codecs::codecs(&mut criterion);
    criterion.final_summary();
}

fn sums(criterion: &mut Criterion) {
    let script = facts(|random, _| (random.below(KEYS), 1 + random.below(3)));
    compare(criterion, "totals", script, |input| sum_by_key::sum_by_key("totals", TICKS, input), reference::sum_by_key);
    let script = facts(|random, _| ((random.below(KEYS), random.below(1_000)), 1));
    compare(
        criterion,
        "greatest",
        script,
        |input| max_by_key::max_by_key("greatest", TICKS, input),
        reference::max_by_key,
    );
}

fn windows(criterion: &mut Criterion) {
    let event_time = |random: &mut Random, tick: i64| tick - random.below(2 * TRAIL.pane_ms);
    let script = facts(|random, tick| ((random.below(KEYS), event_time(random, tick)), 1 + random.below(3)));
    compare(
        criterion,
        "trailing",
        script,
        |input| trailing_sum::trailing_sum("trailing", TICKS, TRAIL, input),
        |input| reference::trailing_sum(TICKS, TRAIL, input),
    );
    let script = facts(|random, tick| ((random.below(KEYS / 10), (event_time(random, tick), random.below(KEYS))), 1));
    compare(
        criterion,
        "distinct_in_window",
        script,
        |input| distinct_in_window::distinct_in_window("distinct", TICKS, TRAIL, input),
        |input| reference::distinct_in_window(TICKS, TRAIL, input),
    );
}

fn sides_by_side(criterion: &mut Criterion) {
    let rows = |seed, size| {
        let row = |random: &mut Random| (random.below(KEYS), random.below(1_000));
        scripts::rows(&mut Random::new(seed), size, TICKS, LAST_TICK, row)
    };
    // A change to a row is one update or two.
    compare(
        criterion,
        "co_group",
        scripts::both(rows(SEED, UPDATES * 9 / 20), rows(SEED + 1, UPDATES * 9 / 20)),
        |input| {
            let (left, right) = sides(input);
            co_group::co_group("co_group", TICKS, left, right)
        },
        |input| {
            let (left, right) = sides(input);
            reference::co_group(left, right)
        },
    );
    let sums = facts(|random, _| ((random.below(KEYS), (random.below(4), 1 + random.below(3))), 1));
    compare(
        criterion,
        "lookup",
        scripts::both(sums, rows(SEED, UPDATES / 20)),
        |input| {
            let (sums, rows) = sides(input);
            lookup::lookup("lookup", TICKS, sums, rows, |key, member, row| (*key, *member, row.copied()))
        },
        |input| {
            let (sums, rows) = sides(input);
            reference::lookup(sums, rows)
        },
    );
}

fn arrivals(criterion: &mut Criterion) {
    // One in twenty is sent again; another one in twenty corrects.
    let sent = records(|random, position| {
        (position - if random.once_in(10) { random.below(5_000) } else { 0 }, random.below(2))
    });
    compare(
        criterion,
        "dedup",
        sent.into_iter().map(|(tick, (id, arrival), diff)| (tick, ((0_u8, id), arrival), diff)).collect(),
        |arrivals| dedup::dedup("dedup", TICKS, LATENESS_MS, arrivals),
        |arrivals| reference::dedup(LATENESS_MS, arrivals),
    );
    compare(
        criterion,
        "latest_by_key",
        records(|random, position| (random.below(KEYS), position)),
        |arrivals| latest_by_key::latest_by_key("latest", TICKS, arrivals),
        reference::latest_by_key,
    );
}

fn passing(criterion: &mut Criterion) {
    let script = facts(|random, tick| ((random.below(KEYS), tick + random.below(TRAIL.window_ms)), 1));
    compare(
        criterion,
        "release_at",
        script,
        |input| delay_until::delay_until("release", TICKS, input),
        |input| reference::delay_until(TICKS, input),
    );
    let script = facts(|random, _| (random.below(KEYS), 1));
    compare(
        criterion,
        "at_close",
        script,
        |input| {
            let silent = at_close::at_close("out", input, |tick, changes| drop(std::hint::black_box((tick, changes))));
            silent.flat_map(|()| None::<((), i64, Traced<i64, u64>)>).as_collection()
        },
        reference::at_close,
    );
}

/// Things that come and, one in three, go again.
fn facts<D: Clone>(fact: impl FnMut(&mut Random, i64) -> (D, i64)) -> Vec<Update<D, i64>> {
    scripts::facts(&mut Random::new(SEED), UPDATES * 3 / 4, TICKS, LAST_TICK, fact)
}

/// Records of which `name` says id and revision, given their positions.
fn records(mut name: impl FnMut(&mut Random, i64) -> (i64, i64)) -> Vec<Update<(i64, Arrival<i64, i64, u64>), i64>> {
    let mut random = Random::new(SEED);
    let per_tick = i64::try_from(UPDATES).expect("a small number") * TICKS.tick_ms / LAST_TICK;
    let record = |(at, position): (i64, u64)| {
        let tick = (1 + at / per_tick) * TICKS.tick_ms;
        let (id, revision) = name(&mut random, at);
        let event_time = tick - random.below(5_000);
        (
            tick,
            (
                id,
                Arrival { place: Place::number(position), id, revision, event_time, content: Some(at), memo: position },
            ),
            1,
        )
    };
    (0..).zip(0..).take(UPDATES).map(record).collect()
}

/// Measures an operator and its twin on the same script.
fn compare<D, O, P, S>(
    criterion: &mut Criterion,
    name: &str,
    script: Vec<Update<D, i64>>,
    operator: impl Graph<D, Traced<i64, u64>, O, S>,
    twin: impl Graph<D, i64, P, i64>,
) where
    D: ExchangeData + Sync,
    O: Clone + 'static,
    P: Clone + 'static,
    S: Clone + 'static,
{
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(u64::try_from(script.len()).expect("a small number")));
    group.bench_function("operator", |bencher| {
        bencher.iter_batched(|| traced(&script), |script| replay(script, operator.clone()), BatchSize::PerIteration);
    });
    group.bench_function("twin", |bencher| {
        bencher.iter_batched(|| script.clone(), |script| replay(script, twin.clone()), BatchSize::PerIteration);
    });
    group.finish();
}

/// Gives a script tick by tick, each settled before the next.
fn replay<D, R, O, S>(script: Vec<Update<D, R>>, graph: impl Graph<D, R, O, S>)
where
    D: ExchangeData + Sync,
    R: ExchangeData + Semigroup + Sync,
    O: Clone + 'static,
    S: Clone + 'static,
{
    timely::execute_directly(move |worker| {
        let (mut input, probe) = worker.dataflow(|scope| {
            let (input, collection) = scope.new_collection();
            (input, graph(collection).probe().0)
        });
        let mut script = script.into_iter().peekable();
        while let Some((tick, ..)) = script.peek() {
            let next = tick + TICKS.tick_ms;
            while let Some((tick, data, diff)) = script.next_if(|(tick, ..)| *tick < next) {
                input.update_at(data, tick, diff);
            }
            input.advance_to(next);
            input.flush();
            worker.step_while(|| probe.less_than(&next));
        }
    });
}
