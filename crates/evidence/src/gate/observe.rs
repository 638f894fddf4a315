//! Applies the gates to an observation, in which webhooks come without a step that asked for them.

use super::caveats::{caveats, forwarded, refused, too_large, unchecked, unread};
use super::check::{Check, Verdict};
use super::config::Gates;
use super::criteria::{
    CLIENT_ERROR_RATE, DRIVEN_LATENCY_P50, DRIVEN_LATENCY_P95, LATENCY_P50, LATENCY_P95, PII_AND_LOG,
    ROLLBACK, SIGNATURES, STEPS, SUCCESS_RATE_SEEN, UNEXPECTED, WINDOW_COMPLETED,
};
use super::judge::{
    ANOTHER_SECRET, absence, duplicates, event_header, first_problem, late, order, payloads, percentiles,
    rates, repeated_keys, strangers, unreadable,
};
use super::lost::{behind_lost, lost};
use super::queued::Judged;
use super::rate::{Side, count, rate};
use super::signing::{QUIET, STREAK, Signing};
use super::triggers::{in_log, triggers, unread_in_log};
use super::{breaker, retry, sender_log};
use crate::analysis::tallies;
use crate::analysis::{Analysis, Minute, breaker_stats, clause_stats, minutes};
use crate::figure::counted;
use pii::shown;
use record::latency::Latency;
use record::{RunKind, Tally, WatchBegin};
use std::time::Duration;

/// Every criterion that is switched on, judged on an observation: `judge` comes here for one.
pub(super) fn judge(analysis: &Analysis, gates: &Gates) -> Vec<Check> {
    let Some(begin) = &analysis.watched.begin else {
        return vec![WINDOW_COMPLETED.check(
            "the window",
            Verdict::Unproven,
            "it was cut off before it began",
        )];
    };
    let minutes = minutes(analysis);
    let (organic, injected) = tallies(analysis);
    let mut checks = vec![
        window(analysis, begin, &minutes),
        rollback(analysis, gates),
        sender_log::check(analysis, begin),
    ];
    checks.extend(gates.log_errors_max.map(|max| sender_log::errors(analysis, begin, max)));
    checks.extend(gates.log_lost_max.map(|max| sender_log::lost(analysis, begin, max)));
    if !begin.drive.is_empty() {
        checks.extend(driven(analysis, gates, (&organic, &injected)));
    }
    let sum = |of: fn(&Minute) -> u64| minutes.iter().map(of).sum::<u64>();
    let (ended, delivered, attempts) = (sum(|m| m.ended), sum(|m| m.delivered), sum(|m| m.attempts));
    let taken = sum(|m| m.unchecked);
    checks.extend(
        gates
            .success_rate_min_percent
            .map(|t| rate(gates, &SUCCESS_RATE_SEEN, (delivered, ended), Side::AtLeast, t))
            .map(|check| unchecked(taken, analysis.header.blind, check)),
    );
    let valid = attempts - taken - sum(|m| m.invalid_signatures);
    let judged = attempts - taken + analysis.strangers.found().by_key;
    checks.extend(gates.signatures_valid_min_percent.map(|t| {
        let rate = rate(gates, &SIGNATURES, (valid, judged), Side::AtLeast, t);
        unchecked(taken, analysis.header.blind, signatures(analysis, gates, rate))
    }));
    checks.extend(with_refused(analysis, gates, rates(gates, RunKind::Observe, &organic)));
    let rows = [LATENCY_P50, LATENCY_P95];
    checks.extend(percentiles(gates, &latencies(analysis), uncertainty_us(analysis), rows));
    checks.extend(gates.duplicates_max.map(|max| duplicates(&organic, &injected, max)));
    checks.extend(order(&organic, &injected));
    checks.extend(payloads(analysis.payloads()));
    checks.extend(event_header(&organic, &injected, analysis.payloads()));
    checks.extend(unreadable(analysis, organic.deliveries + injected.deliveries));
    checks.extend(repeated_keys(analysis.payloads(), organic.deliveries + injected.deliveries));
    checks.extend(gates.pii_leaks_max.map(|max| personal_data(analysis, begin, max)));
    if gates.retry_contract.is_some() {
        checks.extend(retry::checks(&analysis.header, &clause_stats(analysis)));
        let breaker = analysis.header.retry.breaker;
        checks.extend(breaker::check(breaker, breaker_stats(analysis), organic.suppressed));
    }
    checks
}

/// A signature that is not the key's may be anybody's: the sender is blamed for so many only as the trigger blames it for, and for what
/// is its own for certain.
fn signatures(analysis: &Analysis, gates: &Gates, mut check: Check) -> Check {
    if check.verdict == Verdict::Fail
        && Signing::of(analysis).none_is_valid()
        && analysis.diagnoses().is_empty()
    {
        check.text = format!("{}; {ANOTHER_SECRET}", check.text);
    }
    if let Some((diagnosis, times)) = analysis.diagnoses().first().filter(|_| check.verdict == Verdict::Fail)
    {
        check.text = format!("{}: {}; {}", super::times(*times), shown(diagnosis), check.text);
    }
    let is_certain = analysis.certainly_invalid() > 0;
    if check.verdict == Verdict::Fail && !is_certain && !Signing::of(analysis).is_enough(&gates.rollback) {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; too few to tell a sender with the wrong secret from an imitator (needs {} attempts, or {STREAK} \
             with nothing valid for {} minutes): watch longer",
            check.text,
            gates.rollback.signature_failures_min_attempts,
            QUIET.as_secs() / 60
        );
    }
    let found = &analysis.strangers.found();
    if check.verdict == Verdict::Pass && found.imitating > 0 {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{}; {} requests that look like the sender's had no valid signature and came from addresses that sent nothing valid: \
             someone is imitating the sender, or it has a different secret there; find out whose addresses these are (`peer` in \
             the journal), or give the sender's log (--log)",
            check.text, found.imitating
        );
    }
    strangers(found, &mut check);
    check
}

