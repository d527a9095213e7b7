//! Tests that the serving tables equal a naive fold of the output topics, at every tick and after a restart.

use std::collections::BTreeMap;

use contract::output::OutputTopic;
use engine::row::READABLE_MS;
use serde_json::Value;

use super::{Left, corner_store, exception, row, sample_tables};
use crate::exception_record::Filter;
use crate::tables::layout::layouts;
use crate::tables::pages::NEVER;
use crate::tables::serving::ServingTables;

/// The naive fold.
#[derive(Default)]
struct Fold {
    /// By view and key: the value, and the tick at which the row is removed.
    rows: BTreeMap<(String, String), (String, Option<i64>)>,
    open: BTreeMap<String, String>,
}

impl Fold {
    fn take(&mut self, left: &Left) {
        for line in &left.records {
            let line = std::str::from_utf8(line).expect("text");
            let record: Value = serde_json::from_str(line).expect("JSON");
            match left.topic {
                OutputTopic::Views => self.row(left.time, &record),
                OutputTopic::Exceptions if record["event"] == "cleared" => {
                    self.open.remove(record["exception_id"].as_str().expect("an id"));
                }
                OutputTopic::Exceptions => {
                    self.open.insert(record["exception_id"].as_str().expect("an id").to_owned(), line.to_owned());
                }
                _ => {}
            }
        }
    }

    fn row(&mut self, time: i64, record: &Value) {
        let name = (record["view"].as_str().expect("a view").to_owned(), record["key"].to_string());
        if record["op"] == "delete" {
            self.rows.remove(&name);
        } else {
            let goes = (record["op"] == "settle").then_some(time + READABLE_MS);
            self.rows.insert(name, (record["value"].to_string(), goes));
        }
    }

    fn close(&mut self, time: i64) {
        self.rows.retain(|_, (_, goes)| goes.is_none_or(|goes| goes > time));
    }
}

type Rows = BTreeMap<(String, String), (String, Option<i64>)>;

fn rows(tables: &ServingTables) -> Rows {
    let mut rows = BTreeMap::new();
    for (layout, view) in layouts().iter().zip(tables.views().expect("a closed tick")) {
        for row in view.rows.iter() {
            let mut key = String::from("{");
            layout.write_key(&row.key, &mut key);
            key.push('}');
            let goes = (row.expires_at != NEVER).then_some(row.expires_at);
            rows.insert((layout.name.to_owned(), key), (row.value.to_string(), goes));
        }
    }
    rows
}

fn open(tables: &ServingTables) -> BTreeMap<String, String> {
    let all = Filter { sees_restricted: true, ..Filter::default() };
    let open = tables.open(&all).expect("a closed tick").open;
    open.iter().map(|exception| (exception.exception_id.to_string(), exception.line.to_string())).collect()
}

fn again(tables: &ServingTables) -> ServingTables {
    let mut text = Vec::new();
    tables.save().write(&mut text).expect("written");
    ServingTables::load(1_000, &mut &text[..]).expect("read back")
}

/// Compares the tables with the fold, and saves and loads them every so many ticks.
#[test]
fn the_tables_equal_a_fold_of_the_topics() {
    let message = corner_store();
    let mut ticks: Vec<&[Left]> = message.chunk_by(|one, next| one.time == next.time).collect();
    let last = ticks.last().expect("ticks")[0].time;
    let (mut tables, mut fold) = (ServingTables::new(1_000), Fold::default());
    let silence = [Left { time: last + READABLE_MS, topic: OutputTopic::Late, records: Vec::new() }];
    ticks.push(&silence);
    let (mut settled, mut held) = (0, 0);
    for (number, tick) in ticks.iter().enumerate() {
        let time = tick[0].time;
        for left in *tick {
            tables.apply(left.time, left.topic, &left.records).expect("readable");
            fold.take(left);
        }
        tables.closed(time);
        fold.close(time);
        if number % 700 == 0 || time >= last {
            assert_eq!(rows(&tables), fold.rows, "at {time}");
            assert_eq!(open(&tables), fold.open, "at {time}");
            settled = settled.max(fold.rows.values().filter(|(_, goes)| goes.is_some()).count());
            held = held.max(fold.rows.len());
            let loaded = again(&tables);
            assert_eq!((rows(&loaded), open(&loaded)), (rows(&tables), open(&tables)));
            tables = loaded;
        }
    }
    assert!(settled > 0 && held > settled, "settled {settled} of {held}");
    assert!(fold.rows.values().all(|(_, goes)| goes.is_none()), "what settled has gone");
}

