//! Verification of one request: headers, then MAC in constant time over raw bytes, then freshness.

use super::diagnosis::{Suspect, diagnose, is_searched};
use super::key::{Key, KeyError};
use super::scheme::Scheme;
use super::seen::{Problem, Seen};
use super::verdict::{Reason, Verdict};
use crate::Secret;
use std::fmt;

/// How old a timestamp may be, in ms: 300 s, inclusive, as the senders' own libraries have it.
const BACK_MS: i64 = 300_000;

/// How far ahead a DeltaCrown timestamp may be, in ms: 30 s, inclusive, as its own helper has it.
const DELTACROWN_AHEAD_MS: i64 = 30_000;

/// Verifies webhooks under one scheme and one secret. A clone is cheap.
#[derive(Clone)]
pub struct Verifier {
    scheme: Scheme,
    key: Key,
    /// For the diagnosis, which tries other readings of it.
    secret: Secret,
    back_ms: i64,
    ahead_ms: i64,
}

impl Verifier {
    /// A verifier for `secret` with the freshness window of the scheme: 300 s back; ahead 30 s for DeltaCrown, else 300 s.
    ///
    /// # Errors
    /// An empty secret, under which nothing can be valid, or one that is no key of the scheme.
    pub fn new(scheme: Scheme, secret: &Secret) -> Result<Self, KeyError> {
        let ahead_ms = match scheme {
            Scheme::DeltacrownV1 | Scheme::DeltacrownV2 => DELTACROWN_AHEAD_MS,
            _ => BACK_MS,
        };
        let key = Key::new(scheme, secret)?;
        Ok(Self { scheme, key, secret: secret.clone(), back_ms: BACK_MS, ahead_ms })
    }

    /// The same with another window, in ms, inclusive at both ends. Negative values count as 0.
    #[must_use]
    pub fn with_freshness(mut self, back_ms: i64, ahead_ms: i64) -> Self {
        (self.back_ms, self.ahead_ms) = (back_ms.max(0), ahead_ms.max(0));
        self
    }

    /// The scheme.
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
        let seen = Seen::read(self.scheme, headers);
        match self.judge(&seen, body, now_ms) {
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
        let seen = Seen::read(self.scheme, headers);
        let Err(problem) = self.judge(&seen, body, now_ms) else { return Verdict::valid() };
        let suspect =
            Suspect { scheme: self.scheme, secret: &self.secret, headers, seen: &seen, body, other_bodies };
        let found = if problem.is_searched(&seen) { diagnose(&suspect) } else { None };
        let diagnosis = match (problem.says, found) {
            (Some(says), Some(found)) => Some(format!("{says}; {found}")),
            (says, found) => says.or(found),
        };
        Verdict::invalid(problem.reason, diagnosis)
    }

    fn judge(&self, seen: &Seen<'_>, body: &[u8], now_ms: i64) -> Result<(), Problem> {
        seen.complete()?;
        let tags = self.key.tags(self.scheme, seen)?;
        let time = seen.time()?;
        seen.id_form()?;
        let message =
            self.scheme.message(seen.timestamp.unwrap_or_default(), seen.id.unwrap_or_default(), body);
        if !self.key.verify(&tags, &message) {
            return Err(Problem { reason: Reason::Mismatch, says: None });
        }
        time.map_or(Ok(()), |time| self.fresh(time, now_ms))
    }

    fn fresh(&self, time: i64, now_ms: i64) -> Result<(), Problem> {
        // The libraries of the schemes in seconds compare whole seconds.
        let unit = self.scheme.layout().unit.map_or(1, super::scheme::Unit::ms);
        let age = i128::from(now_ms.div_euclid(unit)) * i128::from(unit) - i128::from(time);
        let say = |age: i128, way: &str, limit: i64| {
            format!(
                "the timestamp is {} s {way}, the limit is {} s",
                Seconds(age),
                Seconds(i128::from(limit))
            )
        };
        if age > i128::from(self.back_ms) {
            Err(Problem::new(Reason::Stale, say(age, "old", self.back_ms)))
        } else if -age > i128::from(self.ahead_ms) {
            Err(Problem::new(Reason::Future, say(-age, "ahead", self.ahead_ms)))
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({}, {} ms back, {} ms ahead)", self.scheme, self.back_ms, self.ahead_ms)
    }
}

impl Problem {
    /// Whether a search may find out more: there is a signature, and it is not one that is right but old.
    fn is_searched(&self, seen: &Seen<'_>) -> bool {
        let by_reason = matches!(self.reason, Reason::Missing | Reason::Mismatch | Reason::Malformed);
        by_reason && is_searched(seen.value)
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
