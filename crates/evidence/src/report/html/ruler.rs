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
    let places = places(attempts.iter().map(|t| at(since(t.first_byte))).zip(words.iter().cloned()));
    html! {
        div.ruler role="img" aria-label={ (attempts.len()) " attempts: " (words.join(", ")) } {
            div.track {
                @for due in &due {
                    i class=(if due.came { "band" } else { "band missing" }) title={ "attempt " (due.attempt) " is due here" }
                        style={ "left:" (percent(at(due.from))) ";width:" (percent(at(due.to) - at(due.from))) } {}
                }
                @for (attempt, place) in attempts.iter().zip(&places) {
                    (mark(attempt, place, attempt.end.map(|end| at(since(end)))))
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

/// Where an attempt stands on the ruler.
#[derive(Debug, PartialEq)]
struct Place {
    from: f64,
    /// How many dots it is moved aside, so that it does not cover those before it.
    aside: usize,
    /// What is written above it; nothing where the one before says it, too.
    label: String,
}

/// The width of a dot, and of a letter above it, on the narrowest screen, as shares of the ruler.
const DOT: f64 = 0.05;
const LETTER: f64 = 0.035;

/// From here on a label stands to the left of its dot.
const NEAR_THE_END: f64 = 0.85;

/// Where the text of a dot begins and ends.
fn extent(from: f64, text: &str) -> (f64, f64) {
    let width = text.chars().count() as f64 * LETTER;
    if from > NEAR_THE_END { (from - width, from) } else { (from, from + width) }
}

/// The places of attempts: of those that are close together, the first one has the words of all.
fn places(attempts: impl Iterator<Item = (f64, String)>) -> Vec<Place> {
    let mut all: Vec<Place> = Vec::new();
    let mut labelled = 0;
    for (from, words) in attempts {
        let aside = all.last().filter(|before| from < before.from + DOT).map_or(0, |before| before.aside + 1);
        let is_covered = |before: &Place| extent(from, &words).0 < extent(before.from, &before.label).1;
        let label = match all.get_mut(labelled) {
            Some(before) if is_covered(before) => {
                before.label = format!("{}, {words}", before.label);
                String::new()
            }
            _ => {
                labelled = all.len();
                words
            }
        };
        all.push(Place { from, aside, label });
    }
    all
}

fn mark(attempt: &AttemptResult, place: &Place, to: Option<f64>) -> Markup {
    let Place { from, aside, label } = place;
    let side = if *from > NEAR_THE_END { "end" } else { "" };
    let style = match aside {
        0 => format!("left:{}", percent(*from)),
        n => format!("left:calc({} + {}px)", percent(*from), n * 13),
    };
    html! {
        @if let Some(to) = to.filter(|to| to > &(from + 0.004)) {
            i.held style={ "left:" (percent(*from)) ";width:" (percent(to - from)) } {}
        }
        i class={ "try " (if attempt.taken { "ok" } else { "bad" }) } style=(style) { @if !label.is_empty() { b class=(side) { (label) } } }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_that_are_close_together_have_one_label_and_dots_side_by_side() {
        let attempts = [(0.0, "reset"), (0.01, "200"), (0.5, "503"), (0.96, "200")];
        let all = places(attempts.into_iter().map(|(from, words)| (from, words.to_owned())));
        let labels: Vec<&str> = all.iter().map(|p| p.label.as_str()).collect();
        assert_eq!(labels, ["reset, 200", "", "503", "200"]);
        assert_eq!(all.iter().map(|p| p.aside).collect::<Vec<_>>(), [0, 1, 0, 0]);
    }
}
