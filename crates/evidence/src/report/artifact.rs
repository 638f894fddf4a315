//! The artifact: the keys of the staging guide (docs/deltacrown.md section 8), and what makes them checkable.

use super::unauthenticated::UnauthenticatedRequests;
use crate::JsonSchema;
use crate::analysis::{Cases, Located};
use crate::gate::{Check, JudgedClause, Verdict};
use record::{Build, Offset, RetryContract, RunKind};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Version of the artifact's shape.
pub const SCHEMA_VERSION: &str = "1.0";

/// `staging_<scenario>_output.json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Artifact {
    /// Version of this shape.
    pub schema_version: String,
    /// The run in figures.
    pub test_run: TestRun,
    /// A payment of the run; a failed one when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_payment: Option<SamplePayment>,
    /// A match of the run; a failed one when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_match: Option<SampleMatch>,
    /// What a flow of another scenario is about, under `sample_` and its word: `sample_order`; a failed one when there is one.
    #[serde(flatten)]
    pub other_samples: BTreeMap<String, SampleMatch>,
    /// Personal data in webhooks.
    pub pii_check: PiiCheck,
    /// Personal data in API responses; only a warning unless a gate is set for it.
    pub api_pii: PiiCheck,
    /// Delivery latency.
    pub performance_metrics: Performance,
    /// Settings of the run.
    pub configuration: Configuration,
    /// Deliveries by event.
    pub event_distribution: BTreeMap<String, u64>,
    /// Signatures.
    pub hmac_signature_validation: Signatures,
    /// What happened to the webhooks, organic and injected separately.
    pub outcomes: Outcomes,
    /// Which webhooks were lost, late, duplicated, unexpected or leaking.
    pub cases: Cases,
    /// The retry contract.
    pub retry: Retry,
    /// Deliveries that were broken on purpose.
    pub fault_injection: FaultInjection,
    /// The sweep of the sender's contract, where the scenario has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_contract: Option<SenderContract>,
    /// The HTTP steps.
    pub steps: Vec<StepRow>,
    /// What only an observation has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observation: Option<super::observation::Observation>,
    /// The gates and the verdict.
    pub acceptance_gates: AcceptanceGates,
    /// The verdict in words.
    pub recommendation: String,
    /// What this file was computed from.
    pub provenance: Provenance,
}

/// The run in figures.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TestRun {
    /// Start, RFC 3339.
    pub timestamp: String,
    /// `embedded` for the stand-in, else the name of the environment.
    pub environment: String,
    /// Payments driven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_payments: Option<u64>,
    /// Matches driven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_matches: Option<u64>,
    /// What the flows of another scenario were about, under `total_` and the word for many: `total_orders`.
    #[serde(flatten)]
    pub other_totals: BTreeMap<String, u64>,
    /// Webhooks the steps had to fire; absent for an observation, where that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_triggered: Option<u64>,
    /// Webhooks that arrived: deliveries, not attempts.
    pub webhooks_sent: u64,
    /// Of those, accepted in the end.
    pub webhooks_success: u64,
    /// The others of those: no attempt was accepted.
    pub webhooks_failed: u64,
    /// Webhooks that were due but never arrived.
    pub webhooks_lost: u64,
    /// Webhooks that were accepted but arrived after their limit; not among the failed.
    pub webhooks_late: u64,
    /// Webhooks nothing expected, accepted or not; 0 if nothing is expected, as in an observation.
    pub webhooks_unexpected: u64,
    /// Of those that arrived, webhooks with an attempt that was broken on purpose; absent if there were none. The success rate is
    /// that of the others.
    #[serde(skip_serializing_if = "is_zero")]
    pub webhooks_injected: u64,
    /// Percentage of organic webhooks due that were accepted; in an observation, of those that arrived. Null if there were none.
    pub success_rate: Option<f64>,
    /// From the start to the last record, seconds.
    pub duration_seconds: f64,
}

/// A payment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SamplePayment {
    /// Its id.
    pub id: Value,
    /// Its last known status.
    pub status: Value,
    /// Its webhook and our answer; null when none arrived.
    pub webhook_response: Option<WebhookResponse>,
}

/// A webhook and our answer to its first attempt.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WebhookResponse {
    /// Our answer's status; null when a fault sent none.
    pub status_code: Option<u16>,
    /// Signature and event header.
    pub headers: BTreeMap<String, String>,
    /// Event, ids and counts of the body.
    pub body: Value,
}

/// A match, or another flow.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SampleMatch {
    /// Its id.
    pub id: Value,
    /// Its last known status.
    pub status: Value,
    /// Events that arrived.
    pub events: Vec<String>,
    /// Our answers.
    pub webhook_responses: Vec<EventResponse>,
}

