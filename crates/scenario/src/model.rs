//! What a scenario file says, as typed data; the JSON Schema that editors use is generated from these types.

use super::capture::Capture;
use super::count::Count;
use super::entries::Entries;
use super::listen::Listening;
use super::request::Request;
use super::session::Session;
use crate::JsonSchema;
use pii::Identity;
use record::SubjectKind;
use record::faults::{ClauseSpec, FaultSpec};
use record::matcher::Matcher;
use record::period::Period;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use signature::Scheme;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A JSON value in a scenario. Strings may hold templates: `{{ name }}`.
pub type Json = serde_json::Value;

/// A scenario: flows of HTTP steps, the response each must get, and the webhooks each must fire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name; the artifact is `staging_<name>_output.json`.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// What one flow is about.
    pub subject: Subject,
    /// Who sends the webhooks: the name of a profile (`smoke senders` lists them), or the path to one, relative to the
    /// scenario. It says how they are signed, where event and id are, and when they are retried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = Scheme::ALL.map(Scheme::sender)))]
    pub sender: Option<String>,
    /// Signature scheme of the webhooks; with `sender`, the profile's.
    #[serde(default)]
    pub scheme: Scheme,
    /// How many flows run by default.
    #[serde(default = "default_flows")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub flows: u32,
    /// How many flows run at the same time by default.
    #[serde(default = "default_flows")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrency: u32,
    /// Variables with defaults, which `--var NAME=VALUE` overrides. Values may be templates over the environment
    /// (`{{ env.STAGING_USER | default("admin") }}`) and the variables above. `null` declares a variable without default.
    #[serde(default)]
    pub vars: Entries<Json>,
    /// Variables, columns and environment variables (`API_KEY` or `env.API_KEY`) whose values are secret, besides those with
    /// `password`, `secret` or `token` in their name.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The data rows: one per flow.
    #[serde(default)]
    pub data: Data,
    /// How steps authenticate: logins, each done once and reused by every flow, or fixed credentials.
    #[serde(default)]
    pub sessions: BTreeMap<String, Session>,
    /// The test users' personal data (canaries): any occurrence in a webhook is a certain leak. One that renders
    /// to nothing is an error, unless it ends in `default("")`: then it is left out.
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// How to tell this run's webhooks from other traffic.
    #[serde(default)]
    pub webhooks: Webhooks,
    /// The settings the system under test needs, in the form its configuration uses; printed before anything is driven.
    /// `{endpoint}`, `{secret}` (its length and fingerprint), `{timeout}` (seconds) and `{attempts}` are filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_settings: Option<String>,
    /// How long to watch for unexpected webhooks after the last expected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Period>,
    /// Faults to inject into webhook attempts, as `--inject` takes them (`503x2`, `400@3` …).
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
    /// The clauses of the sender's contract, for a sweep: each fault of each clause takes its own flow, so `flows` is
    /// ignored, and `faults` must be empty. Each flow must fire one webhook, told apart by `webhooks.ours`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contract: Vec<ClauseSpec>,
    /// How webhooks are received, if the sender needs more than one path over plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<Listening>,
    /// What the search for personal data allows, adds or skips.
    #[serde(default)]
    #[schemars(with = "Option<pii::Policy>")]
    pub pii: Option<Json>,
    /// Loggers of the system under test whose ERROR lines and tracebacks `smoke observe --log` counts as application
    /// errors; a name covers the loggers below it, `*` means all. By default those of the formats file: all except
    /// those that log what strangers send.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_errors: Vec<String>,
    /// The steps of a flow, in order.
    #[schemars(length(min = 1))]
    pub steps: Vec<Step>,
    /// Flow variants: some of the flows run other steps. The first variant that claims a flow has it.
    #[serde(default)]
    pub variants: Vec<Variant>,
}

/// How long duplicates are watched for: the stand-in is near, a staging system may be far and busy.
const SETTLE_EMBEDDED: Duration = Duration::from_millis(300);
const SETTLE_STAGING: Duration = Duration::from_secs(3);

/// How long is watched for what must not come, after the last webhook and the last step, unless the command line says otherwise.
#[must_use]
pub fn usual_settle(scenario: Option<&Scenario>, embedded: bool) -> Duration {
    let own = scenario.and_then(|scenario| scenario.settle).map(Period::get);
    if embedded { own.unwrap_or(SETTLE_EMBEDDED) } else { own.unwrap_or_default().max(SETTLE_STAGING) }
}

impl Scenario {
    /// All steps, those of variants behind the scenario's own.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(self.variants.iter().flat_map(|variant| &variant.steps))
    }

    /// Whether a run uses its data rows up, so that the next one needs others.
    #[must_use]
    pub fn uses_rows_up(&self) -> bool {
        !self.data.reusable && self.all_steps().any(|step| !step.used_up.is_empty())
    }
}

