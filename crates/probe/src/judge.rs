//! From what came to a verdict for each case.

use crate::JsonSchema;
use crate::case::{Case, Group, Judged, Play};
use crate::diagnosis::{DIAGNOSIS, diagnosis};
use crate::effects::{effects, without_effect};
use crate::forge::Forge;
use crate::measured::{answer_time, beside, timing};
use crate::overall;
use record::{Came, ProbeBegin, ProbeEffects, ProbeSent, RetryContract, Right};
use serde::{Deserialize, Serialize};
use signature::Scheme;
use std::collections::BTreeMap;

/// Fewest answers of which a percentile is taken.
const FEWEST: usize = 2;
/// Requests that are told one by one in a sentence.
const TOLD: usize = 3;

/// The facts of a probe, in order.
#[derive(Debug, Clone)]
pub struct Facts {
    /// How the sender signs.
    pub scheme: Scheme,
    /// Of a profile of one's own: by what its sender counts a webhook as delivered. Of the built-in ones each takes any 2xx.
    pub promised: Option<RetryContract>,
    /// How it was asked for.
    pub begin: ProbeBegin,
    /// What was sent.
    pub sent: Vec<ProbeSent>,
    /// What the observer said.
    pub effects: Vec<ProbeEffects>,
    /// When it began, in Unix milliseconds.
    pub started_ms: i64,
}

impl Facts {
    /// Whether a status is a success, and one by which the sender counts a webhook as delivered.
    pub(crate) fn delivers(&self, status: u16) -> bool {
        is_success(status) && self.promised.as_ref().is_none_or(|promised| promised.succeeds(status))
    }
}

/// The verdict on a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaseVerdict {
    /// Right.
    Pass,
    /// Wrong.
    Fail,
    /// Nothing can be said.
    Unproven,
    /// The case does not apply to this sender or this probe.
    NotExercised,
}

/// One request of a case, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// Which one.
    pub label: String,
    /// What the right answer is.
    pub right: Right,
    /// What came, in a few words.
    pub came: String,
    /// Until the answer had been read, in milliseconds.
    pub took_ms: f64,
    /// Whether that is right.
    pub verdict: CaseVerdict,
}

/// A case, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseResult {
    /// Its name.
    pub id: String,
    /// What it is about.
    pub group: Group,
    /// What was done.
    pub title: String,
    /// Why it matters.
    pub why: String,
    /// The answer.
    pub verdict: CaseVerdict,
    /// The answer in words.
    pub text: String,
    /// Each request.
    pub exchanges: Vec<Exchange>,
    /// Figures that were measured, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
}

/// A verdict and its words.
pub(crate) type Said = (CaseVerdict, String);

/// Judges every case that was asked for.
#[must_use]
pub fn judge(facts: &Facts) -> Vec<CaseResult> {
    let baseline = baseline(facts);
    let sample = Forge::hollow(facts.scheme);
    let of = |id: &String| {
        let case = Case::of(id)?;
        let sent: Vec<&ProbeSent> = facts.sent.iter().filter(|s| s.case == case.id).collect();
        let exchanges = sent.iter().map(|s| exchange(s, facts)).collect();
        let mut figures = BTreeMap::new();
        let (verdict, text) = match (&baseline, case.judged) {
            (_, Judged::Overall(what)) => overall::judge(what, facts, baseline.is_none()),
            (Some(why), _) => (CaseVerdict::Unproven, why.clone()),
            (None, _) => whole(case, &sent, facts, sample.as_ref(), &mut figures),
        };
        let (id, title, why) = (case.id.to_owned(), case.title.to_owned(), case.why.to_owned());
        Some(CaseResult { id, group: case.group, title, why, verdict, text, exchanges, figures })
    };
    facts.begin.cases.iter().filter_map(of).collect()
}

/// Why nothing can be said, when a valid webhook was not accepted.
fn baseline(facts: &Facts) -> Option<String> {
    let valid = facts.sent.iter().find(|sent| sent.case == "valid");
    let Some(valid) = valid else { return Some("no valid webhook was sent in time".to_owned()) };
    if status(valid).is_some_and(|status| facts.delivers(status)) {
        return None;
    }
    let others: Vec<&ProbeSent> = facts.sent.iter().filter(|sent| sent.case == DIAGNOSIS).collect();
    let why = diagnosis(facts, valid, &others);
    Some(format!("the valid webhook was not accepted: {why}"))
}

