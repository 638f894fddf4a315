//! What `smoke gate` signs of its own answer: a Simple Verification Result.

use super::{Failure, out};
use chrono::{SecondsFormat, Utc};
use evidence::approval::{Approval, Request};
use evidence::gate::Verdict;
use evidence::report::write_whole;
use record::seal::{Envelope, SVR, SigningKey, Statement, Subject};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;

/// Who verified: this gate, by the version whose rules it applied.
const VERIFIER: &str = concat!("https://smoke.deltacrown.gg/gate/v", env!("CARGO_PKG_VERSION"));

/// Signs the answer to what was `asked`, about the files that were judged as they were read, with `key`, into `to`.
///
/// # Errors
/// Environment: the file cannot be written.
pub(super) fn write(
    approval: &Approval,
    asked: &Request<'_>,
    key: &SigningKey,
    to: &Path,
) -> Result<(), Failure> {
    let judged = approval.artifacts.iter().flat_map(|judgement| &judgement.judged.files);
    let subjects = judged.map(|(name, sha256)| Subject::file(name, sha256)).collect();
    let predicate = json!({
        "verifier": { "id": VERIFIER },
        "timeCreated": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        "properties": properties(approval, asked),
    });
    let envelope = Envelope::sign(key, &Statement::new(subjects, SVR, predicate));
    let mut bytes = serde_json::to_vec(&envelope).map_err(Failure::environment)?;
    bytes.push(b'\n');
    write_whole(to, &bytes)
        .map_err(|e| Failure::environment(format!("cannot write {}: {e}", to.display())))?;
    out::chat(format!("answer signed in {}", to.display()));
    Ok(())
}

/// What was verified, about which environment, and what was let pass by name; nothing where the answer is not a pass.
fn properties(approval: &Approval, asked: &Request<'_>) -> Vec<String> {
    if approval.verdict != Verdict::Pass {
        return Vec::new();
    }
    let mut all = vec!["SMOKE_GATE_PASS".to_owned()];
    let least = approval.artifacts.iter().map(|judgement| judgement.trust).min();
    all.extend(least.map(|trust| property("TRUST", trust.word())));
    all.push(property("ENVIRONMENT", asked.environment));
    let kinds = approval.artifacts.iter().map(|judgement| property("EVIDENCE", judgement.kind.word()));
    all.extend(kinds.collect::<BTreeSet<_>>());
    let allowed = asked.demand.allowed.iter().map(|allowed| property("ALLOWED", &allowed.to_string()));
    all.extend(allowed.collect::<BTreeSet<_>>());
    if asked.demand.own_gates {
        all.push("SMOKE_GATES_OF_THE_APPROVER".to_owned());
    }
    all
}

/// `SMOKE_ALLOWED_WITHIN_60S`: what no such name can have in it is a low line.
fn property(of: &str, text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("SMOKE_{of}_{}", text.chars().map(plain).collect::<String>())
}
