//! The tables of the report.

use super::frame::class;
use crate::figure::{actual, counted, milliseconds};
use crate::gate::{Check, Verdict};
use crate::report::artifact::{Artifact, Outcome, PiiCheck, StepRow};
use maud::{Markup, html};

/// The criteria as a table. Those that nothing exercised are folded away.
pub(in crate::report) fn gates(checks: &[Check]) -> Markup {
    let (idle, judged): (Vec<&Check>, Vec<&Check>) =
        checks.iter().partition(|check| check.verdict == Verdict::NotExercised);
    html! {
        (table(&judged))
        @if !idle.is_empty() {
            details {
                summary { (idle.len()) " not exercised: nothing in this run tested them" }
                (table(&idle))
            }
        }
    }
}

fn table(checks: &[&Check]) -> Markup {
    html! {
        table.gates {
            thead { tr { th { "" } th { "Gate" } th.n { "Actual" } th { "Target" } th.n { "n" } th.seen { "Details" } } }
            tbody {
                @for check in checks {
                    tr class=(class(check.verdict)) {
                        td { span class=(class(check.verdict)) { (check.verdict.word()) } }
                        td.name { (check.title) }
                        td.n { (actual(check)) }
                        td.target { (check.target) }
                        td.n.samples { (check.n) }
                        td.seen {
                            (check.text)
                            @if let Some(i) = check.interval_95 { " (95 %: " (format!("{:.1} to {:.1}", i.low, i.high)) ")" }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn events(artifact: &Artifact) -> Markup {
    html! {
        table.stack {
            thead { tr { th { "Event" } th.n { "Deliveries" } } }
            tbody {
                @for (event, count) in &artifact.event_distribution {
                    tr { td data-label="Event" { code { (event) } } td.n data-label="Deliveries" { (count) } }
                }
                @if artifact.event_distribution.is_empty() { tr { td colspan="2" { "No webhook arrived." } } }
            }
        }
    }
}

pub(super) fn outcomes(artifact: &Artifact) -> Markup {
    let (organic, injected) = (&artifact.outcomes.organic, &artifact.outcomes.injected);
    type Count = fn(&Outcome) -> u64;
    let rows: [(&str, Count); 17] = [
        ("Due", |o| o.expected),
        ("Delivered in time", |o| o.delivered),
        ("Late", |o| o.late),
        ("Lost", |o| o.lost),
        ("Dropped by the circuit breaker", |o| o.suppressed_by_breaker),
        ("Arrived", |o| o.deliveries),
        ("Ended by a 4xx", |o| o.aborted),
        ("All attempts failed", |o| o.exhausted),
        ("Given up early", |o| o.given_up),
        ("End unknown", |o| o.open),
        ("Duplicated", |o| o.duplicates),
        ("Unexpected", |o| o.unexpected),
        ("Retried", |o| o.retried),
        ("Attempts", |o| o.attempts),
        ("Attempts answered with 4xx", |o| o.client_errors),
        ("Attempts answered with 5xx", |o| o.server_errors),
        ("Attempts without a complete response", |o| o.unanswered),
    ];
    html! {
        table {
            thead { tr { th { "Webhooks" } th.n { "Organic" } th.n { "Broken on purpose" } } }
            tbody {
                @for (name, count) in rows {
                    tr { td { (name) } td.n { (count(organic)) } td.n { (count(injected)) } }
                }
            }
        }
    }
}

pub(super) fn steps(steps: &[StepRow]) -> Markup {
    html! {
        table.stack {
            thead {
                tr {
                    th { "Step" } th.n { "As expected" } th.n { "Refused" } th.n { "Failed" } th.n { "Skipped" } th.n { "p50" }
                    th.n { "p95" } th { "Problems" }
                }
            }
            tbody {
                @for step in steps {
                    tr {
                        td data-label="Step" { code { (step.step) } }
                        td.n data-label="As expected" { (step.ok) }
                        td.n data-label="Refused" { (step.refused) }
                        td.n data-label="Failed" { (step.failed) }
                        td.n data-label="Skipped" { (step.skipped) }
                        td.n data-label="p50" { (ms(step.p50_ms)) }
                        td.n data-label="p95" { (ms(step.p95_ms)) }
                        td data-label="Problems" { (step.problems.join("; ")) }
                    }
                }
            }
        }
    }
}

fn ms(x: Option<f64>) -> String {
    x.map_or_else(|| "-".to_owned(), milliseconds)
}

pub(super) fn signatures(artifact: &Artifact) -> Markup {
    let s = &artifact.hmac_signature_validation;
    html! {
        p { (s.algorithm) ", scheme " code { (s.scheme) } ": " (s.valid) " of " (s.checked) " attempts valid." }
        @if s.diagnoses.is_empty() && s.invalid > 0 { p { "What the sender did wrong could not be determined." } }
        @if !s.diagnoses.is_empty() {
            table.stack {
                thead { tr { th { "What the sender probably did wrong" } th.n { "Attempts" } } }
                tbody {
                    @for d in &s.diagnoses {
                        tr { td data-label="Diagnosis" { (d.diagnosis) } td.n data-label="Attempts" { (d.count) } }
                    }
                }
            }
        }
    }
}

pub(super) fn privacy(title: &str, check: &PiiCheck) -> Markup {
    html! {
        p {
            strong { (title) } ": " (check.status.to_lowercase().replace('_', " ")) " – " (counted(check.findings_total, "findings"))
            " in " (counted(check.payloads_inspected, "payloads")) "."
        }
        @if !check.findings.is_empty() {
            table.stack {
                thead { tr { th { "Where" } th { "What" } th { "Place" } th { "Masked" } } }
                tbody {
                    @for located in &check.findings {
                        tr {
                            td data-label="Where" { (located.source) }
                            td data-label="What" { (located.finding.category.name()) }
                            td data-label="Place" { code { (located.finding.place) } }
                            td data-label="Masked" { code { (located.finding.excerpt) } }
                        }
                    }
                }
            }
        }
        @if !check.allowances_used.is_empty() { p.dim { "Allowed by the policy: " (check.allowances_used.join("; ")) } }
    }
}

pub(super) fn configuration(artifact: &Artifact) -> Markup {
    let value = serde_json::to_value(&artifact.configuration).unwrap_or_default();
    let text = |v: &serde_json::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    html! {
        table {
            tbody {
                @for (key, value) in value.as_object().into_iter().flatten() {
                    tr { td { code { (key) } } td { (text(value)) } }
                }
            }
        }
    }
}
