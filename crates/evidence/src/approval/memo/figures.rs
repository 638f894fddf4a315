//! The figures of a memo under the keys of the artifacts, so that the same arithmetic holds for both.

use super::super::document::{number, shown};
use super::super::judgement::Findings;
use super::super::times;
use super::labels::{Unit, key};
use super::quantity::{Figure, date, figure, limit, minutes, ratio, span};
use super::statements::{Parts, Statement, take_apart};
use crate::gate::PII_AND_LOG;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a memo states.
#[derive(Debug)]
pub(in crate::approval) struct Memo {
    /// As an artifact would.
    pub value: Value,
    /// By how much its latencies may have been rounded, ms.
    pub rounding_ms: f64,
    /// How many figures were found.
    pub figures: usize,
}

/// Rates of smoke's own memos are of organic deliveries only, and its counts of all: one does not follow from the other.
const OF_ORGANIC: [&str; 4] = ["success_rate", "retry_rate", "client_error_rate", "server_error_rate"];

/// Reads a memo; what it says twice and differently is a finding.
pub(in crate::approval) fn read(text: &str, now: DateTime<Utc>, found: &mut Findings) -> Memo {
    let parts = take_apart(text);
    let own = text.contains("journal SHA-256 `") || text.contains("\nMade by smoke ");
    let mut stated = Stated { own, ..Stated::default() };
    for statement in &parts.statements {
        stated.take(statement, found);
    }
    if own {
        OF_ORGANIC.iter().for_each(|key| drop(stated.figures.remove(key)));
    } else {
        blanks(text, &parts.statements, found);
    }
    window(text, &parts.statements, found);
    let rounding_ms = stated.rounding_ms();
    Memo { figures: stated.figures.len(), value: stated.value(&parts, now), rounding_ms }
}

/// The figures so far, by the artifacts' keys, with the line that each is from.
#[derive(Debug, Default)]
struct Stated {
    /// Whether smoke wrote the memo.
    own: bool,
    figures: BTreeMap<&'static str, (Figure, usize)>,
    signatures: Option<(u64, u64)>,
    claims: Map<String, Value>,
}

impl Stated {
    fn take(&mut self, statement: &Statement, found: &mut Findings) {
        // It counts what is in the sender's log besides what is in the webhooks.
        let known = key(&statement.label).filter(|_| !self.own || statement.label != PII_AND_LOG.title);
        let mut actual = None;
        if let Some((key, unit)) = known {
            let in_percent = unit == Unit::Share && statement.label.contains('%');
            let text = if in_percent { format!("{} %", statement.text) } else { statement.text.clone() };
            if let Some(figure) = figure(&text, unit) {
                actual = Some(figure.value.clone());
                self.state(key, figure, statement, found);
            }
            if let Some(ratio) = ratio(&statement.text) {
                self.ratio(key, ratio, statement, found);
            }
        }
        let Some(target) = statement.target.clone().or_else(|| limit(&statement.text)) else { return };
        let of_text = Value::String(statement.text.clone());
        let said = number(&of_text).is_some().then_some(of_text);
        let stated = known.and_then(|(key, _)| self.figures.get(key)).map(|(figure, _)| figure.value.clone());
        if let Some(actual) = actual.or(said).or(stated) {
            let status = if statement.passed { "pass" } else { "open" };
            let name = format!("{}, line {}", statement.label, statement.line);
            self.claims.insert(name, json!({"target": target, "actual": actual, "status": status}));
        }
    }

    /// Takes a figure; the same one said twice has to be the same.
    fn state(&mut self, key: &'static str, figure: Figure, statement: &Statement, found: &mut Findings) {
        let Some((before, line)) = self.figures.get(key) else {
            self.figures.insert(key, (figure, statement.line));
            return;
        };
        let (Some(a), Some(b)) = (number(&before.value), number(&figure.value)) else { return };
        if (a - b).abs() > before.rounding + figure.rounding {
            found.add(
                "memo_contradicts_itself",
                format!("{key} is {} in line {line} and {} in line {}", shown(a), shown(b), statement.line),
            );
        }
    }

