//! The pages beside an artifact, which people look at instead of it: each is what follows from the journal, or forged.

use super::judge::{beside, name_of};
use super::judgement::{Findings, Item, evidence};
use super::proof::{Proof, difference, name, other_line_ends, read_bounded};
use crate::gate::Verdict;
use crate::report::{
    Evidence, artifact, html, junit, load_from_journal, load_html, load_junit, memo, probe_from_journal,
    probe_html, probe_junit,
};
use record::RunKind;
use std::path::Path;

/// Largest page in bytes.
const MAX_PAGE: u64 = 32 * 1024 * 1024;

/// Recomputes the pages that are there; no item when there are none.
pub(super) fn check(
    proof: &Proof,
    artifact_path: &Path,
    journal: &Path,
    found: &mut Findings,
) -> Option<Item> {
    let files = ["memo.md", "report.html", "junit.xml"].map(|end| beside(artifact_path, end));
    let there: Vec<_> = files.into_iter().filter(|file| file.exists()).collect();
    if there.is_empty() {
        return None;
    }
    let [memo, html, junit] = recomputed(&proof.evidence, artifact_path, journal);
    let mut differing = Vec::new();
    for file in &there {
        let recomputed = match file.extension().and_then(std::ffi::OsStr::to_str) {
            Some("md") => &memo,
            Some("html") => &html,
            _ => &junit,
        };
        let shown = name(file);
        match read_bounded(file, MAX_PAGE) {
            Ok(bytes) if bytes == recomputed.as_bytes() => {}
            Ok(bytes) => {
                let why = match other_line_ends(&bytes, recomputed.as_bytes()) {
                    Some(why) => format!("{shown} is what follows from the journal {why}"),
                    None => {
                        let (line, is, should_be) = difference(&bytes, recomputed.as_bytes());
                        format!(
                            "{shown} is not what follows from the journal: line {line} is `{is}`, and must be `{should_be}`"
                        )
                    }
                };
                found.add("page_differs", why);
                differing.push(shown);
            }
            Err(error) => {
                found.add("page_unreadable", format!("{shown}: {error}"));
                differing.push(shown);
            }
        }
    }
    let names: Vec<String> = there.iter().map(|f| name(f)).collect();
    let (verdict, figure) = if differing.is_empty() {
        (Verdict::Pass, format!("{}: as recomputed", names.join(", ")))
    } else {
        (Verdict::Fail, format!("{}: not what follows from the journal", differing.join(", ")))
    };
    Some(evidence("pages", "Pages beside it", verdict, figure, "journal"))
}

/// Memo, page and JUnit as they follow from the journal. A load has no memo, nor has a probe: one beside it follows from nothing.
fn recomputed(evidence: &Evidence, artifact_path: &Path, journal: &Path) -> [String; 3] {
    if evidence.analysis.header.kind == RunKind::Load {
        // It has been read like this before, or there would be no proof.
        let Ok((artifact, series, _)) = load_from_journal(journal) else { return Default::default() };
        let junit = load_junit(&artifact);
        return [String::new(), load_html(&artifact, &series), junit];
    }
    if evidence.analysis.header.kind == RunKind::Probe {
        let Ok((artifact, _)) = probe_from_journal(journal) else { return Default::default() };
        return [String::new(), probe_html(&artifact), probe_junit(&artifact)];
    }
    let run = name_of(artifact_path);
    let artifact = artifact(evidence);
    [memo(&artifact, &run), html(evidence, &artifact, &run), junit(evidence, &artifact)]
}
