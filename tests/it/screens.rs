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
