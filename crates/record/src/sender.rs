//! A sender's profile: how its requests look, when it tries again, and what else it promises.

use super::contract::{BreakerContract, IdentityPolicy, RetryAfterPolicy, RetryContract, ThrottlePolicy};
use super::period::Period;
use super::statuses::StatusSet;
use crate::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signature::{BodySpec, Example, Place, RequestSpec, Scheme, SettingNames, SignatureSpec, SpecError};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The most pauses of a schedule, written out or made by its formula.
pub const MAX_ATTEMPTS: usize = 64;

/// The most events with a schema of their own.
const MAX_EVENTS: usize = 1000;

/// A webhook sender: what it signs, where event and id are, when it retries, and what else it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SenderProfile {
    /// Short name.
    #[schemars(extend("pattern" = "^[A-Za-z0-9._-]+$"))]
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// Where the sender's own documentation is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// How requests are signed.
    pub signature: SignatureSpec,
    /// Where the name of the event stands.
    #[serde(default, skip_serializing_if = "Place::is_nowhere")]
    pub event: Place,
    /// Where the id of the delivery stands, which tells a retry from a new webhook.
    #[serde(default, skip_serializing_if = "Place::is_nowhere")]
    pub id: Place,
    /// What the body is; JSON when left out.
    #[serde(default)]
    pub body: BodySpec,
    /// Headers that the sender writes itself, in the order in which it writes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// What a valid signature of this sender does not prove, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// The product that its `User-Agent` names, without a version: what names another is rather a stranger's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// What its settings are called, for messages that say what to set.
    #[serde(default)]
    pub settings: SettingNames,
    /// A webhook as it sends them, for probes of receivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Example>,
    /// When it tries again; one attempt when left out.
    #[serde(default)]
    pub retry: RetrySpec,
    /// Time-out and redirects.
    #[serde(default)]
    pub limits: LimitSpec,
    /// What it asks a receiver before it sends to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handshakes: Vec<Handshake>,
    /// The JSON Schema of the body of each event: a file, or a file and a pointer into it (`openapi.yaml#/webhooks/paid`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payload: BTreeMap<String, String>,
    /// The schemas that `payload` names, taken out of their files: smoke fills it in, so that the journal has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub schemas: Option<Value>,
    /// What has to be set at the sender so that it sends to a receiver, line by line, with `{endpoint}` for the URL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub setup: Vec<String>,
}

/// When a sender tries again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrySpec {
    /// The pause before each attempt, the first of them `0s`. In place of `first`, `factor`, `longest`, `attempts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<Period>,
    /// The pause before the second attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Period>,
    /// By what each pause is multiplied for the next; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// No pause is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<Period>,
    /// Attempts in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub attempts: Option<u32>,
    /// Whether it goes on without end, with the last pause again and again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub endless: bool,
    /// By which share a pause may be longer or shorter: 0.5 for half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub jitter: Option<f64>,
    /// How much shorter a pause may be besides, and how much longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<Period>,
    /// As `early`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Period>,
    /// Statuses by which a receiver takes a webhook; every 2xx when left out.
    #[serde(default, skip_serializing_if = "StatusSet::is_empty")]
    pub success: StatusSet,
    /// Statuses that end a delivery at once; every 4xx when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<StatusSet>,
    /// Statuses that are tried again although `abort` has them.
    #[serde(default, skip_serializing_if = "StatusSet::is_empty")]
    pub retry: StatusSet,
    /// Whether a broken connection ends the delivery.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aborts_on_broken_connections: bool,
    /// Whether a connection that breaks after the head of the answer ends the delivery, as where only the status is looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aborts_on_broken_bodies: bool,
    /// What `Retry-After` does.
    #[serde(default)]
    pub retry_after: RetryAfterPolicy,
    /// What stays the same over the attempts of a delivery.
    #[serde(default)]
    pub identity: IdentityPolicy,
    /// The circuit breaker; none when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerContract>,
}

/// Time-out and redirects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitSpec {
    /// How long an attempt may last; without end when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// Whether it follows redirects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follows_redirects: bool,
}

/// What a sender asks a receiver before it sends to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Handshake {
    /// Slack: a POST with `{"type":"url_verification","challenge":…}`.
    SlackUrlVerification,
    /// Zoom: a POST with the event `endpoint.url_validation` and a `plainToken`.
    ZoomCrc,
    /// X: a GET with `crc_token`.
    XCrc,
    /// WebSub, Meta: a GET with `hub.challenge`.
    HubChallenge,
    /// CloudEvents: an OPTIONS with `WebHook-Request-Origin`.
    CloudEvents,
    /// Microsoft Graph: a POST with `validationToken` in the query.
    MsGraph,
    /// Dropbox: a GET with `challenge`.
    Dropbox,
    /// Discord: a POST with `{"type":1}` (interactions) or `{"type":0}` (events).
    DiscordPing,
}

