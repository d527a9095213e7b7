//! Metrics of a job for Prometheus, and its health and readiness.
//!
//! All parts of a job share one [`Telemetry`] and report to it; [`Telemetry::render`] writes every metric. Names begin
//! with `storepulse_` and contain the unit; every metric has a help sentence.

use std::fmt::Debug;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use crate::clock;

/// Histogram bounds from one millisecond, the aim of a tick, to a minute, an outage.
const SECONDS: [f64; 15] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

type Labels<const N: usize> = [(&'static str, String); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Gauges<const N: usize> = Family<Labels<N>, Gauge>;
type Reading = Gauge<f64, AtomicU64>;

/// The health of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The job runs.
    Running,
    /// The job has ended, for this reason.
    Failed(String),
}

/// The progress of a job, as far as readers can rely on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// The job recovers or stops.
    No,
    /// The job runs by the clock of its records.
    Yes,
    /// The job runs by the wall clock; this is its last closed tick.
    At(i64),
}

/// A job whose last tick is further (milliseconds) from the wall clock is not ready: it catches up, it stands still, or
/// the clock has been set.
const READY_MS: i64 = 10_000;

/// The metrics of one job; clones share them.
#[derive(Clone)]
pub struct Telemetry(Arc<Shared>);

struct Shared {
    registry: Registry,
    metrics: Metrics,
    ready: Mutex<Ready>,
    health: Mutex<Health>,
    /// The wall-clock time at which the newest snapshot was written.
    snapshot_at_ms: Mutex<Option<i64>>,
}

struct Metrics {
    records: Counters<2>,
    lag: Gauges<2>,
    tick_lag: Histogram,
    tick_duration: Histogram,
    last_tick: Reading,
    state_entries: Gauges<2>,
    state_bytes: Gauges<2>,
    view_rows: Gauges<1>,
    open_exceptions: Gauges<1>,
    snapshots: Counter,
    snapshot_tick: Reading,
    snapshot_bytes: Gauge,
    snapshot_duration: Reading,
    snapshot_age: Reading,
    queue_depth: Gauges<1>,
    outputs: Counters<1>,
    remap_appends: Counter,
    restarts: Counter,
    ready: Gauge,
    requests: Counters<2>,
    refusals: Counters<1>,
    commands: Counter,
    event_readers: Gauge,
}

/// Registers metrics and returns them.
struct Register<'a>(&'a mut Registry);

impl Register<'_> {
    fn plain<M: Metric + Clone + Default>(&mut self, name: &str, help: &str) -> M {
        let metric = M::default();
        self.0.register(name, help, metric.clone());
        metric
    }

    fn with_unit<M: Metric + Clone>(&mut self, name: &str, unit: Unit, help: &str, metric: M) -> M {
        self.0.register_with_unit(name, help, unit, metric.clone());
        metric
    }
}

