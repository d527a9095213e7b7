//! What reading one record and writing one record costs: the ends of the job, without the job.
//!
//! No claim but a budget: at 100,000 records a second a microsecond a record is a tenth of a core.

use contract::event::{Record, Topic, activity, inventory, order, pos, queue, reference, traffic, workforce};
use contract::output::OutputTopic;
use contract::time::Time;
use criterion::{Criterion, Throughput};
use engine::batch::{Batch, Batches, Bound};
use engine::emission::encode::append_lines;
use engine::emission::output::Emission;
use engine::job;
use measure::drive::Decoded;
use measure::load::{Load, Size};

use connectors::codec::arrow;

/// A line of each record type that comes by the million, and of two that are large.
const LINES: [(&str, Topic, &str); 8] = [
    ("pos.line", Topic::Pos, pos::SAMPLE),
    ("activity.cart_add", Topic::Activity, activity::SAMPLE),
    ("traffic.count", Topic::Traffic, traffic::SAMPLE),
    ("queue.interval", Topic::Queue, queue::SAMPLE),
    ("inventory.count", Topic::Inventory, inventory::SAMPLE),
    ("punch", Topic::Workforce, workforce::SAMPLE),
    ("order", Topic::Orders, order::SAMPLE),
    ("ref.item_location", Topic::Reference, reference::SAMPLE),
];
/// Records of an Arrow message.
const ROWS: usize = 1_024;

/// Measures both ends.
pub fn codecs(criterion: &mut Criterion) {
    json_in(criterion);
    arrow_in(criterion);
    json_out(criterion);
}

fn json_in(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("JSON line to record");
    group.throughput(Throughput::Elements(1));
    for (name, topic, line) in LINES {
        group.bench_function(name, |bencher| {
            bencher.iter(|| Record::decode(topic, std::hint::black_box(line.as_bytes())).expect("a sample is sound"));
        });
    }
    group.finish();
}

/// An Arrow message goes through its rows as JSON: one decoder decides what a record is.
fn arrow_in(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Arrow message to records");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (name, topic, line) in LINES {
        let rows = || std::iter::repeat_n(line.as_bytes(), ROWS);
        let schema = arrow::schema_of(rows()).expect("samples are objects");
        let message = arrow::encode(rows(), &schema).expect("samples have columns");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut count = 0;
                let mut each = |row: &[u8]| {
                    std::hint::black_box(Record::decode(topic, row).expect("a sample is sound"));
                    count += 1;
                };
                arrow::events(&message, &mut each).expect("its own message");
                assert_eq!(count, ROWS);
            });
        });
    }
    group.finish();
}

fn json_out(criterion: &mut Criterion) {
    let emissions = emissions();
    let mut group = criterion.benchmark_group("record to JSON line");
    for topic in [OutputTopic::Views, OutputTopic::Exceptions, OutputTopic::Decisions] {
        let emissions: Vec<&Emission> = emissions.iter().filter(|emission| emission.topic == topic).collect();
        let records = emissions.iter().map(|emission| emission.records.len() as u64).sum();
        group.throughput(Throughput::Elements(records));
        let mut buffer = Vec::new();
        group.bench_function(topic.name(), |bencher| {
            bencher.iter(|| {
                buffer.clear();
                for emission in &emissions {
                    append_lines(emission, 0, &mut buffer).expect("it has a JSON form");
                }
                buffer.len()
            });
        });
    }
    group.finish();
}

/// What leaves the job over the opening of a small retailer.
fn emissions() -> Vec<Emission> {
    let work = Decoded::new(&Load::new(Size::TINY).expect("a load")).expect("sound");
    let mut emissions = Vec::new();
    let feed =
        Once { first: work.warm_up.first().map(|bound| bound.0), upto: work.warm_up_end(), records: work.warm_up };
    job::run(feed, &work.settings, 1, |closed| {
        emissions.extend(closed.emissions);
        Ok(())
    })
    .expect("it runs");
    emissions
}

/// Everything together.
struct Once {
    first: Option<Time>,
    upto: Time,
    records: Vec<Bound>,
}

impl Batches for Once {
    type Error = engine::error::Error;

    fn first(&self) -> Option<Time> {
        self.first
    }

    fn until(&self) -> Option<Time> {
        None
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Self::Error> {
        let records = std::mem::take(&mut self.records);
        Ok((!records.is_empty()).then_some(Batch { records, upto: self.upto }))
    }

    fn disordered(&self) -> Vec<(Topic, u64)> {
        Vec::new()
    }
}