impl SenderProfile {
    /// The sender that is meant where none is named: the built-in profile of [`Scheme::default`].
    #[must_use]
    pub fn usual() -> &'static Self {
        static USUAL: LazyLock<SenderProfile> = LazyLock::new(|| {
            let scheme = Scheme::default();
            SenderProfile::built_in(scheme).unwrap_or_else(|| SenderProfile::unread(scheme))
        });
        &USUAL
    }

    /// The built-in profile of a scheme; `None` for the schemes of profiles that are files.
    #[must_use]
    pub fn built_in(scheme: Scheme) -> Option<Self> {
        serde_saphyr::from_str(scheme.profile()).ok()
    }

    /// What stands for a built-in profile that cannot be read: a test sees to it that there is none.
    fn unread(scheme: Scheme) -> Self {
        let RequestSpec { signature, event, id, body, headers, caveats, user_agent, settings, example } =
            scheme.spec().clone();
        Self {
            name: scheme.sender().to_owned(),
            description: String::new(),
            docs: None,
            signature,
            event,
            id,
            body,
            headers,
            caveats,
            user_agent,
            settings,
            example,
            retry: RetrySpec::default(),
            limits: LimitSpec::default(),
            handshakes: Vec::new(),
            payload: BTreeMap::new(),
            schemas: None,
            setup: Vec::new(),
        }
    }

    /// The part of it that is about requests.
    #[must_use]
    pub fn requests(&self) -> RequestSpec {
        RequestSpec {
            signature: self.signature.clone(),
            event: self.event.clone(),
            id: self.id.clone(),
            body: self.body.clone(),
            headers: self.headers.clone(),
            caveats: self.caveats.clone(),
            user_agent: self.user_agent.clone(),
            settings: self.settings.clone(),
            example: self.example.clone(),
        }
    }

    /// How to sign and verify.
    ///
    /// # Errors
    /// Everything that is wrong in the part about requests.
    pub fn scheme(&self) -> Result<Scheme, Vec<SpecError>> {
        Scheme::of(&self.name, self.requests())
    }

    /// The retry contract that it is judged by.
    #[must_use]
    pub fn contract(&self) -> RetryContract {
        let spec = &self.retry;
        let ms = |period: Option<Period>, usual| period.map_or(usual, Period::as_millis);
        let usual = RetryContract::one_attempt();
        let aborts = spec.abort.clone();
        RetryContract {
            backoff_ms: spec.backoff_ms(),
            early_ms: ms(spec.early, usual.early_ms),
            late_ms: ms(spec.late, usual.late_ms),
            identity: spec.identity,
            throttled: if spec.retry.contains(429) { ThrottlePolicy::Retry } else { ThrottlePolicy::Abort },
            retry_after: spec.retry_after,
            breaker: spec.breaker.unwrap_or(BreakerContract::NONE),
            endless: spec.endless,
            jitter_percent: percent(spec.jitter),
            success: spec.success.clone(),
            aborts,
            retries: spec.retry.clone(),
            aborts_on_broken_connections: spec.aborts_on_broken_connections,
            aborts_on_broken_bodies: spec.aborts_on_broken_bodies,
            follows_redirects: self.limits.follows_redirects,
            without_timeout: self.limits.timeout.is_none(),
        }
    }

    /// Everything that the types cannot say: where, and what.
    #[must_use]
    pub fn problems(&self) -> Vec<SpecError> {
        let mut found = self.requests().problems();
        let mut say = |path: &str, problem: &str| {
            found.push(SpecError { path: path.to_owned(), problem: problem.to_owned() });
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(is_name) {
            say("name", "use 1 to 64 letters, digits, `.`, `_` and `-`");
        }
        if self.payload.len() > MAX_EVENTS {
            say("payload", "over 1000 events");
        }
        let r = &self.retry;
        let formula = r.first.is_some() || r.factor.is_some() || r.longest.is_some() || r.attempts.is_some();
        if !r.schedule.is_empty() && formula {
            say(
                "retry.schedule",
                "give either a schedule or its formula (`first`, `factor`, `longest`, `attempts`), not both",
            );
        }
        if r.schedule.first().is_some_and(|first| first.as_millis() != 0) {
            say("retry.schedule", "the first pause comes before the first attempt: write 0s");
        }
        if r.schedule.len() > MAX_ATTEMPTS || r.attempts.is_some_and(|n| n == 0 || n as usize > MAX_ATTEMPTS)
        {
            say("retry", "1 to 64 attempts; for more, `endless: true`");
        }
        if r.factor.is_some_and(|f| !(1.0..=100.0).contains(&f)) {
            say("retry.factor", "a factor is from 1 to 100");
        }
        if r.jitter.is_some_and(|j| !(0.0..=1.0).contains(&j)) {
            say("retry.jitter", "a share is from 0 to 1: 0.5 for half");
        }
        self.retry_problems(&mut say);
        self.statuses_problems(&mut say);
        self.limits_problems(&mut say);
        if r.endless && r.backoff_ms().len() < 2 {
            say("retry.endless", "give the pause to repeat: `first: 10s`, or a schedule of two");
        }
        if r.breaker.is_some_and(|b| b.failures == 0 || b.window_ms == 0 || b.open_ms == 0) {
            say("retry.breaker", "its figures must be above 0; leave it out if there is none");
        }
        for (i, line) in self.setup.iter().enumerate() {
            for name in placeholders(line).filter(|name| !SETTINGS.contains(name)) {
                let known = SETTINGS.map(|name| format!("{{{name}}}")).join(", ");
                say(&format!("setup.{i}"), &format!("`{{{name}}}` is not a placeholder; known: {known}"));
            }
        }
        found
    }

    /// What of a formula does not fit together; at `retry` as a whole, since it may follow from another mistake in there.
    fn retry_problems(&self, say: &mut impl FnMut(&str, &str)) {
        let r = &self.retry;
        if r.attempts.is_some() && r.endless {
            say("retry.attempts", "`attempts` or `endless`, not both");
        } else if r.attempts.is_some_and(|n| n > 1) && r.first.is_none() && r.schedule.is_empty() {
            say("retry", "which pause? give `first`, such as `first: 10s`");
        }
        let formula = r.first.is_some() || r.factor.is_some() || r.longest.is_some();
        if formula && r.attempts.is_none() && !r.endless && r.schedule.is_empty() {
            say("retry", "how many attempts in all? give `attempts`, or `endless: true`");
        }
    }

    /// Statuses that are to mean two things.
    fn statuses_problems(&self, say: &mut impl FnMut(&str, &str)) {
        let r = &self.retry;
        let aborts = |status: u16| r.abort.as_ref().is_some_and(|abort| abort.contains(status));
        let listed =
            |status: &u16| r.success.contains(*status) && (r.retry.contains(*status) || aborts(*status));
        if let Some(status) = (100..600).find(listed) {
            say(
                "retry.success",
                &format!("{status} is listed here and under `abort` or `retry`: it can only mean one thing"),
            );
        }
        let usual = |status: &u16| r.success.is_empty() && (200..300).contains(status);
        if let Some(status) = (100..600).filter(usual).find(|status| aborts(*status)) {
            say("retry.abort", &format!("{status} is a success: say under `success` which statuses are"));
        }
        if let Some(status) = (100..600).filter(usual).find(|status| r.retry.contains(*status)) {
            say("retry.retry", &format!("{status} is a success: say under `success` which statuses are"));
        }
        if let Some(status) =
            r.abort.as_ref().and_then(|abort| abort.listed().find(|status| r.retry.contains(*status)))
        {
            say(
                "retry.retry",
                &format!("{status} is listed here and under `abort`: it can only mean one thing"),
            );
        }
    }

    /// Times within which nothing can be, and a media type that no request has.
    fn limits_problems(&self, say: &mut impl FnMut(&str, &str)) {
        if self.limits.timeout.is_some_and(|timeout| timeout.as_millis() == 0) {
            say(
                "limits.timeout",
                "nothing is answered within 0 s: give the sender's time-out, or leave it out",
            );
        }
        let r = &self.retry;
        if let (Some(first), Some(longest)) = (r.first, r.longest)
            && longest < first
        {
            say("retry.longest", &format!("no pause is longer than {longest}, and the first is {first}"));
        }
        let is_type = |text: &str| {
            let parts = text.split_once('/');
            parts.is_some_and(|(kind, form)| {
                [kind, form].iter().all(|p| !p.is_empty() && !p.contains(['/', ' ', ';']))
            })
        };
        if let Some(text) = self.body.media_type.as_deref().filter(|text| !is_type(text)) {
            say(
                "body.media_type",
                &format!("`{text}` is not a media type: give for example application/json"),
            );
        }
    }
}

