//! Signs the evidence of a run with an Ed25519 key.

use super::{Failure, out, secret_source, subject};
use evidence::approval::signature_of;
use evidence::gate::{Check, Verdict};
use evidence::report::{Tested, test_result, write_whole};
use record::Reader;
use record::seal::{Envelope, SigningKey, Subject};
use signature::Secret;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Largest key file in bytes.
const MAX_KEY: u64 = 4096;

/// Reads a private key of `smoke key` that `flag` names; one that others may read is used, and said.
///
/// # Errors
/// Usage: it cannot be read, or is no key.
pub(super) fn read_key(flag: &str, path: &Path) -> Result<SigningKey, Failure> {
    let shown = path.display();
    let wrong = |what: String| Failure::usage(format!("{flag} {shown}: {what}"));
    let text = secret_source::read_small(path, MAX_KEY).map_err(wrong)?;
    let key = SigningKey::parse(&Secret::new(text.as_str())).map_err(|e| wrong(e.to_string()))?;
    let mode = std::fs::metadata(path).map_or(0, |m| m.permissions().mode());
    if mode & 0o077 != 0 {
        out::say(format!("warning: {flag} {shown}: others can read this private key (chmod 600)"));
    }
    Ok(key)
}

/// `--sign` and `--subject`: the key, and what was tested.
pub(super) struct StatementSigner {
    key: SigningKey,
    tested: Tested,
}

impl StatementSigner {
    /// Reads the key of `--sign`, where one is given, and resolves the `subjects` that its statement names: before anything is
    /// driven or written, since a mistake in them must not cost a run.
    ///
    /// # Errors
    /// Usage: the key cannot be read or is none, or a subject is none.
    pub(super) fn asked(key: Option<&Path>, subjects: &[String]) -> Result<Option<Self>, Failure> {
        let Some(key) = key else { return Ok(None) };
        Ok(Some(Self { key: read_key("--sign", key)?, tested: subject::tested(subjects)? }))
    }

    /// Writes the signed statement about an artifact, its journal and what was tested beside the artifact.
    ///
    /// # Errors
    /// Environment: a file cannot be read or written.
    pub(super) fn sign(&self, signed: &Signed<'_>) -> Result<(), Failure> {
        let Signed { output, artifact, journal, journal_sha256, checks, verdict } = *signed;
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let files =
            vec![Subject::bytes(&name(output), artifact), Subject::file(&name(journal), journal_sha256)];
        let header = Reader::open(journal).map_err(Failure::environment)?.0;
        let statement = test_result(&header, checks, verdict, files, &self.tested);
        let file = signature_of(output);
        let envelope = Envelope::sign(&self.key, &statement);
        let mut bytes = serde_json::to_vec(&envelope).map_err(Failure::environment)?;
        bytes.push(b'\n');
        write_whole(&file, &bytes)
            .map_err(|e| Failure::environment(format!("cannot write {}: {e}", file.display())))
    }
}

/// What is signed: an artifact and the journal that it follows from, and what they say.
pub(super) struct Signed<'a> {
    pub output: &'a Path,
    pub artifact: &'a [u8],
    pub journal: &'a Path,
    pub journal_sha256: &'a str,
    pub checks: &'a [Check],
    pub verdict: Verdict,
}
