//! The sweep of the sender's contract: a section of the artifact, and a table for a terminal.

use super::artifact::{Artifact, SenderContract};
use super::screen::{Colour, Screen};
use crate::analysis::Analysis;
use crate::gate::{ClauseVerdict, clauses};
use std::fmt::Write as _;

/// The section; none when the scenario has no contract.
pub(super) fn section(analysis: &Analysis) -> Option<SenderContract> {
    let clauses = clauses(analysis);
    let count = |verdict| clauses.iter().filter(|c| c.verdict == verdict).count() as u64;
    (!clauses.is_empty()).then(|| SenderContract {
        passed: count(ClauseVerdict::Pass),
        failed: count(ClauseVerdict::Fail),
        policy: count(ClauseVerdict::Policy),
        unproven: count(ClauseVerdict::Unproven),
        not_applicable: count(ClauseVerdict::NotApplicable),
        clauses: clauses.clone(),
    })
}

/// One line for each clause; after a clause that is broken, why it matters. On a screen from which the verdict would scroll away,
/// those that passed are counted, unless all are wanted. Empty without a contract.
#[must_use]
pub fn contract_table(artifact: &Artifact, screen: Screen) -> String {
    artifact.sender_contract.as_ref().map(|contract| table(contract, screen)).unwrap_or_default()
}

fn table(contract: &SenderContract, screen: Screen) -> String {
    let mut out = String::new();
    let folds = !screen.all && screen.rows.is_some_and(|rows| rows < contract.clauses.len());
    for clause in contract.clauses.iter().filter(|clause| !folds || clause.verdict != ClauseVerdict::Pass) {
        let mark = format!("{:<8}", clause.verdict.word());
        let told = screen.wrapped(&format!("{mark} {:<34} ", clause.clause), &clause.evidence);
        out.push_str(&told.replacen(&mark, &paint(&mark, clause.verdict, screen.colour), 1));
        if clause.verdict == ClauseVerdict::Fail {
            out.push_str(&screen.wrapped(&format!("{:44}", ""), &clause.why));
        }
    }
    let not_applicable = match contract.not_applicable {
        0 => String::new(),
        n => format!(", {n} not applicable"),
    };
    let way_out = if folds { "; --all lists those that passed" } else { "" };
    let sums = format!(
        "{} clauses: {} pass, {} fail, {} policy, {} unproven{not_applicable}{way_out}",
        contract.clauses.len(),
        contract.passed,
        contract.failed,
        contract.policy,
        contract.unproven,
    );
    let _ = writeln!(out, "\n{}", screen.wrapped("", &sums));
    out
}

fn paint(text: &str, verdict: ClauseVerdict, colour: Colour) -> String {
    let code = match (colour, verdict) {
        (Colour::None, _) => return text.to_owned(),
        (Colour::Ansi, ClauseVerdict::Pass) => "32",
        (Colour::Ansi, ClauseVerdict::Fail) => "31;1",
        (Colour::Ansi, ClauseVerdict::Policy) => "36",
        (Colour::Ansi, ClauseVerdict::Unproven) => "33",
        (Colour::Ansi, ClauseVerdict::NotApplicable) => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::JudgedClause;

    #[test]
    fn clauses_that_passed_are_counted_where_the_verdict_would_scroll_away() {
        let clause = |n: usize, verdict| JudgedClause {
            clause: format!("clause {n}"),
            verdict,
            evidence: "what was seen of it, in as many words as it takes to wrap the line".to_owned(),
            why: "why it matters".to_owned(),
            delivery: None,
        };
        let clauses =
            (0..30).map(|n| clause(n, if n == 7 { ClauseVerdict::Fail } else { ClauseVerdict::Pass }));
        let clauses: Vec<_> = clauses.collect();
        let contract =
            SenderContract { passed: 29, failed: 1, policy: 0, unproven: 0, not_applicable: 0, clauses };
        let shown = |size, all| table(&contract, Screen::new(Colour::None, size, all));
        let small = shown(Some((80, 24)), false);
        assert!(
            small.lines().count() < 10 && small.contains("clause 7") && !small.contains("clause 8"),
            "{small}"
        );
        assert!(small.contains("30 clauses: 29 pass, 1 fail, 0 policy, 0 unproven; --all"), "{small}");
        assert!(small.lines().all(|line| line.chars().count() <= 80), "{small}");
        for whole in [shown(Some((80, 24)), true), shown(Some((80, 60)), false), shown(None, false)] {
            assert!(whole.contains("clause 8") && !whole.contains("--all"), "{whole}");
        }
    }
}