    /// The counts behind a rate.
    fn ratio(&mut self, key: &'static str, (hits, n): (u64, u64), at: &Statement, found: &mut Findings) {
        let count = |n: u64| Figure { value: n.into(), rounding: 0.0 };
        if hits > n {
            found.add("counts_do_not_add_up", format!("line {}: {hits} cannot be a part of {n}", at.line));
        }
        match key {
            "success_rate" => {
                self.state("webhooks_success", count(hits), at, found);
                self.state("webhooks_sent", count(n), at, found);
            }
            "retry_rate" => {
                self.state("webhooks_retried", count(hits), at, found);
                self.state("webhooks_sent", count(n), at, found);
            }
            "signatures_valid_percent" => self.signatures = self.signatures.or(Some((hits, n))),
            _ => {}
        }
    }

    /// Half a unit of the coarsest latency.
    fn rounding_ms(&self) -> f64 {
        let latencies = self.figures.iter().filter(|(key, _)| key.ends_with("latency_ms"));
        latencies.map(|(_, (figure, _))| figure.rounding).fold(0.0, f64::max)
    }

    fn value(self, parts: &Parts, now: DateTime<Utc>) -> Value {
        let (mut run, mut performance) = (Map::new(), Map::new());
        let mut root = Map::new();
        for (key, (figure, _)) in self.figures {
            let section = match key {
                "findings_total" => {
                    root.insert("pii_check".to_owned(), json!({key: figure.value}));
                    continue;
                }
                _ if key.ends_with("latency_ms") || key == "samples" => &mut performance,
                _ => &mut run,
            };
            section.insert(key.to_owned(), figure.value);
        }
        if let Some(environment) = environment(&parts.statements) {
            run.insert("environment".to_owned(), environment.into());
        }
        if let Some(time) = began(&parts.statements, now) {
            run.insert("timestamp".to_owned(), time.into());
        }
        if let Some((valid, total)) = self.signatures {
            root.insert("hmac_signature_validation".to_owned(), json!({"total": total, "valid": valid}));
        }
        let events: Map<String, Value> = parts.events.iter().filter_map(event).collect();
        if !events.is_empty() {
            root.insert("event_distribution".to_owned(), Value::Object(events));
        }
        root.insert("test_run".to_owned(), Value::Object(run));
        root.insert("performance_metrics".to_owned(), Value::Object(performance));
        root.insert("claims".to_owned(), Value::Object(self.claims));
        for (line, lines) in &parts.blocks {
            // An artifact that is quoted is held to the same as one in a file.
            let block = serde_json::from_str(&lines.join("\n")).unwrap_or_else(|_| lines.clone().into());
            root.insert(format!("block_at_line_{line}"), block);
        }
        Value::Object(root)
    }
}

fn event((name, count): &(String, String)) -> Option<(String, Value)> {
    Some((name.clone(), figure(count, Unit::Count)?.value))
}

fn labelled<'a>(statements: &'a [Statement], words: &[&str]) -> Option<&'a Statement> {
    let is = |s: &&Statement| {
        let label = s.label.to_lowercase();
        words.iter().any(|w| label == *w || label.ends_with(&format!(" {w}")))
    };
    statements.iter().find(is)
}

/// In lower case, as the artifacts write it.
fn environment(statements: &[Statement]) -> Option<String> {
    if let Some(statement) = labelled(statements, &["environment"]) {
        return Some(statement.text.to_lowercase());
    }
    let window = labelled(statements, &["window"])?;
    let rest = window.text.split_once("environment ")?.1;
    Some(rest.split(',').next()?.trim().to_lowercase())
}

/// When the window began, RFC 3339; the text itself where it is no date.
fn began(statements: &[Statement], now: DateTime<Utc>) -> Option<String> {
    let window = labelled(statements, &["window"]);
    let at = labelled(statements, &["date", "timestamp", "started", "start time"]).or(window)?;
    let whole = at.text.split_whitespace().next().and_then(times::parse);
    if let Some(time) = whole {
        return Some(time.to_rfc3339());
    }
    let Some(date) = date(&at.text) else {
        return (Some(at) != window).then(|| at.text.clone());
    };
    let start = window.and_then(|w| span(&w.text)).map(|(start, _)| start);
    Some(start_of(date, start, now).to_rfc3339())
}

