//! The published schemas are those of the code, and every record keeps to them.

use jsonschema::Validator;
use tests::{Run, corner_store, root, run};

fn validator(topic: &str) -> Validator {
    let schema = &contract::schema::all(&retail::views::tables())[topic];
    jsonschema::validator_for(schema).expect("a schema")
}

#[test]
fn the_committed_schemas_are_current() {
    for (topic, schema) in contract::schema::all(&retail::views::tables()) {
        let text = serde_json::to_string_pretty(&schema).expect("text") + "\n";
        expect_test::expect_file![root().join(format!("dataflow/contract/schemas/{topic}.json"))].assert_eq(&text);
    }
}

#[test]
fn every_output_record_keeps_to_its_schema() {
    let outputs = run(&corner_store(), Run { workers: 1, shuffle: None });
    for (topic, _) in &outputs.topics {
        let validator = validator(topic);
        let records = outputs.records(topic);
        assert!(!records.is_empty(), "{topic}");
        for record in records {
            if let Err(error) = validator.validate(&record) {
                panic!("{topic}: {error}: {record}");
            }
        }
    }
}

#[test]
fn a_line_is_readable_exactly_when_its_schema_says_so() {
    let mut judged = [0, 0];
    for topic in contract::event::Topic::ALL {
        let validator = validator(topic.name());
        let text = std::fs::read(corner_store().join(format!("{topic}.jsonl"))).expect("a log");
        for line in text.split(|byte| *byte == b'\n') {
            let Ok(record) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
            // A delete needs less than its schema asks of an upsert.
            if record["op"] == "delete" {
                continue;
            }
            let readable = contract::event::Record::decode(topic, line).is_ok();
            assert_eq!(validator.is_valid(&record), readable, "{topic}: {record}");
            judged[usize::from(readable)] += 1;
        }
    }
    assert!(judged[0] > 3 && judged[1] > 1_000, "{judged:?}");
}
