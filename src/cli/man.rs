//! `smoke man`: the manual pages, for whoever packages smoke.

use super::{Exit, Failure, out};
use std::path::PathBuf;

/// Options of `smoke man`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder for the pages
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes a page for the program and one for each command.
pub(super) fn run(args: &Args, command: clap::Command) -> Result<Exit, Failure> {
    let wrong = |e: std::io::Error| Failure::environment(format!("cannot write {}: {e}", args.dir.display()));
    super::evidence_files::make_folder(&args.dir).map_err(wrong)?;
    clap_mangen::generate_to(command, &args.dir).map_err(wrong)?;
    out::chat(format!("manual pages in {}", args.dir.display()));
    Ok(Exit::Pass)
}
