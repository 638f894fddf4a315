//! Forges a request for a case from a sender and a secret: every part of a signed webhook can be another than it should be.

use crate::sender::{Layout, body_events, can_imitate, put, usual_body};
use crate::shot::{Content, Framing, Manner, Shot};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use record::Right;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use signature::{Algorithm, Encoding, KeyEncoding, Received, Scheme, Secret, SecretSpec, Unit};
use zeroize::Zeroizing;

/// A key that no receiver has.
const WRONG_KEY: &[u8] = b"smoke-probe: a key that nobody has";

/// Why nothing can be forged, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeError(String);

impl std::fmt::Display for ForgeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ForgeError {}

fn error(why: impl Into<String>) -> ForgeError {
    ForgeError(why.into())
}

/// Everything that requests of one probe are made from.
#[derive(Debug, Clone)]
pub struct Forge {
    pub(crate) scheme: Scheme,
    layout: Layout,
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
    /// When the sender cannot be imitated, the secret is no key of it, or the body no JSON object.
    pub fn new(
        scheme: Scheme,
        secret: &Secret,
        event: &str,
        body: Option<Value>,
        canary: &str,
    ) -> Result<Self, ForgeError> {
        can_imitate(scheme).map_err(error)?;
        let body = body.unwrap_or_else(|| usual_body(scheme));
        if !body.is_object() {
            return Err(error("the body is not a JSON object, so it cannot carry the probe's mark"));
        }
        let key = key(&scheme.spec().signature.secret, secret.expose())?;
        Self::with(scheme, key, event, body, canary).ok_or_else(|| error("this sender cannot be imitated"))
    }

    /// One that makes as many requests, under no key.
    pub(crate) fn hollow(scheme: Scheme) -> Option<Self> {
        Self::with(scheme, Zeroizing::new(Vec::new()), "event", usual_body(scheme), "")
    }

    fn with(scheme: Scheme, key: Zeroizing<Vec<u8>>, event: &str, body: Value, canary: &str) -> Option<Self> {
        let layout = Layout::of(scheme).ok()?;
        let (event, canary) = (event.to_owned(), canary.to_owned());
        Some(Self { scheme, layout, key, event, body, canary })
    }

    /// The same with another sender, and the secret taken as that one takes it.
    #[must_use]
    pub fn as_sender(&self, scheme: Scheme, secret: &Secret) -> Option<Self> {
        Self::new(scheme, secret, &self.event, None, &self.canary).ok()
    }

