//! Whether journal and artifact belong together: the one whole, the other what follows from it, about what was asked.

use super::judge::Request;
use super::judgement::{Findings, Item, evidence};
use super::proof::{Proof, name};
use super::trust::Trust;
use super::{admissibility, cut_off};
use crate::gate::Verdict;
use record::LoadShard;
use serde_json::Value;
use std::path::Path;

/// The items that rest on the journal. The artifact may be the first of its run, which `predates` all that was driven.
pub(super) fn items(
    request: &Request<'_>,
    (proof, reached): (&Proof, Trust),
    journal: &Path,
    ((artifact, value), predates): ((&[u8], &Value), bool),
    found: &mut Findings,
) -> Vec<Item> {
    let header = &proof.evidence.analysis.header;
    let started = proof.started();
    let by_sender = proof.seen.sender_behind().and_then(|behind| started.checked_sub_signed(behind));
    let after_commit = admissibility::after_commit(started, by_sender, request.not_before, found);
    let (path, journal) = (journal, name(journal));
    let integrity = &proof.evidence.integrity;
    let cut_off = if integrity.ended {
        None
    } else {
        cut_off::when(proof, path, artifact).filter(|_| proof.is_one_journal)
    };
    let (checkout, demand) = (request.checkout, request.demand);
    let mut items = vec![
        whole(proof, &journal, cut_off.as_deref(), found),
        match &cut_off {
            Some(when) => {
                let figure = format!("written before the run was cut off at {when}");
                evidence("recomputed", "Recomputed byte for byte", Verdict::Unproven, figure, &*journal)
            }
            None if predates => {
                let figure = "it predates the run: smoke was killed before it wrote the final one, or could not write \
                              it; `smoke report` does that";
                evidence("recomputed", "Recomputed byte for byte", Verdict::Unproven, figure, &*journal)
            }
            None => recomputed(proof, &journal, artifact, value, found),
        },
        admissibility::environment(header.tested(), request.environment, "journal header"),
        age(request, proof, reached),
        admissibility::scenario(header, checkout, &demand.scenario_sha256),
        admissibility::gates(header, checkout, demand.gates_sha256.as_deref()),
        admissibility::retry_contract(header, checkout),
    ];
    items.extend(after_commit);
    items.extend(proof.extra.clone());
    items.extend(proof.shard.filter(|shard| shard.count > 1).map(alone));
    items
}

/// A shard is a part of a load, and no evidence about the whole.
fn alone(shard: LoadShard) -> Item {
    let figure = format!(
        "shard {} of {} alone: combine all of them with `smoke merge` and judge the result",
        shard.index, shard.count
    );
    evidence("shards", "All shards", Verdict::Unproven, figure, "journal")
}

/// How recent it is. Where only the sender vouches, and signs no time, any time can be written beside what it has signed.
fn age(request: &Request<'_>, proof: &Proof, reached: Trust) -> Item {
    let item = admissibility::age(proof.last_known(request.now), request.now, request.max_age, "journal");
    let scheme = proof.evidence.analysis.header.scheme;
    let is_accepted = request.demand.trust.is_some_and(|asked| asked <= Trust::Runner);
    let is_signed = reached != Trust::Sender || scheme.timestamp_step_ms().is_some();
    if is_accepted || is_signed || item.verdict != Verdict::Pass {
        return item;
    }
    let figure = format!(
        "{} by the runner's word: this sender signs no time; read webhooks back from a receiver with --witness-key, or accept it \
         with --trust runner",
        item.figure
    );
    evidence("age", "Recent", Verdict::Unproven, figure, "journal")
}

/// The chain holds (or there would be no proof), and the journal has an end.
fn whole(proof: &Proof, journal: &str, cut_off: Option<&str>, found: &mut Findings) -> Item {
    let title = "Journal intact";
    let integrity = &proof.evidence.integrity;
    if let Some(when) = cut_off {
        let figure =
            format!("cut off at {when} (UTC) after {} records: the run was killed", integrity.records);
        return evidence("journal", title, Verdict::Unproven, figure, journal);
    }
    if integrity.torn_bytes > 0 {
        found.add(
            "journal_truncated",
            format!("{journal}: the last line is torn, {} bytes without a line ending", integrity.torn_bytes),
        );
    }
    if !integrity.ended {
        found.add(
            "journal_truncated",
            format!(
                "{journal}: no end record after line {}, but the artifact next to it covers more: the end was cut off",
                integrity.records
            ),
        );
    }
    let verdict = if integrity.ended && integrity.torn_bytes == 0 { Verdict::Pass } else { Verdict::Fail };
    let figure = format!("{} records, each chained to the one before", integrity.records);
    evidence("journal", title, verdict, figure, journal)
}

