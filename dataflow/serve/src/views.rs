//! The rows of views over HTTP, as JSON or as a typed Arrow table, page by page.
//!
//! `GET /v1/views` lists the views; `GET /v1/views/NAME?store_id=s01&limit=100&after=CURSOR` returns rows in the
//! contract's order. Filters are fields of the key (`store` or `store_id`). `time` is the tick of the rows,
//! `closed_time` the last closed tick; consecutive pages may be of different ticks, and each carries its own.

use std::cmp::Ordering;

use arrow_ipc::writer::StreamWriter;
use arrow_json::ReaderBuilder;
use arrow_schema::ArrowError;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::reply::{Parameters, Problem, json, take, take_limit};
use crate::tables::layout::{Layout, Part, QueryPart, compare_prefix, cursor, layouts, place_of};
use crate::tables::pages::{NEVER, Row};
use crate::tables::serving::{ServingTables, ViewAt};

/// The default and the greatest number of rows of a page.
const ROWS: usize = 1_000;
const MOST_ROWS: usize = 10_000;

/// The `Accept` header that requests Arrow.
pub const ARROW: &str = "application/vnd.apache.arrow.stream";

/// Every view with its key and number of rows.
#[derive(Serialize)]
struct List {
    time: i64,
    closed_time: i64,
    views: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    name: &'static str,
    key: Vec<&'static str>,
    rows: usize,
}

/// The rows that a query asks for.
#[derive(Debug)]
struct Question {
    /// The value of each field of the key, if one is given.
    wanted: Vec<Option<QueryPart>>,
    after: Option<Vec<QueryPart>>,
    limit: usize,
}

/// The rows of an answer.
struct Page<'a> {
    layout: &'static Layout,
    rows: Vec<&'a Row>,
    next: Option<String>,
}

/// Answers `GET /v1/views`.
pub(super) fn list(tables: &ServingTables) -> Result<Response, Problem> {
    let views = tables.views().ok_or_else(Problem::too_early)?;
    let (time, closed_time) = views.first().map_or((0, 0), |view| (view.time, view.closed_time));
    let listed = |(layout, view): (&'static Layout, &ViewAt)| Listed {
        name: layout.name,
        key: layout.key.iter().map(|field| field.name.as_str()).collect(),
        rows: view.rows.len(),
    };
    let views = layouts().iter().zip(&views).map(listed).collect();
    let text = serde_json::to_string(&List { time, closed_time, views });
    text.map(json).map_err(|error| Problem::defect(&error))
}

/// Answers `GET /v1/views/NAME`.
pub(super) fn view(
    tables: &ServingTables,
    name: &str,
    parameters: Parameters,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let place = place_of(name).ok_or_else(|| unknown(name))?;
    let layout = &layouts()[place];
    let question = Question::read(layout, parameters)?;
    let view = tables.view(place).ok_or_else(Problem::too_early)?;
    let page = question.answer(layout, &view);
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accepts.is_some_and(|accepts| accepts.contains(ARROW)) {
        let table = page.arrow().map_err(|error| Problem::defect(&error))?;
        Ok((page.headers(&view), table).into_response())
    } else {
        Ok(json(page.json(&view)))
    }
}

fn unknown(name: &str) -> Problem {
    let known: Vec<&str> = layouts().iter().map(|layout| layout.name).collect();
    Problem::new(StatusCode::NOT_FOUND, format!("there is no view {name:?}; there are {}", known.join(", ")))
}

impl Question {
    fn read(layout: &Layout, mut parameters: Parameters) -> Result<Self, Problem> {
        let limit = take_limit(&mut parameters, ROWS, MOST_ROWS)?;
        let after = match take(&mut parameters, "after") {
            None => None,
            Some(text) => {
                let key = layout.read_cursor(&text);
                Some(key.ok_or_else(|| Problem::field("after", "after must be the `next` of an answer"))?)
            }
        };
        let mut wanted = vec![None; layout.key.len()];
        for (name, value) in parameters {
            let place = layout.key.iter().position(|field| field.is_called(&name));
            let place = place.ok_or_else(|| layout.no_field(&name))?;
            let field = &layout.key[place];
            let kind = if field.number { "an integer" } else { "an id" };
            let part = field.read(&value).ok_or_else(|| Problem::field(&name, format!("{name} must be {kind}")))?;
            if wanted[place].replace(part).is_some() {
                return Err(Problem::field(&name, format!("{name} is given more than once")));
            }
        }
        Ok(Question { wanted, after, limit })
    }

