//! Signing: from an outgoing webhook to its headers, in the order of the wire.

use super::compiled::{Compiled, Version};
use super::key::{Key, KeyError, write_hex};
use super::message_signatures;
use super::other_urls::signed_url;
use super::scheme::Scheme;
use super::spec::Form;
use super::template::{Context, query_field};
use crate::Secret;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt;

/// A webhook about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Event name, for the senders with an event header.
    pub event: &'a str,
    /// Delivery id: a UUID where the profile wants one, else any text; some senders sign it.
    pub id: &'a str,
    /// Time of signing in Unix milliseconds; senders in seconds round down.
    pub timestamp_ms: i64,
    /// The exact bytes of the body.
    pub body: &'a [u8],
}

/// A webhook as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The sender's own headers, in its order.
    pub headers: Vec<(&'static str, String)>,
    /// The body: the one that was given, or for senders that sign inside the body, the body with its signature.
    pub body: Cow<'a, [u8]>,
}

/// Room for the signature of most senders, in bytes: the digits of HMAC-SHA256, a timestamp, and what stands before each.
const SIGNATURE: usize = 96;

/// Signs webhooks of one sender with one secret. A clone is cheap.
#[derive(Clone)]
pub struct Signer {
    scheme: Scheme,
    sender: &'static Compiled,
    key: Option<(&'static Version, Key)>,
    method: String,
    url: String,
}

impl Signer {
    /// A signer for `secret`.
    ///
    /// # Errors
    /// An empty secret, or one that is no key of the sender, or a public key.
    pub fn new(scheme: Scheme, secret: &Secret) -> Result<Self, KeyError> {
        let sender = scheme.compiled();
        let key = Key::new(sender, secret, true)?;
        Ok(Self { key: Some(key), ..Self::without_secret(scheme) })
    }

    /// The sender that has no secret: its signature header is there and empty, as a real one was seen to send.
    #[must_use]
    pub fn without_secret(scheme: Scheme) -> Self {
        let (method, url) = ("POST".to_owned(), String::new());
        Self { scheme, sender: scheme.compiled(), key: None, method, url }
    }

    /// The same for requests with this method to this URL, for senders that sign them. `POST` and nothing when not said.
    #[must_use]
    pub fn to(mut self, method: &str, url: &str) -> Self {
        let url = signed_url(&self.sender.spec.signature, url).into_owned();
        (self.method, self.url) = (method.to_owned(), url);
        self
    }

    /// The sender.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The sender's own headers of `webhook`, in the order in which it writes them. For a sender that puts its signature into
    /// the body, [`Signer::sign_whole`].
    ///
    /// `event` and `id` are written as they are: whoever takes them from outside keeps line ends out of them.
    #[must_use]
    pub fn sign(&self, webhook: &Outgoing<'_>) -> Vec<(&'static str, String)> {
        let spec = self.sender.spec;
        let s = &spec.signature;
        let timestamp = s.timestamp.as_ref().map(|t| t.unit.write(webhook.timestamp_ms)).unwrap_or_default();
        if s.form == Form::MessageSignatures {
            return self.message_signature(webhook, &timestamp);
        }
        let places = &self.sender.places;
        let value = |(place, name): (usize, &&'static str)| {
            let is = |other: Option<usize>| other == Some(place);
            let text = if is(places.signature) {
                String::new()
            } else if is(places.id) {
                webhook.id.to_owned()
            } else if is(places.event) {
                webhook.event.to_owned()
            } else if is(places.timestamp) {
                timestamp.clone()
            } else {
                return None;
            };
            Some((*name, text))
        };
        let mut headers: Vec<_> = self.sender.own.iter().enumerate().filter_map(value).collect();
        let signature = self.signature(webhook, &timestamp, &headers);
        let own = places.signature.and_then(|place| self.sender.own.get(place));
        if let Some((_, value)) = headers.iter_mut().find(|(name, _)| Some(name) == own) {
            *value = signature;
        }
        headers
    }

