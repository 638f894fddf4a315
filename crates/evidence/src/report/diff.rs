//! Two artifacts side by side: which figures moved by more than noise, which criteria changed, which findings are new.

use super::columns::{Row, table};
use super::html::{Reason, Top, class, page};
use super::screen::Screen;
use crate::analysis::event_name;
use crate::figure::actual;
use crate::gate::{Check, GENERATOR_LAG, GENERATOR_RESOURCES, ONLY_WHILE_BROKEN, Verdict, overall};
use crate::report::load::OF_FLOWS;
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use pii::shown;
use serde_json::Value;
use std::collections::BTreeSet;

/// A latency is another one when it differs by this share, and by more than [`LEAST_MS`].
const SHARE: f64 = 0.2;
/// Milliseconds by which two latencies differ by chance on any machine.
const LEAST_MS: f64 = 1.0;
/// Samples that each side needs before its percentiles are compared.
const SAMPLES: u64 = 30;

/// What an artifact of any kind says, as far as two can be compared.
#[derive(Debug, Clone)]
pub struct Told {
    /// `run`, `load`, `receive`, `observe`, `probe`.
    pub kind: String,
    /// Scenario, or what was loaded.
    pub name: String,
    pub environment: String,
    /// Start, RFC 3339.
    pub started: String,
    pub verdict: Verdict,
    pub checks: Vec<Check>,
    /// How a load was to start; null for what is none.
    schedule: Value,
    /// One sentence for each finding of personal data, lost webhook and the like, without what differs from run to run.
    findings: BTreeSet<String>,
}

/// Why two files cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    #[error("not a smoke artifact: {0}")]
    NoArtifact(String),
    #[error("one is from a {0}, the other from a {1}")]
    Kinds(String, String),
    #[error("one is from scenario {0}, the other from {1}")]
    Scenarios(String, String),
}

/// How a criterion moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    Better,
    Same,
    Worse,
    /// Too few samples, or a side without a figure.
    Unclear,
}

/// Two artifacts, compared.
#[derive(Debug)]
pub struct Difference {
    old: Told,
    new: Told,
    rows: Vec<(Moved, Option<Check>, Option<Check>)>,
    appeared: Vec<String>,
    gone: usize,
}

impl Told {
    /// Reads an artifact.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, DiffError> {
        let wrong = |what: &str| DiffError::NoArtifact(what.to_owned());
        let file: Value = serde_json::from_slice(bytes)
            .map_err(|_| wrong("an artifact is one JSON object (NAME_output.json), and this is none"))?;
        let gates = file.get("acceptance_gates").ok_or_else(|| wrong("it has no `acceptance_gates`"))?;
        let checks = gates.get("checks").cloned().unwrap_or_default();
        let checks: Vec<Check> =
            serde_json::from_value(checks).map_err(|e| wrong(&format!("`checks`: {e}")))?;
        let verdict = serde_json::from_value(gates.get("verdict").cloned().unwrap_or_default());
        let verdict = verdict.map_err(|e| wrong(&format!("`acceptance_gates.verdict`: {e}")))?;
        // A run that was cut off is unproven, whatever its checks are.
        if verdict != Verdict::Unproven && verdict != overall(&checks) {
            return Err(wrong("its verdict does not follow from its checks"));
        }
        let text =
            |pointer: &str| file.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = [text("/provenance/scenario"), text("/load/subject"), text("/test_run/sender")];
        Ok(Self {
            kind: text("/provenance/kind"),
            name: name.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
            environment: text("/test_run/environment"),
            started: text("/test_run/timestamp"),
            verdict,
            checks,
            schedule: file.pointer("/load/schedule").cloned().unwrap_or_default(),
            findings: findings(&file),
        })
    }

    /// Whether it can be compared with what is of this kind and scenario.
    ///
    /// # Errors
    /// It is of another kind or scenario.
    pub fn is_of(&self, kind: &str, name: &str) -> Result<(), DiffError> {
        if self.kind != kind {
            return Err(DiffError::Kinds(self.kind.clone(), kind.to_owned()));
        }
        if self.name != name {
            return Err(DiffError::Scenarios(self.name.clone(), name.to_owned()));
        }
        Ok(())
    }

    /// The check with this id.
    #[must_use]
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// Whether all that it does not pass is about the generator.
    fn lacks_only_the_generator(&self) -> bool {
        let mut open =
            self.checks.iter().filter(|check| matches!(check.verdict, Verdict::Fail | Verdict::Unproven));
        open.clone().next().is_some() && open.all(is_of_generator)
    }
}

