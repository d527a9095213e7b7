//! Tests of commands over HTTP: every accepted command is appended to the topic, and none without a valid token.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use contract::event::{Record, Topic};
use engine::clock;
use serde_json::{Value, json};

use super::client::{Served, bearer};
use super::sample_tables;
use crate::CommandSink;

const ACK: &str = r#"{"exception_id":"gap1","action":"ack"}"#;

/// Returns a log that keeps the appended records, and its sink.
fn log() -> (Arc<Mutex<Vec<Vec<u8>>>>, Option<CommandSink>) {
    let log: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let held = log.clone();
    let sink: CommandSink = Box::new(move |record| {
        held.lock().map_err(|error| error.to_string())?.push(record);
        Ok(())
    });
    (log, Some(sink))
}

#[test]
fn a_command_carries_the_actor_and_role_of_its_token() {
    let (log, sink) = log();
    let served = Served::start(sample_tables(), sink);
    let before = clock::wall_ms();
    let sent = r#"{"exception_id":"gap1","action":"snooze","role":"finance","comment":"später","until":5000}"#;
    let answers = [served.post(Some("token-of-mara"), ACK), served.post(Some("token-of-paul"), sent)];
    let ids = answers.map(|answer| {
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["event_id"].as_str().expect("an id").to_owned()
    });
    let appended = log.lock().expect("the log").clone();
    let records: Vec<Value> = appended.iter().map(|line| serde_json::from_slice(line).expect("JSON")).collect();
    assert_eq!(records.len(), 2);
    for ((record, line), id) in records.iter().zip(&appended).zip(&ids) {
        assert!(Record::decode(Topic::Commands, line).is_ok());
        let told_at = record["event_time"].as_i64().expect("a time");
        assert!((before..=clock::wall_ms()).contains(&told_at) && record["ingest_time"] == told_at);
        assert_eq!(record["event_id"], id.as_str());
    }
    let fields = ["exception_id", "action", "actor", "role", "comment", "until"];
    let message = |record: &Value| fields.map(|name| record[name].clone());
    assert_eq!(
        message(&records[0]),
        [json!("gap1"), json!("ack"), json!("mara"), json!("store_manager"), Value::Null, Value::Null]
    );
    assert_eq!(
        message(&records[1]),
        [json!("gap1"), json!("snooze"), json!("paul"), json!("finance"), json!("später"), json!(5_000)]
    );
    assert!(served.telemetry.render().contains("storepulse_http_commands_total 2"));
}

#[test]
fn a_command_without_permission_is_refused_and_not_appended() {
    let (log, sink) = log();
    let served = Served::start(sample_tables(), sink);
    let as_finance = r#"{"exception_id":"gap1","action":"approve","role":"finance"}"#;
    let cases = [
        (None, ACK, 401, "no_token"),
        (Some("a-guess"), ACK, 401, "unknown_token"),
        (Some("token-of-otto"), ACK, 401, "expired_token"),
        (Some("token-of-mara"), as_finance, 403, "wrong_role"),
    ];
    for (token, body, status, reason) in cases {
        assert_eq!(served.post(token, body).problem().0, status, "{reason}");
        let counted = format!("storepulse_http_refusals_total{{reason=\"{reason}\"}} 1");
        assert!(served.telemetry.render().contains(&counted), "{counted}");
    }
    assert!(log.lock().expect("the log").is_empty());
}

#[test]
fn an_invalid_command_is_refused_with_its_field() {
    let (log, sink) = log();
    let served = Served::start(sample_tables(), sink);
    let cases = [
        ("", "", "no JSON object"),
        ("[1]", "", "no JSON object"),
        ("{\"exception_id\":\"\u{0}\"}", "", "no JSON object"),
        (r#"{"action":"ack"}"#, "exception_id", "is missing or of a wrong type"),
        (r#"{"exception_id":"gap 1","action":"ack"}"#, "exception_id", "may not have"),
        (r#"{"exception_id":"gap1","action":"forget"}"#, "action", "may not have"),
        (r#"{"exception_id":"gap1","action":"snooze","until":"noon"}"#, "until", "of a wrong type"),
        (r#"{"exception_id":"gap1","action":"snooze","until":-1}"#, "until", "may not have"),
        (r#"{"exception_id":"gap1","action":"ack","comment":7}"#, "comment", "of a wrong type"),
        (r#"{"exception_id":"gap1","action":"ack","role":7}"#, "role", "must be a text"),
        (r#"{"exception_id":"gap1","action":"ack","actor":"boss"}"#, "actor", "there is no field"),
        (r#"{"exception_id":"gap1","action":"ack","op":"delete"}"#, "op", "there is no field"),
    ];
    for (body, field, part) in cases {
        let (status, named, error) = served.post(Some("token-of-mara"), body).problem();
        assert_eq!((status, named.as_str()), (400, field), "{body}: {error}");
        assert!(error.contains(part), "{body}: {error}");
    }
    let (status, field, _) = served.post(Some("token-of-paul"), ACK).problem();
    assert_eq!((status, field.as_str()), (400, "role"), "a token with several roles names one");
    let mara = bearer("token-of-mara");
    let long = format!("POST /v1/commands HTTP/1.0\r\n{mara}\r\nContent-Length: 20000\r\n\r\n");
    assert_eq!(served.send(long.as_bytes()).problem().0, 413, "what is too large is not waited for");
    assert!(log.lock().expect("the log").is_empty());
}

#[test]
fn a_failing_log_is_answered_with_503() {
    let served = Served::start(sample_tables(), Some(Box::new(|_| Err("the disk is full".to_owned()))));
    let (status, _, error) = served.post(Some("token-of-mara"), ACK).problem();
    assert_eq!(status, 503);
    assert!(!error.contains("disk"), "{error}");
    let panics = Served::start(sample_tables(), Some(Box::new(|_| std::panic::resume_unwind(Box::new("a defect")))));
    assert_eq!(panics.post(Some("token-of-mara"), ACK).problem().0, 503);
    assert_eq!(panics.get("/healthz").status, 200);
    let none = Served::start(sample_tables(), None);
    assert_eq!(none.post(Some("token-of-mara"), ACK).problem().0, 503);
}

#[test]
fn no_two_commands_have_the_same_id() {
    let (log, sink) = log();
    let served = Served::start(sample_tables(), sink);
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| (0..25).for_each(|_| assert_eq!(served.post(Some("token-of-mara"), ACK).status, 202)));
        }
    });
    let appended = log.lock().expect("the log").clone();
    let names: BTreeSet<String> = appended
        .iter()
        .map(|line| Record::decode(Topic::Commands, line).expect("a command").event_id.to_string())
        .collect();
    assert_eq!((appended.len(), names.len()), (100, 100));
}
