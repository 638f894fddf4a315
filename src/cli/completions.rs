//! `smoke completions`: a completion script for a shell.

use super::{Exit, Failure, out};
use clap_complete::{Shell, generate};

/// Options of `smoke completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script for the whole command line.
pub(super) fn run(args: &Args, mut command: clap::Command) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut command, "smoke", &mut script);
    out::raw(&String::from_utf8_lossy(&script));
    Ok(Exit::Pass)
}
