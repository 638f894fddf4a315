//! Which version of a sender's signature a secret is for, and which half of a key pair it is.

use super::compiled::{Compiled, Version};
use super::key::{Key, KeyError, decoded};
use super::pem;
use super::public_key::{self, Half, Kind};
use super::spec::KeyEncoding;

/// The version that a secret is for, and the secret without what stands before it.
pub(super) struct Chosen<'a> {
    pub(super) version: &'static Version,
    pub(super) text: &'a str,
    half: Half,
}

impl<'a> Chosen<'a> {
    /// By what the secret begins with, or the algorithm that its PEM names; else the first version that asks for no beginning.
    pub(super) fn of(sender: &'static Compiled, text: &'a str) -> Result<Self, KeyError> {
        if text.trim_start().starts_with(pem::BEGIN) {
            // As text it would be an HMAC's key that everybody may have: the public half of a pair.
            let version = by_pem(sender, text).ok_or(KeyError::Pem)?;
            return Ok(Self { version, text, half: Half::Either });
        }
        let strip = |prefix: &str| (!prefix.is_empty()).then(|| text.strip_prefix(prefix)).flatten();
        for version in &sender.versions {
            let secret = version.secret;
            // The one prefix of a sender that has no other for public keys says nothing about the half.
            let half = if secret.public_prefix.is_empty() { Half::Either } else { Half::Private };
            if let Some(text) = strip(&secret.prefix) {
                return Ok(Self { version, text, half });
            }
            if let Some(text) = strip(&secret.public_prefix) {
                return Ok(Self { version, text, half: Half::Public });
            }
        }
        let bare = sender.versions.iter().find(|v| {
            v.secret.prefix_optional || (v.secret.prefix.is_empty() && v.secret.public_prefix.is_empty())
        });
        let wanted = sender.versions.first().map_or("", |v| v.secret.prefix.as_str());
        let version = bare.ok_or(KeyError::Prefix(wanted))?;
        Ok(Self { version, text, half: Half::Either })
    }

    pub(super) fn pair(&self, signs: bool) -> Result<Key, KeyError> {
        let encoding = match self.version.secret.encoding {
            // A key pair as text is PEM, or base64-coded DER.
            KeyEncoding::Text => KeyEncoding::Base64,
            other => other,
        };
        let text = self.text.trim();
        let bytes = match pem::der(text) {
            Some(der) => der,
            None => decoded(encoding, text)?,
        };
        public_key::read(self.version.algorithm, &bytes, self.half, signs)
    }
}

