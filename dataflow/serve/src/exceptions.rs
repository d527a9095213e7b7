//! The open exceptions, and the stream of their changes, over HTTP.
//!
//! `GET /v1/exceptions?type=&store_id=&status=&severity=` returns the last record of each open exception. Its
//! `last_event_id` is the position from which `GET /v1/exceptions/stream` continues: send it as `Last-Event-ID` or as
//! `after`. The stream consists of server-sent events: `id` is the record id `time.seq`, `event` the record's event,
//! `data` the record. A client that is too slow, or asks for records that are no longer kept, gets the event `gap` and
//! must read `/v1/exceptions` again. Restricted exceptions need a token with the role `loss_prevention`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::Response;
use axum::response::sse::Event;
use contract::exception::Severity;
use contract::ids::{EventId, is_id};
use contract::record::Status;
use engine::clock;
use engine::telemetry::Telemetry;
use futures_lite::Stream;
use futures_lite::future::or;
use futures_lite::stream::unfold;
use retail::detectors::KINDS;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ParseError, StrDeserializer};
use tokio::sync::watch;

use crate::events::{Events, Next};
use crate::exception_record::{ExceptionEntry, Filter, RESTRICTED_ROLE, RecordId, read_record_id, write_record_id};
use crate::reply::{Parameters, Problem, json, take, take_limit};
use crate::tables::serving::ServingTables;
use crate::tokens::Holder;

/// The greatest and default number of exceptions of a page.
const MOST_EXCEPTIONS: usize = 10_000;

/// Parses a value of an enumeration of the contract.
fn parse_word<'de, T: Deserialize<'de>>(name: &str, text: &'de str) -> Result<T, Problem> {
    let words: StrDeserializer<'de, ParseError> = text.into_deserializer();
    T::deserialize(words).map_err(|error| Problem::field(name, format!("{name}: {error}")))
}

/// Parses the filters of a query by `holder`.
///
/// # Errors
/// If a parameter is unknown or has a wrong value.
pub(super) fn filter(parameters: Parameters, holder: Option<&Holder>) -> Result<Filter, Problem> {
    let sees_restricted = holder.is_some_and(|holder| holder.has(RESTRICTED_ROLE));
    let mut filter = Filter { sees_restricted, ..Filter::default() };
    for (name, value) in parameters {
        match name.as_str() {
            "type" if KINDS.iter().any(|kind| kind.name == value) => filter.kind = Some(value),
            "type" => {
                let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                return Err(Problem::field(
                    "type",
                    format!("there is no type {value:?}; there are {}", known.join(", ")),
                ));
            }
            "store_id" | "store" if is_id(&value) => filter.store = Some(value),
            "store_id" | "store" => return Err(Problem::field(&name, format!("{name} must be an id"))),
            "status" => filter.status = Some(parse_word::<Status>("status", &value)?),
            "severity" => filter.severity = Some(parse_word::<Severity>("severity", &value)?),
            _ => {
                let known = "type, store_id, status, severity";
                return Err(Problem::field(&name, format!("there is no filter {name:?}; there are {known}")));
            }
        }
    }
    Ok(filter)
}

/// Answers `GET /v1/exceptions`.
pub(super) fn open(
    tables: &ServingTables,
    mut parameters: Parameters,
    holder: Option<&Holder>,
) -> Result<Response, Problem> {
    let limit = take_limit(&mut parameters, MOST_EXCEPTIONS, MOST_EXCEPTIONS)?;
    let after = take(&mut parameters, "after").map(|text| read_cursor(&text)).transpose()?;
    let filter = filter(parameters, holder)?;
    let at = tables.open(&filter).ok_or_else(Problem::too_early)?;
    let mut rest = at.open.iter().filter(|entry| after.as_ref().is_none_or(|after| is_after(after, entry)));
    let page: Vec<&Arc<ExceptionEntry>> = rest.by_ref().take(limit).collect();
    let next = page
        .last()
        .filter(|_| rest.next().is_some())
        .map_or("null".to_owned(), |entry| format!("\"{}|{}\"", entry.kind, entry.exception_id));
    let last = at.last.map_or("null".to_owned(), |last| format!("\"{}\"", write_record_id(last)));
    let lines: Vec<&str> = page.iter().map(|entry| &*entry.line).collect();
    Ok(json(format!(
        r#"{{"time":{},"last_event_id":{last},"exceptions":[{}],"next":{next}}}"#,
        at.time,
        lines.join(",")
    )))
}

