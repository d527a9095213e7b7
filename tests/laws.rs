//! The same log gives the same bytes: for any number of workers, any batches, any order of arrival within a tick.

use tests::{Run, corner_store, run};

#[test]
fn workers_batches_and_arrival_order_change_no_byte() {
    let plain = run(&corner_store(), Run { workers: 1, shuffle: None });
    for workers in 1..=4 {
        for shuffle in [None, Some(workers as u64), Some(workers as u64 + 10)] {
            let other = run(&corner_store(), Run { workers, shuffle });
            for ((topic, expected), (_, actual)) in plain.topics.iter().zip(&other.topics) {
                assert!(expected == actual, "{topic} differs with {workers} workers, shuffle {shuffle:?}");
            }
        }
    }
}

#[test]
fn every_exception_that_opened_has_cleared_or_stands() {
    let outputs = run(&corner_store(), Run { workers: 1, shuffle: None });
    let mut versions = std::collections::BTreeMap::new();
    for record in outputs.records("exceptions") {
        let id = record["exception_id"].as_str().expect("an id").to_owned();
        let (version, cleared) = versions.entry(id.clone()).or_insert((0, false));
        assert!(!*cleared, "{id} speaks after it cleared");
        assert_eq!(record["event"] == "opened", *version == 0, "{id} opens once, first");
        assert_eq!(record["version"], *version + 1, "{id} counts its records");
        *version += 1;
        *cleared = record["event"] == "cleared";
    }
    assert!(!versions.is_empty());
}

#[test]
fn every_record_is_named_once_in_order() {
    let outputs = run(&corner_store(), Run { workers: 2, shuffle: None });
    for (topic, _) in &outputs.topics {
        let mut last = (i64::MIN, -1);
        for record in outputs.records(topic) {
            let (time, seq) = (record["time"].as_i64().expect("a time"), record["seq"].as_i64().expect("a seq"));
            let expected = if time == last.0 { last.1 + 1 } else { 0 };
            assert!(time >= last.0 && seq == expected, "{topic} {time} {seq} after {last:?}");
            last = (time, seq);
        }
    }
}

#[test]
fn fates_add_up_to_the_records_read() {
    let outputs = run(&corner_store(), Run { workers: 2, shuffle: None });
    let mut fates = std::collections::BTreeMap::new();
    for record in outputs.records("views").iter().filter(|record| record["view"] == "feed.health") {
        fates.insert(
            (record["key"]["topic"].clone().to_string(), record["key"]["store"].to_string()),
            record["value"].clone(),
        );
    }
    for topic in contract::event::Topic::ALL {
        let text = std::fs::read(corner_store().join(format!("{topic}.jsonl"))).expect("a log");
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        let sum: i64 = fates
            .iter()
            .filter(|((name, _), _)| *name == format!("\"{topic}\""))
            .flat_map(|(_, value)| {
                ["accepted", "duplicates", "late", "dead"].map(|fate| value[fate].as_i64().expect("a count"))
            })
            .sum();
        assert_eq!(usize::try_from(sum), Ok(lines), "{topic}");
    }
}
