//! What the system under test has to be set to, in the form in which it is set there: smoke cannot know that it is.

use crate::executor::{Plan, Receiver};

/// The scenario's own text, else what holds for every sender.
pub(super) fn told(plan: &Plan, endpoint: &str) -> String {
    let given = format!("{} characters, fingerprint {}", plan.secret.chars(), plan.secret.fingerprint());
    let secret = match plan.blind {
        true => "the sender's own, which this run does not have".to_owned(),
        false => format!("the secret that smoke was given: {given}"),
    };
    let timeout = plan.sender_timeout.as_secs_f64();
    let endpoints = endpoints(plan, endpoint);
    let attempts = plan.retry.backoff_ms.len();
    let profile =
        || plan.sender.as_ref().map(|sender| sender.setup.join("\n")).filter(|setup| !setup.is_empty());
    let Some(text) = plan.loaded.scenario.sender_settings.clone().or_else(profile) else {
        let secret = if plan.scheme.is_signed() { secret } else { "none: it signs nothing".to_owned() };
        let timeout = if plan.retry.without_timeout { "none".to_owned() } else { format!("{timeout} s") };
        let attempts = if plan.retry.endless { "without end".to_owned() } else { attempts.to_string() };
        return format!(
            "configure the sender like this:\n  \
             endpoint: {endpoints}\n  \
             secret: {secret}\n  \
             signature scheme: {}\n  \
             timeout per attempt: {timeout}\n  \
             attempts in all: {attempts}",
            plan.scheme
        );
    };
    let filled = [
        ("{endpoint}", endpoint),
        ("{secret}", &secret),
        ("{timeout}", &timeout.to_string()),
        ("{attempts}", &attempts.to_string()),
    ];
    let text = filled.iter().fold(text, |text, (name, value)| text.replace(name, value));
    let lines: Vec<String> =
        text.trim_end().lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
    format!("the sender needs these settings:\n{}", lines.join("\n"))
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
