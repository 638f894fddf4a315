//! `smoke diff`: two artifacts side by side, and whether the new one is worse.

use super::{Exit, Failure, out, output_file};

use evidence::report::{DiffError, Difference, Told, write_whole};
use record::read_input;
use std::path::{Path, PathBuf};

/// Bytes of an artifact that are read at most.
const MOST: u64 = 64 * 1024 * 1024;

/// Options of `smoke diff`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Rates differ if their 95 % intervals do not overlap; latencies if they differ by more than 20 % and 1 ms, with 30 samples \
                  on each side; counts are exact. Exit 1 if anything got worse by that measure."
)]
pub(super) struct Args {
    /// The artifact before
    old: PathBuf,
    /// The artifact after
    new: PathBuf,
    /// Write the comparison as a page
    #[arg(long, value_name = "FILE", value_parser = output_file::of(output_file::PAGE))]
    html: Option<PathBuf>,
    /// List what stayed the same too
    #[arg(long)]
    all: bool,
}

/// Compares, prints, and fails when the new one is worse.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let difference = compared(&args.old, &args.new)?;
    out::text(&difference.text(out::screen(args.all)));
    if let Some(file) = &args.html {
        write_whole(file, difference.html().as_bytes())
            .map_err(|e| Failure::environment(format!("--html {}: {e}", file.display())))?;
        out::chat(format!("page     {}", file.display()));
    }
    Ok(if difference.is_worse() { Exit::Fail } else { Exit::Pass })
}

/// The artifact at `new` against the one at `old`.
///
/// # Errors
/// Usage: one cannot be read or is no artifact, or they are of different things.
pub(super) fn compared(old: &Path, new: &Path) -> Result<Difference, Failure> {
    let both = (told(old)?, told(new)?);
    Difference::new(both.0, both.1)
        .map_err(|e: DiffError| Failure::usage(format!("{} and {}: {e}", old.display(), new.display())))
}

/// What the artifact at `path` says.
///
/// # Errors
/// Usage: it cannot be read, or is none.
pub(super) fn told(path: &Path) -> Result<Told, Failure> {
    let bytes = read_input(path, MOST).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
    Told::read(&bytes).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
}