/// What went wrong, by event and in words; the parts that are of one run only are left out.
fn findings(file: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for kind in ["lost", "late", "duplicates", "unexpected", "leaking"] {
        let cases = file.pointer(&format!("/cases/{kind}/first")).and_then(Value::as_array);
        for case in cases.into_iter().flatten() {
            let of = |key: &str| case.get(key).and_then(Value::as_str).unwrap_or_default();
            let (event, step) = (event_name(of("event")), of("step"));
            let what = match kind {
                // Without the excerpt, which is another in each run.
                "leaking" => of("what").split(" (").next().unwrap_or_default(),
                "duplicates" => "duplicate",
                kind => kind,
            };
            found.insert(match step {
                "" => format!("{event}: {what}"),
                step => format!("{event} of step {step}: {what}"),
            });
        }
    }
    found
}

impl Difference {
    /// Compares two artifacts of one kind and scenario.
    ///
    /// # Errors
    /// When they are of different kinds or scenarios.
    pub fn new(old: Told, new: Told) -> Result<Self, DiffError> {
        old.is_of(&new.kind, &new.name)?;
        let mut rows: Vec<_> = new
            .checks
            .iter()
            .map(|check| {
                let before = old.check(&check.id).cloned();
                let unsaid = before.is_none().then(|| unsaid(check)).flatten();
                let how = before.as_ref().or(unsaid.as_ref()).map_or(Moved::Unclear, |b| moved(b, check));
                (how, before, Some(check.clone()))
            })
            .collect();
        let dropped = old.checks.iter().filter(|check| new.check(&check.id).is_none());
        rows.extend(dropped.map(|check| {
            let how = unsaid(check).map_or(Moved::Unclear, |after| moved(check, &after));
            (how, Some(check.clone()), None)
        }));
        let appeared = new.findings.difference(&old.findings).cloned().collect();
        let gone = old.findings.difference(&new.findings).count();
        Ok(Self { old, new, rows, appeared, gone })
    }

