//! The judgement as a page, in the design of all the others.

use super::judgement::{Approval, Finding, Group, Item, Judgement};
use super::text::says;
use super::trust;
use crate::gate::Verdict;
use crate::report::html::{Reason, Top, class, page};
use maud::{Markup, html};

/// The whole answer as one HTML file.
#[must_use]
pub fn approval_page(approval: &Approval) -> String {
    let top = Top {
        kind: "gate",
        title: "Approval gate".to_owned(),
        facts: approval.artifacts.iter().map(|judgement| judgement.artifact.clone()).collect(),
        verdict: approval.verdict,
        recommendation: in_short(approval),
        is_no_evidence: false,
        reasons: reasons(approval),
        tiles: Vec::new(),
        asked: Vec::new(),
        warnings: approval
            .missing
            .iter()
            .map(|kind| format!("{} is required, but no such artifact was given", kind.word()))
            .collect(),
        notes: Vec::new(),
    };
    let body = html! {
        (top.draw())
        main { @for (i, judgement) in worst_first(approval) { (artifact(i, judgement)) } }
    };
    page(&top.title, &body)
}

/// The verdict in a sentence; what decided it stands below, as links.
fn in_short(approval: &Approval) -> String {
    match approval.verdict {
        Verdict::Fail => "Do not approve on this evidence.".to_owned(),
        Verdict::Unproven if !approval.artifacts.is_empty() => {
            "This evidence is not enough to approve.".to_owned()
        }
        _ => says(approval),
    }
}

/// The artifacts with their places, those that failed before the others.
fn worst_first(approval: &Approval) -> Vec<(usize, &Judgement)> {
    let mut all: Vec<_> = approval.artifacts.iter().enumerate().collect();
    all.sort_by_key(|(_, judgement)| match judgement.verdict {
        Verdict::Fail => 0,
        Verdict::Unproven => 1,
        Verdict::Pass | Verdict::NotExercised => 2,
    });
    all
}

/// What decided, across all artifacts, with links to where it stands.
fn reasons(approval: &Approval) -> Vec<Reason> {
    let mut all = Vec::new();
    let several = approval.artifacts.len() > 1;
    for (i, judgement) in worst_first(approval) {
        all.extend(judgement.contradictions.iter().enumerate().map(|(n, finding)| Reason {
            verdict: Verdict::Fail,
            title: finding.kind.clone(),
            said: judgement.artifact.clone(),
            anchor: format!("finding-{i}-{n}"),
        }));
        let open = |item: &Item| matches!(item.verdict, Verdict::Fail | Verdict::Unproven);
        all.extend(judgement.items.iter().filter(|item| open(item)).map(|item| Reason {
            verdict: item.verdict,
            // Those that are not proven stand in one line, without more words.
            title: match item.verdict {
                Verdict::Unproven if several => format!("{} ({})", item.title, judgement.artifact),
                _ => item.title.clone(),
            },
            said: judgement.artifact.clone(),
            anchor: format!("item-{i}-{}", item.id),
        }));
    }
    all
}

fn artifact(i: usize, judgement: &Judgement) -> Markup {
    let of = |verdict| judgement.items.iter().filter(move |item| item.verdict == verdict);
    let word = judgement.verdict.word();
    html! {
        h2 { code { (judgement.artifact) } " " span class=(class(judgement.verdict)) { (word) } }
        @for item in of(Verdict::Pass).filter(|item| item.id == trust::ID) {
            p { b { (item.title) ": " } (item.figure) (left_open(item)) }
        }
        @for (n, finding) in judgement.contradictions.iter().enumerate() { (contradiction(&format!("finding-{i}-{n}"), finding)) }
        @for item in of(Verdict::Fail).chain(of(Verdict::Unproven)) {
            section.card.(class(item.verdict)) id={ "item-" (i) "-" (item.id) } {
                h3 { (item.title) }
                p { (item.figure) }
                p.dim { "From: " (item.source) }
            }
        }
        @for (group, title) in [(Group::Setting, "What was run"), (Group::Evidence, "Evidence"), (Group::Checklist, "Checklist")] {
            (passed(title, group == Group::Setting, of(Verdict::Pass).filter(|item| item.group == group)))
        }
        @let idle = of(Verdict::NotExercised).count();
        @if idle > 0 {
            details { summary { (idle) " not exercised" } (table(of(Verdict::NotExercised))) }
        }
    }
}

fn contradiction(id: &str, finding: &Finding) -> Markup {
    html! {
        section.card.fail id=(id) {
            h3 { "Contradiction " code { (finding.kind) } }
            p { (finding.sentence) }
        }
    }
}

fn passed<'a>(title: &str, open: bool, items: impl Iterator<Item = &'a Item>) -> Markup {
    let items: Vec<&Item> = items.collect();
    html! {
        @if !items.is_empty() {
            details open[open] { summary { (title) " " span.dim { (items.len()) " passed" } } (table(items.into_iter())) }
        }
    }
}

fn table<'a>(items: impl Iterator<Item = &'a Item>) -> Markup {
    html! {
        table.stack {
            thead { tr { th { "Item" } th { "Figure" } th { "From" } } }
            tbody {
                @for item in items {
                    tr {
                        td data-label="Item" { span class=(class(item.verdict)) { (item.title) } }
                        td data-label="Figure" { (item.figure) (left_open(item)) }
                        td.dim data-label="From" { (item.source) }
                    }
                }
            }
        }
    }
}

fn left_open(item: &Item) -> Markup {
    html! { @if let Some(open) = &item.open { span.dim { "; open: " (open) } } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::Kind;

    #[test]
    fn each_reason_is_linked_to_its_evidence_and_nothing_is_markup() {
        let item = Item {
            id: "lost".to_owned(),
            group: Group::Checklist,
            title: "Lost webhooks".to_owned(),
            verdict: Verdict::Fail,
            figure: "<b>3</b>".to_owned(),
            source: "journal".to_owned(),
            open: None,
        };
        let finding = Finding { kind: "artifact_differs".to_owned(), sentence: "<i>x</i>".to_owned() };
        let judged = Judgement::new("a_output.json", Kind::Payments, vec![item], vec![finding]);
        let page = approval_page(&Approval::new(vec![judged], &["matches".parse().unwrap()]));
        for anchor in ["item-0-lost", "finding-0-0"] {
            assert!(
                page.contains(&format!("href=\"#{anchor}\"")) && page.contains(&format!("id=\"{anchor}\"")),
                "{anchor}"
            );
        }
        assert!(!page.contains("<b>3") && !page.contains("<i>x"), "{page}");
        assert!(page.contains("matches is required"));
    }
}
