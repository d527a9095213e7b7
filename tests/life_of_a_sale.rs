//! The way of a record, as in dataflow/docs/architecture.md: a sale becomes a row, the row an exception, the exception an answer.

use contract::event::{Record, Topic};
use contract::exception::{KeyPart, exception_id};
use engine::edge::{Admitted, Limits, admit};

use tests::{Run, run, scenario};

const COUNT: &str = r#"{"event_id":"c1","type":"inventory.count","event_time":1000,"ingest_time":1000,"store_id":"s1","item_id":"tea","counted":1}"#;
const SALE: &str = r#"{"event_id":"p1","type":"pos.line","event_time":2000,"ingest_time":2400,"store_id":"s1","transaction_id":"t1","line":1,"register_id":"r1","operator_id":"o1","item_id":"tea","kind":"sale","quantity":3,"unit_price_cents":250,"net_cents":750,"discount_cents":0,"channel":"store"}"#;

#[test]
fn from_a_till_line_to_an_answered_exception() {
    // Station 1, event: the line is read and checked.
    let record = Record::decode(Topic::Pos, SALE.as_bytes()).expect("it reads");
    assert_eq!((record.event_time, record.ingest_time), (2_000, 2_400));

    // Station 2, edge: the record has one fate, judged at its tick.
    let limits = Limits { lateness_ms: 129_600_000, future_ms: 300_000 };
    let admitted = admit(Topic::Pos, contract::place::Place::number(1), SALE.as_bytes(), Ok(record), 3_000, limits);
    assert!(matches!(admitted, Admitted::Fact(..)));

    // Stations 3 to 6, graph: facts, views, detectors, governance; and the records that leave.
    let key = [KeyPart::from(contract::ids::Id::new("s1")), KeyPart::from(contract::ids::Id::new("tea"))];
    let id = exception_id("inventory.negative_on_hand", &key, 3_000);
    let command = format!(
        r#"{{"event_id":"k1","type":"exception.command","event_time":4500,"ingest_time":4500,"exception_id":"{id}","action":"approve","actor":"ann","role":"store_manager"}}"#
    );
    let folder = scenario("until = 6000\n", &[("pos", &[SALE]), ("inventory", &[COUNT]), ("commands", &[&command])]);
    let outputs = run(folder.path(), Run { workers: 2, shuffle: None });

    let rows = outputs.records("views");
    let row = rows.iter().rfind(|row| row["view"] == "inventory.position").expect("a position");
    assert_eq!((&row["time"], &row["op"]), (&3_000.into(), &"update".into()));
    assert_eq!(row["value"]["on_hand_milli"], -2_000);

    let exceptions = outputs.records("exceptions");
    let of_type = |event: &str| {
        exceptions.iter().find(|record| record["type"] == "inventory.negative_on_hand" && record["event"] == event)
    };
    let opened = of_type("opened").expect("it opened");
    assert_eq!(opened["exception_id"], id.as_str());
    assert_eq!(opened["cause"]["event_id"], "p1");
    assert_eq!(opened["action"]["name"], "count");
    assert_eq!(opened["drivers"][0]["observed"], -2_000);

    let approved = of_type("approved").expect("it was approved");
    assert_eq!(
        (&approved["time"], &approved["version"], &approved["status"]),
        (&5_000.into(), &2.into(), &"approved".into())
    );
    let decisions = outputs.records("decisions");
    assert!(decisions.iter().any(|decision| decision["actor"] == "ann" && decision["exception_id"] == id.as_str()));
}