    /// Whether anything is worse by more than noise, or the verdict is.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        self.has_worse() || self.fell()
    }

    fn has_worse(&self) -> bool {
        self.count(Moved::Worse) > 0 || !self.appeared.is_empty()
    }

    /// Whether the verdict was a pass and is none, or has become a fail: be it by gates that the other side does not list. What the generator
    /// took says nothing of the target.
    fn fell(&self) -> bool {
        use Verdict::{Fail, NotExercised, Pass, Unproven};
        match (self.old.verdict, self.new.verdict) {
            (Pass | Unproven | NotExercised, Fail) => true,
            (Pass, Unproven | NotExercised) => !self.new.lacks_only_the_generator(),
            _ => false,
        }
    }

    fn count(&self, wanted: Moved) -> usize {
        self.rows.iter().filter(|(moved, ..)| *moved == wanted).count()
    }

    /// The answer in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (worse, better) = (self.count(Moved::Worse), self.count(Moved::Better));
        let findings = match self.appeared.len() {
            0 => String::new(),
            1 => ", 1 new finding".to_owned(),
            n => format!(", {n} new findings"),
        };
        let fell = if self.fell() && !self.has_worse() {
            format!("; the verdict was {} and is {}", self.old.verdict.word(), self.new.verdict.word())
        } else {
            String::new()
        };
        format!("{worse} worse, {better} better, {} unclear{findings}{fell}", self.count(Moved::Unclear))
    }

    const fn word(worse: bool) -> &'static str {
        if worse { "WORSE" } else { "NOT WORSE" }
    }

    /// Both sides for a terminal.
    #[must_use]
    pub fn text(&self, screen: Screen) -> String {
        let verdict = if self.is_worse() { Verdict::Fail } else { Verdict::Pass };
        let said = format!("{} {}", Self::word(self.is_worse()), self.sentence());
        let mut out = format!("{}\n", screen.paint(&said, verdict));
        for (side, told) in [("old", &self.old), ("new", &self.new)] {
            let (name, environment) = (shown(&told.name), shown(&told.environment));
            let of = format!(
                "{name} against {environment}, {}: {}",
                shown(&second(&told.started)),
                told.verdict.word()
            );
            out.push_str(&screen.wrapped(&format!("{side}  "), &of));
        }
        let head = ["", "gate", "old", "new", "n"].map(str::to_owned);
        let mut rows: Vec<Row> = vec![(head, None)];
        let listed = self.rows.iter().filter(|(moved, ..)| screen.all || *moved != Moved::Same);
        rows.extend(
            listed.map(|(moved, old, new)| (cells(*moved, old.as_ref(), new.as_ref()), moved.colour())),
        );
        if rows.len() > 1 {
            out.push('\n');
            out.push_str(&table(&rows, screen));
        }
        let same = self.count(Moved::Same);
        if same > 0 && !screen.all {
            out.push_str(&screen.wrapped("", &format!("{same} within noise; --all lists them")));
        }
        for finding in &self.appeared {
            out.push_str(&screen.wrapped("new finding: ", &shown(finding)));
        }
        if self.old.schedule != self.new.schedule {
            let note = "the two loads were not scheduled alike, so that their latencies and counts are of different loads";
            out.push_str(&screen.wrapped("note: ", note));
        }
        if self.gone > 0 {
            out.push_str(&screen.wrapped("", &format!("{} earlier findings are gone", self.gone)));
        }
        out
    }

    /// Both sides as a page.
    #[must_use]
    pub fn html(&self) -> String {
        let side = |word: &str, told: &Told| {
            format!(
                "{word}: {} against {}, {}: {}",
                told.name,
                told.environment,
                second(&told.started),
                told.verdict.word()
            )
        };
        let worse = self.rows.iter().filter(|(moved, ..)| *moved == Moved::Worse);
        let reason = |(_, old, new): &(Moved, Option<Check>, Option<Check>)| {
            let [_, title, before, after, _] = cells(Moved::Worse, old.as_ref(), new.as_ref());
            Reason {
                verdict: Verdict::Fail,
                title,
                said: format!("{before} → {after}"),
                anchor: "moved".to_owned(),
            }
        };
        let top = Top {
            kind: "diff",
            title: "Two artifacts compared".to_owned(),
            facts: vec![side("old", &self.old), side("new", &self.new)],
            verdict: if self.is_worse() { Verdict::Fail } else { Verdict::Pass },
            recommendation: match self.is_worse() {
                true => format!("The new artifact is worse: {}.", self.sentence()),
                false => format!("The new artifact is not worse: {}.", self.sentence()),
            },
            is_no_evidence: false,
            reasons: worse.map(reason).collect(),
            tiles: Vec::new(),
            asked: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        };
        let body = html! {
            (top.draw())
            main {
            h2 id="moved" { "Gates" }
            @if self.rows.iter().any(|(moved, ..)| *moved != Moved::Same) { (self.html_table(|moved| moved != Moved::Same)) }
            @if self.count(Moved::Same) > 0 {
                details { summary { (self.count(Moved::Same)) " within noise" } (self.html_table(|moved| moved == Moved::Same)) }
            }
            @if !self.appeared.is_empty() {
                h2 { "New findings" }
                ul { @for finding in &self.appeared { li { (finding) } } }
            }
            }
        };
        page(&top.title, &body)
    }

    fn html_table(&self, wanted: impl Fn(Moved) -> bool) -> Markup {
        let rows = self.rows.iter().filter(|(moved, ..)| wanted(*moved));
        html! {
            table.stack {
                thead { tr { th { "" } th { "Gate" } th.n { "Old" } th.n { "New" } th.n { "n" } } }
                tbody { @for (moved, old, new) in rows { (html_row(*moved, old.as_ref(), new.as_ref())) } }
            }
        }
    }
}

/// `2026-11-26 04:20:49 UTC` of a time in RFC 3339.
fn second(time: &str) -> String {
    time.parse::<DateTime<Utc>>()
        .map_or_else(|_| time.to_owned(), |time| time.format("%F %T UTC").to_string())
}

fn html_row(moved: Moved, old: Option<&Check>, new: Option<&Check>) -> Markup {
    let [word, title, before, after, n] = cells(moved, old, new);
    html! {
        tr {
            td data-label="" { span class=(moved.colour().map(class).unwrap_or("dim")) { (word) } }
            td data-label="Gate" { (title) }
            td.n data-label="Old" { (before) }
            td.n data-label="New" { (after) }
            td.n data-label="n" { (n) }
        }
    }
}

fn cells(moved: Moved, old: Option<&Check>, new: Option<&Check>) -> [String; 5] {
    let title = match (old, new) {
        (Some(old), Some(new)) if old.target != new.target => {
            format!("{} ({}, was {})", new.title, new.target, old.target)
        }
        _ => new.or(old).map(|check| check.title.clone()).unwrap_or_default(),
    };
    let of = |side: Option<&Check>| match side {
        Some(check) if check.verdict == Verdict::Pass => with_interval(check),
        Some(check) if check.actual.is_none() => check.verdict.word().to_owned(),
        Some(check) => format!("{} {}", with_interval(check), check.verdict.word()),
        None => "-".to_owned(),
    };
    let n = format!("{}/{}", old.map_or(0, |c| c.n), new.map_or(0, |c| c.n));
    [moved.word().to_owned(), title, of(old), of(new), n]
}