/// Judges a case all of whose requests were sent.
fn whole(
    case: &'static Case,
    sent: &[&ProbeSent],
    facts: &Facts,
    sample: Option<&Forge>,
    figures: &mut BTreeMap<String, f64>,
) -> Said {
    let (wanted, forged) = match sample.map(|forge| case.shots(forge, 0, 0)) {
        Some(Err(why)) => return (CaseVerdict::NotExercised, why.to_owned()),
        Some(Ok(shots)) => (shots.len(), case.is_forged(&shots)),
        None => (sent.len(), false),
    };
    let enough = case.play == Play::Sampled && sent.len() >= FEWEST;
    if sent.len() < wanted && !enough {
        let n = sent.len();
        let said = match gone_after(facts) {
            Some(last) => format!("{n} of {wanted} requests were sent: it has been unreachable since {last}"),
            None => format!("{n} of {wanted} requests were sent in time: raise --budget"),
        };
        return (CaseVerdict::Unproven, said);
    }
    match case.judged {
        Judged::EachShot if forged => without_effect(case, sent, facts),
        Judged::EachShot | Judged::Overall(_) => each(sent, facts),
        Judged::Once | Judged::OnceOfMany | Judged::Reuse => effects(case, sent, facts),
        Judged::AnswerTime => answer_time(sent, figures),
        Judged::Beside => beside(sent),
        Judged::Timing => timing(sent, facts, figures),
    }
}

/// The request after which nobody was there any more.
fn gone_after(facts: &Facts) -> Option<String> {
    let (last, before) = facts.sent.split_last()?;
    let gone = matches!(&last.came, Came::Nothing(none) if !is_of_the_answer(&none.kind));
    before.last().filter(|_| gone).map(|sent| format!("{} ({}) was sent", sent.case, sent.label))
}

fn exchange(sent: &ProbeSent, facts: &Facts) -> Exchange {
    Exchange {
        label: sent.label.clone(),
        right: sent.right,
        came: came(sent),
        took_ms: took_ms(sent),
        verdict: shot(sent, facts),
    }
}

/// Each request by itself.
pub(crate) fn each(sent: &[&ProbeSent], facts: &Facts) -> Said {
    let of = |verdict| sent.iter().copied().filter(move |s| shot(s, facts) == verdict);
    let told = |verdict| {
        let all: Vec<String> = of(verdict).map(|s| format!("{}: {}", s.label, complaint(s))).collect();
        let more = all.len().saturating_sub(TOLD);
        let first = all.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
        if more > 0 { format!("{first}; and {more} more") } else { first }
    };
    for verdict in [CaseVerdict::Fail, CaseVerdict::Unproven] {
        if of(verdict).next().is_some() {
            return (verdict, told(verdict));
        }
    }
    let mut answers: Vec<String> = sent.iter().map(|s| came(s)).collect();
    answers.dedup();
    (CaseVerdict::Pass, answers.join(", "))
}

/// Whether what came is right, as far as one request says.
pub(crate) fn shot(sent: &ProbeSent, facts: &Facts) -> CaseVerdict {
    use CaseVerdict::{Fail, NotExercised, Pass, Unproven};
    let right = sent.right;
    let pass = |holds| if holds { Pass } else { Fail };
    let answer = match &sent.came {
        Came::NotAwaited => return Pass,
        _ if right == Right::ByCase => return NotExercised,
        Came::Nothing(none) => {
            return match right {
                _ if !is_of_the_answer(&none.kind) => Unproven,
                // Closing the connection refuses too; whether a worker died of it is another case.
                Right::Refused if none.kind != "timeout" => Pass,
                Right::RefusedEarly if none.early && none.kind != "timeout" => Pass,
                Right::Refused => Unproven,
                _ => Fail,
            };
        }
        Came::Answer(answer) => answer,
    };
    let (status, success) = (answer.status, is_success(answer.status));
    let crashed = is_crash(sent);
    match right {
        _ if status == 429 => Unproven,
        Right::Accepted => pass(facts.delivers(status)),
        Right::AcceptedOrUnreadable if success => pass(facts.delivers(status)),
        Right::AcceptedOrUnreadable if !(400..500).contains(&status) => Fail,
        Right::AcceptedOrUnreadable => {
            if is_as_forged(sent, facts) {
                Unproven
            } else {
                Pass
            }
        }
        Right::Refused => pass(!success),
        Right::Handled | Right::ByCase => pass(!crashed),
        Right::RefusedAndHandled => pass(!success && !crashed),
        Right::RefusedEarly => pass(!success && !crashed && answer.early),
    }
}