fn uncertainty_us(analysis: &Analysis) -> Option<u64> {
    analysis.watched.offset.as_ref().map(|o| o.uncertainty_us)
}

fn personal_data(analysis: &Analysis, begin: &WatchBegin, max: u64) -> Check {
    let webhooks = &analysis.privacy.webhooks;
    let in_log = in_log(analysis);
    let log = if begin.logs.is_empty() {
        "no sender log was given".to_owned()
    } else {
        format!("{} in webhooks, {in_log} in the sender's log", webhooks.total)
    };
    let counted = count(&PII_AND_LOG, (webhooks.total + in_log, webhooks.inspected), max, &log);
    forwarded(&webhooks.forwarded(), unread(webhooks.unread + unread_in_log(analysis), counted))
}

/// Requests that were refused as no webhooks may have been webhooks.
fn with_refused(analysis: &Analysis, gates: &Gates, checks: Vec<Check>) -> Vec<Check> {
    let judged = |check: Check| match gates.client_error_rate_below_percent {
        Some(below) if check.id == CLIENT_ERROR_RATE.id => refused(&analysis.refused, check, below),
        _ => check,
    };
    checks.into_iter().map(judged).collect()
}

/// What is driven meanwhile must work, and each of its webhooks must come in time: they alone are known to be due. Their
/// latency is measured as in a run, from the step that asked for a webhook to its acceptance.
fn driven(analysis: &Analysis, gates: &Gates, (organic, injected): (&Tally, &Tally)) -> Vec<Check> {
    let (sent, failed) = analysis.steps.sent_and_failed();
    let problem = first_problem(&analysis.steps.by_name);
    let steps = gates.failed_steps_max.map(|max| count(&STEPS, (failed, sent), max, &problem));
    let asked = analysis.expectation_count() > 0;
    let lost = gates.lost_max.filter(|_| asked).map(|max| lost((organic, injected), max));
    let late = gates.late_max.filter(|_| asked).map(|max| late(&analysis.header, (organic, injected), max));
    let unexpected = forbidden(analysis, gates, (organic, injected));
    let mut checks: Vec<Check> = [steps, lost, late, unexpected].into_iter().flatten().collect();
    absence(analysis, &mut checks);
    too_large(&analysis.refused, organic.lost, &mut checks);
    caveats(&analysis.watched.gaps, &mut checks);
    let rows = [DRIVEN_LATENCY_P50, DRIVEN_LATENCY_P95];
    checks.extend(percentiles(gates, &organic.latency, uncertainty_us(analysis), rows));
    behind_lost((organic, injected), &mut checks);
    Judged { analysis, gates, uncertainty_us: uncertainty_us(analysis), rows }.over_gaps(&mut checks);
    checks
}

/// What driven steps forbid must not come: of all other traffic nobody knows whether it is expected.
fn forbidden(analysis: &Analysis, gates: &Gates, (organic, injected): (&Tally, &Tally)) -> Option<Check> {
    let max = gates
        .unexpected_max
        .filter(|_| analysis.expectations().any(|asked| asked.count == 0 && !asked.at_least))?;
    let deliveries = organic.deliveries + injected.deliveries;
    let mut check = count(&UNEXPECTED, (organic.unexpected + injected.unexpected, deliveries), max, "");
    let unclear = analysis.perhaps_unexpected();
    if unclear > 0 && check.verdict == Verdict::Pass {
        check.verdict = Verdict::Unproven;
    }
    if unclear > 0 {
        check.text = format!(
            "{}; {} that a driven step forbids (`count: 0`) may be others' traffic: match a value that only its flow has",
            check.text,
            counted(unclear, "webhooks")
        );
    }
    Some(check)
}

/// From the first byte of the first attempt to the end of the accepting response: the only latency that a receiver can measure of
/// webhooks it did not ask for.
pub(super) fn latencies(analysis: &Analysis) -> Latency {
    let mut latency = Latency::new();
    let took = analysis.own().filter(|d| !d.injected()).filter_map(|d| d.accepted_after());
    took.for_each(|took| latency.record(took));
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
    let verdict = if complete { Verdict::Pass } else { Verdict::Unproven };
    let text = format!(
        "{} s of {} s watched; {} not seen in full{gap}; {} without traffic, which count neither way",
        watched.as_secs(),
        wanted.as_secs(),
        counted(gaps as u64, "minutes"),
        counted(silent as u64, "minutes")
    );
    Check {
        actual: Some(watched.as_secs() as f64),
        n: minutes.len() as u64,
        ..WINDOW_COMPLETED.check(format!("all {} s", wanted.as_secs()), verdict, text)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn rollback(analysis: &Analysis, gates: &Gates) -> Check {
    let fired = triggers(analysis, gates);
    let told: Vec<String> = fired.iter().map(|t| format!("{}: {}", t.id, t.evidence)).collect();
    let verdict = if fired.is_empty() { Verdict::Pass } else { Verdict::Fail };
    let text = if told.is_empty() { "none has fired".to_owned() } else { told.join("; ") };
    let (actual, n) = (Some(fired.len() as f64), analysis.deliveries.len() as u64);
    Check { actual, n, ..ROLLBACK.check("0", verdict, text) }
}
