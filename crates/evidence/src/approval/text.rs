//! The judgement for a terminal.

use super::judgement::{Approval, Group, Item, Judgement};
use crate::gate::Verdict;
use crate::report::{Colour, paint};
use pii::is_invisible;
use std::fmt::Write as _;

/// The whole answer: each artifact's items and contradictions, then the verdict.
#[must_use]
pub fn human(approval: &Approval, colour: Colour) -> String {
    let mut out = String::new();
    for judgement in &approval.artifacts {
        artifact(&mut out, judgement, colour);
    }
    for kind in &approval.missing {
        let mark = mark(Verdict::Unproven, colour);
        let _ = writeln!(out, "{mark} {} is required, and no such artifact was given\n", kind.word());
    }
    let _ = writeln!(
        out,
        "{} {}",
        paint(&approval.verdict.word().to_uppercase(), approval.verdict, colour),
        says(approval)
    );
    out
}

fn artifact(out: &mut String, judgement: &Judgement, colour: Colour) {
    let verdict = paint(&judgement.verdict.word().to_uppercase(), judgement.verdict, colour);
    let _ = writeln!(out, "{}: {verdict}", judgement.artifact);
    let groups =
        [(Group::Setting, "what was run"), (Group::Evidence, "evidence"), (Group::Checklist, "checklist")];
    for (group, title) in groups {
        let items: Vec<&Item> = judgement.items.iter().filter(|i| i.group == group).collect();
        if !items.is_empty() {
            let _ = writeln!(out, "\n  {title}");
        }
        for item in items {
            let mark = mark(item.verdict, colour);
            let _ = writeln!(
                out,
                "  {mark} {:<30} {}  [{}]",
                item.title,
                plain(&item.figure),
                plain(&item.source)
            );
        }
    }
    if !judgement.contradictions.is_empty() {
        let _ = writeln!(out, "\n  contradictions");
    }
    for finding in &judgement.contradictions {
        let mark = mark(Verdict::Fail, colour);
        let _ = writeln!(out, "  {mark} {}: {}", finding.kind, plain(&finding.sentence));
    }
    let _ = writeln!(out);
}

fn mark(verdict: Verdict, colour: Colour) -> String {
    paint(&format!("{:<13}", verdict.word()), verdict, colour)
}

fn says(approval: &Approval) -> String {
    let names = |verdict| {
        let of = approval.artifacts.iter().flat_map(|a| &a.items).filter(|i| i.verdict == verdict);
        let mut titles: Vec<&str> = of.map(|i| i.title.as_str()).collect();
        titles.extend(
            approval
                .missing
                .iter()
                .map(super::judgement::Required::word)
                .filter(|_| verdict == Verdict::Unproven),
        );
        titles.dedup();
        titles.join(", ")
    };
    let contradictions: usize = approval.artifacts.iter().map(|a| a.contradictions.len()).sum();
    match approval.verdict {
        Verdict::Pass => {
            "Everything was worked out again from the journals, and every item passed.".to_owned()
        }
        Verdict::Fail => {
            let failed = names(Verdict::Fail);
            let failed = if failed.is_empty() { String::new() } else { format!("Failed: {failed}. ") };
            let so = match contradictions {
                0 => String::new(),
                1 => "One contradiction. ".to_owned(),
                n => format!("{n} contradictions. "),
            };
            format!("{failed}{so}Do not approve on this evidence.")
        }
        Verdict::Unproven | Verdict::NotExercised => {
            let unproven = names(Verdict::Unproven);
            if unproven.is_empty() {
                "Nothing was shown.".to_owned()
            } else {
                format!("Not proven: {unproven}.")
            }
        }
    }
}

/// Text from a file that somebody else wrote, without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_invisible(c) { '\u{fffd}' } else { c }).collect()
}