impl Metrics {
    fn register(registry: &mut Registry) -> Self {
        let mut register = Register(registry);
        let seconds = || Histogram::new(SECONDS);
        Metrics {
            records: register.plain("records", "Input records by topic and by what became of them"),
            lag: register.plain("input_lag_records", "Records of a partition that are not read yet"),
            tick_lag: register.with_unit("tick_lag", Unit::Seconds, "Wall clock minus tick when it closed", seconds()),
            tick_duration: register.with_unit("tick_duration", Unit::Seconds, "Time taken to close a tick", seconds()),
            last_tick: register.with_unit("last_tick", Unit::Seconds, "The last closed tick", Reading::default()),
            state_entries: register
                .plain("state_entries", "Entries that an operator keeps on a worker, as of the last snapshot"),
            state_bytes: register.with_unit("state", Unit::Bytes, "Bytes that an operator keeps", Family::default()),
            view_rows: register.plain("view_rows", "Rows of a view"),
            open_exceptions: register.plain("open_exceptions", "Exceptions that stand open, by type"),
            snapshots: register.plain("snapshots", "Snapshots written"),
            snapshot_tick: register.with_unit(
                "snapshot_tick",
                Unit::Seconds,
                "The tick of the newest snapshot",
                Reading::default(),
            ),
            snapshot_bytes: register.with_unit(
                "snapshot_size",
                Unit::Bytes,
                "Size of the newest snapshot",
                Gauge::default(),
            ),
            snapshot_duration: register.with_unit(
                "snapshot_duration",
                Unit::Seconds,
                "Time taken to write the newest snapshot",
                Reading::default(),
            ),
            snapshot_age: register.with_unit(
                "snapshot_age",
                Unit::Seconds,
                "Since the newest snapshot was written",
                Reading::default(),
            ),
            queue_depth: register.plain("queue_depth", "What waits in a queue between two threads"),
            outputs: register.plain("outputs", "Output records by topic"),
            remap_appends: register.plain("remap_appends", "Ticks bound to input positions in the remap log"),
            restarts: register.plain("restarts", "Starts of this job that went on from a snapshot"),
            ready: register.plain("ready", "1 while the job runs and its last tick is of now, else 0"),
            requests: register.plain("http_requests", "HTTP requests by route and status"),
            refusals: register.plain("http_refusals", "HTTP requests refused, by reason"),
            commands: register.plain("http_commands", "Commands taken over HTTP and appended to their topic"),
            event_readers: register.plain("http_event_readers", "Clients that read the stream of exceptions"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Converts a count to the greatest value that a gauge can show, at most.
fn gauge(count: impl TryInto<i64> + Debug) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

fn seconds(instant_ms: i64) -> f64 {
    instant_ms as f64 / 1_000.0
}

impl Telemetry {
    /// Creates the metrics of a program of this version, all zero.
    pub fn new(version: &str) -> Self {
        let mut registry = Registry::with_prefix("storepulse");
        registry.register("build", "What runs here", Info::new([("version", version.to_owned())]));
        let metrics = Metrics::register(&mut registry);
        Telemetry(Arc::new(Shared {
            registry,
            metrics,
            ready: Mutex::new(Ready::No),
            health: Mutex::new(Health::Running),
            snapshot_at_ms: Mutex::new(None),
        }))
    }

    /// Returns every metric in the OpenMetrics text format.
    pub fn render(&self) -> String {
        if let Some(written_at) = *lock(&self.0.snapshot_at_ms) {
            self.0.metrics.snapshot_age.set(seconds((clock::wall_ms() - written_at).max(0)));
        }
        self.0.metrics.ready.set(i64::from(self.is_ready()));
        let mut page = String::new();
        // Writing into a string cannot fail.
        _ = text::encode(&mut page, &self.0.registry);
        page
    }

    /// Adds `count` records of an input topic with this fate.
    pub fn fates(&self, topic: &str, fate: &str, count: u64) {
        let labels = [("topic", topic.to_owned()), ("fate", fate.to_owned())];
        self.0.metrics.records.get_or_create(&labels).inc_by(count);
    }

    /// Sets the number of records of a partition that are not read yet.
    pub fn lag(&self, topic: &str, partition: u32, records: u64) {
        let labels = [("topic", topic.to_owned()), ("partition", partition.to_string())];
        self.0.metrics.lag.get_or_create(&labels).set(gauge(records));
    }

    /// Records a closed tick: its delay against the wall clock and its duration.
    pub fn tick_closed(&self, tick_ms_time: i64, lag_seconds: f64, duration_seconds: f64) {
        self.0.metrics.last_tick.set(seconds(tick_ms_time));
        self.0.metrics.tick_lag.observe(lag_seconds);
        self.0.metrics.tick_duration.observe(duration_seconds);
    }

    /// Sets the number of entries and bytes of an operator's state.
    pub fn state(&self, worker: usize, operator: &str, entries: u64, bytes: u64) {
        let labels = [("operator", operator.to_owned()), ("worker", worker.to_string())];
        self.0.metrics.state_entries.get_or_create(&labels).set(gauge(entries));
        self.0.metrics.state_bytes.get_or_create(&labels).set(gauge(bytes));
    }

    /// Sets the number of rows of a view.
    pub fn view_rows(&self, view: &str, rows: u64) {
        self.0.metrics.view_rows.get_or_create(&[("view", view.to_owned())]).set(gauge(rows));
    }

    /// Sets the number of open exceptions of a type.
    pub fn open_exceptions(&self, kind: &str, open: i64) {
        self.0.metrics.open_exceptions.get_or_create(&[("type", kind.to_owned())]).set(open);
    }

    /// Records a snapshot of `tick` written now: its size and the time it took.
    pub fn snapshot(&self, tick: i64, bytes: u64, seconds_taken: f64) {
        self.0.metrics.snapshots.inc();
        self.0.metrics.snapshot_tick.set(seconds(tick));
        self.0.metrics.snapshot_bytes.set(gauge(bytes));
        self.0.metrics.snapshot_duration.set(seconds_taken);
        self.snapshot_age(0.0);
    }

    /// Sets the age of the newest snapshot; it increases by itself afterwards.
    #[expect(clippy::cast_possible_truncation, reason = "a span in milliseconds")]
    pub fn snapshot_age(&self, seconds: f64) {
        *lock(&self.0.snapshot_at_ms) = Some(clock::wall_ms().saturating_sub((seconds * 1_000.0) as i64));
    }

    /// Sets the length of a queue.
    pub fn queue_depth(&self, queue: &str, depth: usize) {
        self.0.metrics.queue_depth.get_or_create(&[("queue", queue.to_owned())]).set(gauge(depth));
    }

    /// Adds `records` records written to an output topic.
    pub fn outputs(&self, topic: &str, records: u64) {
        self.0.metrics.outputs.get_or_create(&[("topic", topic.to_owned())]).inc_by(records);
    }

    /// Adds `count` ticks bound in the remap log.
    pub fn remap_appends(&self, count: u64) {
        self.0.metrics.remap_appends.inc_by(count);
    }

    /// Records a start from a snapshot.
    pub fn restarted(&self) {
        self.0.metrics.restarts.inc();
    }

    /// Records an answered HTTP request.
    pub fn request(&self, route: &str, status: u16) {
        let labels = [("route", route.to_owned()), ("status", status.to_string())];
        self.0.metrics.requests.get_or_create(&labels).inc();
    }

    /// Records a refused HTTP request.
    pub fn refused(&self, reason: &str) {
        self.0.metrics.refusals.get_or_create(&[("reason", reason.to_owned())]).inc();
    }

    /// Records a command appended to its topic.
    pub fn command_taken(&self) {
        self.0.metrics.commands.inc();
    }

    /// Sets the number of clients that read the stream of exceptions.
    pub fn event_readers(&self, readers: usize) {
        self.0.metrics.event_readers.set(gauge(readers));
    }

    /// Sets the progress of the job.
    pub fn ready(&self, ready: Ready) {
        *lock(&self.0.ready) = ready;
    }

    /// Returns true if readers can rely on the tables: the job runs, and its last tick is current.
    pub fn is_ready(&self) -> bool {
        let is_now = match *lock(&self.0.ready) {
            Ready::No => false,
            Ready::Yes => true,
            Ready::At(tick) => (clock::wall_ms() - tick).abs() < READY_MS,
        };
        is_now && self.health() == Health::Running
    }

    /// Records that the job has ended for good. The first reason is kept.
    pub fn failed(&self, reason: &str) {
        let mut health = lock(&self.0.health);
        if *health == Health::Running {
            *health = Health::Failed(reason.to_owned());
        }
        drop(health);
        self.ready(Ready::No);
    }

    /// Returns the health of the job.
    pub fn health(&self) -> Health {
        lock(&self.0.health).clone()
    }

    /// Returns a guard for the thread of the job: when it is dropped, by return or by panic, the job is not healthy.
    pub fn alive(&self) -> Alive {
        Alive(self.clone())
    }
}

/// A guard that exists while the thread of the job runs.
pub struct Alive(Telemetry);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.failed(if std::thread::panicking() { "the job's thread panicked" } else { "the job has ended" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(telemetry: &Telemetry, name: &str) -> Vec<String> {
        telemetry.render().lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    }

    #[test]
    fn every_metric_is_rendered_with_its_labels() {
        let telemetry = Telemetry::new("1.2.3");
        telemetry.fates("pos", "accepted", 3);
        telemetry.fates("pos", "accepted", 4);
        telemetry.lag("pos", 2, 17);
        telemetry.tick_closed(1_778_638_201_000, 0.004, 0.000_5);
        telemetry.state(0, "edge: facts", 10, 2_000);
        telemetry.open_exceptions("labor.coverage_gap", 2);
        telemetry.snapshot(1_778_638_200_000, 4_096, 0.25);
        telemetry.queue_depth("pos", 5);
        telemetry.outputs("views", 9);
        let expected = [
            "storepulse_build_info{version=\"1.2.3\"} 1",
            "storepulse_records_total{topic=\"pos\",fate=\"accepted\"} 7",
            "storepulse_input_lag_records{topic=\"pos\",partition=\"2\"} 17",
            "storepulse_last_tick_seconds 1778638201.0",
            "storepulse_tick_lag_seconds_bucket{le=\"0.0025\"} 0",
            "storepulse_tick_lag_seconds_bucket{le=\"0.005\"} 1",
            "storepulse_tick_duration_seconds_count 1",
            "storepulse_state_entries{operator=\"edge: facts\",worker=\"0\"} 10",
            "storepulse_state_bytes{operator=\"edge: facts\",worker=\"0\"} 2000",
            "storepulse_open_exceptions{type=\"labor.coverage_gap\"} 2",
            "storepulse_snapshot_size_bytes 4096",
            "storepulse_snapshot_duration_seconds 0.25",
            "storepulse_queue_depth{queue=\"pos\"} 5",
            "storepulse_outputs_total{topic=\"views\"} 9",
        ];
        let page = telemetry.render();
        for line in expected {
            assert!(page.lines().any(|written| written == line), "no {line} in\n{page}");
        }
        assert!(page.ends_with("# EOF\n"));
        let helped = page.lines().filter(|line| line.starts_with("# HELP")).count();
        assert_eq!(page.lines().filter(|line| line.starts_with("# TYPE")).count(), helped);
    }

    #[test]
    fn a_snapshot_ages_by_itself() {
        let telemetry = Telemetry::new("1");
        telemetry.snapshot_age(3_600.0);
        let age = lines(&telemetry, "storepulse_snapshot_age_seconds").pop().expect("a line");
        let age: f64 = age.rsplit(' ').next().and_then(|age| age.parse().ok()).expect("a number");
        assert!((3_600.0..7_200.0).contains(&age), "{age}");
    }

    #[test]
    fn a_job_that_has_ended_is_neither_healthy_nor_ready() {
        let telemetry = Telemetry::new("1");
        let alive = telemetry.alive();
        assert!(!telemetry.is_ready());
        telemetry.ready(Ready::Yes);
        assert!(telemetry.is_ready());
        telemetry.ready(Ready::At(clock::wall_ms() - READY_MS));
        assert!(!telemetry.is_ready(), "its last tick is too long ago");
        telemetry.ready(Ready::At(clock::wall_ms() + 2 * READY_MS));
        assert!(!telemetry.is_ready(), "its last tick is still to come");
        telemetry.ready(Ready::At(clock::wall_ms()));
        assert!(telemetry.is_ready());
        telemetry.failed("the log of pos lies");
        drop(alive);
        assert_eq!(telemetry.health(), Health::Failed("the log of pos lies".to_owned()));
        assert!(!telemetry.is_ready());
    }

    #[test]
    fn a_panic_of_the_job_thread_makes_it_unhealthy() {
        let telemetry = Telemetry::new("1");
        let alive = telemetry.alive();
        let thread = std::thread::spawn(move || {
            let _alive = alive;
            std::panic::resume_unwind(Box::new("a defect"));
        });
        assert!(thread.join().is_err());
        assert_eq!(telemetry.health(), Health::Failed("the job's thread panicked".to_owned()));
    }
}
