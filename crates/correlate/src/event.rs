//! The event of a webhook: what the body says, which is signed, before what a header says, which mostly is not.

use serde_json::Value;
use signature::Scheme;

/// Where a body names its event, as a JSON pointer.
pub const EVENT: &str = "/event";

/// The event of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name; empty when neither body nor header has one.
    pub name: &'a str,
    /// Whether a header names another event than the body.
    pub header_differs: bool,
}

/// The event of an attempt; `body` is what was read of its body, with what is at [`EVENT`]. Where body and header differ the
/// body counts: nobody signs the header.
#[must_use]
pub fn event<'a>(scheme: Scheme, headers: &'a [(String, String)], body: Option<&'a Value>) -> Event<'a> {
    let in_body = body.and_then(|body| body.pointer(EVENT)?.as_str());
    let in_header = scheme.event(headers);
    let header_differs = in_body.zip(in_header).is_some_and(|(body, header)| body != header.trim());
    Event { name: in_body.or(in_header).unwrap_or_default(), header_differs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_signed_body_counts_before_the_header() {
        let headers = [("X-Webhook-Event".to_owned(), "paid".to_owned())];
        let of = |scheme, body: &Value| {
            let event = event(scheme, &headers, Some(body));
            (event.name.to_owned(), event.header_differs)
        };
        let v2 = Scheme::DeltacrownV2;
        assert_eq!(of(v2, &json!({"event": "paid"})), ("paid".to_owned(), false));
        assert_eq!(of(v2, &json!({"event": "rejected"})), ("rejected".to_owned(), true));
        assert_eq!(of(v2, &json!({"event": 7})), ("paid".to_owned(), false));
        assert_eq!(of(Scheme::Stripe, &json!({"event": "rejected"})), ("rejected".to_owned(), false));
        assert_eq!(of(Scheme::Stripe, &json!({})), (String::new(), false));
        assert_eq!(event(v2, &headers, None).name, "paid");
    }
}
