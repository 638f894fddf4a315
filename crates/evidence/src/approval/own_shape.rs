//! What must add up in smoke's own artifacts, beyond what every artifact has.

use super::document::{Document, number};
use super::judgement::Findings;
use crate::gate::{Verdict, wilson};
use serde_json::Value;

pub(super) fn check(document: &Document<'_>, found: &mut Findings) {
    outcomes(document, found);
    signatures(document, found);
    gates(document, found);
    gaps(document, found);
}

fn sum(document: &Document<'_>, pointers: &[&str]) -> Option<u64> {
    pointers.iter().try_fold(0u64, |sum, p| sum.checked_add(document.at(p)?))
}

fn equal(document: &Document<'_>, what: &str, left: &[&str], right: &[&str], found: &mut Findings) {
    if let (Some(a), Some(b)) = (sum(document, left), sum(document, right))
        && a != b
    {
        found.add("counts_do_not_add_up", format!("{what}: {a} is not {b}"));
    }
}

fn outcomes(document: &Document<'_>, found: &mut Findings) {
    let sent = ["/outcomes/organic/deliveries", "/outcomes/injected/deliveries"];
    equal(
        document,
        "organic and injected deliveries, and webhooks_sent",
        &sent,
        &["/test_run/webhooks_sent"],
        found,
    );
    equal(
        document,
        "webhooks_lost in test_run and in outcomes",
        &["/outcomes/organic/lost"],
        &["/test_run/webhooks_lost"],
        found,
    );
    for kind in ["organic", "injected"] {
        let at = |name: &str| document.at(&format!("/outcomes/{kind}/{name}"));
        let all = |names: &[&str]| names.iter().try_fold(0u64, |sum, n| sum.checked_add(at(n)?));
        let mut at_most = |what: &str, part: Option<u64>, whole: Option<u64>| {
            if let (Some(part), Some(whole)) = (part, whole)
                && part > whole
            {
                found.add(
                    "counts_do_not_add_up",
                    format!("{kind} webhooks: {part} {what}, which are only {whole}"),
                );
            }
        };
        at_most(
            "delivered, late or lost of those expected",
            all(&["delivered", "late", "lost"]),
            at("expected"),
        );
        at_most(
            "aborted, exhausted, given up or open deliveries",
            all(&["aborted", "exhausted", "given_up", "open"]),
            at("deliveries"),
        );
        at_most("retried of the deliveries", at("retried"), at("deliveries"));
        at_most(
            "attempts answered with 4xx, 5xx or not at all",
            all(&["client_errors", "server_errors", "unanswered"]),
            at("attempts"),
        );
        at_most(
            "deliveries and second attempts of the attempts",
            all(&["deliveries", "retried"]),
            at("attempts"),
        );
    }
    let failed: Option<u64> = ["organic", "injected"].iter().try_fold(0u64, |sum, kind| {
        let fate = |name: &str| document.at(&format!("/outcomes/{kind}/{name}"));
        ["aborted", "exhausted", "given_up", "open"]
            .iter()
            .try_fold(sum, |sum, name| sum.checked_add(fate(name)?))
    });
    if let (Some(failed), Some(stated)) = (failed, document.at("/test_run/webhooks_failed"))
        && failed != stated
    {
        found.add(
            "counts_do_not_add_up",
            format!("webhooks_failed is {stated}, but the outcomes have {failed}"),
        );
    }
}