/// A position in the list of open exceptions: a type and an id. It is text, because a query must not intern it.
type Cursor = (String, EventId);

fn is_after(cursor: &Cursor, entry: &ExceptionEntry) -> bool {
    (cursor.0.as_str(), &cursor.1) < (entry.kind.as_str(), &entry.exception_id)
}

fn read_cursor(text: &str) -> Result<Cursor, Problem> {
    let parts = text.split_once('|').filter(|(kind, id)| is_id(kind) && is_id(id));
    let (kind, id) = parts.ok_or_else(|| Problem::field("after", "after must be the `next` of an answer"))?;
    Ok((kind.to_owned(), EventId::from(id)))
}

/// A place among the readers of the stream; dropping it frees the place.
pub(super) struct StreamSlot {
    readers: Arc<AtomicUsize>,
    telemetry: Telemetry,
}

impl StreamSlot {
    /// Takes a place if fewer than `most` are taken.
    pub(super) fn take(readers: &Arc<AtomicUsize>, most: usize, telemetry: &Telemetry) -> Option<Self> {
        let slot = StreamSlot { readers: readers.clone(), telemetry: telemetry.clone() };
        let taken = readers.fetch_add(1, Ordering::AcqRel) + 1;
        telemetry.event_readers(taken);
        // Dropped where there is no room, which gives it back.
        (taken <= most).then_some(slot)
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let taken = self.readers.fetch_sub(1, Ordering::AcqRel);
        self.telemetry.event_readers(taken - 1);
    }
}

/// A reader of the stream.
pub(super) struct Reader {
    /// Held while the reader exists.
    pub(super) _slot: StreamSlot,
    pub(super) events: Events,
    pub(super) filter: Filter,
    /// The id of the last record that the reader has.
    pub(super) position: Option<RecordId>,
    /// The end of the validity of the reader's token.
    pub(super) until: Option<i64>,
    /// Becomes true when the server stops.
    pub(super) stopping: watch::Receiver<bool>,
}

/// Parses a position in the stream.
///
/// # Errors
/// If the text is no record id.
pub(super) fn position(text: &str) -> Result<RecordId, Problem> {
    let wrong = || Problem::field("Last-Event-ID", "must be time.seq, the id of an event of this stream");
    read_record_id(text).ok_or_else(wrong)
}

/// Returns the events of a reader, until the server stops or the reader's token expires.
pub(super) fn stream(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    let changed = reader.events.changed();
    unfold((reader, changed, VecDeque::new()), |(mut reader, mut changed, mut waiting)| async move {
        loop {
            if *reader.stopping.borrow() || reader.until.is_some_and(|until| until <= clock::wall_ms()) {
                return None;
            }
            if let Some(event) = waiting.pop_front() {
                return Some((Ok(event), (reader, changed, waiting)));
            }
            // Marked before looking: what comes after the look is noticed.
            changed.mark_unchanged();
            match reader.events.next(reader.position) {
                Next::Gap(position) => {
                    reader.position = position;
                    waiting.push_back(gap(position));
                }
                Next::Records(records) => match records.last() {
                    Some(last) => {
                        reader.position = Some(last.id);
                        waiting.extend(
                            records.iter().filter(|entry| reader.filter.accepts(entry)).map(|entry| event(entry)),
                        );
                    }
                    None => {
                        let something = async { changed.changed().await.is_ok() };
                        let stop = async { reader.stopping.changed().await.is_ok() };
                        if !or(something, stop).await {
                            return None;
                        }
                    }
                },
            }
        }
    })
}

fn event(entry: &ExceptionEntry) -> Event {
    let name = format!("{:?}", entry.event).to_lowercase();
    Event::default().id(write_record_id(entry.id)).event(name).data(&*entry.line)
}

fn gap(position: Option<RecordId>) -> Event {
    let event = Event::default().event("gap").data(r#"{"read_again":"/v1/exceptions"}"#);
    position.map_or(event.clone(), |position| event.id(write_record_id(position)))
}
