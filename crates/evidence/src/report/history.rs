//! Many runs of one thing: a line for each, and how its latency and its failures went over time.

use super::diff::Told;
use super::html::{Across, Chart, Line, Up, class, page};
use super::screen::{Screen, cut};
use crate::figure::actual;
use crate::gate::{Check, Verdict};
use maud::html;
use pii::shown;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// An artifact of a folder.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it lies.
    pub path: String,
    pub told: Told,
}

/// What is shown of every run.
struct Shown<'a> {
    entry: &'a Entry,
    success: Option<&'a Check>,
    p95: Option<&'a Check>,
    failed: usize,
}

/// A line for each run, the oldest first.
#[must_use]
pub fn history_text(entries: &[Entry], screen: Screen) -> String {
    let mut out = format!(
        "{:<17} {:<9} {:>8} {:>9} {:>6}  {}\n",
        "started", "verdict", "success", "p95", "failed", "run"
    );
    for shown in sorted(entries) {
        let verdict = shown.entry.told.verdict;
        let mark = screen.paint(&format!("{:<9}", verdict.word()), verdict);
        let figure = |check: Option<&Check>| check.map_or_else(|| "-".to_owned(), actual);
        let line = format!(
            "{:<17} {mark} {:>8} {:>9} {:>6}  ",
            minute(&shown.entry.told.started),
            figure(shown.success),
            figure(shown.p95),
            shown.failed
        );
        let room = screen.width.saturating_sub(55).max(10);
        let _ = writeln!(out, "{line}{}", cut(&name(&shown.entry.told), room));
    }
    out
}

/// The same as a page, with the trend of each scenario.
#[must_use]
pub fn history_page(entries: &[Entry]) -> String {
    let sorted = sorted(entries);
    let mut by_name: BTreeMap<String, Vec<&Shown<'_>>> = BTreeMap::new();
    for shown in &sorted {
        by_name.entry(name(&shown.entry.told)).or_default().push(shown);
    }
    let body = html! {
        header { p.crumb { b { "smoke" } " history" } h1 { "Runs over time" } }
        @for (name, runs) in &by_name {
            h2 { (name) }
            @if runs.iter().filter(|run| run.p95.is_some_and(|p95| p95.actual.is_some())).count() > 1 { (latencies(runs).draw()) }
            @if runs.len() > 1 { (failures(runs).draw()) }
            table.stack {
                thead { tr { th { "Started" } th { "Verdict" } th.n { "Success" } th.n { "p95" } th.n { "Failed gates" } th { "File" } } }
                tbody {
                    @for run in runs.iter().rev() {
                        tr {
                            td { (minute(&run.entry.told.started)) }
                            td { span class=(class(run.entry.told.verdict)) { (run.entry.told.verdict.word()) } }
                            td.n data-label="Success" { (run.success.map(actual).unwrap_or_default()) }
                            td.n data-label="p95" { (run.p95.map(actual).unwrap_or_default()) }
                            td.n data-label="Failed gates" { (run.failed) }
                            td { code { (run.entry.path) } }
                        }
                    }
                }
            }
        }
        @if by_name.is_empty() { p { "No artifacts." } }
    };
    page("Runs over time", &body)
}

fn sorted(entries: &[Entry]) -> Vec<Shown<'_>> {
    let mut all: Vec<Shown<'_>> = entries
        .iter()
        .map(|entry| Shown {
            entry,
            success: entry.told.check("success_rate"),
            p95: entry.told.check("latency_p95"),
            failed: entry.told.checks.iter().filter(|check| check.verdict == Verdict::Fail).count(),
        })
        .collect();
    all.sort_by(|a, b| (&a.entry.told.started, &a.entry.path).cmp(&(&b.entry.told.started, &b.entry.path)));
    all
}

fn name(told: &Told) -> String {
    let name = if told.name.is_empty() || told.name == told.kind {
        String::new()
    } else {
        format!(" {}", shown(&told.name))
    };
    format!("{}{name} against {}", shown(&told.kind), shown(&told.environment))
}

/// `2026-11-26 04:20` of an RFC 3339 time.
fn minute(time: &str) -> String {
    shown(&time.replace('T', " ").chars().take(16).collect::<String>())
}

fn latencies(runs: &[&Shown<'_>]) -> Chart {
    let p95 = |run: &&Shown<'_>| run.p95.and_then(|check| check.actual);
    chart("Latency p95", "ms", Up::Latency, "a", runs, p95)
}

#[expect(clippy::cast_precision_loss, reason = "a number of gates")]
fn failures(runs: &[&Shown<'_>]) -> Chart {
    chart("Failed gates", "gates", Up::Linear, "c", runs, |run| Some(run.failed as f64))
}

#[expect(clippy::cast_precision_loss, reason = "a number of runs")]
fn chart(
    title: &str,
    unit: &'static str,
    up: Up,
    class: &'static str,
    runs: &[&Shown<'_>],
    figure: impl Fn(&&Shown<'_>) -> Option<f64>,
) -> Chart {
    let points = runs.iter().enumerate().map(|(i, run)| (i as f64, figure(run))).collect();
    let ends = [(0, runs.first()), (runs.len().saturating_sub(1), runs.last())];
    let ticks = ends.into_iter().filter_map(|(at, run)| Some((at as f64, minute(&run?.entry.told.started))));
    Chart {
        title: title.to_owned(),
        unit,
        up,
        across: Across::Ticks(ticks.take(runs.len()).collect()),
        lines: vec![Line { name: title.to_owned(), class, points }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Colour;

    fn entry(path: &str, started: &str, verdict: &str, p95: f64) -> Entry {
        let check = |id: &str, unit: &str, actual: f64| {
            serde_json::json!({"id": id, "title": id, "target": "0", "actual": actual, "unit": unit, "n": 10,
                "verdict": verdict, "text": ""})
        };
        let file = serde_json::json!({
            "test_run": {"timestamp": started, "environment": "staging"},
            "provenance": {"kind": "run", "scenario": "payments"},
            "acceptance_gates": {"verdict": verdict,
                "checks": [check("success_rate", "%", 100.0), check("latency_p95", "ms", p95)]},
        });
        Entry { path: path.to_owned(), told: Told::read(file.to_string().as_bytes()).unwrap() }
    }

    #[test]
    fn runs_are_listed_oldest_first_and_drawn() {
        let entries = [
            entry("b.json", "2026-11-26T04:20:49Z", "fail", 300.0),
            entry("a.json", "2026-11-25T04:20:49Z", "pass", 12.5),
        ];
        let text = history_text(&entries, Screen::new(Colour::None, Some((100, 24)), false));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1],
            "2026-11-25 04:20  pass       100.0 %   12.5 ms      0  run payments against staging"
        );
        assert_eq!(
            lines[2],
            "2026-11-26 04:20  fail       100.0 %    300 ms      2  run payments against staging"
        );
        let page = history_page(&entries);
        assert!(page.contains("b.json") && page.contains("path class=\"a\""), "{page}");
        assert!(history_page(&[]).contains("No artifacts."));
    }
}
