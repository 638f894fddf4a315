//! The trace context of a request (W3C Trace Context): a service that is instrumented well passes it on with what it sends because
//! of that request.

use axum::http::HeaderMap;

/// The header that names trace and span.
pub(super) const TRACEPARENT: &str = "traceparent";

tokio::task_local! {
    static PARENT: Option<String>;
}

/// What the request said, if it did.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Works on a request that said this.
pub(super) async fn within<T>(parent: Option<String>, work: impl Future<Output = T>) -> T {
    PARENT.scope(parent, work).await
}

/// What the request that is being worked on said.
pub(super) fn current() -> Option<String> {
    PARENT.try_with(Clone::clone).ok().flatten()
}
