//! Forges a request for a case from a sender and a secret: every part of a signed webhook can be another than it should be.

use crate::sender::{Layout, Sender};
use crate::shot::{Content, Framing, Manner, Shot};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use record::Right;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use signature::Secret;
use zeroize::Zeroizing;

/// A key that no receiver has.
const WRONG_KEY: &[u8] = b"smoke-probe: a key that nobody has";

/// Why nothing can be forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForgeError {
    /// The secret is empty.
    EmptySecret,
    /// Standard Webhooks: the secret is not `whsec_` and base64.
    NotBase64,
    /// Standard Webhooks: an ed25519 key, which is none for HMAC.
    Asymmetric,
    /// The body is no JSON object, into which the canary could be put.
    NotAnObject,
}

impl std::fmt::Display for ForgeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::EmptySecret => "the webhook secret is empty: everybody knows that key",
            Self::NotBase64 => {
                "the webhook secret is not base64 (standard-webhooks wants `whsec_` and base64)"
            }
            Self::Asymmetric => {
                "the webhook secret is an ed25519 key; smoke probe signs with HMAC secrets (`whsec_…`)"
            }
            Self::NotAnObject => "the body is not a JSON object, into which the mark of a probe can be put",
        })
    }
}

impl std::error::Error for ForgeError {}

/// Everything that requests of one probe are made from.
#[derive(Debug, Clone)]
pub struct Forge {
    pub(crate) sender: Sender,
    key: Zeroizing<Vec<u8>>,
    event: String,
    body: Value,
    canary: String,
}

/// A webhook before it is signed.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub id: String,
    /// The timestamp's text.
    pub stamp: String,
    pub event: String,
    pub body: Vec<u8>,
}

impl Draft {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn with_body(&self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self.clone() }
    }

    /// The same with more fields: raw JSON text such as `"a":1.0`.
    pub(crate) fn with_fields(&self, fields: &str) -> Self {
        let text = self.text();
        let open = text.strip_suffix('}').unwrap_or(&text);
        self.with_body(format!("{open},{fields}}}"))
    }
}

impl Forge {
    /// A forge; `body` replaces the sender's usual one. `canary` marks each webhook as one of a probe.
    ///
    /// # Errors
    /// When the secret is no key of the sender, or the body no JSON object.
    pub fn new(
        sender: Sender,
        secret: &Secret,
        event: &str,
        body: Option<Value>,
        canary: &str,
    ) -> Result<Self, ForgeError> {
        let body = body.unwrap_or_else(|| sender.usual_body());
        if !body.is_object() {
            return Err(ForgeError::NotAnObject);
        }
        let (key, event, canary) = (key(sender, secret.expose())?, event.to_owned(), canary.to_owned());
        Ok(Self { sender, key, event, body, canary })
    }

    /// The same with another sender, and the secret taken as that one takes it.
    #[must_use]
    pub fn as_sender(&self, sender: Sender, secret: &Secret) -> Option<Self> {
        Self::new(sender, secret, &self.event, None, &self.canary).ok()
    }

    /// The same with another key.
    #[must_use]
    pub fn with_key(&self, key: &[u8]) -> Self {
        Self { key: Zeroizing::new(key.to_vec()), ..self.clone() }
    }