    fn answer<'a>(&self, layout: &'static Layout, view: &'a ViewAt) -> Page<'a> {
        let prefix: Vec<QueryPart> = self.wanted.iter().map_while(Clone::clone).collect();
        let is_before = |key: &[Part]| {
            let after = self.after.as_ref();
            compare_prefix(&prefix, key).is_gt() || after.is_some_and(|after| compare_prefix(after, key).is_ge())
        };
        let is_wanted = |wanted: &Option<QueryPart>, part: &Part| {
            wanted.as_ref().is_none_or(|wanted| wanted.compare(part) == Ordering::Equal)
        };
        let matches = |row: &&Row| self.wanted.iter().zip(&row.key).all(|(wanted, part)| is_wanted(wanted, part));
        let within = |row: &&Row| compare_prefix(&prefix, &row.key).is_eq();
        let mut found = view.rows.rows_from(is_before).take_while(within).filter(matches);
        let rows: Vec<&Row> = found.by_ref().take(self.limit).collect();
        let more = found.next().is_some();
        let next = rows.last().filter(|_| more).map(|row| cursor(&row.key));
        Page { layout, rows, next }
    }
}

impl Layout {
    fn no_field(&self, name: &str) -> Problem {
        let fields: Vec<&str> = self.key.iter().map(|field| field.name.as_str()).collect();
        let known = fields.join(", ");
        Problem::field(name, format!("{} has no key field {name:?}; it has {known} (and limit, after)", self.name))
    }
}

impl Page<'_> {
    fn json(&self, view: &ViewAt) -> String {
        let mut text = String::with_capacity(256 + self.rows.len() * 256);
        text.push_str(&format!(
            r#"{{"view":"{}","time":{},"closed_time":{},"rows":["#,
            self.layout.name, view.time, view.closed_time
        ));
        for (at, row) in self.rows.iter().enumerate() {
            text.push_str(if at == 0 { "{\"key\":{" } else { ",{\"key\":{" });
            self.layout.write_key(&row.key, &mut text);
            text.push_str("},\"value\":");
            text.push_str(&row.value);
            text.push_str(if row.expires_at == NEVER { "}" } else { ",\"settled\":true}" });
        }
        match &self.next {
            Some(next) => text.push_str(&format!("],\"next\":\"{next}\"}}")),
            None => text.push_str("],\"next\":null}"),
        }
        text
    }

    /// Returns the rows as a table: flat JSON lines, parsed into typed columns.
    fn arrow(&self) -> Result<Vec<u8>, ArrowError> {
        let mut text = String::with_capacity(self.rows.len() * 256);
        for row in &self.rows {
            text.push('{');
            self.layout.write_key(&row.key, &mut text);
            let inner = row.value.trim().trim_start_matches('{').trim_end_matches('}');
            text.push_str(if inner.is_empty() { "" } else { "," });
            text.push_str(inner);
            text.push_str(if row.expires_at == NEVER { ",\"settled\":false}\n" } else { ",\"settled\":true}\n" });
        }
        // One row more than there are, so that all fit into one batch.
        let builder = ReaderBuilder::new(self.layout.schema.clone()).with_batch_size(self.rows.len() + 1);
        let mut decoder = builder.build_decoder()?;
        decoder.decode(text.as_bytes())?;
        let mut writer = StreamWriter::try_new(Vec::new(), &self.layout.schema)?;
        if let Some(batch) = decoder.flush()? {
            writer.write(&batch)?;
        }
        writer.into_inner()
    }

    /// Returns the fields that JSON has beside the rows, as headers.
    fn headers(&self, view: &ViewAt) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(ARROW));
        headers.insert(HeaderName::from_static("storepulse-time"), view.time.into());
        headers.insert(HeaderName::from_static("storepulse-closed-time"), view.closed_time.into());
        if let Some(next) = self.next.as_ref().and_then(|next| HeaderValue::from_str(next).ok()) {
            headers.insert(HeaderName::from_static("storepulse-next"), next);
        }
        headers
    }
}
