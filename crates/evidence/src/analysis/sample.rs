//! What is kept of a webhook's content for the sample in an artifact: ids and counts, never text.

use correlate::{Reader, Webhook};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use signature::{Algorithm, Scheme};

/// Deliveries whose content is kept from the start of a run.
pub(super) const KEPT_FIRST: usize = 1000;
/// Deliveries that were not accepted at once whose content is kept beyond those.
pub(super) const KEPT_TROUBLED: usize = 1000;

/// The content of a webhook that an artifact may show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The signature header's value.
    pub signature: String,
    /// The status that was answered first.
    pub status: Option<u16>,
    /// The fields of the guide (docs/deltacrown.md section 8) that are numbers, booleans or null, and the event's name.
    pub body: Value,
}

/// Fields of the body that are ids or counts, by object (docs/deltacrown.md sections 5 and 8).
const FIELDS: [(&str, &[&str]); 2] = [
    ("data", &["tournament_id", "match_id", "recipient_count"]),
    ("metadata", &["created", "skipped", "email_sent"]),
];

/// Has the parts of a body read that a sample is made of, where one is.
pub(super) fn add_to(reader: &mut Reader) {
    for (object, fields) in FIELDS {
        fields.iter().for_each(|field| reader.add_aside(&format!("/{object}/{field}")));
    }
}

impl Sample {
    pub(super) fn of(
        event: &str,
        signature: &str,
        status: Option<u16>,
        webhook: Option<Webhook<'_>>,
    ) -> Self {
        let mut kept = Map::new();
        kept.insert("event".to_owned(), Value::String(event_name(event)));
        for (object, fields) in FIELDS {
            let Some(found) = webhook.and_then(|one| one.own().get(object)) else { continue };
            let plain = |name: &&str| {
                let value = found.get(*name).filter(|v| v.is_number() || v.is_boolean() || v.is_null())?;
                Some(((*name).to_owned(), value.clone()))
            };
            kept.insert(object.to_owned(), Value::Object(fields.iter().filter_map(plain).collect()));
        }
        Self { signature: hex_only(signature), status, body: Value::Object(kept) }
    }
}

/// Of a webhook that names no event.
pub(super) const NO_EVENT: &str = "(none)";
const HIDDEN: &str = "(hidden: may be personal data)";

/// An event's name when it is one; anything else could be personal data. What it gives, it gives again.
pub(crate) fn event_name(event: &str) -> String {
    // `orders/create`, `payment.paid:v2`: what senders call events. No `@`, no digits alone: those are people's data.
    let ok = |c: char| {
        c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':' | '+' | '#' | '~' | ' ' | '…')
    };
    let is_number = event.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '/' | '.'));
    if (1..=128).contains(&event.len()) && event.chars().all(ok) && !is_number {
        event.to_owned()
    } else if event.is_empty() || event == NO_EVENT {
        NO_EVENT.to_owned()
    } else {
        HIDDEN.to_owned()
    }
}

/// The header with the signature, where it may be shown: a token is the secret itself.
pub(crate) fn shown_signature(scheme: Scheme) -> Option<&'static str> {
    scheme.signature_header().filter(|_| scheme.spec().signature.algorithm != Algorithm::Token)
}

/// A signature as far as it looks like one.
fn hex_only(signature: &str) -> String {
    let ok = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '=' | '+' | '/' | ',' | '_');
    signature.chars().filter(ok).take(128).collect()
}
