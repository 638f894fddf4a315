//! Verification of one request: headers, then the signature in constant time over raw bytes, then freshness.

use super::compiled::{Compiled, Version};
use super::diagnosis::{Suspect, diagnose, is_searched};
use super::key::{Key, KeyError};
use super::message_signatures;
use super::other_urls::{other_urls, signed_url};
use super::scheme::Scheme;
use super::seen::{Problem, Seen};
use super::spec::{Algorithm, Form};
use super::template::{Context, query_field};
use super::verdict::{Reason, Verdict};
use crate::Secret;
use sha2::{Digest, Sha256};
use std::fmt;

/// A request as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Its method.
    pub method: &'a str,
    /// The URL that the sender posted to, whole; empty when it is not known, which only some senders' signatures need.
    pub url: &'a str,
    /// Its headers.
    pub headers: &'a [(String, String)],
    /// The exact bytes of its body.
    pub body: &'a [u8],
}

/// Verifies webhooks of one sender with its secrets. A clone is cheap.
#[derive(Clone)]
pub struct Verifier {
    scheme: Scheme,
    sender: &'static Compiled,
    keys: Vec<Held>,
    back_ms: Option<i64>,
    ahead_ms: Option<i64>,
    url: String,
}

/// A secret and its key; the diagnosis tries other readings of the secret.
#[derive(Clone)]
struct Held {
    version: &'static Version,
    key: Key,
    secret: Secret,
}

/// The URL to which a request was posted: the endpoint with the query of the request's target, where it has none of its own.
#[must_use]
pub fn posted_url(endpoint: &str, target: &str) -> String {
    match target.split_once('?') {
        Some((_, query)) if !endpoint.contains('?') => format!("{endpoint}?{query}"),
        _ => endpoint.to_owned(),
    }
}

impl Verifier {
    /// A verifier for `secret`, and the others beside it, with the freshness window of the sender's profile.
    ///
    /// # Errors
    /// An empty secret, under which nothing can be valid, or one that is no key of the sender.
    pub fn new(scheme: Scheme, secret: &Secret) -> Result<Self, KeyError> {
        let sender = scheme.compiled();
        let place = sender.spec.signature.timestamp.as_ref();
        let ms = |seconds: Option<u32>| seconds.map(|s| i64::from(s) * 1000);
        let exclusive = place.is_some_and(|t| t.exclusive);
        let back_ms = place.and_then(|t| ms(t.back_seconds)).map(|back| back - i64::from(exclusive));
        let ahead_ms = place.and_then(|t| ms(t.ahead_seconds));
        let empty = Self { scheme, sender, keys: Vec::new(), back_ms, ahead_ms, url: String::new() };
        secret.each().try_fold(empty, |verifier, secret| verifier.with_secret(&secret))
    }

    /// The same, and requests that are signed with this further secret are valid too, as while secrets are rotated.
    ///
    /// # Errors
    /// As [`Verifier::new`].
    pub fn with_secret(mut self, secret: &Secret) -> Result<Self, KeyError> {
        let (version, key) = Key::new(self.sender, secret, false)?;
        self.keys.push(Held { version, key, secret: secret.clone() });
        Ok(self)
    }

    /// The same with another window, in ms, inclusive at both ends. Negative values count as 0.
    #[must_use]
    pub fn with_freshness(mut self, back_ms: i64, ahead_ms: i64) -> Self {
        (self.back_ms, self.ahead_ms) = (Some(back_ms.max(0)), Some(ahead_ms.max(0)));
        self
    }

