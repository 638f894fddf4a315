//! What the system under test has to be set to, in the form in which it is set there: smoke cannot know that it is.

use crate::executor::{Plan, Receiver};
use record::SenderProfile;

/// The scenario's own text, else what holds for every sender.
pub(super) fn told(plan: &Plan, endpoint: &str) -> String {
    let given = format!("{} characters, fingerprint {}", plan.secret.chars(), plan.secret.fingerprint());
    let secret = match plan.blind {
        true => "its own, which this run does not have".to_owned(),
        false => format!("the secret that smoke was given: {given}"),
    };
    let timeout = plan.sender_timeout.as_secs_f64();
    let endpoints = endpoints(plan, endpoint);
    let attempts = plan.retry.backoff_ms.len();
    let Some(text) = &plan.loaded.scenario.sender_settings else {
        if let Some(sender) = &plan.sender {
            return of_profile(sender, (endpoint, &endpoints), &secret);
        }
        return format!(
            "the sender must be set to this (in brackets: where smoke has it from):\n  \
             endpoint (WEBHOOK_ENDPOINT): {endpoints}\n  \
             secret (WEBHOOK_SECRET): {secret}\n  \
             signature scheme (the scenario): {}\n  \
             time-out of an attempt (WEBHOOK_TIMEOUT): {timeout} s\n  \
             attempts in all (WEBHOOK_MAX_RETRIES): {attempts}",
            plan.scheme
        );
    };
    let filled = [
        ("{endpoint}", endpoint),
        ("{secret}", &secret),
        ("{timeout}", &timeout.to_string()),
        ("{attempts}", &attempts.to_string()),
    ];
    let text = filled.iter().fold(text.clone(), |text, (name, value)| text.replace(name, value));
    let lines: Vec<String> =
        text.trim_end().lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
    format!("staging must run with these settings:\n{}", lines.join("\n"))
}

/// The endpoint, and the further paths that webhooks may come to.
fn endpoints(plan: &Plan, endpoint: &str) -> String {
    match &plan.receiver {
        Receiver::Here(listen) if !listen.door.more_paths.is_empty() => {
            format!("{endpoint}, and there {}", listen.door.more_paths.join(", "))
        }
        _ => endpoint.to_owned(),
    }
}

/// What a profile says has to be set at its sender.
fn of_profile(sender: &SenderProfile, (endpoint, endpoints): (&str, &str), secret: &str) -> String {
    let mut lines = vec![
        format!("the sender ({}) must be set to this:", sender.name),
        format!("  endpoint: {endpoints}"),
        format!("  secret: {secret}"),
    ];
    lines.extend(sender.setup.iter().map(|line| format!("  {}", line.replace("{endpoint}", endpoint))));
    lines.join("\n")
}
