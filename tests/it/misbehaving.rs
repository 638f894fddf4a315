//! Every gate is shown to fail: the stand-in does one thing wrong, and the gate that is about it names it.

use super::harness::Smoke;
use super::older_scripts::Server;
use super::reserved::Reserved;
use super::used_rows::drive_rows;
use serde_json::Value;

/// What the sender does wrong, and the gate that has to fail.
const KINDS: [(&str, &str); 27] = [
    ("drop-webhook", "lost"),
    ("send-twice", "duplicates"),
    ("send-twice-new-id", "duplicates"),
    ("duplicate-id", "duplicates"),
    ("webhook-on-replay", "unexpected"),
    ("wrong-event", "lost"),
    ("no-event-in-body", "event_header"),
    ("no-event-header", "event_header"),
    ("other-event-in-data", "event_header"),
    ("text-plain", "event_header"),
    ("other-id", "steps"),
    ("repeated-key", "repeated_keys"),
    ("wrong-secret", "signatures"),
    ("body-only-signature", "signatures"),
    ("reserialised-body", "signatures"),
    ("no-signature", "signatures"),
    ("stale-timestamp", "signatures"),
    ("future-timestamp", "signatures"),
    ("seconds-timestamp", "signatures"),
    ("wrong-secret", "client_error_rate"),
    ("email-in-body", "pii"),
    ("username-in-body", "pii"),
    ("phone-in-body", "pii"),
    ("name-in-body", "pii"),
    ("ip-in-header", "pii"),
    ("slow", "latency_p95"),
    ("step-500", "steps"),
];

#[test]
fn each_misbehaviour_fails_the_gate_that_is_about_it() {
    std::thread::scope(|scope| {
        for (kind, gate) in KINDS {
            scope.spawn(move || {
                let args = ["--quiet", "--within", "4s", "--misbehave", kind];
                let ran = Smoke::new("payments").args(&args).run().exits(1);
                assert_eq!(ran.gate("payments", gate), "fail", "{kind}");
            });
        }
    });
}

#[test]
fn a_display_name_in_a_webhook_about_a_match_fails_too() {
    for scenario in ["matches", "matches_dispute"] {
        let args = [scenario, "--quiet", "--flows", "2", "--misbehave", "name-in-body"];
        let ran = Smoke::new("run").args(&args).run().exits(1);
        assert_eq!(ran.gate(scenario, "pii"), "fail", "{scenario}");
    }
}

