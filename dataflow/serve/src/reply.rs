//! Answers: JSON, or an error with a sentence and the wrong field.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The answer to a request that cannot be served.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    body: ProblemBody,
}

#[derive(Debug, Serialize)]
struct ProblemBody {
    error: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, error: impl Into<Cow<'static, str>>) -> Self {
        Problem { status, body: ProblemBody { error: error.into(), field: None } }
    }

    /// Returns the answer to a wrong field or parameter.
    pub(super) fn field(field: &str, error: impl Into<Cow<'static, str>>) -> Self {
        Problem {
            status: StatusCode::BAD_REQUEST,
            body: ProblemBody { error: error.into(), field: Some(field.to_owned()) },
        }
    }

    /// Returns the answer before the first tick has closed.
    pub(super) fn too_early() -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no tick has closed yet; see /readyz")
    }

    /// Returns the answer after a defect of the program.
    pub(super) fn defect(problem: &dyn std::fmt::Display) -> Self {
        tracing::error!(%problem, "a request could not be answered");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be made; the log says why")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, json(serde_json::to_string(&self.body).unwrap_or_default())).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Returns JSON text as an answer.
pub(super) fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// The parameters of a query, each at most once.
pub(super) type Parameters = Vec<(String, String)>;

/// Removes and returns a parameter.
pub(super) fn take(parameters: &mut Parameters, name: &str) -> Option<String> {
    let at = parameters.iter().position(|(held, _)| held == name)?;
    Some(parameters.remove(at).1)
}

/// Removes the parameter `limit` and returns it; `usual` if it is absent.
///
/// # Errors
/// If the limit is no number from 1 to `most`.
pub(super) fn take_limit(parameters: &mut Parameters, usual: usize, most: usize) -> Result<usize, Problem> {
    let Some(text) = take(parameters, "limit") else { return Ok(usual) };
    let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
    limit.ok_or_else(|| Problem::field("limit", format!("limit must be a number from 1 to {most}")))
}
