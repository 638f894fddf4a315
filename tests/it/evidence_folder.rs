//! What a run leaves in its folder, and what it finds there: locks, evidence of earlier runs, a breaker that was left open.

use super::harness::{Ran, Smoke};
use super::older_scripts::{SECRET, Server, lines};
use super::reserved::Reserved;
use std::io::{BufRead, BufReader};
use std::path::Path;

const STAGING: &str = r#"{"test_run":{"environment":"staging"}}"#;

#[test]
fn two_runs_at_once_in_one_folder_are_refused_and_the_first_one_is_whole() {
    let args = ["--misbehave", "drop-webhook", "--within", "60s"];
    let (mut child, dir) = Smoke::new("payments").args(&args).spawn();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("watching for webhooks") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended before it waited");
    }
    let folder = dir.path().join("artifacts");
    let there = |command: &str| {
        let smoke = Smoke::new(command).args(&["--flows", "1", "--artifacts"]).arg(&folder);
        smoke.run()
    };
    there("payments").exits(4).says("another smoke process is writing staging_payments there");
    // Other files are another matter.
    there("matches").exits(0);
    let kill = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    Ran::new(&child.wait_with_output().unwrap(), dir).exits(130);
}

#[test]
fn a_run_that_cannot_begin_leaves_earlier_evidence_where_it_is() {
    let earlier = |args: &[&str]| {
        let smoke = Smoke::new("payments").file("artifacts/staging_payments_output.json", STAGING);
        smoke.file("artifacts/staging_payments_memo.md", "a memo").args(args).run()
    };
    for (args, code) in [
        (&["--data", "none.csv"][..], 2),
        (&["--flows", "3", "--inject", "503@9"], 2),
        (&["--var", "nothing=1"], 2),
        (&["--listen", "192.0.2.1:80"], 4),
    ] {
        let ran = earlier(args).exits(code);
        let output = std::fs::read_to_string(ran.file("staging_payments_output.json")).unwrap();
        assert_eq!(output, STAGING, "{args:?}");
        assert!(ran.file("staging_payments_memo.md").exists(), "{args:?}");
    }
}

#[test]
fn pages_of_an_earlier_run_do_not_stand_beside_a_later_one() {
    let first =
        Smoke::new("payments").args(&["--flows", "2", "--report", "html,junit,markdown"]).run().exits(0);
    let pages =
        ["report.html", "junit.xml", "memo.md"].map(|end| first.file(&format!("staging_payments_{end}")));
    assert!(pages.iter().all(|page| page.exists()));
    let folder = first.dir().join("artifacts");
    let again =
        |args: &[&str]| Smoke::new("payments").args(args).arg("--artifacts").arg(&folder).run().exits(0);
    again(&["--flows", "2", "--report", "junit"]);
    assert_eq!(pages.each_ref().map(|page| page.exists()), [false, true, false]);
    again(&["--flows", "2"]);
    assert!(pages.iter().all(|page| !page.exists()));
}

#[test]
fn whatever_drives_asks_before_it_drives_what_looks_like_production() {
    let production = ["--staging", "https://www.example.com/"];
    let refused = |smoke: Smoke| {
        let ran = smoke.args(&production).env("WEBHOOK_SECRET", SECRET).run().exits(2);
        ran.says("www.example.com looks like production").says("--i-own-this-target");
    };
    refused(Smoke::new("payments"));
    refused(Smoke::new("matches"));
    refused(Smoke::new("run").arg("payments"));
    refused(Smoke::new("load").args(&["payments", "--rate", "1/s", "--duration", "1s"]));
    let observe = ["--duration", "1s", "--listen", "127.0.0.1:0", "--drive", "payments=1/s"];
    refused(Smoke::new("observe").args(&observe));
}

/// A run of the payments in `rows` against a server.
fn drive(server: &Server, endpoint: &str, data: &Path, rows: std::ops::Range<usize>, folder: &Path) -> Smoke {
    let all = lines(&data.join("payments.csv"));
    let rows: Vec<&str> =
        [all[0].as_str()].into_iter().chain(all[1..][rows].iter().map(String::as_str)).collect();
    let flows = (rows.len() - 1).to_string();
    Smoke::new("payments")
        .file("rows.csv", &rows.join("\n"))
        .args(&["--staging", &server.url, "--data", "rows.csv", "--flows", &flows, "--settle", "100ms"])
        .args(&["--within", "2s", "--artifacts"])
        .arg(folder)
        .arg("--env-file")
        .arg(data.join("staff.env"))
        .env("WEBHOOK_ENDPOINT", endpoint)
        .env("WEBHOOK_SECRET", SECRET)
}

#[test]
fn a_breaker_that_a_run_leaves_open_is_told_and_the_next_run_knows_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    let folder = dir.path().join("artifacts");
    let drive = |rows| drive(&server, &endpoint, dir.path(), rows, &folder);
    let ran = drive(0..6).args(&["--inject", "400", "--concurrency", "6"]).run();
    ran.says("this run opened the sender's circuit breaker");
    let kept = folder.join("sender_breaker.json");
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(text.contains(&server.url) && text.contains("staging_payments"), "{text}");
    let ran = drive(6..7).arg("--no-pause").run().exits(1);
    let ran = ran.says("warning: the sender's circuit breaker is open for");
    ran.says("webhooks were lost, and this run did not open the sender's circuit breaker");
    // As if it were open for a few more seconds only: as many as a busy machine takes to begin.
    let soon = chrono::Utc::now() + chrono::TimeDelta::seconds(6);
    let left = serde_json::json!({"target": server.url, "open_until": soon, "opened_by": "staging_payments"});
    std::fs::write(&kept, left.to_string()).unwrap();
    drive(7..8).run().says("more: staging_payments opened it: waiting");
    // An observation that drives waits as well, before its window.
    let soon = chrono::Utc::now() + chrono::TimeDelta::seconds(6);
    let left = serde_json::json!({"target": server.url, "open_until": soon, "opened_by": "staging_payments"});
    std::fs::write(&kept, left.to_string()).unwrap();
    let rows = format!("payments={}", dir.path().join("payments.csv").display());
    let observe = Smoke::new("observe")
        .args(&["--drive", "payments=1/s", "--duration", "1s", "--staging", &server.url, "--data", &rows])
        .args(&["--listen", &reserved.address.to_string(), "--artifacts"])
        .arg(&folder)
        .arg("--env-file")
        .arg(dir.path().join("staff.env"))
        .env("WEBHOOK_SECRET", SECRET)
        .run();
    observe.says("more: staging_payments opened it: waiting");
}

#[test]
fn a_run_waits_at_its_end_for_the_breaker_that_it_has_opened_where_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    let folder = dir.path().join("artifacts");
    let gates = dir.path().join("gates.yaml");
    std::fs::write(
        &gates,
        "retry_contract: { breaker: { failures: 5, window_ms: 120000, open_ms: 8000 } }\n",
    )
    .unwrap();
    let drive = drive(&server, &endpoint, dir.path(), 0..6, &folder);
    let ran =
        drive.args(&["--inject", "400", "--concurrency", "6", "--leave-closed", "--gates"]).arg(&gates).run();
    ran.says("s for it (--leave-closed); the next webhook is the probe that closes it");
    let left: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("sender_breaker.json")).unwrap()).unwrap();
    let until: chrono::DateTime<chrono::Utc> = serde_json::from_value(left["open_until"].clone()).unwrap();
    assert!(chrono::Utc::now() >= until, "it has waited");
}
