//! What was done with webhooks, by what an observer counted, and not only what was answered.

use crate::case::{Case, Judged};
use crate::diagnosis::DIAGNOSIS;
use crate::judge::{CaseVerdict, Facts, Said, came, each, is_crash, is_success, status};
use crate::measured::LIMITED;
use record::{Came, ProbeEffects, ProbeSent};

/// What is said where nobody counts.
const NOBODY_COUNTS: &str = "effect unproven: give --observe to count what is processed";

/// How often the webhook of a case was processed.
enum Effect {
    /// By how much the observer's number went up: how many webhooks were processed.
    Moved {
        times: i64,
        /// By how much it went up for one webhook that was sent once.
        unit: i64,
    },
    /// Nobody said.
    NotAsked,
    /// The observer's word is worth nothing, and why.
    Unknown(String),
}

fn effect(case: &str, facts: &Facts) -> Effect {
    if facts.begin.observer.is_none() {
        return Effect::NotAsked;
    }
    match (moved("valid", facts), moved(case, facts)) {
        (Err(why), _) | (_, Err(why)) => Effect::Unknown(why),
        (Ok(0), _) => Effect::Unknown(
            "the observer's number did not change for an accepted webhook: it does not count what is processed".to_owned(),
        ),
        (Ok(unit), Ok(delta)) if delta % unit != 0 => Effect::Unknown(format!(
            "the observer's number changes by {unit} per webhook but changed by {delta} here: others use the receiver too"
        )),
        (Ok(unit), Ok(times)) => Effect::Moved { times, unit },
    }
}

/// What the observer said before and after a case, or several of which it is one.
fn window<'f>(case: &str, facts: &'f Facts) -> Option<&'f ProbeEffects> {
    let place = |id: &str| facts.begin.cases.iter().position(|case| case == id);
    let of = |e: &&ProbeEffects| match &e.from {
        None => e.case == case,
        Some(from) => place(from) <= place(case) && place(case) <= place(&e.case),
    };
    facts.effects.iter().find(of)
}

/// By how much the observer's number changed meanwhile, or why that is not known.
fn moved(case: &str, facts: &Facts) -> Result<i64, String> {
    let Some(effects) = window(case, facts) else { return Err("the observer was not asked".to_owned()) };
    match (effects.before, effects.after, &effects.problem) {
        (_, _, Some(problem)) => Err(format!("the observer failed: {problem}")),
        (Some(before), Some(after), None) if after < before => Err(format!(
            "the observer's number is not monotonic: {before} before, {after} after; it must only grow"
        )),
        (Some(before), Some(after), None) => Ok(after - before),
        _ => Err("the observer gave no number".to_owned()),
    }
}

/// Judges forged webhooks by their answers, and by whether one of them was processed whatever it was answered.
pub(crate) fn without_effect(case: &Case, sent: &[&ProbeSent], facts: &Facts) -> Said {
    let by_answers = each(sent, facts);
    let (verdict, answered) = &by_answers;
    let unproven = |why: String| match verdict {
        CaseVerdict::Pass => (CaseVerdict::Unproven, format!("{answered}; effect unproven: {why}")),
        _ => by_answers.clone(),
    };
    // Many answer GET with a page that says that they are there: what counts is what was done.
    let page = *verdict == CaseVerdict::Pass && sent.iter().any(|s| is_page(s));
    match effect(case.id, facts) {
        _ if *verdict == CaseVerdict::Fail => by_answers,
        Effect::NotAsked if page => (CaseVerdict::NotExercised, format!("{answered}; {NOBODY_COUNTS}")),
        Effect::Moved { times: 0, .. } if page => (CaseVerdict::Pass, format!("{answered}; not processed")),
        Effect::NotAsked | Effect::Moved { times: 0, .. } => by_answers,
        Effect::Unknown(why) => unproven(why),
        Effect::Moved { times, .. } if times <= outstanding(case.id, facts) => unproven(format!(
            "the observer's number went up by {times}, but webhooks that were accepted before were not yet in it"
        )),
        Effect::Moved { times, .. } => {
            let several = window(case.id, facts).and_then(|e| Some((e.from.as_ref()?, &e.case)));
            let cases = several.map_or(String::new(), |(first, last)| format!(" from {first} to {last}"));
            let text = format!(
                "answered {answered}, but the observed number went up by {times}{cases}: it was processed"
            );
            (CaseVerdict::Fail, text)
        }
    }
}

