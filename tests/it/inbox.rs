//! Runs whose webhooks a `smoke receive` elsewhere takes, and that read them back.

use super::harness::{Ran, Smoke};
use super::receiver::{Receiver, SECRET, TOKEN, Webhook, until};
use super::reserved::Reserved;
use serde_json::Value;
use std::path::Path;

/// `smoke payments` with the stand-in posting to `receiver`.
fn payments(receiver: &str, args: &[&str]) -> Smoke {
    let smoke = Smoke::new("payments").env("WEBHOOK_SECRET", SECRET).file("token", TOKEN);
    let smoke = smoke.args(&["--inbox", receiver, "--token-file", "token"]);
    smoke.args(args)
}

fn start(dir: &Path, flags: &[&str]) -> (Receiver, String) {
    let receiver = Receiver::start(dir, "", flags);
    let url = format!("http://{}", receiver.address);
    (receiver, url)
}

fn start_blind(dir: &Path) -> (Receiver, String) {
    let receiver = Receiver::start(dir, "unset WEBHOOK_SECRET;", &["--blind"]);
    let url = format!("http://{}", receiver.address);
    (receiver, url)
}

fn notes(ran: &Ran) -> String {
    ran.artifact("payments")["provenance"]["notes"].to_string()
}

#[test]
fn a_run_reads_its_webhooks_back_and_states_the_clocks() {
    let dir = tempfile::tempdir().unwrap();
    let (receiver, url) = start(dir.path(), &[]);
    // What came before the run is not the run's.
    assert_eq!(receiver.post(&Webhook::new()), Some(200));
    let ran = payments(&url, &["--flows", "4"]).run().exits(0);
    let artifact = ran.artifact("payments");
    assert_eq!(artifact["outcomes"]["organic"]["deliveries"], 4);
    assert_eq!(artifact["outcomes"]["foreign"], 0);
    let clock = &artifact["performance_metrics"]["receiver_clock"];
    assert!(clock["uncertainty_us"].as_u64().unwrap() < 1_000_000, "{clock}");
    assert!(clock["samples"].as_u64().unwrap() >= 9, "{clock}");
    assert!(notes(&ran).contains("read back from http://"), "{}", notes(&ran));
    let endpoint = artifact["configuration"]["webhook_endpoint"].as_str().unwrap();
    assert_eq!(endpoint, format!("{url}/webhooks/inbound"));
    // The journal alone gives the same artifact again.
    let journal = ran.file("staging_payments_journal.jsonl");
    let again = Smoke::new("report").arg(&journal).args(&["--output", "again.json"]).run();
    let again: Value =
        serde_json::from_slice(&std::fs::read(again.dir().join("again.json")).unwrap()).unwrap();
    assert_eq!(again, artifact);
}

/// What it refuses is right under the run's secret: that says nothing about the sender, and nothing is rolled back.
#[test]
fn a_receiver_with_another_secret_is_told_and_the_sender_is_not_accused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("other"), SECRET.replace('9', "8")).unwrap();
    let (receiver, url) = start(dir.path(), &["--secret-file", "other"]);
    let said = "has a different secret than this run";
    let ran = payments(&url, &["--flows", "4"]).run().exits(4);
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let journal = ran.file("staging_payments_journal.jsonl");
    let again = Smoke::new("report").arg(&journal).run();
    assert!(!again.shown().contains("FAIL"), "{}", again.shown());

    let smoke = Smoke::new("observe").env("WEBHOOK_SECRET", SECRET).file("token", TOKEN);
    let args =
        ["--inbox", &url, "--token-file", "token", "--duration", "60s", "--on-rollback", "touch rolled-back"];
    let (child, window) = smoke.args(&args).spawn();
    let begun = || {
        let journal = window.path().join("artifacts/staging_observation_journal.jsonl");
        std::fs::read_to_string(journal).is_ok_and(|text| text.contains("\"begin\""))
    };
    until(begun, "the window has begun");
    (0..4).for_each(|_| assert_eq!(receiver.post(&Webhook::new()), Some(401)));
    let done = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains(said), "{stderr}");
    assert!(!window.path().join("rolled-back").exists());
}

#[test]
fn a_receiver_without_a_secret_leaves_signatures_unproven() {
    let dir = tempfile::tempdir().unwrap();
    // An empty variable is an error, and none is what --blind asks for.
    let (_receiver, url) = start_blind(dir.path());
    let ran = payments(&url, &["--flows", "4"]).run().exits(3);
    assert_eq!(ran.gate("payments", "signatures"), "unproven");
    assert!(ran.shown().contains("the receiver they were read back from has none"), "{}", ran.shown());
}

#[test]
fn faults_of_the_receiver_put_the_retries_to_the_test() {
    let dir = tempfile::tempdir().unwrap();
    let (_receiver, url) = start(dir.path(), &["--inject", "503@1"]);
    let ran = payments(&url, &["--flows", "2"]).run().exits(0);
    assert_eq!(ran.gate("payments", "retry_schedule"), "pass");
    assert_eq!(ran.artifact("payments")["outcomes"]["injected"]["attempts"], 2);
}

