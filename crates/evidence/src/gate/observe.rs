//! Applies the gates to an observation, in which webhooks come without a step that asked for them.

use super::caveats::{caveats, refused, unread, within_uncertainty};
use super::check::{Check, Verdict};
use super::config::Gates;
use super::judge::{duplicates, event_header};
use super::rate::{Label, Side, count, percentile, rate};
use super::triggers::{log_findings, triggers};
use super::{breaker, retry, sender_log};
use crate::analysis::tallies;
use crate::analysis::{Analysis, Delivery, Minute, breaker_stats, clause_stats, minutes};
use pii::shown;
use record::latency::Latency;
use record::{Tally, WatchBegin};
use std::borrow::Cow;
use std::time::Duration;

/// Every criterion that is switched on, judged on an observation: `judge` comes here for one.
pub(super) fn judge(analysis: &Analysis, gates: &Gates, begin: &WatchBegin) -> Vec<Check> {
    let minutes = minutes(analysis);
    let (organic, injected) = tallies(analysis);
    let mut checks = vec![
        window(analysis, begin, &minutes),
        rollback(analysis, gates),
        sender_log::check(analysis, begin),
    ];
    checks.extend(driven(analysis, gates, begin, (organic.lost, organic.expected + injected.expected)));
    checks.extend(driven_latency(analysis, gates, begin, &organic));
    let sum = |of: fn(&Minute) -> u64| minutes.iter().map(of).sum::<u64>();
    let (ended, delivered, attempts) = (sum(|m| m.ended), sum(|m| m.delivered), sum(|m| m.attempts));
    let label = |id, title, things| Label { id, title, things };
    checks.extend(gates.success_rate_min_percent.map(|t| {
        let label = label("success_rate", "Success rate", "deliveries that ended were accepted");
        rate(gates, label, (delivered, ended), Side::AtLeast, t)
    }));
    checks.extend(gates.signatures_valid_min_percent.map(|t| {
        let label = label("signatures", "Signatures valid", "attempts with a valid signature");
        rate(gates, label, (attempts - sum(|m| m.invalid_signatures), attempts), Side::AtLeast, t)
    }));
    checks.extend(rates(analysis, gates, &organic));
    let ids = [("latency_p50", "Delivery latency p50"), ("latency_p95", "Delivery latency p95")];
    checks.extend(percentiles(analysis, gates, &latencies(analysis), "deliveries", ids));
    checks.extend(gates.duplicates_max.map(|max| duplicates(&organic, &injected, max)));
    checks.extend(event_header(&organic, &injected));
    checks.extend(gates.pii_leaks_max.map(|max| personal_data(analysis, begin, max)));
    if gates.retry_contract.is_some() {
        checks.extend(retry::checks(&analysis.header, &clause_stats(analysis)));
        checks.push(breaker::check(
            analysis.header.retry.breaker,
            breaker_stats(analysis),
            organic.suppressed,
        ));
    }
    checks
}

fn personal_data(analysis: &Analysis, begin: &WatchBegin, max: u64) -> Check {
    let webhooks = &analysis.privacy.webhooks;
    let label = Label { id: "pii", title: "No personal data", things: "webhooks inspected" };
    let log = if begin.logs.is_empty() {
        "no log of the sender was given"
    } else {
        "findings in the sender's log included"
    };
    unread(
        webhooks.unread,
        count(label, (webhooks.total + log_findings(analysis), webhooks.inspected), max, log),
    )
}