/// The version of the algorithm that a PEM names; where the sender has none, that of its first key pair, which says what is wrong.
fn by_pem(sender: &'static Compiled, text: &str) -> Option<&'static Version> {
    let named = pem::der(text).and_then(|der| Kind::named(&der));
    let pairs = || sender.versions.iter().filter(|version| version.algorithm.is_public_key());
    let same = |version: &&Version| named.is_some() && Kind::of(version.algorithm) == named;
    pairs().find(same).or_else(|| pairs().next())
}

#[cfg(test)]
mod tests {
    use super::super::public_key::new_p256;
    use crate::{KeyError, Outgoing, Received, Scheme, Secret, Signer, Verifier};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ed25519_dalek::SigningKey;

    const URL: &str = "https://a.example/in";
    const NOW: i64 = 1_764_115_200_000;

    fn signed(scheme: Scheme, secret: &Secret) -> Vec<(String, String)> {
        let signer = Signer::new(scheme, secret).unwrap().to("POST", URL);
        let out = Outgoing { event: "paid", id: "1", timestamp_ms: NOW, body: b"{}" };
        signer.sign(&out).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn valid(scheme: Scheme, secret: &Secret, headers: &[(String, String)]) -> bool {
        let request = Received { method: "POST", url: URL, headers, body: b"{}" };
        Verifier::new(scheme, secret).unwrap().verify_request(&request, NOW, &[]).valid
    }

    /// About half of all seeds are no point of the curve either, so that they were refused as public keys.
    #[test]
    fn a_key_with_the_private_prefix_is_private_for_whoever_verifies_too() {
        for scheme in [Scheme::StandardWebhooks, Scheme::Svix, Scheme::Rfc9421] {
            for seed in [[0u8; 32], [1; 32], [7; 32], [200; 32]] {
                let pair = SigningKey::from_bytes(&seed);
                let private = Secret::new(format!("whsk_{}", STANDARD.encode(seed)));
                let both = Secret::new(format!("whsk_{}", STANDARD.encode(pair.to_keypair_bytes())));
                let public = pair.verifying_key().to_bytes();
                let public = Secret::new(format!("whpk_{}", STANDARD.encode(public)));
                let headers = signed(scheme, &private);
                for secret in [&private, &both, &public] {
                    assert!(valid(scheme, secret, &headers), "{scheme} {seed:?}");
                }
                assert_eq!(Signer::new(scheme, &public).err(), Some(KeyError::PublicKeyCannotSign));
            }
        }
    }

    fn pem(label: &str, der: &[u8]) -> String {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
    }

    #[test]
    fn a_pem_is_of_the_version_whose_algorithm_it_names() {
        let p256 = new_p256().unwrap();
        let (ecdsa, prefixed) = (pem("PRIVATE KEY", &p256), format!("ecdsa_{}", STANDARD.encode(&p256)));
        let headers = signed(Scheme::Rfc9421, &Secret::new(ecdsa.as_str()));
        assert!(valid(Scheme::Rfc9421, &Secret::new(ecdsa.as_str()), &headers));
        assert!(valid(Scheme::Rfc9421, &Secret::new(prefixed), &headers));
        let rsa = include_str!("../vectors/rsa.jsonl").lines().next().unwrap();
        let rsa: serde_json::Value = serde_json::from_str(rsa).unwrap();
        let rsa = rsa["public"].as_str().unwrap();
        assert!(!valid(Scheme::Rfc9421, &Secret::new(rsa), &headers));
        let ed25519 = pem("PRIVATE KEY", &[&ED25519_PKCS8[..], &[7; 32]].concat());
        let headers = signed(Scheme::Rfc9421, &Secret::new(ed25519.as_str()));
        assert!(valid(Scheme::Rfc9421, &Secret::new(ed25519), &headers));
        // A sender without that algorithm says what its own is.
        let says = |scheme: Scheme, text: &str| Verifier::new(scheme, &Secret::new(text)).unwrap_err();
        assert_eq!(says(Scheme::StandardWebhooks, rsa), KeyError::NotEd25519);
        assert_eq!(says(Scheme::Sendgrid, rsa), KeyError::NotAKey("ECDSA P-256"));
        assert_eq!(says(Scheme::Stripe, rsa), KeyError::Pem);
        // SEC 1, which is not read.
        let sec1 = pem("EC PRIVATE KEY", &[0x30, 6, 2, 1, 1, 4, 1, 9]);
        assert_eq!(says(Scheme::Rfc9421, &sec1), KeyError::NotAKey("ECDSA P-256"));
        // PKCS#1, which is read as it is.
        let pkcs1 = pem("RSA PUBLIC KEY", &[0x30, 6, 2, 1, 1, 2, 1, 9]);
        assert!(!valid(Scheme::Rfc9421, &Secret::new(pkcs1), &headers));
    }

    /// What stands before a seed in PKCS#8 (RFC 8410).
    const ED25519_PKCS8: [u8; 16] = [0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32];

    #[test]
    fn a_version_is_checked_where_only_a_pem_selects_it() {
        let of = |algorithm: &str| {
            let spec = serde_json::json!({ "signature": {
                "algorithm": "ed25519", "header": "X-Sig", "form": "list", "prefix": "a=",
                "versions": [{ "algorithm": algorithm, "prefix": "b=" }],
            } });
            Scheme::of("mine", serde_json::from_value(spec).unwrap()).is_ok()
        };
        assert_eq!([of("rsa"), of("ecdsa-p256"), of("ed25519")], [true, true, false]);
    }
}
