//! A fault, how often it strikes, and which deliveries it takes, as typed values that show as they are typed.

use crate::period::Period;
#[cfg(feature = "schema")]
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Cow;
use std::fmt;

/// What is done to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// An answer with this status and nothing wrong otherwise: 200 to 299 (`answer=206`), 300 to 599 (`503`).
    Status {
        status: u16,
        /// The `Retry-After` header in seconds (RFC 9110 section 10.2.3).
        retry_after: Option<u32>,
    },
    /// Our own answer, after this time.
    Delay(Period),
    /// No answer: until the sender gives up, or for this time.
    Hang(Option<Period>),
    /// The connection is reset (RST) before a byte of the answer.
    Reset,
    /// The connection is reset after the head of the answer.
    ResetAfterHead,
    /// The connection is closed (FIN) without a byte of the answer.
    Close,
    /// The connection is closed in the middle of the answer's body.
    Truncate,
    /// Bytes that are no HTTP answer.
    Garbage,
    /// Our own answer at so many bytes per second, padded so that it lasts longer than the sender's time-out.
    Drip(u32),
}

impl Fault {
    /// Whether an attempt that it met has failed by it. A delay or another 2xx leaves a good answer: what becomes of the
    /// delivery is the sender's doing.
    #[must_use]
    pub const fn fails_the_attempt(self) -> bool {
        !matches!(self, Self::Delay(_) | Self::Status { status: 200..=299, .. })
    }
}

/// How many attempts of a delivery are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Times {
    /// The first so many, at least 1.
    First(u32),
    All,
}

/// Which deliveries are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    Every,
    /// A share of them, chosen by the seed.
    Share(Percent),
    /// The one with this number, from 1, in order of first arrival.
    Nth(u64),
}

/// More than 0 % and at most 100 %, in steps of 0.0001 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

impl Percent {
    const ONE: u32 = 10_000;

    /// `None` outside 0 to 100 (0 excluded), and for no number.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most 1,000,000, positive"
    )]
    pub fn new(percent: f64) -> Option<Self> {
        let steps = (percent * f64::from(Self::ONE)).round();
        (steps >= 1.0 && percent <= 100.0).then_some(Self(steps as u32))
    }

    /// As a fraction of 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::ONE) / 100.0
    }

    /// That many of so many deliveries: rounded, at least one.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive count below 2^52"
    )]
    pub fn of(self, deliveries: u64) -> u64 {
        ((self.fraction() * deliveries as f64).round() as u64).max(1)
    }

    pub(super) const fn steps(self) -> u32 {
        self.0
    }

    pub(super) const ALL_STEPS: u32 = 100 * Self::ONE;
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / f64::from(Self::ONE))
    }
}

/// One `--inject`, or one entry of a scenario's `faults`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultSpec {
    pub fault: Fault,
    /// To how many attempts.
    pub times: Times,
    /// Of which deliveries.
    pub target: Target,
}

impl FaultSpec {
    /// A fault of the first attempt of every delivery.
    #[must_use]
    pub const fn once(fault: Fault) -> Self {
        Self { fault, times: Times::First(1), target: Target::Every }
    }

    /// Whether attempt number `attempt` (from 1) is broken.
    #[must_use]
    pub const fn takes(&self, attempt: u32) -> bool {
        match self.times {
            Times::First(n) => attempt <= n,
            Times::All => true,
        }
    }
}

impl Fault {
    /// The status that goes out whole; `None` when no complete response of a status of its own does.
    #[must_use]
    pub const fn status(self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether what goes out is our own answer, only not at once.
    #[must_use]
    pub const fn sends_own_answer(self) -> bool {
        matches!(self, Self::Delay(_) | Self::Drip(_))
    }

    /// The status that is about to be sent to an attempt that it meets, which would get `own` without it; `None` when no
    /// complete response is.
    #[must_use]
    pub const fn answer(self, own: u16) -> Option<u16> {
        if self.sends_own_answer() { Some(own) } else { self.status() }
    }

    /// Whether the answer points somewhere else.
    #[must_use]
    pub const fn redirects(self) -> bool {
        matches!(self, Self::Status { status: 300..=399, .. })
    }

    /// Whether a delivery ends as failed once its attempt `attempt` of `attempts` met this fault.
    #[must_use]
    pub const fn ends(self, attempt: u32, attempts: u32) -> bool {
        match self {
            Self::Status { status: 200..=299, .. } | Self::Delay(_) => false,
            Self::Status { status: 400..=499, .. } => true,
            _ => attempt >= attempts,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { status, retry_after } => {
                if (200..300).contains(status) {
                    f.write_str("answer=")?;
                }
                write!(f, "{status}")?;
                retry_after.map_or(Ok(()), |seconds| write!(f, ":retry-after={seconds}"))
            }
            Self::Delay(time) => write!(f, "delay={time}"),
            Self::Hang(None) => f.write_str("hang"),
            Self::Hang(Some(time)) => write!(f, "hang={time}"),
            Self::Reset => f.write_str("reset"),
            Self::ResetAfterHead => f.write_str("reset-after-head"),
            Self::Close => f.write_str("close"),
            Self::Truncate => f.write_str("truncate"),
            Self::Garbage => f.write_str("garbage"),
            Self::Drip(rate) => write!(f, "drip={rate}/s"),
        }
    }
}

impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)?;
        match self.times {
            Times::First(1) => Ok(()),
            Times::First(n) => write!(f, "x{n}"),
            Times::All => f.write_str("x*"),
        }?;
        match self.target {
            Target::Every => Ok(()),
            Target::Share(share) => write!(f, "@{share}"),
            Target::Nth(number) => write!(f, "@{number}"),
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for Fault {
    fn schema_name() -> Cow<'static, str> {
        "Fault".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "What is done to an attempt.",
            "examples": ["503", "503:retry-after=7", "answer=206", "reset", "hang", "drip=10/s"],
        })
    }
}

impl Serialize for FaultSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FaultSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = FaultSpec;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a fault such as 503x2, 400@3 or reset@20%")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<FaultSpec, E> {
                text.parse().map_err(E::custom)
            }

            // YAML reads a bare 503 as a number.
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<FaultSpec, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(Text)
    }
}

#[cfg(feature = "schema")]
impl JsonSchema for FaultSpec {
    fn schema_name() -> Cow<'static, str> {
        "FaultSpec".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A fault, how many attempts it takes, and of which deliveries: `FAULT[xN|x*][@SHARE%|@K]`.",
            "examples": ["503x2", "503:retry-after=7", "400@3", "reset@20%", "hang", "drip=10/sx*"],
        })
    }
}
