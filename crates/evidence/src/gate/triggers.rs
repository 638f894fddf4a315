//! Rollback triggers of an observation, each with its evidence.

use super::config::Gates;
use super::signing::Signing;
use crate::JsonSchema;
use crate::analysis::{Analysis, Minute, breaker_stats, minutes};
use crate::figure::{at_place, counted};
use pii::shown;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// When an observation asks for a rollback. Defaults: the staging guide's (docs/deltacrown.md section 6). `null` switches one off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackGate {
    /// Deliveries accepted of those that ended in a minute, percent, below.
    pub success_rate_below_percent: Option<f64>,
    /// For so many bad minutes, between which no good one lies.
    pub for_minutes: u32,
    /// Findings of personal data in webhooks or log lines, more than.
    pub pii_above: Option<u64>,
    /// Attempts with an invalid signature, percent, above: of the sender's, and of those that look like the sender's.
    pub signature_failures_above_percent: Option<f64>,
    /// Of so many attempts at least. Three invalid ones are enough where nothing valid has come for five minutes.
    pub signature_failures_min_attempts: u64,
    /// Tries of the receiver's URL that failed one after the other, at least.
    pub unreachable_probes: Option<u32>,
    /// 95th percentile of the delivery latency in a minute, milliseconds, above; off by default.
    pub latency_p95_above_ms: Option<f64>,
    /// For so many such minutes.
    pub latency_for_minutes: u32,
    /// Attempts answered with 5xx in a minute, percent, above; off by default.
    pub server_error_rate_above_percent: Option<f64>,
    /// For so many such minutes.
    pub server_error_for_minutes: u32,
    /// Openings of the sender's circuit breaker in the window, more than; off by default.
    pub breaker_openings_above: Option<u64>,
}

impl Default for RollbackGate {
    fn default() -> Self {
        Self {
            success_rate_below_percent: Some(90.0),
            for_minutes: 5,
            pii_above: Some(0),
            signature_failures_above_percent: Some(10.0),
            signature_failures_min_attempts: 20,
            unreachable_probes: Some(2),
            latency_p95_above_ms: None,
            latency_for_minutes: 10,
            server_error_rate_above_percent: None,
            server_error_for_minutes: 5,
            breaker_openings_above: None,
        }
    }
}

/// A trigger that has fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trigger {
    /// Stable name: `success_rate`, `latency_p95`, `server_errors`, `breaker_openings`, `pii`, `signature_failures`, `unreachable`.
    pub id: String,
    /// What was seen, with figures.
    pub evidence: String,
}