/// Our answer to the webhook of an event.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct EventResponse {
    /// The event.
    pub event: String,
    /// The last response's status; null if none was sent completely.
    pub status_code: Option<u16>,
    /// Delivery latency in ms; null when it was not accepted.
    pub latency_ms: Option<f64>,
}

/// Personal data: counts, and the findings without their values.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PiiCheck {
    /// E-mail addresses.
    pub emails_found: u64,
    /// User names.
    pub usernames_found: u64,
    /// IP addresses.
    pub ip_addresses_found: u64,
    /// Findings of the other categories.
    pub other_found: BTreeMap<String, u64>,
    /// All findings.
    pub findings_total: u64,
    /// Webhooks (or responses) inspected.
    pub payloads_inspected: u64,
    /// The first findings, masked.
    pub findings: Vec<Located>,
    /// Policy allowances that were used.
    pub allowances_used: Vec<String>,
    /// The verdict of the check `pii` (`api_pii`): `PASS`, `FAIL`, `UNPROVEN`; `NOT_JUDGED` if the gates do not include it.
    pub status: String,
    /// Findings in the sender's log, included above; absent if no log was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings_in_log: Option<u64>,
}

/// Delivery latency in ms; null without samples.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Performance {
    /// What is measured.
    pub definition: String,
    /// Number of deliveries measured.
    pub samples: u64,
    /// Median.
    pub p50_latency_ms: Option<f64>,
    /// 95th percentile.
    pub p95_latency_ms: Option<f64>,
    /// 99th percentile.
    pub p99_latency_ms: Option<f64>,
    /// Minimum.
    pub min_latency_ms: Option<f64>,
    /// Maximum.
    pub max_latency_ms: Option<f64>,
    /// Arithmetic mean.
    pub avg_latency_ms: Option<f64>,
    /// The clock of the receiver, when webhooks were read back from one elsewhere; absent when one clock timed all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver_clock: Option<Offset>,
}

/// Settings of the run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Configuration {
    /// URL that the sender posts to.
    pub webhook_endpoint: String,
    /// The sender's timeout in seconds.
    pub webhook_timeout: f64,
    /// Attempts in all.
    pub webhook_max_retries: u32,
    /// Whether a secret was configured.
    pub secret_configured: bool,
    /// Its length.
    pub secret_length_chars: usize,
    /// Signature scheme.
    pub signature_scheme: String,
    /// URL of the system under test.
    pub target: String,
    /// Flows at the same time.
    pub concurrency: u32,
    /// Seed of every random choice.
    pub seed: u64,
    /// Pauses before the attempts in ms.
    pub retry_backoff_ms: Vec<u64>,
    /// Faults asked for.
    pub faults: Vec<String>,
}

/// Signatures.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Signatures {
    /// The algorithm.
    pub algorithm: String,
    /// The scheme.
    pub scheme: String,
    /// Attempts verified.
    pub checked: u64,
    /// Attempts accepted unchecked because the run had no secret; absent if there were none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unchecked: u64,
    /// Of those, valid.
    pub valid: u64,
    /// Of those, not valid.
    pub invalid: u64,
    /// Attempts by verification result.
    pub by_reason: BTreeMap<String, u64>,
    /// What senders of invalid ones did wrong, most frequent first.
    pub diagnoses: Vec<Diagnosis>,
}

/// A diagnosis and how often it fits.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Diagnosis {
    /// The sentence.
    pub diagnosis: String,
    /// How often.
    pub count: u64,
}

/// What happened to the webhooks.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Outcomes {
    /// Those that were left alone.
    pub organic: Outcome,
    /// Those that were broken on purpose.
    pub injected: Outcome,
    /// Webhooks at the same receiver that do not belong to this run; not judged.
    pub foreign: u64,
    /// Findings of personal data in those.
    pub foreign_pii: u64,
    /// Requests without a valid signature and no sign of being the sender's; not judged.
    pub unauthenticated: UnauthenticatedRequests,
    /// The first refused request in words.
    pub first_refused: Option<String>,
    /// Requests that were refused before they could be webhooks (wrong path or method, too large, too slow), by status.
    pub refused_requests: BTreeMap<String, u64>,
}

impl TestRun {
    /// How many of the webhooks that arrived nobody expected, behind their number: ` (3 of them unexpected)`.
    pub(super) fn of_them_unexpected(&self) -> String {
        match self.webhooks_unexpected {
            0 => String::new(),
            n => format!(" ({n} of them unexpected)"),
        }
    }
}