const fn default_flows() -> u32 {
    10
}

/// What one flow is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// A word for it, used in the artifact's counters and sample: `total_payments`, `sample_match`.
    pub kind: SubjectKind,
    /// The plural, if it is irregular: `people`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plural: Option<SubjectKind>,
    /// Template for its id, for example `{{ payment_id }}`. If it comes from a capture, it is known once that is made.
    pub id: String,
    /// Template for its last known status over the flow's captures, for example `{{ payment_status }}`; rendered when the
    /// flow ends, null if the capture was never made.
    #[serde(default)]
    pub status: Option<String>,
}

/// Where the data rows come from, one per flow: `file`, otherwise `rows`; `ranges` are added to each. `--data FILE`
/// replaces `file` and `rows`; so do the stand-in's own fixtures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Columns every row must have. Templates may use these and those of `ranges` and `rows`.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Columns from ranges: column name to first value; the row of flow `i` (from 0) holds `first + i`.
    #[serde(default)]
    pub ranges: BTreeMap<String, i64>,
    /// A CSV (`.csv`), JSON (`.json`) or JSON lines (`.jsonl`, `.ndjson`) file, relative to the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Rows written out; their values may be templates over the environment and `vars`.
    #[serde(default)]
    pub rows: Vec<Entries<Json>>,
    /// Whether a run leaves its rows unchanged, so the next one can use them again. Otherwise a file's rows are remembered
    /// as used up, if a step says how that shows (`used_up`), and the next run takes the following ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reusable: bool,
}

/// One step of a flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique name within the flow.
    pub name: String,
    /// The session that sends it.
    #[serde(default)]
    pub session: Option<String>,
    /// The request.
    pub request: Request,
    /// What the response must be.
    #[serde(default)]
    pub expect: Expect,
    /// Variables captured from the response, for later steps and the step's own webhooks: by JSON pointer into the body, or
    /// from a header or cookie. A refused step captures nothing.
    #[serde(default)]
    pub capture: BTreeMap<String, Capture>,
    /// Statuses with which the step may be refused: recorded, not a failure; its webhooks are then not expected.
    #[serde(default)]
    #[schemars(inner(range(min = 100, max = 599)))]
    pub may_refuse: Vec<u16>,
    /// Statuses that mean the row's subject is not in the state the flow needs, because an earlier run used it up.
    /// The run then ends with an error about the data: it says nothing about the sender.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(range(min = 100, max = 599)))]
    pub used_up: Vec<u16>,
    /// Repeats the request until its expectations hold or the deadline passes.
    #[serde(default)]
    pub poll: Option<Poll>,
    /// Webhooks this step must fire. An empty list says nothing; `count: 0` forbids an event.
    #[serde(default)]
    pub webhooks: Vec<ExpectedWebhook>,
}

/// Expectations on a response; all must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// One status, or several of which one must match. Default: any 2xx.
    #[serde(default)]
    pub status: Option<OneOrMany>,
    /// Maps a header name to a matcher.
    #[serde(default)]
    pub headers: BTreeMap<String, Matcher>,
    /// JSON pointer into the response body, mapped to a matcher.
    #[serde(default)]
    pub json: BTreeMap<String, Matcher>,
}

/// One status or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum OneOrMany {
    One(#[schemars(range(min = 100, max = 599))] u16),
    Many(#[schemars(inner(range(min = 100, max = 599)))] Vec<u16>),
}

impl OneOrMany {
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        match self {
            Self::One(status) => std::slice::from_ref(status),
            Self::Many(statuses) => statuses,
        }
    }
}

// Not derived: an untagged enum would say "did not match any variant" and lose the place of the mistake.
impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Statuses;

        impl<'de> Visitor<'de> for Statuses {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a status from 100 to 599, or a list of them")
            }

            fn visit_u64<E: de::Error>(self, status: u64) -> Result<OneOrMany, E> {
                let wrong =
                    |_| E::custom(format!("{status} is not an HTTP status: they run from 100 to 599"));
                u16::try_from(status).map(OneOrMany::One).map_err(wrong)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OneOrMany, A::Error> {
                let mut statuses = Vec::new();
                while let Some(status) = seq.next_element()? {
                    statuses.push(status);
                }
                Ok(OneOrMany::Many(statuses))
            }
        }

        deserializer.deserialize_any(Statuses)
    }
}

/// Repeat until the expectations hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// Pause between two tries.
    pub every: Period,
    /// Time from the first try after which the step fails.
    pub deadline: Period,
}