/// The triggers that have fired so far.
#[must_use]
pub fn triggers(analysis: &Analysis, gates: &Gates) -> Vec<Trigger> {
    let gate = &gates.rollback;
    let minutes = minutes(analysis);
    let fired =
        |id: &str, evidence: Option<String>| evidence.map(|evidence| Trigger { id: id.to_owned(), evidence });
    [
        fired("success_rate", success(&minutes, gate)),
        fired("latency_p95", latency(&minutes, gate)),
        fired("server_errors", server_errors(&minutes, gate)),
        fired("breaker_openings", breaker_openings(analysis, gate)),
        fired("pii", personal_data(analysis, gate)),
        fired("signature_failures", signatures(analysis, gate)),
        fired("unreachable", unreachable(analysis, gate)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
fn latency(minutes: &[Minute], gate: &RollbackGate) -> Option<String> {
    let above = gate.latency_p95_above_ms?;
    let p95 = |m: &Minute| m.latency_p95_us.filter(|_| m.gap.is_none()).map(|us| us as f64 / 1000.0);
    let told = bad_row(minutes, gate.latency_for_minutes, p95, |ms| ms > above, "ms")?;
    Some(format!("p95 latency above {above} ms: {told}"))
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn server_errors(minutes: &[Minute], gate: &RollbackGate) -> Option<String> {
    let above = gate.server_error_rate_above_percent?;
    let known = |m: &Minute| m.certain() > 0 && m.gap.is_none();
    let rate = |m: &Minute| known(m).then(|| m.server_errors as f64 / m.certain() as f64 * 100.0);
    let told = bad_row(minutes, gate.server_error_for_minutes, rate, |percent| percent > above, "%")?;
    Some(format!("5xx above {above} % of the attempts: {told}"))
}

/// By the sender's log where one was given, and by what its failures seen from here must have done; the larger counts.
fn breaker_openings(analysis: &Analysis, gate: &RollbackGate) -> Option<String> {
    let most = gate.breaker_openings_above?;
    let log = analysis.watched.log.as_ref().and_then(|l| l.summary.get("breaker_opened")?.as_u64());
    let seen = breaker_stats(analysis).openings;
    (seen.max(log.unwrap_or(0)) > most).then(|| {
        let log = log.map_or_else(|| "no log was given".to_owned(), |n| format!("{n} by its log"));
        format!("the circuit breaker opened: {seen} times by the failures seen here, {log}; {most} allowed")
    })
}

fn success(minutes: &[Minute], gate: &RollbackGate) -> Option<String> {
    let below = gate.success_rate_below_percent?;
    let told = bad_row(minutes, gate.for_minutes, Minute::success_percent, |percent| percent < below, "%")?;
    Some(format!("success below {below} %: {told}"))
}

/// The first row of so many bad minutes. A minute without traffic, or in which nothing could be seen, is neither good nor
/// bad: it neither ends a row of bad minutes nor makes it longer.
fn bad_row(
    minutes: &[Minute],
    wanted: u32,
    figure: impl Fn(&Minute) -> Option<f64>,
    is_bad: impl Fn(f64) -> bool,
    unit: &str,
) -> Option<String> {
    let mut row: Vec<(u64, f64)> = Vec::new();
    let mut silent = 0;
    for minute in minutes.iter().filter(|m| m.complete) {
        match figure(minute) {
            Some(figure) if is_bad(figure) => row.push((minute.minute, figure)),
            Some(_) => {
                row.clear();
                silent = 0;
            }
            None => silent += u64::from(!row.is_empty()),
        }
        if row.len() as u64 >= u64::from(wanted.max(1)) {
            let told: Vec<String> = row.iter().map(|(m, x)| format!("minute {m}: {x:.1} {unit}")).collect();
            let between = match silent {
                0 => String::new(),
                n => format!("; {n} minutes between them, without traffic or unseen, count neither way"),
            };
            return Some(format!("{}{between}", told.join(", ")));
        }
    }
    None
}

fn personal_data(analysis: &Analysis, gate: &RollbackGate) -> Option<String> {
    let most = gate.pii_above?;
    let webhooks = &analysis.privacy.webhooks;
    let in_log = in_log(analysis);
    (webhooks.total + in_log > most).then(|| {
        let first = webhooks.kept.first();
        let first = first.map(|l| {
            format!(", first {} {} of {}", l.finding.category, at_place(&l.finding.place), l.source)
        });
        let log = analysis.watched.log.as_ref().map(|_| format!("; {in_log} in the sender's log"));
        let (first, log) = (first.unwrap_or_default(), log.unwrap_or_default());
        let (found, looked_at) =
            (counted(webhooks.total, "findings"), counted(webhooks.inspected, "webhooks"));
        format!("{found} in {looked_at}{first}{log}")
    })
}

/// How many those are in all.
pub(super) fn in_log(analysis: &Analysis) -> u64 {
    log_findings(analysis).map_or(0, |found| found.values().sum())
}

/// Sender log lines that could not be looked at.
pub(super) fn unread_in_log(analysis: &Analysis) -> u64 {
    let summary = analysis.watched.log.as_ref().map(|log| &log.summary);
    summary.and_then(|s| s.get("not_looked_at")?.as_u64()).unwrap_or(0)
}

/// Findings of personal data in the sender's log, by category; `None` where none was read.
pub(crate) fn log_findings(analysis: &Analysis) -> Option<BTreeMap<String, u64>> {
    let found = analysis.watched.log.as_ref()?.summary.get("pii")?.as_object()?;
    let count = |(name, n): (&String, &serde_json::Value)| Some((name.clone(), n.as_u64()?));
    Some(found.iter().filter_map(count).collect())
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn signatures(analysis: &Analysis, gate: &RollbackGate) -> Option<String> {
    let above = gate.signature_failures_above_percent?;
    let signing = Signing::of(analysis);
    let (invalid, attempts) = (signing.invalid, signing.attempts);
    let percent = invalid as f64 / attempts.max(1) as f64 * 100.0;
    let diagnosis =
        analysis.diagnoses().first().map(|(text, n)| format!(", {}: {}", super::times(*n), shown(text)));
    (percent > above && signing.is_enough(gate)).then(|| {
        format!(
            "{invalid} of {attempts} attempts ({percent:.1} %) have an invalid signature{}",
            diagnosis.unwrap_or_default()
        )
    })
}

fn unreachable(analysis: &Analysis, gate: &RollbackGate) -> Option<String> {
    let wanted = usize::try_from(gate.unreachable_probes?.max(1)).unwrap_or(usize::MAX);
    let probes = &analysis.watched.probes;
    let row = probes.windows(wanted).find(|row| row.iter().all(|p| p.problem.is_some()))?;
    let last = row.last()?;
    let at = last.at.wall(analysis.header.started).format("%H:%M:%SZ");
    Some(format!(
        "{wanted} probes in a row failed, the last at {at}: {}",
        shown(last.problem.as_deref().unwrap_or_default())
    ))
}
