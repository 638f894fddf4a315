//! Rollback triggers of an observation, each with its evidence.

use super::config::Gates;
use crate::analysis::{Analysis, Minute, minutes};
use crate::pii::shown;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When an observation asks for a rollback. Defaults: the staging guide's (CONTRACT.md section 6). `null` switches one off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RollbackGate {
    /// Deliveries accepted of those that ended in a minute, percent, below.
    pub success_rate_below_percent: Option<f64>,
    /// For so many bad minutes, between which no good one lies.
    pub for_minutes: u32,
    /// Findings of personal data in webhooks or log lines, more than.
    pub pii_above: Option<u64>,
    /// Attempts with an invalid signature, percent, above.
    pub signature_failures_above_percent: Option<f64>,
    /// Tries of the receiver's URL that failed one after the other, at least.
    pub unreachable_probes: Option<u32>,
}

impl Default for RollbackGate {
    fn default() -> Self {
        Self {
            success_rate_below_percent: Some(90.0),
            for_minutes: 5,
            pii_above: Some(0),
            signature_failures_above_percent: Some(10.0),
            unreachable_probes: Some(2),
        }
    }
}

/// A trigger that has fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Trigger {
    /// Stable name: `success_rate`, `pii`, `signature_failures`, `unreachable`.
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
        fired("pii", personal_data(analysis, gate)),
        fired("signature_failures", signatures(&minutes, gate)),
        fired("unreachable", unreachable(analysis, gate)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A minute without traffic, or in which nothing could be seen, is neither good nor bad: it neither ends a row of bad
/// minutes nor makes it longer.
fn success(minutes: &[Minute], gate: &RollbackGate) -> Option<String> {
    let below = gate.success_rate_below_percent?;
    let mut row: Vec<(u64, f64)> = Vec::new();
    let mut silent = 0;
    for minute in minutes.iter().filter(|m| m.complete) {
        match minute.success_percent() {
            Some(percent) if percent < below => row.push((minute.minute, percent)),
            Some(_) => {
                row.clear();
                silent = 0;
            }
            None => silent += u64::from(!row.is_empty()),
        }
        if row.len() as u64 >= u64::from(gate.for_minutes.max(1)) {
            let told: Vec<String> = row.iter().map(|(m, p)| format!("minute {m}: {p:.1} %")).collect();
            let between = match silent {
                0 => String::new(),
                n => format!("; {n} minutes between them without traffic or not seen count neither way"),
            };
            return Some(format!("success below {below} %: {}{between}", told.join(", ")));
        }
    }
    None
}

fn personal_data(analysis: &Analysis, gate: &RollbackGate) -> Option<String> {
    let most = gate.pii_above?;
    let webhooks = &analysis.privacy.webhooks;
    let in_log = log_findings(analysis);
    (webhooks.total + in_log > most).then(|| {
        let first = webhooks.kept.first();
        let first = first.map(|l| {
            format!(", first {} at {} of {}", l.finding.category, shown(&l.finding.place), l.source)
        });
        format!(
            "{} findings in {} webhooks{}; {in_log} in the sender's log",
            webhooks.total,
            webhooks.inspected,
            first.unwrap_or_default()
        )
    })
}

/// Findings of personal data in the sender's log.
pub(super) fn log_findings(analysis: &Analysis) -> u64 {
    let summary = analysis.watched.log.as_ref().and_then(|l| l.summary.get("pii")?.as_object());
    summary.map_or(0, |pii| pii.values().filter_map(serde_json::Value::as_u64).sum())
}

#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn signatures(minutes: &[Minute], gate: &RollbackGate) -> Option<String> {
    let above = gate.signature_failures_above_percent?;
    let invalid: u64 = minutes.iter().map(|m| m.invalid_signatures).sum();
    let attempts: u64 = minutes.iter().map(|m| m.attempts).sum();
    let percent = invalid as f64 / attempts.max(1) as f64 * 100.0;
    (percent > above)
        .then(|| format!("{invalid} of {attempts} attempts ({percent:.1} %) have an invalid signature"))
}

fn unreachable(analysis: &Analysis, gate: &RollbackGate) -> Option<String> {
    let wanted = usize::try_from(gate.unreachable_probes?.max(1)).unwrap_or(usize::MAX);
    let probes = &analysis.watched.probes;
    let row = probes.windows(wanted).find(|row| row.iter().all(|p| p.problem.is_some()))?;
    let last = row.last()?;
    let at = last.at.wall(analysis.header.started).format("%H:%M:%SZ");
    Some(format!(
        "{wanted} tries in a row failed, the last at {at}: {}",
        shown(last.problem.as_deref().unwrap_or_default())
    ))
}
