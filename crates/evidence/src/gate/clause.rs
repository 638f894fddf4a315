//! The clauses of a sweep of the sender's contract, judged one by one.

use super::breaker::leaking;
use super::check::{Check, Verdict};
use super::criteria::SENDER_CONTRACT;
use crate::JsonSchema;
use crate::analysis::tallies;
use crate::analysis::{
    Absence, Analysis, AttemptResult, Breach, Breaker, Delivery, Lost, Retries, breaker_stats, retries,
    seconds,
};
use crate::figure::milliseconds;
use record::Ending;
use record::Tick;
use record::faults::{Clause, Fault, Must};
use record::{IdentityPolicy, RetryAfterPolicy, RetryContract};
use serde::{Deserialize, Serialize};
use signature::Reason;
use std::borrow::Cow;
use std::time::Duration;

/// The verdict on a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClauseVerdict {
    /// Kept.
    Pass,
    /// Broken.
    Fail,
    /// Kept as declared; another sender may declare it differently.
    Policy,
    /// Not seen.
    Unproven,
    /// The sender's profile lacks what the clause is about: no id, no timestamp or no breaker.
    NotApplicable,
}

impl ClauseVerdict {
    /// The word in tables and artifacts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Policy => "policy",
            Self::Unproven => "unproven",
            Self::NotApplicable => "n/a",
        }
    }
}

/// One clause, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgedClause {
    /// Its name.
    pub clause: String,
    /// The answer.
    pub verdict: ClauseVerdict,
    /// What was seen.
    pub evidence: String,
    /// Why it matters.
    pub why: String,
    /// The number of the delivery that tested it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<u64>,
}

type Answer = (ClauseVerdict, String);

/// Judges every clause of the run; none when the scenario has no contract.
#[must_use]
pub fn clauses(analysis: &Analysis) -> Vec<JudgedClause> {
    if analysis.header.clauses.is_empty() {
        return Vec::new();
    }
    let retries = retries(analysis);
    let judged = |clause: &Clause| {
        let delivery = clause.flow.and_then(|flow| delivery_of(analysis, flow));
        let (verdict, evidence) = match (clause.fault.map(|f| f.fault), delivery.as_deref()) {
            _ if not_applicable(analysis, clause.must).is_some() => (
                ClauseVerdict::NotApplicable,
                not_applicable(analysis, clause.must).unwrap_or_default().to_owned(),
            ),
            (None, _) => over_all(analysis, &retries, clause.must),
            (Some(_), None) => missing(analysis, clause),
            (Some(fault), Some(delivery)) => on_delivery(analysis, &retries, clause.must, fault, delivery),
        };
        let (clause, why) = (clause.name.clone(), clause.why.clone());
        JudgedClause { clause, verdict, evidence, why, delivery: delivery.map(|d| d.number) }
    };
    analysis.header.clauses.iter().map(judged).collect()
}

/// Why the sender's profile cannot show a clause at all.
fn not_applicable(analysis: &Analysis, must: Must) -> Option<&'static str> {
    let (scheme, contract) = (analysis.header.scheme, &analysis.header.retry);
    match must {
        Must::SignValidly if !scheme.is_signed() => Some("this sender signs nothing"),
        Must::UseUniqueIds if !scheme.has_id() => Some("webhooks of this sender carry no id"),
        Must::BeFresh if !scheme.has_timestamp() => Some("webhooks of this sender carry no timestamp"),
        Must::TripBreaker if contract.breaker.is_none() => Some("this sender has no circuit breaker"),
        Must::EndInTime if contract.without_timeout => Some("this sender has no timeout"),
        Must::Exhaust if contract.endless => Some("this sender retries forever"),
        Must::KeepIdentity if !contract.goes_on(1) => Some("this sender sends each webhook once"),
        _ => None,
    }
}

/// The check over all clauses; none when there are none.
#[expect(clippy::cast_precision_loss, reason = "a count of clauses")]
pub(super) fn check(analysis: &Analysis) -> Option<Check> {
    let all = clauses(analysis);
    let of = |verdict| {
        all.iter().filter(move |c| c.verdict == verdict).map(|c| c.clause.as_str()).collect::<Vec<_>>()
    };
    let (failed, unproven) = (of(ClauseVerdict::Fail), of(ClauseVerdict::Unproven));
    let (verdict, text) = match (failed.as_slice(), unproven.as_slice()) {
        _ if all.is_empty() => return None,
        ([], []) => (Verdict::Pass, format!("all {} clauses are kept", all.len())),
        ([], unproven) => (Verdict::Unproven, format!("not seen: {}", unproven.join(", "))),
        (failed, _) => (Verdict::Fail, format!("broken: {}", failed.join(", "))),
    };
    let (actual, n) = (Some(failed.len() as f64), all.len() as u64);
    Some(Check { actual, n, ..SENDER_CONTRACT.check("0", verdict, text) })
}

