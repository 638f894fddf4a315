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

/// The header whose value is no word and a token behind it.
const COOKIE: &str = "cookie";
/// What the names of headers have in them that let in whoever shows them, in lower case: those of HTTP (RFC 9110 section 11, RFC 6265),
/// and what senders call theirs.
const CREDENTIALS: [&str; 10] = [
    "authorization",
    COOKIE,
    "token",
    "secret",
    "signature",
    "api-key",
    "api_key",
    "apikey",
    "password",
    "credential",
];
/// The same as words of their own: an author is none.
const WORDS: [&str; 4] = ["auth", "jwt", "passwd", "pwd"];
/// Whose `-Key` is one: not an idempotency key, nor one of routing.
const KEYS_OF: [&str; 9] =
    ["access", "account", "auth", "functions", "private", "shared", "signing", "subscription", "webhook"];
/// What an HTTP message signature covers stands there (RFC 9421), and nothing else.
const INPUT: &str = "signature-input";

/// What nearly every request has, and none of it lets anybody in: told at once.
const HARMLESS: [&str; 8] = [
    "host",
    "accept",
    "user-agent",
    "connection",
    "content-type",
    "content-length",
    "accept-encoding",
    "content-encoding",
];

/// Whether a header (or a field) of this name may hold what lets in whoever shows it.
#[must_use]
pub fn is_credential(header: &str) -> bool {
    !HARMLESS.iter().any(|known| header.eq_ignore_ascii_case(known)) && is_called_like_one(header)
}

fn is_called_like_one(header: &str) -> bool {
    let is = |word: &str, other: &&str| word.eq_ignore_ascii_case(other);
    let mut whose = "";
    let is_word = header.split(['-', '_', '.']).any(|word| {
        let of = std::mem::replace(&mut whose, word);
        WORDS.iter().any(|known| is(word, known)) || is(word, &"key") && KEYS_OF.iter().any(|key| is(of, key))
    });
    (is_word || CREDENTIALS.iter().any(|part| contains(header, part))) && !header.eq_ignore_ascii_case(INPUT)
}

