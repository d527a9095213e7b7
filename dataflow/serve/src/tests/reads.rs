//! Tests of the routes that read: metrics, health, views, exceptions and their stream.

use std::io::{Read, Write};

use arrow_ipc::reader::StreamReader;
use contract::ids::Id;
use contract::output::OutputTopic;
use engine::telemetry::Telemetry;
use serde_json::{Value, json};

use super::client::{Served, bearer};
use super::{corner_store, exception, sample_tables};
use crate::tables::layout::layouts;
use crate::views::ARROW;
use crate::{Error, HttpConfig, Server, ServingTables};

#[test]
fn numbers_health_and_readiness() {
    let served = Served::start(sample_tables(), None);
    assert_eq!(served.get("/healthz").status, 200);
    assert_eq!(served.get("/readyz").problem().0, 503);
    served.telemetry.ready(engine::telemetry::Ready::Yes);
    assert_eq!(served.json("/readyz"), json!({ "status": "ready", "time": 1_000 }));
    let metrics = served.get("/metrics");
    assert_eq!(metrics.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    let counted = "storepulse_http_requests_total{route=\"/readyz\",status=\"503\"} 1";
    assert!(metrics.text().contains(counted), "{}", metrics.text());
    served.telemetry.failed("the log of pos lies");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(served.get(path).problem(), (503, String::new(), "the log of pos lies".to_owned()));
    }
    served.server.stop();
}

#[test]
fn nothing_is_read_before_the_first_tick() {
    let served = Served::start(ServingTables::new(1_000), None);
    for path in ["/v1/views", "/v1/views/store.sales", "/v1/exceptions"] {
        assert_eq!(served.get(path).problem().0, 503, "{path}");
    }
    served.telemetry.ready(engine::telemetry::Ready::Yes);
    assert_eq!(served.get("/readyz").status, 503);
}

