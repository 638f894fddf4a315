//! What the system lets smoke have too little of: open files, and with them connections. Nobody else is blamed for it.

use super::harness::Ran;
use super::origin::{Answer, Origin, Seen};
use super::reserved::Reserved;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

#[test]
fn a_limit_of_files_that_is_too_low_is_told_before_anything_is_driven() {
    for command in
        ["payments", "check", "receive --listen 127.0.0.1:0 --secret-env KEY", "staging --listen 127.0.0.1:0"]
    {
        for most in [6, 20, 63] {
            let dir = tempfile::tempdir().unwrap();
            let ran = Ran::new(&under(most, command, dir.path()).output().unwrap(), dir)
                .exits(4)
                .says("raise the limit (ulimit -n 64)");
            assert!(!ran.file("staging_payments_journal.jsonl").exists(), "{command}");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    Ran::new(&under(64, "payments --flows 10", dir.path()).output().unwrap(), dir).exits(0);
}

/// A scenario of one step without a webhook, and the command that drives it.
fn driven(origin: &Origin, listen: &str, flags: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let step = "  - name: a\n    request: { method: POST, path: /a, json: {} }\n";
    let subject = "subject: { kind: flow, id: \"{{ flow }}\" }";
    std::fs::write(dir.path().join("s.yaml"), format!("name: t\n{subject}\nsteps:\n{step}")).unwrap();
    let command = format!(
        "run s.yaml --staging {} --listen {listen} --settle 10ms --secret-env KEY {flags}",
        origin.url
    );
    (dir, command)
}

/// `smoke` under a limit of open files.
fn under(most: u32, command: &str, dir: &Path) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("ulimit -S -n {most}; exec \"$0\" {command}");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_smoke")]).current_dir(dir).stdin(Stdio::null());
    shell.env("KEY", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    shell
}

fn ended_without_verdict(ran: Ran, what: &str) {
    let ran = ran.exits(4).says(what).says("says nothing about the sender").says("ulimit -n");
    assert!(!ran.stdout.contains("FAIL"), "{}", ran.stdout);
    let journal = std::fs::read_to_string(ran.file("staging_t_journal.jsonl")).unwrap();
    assert!(journal.contains("\"by\":\"machine\""), "{journal}");
}

#[test]
fn a_step_for_which_this_machine_has_no_connection_is_no_failure_of_staging() {
    let pid = Arc::new(OnceLock::<u32>::new());
    let known = Arc::clone(&pid);
    let origin = Origin::start(move |request: &Seen, before: &[Seen]| {
        // The others wait behind the first one, until no further connection can be opened.
        if request.path() == "/a" && !before.iter().any(|seen| seen.path() == "/a") {
            let (pid, begun) = (*known.wait(), Instant::now());
            while open_files(pid).len() < 64 && begun.elapsed() < Duration::from_secs(5) {
                std::thread::yield_now();
            }
            // Long enough for those that are left to try.
            let full = Instant::now();
            while open_files(pid).len() >= 64 && full.elapsed() < Duration::from_secs(1) {
                std::thread::yield_now();
            }
        }
        Answer::json("200 OK", "{}").then_close()
    });
    let (dir, command) = driven(&origin, "127.0.0.1:0", "--flows 100 --concurrency 100");
    let ran = ended(under(64, &command, dir.path()), &pid, dir);
    assert_eq!(ran.gate("t", "steps"), "unproven");
    ended_without_verdict(ran, "step `a`: cannot connect: Too many open files");
    let (dir, command) = driven(&origin, "127.0.0.1:0", "--flows 100 --concurrency 10");
    Ran::new(&under(64, &command, dir.path()).output().unwrap(), dir).exits(0);
}

/// What a command did whose process others know meanwhile.
fn ended(mut command: Command, pid: &OnceLock<u32>, dir: tempfile::TempDir) -> Ran {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    pid.set(child.id()).unwrap();
    Ran::new(&child.wait_with_output().unwrap(), dir)
}

/// Whoever posts waits in the kernel until a connection can be accepted, and is late for it.
#[test]
fn webhooks_that_cannot_be_taken_in_are_no_failure_of_the_sender() {
    let (reserved, pid) = (Reserved::new(), Arc::new(OnceLock::<u32>::new()));
    let (at, known) = (reserved.address, Arc::clone(&pid));
    let origin = Origin::start(move |request: &Seen, _| {
        if request.path() == "/a" {
            no_further_file(*known.wait());
            let mut webhook = TcpStream::connect(at).unwrap();
            webhook.write_all(b"POST /webhooks/inbound HTTP/1.1\r\nHost: smoke\r\n\r\n").unwrap();
            // Ends when the receiver does.
            webhook.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            let _ = webhook.read(&mut [0]);
        }
        Answer::json("200 OK", "{}")
    });
    let (dir, command) = driven(&origin, &reserved.address.to_string(), "--flows 1");
    let ran = ended(under(1000, &command, dir.path()), &pid, dir);
    ended_without_verdict(ran, "webhooks cannot be taken in: Too many open files");
}

/// From now on the process gets another file only where it closes one.
fn no_further_file(pid: u32) {
    let open = open_files(pid);
    let first_free = (0..).find(|number| !open.contains(number)).unwrap();
    let limit = format!("--nofile={first_free}:");
    assert!(Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status().unwrap().success());
}

/// The numbers of the files that a process has open.
fn open_files(pid: u32) -> BTreeSet<u32> {
    let Ok(files) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeSet::new() };
    files.filter_map(|file| file.ok()?.file_name().to_str()?.parse().ok()).collect()
}