/// Whether a text has a part in it, in whatever case.
fn contains(text: &str, part: &str) -> bool {
    // Nearly all are told by their first letter.
    let begins = |window: &[u8]| {
        window.first().zip(part.as_bytes().first()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
    };
    text.as_bytes()
        .windows(part.len())
        .any(|window| begins(window) && window.eq_ignore_ascii_case(part.as_bytes()))
}

/// Whether a value says nothing but when: of a signature, say.
fn is_time(value: &str) -> bool {
    let value = value.trim();
    let digits = !value.is_empty() && value.len() <= 19 && value.bytes().all(|b| b.is_ascii_digit());
    digits || chrono_like(value)
}

/// `2025-11-13T14:30:15Z` and the like.
fn chrono_like(value: &str) -> bool {
    (19..=35).contains(&value.len())
        && value.starts_with(|c: char| c.is_ascii_digit())
        && value.contains('T')
        && value.bytes().all(|b| b.is_ascii_digit() || b"-:.TZ+".contains(&b))
}

/// Whether a value is one signature or several by its alphabet and length: a hash, which opens nothing but the request that it is of, and
/// which shows how an unknown sender signs.
fn is_signature(value: &str) -> bool {
    let is_one = |part: &str| {
        let part = part.trim();
        // `sha256=`, `v1=`, `sig1=:`.
        let lead = part.split_once('=').filter(|(name, rest)| name.len() <= 16 && rest.len() >= 27);
        let text = lead.map_or(part, |(_, rest)| rest).trim_matches(':');
        let is_hex = matches!(text.len(), 40 | 64 | 96 | 128) && text.bytes().all(|b| b.is_ascii_hexdigit());
        let plain = text.trim_end_matches('=');
        let has = |is: fn(&u8) -> bool| plain.as_bytes().iter().any(is);
        // What somebody thought out has seldom all of these.
        let is_random = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
        let whole = text.len().is_multiple_of(4) || matches!(plain.len(), 43 | 86);
        let coded =
            is_random && whole && plain.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_".contains(&b));
        // HMAC-SHA1 to -SHA512, Ed25519, ECDSA, RSA of 2048 bits and more.
        is_hex || coded && matches!(plain.len() * 3 / 4, 20 | 32 | 48 | 64 | 69..=72 | 256 | 384 | 512)
    };
    let is_lead = |part: &str| {
        let part = part.trim();
        let (name, rest) = part.split_once('=').unwrap_or(("", part));
        let version = rest.starts_with('v') && rest.len() <= 3;
        name.len() <= 16 && (is_time(rest) || version)
    };
    let mut parts = value.split([',', ';', ' ']).filter(|part| !part.trim().is_empty()).peekable();
    let mut any = false;
    parts.peek().is_some()
        && parts.all(|part| {
            let one = is_one(part);
            any |= one;
            one || is_lead(part)
        })
        && any
}

/// Whether an HTTP message signature covers a header of that name.
fn covers(headers: &[(String, String)], header: &str) -> bool {
    headers.iter().any(|(name, value)| name.eq_ignore_ascii_case(INPUT) && contains(value, header))
}

pub(super) fn hidden(token: &[u8]) -> String {
    format!("{MARK}{}", hex::encode(Sha256::digest(token)))
}

/// Whether what stands before a blank is the name of a scheme (`Bearer`), and no part of the credential.
fn is_word(kind: &str) -> bool {
    ["bearer", "basic", "digest", "token", "apikey", "negotiate", "hmac"]
        .iter()
        .any(|word| kind.eq_ignore_ascii_case(word))
}

impl Scheme {
    /// Puts digests into the place of what lets in whoever shows it: the tokens of a sender that shows one in place of a signature, and
    /// whatever header is called like a credential. What the profile looks into or is signed stays as it is, and so does what can be
    /// nothing but a signature.
    pub fn hide_credentials(self, headers: &mut [(String, String)]) {
        self.hide_tokens(headers);
        for at in 0..headers.len() {
            let Some((name, value)) = headers.get(at) else { continue };
            let stays = self.reads(name)
                || !is_credential(name)
                || is_time(value)
                || value.contains(MARK)
                || contains(name, "signature") && is_signature(value)
                || covers(headers, name);
            if stays {
                continue;
            }
            if let Some((name, value)) = headers.get_mut(at) {
                *value = match value.split_once(' ').filter(|_| !name.eq_ignore_ascii_case(COOKIE)) {
                    Some((kind, shown)) if is_word(kind) => format!("{kind} {}", hidden(shown.as_bytes())),
                    _ => hidden(value.as_bytes()),
                };
            }
        }
    }

    /// Whether of a header of this name a journal may have a digest, in place of what came.
    #[must_use]
    pub fn hides(self, header: &str) -> bool {
        is_credential(header) && !self.reads(header)
    }

    /// Whether the sender's profile looks into a header of that name.
    fn reads(self, header: &str) -> bool {
        let sender = self.compiled();
        sender.own.iter().any(|own| own.eq_ignore_ascii_case(header)) || sender.template.has_header(header)
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
    use super::{HARMLESS, is_called_like_one, is_credential};
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

    /// What a journal has of these headers, for a sender of which nothing is known.
    fn kept_of_nobody(headers: &[(&str, &str)]) -> Vec<String> {
        let mut headers: Vec<(String, String)> =
            headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Scheme::Alertmanager.hide_credentials(&mut headers);
        headers.into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn a_token_of_an_unknown_sender_is_hidden_whatever_it_is_called() {
        let token = "s3cr3t-of-an-unknown-sender";
        for name in [
            "X-Gitlab-Token",
            "X-Telegram-Bot-Api-Secret-Token",
            "X-Goog-Channel-Token",
            "x-api-key",
            "Api_Key",
            "X-Webhook-Secret",
            "X-Acme-Signature",
            "Ocp-Apim-Subscription-Key",
            "X-Functions-Key",
            "X-Auth",
            "Authorization",
            "Proxy-Authorization",
            "Cookie",
            "X-Password",
        ] {
            for value in
                [token.to_owned(), format!("Bearer {token}"), format!("{token} x"), format!("a={token}")]
            {
                let kept = kept_of_nobody(&[(name, &value)]);
                assert!(!kept[0].contains("s3cr3t") && kept[0].contains("smoke-sha256:"), "{name}: {kept:?}");
            }
        }
    }

    #[test]
    fn nothing_harmless_is_called_like_a_credential() {
        assert!(!HARMLESS.iter().any(|name| is_called_like_one(name)));
        assert!(is_credential("X-API-Key") && is_credential("My_Auth") && is_credential("Webhook-Key"));
        assert!(!is_credential("Idempotency-Key") && !is_credential("X-Author"));
    }

    #[test]
    fn what_opens_nothing_stays() {
        let sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let base64 = "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";
        for (name, value) in [
            ("X-Hub-Signature-256", format!("sha256={sha256}")),
            ("Stripe-Signature", format!("t=1763044215,v1={sha256},v0={sha256}")),
            ("Webhook-Signature", format!("v1,{base64} v1,{base64}")),
            ("Signature", format!("sig1=:{base64}:")),
            ("X-Signature", base64.to_owned()),
            ("X-Signature-Timestamp", "1763044215".to_owned()),
            ("X-Token-Issued", "2025-11-13T14:30:15Z".to_owned()),
            ("Signature-Input", "sig1=(\"@method\");created=1".to_owned()),
            ("Idempotency-Key", "abc-def".to_owned()),
            ("X-Author", "somebody".to_owned()),
            ("User-Agent", "curl/8".to_owned()),
        ] {
            assert_eq!(kept_of_nobody(&[(name, &value)]), [value], "{name}");
        }
        // A profile that looks into one keeps it.
        let mut headers = vec![("I-Twilio-Idempotency-Token".to_owned(), "an-id".to_owned())];
        Scheme::Twilio.hide_credentials(&mut headers);
        assert_eq!(headers[0].1, "an-id");
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
