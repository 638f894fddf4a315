//! The signed statement over a journal and its artifact.

use super::admissibility;
use super::judge::Request;
use super::judgement::{Findings, Item, evidence};
use super::proof::{Proof, name, read_bounded};
use crate::gate::Verdict;
use pii::shown;
use record::seal::{Envelope, MAX_SIGNATURE_FILE, PublicKey, SealError, Statement, Subject, envelopes};
use std::path::Path;

/// The signed statement over journal and artifact, and what it was asked to be about; no items when no key was given.
pub(super) fn sealed(
    request: &Request<'_>,
    proof: &Proof,
    (artifact_path, journal, signature): (&Path, &Path, &Path),
    found: &mut Findings,
) -> Vec<Item> {
    let Some(key) = request.public_key else { return Vec::new() };
    let file = name(signature);
    let artifact = record::sha256_hex(&proof.bytes);
    let files = [(name(artifact_path), artifact.as_str()), (name(journal), &proof.evidence.integrity.sha256)];
    let (statements, verdict, figure) = match vouching(signature, key, &files) {
        Ok(statements) => {
            let about =
                statements.first().map_or_else(String::new, |one| tested(one, files[0].1, files[1].1));
            let by = admissibility::short(&key.to_string());
            (statements, Verdict::Pass, format!("journal and artifact{about}, by {by}"))
        }
        Err((kind, why)) => {
            found.add(kind, why);
            (Vec::new(), Verdict::Fail, "not signed by the given key".to_owned())
        }
    };
    let mut items = vec![evidence("sealed", "Signed statement", verdict, figure, &file)];
    items.extend(about(&request.demand.subjects, &statements, &file));
    items
}

/// The statements in the file `signature` that `key` signed and that stand for all `files`, by name and SHA-256; at least one.
/// Others may be beside them.
fn vouching(
    signature: &Path,
    key: &PublicKey,
    files: &[(String, &str)],
) -> Result<Vec<Statement>, (&'static str, String)> {
    let file = name(signature);
    let bytes = read_bounded(signature, MAX_SIGNATURE_FILE)
        .map_err(|e| ("signature_missing", format!("{file}: {e}")))?;
    let forged = |e: SealError| ("signature_not_valid", format!("{file}: {e}"));
    let vouches = |envelope: &Envelope| {
        let statement = envelope.verify(key)?;
        files.iter().try_for_each(|(name, sha256)| statement.vouches_for(name, sha256))?;
        Ok(statement)
    };
    let (mut statements, mut first) = (Vec::new(), None);
    for envelope in envelopes(&bytes).map_err(forged)? {
        match vouches(&envelope) {
            Ok(statement) => statements.push(statement),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    if statements.is_empty() { Err(forged(first.unwrap_or(SealError::Forged))) } else { Ok(statements) }
}

/// Whether the statements are about what the approver asked for, by digest; no item when he asked for nothing.
fn about(wanted: &[Subject], statements: &[Statement], file: &str) -> Option<Item> {
    if wanted.is_empty() {
        return None;
    }
    let is_named = |one: &&Subject| {
        let mut named = statements.iter().flat_map(|statement| &statement.subject);
        named.any(|subject| one.digest.iter().all(|(kind, digest)| subject.digest.get(kind) == Some(digest)))
    };
    let list = |these: Vec<&Subject>| these.into_iter().map(text).collect::<Vec<_>>().join(", ");
    let (there, missing): (Vec<_>, Vec<_>) = wanted.iter().partition(is_named);
    let (verdict, figure) = if missing.is_empty() {
        (Verdict::Pass, list(there))
    } else {
        let missing = list(missing);
        let figure = format!("nothing signed is about {missing}: run smoke on it, with --sign and --subject");
        (Verdict::Unproven, figure)
    };
    Some(evidence("tested", "What was tested", verdict, figure, file))
}

/// What a statement says was tested: its subjects but for its two files, of many the first.
fn tested(statement: &Statement, artifact: &str, journal: &str) -> String {
    const SHOWN: usize = 3;
    let is_file = |digest: &String| [artifact, journal].contains(&digest.as_str());
    let others = statement.subject.iter().filter(|subject| !subject.digest.values().any(is_file));
    let mut told = String::new();
    for (n, subject) in others.enumerate() {
        if n == SHOWN {
            told.push_str(", …");
            break;
        }
        told.push_str(if n == 0 { ", about " } else { ", " });
        told.push_str(&text(subject));
    }
    told
}

/// A subject's name, and its digest where the name does not have it.
fn text(subject: &Subject) -> String {
    let digest = subject.digest.values().next().map_or("", String::as_str);
    let name = shown(&subject.name);
    if subject.name.contains(digest) { name } else { format!("{name} {}", shown(digest)) }
}
