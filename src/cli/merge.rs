//! `smoke merge`: one verdict over the shards of a load.

use super::evidence_files::Keep;
use super::load::{self, Evidence, JOURNAL};
use super::run_args::OutputArgs;
use super::{Exit, Failure, out};
use crate::load::Shard;
use evidence::analysis::load::Part;
use evidence::report::{Scope, counted, open_part};
use std::path::{Path, PathBuf};

/// The command line of `smoke merge`.
#[derive(Debug, clap::Args)]
#[command(mut_arg("report", load::reports))]
pub(super) struct Args {
    /// Journals of shards, their directories, or a directory that holds those
    #[arg(value_name = "PART", required = true)]
    parts: Vec<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Merges the journals and judges the whole.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let mut journals = Vec::new();
    for part in &args.parts {
        find(part, &mut journals)?;
    }
    journals.sort();
    journals.dedup();
    if journals.is_empty() {
        return Err(Failure::usage(format!(
            "found no {JOURNAL}: give the shards' --artifacts directory, or D/*"
        )));
    }
    let mut parts = Vec::with_capacity(journals.len());
    for path in &journals {
        match open_part(path) {
            Ok(part) => parts.push(part),
            Err(e) if e.is_before_the_plan() => {
                out::say(format!("warning: {}: {e}; its shard counts as missing", path.display()));
            }
            Err(e) => return Err(Failure::usage(format!("{}: {e}", path.display()))),
        }
    }
    let subject = parts.first().map(|part| part.plan.subject.as_str()).unwrap_or_default();
    let evidence = Evidence::prepare(&args.output, Shard::WHOLE, subject)?;
    out::chat(format!("merging {}", counted(parts.len() as u64, "journals")));
    check_gates(&parts, &evidence)?;
    evidence.keep_parts(&journals)?;
    // A journal there may be one of the parts.
    evidence.make_way(Keep::Nothing).map_err(Failure::environment)?;
    evidence.write(&args.output, parts, Scope::Whole)
}

/// The whole is judged by what its parts were run with: else nobody could work it out again from them.
fn check_gates(parts: &[Part], evidence: &Evidence) -> Result<(), Failure> {
    let other = parts.iter().find(|part| part.header.gates_sha256 != evidence.gates_sha256());
    other.map_or(Ok(()), |part| {
        Err(Failure::usage(format!(
            "{}: its shard ran with gates of SHA-256 {}, but these have {}: give the same ones with --gates",
            part.place,
            part.header.gates_sha256,
            evidence.gates_sha256()
        )))
    })
}

/// Adds the journals that `path` stands for. What else lies in a directory of shards is passed over, so that `D/*`
/// works again when the merged evidence lies there too.
fn find(path: &Path, journals: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let wrong = |e| Failure::usage(format!("{}: cannot be read: {e}", path.display()));
    if path.metadata().map_err(wrong)?.is_file() {
        if path.extension().is_some_and(|e| e == "jsonl") {
            journals.push(path.to_path_buf());
        } else {
            out::say(format!("warning: {}: no journal (*.jsonl), passed over", path.display()));
        }
        return Ok(());
    }
    if path.join(JOURNAL).is_file() {
        journals.push(path.join(JOURNAL));
        return Ok(());
    }
    for entry in path.read_dir().map_err(wrong)? {
        let inner = entry.map_err(wrong)?.path().join(JOURNAL);
        if inner.is_file() {
            journals.push(inner);
        }
    }
    Ok(())
}
