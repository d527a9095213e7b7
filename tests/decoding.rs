//! Decoding answers every line: numbers at and beyond every end of every range, and lines damaged at random, are judged
//! as the model of the contract judges them, and nothing panics.

use std::collections::BTreeMap;

use contract::event::fields::Fault;
use contract::event::{Record, Topic};
use operators::testing::Random;
use serde_json::Value;
use tests::{Run, corner_store, run, scenario};

use crate::live_job::Live;
use crate::model;

/// Numbers whose exponent, length or size is at an end of some range.
const NUMBERS: [&str; 46] = [
    "1e9223372036854775807",
    "1e9223372036854775808",
    "-1e9223372036854775807",
    "1.0e-9223372036854775807",
    "1.0e-9223372036854775808",
    "1.0e-9223372036854775809",
    "1e99999999999999999999",
    "1E+99999999999999999999",
    "1e-99999999999999999999",
    "0e9223372036854775807",
    "-0e-9223372036854775808",
    "0.0e99999999999999999999",
    "1e2147483648",
    "1e-2147483649",
    "1e400",
    "-1e400",
    "1e-400",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "9007199254740991",
    "9007199254740992",
    "-9007199254740991",
    "-9007199254740992",
    "1000000000",
    "-1000000000",
    "999999999.999",
    "999999999.9999",
    "-999999999.999",
    "999999999999e-3",
    "1000000000000e-3",
    "1e9",
    "1e12",
    "1e13",
    "1e-3",
    "1e-4",
    "1e19",
    "123456789012345678901234567890e-30",
    "0.30000000000000004",
    "-0",
    "-0.0",
    "0",
    "-1",
];

/// Optional numbers, which few records have.
const OPTIONAL: [&str; 7] = ["seq", "revision", "points", "completed_at", "ready_at", "until", "dispersion_bp"];

fn numbers() -> Vec<String> {
    let zeros = "0".repeat(5_000);
    let long = [format!("1{zeros}"), format!("1{zeros}e-5000"), format!("0.{zeros}1"), format!("0.{zeros}1e5001")];
    NUMBERS.iter().map(|number| (*number).to_owned()).chain(long).collect()
}

/// Fails unless the decoder and the model judge a line alike; whether it is readable.
fn check(topic: Topic, line: &[u8]) -> bool {
    let found = Record::decode(topic, line).map(|_| ()).map_err(|dead| {
        let reason = if dead.bad.fault == Fault::Malformed { "malformed" } else { "invalid" };
        (reason, dead.bad.field)
    });
    let shown: String = String::from_utf8_lossy(line).chars().take(1_000).collect();
    assert_eq!(found, model::verdict(topic.name(), line), "{topic}: {shown}");
    for logged_at in [i64::MIN, 0, i64::MAX] {
        let logged = Record::decode_line(topic, line, Some(logged_at));
        assert!(logged.is_ok() || found.is_err(), "{topic}: {shown}");
    }
    found.is_ok()
}

/// The lines of the committed scenario.
fn lines() -> Vec<(Topic, Vec<u8>)> {
    let of = |topic: Topic| {
        let text = std::fs::read(corner_store().join(format!("{topic}.jsonl"))).expect("a log");
        text.split(|byte| *byte == b'\n').map(|line| (topic, line.to_vec())).collect::<Vec<_>>()
    };
    Topic::ALL.into_iter().flat_map(of).filter(|(_, line)| !line.is_empty()).collect()
}

/// The first readable line of each record type, an upsert, with all optional numbers.
fn samples() -> BTreeMap<String, (Topic, Value)> {
    let mut samples = BTreeMap::new();
    for (topic, line) in lines().into_iter().filter(|(topic, line)| Record::decode(*topic, line).is_ok()) {
        let mut record: Value = serde_json::from_slice(&line).expect("it is readable");
        if record["op"] != "delete" {
            OPTIONAL.iter().for_each(|name| record[name] = 1.into());
            samples.entry(record["type"].as_str().expect("a type").to_owned()).or_insert((topic, record));
        }
    }
    samples
}

/// The places of the numbers of a record, those in lists too.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(at.to_owned()),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found)),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(index, value)| places(value, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