    pub(crate) fn layout(&self) -> &'static Layout {
        self.sender.layout()
    }

    /// A webhook of its own, signed at `ms`, number `n` of the probe.
    pub(crate) fn draft(&self, case: &str, n: u32, ms: i64) -> Draft {
        self.draft_of(&self.event, case, n, ms)
    }

    pub(crate) fn draft_of(&self, event: &str, case: &str, n: u32, ms: i64) -> Draft {
        let id = self.id(case, n);
        let mut body = self.body.clone();
        let mut put = |pointer: &str, value: &str| {
            if let Some(place) = body.pointer_mut(pointer) {
                *place = Value::from(value);
            }
        };
        self.sender.body_events().iter().for_each(|pointer| put(pointer, event));
        if let Some(pointer) = self.sender.body_id() {
            put(pointer, &id);
        }
        if let Value::Object(map) = &mut body {
            let canary = serde_json::json!({"probe": self.canary, "case": case, "n": n});
            map.insert("smoke_probe".to_owned(), canary);
        }
        let stamp = self.stamp(ms);
        Draft { id, stamp, event: event.to_owned(), body: body.to_string().into_bytes() }
    }

    /// The text of a timestamp; empty for a sender without.
    pub(crate) fn stamp(&self, ms: i64) -> String {
        self.layout().unit.map(|unit| ms.div_euclid(unit.ms()).to_string()).unwrap_or_default()
    }

    /// An id that is no other delivery's: a UUID, or what the sender has in its place.
    fn id(&self, case: &str, n: u32) -> String {
        let digest = Sha256::digest(format!("{}/{case}/{n}", self.canary));
        let bytes: [u8; 16] = std::array::from_fn(|i| digest.get(i).copied().unwrap_or_default());
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        match self.sender {
            Sender::Stripe => format!("evt_{}", uuid.simple()),
            Sender::Slack => format!("Ev{}", uuid.simple()),
            Sender::StandardWebhooks => format!("msg_{}", uuid.simple()),
            _ => uuid.to_string(),
        }
    }

    /// The right signature without a prefix.
    pub(crate) fn tag(&self, draft: &Draft) -> String {
        self.tag_under(&self.key, draft)
    }

    pub(crate) fn wrong_tag(&self, draft: &Draft) -> String {
        self.tag_under(WRONG_KEY, draft)
    }

    pub(crate) fn tag_under(&self, key: &[u8], draft: &Draft) -> String {
        self.encoded(&hmac::<Hmac<Sha256>>(key, &self.message(draft)))
    }

    /// HMAC-SHA1, HMAC-SHA512 under the right key, and the SHA-256 that needs none.
    pub(crate) fn other_algorithms(&self, draft: &Draft) -> [(&'static str, String); 3] {
        let message = self.message(draft);
        [
            ("HMAC-SHA1", self.encoded(&hmac::<Hmac<Sha1>>(&self.key, &message))),
            ("HMAC-SHA512", self.encoded(&hmac::<Hmac<Sha512>>(&self.key, &message))),
            ("SHA-256 without a key", self.encoded(&Sha256::digest(message.concat()))),
        ]
    }

    fn message<'a>(&self, draft: &'a Draft) -> Vec<&'a [u8]> {
        self.sender.message(&draft.stamp, &draft.id, &draft.body)
    }

    fn encoded(&self, mac: &[u8]) -> String {
        if self.layout().base64 { BASE64.encode(mac) } else { hex::encode(mac) }
    }

    /// The value of the signature header that holds these signatures, prefixes included.
    pub(crate) fn value_of(&self, draft: &Draft, tags: &[String]) -> String {
        let tags = tags.join(self.layout().separator.unwrap_or(" "));
        match self.sender {
            Sender::Stripe => format!("t={},{tags}", draft.stamp),
            _ => tags,
        }
    }

    /// The value of the signature header with this signature in its usual form.
    pub(crate) fn value(&self, draft: &Draft, tag: &str) -> String {
        self.value_of(draft, &[format!("{}{tag}", self.layout().prefix)])
    }

    /// The headers of a request, the signature header's value as given.
    pub(crate) fn headers(&self, draft: &Draft, value: Option<&[u8]>) -> Vec<(String, Vec<u8>)> {
        let layout = self.layout();
        let mut headers = vec![
            ("User-Agent".to_owned(), format!("smoke-probe/{}", env!("CARGO_PKG_VERSION")).into_bytes()),
            ("Accept".to_owned(), b"*/*".to_vec()),
            ("X-Smoke-Probe".to_owned(), self.canary.clone().into_bytes()),
            ("Content-Type".to_owned(), b"application/json".to_vec()),
        ];
        let own = [(layout.id, &draft.id), (layout.timestamp, &draft.stamp), (layout.event, &draft.event)];
        for (name, value) in own {
            if let Some(name) = name {
                headers.push((name.to_owned(), value.clone().into_bytes()));
            }
        }
        if let Some(value) = value {
            headers.push((layout.signature.to_owned(), value.to_vec()));
        }
        headers
    }

    /// A request with this signature header; none without a value.
    pub(crate) fn shot(&self, label: &str, draft: &Draft, value: Option<&[u8]>, right: Right) -> Shot {
        Shot {
            label: label.to_owned(),
            right,
            method: "POST",
            headers: self.headers(draft, value),
            body: Content::Bytes(draft.body.clone()),
            framing: Framing::Length,
            manner: Manner::Whole,
            correct: self.tag(draft),
        }
    }

    /// A request that is signed as it should be.
    pub(crate) fn signed(&self, label: &str, draft: &Draft, right: Right) -> Shot {
        let value = self.value(draft, &self.tag(draft));
        self.shot(label, draft, Some(value.as_bytes()), right)
    }

    /// The key in the spellings in which an answer might hold it.
    #[must_use]
    pub fn key_spellings(&self) -> Vec<Secret> {
        let mut all = vec![Secret::new(hex::encode(&*self.key)), Secret::new(BASE64.encode(&*self.key))];
        all.extend(std::str::from_utf8(&self.key).ok().map(Secret::new));
        all
    }
}

