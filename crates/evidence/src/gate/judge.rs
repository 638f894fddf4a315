//! Applies the gates to an analysis.

use super::caveats::{caveats, unread, within_uncertainty};
use super::check::{Check, Verdict};
use super::config::Gates;
use super::rate::{Label, Side, count, percentile, rate};
use super::{breaker, clause, retry};
use crate::analysis::Analysis;
use crate::analysis::stats_of;
use pii::shown;
use record::RunKind;
use record::{Header, PiiStats, RunStats, Tally};
use std::cmp::Reverse;

/// Every criterion that is switched on, judged.
///
/// Rates and percentiles are those of organic deliveries: what smoke broke on purpose says nothing about how often things
/// break. Signatures, personal data, losses, duplicates and the retry contract are judged on all. When every delivery was
/// injected, nothing organic was asked for, so the rates read `not exercised` and leave the verdict to the other checks;
/// when nothing arrived at all they stay `unproven`.
#[must_use]
pub fn judge(analysis: &Analysis, gates: &Gates) -> Vec<Check> {
    if let Some(begin) = &analysis.watched.begin {
        return super::observe::judge(analysis, gates, begin);
    }
    let sums = stats_of(analysis);
    let mut checks = vec![completed(analysis)];
    checks.extend(criteria(&sums, &analysis.header, gates));
    checks.extend(clause::check(analysis));
    caveats(&sums.gaps, &mut checks);
    if analysis.header.kind == RunKind::Receive && sums.expectations == 0 {
        let asked = checks.iter_mut().filter(|c| ASKED_FOR.contains(&c.id.as_str()));
        asked.for_each(|c| not_exercised(c, "a receiver by itself asks for no webhook"));
    }
    checks
}

/// The same for the flows of a load, of which only the sums are known.
#[must_use]
pub fn judge_flows(sums: &RunStats, header: &Header, gates: &Gates) -> Vec<Check> {
    let mut checks = vec![ended(sums)];
    checks.extend(criteria(sums, header, gates));
    caveats(&sums.gaps, &mut checks);
    checks
}

fn criteria(sums: &RunStats, header: &Header, gates: &Gates) -> Vec<Check> {
    let RunStats { organic, injected, .. } = sums;
    let mut checks = Vec::new();
    checks.extend(steps(sums, gates));
    checks.extend(arrivals(gates, organic, injected));
    checks.extend(event_header(organic, injected));
    checks.extend(signatures(sums, gates));
    checks.extend(rates(gates, organic));
    checks.extend(latencies(sums, gates));
    if organic.deliveries + organic.expected == 0 && injected.deliveries > 0 {
        let organic_only = checks.iter_mut().filter(|c| c.n == 0 && ORGANIC.contains(&c.id.as_str()));
        organic_only.for_each(|c| {
            not_exercised(c, "every delivery was injected; this is judged on the ones that are left alone");
        });
    }
    checks.extend(privacy(sums, gates));
    if expects_nothing(sums) {
        let without = checks.iter_mut().filter(|c| c.n == 0 && c.verdict == Verdict::Unproven);
        without.for_each(|c| not_exercised(c, "no step of the scenario fires a webhook, and none came"));
    }
    if gates.retry_contract.is_some() {
        checks.extend(retry::checks(header, &sums.clauses));
        checks.push(breaker::check(header.retry.breaker, sums.breaker, organic.suppressed));
    }
    checks
}

/// The checks of what the steps of a run asked for.
const ASKED_FOR: [&str; 4] = ["steps", "success_rate", "lost", "unexpected"];

/// The checks that are judged on organic deliveries only.
const ORGANIC: [&str; 6] =
    ["success_rate", "retry_rate", "client_error_rate", "server_error_rate", "latency_p50", "latency_p95"];

fn not_exercised(check: &mut Check, why: &str) {
    check.verdict = Verdict::NotExercised;
    why.clone_into(&mut check.text);
}

/// Whether a run went through its steps, and neither they nor anybody else had to do with webhooks.
fn expects_nothing(sums: &RunStats) -> bool {
    let (sent, failed) = sums.sent_and_failed();
    let came = sums.organic.deliveries + sums.injected.deliveries + sums.foreign;
    sent > 0 && failed == 0 && sums.expectations == 0 && came == 0
}