fn delivery_of(analysis: &Analysis, flow: u32) -> Option<Cow<'_, Delivery>> {
    let mut mine = analysis.expectations().filter(|e| e.flow == flow);
    let index = mine.find_map(|e| e.by().next())?;
    analysis.deliveries.get(index)
}

fn missing(analysis: &Analysis, clause: &Clause) -> Answer {
    let due = analysis.expectations().find(|e| Some(e.flow) == clause.flow && e.due() > 0);
    let text = match due.map(|due| Lost::new(analysis).absence(&due)) {
        None => "the step that fires the webhook did not succeed",
        Some(Absence::Pending) => "the webhook was still due",
        Some(Absence::Swallowed) => "the sender's circuit breaker dropped the webhook",
        Some(Absence::PerhapsSwallowed) => {
            "the webhook never arrived: the circuit breaker of one of the sender's processes may have dropped it"
        }
        Some(Absence::Lost) => "the webhook never arrived",
    };
    (ClauseVerdict::Unproven, text.to_owned())
}

fn on_delivery(
    analysis: &Analysis,
    retries: &Retries,
    must: Must,
    fault: Fault,
    delivery: &Delivery,
) -> Answer {
    if delivery.tries.first().is_none_or(|t| t.fault != Some(fault)) {
        return (ClauseVerdict::Unproven, "the fault did not hit the first attempt".to_owned());
    }
    let mine = |b: &&Breach| b.delivery() == delivery.number && about(must, b);
    if let Some(breach) = retries.breaches.iter().find(mine) {
        return (ClauseVerdict::Fail, breach.what());
    }
    if !delivery.is_certain() {
        let text = "its attempts cannot be told apart from those of another webhook with the same content and no id; give rows \
                    whose webhooks differ";
        return (ClauseVerdict::Unproven, text.to_owned());
    }
    if retries.unproven.contains(&delivery.number) {
        return (ClauseVerdict::Unproven, "it was not watched to the end".to_owned());
    }
    let contract = &analysis.header.retry;
    let seen = format!("{}{}", course(delivery), analysis.follow_up(delivery));
    if let Some(declared) = declared(contract, must, fault) {
        return (ClauseVerdict::Policy, format!("{declared}: {seen}"));
    }
    match (must, fault) {
        (Must::TreatRetryAfter, Fault::Status { status, .. }) => {
            let declared = match contract.retry_after {
                _ if contract.aborts(status) => "abort",
                RetryAfterPolicy::Ignore => "ignore",
                RetryAfterPolicy::Honour => "honour",
                RetryAfterPolicy::Exact => "exact",
            };
            (ClauseVerdict::Policy, format!("{declared}: {seen}"))
        }
        (Must::Abort, Fault::Status { status: 408 | 429, .. }) => {
            (ClauseVerdict::Policy, format!("abort: {seen}"))
        }
        (Must::Retry | Must::EndInTime, _) if delivery.tries.len() < 2 => (ClauseVerdict::Fail, seen),
        (Must::Retry | Must::EndInTime, _) if delivery.accepted().is_none() => (ClauseVerdict::Fail, seen),
        _ => (ClauseVerdict::Pass, seen),
    }
}

/// What the sender's profile says otherwise than the clause, in a word; that it keeps to that has been seen to.
fn declared(contract: &RetryContract, must: Must, fault: Fault) -> Option<&'static str> {
    let breaks = matches!(
        fault,
        Fault::Reset | Fault::ResetAfterHead | Fault::Close | Fault::Truncate | Fault::Garbage
    );
    // A sender without a time-out waits until the connection is ended here.
    let breaks = breaks || (contract.without_timeout && matches!(fault, Fault::Hang(_)));
    match (must, fault) {
        (Must::Accept, Fault::Status { status, .. }) if !contract.succeeds(status) => {
            Some(if contract.aborts(status) || !contract.goes_on(1) { "no success" } else { "retry" })
        }
        (Must::Abort, Fault::Status { status, .. }) if !contract.aborts(status) && !contract.is_usual() => {
            Some(if contract.goes_on(1) { "retry" } else { "one attempt" })
        }
        (Must::Retry | Must::Exhaust, Fault::Status { status, .. }) if contract.aborts(status) => {
            Some("abort")
        }
        (Must::Retry, _) if breaks && contract.ends_when_broken(Some(fault)) => Some("abort"),
        (Must::Retry | Must::EndInTime, _) if !contract.goes_on(1) => Some("one attempt"),
        (Must::NotFollow, _) if contract.follows_redirects => Some("follow"),
        _ => None,
    }
}

