//! The scenarios of the retailer's world, small: what is written can be read, has the fates it was meant to have, and
//! what truly goes wrong in it is found.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use dataflow::cli::score::{Tally, score};
use engine::batch::Batches;
use engine::edge::Admitted;
use engine::job;
use live::replay::feed::Feed;
use live::replay::scenario::{Overrides, Scenario};
use live::replay::write::{Format, OutputFiles};
use scenarios::SCENARIOS;
use scenarios::generate::{Fates, Generated, Report, Wanted};

/// Two shops of sixty items for a day: enough for every cause, and done in a second or two.
const SMALL: Wanted = Wanted {
    stores: Some(2),
    items: Some(60),
    days: Some(1),
    seed: Some(1),
    rate_percent: None,
    format: scenarios::folder::Format::Jsonl,
};

fn named(name: &str) -> &'static Generated {
    SCENARIOS.iter().find(|scenario| scenario.name == name).expect("a scenario")
}

/// What came of generating, replaying and scoring a scenario.
struct Played {
    report: Report,
    fates: BTreeMap<&'static str, Fates>,
    tallies: BTreeMap<String, Tally>,
    exceptions: String,
}

/// Generates a scenario, replays it at ticks of a minute, and scores it.
fn play(name: &str, wanted: &Wanted) -> Played {
    let room = tempfile::tempdir().expect("a folder");
    let (folder, out) = (room.path().join("in"), room.path().join("out"));
    let report = named(name).write(wanted, &folder).expect("written");
    let overrides = Overrides { tick_ms: Some(60_000), ..Overrides::default() };
    let scenario = Scenario::open(&folder, &overrides).expect("a scenario");
    let feed = Feed::open(&scenario, Arc::new(AtomicU64::new(0))).expect("its logs open");
    let mut files = OutputFiles::create(&out, Format::Jsonl, &[]).expect("files");
    let ran = job::run(feed, &scenario.settings, 1, |closed| files.write(closed.emissions)).expect("it runs");
    files.finish().expect("whole files");
    assert!(ran.disordered.is_empty(), "in order of arrival: {:?}", ran.disordered);
    let mut fates: BTreeMap<&'static str, Fates> = BTreeMap::new();
    for ((topic, fate), count) in &ran.fates {
        let fates = fates.entry(topic.name()).or_default();
        match *fate {
            "accepted" => fates.accepted = *count,
            "duplicates" => fates.duplicates = *count,
            "late" => fates.late = *count,
            _ => fates.dead = *count,
        }
    }
    let tallies = score(&folder, &out).expect("a score");
    let exceptions = std::fs::read_to_string(out.join("exceptions.jsonl")).expect("written");
    Played { report, fates, tallies, exceptions }
}

/// Plays a scenario small; each type must be found at least so often, nothing certain missed, and nothing said
/// without a reason.
fn found(name: &str, types: &[(&str, u64)]) {
    found_in(name, &SMALL, types);
}

fn found_in(name: &str, wanted: &Wanted, types: &[(&str, u64)]) {
    let played = play(name, wanted);
    for (topic, meant) in &played.report.fates {
        assert_eq!(*meant, played.fates[topic.name()], "{name}: fates of {topic:?}");
    }
    for (kind, least) in types {
        let found = played.tallies.get(*kind).map_or(0, |tally| tally.found);
        assert!(found >= *least, "{name}: {kind} found {found} times");
    }
    for (kind, tally) in &played.tallies {
        assert!(tally.missed.is_empty(), "{name}: {kind} missed {:?}", tally.missed);
        assert!(tally.wrong.is_empty(), "{name}: {kind} false {:?}", tally.wrong);
    }
}

#[test]
fn quiet_day_is_quiet() {
    let played = play("quiet-day", &SMALL);
    let certain: u64 = played.tallies.values().map(|tally| tally.found + tally.missed.len() as u64).sum();
    let said: u64 = played.tallies.values().map(Tally::opened).sum();
    assert_eq!(certain, 0, "{:?}", played.tallies);
    assert!(said <= 4, "{:?}", played.tallies);
    assert!(played.tallies.values().all(|tally| tally.wrong.is_empty()), "{:?}", played.tallies);
}

#[test]
fn a_storm_of_duplicates_changes_nothing_that_is_said() {
    let (quiet, storm) = (play("quiet-day", &SMALL), play("duplicate-storm", &SMALL));
    assert!(storm.fates["pos"].duplicates > 1_000, "{:?}", storm.fates["pos"]);
    for (topic, meant) in &storm.report.fates {
        assert_eq!(*meant, storm.fates[topic.name()], "{topic:?}");
    }
    assert_eq!(quiet.exceptions, storm.exceptions);
}

