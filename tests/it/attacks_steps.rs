//! Attacks on what steps and flows say of themselves, as in `attacks`.

use crate::attacks::{attacked, each, step};
use crate::evidence_run::recent;
use crate::sample::Sample;
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
