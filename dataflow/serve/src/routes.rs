//! Routes of the HTTP server and their handlers.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use engine::telemetry::{Health, Telemetry};
use tokio::sync::watch;

use crate::access::{self, Peer};
use crate::commands::{self, CommandError, CommandIds, CommandSink};
use crate::config::HttpConfig;
use crate::exceptions::{self, Reader, StreamSlot};
use crate::reply::{Parameters, Problem, json, take};
use crate::tables::serving::ServingTables;
use crate::tokens::{Holder, Tokens};
use crate::views;

/// The greatest size of a command, in bytes.
const COMMAND_BYTES: usize = 16 * 1024;
/// The greatest time for the body of a command.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// The state that the handlers share.
pub(super) struct App {
    telemetry: Telemetry,
    tables: ServingTables,
    tokens: Tokens,
    commands: Option<Arc<CommandSink>>,
    command_ids: CommandIds,
    reads_need_token: bool,
    readers: Arc<AtomicUsize>,
    most_readers: usize,
    stopping: watch::Receiver<bool>,
}

type QueryParameters = Result<Query<Parameters>, QueryRejection>;
type Answer = Result<Response, Problem>;

impl App {
    pub(super) fn new(
        config: &HttpConfig,
        telemetry: Telemetry,
        tables: ServingTables,
        tokens: Tokens,
        commands: Option<CommandSink>,
        stopping: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(App {
            telemetry,
            tables,
            tokens,
            commands: commands.map(Arc::new),
            command_ids: CommandIds::new(),
            reads_need_token: config.reads_need_token,
            readers: Arc::default(),
            most_readers: config.event_readers,
            stopping,
        })
    }

    /// Returns the holder of the request's token, if it has one.
    fn reader(&self, headers: &HeaderMap, peer: Peer, route: &'static str) -> Result<Option<Holder>, Problem> {
        let reader = if self.reads_need_token {
            access::holder(headers, &self.tokens).map(Some)
        } else {
            access::caller(headers, &self.tokens)
        };
        reader.map_err(|refusal| refusal.reported(peer, route, &self.telemetry))
    }
}

/// Returns the router with every route.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/v1/views", get(views))
        .route("/v1/views/{name}", get(view))
        .route("/v1/exceptions", get(open_exceptions))
        .route("/v1/exceptions/stream", get(stream))
        .route("/v1/commands", post(command))
        .fallback(not_found)
        .layer(from_fn_with_state(app.clone(), count))
        .with_state(app)
}

/// Counts the answer under its route; unknown paths are counted together.
async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let known =
        ["/metrics", "/healthz", "/readyz", "/v1/views", "/v1/exceptions", "/v1/exceptions/stream", "/v1/commands"];
    let route = match known.iter().find(|known| **known == path) {
        Some(known) => known,
        None if path.starts_with("/v1/views/") => "/v1/views/{name}",
        None => "other",
    };
    let response = next.run(request).await;
    app.telemetry.request(route, response.status().as_u16());
    response
}

async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "there are /metrics, /healthz, /readyz, /v1/views, /v1/views/NAME, /v1/exceptions, /v1/exceptions/stream and \
         /v1/commands (POST)",
    )
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.telemetry.render()).into_response()
}

async fn healthz(State(app): State<Arc<App>>) -> Answer {
    match app.telemetry.health() {
        Health::Running => Ok(json(r#"{"status":"running"}"#.to_owned())),
        Health::Failed(reason) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason)),
    }
}

async fn readyz(State(app): State<Arc<App>>) -> Answer {
    let not = |reason: String| Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, reason));
    if let Health::Failed(reason) = app.telemetry.health() {
        return not(reason);
    }
    match app.tables.time() {
        _ if *app.stopping.borrow() => not("the job is stopping".to_owned()),
        Some(time) if app.telemetry.is_ready() => Ok(json(format!(r#"{{"status":"ready","time":{time}}}"#))),
        _ => not("the job has not caught up yet, or is stopping".to_owned()),
    }
}

/// Returns the parameters of a query.
fn parameters(query: QueryParameters) -> Result<Parameters, Problem> {
    query.map(|Query(parameters)| parameters).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))
}

/// Computes an answer on a blocking thread, so that a long computation delays no other request.
async fn run_blocking(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Problem::defect(&error)))
}

async fn views(State(app): State<Arc<App>>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Answer {
    app.reader(&headers, peer, "/v1/views")?;
    views::list(&app.tables)
}

async fn view(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
    query: QueryParameters,
    headers: HeaderMap,
) -> Answer {
    app.reader(&headers, peer, "/v1/views/{name}")?;
    let parameters = parameters(query)?;
    run_blocking(move || views::view(&app.tables, &name, parameters, &headers)).await
}

async fn open_exceptions(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    query: QueryParameters,
    headers: HeaderMap,
) -> Answer {
    let reader = app.reader(&headers, peer, "/v1/exceptions")?;
    let parameters = parameters(query)?;
    run_blocking(move || exceptions::open(&app.tables, parameters, reader.as_ref())).await
}

async fn stream(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    query: QueryParameters,
    headers: HeaderMap,
) -> Answer {
    let holder = app.reader(&headers, peer, "/v1/exceptions/stream")?;
    let mut parameters = parameters(query)?;
    let after = take(&mut parameters, "after");
    let filter = exceptions::filter(parameters, holder.as_ref())?;
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or_default());
    let events = app.tables.events().clone();
    let position = match header.or(after.as_deref()) {
        Some(text) => Some(exceptions::position(text)?),
        None => events.newest(),
    };
    let full = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many clients read the stream; try again later");
    let slot = StreamSlot::take(&app.readers, app.most_readers, &app.telemetry).ok_or_else(full)?;
    let until = holder.map(|holder| holder.expires_at);
    let reader = Reader { _slot: slot, events, filter, position, until, stopping: app.stopping.clone() };
    Ok(Sse::new(exceptions::stream(reader)).keep_alive(KeepAlive::default()).into_response())
}

/// Reads the whole body of a command.
async fn read_body(body: Body) -> Result<axum::body::Bytes, Problem> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "a command has at most 16384 bytes");
    // What says that it is too large is not read at all.
    if body.size_hint().lower() > COMMAND_BYTES as u64 {
        return Err(too_large());
    }
    let body = tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, COMMAND_BYTES)).await;
    let body = body.map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to come"))?;
    body.map_err(|_| too_large())
}

async fn command(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let route = "/v1/commands";
    let holder =
        access::holder(&headers, &app.tokens).map_err(|refusal| refusal.reported(peer, route, &app.telemetry))?;
    let body = read_body(body).await?;
    let command = commands::read(&body, &holder, &app.command_ids).map_err(|error| match error {
        CommandError::Invalid(problem) => problem,
        CommandError::Refused(refusal) => refusal.reported(peer, route, &app.telemetry),
    })?;
    let none = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "this job takes no commands over HTTP");
    let sink = app.commands.clone().ok_or_else(none)?;
    let event_id = command.event_id;
    // The log may take its time; the server goes on meanwhile.
    let appended = tokio::task::spawn_blocking(move || sink(command.record)).await;
    if let Err(problem) = appended.unwrap_or_else(|error| Err(error.to_string())) {
        tracing::error!(%problem, actor = %holder.actor, %event_id, "a command could not be appended to its topic");
        let sentence = "the command may not stand in its topic; look at the exception before sending it again";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, sentence));
    }
    app.telemetry.command_taken();
    tracing::info!(actor = %holder.actor, %event_id, peer = %peer.0, "command appended");
    Ok(commands::accepted(&event_id))
}
