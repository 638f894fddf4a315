//! What a step says of itself: its outcome is that of its answer, and what was sent is what the scenario has.

use super::Contradictions;
use super::order::s;
use correlate::read_json;
use record::matcher::Matcher;
use record::{KEPT_BODY, MASK, Outcome, SessionStep, Step, Tick};
use scenario::{Session, gives_session};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// So much earlier than asked for a timer may go off.
const TIMER: Duration = Duration::from_millis(5);

/// The step that a contradiction is about.
#[derive(Clone, Copy)]
pub(super) struct About<'s> {
    pub(super) flow: u32,
    pub(super) step: &'s str,
}

impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flow {}, step `{}`", self.flow, self.step)
    }
}

/// What holds of every step, whatever the scenario.
pub(super) fn told_soundly(step: &Step, found: &mut Contradictions) {
    let name = &step.step;
    let mut wrong = |what: &str| found.add("outcome_contradicts_answer", format!("step `{name}` {what}"));
    match step.outcome {
        Outcome::Ok if step.status.is_none() => wrong("succeeded without a response"),
        Outcome::Ok if !step.problems.is_empty() => wrong("succeeded but has problems"),
        Outcome::Failed if step.problems.is_empty() => wrong("failed but has no problem"),
        Outcome::Refused if step.status.is_none() && step.flow.is_some() => {
            wrong("was refused without a response");
        }
        Outcome::Skipped if step.tries > 0 => wrong("was skipped but sent"),
        _ => {}
    }
    // Tries are counted by the driver that sends them: none was sent without one, and none was sent where none is counted.
    if step.tries == 0 {
        match step.outcome {
            Outcome::Ok | Outcome::Refused => wrong("came to its outcome without being sent"),
            Outcome::Failed | Outcome::Skipped if step.status.is_some() => {
                wrong("was answered without being sent");
            }
            Outcome::Failed | Outcome::Skipped => {}
        }
    }
    // An exchange on a socket takes some time; ticks are microseconds.
    if step.status.is_some() && step.ended <= step.started {
        found.add("no_time", format!("step `{name}` got a response in no time, at {} s", s(step.started)));
    }
}

/// The answer is one that the scenario takes for the outcome.
pub(super) fn answer_fits(
    planned: &scenario::Step,
    step: &Step,
    about: About<'_>,
    found: &mut Contradictions,
) {
    if !status_fits(planned, step, about, found) || step.status.is_none() || step.outcome != Outcome::Ok {
        return;
    }
    let mut wrong = |what: String| found.add("outcome_contradicts_answer", format_args!("{about}: {what}"));
    match &step.body {
        None => wrong("nothing is kept of its answer's body".to_owned()),
        Some(body) => body_fits(planned, body, &mut wrong),
    }
}

/// The same of its status alone; gives whether it is.
pub(super) fn status_fits(
    planned: &scenario::Step,
    step: &Step,
    about: About<'_>,
    found: &mut Contradictions,
) -> bool {
    let Some(status) = step.status else { return true };
    let wanted = planned.expect.status.as_ref();
    let fits = wanted.map_or((200..300).contains(&status), |all| all.as_slice().contains(&status));
    let wrong = match step.outcome {
        Outcome::Ok if !fits => {
            format!("status {status} is not what the scenario expects, yet the step succeeded")
        }
        Outcome::Refused if !planned.may_refuse.contains(&status) => {
            format!("it was refused with {status}, which the scenario does not allow")
        }
        Outcome::Skipped => format!("it was skipped, yet got {status}"),
        _ => return true,
    };
    found.add("outcome_contradicts_answer", format_args!("{about}: {wrong}"));
    false
}

/// So much less than a body that was cut may be left of it: it is cut between characters.
const CHARACTER: usize = 4;

