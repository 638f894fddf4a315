//! What a scenario file says, as typed data; the JSON Schema that editors use is generated from these types.

use crate::identity::{Identity, SubjectKind};
use crate::matcher::Matcher;
use crate::signature::Scheme;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A JSON value in a scenario. Strings may hold templates: `{{ name }}`.
pub type Json = serde_json::Value;

/// A scenario: flows of HTTP steps, what each must answer, and which webhooks each must fire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Short name; the artifact is `staging_<name>_output.json`.
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// What one flow is about.
    pub subject: Subject,
    /// Signature scheme of the webhooks.
    #[serde(default)]
    pub scheme: Scheme,
    /// How many flows run by default.
    #[serde(default = "default_flows")]
    pub flows: u32,
    /// How many flows run at the same time by default.
    #[serde(default = "default_flows")]
    pub concurrency: u32,
    /// Variables with defaults; values may be templates over the environment (`{{ env.STAGING_USER }}`).
    #[serde(default)]
    pub vars: BTreeMap<String, Json>,
    /// The data rows of the flows: one row for each flow.
    #[serde(default)]
    pub data: Data,
    /// Logins, done once each and reused by every flow.
    #[serde(default)]
    pub sessions: BTreeMap<String, Session>,
    /// The personal data of the test users (canaries): any occurrence in a webhook is a certain leak.
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// How to tell this run's webhooks from other traffic.
    #[serde(default)]
    pub webhooks: Webhooks,
    /// Faults to inject into webhook attempts, as `--inject` takes them (`503x2`, `400@3` …).
    #[serde(default)]
    pub faults: Vec<String>,
    /// What the PII engine allows, adds, or leaves out.
    #[serde(default)]
    pub pii: Option<Json>,
    /// The steps of a flow, in order.
    pub steps: Vec<Step>,
    /// Flow variants: the flows with these numbers run other steps.
    #[serde(default)]
    pub variants: Vec<Variant>,
}

const fn default_flows() -> u32 {
    10
}

/// What one flow is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Names the counters and the sample of the artifact: `total_payments`, `sample_match`.
    pub kind: SubjectKind,
    /// Template of its id, for example `{{ payment_id }}`.
    pub id: String,
    /// Template of its last known status over the flow's captures, for example `{{ payment_status }}`.
    #[serde(default)]
    pub status: Option<String>,
}

/// Where the data rows come from. `--data FILE` replaces it; with the stand-in its own fixtures fill it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Columns that every row must have.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Rows from ranges: column name to first value; the row of flow `i` (from 0) holds `first + i`.
    #[serde(default)]
    pub ranges: BTreeMap<String, i64>,
    /// A CSV or JSON file, relative to the scenario.
    #[serde(default)]
    pub file: Option<String>,
    /// Rows written out.
    #[serde(default)]
    pub rows: Vec<BTreeMap<String, Json>>,
}

/// A login: a request, and where in the answer the token is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The login request. Templates may use the flow's row: sessions are cached by the resolved request.
    pub login: Request,
    /// JSON pointer (RFC 6901) to the bearer token in the answer.
    pub token: String,
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS.
    pub method: Method,
    /// Path and query, joined to the target's URL; an absolute `http(s)://` URL is taken as it is.
    pub path: String,
    /// Extra headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body. At most one of `json`, `form`, `multipart` and `text` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Json>,
    /// An `application/x-www-form-urlencoded` body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<BTreeMap<String, String>>,
    /// A `multipart/form-data` body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multipart: Option<BTreeMap<String, Part>>,
    /// A body of plain text, with a content type of its own in `headers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Time limit in milliseconds; 60 000 by default, since the real API answers only after all webhook retries.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Part {
    /// A text field.
    Text(String),
    /// A file, relative to the scenario.
    File {
        /// Path of the file; may be a template.
        file: String,
        /// Its media type; guessed from the name when absent.
        #[serde(default)]
        content_type: Option<String>,
    },
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are the methods of RFC 9110")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
    Head,
    Options,
}

/// One step of a flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique name within the flow.
    pub name: String,
    /// The session whose bearer token is sent.
    #[serde(default)]
    pub session: Option<String>,
    /// The request.
    pub request: Request,
    /// What the answer must be.
    #[serde(default)]
    pub expect: Expect,
    /// Variables taken from the answer by JSON pointer, for later steps.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
    /// Statuses by which the step may be refused: recorded, not a failure; its webhooks are then not expected.
    #[serde(default)]
    pub may_refuse: Vec<u16>,
    /// Repeats the request until its expectations hold.
    #[serde(default)]
    pub poll: Option<Poll>,
    /// Webhooks that this step must fire. An empty list says nothing; `none` forbids.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it")]
pub enum OneOrMany {
    One(u16),
    Many(Vec<u16>),
}

/// Repetition until the expectations hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// Pause between two tries in milliseconds.
    pub every_ms: u64,
    /// Give up after this many milliseconds.
    pub deadline_ms: u64,
}

/// A webhook that a step must fire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedWebhook {
    /// The event's name, as in the body's `event`.
    pub event: String,
    /// JSON pointer into the webhook's body to matcher; tells the webhooks of different flows apart.
    #[serde(default, rename = "match")]
    pub matchers: BTreeMap<String, Matcher>,
    /// How many, exactly. 0 forbids: for a step that must fire nothing.
    #[serde(default = "one")]
    pub count: u32,
    /// Time limit from the start of the step to the first attempt, in milliseconds.
    #[serde(default = "default_within_ms")]
    pub within_ms: u64,
}

const fn one() -> u32 {
    1
}

const fn default_within_ms() -> u64 {
    30_000
}

/// How this run's webhooks are told from other traffic at the same receiver.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// JSON pointer into a webhook's body to a template over the flow's row. A webhook that holds none of the
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
    pub of_every: u32,
    /// … the last so many take this variant.
    pub last: u32,
    /// Its steps.
    pub steps: Vec<Step>,
}