/// The artifact is what follows from the journal, byte for byte.
fn recomputed(proof: &Proof, journal: &str, artifact: &[u8], value: &Value, found: &mut Findings) -> Item {
    let same = proof.bytes == artifact;
    let stated = value.pointer("/provenance/run_id").and_then(Value::as_str);
    let run_id = proof.evidence.analysis.header.run_id.to_string();
    let figure = if same {
        format!("{} bytes, all equal", artifact.len())
    } else if let Some(other) = stated.filter(|id| **id != *run_id) {
        let other: String = other.chars().take(36).collect();
        found.add(
            "journal_of_another_run",
            format!("{journal} is the journal of run {run_id}, but the artifact is from run {other}"),
        );
        "another run".to_owned()
    } else if let Some(why) = other_line_ends(artifact, &proof.bytes) {
        found.add("artifact_differs", format!("the artifact follows from {journal} {why}"));
        "differs only in its line endings".to_owned()
    } else {
        let (line, what) = difference(artifact, &proof.bytes);
        let other = other_version(value);
        found.add("artifact_differs", format!("the artifact does not follow from {journal}{other}: {what}"));
        format!("differs from line {line} on")
    };
    let verdict = if same { Verdict::Pass } else { Verdict::Fail };
    evidence("recomputed", "Recomputed byte for byte", verdict, figure, journal)
}

/// What has happened to the line ends of a file, and what to do.
pub(super) const LINE_ENDS: &str = "which are CRLF where smoke writes LF: a checkout with core.autocrlf or an editor changed them. \
     Give the file as it was written (`*.json -text` and `*.jsonl -text` in .gitattributes keep git away from it)";

/// Another build may write another artifact; the reader should know that it was one.
fn other_version(value: &Value) -> String {
    let version = value.pointer("/provenance/tool_version").and_then(Value::as_str).unwrap_or_default();
    let version: String = version.chars().take(20).collect();
    if version.is_empty() || version == env!("CARGO_PKG_VERSION") {
        String::new()
    } else {
        format!(" (it says smoke {version}, this is smoke {})", env!("CARGO_PKG_VERSION"))
    }
}

/// What to say of a file that is equal to `right` but for its line ends; `None` when there is more to it.
pub(super) fn other_line_ends(file: &[u8], right: &[u8]) -> Option<String> {
    let lines = |bytes: &[u8]| -> Vec<Vec<u8>> {
        bytes
            .split(|byte| *byte == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
            .collect()
    };
    let same = file.contains(&b'\r') && lines(file) == lines(right);
    same.then(|| format!("except for its line endings, {LINE_ENDS}"))
}

/// The first line that differs from the right one, from 1, and how: both versions, cut, or that more follows the end.
pub(super) fn difference(file: &[u8], right: &[u8]) -> (usize, String) {
    if file.len() > right.len() && file.starts_with(right) {
        return (right.split(|c| *c == b'\n').count(), "it has bytes after its end".to_owned());
    }
    let (mut left, mut right) = (file.split(|c| *c == b'\n'), right.split(|c| *c == b'\n'));
    let mut number = 1;
    loop {
        match (left.next(), right.next()) {
            (Some(x), Some(y)) if x == y => number += 1,
            (x, y) => {
                let text =
                    |line: Option<&[u8]>| String::from_utf8_lossy(line.unwrap_or_default()).into_owned();
                let (x, y) = (text(x), text(y));
                let common = x.chars().zip(y.chars()).take_while(|(x, y)| x == y).count();
                let (is, should_be) = (around(&x, common), around(&y, common));
                return (number, format!("line {number} is `{is}` but should be `{should_be}`"));
            }
        }
    }
}

/// What a line says from shortly before a place on.
fn around(line: &str, place: usize) -> String {
    // Characters before the place, and in all.
    const BEFORE: usize = 30;
    const SHOWN: usize = 80;
    let skipped = place.saturating_sub(BEFORE);
    let text: String = line.chars().skip(skipped).filter(|c| !c.is_control()).take(SHOWN).collect();
    format!("{}{}", if skipped > 0 { "…" } else { "" }, text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_end_and_a_version_that_is_missing_are_told_as_such() {
        let of = |file: &[u8]| difference(file, b"a\nb\n");
        assert_eq!(of(b"a\nb\n\n"), (3, "it has bytes after its end".to_owned()));
        assert_eq!(of(b"a\nc\n\n"), (2, "line 2 is `c` but should be `b`".to_owned()));
        assert_eq!(of(b""), (1, "line 1 is `` but should be `a`".to_owned()));
        assert_eq!(other_version(&Value::Null), "");
    }
}
