//! README is true: every `$ smoke …` in it runs, in order, in one directory, with the exit code that it states.

use std::process::Command;

/// The commands of the ```console blocks, each with the exit code of its comment (`# exit 3`), else 0.
fn commands(readme: &str) -> Vec<(String, i32)> {
    let blocks = readme.split("```console\n").skip(1).filter_map(|b| b.split("```").next());
    let lines = blocks.flat_map(str::lines).filter_map(|l| l.strip_prefix("$ smoke "));
    let parse = |line: &str| {
        let (command, comment) = line.split_once(" #").unwrap_or((line, ""));
        let code = comment
            .trim()
            .strip_prefix("exit ")
            .map(|c| c.chars().take_while(char::is_ascii_digit).collect());
        let code: Option<String> = code;
        (command.trim().to_owned(), code.map_or(0, |c| c.parse().expect("an exit code")))
    };
    lines.map(parse).collect()
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let readme = include_str!("../../README.md");
    let commands = commands(readme);
    assert!(commands.len() >= 5, "README has lost its commands: {commands:?}");
    let dir = tempfile::TempDir::new().expect("a directory");
    // The first of the two commands of the set-up makes the first artifact.
    let set_up = [("payments".to_owned(), 0)];
    for (command, code) in set_up.into_iter().chain(commands) {
        let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
        smoke.args(command.split_whitespace()).current_dir(dir.path());
        for name in ["STAGING_URL", "WEBHOOK_SECRET", "WEBHOOK_ENDPOINT"] {
            smoke.env_remove(name);
        }
        let output = smoke.output().expect("smoke runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "smoke {command}\n{stderr}");
    }
}

#[test]
fn the_documented_commands_are_those_of_ci() {
    let (readme, ci) = (include_str!("../../README.md"), include_str!("../../.ci/run"));
    assert!(readme.contains("cargo run --release -- payments") && readme.contains("```sh\ncargo test\n```"));
    assert!(ci.contains("cargo test --locked") && ci.contains("-- payments"));
}
