//! The pages beside an artifact, which people look at instead of it: each is what follows from the journal, or forged.

use super::judgement::{Findings, Item, evidence};
use super::proof::{Proof, name, read_bounded};
use super::recomputed::{difference, other_line_ends};
use super::run_files::beside;
use crate::gate::Verdict;
use crate::report::{
    Evidence, artifact, html, junit, load_html, load_junit, memo, probe_from_journal, probe_html, probe_junit,
};
use chrono::SecondsFormat;
use record::RunKind;
use std::path::Path;

/// Largest page in bytes.
const MAX_PAGE: u64 = 32 * 1024 * 1024;

/// Recomputes the pages that are there; no item when there are none. One of another run is stale, and says nothing about this
/// one, nor does one beside an artifact that `predates` the run; any other that does not follow from the journal was forged.
pub(super) fn check(
    proof: &Proof,
    (artifact_path, journal): (&Path, &Path),
    predates: bool,
    found: &mut Findings,
) -> Option<Item> {
    let files = ["memo.md", "report.html", "junit.xml"].map(|end| beside(artifact_path, end));
    let there: Vec<_> = files.into_iter().filter(|file| file.exists()).collect();
    if there.is_empty() || !proof.evidence.integrity.ended {
        return None;
    }
    let [memo, html, junit] = recomputed(proof, journal);
    let (mut differing, mut stale) = (Vec::new(), Vec::new());
    for file in &there {
        let recomputed = match file.extension().and_then(std::ffi::OsStr::to_str) {
            Some("md") => &memo,
            Some("html") => &html,
            _ => &junit,
        };
        let shown = name(file);
        match read_bounded(file, MAX_PAGE) {
            Ok(bytes) if bytes == recomputed.as_bytes() => {}
            Ok(bytes) if predates || is_of_another_run(&bytes, &proof.evidence) => stale.push(shown),
            Ok(bytes) => {
                let why = match other_line_ends(&bytes, recomputed.as_bytes()) {
                    Some(why) => format!("{shown} follows from the journal {why}"),
                    None => {
                        let (_, what) = difference(&bytes, recomputed.as_bytes());
                        format!("{shown} does not follow from the journal: {what}")
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
    let (verdict, figure) = if !differing.is_empty() {
        (Verdict::Fail, format!("{}: does not follow from the journal", differing.join(", ")))
    } else if !stale.is_empty() {
        (
            Verdict::Unproven,
            format!(
                "{}: stale, from {}; regenerate it with `smoke report`",
                stale.join(", "),
                if predates { "before the run" } else { "another run" }
            ),
        )
    } else {
        (Verdict::Pass, format!("{}: as recomputed", names.join(", ")))
    };
    Some(evidence("pages", "Accompanying pages", verdict, figure, "journal"))
}

/// Whether a page names the run that it is of, and that is another one; one that names none is told by when its run began.
fn is_of_another_run(page: &[u8], evidence: &Evidence) -> bool {
    let text = String::from_utf8_lossy(page);
    let header = &evidence.analysis.header;
    let own = header.run_id.to_string();
    let began = [SecondsFormat::Secs, SecondsFormat::Millis, SecondsFormat::Micros]
        .map(|format| header.started.to_rfc3339_opts(format, true));
    let mut ids = text.match_indices('-').filter_map(|(at, _)| {
        let id = text.get(at.checked_sub(8)?..at + 28)?;
        (id.len() == 36).then(|| uuid::Uuid::parse_str(id).ok()).flatten()
    });
    !text.contains(&own) && (ids.next().is_some() || !began.iter().any(|began| text.contains(began)))
}

/// Memo, page and JUnit as they follow from the journal. A load has no memo, nor has a probe: one beside it follows from nothing.
fn recomputed(proof: &Proof, journal: &Path) -> [String; 3] {
    if let Some((artifact, series)) = &proof.load {
        return [String::new(), load_html(artifact, series), load_junit(artifact)];
    }
    if proof.evidence.analysis.header.kind == RunKind::Probe {
        let Ok((artifact, _)) = probe_from_journal(journal) else { return Default::default() };
        return [String::new(), probe_html(&artifact), probe_junit(&artifact)];
    }
    let artifact = artifact(&proof.evidence);
    [memo(&artifact), html(&proof.evidence, &artifact), junit(&proof.evidence, &artifact)]
}
