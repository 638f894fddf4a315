//! Event and id of a webhook, where its sender's profile says they stand: what the body says, which is signed, before what a
//! header says, which mostly is not.

use super::arrived::Arrived;
use super::reader::{Webhook, Webhooks};
use serde_json::Value;
use signature::Scheme;
use std::borrow::Cow;

/// Where a body names its event, as a JSON pointer, when the profile does not say it.
pub(crate) const EVENT: &str = "/event";

/// The id of the delivery; `read` is what was read of its body. Where each webhook of a batch has an id, all of them, a line
/// each.
#[must_use]
pub fn id<'a>(
    scheme: Scheme,
    headers: &'a [(String, String)],
    read: Option<&'a Webhooks>,
) -> Option<Cow<'a, str>> {
    if let Some(id) = scheme.id(headers) {
        return Some(Cow::Borrowed(id));
    }
    let pointer = scheme.spec().id.json.as_deref()?;
    let mut ids = read?.iter().map(|webhook| text(webhook.pointer(pointer)?));
    let first = ids.next()??;
    let mut all = None::<String>;
    for id in ids {
        let all = all.get_or_insert_with(|| first.clone().into_owned());
        // What stands around a batch is the id of each.
        if id.as_deref()? != first {
            all.push('\n');
            all.push_str(&id?);
        }
    }
    Some(all.map_or(first, Cow::Owned))
}

/// The id that a webhook of a batch has itself, and not what stands around it: the same one again is the same webhook again,
/// in whatever batch. `None` for a sender of one webhook a request, whose id [`id`] is all there is.
#[must_use]
pub fn own_id<'a>(scheme: Scheme, one: &Arrived<'a>) -> Option<Cow<'a, str>> {
    let spec = scheme.spec();
    if spec.body.batch.is_none() || scheme.id(one.headers).is_some() {
        return None;
    }
    text(Webhook::alone(one.webhook?.own()).pointer(spec.id.json.as_deref()?)?)
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// The event of a webhook; empty when neither body nor header has one. Where they differ the body counts: nobody signs the header.
/// Whether they do is said by [`super::contradiction`].
#[must_use]
pub fn event<'a>(scheme: Scheme, headers: &'a [(String, String)], webhook: Option<Webhook<'a>>) -> &'a str {
    let place = &scheme.spec().event;
    let at = |pointer: &str| webhook.and_then(|webhook| webhook.pointer(pointer)?.as_str());
    let usual = || at(EVENT).filter(|_| place.header.is_none());
    let in_body = place.json.as_deref().and_then(at).or_else(usual);
    in_body.or_else(|| scheme.event(headers)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_signed_body_counts_before_the_header() {
        let headers = [("X-Webhook-Event".to_owned(), "paid".to_owned())];
        let of = |scheme, body: &Value| event(scheme, &headers, Some(Webhook::alone(body))).to_owned();
        let v2 = Scheme::DeltacrownV2;
        assert_eq!(of(v2, &json!({"event": "paid"})), "paid");
        assert_eq!(of(v2, &json!({"event": "rejected"})), "rejected");
        assert_eq!(of(v2, &json!({"event": 7})), "paid");
        assert_eq!(of(Scheme::Stripe, &json!({"event": "rejected"})), "rejected");
        assert_eq!(of(Scheme::Stripe, &json!({})), "");
        assert_eq!(event(v2, &headers, None), "paid");
    }
}
