//! A result with one of everything, for tests.

use crate::percentiles::Percentiles;
use crate::result::{
    Contest, DayFootprint, Entry, KeyFootprint, Latency, Measured, OperatorState, Origin, Restart, Settings,
    Throughput, ViewCost,
};

fn percentiles(by: u64) -> Percentiles {
    Percentiles {
        count: 20_000,
        p50_us: 2_000 * by,
        p90_us: 3_000 * by,
        p99_us: 4_000 * by,
        p99_9_us: 5_000 * by,
        p99_99_us: 6_000 * by,
        max_us: 7_000 * by,
        curve: vec![(0.0, 1_000), (0.5, 2_000 * by), (0.9, 3_000 * by), (0.99, 4_000 * by), (0.9999, 6_000 * by)],
    }
}

fn latency(percent_of_capacity: u32, reached: bool) -> Latency {
    let rate = u64::from(percent_of_capacity) * 1_000;
    Latency {
        percent_of_capacity,
        workers: 1,
        rate,
        rate_reached: rate as f64 * if reached { 1.0 } else { 0.5 },
        reached,
        handed_over_late_us: 70,
        events: 20_000,
        exceptions: percentiles(1),
        unattributed: 3,
        answers: percentiles(2),
        spans: (1..=10).map(percentiles).collect(),
    }
}

/// A result with one of everything.
pub(super) fn measured() -> Measured {
    let throughput = |origin, workers, seconds: &[f64]| {
        Throughput::of(origin, workers, 1_000_000, seconds.to_vec(), vec![3.5; seconds.len()])
    };
    let entry = |name: &str, seconds: f64| Entry {
        name: name.to_owned(),
        workers: 1,
        wall_seconds: vec![seconds],
        events_per_second: 1e6 / seconds,
    };
    Measured {
        throughput: vec![
            throughput(Origin::Memory, 1, &[4.0, 5.0, 8.0]),
            throughput(Origin::Memory, 2, &[2.5, 2.5, 2.5]),
            throughput(Origin::Json, 1, &[6.25]),
        ],
        views: vec![
            ViewCost { part: "store.sales".to_owned(), busy_seconds: 0.5, nanos_per_event: 500.0 },
            ViewCost { part: "<none> & \"nobody\"".to_owned(), busy_seconds: 0.1, nanos_per_event: 100.0 },
        ],
        latency: vec![latency(10, true), latency(90, false)],
        keys: [1_000, 10_000]
            .map(|keys| KeyFootprint {
                keys,
                over_days: 0,
                resident_bytes: 30_000_000 + keys * 700,
                resident_before_bytes: 30_000_000,
                peak_bytes: 31_000_000 + keys * 800,
                entries: keys * 3,
                table_bytes: keys * 400,
            })
            .into(),
        states: vec![OperatorState {
            operator: "view: store.sales".to_owned(),
            entries: 12,
            bytes: 3_456,
            plain_bytes: 7_890,
        }],
        days: (1..=9)
            .map(|day| DayFootprint {
                day,
                events: 1_000,
                resident_bytes: 50_000_000 + u64::from(day),
                entries: 900,
                table_bytes: 90_000,
                plain_bytes: 70_000 + 100 * u64::from(day),
            })
            .collect(),
        restarts: vec![Restart {
            keys: 10_000,
            snapshot_bytes: 6_800_000,
            snapshot_seconds: 0.15,
            first_seconds: 1.5,
            restart_seconds: 0.5,
        }],
        contests: vec![Contest {
            about: "everything".to_owned(),
            events: 1_000_000,
            entries: vec![entry("storepulse", 5.0), entry("by hand", 2.5)],
        }],
        ..Measured::here(Settings::full())
    }
}
