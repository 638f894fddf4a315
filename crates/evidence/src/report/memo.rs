//! The memo in the shape of the guide's `staging_observation_memo.md`, every figure from the journal.

use super::artifact::{Artifact, Outcome};
use super::asked::STAND_IN;
use crate::figure::actual;
use crate::gate::{Check, Verdict};
use pii::is_invisible;
use std::fmt::Write as _;

/// How each memo begins.
pub const MEMO_TITLE: &str = "# Staging observation memo";
/// Log lines of injected deliveries that are quoted.
const QUOTED: usize = 30;

/// The memo as Markdown. It names no file: the same journal gives the same memo, wherever it is kept.
#[must_use]
pub fn memo(artifact: &Artifact) -> String {
    if let Some(observed) = super::observation_memo(artifact) {
        return observed;
    }
    let mut out = String::new();
    head(&mut out, artifact);
    results(&mut out, artifact);
    retries(&mut out, artifact);
    privacy(&mut out, artifact);
    gates(&mut out, artifact);
    let _ = writeln!(out, "## Recommendation\n\n{}\n", escaped(&artifact.recommendation));
    let p = &artifact.provenance;
    let _ = writeln!(
        out,
        "---\n\nRun `{}`, journal SHA-256 `{}` ({} records). Check it again: \
         `smoke gate ARTIFACT.json --secret-file SECRET`.",
        code(&p.run_id),
        code(&p.journal_sha256),
        p.journal_records
    );
    out
}

fn head(out: &mut String, artifact: &Artifact) {
    let run = &artifact.test_run;
    let verdict = artifact.acceptance_gates.verdict;
    let _ = writeln!(
        out,
        "{MEMO_TITLE}: {}\n\n- **Date:** {}\n- **Environment:** {}\n- **Duration:** {:.1} s\n- **Verdict:** {} {}\n",
        escaped(&artifact.provenance.scenario),
        escaped(&run.timestamp),
        escaped(&run.environment),
        run.duration_seconds,
        sign(verdict),
        verdict.word().to_uppercase()
    );
    if !artifact.provenance.evidence_about_staging {
        let _ = writeln!(out, "{STAND_IN}\n");
    }
}

fn results(out: &mut String, artifact: &Artifact) {
    let run = &artifact.test_run;
    let p = &artifact.performance_metrics;
    let ms = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x} ms"));
    let rate = run.success_rate.map_or_else(|| "-".to_owned(), |r| format!("{r} %"));
    let _ = writeln!(out, "## Results\n\n| Metric | Value |\n|---|---:|");
    let rows = [
        ("Webhooks due", run.events_triggered.map_or_else(|| "-".to_owned(), |n| n.to_string())),
        ("Webhooks sent", format!("{}{}", run.webhooks_sent, run.of_them_unexpected())),
        ("Successful", run.webhooks_success.to_string()),
        ("Failed", run.webhooks_failed.to_string()),
        ("Lost", run.webhooks_lost.to_string()),
        ("Success rate (organic)", rate),
        ("Latency samples", p.samples.to_string()),
        ("p50 latency", ms(p.p50_latency_ms)),
        ("p95 latency", ms(p.p95_latency_ms)),
        ("p99 latency", ms(p.p99_latency_ms)),
        ("Maximum latency", ms(p.max_latency_ms)),
    ];
    for (metric, value) in rows {
        let _ = writeln!(out, "| {metric} | {value} |");
    }
    let _ = writeln!(out, "\n### By event\n\n| Event | Deliveries |\n|---|---:|");
    for (event, count) in &artifact.event_distribution {
        let _ = writeln!(out, "| {} | {count} |", escaped(event));
    }
    let _ = writeln!(out);
}

