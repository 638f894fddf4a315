//! The sections of the artifact, each from what the analysis counted.

use super::artifact::{
    Diagnosis, EventResponse, Outcome, Outcomes, Performance, PiiCheck, Retry, SampleMatch, SamplePayment,
    Signatures, StepRow, WebhookResponse,
};
use super::unauthenticated::UnauthenticatedRequests;
use crate::analysis::{Analysis, Delivery, Findings, FlowFacts, flow_reasons, retries, shown_signature};
use crate::gate::{Check, Verdict};
use pii::Category;
use record::Tick;
use record::latency::Latency;
use record::{Offset, StepFacts, Tally, Unauthenticated};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What the delivery latency is.
const LATENCY: &str = "from the start of the HTTP step that triggers a webhook to the end of our accepting response; organic \
                       deliveries only, minus what was delayed on purpose; percentiles by nearest rank (HdrHistogram, 3 digits)";

/// `hits` of `n` in percent with three decimals; `None` for n = 0.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn percent(hits: u64, n: u64) -> Option<f64> {
    (n > 0).then(|| (hits as f64 / n as f64 * 100_000.0).round() / 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
pub(super) fn seconds(at: Tick) -> f64 {
    at.0 as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
pub(super) fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

pub(super) fn performance(latency: &Latency, receiver_clock: Option<Offset>) -> Performance {
    let percentile = |p| latency.percentile_us(p).map(ms);
    Performance {
        definition: LATENCY.to_owned(),
        samples: latency.count(),
        p50_latency_ms: percentile(50.0),
        p95_latency_ms: percentile(95.0),
        p99_latency_ms: percentile(99.0),
        min_latency_ms: latency.min_us().map(ms),
        max_latency_ms: latency.max_us().map(ms),
        avg_latency_ms: latency.mean_us().map(|us| us.round() / 1000.0),
        receiver_clock,
    }
}

/// The categories that the staging guide has keys for.
const GUIDE: [Category; 3] = [Category::Email, Category::Username, Category::IpAddress];

/// What was found, and what the check of it says.
pub(super) fn pii(findings: &Findings, analysis: &Analysis, judged: Option<&Check>) -> PiiCheck {
    let others = Category::ALL.iter().filter(|c| !GUIDE.contains(c));
    let privacy = &analysis.privacy;
    PiiCheck {
        emails_found: findings.count(Category::Email),
        usernames_found: findings.count(Category::Username),
        ip_addresses_found: findings.count(Category::IpAddress),
        other_found: others.map(|c| (c.name().to_owned(), findings.count(*c))).collect(),
        findings_total: findings.total,
        payloads_inspected: findings.inspected,
        findings: findings.kept.clone(),
        allowances_used: privacy.allowances.iter().cloned().collect(),
        status: match judged.map(|check| check.verdict) {
            Some(Verdict::Pass) => "PASS",
            Some(Verdict::Fail) => "FAIL",
            Some(Verdict::Unproven | Verdict::NotExercised) => "UNPROVEN",
            None => "NOT_JUDGED",
        }
        .to_owned(),
        findings_in_log: None,
    }
}

impl PiiCheck {
    /// The same with what was found in the sender's log, which the check judges too.
    pub(super) fn with_log(mut self, found: Option<&BTreeMap<String, u64>>) -> Self {
        let Some(found) = found else { return self };
        for (category, n) in found {
            match category.as_str() {
                name if name == Category::Email.name() => self.emails_found += n,
                name if name == Category::Username.name() => self.usernames_found += n,
                name if name == Category::IpAddress.name() => self.ip_addresses_found += n,
                name => *self.other_found.entry(name.to_owned()).or_default() += n,
            }
            self.findings_total += n;
        }
        self.findings_in_log = Some(found.values().sum());
        self
    }
}

pub(super) fn events(organic: &Tally, injected: &Tally) -> BTreeMap<String, u64> {
    let mut events = organic.events.clone();
    for (event, n) in &injected.events {
        *events.entry(event.clone()).or_default() += n;
    }
    events
}

pub(super) fn signatures(analysis: &Analysis, organic: &Tally, injected: &Tally) -> Signatures {
    let ((a, m), (b, n)) = (organic.signatures(), injected.signatures());
    let unchecked = organic.unchecked() + injected.unchecked();
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for (reason, count) in organic.reasons.iter().chain(&injected.reasons) {
        *by_reason.entry(reason.to_string()).or_default() += count;
    }
    let diagnoses = analysis.diagnoses().into_iter().take(20);
    Signatures {
        algorithm: "HMAC-SHA256".to_owned(),
        scheme: analysis.header.scheme.to_string(),
        checked: m + n - unchecked,
        unchecked,
        valid: a + b,
        invalid: m + n - unchecked - a - b,
        by_reason,
        diagnoses: diagnoses.map(|(d, count)| Diagnosis { diagnosis: d.to_owned(), count }).collect(),
    }
}

pub(super) fn outcomes(analysis: &Analysis, organic: &Tally, injected: &Tally) -> Outcomes {
    let foreign = analysis.deliveries.foreign();
    let refused_requests = analysis.refused.iter().map(|(status, n)| (status.to_string(), *n)).collect();
    Outcomes {
        organic: outcome(organic),
        injected: outcome(injected),
        foreign,
        foreign_pii: analysis.privacy.foreign,
        unauthenticated: unauthenticated(&analysis.strangers.found()),
        first_refused: analysis.first_refused.clone(),
        refused_requests,
    }
}

fn unauthenticated(found: &Unauthenticated) -> UnauthenticatedRequests {
    let mut diagnoses: Vec<_> = found.diagnoses.iter().collect();
    diagnoses.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let diagnosis = |(text, n): (&String, &u64)| Diagnosis { diagnosis: text.clone(), count: *n };
    UnauthenticatedRequests {
        finding: (found.requests > 0).then(|| found.to_string()),
        requests: found.requests,
        not_kept: found.not_kept,
        imitating: found.imitating,
        by_key: found.by_key,
        addresses: found.addresses.len() as u64,
        by_reason: found.reasons.iter().map(|(reason, n)| (reason.to_string(), *n)).collect(),
        diagnoses: diagnoses.into_iter().take(20).map(diagnosis).collect(),
    }
}

fn outcome(tally: &Tally) -> Outcome {
    Outcome {
        expected: tally.expected,
        delivered: tally.fulfilled,
        late: tally.late,
        lost: tally.lost,
        pending: tally.pending,
        suppressed_by_breaker: tally.suppressed,
        deliveries: tally.deliveries,
        aborted: tally.fate("aborted"),
        exhausted: tally.fate("exhausted"),
        given_up: tally.fate("given_up"),
        open: tally.fate("open"),
        duplicates: tally.duplicates,
        unexpected: tally.unexpected,
        elsewhere: tally.elsewhere,
        retried: tally.retried,
        attempts: tally.attempts,
        client_errors: tally.client_errors,
        server_errors: tally.server_errors,
        unanswered: tally.unanswered,
    }
}

pub(super) fn retry(analysis: &Analysis) -> Retry {
    let found = retries(analysis);
    let contract = &analysis.header.retry;
    Retry {
        backoff_ms: contract.backoff_ms.clone(),
        tolerance_early_ms: contract.early_ms,
        tolerance_late_ms: contract.late_ms,
        deliveries_exercised: found.exercised.len() as u64,
        breaches: found.breaches.len() as u64,
        unproven: found.unproven.len() as u64,
        contract: contract.clone(),
    }
}

pub(super) fn steps(analysis: &Analysis) -> Vec<StepRow> {
    let by_name = &analysis.steps.by_name;
    analysis.steps.names.iter().filter_map(|name| Some(step(name, by_name.get(name)?))).collect()
}

fn step(name: &str, facts: &StepFacts) -> StepRow {
    let problem = |(flow, text): &(Option<u32>, String)| match flow {
        Some(flow) => format!("flow {flow}: {text}"),
        None => text.clone(),
    };
    StepRow {
        step: name.to_owned(),
        ok: facts.ok,
        refused: facts.refused,
        failed: facts.failed,
        skipped: facts.skipped,
        statuses: facts.statuses.iter().map(|(s, n)| (s.to_string(), *n)).collect(),
        p50_ms: facts.latency.percentile_us(50.0).map(ms),
        p95_ms: facts.latency.percentile_us(95.0).map(ms),
        problems: facts.problems.iter().map(problem).collect(),
    }
}

/// The subject whose sample has a shape of its own in the staging guide (docs/deltacrown.md section 8).
pub(super) const PAYMENT: &str = "payment";
/// The other one that the guide names.
pub(super) const MATCH: &str = "match";

/// What a flow of the run is about, in the shape that its kind has.
#[derive(Default)]
pub(super) struct Samples {
    pub payment: Option<SamplePayment>,
    pub matched: Option<SampleMatch>,
    /// Under the key of the artifact.
    pub others: BTreeMap<String, SampleMatch>,
}

/// The sample of the run's subject: the first failed flow, else the first.
pub(super) fn samples(analysis: &Analysis) -> Samples {
    let flows = &analysis.steps.flows;
    let failed = flow_reasons(analysis).keys().next().copied().filter(|n| flows.get(*n).is_some());
    let number = failed.or_else(|| flows.numbers().next());
    let Some((number, facts)) = number.and_then(|n| Some((n, flows.get(n)?))) else {
        return Samples::default();
    };
    match analysis.header.scenario.subject.as_str() {
        PAYMENT => Samples { payment: Some(payment(analysis, number, &facts)), ..Samples::default() },
        MATCH => Samples { matched: Some(matched(analysis, number, &facts)), ..Samples::default() },
        other => {
            let sample = (format!("sample_{other}"), matched(analysis, number, &facts));
            Samples { others: [sample].into(), ..Samples::default() }
        }
    }
}

fn deliveries_of(analysis: &Analysis, flow: u32) -> Vec<(usize, Cow<'_, Delivery>)> {
    let mine = analysis.expectations().filter(|e| e.flow == flow);
    let by: Vec<usize> = mine.flat_map(|e| e.by().collect::<Vec<_>>()).collect();
    by.into_iter().filter_map(|i| Some((i, analysis.deliveries.get(i)?))).collect()
}

fn payment(analysis: &Analysis, flow: u32, facts: &FlowFacts) -> SamplePayment {
    let response = deliveries_of(analysis, flow).into_iter().find_map(|(index, delivery)| {
        let sample = analysis.samples.get(&index)?;
        let scheme = analysis.header.scheme;
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [
            shown_signature(scheme).map(|name| header(name, &sample.signature)),
            scheme.spec().event.header.as_deref().map(|name| header(name, &delivery.event)),
        ];
        Some(WebhookResponse {
            status_code: sample.status,
            headers: headers.into_iter().flatten().collect(),
            body: sample.body.clone(),
        })
    });
    SamplePayment { id: facts.subject.clone(), status: shown(&facts.status), webhook_response: response }
}

fn matched(analysis: &Analysis, flow: u32, facts: &FlowFacts) -> SampleMatch {
    let mine = deliveries_of(analysis, flow);
    let response = |(_, d): &(usize, Cow<'_, Delivery>)| EventResponse {
        event: d.event.to_string(),
        status_code: d.tries.last().and_then(|t| t.status),
        latency_ms: analysis.latency(d).map(|l| ms(u64::try_from(l.as_micros()).unwrap_or(u64::MAX))),
    };
    SampleMatch {
        id: facts.subject.clone(),
        status: shown(&facts.status),
        events: mine.iter().map(|(_, d)| d.event.to_string()).collect(),
        webhook_responses: mine.iter().map(response).collect(),
    }
}

/// A status that was never learnt is said to be unknown.
fn shown(status: &Value) -> Value {
    if status.is_null() { Value::String("unknown".to_owned()) } else { status.clone() }
}
