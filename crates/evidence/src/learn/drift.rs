//! What a profile says against what was learnt.

use super::body::written as body_written;
use super::outcomes::AGAIN;
use super::{Certainty, Learnt, place_names, written};
use record::{IdentityPolicy, RetryAfterPolicy, RetryContract, SenderProfile};
use signature::{Algorithm, Scheme};

/// What differs between a profile and what was learnt: key, what the profile says, what was seen. `checked`: whether the secret
/// was there, so that signatures were verified.
#[must_use]
pub fn drift(
    learnt: &[Learnt],
    profile: &SenderProfile,
    checked: bool,
) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    let contract = profile.contract();
    let tells = |one: &&Learnt| one.certainty != Certainty::Unseen || is_unsigned(one, profile, checked);
    for one in learnt.iter().filter(tells) {
        let said = match one.key {
            "signature" => {
                let Ok(scheme) = profile.scheme() else { continue };
                if one.value != format!("as in {}", scheme.sender()) {
                    let seen = match one.value.as_str() {
                        "{ algorithm: none }" => one.evidence.clone(),
                        other => format!("{other} ({})", one.evidence),
                    };
                    found.push((one.key, signed_as(scheme), seen));
                }
                continue;
            }
            "event" => {
                place_names(&profile.event).iter().map(|place| written(place)).collect::<Vec<_>>().join(" ")
            }
            "id" => place_names(&profile.id).iter().map(|place| written(place)).collect::<Vec<_>>().join(" "),
            "body" => body_written(&profile.body),
            "retry.identity" => match contract.identity {
                IdentityPolicy::Same => "same".to_owned(),
                IdentityPolicy::TimestampPerAttempt => "timestamp_per_attempt".to_owned(),
            },
            "limits.timeout" => {
                let period = profile.limits.timeout.map(|period| period.get().as_millis());
                period.map_or_else(|| "no timeout".to_owned(), |ms| format!("{ms}ms"))
            }
            "limits.follows_redirects" => profile.limits.follows_redirects.to_string(),
            "retry.retry_after" => match (contract.retry_after, one.value.as_str()) {
                // Where nothing asks for a shorter pause than the schedule's, both look the same.
                (RetryAfterPolicy::Exact, "honour") => continue,
                (policy, _) => serde_json::to_value(policy)
                    .ok()
                    .and_then(|word| word.as_str().map(str::to_owned))
                    .unwrap_or_default(),
            },
            "retry.abort" | "retry.retry" => {
                let aborts = one.key == "retry.abort";
                let statuses = numbers(&one.value);
                let other = statuses
                    .into_iter()
                    .find(|status| contract.aborts(u16::try_from(*status).unwrap_or(0)) != aborts);
                let Some(status) = other else { continue };
                let word = if aborts { "retried" } else { "ends the delivery" };
                found.push((one.key, format!("{status} {word}"), one.evidence.clone()));
                continue;
            }
            AGAIN => {
                let ended = again_after_its_end(one, &contract);
                found.extend(ended.map(|said| (one.key, said, one.evidence.clone())));
                continue;
            }
            "retry.schedule" => {
                found.extend(off_schedule(one, &contract).map(|(said, seen)| (one.key, said, seen)));
                continue;
            }
            _ => continue,
        };
        // Nothing is said of it, or it is one of what is said.
        if !said.is_empty() && !said.contains(&one.value) {
            found.push((one.key, said, format!("{} ({})", one.value, one.evidence)));
        }
    }
    found
}

/// What a profile says of a status after which deliveries came again for sure, where that ends them.
fn again_after_its_end(one: &Learnt, contract: &RetryContract) -> Option<String> {
    let ends = |status: &u64| contract.succeeds(u16::try_from(*status).unwrap_or(0));
    let ended = numbers(&one.value).into_iter().find(ends).filter(|_| one.certainty == Certainty::Certain);
    ended.map(|status| format!("{status} ends the delivery"))
}

/// The first pause that is off a profile's schedule: what that says, and what was seen.
fn off_schedule(one: &Learnt, contract: &RetryContract) -> Option<(String, String)> {
    let (n, ms) = numbers(&one.value).into_iter().enumerate().skip(1).find(|(n, ms)| {
        let Some(due) = contract.gap_ms(*n, None) else { return true };
        let (early, late) = contract.window_ms(due);
        !(early..=late.max(early)).contains(ms)
    })?;
    let due = contract.gap_ms(n, None);
    let due = due.map_or("no further attempt".to_owned(), |due| format!("a pause of {due} ms"));
    Some((due, format!("{ms} ms before attempt {}", n + 1)))
}

/// Whether none of what came has the signature that the profile says: no valid one, or without the secret not even its header.
fn is_unsigned(one: &Learnt, profile: &SenderProfile, checked: bool) -> bool {
    let seen_without = |scheme: Scheme| checked || scheme.signature_header().is_some();
    one.key == "signature" && profile.scheme().is_ok_and(|scheme| scheme.is_signed() && seen_without(scheme))
}

/// How a sender signs, in words.
fn signed_as(scheme: Scheme) -> String {
    let algorithm = scheme.spec().signature.algorithm;
    match (algorithm, scheme.signature_header()) {
        (Algorithm::None, _) => "that nothing is signed".to_owned(),
        (algorithm, Some(header)) => format!("{} in {header}", algorithm.name()),
        (algorithm, None) => format!("{} in the body", algorithm.name()),
    }
}

fn numbers(list: &str) -> Vec<u64> {
    let entries = list.trim_matches(['[', ']']).split(',');
    entries.filter_map(|e| e.trim().trim_end_matches("ms").trim_end_matches('s').parse().ok()).collect()
}
