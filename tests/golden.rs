//! The committed scenario says what it said when its output was reviewed.
//!
//! To review a change of meaning: run with `UPDATE_EXPECT=1`, then read the difference line by line.

use std::collections::BTreeMap;

use expect_test::{ExpectFile, expect_file};
use serde_json::Value;
use tests::{Run, corner_store, root, run};

fn expected(topic: &str) -> ExpectFile {
    expect_file![root().join(format!("scenarios/corner-store.expected/{topic}.jsonl"))]
}

#[test]
fn corner_store_is_as_reviewed() {
    let outputs = run(&corner_store(), Run { workers: 1, shuffle: None });
    expected("exceptions").assert_eq(outputs.text("exceptions"));
    expected("late").assert_eq(outputs.text("late"));
    expected("dead_letter").assert_eq(outputs.text("dead_letter"));
    expected("final_views").assert_eq(&final_rows(&outputs.records("views")));
}

/// The rows that stand at the end, one a line.
fn final_rows(records: &[Value]) -> String {
    let mut rows = BTreeMap::new();
    for record in records {
        let name = (record["view"].as_str().expect("a view").to_owned(), record["key"].to_string());
        if record["op"] == "delete" {
            rows.remove(&name);
        } else {
            rows.insert(name, record["value"].to_string());
        }
    }
    rows.into_iter()
        .map(|((view, key), value)| format!("{{\"view\":\"{view}\",\"key\":{key},\"value\":{value}}}\n"))
        .collect()
}