#[test]
fn rows_are_filtered_and_paged() {
    let served = Served::start(sample_tables(), None);
    let keys = |path: &str| -> Vec<String> {
        let answer = served.json(path);
        assert_eq!((&answer["time"], &answer["closed_time"]), (&json!(1_000), &json!(1_000)));
        let rows = answer["rows"].as_array().expect("rows");
        rows.iter().map(|row| format!("{} {}", row["key"]["store"], row["key"]["hour"])).collect()
    };
    let sales = "/v1/views/store.sales";
    let [first, second, third] = [r#""s01" 0"#, r#""s01" 3600000"#, r#""s02" 0"#];
    assert_eq!(keys(sales), [first, second, third]);
    assert_eq!(keys(&format!("{sales}?store_id=s01")), [first, second]);
    assert_eq!(keys(&format!("{sales}?hour=0")), [first, third]);
    assert_eq!(keys(&format!("{sales}?store=s01&hour=3600000")), [second]);
    assert_eq!(keys(&format!("{sales}?store=s03")), [""; 0]);
    assert_eq!(keys(&format!("{sales}?store=s02&after=s01%7C0")), [third]);
    let page = served.json(&format!("{sales}?limit=2"));
    assert_eq!(page["next"], "s01|3600000");
    assert_eq!(page["rows"][1], json!({ "key": { "store": "s01", "hour": 3_600_000 }, "value": { "net_cents": 200 } }));
    let rest = served.json(&format!("{sales}?limit=2&after=s01%7C3600000"));
    assert_eq!((rest["rows"].as_array().map(Vec::len), &rest["next"]), (Some(1), &Value::Null));
    let list = served.json("/v1/views");
    let listed = list["views"].as_array().expect("views").iter().find(|view| view["name"] == "store.sales");
    assert_eq!(listed, Some(&json!({ "name": "store.sales", "key": ["store", "hour"], "rows": 3 })));
    assert_eq!(list["views"].as_array().map(Vec::len), Some(layouts().len()));
}

#[test]
fn queries_intern_no_unknown_id() {
    let served = Served::start(sample_tables(), None);
    for (place, path) in [
        "/v1/views/store.sales?store_id=NAME",
        "/v1/views/store.sales?after=NAME%7C0",
        "/v1/exceptions?store_id=NAME",
        "/v1/exceptions?after=NAME%7CNAME",
    ]
    .iter()
    .enumerate()
    {
        let unknown = format!("zz-{place}-not-interned");
        assert_eq!(served.get(&path.replace("NAME", &unknown)).status, 200, "{path}");
        assert_eq!(Id::interned(&unknown), None, "{path}");
    }
    assert!(Id::interned("s01").is_some());
}

#[test]
fn a_wrong_query_is_answered_with_the_allowed_values() {
    let served = Served::start(sample_tables(), None);
    let cases = [
        ("/v1/views/store.tales", 404, "", "store.sales"),
        ("/v1/views/store.sales?color=red", 400, "color", "it has store, hour"),
        ("/v1/views/store.sales?hour=noon", 400, "hour", "an integer"),
        ("/v1/views/store.sales?store=a%20b", 400, "store", "an id"),
        ("/v1/views/store.sales?store=s01&store_id=s02", 400, "store_id", "more than once"),
        ("/v1/views/store.sales?limit=0", 400, "limit", "from 1 to 10000"),
        ("/v1/views/store.sales?limit=1000000", 400, "limit", "from 1 to 10000"),
        ("/v1/views/store.sales?after=s01", 400, "after", "`next`"),
        ("/v1/exceptions?type=labor.gap", 400, "type", "labor.coverage_gap"),
        ("/v1/exceptions?severity=awful", 400, "severity", "critical"),
        ("/v1/exceptions?status=gone", 400, "status", "acknowledged"),
        ("/v1/exceptions?colour=red", 400, "colour", "store_id"),
        ("/v1/exceptions?after=x", 400, "after", "`next`"),
        ("/v1/exceptions/stream?after=x", 400, "Last-Event-ID", "time.seq"),
        ("/v2", 404, "", "/v1/views"),
    ];
    for (path, status, field, part) in cases {
        let (message, named, error) = served.get(path).problem();
        assert_eq!((message, named.as_str()), (status, field), "{path}: {error}");
        assert!(error.contains(part), "{path}: {error}");
    }
    assert_eq!(served.send(b"DELETE /v1/views HTTP/1.0\r\n\r\n").status, 405);
    assert_eq!(served.send(b"hello\r\n\r\n").status, 400);
}

#[test]
fn arrow_and_json_hold_the_same_rows_of_every_view() {
    let tables = ServingTables::new(1_000);
    for left in corner_store() {
        tables.apply(left.time, left.topic, &left.records).expect("readable");
        tables.closed(left.time);
    }
    let served = Served::start(tables, None);
    for layout in layouts() {
        let path = format!("/v1/views/{}?limit=100", layout.name);
        let json = served.json(&path);
        let flat = |row: &Value| {
            let mut flat = row["key"].as_object().expect("a key").clone();
            flat.extend(row["value"].as_object().expect("a value").clone());
            flat.insert("settled".to_owned(), (row["settled"] == true).into());
            flat.retain(|_, value| !value.is_null());
            Value::Object(flat)
        };
        let rows: Vec<Value> = json["rows"].as_array().expect("rows").iter().map(flat).collect();
        let answer = served.get_with(&path, &[&format!("Accept: {ARROW}")]);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(ARROW)), "{path}");
        assert_eq!(answer.header("storepulse-time"), Some(json["time"].to_string().as_str()));
        assert_eq!(answer.header("storepulse-next").map(Value::from).unwrap_or_default(), json["next"]);
        let reader = StreamReader::try_new(&answer.body[..], None).expect("an Arrow stream");
        assert_eq!(reader.schema(), layout.schema);
        let mut lines = arrow_json::LineDelimitedWriter::new(Vec::new());
        reader.for_each(|batch| lines.write(&batch.expect("a batch")).expect("written"));
        lines.finish().expect("written");
        let text = String::from_utf8(lines.into_inner()).expect("text");
        let table: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(table, rows, "{path}");
    }
    let sales = served.json("/v1/views/store.sales");
    assert!(sales["rows"].as_array().is_some_and(|rows| !rows.is_empty()));
}

