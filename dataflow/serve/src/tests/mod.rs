//! Tests of the serving tables and of every route, with the outputs of a whole scenario.

mod client;
mod commands;
mod reads;
mod tables;

use std::io::{Read, Seek};
use std::path::PathBuf;
use std::sync::Arc;

use contract::event::{Record, Topic};
use contract::output::OutputTopic;
use contract::place::Place;
use contract::time::Time;
use engine::batch::{Batch, Batches, Bound};
use engine::edge::{FUTURE_MS, LATENESS_MS, Limits, admit};
use engine::emission::encode::lines;
use engine::emission::output::Numbers;
use engine::graph::Settings;
use engine::job;
use engine::reference::Policies;
use operators::keyed::Ticks;
use retail::registry::CATALOG;

use crate::ServingTables;

/// The records of one topic at one tick.
pub(super) struct Left {
    pub(super) time: i64,
    pub(super) topic: OutputTopic,
    pub(super) records: Vec<Vec<u8>>,
}

/// The records of the committed scenario as one batch.
struct Logs(Option<Batch>);

impl Batches for Logs {
    type Error = engine::error::Error;

    fn first(&self) -> Option<Time> {
        self.0.as_ref()?.records.first().map(|(tick, ..)| *tick)
    }

    fn until(&self) -> Option<Time> {
        None
    }

    fn next_batch(&mut self) -> Result<Option<Batch>, Self::Error> {
        Ok(self.0.take())
    }

    fn disordered(&self) -> Vec<(Topic, u64)> {
        Vec::new()
    }
}

impl Logs {
    fn read(settings: &Settings) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/corner-store");
        let mut records: Vec<Bound> = Vec::new();
        for topic in Topic::ALL {
            let Ok(text) = std::fs::read(folder.join(format!("{topic}.jsonl"))) else { continue };
            let mut tick = 0;
            for (line, number) in text.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| !line.is_empty()) {
                let decoded = Record::decode(topic, line);
                tick = decoded.as_ref().map_or(tick, |record| settings.ticks.at(record.ingest_time).max(tick));
                // An unreadable line before any other has no tick: it is of no use here.
                if tick > 0 {
                    let admitted = admit(topic, Place::number(number), line, decoded, tick, settings.limits);
                    records.push((tick, topic, admitted));
                }
            }
        }
        records.sort_by_key(|(tick, ..)| *tick);
        let upto = records.last().expect("records").0;
        Logs(Some(Batch { records, upto }))
    }
}

/// Runs the committed scenario and returns its outputs, in order.
pub(super) fn corner_store() -> Vec<Left> {
    let ticks = Ticks { tick_ms: 1_000 };
    let limits = Limits { lateness_ms: LATENESS_MS, future_ms: FUTURE_MS };
    let settings = Settings { ticks, limits, emit: ticks, policies: Policies::default(), catalog: CATALOG };
    let (mut left, mut numbers) = (Vec::new(), Numbers::default());
    let write = |closed: job::Closed| {
        for emission in closed.emissions {
            let records = lines(&emission, numbers.take(&emission))?;
            left.push(Left { time: emission.time, topic: emission.topic, records });
        }
        Ok(())
    };
    job::run(Logs::read(&settings), &settings, 1, write).expect("it runs");
    left
}

/// Returns the log of `work` on this thread, as JSON.
pub(super) fn logged(work: impl FnOnce()) -> String {
    let (mut page, mut text) = (tempfile::tempfile().expect("a file"), String::new());
    let writer = Arc::new(page.try_clone().expect("a second handle"));
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(writer).finish();
    tracing::subscriber::with_default(subscriber, work);
    page.rewind().expect("the start");
    page.read_to_string(&mut text).expect("text");
    text
}

/// A view record of the first tick.
pub(super) fn row(view: &str, key: &str, value: &str) -> Vec<u8> {
    format!(r#"{{"time":1000,"seq":0,"view":"{view}","key":{key},"op":"insert","value":{value}}}"#).into_bytes()
}

/// A record of the exceptions topic; `id` determines type, store and whether it is restricted.
pub(super) fn exception(name: (i64, u64), id: &str, event: &str, status: &str) -> Vec<u8> {
    let restricted = id.starts_with("operator");
    let kind = if restricted { "returns.operator_pattern" } else { "labor.coverage_gap" };
    let store = if id.ends_with('2') { "s02" } else { "s01" };
    format!(
        r#"{{"time":{},"seq":{},"exception_id":"{id}","type":"{kind}","version":1,"event":"{event}","status":"{status}","severity":"high","confidence_bp":10000,"mode":"actionable","restricted":{restricted},"key":{{"store":"{store}"}},"store_id":"{store}","opened_at":1000}}"#,
        name.0, name.1
    )
    .into_bytes()
}

/// Tables at tick 1000: three rows of store.sales, and three open exceptions of which one is restricted.
pub(super) fn sample_tables() -> ServingTables {
    let tables = ServingTables::new(1_000);
    let sales = [
        row("store.sales", r#"{"store":"s01","hour":0}"#, r#"{"net_cents":100}"#),
        row("store.sales", r#"{"store":"s01","hour":3600000}"#, r#"{"net_cents":200}"#),
        row("store.sales", r#"{"store":"s02","hour":0}"#, r#"{"net_cents":300}"#),
    ];
    let open = [
        exception((1_000, 0), "gap1", "opened", "open"),
        exception((1_000, 1), "gap2", "opened", "open"),
        exception((1_000, 2), "operator1", "opened", "open"),
    ];
    tables.apply(1_000, OutputTopic::Views, &sales).expect("rows");
    tables.apply(1_000, OutputTopic::Exceptions, &open).expect("exceptions");
    tables.closed(1_000);
    tables
}
