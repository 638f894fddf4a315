//! Help: the first page with commands in groups, and a page of at most two screens for each command; `smoke help COMMAND`
//! has every option.

use super::help_pages::{PAGES, Page};
use super::{out, probe};
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;
use std::fmt::Write as _;

/// Which commands stand together, by what they are for.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run", &["payments", "matches", "run", "load", "merge", "probe"]),
    ("Prove", &["gate", "report", "observe", "diff", "history", "key", "drift"]),
    ("Receive", &["receive", "staging"]),
    ("Inspect", &["logs", "scan", "sign", "verify", "senders", "learn"]),
    ("Set up", &["check", "init", "seed", "secret", "schema", "completions", "man"]),
];

const OPTIONS: &str = "-h, --help · -q, --quiet · -V, --version (-v: more) · --color WHEN";

const CODES: [&str; 2] =
    ["0 pass · 1 a gate failed · 2 usage or scenario error · 3 unproven", "4 environment · 130 interrupted"];

const EXAMPLES: [&str; 3] = [
    "smoke payments                                # against the built-in stand-in",
    "smoke payments --staging URL --secret-file F --data rows.csv",
    "smoke gate artifacts --require payments,matches --secret-file F",
];

/// `command` with its subcommands in groups, and below them options, exit codes and examples.
pub(super) fn grouped(command: Command) -> Command {
    let screen = out::screen(false);
    let mut text = String::new();
    for (title, names) in groups(&command) {
        let _ = writeln!(text, "{title}:");
        for name in names {
            let about = command.find_subcommand(&name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            text.push_str(&screen.wrapped(&format!("  {name:<12} "), &about));
        }
    }
    text.push_str(&screen.wrapped("Options: ", OPTIONS));
    text.push_str(&screen.wrapped("Exit codes: ", CODES[0]));
    text.push_str(&screen.wrapped("            ", CODES[1]));
    text.push_str(&examples(&EXAMPLES));
    text.push_str(screen.wrapped("", "smoke help COMMAND: every option of a command").trim_end());
    command.help_template(format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}"))
}

/// `command`, each subcommand of which has a help page that fits two screens, and one with all its options.
pub(super) fn paged(command: Command) -> Command {
    // Without a long page clap prints the short one for both flags, which is what is wanted: `smoke help` has the long one.
    let help = Arg::new("help").short('h').long("help").action(ArgAction::HelpShort).global(true);
    let help = help.help("Print help").help_heading("Output").hide_short_help(true);
    let command = command.disable_help_flag(true).arg(help);
    // All of them are told on the first page.
    let command = command.mut_arg("color", |arg| arg.hide_short_help(true));
    let command = command.mut_arg("quiet", |arg| arg.hide_short_help(true));
    // Only the page of the command that is given is made.
    command.mut_subcommands(|sub| sub.defer(|sub| of(sub, "", Shown::Short)))
}

/// The command line as it is parsed: `smoke help load payments` asks about `load`, as an argument of a command has no page of its own.
pub(super) fn asked_about(root: &Command, mut line: Vec<OsString>) -> Vec<OsString> {
    if line.get(1).is_none_or(|word| word != "help") {
        return line;
    }
    let mut command = root;
    let known = |word: &&OsString| {
        let found = command.find_subcommand(word);
        command = found.unwrap_or(command);
        found.is_some()
    };
    let argument = 2 + line.iter().skip(2).take_while(known).count();
    if command.get_positionals().next().is_some() && argument < line.len() {
        line.remove(argument);
    }
    line
}

/// `command` for its manual pages, which have every option, and examples.
pub(super) fn in_manual(command: Command) -> Command {
    command.mut_subcommands(|sub| of(sub, "", Shown::All))
}

/// Which options a page shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Short,
    All,
}

/// The pages of a subcommand, and of its own subcommands.
fn of(command: Command, above: &str, shown: Shown) -> Command {
    let name = format!("{above}{}", command.get_name());
    let command = command.mut_subcommands(|sub| of(sub, &format!("{name} "), shown));
    let Some(page) = PAGES.iter().find(|page| page.command == name) else { return command };
    let own =
        |text: Option<&clap::builder::StyledStr>| text.map(|text| format!("{text}\n\n")).unwrap_or_default();
    let examples = examples(page.examples);
    let short = format!("{}{examples}{}", own(command.get_after_help()), more(page, &name));
    let long = match name.as_str() {
        // Not made for each command: the profile of every sender is read for it.
        "probe" => format!("{}\n\n", probe::after_all_options()),
        _ => own(command.get_after_long_help().or(command.get_after_help())),
    };
    let long = format!("{long}{examples}");
    let command = command.after_help(short.trim_end().to_owned()).after_long_help(long.trim_end().to_owned());
    if shown == Shown::All {
        return command;
    }
    command.mut_args(|arg| {
        let shown =
            page.shown.is_empty() || arg.is_positional() || page.shown.contains(&arg.get_id().as_str());
        if shown { arg } else { arg.hide_short_help(true) }
    })
}

fn examples(examples: &[&str]) -> String {
    let screen = out::screen(false);
    let mut text = "Examples:\n".to_owned();
    for example in examples {
        if example.chars().count() + 2 <= screen.width {
            let _ = writeln!(text, "  {example}");
        } else {
            text.push_str(&screen.wrapped("  ", example));
        }
    }
    text
}

/// Where the rest is, on a page that leaves something out.
fn more(page: &Page, name: &str) -> String {
    if page.shown.is_empty() { String::new() } else { format!("All options: smoke help {name}") }
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
    fn each_command_is_in_a_group() {
        let command = Args::command();
        assert!(groups(&command).iter().all(|(title, _)| *title != "Other"), "{:?}", groups(&command));
    }

    #[test]
    fn help_with_an_argument_is_that_of_its_command() {
        let root = Args::command();
        let asked = |line: &str| {
            let line = line.split(' ').map(OsString::from).collect();
            asked_about(&root, line).join(" ".as_ref()).into_string().unwrap()
        };
        assert_eq!(asked("smoke help load payments"), "smoke help load");
        assert_eq!(asked("smoke help run orders.yaml"), "smoke help run");
        for unchanged in [
            "smoke help load webhooks",
            "smoke help nothing",
            "smoke help receive x",
            "smoke load help x",
            "smoke help",
            "smoke",
        ] {
            assert_eq!(asked(unchanged), unchanged);
        }
    }

    /// An option that is renamed would vanish from its page without a word.
    #[test]
    fn each_page_is_of_a_command_and_shows_options_that_there_are() {
        let mut root = paged(Args::command());
        root.build();
        for page in &PAGES {
            let mut command = &root;
            for name in page.command.split(' ') {
                command = command.find_subcommand(name).unwrap_or_else(|| panic!("{}", page.command));
            }
            for example in page.examples {
                assert!(example.chars().count() <= 78, "{example}");
            }
            for id in page.shown {
                let known = command.get_arguments().any(|arg| arg.get_id() == id);
                assert!(known, "{}: {id}", page.command);
            }
        }
        let without =
            root.get_subcommands().map(Command::get_name).filter(|name| !matches!(*name, "help" | "man"));
        let without: Vec<&str> =
            without.filter(|name| PAGES.iter().all(|page| page.command != *name)).collect();
        assert!(without.is_empty(), "no page: {without:?}");
    }
}