/// The members that the scenario expects are in what is kept of the body; what is masked there is not known.
fn body_fits(planned: &scenario::Step, text: &str, wrong: &mut impl FnMut(String)) {
    let is_masked = text.contains(MASK);
    let mut plain = planned.expect.json.iter().filter(|(_, matcher)| !is_template(matcher)).peekable();
    if text.len() + CHARACTER > KEPT_BODY || plain.peek().is_none() {
        return;
    }
    let Ok(body) = read_json(text.as_bytes()) else {
        // A number that is masked leaves no JSON.
        if !is_masked {
            wrong("its response is no JSON, yet the step succeeded".to_owned());
        }
        return;
    };
    let is_open =
        |value: Option<&Value>| is_masked && value.is_none_or(|value| value.to_string().contains(MASK));
    for (pointer, matcher) in plain {
        let value = body.pointer(pointer);
        if let Err(why) = matcher.check(value)
            && !is_open(value)
        {
            wrong(format!("{pointer} of its response {why}, yet the step succeeded"));
        }
    }
}

/// A step is tried again where the scenario polls, as often as there was time for; else it is sent once. `before`: when what
/// comes before it had ended.
pub(super) fn tries_fit(
    planned: &scenario::Step,
    step: &Step,
    before: Tick,
    about: About<'_>,
    found: &mut Contradictions,
) {
    let pauses = step.tries.saturating_sub(1);
    if pauses == 0 {
        return;
    }
    let took = step.ended.since(before);
    let fits = planned.poll.is_some_and(|poll| poll.every.get().saturating_mul(pauses) <= took + TIMER);
    if !fits {
        let sentence = format!("{about}: it was sent {} times within {} s", step.tries, took.as_secs_f64());
        found.add("outcome_contradicts_answer", sentence);
    }
}

fn is_template(matcher: &Matcher) -> bool {
    serde_json::to_string(matcher).map_or(true, |text| text.contains("{{"))
}

/// A login or renewal that gave a session was answered as one is, and was sent as the scenario has it.
pub(super) fn login_fits(what: SessionStep, session: &Session, step: &Step, found: &mut Contradictions) {
    let name = &step.step;
    let (wanted, pointer) = match what {
        SessionStep::Refresh => {
            let renewal = session.refresh.as_ref().map(|refresh| refresh.request.as_sent());
            (renewal, session.renewed_token_pointer())
        }
        _ => (session.login_as_sent(), session.token_pointer()),
    };
    if step.tries > 1 {
        let sentence =
            format!("`{name}` was sent {} times, which smoke counts as so many logins", step.tries);
        found.add("outcome_contradicts_answer", sentence);
    }
    let by_cookies = pointer.is_none();
    if let Some(status) = step.status.filter(|status| !gives_session(*status, by_cookies)) {
        let sentence = format!("`{name}` succeeded, yet was answered with {status}");
        found.add("outcome_contradicts_answer", sentence);
    }
    let Some(wanted) = wanted else {
        found.add("request_differs", format!("`{name}`: the scenario has no such request"));
        return;
    };
    if !step.request.contains(MASK) && !has_pieces(&step.request, &wanted) {
        let sentence = format!("`{name}` was sent as `{}`, but the scenario has `{wanted}`", step.request);
        found.add("request_differs", sentence);
    }
}

/// Whether what stands between the templates of `wanted` stands in `text`, in order.
pub(super) fn has_pieces(text: &str, wanted: &str) -> bool {
    let mut rest = text;
    let mut first = true;
    let mut template = wanted;
    while let Some((plain, after)) = template.split_once("{{") {
        let Some(at) = rest.find(plain).filter(|at| !first || *at == 0) else { return false };
        rest = rest.get(at + plain.len()..).unwrap_or_default();
        template = after.split_once("}}").map_or("", |(_, after)| after);
        first = false;
    }
    if first { text == wanted } else { rest.ends_with(template) }
}

#[cfg(test)]
mod tests {
    use super::has_pieces;

    #[test]
    fn a_path_is_the_scenarios_with_something_for_each_template() {
        let wanted = "POST /api/{{ kind }}/{{ id }}/verify/";
        assert!(has_pieces("POST /api/payments/7/verify/", wanted));
        assert!(!has_pieces("POST /api/payments/7/reject/", wanted));
        assert!(!has_pieces("GET /api/payments/7/verify/", wanted));
        assert!(
            has_pieces("GET /healthz/", "GET /healthz/") && !has_pieces("GET /healthz/x", "GET /healthz/")
        );
    }
}
