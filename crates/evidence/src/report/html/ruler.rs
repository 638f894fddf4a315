//! A webhook's attempts on a ruler, against the retry policy: where each was due, when it came, and what was answered.

use super::plot::{Scale, across, percent};
use crate::analysis::{AttemptResult, Delivery, Expectation};
use crate::figure::milliseconds;
use maud::{Markup, html};
use record::{Ending, RetryContract, Tick};
use std::time::Duration;

/// Attempts that are drawn of one delivery.
const DRAWN: usize = 12;

/// Where the policy expects an attempt, ms from the first one.
struct Due {
    attempt: usize,
    from: f64,
    to: f64,
    came: bool,
}

/// The ruler of a delivery.
pub(super) fn ruler(delivery: &Delivery, contract: &RetryContract) -> Markup {
    let first = delivery.first_byte();
    let attempts: Vec<&AttemptResult> =
        delivery.tries.iter().chain(&delivery.after_acceptance).take(DRAWN).collect();
    let since = |at: Tick| ms(at.since(first));
    let due = due(delivery, contract);
    let ends = attempts.iter().map(|t| since(t.end.unwrap_or(t.first_byte)));
    let last = ends.chain(due.iter().map(|d| d.to)).fold(1.0, f64::max);
    let scale = Scale::linear(0.0, last / 1000.0 * 1.04);
    let at = |ms: f64| scale.share(ms / 1000.0);
    let words: Vec<String> = attempts.iter().map(|t| answered(t)).collect();
    html! {
        div.ruler role="img" aria-label={ (attempts.len()) " attempts: " (words.join(", ")) } {
            div.track {
                @for due in &due {
                    i class=(if due.came { "band" } else { "band missing" }) title={ "attempt " (due.attempt) " is due here" }
                        style={ "left:" (percent(at(due.from))) ";width:" (percent(at(due.to) - at(due.from))) } {}
                }
                @for (attempt, words) in attempts.iter().zip(&words) {
                    (mark(attempt, words, at(since(attempt.first_byte)), attempt.end.map(|end| at(since(end)))))
                }
            }
            div.xs { (across(&scale.time_ticks())) }
        }
        ol.attempts { @for (i, attempt) in attempts.iter().enumerate() { li { (told(attempt, i.checked_sub(1).and_then(|i| attempts.get(i)).copied())) } } }
    }
}

/// The windows of the attempts after the first, as far as the policy asks for them.
#[expect(clippy::cast_precision_loss, reason = "pauses in ms")]
fn due(delivery: &Delivery, contract: &RetryContract) -> Vec<Due> {
    let first = delivery.first_byte();
    let mut all = Vec::new();
    for (i, attempt) in delivery.tries.iter().enumerate().take(DRAWN) {
        let ended = attempt.taken || attempt.status.is_some_and(|s| contract.aborts(s));
        let wanted = contract.gap_ms(i + 1, attempt.retry_after());
        if let (false, Some(wanted), Some(end)) = (ended, wanted, attempt.end) {
            let (early, late) = contract.window_ms(wanted);
            let end = ms(end.since(first));
            let came = delivery.tries.len() > i + 1;
            all.push(Due { attempt: i + 2, from: end + early as f64, to: end + late as f64, came });
        }
    }
    all
}

fn mark(attempt: &AttemptResult, words: &str, from: f64, to: Option<f64>) -> Markup {
    let accepted = attempt.taken;
    let side = if from > 0.85 { "end" } else { "" };
    html! {
        @if let Some(to) = to.filter(|to| *to > from + 0.004) {
            i.held style={ "left:" (percent(from)) ";width:" (percent(to - from)) } {}
        }
        i class={ "try " (if accepted { "ok" } else { "bad" }) } style={ "left:" (percent(from)) } { b class=(side) { (words) } }
    }
}

/// What was answered, in a word.
fn answered(attempt: &AttemptResult) -> String {
    match (attempt.status, attempt.how, attempt.fault) {
        (Some(status), ..) => status.to_string(),
        (None, Some(Ending::SenderClosed), _) => "given up".to_owned(),
        (None, _, Some(fault)) => fault.to_string(),
        (None, Some(_), None) => "broken".to_owned(),
        (None, None, None) => "no end".to_owned(),
    }
}

/// The attempt in words.
fn told(attempt: &AttemptResult, before: Option<&AttemptResult>) -> String {
    let when = before.map_or_else(
        || "first".to_owned(),
        |before| {
            let gap = before.end.map(|end| milliseconds(ms(attempt.first_byte.since(end))));
            gap.map_or_else(|| "later".to_owned(), |gap| format!("after {gap}"))
        },
    );
    let took = attempt.end.map(|end| format!(" in {}", milliseconds(ms(end.since(attempt.first_byte)))));
    let fault = attempt.fault.map(|fault| format!(", injected: {fault}")).unwrap_or_default();
    let signature = if attempt.reason == signature::Reason::Valid {
        String::new()
    } else {
        format!(", signature {}", attempt.reason)
    };
    format!("{when}: {}{}{fault}{signature}", answered(attempt), took.unwrap_or_default())
}

/// The ruler of a webhook that never came: the step that asked for it, and how long it was waited for.
pub(super) fn of_a_lost(asked: &Expectation<'_>) -> Markup {
    let (took, within) = (ms(asked.took), ms(asked.within));
    let scale = Scale::linear(0.0, took.max(within).max(1.0) / 1000.0 * 1.04);
    let at = |ms: f64| scale.share(ms / 1000.0);
    html! {
        div.ruler role="img" aria-label={ "the step took " (milliseconds(took)) ", and no webhook arrived in " (milliseconds(within)) } {
            div.track {
                i.band.missing style={ "left:0;width:" (percent(at(within))) } {}
                i.held style={ "left:0;width:" (percent(at(took).max(0.004))) } {}
                i.due style={ "left:" (percent(at(within))) } { b.end { "due" } }
            }
            div.xs { (across(&scale.time_ticks())) }
        }
        p.dim { "Step " code { (asked.step_name) } " took " (milliseconds(took)) "; nothing arrived within the " (milliseconds(within)) " allowed." }
    }
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}
