//! Cases that are judged by when their answers came, or that measure it.

use crate::judge::{CaseVerdict, Facts, Said, came, each, is_success, status, took_ms};
use record::{ProbeSent, Tick};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a slow request is kept open for the fast ones beside it, as long as they are not answered.
pub const HELD_OPEN: Duration = Duration::from_secs(3);
/// Responses that come within so long of each other may be read in any order.
const SAME_MOMENT: Duration = Duration::from_millis(100);

/// The longest that the fastest of the known senders waits for an answer, in milliseconds: Slack's.
const SHORTEST_LIMIT_MS: f64 = 3000.0;
/// Those senders, and how long each waits for an answer, in seconds (docs of each, 2026).
const LIMITS: [(&str, f64); 4] =
    [("Slack's", 3.0), ("Shopify's", 5.0), ("GitHub's", 10.0), ("Standard Webhooks'", 15.0)];

/// What is said of a receiver that limits rates.
pub(crate) const LIMITED: &str = "429: it is rate limiting, so nothing is shown";

pub(crate) fn answer_time(sent: &[&ProbeSent], figures: &mut BTreeMap<String, f64>) -> Said {
    let mut times: Vec<f64> = sent.iter().map(|s| took_ms(s)).collect();
    times.sort_by(f64::total_cmp);
    let n = times.len();
    // Nearest rank.
    let at = (n * 95).div_ceil(100).saturating_sub(1);
    let p95 = times.get(at).copied().unwrap_or_default();
    let median = times.get(n / 2).copied().unwrap_or_default();
    figures.insert("p95_ms".to_owned(), p95);
    figures.insert("p50_ms".to_owned(), median);
    figures.insert("samples".to_owned(), n as f64);
    let of = |within: bool| {
        let held = |(_, s): &&(&str, f64)| (p95 <= *s * 1000.0) == within;
        LIMITS.iter().filter(held).map(|(who, s)| format!("{who} {s} s")).collect::<Vec<_>>().join(", ")
    };
    let judged = match (of(true), of(false)) {
        (within, over) if over.is_empty() => format!("within {within}"),
        (within, over) if within.is_empty() => format!("over {over}"),
        (within, over) => format!("over {over}; within {within}"),
    };
    let digits = if p95 < 10.0 { 2 } else { 0 };
    let text = format!("p95 {p95:.digits$} ms of {n} responses: {judged}");
    let unanswered = sent.iter().find(|s| !status(s).is_some_and(is_success));
    match unanswered {
        Some(first) if status(first) != Some(429) => {
            (CaseVerdict::Fail, format!("a valid webhook was not accepted: {}; {text}", came(first)))
        }
        Some(_) => (CaseVerdict::Unproven, LIMITED.to_owned()),
        None if p95 > SHORTEST_LIMIT_MS => {
            (CaseVerdict::Fail, format!("{text}: acknowledge first, work later"))
        }
        None => (CaseVerdict::Pass, text),
    }
}

pub(crate) fn beside(sent: &[&ProbeSent]) -> Said {
    // In the order in which they ended, the slow one is the last.
    let (slow, fast): (Vec<&ProbeSent>, Vec<&ProbeSent>) =
        sent.iter().copied().partition(|s| s.label == "slow");
    let Some(slow) = slow.first().copied() else {
        return (CaseVerdict::Unproven, "no slow request was sent".to_owned());
    };
    // The pause in front of a request is a part of the time that the slow one was to be open.
    let since = |from: Tick, to: Tick| Duration::from_micros(to.0.saturating_sub(from.0));
    let was_held = since(slow.started, slow.ended) >= HELD_OPEN * 5 / 6;
    // One that began well before the end of the slow one came, and has its response with it, takes no longer by chance.
    let waited = |f: &ProbeSent| {
        was_held && since(slow.started, f.started) < HELD_OPEN / 2 && since(f.ended, slow.ended) < SAME_MOMENT
    };
    let limited = |f: &&ProbeSent| status(f) == Some(429);
    let beside = fast.iter().copied().filter(|f| f.started < slow.ended && !limited(f));
    let late = beside.into_iter().find(|f| waited(f) || !status(f).is_some_and(is_success));
    match late {
        Some(late) => (
            CaseVerdict::Fail,
            format!("a fast request waited for the slow one: {} after {:.0} ms", came(late), took_ms(late)),
        ),
        None if fast.iter().any(|f| f.started >= slow.ended) => (
            CaseVerdict::Unproven,
            format!("the slow request ended first ({}), so nothing ran alongside it", came(slow)),
        ),
        None if fast.iter().any(limited) => (CaseVerdict::Unproven, LIMITED.to_owned()),
        None => {
            let longest = fast.iter().map(|f| took_ms(f)).fold(0.0, f64::max);
            (
                CaseVerdict::Pass,
                format!("fast ones responded in {longest:.0} ms at most; the slow one: {}", came(slow)),
            )
        }
    }
}

/// None of these signatures may be taken; how long it took to refuse them is told.
pub(crate) fn timing(sent: &[&ProbeSent], facts: &Facts, figures: &mut BTreeMap<String, f64>) -> Said {
    let median = |label: &str| {
        let mut times: Vec<f64> = sent.iter().filter(|s| s.label == label).map(|s| took_ms(s)).collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    let (first, last) = (median("wrong at the beginning"), median("wrong at the end"));
    figures.insert("wrong_at_the_beginning_ms".to_owned(), first);
    figures.insert("wrong_at_the_end_ms".to_owned(), last);
    let text = format!(
        "median {first:.3} ms for a signature wrong at the beginning, {last:.3} ms for one wrong at the end; \
         measured, not judged"
    );
    match each(sent, facts) {
        (CaseVerdict::Pass, _) => (CaseVerdict::NotExercised, text),
        wrong => wrong,
    }
}
