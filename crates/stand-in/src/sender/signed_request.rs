//! Makes signed parcels from events, with whatever is wrong with them on purpose.

use super::super::misbehaviour::Kind;
use super::super::text::Separators;
use super::delivery_policy::DeliveryPolicy;
use super::envelope::Event;
use super::http_client::SignedRequest;
use super::shape::shaped;
use signature::Secret;
use signature::{BodyFormat, Outgoing, Scheme, Signer};
use std::io;

/// How far `stale-timestamp` and `future-timestamp` are off: twice the accepted age (docs/deltacrown.md section 4), in ms.
const OFF_MS: i64 = 600_000;

/// The address that `ip-in-header` gives away where nobody's is known (RFC 5737).
const LEAKED_IP: &str = "203.0.113.77";

pub(super) struct Packer {
    scheme: Scheme,
    right: Signer,
    wrong: Signer,
    body_only: Signer,
    shared_id: String,
}

/// What stays the same over the attempts of a delivery.
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    pub(super) id: String,
    pub(super) timestamp_ms: i64,
}

impl Packer {
    pub(super) fn new(scheme: Scheme, secret: &Secret, endpoint: &str) -> io::Result<Self> {
        let bad = |e: &dyn std::fmt::Display| io::Error::new(io::ErrorKind::InvalidInput, e.to_string());
        let signer = |scheme, secret: &Secret| {
            // The real sender works without a secret too: its signature header is empty then.
            if secret.expose().is_empty() {
                return Ok(Signer::without_secret(scheme));
            }
            Signer::new(scheme, secret).map(|signer| signer.to("POST", endpoint)).map_err(|e| bad(&e))
        };
        let other = scheme.generate_secret().map_err(|e| bad(&e))?;
        Ok(Self {
            scheme,
            right: signer(scheme, secret)?,
            wrong: signer(scheme, &other)?,
            // Of DeltaCrown alone: what is a key of another sender may be none of its older scheme.
            body_only: if secret.expose().trim().is_empty() || scheme != Scheme::DeltacrownV2 {
                Signer::without_secret(Scheme::DeltacrownV1)
            } else {
                signer(Scheme::DeltacrownV1, secret)?
            },
            shared_id: uuid::Uuid::new_v4().to_string(),
        })
    }

    /// A fresh id and time for a delivery.
    pub(super) fn stamp(&self, delivery_policy: &DeliveryPolicy, now_ms: i64) -> Stamp {
        let id = if delivery_policy.has(Kind::DuplicateId) {
            self.shared_id.clone()
        } else {
            uuid::Uuid::new_v4().to_string()
        };
        Stamp { id, timestamp_ms: shifted(delivery_policy, now_ms) }
    }

    /// The stamp of a retry.
    pub(super) fn restamp(&self, stamp: &mut Stamp, delivery_policy: &DeliveryPolicy, now_ms: i64) {
        if delivery_policy.has(Kind::NewIdPerRetry) {
            stamp.id = uuid::Uuid::new_v4().to_string();
        }
        if delivery_policy.stamps_each_attempt() {
            stamp.timestamp_ms = shifted(delivery_policy, now_ms);
        }
    }

