//! Turns a command line into a plan, shows progress, prints, and returns an exit code.

mod check;
mod completions;
mod diff;
mod drift;
mod environment;
mod evidence_files;
mod exit;
mod fault_plan;
mod format;
mod gate;
mod gates_file;
mod github;
mod help;
mod help_pages;
mod history;
mod in_order;
mod init;
mod interrupt;
mod key;
mod learn;
mod listed;
mod load;
mod logs;
mod man;
mod merge;
mod observe;
mod out;
mod output_file;
mod outputs;
mod preconditions;
mod probe;
mod progress;
mod promote;
mod reading;
mod receive;
mod receive_files;
mod receiver_plan;
mod receiver_target;
mod report;
mod run;
mod run_args;
mod run_plan;
mod runtime;
mod scan;
mod schema;
mod secret;
mod secret_source;
mod seed;
mod sender_breaker;
mod sender_option;
mod sender_settings;
mod senders;
mod sign;
mod signing;
mod staging;
mod staging_data;
mod stdin_body;
mod subject;
mod svr;
mod target_guard;
mod telemetry;
mod typed;
mod used_rows;
mod verify;
mod version;

pub use exit::{Exit, Failure};

use crate::signals;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

/// The release gate for webhooks: drive, catch, break on purpose, prove.
#[derive(Debug, Parser)]
#[command(
    name = "smoke",
    arg_required_else_help = true,
    override_usage = "smoke [OPTIONS] <COMMAND>",
    max_term_width = 100
)]
struct Args {
    /// Colours in results: by default on a terminal, unless NO_COLOR is set or TERM is dumb
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Output"
    )]
    color: out::ColourChoice,
    /// No progress and no hints: verdict, findings, warnings and errors stay
    #[arg(long, short, global = true, help_heading = "Output")]
    quiet: bool,
    /// Print the version
    #[arg(long, short = 'V')]
    version: bool,
    /// With --version: also commit, profile, features, target, journal format
    #[arg(long, short, requires = "version")]
    verbose: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Drive payments through staging and judge their webhooks
    Payments(run_args::RunArgs),
    /// Drive matches through staging and judge their webhooks
    Matches(run_args::RunArgs),
    /// Drive any scenario
    Run(RunScenario),
    /// Say what is set, missing, unsafe or unreachable; drive nothing
    Check(check::Args),
    /// Read the sender's own log and compare it with a journal
    Logs(logs::Args),
    /// Watch a receiver for a while: minutes, rollback triggers, memo
    Observe(Box<observe::Args>),
    /// Probe a webhook receiver: is it safe and correct?
    Probe(Box<probe::Args>),
    /// Receive webhooks as a server: verify, record, answer, count
    Receive(receive::Args),
    /// Regenerate a journal's artifact, byte for byte
    Report(report::Args),
    /// Decide on approval: recompute artifacts, look for contradictions
    Gate(gate::Args),
    /// Compare two artifacts; exit 1 when the new one is worse
    Diff(diff::Args),
    /// List the artifacts of a folder over time
    History(history::Args),
    /// Create a key pair for signing evidence
    Key(key::Args),
    /// Print the JSON Schema of scenario files, or of another format
    Schema(schema::Args),
    /// Find personal data in JSON lines or log lines on stdin
    Scan(scan::ScanArgs),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print a fresh webhook secret, or the fingerprint of one
    Secret(secret::Args),
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man(man::Args),
    /// Load an API or a receiver at a rate; measure how long users wait
    Load(Box<load::Args>),
    /// Merge the shards of a load into one verdict
    Merge(merge::Args),
    /// Print a script that creates users and data rows on staging
    Seed(seed::Args),
    /// Write a starter scenario and its data file
    Init(init::Args),
    /// Propose a profile from webhooks, or compare one with them
    Learn(learn::Args),
    /// Compare webhooks with their schemas: undeclared and unused fields
    Drift(drift::Args),
    /// List the built-in profiles of senders, or show one
    Senders(senders::Args),
    /// Print the signature headers of the body on stdin
    Sign(sign::Args),
    /// Serve the staging stand-in, which misbehaves on request
    Staging(Box<staging::Args>),
    /// Check the signature headers of the body on stdin
    Verify(verify::Args),
}

#[derive(Debug, clap::Args)]
struct RunScenario {
    /// A scenario file, or the name of one in scenarios/
    #[arg(hide_possible_values = true, value_parser = listed::scenarios())]
    scenario: String,
    #[command(flatten)]
    args: run_args::RunArgs,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let args = parsed();
    out::choose_colour(args.color);
    out::choose_quiet(args.quiet);
    // Where that cannot be had, such a file ends the process, as it does other programs.
    let _ = signals::outlive_file_limits();
    let Some(command) = args.command else {
        // Without a command there is an option, and the version is the only thing to ask for.
        version::print(args.verbose);
        return exit::report(Ok(Exit::Pass));
    };
    let result = match command {
        Command::Payments(args) => run::run("payments", &args),
        Command::Matches(args) => run::run("matches", &args),
        Command::Run(run) => run::run(&run.scenario, &run.args),
        Command::Check(args) => check::run(&args),
        Command::Logs(args) => logs::run(&args),
        Command::Observe(args) => observe::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Receive(args) => receive::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::History(args) => history::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Scan(args) => scan::run(&args),
        Command::Completions(args) => completions::run(&args, Args::command()),
        Command::Secret(args) => secret::run(&args),
        Command::Man(args) => man::run(&args, help::in_manual(Args::command())),
        Command::Load(args) => load::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Seed(args) => seed::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Learn(args) => learn::run(&args),
        Command::Drift(args) => drift::run(&args),
        Command::Senders(args) => senders::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Staging(args) => staging::run(&args),
        Command::Verify(args) => verify::run(&args),
    };
    exit::report(result)
}

/// The command line; a wrong one, or one that asks for help, ends the process.
fn parsed() -> Args {
    let command = help::paged(help::grouped(Args::command())).color(out::help_colour(std::env::args_os()));
    let line = help::asked_about(&command, std::env::args_os().collect());
    let parsed = command.try_get_matches_from(line).and_then(|matches| Args::from_arg_matches(&matches));
    parsed.unwrap_or_else(|error| {
        if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            // Errors fit the terminal as all else that is said does, and hold what was typed.
            out::say(error.render().to_string().trim_end());
        } else {
            out::keep(error.print());
            if let Some(cause) = out::finish() {
                out::say(format!("error: cannot write to stdout: {cause}"));
                std::process::exit(4);
            }
        }
        std::process::exit(error.exit_code())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