#[test]
fn a_latency_within_the_uncertainty_of_the_clocks_is_unproven() {
    let dir = tempfile::tempdir().unwrap();
    let (_receiver, url) = start(dir.path(), &[]);
    // Measured first, so that the limit can be put right beside the figure: the clocks are not known better than that.
    let gates = "latency_p50_below_ms: 0.001\nlatency_p95_below_ms: 5000\n";
    let ran = payments(&url, &["--flows", "2", "--gates", "g.yaml"]).file("g.yaml", gates).run();
    let p50 = ran.artifact("payments")["performance_metrics"]["p50_latency_ms"].as_f64().unwrap();
    let uncertainty =
        ran.artifact("payments")["performance_metrics"]["receiver_clock"]["uncertainty_us"].as_f64().unwrap()
            / 1000.0;
    let expected = if p50 - 0.001 <= uncertainty { "unproven" } else { "fail" };
    assert_eq!(ran.gate("payments", "latency_p50"), expected);
    assert_eq!(ran.gate("payments", "latency_p95"), "pass");
}

#[test]
fn a_receiver_that_goes_away_in_the_middle_leaves_the_run_unproven() {
    let dir = tempfile::tempdir().unwrap();
    let (mut receiver, url) = start(dir.path(), &[]);
    // The stand-in posts late, so that the receiver is gone by then.
    let args = ["--flows", "1", "--misbehave", "slow", "--within", "3s"];
    let (child, run) = payments(&url, &args).spawn();
    let journal = run.path().join("artifacts/staging_payments_journal.jsonl");
    super::receiver::until(
        || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("flow_start")),
        "the run has begun",
    );
    receiver.kill();
    let ran = Ran::new(&child.wait_with_output().unwrap(), run).exits(3);
    assert_eq!(ran.gate("payments", "lost"), "unproven");
    assert!(ran.stdout.contains("could not be seen"), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_is_said_before_anything_is_driven() {
    let dir = tempfile::tempdir().unwrap();
    let (_receiver, url) = start(dir.path(), &[]);
    payments(&url, &["--inject", "503x1"]).run().exits(2).says("start that `smoke receive` with --inject");
    payments(&url, &["--listen", "127.0.0.1:0"]).run().exits(2).says("--listen");
    payments("ftp://x", &[]).run().exits(2).says("a URL such as http://receiver.staging:8787");
    payments(&url, &["--scheme", "stripe"]).run().exits(2).says("verifies the scheme deltacrown-v2");
    payments(&url, &[])
        .file("token", "another-token-0123456789")
        .run()
        .exits(4)
        .says("the inbox responded with 401");
    let reserved = Reserved::new();
    let nobody = format!("http://{}", reserved.address);
    payments(&nobody, &[]).run().exits(4).says("the inbox does not respond");
    let checked = Smoke::new("check").env("WEBHOOK_SECRET", SECRET).file("token", TOKEN);
    let checked = checked.args(&["--inbox", &url, "--token-file", "token"]);
    assert!(checked.run().exits(0).stdout.contains("can be read; it takes deltacrown-v2"));
}

#[test]
fn shards_of_a_load_of_flows_share_a_receiver_and_account_for_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let (_receiver, url) = start(dir.path(), &[]);
    let evidence = dir.path().join("evidence");
    let args = ["payments", "--rate", "20/s", "--duration", "1s", "--inbox", &url, "--token-file", "token"];
    let load = |shard: &str| {
        let smoke = Smoke::new("load").env("WEBHOOK_SECRET", SECRET).file("token", TOKEN).args(&args);
        smoke
            .on_a_busy_machine()
            .args(&["--secret-env", "WEBHOOK_SECRET", "--seed", "4", "--shard", shard, "--artifacts"])
            .arg(&evidence)
    };
    // Together, as they would be on two machines.
    let shards: Vec<_> = ["0/2", "1/2"].into_iter().map(|shard| load(shard).spawn()).collect();
    for (child, dir) in shards {
        Ran::new(&child.wait_with_output().unwrap(), dir).exits(0);
    }
    let ran = Smoke::new("merge").on_a_busy_machine().arg(&evidence).run().exits(0);
    let flows = &ran.artifact("load")["end_to_end"];
    assert_eq!((flows["flows"].as_u64(), flows["delivered"].as_u64()), (Some(20), Some(20)), "{flows}");
    assert_eq!((flows["unexpected"].as_u64(), flows["duplicates"].as_u64()), (Some(0), Some(0)), "{flows}");
    // Each saw the webhooks of the other while both ran, and together there are no strangers': if they did not see the same, nobody knows.
    assert!(flows["foreign"].is_null() || flows["foreign"] == 0, "{flows}");
    let alone = std::fs::read_to_string(evidence.join("shard-0-of-2/staging_load_output.json")).unwrap();
    let alone: Value = serde_json::from_str(&alone).unwrap();
    assert!(alone["end_to_end"]["foreign"].as_u64().is_some_and(|n| n <= 10), "{alone}");
}
