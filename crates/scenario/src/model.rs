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

/// A scenario: flows of HTTP steps, what each must answer, and which webhooks each must fire.
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
    /// Who sends the webhooks: the name of a profile (`smoke senders` lists them), or the path of one, relative to the
    /// scenario. Says how they are signed, where event and id stand, and when they are tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Signature scheme of the webhooks; with `sender`, that of the profile.
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
    /// Variables and columns whose values are secret, besides those with `password`, `secret` or `token` in their name.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// The data rows of the flows: one row for each flow.
    #[serde(default)]
    pub data: Data,
    /// Who sends the steps: logins, done once each and reused by every flow, or what is known beforehand.
    #[serde(default)]
    pub sessions: BTreeMap<String, Session>,
    /// The personal data of the test users (canaries): any occurrence in a webhook is a certain leak. One that renders
    /// to nothing is left out.
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// How to tell this run's webhooks from other traffic.
    #[serde(default)]
    pub webhooks: Webhooks,
    /// What the system under test has to be set to, in the form in which it is set there; it is printed before anything is driven.
    /// `{endpoint}`, `{secret}` (what there is to say of it), `{timeout}` (seconds) and `{attempts}` are filled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_settings: Option<String>,
    /// How long to watch for unexpected webhooks after the last expected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<Period>,
    /// Faults to inject into webhook attempts, as `--inject` takes them (`503x2`, `400@3` …).
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
    /// The clauses of the sender's contract, for a sweep: each fault of each clause takes a flow of its own, so `flows` is
    /// not read, and `faults` must be empty. Each flow must fire one webhook, told apart by `webhooks.ours`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contract: Vec<ClauseSpec>,
    /// How webhooks are received, where the sender asks for more than one path on plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<Listening>,
    /// What the search for personal data allows, adds, or leaves out.
    #[serde(default)]
    #[schemars(with = "Option<pii::Policy>")]
    pub pii: Option<Json>,
    /// Loggers of the system under test whose ERROR lines and tracebacks `smoke observe --log` counts as errors of the
    /// application; a name covers those below it, `*` is all. Without any they are those of the formats file: all but the
    /// ones that log what strangers send.
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
    if !embedded {
        return SETTLE_STAGING;
    }
    scenario.and_then(|scenario| scenario.settle).map_or(SETTLE_EMBEDDED, Period::get)
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
    /// A word for it, which names the counters and the sample of the artifact: `total_payments`, `sample_match`.
    pub kind: SubjectKind,
    /// The word for many, where it is not the usual one: `people`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plural: Option<SubjectKind>,
    /// Template of its id, for example `{{ payment_id }}`. One that a capture gives is known as soon as that is made.
    pub id: String,
    /// Template of its last known status over the flow's captures, for example `{{ payment_status }}`; rendered when the
    /// flow ends, null when its capture was never made.
    #[serde(default)]
    pub status: Option<String>,
}

/// Where the data rows come from, one for each flow: `file`, else `rows`; `ranges` are added to each. `--data FILE`
/// replaces `file` and `rows`; with the stand-in its own fixtures do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Columns that every row must have. Templates may use these, and those of `ranges` and `rows`.
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
    /// Whether a run leaves its rows as it found them, so that the next one can take the same. Otherwise the rows of a file are
    /// remembered as used up, where a step says how that shows (`used_up`), and the next run takes those behind them.
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
    /// What the answer must be.
    #[serde(default)]
    pub expect: Expect,
    /// Variables taken from the answer, for later steps and the step's own webhooks: by JSON pointer into the body, or from a
    /// header or cookie. A step that was refused captures nothing.
    #[serde(default)]
    pub capture: BTreeMap<String, Capture>,
    /// Statuses by which the step may be refused: recorded, not a failure; its webhooks are then not expected.
    #[serde(default)]
    #[schemars(inner(range(min = 100, max = 599)))]
    pub may_refuse: Vec<u16>,
    /// Statuses by which the API says that the row's subject is not as the flow finds it, because an earlier run has used
    /// it up. The run ends then, with an error about the data: it says nothing about the sender.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(range(min = 100, max = 599)))]
    pub used_up: Vec<u16>,
    /// Repeats the request until its expectations hold or the deadline is over.
    #[serde(default)]
    pub poll: Option<Poll>,
    /// Webhooks that this step must fire. An empty list says nothing; `count: 0` forbids an event.
    #[serde(default)]
    pub webhooks: Vec<ExpectedWebhook>,
}

/// Expectations on an answer; all must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// One status, or several of which one must come. Any 2xx when absent.
    #[serde(default)]
    pub status: Option<OneOrMany>,
    /// Header name to matcher.
    #[serde(default)]
    pub headers: BTreeMap<String, Matcher>,
    /// JSON pointer into the answer's body to matcher.
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

/// Repetition until the expectations hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// Pause between two tries.
    pub every: Period,
    /// Time from the first try after which the step has failed.
    pub deadline: Period,
}

/// A webhook that a step must fire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedWebhook {
    /// The event's name, where the sender's profile says that it stands. Left out for a sender whose webhooks name none.
    #[serde(default)]
    pub event: String,
    /// JSON pointer into the webhook's body to matcher; tells the webhooks of different flows apart. Templates here may use
    /// the step's own captures, and its answer: `{{ response./id }}`, `{{ response.header.Location }}`.
    #[serde(default, rename = "match")]
    pub matchers: BTreeMap<String, Matcher>,
    /// Header name to matcher: for webhooks whose body is not looked into, and for what only a header says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Matcher>,
    /// Variables taken from the webhook, for later steps: by JSON pointer into its body, or from a header. The flow waits for
    /// the webhook then, for as long as `within` says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub capture: BTreeMap<String, Capture>,
    /// How many: a number is exact, `at least 1` lets more come. 0 forbids the event from the start of this step on, unless
    /// a later one asks for it: for a step that must fire nothing.
    #[serde(default)]
    pub count: Count,
    /// An event of the same flow that must have come before this one: `payment.created`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Time limit from the start of the step to the first attempt, 30 s when left out. With a count of 0 the run watches at
    /// least that long; without it until the run ends.
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

/// How this run's webhooks are told from other traffic at the same receiver.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// JSON pointer into a webhook's body to a template over the flow's row and captures. A webhook that holds none of the
    /// flows' values there is foreign: reported apart, not judged. Without any, every webhook is ours.
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
    /// The scenario's own steps up to and including this one come first; without it `steps` are all there is.
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

    /// Whether the values of a variable, column or capture of that name must never be shown.
    #[must_use]
    pub fn is_secret(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        self.secrets.iter().any(|s| s == name)
            || ["password", "secret", "token"].iter().any(|s| lower.contains(s))
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
