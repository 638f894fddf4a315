//! The artifact from the evidence.

use super::artifact::{AcceptanceGates, Artifact, Configuration, Provenance, SCHEMA_VERSION, TestRun};
use super::evidence::{Evidence, EvidenceError};
use super::file::json;
use super::sections::{MATCH, PAYMENT};
use super::{contract, faults, sections};
use crate::analysis::Analysis;
use crate::analysis::{cases, tallies};
use crate::figure::counted;
use crate::gate::{API_PII, PII, ROLLBACK, Verdict, log_findings};
use chrono::SecondsFormat;
use record::RunKind;
use record::{Offset, Tally};
use std::path::Path;

/// The environment's name when the stand-in is the target.
pub use record::EMBEDDED;

/// The artifact of a journal file, as the bytes that are written: JSON with two spaces and a line end.
///
/// # Errors
/// When the journal is no evidence.
pub fn from_journal(path: &Path) -> Result<(Evidence, Vec<u8>), EvidenceError> {
    let evidence = Evidence::open(path)?;
    let bytes = to_bytes(&artifact(&evidence));
    Ok((evidence, bytes))
}

/// The bytes of an artifact file.
#[must_use]
pub fn to_bytes(artifact: &Artifact) -> Vec<u8> {
    json(artifact)
}

/// The artifact: a pure function of the evidence.
#[must_use]
pub fn artifact(evidence: &Evidence) -> Artifact {
    let analysis = &evidence.analysis;
    let (organic, injected) = tallies(analysis);
    let judged = |id| evidence.checks.iter().find(|check| check.id == id);
    let sections::Samples { payment, matched, others } = sections::samples(analysis);
    Artifact {
        schema_version: SCHEMA_VERSION.to_owned(),
        test_run: test_run(analysis, &organic, &injected),
        sample_payment: payment,
        sample_match: matched,
        other_samples: others,
        pii_check: sections::pii(&analysis.privacy.webhooks, analysis, judged(PII.id))
            .with_log(log_findings(analysis).as_ref()),
        api_pii: sections::pii(&analysis.privacy.api, analysis, judged(API_PII.id)),
        performance_metrics: sections::performance(&organic.latency, receiver_clock(analysis)),
        configuration: configuration(analysis),
        event_distribution: sections::events(&organic, &injected),
        hmac_signature_validation: sections::signatures(analysis, &organic, &injected),
        outcomes: sections::outcomes(analysis, &organic, &injected),
        cases: cases(analysis),
        retry: sections::retry(analysis),
        fault_injection: faults::section(analysis),
        sender_contract: contract::section(analysis),
        steps: sections::steps(analysis),
        observation: super::observation::section(analysis, &evidence.gates),
        acceptance_gates: AcceptanceGates { verdict: evidence.verdict, checks: evidence.checks.clone() },
        recommendation: recommendation(evidence),
        provenance: provenance(evidence),
    }
}

/// An observation states it among its own facts.
fn receiver_clock(analysis: &Analysis) -> Option<Offset> {
    analysis.watched.offset.clone().filter(|_| analysis.header.kind != RunKind::Observe)
}

