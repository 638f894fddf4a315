//! The first help page: commands in groups, exit codes, and three examples.

use super::out;
use clap::Command;
use std::fmt::Write as _;

/// Which commands stand together, by what they are for.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run", &["payments", "matches", "run", "load", "merge", "probe"]),
    ("Prove", &["gate", "report", "observe", "diff", "history", "key", "drift"]),
    ("Receive", &["receive", "staging"]),
    ("Inspect", &["logs", "scan", "sign", "verify", "senders", "learn"]),
    ("Set up", &["check", "init", "seed", "secret", "schema", "completions", "man"]),
];

const ENDS: &str = "\
Exit codes: 0 pass · 1 a gate failed · 2 usage or scenario error · 3 unproven · 4 environment · 130 interrupted

Examples:
  smoke payments                                      against the built-in stand-in: see what you get
  smoke payments --staging https://staging.example --secret-file F --data rows.csv
  smoke gate artifacts --require payments,matches --secret-file F";

/// `command` with its subcommands in groups.
pub(super) fn grouped(command: Command) -> Command {
    let mut text = String::new();
    for (title, names) in groups(&command) {
        let _ = writeln!(text, "{title}:");
        for name in names {
            let about = command.find_subcommand(&name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            text.push_str(&out::screen(false).wrapped(&format!("  {name:<12} "), &about));
        }
        text.push('\n');
    }
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}Options:\n{{options}}\n\n{ENDS}"
    ))
}

/// The groups of the commands that there are; one that is in no group is in a last one.
fn groups(command: &Command) -> Vec<(&'static str, Vec<String>)> {
    let visible = command.get_subcommands().filter(|c| !c.is_hide_set());
    let mut left: Vec<String> = visible.map(|c| c.get_name().to_owned()).filter(|n| n != "help").collect();
    let mut found = Vec::new();
    for (title, names) in GROUPS {
        let (here, rest) = left.into_iter().partition::<Vec<_>, _>(|n| names.contains(&n.as_str()));
        left = rest;
        let place = |name: &String| names.iter().position(|n| n == name);
        let mut here = here;
        here.sort_by_key(place);
        found.push((title, here));
    }
    found.push(("Other", left));
    found.retain(|(_, names)| !names.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Args;
    use clap::CommandFactory;

    #[test]
    fn each_command_is_in_a_group_and_the_page_fits_a_screen() {
        let command = Args::command();
        assert!(groups(&command).iter().all(|(title, _)| *title != "Other"), "{:?}", groups(&command));
        let page = grouped(command).render_help().to_string();
        assert!(page.lines().count() <= 60, "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 120), "{page}");
    }
}
