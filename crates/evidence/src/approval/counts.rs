//! Counts that do not add up.

use super::document::Document;
use super::figures::{Figures, tally};
use super::judgement::Findings;
use serde_json::Value;

/// What an artifact calls the parts of a whole, by the end of the key.
const PARTS: [&str; 4] = ["distribution", "outcomes", "breakdown", "status_codes"];
/// Parts of another whole than the webhooks.
const OTHER_WHOLES: [&str; 6] = ["latency", "error", "pii", "attempt", "retry", "failure"];

pub(super) fn check(document: &Document<'_>, figures: &Figures, found: &mut Findings) {
    sums(figures, found);
    if !document.is_own() {
        triggered(figures, found);
    }
    if !document.is_own() {
        distributions(document, figures, found);
        failures(document, figures, found);
    } else if let (Some(parts), Some(sent)) =
        (document.key(&["event_distribution"]).and_then(tally), figures.sent)
    {
        whole(&parts, "event_distribution", sent, found);
    }
    sample_match(document, figures, found);
}

fn sums(figures: &Figures, found: &mut Findings) {
    let Figures { sent, success, failed, .. } = *figures;
    if let (Some(sent), Some(success), Some(failed)) = (sent, success, failed)
        && Some(sent) != success.checked_add(failed)
    {
        found.add(
            "counts_do_not_add_up",
            format!("{success} successful and {failed} failed webhooks do not add up to the {sent} sent"),
        );
    }
    if let (Some(sent), Some(success), None) = (sent, success, failed)
        && success > sent
    {
        found.add("counts_do_not_add_up", format!("{success} webhooks succeeded of {sent} sent"));
    }
}

/// Every webhook has its event. Smoke's own artifacts say apart what was unexpected.
fn triggered(figures: &Figures, found: &mut Findings) {
    if let (Some(triggered), Some(success)) = (figures.triggered, figures.success)
        && success > triggered
    {
        found.add(
            "counts_do_not_add_up",
            format!("{success} webhooks succeeded, but only {triggered} events were triggered"),
        );
    }
}

/// Objects and lists that say of every webhook what became of it.
fn distributions(document: &Document<'_>, figures: &Figures, found: &mut Findings) {
    let Some(sent) = figures.sent else { return };
    for node in &document.nodes {
        let of_webhooks =
            PARTS.iter().any(|p| node.key.ends_with(p)) && !OTHER_WHOLES.iter().any(|w| node.key.contains(w));
        if !of_webhooks {
            continue;
        }
        if let Some(parts) = tally(node) {
            whole(&parts, &node.pointer, sent, found);
        } else if let Some(list) = node.value.as_array()
            && !list.is_empty()
            && list.len() as u64 != sent
        {
            found.add(
                "counts_do_not_add_up",
                format!("{} lists {} outcomes for {sent} webhooks", node.pointer, list.len()),
            );
        }
    }
}

fn whole(parts: &[u64], name: &str, sent: u64, found: &mut Findings) {
    let sum = parts.iter().try_fold(0u64, |a, b| a.checked_add(*b));
    if sum != Some(sent) {
        let sum = sum.map_or_else(|| "more than can be counted".to_owned(), |n| n.to_string());
        found.add("counts_do_not_add_up", format!("{name} adds up to {sum} outcomes for {sent} webhooks"));
    }
}

/// A payment, match or webhook that failed beside figures without a failure.
fn failures(document: &Document<'_>, figures: &Figures, found: &mut Findings) {
    let (Some(success), Some(0)) = (figures.success, figures.failed) else { return };
    for node in &document.nodes {
        let Some(object) = node.value.as_object() else { continue };
        let failed = object.iter().any(|(key, value)| says_failed(key, value));
        if failed
            && figures.sent.is_some()
            && !node.pointer.contains("pii")
            && !is_about_faults(&node.pointer)
        {
            found.add(
                "failure_beside_success",
                format!("{} failed, yet {success} webhooks succeeded and none failed", node.pointer),
            );
            return;
        }
    }
}

fn says_failed(key: &str, value: &Value) -> bool {
    match key.to_lowercase().as_str() {
        "status" | "result" | "outcome" | "webhook_status" | "delivery_status" => {
            matches!(
                value.as_str().map(str::to_lowercase).as_deref(),
                Some("failed" | "failure" | "error" | "aborted")
            )
        }
        "success" | "delivered" | "webhook_success" => value == &Value::Bool(false),
        "status_code" | "response_code" | "webhook_status_code" => {
            value.as_u64().is_some_and(|code| (400..500).contains(&code))
        }
        _ => false,
    }
}

/// Sections about failures that were made on purpose, or about gates.
fn is_about_faults(pointer: &str) -> bool {
    let pointer = pointer.to_lowercase();
    ["fault", "inject", "simulat", "gate", "criteria", "checklist", "4xx", "client_error", "test_case"]
        .iter()
        .any(|word| pointer.contains(word))
}

/// A sample match lists its events and one response for each.
fn sample_match(document: &Document<'_>, figures: &Figures, found: &mut Findings) {
    let list = |name: &str| document.root.pointer(&format!("/sample_match/{name}")).and_then(Value::as_array);
    let (Some(events), Some(responses)) = (list("events"), list("webhook_responses")) else { return };
    if events.len() != responses.len() {
        found.add(
            "counts_do_not_add_up",
            format!("the sample match has {} events and {} webhook responses", events.len(), responses.len()),
        );
    }
    if let Some(sent) = figures.sent.filter(|sent| (responses.len() as u64) > *sent) {
        found.add(
            "counts_do_not_add_up",
            format!(
                "the sample match alone has {} webhook responses, of {sent} webhooks in all",
                responses.len()
            ),
        );
    }
    let slowest = responses.iter().filter_map(|r| r.get("latency_ms")?.as_f64()).fold(f64::MIN, f64::max);
    if let Some(max) = figures.max.filter(|max| slowest > max * 1.001 + 1.0)
        && !document.is_own()
    {
        found.add(
            "latency_above_maximum",
            format!("the sample match has a latency of {slowest} ms, above the stated maximum of {max} ms"),
        );
    }
}
