//! Event and id of a webhook, where its sender's profile says they stand: what the body says, which is signed, before what a
//! header says, which mostly is not.

use super::JsonProjection;
use serde_json::Value;
use signature::Scheme;
use std::borrow::Cow;

/// Where a body names its event, as a JSON pointer, when the profile does not say it.
pub const EVENT: &str = "/event";

/// What of a body says its event and its id.
#[must_use]
pub fn places(scheme: Scheme) -> JsonProjection {
    let mut wanted = JsonProjection::default();
    add_places(scheme, &mut wanted);
    wanted
}

/// Adds to a projection what says event and id.
pub fn add_places(scheme: Scheme, wanted: &mut JsonProjection) {
    let spec = scheme.spec();
    wanted.add(EVENT);
    for place in [&spec.event, &spec.id] {
        if let Some(pointer) = place.json.as_deref().filter(|pointer| *pointer != EVENT) {
            wanted.add(pointer);
        }
    }
}

/// The id of the delivery; `body` is what was read of its body, with its [`places`].
#[must_use]
pub fn id<'a>(
    scheme: Scheme,
    headers: &'a [(String, String)],
    body: Option<&'a Value>,
) -> Option<Cow<'a, str>> {
    if let Some(id) = scheme.id(headers) {
        return Some(Cow::Borrowed(id));
    }
    match body?.pointer(scheme.spec().id.json.as_deref()?)? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// The event of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name; empty when neither body nor header has one.
    pub name: &'a str,
    /// Whether a header names another event than the body.
    pub header_differs: bool,
}

/// The event of an attempt; `body` is what was read of its body, with its [`places`]. Where body and header differ the
/// body counts: nobody signs the header.
#[must_use]
pub fn event<'a>(scheme: Scheme, headers: &'a [(String, String)], body: Option<&'a Value>) -> Event<'a> {
    let place = &scheme.spec().event;
    let at = |pointer: &str| body.and_then(|body| body.pointer(pointer)?.as_str());
    let usual = || at(EVENT).filter(|_| place.header.is_none());
    let in_body = place.json.as_deref().and_then(at).or_else(usual);
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