/// Returns the ids of the exceptions that a query finds.
fn found(served: &Served, path: &str, token: Option<&str>) -> Vec<String> {
    let header = token.map(bearer);
    let answer = served.get_with(path, &header.as_deref().into_iter().collect::<Vec<_>>());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let list = answer["exceptions"].as_array().expect("a list");
    list.iter().map(|exception| exception["exception_id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn open_exceptions_are_filtered_and_restricted_ones_need_their_role() {
    let served = Served::start(sample_tables(), None);
    let all = "/v1/exceptions";
    assert_eq!(found(&served, all, None), ["gap1", "gap2"]);
    assert_eq!(found(&served, all, Some("token-of-mara")), ["gap1", "gap2"]);
    assert_eq!(found(&served, all, Some("token-of-lena")), ["gap1", "gap2", "operator1"]);
    assert_eq!(found(&served, "/v1/exceptions?type=returns.operator_pattern", None), [""; 0]);
    assert_eq!(found(&served, "/v1/exceptions?store_id=s02", None), ["gap2"]);
    assert_eq!(found(&served, "/v1/exceptions?severity=high&status=open", None), ["gap1", "gap2"]);
    assert_eq!(found(&served, "/v1/exceptions?severity=critical", None), [""; 0]);
    let page = served.json("/v1/exceptions?limit=1");
    assert_eq!((&page["next"], &page["last_event_id"]), (&json!("labor.coverage_gap|gap1"), &json!("1000.2")));
    assert_eq!(found(&served, "/v1/exceptions?after=labor.coverage_gap%7Cgap1", None), ["gap2"]);
    let record: Value = serde_json::from_slice(&exception((1_000, 0), "gap1", "opened", "open")).expect("JSON");
    assert_eq!(page["exceptions"][0], record);
}

#[test]
fn a_bad_token_reads_nothing_and_reads_may_need_a_token() {
    let served = Served::start(sample_tables(), None);
    for token in ["token-of-otto", "a-guess"] {
        assert_eq!(served.get_with("/v1/exceptions", &[&bearer(token)]).problem().0, 401);
    }
    served.server.stop();
    let served = Served::configured(sample_tables(), None, |config| config.reads_need_token = true);
    for path in ["/v1/views", "/v1/views/store.sales", "/v1/exceptions", "/v1/exceptions/stream"] {
        let answer = served.get(path);
        assert_eq!((answer.problem().0, answer.header("www-authenticate")), (401, Some("bearer")), "{path}");
    }
    assert_eq!(served.get_with("/v1/views", &[&bearer("token-of-mara")]).status, 200);
    assert_eq!(served.get("/metrics").status, 200);
}

fn append(tables: &ServingTables, time: i64, ids: &[&str]) {
    let records: Vec<Vec<u8>> =
        ids.iter().zip(0..).map(|(id, seq)| exception((time, seq), id, "updated", "open")).collect();
    tables.apply(time, OutputTopic::Exceptions, &records).expect("readable");
    tables.closed(time);
}

#[test]
fn a_stream_resumes_at_its_position_and_reports_gaps() {
    let served = Served::configured(sample_tables(), None, |config| config.events_kept = 4);
    let stream = "/v1/exceptions/stream";
    let mut live = served.stream(stream, &[]);
    append(&served.tables, 2_000, &["gap1", "operator1", "gap2"]);
    assert_eq!(live.named(2), ["2000.0 updated", "2000.2 updated"]);
    let mut resumed = served.stream(stream, &["Last-Event-ID: 1000.2", &bearer("token-of-lena")]);
    assert_eq!(resumed.named(3), ["2000.0 updated", "2000.1 updated", "2000.2 updated"]);
    let mut filtered = served.stream(&format!("{stream}?store_id=s02&after=1000.1"), &[]);
    let (id, event, data) = filtered.next().expect("an event");
    assert_eq!((id.as_str(), event.as_str()), ("2000.2", "updated"));
    assert_eq!(data.as_bytes(), exception((2_000, 2), "gap2", "updated", "open"));
    append(&served.tables, 3_000, &["gap1", "gap2", "gap1", "gap2", "gap1"]);
    // Whoever has 2000.2 lost 3000.0; the stream goes on after what is kept.
    let mut late = served.stream(stream, &["Last-Event-ID: 2000.2"]);
    assert_eq!(late.next(), Some(("3000.4".into(), "gap".into(), r#"{"read_again":"/v1/exceptions"}"#.into())));
    append(&served.tables, 4_000, &["gap1"]);
    assert_eq!(late.named(1), ["4000.0 updated"]);
    assert!(served.telemetry.render().contains("storepulse_http_event_readers 4"));
    served.server.stop();
    assert_eq!(late.next(), None);
}

#[test]
fn a_kept_connection_serves_more_requests_and_does_not_delay_a_stop() {
    let served = Served::start(sample_tables(), None);
    let mut kept = std::net::TcpStream::connect(served.server.address()).expect("it listens");
    let ask = b"GET /v1/views/store.sales HTTP/1.1\r\nHost: here\r\n\r\n";
    kept.write_all(&[&ask[..], &ask[..]].concat()).expect("sent");
    let mut answered = Vec::new();
    let mut buffer = [0; 4_096];
    let ends = |text: &[u8]| text.windows(12).filter(|window| window == b"\"next\":null}").count();
    while ends(&answered) < 2 {
        let read = kept.read(&mut buffer).expect("answered");
        answered.extend(&buffer[..read]);
        assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&answered));
    }
    served.server.stop();
    assert_eq!(kept.read(&mut buffer).expect("closed"), 0);
}

#[test]
fn the_number_of_stream_readers_is_limited() {
    let served = Served::configured(sample_tables(), None, |config| config.event_readers = 1);
    let mut seated = served.stream("/v1/exceptions/stream", &[]);
    assert_eq!(served.get("/v1/exceptions/stream").problem().0, 503);
    append(&served.tables, 2_000, &["gap1"]);
    assert_eq!(seated.named(1), ["2000.0 updated"]);
}

#[test]
fn a_public_address_needs_allow_public() {
    let start = |config: &HttpConfig| {
        Server::start(config, Telemetry::new("1"), ServingTables::new(1_000), None).map(Server::stop)
    };
    let public = HttpConfig { bind: ([0, 0, 0, 0], 0).into(), ..HttpConfig::default() };
    let refused = start(&public).expect_err("refused");
    assert!(matches!(refused, Error::Public(_)), "{refused}");
    assert!(start(&HttpConfig { allow_public: true, ..public }).is_ok());
    let missing = HttpConfig { tokens_file: Some("no/such/file".into()), ..HttpConfig::default() };
    assert!(start(&missing).expect_err("refused").to_string().starts_with("the tokens file no/such/file: "));
}

#[test]
fn the_configuration_is_read_and_unknown_fields_are_refused() {
    let config: HttpConfig = toml::from_str("bind = \"[::1]:80\"\nevents_kept = 5").expect("a configuration");
    assert_eq!((config.bind.to_string().as_str(), config.events_kept, config.event_readers), ("[::1]:80", 5, 64));
    assert_eq!(HttpConfig::default().bind.to_string(), "127.0.0.1:9464");
    assert!(toml::from_str::<HttpConfig>("port = 80").is_err());
}