#[test]
fn black_friday_is_found() {
    // A shop with many tills: in a small one the spare hand is enough.
    let wanted = Wanted { stores: Some(1), items: Some(40), rate_percent: Some(250), ..SMALL };
    let types = [("demand.surge", 8), ("inventory.stockout_risk", 1), ("labor.coverage_gap", 1)];
    found_in("black-friday", &wanted, &types);
}

#[test]
fn a_dark_store_is_missed() {
    found("store-dark", &[("data.feed_stale", 3)]);
}

#[test]
fn wrong_prices_and_late_displays_are_found() {
    let types = [("promotion.price_mismatch", 4), ("promotion.setup_overdue", 1), ("task.overdue", 1)];
    found("wrong-price", &types);
}

#[test]
fn phantoms_are_found() {
    found("phantom-shelves", &[("inventory.phantom_stock", 4)]);
}

#[test]
fn a_shift_that_does_not_come_is_found() {
    let types = [("labor.coverage_gap", 1), ("fulfillment.capacity_overload", 1), ("fulfillment.promise_missed", 1)];
    found("short-staffed", &types);
}

#[test]
fn what_is_written_down_wrong_is_found() {
    let types = [("inventory.stockout_risk", 3), ("inventory.negative_on_hand", 3), ("margin.leak", 1)];
    found("late-corrections", &types);
}

#[test]
fn a_ring_at_the_till_is_found() {
    found("returns-ring", &[("returns.abnormal_rate", 2), ("returns.operator_pattern", 2)]);
}

#[test]
fn broken_promises_are_found() {
    let types = [
        ("fulfillment.capacity_overload", 1),
        ("fulfillment.promise_risk", 20),
        ("fulfillment.promise_missed", 20),
        ("labor.coverage_gap", 1),
    ];
    found("promise-crunch", &types);
}

#[test]
fn a_forecast_that_is_too_high_is_found() {
    let played = play("long-month", &Wanted { stores: Some(1), days: Some(2), ..SMALL });
    let drift = &played.tallies["model.drift"];
    assert_eq!((drift.found, drift.missed.len(), drift.wrong.len()), (1, 0, 0), "{drift:?}");
}

#[test]
fn a_seed_is_a_world() {
    let room = tempfile::tempdir().expect("a folder");
    let write = |name: &str, seed| {
        let wanted = Wanted { stores: Some(1), items: Some(16), seed: Some(seed), ..SMALL };
        named("late-corrections").write(&wanted, &room.path().join(name)).expect("written");
    };
    for (name, seed) in [("a", 5), ("b", 5), ("c", 6)] {
        write(name, seed);
    }
    let read = |name: &str, file: &str| std::fs::read(room.path().join(name).join(file)).expect("written");
    for entry in std::fs::read_dir(room.path().join("a")).expect("listed") {
        let file = entry.expect("an entry").file_name().into_string().expect("a name");
        assert!(read("a", &file) == read("b", &file), "{file} differs");
    }
    assert!(read("a", "pos.jsonl") != read("c", "pos.jsonl"));
}

#[test]
fn columns_and_lines_say_the_same() {
    let room = tempfile::tempdir().expect("a folder");
    let wanted = Wanted { stores: Some(1), items: Some(16), ..SMALL };
    let lines = |folder: &Path| {
        let scenario = Scenario::open(folder, &Overrides::default()).expect("a scenario");
        let mut feed = Feed::open(&scenario, Arc::new(AtomicU64::new(0))).expect("its logs open");
        let mut said = Vec::new();
        while let Some(batch) = feed.next_batch().expect("readable") {
            said.extend(batch.records);
        }
        said
    };
    let (text, table) = (room.path().join("text"), room.path().join("table"));
    named("promise-crunch").write(&wanted, &text).expect("written");
    let wanted = Wanted { format: scenarios::folder::Format::Parquet, ..wanted };
    named("promise-crunch").write(&wanted, &table).expect("written");
    assert!(table.join("orders.parquet").is_file() && !table.join("orders.jsonl").exists());
    let (text, table) = (lines(&text), lines(&table));
    assert!(text.iter().all(|(_, _, admitted)| !matches!(admitted, Admitted::Fated(_))));
    assert!(text.len() > 1_000 && text == table);
}

#[test]
fn what_is_told_in_full_has_one_size() {
    let room = tempfile::tempdir().expect("a folder");
    let refused = |name: &str, wanted: &Wanted| {
        named(name).write(wanted, &room.path().join("x")).expect_err("refused").to_string()
    };
    assert_eq!(
        refused("corner-store", &SMALL),
        "corner-store is told in full, line by line: it has one size, one seed and one format"
    );
    let none = Wanted { stores: Some(0), ..SMALL };
    assert_eq!(refused("quiet-day", &none), "0 is no number of stores: from 1 to 2000");
}
