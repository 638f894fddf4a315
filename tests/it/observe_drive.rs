//! An observation that keeps traffic coming itself.

use super::harness::{Ran, Smoke};
use serde_json::Value;

fn observe(args: &[&str]) -> Ran {
    Smoke::new("observe").args(args).run()
}

fn output(ran: &Ran) -> Value {
    let path = ran.file("staging_observation_output.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn two_scenarios_are_driven_at_their_rates_and_their_webhooks_judged() {
    let ran = observe(&["--drive", "payments=120/m,matches=60/m", "--duration", "3s"]).exits(0);
    let output = output(&ran);
    let notes = output["provenance"]["notes"].to_string();
    assert!(notes.contains("driven meanwhile: payments=120/m, 6 flows begun, 6 ended, 0 steps"), "{notes}");
    assert!(notes.contains("driven meanwhile: matches=60/m, 3 flows begun, 3 ended, 0 steps"), "{notes}");
    assert_eq!(output["event_distribution"]["payment_verified"], 6);
    assert_eq!(
        output["observation"]["begin"]["drive"],
        serde_json::json!(["payments=120/m", "matches=60/m"])
    );
    let run = &output["test_run"];
    assert_eq!((&run["environment"], &run["success_rate"]), (&"embedded".into(), &100.0.into()));
    assert_eq!(run["webhooks_success"], run["webhooks_sent"]);
    assert_eq!(run["events_triggered"], Value::Null, "nobody knows how many were due");
    assert_eq!(output["provenance"]["evidence_about_staging"], false, "it was the stand-in");
    let memo = std::fs::read_to_string(ran.file("staging_observation_memo.md")).unwrap();
    assert!(memo.contains("| not accepted | 0 |"), "{memo}");
    // The gate judges the window with its memo again; the stand-in is no evidence about staging.
    let dir = ran.dir().join("artifacts");
    let gate = Smoke::new("gate").arg(dir.join("staging_observation_output.json")).run().exits(3);
    assert!(gate.stdout.contains("UNPROVEN"), "{}", gate.stdout);
}

#[test]
fn what_cannot_be_driven_is_said_before_the_window() {
    observe(&["--drive", "payments", "--duration", "3s"]).exits(2).says("write SCENARIO=RATE");
    observe(&["--drive", "payments=0/m", "--duration", "3s"]).exits(2).says("starts nothing");
    observe(&["--drive", "payments=50/s", "--duration", "3s"]).exits(2).says("`smoke load` is for loads");
    observe(&["--drive", "nothing=1/m", "--duration", "3s"]).exits(2).says("nothing");
    let args = ["--drive", "payments=1/m", "--data", "matches=x.csv", "--duration", "3s"];
    observe(&args).exits(2).says("with a scenario that is driven");
    observe(&["--staging", "http://127.0.0.1:9", "--duration", "3s"]).exits(2).says("--drive");
    let inbox = ["--drive", "payments=1/m", "--inbox", "http://127.0.0.1:9", "--token-file", "t"];
    observe(&inbox).exits(2).says("not to --inbox");
}

#[test]
fn a_terminal_shows_each_gate_now_and_over_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let smoke = env!("CARGO_BIN_EXE_smoke");
    // `script` (of Debian's essential bsdutils) gives the command a terminal.
    let command = format!("{smoke} observe --drive payments=120/m --duration 4s");
    let ran = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(dir.path())
        .stdin(std::process::Stdio::null())
        .env("TERM", "xterm")
        .output();
    let Ok(ran) = ran else {
        eprintln!("skipped: there is no `script` here");
        return;
    };
    let shown = String::from_utf8_lossy(&ran.stdout);
    for part in ["this minute", "over the window", "Success rate", "payment_verified: 200", " left"] {
        assert!(shown.contains(part), "no `{part}` in:\n{shown}");
    }
}