    /// The same with another key.
    #[must_use]
    pub fn with_key(&self, key: &[u8]) -> Self {
        Self { key: Zeroizing::new(key.to_vec()), ..self.clone() }
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A webhook of its own, signed at `ms`, number `n` of the probe.
    pub(crate) fn draft(&self, case: &str, n: u32, ms: i64) -> Draft {
        self.draft_of(&self.event, case, n, ms)
    }

    pub(crate) fn draft_of(&self, event: &str, case: &str, n: u32, ms: i64) -> Draft {
        let id = self.id(case, n);
        let mut body = self.body.clone();
        body_events(self.scheme).into_iter().for_each(|pointer| put(&mut body, pointer, event));
        if let Some(pointer) = &self.scheme.spec().id.json {
            put(&mut body, pointer, &id);
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
        match self.layout.unit {
            Some(Unit::Seconds) => ms.div_euclid(1000).to_string(),
            Some(_) => ms.to_string(),
            None => String::new(),
        }
    }

    /// An id that is no other delivery's: a UUID, or what the sender has in its place.
    fn id(&self, case: &str, n: u32) -> String {
        let digest = Sha256::digest(format!("{}/{case}/{n}", self.canary));
        let bytes: [u8; 16] = std::array::from_fn(|i| digest.get(i).copied().unwrap_or_default());
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        match self.scheme.sender() {
            "stripe" => format!("evt_{}", uuid.simple()),
            "slack" => format!("Ev{}", uuid.simple()),
            "standard-webhooks" | "svix" => format!("msg_{}", uuid.simple()),
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
        self.encoded(&digest(self.layout.algorithm, key, &self.message(draft)))
    }

    /// The key that the sender's libraries make of a text; none where they take the text as it is.
    pub(crate) fn key_of(&self, text: &str) -> Option<Vec<u8>> {
        let spec = &self.scheme.spec().signature.secret;
        let decoded = SecretSpec { prefix_optional: true, ..spec.clone() };
        (spec.encoding != KeyEncoding::Text)
            .then(|| key(&decoded, text).ok())
            .flatten()
            .map(|key| key.to_vec())
    }

    /// The signature of the body alone, as of a sender that signs neither timestamp nor id.
    pub(crate) fn body_only_tag(&self, draft: &Draft) -> String {
        self.encoded(&digest(self.layout.algorithm, &self.key, &draft.body))
    }

    /// The right signature with some of its bytes changed: another MAC of the same length, in the sender's encoding.
    pub(crate) fn spoilt_tag(&self, draft: &Draft, spoil: impl FnOnce(&mut [u8])) -> String {
        let mut mac = digest(self.layout.algorithm, &self.key, &self.message(draft));
        spoil(&mut mac);
        self.encoded(&mac)
    }

    /// HMAC-SHA1 under the right key.
    pub(crate) fn sha1_tag(&self, draft: &Draft) -> String {
        self.encoded(&digest(Algorithm::HmacSha1, &self.key, &self.message(draft)))
    }

    /// The HMACs that the sender does not use, under the right key, and the hash that needs none.
    pub(crate) fn other_algorithms(&self, draft: &Draft) -> Vec<(&'static str, String)> {
        let message = self.message(draft);
        let others = [Algorithm::HmacSha1, Algorithm::HmacSha256, Algorithm::HmacSha512];
        let others = others.into_iter().filter(|other| *other != self.layout.algorithm);
        let mut all: Vec<(&'static str, String)> =
            others.map(|other| (other.name(), self.encoded(&digest(other, &self.key, &message)))).collect();
        all.push(("SHA-256 without a key", self.encoded(&Sha256::digest(&message))));
        all
    }

    fn message(&self, draft: &Draft) -> Vec<u8> {
        let request = Received { method: "POST", url: "", headers: &[], body: &draft.body };
        self.scheme.message(&request, &draft.stamp, &draft.id)
    }

    fn encoded(&self, mac: &[u8]) -> String {
        match self.layout.encoding {
            Encoding::Hex => hex::encode(mac),
            Encoding::Base64 => BASE64.encode(mac),
            Encoding::Base64url => URL_SAFE.encode(mac),
        }
    }

    /// The value of the signature header that holds these signatures, prefixes included.
    pub(crate) fn value_of(&self, draft: &Draft, tags: &[String]) -> String {
        let tags = tags.join(self.layout().separator.unwrap_or(" "));
        match (self.layout.time_key, self.layout.separator) {
            (Some(key), Some(separator)) => format!("{key}={}{separator}{tags}", draft.stamp),
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

/// HMAC of a message; nothing for an algorithm that is none.
fn digest(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::HmacSha1 => hmac::<Hmac<Sha1>>(key, message),
        Algorithm::HmacSha256 => hmac::<Hmac<Sha256>>(key, message),
        Algorithm::HmacSha512 => hmac::<Hmac<Sha512>>(key, message),
        _ => Vec::new(),
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length; where it did not, nothing could be forged, and nothing is.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// The key that a sender makes of a secret's text.
fn key(spec: &SecretSpec, text: &str) -> Result<Zeroizing<Vec<u8>>, ForgeError> {
    const EMPTY: &str = "the webhook secret is empty: everybody knows that key";
    if text.trim().is_empty() {
        return Err(error(EMPTY));
    }
    if text.starts_with("whsk_") || text.starts_with("whpk_") {
        return Err(error(
            "the webhook secret is an ed25519 key; smoke probe signs with HMAC secrets (`whsec_…`)",
        ));
    }
    let coded = match text.strip_prefix(&*spec.prefix) {
        Some(coded) => coded,
        None if spec.prefix_optional => text,
        None => return Err(error(format!("the webhook secret does not begin with `{}`", spec.prefix))),
    };
    let bytes = match spec.encoding {
        KeyEncoding::Text => Some(coded.as_bytes().to_vec()),
        KeyEncoding::Hex => hex::decode(coded).ok(),
        KeyEncoding::Base64 => {
            let coded = coded.trim_end_matches('=').replace('-', "+").replace('_', "/");
            BASE64.decode(format!("{coded}{}", "=".repeat((4 - coded.len() % 4) % 4))).ok()
        }
    };
    match bytes {
        None if spec.encoding == KeyEncoding::Hex => {
            Err(error("the webhook secret is not hex, as this sender's are"))
        }
        None => Err(error("the webhook secret is not base64, as this sender's are")),
        Some(bytes) if bytes.is_empty() => Err(error(EMPTY)),
        Some(bytes) => Ok(Zeroizing::new(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender::usual_event;
    use signature::{Outgoing, Signer, Verifier};

    /// The same headers as the signer's of `crates/signature`, and its verifier takes them.
    #[test]
    fn what_is_forged_right_is_what_the_sender_signs() {
        let ms = 1_764_115_200_123;
        let mut imitated = Vec::new();
        for scheme in Scheme::ALL {
            let Ok(secret) = scheme.generate_secret() else { continue };
            if can_imitate(scheme).is_err() {
                let refused = Forge::new(scheme, &secret, "e", None, "c").unwrap_err().to_string();
                assert!(refused.contains("smoke probe cannot imitate them"), "{refused}");
                continue;
            }
            imitated.push(scheme.sender());
            let forge = Forge::new(scheme, &secret, usual_event(scheme), None, "probe-1").unwrap();
            let draft = forge.draft("valid", 1, ms);
            let shot = forge.signed("valid", &draft, Right::Accepted);
            let text =
                |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8(value.clone()).unwrap());
            let headers: Vec<(String, String)> = shot.headers.iter().map(text).collect();
            let verifier = Verifier::new(scheme, &secret).unwrap();
            let verdict = verifier.verify(&headers, &draft.body, ms);
            assert!(verdict.valid, "{scheme}: {verdict:?}");
            let signer = Signer::new(scheme, &secret).unwrap();
            let webhook =
                Outgoing { event: &draft.event, id: &draft.id, timestamp_ms: ms, body: &draft.body };
            for (name, value) in signer.sign(&webhook) {
                assert!(headers.contains(&(name.to_owned(), value.clone())), "{scheme}: {name}: {value}");
            }
            assert!(String::from_utf8_lossy(&draft.body).contains("probe-1"), "{scheme}: a canary");
        }
        for wanted in
            ["deltacrown-5.5", "deltacrown-5.6", "stripe", "github", "slack", "standard-webhooks", "shopify"]
        {
            assert!(imitated.contains(&wanted), "{wanted} is not among {imitated:?}");
        }
    }

    #[test]
    fn secrets_that_are_no_keys_are_named() {
        let of = |scheme, text: &str| {
            Forge::new(scheme, &Secret::new(text), "e", None, "c").unwrap_err().to_string()
        };
        assert!(of(Scheme::Github, " ").contains("is empty"));
        assert!(of(Scheme::StandardWebhooks, "whsec_").contains("is empty"));
        assert!(of(Scheme::StandardWebhooks, "whsec_???").contains("not base64"));
        assert!(of(Scheme::StandardWebhooks, "whsk_AAAA").contains("ed25519"));
        let list = Some(serde_json::json!([1]));
        let error = Forge::new(Scheme::Github, &Secret::new("s"), "e", list, "c").unwrap_err();
        assert!(error.to_string().contains("not a JSON object"));
    }
}
