//! What the stand-in can do wrong on purpose, one kind each, so that every gate is shown to fail when it must.

use std::fmt;
use std::str::FromStr;

/// Declares the kinds with their names and one line each, so that no list can fall behind another.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A kind of misbehaviour.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[doc = $doc])+ $variant,)+ }

        impl Kind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One line that says what goes wrong.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_start(),)+ }
            }
        }
    };
}

kinds! {
    /// every third webhook is never sent
    DropWebhook = "drop-webhook",
    /// each webhook is delivered twice with the same id
    SendTwice = "send-twice",
    /// each webhook is delivered twice, the second time under a new id
    SendTwiceNewId = "send-twice-new-id",
    /// a webhook goes out where none is due: on submit-proof and on idempotent replays
    WebhookOnReplay = "webhook-on-replay",
    /// the event name is another one than the flow's
    WrongEvent = "wrong-event",
    /// the event stands in the header alone, and not at the top of the body
    NoEventInBody = "no-event-in-body",
    /// sends no header with the event
    NoEventHeader = "no-event-header",
    /// the body says another event at its second place
    OtherEventInData = "other-event-in-data",
    /// says that the body is text/plain
    TextPlain = "text-plain",
    /// the body names its event twice, the second time rightly
    RepeatedKey = "repeated-key",
    /// signs with another secret
    WrongSecret = "wrong-secret",
    /// signs the first attempt right and retries with another secret
    WrongSecretOnRetry = "wrong-secret-on-retry",
    /// leaves the timestamp out of what is signed (deltacrown-v2)
    BodyOnlySignature = "body-only-signature",
    /// signs compact JSON and sends the same JSON with blanks
    ReserialisedBody = "reserialised-body",
    /// sends no signature header
    NoSignature = "no-signature",
    /// timestamps are 10 minutes old
    StaleTimestamp = "stale-timestamp",
    /// timestamps are 10 minutes ahead
    FutureTimestamp = "future-timestamp",
    /// timestamps count seconds, not milliseconds
    SecondsTimestamp = "seconds-timestamp",
    /// all deliveries carry one id
    DuplicateId = "duplicate-id",
    /// each retry has a new id (seen with --inject 503x2)
    NewIdPerRetry = "new-id-per-retry",
    /// each retry has a new timestamp and signature (seen with --inject 503x2)
    NewTimestampPerRetry = "new-timestamp-per-retry",
    /// gives up after the first failure (seen with --inject 503)
    NoRetry = "no-retry",
    /// one attempt more than allowed, 2 s after the last (seen with --inject 503x*)
    TooManyRetries = "too-many-retries",
    /// waits half as long as promised between attempts (seen with --inject 503x2)
    WrongBackoff = "wrong-backoff",
    /// retries a 4xx (seen with --inject 400)
    Retry4xx = "retry-4xx",
    /// gives up when the connection breaks (seen with --inject reset)
    NoRetryOnReset = "no-retry-on-reset",
    /// counts a broken connection or answer as delivered (seen with --inject truncate)
    BrokenAsSuccess = "broken-as-success",
    /// takes only 200, 201, 202 and 204 as delivered (seen with --inject answer=206)
    NarrowSuccess = "narrow-success",
    /// follows redirects; a 302 turns into a GET without body (seen with --inject 302)
    FollowRedirects = "follow-redirects",
    /// limits each read, not the attempt: a 200 that drips for longer still counts (seen with --inject drip=10/s)
    AcceptLate = "accept-late",
    /// puts the user's e-mail address into the text
    EmailInBody = "email-in-body",
    /// puts the username into the text
    UsernameInBody = "username-in-body",
    /// puts the user's phone number into the text
    PhoneInBody = "phone-in-body",
    /// puts the user's display name into the text
    NameInBody = "name-in-body",
    /// sends the user's address in X-Forwarded-For
    IpInHeader = "ip-in-header",
    /// holds each delivery back for 3 s inside the request
    Slow = "slow",
    /// answers the request first and delivers 3 s later
    AsyncLate = "async-late",
    /// answers verify and confirm-result with 500 and does nothing
    Step500 = "step-500",
    /// answers with the id of another payment or match
    OtherId = "other-id",
    /// one synchronous worker: each request waits for the one before it, deliveries included
    OneWorker = "one-worker",
    /// every request is redirected to https, as with Django's SECURE_SSL_REDIRECT
    HttpsRedirect = "https-redirect",
    /// the circuit breaker never opens
    BreakerNeverOpens = "breaker-never-opens",
    /// once open, the circuit breaker stays open
    BreakerStuckOpen = "breaker-stuck-open",
    /// the circuit breaker stays open for half as long as promised
    BreakerClosesEarly = "breaker-closes-early",
    /// two processes, each with a circuit breaker of its own; a connection stays with one of them
    BreakerPerProcess = "breaker-per-process",
    /// gives an attempt up after half the time-out (seen with --inject hang or drip=10/s)
    ShortTimeout = "short-timeout",
}