/// A webhook that a step must fire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedWebhook {
    /// The event's name, as found where the sender's profile says. Omit it for a sender whose webhooks name none.
    #[serde(default)]
    pub event: String,
    /// JSON pointer into the webhook's body, mapped to a matcher; tells the webhooks of different flows apart. Templates may use
    /// the step's own captures and its response: `{{ response./id }}`, `{{ response.header.Location }}`.
    #[serde(default, rename = "match")]
    pub matchers: BTreeMap<String, Matcher>,
    /// Maps a header name to a matcher: for webhooks whose body is not parsed, and for what only a header says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Matcher>,
    /// Variables captured from the webhook, for later steps: by JSON pointer into its body, or from a header. The flow
    /// then waits for the webhook, up to `within`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: BTreeMap<String, Capture>,
    /// How many: a number is exact, `at least 1` allows more. 0 forbids the event from the start of this step on, unless a
    /// later step expects it: for a step that must fire nothing. It forbids even what this step or an earlier one expects where it
    /// says more of it than they do: `{ event: a }` and `{ event: a, match: { /email: { exists: true } }, count: 0 }`.
    #[serde(default)]
    pub count: Count,
    /// An event of the same flow that must arrive before this one: `payment.created`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Time limit from the start of the step to the first attempt, 30 s by default. With a count of 0 the run watches at
    /// least that long; without it, until the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
}

impl ExpectedWebhook {
    /// The time limit; for a webhook that must not come, how long is watched at least.
    #[must_use]
    pub fn within(&self) -> Duration {
        let usual = if self.count.forbids() { Duration::ZERO } else { USUAL_LIMIT };
        self.within.map_or(usual, Period::get)
    }
}

/// Time limit of a webhook that names none.
const USUAL_LIMIT: Duration = Duration::from_secs(30);

/// How to tell this run's webhooks from other traffic at the same receiver.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// JSON pointer into a webhook's body, mapped to a template over the flow's row and captures, or to a fixed text (one that is
    /// also the name of a value is written `{{ "text" }}`). A webhook with none of the flows' values there is foreign: reported
    /// separately, not judged. Without any, every webhook is ours.
    #[serde(default)]
    pub ours: BTreeMap<String, String>,
}

/// Other steps for some of the flows, for example two of five matches that end in a dispute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Name of the variant.
    pub name: String,
    /// Of every so many flows …
    #[schemars(range(min = 1))]
    pub of_every: u32,
    /// … the last so many take this variant.
    #[schemars(range(min = 1))]
    pub last: u32,
    /// The scenario's main steps up to and including this one run first; without it, only `steps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// What one flow does.
#[derive(Debug, Clone)]
pub struct FlowPlan<'a> {
    /// Name of its variant; none for the scenario's own steps.
    pub variant: Option<&'a str>,
    /// Its steps, in order.
    pub steps: Vec<&'a Step>,
}

impl Scenario {
    /// What flow number `flow` (from 0) does.
    #[must_use]
    pub fn flow_plan(&self, flow: u32) -> FlowPlan<'_> {
        match self.variants.iter().find(|v| v.claims(flow)) {
            Some(variant) => FlowPlan { variant: Some(&variant.name), steps: self.steps_of(variant) },
            None => FlowPlan { variant: None, steps: self.steps.iter().collect() },
        }
    }

    /// The steps of a variant, with those of the scenario that come first.
    #[must_use]
    pub fn steps_of<'a>(&'a self, variant: &'a Variant) -> Vec<&'a Step> {
        let kept = variant.after.as_ref().and_then(|name| self.steps.iter().position(|s| s.name == *name));
        self.steps.iter().take(kept.map_or(0, |last| last + 1)).chain(&variant.steps).collect()
    }

    /// Whether a variable, column or capture has this name.
    pub(crate) fn is_declared(&self, name: &str) -> bool {
        self.vars.get(name).is_some()
            || self.data.column_names().contains(name)
            || self.all_steps().any(|step| step.captured().any(|captured| captured == name))
    }

    /// Whether the values of a variable, column or capture of that name must never be shown.
    #[must_use]
    pub fn is_secret(&self, name: &str) -> bool {
        let says = |word: &str| {
            name.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        };
        self.secrets.iter().any(|s| s.strip_prefix("env.").unwrap_or(s) == name)
            || ["password", "secret", "token"].into_iter().any(says)
    }
}

impl Step {
    /// The names that exist once the step has been answered and its webhooks have come.
    pub fn captured(&self) -> impl Iterator<Item = &str> {
        let webhooks = self.webhooks.iter().flat_map(|webhook| webhook.capture.keys());
        self.capture.keys().chain(webhooks).map(String::as_str)
    }
}

impl Variant {
    /// Whether flow number `flow` (from 0) takes this variant.
    #[must_use]
    pub fn claims(&self, flow: u32) -> bool {
        flow.checked_rem(self.of_every).is_some_and(|nth| nth >= self.of_every.saturating_sub(self.last))
    }
}