    /// The same for requests to this URL, for senders that sign it ([`Scheme::signs_url`]).
    #[must_use]
    pub fn with_url(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// The sender.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Says whether a receiver may accept the request; `now_ms` is its time of arrival in Unix milliseconds.
    #[must_use]
    pub fn verify(&self, headers: &[(String, String)], body: &[u8], now_ms: i64) -> Verdict {
        self.verify_among(headers, body, now_ms, &[])
    }

    /// The reason of [`Verifier::check`] alone.
    #[must_use]
    pub fn reason(&self, headers: &[(String, String)], body: &[u8], now_ms: i64) -> Reason {
        self.check(headers, body, now_ms).0.reason
    }

    /// [`Verifier::verify`] without looking for what the sender did wrong: as fast for bad requests as for good ones. Says
    /// too whether [`Verifier::verify_among`] would look; the verdict has no diagnosis then.
    #[must_use]
    pub fn check(&self, headers: &[(String, String)], body: &[u8], now_ms: i64) -> (Verdict, bool) {
        self.check_request(&self.post(headers, body), now_ms)
    }

    /// [`Verifier::check`] of a request as it came, by method and target (path and query). The URL is the one of
    /// [`Verifier::with_url`], with the query of the request; where the request came to another path, and is not signed for that
    /// URL, the one of its own path.
    #[must_use]
    pub fn check_posted(
        &self,
        (method, target): (&str, &str),
        headers: &[(String, String)],
        body: &[u8],
        now_ms: i64,
    ) -> (Verdict, bool) {
        if !self.scheme.signs_url() {
            return self.check_request(&Received { method, url: &self.url, headers, body }, now_ms);
        }
        let path = target.split('?').next().unwrap_or_default();
        let url = posted_url(&self.url, target);
        let first = self.check_request(&Received { method, url: &url, headers, body }, now_ms);
        let host = self.url.split_once("://").map(|(scheme, rest)| {
            format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or_default())
        });
        match host.map(|host| posted_url(&format!("{host}{path}"), target)).filter(|own| *own != url) {
            Some(own) if first.0.reason != Reason::Valid => {
                let second = self.check_request(&Received { method, url: &own, headers, body }, now_ms);
                if second.0.reason == Reason::Valid { second } else { first }
            }
            _ => first,
        }
    }

    /// The HMAC-SHA256 of a sender's challenge under the first secret, where that is the key of an HMAC.
    #[must_use]
    pub fn answer_challenge(&self, token: &str) -> Option<[u8; 32]> {
        let Key::Mac(_) = self.keys.first()?.key else { return None };
        let secret = self.keys.first()?.secret.expose();
        Some(super::key::finish(&super::key::keyed(secret.as_bytes()), &[token.as_bytes()]))
    }

    /// The same with other keys.
    pub(crate) fn with_keys(mut self, other: impl Fn(Key) -> Key) -> Self {
        for held in &mut self.keys {
            held.key = other(held.key.clone());
        }
        self
    }

    /// Whether a text of these bytes alone may be the message of one of the sender's webhooks, so that who signs it signs webhooks.
    #[must_use]
    pub fn may_be_message(&self, within: impl Fn(u8) -> bool) -> bool {
        let by_components = self.sender.spec.signature.form == Form::MessageSignatures;
        !by_components && !self.sender.template.leaves(within)
    }

    /// [`Verifier::check`] of a request with its method and URL.
    #[must_use]
    pub fn check_request(&self, request: &Received<'_>, now_ms: i64) -> (Verdict, bool) {
        let seen = Seen::read(self.sender, request.headers, request.body);
        match self.judge(&seen, request, now_ms) {
            Ok(()) => (Verdict::valid(), false),
            Err(problem) if problem.is_searched(&seen) => (Verdict::invalid(problem.reason, None), true),
            Err(problem) => (Verdict::invalid(problem.reason, problem.says), false),
        }
    }

    /// [`Verifier::verify`], and a signature that belongs to one of `other_bodies` is diagnosed as that.
    #[must_use]
    pub fn verify_among(
        &self,
        headers: &[(String, String)],
        body: &[u8],
        now_ms: i64,
        other_bodies: &[&[u8]],
    ) -> Verdict {
        self.verify_request(&self.post(headers, body), now_ms, other_bodies)
    }

