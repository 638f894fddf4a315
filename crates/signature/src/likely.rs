//! Whether a request may be signed in some way, for whoever tries thousands of ways: nothing is compiled for it, and nothing kept.

use super::kept::hidden;
use super::key::{Mac, decoded, encode};
use super::seen::first;
use super::spec::{Algorithm, Form, RequestSpec, SignatureSpec};
use super::template::{Context, Template};
use super::verifier::Received;
use crate::Secret;

impl SignatureSpec {
    /// Whether the header of a request holds the HMAC of its message under `secret`, or the token that `secret` is. Form, prefix and
    /// age are not looked at: what is likely so is for a [`crate::Verifier`] to check. No other algorithm is likely.
    #[must_use]
    pub fn is_likely(&self, secret: &Secret, request: &Received<'_>) -> bool {
        let fits =
            |secret: Secret| self.tag(&secret, request).is_some_and(|(tag, value)| value.contains(&tag));
        secret.each().any(fits)
    }

    /// What would stand in the header, and what does.
    fn tag<'r>(&self, secret: &Secret, request: &Received<'r>) -> Option<(String, &'r str)> {
        let value = first(request.headers, self.header.as_deref()?)?;
        let text = secret.expose();
        let text = text.strip_prefix(&self.secret.prefix).unwrap_or(text);
        if self.algorithm == Algorithm::Token {
            // Of a header that is known to hold one, a journal has a digest.
            let kept = hidden(text.as_bytes());
            return Some((if value.contains(&kept) { kept } else { text.to_owned() }, value));
        }
        let mac = Mac::new(self.algorithm, &decoded(self.secret.encoding, text).ok()?)?;
        let spec = RequestSpec { signature: self.clone(), ..RequestSpec::default() };
        let template = Template::parse(&self.message, &spec).ok()?;
        let timestamp = self.timestamp_text(request, value);
        let context = Context::new(timestamp.unwrap_or_default(), "", request.headers, request.body)
            .to(request.method, request.url);
        let mut tag = String::new();
        encode(self.encoding, mac.digest(|sink| template.feed(&context, sink)).bytes(), &mut tag);
        tag.truncate(tag.trim_end_matches('=').len());
        Some((tag, value))
    }

    fn timestamp_text<'r>(&self, request: &Received<'r>, value: &'r str) -> Option<&'r str> {
        let timestamp = self.timestamp.as_ref()?;
        if let Some(header) = &timestamp.header {
            return first(request.headers, header);
        }
        let key = timestamp.key.as_deref().filter(|_| self.form == Form::Pairs)?;
        let mut pairs = value
            .split(self.separator.as_deref().unwrap_or(","))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Outgoing, Received, Scheme, Secret, Signer};

    #[test]
    fn what_a_sender_signs_is_likely_signed_so_and_not_otherwise() {
        let mut tried = 0;
        for scheme in Scheme::ALL {
            let signature = &scheme.spec().signature;
            let secret = scheme.generate_secret().unwrap_or_else(|_| Secret::new("a-secret-of-nobody"));
            let Ok(signer) = Signer::new(scheme, &secret) else { continue };
            let outgoing =
                Outgoing { event: "paid", id: "1", timestamp_ms: 1_763_044_215_000, body: br#"{"id":"1"}"# };
            let headers: Vec<(String, String)> =
                signer.sign(&outgoing).into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
            let request = |body| Received { method: "POST", url: "", headers: &headers, body };
            // An id stands in a header of its own where nothing is compiled.
            let spec = match &scheme.spec().id.header {
                Some(id) => crate::SignatureSpec {
                    message: signature.message.replace("{id}", &format!("{{header:{id}}}")),
                    ..signature.clone()
                },
                None => signature.clone(),
            };
            let is_mac = signature.algorithm.digest_bytes().is_some() && signature.header.is_some();
            let in_header = signature.timestamp.as_ref().is_none_or(|t| t.json.is_none());
            if is_mac && in_header {
                assert!(spec.is_likely(&secret, &request(outgoing.body)), "{scheme}");
                assert!(!spec.is_likely(&Secret::new("another"), &request(outgoing.body)), "{scheme}");
                tried += 1;
            }
        }
        assert!(tried > 10, "{tried}");
    }

    #[test]
    fn a_token_is_likely_in_clear_and_as_a_journal_has_it() {
        let secret = Secret::new("a-token-of-gitlab-1234567890");
        let mut headers = vec![("X-Gitlab-Token".to_owned(), secret.expose().to_owned())];
        let likely = |headers: &[(String, String)], secret: &Secret| {
            let request = Received { method: "POST", url: "", headers, body: b"{}" };
            Scheme::Gitlab.spec().signature.is_likely(secret, &request)
        };
        assert!(likely(&headers, &secret) && !likely(&headers, &Secret::new("another")));
        Scheme::Gitlab.hide_credentials(&mut headers);
        assert!(likely(&headers, &secret) && !likely(&headers, &Secret::new("another")));
    }
}