#[test]
fn records_are_served_only_after_their_tick_has_closed() {
    let tables = ServingTables::new(1_000);
    tables.apply(1_000, OutputTopic::Exceptions, &[exception((1_000, 0), "gap1", "opened", "open")]).expect("read");
    assert!(tables.time().is_none() && tables.view(0).is_none() && tables.open(&Filter::default()).is_none());
    tables.closed(1_000);
    tables.apply(1_010, OutputTopic::Exceptions, &[exception((1_010, 0), "gap1", "cleared", "cleared")]).expect("read");
    assert_eq!(open(&tables).len(), 1);
    tables.closed(1_010);
    assert!(open(&tables).is_empty());
    assert_eq!(
        tables.views().expect("closed").iter().map(|view| (view.time, view.closed_time)).next(),
        Some((1_000, 1_010))
    );
    assert_eq!(tables.open_by_type()["labor.coverage_gap"], 0);
}

#[test]
fn saved_tables_do_not_change_while_the_job_continues() {
    let tables = sample_tables();
    let saved = tables.save();
    let before = rows(&tables);
    let other = row("store.sales", r#"{"store":"s01","hour":0}"#, r#"{"net_cents":999}"#);
    tables.apply(2_000, OutputTopic::Views, &[other]).expect("read");
    tables.closed(2_000);
    assert_ne!(rows(&tables), before);
    let mut text = Vec::new();
    saved.write(&mut text).expect("written");
    let loaded = ServingTables::load(1_000, &mut &text[..]).expect("read back");
    assert_eq!((rows(&loaded), loaded.time(), saved.time()), (before, Some(1_000), Some(1_000)));
}

#[test]
fn a_torn_or_foreign_file_is_refused() {
    let mut text = Vec::new();
    sample_tables().save().write(&mut text).expect("written");
    let text = String::from_utf8(text).expect("text");
    let whole: Vec<&str> = text.lines().collect();
    let refused = |text: &str| ServingTables::load(1_000, &mut text.as_bytes()).err().map(|error| error.to_string());
    for cut in 0..whole.len() {
        let message = refused(&whole[..cut].join("\n")).expect("refused");
        assert_eq!(message, format!("line {} of the saved rows is missing: the file is torn", cut + 1));
    }
    let without = |line: usize| [&whole[..line], &whole[line + 1..]].concat().join("\n");
    assert!(refused(&without(2)).expect("refused").contains("counts Foot"));
    assert!(refused(&text.replace("\"format\":1", "\"format\":9")).expect("refused").contains("is of format 9"));
    assert!(refused(&text.replace("store.sales", "store.tales")).expect("refused").contains("unknown view"));
    assert!(refused(&text.replace("\"s02\",0", "\"s02\"")).expect("refused").contains("another key than its view"));
}

#[test]
fn a_record_that_cannot_be_read_back_is_named() {
    let bad = [
        (OutputTopic::Views, row("store.tales", "{}", "{}"), "there is no such view"),
        (OutputTopic::Views, row("store.sales", r#"{"store":"s01"}"#, "{}"), "its key is wrong"),
        (OutputTopic::Views, b"{\"view\":".to_vec(), "EOF"),
        (OutputTopic::Views, vec![0xff], "invalid utf-8"),
        (OutputTopic::Exceptions, b"{}".to_vec(), "missing field"),
    ];
    for (topic, record, problem) in bad {
        let message = ServingTables::new(1_000).apply(1_000, topic, &[record]).expect_err("refused").to_string();
        assert!(message.contains(problem), "{message}");
    }
}

#[test]
fn exceptions_written_ahead_of_views_wait_for_their_tick() {
    let tables = sample_tables();
    let stands = || (open(&tables).len(), tables.time());
    // The next two ticks' exceptions are written before the views of the first of them.
    for (time, id) in [(2_000, "gap3"), (3_000, "gap4")] {
        tables
            .apply(time, OutputTopic::Exceptions, &[exception((time, 0), id, "opened", "open")])
            .expect("an exception");
    }
    assert_eq!(stands(), (3, Some(1_000)));
    tables.closed(2_000);
    assert_eq!(stands(), (4, Some(2_000)));
    tables.closed(3_000);
    assert_eq!(stands(), (5, Some(3_000)));
}