fn with_interval(check: &Check) -> String {
    match check.interval_95.filter(|_| check.actual.is_some()) {
        Some(of) => format!("{} [{:.1} {:.1}]", actual(check), of.low, of.high),
        None => actual(check),
    }
}

impl Moved {
    const fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Same => "same",
            Self::Worse => "worse",
            Self::Unclear => "unclear",
        }
    }

    const fn colour(self) -> Option<Verdict> {
        match self {
            Self::Better => Some(Verdict::Pass),
            Self::Same => None,
            Self::Worse => Some(Verdict::Fail),
            Self::Unclear => Some(Verdict::Unproven),
        }
    }
}

/// What an artifact that does not list a criterion says of it, where its check is only there while something is wrong.
fn unsaid(check: &Check) -> Option<Check> {
    let id = check.id.strip_prefix(OF_FLOWS).unwrap_or(&check.id);
    let is_one = ONLY_WHILE_BROKEN.iter().any(|row| row.id == id);
    is_one.then(|| Check {
        actual: Some(0.0),
        n: 0,
        interval_95: None,
        verdict: Verdict::Pass,
        ..check.clone()
    })
}

/// How one criterion moved. A verdict that was a pass and is none is worse, however little the figure moved; one that was none and is a
/// pass is better where the gate is the same and the figure no worse: more samples or another limit say nothing of the sender.
///
/// A check of another title is of another figure, as the latencies of open and of closed loads are; and what the generator took says
/// nothing of its target.
fn moved(old: &Check, new: &Check) -> Moved {
    if old.title != new.title || is_of_generator(new) && old.actual != new.actual {
        return Moved::Unclear;
    }
    let passes = match (old.verdict, new.verdict) {
        (Verdict::NotExercised, Verdict::NotExercised) => return Moved::Same,
        (Verdict::NotExercised, _) | (_, Verdict::NotExercised) => return Moved::Unclear,
        (Verdict::Pass, Verdict::Fail | Verdict::Unproven) | (Verdict::Unproven, Verdict::Fail) => {
            return Moved::Worse;
        }
        (Verdict::Fail | Verdict::Unproven, Verdict::Pass) => old.target == new.target,
        _ => false,
    };
    match figure_moved(old, new) {
        Moved::Worse => Moved::Worse,
        _ if passes => Moved::Better,
        moved => moved,
    }
}

fn is_of_generator(check: &Check) -> bool {
    [GENERATOR_LAG, GENERATOR_RESOURCES].iter().any(|own| own.id == check.id)
}

fn figure_moved(old: &Check, new: &Check) -> Moved {
    let (Some(before), Some(after)) = (old.actual, new.actual) else { return Moved::Unclear };
    match new.unit.as_str() {
        "%" => rate(old, new),
        "ms" => latency(before, after, old.n.min(new.n)),
        _ => count(old, new),
    }
}

/// Two rates differ where their 95 % intervals do not touch.
fn rate(old: &Check, new: &Check) -> Moved {
    let (Some(before), Some(after)) = (old.interval_95, new.interval_95) else { return Moved::Unclear };
    let up = after.low > before.high;
    let down = after.high < before.low;
    match (up, down, new.target.starts_with('>')) {
        (false, false, _) => Moved::Same,
        (true, _, true) | (_, true, false) => Moved::Better,
        _ => Moved::Worse,
    }
}

fn latency(before: f64, after: f64, samples: u64) -> Moved {
    let by = after - before;
    if by.abs() <= LEAST_MS || by.abs() <= before * SHARE {
        Moved::Same
    } else if samples < SAMPLES {
        Moved::Unclear
    } else if by > 0.0 {
        Moved::Worse
    } else {
        Moved::Better
    }
}

/// Counts are exact: what should be none, or all, is compared by how much it misses that.
fn count(old: &Check, new: &Check) -> Moved {
    let missed = |check: &Check| {
        let all = check.target.strip_prefix("all ").and_then(|n| n.split(' ').next()?.parse::<f64>().ok());
        let actual = check.actual.unwrap_or_default();
        all.map_or(actual, |all| all - actual)
    };
    match missed(new).total_cmp(&missed(old)) {
        std::cmp::Ordering::Less => Moved::Better,
        std::cmp::Ordering::Equal => Moved::Same,
        std::cmp::Ordering::Greater => Moved::Worse,
    }
}

#[cfg(test)]
mod tests;
