//! Who signed, and how: a built-in sender, else whatever header and template verify under the secret.

use super::{Certainty, Learner, Learnt, Seen, header};
use crate::usual::names_event;
use signature::{Algorithm, Encoding, Form, KeyEncoding, RequestSpec, Scheme, Secret, SecretSpec};
use signature::{Received, SignatureSpec, TimestampSpec, Unit, Verifier, posted_url};
use std::collections::BTreeSet;

/// So many attempts are verified under each sender.
const VERIFIED: usize = 25;
/// So many attempts are searched for a signature that nobody knows, until one has it.
const SEARCHED: usize = 3;
/// So many headers of an attempt are looked into.
const HEADERS: usize = 40;
/// So many ways to sign are tried; each takes an HMAC over a body.
const TRIED: usize = 6000;
/// So many headers are taken for that of the timestamp, and as many for that of the id.
const BESIDE: usize = 4;
/// Longest prefix of a signature, in characters: `sha256=`, `v1,`.
const PREFIX: usize = 16;

/// What is signed where there is a timestamp; those of the built-in profiles, and the usual separators.
const WITH_TIMESTAMP: [&str; 13] = [
    "{timestamp}.{body}",
    "{timestamp}{body}",
    "{timestamp}:{body}",
    "v0:{timestamp}:{body}",
    "{body}.{timestamp}",
    "{body}{timestamp}",
    "{timestamp}|{body}",
    "{body}|{timestamp}",
    "{body}:{timestamp}",
    "{timestamp}\n{body}",
    "{timestamp}-{body}",
    "{method}{url}{body}{timestamp}",
    "{timestamp}.{method}.{path}.{body}",
];
/// And where there is none.
const WITHOUT: [&str; 4] = ["{body}", "{url}{body}", "{url}{form:sorted}", "{method}{path}{body}"];

impl Learner {
    pub(super) fn scheme(
        &self,
        secret: Option<&Secret>,
        endpoint: &str,
        declared: Option<Scheme>,
        found: &mut Vec<Learnt>,
    ) -> Option<Scheme> {
        let looked: Vec<&Seen> = self.attempts.iter().take(VERIFIED).collect();
        let valid = |scheme: Scheme, secret: &Secret| {
            let verifiers = verifiers(scheme, secret, endpoint);
            looked.iter().filter(|seen| self.is_signed_so(&verifiers, seen)).count()
        };
        let mut best: Option<(usize, Scheme)> = None;
        for scheme in declared.into_iter().chain(Scheme::ALL).filter(|scheme| scheme.is_signed()) {
            let good = match secret {
                Some(secret) => valid(scheme, secret),
                None => {
                    let own = scheme.signature_header();
                    looked.iter().filter(|seen| own.is_some_and(|own| header(seen, own).is_some())).count()
                }
            };
            if good > best.map_or(0, |(most, _)| most) {
                best = Some((good, scheme));
            }
        }
        let n = looked.len();
        if let Some((good, scheme)) = best {
            let (name, header) = (scheme.sender(), scheme.signature_header().unwrap_or_default());
            let (evidence, certainty) = if secret.is_some() {
                let says = format!("the signatures of {good} of {n} attempts are valid as {name}'s");
                (says, Certainty::of(good, n))
            } else {
                let says =
                    format!("{good} of {n} attempts have the header {header}; give the secret to see more");
                (says, Certainty::Likely)
            };
            found.push(Learnt { key: "signature", value: format!("as in {name}"), evidence, certainty });
            return Some(scheme);
        }
        let own = secret.and_then(|secret| self.search(secret, endpoint, &looked));
        if let Some(Found { good, scheme, spec }) = own {
            let evidence = format!(
                "the signatures of {good} of {n} attempts are valid this way; no built-in sender signs like this"
            );
            let certainty = Certainty::of(good, n);
            found.push(Learnt { key: "signature", value: written(&spec), evidence, certainty });
            return Some(scheme);
        }
        let evidence = Self::unknown(&looked, secret.is_some());
        let value = "{ algorithm: none }".to_owned();
        found.push(Learnt { key: "signature", value, evidence, certainty: Certainty::Unseen });
        None
    }

