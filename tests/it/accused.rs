//! No honest run is accused: scenarios of the repository, with faults and with a stand-in that misbehaves, contradict nothing.

use crate::harness::Smoke;
use serde_json::{Value, json};
use stand_in::Kind;

/// Short pauses, so that many runs are had in little time.
const GATES: &str = "retry_contract: { backoff_ms: [0, 100, 200], late_ms: 400 }\n";

/// What the gate finds that cannot be so.
fn contradictions(scenario: &str, args: &[&str]) -> Value {
    let run =
        Smoke::new("run").file("gates.yaml", GATES).args(&[scenario, "--gates", "gates.yaml", "--quiet"]);
    let ran = run.args(&["--within", "1s", "--seed", "7"]).args(args).run();
    let gate =
        Smoke::new("gate").file("gates.yaml", GATES).args(&["--gates", "gates.yaml", "--format", "json"]);
    let gate = gate.args(&["--environment", "embedded"]).arg(ran.dir().join("artifacts")).run();
    let answer: Value = serde_json::from_str(&gate.stdout).unwrap_or_else(|e| panic!("{e}: {}", gate.stdout));
    answer["artifacts"][0]["contradictions"].clone()
}

#[test]
fn no_misbehaviour_of_the_sender_is_taken_for_a_forgery() {
    std::thread::scope(|scope| {
        for half in [0, 1] {
            scope.spawn(move || {
                for kind in Kind::ALL.iter().skip(half).step_by(2) {
                    let name = kind.name();
                    let scenario = ["payments", "matches", "payments_lifecycle"][name.len() % 3];
                    let fault = ["503x1@2", "400@1", "reset@3", "302@1", "delay=5ms@2", "answer=202@1"]
                        [name.len() % 6];
                    let args = ["--flows", "4", "--misbehave", name, "--inject", fault];
                    assert_eq!(contradictions(scenario, &args), json!([]), "{scenario} {name} {fault}");
                }
            });
        }
    });
}

#[test]
fn no_fault_and_no_option_is_taken_for_a_forgery() {
    for (scenario, args) in [
        ("payments", &["--flows", "3", "--inject", "close@1", "--inject", "truncate@2"][..]),
        ("payments_lifecycle", &["--flows", "2"]),
        ("matches_dispute", &["--flows", "2", "--inject", "503x*@1"]),
        ("matches", &["--flows", "5", "--concurrency", "1", "--inject", "garbage@2", "--as", "deltacrown"]),
        ("payments", &["--flows", "30", "--concurrency", "30", "--settle", "100ms"]),
        ("payments", &["--flows", "3", "--scheme", "deltacrown-v1"]),
        ("payments", &["--flows", "3", "--scheme", "standard-webhooks"]),
        ("payments", &["--flows", "3", "--scheme", "stripe", "--blind"]),
    ] {
        assert_eq!(contradictions(scenario, args), json!([]), "{scenario} {args:?}");
    }
}

/// A load that a refused login ends early leaves files that follow from its journal, and no failed steps of the sender's.
#[test]
fn a_load_that_was_ended_early_is_not_taken_for_a_forgery() {
    let args = ["payments", "--rate", "10/s", "--duration", "1s", "--misbehave", "https-redirect@2"];
    let ran = Smoke::new("load").args(&args).run().exits(4);
    let gate = Smoke::new("gate").args(&["--format", "json", "--environment", "embedded"]);
    let gate = gate.arg(ran.dir().join("artifacts")).run().exits(3);
    let answer: Value = serde_json::from_str(&gate.stdout).unwrap();
    assert_eq!(answer["artifacts"][0]["contradictions"], json!([]));
    let items = answer["artifacts"][0]["items"].as_array().unwrap();
    let steps = items.iter().find(|item| item["id"] == "webhooks_steps").unwrap();
    assert_eq!(steps["verdict"], "unproven");
    assert!(steps["figure"].as_str().unwrap().contains("the run was ended early: login `"), "{steps}");
}