    /// The headers and the body of `webhook`: of a sender that signs inside the body with id, event, time and signature put
    /// where the profile says, if it is JSON that has room for them.
    #[must_use]
    pub fn sign_whole<'a>(&self, webhook: &Outgoing<'a>) -> Signed<'a> {
        let spec = self.sender.spec;
        let s = &spec.signature;
        let time = s.timestamp.as_ref().filter(|t| t.json.is_some());
        let mut body = Cow::Borrowed(webhook.body);
        let named = [(&spec.event.json, webhook.event), (&spec.id.json, webhook.id)];
        for (pointer, text) in named.iter().filter_map(|(p, text)| Some((p.as_deref()?, text))) {
            if spec.body.batch.is_none() && !text.is_empty() && !has_text(&body, pointer, text) {
                body = set(body, pointer, text, false);
            }
        }
        if s.json.is_none() && time.is_none() {
            let headers = self.sign(&Outgoing { body: &body, ..*webhook });
            return Signed { headers, body: Cow::Owned(body.into_owned()) };
        }
        if let Some((pointer, unit)) = time.and_then(|t| Some((t.json.as_deref()?, t.unit))) {
            let text = unit.write(webhook.timestamp_ms);
            body = set(body, pointer, &text, time.is_some_and(|t| t.number));
        }
        let inner = Outgoing { body: &body, ..*webhook };
        let timestamp = s.timestamp.as_ref().map(|t| t.unit.write(webhook.timestamp_ms)).unwrap_or_default();
        let headers = self.sign(&inner);
        if let Some(pointer) = s.json.as_deref() {
            let signature = self.signature(&inner, &timestamp, &headers);
            body = Cow::Owned(set(Cow::Borrowed(&*body), pointer, &signature, false).into_owned());
        }
        Signed { headers, body: Cow::Owned(body.into_owned()) }
    }

    /// The whole value of the signature header beside the sender's other `headers`; empty without a secret.
    fn signature(
        &self,
        webhook: &Outgoing<'_>,
        timestamp: &str,
        headers: &[(&'static str, String)],
    ) -> String {
        let s = &self.sender.spec.signature;
        // The URL covers a body whose hash it holds.
        let digest = s.body_digest.as_deref().and_then(|name| query_field(&self.url, name));
        let in_url = digest.is_some_and(|digest| digest == hex::encode(Sha256::digest(webhook.body)));
        let body = if in_url { b"" } else { webhook.body };
        let signed = headers.iter().filter(|(name, _)| self.sender.template.has_header(name));
        let signed: Vec<_> = signed.map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let context = Context::new(timestamp, webhook.id, &signed, body).to(&self.method, &self.url);
        let Some((version, key)) = &self.key else { return String::new() };
        let mut value = String::with_capacity(SIGNATURE);
        let mut write = |texts: &[&str]| texts.iter().for_each(|text| value.push_str(text));
        if s.form == Form::Pairs {
            if let Some(key) = s.timestamp.as_ref().and_then(|t| t.key.as_deref()) {
                write(&[key, "=", timestamp, self.sender.separator]);
            }
            write(&[version.key, "="]);
        }
        write(&[version.prefix]);
        let feed = |sink: &mut dyn FnMut(&[u8])| self.sender.template.feed(&context, sink);
        // What cannot sign sends an empty header, as who has no secret does.
        key.write_tag(version.encoding, feed, &mut value).map_or_else(|_| String::new(), |()| value)
    }

    fn message_signature(&self, webhook: &Outgoing<'_>, created: &str) -> Vec<(&'static str, String)> {
        let spec = self.sender.spec;
        let mut headers: Vec<(&'static str, String)> = Vec::new();
        let named = [(spec.id.header.as_deref(), webhook.id), (spec.event.header.as_deref(), webhook.event)];
        headers.extend(named.into_iter().filter_map(|(name, value)| Some((name?, value.to_owned()))));
        let seen: Vec<(String, String)> = headers.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
        let context = Context::new(created, webhook.id, &seen, webhook.body).to(&self.method, &self.url);
        let key = self.key.as_ref().map(|(_, key)| key);
        headers.extend(message_signatures::sign(&spec.signature, key, &context));
        headers
    }

    /// Writes the HMAC-SHA256 of a message in pieces as lower-case hex into `hex`, for senders that lay out their
    /// headers themselves; `false`, and nothing written, when the key is none for HMAC-SHA256.
    pub fn mac_hex_into(&self, message: &[&[u8]], hex: &mut [u8; 64]) -> bool {
        let Some((_, Key::Mac(mac))) = &self.key else { return false };
        let digest = mac.over(message);
        if digest.bytes().len() != 32 {
            return false;
        }
        write_hex(digest.bytes(), hex);
        true
    }
}

/// Whether a JSON body has this text at a place.
fn has_text(body: &[u8], pointer: &str, text: &str) -> bool {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    json.as_ref().and_then(|json| json.pointer(pointer)?.as_str()) == Some(text)
}

/// The JSON body with this text at a place, which is made where it is not there: a number stays one where there is one. As it
/// was, when it is not JSON or the place cannot be. `number`: one is made of it in any case.
fn set<'a>(body: Cow<'a, [u8]>, pointer: &str, text: &str, number: bool) -> Cow<'a, [u8]> {
    let Ok(mut json) = serde_json::from_slice::<Value>(&body) else { return body };
    let Some((parent, name)) = pointer.rsplit_once('/') else { return body };
    let Some(parent) = made(&mut json, parent) else { return body };
    let number = number || parent.get(name).is_some_and(Value::is_number);
    let value = match text.parse::<i64>() {
        Ok(value) if number => Value::from(value),
        _ => Value::from(text),
    };
    match parent {
        Value::Object(map) => {
            map.insert(name.to_owned(), value);
        }
        _ => return body,
    }
    serde_json::to_vec(&json).map_or(body, Cow::Owned)
}

