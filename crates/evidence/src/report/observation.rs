//! The section of the artifact that only an observation has, and the memo of the staging guide.

use super::artifact::Artifact;
use super::asked::STAND_IN;
use super::memo::{MEMO_TITLE, cases, code, escaped};
use crate::JsonSchema;
use crate::analysis::{Analysis, Minute, minutes};
use crate::gate::{CRITERIA, Check, Gates, Trigger, Verdict, triggers};
use crate::logs::Errors;
use record::{Gap, Hook, LogCompared, LogQuote, Offset, QuotedAs, RunKind, WatchBegin};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write as _;

/// Ids that are named of each contradiction between log and arrivals.
const NAMED: usize = 5;

/// What was observed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Observation {
    /// How it began.
    pub begin: WatchBegin,
    /// Minute by minute.
    pub minutes: Vec<Minute>,
    /// Rollback triggers that fired.
    pub triggers: Vec<Trigger>,
    /// What `--on-rollback` did.
    pub hooks: Vec<Hook>,
    /// Probes of the receiver's URL, and how many failed.
    pub probes: u64,
    /// Those that failed.
    pub probes_failed: u64,
    /// Times during which nothing could be seen.
    pub gaps: Vec<Gap>,
    /// How far the receiver's clock is from ours, when it is another machine's.
    pub clock_offset: Option<Offset>,
    /// What the sender's log said.
    pub log: Option<Value>,
    /// The first of its lines about attempts that did not succeed, masked.
    pub log_lines: Vec<LogQuote>,
    /// What it said against what arrived; null without a log.
    pub log_compared: Option<LogCompared>,
}

pub(super) fn section(analysis: &Analysis, gates: &Gates) -> Option<Observation> {
    let watched = &analysis.watched;
    Some(Observation {
        begin: watched.begin.clone()?,
        minutes: minutes(analysis),
        triggers: triggers(analysis, gates),
        hooks: watched.hooks.clone(),
        probes: watched.probes.len() as u64,
        probes_failed: watched.probes.iter().filter(|p| p.problem.is_some()).count() as u64,
        gaps: watched.gaps.clone(),
        clock_offset: watched.offset.clone(),
        log: watched.log.as_ref().map(|l| l.summary.clone()),
        log_lines: watched.quotes.clone(),
        log_compared: watched.compared.clone(),
    })
}

/// `staging_observation_memo.md` in the guide's shape; `None` when the artifact is of no observation. Every figure is the
/// artifact's.
#[must_use]
pub fn observation_memo(artifact: &Artifact) -> Option<String> {
    let seen = artifact.observation.as_ref()?;
    let run = &artifact.test_run;
    let verdict = artifact.acceptance_gates.verdict;
    let mut out = format!(
        "{MEMO_TITLE}\n\n**Window**: {} for {:.0} s of {} s, environment {}, source {}{}\n**Verdict**: {}\n",
        escaped(&run.timestamp),
        run.duration_seconds,
        seen.begin.duration_ms / 1000,
        escaped(&run.environment),
        escaped(&seen.begin.source),
        seen.begin.stage_percent.map(|p| format!(", canary stage {p} %")).unwrap_or_default(),
        verdict.word().to_uppercase()
    );
    if !artifact.provenance.evidence_about_staging {
        let _ = writeln!(out, "\n{STAND_IN}");
    }
    out.push_str(&results(artifact, seen));
    out.push_str(&minute_table(seen));
    out.push_str(&sender_log(seen));
    out.push_str(&behaviour(artifact, seen));
    out.push_str(&gates_table(&artifact.acceptance_gates.checks));
    let _ = write!(out, "\n{}", cases(artifact));
    let _ = write!(out, "\n## Recommendation\n\n{}\n", escaped(&artifact.recommendation));
    for trigger in &seen.triggers {
        let _ =
            writeln!(out, "\n**Rollback trigger `{}`**: {}", code(&trigger.id), escaped(&trigger.evidence));
    }
    out.push_str(&checklist(artifact));
    let _ = write!(
        out,
        "\n---\nMade by smoke {} from journal {} ({} records); `smoke report` writes it again.\n",
        escaped(&artifact.provenance.tool_version),
        code(&artifact.provenance.journal_sha256),
        artifact.provenance.journal_records
    );
    Some(out)
}

