//! Applies the gates to an analysis.

use super::caveats::{caveats, forwarded, too_large, unchecked, under_way, unread, within_uncertainty};
use super::check::{Check, Verdict};
use super::config::Gates;
use super::criteria::{
    API_PII, CLIENT_ERROR_RATE, Criterion, DUPLICATES, EVENT_HEADER, LATE, LATENCY_P50, LATENCY_P95, LOST,
    ORDER, PAYLOADS, PII, RECEIVER_ALONE, REPEATED_KEYS, RETRY_RATE, RUN_COMPLETED, SERVER_ERROR_RATE,
    SIGNATURES, STEPS, SUCCESS_RATE, SUCCESS_RATE_SEEN, UNEXPECTED, UNREADABLE, is_asked_of,
};
use super::earlier::left_behind;
use super::ended_early::unprove;
use super::lost::{behind_lost, lost, told_apart};
use super::queued::Judged;
use super::rate::{Side, count, percentile, rate};
use super::unexpected::unexpected;
use super::{breaker, clause, observe, retry};
use crate::analysis::Analysis;
use crate::analysis::stats_of;
use crate::figure::at_place;
use pii::shown;
use record::RunKind;
use record::latency::Latency;
use record::{
    EndedEarly, Header, Obstacle, Offset, PayloadStats, PiiStats, RunStats, StepFacts, Tally, Unauthenticated,
};
use signature::Reason;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Every criterion that is switched on and asked of this kind of run, judged.
///
/// Rates and percentiles are those of organic deliveries: what smoke broke on purpose says nothing about how often things
/// break. Signatures, personal data, losses, duplicates and the retry contract are judged on all. Where every delivery was
/// broken on purpose, or none came, rates and percentiles are `unproven`: nothing put them to the test.
#[must_use]
pub fn judge(analysis: &Analysis, gates: &Gates) -> Vec<Check> {
    if analysis.header.kind == RunKind::Observe {
        return observe::judge(analysis, gates);
    }
    let mut sums = stats_of(analysis);
    if analysis.header.kind == RunKind::Receive {
        sums.organic.latency = observe::latencies(analysis);
    }
    let mut checks = vec![completed(analysis)];
    checks.extend(criteria(&sums, &analysis.header, gates, analysis.watched.offset.as_ref()));
    absence(analysis, &mut checks);
    let rows = [LATENCY_P50, LATENCY_P95];
    let latencies = Judged { analysis, gates, uncertainty_us: sums.uncertainty_us, rows };
    latencies.over_gaps(&mut checks);
    latencies.behind_broken(&mut checks);
    if analysis.header.kind == RunKind::Receive {
        checks.extend(unreadable(analysis, sums.organic.deliveries + sums.injected.deliveries));
    }
    checks.extend(clause::check(analysis));
    left_behind(analysis, gates, &mut checks);
    caveats(&sums.gaps, &mut checks);
    blocked(analysis.ended_early.as_ref(), &mut checks);
    checks
}

/// What failed for what says nothing about the sender, which is why the run was ended, proves nothing.
fn blocked(early: Option<&EndedEarly>, checks: &mut [Check]) {
    let Some(early) = early else { return };
    let spoiled: &[Criterion] = match early.by {
        Obstacle::OtherSecret => &[STEPS, SIGNATURES, SUCCESS_RATE, LOST, CLIENT_ERROR_RATE],
        // Webhooks wait, too, until they can be taken in, and are sent again meanwhile.
        Obstacle::Machine => &[STEPS, SUCCESS_RATE, LOST, LATE, RETRY_RATE, LATENCY_P50, LATENCY_P95],
        _ => &[STEPS],
    };
    unprove(early, spoiled, checks);
}

/// That nothing came says as much as it was waited for: how long that was.
pub(super) fn absence(analysis: &Analysis, checks: &mut [Check]) {
    let forbidden = analysis.expectations().filter(|asked| asked.count == 0 && !asked.at_least);
    let watched = forbidden.map(|asked| analysis.watched_until().since(asked.at));
    let (n, shortest) = watched.fold((0u64, None), |(n, shortest), watched| {
        (n + 1, Some(shortest.map_or(watched, |shortest: std::time::Duration| shortest.min(watched))))
    });
    let Some(shortest) = shortest else { return };
    if let Some(check) = checks.iter_mut().find(|check| check.id == UNEXPECTED.id) {
        let seconds = shortest.as_secs_f64();
        check.text =
            format!("{}; watched for {n} that must not arrive, for at least {seconds:.1} s each", check.text);
    }
}