fn completed(analysis: &Analysis) -> Check {
    let complete = analysis.end.as_ref().is_some_and(|e| e.complete);
    let flows = u64::from(analysis.header.flows);
    let ended = analysis.steps.flows.ended();
    let text = match &analysis.end {
        Some(end) if end.complete => format!("{ended} of {flows} flows ended"),
        Some(_) => format!("interrupted: {ended} of {flows} flows ended"),
        None => format!("the journal has no end: the run was cut off after {ended} of {flows} flows"),
    };
    let met = complete && ended == flows && flows > 0;
    all_flows((ended, flows), if met { Verdict::Pass } else { Verdict::Unproven }, text)
}

/// Whether every flow of a load that was begun has ended; that all were begun is judged with the load.
fn ended(sums: &RunStats) -> Check {
    let RunStats { flows, ended, .. } = *sums;
    let text = format!("{ended} of {flows} flows that began have ended");
    let met = ended == flows && flows > 0;
    all_flows((ended, flows), if met { Verdict::Pass } else { Verdict::Unproven }, text)
}

#[expect(clippy::cast_precision_loss, reason = "a count of flows")]
fn all_flows((ended, flows): (u64, u64), verdict: Verdict, text: String) -> Check {
    Check {
        id: "run_completed".into(),
        title: "Run completed".into(),
        target: "all flows".into(),
        actual: Some(ended as f64),
        unit: "flows".into(),
        n: flows,
        interval_95: None,
        verdict,
        text,
    }
}

fn steps(sums: &RunStats, gates: &Gates) -> Option<Check> {
    let (sent, failed) = sums.sent_and_failed();
    let label = Label { id: "steps", title: "Steps as expected", things: "steps" };
    let worst = sums.steps.iter().find_map(|(name, s)| Some((name, s.problems.first()?)));
    let detail = worst.map(|(name, (_, problem))| format!("{name} {}", shown(problem))).unwrap_or_default();
    gates.failed_steps_max.map(|max| count(label, (failed, sent), max, &detail))
}