fn results(artifact: &Artifact, seen: &Observation) -> String {
    let run = &artifact.test_run;
    let mut out = format!(
        "\n## Results\n\n| figure | value |\n|---|---|\n| webhooks arrived | {} |\n| accepted | {} |\n| not accepted | {} |\n\
         | personal data findings | {} in {} webhooks |\n| probes of the receiver | {} ({} failed) |\n",
        run.webhooks_sent,
        run.webhooks_success,
        run.webhooks_failed,
        artifact.pii_check.findings_total,
        artifact.pii_check.payloads_inspected,
        seen.probes,
        seen.probes_failed
    );
    for (event, n) in &artifact.event_distribution {
        let _ = writeln!(out, "| event {} | {n} |", escaped(event));
    }
    if let Some(told) = artifact.outcomes.unauthenticated.told() {
        let _ = writeln!(out, "\n{}.", escaped(&told));
    }
    for note in artifact.provenance.notes.iter().filter(|n| is_told(n)) {
        let _ = writeln!(out, "\n{}.", escaped(note));
    }
    for gap in &seen.gaps {
        let seconds = gap.to.since(gap.from).as_secs();
        let _ = writeln!(out, "\nNot seen for {seconds} s: {}.", escaped(&gap.why));
    }
    if let Some(offset) = &seen.clock_offset {
        let ms = |us: i64| us / 1000;
        let _ = writeln!(
            out,
            "\nThe receiver's clock is {} ms from ours, known to within {} ms ({} round trips).",
            ms(offset.offset_us),
            offset.uncertainty_us / 1000,
            offset.samples
        );
    }
    out
}

/// Notes that belong in the memo: what was driven, and what could not be read.
fn is_told(note: &str) -> bool {
    note.starts_with("driven meanwhile") || note.starts_with("the log ")
}

/// What the sender's own log says, in figures.
fn sender_log(seen: &Observation) -> String {
    let mut out = "\n## The sender's log\n\n".to_owned();
    let Some(log) = seen.log.as_ref() else {
        out.push_str(if seen.begin.logs.is_empty() {
            "No sender log was given (`--log`).\n"
        } else {
            "Nothing was logged in this window.\n"
        });
        out.push_str(&compared(seen));
        return out;
    };
    out.push_str("| said | times |\n|---|---|\n");
    for (title, key) in [
        ("lines", "lines"),
        ("attempts", "attempts"),
        ("delivered", "delivered"),
        ("retries", "retries"),
        ("aborted after a 4xx", "aborted"),
        ("given up", "exhausted"),
        ("timeouts", "timeouts"),
        ("connection errors", "connection_errors"),
        ("breaker openings", "breaker_opened"),
        ("dropped by the breaker", "blocked"),
    ] {
        let times = log.get(key).and_then(Value::as_u64).unwrap_or(0);
        let _ = writeln!(out, "| {title} | {times} |");
    }
    let unread = log.pointer("/unreadable/count").and_then(Value::as_u64).unwrap_or(0);
    let _ = writeln!(out, "| lines that could not be read | {unread} |");
    let errors = log.get("errors").and_then(|errors| Errors::deserialize(errors).ok()).unwrap_or_default();
    let Errors { count, tracebacks, of_others, first, .. } = errors;
    let _ = writeln!(
        out,
        "| application errors | {count} ({tracebacks} with a traceback, {of_others} not judged) |"
    );
    let first: Vec<String> =
        first.iter().map(|(line, text)| format!("line {line} of the window: {text}")).collect();
    if !first.is_empty() {
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let _ = write!(out, "\nApplication errors, personal data masked:\n\n{}", block(&first));
    }
    out.push_str(&compared(seen));
    out
}

/// What it says against what arrived, with the first ids of each contradiction.
fn compared(seen: &Observation) -> String {
    let Some(LogCompared { found, not_kept, .. }) = &seen.log_compared else { return String::new() };
    let mut out = "\n| log against arrivals | webhooks | first |\n|---|---|---|\n".to_owned();
    let ids = |list: &[(u64, String)]| list.iter().map(|(_, id)| id.clone()).collect::<Vec<_>>();
    let lost = found.lost.clone().unwrap_or_default();
    for (title, n, first) in [
        ("logged as lost, never came", lost.count, ids(&lost.first)),
        ("logged as lost, or not settled in the log", lost.unclear, ids(&lost.unclear_first)),
        ("logged as delivered, accepted here", found.agreed, Vec::new()),
        ("logged as delivered, never seen", found.never_seen, ids(&found.never_seen_first)),
        ("logged as delivered, not accepted here", found.not_accepted, ids(&found.not_accepted_first)),
        ("accepted here, not in the log", found.not_logged, found.not_logged_first.clone()),
        ("accepted here after the log's last line", found.edge_arrived, found.edge_arrived_first.clone()),
        ("logged as delivered, never seen, at another time", found.edge_said, ids(&found.edge_said_first)),
        ("logged as delivered, without an id", found.without_id, Vec::new()),
        ("logged at the edge of the window, or while nothing could be seen", found.outside, Vec::new()),
        ("arrived without an id", found.arrived_without_id, Vec::new()),
        ("logged after more deliveries than are kept", *not_kept, Vec::new()),
    ] {
        let first: Vec<String> = first.iter().take(NAMED).map(|id| escaped(id)).collect();
        let _ = writeln!(out, "| {title} | {n} | {} |", first.join(", "));
    }
    out
}