fn test_run(analysis: &Analysis, organic: &Tally, injected: &Tally) -> TestRun {
    let header = &analysis.header;
    let (flows, subject) = (analysis.steps.flows.len() as u64, header.scenario.subject.as_str());
    let of = |kind: &str| (subject == kind).then_some(flows);
    let is_other = ![PAYMENT, MATCH].contains(&subject);
    let others = is_other.then(|| (format!("total_{}", header.scenario.subjects()), flows));
    let sent = organic.deliveries + injected.deliveries;
    let accounted = header.kind.accounts_for_each_webhook();
    let success = organic.fate("delivered") + injected.fate("delivered");
    let triggered = organic.expected + organic.suppressed + injected.expected;
    TestRun {
        timestamp: header.started.to_rfc3339_opts(SecondsFormat::Micros, true),
        environment: header.environment.clone(),
        total_payments: of(PAYMENT),
        total_matches: of(MATCH),
        other_totals: others.into_iter().collect(),
        events_triggered: accounted.then_some(triggered),
        webhooks_sent: sent,
        webhooks_success: success,
        webhooks_failed: sent.saturating_sub(success),
        webhooks_lost: organic.lost,
        webhooks_late: organic.late + injected.late,
        webhooks_unexpected: organic.unexpected + injected.unexpected,
        webhooks_injected: injected.deliveries,
        success_rate: if accounted {
            sections::percent(organic.fulfilled + organic.late, organic.expected)
        } else {
            sections::percent(success, sent)
        },
        duration_seconds: sections::seconds(analysis.latest),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a time-out in ms")]
fn configuration(analysis: &Analysis) -> Configuration {
    let header = &analysis.header;
    Configuration {
        webhook_endpoint: header.webhook.endpoint.clone(),
        webhook_timeout: header.webhook.timeout_ms as f64 / 1000.0,
        webhook_max_retries: header.webhook.max_attempts,
        secret_configured: header.webhook.secret_configured,
        secret_length_chars: header.webhook.secret_length_chars,
        signature_scheme: header.scheme.to_string(),
        target: header.target.clone(),
        concurrency: header.concurrency,
        seed: header.seed,
        retry_backoff_ms: header.retry.backoff_ms.clone(),
        faults: header.faults.iter().map(ToString::to_string).collect(),
    }
}

fn recommendation(evidence: &Evidence) -> String {
    let header = &evidence.analysis.header;
    let embedded = header.tested() == EMBEDDED;
    let of = |verdict| {
        let titles: Vec<&str> =
            evidence.checks.iter().filter(|c| c.verdict == verdict).map(|c| c.title.as_str()).collect();
        titles.join(", ")
    };
    match evidence.verdict {
        Verdict::Fail if rolls_back(evidence) => {
            format!("Roll back: {} failed.", of(Verdict::Fail))
        }
        Verdict::Fail => format!("Do not go live: {} failed.", of(Verdict::Fail)),
        Verdict::Pass if embedded => {
            "All gates passed against the stand-in. This shows that the harness works; it is not evidence about \
             staging."
                .to_owned()
                + &undelivered(&evidence.analysis)
        }
        Verdict::Pass => format!("All gates passed.{}", undelivered(&evidence.analysis)),
        Verdict::Unproven | Verdict::NotExercised if evidence.is_cut_off() => {
            let failed = of(Verdict::Fail);
            let failed = if failed.is_empty() { failed } else { format!(" Failed so far: {failed}.") };
            format!("No decision: the run was cut short.{failed}")
        }
        Verdict::Unproven | Verdict::NotExercised => format!("No decision yet: {} unproven.", of(Verdict::Unproven)),
    }
}

/// What was not delivered because it was made to fail, where the sender does not try again: how it fails was seen, and not that it
/// recovers.
fn undelivered(analysis: &Analysis) -> String {
    let contract = &analysis.header.retry;
    let failed =
        analysis.own_troubled().filter(|d| d.met_a_fault() && d.accepted().is_none() && d.fulfils.is_some());
    match failed.count() {
        n if n > 0 && !contract.goes_on(1) => format!(
            " {}, made to fail on purpose, never got through: this sender sends each webhook only once. It is proved \
             that it stops there, not that it recovers.",
            counted(n as u64, "webhooks")
        ),
        _ => String::new(),
    }
}

/// Whether a rollback trigger has fired: then what is observed is switched on already.
fn rolls_back(evidence: &Evidence) -> bool {
    evidence.checks.iter().any(|check| check.id == ROLLBACK.id && check.verdict == Verdict::Fail)
}

fn provenance(evidence: &Evidence) -> Provenance {
    let header = &evidence.analysis.header;
    let torn = evidence.integrity.torn_bytes;
    let torn =
        (torn > 0).then(|| format!("the journal's last line is torn: {torn} bytes without a line ending"));
    let notes = evidence.analysis.notes.iter().map(|n| n.text.clone());
    Provenance {
        run_id: header.run_id.to_string(),
        kind: header.kind,
        tool_version: header.tool_version.clone(),
        build: header.build.clone(),
        scenario: header.scenario.name.clone(),
        scenario_sha256: header.scenario.sha256.clone(),
        gates_sha256: header.gates_sha256.clone(),
        journal_sha256: evidence.integrity.sha256.clone(),
        journal_records: evidence.integrity.records,
        journal_complete: !evidence.is_cut_off(),
        evidence_about_staging: header.tested() != EMBEDDED,
        notes: notes.chain(torn).take(100).collect(),
    }
}