/// Whether GET was answered as a page is.
fn is_page(sent: &ProbeSent) -> bool {
    sent.request.method == "GET" && status(sent).is_some_and(is_success)
}

/// How much of what was accepted before a case was not in the observer's number yet.
fn outstanding(case: &str, facts: &Facts) -> i64 {
    let valid = facts.effects.iter().find(|e| e.case == "valid");
    let valid = valid.and_then(|e| Some((e.before?, e.after?)));
    let (Some((first, one)), Some(effects)) = (valid, window(case, facts)) else { return 0 };
    let begin = effects.from.as_ref().unwrap_or(&effects.case);
    let before = facts.sent.iter().take_while(|s| s.case != *begin);
    let no_webhook = |s: &ProbeSent| s.case == DIAGNOSIS || matches!(&*s.request.method, "GET" | "OPTIONS");
    let accepted = before.filter(|s| !no_webhook(s) && status(s).is_some_and(is_success)).count();
    let expected = i64::try_from(accepted).unwrap_or(i64::MAX).saturating_mul(one - first);
    expected - (effects.before.unwrap_or(first) - first)
}

/// Judges answers and effects together.
pub(crate) fn effects(case: &Case, sent: &[&ProbeSent], facts: &Facts) -> Said {
    let mut all: Vec<String> = sent.iter().map(|s| came(s)).collect();
    all.dedup();
    let answers = if all.len() == 1 {
        format!("same response ({})", all.join(""))
    } else {
        format!("responses {}", all.join(", "))
    };
    let wrong = match case.judged {
        Judged::OnceOfMany => of_many(sent),
        _ => Some(each(sent, facts)).filter(|(verdict, _)| *verdict != CaseVerdict::Pass),
    };
    if let Some(wrong) = wrong {
        return wrong;
    }
    let reused = case.judged == Judged::Reuse;
    let refused = sent.last().and_then(|s| status(s)).is_some_and(|status| !is_success(status));
    match effect(case.id, facts) {
        Effect::Moved { times: 0, .. } => {
            (CaseVerdict::Fail, format!("{answers}; accepted but never processed"))
        }
        Effect::Moved { times, unit } if unit > 1 => (
            CaseVerdict::Fail,
            format!(
                "{answers}; processed {times} times (the valid webhook, sent once, {unit} times): each is processed \
                 {unit} times, or the observer counts something else than webhooks"
            ),
        ),
        Effect::Moved { times: 1, .. } if reused && refused => {
            (CaseVerdict::Pass, format!("{answers}; the second one was refused"))
        }
        Effect::Moved { times: 1, .. } if reused => {
            (CaseVerdict::Pass, format!("{answers}; the second one was not processed"))
        }
        Effect::Moved { .. } if reused => (
            CaseVerdict::Fail,
            format!(
                "{answers}; both were processed: an id reused with different content must be refused or ignored"
            ),
        ),
        Effect::Moved { times: 1, .. } => (CaseVerdict::Pass, format!("{answers}; processed exactly once")),
        Effect::Moved { times, .. } => (CaseVerdict::Fail, format!("{answers}; processed {times} times")),
        Effect::Unknown(why) => (CaseVerdict::Unproven, format!("{answers}; effect unproven: {why}")),
        Effect::NotAsked if reused && refused => {
            (CaseVerdict::Pass, format!("{answers}; the second one was refused"))
        }
        Effect::NotAsked => (CaseVerdict::NotExercised, format!("{answers}; {NOBODY_COUNTS}")),
    }
}

/// What is wrong with the answers to one delivery that came many times at once.
fn of_many(sent: &[&ProbeSent]) -> Option<Said> {
    let accepted = sent.iter().filter(|s| status(s).is_some_and(is_success)).count();
    let failed = sent.iter().find(|s| is_crash(s) || matches!(s.came, Came::Nothing(_)));
    match failed {
        Some(first) => Some((CaseVerdict::Fail, format!("one of {} answered {}", sent.len(), came(first)))),
        None if sent.iter().all(|s| status(s) == Some(429)) => {
            Some((CaseVerdict::Unproven, LIMITED.to_owned()))
        }
        None if accepted == 0 => Some((CaseVerdict::Fail, format!("none of {} was accepted", sent.len()))),
        None => None,
    }
}
