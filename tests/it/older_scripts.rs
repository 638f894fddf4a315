//! Whoever ran the older scripts runs smoke with the same variables (docs/deltacrown.md section 8), against a server of its own.

use super::harness::Smoke;
use super::reserved::Reserved;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// `smoke staging` in a process of its own, posting webhooks to `endpoint`; its data files are in `dir`.
pub struct Server {
    child: Child,
    pub url: String,
}

impl Server {
    pub fn start(dir: &Path, endpoint: &str) -> Self {
        Self::with(dir, endpoint, &[])
    }

    pub fn with(dir: &Path, endpoint: &str, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
        command
            .args(["staging", "--listen", "127.0.0.1:0", "--webhook-url", endpoint, "--write-data"])
            .arg(dir)
            .args(args);
        command.env("WEBHOOK_SECRET", SECRET).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a server");
        let mut first = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut first).expect("a line");
        let url = first.split_whitespace().last().expect("a URL").to_owned();
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).expect("a file").lines().map(str::to_owned).collect()
}

/// One cell of the first row of a CSV file.
fn cell(path: &Path, column: &str) -> String {
    let lines = lines(path);
    let at = lines[0].split(',').position(|c| c == column).expect("the column");
    lines[1].split(',').nth(at).expect("the cell").to_owned()
}

fn run(subcommand: &str, kind: &str, id: (&str, &str), user: (&str, &str)) -> super::harness::Ran {
    let dir = tempfile::tempdir().expect("a directory");
    // The server has to know the receiver's URL before the receiver starts.
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    let data = dir.path().join(format!("{kind}.csv"));
    let mut smoke = Smoke::new(subcommand).env("STAGING_URL", &server.url).env("WEBHOOK_ENDPOINT", &endpoint);
    for line in lines(&dir.path().join("staff.env")) {
        let (name, value) = line.split_once('=').expect("NAME=value");
        smoke = smoke.env(name, value.trim_matches(['"', '\'']));
    }
    smoke
        .env("WEBHOOK_SECRET", SECRET)
        .env(id.0, &cell(&data, id.1))
        .env("USER_USERNAME", &cell(&data, user.0))
        .env("USER_PASSWORD", &cell(&data, user.1))
        .args(&["--settle", "100ms"])
        .run()
}

#[test]
fn payments_run_with_the_variables_of_the_older_scripts() {
    // The older scripts name the payment by its registration; in the stand-in's data it has an id of its own.
    let ran = run("payments", "payments", ("PAYMENT_ID", "payment_id"), ("user_username", "user_password"))
        .exits(0);
    let artifact = ran.artifact("payments");
    assert_eq!(
        (&artifact["test_run"]["environment"], &artifact["test_run"]["total_payments"]),
        (&"staging".into(), &1.into())
    );
    assert_eq!(artifact["provenance"]["evidence_about_staging"], false, "it was the stand-in all the same");
    assert!(ran.shown().contains("not evidence about staging"), "{}", ran.stdout);
}

#[test]
fn matches_run_with_the_variables_of_the_older_scripts() {
    let user = ("participant_a_username", "participant_a_password");
    let ran = run("matches", "matches", ("MATCH_ID", "match_id"), user).exits(0);
    assert_eq!(ran.artifact("matches")["test_run"]["total_matches"], 1);
}

#[test]
fn rows_of_the_user_seed_the_stand_in() {
    let rows =
        "payment_id,tournament_id,user_username,user_password\n7,70,alice_canary,not-a-real-password\n";
    let args = ["--data", "rows.csv", "--flows", "1"];
    let ran = Smoke::new("payments").file("rows.csv", rows).args(&args).run().exits(0);
    assert_eq!(ran.artifact("payments")["sample_payment"]["id"], 7);
}

