//! What is printed fits the screen: no line is wider than the terminal.

use crate::harness::{Ran, Smoke};

/// Lines that are wider.
fn too_wide(ran: &Ran, columns: usize) -> Vec<String> {
    let text = format!("{}\n{}", ran.stdout, ran.stderr);
    text.lines().filter(|line| line.chars().count() > columns).map(str::to_owned).collect()
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let failed = Smoke::new("payments").args(&["--misbehave", "email-in-body", "--flows", "3"]).run();
    let artifact = failed.file("staging_payments_output.json").display().to_string();
    let folder = failed.dir().join("artifacts").display().to_string();
    let commands: [(&str, &[&str]); 9] = [
        ("payments", &["--flows", "2"]),
        ("gate", &[&artifact, "--trust", "runner"]),
        ("gate", &[&artifact, "--promote", "25%"]),
        ("history", &[&folder]),
        ("diff", &[&artifact, &artifact]),
        ("senders", &[]),
        ("check", &[]),
        ("--help", &[]),
        ("run", &["nowhere.yaml"]),
    ];
    for (command, args) in commands {
        for columns in [40, 80] {
            let ran = Smoke::new(command).args(args).env("COLUMNS", &columns.to_string()).run();
            let wide = too_wide(&ran, columns);
            assert!(wide.is_empty(), "smoke {command} at {columns} columns: {wide:#?}");
        }
    }
}

/// A pipe is read by programs: nothing is broken there unless it is asked for.
#[test]
fn json_is_never_broken() {
    let ran = Smoke::new("payments").args(&["--flows", "2", "--format", "json"]).env("COLUMNS", "40").run();
    serde_json::from_str::<serde_json::Value>(&ran.exits(0).stdout).expect("JSON");
    let schema = Smoke::new("schema").env("COLUMNS", "40").run().exits(0);
    serde_json::from_str::<serde_json::Value>(&schema.stdout).expect("JSON");
}

/// What is pasted into a shell is one line, however narrow the terminal.
#[test]
fn a_command_that_is_to_be_copied_is_never_broken() {
    for format in ["human", "json"] {
        let probe = Smoke::new("probe").args(&["--receiver", "--case", "empty-key", "--format", format]);
        let ran = probe.env("COLUMNS", "40").run().exits(0);
        let text = if format == "json" { &ran.stderr } else { &ran.stdout };
        let line = text.lines().find(|line| line.starts_with("curl ")).expect("a command");
        assert!(line.contains("--data-raw '{") && line.ends_with("}'"), "{line}");
    }
}

/// The help pages of all commands, by their names.
fn pages() -> Vec<(String, String)> {
    let first = Smoke::new("--help").env("COLUMNS", "80").run().exits(0).stdout;
    let named = first.lines().filter(|line| line.starts_with("  ") && !line.starts_with("  smoke "));
    let names = named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "4");
    let names: Vec<String> = names.map(str::to_owned).chain(["load webhooks".to_owned()]).collect();
    let page = |name: &String| {
        let mut words = name.split(' ');
        let mut smoke = Smoke::new(words.next().expect("a command"));
        for word in words {
            smoke = smoke.arg(word);
        }
        let ran = smoke.arg("--help").env("COLUMNS", "80").run().exits(0);
        (name.clone(), ran.stdout)
    };
    let mut pages: Vec<_> = names.iter().map(page).collect();
    pages.push((String::new(), first));
    pages
}

/// Two screens of 80 by 24, and each example a command that there is: whatever stands in front of a flag that there is not has
/// been taken.
#[test]
fn every_help_page_fits_two_screens_and_has_examples_that_are_right() {
    let pages = pages();
    assert!(pages.len() > 25, "{}", pages.len());
    for (name, page) in pages {
        assert!(
            page.trim_end().lines().count() <= 48,
            "smoke {name} --help: {}\n{page}",
            page.lines().count()
        );
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
        let (_, examples) = page.split_once("Examples:\n").unwrap_or_else(|| panic!("no examples: {page}"));
        let examples: Vec<&str> = examples.lines().filter_map(|line| line.strip_prefix("  ")).collect();
        assert!(!examples.is_empty(), "{page}");
        for example in examples {
            let command = example.rsplit_once("smoke ").map_or("", |(_, command)| command);
            let end = [" #", " <", " >", "--header '"].iter().filter_map(|end| command.find(end)).min();
            let words = command.get(..end.unwrap_or(command.len())).unwrap_or_default().split_whitespace();
            let words: Vec<&str> = words.chain(["--no-such-flag"]).collect();
            let refused = Smoke::new(words[0]).args(&words[1..]).run().exits(2).stderr;
            let first = refused.lines().next().unwrap_or_default();
            assert!(first.contains("--no-such-flag"), "{example}: {refused}");
        }
    }
}