fn arrivals(gates: &Gates, organic: &Tally, injected: &Tally) -> Vec<Check> {
    let expected = organic.expected + injected.expected;
    let deliveries = organic.deliveries + injected.deliveries;
    let lost = Label { id: "lost", title: "None lost", things: "webhooks that were due" };
    let success = Label { id: "success_rate", title: "Success rate", things: "webhooks delivered" };
    let unexpected = Label { id: "unexpected", title: "None unexpected", things: "deliveries" };
    let swallowed = match organic.suppressed {
        0 => String::new(),
        n => format!("{n} more were swallowed by the sender's circuit breaker"),
    };
    let surprises = organic.unexpected + injected.unexpected;
    let in_time = |target| {
        let mut check = rate(gates, success, (organic.fulfilled, organic.expected), Side::AtLeast, target);
        if organic.late > 0 {
            check.text = format!("{}; {} came too late", check.text, organic.late);
        }
        check
    };
    [
        gates.success_rate_min_percent.map(in_time),
        gates.lost_max.map(|max| count(lost, (organic.lost, expected), max, &swallowed)),
        gates.duplicates_max.map(|max| duplicates(organic, injected, max)),
        gates.unexpected_max.map(|max| count(unexpected, (surprises, deliveries), max, "")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The same id again after it was accepted, an id used twice, or more webhooks than a step asked for.
pub(super) fn duplicates(organic: &Tally, injected: &Tally, max: u64) -> Check {
    let both = |of: fn(&Tally) -> u64| of(organic) + of(injected);
    let label = Label { id: "duplicates", title: "None duplicated", things: "deliveries" };
    let reused = match both(|t| t.reused_ids) {
        0 => String::new(),
        n => format!("{n} reused the id of another webhook"),
    };
    let found = both(|t| t.duplicates) + both(|t| t.reused_ids);
    let mut check = count(label, (found, both(|t| t.deliveries)), max, &reused);
    let unclear = both(|t| t.unclear_duplicates);
    if check.verdict == Verdict::Pass && unclear > 0 {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{unclear} more came than were due: sent twice, or fired by somebody else about the same subject; let nobody else \
             use this run's rows, or give rows whose webhooks nobody else fires"
        );
    }
    check
}

/// The header that names the event is outside the signature: one that says something else misleads whoever trusts it.
/// There is no check while none does.
pub(super) fn event_header(organic: &Tally, injected: &Tally) -> Option<Check> {
    let both = |of: fn(&Tally) -> u64| of(organic) + of(injected);
    let label = Label { id: "event_header", title: "Event header as in the body", things: "deliveries" };
    let differ = both(|t| t.event_mismatches);
    let text =
        "the unsigned event header names another event than the signed body, which is the one that counts";
    (differ > 0).then(|| count(label, (differ, both(|t| t.deliveries)), 0, text))
}

fn signatures(sums: &RunStats, gates: &Gates) -> Option<Check> {
    let label =
        Label { id: "signatures", title: "Signatures valid", things: "attempts with a valid signature" };
    let ((a, m), (b, n)) = (sums.organic.signatures(), sums.injected.signatures());
    let mut check = rate(gates, label, (a + b, m + n), Side::AtLeast, gates.signatures_valid_min_percent?);
    // Of equally frequent ones the first by name, so that the same facts give the same text.
    if let Some((diagnosis, times)) = sums.diagnoses.iter().min_by_key(|(name, n)| (Reverse(**n), *name)) {
        check.text = format!("{times} times: {}; {}", shown(diagnosis), check.text);
    }
    Some(check)
}

fn rates(gates: &Gates, organic: &Tally) -> Vec<Check> {
    let of = |id, title, things, hits, n, target: Option<f64>| {
        target.map(|target| rate(gates, Label { id, title, things }, (hits, n), Side::Below, target))
    };
    let (deliveries, attempts) = (organic.deliveries, organic.attempts);
    [
        of(
            "retry_rate",
            "Retry rate",
            "deliveries retried",
            organic.retried,
            deliveries,
            gates.retry_rate_below_percent,
        ),
        of(
            "client_error_rate",
            "4xx rate",
            "attempts answered 4xx",
            organic.client_errors,
            attempts,
            gates.client_error_rate_below_percent,
        ),
        of(
            "server_error_rate",
            "5xx rate",
            "attempts answered 5xx",
            organic.server_errors,
            attempts,
            gates.server_error_rate_below_percent,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn latencies(sums: &RunStats, gates: &Gates) -> Vec<Check> {
    let of = |id, title, percent, limit: Option<f64>| {
        let label = Label { id, title, things: "deliveries" };
        let check = limit.map(|limit| percentile(gates, label, &sums.organic.latency, percent, limit));
        check.map(|check| within_uncertainty(sums.uncertainty_us, check, limit))
    };
    [
        of("latency_p50", "Delivery latency p50", 50.0, gates.latency_p50_below_ms),
        of("latency_p95", "Delivery latency p95", 95.0, gates.latency_p95_below_ms),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn privacy(sums: &RunStats, gates: &Gates) -> Vec<Check> {
    let webhooks = Label { id: "pii", title: "No personal data in webhooks", things: "webhooks inspected" };
    let api = Label { id: "api_pii", title: "No personal data in API answers", things: "answers inspected" };
    let check = |label, found: &PiiStats, max: Option<u64>| {
        let counts: Vec<String> = found.by_category.iter().map(|(name, n)| format!("{n} {name}")).collect();
        let first =
            found.places.first().map(|place| format!(", first at {}", shown(place))).unwrap_or_default();
        let detail = format!("{}{first}", counts.join(", "));
        max.map(|max| unread(found.unread, count(label, (found.total, found.inspected), max, &detail)))
    };
    [
        check(webhooks, &sums.webhook_pii, gates.pii_leaks_max),
        check(api, &sums.api_pii, gates.api_pii_leaks_max),
    ]
    .into_iter()
    .flatten()
    .collect()
}