    /// What is said where nothing verifies.
    fn unknown(looked: &[&Seen], tried: bool) -> String {
        let names = |like: &dyn Fn(&str, &str) -> bool| -> BTreeSet<String> {
            let headers = looked.iter().flat_map(|seen| &seen.headers);
            headers.filter(|(name, value)| like(name, value)).map(|(name, _)| name.clone()).collect()
        };
        let named = |name: &str, _: &str| {
            let name = name.to_lowercase();
            ["sig", "hmac", "token", "auth"].iter().any(|word| name.contains(word))
        };
        let like = names(&|name, value| named(name, value) || !readings(value).is_empty());
        let like: Vec<&str> = like.iter().map(String::as_str).take(8).collect();
        match like.as_slice() {
            [] => "no header looks like a signature".to_owned(),
            like => {
                let tried = if tried {
                    "but under this secret none of the usual messages produces it: is it the right secret?"
                } else {
                    "give the secret to see how it is made"
                };
                format!("no built-in sender's; these headers look like it: {}; {tried}", like.join(", "))
            }
        }
    }

    fn is_signed_so(&self, verifiers: &[Verifier], seen: &Seen) -> bool {
        let now = self.started_ms + i64::try_from(seen.at.0 / 1000).unwrap_or_default();
        let posted = (seen.method.as_str(), seen.target.as_str());
        let check = |verifier: &Verifier| verifier.check_posted(posted, &seen.headers, &seen.body, now);
        verifiers.iter().any(|verifier| check(verifier).0.valid)
    }

    /// The way to sign under which most attempts verify, with how many; the first of several.
    fn search(&self, secret: &Secret, endpoint: &str, looked: &[&Seen]) -> Option<Found> {
        let mut best: Option<Found> = None;
        let mut left = TRIED;
        'all: for seen in self.attempts.iter().take(SEARCHED) {
            let url = posted_url(endpoint, &seen.target);
            let received =
                Received { method: &seen.method, url: &url, headers: &seen.headers, body: &seen.body };
            for spec in candidates(seen) {
                left -= 1;
                if left == 0 {
                    break 'all;
                }
                // A sender that is named once stays for as long as the process: only a way that fits becomes one.
                if !spec.is_likely(secret, &received) {
                    continue;
                }
                for spec in spellings(spec) {
                    let request = RequestSpec { signature: spec.clone(), ..RequestSpec::default() };
                    let Ok(scheme) = Scheme::of("learnt", request) else { continue };
                    let verifiers = verifiers(scheme, secret, endpoint);
                    let good = looked.iter().filter(|seen| self.is_signed_so(&verifiers, seen)).count();
                    if good > best.as_ref().map_or(0, |best| best.good) {
                        best = Some(Found { good, scheme, spec });
                    }
                }
                if best.as_ref().is_some_and(|best| best.good == looked.len()) {
                    break 'all;
                }
            }
        }
        best
    }
}

/// A way to sign, and how many attempts verify under it.
struct Found {
    good: usize,
    scheme: Scheme,
    spec: SignatureSpec,
}

/// The same signature in both kinds of base64, which most texts do not tell apart.
fn spellings(spec: SignatureSpec) -> Vec<SignatureSpec> {
    let other = match spec.encoding {
        Encoding::Base64 => Encoding::Base64url,
        Encoding::Base64url => Encoding::Base64,
        Encoding::Hex => return vec![spec],
    };
    let other = SignatureSpec { encoding: other, ..spec.clone() };
    vec![spec, other]
}