/// Counts of deliveries.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Outcome {
    /// Webhooks that were due.
    pub expected: u64,
    /// Of those, accepted in time.
    pub delivered: u64,
    /// Of those, accepted too late.
    pub late: u64,
    /// Of those, never seen.
    pub lost: u64,
    /// Still due when the run was interrupted.
    pub pending: u64,
    /// Never seen while the sender's circuit breaker was open, or may have been; not counted as lost.
    pub suppressed_by_breaker: u64,
    /// Deliveries that arrived.
    pub deliveries: u64,
    /// Ended by a 4xx.
    pub aborted: u64,
    /// All attempts failed.
    pub exhausted: u64,
    /// Given up before the last attempt of the contract.
    pub given_up: u64,
    /// Without a known end.
    pub open: u64,
    /// Arrived more often than they should.
    pub duplicates: u64,
    /// Nothing expected them.
    pub unexpected: u64,
    /// Went to a redirect's target.
    pub elsewhere: u64,
    /// Needed more than one attempt.
    pub retried: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts answered with 4xx.
    pub client_errors: u64,
    /// Attempts answered with 5xx.
    pub server_errors: u64,
    /// Attempts without a complete response.
    pub unanswered: u64,
}

/// The retry contract.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Retry {
    /// Pauses before the attempts in ms.
    pub backoff_ms: Vec<u64>,
    /// A gap may be this much shorter, ms.
    pub tolerance_early_ms: u64,
    /// A gap may be this much longer, ms.
    pub tolerance_late_ms: u64,
    /// Deliveries that had a failed attempt.
    pub deliveries_exercised: u64,
    /// Breaches of the contract.
    pub breaches: u64,
    /// Deliveries that could not be judged.
    pub unproven: u64,
    /// What the sender promises about failures; the run was judged by it.
    pub contract: RetryContract,
}

/// The sweep of the sender's contract.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SenderContract {
    /// Clauses that are kept.
    pub passed: u64,
    /// Clauses that are broken.
    pub failed: u64,
    /// Clauses that are kept as declared.
    pub policy: u64,
    /// Clauses that were not seen.
    pub unproven: u64,
    /// Clauses that do not apply to this sender's profile.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_applicable: u64,
    /// Each of them.
    pub clauses: Vec<JudgedClause>,
}

/// Deliveries that were broken on purpose.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FaultInjection {
    /// Faults asked for.
    pub faults: Vec<String>,
    /// The first 100 deliveries that were broken.
    pub deliveries: Vec<InjectedDelivery>,
    /// All of them.
    pub total: u64,
}

/// A delivery that was broken on purpose.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct InjectedDelivery {
    /// Number in order of first arrival.
    pub delivery: u64,
    /// The event.
    pub event: String,
    /// What happened to it.
    pub fate: String,
    /// Its attempts.
    pub attempts: Vec<InjectedAttempt>,
    /// The attempts as log lines.
    pub log: Vec<String>,
}

/// An attempt of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct InjectedAttempt {
    /// Number, from 1.
    pub attempt: usize,
    /// From the first byte of the first attempt, ms.
    pub offset_ms: f64,
    /// From the end of the previous attempt, ms.
    pub gap_ms: Option<f64>,
    /// The status sent; null if no response was sent completely.
    pub status: Option<u16>,
    /// The fault.
    pub fault: Option<String>,
}

/// All steps with one name.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StepRow {
    /// Its name.
    pub step: String,
    /// As expected.
    pub ok: u64,
    /// Refused with a status that the scenario allows.
    pub refused: u64,
    /// Not as expected.
    pub failed: u64,
    /// Not sent after an earlier failure.
    pub skipped: u64,
    /// Responses by status.
    pub statuses: BTreeMap<String, u64>,
    /// Median time to the answer, ms.
    pub p50_ms: Option<f64>,
    /// 95th percentile, ms.
    pub p95_ms: Option<f64>,
    /// The first problems in words.
    pub problems: Vec<String>,
}

/// The gates and the verdict.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AcceptanceGates {
    /// Fail before unproven before pass.
    pub verdict: Verdict,
    /// The checks.
    pub checks: Vec<Check>,
}

/// What the artifact follows from.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Provenance {
    /// Random id of the run.
    pub run_id: String,
    /// What kind of run it was.
    pub kind: RunKind,
    /// Version of smoke.
    pub tool_version: String,
    /// Which build of it wrote the journal, where the journal says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// Name of the scenario.
    pub scenario: String,
    /// SHA-256 of its file.
    pub scenario_sha256: String,
    /// SHA-256 of the gates file.
    pub gates_sha256: String,
    /// SHA-256 of the journal.
    pub journal_sha256: String,
    /// Records in it.
    pub journal_records: u64,
    /// Whether it has an end record.
    pub journal_complete: bool,
    /// Whether this run says anything about staging: never, when it ran against the stand-in.
    pub evidence_about_staging: bool,
    /// Notes from the run.
    pub notes: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}