/// The run, ended by a signal once it has said this; with the rest of what it wrote to stderr.
fn interrupted(smoke: Smoke, once: &str) -> (super::harness::Ran, String) {
    let (mut child, dir) = smoke.spawn();
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains(once) {
        line.clear();
        assert!(stderr.read_line(&mut line).expect("a line") > 0, "it ended before it waited");
    }
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(kill.expect("kill runs").success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("text");
    (super::harness::Ran::new(&child.wait_with_output().expect("it ends"), dir).exits(130), rest)
}

/// Their next attempts find nobody, or whoever listens by then: nobody knows yet whether the breaker opens.
#[test]
fn a_run_that_ends_while_deliveries_are_tried_says_that_the_breaker_may_open() {
    let dir = tempfile::tempdir().expect("a folder");
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    let smoke = Smoke::new("payments")
        .args(&[
            "--staging",
            &server.url,
            "--flows",
            "6",
            "--concurrency",
            "6",
            "--inject",
            "503x2",
            "--data",
        ])
        .arg(dir.path().join("payments.csv"))
        .arg("--env-file")
        .arg(dir.path().join("staff.env"))
        .env("WEBHOOK_ENDPOINT", &endpoint)
        .env("WEBHOOK_SECRET", SECRET);
    let (ran, said) = interrupted(smoke, "for attempt 3 (");
    assert!(said.contains("deliveries were still being retried when this run ended"), "{said}");
    assert!(!said.contains("this run opened the sender's circuit breaker"), "{said}");
    let left = std::fs::read_to_string(ran.file("sender_breaker.json")).expect("it is kept");
    assert!(left.contains("\"maybe\": true"), "{left}");
}

#[test]
fn what_was_still_due_at_an_interrupt_is_pending_not_lost() {
    let args = ["--misbehave", "drop-webhook", "--within", "60s", "--report", "junit"];
    let (ran, _) = interrupted(Smoke::new("payments").args(&args), "watching for webhooks");
    let artifact = ran.artifact("payments");
    assert_eq!(artifact["acceptance_gates"]["verdict"], "unproven");
    assert_eq!(
        (&artifact["test_run"]["webhooks_lost"], &artifact["outcomes"]["organic"]["pending"]),
        (&0.into(), &3.into())
    );
    assert_eq!(artifact["provenance"]["journal_complete"], false);
    assert!(ran.stdout.contains("interrupted while webhooks were watched for"), "{}", ran.stdout);
    // What may still come has not failed.
    let junit = std::fs::read_to_string(ran.file("staging_payments_junit.xml")).expect("JUnit XML");
    assert!(!junit.contains("<failure") && junit.contains("has not arrived: still due"), "{junit}");
}

#[test]
fn evidence_about_staging_is_not_lost_to_a_try_with_the_stand_in() {
    let old = r#"{"test_run":{"environment":"staging"}}"#;
    let ran = Smoke::new("payments").file("artifacts/staging_payments_output.json", old).run().exits(0);
    let kept: Vec<String> = std::fs::read_dir(ran.dir().join("artifacts"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with("Z_output.json"))
        .map(|path| std::fs::read_to_string(path).expect("kept"))
        .collect();
    assert_eq!(kept, [old]);
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    for line in [&["secret"][..], &["help"], &["help", "payments"], &["payments", "--help"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("a full device");
        let mut smoke = Command::new(env!("CARGO_BIN_EXE_smoke"));
        let status = smoke.args(line).stdout(full).stderr(Stdio::null()).status();
        assert_eq!(status.expect("smoke runs").code(), Some(4), "{line:?}");
    }
}

#[test]
fn a_webhook_at_the_wrong_path_is_told() {
    let reserved = Reserved::new();
    let address = reserved.address.to_string();
    let args = ["--listen", &address, "--misbehave", "slow", "--flows", "1"];
    let (child, dir) = Smoke::new("payments").args(&args).spawn();
    let begun = std::time::Instant::now();
    let mut stream = loop {
        if let Ok(stream) = TcpStream::connect(&address) {
            break stream;
        }
        assert!(begun.elapsed().as_secs() < 20, "the receiver never listened");
        std::thread::yield_now();
    };
    stream
        .write_all(b"POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let ran = super::harness::Ran::new(&child.wait_with_output().expect("it ends"), dir);
    assert!(ran.stdout.contains("404: \"POST /other\""), "{}", ran.stdout);
    assert_eq!(ran.artifact("payments")["outcomes"]["refused_requests"]["404"], 1);
}
