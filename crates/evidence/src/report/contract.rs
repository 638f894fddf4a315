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

/// One line for each clause; after a clause that is broken, why it matters. Empty without a contract.
#[must_use]
pub fn contract_table(artifact: &Artifact, screen: Screen) -> String {
    let mut out = String::new();
    let Some(contract) = &artifact.sender_contract else { return out };
    for clause in &contract.clauses {
        let mark = format!("{:<8}", clause.verdict.word());
        let told = screen.wrapped(&format!("{mark} {:<34} ", clause.clause), &clause.evidence);
        out.push_str(&told.replacen(&mark, &paint(&mark, clause.verdict, screen.colour), 1));
        if clause.verdict == ClauseVerdict::Fail {
            out.push_str(&screen.wrapped(&format!("{:44}", ""), &clause.why));
        }
    }
    let _ = writeln!(
        out,
        "\n{} clauses: {} pass, {} fail, {} policy, {} unproven{}\n",
        contract.clauses.len(),
        contract.passed,
        contract.failed,
        contract.policy,
        contract.unproven,
        match contract.not_applicable {
            0 => String::new(),
            n => format!(", {n} not applicable"),
        }
    );
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
