//! Conversions of a data set small enough to read, written as Parquet by the test.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use parquet::arrow::ArrowWriter;
use serde_json::Value;

use super::*;

/// 2017-01-01 12:00 UTC, a Sunday morning in the stores.
const NOON: i64 = 1_483_272_000;

/// Household, store, basket, item, quantity; the four amounts of money; week, second after [`NOON`].
type Row = ([Option<i64>; 5], [f64; 4], [i64; 2]);

fn row(names: [i64; 5], dollars: [f64; 4], when: [i64; 2]) -> Row {
    (names.map(Some), dollars, when)
}

fn sundays_sales() -> Vec<Row> {
    let half_past_eleven_at_night = 16 * 3600 + 1800;
    vec![
        row([1, 10, 1000, 1, 2], [3.00, 0.50, 0.0, 0.0], [1, 0]),
        row([1, 10, 1000, 2, 0], [0.00, 0.00, 1.0, 0.0], [1, 0]), // a coupon on its own
        row([1, 10, 1000, 3, 0], [0.49, 0.00, 0.0, 0.0], [1, 0]), // money without quantity
        row([2, 10, 1001, 9, 9463], [28.00, 0.01, 0.0, 0.0], [1, 60]), // fuel
        row([2, 10, 1001, 1, 1], [2.2e-16, 1.75, 0.0, 0.0], [1, 60]), // given away
        row([3, 11, 1002, 1, 1], [1.50, 0.00, 0.55, 0.10], [1, 3600]), // on a coupon
        row([3, 11, 1002, 77, 1], [2.005, 0.00, 0.0, 0.0], [1, 3600]), // in no product table, half a cent
        row([3, 11, 1002, 1, 1], [-1.00, 0.00, 0.0, 0.0], [1, 3600]), // negative
        ([None, Some(11), Some(1002), Some(1), Some(1)], [1.0, 0.0, 0.0, 0.0], [1, 3600]), // nobody
        row([1, 10, 1003, 1, 1], [1.50, 0.25, 0.0, 0.0], [2, half_past_eleven_at_night]), // a week too far
    ]
}

fn table(folder: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let file = File::create(folder.join(format!("{name}.parquet"))).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn whole<T: Into<Option<i64>>>(values: impl IntoIterator<Item = T>) -> ArrayRef {
    Arc::new(Int64Array::from_iter(values.into_iter().map(Into::into)))
}

fn instants(seconds: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(seconds.into_iter().map(|s| s * 1_000_000_000)))
}

fn write_transactions(folder: &Path, rows: &[Row]) {
    let name = |n: usize| whole(rows.iter().map(move |row| row.0[n]));
    let money = |n: usize| -> ArrayRef { Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.1[n]))) };
    let columns = vec![
        ("household_id", name(0)),
        ("store_id", name(1)),
        ("basket_id", name(2)),
        ("product_id", name(3)),
        ("quantity", name(4)),
        ("sales_value", money(0)),
        ("retail_disc", money(1)),
        ("coupon_disc", money(2)),
        ("coupon_match_disc", money(3)),
        ("week", whole(rows.iter().map(|row| row.2[0]))),
        ("transaction_timestamp", instants(rows.iter().map(|row| NOON + row.2[1]))),
    ];
    table(folder, "transactions", columns);
}

