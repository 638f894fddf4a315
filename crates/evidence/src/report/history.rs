//! Many runs of one thing: a line for each, and how its latency and its failures went over time.

use super::diff::Told;
use super::html::{Across, Chart, Line, Up, class, page};
use super::screen::{Screen, cut};
use crate::figure::actual;
use crate::gate::{Check, Verdict};
use maud::{Markup, html};
use pii::shown;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many runs a page shows without being asked for more: a phone has five screens of them.
const NEWEST: usize = 20;

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

/// The runs of each thing under its name, a line for each, the oldest first.
#[must_use]
pub fn history_text(entries: &[Entry], screen: Screen) -> String {
    let mut out = String::new();
    for (name, runs) in by_name(&sorted(entries)) {
        let _ = writeln!(out, "{}{}", if out.is_empty() { "" } else { "\n" }, cut(&name, screen.width));
        let _ = writeln!(
            out,
            "{:<17} {:<9} {:>8} {:>9} {:>6}  folder",
            "started (UTC)", "verdict", "success", "p95", "failed"
        );
        for run in runs {
            let verdict = run.entry.told.verdict;
            let mark = screen.paint(&format!("{:<9}", verdict.word()), verdict);
            let figure = |check: Option<&Check>| check.map_or_else(|| "-".to_owned(), actual);
            let line = format!(
                "{:<17} {mark} {:>8} {:>9} {:>6}  ",
                minute(&run.entry.told.started),
                figure(run.success),
                figure(run.p95),
                run.failed
            );
            let room = screen.width.saturating_sub(55).max(10);
            let _ = writeln!(out, "{line}{}", folder(&run.entry.path, room));
        }
    }
    out
}

/// The same as a page, with the trend of each scenario.
#[must_use]
pub fn history_page(entries: &[Entry]) -> String {
    let sorted = sorted(entries);
    let by_name = by_name(&sorted);
    let body = html! {
        header { p.crumb { b { "smoke" } " history" } h1 { "Runs over time" } }
        @for (name, runs) in &by_name {
            @let newest_first: Vec<&Shown<'_>> = runs.iter().rev().copied().collect();
            @let (newest, earlier) = newest_first.split_at(NEWEST.min(newest_first.len()));
            h2 { (name) }
            @if runs.iter().filter(|run| run.p95.is_some_and(|p95| p95.actual.is_some())).count() > 1 { (latencies(runs).draw()) }
            @if runs.len() > 1 { (failures(runs).draw()) }
            (table(newest))
            @if !earlier.is_empty() {
                details { summary { b { "Earlier runs" } " " (earlier.len()) } (table(earlier)) }
            }
        }
        @if by_name.is_empty() { p { "No artifacts." } }
    };
    page("Runs over time", &body)
}

fn table(runs: &[&Shown<'_>]) -> Markup {
    html! {
        table.stack {
            thead { tr { th { "Started (UTC)" } th { "Verdict" } th.n { "Success" } th.n { "p95" } th.n { "Failed gates" } th { "File" } } }
            tbody {
                @for run in runs {
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
}

/// What was run, with its runs, the oldest first.
fn by_name<'a>(sorted: &'a [Shown<'a>]) -> BTreeMap<String, Vec<&'a Shown<'a>>> {
    let mut by_name: BTreeMap<String, Vec<&Shown<'_>>> = BTreeMap::new();
    for shown in sorted {
        by_name.entry(name(&shown.entry.told)).or_default().push(shown);
    }
    by_name
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
    // The kind says it already.
    let is_said = ["", told.kind.as_str(), "observation"].contains(&told.name.as_str());
    let name = if is_said { String::new() } else { format!(" {}", shown(&told.name)) };
    format!("{}{name} against {}", shown(&told.kind), shown(&told.environment))
}

/// The folder that a file lies in; of one that is too long for `room` columns, its end.
fn folder(path: &str, room: usize) -> String {
    let folder = shown(path.rsplit_once('/').map_or(".", |(folder, _)| folder));
    match folder.chars().count().checked_sub(room) {
        None | Some(0) => folder,
        Some(over) => format!("…{}", folder.chars().skip(over + 1).collect::<String>()),
    }
}

/// `2026-11-26 04:20` of an RFC 3339 time.
fn minute(time: &str) -> String {
    shown(&time.replace('T', " ").chars().take(16).collect::<String>())
}

fn latencies(runs: &[&Shown<'_>]) -> Chart {
    let p95 = |run: &&Shown<'_>| run.p95.and_then(|check| check.actual);
    chart("Latency p95", "", Up::Latency, "a", runs, p95)
}

#[expect(clippy::cast_precision_loss, reason = "a number of gates")]
fn failures(runs: &[&Shown<'_>]) -> Chart {
    chart("Failed gates", "", Up::Linear, "c", runs, |run| Some(run.failed as f64))
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
            entry("runs/a/a.json", "2026-11-25T04:20:49Z", "pass", 12.5),
        ];
        let text = history_text(&entries, Screen::new(Colour::None, Some((100, 24)), false));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            (lines[0], lines[2]),
            ("run payments against staging", "2026-11-25 04:20  pass       100.0 %   12.5 ms      0  runs/a")
        );
        assert_eq!(lines[3], "2026-11-26 04:20  fail       100.0 %    300 ms      2  .");
        assert_eq!(
            (folder("evidence/runs/12/o.json", 9), folder("é/o.json", 1)),
            ("…/runs/12".into(), "é".into())
        );
        let page = history_page(&entries);
        assert!(page.contains("b.json") && page.contains("path class=\"a\""), "{page}");
        assert!(!page.contains("Earlier runs"), "{page}");
        assert!(history_page(&[]).contains("No artifacts."));
        let many: Vec<Entry> = (0..23)
            .map(|n| entry(&format!("{n}.json"), &format!("2026-11-26T04:{n:02}:00Z"), "pass", 12.5))
            .collect();
        let page = history_page(&many);
        let (shown, earlier) = page.split_once("Earlier runs").unwrap();
        assert!(
            shown.contains(">22.json<") && earlier.contains("</b> 3<") && earlier.contains(">2.json<"),
            "{page}"
        );
    }
}
