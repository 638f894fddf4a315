//! The frame of every page: head, style, what the page may load, and the top: the verdict and what decided it.

use super::lists::rules;
use super::style::STYLE;
use crate::figure::actual;
use crate::gate::{Check, Verdict};
use crate::report::asked::STAND_IN;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Scripts, images, fonts, connections: none; the style stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A whole page.
pub(crate) fn page(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="referrer" content="no-referrer";
                title { "smoke: " (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(rules())) }
            }
            body { (body) }
        }
    };
    // Whoever posts a webhook or answers a step writes texts of the page, and must command no reader with them.
    pii::printable(&page.into_string()).into_owned()
}

/// A reason for the verdict, with the place on the page where its evidence stands.
#[derive(Debug, Clone)]
pub(crate) struct Reason {
    pub verdict: Verdict,
    pub title: String,
    /// Its figure, and what was wanted.
    pub said: String,
    /// The id of its evidence.
    pub anchor: String,
}

impl Reason {
    /// Those of checks that did not pass.
    pub fn of(checks: &[Check]) -> Vec<Self> {
        let open = checks.iter().filter(|c| matches!(c.verdict, Verdict::Fail | Verdict::Unproven));
        let reason = |check: &Check| Self {
            verdict: check.verdict,
            title: check.title.clone(),
            said: figure(check),
            anchor: anchor(check),
        };
        open.map(reason).collect()
    }
}

/// The id of the evidence for a check.
pub(super) fn anchor(check: &Check) -> String {
    format!("check-{}", check.id)
}

/// `3 (target 0)`.
pub(super) fn figure(check: &Check) -> String {
    match (check.actual, check.target.as_str()) {
        (None, "") => String::new(),
        (None, target) => format!("target {target}"),
        (Some(_), "") => actual(check),
        (Some(_), target) => format!("{} (target {target})", actual(check)),
    }
}

/// What stands above everything else.
#[derive(Debug)]
pub(crate) struct Top {
    /// What kind of page it is: `run`, `load` …
    pub kind: &'static str,
    pub title: String,
    /// When, how long, by which version.
    pub facts: Vec<String>,
    pub verdict: Verdict,
    pub recommendation: String,
    /// Whether it was against the stand-in, and the recommendation does not say so.
    pub is_no_evidence: bool,
    pub reasons: Vec<Reason>,
    /// Counts that everyone asks for first.
    pub tiles: Vec<(&'static str, String)>,
    /// What was broken on purpose: what was asked for, by whose doing.
    pub asked: Vec<(&'static str, String)>,
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
}

impl Top {
    /// The top as markup.
    pub fn draw(&self) -> Markup {
        html! {
            header id="top" {
                p.crumb { b { "smoke" } " " (self.kind) }
                h1 { (self.title) }
                p.dim { (self.facts.join(" · ")) }
            }
            (self.verdict())
            @if !self.asked.is_empty() {
                ul.asked { @for (who, what) in &self.asked { li { b { (who) } " " (what) } } }
            }
            @if !self.tiles.is_empty() {
                dl.tiles { @for (name, figure) in &self.tiles { div { dt { (name) } dd { (figure) } } } }
            }
            @if !self.warnings.is_empty() {
                ul.warnings { @for warning in &self.warnings { li { b { "Warning: " } (warning) } } }
            }
            @for note in &self.notes { p.note { "Note: " (note) } }
        }
    }

    fn verdict(&self) -> Markup {
        let of = |verdict| self.reasons.iter().filter(move |r| r.verdict == verdict);
        html! {
            section class={ "verdict " (class(self.verdict)) } {
                p.word { strong { (self.verdict.word().to_uppercase()) } " " (self.recommendation) }
                @if of(Verdict::Fail).next().is_some() {
                    ul { @for r in of(Verdict::Fail) { li { a href={ "#" (r.anchor) } { (r.title) } " " span { (r.said) } } } }
                }
                @if of(Verdict::Unproven).next().is_some() {
                    p {
                        "Not proven: "
                        @for (i, r) in of(Verdict::Unproven).enumerate() {
                            @if i > 0 { ", " }
                            a href={ "#" (r.anchor) } { (r.title) }
                        }
                    }
                }
                @if self.is_no_evidence { p.dim { (STAND_IN) } }
            }
        }
    }
}

/// The class of a verdict in the style sheet.
pub(crate) const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Unproven => "unproven",
        Verdict::NotExercised => "not_exercised",
    }
}