fn minute_table(seen: &Observation) -> String {
    let mut out = "\n## Minutes\n\n| minute | ended | accepted | success | attempts | 4xx | 5xx | no response | note |\n|---|---|---|---|---|---|---|---|---|\n".to_owned();
    for m in &seen.minutes {
        let success = m.success_percent().map_or_else(|| "-".to_owned(), |p| format!("{p:.1} %"));
        let note = match (&m.gap, m.ended) {
            (Some(why), _) => format!("unproven: {}", escaped(why)),
            (None, 0) => "no traffic: counts neither way".to_owned(),
            (None, _) => String::new(),
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {success} | {} | {} | {} | {} | {note} |",
            m.minute, m.ended, m.delivered, m.attempts, m.client_errors, m.server_errors, m.unanswered
        );
    }
    out
}

fn behaviour(artifact: &Artifact, seen: &Observation) -> String {
    let section = |about: QuotedAs| {
        let quoted = seen.log_lines.iter().filter(|q| q.about == about).map(|q| q.text.as_str());
        let quoted: Vec<&str> = quoted.collect();
        if quoted.is_empty() {
            return injected(artifact, seen, about);
        }
        format!("Sender log lines, personal data masked:\n\n{}", block(&quoted))
    };
    format!(
        "\n## Retry behaviour\n\n{}\n## 4xx handling\n\n{}",
        section(QuotedAs::Retry),
        section(QuotedAs::ClientError)
    )
}

/// What was seen of the deliveries that were broken on purpose, where the sender's log says nothing.
fn injected(artifact: &Artifact, seen: &Observation, about: QuotedAs) -> String {
    let no_log =
        if seen.begin.logs.is_empty() { "no sender log was given" } else { "its log has no such line" };
    let aborted = about == QuotedAs::ClientError;
    let of = artifact.fault_injection.deliveries.iter().filter(|d| (d.fate == "aborted") == aborted);
    let lines: Vec<&str> = of.flat_map(|d| d.log.iter().map(String::as_str)).take(20).collect();
    if lines.is_empty() {
        return format!("Nothing was injected in this window, and {no_log}: nothing to show.\n");
    }
    format!("As seen here; {no_log}:\n\n{}", block(&lines))
}

fn block(lines: &[&str]) -> String {
    format!("```\n{}\n```\n", lines.iter().map(|l| code(l)).collect::<Vec<_>>().join("\n"))
}

fn gates_table(checks: &[Check]) -> String {
    let mut out =
        "\n## Acceptance gates\n\n| gate | target | measured | verdict | |\n|---|---|---|---|---|\n"
            .to_owned();
    for c in checks {
        let actual = c.actual.map_or_else(|| "-".to_owned(), |a| format!("{a} {}", c.unit));
        let _ = writeln!(
            out,
            "| {} | {} | {actual} | {} | {} |",
            escaped(&c.title),
            escaped(&c.target),
            c.verdict.word(),
            escaped(&c.text)
        );
    }
    out
}

/// The guide's checklist: a tick only for a gate that passed, else an empty box and the reason.
fn checklist(artifact: &Artifact) -> String {
    let mut out = "\n## Checklist\n\n".to_owned();
    let checks = &artifact.acceptance_gates.checks;
    for check in checks {
        let mark = if check.verdict == Verdict::Pass { "x" } else { " " };
        let (title, why) = (escaped(&check.title), escaped(&check.text));
        let _ = writeln!(out, "- [{mark}] {title} ({}: {why})", check.verdict.word());
    }
    let asked =
        CRITERIA.iter().filter(|row| row.applies_to(RunKind::Observe) && !row.is_about_driven_traffic());
    for row in asked.filter(|row| checks.iter().all(|check| check.id != row.id)) {
        let _ = writeln!(out, "- [ ] {} (not measured: the gate is switched off)", row.title);
    }
    out
}
