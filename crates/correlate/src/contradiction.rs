//! Whether a webhook says of its event and its format what its sender's profile promises. A receiver that takes the profile's word for it
//! may look in any of the places that the profile names.

use super::reader::Webhook;
use serde_json::Value;
use signature::Scheme;
use std::fmt;

/// How a webhook contradicts its sender's profile. Names are those of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// The event stands in a header alone, and not at this place of the body, which is what is signed.
    HeaderAlone {
        /// The header.
        header: &'static str,
        /// JSON pointer into the body.
        place: &'static str,
    },
    /// The header with the event is not there.
    NoHeader {
        /// The header.
        header: &'static str,
    },
    /// A header, or a further place of the body, says another event than the body does where it counts.
    OtherEvent {
        /// Name of the header, or JSON pointer.
        there: &'static str,
        /// JSON pointer to the event that counts.
        place: &'static str,
    },
    /// The body is said to be of another type. A request that says none contradicts nothing.
    MediaType {
        /// What the profile says.
        promised: &'static str,
    },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderAlone { header, place } => {
                write!(f, "no event at {place} of the body; the unsigned header {header} alone names one")
            }
            Self::NoHeader { header } => write!(f, "no {header} header"),
            Self::OtherEvent { there, place } => {
                write!(f, "{there} names a different event than {place} of the body, which counts")
            }
            Self::MediaType { promised } => write!(f, "Content-Type is not {promised}"),
        }
    }
}

/// How a webhook contradicts the profile of its sender, the first way; without a webhook the body cannot be read.
#[must_use]
pub fn contradiction(
    scheme: Scheme,
    headers: &[(String, String)],
    webhook: Option<Webhook<'_>>,
) -> Option<Contradiction> {
    event(scheme, headers, webhook).or_else(|| media_type(scheme, headers))
}

fn event(
    scheme: Scheme,
    headers: &[(String, String)],
    webhook: Option<Webhook<'_>>,
) -> Option<Contradiction> {
    let spec = scheme.spec();
    let place = spec.event.json.as_deref()?;
    let at = |pointer: &str| webhook.and_then(|webhook| webhook.pointer(pointer));
    let in_body = at(place).and_then(Value::as_str);
    let in_header = scheme.event(headers).map(str::trim).filter(|event| !event.is_empty());
    match (spec.event.header.as_deref(), in_body, in_header) {
        (Some(header), None, Some(_)) => return Some(Contradiction::HeaderAlone { header, place }),
        (Some(header), Some(_), None) => return Some(Contradiction::NoHeader { header }),
        (Some(there), Some(body), Some(header)) if body != header => {
            return Some(Contradiction::OtherEvent { there, place });
        }
        _ => {}
    }
    let body = in_body?;
    let differs = |pointer: &&str| at(pointer).is_some_and(|there| there.as_str() != Some(body));
    let there = spec.further_events().find(differs)?;
    Some(Contradiction::OtherEvent { there, place })
}

fn media_type(scheme: Scheme, headers: &[(String, String)]) -> Option<Contradiction> {
    let promised = scheme.spec().body.media_type.as_deref()?;
    let is_type = |(name, _): &&(String, String)| name.eq_ignore_ascii_case("content-type");
    let said = headers.iter().filter(is_type).filter_map(|(_, value)| value.split(';').next());
    // Of several, a receiver may take any.
    let mut said = said.map(str::trim).filter(|said| !said.is_empty());
    said.any(|said| !said.eq_ignore_ascii_case(promised)).then_some(Contradiction::MediaType { promised })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(scheme: Scheme, event: Option<&str>, media_type: &str, body: Option<&Value>) -> Option<String> {
        let event = event.map(|event| ("X-Webhook-Event".to_owned(), event.to_owned()));
        let headers: Vec<_> =
            event.into_iter().chain([("content-type".to_owned(), media_type.to_owned())]).collect();
        contradiction(scheme, &headers, body.map(Webhook::alone)).map(|one| one.to_string())
    }

    #[test]
    fn every_place_where_the_profile_has_the_event_says_the_same() {
        let v2 = |event, body: &Value| said(Scheme::DeltacrownV2, event, "application/json", Some(body));
        let paid = json!({"event": "paid", "data": {"event": "paid"}});
        assert_eq!(v2(Some("paid"), &paid), None);
        assert_eq!(v2(Some(" paid "), &json!({"event": "paid"})), None);
        let other =
            Some("X-Webhook-Event names a different event than /event of the body, which counts".to_owned());
        assert_eq!(v2(Some("rejected"), &paid), other);
        let other =
            Some("/data/event names a different event than /event of the body, which counts".to_owned());
        for data in [json!("rejected"), Value::Null] {
            assert_eq!(v2(Some("paid"), &json!({"event": "paid", "data": {"event": data}})), other);
        }
        let alone = "no event at /event of the body; the unsigned header X-Webhook-Event alone names one";
        for body in [json!({"data": {"event": "paid"}}), json!({"event": 7}), json!([])] {
            assert_eq!(v2(Some("paid"), &body).as_deref(), Some(alone));
        }
        assert_eq!(
            said(Scheme::DeltacrownV1, Some("paid"), "application/json", None).as_deref(),
            Some(alone)
        );
        for none in [None, Some(""), Some(" ")] {
            assert_eq!(v2(none, &paid).as_deref(), Some("no X-Webhook-Event header"));
        }
        // Without any event there is nothing that could differ.
        assert_eq!(v2(None, &json!({})), None);
    }

    #[test]
    fn senders_that_name_the_event_in_one_place_contradict_nothing() {
        for scheme in [Scheme::Github, Scheme::Stripe] {
            for body in [json!({"event": "x", "data": {"event": "y"}}), json!({"type": "paid"}), json!({})] {
                assert_eq!(said(scheme, Some("paid"), "text/plain", Some(&body)), None, "{scheme}");
            }
        }
    }

    #[test]
    fn the_body_is_of_the_type_that_the_profile_says() {
        let of = |media_type| {
            said(Scheme::DeltacrownV2, Some("paid"), media_type, Some(&json!({"event": "paid"})))
        };
        for right in ["application/json", "Application/JSON; charset=utf-8", ""] {
            assert_eq!(of(right), None);
        }
        for wrong in ["text/plain", "text/plain; charset=utf-8", "application/jsonp"] {
            assert_eq!(of(wrong).as_deref(), Some("Content-Type is not application/json"));
        }
        let twice = ["application/json", "text/html"].map(|one| ("Content-Type".to_owned(), one.to_owned()));
        for order in [[0, 1], [1, 0]] {
            let headers = order.map(|at| twice[at].clone());
            assert!(media_type(Scheme::DeltacrownV2, &headers).is_some());
        }
    }
}
