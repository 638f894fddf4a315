//! The shape of an artifact: keys that must be there, figures that must be figures, one value for each key.

use super::document::{Document, number};
use super::judgement::Findings;
use crate::gate::PII;
use crate::report::SCHEMA_VERSION;
use record::RunKind;
use serde_json::Value;

/// Keys of every artifact (docs/deltacrown.md section 8).
const GUIDE: [&str; 9] = [
    "/test_run/timestamp",
    "/test_run/environment",
    "/test_run/webhooks_sent",
    "/test_run/webhooks_success",
    "/test_run/webhooks_failed",
    "/pii_check/emails_found",
    "/pii_check/usernames_found",
    "/pii_check/ip_addresses_found",
    "/pii_check/status",
];
/// Keys of smoke's own artifacts beyond those.
const OWN: [&str; 14] = [
    "/provenance/kind",
    "/test_run/webhooks_lost",
    "/test_run/duration_seconds",
    "/performance_metrics/samples",
    "/configuration",
    "/event_distribution",
    "/hmac_signature_validation/checked",
    "/outcomes/organic",
    "/outcomes/injected",
    "/retry",
    "/fault_injection",
    "/acceptance_gates/checks",
    "/recommendation",
    "/provenance/journal_sha256",
];
/// The key of those in which each webhook is asked for; in an observation nobody knows how many were due.
const DUE: &str = "/test_run/events_triggered";
/// Keys of the artifact of a load, which says nothing about deliveries one by one.
const LOAD: [&str; 13] = [
    "/provenance/kind",
    "/test_run/timestamp",
    "/test_run/environment",
    "/test_run/webhooks_sent",
    "/test_run/webhooks_success",
    "/test_run/webhooks_failed",
    "/load/schedule",
    "/counters/started",
    "/counters/dropped",
    "/latency_ms",
    "/acceptance_gates/checks",
    "/recommendation",
    "/provenance/parameters_sha256",
];
/// Keys of the artifact of a probe, in which smoke is the sender.
const PROBE: [&str; 10] = [
    "/provenance/kind",
    "/test_run/timestamp",
    "/test_run/environment",
    "/test_run/target",
    "/test_run/requests_sent",
    "/grades/overall",
    "/cases",
    "/acceptance_gates/checks",
    "/recommendation",
    "/provenance/journal_sha256",
];
/// Texts where a figure belongs.
const NOT_NUMBERS: [&str; 7] = ["nan", "inf", "infinity", "-inf", "+inf", "-infinity", "+infinity"];

pub(super) fn check(document: &Document<'_>, found: &mut Findings) {
    version(document, found);
    let kind = document.kind();
    let (guide, own): (&[&str], &[&str]) = match (kind, document.is_own()) {
        (Some(RunKind::Load), _) => (&[], &LOAD),
        (Some(RunKind::Probe), _) => (&[], &PROBE),
        (_, true) => (&GUIDE, &OWN),
        (_, false) => (&GUIDE, &[]),
    };
    let due = (document.is_own() && kind.is_none_or(|kind| kind == RunKind::Run)).then_some(&DUE);
    for pointer in guide.iter().chain(own).chain(due) {
        if document.root.pointer(pointer).is_none() {
            found.add("missing_key", format!("{pointer} is missing, but every such artifact has it"));
        }
    }
    counted(document, found);
    for node in &document.nodes {
        let text = node.value.as_str().map(|t| t.trim().to_lowercase());
        if text.is_some_and(|t| NOT_NUMBERS.contains(&t.as_str())) {
            found.add("not_a_number", format!("{} is {}, which is not a figure", node.pointer, node.value));
        }
        let negative = number(node.value).filter(|x| *x < 0.0 && node.value.is_number());
        if let Some(x) = negative.filter(|_| !may_be_negative(&node.key)) {
            found
                .add("negative", format!("{} is {x}, but counts and times are never negative", node.pointer));
        }
    }
    if document.cut {
        found.add(
            "artifact_too_large",
            "the artifact holds more values than any real one; not all were checked",
        );
    }
    pii(document, found);
}

fn version(document: &Document<'_>, found: &mut Findings) {
    match document.root.get("schema_version") {
        None => {}
        Some(Value::String(version)) if version == SCHEMA_VERSION => {}
        Some(other) => found.add(
            "schema_version",
            format!(
                "the artifact has schema version {other}; this smoke checks version \"{SCHEMA_VERSION}\""
            ),
        ),
    }
}

/// What is counted is a whole number.
fn counted(document: &Document<'_>, found: &mut Findings) {
    for pointer in GUIDE.iter().filter(|p| p.contains("webhooks_") || p.ends_with("_found")) {
        if let Some(value) = document.root.pointer(pointer).filter(|v| v.as_u64().is_none()) {
            let shown: String = value.to_string().chars().take(40).collect();
            found.add(
                "not_a_count",
                format!("{pointer} is {shown}, but a count is a whole number, 0 or more"),
            );
        }
    }
}

fn may_be_negative(key: &str) -> bool {
    key.contains("offset") || key.contains("skew") || key.contains("lag") || key.contains("delta")
}

/// The answer of one of smoke's own artifacts is that of its check, which may allow findings.
fn own_pii(document: &Document<'_>, found: &mut Findings) {
    let status = document.root.pointer("/pii_check/status").and_then(Value::as_str);
    let checks = document.root.pointer("/acceptance_gates/checks").and_then(Value::as_array);
    let check = checks.into_iter().flatten().find(|c| c.get("id").and_then(Value::as_str) == Some(PII.id));
    let follows = match check.and_then(|c| c.get("verdict")?.as_str()) {
        Some("pass") => "PASS",
        Some("fail") => "FAIL",
        Some(_) => "UNPROVEN",
        None => "NOT_JUDGED",
    };
    if let Some(status) = status.filter(|status| *status != follows) {
        found.add("pii_status", format!("pii_check says {status}, but the check `pii` amounts to {follows}"));
    }
}

/// The answer must follow from what was found.
fn pii(document: &Document<'_>, found: &mut Findings) {
    if document.is_own() {
        own_pii(document, found);
        return;
    }
    let Some(section) = document.root.get("pii_check") else { return };
    let count = |name: &str| section.get(name).and_then(Value::as_u64).unwrap_or(0);
    let counts = ["emails_found", "usernames_found", "ip_addresses_found", "findings_total"];
    let hits = counts.iter().map(|name| count(name)).fold(0u64, u64::saturating_add);
    let status = section.get("status").and_then(Value::as_str).unwrap_or_default().to_uppercase();
    if status == "FAIL" && hits == 0 {
        found.add("pii_status", "pii_check says FAIL but counts no findings");
    }
    if status == "PASS" && hits > 0 {
        found.add("pii_status", format!("pii_check says PASS with {hits} findings"));
    }
    if status == "PASS" && section.get("payloads_inspected").and_then(Value::as_u64) == Some(0) {
        found.add("pii_status", "pii_check says PASS although no payload was inspected");
    }
}