/// The same for the flows of a load, of which only the sums are known, and what ended it early, if anything did.
#[must_use]
pub fn judge_flows(
    sums: &RunStats,
    header: &Header,
    gates: &Gates,
    early: Option<&EndedEarly>,
) -> Vec<Check> {
    let mut checks = vec![ended(sums)];
    checks.extend(criteria(sums, header, gates, None));
    caveats(&sums.gaps, &mut checks);
    blocked(early, &mut checks);
    checks
}

/// `apart` is how far the clock of a receiver elsewhere is from ours.
fn criteria(sums: &RunStats, header: &Header, gates: &Gates, apart: Option<&Offset>) -> Vec<Check> {
    let RunStats { organic, injected, .. } = sums;
    let mut checks = Vec::new();
    checks.extend(steps(sums, gates));
    checks.extend(success(header, organic, gates));
    checks.extend(arrivals(header, gates, (organic, injected)));
    too_large(&sums.refused, organic.lost, &mut checks);
    checks.extend(order(organic, injected));
    checks.extend(payloads(&sums.payloads));
    checks.extend(event_header(organic, injected, &sums.payloads));
    checks.extend(repeated_keys(&sums.payloads, organic.deliveries + injected.deliveries));
    checks.extend(signatures(sums, header, gates, apart));
    checks.extend(rates(gates, header.kind, organic));
    checks.extend(latencies(sums, gates));
    behind_lost((organic, injected), &mut checks);
    if organic.deliveries + organic.expected == 0 && injected.deliveries > 0 {
        let organic_only = checks.iter_mut().filter(|c| c.n == 0 && ORGANIC.iter().any(|row| row.id == c.id));
        organic_only.for_each(|c| ALL_INJECTED.clone_into(&mut c.text));
    }
    checks.extend(privacy(sums, gates));
    if expects_nothing(sums) {
        let without = checks.iter_mut().filter(|c| c.n == 0 && c.verdict == Verdict::Unproven);
        without.for_each(|c| not_exercised(c, "no step of the scenario fires a webhook, and none arrived"));
    }
    if gates.retry_contract.is_some() {
        checks.extend(retry::checks(header, &sums.clauses));
        checks.extend(breaker::check(header.retry.breaker, sums.breaker, organic.suppressed));
    }
    checks.retain(|check| is_asked_of(header.kind, check));
    checks
}

/// The criteria that are judged on organic deliveries only.
const ORGANIC: [Criterion; 6] =
    [SUCCESS_RATE, RETRY_RATE, CLIENT_ERROR_RATE, SERVER_ERROR_RATE, LATENCY_P50, LATENCY_P95];

/// Why they are unproven where there is none, and what settles it.
const ALL_INJECTED: &str = "every delivery was broken on purpose, and this is judged on the others: break only some \
                            of them (--inject 503x2@20%)";

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
    if analysis.header.kind == RunKind::Receive {
        return alone(analysis, complete);
    }
    let flows = u64::from(analysis.header.flows);
    let ended = analysis.steps.flows.ended();
    let text = match &analysis.end {
        Some(end) if end.complete => format!("{ended} of {flows} flows ended{}", stopped(analysis)),
        Some(_) if ended == flows => "interrupted while webhooks were watched for".to_owned(),
        Some(_) => format!("interrupted: {ended} of {flows} flows ended"),
        None => format!("the journal has no end record: the run was cut off after {ended} of {flows} flows"),
    };
    all_flows((ended, flows), complete && ended == flows && flows > 0, text)
}