/// Which breaches break a clause; the others have clauses of their own.
const fn about(must: Must, breach: &Breach) -> bool {
    match (must, breach) {
        (_, Breach::Identity { .. } | Breach::SameTimestamp { .. }) => false,
        (Must::Accept, Breach::RetriedSuccess { .. })
        | (Must::NotFollow, Breach::Redirected { .. })
        | (Must::EndInTime, Breach::Overstayed { .. } | Breach::GaveUp { .. }) => true,
        // That it tries again is one thing, when it gives up another, which has a check of its own.
        (_, Breach::GaveUp { .. } | Breach::Overstayed { retried: true, .. }) => false,
        (Must::Accept | Must::NotFollow | Must::EndInTime, _) => false,
        _ => true,
    }
}

/// What became of a delivery, attempt by attempt.
fn course(delivery: &Delivery) -> String {
    let mut parts = Vec::new();
    let mut before: Option<&AttemptResult> = None;
    for (n, t) in (1..).zip(delivery.tries.iter().chain(&delivery.after_acceptance)) {
        let gap = before.and_then(|b| b.end).map(|end| t.first_byte.since(end));
        let after = gap.map(|gap| format!(" after {}", took(gap))).unwrap_or_default();
        parts.push(format!("attempt {n}{after}: {}", outcome(t)));
        before = Some(t);
    }
    if delivery.accepted().is_none() && !delivery.elsewhere {
        parts.push("then silence".to_owned());
    }
    parts.join(", ")
}

/// A pause or an attempt, as people read it.
fn took(time: Duration) -> String {
    milliseconds(time.as_secs_f64() * 1000.0)
}

fn outcome(t: &AttemptResult) -> String {
    match (t.status, t.how) {
        (Some(status), _) => status.to_string(),
        (None, Some(Ending::SenderClosed)) => {
            let held = t.end.map_or(Duration::ZERO, |end| end.since(t.first_byte));
            format!("given up after {}", took(held))
        }
        (None, _) => "broken".to_owned(),
    }
}

fn over_all(analysis: &Analysis, retries: &Retries, must: Must) -> Answer {
    match must {
        Must::SignValidly => signed(analysis),
        Must::UseUniqueIds => unique_ids(analysis),
        Must::BeFresh => fresh(analysis),
        Must::KeepIdentity => identity(analysis, retries),
        Must::TripBreaker => trip(analysis),
        _ => (ClauseVerdict::Unproven, "the clause has no fault that would test it".to_owned()),
    }
}

fn signed(analysis: &Analysis) -> Answer {
    let (organic, injected) = tallies(analysis);
    let ((a, m), (b, n)) = (organic.signatures(), injected.signatures());
    match organic.unchecked() + injected.unchecked() {
        0 => counted(m + n, a + b, "attempts signed"),
        n => {
            (ClauseVerdict::Unproven, format!("{n} attempts were not checked, because the run had no secret"))
        }
    }
}

fn counted(n: u64, good: u64, things: &str) -> Answer {
    let verdict = match (n, good) {
        (0, _) => ClauseVerdict::Unproven,
        (n, good) if n == good => ClauseVerdict::Pass,
        _ => ClauseVerdict::Fail,
    };
    (verdict, format!("{good} of {n} {things}"))
}

fn unique_ids(analysis: &Analysis) -> Answer {
    let with_id = analysis.own().filter(|d| d.has_id).count() as u64;
    if with_id == 0 {
        return (ClauseVerdict::Unproven, format!("the scheme {} has no id", analysis.header.scheme));
    }
    let own = with_id - analysis.own().filter(|d| d.id_reused).count() as u64;
    counted(with_id, own, "deliveries with an id of their own")
}

