//! What `smoke gate` signs of its own answer: a Simple Verification Result.

use super::{Failure, out};
use chrono::{SecondsFormat, Utc};
use evidence::approval::{Approval, Journals, Judgement};
use evidence::gate::Verdict;
use evidence::report::write_whole;
use record::seal::{Envelope, SVR, SigningKey, Statement, Subject};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Who verified: this gate, by the version whose rules it applied.
const VERIFIER: &str = concat!("https://smoke.deltacrown.gg/gate/v", env!("CARGO_PKG_VERSION"));

/// Signs the answer about `files` and the journals behind them, with `key`, into `to`.
///
/// # Errors
/// Environment: a file cannot be read or written.
pub(super) fn write(
    approval: &Approval,
    (files, journals): (&[PathBuf], &Journals),
    key: &SigningKey,
    to: &Path,
) -> Result<(), Failure> {
    let mut subjects = Vec::new();
    for file in files {
        let behind = journals.all_of(file);
        for path in std::iter::once(file).chain(&behind).filter(|path| path.is_file()) {
            let digest = sha256(path)
                .map_err(|e| Failure::environment(format!("cannot read {}: {e}", path.display())))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            subjects.push(Subject::file(&name, &digest));
        }
    }
    let predicate = json!({
        "verifier": { "id": VERIFIER },
        "timeCreated": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        "properties": properties(approval),
    });
    let envelope = Envelope::sign(key, &Statement::new(subjects, SVR, predicate));
    let mut bytes = serde_json::to_vec(&envelope).map_err(Failure::environment)?;
    bytes.push(b'\n');
    write_whole(to, &bytes)
        .map_err(|e| Failure::environment(format!("cannot write {}: {e}", to.display())))?;
    out::chat(format!("answer signed in {}", to.display()));
    Ok(())
}

/// What was verified; nothing where the answer is not a pass.
fn properties(approval: &Approval) -> Vec<String> {
    if approval.verdict != Verdict::Pass {
        return Vec::new();
    }
    let mut all = vec!["SMOKE_GATE_PASS".to_owned()];
    let least = approval.artifacts.iter().map(|judgement| judgement.trust).min();
    all.extend(least.map(|trust| format!("SMOKE_TRUST_{}", trust.word().to_uppercase())));
    let kind = |judgement: &Judgement| format!("SMOKE_EVIDENCE_{}", judgement.kind.word().to_uppercase());
    let mut kinds: Vec<String> = approval.artifacts.iter().map(kind).collect();
    kinds.sort();
    kinds.dedup();
    all.extend(kinds);
    all
}

fn sha256(path: &Path) -> io::Result<String> {
    let (mut digest, mut file, mut piece) = (Sha256::new(), File::open(path)?, vec![0; 256 * 1024]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex::encode(digest.finalize())),
            n => digest.update(piece.get(..n).unwrap_or_default()),
        }
    }
}
