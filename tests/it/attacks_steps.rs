//! Attacks on what steps and flows say of themselves, as in `attacks`.

use crate::evidence_run::recent;
use crate::harness::Smoke;
use crate::sample::Sample;
use crate::tampering::{attacked, each, step};
use serde_json::{Value, json};

/// What is masked in a response is not known; the rest of it is compared all the same.
#[test]
fn a_response_in_which_something_is_masked_is_compared_but_for_that() {
    let body = |text: &'static str| {
        move |all: &mut Vec<Value>| step(all, "verify").for_each(|s| s["body"] = text.into())
    };
    let of = |name: &str, text: &'static str, says: &str| attacked(name, &recent(), body(text), 1, says);
    let pending = r#"{"status":"pending","idempotent_replay":true,"note":"[redacted]"}"#;
    of("masked elsewhere", pending, "/status of its response");
    of("no JSON", "verified", "its response is no JSON, yet the step succeeded");
    // A number that is masked leaves no JSON, and nothing to compare.
    let plain = Sample { injected_every: 0, ..recent() };
    attacked("masked number", &plain, body("{\"status\":\"verified\",\"pin\":[redacted]}"), 0, "PASS");
}

#[test]
fn a_step_is_tried_again_only_where_the_scenario_polls() {
    let tries = |all: &mut Vec<Value>| step(all, "verify").for_each(|s| s["tries"] = 41_000.into());
    attacked("tries", &recent(), tries, 1, "it was sent 41000 times");
    let logins = |all: &mut Vec<Value>| {
        each(all, "step").filter(|s| s["flow"].is_null()).for_each(|s| s["tries"] = 2.into());
    };
    attacked("logins", &recent(), logins, 1, "was sent 2 times");
}

#[test]
fn flows_say_what_they_are_about_and_what_tells_their_webhooks() {
    let ours = |all: &mut Vec<Value>| each(all, "flow_start").for_each(|f| f["ours"] = json!({}));
    attacked("nothing tells them", &recent(), ours, 1, "but the flow's own by nothing there");
    let subject = |all: &mut Vec<Value>| each(all, "flow_start").for_each(|f| f["subject"] = Value::Null);
    attacked("about nothing", &recent(), subject, 1, "but the flow has no subject");
}

/// Whoever receives a token can show it again, with any body; so does whoever receives a signature over something else.
#[test]
fn a_sender_that_does_not_sign_bodies_vouches_for_none() {
    let trust = |sender: &str| {
        let secret = "a-secret-of-thirty-two-characters";
        let args = ["--sender", sender, "--blind", "--secret-file", "secret", "--flows", "2", "--quiet"];
        let ran = Smoke::new("payments").file("secret", secret).args(&args).run().exits(3);
        let gate = Smoke::new("gate").file("secret", secret).args(&["--secret-file", "secret"]);
        let gate = gate.args(&["--environment", "embedded", "--trust", "sender", "--format", "json"]);
        let answer: Value =
            serde_json::from_str(&gate.arg(ran.dir().join("artifacts")).run().stdout).unwrap();
        let items = answer["artifacts"][0]["items"].as_array().unwrap();
        items.iter().find(|item| item["id"] == "trust").unwrap().clone()
    };
    for sender in ["gitlab", "mailgun"] {
        let item = trust(sender);
        assert_eq!(item["verdict"], "unproven", "{sender}: {item}");
        let figure = item["figure"].as_str().unwrap();
        assert!(figure.contains("does not sign the bodies of its webhooks"), "{sender}: {figure}");
    }
    assert_eq!(trust("github")["verdict"], "pass");
}
