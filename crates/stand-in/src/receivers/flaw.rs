//! What a built-in receiver can do wrong, by name.

use std::fmt;
use std::str::FromStr;

/// One thing that a receiver does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flaw {
    /// It verifies nothing.
    NoVerification,
    /// It parses the body, writes it again, and verifies that.
    BodyReSerialised,
    /// A part of the right signature, from its beginning on, is enough.
    PrefixCompare,
    /// It takes what is signed with the empty key too.
    EmptyKeyAccepted,
    /// It takes webhooks of any age.
    StaleAccepted,
    /// It takes webhooks that are signed in the future.
    FutureAccepted,
    /// It answers 500 to a signature header that is none.
    CrashOnGarbage,
    /// It answers 500 to a body that is not UTF-8.
    CrashOnNonUtf8,
    /// It takes a list of signatures for one.
    ListNotParsed,
    /// It processes what comes again, again.
    DoubleInSequence,
    /// It processes what comes several times at once, several times.
    DoubleInParallel,
    /// It processes a webhook whose id was another's.
    IdReused,
    /// It reads everything that comes before it looks at the signature.
    ReadsAll,
    /// Its error tells the secret.
    LeaksSecret,
    Redirects,
    /// It works before it answers.
    SlowAck,
    /// It verifies JSON only.
    FollowsContentType,
}

/// A flaw that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown flaw `{0}`; known: right, {known}", known = Flaw::ALL.map(Flaw::name).join(", "))]
pub struct UnknownFlaw(String);

impl Flaw {
    /// Every flaw.
    pub const ALL: [Self; 17] = [
        Self::NoVerification,
        Self::BodyReSerialised,
        Self::PrefixCompare,
        Self::EmptyKeyAccepted,
        Self::StaleAccepted,
        Self::FutureAccepted,
        Self::CrashOnGarbage,
        Self::CrashOnNonUtf8,
        Self::ListNotParsed,
        Self::DoubleInSequence,
        Self::DoubleInParallel,
        Self::IdReused,
        Self::ReadsAll,
        Self::LeaksSecret,
        Self::Redirects,
        Self::SlowAck,
        Self::FollowsContentType,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoVerification => "no-verification",
            Self::BodyReSerialised => "body-re-serialised",
            Self::PrefixCompare => "prefix-compare",
            Self::EmptyKeyAccepted => "empty-key-accepted",
            Self::StaleAccepted => "stale-accepted",
            Self::FutureAccepted => "future-accepted",
            Self::CrashOnGarbage => "500-on-garbage",
            Self::CrashOnNonUtf8 => "500-on-non-utf-8",
            Self::ListNotParsed => "list-not-parsed",
            Self::DoubleInSequence => "double-effect-in-sequence",
            Self::DoubleInParallel => "double-effect-in-parallel",
            Self::IdReused => "id-reused-with-other-content-accepted",
            Self::ReadsAll => "reads-all-before-it-verifies",
            Self::LeaksSecret => "leaks-the-secret-in-an-error",
            Self::Redirects => "redirects",
            Self::SlowAck => "slow-ack",
            Self::FollowsContentType => "follows-content-type",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Flaw {
    type Err = UnknownFlaw;

    fn from_str(name: &str) -> Result<Self, UnknownFlaw> {
        Self::ALL.into_iter().find(|flaw| flaw.name() == name).ok_or_else(|| UnknownFlaw(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_both_ways() {
        for flaw in Flaw::ALL {
            assert_eq!(flaw.to_string().parse(), Ok(flaw));
        }
        let error = "none".parse::<Flaw>().unwrap_err().to_string();
        assert!(error.contains("known: right, no-verification, "), "{error}");
    }
}
