//! The hand-written program says what the job says, byte for byte, or no time of it means anything.

use std::path::Path;

use benches::baseline::verify;
use dataflow::scenario::Overrides;
use scenarios::SCENARIOS;
use scenarios::generate::Wanted;
use tests::corner_store;

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
