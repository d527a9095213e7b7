//! The exceptions that stand open, and the stream of what happens to them.
//!
//! `GET /v1/exceptions?type=&store_id=&status=&severity=` gives the last record of each open exception, and with
//! `last_event_id` the place from which `GET /v1/exceptions/stream` goes on: send it as `Last-Event-ID`, or as `after`.
//! The stream is of server-sent events: `id` is the record's name `time.seq`, `event` the record's event, `data` the record.
//! Who is too slow, or asks for what is no longer kept, gets the event `gap` and must read `/v1/exceptions` again.
//! Restricted exceptions are there only for tokens with the role `loss_prevention`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::Response;
use axum::response::sse::Event;
use contract::exception::Severity;
use contract::ids::{EventId, Id, is_id};
use contract::record::Status;
use engine::clock;
use engine::telemetry::Telemetry;
use futures_lite::Stream;
use futures_lite::future::or;
use futures_lite::stream::unfold;
use retail::detectors::KINDS;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as NoWord, StrDeserializer};
use tokio::sync::watch;

use crate::events::{Events, Next};
use crate::exception_record::{Filter, Name, RESTRICTED_ROLE, Told, read_name, write_name};
use crate::reply::{Parameters, Problem, json, take, take_limit};
use crate::tables::serving::Board;
use crate::tokens::Holder;

/// Exceptions of a page, at most and unless less is asked for.
const MOST_EXCEPTIONS: usize = 10_000;

/// Reads one of the contract's words.
fn word<'de, T: Deserialize<'de>>(name: &str, text: &'de str) -> Result<T, Problem> {
    let words: StrDeserializer<'de, NoWord> = text.into_deserializer();
    T::deserialize(words).map_err(|error| Problem::field(name, format!("{name}: {error}")))
}

/// Reads the filters of a question that `holder` asks.
///
/// # Errors
/// The first parameter that is unknown or no value of its kind.
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
            "status" => filter.status = Some(word::<Status>("status", &value)?),
            "severity" => filter.severity = Some(word::<Severity>("severity", &value)?),
            _ => {
                let known = "type, store_id, status, severity";
                return Err(Problem::field(&name, format!("there is no filter {name:?}; there are {known}")));
            }
        }
    }
    Ok(filter)
}

/// Answers `GET /v1/exceptions`.
pub(super) fn open(board: &Board, mut parameters: Parameters, holder: Option<&Holder>) -> Result<Response, Problem> {
    let limit = take_limit(&mut parameters, MOST_EXCEPTIONS, MOST_EXCEPTIONS)?;
    let after = take(&mut parameters, "after").map(|text| read_cursor(&text)).transpose()?;
    let filter = filter(parameters, holder)?;
    let at = board.open(&filter).ok_or_else(Problem::too_early)?;
    let mut rest = at.open.iter().filter(|told| after.as_ref().is_none_or(|after| *after < cursor(told)));
    let page: Vec<&Arc<Told>> = rest.by_ref().take(limit).collect();
    let next = page
        .last()
        .filter(|_| rest.next().is_some())
        .map_or("null".to_owned(), |told| format!("\"{}|{}\"", told.kind, told.exception_id));
    let last = at.last.map_or("null".to_owned(), |last| format!("\"{}\"", write_name(last)));
    let lines: Vec<&str> = page.iter().map(|told| &*told.line).collect();
    Ok(json(format!(
        r#"{{"time":{},"last_event_id":{last},"exceptions":[{}],"next":{next}}}"#,
        at.time,
        lines.join(",")
    )))
}

fn cursor(told: &Told) -> (Id, EventId) {
    (told.kind, told.exception_id.clone())
}

fn read_cursor(text: &str) -> Result<(Id, EventId), Problem> {
    let parts = text.split_once('|').filter(|(kind, id)| is_id(kind) && is_id(id));
    let (kind, id) = parts.ok_or_else(|| Problem::field("after", "after must be the `next` of an answer"))?;
    Ok((Id::new(kind), EventId::from(id)))
}

/// A place among those who read the stream, given back when it is dropped.
pub(super) struct Seat {
    readers: Arc<AtomicUsize>,
    telemetry: Telemetry,
}

impl Seat {
    /// Takes a seat if fewer than `most` are taken.
    pub(super) fn take(readers: &Arc<AtomicUsize>, most: usize, telemetry: &Telemetry) -> Option<Self> {
        let seat = Seat { readers: readers.clone(), telemetry: telemetry.clone() };
        let taken = readers.fetch_add(1, Ordering::AcqRel) + 1;
        telemetry.event_readers(taken);
        // Dropped where there is no room, which gives it back.
        (taken <= most).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let taken = self.readers.fetch_sub(1, Ordering::AcqRel);
        self.telemetry.event_readers(taken - 1);
    }
}

/// Someone who reads the stream.
pub(super) struct Reader {
    /// Held for as long as it reads.
    pub(super) _seat: Seat,
    pub(super) events: Events,
    pub(super) filter: Filter,
    /// The last record seen.
    pub(super) position: Option<Name>,
    /// When the token of the reader ends.
    pub(super) until: Option<i64>,
    /// True when the server stops.
    pub(super) stopping: watch::Receiver<bool>,
}

/// Reads where a stream goes on.
///
/// # Errors
/// If the text is no name of a record.
pub(super) fn position(text: &str) -> Result<Name, Problem> {
    let wrong = || Problem::field("Last-Event-ID", "must be time.seq, the id of an event of this stream");
    read_name(text).ok_or_else(wrong)
}

/// The events that a reader gets, until the server stops or the reader's token ends.
pub(super) fn stream(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    let news = reader.events.news();
    unfold((reader, news, VecDeque::new()), |(mut reader, mut news, mut waiting)| async move {
        loop {
            if *reader.stopping.borrow() || reader.until.is_some_and(|until| until <= clock::wall_ms()) {
                return None;
            }
            if let Some(event) = waiting.pop_front() {
                return Some((Ok(event), (reader, news, waiting)));
            }
            // Marked before looking: what comes after the look is noticed.
            news.mark_unchanged();
            match reader.events.next(reader.position) {
                Next::Gap(position) => {
                    reader.position = position;
                    waiting.push_back(gap(position));
                }
                Next::Records(records) => match records.last() {
                    Some(last) => {
                        reader.position = Some(last.name);
                        waiting.extend(records.iter().filter(|told| reader.filter.takes(told)).map(|told| event(told)));
                    }
                    None => {
                        let something = async { news.changed().await.is_ok() };
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

fn event(told: &Told) -> Event {
    let name = format!("{:?}", told.event).to_lowercase();
    Event::default().id(write_name(told.name)).event(name).data(&*told.line)
}

fn gap(position: Option<Name>) -> Event {
    let event = Event::default().event("gap").data(r#"{"read_again":"/v1/exceptions"}"#);
    position.map_or(event.clone(), |position| event.id(write_name(position)))
}
