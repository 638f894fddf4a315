//! What a journal keeps of what a sender shows in clear to be let in: a digest of it. A token is the secret itself, and journals are
//! shown to people.

use super::key::Key;
use super::scheme::Scheme;
use super::spec::{Algorithm, Form};
use super::verifier::Verifier;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What stands before the digest, so that nobody takes it for a token.
const MARK: &str = "smoke-sha256:";

/// Headers of HTTP that let in whoever shows them (RFC 9110 section 11, RFC 6265), in lower case.
const CREDENTIALS: [&str; 3] = ["authorization", "proxy-authorization", COOKIE];
const COOKIE: &str = "cookie";

fn credential(header: &str) -> Option<&'static str> {
    CREDENTIALS.into_iter().find(|name| name.eq_ignore_ascii_case(header))
}

fn hidden(token: &[u8]) -> String {
    format!("{MARK}{}", hex::encode(Sha256::digest(token)))
}

impl Scheme {
    /// Puts digests into the place of what lets in whoever shows it: the tokens of a sender that shows one in place of a signature,
    /// and credentials of HTTP. What is signed stays as it is.
    pub fn hide_credentials(self, headers: &mut [(String, String)]) {
        self.hide_tokens(headers);
        for at in 0..headers.len() {
            let Some(credential) = headers.get(at).and_then(|(name, _)| credential(name)) else { continue };
            if self.needs(credential, headers) {
                continue;
            }
            if let Some((_, value)) = headers.get_mut(at) {
                *value = match value.split_once(' ').filter(|_| credential != COOKIE) {
                    Some((kind, shown)) => format!("{kind} {}", hidden(shown.as_bytes())),
                    None => hidden(value.as_bytes()),
                };
            }
        }
    }

    /// Whether the sender's profile looks into a header of that name, or the signature covers it.
    fn needs(self, header: &str, headers: &[(String, String)]) -> bool {
        let sender = self.compiled();
        let own = [&sender.spec.signature.header, &sender.spec.event.header, &sender.spec.id.header];
        let covers = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("signature-input") && value.to_ascii_lowercase().contains(header)
        };
        own.into_iter().flatten().any(|own| own.eq_ignore_ascii_case(header))
            || sender.template.has_header(header)
            || headers.iter().any(covers)
    }

    fn hide_tokens(self, headers: &mut [(String, String)]) {
        let sender = self.compiled();
        let signature = &sender.spec.signature;
        let Some(name) = signature.header.as_deref().filter(|_| signature.algorithm == Algorithm::Token)
        else {
            return;
        };
        let prefix = signature.prefix.as_str();
        let part = |part: &str| {
            let lead = part.len() - part.trim_start().len();
            let keyed = signature.form == Form::Pairs;
            let key = part.find('=').filter(|_| keyed).map_or(lead, |at| at + 1);
            let (before, token) = part.split_at(key);
            let (prefix, token) = token.strip_prefix(prefix).map_or(("", token), |token| (prefix, token));
            if token.is_empty() {
                part.to_owned()
            } else {
                format!("{before}{prefix}{}", hidden(token.trim_end().as_bytes()))
            }
        };
        for (_, value) in headers.iter_mut().filter(|(n, _)| n.eq_ignore_ascii_case(name)) {
            *value = match sender.separator {
                "" => part(value),
                separator => value.split(separator).map(part).collect::<Vec<_>>().join(separator),
            };
        }
    }
}

impl Verifier {
    /// The same for headers in which [`Scheme::hide_credentials`] has hidden the tokens. It is for journals alone: who has read one could
    /// send what stands there.
    #[must_use]
    pub fn of_kept(self) -> Self {
        self.with_keys(|key| match key {
            Key::Token(token) => Key::Token(Zeroizing::new(hidden(&token).into_bytes())),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Reason, Scheme, Secret, Verifier};

    #[test]
    fn a_hidden_token_is_verified_as_such_and_never_as_a_token() {
        let (scheme, secret) = (Scheme::Gitlab, Secret::new("a-token-of-gitlab-1234567890"));
        let verifier = || Verifier::new(scheme, &secret).unwrap();
        let reason = |verifier: &Verifier, value: &str| {
            let mut headers =
                vec![("x-gitlab-token".to_owned(), value.to_owned()), ("A".to_owned(), "b".to_owned())];
            let open = verifier.reason(&headers, b"{}", 0);
            scheme.hide_credentials(&mut headers);
            assert!(!headers[0].1.contains("token-of") && headers[1].1 == "b", "{headers:?}");
            (open, verifier.clone().of_kept().reason(&headers, b"{}", 0), headers.swap_remove(0).1)
        };
        let (open, kept, digest) = reason(&verifier(), "a-token-of-gitlab-1234567890");
        assert_eq!((open, kept), (Reason::Valid, Reason::Valid));
        let (open, kept, _) = reason(&verifier(), "another-token-of-gitlab");
        assert_eq!((open, kept), (Reason::Mismatch, Reason::Mismatch));
        let (open, kept, _) = reason(&verifier(), "");
        assert_eq!(open, kept);
        // What a journal says opens nothing.
        let (open, kept, _) = reason(&verifier(), &digest);
        assert_eq!((open, kept), (Reason::Mismatch, Reason::Mismatch));
    }

    #[test]
    fn signatures_stay_as_they_are() {
        let mut headers = vec![("X-Hub-Signature-256".to_owned(), "sha256=00".to_owned())];
        Scheme::Github.hide_credentials(&mut headers);
        assert_eq!(headers[0].1, "sha256=00");
    }

    #[test]
    fn credentials_are_hidden_unless_they_are_signed() {
        let kept = |scheme: Scheme, more: &str| {
            let mut headers: Vec<(String, String)> = [
                ("Authorization", "Bearer abc.def"),
                ("Cookie", "session=abc"),
                ("Signature-Input", more),
                ("A", "Bearer x"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
            scheme.hide_credentials(&mut headers);
            headers.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        let [bearer, cookie, _, other] = &kept(Scheme::DeltacrownV2, "")[..] else { panic!() };
        assert!(
            bearer.starts_with("Bearer smoke-sha256:") && cookie.starts_with("smoke-sha256:"),
            "{bearer} {cookie}"
        );
        assert_eq!(other, "Bearer x");
        let signed = kept(Scheme::DeltacrownV2, r#"sig1=("authorization" "@method")"#);
        assert_eq!((signed[0].as_str(), signed[1].starts_with("smoke-sha256:")), ("Bearer abc.def", true));
    }
}
