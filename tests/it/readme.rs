//! README and the pages are true: every `$ smoke …` in them runs, in order, in one directory, with the exit code that it states,
//! and the sample is what is printed.

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
    run_all(include_str!("../../README.md"), 6);
}

#[test]
fn the_commands_of_the_first_run_do_what_the_page_says() {
    run_all(include_str!("../../docs/first-run.md"), 9);
}

#[test]
fn the_commands_of_the_pages_on_staging_and_personal_data_do_what_they_say() {
    run_all(include_str!("../../docs/staging.md"), 2);
    run_all(include_str!("../../docs/pii.md"), 1);
}

/// The words of each `smoke …` in the shell blocks of a page, up to where the shell takes over; without those that leave something out.
fn all_commands(page: &str) -> Vec<Vec<String>> {
    let page = page.replace("\\\n", " ");
    let shell = |block: &&str| ["sh\n", "console\n", "bash\n"].iter().any(|kind| block.starts_with(kind));
    let blocks = page.split("```").skip(1).step_by(2).filter(shell);
    let lines = blocks.flat_map(str::lines).filter_map(|line| {
        let line = line.trim_start_matches("$ ");
        let begins = if line.starts_with("smoke ") { 0 } else { line.find(" smoke ")? + 1 };
        let command = line.get(begins + "smoke ".len()..)?;
        let end = [" #", "|", ";", "&", "<", ">"].iter().filter_map(|end| command.find(end)).min();
        command.get(..end.unwrap_or(command.len()))
    });
    let whole = lines.filter(|command| !command.contains(['…', '[']) && !command.contains("--help"));
    whole.map(words).collect()
}

/// Words as a shell splits them, quotes taken off.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().expect("a word").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whatever stands in front of a flag that there is not has been taken: it is the first that is refused.
#[test]
fn every_command_of_every_page_is_one() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("examples/senders/README.md")];
    let docs = std::fs::read_dir(root.join("docs")).expect("docs");
    pages.extend(
        docs.map(|entry| entry.expect("a page").path()).filter(|p| p.extension().is_some_and(|e| e == "md")),
    );
    let mut seen = 0;
    for page in pages {
        for command in all_commands(&std::fs::read_to_string(&page).expect("a page")) {
            let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
            let output = smoke.args(&command).arg("--no-such-flag").output().expect("smoke runs");
            let stderr = String::from_utf8_lossy(&output.stderr);
            let refused = stderr.lines().next().unwrap_or_default().to_owned();
            assert!(
                refused.contains("--no-such-flag"),
                "{}: smoke {}: {refused}",
                page.display(),
                command.join(" ")
            );
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

/// The block that is pasted into a shell, twice: the stand-in of the first time still runs, and knows the secret of the first time.
#[test]
fn the_block_for_one_machine_may_be_pasted_again() {
    let page = include_str!("../../docs/staging.md");
    let block =
        page.split("```sh\n").filter_map(|b| b.split("```").next()).find(|b| b.contains("--ready-file"));
    let port =
        || std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("one").port();
    let block = block.expect("the block").replace(":8000", &format!(":{}", port()));
    let block = block.replace(":8787", &format!(":{}", port()));
    let dir = tempfile::TempDir::new().expect("a directory");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_smoke"), dir.path().join("smoke")).expect("a link");
    let script =
        format!("PATH=$PWD:$PATH\n{block}\necho first $?\n{block}\necho second $?\nkill $(jobs -p)\n");
    let mut bash = Command::new("bash");
    for name in ["STAGING_URL", "WEBHOOK_SECRET", "WEBHOOK_ENDPOINT"] {
        bash.env_remove(name);
    }
    let output = bash.args(["-c", &script]).current_dir(dir.path()).output().expect("bash");
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("first 0\n") && told.contains("second 0\n"), "{told}\n{said}");
}

/// Runs every command of a page, in order, in one directory.
fn run_all(page: &str, at_least: usize) {
    let commands = commands(page);
    assert!(commands.len() >= at_least, "the page has lost its commands: {commands:?}");
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
    assert!(ci.contains("cargo test --locked") && ci.contains("smoke\" payments"));
}

/// A text on one line, without what differs from run to run: times, and which flow was first.
fn steady(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_number = |word: &str| word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let mut out = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let next = words.get(i + 1).map_or("", |next| next.trim_end_matches([';', ',']));
        let before = i.checked_sub(1).and_then(|i| words.get(i)).copied().unwrap_or_default();
        if is_number(word) && (matches!(next, "ms" | "s" | "min") || before == "flow") {
            continue;
        }
        // A unit alone says nothing either: the same figure may be 950 ms or 1.02 s.
        if !matches!(word.trim_end_matches([';', ',']), "ms" | "s") {
            out.push(*word);
        }
    }
    out.join(" ")
}

/// The sample in README is what is printed, but for times.
#[test]
fn the_sample_of_the_readme_is_what_is_printed() {
    let readme = include_str!("../../README.md");
    let sample =
        readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a sample");
    let ran = crate::harness::Smoke::new("payments").run().exits(0);
    let end = "delivery latency";
    let first = |text: &str| steady(text.split(end).next().unwrap_or_default());
    assert_eq!(first(sample), first(&ran.stdout), "put the new output into README");
    assert!(sample.contains(end) && ran.stdout.contains(end));
    // What stands below the histogram is said on stderr.
    let below = sample.trim_end().rsplit('\u{25a0}').next().expect("a histogram").trim();
    assert!(ran.stderr.trim_end().ends_with(below), "put the end of this into README:\n{}", ran.stderr);
}
