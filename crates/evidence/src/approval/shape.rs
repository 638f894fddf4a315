//! The shape of an artifact: keys that must be there, figures that must be figures, one value for each key.

use super::document::{Document, number};
use super::judgement::Findings;
use crate::report::SCHEMA_VERSION;
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
const OWN: [&str; 13] = [
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
/// The key of every one of them but that of an observation, in which nobody knows how many were due.
const DUE: &str = "/test_run/events_triggered";
/// Keys of the artifact of a load, which says nothing about deliveries one by one.
const LOAD: [&str; 12] = [
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
/// Texts where a figure belongs.
const NOT_NUMBERS: [&str; 7] = ["nan", "inf", "infinity", "-inf", "+inf", "-infinity", "+infinity"];

pub(super) fn check(document: &Document<'_>, found: &mut Findings) {
    version(document, found);
    let is_load = document.root.pointer("/load/model").is_some();
    let (guide, own): (&[&str], &[&str]) = match (is_load, document.is_own()) {
        (true, _) => (&[], &LOAD),
        (false, true) => (&GUIDE, &OWN),
        (false, false) => (&GUIDE, &[]),
    };
    let due = (!is_load && document.is_own() && !document.is_observation()).then_some(&DUE);
    for pointer in guide.iter().chain(own).chain(due) {
        if document.root.pointer(pointer).is_none() {
            found.add("missing_key", format!("{pointer} is missing, which every such artifact has"));
        }
    }
    counted(document, found);
    for node in &document.nodes {
        let text = node.value.as_str().map(|t| t.trim().to_lowercase());
        if text.is_some_and(|t| NOT_NUMBERS.contains(&t.as_str())) {
            found.add("not_a_number", format!("{} is {}, which is no figure", node.pointer, node.value));
        }
        let negative = number(node.value).filter(|x| *x < 0.0 && node.value.is_number());
        if let Some(x) = negative.filter(|_| !may_be_negative(&node.key)) {
            found.add(
                "negative",
                format!("{} is {x}, and nothing that is counted or timed is negative", node.pointer),
            );
        }
    }
    if document.cut {
        found.add(
            "artifact_too_large",
            "the artifact holds more values than any artifact does; not all were looked at",
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
                format!("{pointer} is {shown}, and a count is a whole number, 0 or more"),
            );
        }
    }
}

fn may_be_negative(key: &str) -> bool {
    key.contains("offset") || key.contains("skew") || key.contains("lag") || key.contains("delta")
}

/// The answer must follow from what was found.
fn pii(document: &Document<'_>, found: &mut Findings) {
    let Some(section) = document.root.get("pii_check") else { return };
    let count = |name: &str| section.get(name).and_then(Value::as_u64).unwrap_or(0);
    let counts = ["emails_found", "usernames_found", "ip_addresses_found", "findings_total"];
    let hits = counts.iter().map(|name| count(name)).fold(0u64, u64::saturating_add);
    let status = section.get("status").and_then(Value::as_str).unwrap_or_default().to_uppercase();
    if status == "FAIL" && hits == 0 && !document.is_own() {
        found.add("pii_status", "pii_check says FAIL, and counts no findings");
    }
    if status == "PASS" && hits > 0 {
        found.add("pii_status", format!("pii_check says PASS with {hits} findings"));
    }
    if status == "PASS" && section.get("payloads_inspected").and_then(Value::as_u64) == Some(0) {
        found.add("pii_status", "pii_check says PASS although no payload was inspected");
    }
}
