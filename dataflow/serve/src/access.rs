//! Authentication of requests by bearer token, and the logging of refusals.

use std::net::SocketAddr;

use axum::http::{HeaderMap, StatusCode, header};
use contract::ids::Id;
use engine::clock;
use engine::telemetry::Telemetry;

use crate::reply::Problem;
use crate::tokens::{Holder, Refused, Tokens};

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// A refusal, with the holder of the token if it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    /// The reason, as metrics and the log name it.
    reason: &'static str,
    sentence: &'static str,
    actor: Option<Id>,
}

impl Refusal {
    const NO_TOKEN: Refusal = Refusal::unauthorized("no_token", "this needs a bearer token");
    const UNKNOWN: Refusal = Refusal::unauthorized("unknown_token", "this token is not known");

    const fn unauthorized(reason: &'static str, sentence: &'static str) -> Self {
        Refusal { status: StatusCode::UNAUTHORIZED, reason, sentence, actor: None }
    }

    /// Returns the refusal of a role that the holder does not have.
    pub(super) fn wrong_role(holder: &Holder) -> Self {
        let sentence = "this token may not speak in that role";
        Refusal { status: StatusCode::FORBIDDEN, reason: "wrong_role", sentence, actor: Some(holder.actor) }
    }

    /// Logs and counts the refusal, never the token, and returns the answer.
    pub(super) fn reported(self, peer: Peer, route: &'static str, telemetry: &Telemetry) -> Problem {
        let actor = self.actor.map(Id::as_str);
        tracing::warn!(reason = self.reason, actor, peer = %peer.0, route, "request refused");
        telemetry.refused(self.reason);
        Problem::new(self.status, self.sentence)
    }
}

/// Returns the holder of the request's token; `None` if the request has none.
///
/// # Errors
/// If the request has an authorization header without a valid token.
pub(super) fn caller(headers: &HeaderMap, tokens: &Tokens) -> Result<Option<Holder>, Refusal> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    let Some((_, token)) = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Err(Refusal::unauthorized("no_bearer_token", "the Authorization header holds no bearer token"));
    };
    match tokens.holder(token.trim(), clock::wall_ms()) {
        Ok(holder) => Ok(Some(holder)),
        Err(Refused::Unknown) => Err(Refusal::UNKNOWN),
        Err(Refused::Expired(actor)) => {
            let refusal = Refusal::unauthorized("expired_token", "this token has expired");
            Err(Refusal { actor: Some(actor), ..refusal })
        }
    }
}

/// Returns the holder of the request's token, where one is required.
///
/// # Errors
/// If the request has no valid token.
pub(super) fn holder(headers: &HeaderMap, tokens: &Tokens) -> Result<Holder, Refusal> {
    caller(headers, tokens)?.ok_or(Refusal::NO_TOKEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::logged;

    #[test]
    fn a_refusal_is_logged_with_actor_and_reason_and_never_the_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens.toml");
        let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"; // of `secret`
        let file = format!("[[token]]\nsha256 = {hash:?}\nactor = \"mara\"\nroles = [\"planning\"]\nexpires_at = 1\n");
        std::fs::write(&path, file).expect("written");
        let tokens = Tokens::open(Some(&path)).expect("tokens");
        let telemetry = Telemetry::new("1");
        let peer = Peer(SocketAddr::from(([127, 0, 0, 1], 4_711)));
        let refused = |value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
            }
            let refusal = holder(&headers, &tokens).expect_err("refused");
            logged(|| _ = refusal.reported(peer, "/v1/commands", &telemetry))
        };
        let lines = [
            refused(Some("Bearer secret")),
            refused(Some("bearer guess")),
            refused(Some("Basic c2VjcmV0")),
            refused(None),
        ];
        for (line, reason) in lines.iter().zip(["expired_token", "unknown_token", "no_bearer_token", "no_token"]) {
            let said: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let actor = (reason == "expired_token").then_some("mara");
            let fields = ["level", "reason", "peer", "route", "actor"].map(|name| said[name].as_str());
            let expected = [Some("WARN"), Some(reason), Some("127.0.0.1:4711"), Some("/v1/commands"), actor];
            assert_eq!(fields, expected, "{line}");
            assert!(!line.contains("secret") && !line.contains("guess") && !line.contains("c2VjcmV0"), "{line}");
            let counted = format!("storepulse_http_refusals_total{{reason=\"{reason}\"}} 1");
            assert!(telemetry.render().contains(&counted), "{counted}");
        }
    }
}
