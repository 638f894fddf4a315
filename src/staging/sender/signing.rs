//! Signs webhooks until `signature::Signer` lands.

use crate::secret::Secret;
use crate::signature::Scheme;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(super) struct Outgoing<'a> {
    pub(super) event: &'a str,
    pub(super) id: &'a str,
    pub(super) timestamp_ms: i64,
    pub(super) body: &'a [u8],
}

#[derive(Clone)]
pub(super) struct Signer {
    scheme: Scheme,
    secret: Secret,
}

impl Signer {
    pub(super) fn new(scheme: Scheme, secret: &Secret) -> Result<Self, hmac::digest::InvalidLength> {
        Ok(Self { scheme, secret: secret.clone() })
    }

    pub(super) fn sign(&self, out: &Outgoing<'_>) -> Vec<(&'static str, String)> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes()) else {
            return Vec::new();
        };
        if self.scheme == Scheme::DeltacrownV2 {
            mac.update(format!("{}.", out.timestamp_ms).as_bytes());
        }
        mac.update(out.body);
        let signature = hex::encode(mac.finalize().into_bytes());
        let mut headers = vec![("X-Webhook-Signature", signature), ("X-Webhook-Event", out.event.to_owned())];
        if self.scheme == Scheme::DeltacrownV2 {
            headers.push(("X-Webhook-Timestamp", out.timestamp_ms.to_string()));
            headers.push(("X-Webhook-Id", out.id.to_owned()));
        }
        headers
    }
}