/// The object at a place, made where it is not there.
fn made<'j>(json: &'j mut Value, pointer: &str) -> Option<&'j mut Value> {
    let steps = pointer.split('/').skip(1);
    steps.take(16).try_fold(json, |at, step| match at {
        Value::Object(map) => Some(map.entry(step).or_insert_with(|| Value::Object(serde_json::Map::new()))),
        Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        _ => None,
    })
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, {})", self.scheme, if self.key.is_some() { "keyed" } else { "without secret" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Place, RequestSpec, SignatureSpec, TimestampSpec, Verifier};

    /// A sender that signs these beside the body.
    fn sender(message: &str) -> Scheme {
        let header = |name: &str| Some(name.to_owned());
        let timestamp: Option<TimestampSpec> = serde_json::from_str(r#"{"header": "X-Ts"}"#).unwrap();
        let signature = SignatureSpec {
            header: header("X-Sig"),
            message: message.to_owned(),
            timestamp,
            ..SignatureSpec::default()
        };
        let id = Place { header: header("X-Id"), ..Place::default() };
        let event = Place { header: header("X-Topic"), ..Place::default() };
        Scheme::of("own", RequestSpec { signature, id, event, ..RequestSpec::default() }).unwrap()
    }

    #[test]
    fn a_header_of_its_own_is_signed_as_it_is_sent() {
        let scheme = sender("{header:x-id}.{header:X-Topic}.{header:X-Ts}.{body}");
        let secret = Secret::new("a-shared-secret-of-thirty-two-ch");
        let out = Outgoing { event: "paid", id: "abc", timestamp_ms: 1_795_438_932_000, body: b"body" };
        let signed = Signer::new(scheme, &secret).unwrap().sign(&out);
        let headers: Vec<_> = signed.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        // Python: hmac.new(secret, b"abc.paid.1795438932.body", sha256).hexdigest()
        let tag = "10011604b5a85a6cbc946ecaf36b1f13119328ee378871d7faead15097d0f7d3";
        assert!(headers.contains(&("X-Sig".to_owned(), tag.to_owned())), "{headers:?}");
        assert!(Verifier::new(scheme, &secret).unwrap().verify(&headers, b"body", out.timestamp_ms).valid);
        assert_eq!(scheme.signed_foreign_header(), None);
    }

    #[test]
    fn a_header_that_others_fill_is_told() {
        let scheme = sender("{header:X-Other}.{timestamp}.{body}");
        assert_eq!(scheme.signed_foreign_header(), Some("X-Other"));
        assert!(scheme.needs_own_body().is_some());
    }
}