    /// [`Verifier::verify_among`] of a request with its method and URL.
    #[must_use]
    pub fn verify_request(&self, request: &Received<'_>, now_ms: i64, other_bodies: &[&[u8]]) -> Verdict {
        let seen = Seen::read(self.sender, request.headers, request.body);
        let Err(problem) = self.judge(&seen, request, now_ms) else { return Verdict::valid() };
        let url = signed_url(&self.sender.spec.signature, request.url);
        let request = &Received { url: &url, ..*request };
        let look = |held: &Held| {
            let suspect = Suspect {
                sender: self.sender,
                version: held.version,
                key: &held.key,
                secret: &held.secret,
                request,
                seen: &seen,
                other_bodies,
            };
            diagnose(&suspect)
        };
        let found = if problem.is_searched(&seen) { self.keys.iter().find_map(look) } else { None };
        let (found, signature) = found.map_or((None, None), |found| (Some(found.text), found.signature));
        let diagnosis = match (problem.says, found) {
            (Some(says), Some(found)) => Some(format!("{says}; {found}")),
            (says, found) => says.or(found),
        };
        Verdict { by_key: signature, ..Verdict::invalid(problem.reason, diagnosis) }
    }

    fn post<'a>(&'a self, headers: &'a [(String, String)], body: &'a [u8]) -> Received<'a> {
        Received { method: "POST", url: &self.url, headers, body }
    }

    fn judge(&self, seen: &Seen<'_>, request: &Received<'_>, now_ms: i64) -> Result<(), Problem> {
        let url = signed_url(&self.sender.spec.signature, request.url);
        let first = self.judge_at(seen, &Received { url: &url, ..*request }, now_ms);
        let is_wrong = |judged: &Result<(), Problem>| {
            matches!(judged, Err(Problem { reason: Reason::Mismatch, says: None }))
        };
        if !matches!(first, Err(Problem { reason: Reason::Mismatch, .. })) {
            return first;
        }
        let others = other_urls(&self.sender.spec.signature, request.url);
        let mut again = others.iter().map(|url| self.judge_at(seen, &Received { url, ..*request }, now_ms));
        again.find(|judged| !is_wrong(judged)).unwrap_or(first)
    }

    fn judge_at(&self, seen: &Seen<'_>, request: &Received<'_>, now_ms: i64) -> Result<(), Problem> {
        let s = &self.sender.spec.signature;
        if s.algorithm == Algorithm::None {
            return seen.once();
        }
        let (timestamp, id) =
            (seen.timestamp.as_deref().unwrap_or_default(), seen.id.as_deref().unwrap_or_default());
        let context =
            Context::new(timestamp, id, request.headers, request.body).to(request.method, request.url);
        if s.form == Form::MessageSignatures {
            return self.judge_message_signatures(seen, &context, now_ms);
        }
        seen.complete()?;
        let digest = s.body_digest.as_deref().and_then(|name| query_field(request.url, name));
        if let Some(digest) = digest
            && self.is_right(seen, request, &context.over(b"")).is_ok_and(|time| time.is_some())
        {
            let right = digest == hex::encode(Sha256::digest(request.body));
            let says = "the signature is right, but the hash in the URL is not this body's";
            return if right { Ok(()) } else { Err(Problem::new(Reason::Mismatch, says)) };
        }
        match self.is_right(seen, request, &context)? {
            None => {
                let version = self.keys.first().map(|held| held.version);
                Err(version.map_or(Problem { reason: Reason::Mismatch, says: None }, |v| seen.mismatch(v)))
            }
            Some(time) => time.map_or(Ok(()), |time| self.fresh(time, now_ms)),
        }
    }

    /// Whether the signature is the one of a message: then its time in Unix milliseconds, of a sender with one.
    ///
    /// # Errors
    /// It cannot be checked.
    fn is_right(
        &self,
        seen: &Seen<'_>,
        request: &Received<'_>,
        context: &Context<'_>,
    ) -> Result<Option<Option<i64>>, Problem> {
        let (mut right, mut time, mut problem) = (false, None, None);
        // No early end: which of several secrets fits must not show in the time.
        for held in &self.keys {
            match held.key.verify(held.version, seen, |sink| self.sender.template.feed(context, sink)) {
                Ok(fits) => {
                    if time.is_none() {
                        time = Some(self.surroundings(seen, request)?);
                    }
                    right |= fits;
                }
                Err(unfit) => problem = problem.or(Some(unfit)),
            }
        }
        match time {
            None => Err(problem.unwrap_or(Problem { reason: Reason::Mismatch, says: None })),
            Some(time) => Ok(right.then_some(time)),
        }
    }

    /// That time, id and URL are such as the signature can be checked with; gives the time in Unix milliseconds.
    fn surroundings(&self, seen: &Seen<'_>, request: &Received<'_>) -> Result<Option<i64>, Problem> {
        let time = seen.time()?;
        seen.id_form()?;
        if self.sender.template.needs_url() && request.url.is_empty() {
            return Err(Problem::malformed(
                "the signature covers the URL that the sender posts to, which is not known here",
            ));
        }
        Ok(time)
    }

    fn judge_message_signatures(
        &self,
        seen: &Seen<'_>,
        context: &Context<'_>,
        now_ms: i64,
    ) -> Result<(), Problem> {
        seen.once()?;
        seen.id_form()?;
        let keys: Vec<&Key> = self.keys.iter().map(|held| &held.key).collect();
        let signed = message_signatures::verify(&self.sender.spec.signature, &keys, context)?;
        if signed.expires_ms.is_some_and(|expires| now_ms > expires) {
            return Err(Problem::new(Reason::Stale, "the signature has expired"));
        }
        match signed.created_ms {
            Some(time) => self.fresh(time, now_ms),
            None if self.back_ms.is_some() => {
                Err(Problem::malformed("the signature does not say when it was `created`"))
            }
            None => Ok(()),
        }
    }

    fn fresh(&self, time: i64, now_ms: i64) -> Result<(), Problem> {
        // The libraries of the senders in seconds compare whole seconds.
        let unit = self.sender.spec.signature.timestamp.as_ref().map_or(1000, |t| t.unit.ms());
        let age = i128::from(now_ms.div_euclid(unit)) * i128::from(unit) - i128::from(time);
        let say = |age: i128, way: &str, limit: i64| {
            format!(
                "the timestamp is {} s {way}, the limit is {} s",
                Seconds(age),
                Seconds(i128::from(limit))
            )
        };
        match (self.back_ms, self.ahead_ms) {
            (Some(back), _) if age > i128::from(back) => {
                Err(Problem::new(Reason::Stale, say(age, "old", back)))
            }
            (_, Some(ahead)) if -age > i128::from(ahead) => {
                Err(Problem::new(Reason::Future, say(-age, "ahead", ahead)))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |ms: Option<i64>| ms.map_or_else(|| "any".to_owned(), |ms| format!("{ms} ms"));
        write!(f, "Verifier({}, {} back, {} ahead)", self.scheme, limit(self.back_ms), limit(self.ahead_ms))
    }
}

impl Problem {
    /// Whether a search may find out more: there is a signature, and it is not one that is right but old.
    fn is_searched(&self, seen: &Seen<'_>) -> bool {
        let by_reason = matches!(self.reason, Reason::Missing | Reason::Mismatch | Reason::Malformed);
        by_reason && is_searched(seen.value.as_deref())
    }
}

/// Milliseconds written as seconds, with decimals only where there are any.
struct Seconds(i128);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (s, 0) => write!(f, "{s}"),
            (s, ms) => write!(f, "{s}.{ms:03}"),
        }
    }
}