/// Of the header that the run's profile says to hold a token, a journal has a digest; of others the token itself. None for a secret
/// that is no key of the sender's.
fn verifiers(scheme: Scheme, secret: &Secret, endpoint: &str) -> Vec<Verifier> {
    let Ok(verifier) = Verifier::new(scheme, secret) else { return Vec::new() };
    let verifier = verifier.with_url(endpoint);
    let is_token = scheme.spec().signature.algorithm == Algorithm::Token;
    let open = is_token.then(|| verifier.clone());
    std::iter::once(verifier.of_kept()).chain(open).collect()
}

/// A value as a signature of an algorithm, with what stands before it.
struct Reading<'v> {
    prefix: &'v str,
    algorithm: Algorithm,
    encoding: Encoding,
}

/// How a value can be read as a signature: by its alphabet and its length.
fn readings(value: &str) -> Vec<Reading<'_>> {
    let prefixes = value.char_indices().take(PREFIX).filter(|(_, c)| matches!(c, '=' | ',' | ':' | ' '));
    let starts = std::iter::once(0).chain(prefixes.map(|(at, _)| at + 1));
    let read = |start: usize| {
        let (prefix, rest) = value.split_at_checked(start)?;
        // Of a list the first one tells.
        let rest = rest.split(' ').next().unwrap_or_default();
        let (encoding, bytes) = digest(rest)?;
        let algorithm = match bytes {
            20 => Algorithm::HmacSha1,
            32 => Algorithm::HmacSha256,
            64 => Algorithm::HmacSha512,
            _ => return None,
        };
        Some(Reading { prefix, algorithm, encoding })
    };
    starts.filter_map(read).collect()
}

/// How a text that may be a digest is written, and how many bytes it has.
fn digest(text: &str) -> Option<(Encoding, usize)> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if matches!(text.len(), 40 | 64 | 128) && text.bytes().all(hex) {
        return Some((Encoding::Hex, text.len() / 2));
    }
    let plain = text.trim_end_matches('=');
    let url = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let standard = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let padded = text.len().is_multiple_of(4) && text.len() > plain.len();
    let encoding = if padded && plain.bytes().all(standard) {
        Encoding::Base64
    } else if plain.bytes().all(url) {
        Encoding::Base64url
    } else {
        return None;
    };
    Some((encoding, plain.len() * 3 / 4))
}

/// The unit of a text that may be a time.
fn unit(text: &str) -> Option<Unit> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.len() {
        10 if digits => Some(Unit::Seconds),
        13 if digits => Some(Unit::Milliseconds),
        20..=35 if chrono::DateTime::parse_from_rfc3339(text).is_ok() => Some(Unit::Rfc3339),
        _ => None,
    }
}

/// All ways to sign that an attempt allows, the usual ones first.
fn candidates(seen: &Seen) -> impl Iterator<Item = SignatureSpec> {
    let headers = || seen.headers.iter().take(HEADERS);
    let times: Vec<TimestampSpec> = headers()
        .filter_map(|(name, value)| Some(time(Some(name), None, unit(value)?)))
        .take(BESIDE)
        .collect();
    let is_id = |name: &str| name.to_lowercase().ends_with("id") && !names_event(name);
    let ids: Vec<&str> =
        headers().map(|(name, _)| name.as_str()).filter(|name| is_id(name)).take(BESIDE).collect();
    let bases: Vec<SignatureSpec> = headers().flat_map(|(name, value)| in_header(name, value)).collect();
    let mut all = Vec::new();
    for base in bases {
        let own = base.timestamp.clone();
        let times: Vec<TimestampSpec> = own.into_iter().chain(times.iter().cloned()).collect();
        let base = SignatureSpec { timestamp: None, ..base };
        if base.algorithm == Algorithm::Token {
            all.push(base);
            continue;
        }
        for message in WITHOUT {
            all.push(SignatureSpec { message: message.to_owned(), ..base.clone() });
        }
        for time in &times {
            let mut with = |message: String| {
                all.push(SignatureSpec { message, timestamp: Some(time.clone()), ..base.clone() });
            };
            WITH_TIMESTAMP.iter().for_each(|message| with((*message).to_owned()));
            for id in &ids {
                with(format!("{{header:{id}}}.{{timestamp}}.{{body}}"));
                with(format!("{{header:{id}}}{{timestamp}}{{body}}"));
            }
        }
        for id in &ids {
            all.push(SignatureSpec { message: format!("{{header:{id}}}.{{body}}"), ..base.clone() });
        }
    }
    let keys = [(KeyEncoding::Text, ""), (KeyEncoding::Base64, "whsec_"), (KeyEncoding::Hex, "")];
    keys.into_iter().flat_map(move |(encoding, prefix)| {
        let secret = SecretSpec {
            encoding,
            prefix: prefix.to_owned(),
            prefix_optional: !prefix.is_empty(),
            ..SecretSpec::default()
        };
        // A token is its own text.
        let all = all.clone().into_iter();
        all.filter(move |spec| encoding == KeyEncoding::Text || spec.algorithm != Algorithm::Token)
            .map(move |spec| SignatureSpec { secret: secret.clone(), ..spec })
    })
}

