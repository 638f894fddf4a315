//! The judgement for a terminal: the answer, what did not pass, and what did as far as there is room for it.

use super::judgement::{Approval, Group, Item, Judgement};
use crate::gate::Verdict;
use crate::report::{Screen, counted};
use pii::printable;
use std::fmt::Write as _;

/// Width of the verdict in front of an item.
const MARK: usize = 10;
/// Widest title that the figures stand beside.
const TITLE: usize = 30;
/// The narrowest screen on which figures stand beside titles.
const SIDE_BY_SIDE: usize = 72;
/// Reasons that the verdict names; all of them follow it.
const NAMED: usize = 4;
/// Rows that a prompt takes below it.
const BELOW: usize = 2;

/// The whole answer: the verdict with the artifacts that decide it, then each artifact, those that did not pass first.
#[must_use]
pub fn human(approval: &Approval, screen: Screen) -> String {
    let whole = told(approval, screen, true);
    let fits = screen.rows.is_none_or(|rows| whole.lines().count() + BELOW <= rows);
    if fits || screen.all { whole } else { told(approval, screen, false) }
}

fn told(approval: &Approval, screen: Screen, passed: bool) -> String {
    let mark = approval.verdict.word().to_uppercase();
    let verdict = screen.wrapped(&format!("{mark} "), &says(approval));
    let mut out = verdict.replacen(&mark, &screen.paint(&mark, approval.verdict), 1);
    for kind in &approval.missing {
        let missing = format!("{} is required, but no such artifact was given", kind.word());
        out.push_str(&marked(Verdict::Unproven, &missing, screen));
    }
    let mut sorted: Vec<&Judgement> = approval.artifacts.iter().collect();
    sorted.sort_by_key(|judgement| rank(judgement.verdict));
    for judgement in sorted {
        artifact(&mut out, judgement, screen, passed);
    }
    out
}

/// What did not pass comes first.
const fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Fail => 0,
        Verdict::Unproven => 1,
        Verdict::Pass => 2,
        Verdict::NotExercised => 3,
    }
}

fn artifact(out: &mut String, judgement: &Judgement, screen: Screen, passed: bool) {
    let verdict = judgement.verdict.word().to_uppercase();
    let heading = screen.wrapped("artifact ", &format!("{}: {verdict}", printable(&judgement.artifact)));
    let _ = write!(out, "\n{heading}");
    for finding in &judgement.contradictions {
        let said = format!("contradiction, {}: {}", finding.kind, printable(&finding.sentence));
        out.push_str(&marked(Verdict::Fail, &said, screen));
    }
    for wanted in [Verdict::Fail, Verdict::Unproven] {
        for item in judgement.items.iter().filter(|item| item.verdict == wanted) {
            // What was recomputed comes from the journal, as the heading of those that passed says.
            let from = if item.group == Group::Checklist { String::new() } else { source(item) };
            let said = format!("{}: {}{from}", printable(&item.title), printable(&item.figure));
            out.push_str(&marked(wanted, &said, screen));
        }
    }
    let of = |verdict| judgement.items.iter().filter(move |item| item.verdict == verdict);
    if passed {
        groups(out, judgement, screen);
    } else if of(Verdict::Pass).count() > 0 {
        let n = of(Verdict::Pass).count() as u64;
        out.push_str(&screen.wrapped("", &format!("{} passed; --all lists them", counted(n, "items"))));
    }
    let idle = of(Verdict::NotExercised).count();
    if idle > 0 && screen.all {
        out.push_str("\nnot exercised\n");
        of(Verdict::NotExercised).for_each(|item| out.push_str(&row("", item, "", screen)));
    } else if idle > 0 {
        out.push_str(&screen.wrapped("", &format!("{idle} not exercised; --all lists them")));
    }
}

/// The items that passed under the names of their groups.
fn groups(out: &mut String, judgement: &Judgement, screen: Screen) {
    for (group, title) in
        [(Group::Setting, "what was run"), (Group::Evidence, "evidence"), (Group::Checklist, "checklist")]
    {
        let items: Vec<&Item> = judgement
            .items
            .iter()
            .filter(|item| item.group == group && item.verdict == Verdict::Pass)
            .collect();
        let Some(first) = items.first() else { continue };
        // Where all come from the same file, that is said once.
        let one = items.iter().all(|item| item.source == first.source);
        let from = if one { source(first) } else { String::new() };
        let _ = write!(out, "\n{}", screen.wrapped("", &format!("{title}{from}")));
        for item in items {
            let source = if one { String::new() } else { source(item) };
            out.push_str(&row(item.verdict.word(), item, &source, screen));
        }
    }
}

/// A title with its figure beside it, or after it where the screen is narrow.
fn row(word: &str, item: &Item, source: &str, screen: Screen) -> String {
    let (title, figure) = (printable(&item.title), format!("{}{source}", printable(&item.figure)));
    let said = if screen.width < SIDE_BY_SIDE || title.chars().count() > TITLE {
        screen.wrapped(&format!("  {word:<MARK$}"), &format!("{title}: {figure}"))
    } else {
        screen.wrapped(&format!("  {word:<MARK$}{title:<TITLE$} "), &figure)
    };
    said.replacen(word, &screen.paint(word, item.verdict), 1)
}