/// Where flows stopped that count as ended: behind a step that failed, the further ones are left out.
fn stopped(analysis: &Analysis) -> String {
    let all = &analysis.steps;
    // Logins are no steps of a flow.
    let of_flows = all.names.iter().filter(|name| !name.contains(':'));
    let steps: Vec<_> = of_flows.filter_map(|name| Some((name, all.by_name.get(name)?))).collect();
    // The last one is left out by every flow that stopped.
    let left_out = steps.iter().map(|(_, facts)| facts.skipped).max().unwrap_or(0);
    let Some(at) = steps.iter().position(|(_, facts)| facts.failed > 0).filter(|_| left_out > 0) else {
        return String::new();
    };
    let name = steps.get(at).map_or("", |(name, _)| name.as_str());
    let (step, n) = (at + 1, steps.len());
    format!(", of which {left_out} stopped early, the first at step {step} of {n} ({})", pii::shown(name))
}

/// A receiver by itself asks for nothing, so that nobody knows what was due: what it saw is judged, and is no verdict alone.
fn alone(analysis: &Analysis, complete: bool) -> Check {
    let seen = if complete {
        "the receiver was stopped cleanly"
    } else {
        "the receiver is still running, or was cut off"
    };
    let text = format!(
        "{seen}; a receiver plays no flows, so nothing says which webhooks were due: use it from a run (smoke payments --inbox \
         URL) or a window (smoke observe --inbox URL)"
    );
    Check { n: analysis.deliveries.len() as u64, ..RECEIVER_ALONE.check("a run", Verdict::Unproven, text) }
}

/// Whether every flow of a load that was begun has ended; that all were begun is judged with the load.
fn ended(sums: &RunStats) -> Check {
    let RunStats { flows, ended, .. } = *sums;
    let text = format!("{ended} of {flows} started flows ended");
    all_flows((ended, flows), ended == flows && flows > 0, text)
}

#[expect(clippy::cast_precision_loss, reason = "a count of flows")]
fn all_flows((ended, flows): (u64, u64), met: bool, text: String) -> Check {
    let verdict = if met { Verdict::Pass } else { Verdict::Unproven };
    Check {
        actual: Some(ended as f64),
        n: flows,
        ..RUN_COMPLETED.check(format!("all {flows}"), verdict, text)
    }
}

fn steps(sums: &RunStats, gates: &Gates) -> Option<Check> {
    let (sent, failed) = sums.sent_and_failed();
    gates.failed_steps_max.map(|max| count(&STEPS, (failed, sent), max, &first_problem(&sums.steps)))
}

/// The first thing that was wrong with a step, and in which flow; empty where nothing was.
pub(super) fn first_problem(steps: &BTreeMap<String, StepFacts>) -> String {
    let first = steps.iter().find_map(|(name, s)| s.problems.first().map(|(flow, what)| (name, flow, what)));
    let Some((name, flow, what)) = first else { return String::new() };
    let flow = flow.map(|flow| format!(" (flow {flow})")).unwrap_or_default();
    format!("{name} {}{flow}", shown(what))
}

/// Webhooks that were accepted in the end, in time or not: whether they were late is asked by itself.
fn success(header: &Header, organic: &Tally, gates: &Gates) -> Option<Check> {
    let target = gates.success_rate_min_percent?;
    if header.kind == RunKind::Receive {
        let part = (organic.fate("delivered"), organic.deliveries.saturating_sub(organic.fate("open")));
        let check = rate(gates, &SUCCESS_RATE_SEEN, part, Side::AtLeast, target);
        return Some(unchecked(organic.unchecked(), header.blind, check));
    }
    let accepted = organic.fulfilled + organic.late;
    let mut check = rate(gates, &SUCCESS_RATE, (accepted, organic.expected), Side::AtLeast, target);
    if organic.late > 0 {
        check.text = format!("{}; {} of them arrived late", check.text, organic.late);
    }
    Some(unchecked(organic.unchecked(), header.blind, check))
}

