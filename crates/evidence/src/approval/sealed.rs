//! The signed statement over a journal and its artifact.

use super::admissibility;
use super::judge::Request;
use super::judgement::{Findings, Item, evidence};
use super::proof::{Proof, name, read_bounded};
use crate::gate::Verdict;
use pii::shown;
use record::seal::{Envelope, MAX_SIGNATURE_FILE, Statement, envelopes};
use std::path::Path;

/// The signed statement over journal and artifact; no item when none was asked for.
pub(super) fn sealed(
    request: &Request<'_>,
    proof: &Proof,
    (artifact_path, journal, signature): (&Path, &Path, &Path),
    found: &mut Findings,
) -> Option<Item> {
    let key = request.public_key?;
    let file = name(signature);
    let check = || -> Result<String, (&'static str, String)> {
        let bytes = read_bounded(signature, MAX_SIGNATURE_FILE)
            .map_err(|e| ("signature_missing", format!("{file}: {e}")))?;
        let forged = |e: record::seal::SealError| ("signature_not_valid", format!("{file}: {e}"));
        let artifact = record::sha256_hex(&proof.bytes);
        let vouches = |envelope: &Envelope| {
            let statement = envelope.verify(key)?;
            statement.vouches_for(&name(artifact_path), &artifact)?;
            statement.vouches_for(&name(journal), &proof.evidence.integrity.sha256)?;
            Ok(tested(&statement, [&artifact, &proof.evidence.integrity.sha256]))
        };
        // One that stands for the files is enough: others may be beside it.
        let mut first = None;
        for envelope in envelopes(&bytes).map_err(forged)? {
            match vouches(&envelope) {
                Ok(tested) => return Ok(tested),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(forged(first.unwrap_or(record::seal::SealError::Forged)))
    };
    let (verdict, figure) = match check() {
        Ok(tested) => {
            let by = admissibility::short(&key.to_string());
            (Verdict::Pass, format!("journal and artifact{tested}, by {by}"))
        }
        Err((kind, why)) => {
            found.add(kind, why);
            (Verdict::Fail, "not signed by the given key".to_owned())
        }
    };
    Some(evidence("sealed", "Signed statement", verdict, figure, file))
}

/// What a statement says was tested: its subjects but for those `files`, of many the first.
fn tested(statement: &Statement, files: [&str; 2]) -> String {
    const SHOWN: usize = 3;
    let is_file = |digest: &String| files.contains(&digest.as_str());
    let others = statement.subject.iter().filter(|subject| !subject.digest.values().any(is_file));
    let mut text = String::new();
    for (n, subject) in others.enumerate() {
        if n == SHOWN {
            text.push_str(", …");
            break;
        }
        let digest = subject.digest.values().next().map_or("", String::as_str);
        text.push_str(if n == 0 { ", about " } else { ", " });
        text.push_str(&shown(&subject.name));
        if !subject.name.contains(digest) {
            text.push(' ');
            text.push_str(&shown(digest));
        }
    }
    text
}