#[test]
fn a_signature_that_is_wrong_is_diagnosed() {
    let of = |kind: &str| {
        let ran = Smoke::new("payments").args(&["--flows", "2", "--misbehave", kind]).run().exits(1);
        ran.artifact("payments")["hmac_signature_validation"]["diagnoses"][0]["diagnosis"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(of("body-only-signature").contains("body only"), "{}", of("body-only-signature"));
    assert!(of("reserialised-body").contains("re-serialised"), "{}", of("reserialised-body"));
    assert!(of("seconds-timestamp").contains("seconds"), "{}", of("seconds-timestamp"));
}

#[test]
fn a_webhook_with_a_wrong_signature_and_one_that_was_never_accepted_are_named() {
    let args = ["--flows", "6", "--within", "2s", "--misbehave", "wrong-secret@2"];
    let ran = Smoke::new("payments").args(&args).run().exits(1);
    let text = ran.shown().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("1 signed with a different secret or changed in transit, while others are valid"),
        "{text}"
    );
    assert!(
        text.contains(
            "its signature does not match these bytes under smoke's secret (answered with 401), step verify, delivery"
        ),
        "{text}"
    );
    let artifact = ran.artifact("payments");
    let case = &artifact["cases"]["unverified"]["first"][0];
    assert!(case["event"] == "payment_verified" && case["delivery"].is_number(), "{case}");
    assert!(case["flow"].is_number() && case["subject"].is_number() && case["step_status"] == 200, "{case}");
}

#[test]
fn an_unknown_kind_lists_the_kinds_there_are() {
    let ran = Smoke::new("payments").args(&["--misbehave", "nonsense"]).run().exits(2);
    assert!(ran.stderr.contains("drop-webhook"), "{}", ran.stderr);
}

/// Who waits behind a webhook that smoke has broken is not slow; a sender that is slow by itself is, faults or not.
#[test]
fn a_latency_behind_a_broken_webhook_is_unproven_and_a_slow_sender_fails() {
    let gates = "latency_p50_below_ms: 400\nlatency_p95_below_ms: 400\nretry_contract: { backoff_ms: [0, 300, 600] }\n";
    let run = |misbehave: &str| {
        let smoke =
            Smoke::new("payments").file("gates.yaml", gates).args(&["--gates", "gates.yaml", "--quiet"]);
        smoke.args(&["--flows", "3", "--inject", "503x2@1", "--misbehave", misbehave]).run()
    };
    // Whether the others are asked for before the broken one has ended or behind it, is the scheduler's business.
    let waited = (0..20).any(|_| {
        let ran = run("one-worker");
        let verdict = ran.gate("payments", "latency_p50");
        assert_ne!(verdict, "fail", "{}", ran.shown());
        verdict == "unproven" && ran.shown().contains("the sender works on one at a time")
    });
    assert!(waited, "nobody has waited in twenty runs");
    assert_eq!(run("slow").gate("payments", "latency_p50"), "fail");
}

/// A sender with one synchronous worker holds the webhooks behind a broken one up: they are late, and none has failed.
#[test]
fn late_is_late_and_not_failed() {
    // While the first is delivered, which takes 6 s, the three others wait with one of two steps: two of them come to their
    // webhooks together, and one waits for the other.
    let args = ["--flows", "4", "--within", "4s", "--misbehave", "one-worker", "--inject", "503x2"];
    let ran = Smoke::new("payments").args(&args).run().exits(3);
    let artifact = ran.artifact("payments");
    let count = |name: &str| artifact["test_run"][name].as_u64().unwrap();
    assert_eq!(["webhooks_sent", "webhooks_success", "webhooks_failed"].map(count), [4, 4, 0]);
    assert!((1..=3).contains(&count("webhooks_late")), "{}", artifact["test_run"]);
    assert_eq!(
        (ran.gate("payments", "lost"), ran.gate("payments", "late")),
        ("pass".into(), "unproven".into())
    );
    assert!(ran.shown().contains("delays a sender that sends webhooks one at a time"), "{}", ran.stdout);
}

/// The verdict, the gate and whoever reads them learn what was asked for, and which webhook it is about.
#[test]
fn what_was_broken_on_purpose_stands_beside_the_verdict_and_the_gate_names_the_webhook() {
    let flags = ["--inject", "503@1", "--misbehave", "drop-webhook@2", "--within", "300ms", "--all"];
    let ran = Smoke::new("payments").args(&flags).run().exits(1);
    for told in [
        "broken on purpose: 503@1",
        "the stand-in misbehaves: drop-webhook@2",
        "This run was against smoke's stand-in. It is not evidence about staging.",
    ] {
        assert!(ran.shown().contains(told), "{told}: {}", ran.stdout);
    }
    let attempts = "no more than 2 of 3 attempts were needed, so the later ones were not tested";
    let checks = &ran.artifact("payments")["acceptance_gates"]["checks"];
    let told = checks.as_array().unwrap().iter().find(|check| check["id"] == "retry_attempts").unwrap();
    assert!(told["text"].as_str().unwrap().contains(attempts), "{told}");
    let gate = std::process::Command::new(env!("CARGO_BIN_EXE_smoke"))
        .args(["gate", "artifacts", "--environment", "embedded"])
        .current_dir(ran.dir())
        .output()
        .unwrap();
    let said = super::harness::unwrapped(&String::from_utf8_lossy(&gate.stdout));
    assert!(said.contains("1 in 10 webhooks due; payment_verified of flow "), "{said}");
}

/// Staging's webhooks are about another tournament than the rows have.
#[test]
fn a_webhook_about_another_tournament_is_not_the_flows() {
    let dir = tempfile::tempdir().unwrap();
    let reserved = Reserved::new();
    let endpoint = format!("http://{}/webhooks/inbound", reserved.address);
    let server = Server::start(dir.path(), &endpoint);
    for scenario in ["payments", "matches"] {
        let rows = dir.path().join(format!("{scenario}.json"));
        let mut all: Vec<Value> = serde_json::from_slice(&std::fs::read(&rows).unwrap()).unwrap();
        for row in &mut all {
            let real = row["tournament_id"].as_u64().unwrap();
            row["tournament_id"] = (real + 5000).into();
        }
        std::fs::write(&rows, serde_json::to_vec(&all).unwrap()).unwrap();
        let run = drive_rows(scenario, &server, &endpoint, &rows, "1");
        let ran = run.args(&["--within", "300ms", "--all"]).run().exits(1);
        assert_eq!(ran.gate(scenario, "lost"), "fail");
        assert!(ran.stdout.contains("/data/tournament_id"), "{}", ran.stdout);
    }
}
