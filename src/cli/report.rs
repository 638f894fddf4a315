//! `smoke report`: the artifact of a journal, again.

use super::{Exit, Failure, out};
use crate::journal::Reader;
use crate::report::{from_journal, is_load, load_from_journal, write_whole};
use std::path::PathBuf;

/// Options of `smoke report`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The journal
    journal: PathBuf,
    /// Write the artifact to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the artifact; the verdict in it does not change the exit code.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let shown = args.journal.display();
    let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("{shown}: {e}"));
    let (header, _) = Reader::open(&args.journal).map_err(|e| wrong(&e))?;
    let bytes = if is_load(&header) {
        load_from_journal(&args.journal).map_err(|e| wrong(&e))?.1
    } else {
        let (evidence, bytes) = from_journal(&args.journal).map_err(|e| wrong(&e))?;
        if evidence.integrity.torn_bytes > 0 {
            out::say(format!("warning: {shown}: the last line is torn and was left out"));
        }
        bytes
    };
    match &args.output {
        None => out::raw(&bytes),
        Some(file) => write_whole(file, &bytes)
            .map_err(|e| Failure::environment(format!("cannot write {}: {e}", file.display())))?,
    }
    Ok(Exit::Pass)
}
