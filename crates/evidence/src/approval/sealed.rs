//! The signed statement over a journal and its artifact.

use super::admissibility;
use super::judge::Request;
use super::judgement::{Findings, Item, evidence};
use super::proof::{Proof, name, read_bounded};
use crate::gate::Verdict;
use record::seal::{Envelope, MAX_SIGNATURE_FILE, envelopes};
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
    let check = || -> Result<(), (&'static str, String)> {
        let bytes = read_bounded(signature, MAX_SIGNATURE_FILE)
            .map_err(|e| ("signature_missing", format!("{file}: {e}")))?;
        let forged = |e: record::seal::SealError| ("signature_not_valid", format!("{file}: {e}"));
        let artifact = record::sha256_hex(&proof.bytes);
        let vouches = |envelope: &Envelope| {
            let statement = envelope.verify(key)?;
            statement.vouches_for(&name(artifact_path), &artifact)?;
            statement.vouches_for(&name(journal), &proof.evidence.integrity.sha256)
        };
        // One that stands for the files is enough: others may be beside it.
        let mut first = None;
        for envelope in envelopes(&bytes).map_err(forged)? {
            match vouches(&envelope) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(forged(first.unwrap_or(record::seal::SealError::Forged)))
    };
    let (verdict, figure) = match check() {
        Ok(()) => {
            (Verdict::Pass, format!("journal and artifact, by {}", admissibility::short(&key.to_string())))
        }
        Err((kind, why)) => {
            found.add(kind, why);
            (Verdict::Fail, "not signed by the given key".to_owned())
        }
    };
    Some(evidence("sealed", "Signed statement", verdict, figure, file))
}