/// What may stand in braces in the lines of `setup`.
const SETTINGS: [&str; 4] = ["endpoint", "secret", "timeout", "attempts"];

/// The words in braces of a line; other braces are the settings' own.
fn placeholders(line: &str) -> impl Iterator<Item = &str> {
    let is_word = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let inside = line.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    inside.filter(is_word)
}

/// A share in whole percent; anything that is no share counts as none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
fn percent(share: Option<f64>) -> u32 {
    share.filter(|share| (0.0..=1.0).contains(share)).map_or(0, |share| (share * 100.0).round() as u32)
}

impl RetrySpec {
    /// The pause before each attempt, in milliseconds.
    #[must_use]
    pub fn backoff_ms(&self) -> Vec<u64> {
        if !self.schedule.is_empty() {
            return self.schedule.iter().take(MAX_ATTEMPTS).map(|p| p.as_millis()).collect();
        }
        let Some(first) = self.first else { return vec![0] };
        let longest = self.longest.map_or(u64::MAX, Period::as_millis);
        let attempts =
            self.attempts.map_or(if self.endless { 10 } else { 1 }, |n| n as usize).min(MAX_ATTEMPTS);
        let mut pauses = vec![0];
        let mut next = first.as_millis();
        while pauses.len() < attempts {
            pauses.push(next.min(longest));
            next = scaled(next, self.factor.unwrap_or(1.0)).min(longest);
        }
        pauses
    }
}

/// A pause multiplied, at most a day.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pauses are at most a day, 8.64e7 ms"
)]
fn scaled(ms: u64, factor: f64) -> u64 {
    (ms as f64 * factor).clamp(0.0, 86_400_000.0).round() as u64
}