fn retries(out: &mut String, artifact: &Artifact) {
    let retry = &artifact.retry;
    let (organic, injected) = (&artifact.outcomes.organic, &artifact.outcomes.injected);
    let _ = writeln!(
        out,
        "## Retry behaviour and 4xx handling\n\n- Schedule: {:?} ms before the attempts, -{} ms +{} ms\n- {} deliveries had a \
         failed attempt; {} contract breaches, {} could not be judged\n- Organic: {}\n- Broken on purpose: {}\n",
        retry.backoff_ms,
        retry.tolerance_early_ms,
        retry.tolerance_late_ms,
        retry.deliveries_exercised,
        retry.breaches,
        retry.unproven,
        told(organic),
        told(injected)
    );
    let faults = &artifact.fault_injection;
    let lines: Vec<&String> = faults.deliveries.iter().flat_map(|d| &d.log).take(QUOTED).collect();
    if lines.is_empty() {
        let _ = writeln!(out, "Nothing was broken on purpose in this run.\n");
    } else {
        let _ = writeln!(out, "```text");
        lines.iter().for_each(|line| {
            let _ = writeln!(out, "{}", code(line));
        });
        let _ = writeln!(out, "```\n");
    }
}

fn told(o: &Outcome) -> String {
    format!(
        "{} attempts, {} retried, {} answered with 4xx, {} with 5xx, {} without a complete response",
        o.attempts, o.retried, o.client_errors, o.server_errors, o.unanswered
    )
}

fn privacy(out: &mut String, artifact: &Artifact) {
    let (pii, hmac) = (&artifact.pii_check, &artifact.hmac_signature_validation);
    let _ = writeln!(
        out,
        "## Signatures and personal data\n\n- {}: {} of {} attempts valid\n- Personal data in webhooks: {} ({} findings in {} \
         payloads)\n",
        escaped(&hmac.algorithm),
        hmac.valid,
        hmac.checked,
        pii.status,
        pii.findings_total,
        pii.payloads_inspected
    );
}

fn gates(out: &mut String, artifact: &Artifact) {
    let _ =
        writeln!(out, "## Acceptance gates\n\n| | Gate | Target | Figure | Seen |\n|---|---|---|---:|---|");
    for check in &artifact.acceptance_gates.checks {
        let _ = writeln!(out, "{}", gate(check));
    }
    let _ = writeln!(out);
    out.push_str(&cases(artifact));
}

/// Which webhooks stand behind the gates that did not pass.
pub(super) fn cases(artifact: &Artifact) -> String {
    let mut out = String::new();
    for check in artifact.acceptance_gates.checks.iter().filter(|c| c.verdict != Verdict::Pass) {
        let Some(listed) = artifact.cases.of_check(&check.id) else { continue };
        let _ = writeln!(out, "### {}: {}\n\n```text", escaped(&check.title), listed.total);
        for sentence in listed.sentences(usize::MAX) {
            let _ = writeln!(out, "{}", code(&sentence));
        }
        let _ = writeln!(out, "```\n");
    }
    out
}

fn gate(check: &Check) -> String {
    format!(
        "| {} {} | {} | {} | {} | {} |",
        sign(check.verdict),
        check.verdict.word(),
        escaped(&check.title),
        escaped(&check.target),
        actual(check),
        escaped(&check.text)
    )
}

const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::Fail => "❌",
        Verdict::Unproven => "❔",
        Verdict::NotExercised => "➖",
    }
}

/// Text from elsewhere, with everything escaped that Markdown or HTML would obey.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '#' | '~' | '$' => out.extend(['\\', c]),
            // A mention or a link in somebody's payload is not ours to make.
            '@' => out.push_str("&#64;"),
            c if c.is_control() || is_invisible(c) => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Text inside a code span or block.
pub(super) fn code(text: &str) -> String {
    let obeyed = |c: char| c == '`' || c.is_control() || is_invisible(c);
    text.chars().map(|c| if obeyed(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_obeyed() {
        assert_eq!(escaped("a|b\n<script>"), "a\\|b &lt;script&gt;");
        assert_eq!(escaped("[x](y) @me"), "\\[x\\](y) &#64;me");
        assert_eq!(code("a```\nb"), "a    b");
    }
}