#[test]
fn every_number_of_every_record_type_may_be_any_number() {
    let samples = samples();
    assert_eq!(samples.len(), Topic::ALL.iter().map(|topic| topic.kinds().len()).sum::<usize>());
    let numbers = numbers();
    let (mut fields, mut readable) = (0, 0);
    for (topic, record) in samples.values() {
        let mut found = Vec::new();
        places(record, "", &mut found);
        for place in found {
            let mut record = record.clone();
            *record.pointer_mut(&place).expect("a number") = "the number".into();
            let line = record.to_string();
            fields += 1;
            readable += numbers
                .iter()
                .filter(|number| check(*topic, line.replace("\"the number\"", number).as_bytes()))
                .count();
        }
    }
    assert!(fields > 200 && readable > 1_000, "{fields} fields, {readable} readable lines");
}

/// Damages a line: some bytes go, come twice, change, or make way for something that a record may or may not hold.
fn damage(line: &mut Vec<u8>, random: &mut Random, tokens: &[String]) {
    let start = random.index(line.len() + 1);
    let end = (start + random.index(12)).min(line.len());
    match random.below(6) {
        0 => line.truncate(start),
        1 => drop(line.drain(start..end)),
        2 => {
            let twice = line[start..end].to_vec();
            line.splice(end..end, twice);
        }
        3 if start < line.len() => line[start] = b"\"\\{}[],:-+.eE0179nut \x00\xff"[random.index(23)],
        4 => {
            // The first number from here on.
            let digits =
                |line: &[u8], from: usize| line[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if let Some(from) =
                (start..line.len()).find(|at| digits(line, *at) > 0 && (*at == 0 || digits(line, *at - 1) == 0))
            {
                let token = tokens[random.index(tokens.len())].bytes();
                line.splice(from..from + digits(line, from), token);
            }
        }
        _ => drop(line.splice(start..end, tokens[random.index(tokens.len())].bytes())),
    }
}

#[test]
fn damaged_lines_are_judged_and_nothing_panics() {
    let words =
        ["null", "true", "\"\"", "{}", "[]", "[[", "\\u0000", "\\ud800", "\u{e9}", "\"op\":\"delete\",", "\"type\":1,"];
    let tokens: Vec<String> = NUMBERS.iter().chain(&words).map(|word| (*word).to_owned()).collect();
    let lines = lines();
    let mut random = Random::new(17);
    let mut judged = [0, 0];
    for _ in 0..30_000 {
        let (topic, mut line) = lines[random.index(lines.len())].clone();
        for _ in 0..=random.index(3) {
            damage(&mut line, &mut random, &tokens);
        }
        judged[usize::from(check(topic, &line))] += 1;
    }
    assert!(judged.iter().all(|count| *count > 1_000), "{judged:?}");
}

#[test]
fn a_number_of_any_size_is_one_dead_letter_in_a_replay_and_live() {
    let line = |id: &str, quantity: &str| {
        format!(
            "{{\"event_id\":\"{id}\",\"type\":\"pos.line\",\"event_time\":1793610000000,\"ingest_time\":1793610000200,\
             \"store_id\":\"s1\",\"transaction_id\":\"{id}\",\"line\":1,\"register_id\":\"r1\",\"operator_id\":\"o1\",\
             \"item_id\":\"i1\",\"kind\":\"sale\",\"quantity\":{quantity},\"unit_price_cents\":500,\"net_cents\":500,\
             \"discount_cents\":0,\"channel\":\"store\"}}"
        )
    };
    let lines =
        [line("a", "1"), line("b", "1e9223372036854775807"), line("c", "1.0e-9223372036854775808"), line("d", "1")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let folder = scenario("until = 1793610001000\n", &[("pos", &lines)]);
    let outputs = run(folder.path(), Run { workers: 1, shuffle: None });
    let dead = outputs.records("dead_letter");
    let reasons = dead.iter().map(|record| (&record["reason"], &record["field"], record["position"].as_u64()));
    let expected = [2, 3].map(|position| ("invalid".into(), "quantity".into(), Some(position)));
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        expected
            .iter()
            .map(|(reason, field, position): &(Value, Value, _)| (reason, field, *position))
            .collect::<Vec<_>>()
    );
    let sales = outputs.records("views").into_iter().rfind(|record| record["view"] == "store.sales").expect("a row");
    assert_eq!(sales["value"]["units_milli"], 2_000);
    let live = Live::of(folder.path(), 1_793_610_001_000);
    live.run().expect("it runs");
    assert_eq!(live.read(), outputs.topics);
}
