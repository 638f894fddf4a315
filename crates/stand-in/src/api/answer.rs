//! Answers as Django and its REST framework give them, bodies exact.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

/// An answer on its way out.
pub(super) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    headers: Vec<(HeaderName, String)>,
}

impl Answer {
    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    pub(super) fn ok(value: &Value) -> Self {
        Self::json(200, value)
    }

    pub(super) fn detail(status: u16, detail: &str) -> Self {
        Self::json(status, &json!({"detail": detail}))
    }

    pub(super) fn text(body: String) -> Self {
        Self::new(200, "text/plain; version=0.0.4; charset=utf-8", body)
    }

    /// Django's own error pages.
    pub(super) fn page(status: u16, title: &str, heading: &str, text: &str) -> Self {
        let body = format!(
            "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>{title}</title>\n</head>\n<body>\n  \
             <h1>{heading}</h1><p>{text}</p>\n</body>\n</html>\n"
        );
        Self::new(status, "text/html; charset=utf-8", body)
    }

    /// Without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self::new(status, "text/html; charset=utf-8", String::new())
    }

    /// The page for a path that no route has.
    pub(super) fn not_found_page() -> Self {
        let text = "The requested resource was not found on this server.";
        Self::page(404, "Not Found", "Not Found", text)
    }

    /// The page for a request that crashed.
    pub(super) fn crash() -> Self {
        Self::page(500, "Server Error", "Server Error (500)", "")
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn new(status: u16, content_type: &'static str, body: String) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, content_type, body: body.into_bytes(), headers: Vec::new() }
    }

    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in self.headers {
            // A value with a line end in it (a path, say) is left out rather than sent.
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

pub(super) fn no_credentials() -> Answer {
    unauthorized(&json!({"detail": "Authentication credentials were not provided."}))
}

/// 401 with its challenge.
pub(super) fn unauthorized(body: &Value) -> Answer {
    Answer::json(401, body).with(header::WWW_AUTHENTICATE, "Bearer realm=\"api\"")
}

/// 403 for a user who may not.
pub(super) fn forbidden() -> Answer {
    Answer::detail(403, "You do not have permission to perform this action.")
}

/// 405 with what is allowed.
pub(super) fn method_not_allowed(method: &str, allow: &str) -> Answer {
    Answer::detail(405, &format!("Method \"{method}\" not allowed.")).with(header::ALLOW, allow)
}