/// Which deliveries (or calls, for `step-500`) a misbehaviour takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Portion {
    /// All, except for `drop-webhook`, which takes every third.
    Default,
    /// This share, 0 to 1, spread evenly.
    Share(f64),
    /// Only the one with this number, from 1.
    Nth(u64),
}

/// A kind, and where it strikes: `KIND`, `KIND@20%` or `KIND@3` (the third delivery).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Misbehaviour {
    pub kind: Kind,
    pub portion: Portion,
}

impl Misbehaviour {
    /// Whether it strikes the delivery with this number, from 1.
    #[must_use]
    pub fn strikes(&self, number: u64) -> bool {
        match self.portion {
            Portion::Default if self.kind == Kind::DropWebhook => number.is_multiple_of(3),
            Portion::Default => true,
            Portion::Nth(nth) => nth == number,
            // Evenly: number n is struck when the share of n deliveries reaches the next whole.
            Portion::Share(share) => {
                (number as f64 * share).floor() > ((number as f64 - 1.0) * share).floor()
            }
        }
    }
}

impl From<Kind> for Misbehaviour {
    fn from(kind: Kind) -> Self {
        Self { kind, portion: Portion::Default }
    }
}

impl fmt::Display for Misbehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match self.portion {
            Portion::Default => Ok(()),
            Portion::Share(share) => write!(f, "@{}%", share * 100.0),
            Portion::Nth(n) => write!(f, "@{n}"),
        }
    }
}

/// A misbehaviour that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownMisbehaviour {
    /// No such kind.
    #[error("unknown misbehaviour `{0}`; known are {known}", known = names())]
    Kind(String),
    /// What stands after the `@` is neither a share nor a number.
    #[error("`{0}`: `@` takes a share from 1% to 100% or a delivery number from 1")]
    Portion(String),
}

fn names() -> String {
    Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ")
}

impl FromStr for Misbehaviour {
    type Err = UnknownMisbehaviour;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, portion) = match text.split_once('@') {
            None => (text, Portion::Default),
            Some((name, at)) => {
                (name, portion(at).ok_or_else(|| UnknownMisbehaviour::Portion(text.to_owned()))?)
            }
        };
        let kind = Kind::ALL.iter().copied().find(|kind| kind.name() == name);
        kind.map(|kind| Self { kind, portion }).ok_or_else(|| UnknownMisbehaviour::Kind(name.to_owned()))
    }
}

fn portion(text: &str) -> Option<Portion> {
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent: f64 = percent.parse().ok()?;
            (percent > 0.0 && percent <= 100.0).then_some(Portion::Share(percent / 100.0))
        }
        None => text.parse().ok().filter(|n| *n > 0).map(Portion::Nth),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_and_says_what_it_does() {
        for kind in Kind::ALL {
            let read: Misbehaviour = kind.name().parse().unwrap();
            assert_eq!(read, Misbehaviour::from(*kind));
            assert_eq!(read.to_string(), kind.name());
            assert!(kind.about().len() > 10 && !kind.about().starts_with(' '), "{kind:?}");
        }
    }

    #[test]
    fn an_unknown_kind_lists_the_known_ones() {
        let error = "drop".parse::<Misbehaviour>().unwrap_err().to_string();
        assert!(
            error.starts_with("unknown misbehaviour `drop`; known are drop-webhook, send-twice, "),
            "{error}"
        );
        for bad in ["slow@0", "slow@0%", "slow@101%", "slow@x", "slow@", "slow@-1", "slow@NaN%"] {
            assert!(matches!(bad.parse::<Misbehaviour>(), Err(UnknownMisbehaviour::Portion(_))), "{bad}");
        }
    }

    #[test]
    fn portions_strike_evenly() {
        let struck = |text: &str| {
            let one: Misbehaviour = text.parse().unwrap();
            (1..=10).filter(|n| one.strikes(*n)).collect::<Vec<u64>>()
        };
        assert_eq!(struck("slow"), (1..=10).collect::<Vec<_>>());
        assert_eq!(struck("drop-webhook"), [3, 6, 9]);
        assert_eq!(struck("slow@20%"), [5, 10]);
        assert_eq!(struck("slow@4"), [4]);
        assert_eq!(struck("slow@100%").len(), 10);
    }
}