/// Of the attempts and deliveries that nobody broke on purpose.
fn rates(analysis: &Analysis, gates: &Gates, organic: &Tally) -> Vec<Check> {
    let of = |(id, title, things), part: (u64, u64), target: Option<f64>| {
        Some(rate(gates, Label { id, title, things }, part, Side::Below, target?))
    };
    let client_errors = ("client_error_rate", "4xx rate", "attempts answered 4xx");
    let server_errors = ("server_error_rate", "5xx rate", "attempts answered 5xx");
    let (below_4xx, below_5xx) =
        (gates.client_error_rate_below_percent, gates.server_error_rate_below_percent);
    let retried = (organic.retried, organic.deliveries);
    let client = of(client_errors, (organic.client_errors, organic.attempts), below_4xx);
    [
        of(("retry_rate", "Retry rate", "deliveries retried"), retried, gates.retry_rate_below_percent),
        client.zip(below_4xx).map(|(check, below)| refused(&analysis.refused, check, below)),
        of(server_errors, (organic.server_errors, organic.attempts), below_5xx),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is driven meanwhile must work, and each of its webhooks must come: they alone are known to be due.
fn driven(analysis: &Analysis, gates: &Gates, begin: &WatchBegin, (lost, due): (u64, u64)) -> Vec<Check> {
    if begin.drive.is_empty() {
        return Vec::new();
    }
    let (sent, failed) = analysis.steps.sent_and_failed();
    let problem = analysis.steps.by_name.iter().find_map(|(name, s)| Some((name, s.problems.first()?)));
    let problem = problem.map(|(name, (_, what))| format!("{name} {}", shown(what))).unwrap_or_default();
    let label = Label { id: "steps", title: "Driven steps as expected", things: "steps" };
    let steps = gates.failed_steps_max.map(|max| count(label, (failed, sent), max, &problem));
    let label =
        Label { id: "lost", title: "No driven webhook lost", things: "driven webhooks that were due" };
    let lost_max = gates.lost_max.filter(|_| analysis.expectation_count() > 0);
    let lost = lost_max.map(|max| count(label, (lost, due), max, ""));
    let mut checks: Vec<Check> = steps.into_iter().chain(lost).collect();
    caveats(&analysis.watched.gaps, &mut checks);
    checks
}

/// From the step that asked for a webhook to its acceptance, as the smokes measure it.
fn driven_latency(analysis: &Analysis, gates: &Gates, begin: &WatchBegin, organic: &Tally) -> Vec<Check> {
    if begin.drive.is_empty() {
        return Vec::new();
    }
    let ids = [("driven_latency_p50", "Driven latency p50"), ("driven_latency_p95", "Driven latency p95")];
    percentiles(analysis, gates, &organic.latency, "driven deliveries", ids)
}

/// The median and the 95th percentile, under these ids and titles.
fn percentiles(
    analysis: &Analysis,
    gates: &Gates,
    latency: &Latency,
    things: &'static str,
    [p50, p95]: [(&'static str, &'static str); 2],
) -> Vec<Check> {
    let uncertainty_us = analysis.watched.offset.as_ref().map(|o| o.uncertainty_us);
    let of = |(id, title), percent, limit: Option<f64>| {
        let check = percentile(gates, Label { id, title, things }, latency, percent, limit?);
        Some(within_uncertainty(uncertainty_us, check, limit))
    };
    [of(p50, 50.0, gates.latency_p50_below_ms), of(p95, 95.0, gates.latency_p95_below_ms)]
        .into_iter()
        .flatten()
        .collect()
}

/// First byte of the first attempt to the end of the accepting answer: the only latency that a receiver can measure of
/// webhooks it did not ask for.
fn latencies(analysis: &Analysis) -> Latency {
    let mut latency = Latency::new();
    let took = |d: Cow<'_, Delivery>| Some(d.accepted()?.end?.since(d.first_byte()));
    analysis.own().filter(|d| !d.injected()).filter_map(took).for_each(|t| latency.record(t));
    latency
}

#[expect(clippy::cast_precision_loss, reason = "a duration in s")]
fn window(analysis: &Analysis, begin: &WatchBegin, minutes: &[Minute]) -> Check {
    let watched = analysis.watched_until().since(begin.at);
    let wanted = Duration::from_millis(begin.duration_ms);
    let gaps = minutes.iter().filter(|m| m.gap.is_some()).count();
    let silent = minutes.iter().filter(|m| m.complete && m.gap.is_none() && m.ended == 0).count();
    let complete = analysis.end.as_ref().is_some_and(|e| e.complete) && watched >= wanted && gaps == 0;
    let gap = analysis.watched.gaps.first();
    let gap = gap.map(|g| format!(", the first because {}", shown(&g.why))).unwrap_or_default();
    Check {
        id: "window_completed".into(),
        title: "Window watched to its end".into(),
        target: format!("all {} s", wanted.as_secs()),
        actual: Some(watched.as_secs() as f64),
        unit: "s".into(),
        n: minutes.len() as u64,
        interval_95: None,
        verdict: if complete { Verdict::Pass } else { Verdict::Unproven },
        text: format!(
            "{} s of {} s watched; {gaps} minutes not seen{gap}; {silent} minutes without traffic, neither good nor bad",
            watched.as_secs(),
            wanted.as_secs()
        ),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn rollback(analysis: &Analysis, gates: &Gates) -> Check {
    let fired = triggers(analysis, gates);
    let told: Vec<String> = fired.iter().map(|t| format!("{}: {}", t.id, t.evidence)).collect();
    Check {
        id: "rollback_triggers".into(),
        title: "No rollback trigger".into(),
        target: "0".into(),
        actual: Some(fired.len() as f64),
        unit: "triggers".into(),
        n: analysis.deliveries.len() as u64,
        interval_95: None,
        verdict: if fired.is_empty() { Verdict::Pass } else { Verdict::Fail },
        text: if told.is_empty() { "none has fired".to_owned() } else { told.join("; ") },
    }
}