fn write_other_tables(folder: &Path) {
    let texts = |texts: &[Option<&str>]| -> ArrayRef { Arc::new(StringArray::from(texts.to_vec())) };
    let products = vec![
        ("product_id", whole([Some(1), Some(3), Some(9), Some(4), Some(1), None])),
        ("department", texts(&[Some("GROCERY"), Some("PRODUCE"), Some("FUEL"), Some("TOYS"), Some("MEAT"), None])),
        ("product_type", texts(&[None, None, Some("GASOLINE-REG UNLEADED"), None, None, None])),
    ];
    table(folder, "products", products);
    let promotions = vec![
        ("product_id", whole([1, 1, 1, 3])),
        ("store_id", whole([10, 10, 11, 11])),
        ("display_location", texts(&[Some("0"), Some("3"), Some("A"), Some("1")])),
        ("mailer_location", texts(&[Some("A"), Some("0"), None, Some("0")])),
        ("week", whole([1, 1, 1, 1])),
    ];
    table(folder, "promotions", promotions);
    let coupons =
        vec![("coupon_upc", whole([555, 556])), ("product_id", whole([1, 4])), ("campaign_id", whole([7, 7]))];
    table(folder, "coupons", coupons);
    let redemptions = vec![
        ("household_id", whole([3, 3])),
        ("coupon_upc", whole([555, 556])),
        ("campaign_id", whole([7, 7])),
        ("redemption_date", instants([NOON - 12 * 3600, NOON - 12 * 3600])),
    ];
    table(folder, "coupon_redemptions", redemptions);
}

/// A room with the tables in `source` and space for scenarios.
fn room(rows: &[Row]) -> tempfile::TempDir {
    let room = tempfile::tempdir().unwrap();
    let source = room.path().join("source");
    fs::create_dir(&source).unwrap();
    write_transactions(&source, rows);
    write_other_tables(&source);
    room
}

fn options(room: &Path, out: &str, disorder: Disorder) -> Options {
    let defaults = Options::new(room.join("source"), room.join(out));
    Options { disorder, range_min_lines: 3, promotion_min_lines: 2, ..defaults }
}

fn storm(seed: u64) -> Disorder {
    let rates = Rates { hiccup_bp: 2_000, offline_bp: 2_000, polled_bp: 2_000, resend_bp: 2_000, correction_bp: 2_000 };
    Disorder::On { rates, seed }
}

