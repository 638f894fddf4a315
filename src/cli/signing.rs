//! Signs the evidence of a run with an Ed25519 key.

use super::{Failure, out, secret_source};
use evidence::approval::signature_of;
use evidence::report::write_whole;
use record::seal::{Seal, SealedFile, SigningKey};
use signature::Secret;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Largest key file in bytes.
const MAX_KEY: u64 = 4096;

/// Reads a private key of `smoke key`; one that others may read is used, and said.
///
/// # Errors
/// Usage: it cannot be read, or is no key.
pub(super) fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    let shown = path.display();
    let wrong = |what: String| Failure::usage(format!("--sign {shown}: {what}"));
    let mode = std::fs::metadata(path).map_or(0, |m| m.permissions().mode());
    if mode & 0o077 != 0 {
        out::say(format!("warning: --sign {shown}: others can read this private key (chmod 600)"));
    }
    let text = secret_source::read_small(path, MAX_KEY).map_err(wrong)?;
    SigningKey::parse(&Secret::new(text.as_str())).map_err(|e| wrong(e.to_string()))
}

/// Writes the signature over an artifact and its journal beside the artifact.
///
/// # Errors
/// Environment: it cannot be written.
pub(super) fn sign(
    key: &SigningKey,
    output: &Path,
    artifact: &[u8],
    journal: &Path,
    journal_sha256: &str,
) -> Result<(), Failure> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let journal = SealedFile { name: name(journal), sha256: journal_sha256.to_owned() };
    let seal = Seal::make(key, vec![SealedFile::of(&name(output), artifact), journal]);
    let file = signature_of(output);
    let mut bytes = serde_json::to_vec_pretty(&seal).map_err(Failure::environment)?;
    bytes.push(b'\n');
    write_whole(&file, &bytes)
        .map_err(|e| Failure::environment(format!("cannot write {}: {e}", file.display())))
}