/// Whether a receiver answered as to a webhook that another key has signed: the same status and the same words.
fn is_as_forged(sent: &ProbeSent, facts: &Facts) -> bool {
    let answer = |s: &ProbeSent| match &s.came {
        Came::Answer(answer) => Some((answer.status, answer.excerpt.clone())),
        _ => None,
    };
    match facts.sent.iter().find(|s| s.case == "wrong-key") {
        Some(forged) => answer(forged) == answer(sent),
        None => true,
    }
}

/// Whether an answer is that of a program that did not know what to do.
pub(crate) fn is_crash(sent: &ProbeSent) -> bool {
    let Came::Answer(answer) = &sent.came else { return false };
    // That a method or a coding is not implemented is an answer (RFC 9110 section 15.6.2).
    let unsupported = answer.status == 501 && sent.request.method != "POST";
    answer.status >= 500 && !unsupported || answer.trace.is_some()
}

/// Whether the lack of an answer is the receiver's doing, and not one of the way to it.
pub(crate) fn is_of_the_answer(kind: &str) -> bool {
    matches!(kind, "reset" | "closed" | "timeout" | "malformed")
}

pub(crate) const fn is_success(status: u16) -> bool {
    status >= 200 && status < 300
}

pub(crate) fn status(sent: &ProbeSent) -> Option<u16> {
    match &sent.came {
        Came::Answer(answer) => Some(answer.status),
        _ => None,
    }
}

/// What came, in a few words.
pub(crate) fn came(sent: &ProbeSent) -> String {
    match &sent.came {
        Came::NotAwaited => "not awaited".to_owned(),
        Came::Nothing(none) => format!("no response ({})", none.why),
        Came::Answer(answer) => {
            let early = if answer.early { " before the whole body" } else { "" };
            let trace = answer.trace.as_ref().map(|trace| format!(" with a stack trace ({trace})"));
            format!("{}{early}{}", answer.status, trace.unwrap_or_default())
        }
    }
}

/// What is wrong with what came.
fn complaint(sent: &ProbeSent) -> String {
    let came = came(sent);
    match (&sent.came, sent.right) {
        (Came::Answer(answer), _) if answer.status == 429 => {
            "429: it is rate limiting, so nothing is shown; try again later".to_owned()
        }
        (Came::Answer(answer), Right::RefusedEarly) if !answer.early && !is_success(answer.status) => {
            format!("{came} only after all {} MiB of the body had been read", sent.request.body_bytes >> 20)
        }
        (Came::Answer(answer), Right::AcceptedOrUnreadable) if (400..500).contains(&answer.status) => {
            format!(
                "{came}, the same answer as for a bad signature: the receiver's log says whether it refused signature \
             or content"
            )
        }
        (Came::Answer(answer), Right::Accepted | Right::AcceptedOrUnreadable) => {
            let status = answer.status;
            let but = if is_success(status) { ", which its sender does not count as delivered" } else { "" };
            format!("validly signed, but got {status}{but}")
        }
        (Came::Answer(answer), _) if is_success(answer.status) => format!("accepted ({came})"),
        _ => came,
    }
}

pub(crate) fn took_ms(sent: &ProbeSent) -> f64 {
    let us = sent.ended.0.saturating_sub(sent.started.0);
    round3(us as f64 / 1000.0)
}

fn round3(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