fn read(room: &Path, out: &str, file: &str) -> String {
    fs::read_to_string(room.join(out).join(file)).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Enough sales for any trouble to strike: 300 baskets of up to 4 lines.
fn a_week_of_sales() -> Vec<Row> {
    let mut rows = Vec::new();
    for basket in 0..300_i64 {
        for line in 0..=basket % 4 {
            let names = [basket % 17, 10 + basket % 3, 5000 + basket, 1 + line, 1 + line % 2];
            rows.push(row(names, [2.50, 0.25 * (line % 3) as f64, 0.0, 0.0], [1, basket * 1_900]));
        }
    }
    rows
}

#[test]
fn a_small_sunday_in_order() {
    let room = room(&sundays_sales());
    let report = convert(&options(room.path(), "out", Disorder::Off), &mut |_| ()).unwrap();
    assert_eq!(
        read(room.path(), "out", "pos.jsonl"),
        r#"{"event_id":"1000-1","event_time":1483272000000,"ingest_time":1483272002000,"store_id":"10","type":"pos.line","transaction_id":"1000","line":1,"register_id":"r1","operator_id":"o6","item_id":"1","kind":"sale","quantity":2,"unit_price_cents":150,"net_cents":300,"discount_cents":50,"channel":"store","promotion_id":"w1-1-both-150","customer_id":"1"}
{"event_id":"1000-3","event_time":1483272006000,"ingest_time":1483272008000,"store_id":"10","type":"pos.line","transaction_id":"1000","line":3,"register_id":"r1","operator_id":"o6","item_id":"3","kind":"sale","quantity":1,"unit_price_cents":49,"net_cents":49,"discount_cents":0,"channel":"store","customer_id":"1"}
{"event_id":"1001-1","event_time":1483272060000,"ingest_time":1483272062000,"store_id":"10","type":"pos.line","transaction_id":"1001","line":1,"register_id":"r2","operator_id":"o6","item_id":"9","kind":"sale","quantity":9.463,"unit_price_cents":296,"net_cents":2800,"discount_cents":1,"channel":"store","customer_id":"2"}
{"event_id":"1001-2","event_time":1483272063000,"ingest_time":1483272065000,"store_id":"10","type":"pos.line","transaction_id":"1001","line":2,"register_id":"r2","operator_id":"o6","item_id":"1","kind":"sale","quantity":1,"unit_price_cents":0,"net_cents":0,"discount_cents":175,"channel":"store","promotion_id":"w1-1-both-150","customer_id":"2"}
{"event_id":"1002-1","event_time":1483275600000,"ingest_time":1483275602000,"store_id":"11","type":"pos.line","transaction_id":"1002","line":1,"register_id":"r3","operator_id":"o6","item_id":"1","kind":"sale","quantity":1,"unit_price_cents":160,"net_cents":150,"discount_cents":65,"channel":"store","promotion_id":"c7-555","customer_id":"3"}
{"event_id":"1002-2","event_time":1483275603000,"ingest_time":1483275605000,"store_id":"11","type":"pos.line","transaction_id":"1002","line":2,"register_id":"r3","operator_id":"o6","item_id":"77","kind":"sale","quantity":1,"unit_price_cents":201,"net_cents":201,"discount_cents":0,"channel":"store","customer_id":"3"}
{"event_id":"1003-1","event_time":1483331400000,"ingest_time":1483331402000,"store_id":"10","type":"pos.line","transaction_id":"1003","line":1,"register_id":"r4","operator_id":"o6","item_id":"1","kind":"sale","quantity":1,"unit_price_cents":150,"net_cents":150,"discount_cents":25,"channel":"store","promotion_id":"w1-1-both-150","customer_id":"1"}
"#
    );
    assert_eq!(
        read(room.path(), "out", "reference.jsonl"),
        r#"{"event_id":"store-10","event_time":1483142400000,"ingest_time":1483142400000,"store_id":"10","type":"ref.store","region":"unknown","format":"watched","open_from":0,"open_to":0}
{"event_id":"store-11","event_time":1483142400000,"ingest_time":1483142400000,"store_id":"11","type":"ref.store","region":"unknown","format":"watched","open_from":0,"open_to":0}
{"event_id":"product-1","event_time":1483142400000,"ingest_time":1483142400000,"type":"ref.product","item_id":"1","dept":"grocery","unit_cost_cents":114,"case_pack":1}
{"event_id":"product-3","event_time":1483142400000,"ingest_time":1483142400000,"type":"ref.product","item_id":"3","dept":"produce","unit_cost_cents":32,"case_pack":1}
{"event_id":"product-9","event_time":1483142400000,"ingest_time":1483142400000,"type":"ref.product","item_id":"9","dept":"fuel","unit_cost_cents":192,"case_pack":1}
{"event_id":"location-10-1","event_time":1483142400000,"ingest_time":1483142400000,"store_id":"10","type":"ref.item_location","item_id":"1","lead_time_h":48,"forecast_milli_per_day":4000}
"#
    );
    assert_eq!(
        read(room.path(), "out", "promotions.jsonl"),
        r#"{"event_id":"w1-1-both-150","event_time":1483160400000,"ingest_time":1483160400000,"type":"promotion","promotion_id":"w1-1-both-150","store_ids":["10"],"item_ids":["1"],"start_at":1483246800000,"end_at":1483333200000,"promo_price_cents":150,"expected_uplift_bp":8000,"setup_required":false}
"#
    );
    let applied: Vec<(&str, u64)> = Rule::ALL
        .into_iter()
        .map(|rule| (rule.name(), report.rules.of(rule)))
        .filter(|(_, times)| *times > 0)
        .collect();
    assert_eq!(
        applied,
        [
            ("row_incomplete", 1),
            ("row_out_of_range", 1),
            ("nothing_sold", 1),
            ("money_without_quantity", 1),
            ("fuel_in_thousandths", 1),
            ("free_goods", 1),
            ("part_of_a_cent", 1),
            ("week_disagrees", 1),
            ("product_unknown", 1),
            ("product_incomplete", 1),
            ("product_repeated", 1),
            ("product_never_sold", 1),
            ("location_not_ranged", 4),
            ("placement_unsold", 1),
            ("placement_repeated", 1),
            ("placement_too_thin", 1),
            ("redemption_on_discount", 1),
            ("redemption_not_found", 1),
        ]
    );
    assert_eq!((report.rows, report.lines, report.unsold_coupon_cents), (10, 7, 100));
    // The promotion ends 2017-01-02 05:00 UTC; 60 h later it is the evening of the fourth; the fifth begins at the
    // next midnight.
    assert_eq!(report.until, 1_483_574_400_000);
    assert!(read(room.path(), "out", "scenario.toml").contains("\nuntil = 1483574400000\n"));
}

#[test]
fn the_same_input_and_seed_give_the_same_bytes() {
    let room = room(&a_week_of_sales());
    for (out, seed) in [("one", 7), ("two", 7), ("three", 8)] {
        convert(&options(room.path(), out, storm(seed)), &mut |_| ()).unwrap();
    }
    for file in ["scenario.toml", "pos.jsonl", "reference.jsonl", "promotions.jsonl"] {
        assert_eq!(read(room.path(), "one", file), read(room.path(), "two", file), "{file}");
    }
    assert_ne!(read(room.path(), "one", "pos.jsonl"), read(room.path(), "three", "pos.jsonl"));
    assert_eq!(read(room.path(), "one", "reference.jsonl"), read(room.path(), "three", "reference.jsonl"));
}

#[test]
fn without_disorder_arrival_is_the_order_of_events() {
    let room = room(&a_week_of_sales());
    convert(&options(room.path(), "out", Disorder::Off), &mut |_| ()).unwrap();
    let lines = lines(&read(room.path(), "out", "pos.jsonl"));
    assert!(lines.is_sorted_by_key(|line| line["event_time"].as_i64().unwrap()));
    for line in &lines {
        assert_eq!(line["ingest_time"].as_i64().unwrap() - line["event_time"].as_i64().unwrap(), 2_000);
        assert_eq!(line.get("revision"), None);
    }
}

/// Late, twice, wrong and corrected: what stands in the end is what would have stood in good order.
#[test]
fn disorder_ends_in_the_same_truth() {
    let room = room(&a_week_of_sales());
    let report = convert(&options(room.path(), "storm", storm(3)), &mut |_| ()).unwrap();
    convert(&options(room.path(), "calm", Disorder::Off), &mut |_| ()).unwrap();
    for rule in [Rule::LineHiccup, Rule::LineOffline, Rule::LinePolled, Rule::LineResent, Rule::LineCorrected] {
        assert!(report.rules.of(rule) > 0, "{} never happened", rule.name());
    }
    let truth = |out| {
        let mut standing: BTreeMap<String, (i64, Value)> = BTreeMap::new();
        for mut line in lines(&read(room.path(), out, "pos.jsonl")) {
            let fields = line.as_object_mut().unwrap();
            fields.remove("ingest_time");
            let revision = fields.remove("revision").and_then(|r| r.as_i64()).unwrap_or(0);
            let id = fields["event_id"].as_str().unwrap().to_owned();
            match standing.get(&id) {
                Some((held, known)) if *held == revision => assert_eq!(&line, known, "a copy differs"),
                Some((held, _)) if *held > revision => {}
                _ => drop(standing.insert(id, (revision, line))),
            }
        }
        standing.into_iter().map(|(id, (_, line))| (id, line)).collect::<BTreeMap<String, Value>>()
    };
    assert_eq!(truth("storm"), truth("calm"));
}

/// Every line is what the contract allows, in the order it demands, however wild the disorder.
#[test]
fn every_line_keeps_the_contract() {
    let room = room(&a_week_of_sales());
    let report = convert(&options(room.path(), "out", storm(5)), &mut |_| ()).unwrap();
    let dropped = [Rule::RowIncomplete, Rule::RowOutOfRange, Rule::NothingSold];
    assert_eq!(report.rows, report.lines + dropped.into_iter().map(|rule| report.rules.of(rule)).sum::<u64>());
    for written in &report.written {
        let text = read(room.path(), "out", &format!("{}.jsonl", written.topic.name()));
        let records = lines(&text);
        assert_eq!((records.len() as u64, text.len() as u64), (written.records, written.bytes));
        assert!(records.is_sorted_by_key(|record| record["ingest_time"].as_i64().unwrap()));
        for record in &records {
            for (field, value) in record.as_object().unwrap() {
                check_field(field, value);
            }
        }
    }
}

fn check_field(field: &str, value: &Value) {
    let is_id = |value: &Value| value.as_str().is_some_and(|text| crate::topic::Id::new(text).is_ok());
    let good = match value {
        Value::String(_) => is_id(value),
        Value::Array(members) => !members.is_empty() && members.iter().all(is_id),
        Value::Number(_) if field == "quantity" => value.as_f64().is_some_and(|q| 0.0 < q && q < 1e9),
        Value::Number(number) => number.as_u64().is_some_and(|n| n < 1 << 53),
        Value::Bool(_) => field == "setup_required",
        Value::Null | Value::Object(_) => false,
    };
    assert!(good, "{field}: {value}");
}

#[test]
fn tables_may_lie_in_a_folder_data() {
    let room = room(&sundays_sales());
    fs::create_dir(room.path().join("package")).unwrap();
    fs::rename(room.path().join("source"), room.path().join("package/data")).unwrap();
    let mut told = Vec::new();
    let options = Options { from: room.path().join("package"), ..options(room.path(), "out", Disorder::Off) };
    convert(&options, &mut |progress| told.push(progress)).unwrap();
    assert_eq!(told.first(), Some(&Progress::Read { table: "products", rows: 6 }));
    assert_eq!(told.last(), Some(&Progress::Write { topic: Topic::Pos, records: 7, of: 7 }));
}

#[test]
fn a_failure_says_what_to_do_and_leaves_no_scenario() {
    let sound = sundays_sales();
    let fail = |prepare: &dyn Fn(&Path)| {
        let room = room(&sound);
        prepare(room.path());
        let error = convert(&options(room.path(), "out", Disorder::Off), &mut |_| ()).unwrap_err();
        let mut left: Vec<_> = fs::read_dir(room.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        left.retain(|name| name != "source");
        (error.to_string().replace(room.path().to_str().unwrap(), "ROOM"), left)
    };
    let (message, left) = fail(&|room| fs::remove_dir_all(room.join("source")).unwrap());
    assert_eq!(
        message,
        "no transactions.parquet in ROOM/source nor in a folder `data` below it: name the folder which holds the tables"
    );
    assert!(left.is_empty());
    let (message, left) = fail(&|room| fs::remove_file(room.join("source/coupons.parquet")).unwrap());
    assert!(message.starts_with("no coupons.parquet in ROOM/source"), "{message}");
    assert!(left.is_empty());
    let (message, left) = fail(&|room| fs::write(room.join("source/products.parquet"), "PAR0").unwrap());
    assert!(message.starts_with("ROOM/source/products.parquet is not readable as Parquet"), "{message}");
    assert!(left.is_empty());
    let (message, left) = fail(&|room| table(&room.join("source"), "coupons", vec![("coupon_upc", whole([1]))]));
    assert_eq!(
        message,
        "ROOM/source/coupons.parquet has no column `product_id` of 64 bit whole numbers: this is another edition of the data"
    );
    assert!(left.is_empty());
    let (message, left) = fail(&|room| write_transactions(&room.join("source"), &sundays_sales()[1..2]));
    assert_eq!(message, "ROOM/source/transactions.parquet holds no usable sale: there is nothing to convert");
    assert!(left.is_empty());
    let (message, left) = fail(&|room| {
        fs::create_dir(room.join("out")).unwrap();
        fs::write(room.join("out/precious"), "x").unwrap();
    });
    assert_eq!(message, "ROOM/out exists and is not an empty folder: name another one, or remove it first");
    assert_eq!(left, ["out"]);
}