#[test]
fn every_command_can_be_quiet() {
    for (name, _) in pages() {
        let words: Vec<&str> = name.split(' ').filter(|word| !word.is_empty()).collect();
        let Some((first, more)) = words.split_first() else { continue };
        Smoke::new(first).args(more).args(&["-q", "--help"]).run().exits(0);
        Smoke::new("-q").args(&words).arg("--help").run().exits(0);
    }
    let init = Smoke::new("-q").args(&["init", "orders", "--sender", "stripe"]).run().exits(0);
    assert_eq!(init.stderr, "");
    let run = Smoke::new("-q").args(&["payments", "--flows", "1"]).run().exits(0);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.starts_with("PASS"), "{}", run.stdout);
}

/// What `--help` leaves out stands here, with the lists of names.
#[test]
fn smoke_help_has_everything() {
    let all = Smoke::new("help").arg("payments").run().exits(0).stdout;
    for word in [
        "--leave-closed",
        "--settle",
        "--challenge",
        "drop-webhook",
        "reset-after-head",
        "--color",
        "--quiet",
    ] {
        assert!(all.contains(word), "{word}: {all}");
    }
}

/// Errors about the command line too, however many names they list.
#[test]
fn an_error_about_a_flag_fits_the_terminal_and_names_what_was_meant() {
    for args in [
        ["payments", "--misbehave", "qqqqqq"],
        ["payments", "--inject", "qqqqqq"],
        ["payments", "--scheme", "qqqqqq"],
        ["probe", "--receiver", "qqqqqq"],
        ["schema", "qqqqqq", "--no"],
    ] {
        let ran = Smoke::new(args[0]).args(&args[1..]).env("COLUMNS", "80").run().exits(2);
        assert_eq!(too_wide(&ran, 80), Vec::<String>::new(), "{args:?}");
    }
    for (args, wanted) in [
        (["payments", "--misbehave", "drop-webhok"], "drop-webhook"),
        (["payments", "--inject", "resett"], "reset"),
        (["probe", "--case", "stale-1d"], "stale-1h"),
        (["gate", "--trust", "witnes"], "witness"),
        (["payments", "--sender", "strpe"], "no sender `strpe`; did you mean `stripe`?"),
        (["payments", "--flows", "ten"], "for '--flows <N>': write a whole number from 1 to 1000000"),
        (["run", "paymens", "-q"], "no scenario `paymens`; did you mean `payments`?"),
    ] {
        Smoke::new(args[0]).args(&args[1..]).run().exits(2).says(wanted);
    }
}

/// A help page says what there is, in whole sentences.
#[test]
fn help_names_all_that_a_flag_takes_and_what_comes_out() {
    let help = |name: &str| {
        let page = Smoke::new("help").arg(name).run().exits(0).shown();
        assert!(!page.contains("Output format") && !page.contains("One JSON object"), "{page}");
        page
    };
    let gate = help("gate");
    let refused = Smoke::new("gate").args(&["--allow", "nope=1"]).run().exits(2).stderr;
    let (_, known) = refused.split_once("known: ").expect("what is known");
    for name in known.lines().next().expect("a line").split(", ") {
        let (_, listed) = gate.split_once("Known: ").expect("a list");
        let listed = listed.split('.').next().unwrap_or_default();
        assert!(listed.split(", ").any(|word| word.split('=').next() == Some(name)), "{name}: {listed}");
    }
    assert_eq!(gate.matches("64 hex digits, PEM, or a file with either").count(), 2, "{gate}");
    assert!(help("senders").contains("JSON, an object a line"));
    let listed = Smoke::new("senders").args(&["--format", "json"]).run().exits(0).stdout;
    assert!(listed.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{listed}");
    for name in ["drift", "verify", "logs"] {
        assert!(help(name).contains("What goes to stdout"));
    }
}
