//! Signing: from an outgoing webhook to its headers, in the order of the wire.

use super::key::{Key, KeyError, finish};
use super::scheme::{Scheme, Unit};
use crate::Secret;
use std::fmt;

/// A webhook about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Event name, for the schemes with an event header.
    pub event: &'a str,
    /// Delivery id: a UUID for `deltacrown-v2`; any text for `standard-webhooks`, which signs it.
    pub id: &'a str,
    /// Time of signing in Unix milliseconds; schemes in seconds round down.
    pub timestamp_ms: i64,
    /// The exact bytes of the body.
    pub body: &'a [u8],
}

/// Signs webhooks under one scheme and one secret. A clone is cheap.
#[derive(Clone)]
pub struct Signer {
    scheme: Scheme,
    key: Option<Key>,
}

impl Signer {
    /// A signer for `secret`.
    ///
    /// # Errors
    /// An empty secret, or one that is no key of the scheme, or a public key.
    pub fn new(scheme: Scheme, secret: &Secret) -> Result<Self, KeyError> {
        match Key::new(scheme, secret)? {
            Key::Public(_) => Err(KeyError::PublicKeyCannotSign),
            key => Ok(Self { scheme, key: Some(key) }),
        }
    }

    /// The sender that has no secret: its signature header is there and empty, as a real one was seen to send.
    #[must_use]
    pub const fn without_secret(scheme: Scheme) -> Self {
        Self { scheme, key: None }
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The signature headers of `webhook`, in the order in which the sender writes them.
    ///
    /// `event` and `id` are written as they are: whoever takes them from outside keeps line ends out of them.
    #[must_use]
    pub fn sign(&self, webhook: &Outgoing<'_>) -> Vec<(&'static str, String)> {
        let layout = self.scheme.layout();
        let timestamp = layout.unit.map(|unit| stamp(unit, webhook.timestamp_ms)).unwrap_or_default();
        let message = self.scheme.message(&timestamp, webhook.id, webhook.body);
        let tag = self.key.as_ref().and_then(|key| key.tag(self.scheme, &message).ok());
        let signature = match (self.scheme, tag) {
            (_, None) => String::new(),
            (Scheme::Stripe, Some(tag)) => format!("t={timestamp},{tag}"),
            (_, Some(tag)) => tag,
        };
        let value = |name: &'static str| {
            let text = match Some(name) {
                n if n == layout.id => webhook.id.to_owned(),
                n if n == layout.event => webhook.event.to_owned(),
                n if n == layout.timestamp => timestamp.clone(),
                _ => signature.clone(),
            };
            (name, text)
        };
        layout.own.iter().copied().map(value).collect()
    }

    /// Writes the HMAC-SHA256 of a message in pieces as lower-case hex into `hex`, for senders that lay out their
    /// headers themselves; `false`, and nothing written, when the key is none for HMAC.
    pub fn mac_hex_into(&self, message: &[&[u8]], hex: &mut [u8; 64]) -> bool {
        let Some(Key::Hmac(state)) = &self.key else { return false };
        hex::encode_to_slice(finish(state, message), hex).is_ok()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, {})", self.scheme, if self.key.is_some() { "keyed" } else { "without secret" })
    }
}

fn stamp(unit: Unit, ms: i64) -> String {
    ms.div_euclid(unit.ms()).to_string()
}
