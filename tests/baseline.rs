//! The hand-written program says what the job says, byte for byte, or no time of it means anything.

use std::path::Path;

use benches::baseline::verify;
use live::replay::scenario::Overrides;
use scenarios::SCENARIOS;
use scenarios::generate::Wanted;
use tests::{Run, corner_store};

use crate::against_model;
use crate::generator;
use crate::model::Scenario;

fn check(folder: &Path, overrides: &Overrides) {
    let verified = verify(folder, overrides).expect("both run");
    assert_eq!(verified.difference, None, "{:?}", verified.records);
    assert!(verified.records["views"] > 0 && verified.records["exceptions"] > 0, "{:?}", verified.records);
}

/// A scenario of the retailer's world, small.
fn check_world(name: &str, (stores, items, days): (u32, u32, u32)) {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).expect("listed");
    let wanted = Wanted { stores: Some(stores), items: Some(items), days: Some(days), ..Wanted::default() };
    scenario.write(&wanted, folder.path()).expect("written");
    check(folder.path(), &Overrides::default());
}

#[test]
fn corner_store_by_hand() {
    check(&corner_store(), &Overrides::default());
}

#[test]
fn ticks_of_a_hundredth_by_hand() {
    check(&corner_store(), &Overrides { tick_ms: Some(10), ..Overrides::default() });
}

#[test]
fn late_corrections_by_hand() {
    check_world("late-corrections", (2, 40, 2));
}

#[test]
fn returns_ring_by_hand() {
    check_world("returns-ring", (2, 40, 1));
}

#[test]
fn promise_crunch_by_hand() {
    check_world("promise-crunch", (2, 40, 1));
}

/// The first record of which the two say different things.
fn difference(scenario: &Scenario, overrides: &Overrides) -> Option<String> {
    verify(against_model::folder(scenario).path(), overrides).expect("both run").difference
}

#[test]
fn any_disorder_by_hand() {
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual);
    for seed in (number("FIRST_SEED", 1)..).take(usize::try_from(number("SEEDS", 6)).expect("small")) {
        let scenario = generator::scenario(seed, usize::try_from(number("RECORDS", 160)).expect("small"));
        let outputs = tests::run(against_model::folder(&scenario).path(), Run { workers: 1, shuffle: None });
        let exceptions = outputs.records("exceptions").into_iter().filter(|record| record["event"] == "opened");
        let opened: Vec<(i64, String)> = exceptions
            .map(|record| {
                let id = record["exception_id"].as_str().expect("an id").to_owned();
                (record["time"].as_i64().expect("a time"), id)
            })
            .collect();
        let scenario = generator::with_commands(&scenario, seed, &opened);
        let overrides = Overrides {
            tick_ms: [None, Some(10), Some(60_000)][usize::try_from(seed % 3).expect("small")],
            ..Overrides::default()
        };
        if let Some(first) = difference(&scenario, &overrides) {
            eprintln!("seed {seed} differs, looking for the records that matter\n{first}");
            let small = against_model::smallest(scenario, |fewer| difference(fewer, &overrides).is_some());
            for (topic, lines) in &small.topics {
                lines.iter().for_each(|line| eprintln!("{topic}: {}", String::from_utf8_lossy(line)));
            }
            panic!("seed {seed}, {overrides:?}\n{}", difference(&small, &overrides).unwrap_or_default());
        }
    }
}

/// Every scenario of the retailer's world, at a size: `BASELINE_SIZE=3,200,2`.
#[test]
#[ignore = "takes minutes"]
fn every_world_by_hand() {
    let size = std::env::var("BASELINE_SIZE").unwrap_or_else(|_| "2,100,2".to_owned());
    let size: Vec<u32> = size.split(',').map(|number| number.parse().expect("a number")).collect();
    for scenario in SCENARIOS.iter().filter(|scenario| matches!(scenario.make, scenarios::generate::Make::World(_))) {
        println!("{}", scenario.name);
        check_world(scenario.name, (size[0], size[1], size[2]));
    }
}

/// Any folder: `BASELINE_SCENARIO=folder cargo test --workspace --test whole -- --ignored some_folder_by_hand`.
#[test]
#[ignore = "asks for a folder"]
fn some_folder_by_hand() {
    let folder = std::env::var("BASELINE_SCENARIO").expect("a folder");
    for folder in folder.split(',') {
        let verified = verify(Path::new(folder), &Overrides::default()).expect("both run");
        println!("{folder} {:?}\n{}", verified.records, verified.difference.unwrap_or_default());
    }
}