/// HMAC of a message in pieces.
fn hmac<M: Mac + KeyInit>(key: &[u8], message: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length; where it did not, nothing could be forged, and nothing is.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    message.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().to_vec()
}

/// The key that a sender makes of a secret's text.
fn key(sender: Sender, text: &str) -> Result<Zeroizing<Vec<u8>>, ForgeError> {
    if text.trim().is_empty() {
        return Err(ForgeError::EmptySecret);
    }
    if sender != Sender::StandardWebhooks {
        return Ok(Zeroizing::new(text.as_bytes().to_vec()));
    }
    if text.starts_with("whsk_") || text.starts_with("whpk_") {
        return Err(ForgeError::Asymmetric);
    }
    let coded = text.strip_prefix("whsec_").unwrap_or(text).trim_end_matches('=');
    let padded = format!("{coded}{}", "=".repeat((4 - coded.len() % 4) % 4));
    let bytes = BASE64.decode(padded).map_err(|_| ForgeError::NotBase64)?;
    if bytes.is_empty() { Err(ForgeError::EmptySecret) } else { Ok(Zeroizing::new(bytes)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use signature::{Outgoing, Signer, Verifier};

    /// The same headers as the signer's of `crates/signature`, and its verifier takes them.
    #[test]
    fn what_is_forged_right_is_what_the_sender_signs() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let ms = 1_764_115_200_123;
        for sender in Sender::ALL {
            let forge = Forge::new(sender, &secret, sender.usual_event(), None, "probe-1").unwrap();
            let draft = forge.draft("valid", 1, ms);
            let shot = forge.signed("valid", &draft, Right::Accepted);
            let text =
                |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8(value.clone()).unwrap());
            let headers: Vec<(String, String)> = shot.headers.iter().map(text).collect();
            let verifier = Verifier::new(sender.scheme(), &secret).unwrap();
            let verdict = verifier.verify(&headers, &draft.body, ms);
            assert!(verdict.valid, "{sender}: {verdict:?}");
            let signer = Signer::new(sender.scheme(), &secret).unwrap();
            let webhook =
                Outgoing { event: &draft.event, id: &draft.id, timestamp_ms: ms, body: &draft.body };
            for (name, value) in signer.sign(&webhook) {
                assert!(headers.contains(&(name.to_owned(), value.clone())), "{sender}: {name}: {value}");
            }
            assert!(String::from_utf8_lossy(&draft.body).contains("probe-1"), "{sender}: a canary");
        }
    }

    #[test]
    fn secrets_that_are_no_keys_are_named() {
        let of = |sender, text: &str| Forge::new(sender, &Secret::new(text), "e", None, "c").err();
        assert_eq!(of(Sender::Github, " "), Some(ForgeError::EmptySecret));
        assert_eq!(of(Sender::StandardWebhooks, "whsec_"), Some(ForgeError::EmptySecret));
        assert_eq!(of(Sender::StandardWebhooks, "whsec_???"), Some(ForgeError::NotBase64));
        assert_eq!(of(Sender::StandardWebhooks, "whsk_AAAA"), Some(ForgeError::Asymmetric));
        let list = Some(serde_json::json!([1]));
        let error = Forge::new(Sender::Github, &Secret::new("s"), "e", list, "c").err();
        assert_eq!(error, Some(ForgeError::NotAnObject));
    }
}