fn signatures(document: &Document<'_>, found: &mut Findings) {
    let section = "/hmac_signature_validation";
    let checked = format!("{section}/checked");
    let unchecked = format!("{section}/unchecked");
    let all: Vec<&str> = [Some(checked.as_str()), document.at(&unchecked).map(|_| unchecked.as_str())]
        .into_iter()
        .flatten()
        .collect();
    equal(
        document,
        "signatures checked, and attempts",
        &all,
        &["/outcomes/organic/attempts", "/outcomes/injected/attempts"],
        found,
    );
    let reasons = document.root.pointer(&format!("{section}/by_reason")).and_then(Value::as_object);
    let total = reasons.and_then(|m| m.values().try_fold(0u64, |sum, v| sum.checked_add(v.as_u64()?)));
    if let (Some(total), Some(checked)) = (total, sum(document, &all))
        && total != checked
    {
        found.add(
            "counts_do_not_add_up",
            format!("{section}/by_reason adds up to {total}, not {checked} signatures"),
        );
    }
}

/// The verdict follows from the checks, and each interval from its rate. Of a run that was cut short nothing follows.
fn gates(document: &Document<'_>, found: &mut Findings) {
    let gates = document.root.get("acceptance_gates");
    let Some(checks) = gates.and_then(|g| g.get("checks")?.as_array()) else { return };
    let verdicts: Vec<&str> = checks.iter().filter_map(|c| c.get("verdict")?.as_str()).collect();
    let overall = [Verdict::Fail, Verdict::Unproven, Verdict::Pass].iter().map(|v| v.word());
    let cut_off = document.root.pointer("/provenance/journal_complete") == Some(&Value::Bool(false));
    let overall = overall.into_iter().find(|word| !cut_off && verdicts.contains(word)).unwrap_or("unproven");
    let stated = gates.and_then(|g| g.get("verdict")?.as_str()).unwrap_or_default();
    if stated != overall {
        found.add(
            "verdict_does_not_follow",
            format!("the verdict is `{stated}`, but the checks amount to `{overall}`"),
        );
    }
    for check in checks {
        interval(check, found);
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts below 2^52"
)]
fn interval(check: &Value, found: &mut Findings) {
    let at = |pointer: &str| check.pointer(pointer).and_then(number);
    let (Some(actual), Some(n), Some(low), Some(high)) = (
        at("/actual"),
        check.get("n").and_then(Value::as_u64),
        at("/interval_95/low"),
        at("/interval_95/high"),
    ) else {
        return;
    };
    let hits = (actual / 100.0 * n as f64).round().max(0.0);
    let whole = (hits / n.max(1) as f64 * 100.0 - actual).abs() < 0.001;
    let fits = wilson(hits as u64, n)
        .is_some_and(|(a, b)| (a * 100.0 - low).abs() < 0.01 && (b * 100.0 - high).abs() < 0.01);
    if !whole || !fits {
        let id = check.get("id").and_then(Value::as_str).unwrap_or("?");
        found.add(
            "rate_does_not_follow",
            format!("the rate or the interval of `{id}` is that of no count in {n}"),
        );
    }
}

/// Gaps outside the tolerance, beside no breach at all.
#[expect(clippy::cast_precision_loss, reason = "pauses in ms")]
fn gaps(document: &Document<'_>, found: &mut Findings) {
    if !document.vouches_for_retries() {
        return;
    }
    let contract = super::figures::contract(document);
    let deliveries = document.root.pointer("/fault_injection/deliveries").and_then(Value::as_array);
    for attempts in deliveries.into_iter().flatten().filter_map(|d| d.get("attempts")?.as_array()) {
        for (before, pair) in (1..).zip(attempts.windows(2)) {
            let [previous, attempt] = pair else { continue };
            let asked =
                previous.get("fault").and_then(Value::as_str).and_then(super::attempt_log::retry_after);
            let Some(wanted) = contract.gap_ms(before, asked) else { continue };
            let (early, late) = contract.window_ms(wanted);
            let gap = attempt.get("gap_ms").and_then(number);
            if let Some(gap) = gap.filter(|gap| gap + 1.0 < early as f64 || *gap > late as f64 + 1.0) {
                found.add(
                    "retry_log_contradicts_schedule",
                    format!("a gap of {gap} ms where the schedule says {wanted} ms, yet no contract breach is listed"),
                );
            }
        }
    }
}
