//! The main job: `smoke payments` and `smoke matches` on the embedded stand-in, from command line to artifact.

use super::harness::{Ran, Smoke};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

/// Every key of docs/deltacrown.md section 8 with its JSON type.
fn assert_types(artifact: &Value, wanted: &[(&str, &str)]) {
    for (pointer, kind) in wanted {
        let value = artifact.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        let found = match value {
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
            Value::Bool(_) => "bool",
            Value::Null => "null",
        };
        assert_eq!(found, *kind, "{pointer} is {value}");
    }
}

fn assert_same_again(ran: &Ran, scenario: &str) {
    let journal = ran.file(&format!("staging_{scenario}_journal.jsonl"));
    let mode = std::fs::metadata(&journal).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "the journal holds bodies and canaries");
    let again = Smoke::new("report").arg(&journal).run().exits(0);
    let written = std::fs::read_to_string(ran.file(&format!("staging_{scenario}_output.json"))).unwrap();
    assert_eq!(again.stdout, written, "the artifact is a pure function of the journal");
}

#[test]
fn payments_end_to_end() {
    let ran = Smoke::new("payments").run().exits(0);
    let artifact = ran.artifact("payments");
    assert_types(
        &artifact,
        &[
            ("/test_run/timestamp", "string"),
            ("/test_run/environment", "string"),
            ("/test_run/total_payments", "number"),
            ("/test_run/webhooks_sent", "number"),
            ("/test_run/webhooks_success", "number"),
            ("/test_run/webhooks_failed", "number"),
            ("/test_run/success_rate", "number"),
            ("/test_run/duration_seconds", "number"),
            ("/sample_payment/id", "number"),
            ("/sample_payment/status", "string"),
            ("/sample_payment/webhook_response/status_code", "number"),
            ("/sample_payment/webhook_response/headers/X-Webhook-Signature", "string"),
            ("/sample_payment/webhook_response/headers/X-Webhook-Event", "string"),
            ("/sample_payment/webhook_response/body/event", "string"),
            ("/sample_payment/webhook_response/body/data/tournament_id", "number"),
            ("/sample_payment/webhook_response/body/data/recipient_count", "number"),
            ("/sample_payment/webhook_response/body/metadata/created", "number"),
            ("/sample_payment/webhook_response/body/metadata/email_sent", "number"),
            ("/pii_check/emails_found", "number"),
            ("/pii_check/usernames_found", "number"),
            ("/pii_check/ip_addresses_found", "number"),
            ("/pii_check/status", "string"),
            ("/performance_metrics/p50_latency_ms", "number"),
            ("/performance_metrics/p95_latency_ms", "number"),
            ("/performance_metrics/max_latency_ms", "number"),
            ("/configuration/webhook_endpoint", "string"),
            ("/configuration/secret_length_chars", "number"),
            ("/event_distribution/payment_verified", "number"),
            ("/hmac_signature_validation/valid", "number"),
            ("/acceptance_gates/verdict", "string"),
            ("/recommendation", "string"),
            ("/provenance/journal_sha256", "string"),
        ],
    );
    assert_eq!(artifact["test_run"]["environment"], "embedded");
    assert_eq!(artifact["test_run"]["total_payments"], 10);
    assert_eq!(artifact["event_distribution"], json!({"payment_verified": 10}));
    assert_eq!(artifact["sample_payment"]["status"], "verified");
    assert_eq!(artifact["pii_check"]["status"], "PASS");
    assert_eq!(artifact["pii_check"]["payloads_inspected"], 10);
    assert_eq!(artifact["provenance"]["evidence_about_staging"], false);
    assert!(ran.stdout.lines().count() < 40 && ran.stdout.contains("PASS"), "{}", ran.stdout);
    assert_same_again(&ran, "payments");
}

