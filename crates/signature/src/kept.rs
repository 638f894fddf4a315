//! What a journal keeps of a sender's token: a digest of it, since the token is the secret itself, and journals are shown to people.

use super::key::Key;
use super::scheme::Scheme;
use super::spec::{Algorithm, Form};
use super::verifier::Verifier;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What stands before the digest, so that nobody takes it for a token.
const MARK: &str = "smoke-sha256:";

fn hidden(token: &[u8]) -> String {
    format!("{MARK}{}", hex::encode(Sha256::digest(token)))
}

impl Scheme {
    /// Puts the digest of each token into the place of the token, where that is how the sender shows who it is. Headers of other
    /// senders stay as they are.
    pub fn hide_tokens(self, headers: &mut [(String, String)]) {
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
    /// The same for headers in which [`Scheme::hide_tokens`] has hidden the tokens. It is for journals alone: who has read one could
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
            scheme.hide_tokens(&mut headers);
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
        Scheme::Github.hide_tokens(&mut headers);
        assert_eq!(headers[0].1, "sha256=00");
    }
}
