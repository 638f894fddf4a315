//! What a sender is answered.

use super::hooks::NoAnswer;
use serde_json::json;
use signature::{Reason, Verdict};
use wire::http1::Response;

pub(super) fn problem(status: u16, error: &str, detail: &str) -> Response {
    Response::json(status, &json!({"error": error, "detail": detail}))
}

pub(super) fn problem_of(error: &NoAnswer) -> Response {
    problem(error.status(), "no response from the real receiver", &error.to_string())
}

/// The answer to nearly every webhook.
pub(super) fn received() -> Response {
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    Response { status: 200, reason: None, headers, body: br#"{"status":"received"}"#.to_vec() }
}

/// 200 for a valid webhook, 401 for a signature that is not right, 400 for all else (issue 2, as in the staging guide).
pub(super) fn answer_to(verdict: &Verdict, duplicate: bool) -> Response {
    match verdict.reason {
        Reason::Valid | Reason::Unchecked if duplicate => {
            Response::json(200, &json!({"status": "received", "duplicate": true}))
        }
        Reason::Valid | Reason::Unchecked => received(),
        Reason::Mismatch => problem(401, "invalid signature", "the signature does not match these bytes"),
        Reason::Missing => {
            problem(400, "missing header", "a header required by the signature scheme is missing")
        }
        Reason::Malformed => {
            problem(400, "malformed header", "a header does not follow the signature scheme")
        }
        Reason::Stale => problem(400, "stale timestamp", "the timestamp is too old"),
        Reason::Future => problem(400, "future timestamp", "the timestamp is too far ahead"),
    }
}