#[test]
fn matches_end_to_end() {
    let ran = Smoke::new("matches").run().exits(0);
    let artifact = ran.artifact("matches");
    assert_types(
        &artifact,
        &[
            ("/test_run/total_matches", "number"),
            ("/test_run/events_triggered", "number"),
            ("/sample_match/id", "number"),
            ("/sample_match/status", "string"),
            ("/sample_match/events/0", "string"),
            ("/sample_match/webhook_responses/0/event", "string"),
            ("/sample_match/webhook_responses/0/status_code", "number"),
            ("/sample_match/webhook_responses/0/latency_ms", "number"),
        ],
    );
    let run = &artifact["test_run"];
    assert_eq!(
        (&run["total_matches"], &run["events_triggered"], &run["webhooks_success"]),
        (&json!(5), &json!(15), &json!(15))
    );
    let events =
        json!({"match_started": 5, "result_submitted": 5, "result_confirmed": 3, "dispute_created": 2});
    assert_eq!(artifact["event_distribution"], events);
    assert_same_again(&ran, "matches");
}

#[test]
fn the_longer_variants_and_the_older_scheme_work_too() {
    for scenario in ["payments_lifecycle", "matches_dispute"] {
        Smoke::new("run").arg(scenario).run().exits(0);
    }
    let ran = Smoke::new("payments").args(&["--scheme", "deltacrown-v1", "--settle", "200ms"]).run().exits(0);
    assert!(ran.stderr.contains("watched  0.2 s for duplicates"), "{}", ran.stderr);
    assert_eq!(ran.artifact("payments")["hmac_signature_validation"]["scheme"], "deltacrown-v1");
}

#[test]
fn sizes_seed_and_formats_are_the_users_choice() {
    let args = ["--flows", "3", "--concurrency", "1", "--seed", "7", "--quiet", "--format", "json"];
    let ran = Smoke::new("payments").args(&args).run().exits(0);
    assert_eq!(ran.stderr, "", "--quiet");
    let printed: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(printed, ran.artifact("payments"));
    assert_eq!(
        (&printed["test_run"]["total_payments"], &printed["configuration"]["seed"]),
        (&json!(3), &json!(7))
    );
}

#[test]
fn against_the_real_applications_matches_fifteen_webhooks_are_plainly_lost() {
    let ran = Smoke::new("matches").args(&["--as", "deltacrown", "--within", "500ms"]).run().exits(1);
    let artifact = ran.artifact("matches");
    assert_eq!(ran.gate("matches", "steps"), "pass");
    assert_eq!(ran.gate("matches", "lost"), "fail");
    let run = &artifact["test_run"];
    assert_eq!(
        (&run["events_triggered"], &run["webhooks_sent"], &run["webhooks_lost"]),
        (&json!(15), &json!(0), &json!(15))
    );
    assert_eq!(artifact["pii_check"]["status"], "UNPROVEN", "nothing was there to look at");
}

#[test]
fn ten_samples_prove_little_when_confidence_is_asked_for() {
    let ran = Smoke::new("payments").args(&["--confidence", "95"]).run().exits(3);
    assert_eq!(ran.gate("payments", "success_rate"), "unproven");
    assert!(ran.shown().contains("73 clean samples would prove it"), "{}", ran.stdout);
    let ran = Smoke::new("payments").args(&["--confidence", "95", "--flows", "80"]).run().exits(0);
    assert_eq!(ran.gate("payments", "success_rate"), "pass");
}

#[test]
fn secrets_and_personal_data_are_in_no_output() {
    let ran = Smoke::new("payments").args(&["--misbehave", "email-in-body"]).run().exits(1);
    let journal = std::fs::read_to_string(ran.file("staging_payments_journal.jsonl")).unwrap();
    let identities = journal.lines().next().unwrap();
    let header: Value = serde_json::from_str(identities).unwrap();
    let artifact = std::fs::read_to_string(ran.file("staging_payments_output.json")).unwrap();
    let canaries = header["record"]["header"]["identities"].as_array().unwrap();
    assert!(canaries.len() > 10);
    for canary in canaries {
        let value = canary["value"].as_str().unwrap();
        for (name, text) in [("artifact", &artifact), ("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
            assert!(!text.contains(value), "{value} is in the {name}");
        }
    }
    assert!(!journal.contains("eyJ"), "no token is in the journal either");
}