/// A date without a time of day stands for its end, as far as that has come: the latest that the run can have begun.
fn start_of(date: NaiveDate, time: Option<NaiveTime>, now: DateTime<Utc>) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN).and_utc();
    match time {
        Some(time) => date.and_time(time).and_utc(),
        None => (midnight + chrono::TimeDelta::seconds(86_399)).min(now).max(midnight),
    }
}

/// The window is as long as the memo says it is.
fn window(text: &str, statements: &[Statement], found: &mut Findings) {
    let span = labelled(statements, &["window"]).and_then(|s| span(&s.text));
    let stated = labelled(statements, &["duration", "window"]).and_then(|s| minutes(&s.text));
    let titles = text.lines().take(20).filter(|l| l.starts_with('#') || l.starts_with("**"));
    let Some(((from, to), stated)) = span.zip(stated.or_else(|| titles.filter_map(minutes).next())) else {
        return;
    };
    let minutes = (to - from).num_minutes().rem_euclid(24 * 60);
    if (minutes - stated).abs() > 1 {
        found.add(
            "window_does_not_fit",
            format!("the memo says {stated} minutes, but {from} to {to} is {minutes} minutes"),
        );
    }
}

/// A form that was not filled in, and approved.
fn blanks(text: &str, statements: &[Statement], found: &mut Findings) {
    let verdict = labelled(statements, &["verdict", "recommendation", "status", "decision"]);
    let approves = verdict.is_some_and(|s| {
        let text = s.text.to_lowercase();
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        let any = |names: &[&str]| words.iter().any(|w| names.contains(w));
        any(&["approved", "approve", "pass", "passed", "go", "proceed", "ready"])
            && !any(&["not", "no", "fail", "failed", "unproven"])
    });
    let blank = (1..).zip(text.lines()).find(|(_, line)| line.contains("____"));
    if let Some((number, line)) = blank.filter(|_| approves) {
        let line: String = super::statements::bare(line).chars().take(60).collect();
        found.add(
            "figure_left_blank",
            format!("line {number} was not filled in (`{line}`), yet the memo approves"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Value, Vec<String>) {
        let mut found = Findings::default();
        let memo = read(text, Utc::now(), &mut found);
        (memo.value, found.0.into_iter().map(|f| f.kind).collect())
    }

    #[test]
    fn the_guides_form_is_read() {
        let (value, kinds) = of(
            "**30-Minute Summary**\n**Date**: 2025-11-13\n**Time Window**: 14:30 - 15:00 UTC\n**Environment**: Staging\n\n\
             - ✅ **Success Rate**: 98.5% (197/200 webhooks)\n- ✅ **P95 Latency**: 1.2s (including retries)\n\
             - ✅ **Retry Rate**: 12% (24/200)\n- ✅ **HMAC Verification**: 100%\n- ✅ **PII Leaks**: 0 (clean)\n",
        );
        assert_eq!(kinds, [""; 0]);
        let run = &value["test_run"];
        assert_eq!((&run["webhooks_sent"], &run["webhooks_success"]), (&json!(200), &json!(197)));
        assert_eq!((&run["webhooks_retried"], &run["success_rate"]), (&json!(24), &json!(98.5)));
        assert_eq!(run["timestamp"], "2025-11-13T14:30:00+00:00");
        assert_eq!(run["environment"], "staging");
        assert_eq!(value["performance_metrics"]["p95_latency_ms"], 1200.0);
        assert_eq!(value["pii_check"]["findings_total"], 0);
    }

    #[test]
    fn what_a_memo_says_twice_is_the_same() {
        assert_eq!(of("Success rate: 98.5%\n\nSuccess rate: 97%").1, ["memo_contradicts_itself"]);
        assert_eq!(of("Success rate: 98.5%\n\nSuccess rate: 98%").1, [""; 0], "rounded");
        assert_eq!(of("Success rate: 99% (204/200)").1, ["counts_do_not_add_up"]);
        assert_eq!(of("# 30-minute memo\nWindow: 14:30 - 14:40").1, ["window_does_not_fit"]);
        assert_eq!(of("- [ ] P95 latency: ____ms\n\nVerdict: APPROVED").1, ["figure_left_blank"]);
        assert_eq!(of("- [ ] P95 latency: ____ms\n\nVerdict: not approved").1, [""; 0]);
    }
}
