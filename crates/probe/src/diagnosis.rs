//! Why a receiver does not take a valid webhook: a few more requests, and what their answers say.

use crate::forge::Forge;
use crate::judge::{Facts, came, is_success, status};
use crate::shot::Shot;
use record::{Came, ProbeSent, Right};
use signature::{Scheme, Secret};

/// Under this name the requests of a diagnosis are recorded.
pub const DIAGNOSIS: &str = "diagnosis";

/// Seconds by which a receiver's clock may be off before it is named.
const SKEW_S: i64 = 20;

/// How many of the built-in senders a receiver may be of: the first of them, which are the most usual.
const USUAL: usize = 7;

/// The requests that are sent when the valid one was not accepted.
#[must_use]
pub fn diagnosis_shots(forge: &Forge, secret: &Secret, now_ms: i64) -> Vec<Shot> {
    let mut n = 0;
    let mut shot = |forge: &Forge, label: &str, signed: bool| {
        n += 1;
        let draft = forge.draft(DIAGNOSIS, n, now_ms);
        if signed {
            forge.signed(label, &draft, Right::ByCase)
        } else {
            forge.shot(label, &draft, None, Right::ByCase)
        }
    };
    let mut shots = vec![shot(forge, "unsigned", false)];
    for sender in Scheme::ALL.into_iter().take(USUAL).filter(|sender| *sender != forge.scheme) {
        if let Some(other) = forge.as_sender(sender, secret) {
            shots.push(shot(&other, &format!("as {}", sender.sender()), true));
        }
    }
    let text = secret.expose();
    let mut keys = vec![
        ("with a newline at its end", format!("{text}\n").into_bytes()),
        ("without the part before its `_`", text.split_once('_').map_or("", |(_, t)| t).as_bytes().to_vec()),
        ("as text", text.as_bytes().to_vec()),
    ];
    keys.extend(hex::decode(text).ok().map(|key| ("decoded from hex", key)));
    for (label, key) in keys.into_iter().filter(|(_, key)| !key.is_empty()) {
        shots.push(shot(&forge.with_key(&key), &format!("secret {label}"), true));
    }
    shots
}

/// Why the valid webhook was not accepted, in a sentence without a full stop.
#[must_use]
pub fn diagnosis(facts: &Facts, valid: &ProbeSent, others: &[&ProbeSent]) -> String {
    let came = came(valid);
    let answer = match &valid.came {
        Came::Answer(answer) => answer,
        Came::Nothing(none) => return silence(&none.kind, &none.why),
        Came::NotAwaited => return came,
    };
    if let Some(better) = others.iter().find(|s| s.label != "unsigned" && status(s).is_some_and(is_success)) {
        return match better.label.strip_prefix("as ") {
            Some(sender) => format!("{came}, but it accepts webhooks from {sender}: give --sender {sender}"),
            None => format!("{came}; the receiver has the same {}", better.label),
        };
    }
    let as_unsigned =
        others.iter().find(|s| s.label == "unsigned").is_some_and(|s| status(s) == status(valid));
    if let Some(skew) = skew_s(facts, valid).filter(|skew| skew.abs() > SKEW_S && as_unsigned) {
        return format!(
            "{came}; its clock is {} s {}",
            skew.abs(),
            if skew < 0 { "behind" } else { "ahead" }
        );
    }
    match answer.status {
        300..=399 => format!(
            "{came}, a redirect to {}: senders follow none; probe that URL if it is the receiver's",
            answer.header("location").unwrap_or("nowhere")
        ),
        404 | 410 => format!("{came}: nothing accepts webhooks at this path"),
        405 => format!("{came}: nothing accepts POST at this path"),
        429 => format!("{came}: it is rate limiting; try again later"),
        500.. => format!("{came}: it fails on a valid webhook; its log says why"),
        401 | 403 => wrong_secret(&came),
        _ if as_unsigned => wrong_secret(&came),
        _ => format!(
            "{came}, unlike its response to an unsigned webhook: it may expect other content (--body FILE, --event NAME)"
        ),
    }
}

fn wrong_secret(came: &str) -> String {
    format!(
        "{came}, as for an unsigned webhook: wrong secret (compare fingerprints: smoke secret --fingerprint), another \
         sender (--sender), or its clock is wrong"
    )
}

fn silence(kind: &str, why: &str) -> String {
    match kind {
        "timeout" => format!("it accepted the connection and hangs: {why}"),
        "malformed" => format!("it does not speak HTTP/1.1: {why}"),
        "closed" | "reset" => format!("it closed the connection without a response: {why}"),
        "tls" => format!("TLS: {why}"),
        _ => format!("it cannot be reached: {why}"),
    }
}

/// How far the receiver's clock is ahead, by the `Date` of its answer, in seconds.
fn skew_s(facts: &Facts, sent: &ProbeSent) -> Option<i64> {
    let Came::Answer(answer) = &sent.came else { return None };
    let date = chrono::DateTime::parse_from_rfc2822(answer.header("date")?).ok()?;
    let here = facts.started_ms + i64::try_from(sent.ended.0 / 1000).ok()?;
    Some(date.timestamp() - here.div_euclid(1000))
}