fn marked(verdict: Verdict, text: &str, screen: Screen) -> String {
    let mark = format!("{:<MARK$}", verdict.word());
    screen.wrapped(&mark, text).replacen(&mark, &screen.paint(&mark, verdict), 1)
}

fn source(item: &Item) -> String {
    if item.source.is_empty() || item.source == "-" {
        String::new()
    } else {
        format!(" [{}]", printable(&item.source))
    }
}

/// The verdict in a sentence that names the artifacts which decide it.
pub(super) fn says(approval: &Approval) -> String {
    let deciding: Vec<String> = approval
        .artifacts
        .iter()
        .filter(|judgement| judgement.verdict == approval.verdict)
        .map(|judgement| decided(judgement, approval.verdict))
        .collect();
    match approval.verdict {
        Verdict::Pass => "Everything was recomputed from the journals, and every item passed.".to_owned(),
        Verdict::Fail => format!("{} Do not approve on this evidence.", deciding.join(" ")),
        Verdict::Unproven | Verdict::NotExercised => {
            let missing = approval.missing.iter().map(|kind| format!("Missing: {}.", kind.word()));
            let all: Vec<String> = missing.chain(deciding).collect();
            if all.is_empty() { "Nothing was shown.".to_owned() } else { all.join(" ") }
        }
    }
}

/// `artifacts/x_output.json: Failed: Success rate, Lost webhooks. 2 contradictions.`
fn decided(judgement: &Judgement, verdict: Verdict) -> String {
    let mut titles: Vec<String> = judgement
        .items
        .iter()
        .filter(|i| i.verdict == verdict)
        .map(|i| printable(&i.title).into_owned())
        .collect();
    titles.dedup();
    let more = titles.len().saturating_sub(NAMED);
    if more > 0 {
        titles.truncate(NAMED);
        titles.push(format!("{more} more"));
    }
    let mut said = format!("{}:", printable(&judgement.artifact));
    if !titles.is_empty() {
        let word = if verdict == Verdict::Fail { "Failed" } else { "Not proven" };
        let _ = write!(said, " {word}: {}.", titles.join(", "));
    }
    match judgement.contradictions.len() {
        0 => {}
        1 => said.push_str(" One contradiction."),
        n => {
            let _ = write!(said, " {n} contradictions.");
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{Approval, Finding, Kind};
    use crate::report::Colour;

    fn item(title: &str, group: Group, verdict: Verdict) -> Item {
        Item {
            id: String::new(),
            group,
            title: title.to_owned(),
            verdict,
            figure: "a figure with as many words as it takes to wrap a line on every screen there is"
                .to_owned(),
            source: "recomputed from staging_payments_journal.jsonl".to_owned(),
            open: None,
        }
    }

    fn approval() -> Approval {
        let items = vec![
            item("Runs in all", Group::Setting, Verdict::Pass),
            item("Lost webhooks", Group::Checklist, Verdict::Fail),
            item("Who vouches", Group::Evidence, Verdict::Unproven),
            item("Success rate", Group::Checklist, Verdict::Pass),
            item("Retries off schedule", Group::Checklist, Verdict::NotExercised),
        ];
        let finding = Finding { kind: "artifact_differs".to_owned(), sentence: "x".repeat(300) };
        let name = "artifacts/staging_payments_output.json";
        Approval::new(
            vec![Judgement::new(name, Kind::Payments, items, vec![finding])],
            &["matches".parse().unwrap()],
        )
    }

    #[test]
    fn the_verdict_comes_first_and_names_the_artifact() {
        let text = human(&approval(), Screen::new(Colour::None, None, false));
        let first = text.lines().next().unwrap();
        let shown = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            first.starts_with("FAIL artifacts/staging_payments_output.json: Failed: Lost webhooks."),
            "{text}"
        );
        assert!(shown.contains("One contradiction. Do not approve on this evidence."), "{text}");
        assert!(text.contains("1 not exercised; --all lists them") && !text.contains("Retries off schedule"));
        let all = human(&approval(), Screen::new(Colour::None, Some((80, 24)), true));
        assert!(all.contains("Retries off schedule"), "{all}");
    }

    #[test]
    fn no_line_is_wider_than_the_screen_and_what_passed_is_folded_where_it_would_scroll() {
        for columns in [40, 80, 120] {
            for all in [false, true] {
                let screen = Screen::new(Colour::None, Some((columns, 12)), all);
                let text = human(&approval(), screen);
                assert!(text.lines().all(|l| l.chars().count() <= screen.width), "{columns}: {text}");
                assert_eq!(text.contains("2 items passed; --all lists them"), !all, "{text}");
            }
        }
    }
}