    /// The signed_request for an attempt, from 1.
    pub(super) fn pack(
        &self,
        event: &Event,
        stamp: &Stamp,
        delivery_policy: &DeliveryPolicy,
        attempt: u32,
    ) -> SignedRequest {
        let event = leaky(event, delivery_policy);
        let Stamp { id, timestamp_ms } = stamp;
        let mut body = shaped(self.scheme, event.bytes(Separators::Compact), &event.name, id);
        misname(&mut body, &event.name, delivery_policy);
        if delivery_policy.has(Kind::RepeatedKey) && body.starts_with(b"{") {
            body.splice(1..1, *br#""event":"webhook_test","#);
        }
        let out = Outgoing { event: &event.name, id, timestamp_ms: *timestamp_ms, body: &body };
        let (signed, whole) = self.sign(&out, delivery_policy, attempt);
        let mut headers: Vec<(String, String)> = signed.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        if delivery_policy.has(Kind::IpInHeader) {
            let address = if event.person.ip.is_empty() { LEAKED_IP } else { &event.person.ip };
            headers.push(("X-Forwarded-For".to_owned(), address.to_owned()));
        }
        let body =
            if delivery_policy.has(Kind::ReserialisedBody) { event.bytes(Separators::Spaced) } else { whole };
        let is_form = self.scheme.spec().body.format == BodyFormat::Form;
        let media_type = if delivery_policy.has(Kind::TextPlain) {
            "text/plain"
        } else if is_form {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        SignedRequest { id: stamp.id.clone(), media_type, headers, body }
    }

    fn sign(
        &self,
        out: &Outgoing<'_>,
        delivery_policy: &DeliveryPolicy,
        attempt: u32,
    ) -> (Vec<(&'static str, String)>, Vec<u8>) {
        let wrong = delivery_policy.has(Kind::WrongSecret)
            || (attempt > 1 && delivery_policy.has(Kind::WrongSecretOnRetry));
        let signer = if wrong { &self.wrong } else { &self.right };
        let (mut headers, body) = if delivery_policy.has(Kind::NoEventInBody) {
            // Signed whole, it would get the event back.
            (signer.sign(out), out.body.to_vec())
        } else {
            let signed = signer.sign_whole(out);
            (signed.headers, signed.body.into_owned())
        };
        if delivery_policy.has(Kind::BodyOnlySignature) && self.scheme == Scheme::DeltacrownV2 {
            // The older scheme signs the body alone, and its header has the same name.
            let body_only = self.body_only.sign(out).into_iter().find(is_signature);
            if let (Some(header), Some(signed)) =
                (headers.iter_mut().find(|header| is_signature(header)), body_only)
            {
                *header = signed;
            }
        }
        if delivery_policy.has(Kind::NoEventHeader) {
            let name = self.scheme.spec().event.header.as_deref();
            headers.retain(|header| Some(header.0) != name);
        }
        if delivery_policy.has(Kind::NoSignature) {
            headers.retain(|header| !is_signature(header));
        }
        (headers, body)
    }
}

/// Has the body leave out its event, or say another one where it says it again.
fn misname(body: &mut Vec<u8>, event: &str, delivery_policy: &DeliveryPolicy) {
    let changes = [
        (Kind::NoEventInBody, format!(r#"{{"event":"{event}",""#), r#"{""#),
        (
            Kind::OtherEventInData,
            format!(r#""data":{{"event":"{event}""#),
            r#""data":{"event":"webhook_test""#,
        ),
    ];
    for (_, written, instead) in changes.iter().filter(|(kind, ..)| delivery_policy.has(*kind)) {
        if let Some(at) = body.windows(written.len()).position(|part| part == written.as_bytes()) {
            body.splice(at..at + written.len(), instead.bytes());
        }
    }
}

/// Every scheme's signature header has the word in its name.
fn is_signature(header: &(&'static str, String)) -> bool {
    header.0.to_ascii_lowercase().contains("signature")
}

fn shifted(delivery_policy: &DeliveryPolicy, now_ms: i64) -> i64 {
    if delivery_policy.has(Kind::SecondsTimestamp) {
        now_ms / 1000
    } else if delivery_policy.has(Kind::StaleTimestamp) {
        now_ms - OFF_MS
    } else if delivery_policy.has(Kind::FutureTimestamp) {
        now_ms + OFF_MS
    } else {
        now_ms
    }
}

/// The event with what leaks from it.
fn leaky(event: &Event, delivery_policy: &DeliveryPolicy) -> Event {
    let mut event = event.clone();
    let person = event.person.clone();
    let leaks = [
        (Kind::EmailInBody, &person.email),
        (Kind::UsernameInBody, &person.username),
        (Kind::PhoneInBody, &person.phone),
        (Kind::NameInBody, &person.display_name),
    ];
    for (kind, value) in leaks {
        if delivery_policy.has(kind) {
            event.body.push_str(" Contact: ");
            event.body.push_str(value);
        }
    }
    if delivery_policy.has(Kind::WrongEvent) {
        event.name.push_str("_v2");
    }
    event
}

#[cfg(test)]
mod tests {
    use super::super::super::misbehaviour::Misbehaviour;
    use super::super::super::options::{Profile, Timing};
    use super::super::envelope::tests::{V1, V2, captured_v1, captured_v2};
    use super::*;

    const EXAMPLE: &str = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456";

    fn delivery_policy(kinds: &[Kind]) -> DeliveryPolicy {
        let misbehave: Vec<_> = kinds.iter().copied().map(Misbehaviour::from).collect();
        DeliveryPolicy::of(1, Profile::GoodPractice, &misbehave, &Timing::default(), 3)
    }

    fn header<'a>(signed_request: &'a SignedRequest, name: &str) -> Option<&'a str> {
        signed_request.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    fn stamp() -> Stamp {
        Stamp { id: "4960b1c5-318e-4f87-b6c4-62792d82faa3".to_owned(), timestamp_ms: 1_795_438_932_150 }
    }

    /// It is no text that an HMAC of the older scheme could have for its key.
    #[test]
    fn a_sender_with_a_key_pair_takes_its_key_in_pem() {
        let der = Scheme::Sendgrid.generate_secret().unwrap();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", der.expose());
        assert!(Packer::new(Scheme::Sendgrid, &Secret::new(pem), "").is_ok());
    }

    #[test]
    fn the_captured_webhooks_come_out_with_their_signatures() {
        let packer = Packer::new(Scheme::DeltacrownV2, &Secret::new(EXAMPLE), "").unwrap();
        let signed_request = packer.pack(&captured_v2(), &stamp(), &delivery_policy(&[]), 1);
        assert_eq!(signed_request.body, V2.as_bytes());
        let wire: Vec<(&str, &str)> =
            signed_request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            wire,
            [
                ("X-Webhook-Signature", "775d07bf5c9893ca22f6e4fa276e541c514219b6ad65686a07a941adc7fdfdc4"),
                ("X-Webhook-Event", "payment_verified"),
                ("X-Webhook-Timestamp", "1795438932150"),
                ("X-Webhook-Id", "4960b1c5-318e-4f87-b6c4-62792d82faa3"),
            ]
        );
        let packer = Packer::new(Scheme::DeltacrownV1, &Secret::new(EXAMPLE), "").unwrap();
        let signed_request = packer.pack(&captured_v1(), &stamp(), &delivery_policy(&[]), 1);
        assert_eq!(signed_request.body, V1.as_bytes());
        let wire: Vec<(&str, &str)> =
            signed_request.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(
            wire,
            [
                ("X-Webhook-Signature", "fb696a5ebc49d584b0e4a03000ce0e4312f58910abda442ed8ce20fc16af29cd"),
                ("X-Webhook-Event", "payment_verified"),
            ]
        );
    }

    #[test]
    fn an_empty_secret_gives_an_empty_signature() {
        let packer = Packer::new(Scheme::DeltacrownV2, &Secret::new(""), "").unwrap();
        let signed_request = packer.pack(&captured_v2(), &stamp(), &delivery_policy(&[]), 1);
        assert_eq!(header(&signed_request, "X-Webhook-Signature"), Some(""));
        assert_eq!(header(&signed_request, "X-Webhook-Timestamp"), Some("1795438932150"));
    }
}