fn time(header: Option<&str>, key: Option<&str>, unit: Unit) -> TimestampSpec {
    let (header, key) = (header.map(str::to_owned), key.map(str::to_owned));
    TimestampSpec {
        header,
        key,
        json: None,
        unit,
        back_seconds: Some(300),
        ahead_seconds: Some(300),
        exclusive: false,
        number: false,
    }
}

/// The signatures that a header may hold: one, a list, pairs, or the secret itself. The timestamp is that of its own pairs.
fn in_header(name: &str, value: &str) -> Vec<SignatureSpec> {
    let plain = SignatureSpec {
        header: Some(name.to_owned()),
        message: "{body}".to_owned(),
        ..SignatureSpec::default()
    };
    let mut found: Vec<SignatureSpec> = readings(value)
        .into_iter()
        .map(|Reading { prefix, algorithm, encoding }| {
            let form = if prefix.ends_with(',') { Form::List } else { Form::Plain };
            SignatureSpec { algorithm, encoding, form, prefix: prefix.to_owned(), ..plain.clone() }
        })
        .collect();
    for separator in [",", ";"] {
        let pairs: Vec<(&str, &str)> =
            value.split(separator).filter_map(|pair| pair.trim().split_once('=')).collect();
        if pairs.len() < 2 {
            continue;
        }
        let timestamp = pairs.iter().find_map(|(key, value)| Some(time(None, Some(key), unit(value)?)));
        for (key, value) in pairs {
            for Reading { algorithm, encoding, .. } in
                readings(value).into_iter().filter(|reading| reading.prefix.is_empty())
            {
                found.push(SignatureSpec {
                    algorithm,
                    encoding,
                    form: Form::Pairs,
                    key: Some(key.to_owned()),
                    separator: (separator != ",").then(|| separator.to_owned()),
                    timestamp: timestamp.clone(),
                    ..plain.clone()
                });
            }
        }
    }
    let lower = name.to_lowercase();
    if ["token", "secret", "key", "auth", "sig"].iter().any(|word| lower.contains(word)) {
        let prefixes = ["", "Bearer "];
        found.extend(prefixes.into_iter().filter(|prefix| value.starts_with(prefix)).map(|prefix| {
            SignatureSpec { algorithm: Algorithm::Token, prefix: prefix.to_owned(), ..plain.clone() }
        }));
    }
    found
}

/// A signature's description as YAML.
fn written(spec: &SignatureSpec) -> String {
    flow(&serde_json::to_value(spec).unwrap_or_default())
}

/// A value in YAML's flow style; texts that are more than words are quoted.
fn flow(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Object(object) => {
            let all: Vec<String> =
                object.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect();
            format!("{{ {} }}", all.join(", "))
        }
        Value::String(text)
            if text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) =>
        {
            text.clone()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
