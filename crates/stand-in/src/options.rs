//! What a stand-in is started with.

use super::misbehaviour::Misbehaviour;
use super::sender::LogSink;
use record::RetryContract;
use signature::Scheme;
use signature::Secret;
use std::time::Duration;
use wire::Clock;

/// Access tokens of the real system are good for 60 minutes (docs/deltacrown.md section 1).
const ACCESS_LIFETIME: Duration = Duration::from_secs(3600);

/// What a stand-in is started with; [`Options::new`] gives the defaults of the staging guide.
#[derive(Clone)]
pub struct Options {
    /// How webhooks are signed.
    pub scheme: Scheme,
    /// Webhook secret; when empty the signature header is empty, as in the real sender.
    pub secret: Secret,
    /// URL that webhooks are posted to (`http://` only); empty: deliveries are skipped with a log line.
    pub endpoint: String,
    /// Whether webhooks are sent at all (`NOTIFICATIONS_WEBHOOK_ENABLED`).
    pub webhooks: Webhooks,
    /// Time limit of an attempt: in all under good practice, for connecting and for each read under `deltacrown`.
    pub timeout: Duration,
    /// Attempts for one delivery, at least 1.
    pub max_attempts: u32,
    /// What it does wrong on purpose.
    pub misbehave: Vec<Misbehaviour>,
    /// Whose behaviour is the default.
    pub profile: Profile,
    /// How much data there is at the start.
    pub fixtures: FixtureSize,
    /// Rows whose payments, matches and users take the place of the fixtures; none keeps those.
    pub rows: Vec<super::Row>,
    /// Seed of names and of which deliveries a partial misbehaviour takes; passwords and ids come from the system.
    pub seed: u64,
    /// Request limits of the API.
    pub throttle: Throttle,
    /// How long an access token is good.
    pub access_lifetime: Duration,
    /// Django's DEBUG: changes missing-slash answers and the log format.
    pub debug: Debug,
    /// Back-off, breaker and delay times; shortened by tests.
    pub timing: Timing,
    /// The run's clock, so that the sender's log and the journal share one time line.
    pub clock: Clock,
    /// Called with each log line of the sender.
    pub log: Option<LogSink>,
}

impl Options {
    /// From here on its sender keeps this contract, and not DeltaCrown's.
    pub fn keep(&mut self, contract: &RetryContract) {
        self.timing = Timing::of(contract);
        self.timing.promises = Some(contract.clone());
        self.max_attempts = contract.attempts();
    }

    /// The defaults: `deltacrown-v2`, 10 s, 3 attempts, 10 payments, 5 matches, good practice, nothing wrong.
    #[must_use]
    pub fn new(secret: Secret, endpoint: impl Into<String>) -> Self {
        Self {
            scheme: Scheme::default(),
            secret,
            endpoint: endpoint.into(),
            webhooks: Webhooks::On,
            timeout: Duration::from_secs(10),
            max_attempts: 3,
            misbehave: Vec::new(),
            profile: Profile::default(),
            fixtures: FixtureSize::default(),
            rows: Vec::new(),
            seed: 0,
            throttle: Throttle::Off,
            access_lifetime: ACCESS_LIFETIME,
            debug: Debug::Off,
            timing: Timing::default(),
            clock: Clock::start(),
            log: None,
        }
    }
}

/// Whether the webhook flag is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Webhooks {
    #[default]
    On,
    /// Nothing is sent, nothing is logged.
    Off,
}

/// Whose behaviour the stand-in shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// The contract, kept as a careful sender would.
    #[default]
    GoodPractice,
    /// The real system as measured, flaws included.
    Deltacrown,
}

/// A profile name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown profile `{0}`; known are good-practice and deltacrown")]
pub struct UnknownProfile(String);

impl std::str::FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "good-practice" => Ok(Self::GoodPractice),
            "deltacrown" => Ok(Self::Deltacrown),
            _ => Err(UnknownProfile(text.to_owned())),
        }
    }
}

/// How much data there is at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixtureSize {
    /// Pending payments, each with its own owner and tournament.
    pub payments: usize,
    /// Scheduled matches, each with its own two participants and tournament.
    pub matches: usize,
}

impl FixtureSize {
    /// As much as `flows` flows about this subject take: payments, matches, or both.
    #[must_use]
    pub fn of(subject: &str, flows: u32) -> Self {
        let flows = flows as usize;
        match subject {
            "payment" => Self { payments: flows, matches: 0 },
            "match" => Self { payments: 0, matches: flows },
            _ => Self { payments: flows, matches: flows },
        }
    }
}

impl Default for FixtureSize {
    fn default() -> Self {
        Self { payments: 10, matches: 5 }
    }
}

/// Request limits of the API (docs/deltacrown.md section 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Throttle {
    #[default]
    Off,
    /// Limits for one hour; the real system has 100 and 1000.
    PerHour {
        /// Requests without credentials, for one address.
        anonymous: usize,
        /// Requests of one user.
        user: usize,
    },
}

impl Throttle {
    /// The real system's limits.
    pub const REAL: Self = Self::PerHour { anonymous: 100, user: 1000 };
}

/// Django's DEBUG setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Debug {
    /// DEBUG=0, production.
    #[default]
    Off,
    /// DEBUG=1.
    On,
}

/// The times of the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Wait before attempt 2, 3, …; the last one repeats.
    pub backoff: Vec<Duration>,
    /// Deliveries that must fail within `breaker_window` to open the breaker.
    pub breaker_failures: usize,
    /// The window in which failures are counted.
    pub breaker_window: Duration,
    /// How long an open breaker drops deliveries.
    pub breaker_open: Duration,
    /// How long `slow` and `async-late` hold a delivery back.
    pub slow: Duration,
    /// What the sender's profile promises about statuses, redirects and identity; DeltaCrown's when `None`.
    pub promises: Option<RetryContract>,
}

impl Timing {
    /// The pauses and the breaker of a contract.
    #[must_use]
    pub fn of(contract: &RetryContract) -> Self {
        let breaker = contract.breaker;
        Self {
            backoff: contract.backoff_ms.iter().skip(1).map(|ms| Duration::from_millis(*ms)).collect(),
            breaker_failures: if breaker.is_none() { usize::MAX } else { breaker.failures as usize },
            breaker_window: breaker.window(),
            breaker_open: breaker.open(),
            ..Self::default()
        }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            backoff: vec![Duration::from_secs(2), Duration::from_secs(4)],
            breaker_failures: 5,
            breaker_window: Duration::from_secs(120),
            breaker_open: Duration::from_secs(60),
            slow: Duration::from_secs(3),
            promises: None,
        }
    }
}
