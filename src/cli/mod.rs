//! Turns a command line into a plan, shows progress, prints, and returns an exit code.

mod exit;
mod out;
mod secret;
mod secret_source;
mod sign;
mod stdin_body;
mod verify;

pub use exit::{Exit, Failure};

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The release gate for webhooks: drive staging, catch what it fires, break it on purpose, prove it.
#[derive(Debug, Parser)]
#[command(name = "smoke", version, max_term_width = 110)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a fresh 64-hex webhook secret from the operating system's random source
    Secret,
    /// Print the signature headers of the body on stdin
    Sign(sign::Args),
    /// Check the signature headers of the body on stdin: exit 0 valid, 1 not valid
    Verify(verify::Args),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    let result = match args.command {
        Command::Secret => secret::run(),
        Command::Sign(args) => sign::run(&args),
        Command::Verify(args) => verify::run(&args),
    };
    exit::report(result)
}
