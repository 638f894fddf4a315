//! What a level of trust leaves open, criterion by criterion: what each of them rests on, and whether somebody vouches for that.

use super::proof::Proof;
use super::trust::Trust;
use crate::gate::{Check, Verdict};
use crate::report::OF_FLOWS;
use record::RunKind;

/// What a criterion rests on besides the signed webhooks themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RestsOn {
    /// Nothing: what was signed came, or did not.
    Signed,
    /// That nothing which came was left out.
    Absence,
    /// When something came, or was sent.
    Times,
    /// What the API answered, or smoke itself noted.
    Word,
}

/// Criteria that what was signed settles alone where each webhook is asked for: one that was due and is left out is lost, unless
/// the whole flow is.
const SIGNED: [&str; 3] = ["lost", "signatures", "payloads"];
/// Criteria that rest on times, which only a receiver that vouches has seen.
const TIMES: [&str; 5] = ["late", "latency_p50", "latency_p95", "driven_latency_p50", "driven_latency_p95"];
/// Criteria that rest on what the run wrote down of itself.
const WORD: [&str; 7] =
    ["run_completed", "window_completed", "steps", "api_pii", "sender_log", "log_errors", "log_lost"];

/// What criteria are settled at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub reached: Trust,
    pub kind: RunKind,
    /// Whether a receiver vouches for how many flows there were.
    pub counts_flows: bool,
}

impl Level {
    pub(super) fn of(proof: &Proof, reached: Trust) -> Self {
        let kind = proof.evidence.analysis.header.kind;
        Self { reached, kind, counts_flows: proof.witnessed.counts_flows() }
    }
}

/// Nobody but the run itself knows how many flows it had.
const FLOWS_LEFT_OUT: &str = "whole flows may have been left out, with the webhooks that they were due";

/// Their number is known, and which ones they were is not.
const FLOWS_REPLACED: &str = "flows that were played besides may be shown in place of ones that went wrong";

fn rests_on(id: &str, kind: RunKind) -> RestsOn {
    let of_flows = id.strip_prefix(OF_FLOWS);
    // What a load says of itself are its own requests, and how they were answered.
    if kind == RunKind::Load && of_flows.is_none() {
        return RestsOn::Word;
    }
    match of_flows.unwrap_or(id) {
        // Where webhooks are due, the ones that are left out are missing.
        "success_rate" if kind.accounts_for_each_webhook() => RestsOn::Signed,
        id if SIGNED.contains(&id) && kind.accounts_for_each_webhook() => RestsOn::Signed,
        id if TIMES.contains(&id) => RestsOn::Times,
        id if WORD.contains(&id) => RestsOn::Word,
        _ => RestsOn::Absence,
    }
}

/// Why a criterion is not settled at this level, although its figures are right; `None` where it is.
pub(super) fn of(level: Level, id: &str) -> Option<&'static str> {
    let Level { reached, kind, counts_flows } = level;
    // A load keeps sums, and no webhooks that anybody could look at again.
    let is_counted = kind == RunKind::Load;
    let has_flows = kind == RunKind::Run;
    match (reached, rests_on(id, kind)) {
        (Trust::Identity, _) => None,
        (Trust::Numbers | Trust::Runner, _) => Some("it is the runner's word"),
        (Trust::Sender | Trust::Witness, RestsOn::Word) => {
            Some("the API's responses and the course of the run are the runner's word")
        }
        (Trust::Sender, RestsOn::Absence) => Some("webhooks and attempts may have been left out"),
        (Trust::Sender, RestsOn::Times) => Some("times are the runner's word, within signature freshness"),
        (Trust::Witness, RestsOn::Times) => Some("when steps were sent is the runner's word"),
        (Trust::Witness, _) if is_counted => {
            Some("the receiver signed how many attempts arrived and how each was judged, not whose they are")
        }
        (Trust::Sender, RestsOn::Signed) => Some(FLOWS_LEFT_OUT),
        // What came is all there, but may be said to be of no flow.
        (Trust::Witness, RestsOn::Signed | RestsOn::Absence) => {
            has_flows.then_some(if counts_flows { FLOWS_REPLACED } else { FLOWS_LEFT_OUT })
        }
    }
}

/// The criteria that are open at this level, under what is open about them.
pub(super) fn told(level: Level, checks: &[Check]) -> String {
    let mut reasons: Vec<(&'static str, Vec<&str>)> = Vec::new();
    for check in checks.iter().filter(|check| check.verdict != Verdict::NotExercised) {
        let Some(why) = of(level, &check.id) else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, titles)) => titles.push(&check.title),
            None => reasons.push((why, vec![&check.title])),
        }
    }
    if let [(why, titles)] = reasons.as_slice()
        && titles.len() == checks.iter().filter(|check| check.verdict != Verdict::NotExercised).count()
    {
        return format!("all criteria ({why})");
    }
    let said = |(why, titles): &(&str, Vec<&str>)| format!("{} ({why})", titles.join(", "));
    reasons.iter().map(said).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::CRITERIA;

    fn of(reached: Trust, kind: RunKind, id: &str) -> Option<&'static str> {
        super::of(Level { reached, kind, counts_flows: false }, id)
    }

    /// What a runner without the secret can hide is told, and what he cannot is not.
    #[test]
    fn what_rests_on_absence_is_open_until_a_receiver_vouches() {
        let at = |level, id| of(level, RunKind::Run, id).is_some();
        let watched = |level, id| of(level, RunKind::Observe, id).is_some();
        for id in ["duplicates", "unexpected", "retry_rate", "client_error_rate", "server_error_rate", "pii"]
        {
            assert!(watched(Trust::Sender, id) && !watched(Trust::Witness, id), "{id}");
            assert!(of(Trust::Sender, RunKind::Run, id).unwrap().contains("attempts"), "{id}");
        }
        // Who leaves out a flow leaves out what it was due.
        for id in ["success_rate", "lost", "signatures", "payloads"] {
            for level in [Trust::Sender, Trust::Witness] {
                assert_eq!(of(level, RunKind::Run, id), Some(FLOWS_LEFT_OUT), "{id}");
            }
            let registered = Level { reached: Trust::Witness, kind: RunKind::Run, counts_flows: true };
            assert_eq!(super::of(registered, id), Some(FLOWS_REPLACED), "{id}");
            assert!(at(Trust::Runner, id), "{id}");
        }
        assert!(at(Trust::Witness, "latency_p95") && at(Trust::Witness, "steps"));
        let load = |id| of(Trust::Witness, RunKind::Load, id).unwrap();
        assert!(load("webhooks_lost").contains("how many attempts arrived"));
        assert!(
            load("success_rate").contains("the API's responses") && load("webhooks_steps").contains("API")
        );
        // Nothing is due in a window, or what drove it can be left out as well: so can what failed.
        for id in ["success_rate", "signatures", "lost", "payloads"] {
            assert!(of(Trust::Sender, RunKind::Observe, id).is_some(), "{id}");
            assert!(of(Trust::Sender, RunKind::Receive, id).is_some(), "{id}");
        }
        let all: Vec<&str> = CRITERIA.iter().map(|row| row.id).collect();
        let named = SIGNED.iter().chain(&TIMES).chain(&WORD);
        assert!(named.into_iter().all(|id| all.contains(id)), "every name is a criterion's");
        assert!(all.iter().all(|id| !at(Trust::Identity, id)));
    }
}
