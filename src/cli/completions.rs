//! `smoke completions`: a completion script for a shell.

use super::listed::{scenario_names, sender_names};
use super::{Exit, Failure, out};
use clap_complete::{Shell, generate};
use std::fmt::Write as _;

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
    let script = String::from_utf8_lossy(&script);
    match args.shell {
        Shell::Zsh => out::raw(&with_files_in_zsh(&script)),
        Shell::Fish => out::raw(&with_names_in_fish(&script)),
        _ => out::raw(&script),
    }
    Ok(Exit::Pass)
}

/// Where a name or a file may stand, clap's script offers names alone: these functions offer both.
fn with_files_in_zsh(script: &str) -> String {
    let (mut script, mut functions) = (script.to_owned(), String::new());
    for (function, what, names) in
        [("_smoke_scenarios", "scenario", scenario_names()), ("_smoke_senders", "sender", sender_names())]
    {
        let names = names.join(" ");
        script = script.replace(&format!(":({names})'"), &format!(": {function}'"));
        let _ = writeln!(
            functions,
            "(( $+functions[{function}] )) ||\n{function}() {{\n    _alternative 'names:{what}:({names})' 'files:file:_files'\n}}\n"
        );
    }
    // The script's last lines run it, or hand it to the shell.
    match script.rfind("if [ \"$funcstack[1]\"") {
        Some(at) => {
            script.insert_str(at, &functions);
            script
        }
        None => script + &functions,
    }
}

/// For fish clap's script has no names for what stands without a flag, and no files beside the names of senders.
fn with_names_in_fish(script: &str) -> String {
    let mut out = String::new();
    for line in script.lines() {
        let line = if line.contains(" -l sender ") {
            line.replace(" -r -f -a ", " -r -a ")
        } else {
            line.to_owned()
        };
        let _ = writeln!(out, "{line}");
    }
    for (commands, names) in
        [(["run", "load", "check"].as_slice(), scenario_names()), (["senders"].as_slice(), sender_names())]
    {
        for command in commands {
            let names = names.join(" ");
            let _ = writeln!(
                out,
                "complete -c smoke -n \"__fish_smoke_using_subcommand {command}\" -a \"{names}\""
            );
        }
    }
    out
}