fn fresh(analysis: &Analysis) -> Answer {
    let stamped = |d: Cow<'_, Delivery>| {
        let first = d.tries.first()?;
        let arrived = first.first_byte.wall(analysis.header.started).timestamp_millis();
        Some((arrived - first.fingerprints.timestamp_ms?, first.reason))
    };
    let all: Vec<(i64, Reason)> = analysis.own().filter_map(stamped).collect();
    if all.is_empty() {
        return (ClauseVerdict::Unproven, format!("the scheme {} has no timestamp", analysis.header.scheme));
    }
    let stale = |(_, reason): &&(i64, Reason)| matches!(reason, Reason::Stale | Reason::Future);
    let (verdict, mut text) =
        counted(all.len() as u64, all.iter().filter(|one| !stale(one)).count() as u64, "fresh");
    let oldest = all.iter().map(|(age, _)| *age).max().unwrap_or_default();
    text.push_str(&format!(", the oldest {oldest} ms old on arrival"));
    (verdict, text)
}

fn identity(analysis: &Analysis, retries: &Retries) -> Answer {
    let broken = |b: &&Breach| matches!(b, Breach::Identity { .. } | Breach::SameTimestamp { .. });
    if let Some(breach) = retries.breaches.iter().find(broken) {
        return (ClauseVerdict::Fail, breach.to_string());
    }
    let retried = retries.exercised.iter().filter(|f| !f.gaps_us.is_empty()).count();
    let policy = match analysis.header.retry.identity {
        IdentityPolicy::Same => "same id, timestamp, signature and body",
        IdentityPolicy::TimestampPerAttempt => "same id and body, new timestamp per attempt",
    };
    match retried {
        0 => (ClauseVerdict::Unproven, "no delivery was retried".to_owned()),
        n => (ClauseVerdict::Policy, format!("{policy}, in {n} retried deliveries")),
    }
}

fn trip(analysis: &Analysis) -> Answer {
    let contract = analysis.header.retry.breaker;
    let breaker = Breaker::of(analysis);
    let Some(opening) = breaker.openings.first() else {
        let text = if breaker.may_have_opened() {
            format!(
                "{} deliveries failed close together, but others succeeded between them: nothing says when the breaker of one of \
                 several processes opened",
                contract.failures
            )
        } else {
            format!("there were never {} failed deliveries close enough together", contract.failures)
        };
        return (ClauseVerdict::Unproven, text);
    };
    let swallowed: Vec<Tick> = analysis
        .expectations()
        .filter(|e| e.missing() > 0 && breaker.swallows(contract, e.at))
        .map(|e| e.at)
        .collect();
    if !breaker.leaked.is_empty() {
        let text = leaking(contract, breaker_stats(analysis), swallowed.len() as u64);
        return (ClauseVerdict::Fail, text);
    }
    // How long after the opening something is known to have been dropped.
    let within = swallowed.iter().filter(|at| **at <= opening.until);
    let last = within.max().map(|at| at.since(opening.at));
    let dropped = swallowed.len();
    match opening.probe {
        None if breaker.stuck(analysis.expectations()) > 0 => {
            (ClauseVerdict::Fail, format!("still silent after {} s", seconds(contract.open_ms)))
        }
        None => (ClauseVerdict::Unproven, "no webhook was due after the silence".to_owned()),
        Some(probe) if !probe.succeeded => (ClauseVerdict::Unproven, "the probe did not succeed".to_owned()),
        Some(probe) if dropped == 0 => {
            let text = format!("no webhook was due in the silence before delivery {}", probe.delivery);
            (ClauseVerdict::Unproven, text)
        }
        Some(_) if last.is_none_or(|last| last < contract.shows_silence()) => {
            let (last, open) = (last.map(took).unwrap_or_default(), seconds(contract.open_ms));
            let text = format!(
                "opened after {} failures and dropped {dropped}, but the last of them {last} after that: nothing was due shortly before \
                 the end of the {open} s, so whether it is silent that long is not known",
                contract.failures
            );
            (ClauseVerdict::Unproven, text)
        }
        Some(probe) => {
            let after = |d: &Cow<'_, Delivery>| d.first_byte() > probe.end && d.accepted().is_some();
            let silence = first_byte(analysis, probe.delivery).since(opening.at);
            let text = format!(
                "opened after {} failures, dropped {dropped}, the last {} after that, probe {} after that delivered, {} delivered since",
                contract.failures,
                last.map(took).unwrap_or_default(),
                took(silence),
                analysis.own().filter(after).count()
            );
            (ClauseVerdict::Pass, text)
        }
    }
}

fn first_byte(analysis: &Analysis, delivery: u64) -> Tick {
    analysis.deliveries.iter().find(|d| d.number == delivery).map_or(Tick(0), |d| d.first_byte())
}
