//! What is judged by all answers of a probe together.

use crate::case::Overall;
use crate::diagnosis::DIAGNOSIS;
use crate::judge::{CaseVerdict, Facts, Said, came, is_crash, is_of_the_answer, status};
use record::{Came, ProbeSent, Right};
use std::time::SystemTime;

/// Judges one of them; `accepted` is whether the valid webhook was.
pub(crate) fn judge(what: Overall, facts: &Facts, accepted: bool) -> Said {
    let said = match what {
        Overall::ServerError => server_error(facts),
        Overall::Echo => echo(facts),
        Overall::Redirect => redirect(facts),
        Overall::RateLimit => rate_limit(facts),
    };
    match said {
        (CaseVerdict::Pass, _) if !accepted => {
            (CaseVerdict::Unproven, "the valid webhook was not accepted".to_owned())
        }
        said => said,
    }
}

/// `case (request)`.
fn place(sent: &ProbeSent) -> String {
    format!("{} ({})", sent.case, sent.label)
}

fn server_error(facts: &Facts) -> Said {
    // These have a case of their own.
    let own = |s: &&ProbeSent| {
        matches!(s.right, Right::Handled | Right::RefusedAndHandled | Right::RefusedEarly)
            || s.case == DIAGNOSIS
    };
    let broken = |s: &&ProbeSent| match &s.came {
        Came::Nothing(none) => is_of_the_answer(&none.kind) && none.kind != "timeout",
        _ => is_crash(s),
    };
    let asked: Vec<&ProbeSent> = facts.sent.iter().filter(|s| !own(s) && s.case != "valid").collect();
    let wrong: Vec<&&ProbeSent> = asked.iter().filter(|s| broken(s)).collect();
    match wrong.first() {
        _ if asked.is_empty() => (CaseVerdict::Unproven, "no other case was run".to_owned()),
        None => (CaseVerdict::Pass, format!("none of {} responses", asked.len())),
        Some(first) => {
            let n = wrong.len();
            (CaseVerdict::Fail, format!("{n} of {}, first {} to {}", asked.len(), came(first), place(first)))
        }
    }
}

fn echo(facts: &Facts) -> Said {
    match facts.sent.iter().find(|s| !s.leaks.is_empty()) {
        Some(first) => (
            CaseVerdict::Fail,
            format!("the response to {} holds the {}", place(first), first.leaks.join(" and the ")),
        ),
        None => {
            let n = facts.sent.iter().filter(|s| status(s).is_some()).count();
            (CaseVerdict::Pass, format!("none of {n} responses"))
        }
    }
}

fn redirect(facts: &Facts) -> Said {
    // Those that a case judges as a whole are validly signed, too; those of a diagnosis are signed in many ways.
    let valid = |s: &&ProbeSent| {
        matches!(s.right, Right::Accepted | Right::AcceptedOrUnreadable | Right::ByCase)
            && s.case != DIAGNOSIS
    };
    let redirected = |s: &ProbeSent| status(s).is_some_and(|status| (300..400).contains(&status));
    let asked: Vec<&ProbeSent> = facts.sent.iter().filter(valid).collect();
    match asked.iter().copied().find(|s| redirected(s)) {
        Some(first) => {
            let to = match &first.came {
                Came::Answer(answer) => answer.header("location").unwrap_or("nowhere").to_owned(),
                _ => String::new(),
            };
            (CaseVerdict::Fail, format!("{} to {}, Location {to}", came(first), place(first)))
        }
        None => (CaseVerdict::Pass, format!("none of {} valid webhooks", asked.len())),
    }
}

fn rate_limit(facts: &Facts) -> Said {
    let limited: Vec<&ProbeSent> = facts.sent.iter().filter(|s| status(s) == Some(429)).collect();
    let says_when = |s: &&&ProbeSent| match &s.came {
        Came::Answer(answer) => {
            let wait = answer
                .header("retry-after")
                .and_then(|text| http1::retry_after(text, || SystemTime::UNIX_EPOCH));
            wait.is_some()
        }
        _ => false,
    };
    match limited.iter().find(|s| !says_when(s)) {
        Some(first) => {
            (CaseVerdict::Fail, format!("429 to {} without a Retry-After that can be read", place(first)))
        }
        None if limited.is_empty() => (CaseVerdict::NotExercised, "no 429 was seen".to_owned()),
        None => (CaseVerdict::Pass, format!("all {} of them", limited.len())),
    }
}