fn arrivals(header: &Header, gates: &Gates, (organic, injected): (&Tally, &Tally)) -> Vec<Check> {
    [
        gates.lost_max.map(|max| lost((organic, injected), max)),
        gates.late_max.map(|max| late(header, (organic, injected), max)),
        gates.duplicates_max.map(|max| duplicates(organic, injected, max)),
        gates.unexpected_max.map(|max| unexpected((organic, injected), max)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Webhooks that came after their limit. What was broken on purpose may hold up others: a sender that sends one webhook after
/// another waits with the next until the retries of the one before are over.
pub(super) fn late(header: &Header, (organic, injected): (&Tally, &Tally), max: u64) -> Check {
    let unseen = organic.unseen_late + injected.unseen_late;
    let part = (organic.late + injected.late, organic.expected + injected.expected);
    let mut check = under_way(unseen, max, count(&LATE, part, max, ""));
    if check.verdict == Verdict::Fail && (injected.deliveries > 0 || !header.faults.is_empty()) {
        check.verdict = Verdict::Unproven;
        check.text.push_str(
            "; attempts were broken on purpose, which delays a sender that sends webhooks one at a time: run \
             again without --inject",
        );
    }
    check
}

/// The same id again after it was accepted, an id used twice, or more webhooks than a step asked for.
pub(super) fn duplicates(organic: &Tally, injected: &Tally, max: u64) -> Check {
    let both = |of: fn(&Tally) -> u64| of(organic) + of(injected);
    let reused = match both(|t| t.reused_ids) {
        0 => String::new(),
        n => format!("{n} reused the id of another webhook"),
    };
    let found = both(|t| t.duplicates) + both(|t| t.reused_ids);
    let unseen = both(|t| t.unseen_duplicates);
    let check = count(&DUPLICATES, (found, both(|t| t.deliveries)), max, &reused);
    let mut check = under_way(unseen, max, check);
    let unclear = both(|t| t.unclear_duplicates);
    if check.verdict == Verdict::Pass && unclear > 0 {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{unclear} more arrived than were due, or equal to one before in all its bytes: sent twice, or fired by someone else \
             about the same subject; let the run be about what nobody else uses"
        );
    }
    told_apart((organic, injected), check)
}

/// Webhooks that had to come after another one, by the arrival of their first attempts. There is no check where none had to.
pub(super) fn order(organic: &Tally, injected: &Tally) -> Option<Check> {
    let both = |of: fn(&Tally) -> u64| of(organic) + of(injected);
    let ordered = both(|t| t.ordered);
    let mut check = count(&ORDER, (both(|t| t.out_of_order), ordered), 0, "");
    let unclear = both(|t| t.unclear_order);
    if check.verdict == Verdict::Pass && unclear > 0 {
        check.verdict = Verdict::Unproven;
        check.text = format!(
            "{unclear} arrived before the one they must follow, if both belong to the same flow, which cannot be told: give \
             their expectations a `match` on a value unique to the flow, or run one flow at a time"
        );
    }
    (ordered > 0).then_some(check)
}

/// Webhooks against the schemas of their events; no check where the sender's profile has none.
pub(super) fn payloads(found: &PayloadStats) -> Option<Check> {
    let most = found.violations.iter().min_by_key(|(what, n)| (Reverse(**n), *what));
    let detail = most.map(|(what, n)| format!("{}: {what}", super::times(*n))).unwrap_or_default();
    let mut check = count(&PAYLOADS, (found.violating, found.checked), 0, &detail);
    if !found.problem.is_empty() {
        check.verdict = Verdict::Unproven;
        check.text.clone_from(&found.problem);
    } else if found.without > 0 {
        check.text = format!("{}; {} more have events without a schema", check.text, found.without);
    }
    found.with_contract.then_some(check)
}

/// A receiver may take the event from any place where the profile has it, and the header is outside the signature: one that says something
/// else, or is all that says it, misleads. There is no check while none does.
pub(super) fn event_header(organic: &Tally, injected: &Tally, found: &PayloadStats) -> Option<Check> {
    let both = |of: fn(&Tally) -> u64| of(organic) + of(injected);
    let differ = both(|t| t.event_mismatches);
    let most = found.contradictions.iter().min_by_key(|(how, n)| (Reverse(**n), *how));
    let text = most.map(|(how, n)| format!("{}: {how}", super::times(*n))).unwrap_or_default();
    (differ > 0).then(|| count(&EVENT_HEADER, (differ, both(|t| t.deliveries)), 0, &text))
}

/// A signature that is right under a body that nobody can read: where no flow asks for the webhook, nothing else notices. As with a
/// header that contradicts the body there is no check while there is none.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
pub(super) fn unreadable(analysis: &Analysis, deliveries: u64) -> Option<Check> {
    let found = &analysis.unreadable;
    let (why, n) = found.reasons.iter().min_by_key(|(why, n)| (Reverse(**n), *why))?;
    let deliveries = deliveries.max(found.count);
    let text = format!(
        "{} of {deliveries} have a body that does not match the sender's profile, {}: {}; fix the sender, or give a profile that \
         describes what it sends (--sender)",
        found.count,
        super::times(*n),
        shown(why)
    );
    let check = UNREADABLE.check("0", Verdict::Unproven, text);
    Some(Check { actual: Some(found.count as f64), n: deliveries, ..check })
}

/// Two parsers read two values of a key that appears twice (RFC 8259, section 4), and a signature covers both. As with a header that
/// contradicts the body there is no check while none does.
pub(super) fn repeated_keys(found: &PayloadStats, deliveries: u64) -> Option<Check> {
    let (key, n) = found.repeated_keys.iter().min_by_key(|(key, n)| (Reverse(**n), *key))?;
    let text = format!(
        "`{key}` appears twice in {n} of them: parsers differ on which one counts (here the last), so a receiver may act \
         on a different value than the one checked; the sender must write each key once"
    );
    Some(count(&REPEATED_KEYS, (found.repeating, deliveries.max(found.repeating)), 0, &text))
}

/// What to do where no signature is the key's and no mistake of the sender's explains it.
pub(super) const ANOTHER_SECRET: &str = "all of them look signed with a different secret: compare the output of \
     `smoke secret --fingerprint` with the sender's; it also prints the command to run at the sender";

/// What it may be where others are the key's.
const ANOTHER_PROCESS: &str = "signed with a different secret or changed in transit, while others are valid: was one of the sender's processes \
     started with a different secret?";

fn both_reasons(sums: &RunStats, reason: Reason) -> u64 {
    [&sums.organic, &sums.injected].iter().filter_map(|tally| tally.reasons.get(&reason)).sum()
}

fn signatures(sums: &RunStats, header: &Header, gates: &Gates, apart: Option<&Offset>) -> Option<Check> {
    let ((a, m), (b, n)) = (sums.organic.signatures(), sums.injected.signatures());
    let target = gates.signatures_valid_min_percent?;
    if !header.scheme.is_signed() {
        let text = "this sender signs nothing: anyone who reaches the receiver can send such webhooks";
        return Some(SIGNATURES.check(format!(">= {target} %"), Verdict::NotExercised, text));
    }
    let taken = sums.organic.unchecked() + sums.injected.unchecked();
    let judged = m + n - taken + sums.unauthenticated.by_key;
    let mut check = rate(gates, &SIGNATURES, (a + b, judged), Side::AtLeast, target);
    // Of equally frequent ones the first by name, so that the same facts give the same text.
    let most = sums.diagnoses.iter().min_by_key(|(name, n)| (Reverse(**n), *name));
    if let Some((diagnosis, times)) = most.filter(|_| a + b + taken < m + n) {
        check.text = format!("{}: {}; {}", super::times(*times), shown(diagnosis), check.text);
    }
    let mismatched = both_reasons(sums, Reason::Mismatch);
    if a + b + taken == 0 && mismatched > 0 && sums.diagnoses.is_empty() {
        check.text = format!("{}; {ANOTHER_SECRET}", check.text);
    } else if a + b > 0 && mismatched > 0 && sums.diagnoses.is_empty() {
        check.text = format!("{}; {mismatched} {ANOTHER_PROCESS}", check.text);
    }
    let untimely = both_reasons(sums, Reason::Stale) + both_reasons(sums, Reason::Future);
    if untimely > 0 {
        check.text = format!("{}; {untimely} {}", check.text, at_another_time(apart));
    }
    let mut check = unchecked(taken, header.blind, check);
    strangers(&sums.unauthenticated, &mut check);
    Some(check)
}

/// Behind the number of attempts whose signature is right, and was not made when they came. A receiver elsewhere judges by its
/// own clock, of which it is known how far it is from ours.
fn at_another_time(apart: Option<&Offset>) -> String {
    let off_us = apart.map_or(0, |apart| apart.offset_us);
    // To the next second; a clock that is off by one is not the reason.
    let seconds = (off_us.unsigned_abs() + 500_000) / 1_000_000;
    let clocks = if seconds > 1 {
        let side = if off_us > 0 { "ahead of" } else { "behind" };
        format!("the receiver differ (the receiver's is {seconds} s {side} this machine's")
    } else {
        "this machine differ (`smoke check` says by how much".to_owned()
    };
    format!(
        "correctly signed, but at another time: the clocks of the sender and {clocks}; sync both with NTP), or they were \
         delayed in transit"
    )
}

/// Requests of strangers are told beside what is judged, and not judged: where nothing of the sender's came, they may be all
/// there is to find out.
pub(super) fn strangers(found: &Unauthenticated, check: &mut Check) {
    if found.requests == 0 {
        return;
    }
    let most = found.diagnoses.iter().min_by_key(|(name, n)| (Reverse(**n), *name));
    let most = most.map(|(diagnosis, times)| format!(", {}: {}", super::times(*times), shown(diagnosis)));
    let whose = match found.by_key {
        0 => "not counted".to_owned(),
        n => format!("of which {n} signed with the secret and so the sender's own"),
    };
    check.text = format!("{}; {found} {whose}{}", check.text, most.unwrap_or_default());
}

/// Of the attempts and deliveries that nobody broke on purpose, and that are the sender's.
pub(super) fn rates(gates: &Gates, kind: RunKind, organic: &Tally) -> Vec<Check> {
    let of = |row: Criterion, hits, n, target: Option<f64>| {
        target.map(|target| rate(gates, &row, (hits, n), Side::Below, target))
    };
    let Tally { deliveries, retried, client_errors, server_errors, .. } = *organic;
    let attempts = if kind.accounts_for_each_webhook() { organic.attempts } else { organic.authentic() };
    [
        of(RETRY_RATE, retried, deliveries, gates.retry_rate_below_percent),
        of(CLIENT_ERROR_RATE, client_errors, attempts, gates.client_error_rate_below_percent),
        of(SERVER_ERROR_RATE, server_errors, attempts, gates.server_error_rate_below_percent),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn latencies(sums: &RunStats, gates: &Gates) -> Vec<Check> {
    percentiles(gates, &sums.organic.latency, sums.uncertainty_us, [LATENCY_P50, LATENCY_P95])
}

/// The median and the 95th percentile.
pub(super) fn percentiles(
    gates: &Gates,
    latency: &Latency,
    uncertainty_us: Option<u64>,
    [p50, p95]: [Criterion; 2],
) -> Vec<Check> {
    let of = |row: Criterion, percent, limit: Option<f64>| {
        let check = percentile(gates, &row, latency, percent, limit?);
        Some(within_uncertainty(uncertainty_us, check, limit))
    };
    [of(p50, 50.0, gates.latency_p50_below_ms), of(p95, 95.0, gates.latency_p95_below_ms)]
        .into_iter()
        .flatten()
        .collect()
}

fn privacy(sums: &RunStats, gates: &Gates) -> Vec<Check> {
    let check = |row: Criterion, found: &PiiStats, max: Option<u64>| {
        let counts: Vec<String> = found.by_category.iter().map(|(name, n)| format!("{n} {name}")).collect();
        let first =
            found.places.first().map(|place| format!(", first {}", at_place(place))).unwrap_or_default();
        let detail = format!("{}{first}", counts.join(", "));
        max.map(|max| {
            let counted = count(&row, (found.total, found.inspected), max, &detail);
            forwarded(&found.forwarded, unread(found.unread, counted))
        })
    };
    [
        check(PII, &sums.webhook_pii, gates.pii_leaks_max),
        check(API_PII, &sums.api_pii, gates.api_pii_leaks_max),
    ]
    .into_iter()
    .flatten()
    .collect()
}
