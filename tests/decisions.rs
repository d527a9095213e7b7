//! The decisions topic alone says what became of every exception.

use std::collections::BTreeMap;

use serde_json::Value;
use tests::{Run, corner_store, run};

/// The part of an exception's state that people act on.
fn state(record: &Value, action: &str) -> Value {
    let fields = ["type", "key", "version", "status", "severity", "confidence_bp", "mode", "opened_at", "policy"];
    let mut state: serde_json::Map<String, Value> =
        fields.iter().map(|field| ((*field).to_owned(), record[*field].clone())).collect();
    state.insert("response".to_owned(), record[action].clone());
    Value::Object(state)
}

#[test]
fn every_exception_can_be_rebuilt_from_its_decisions() {
    let outputs = run(&corner_store(), Run { workers: 1, shuffle: None });
    let fold = |topic: &str, action: &str| {
        let mut states = BTreeMap::new();
        for record in outputs.records(topic) {
            if record["kind"] != "refused" {
                states.insert(record["exception_id"].to_string(), state(&record, action));
            }
        }
        states
    };
    let exceptions = fold("exceptions", "action");
    assert!(!exceptions.is_empty());
    assert_eq!(exceptions, fold("decisions", "response"));
}

#[test]
fn a_refused_command_leaves_a_decision_and_no_record() {
    let outputs = run(&corner_store(), Run { workers: 1, shuffle: None });
    let refused: Vec<Value> =
        outputs.records("decisions").into_iter().filter(|record| record["kind"] == "refused").collect();
    assert!(!refused.is_empty());
    for decision in refused {
        assert!(decision["actor"].is_string() && decision["action"].is_string() && decision["reason"].is_string());
    }
}
