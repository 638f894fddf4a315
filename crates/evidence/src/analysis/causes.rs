//! Why webhooks never came, as far as the receiving end can tell: from how long the steps took, from what came instead, and
//! from what came of other events. These are words, not verdicts.

use super::lost::Lost;
use super::sample::{NO_EVENT, event_name};
use super::{Analysis, Delivery, Expectation, seconds};
use crate::figure::counted;
use pii::shown;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Events that are told one by one.
const EVENTS: usize = 8;
/// A step with a webhook may take so many times as long as one without, and [`SLACK_MS`] more, and show no attempt: writing
/// a row takes longer than reading one.
const TIMES: u64 = 3;
const SLACK_MS: u64 = 100;
/// Pauses of less than this in all cannot be told from a slow step.
const SHORTEST_SCHEDULE_MS: u64 = 500;

/// The webhooks of one event.
#[derive(Debug, Default)]
struct Event {
    due: u64,
    lost: u64,
    /// How the steps of the lost ones were answered.
    answers: BTreeSet<u16>,
    /// How many steps those were, and how long they took, ms.
    took_ms: Vec<u64>,
}

/// The retry schedule against the durations of steps, all in ms.
struct Measure {
    /// What all pauses of the schedule take at least; `None` when that proves nothing.
    schedule: Option<u64>,
    /// What all pauses take.
    pauses: u64,
    /// The median of the slowest step that fires no webhook; `None` when there is no such step.
    without: Option<u64>,
}

/// What is behind the webhooks that never came, the most telling first; `lost` says which those are.
pub(super) fn causes(analysis: &Analysis, lost: &Lost<'_>) -> Vec<String> {
    let events = by_event(analysis, lost);
    let measure = Measure::of(analysis);
    let mut told = Vec::new();
    told.extend(refused(analysis));
    told.extend(analysis.nameless.told());
    told.extend(nearly(analysis, lost));
    told.extend(others(analysis, lost));
    told.extend(unrecognised(analysis));
    told.extend(too_many(analysis, &events));
    let missing: u64 = events.values().map(|event| event.lost).sum();
    if missing > 0 && analysis.too_large() >= missing {
        // They came, by all that can be told: nothing else needs a reason.
        return told;
    }
    let mut others_told = by_duration(analysis, &measure, &events);
    others_told.extend(by_name(analysis, &measure, &events));
    if let Some(unless) = unless(analysis, &events) {
        // Nobody can tell for sure, and what contradicts it must not stand beside it as if it were as likely.
        others_told.iter_mut().for_each(|cause| *cause = format!("{unless}: {cause}"));
    }
    told.extend(others_told);
    told
}

/// On what the other causes hang where as much else came as webhooks are missing.
fn unless(analysis: &Analysis, events: &BTreeMap<String, Event>) -> Option<&'static str> {
    let refused: u64 = analysis.refused.values().sum();
    let lost: u64 = events.values().map(|event| event.lost).sum();
    if refused > 0 && refused >= lost {
        return Some("or, if those requests were not from the sender");
    }
    if lost > 0 && strangers(analysis) >= lost {
        return Some("or, if those requests were not from the sender");
    }
    if lost > 0 && analysis.nameless.count() >= lost {
        return Some("or, if the unnamed ones are something else");
    }
    let came_in_place = |(name, event): (&String, &Event)| {
        let came = unasked(analysis).filter(|d| event_name(&d.event) == *name && d.is_authentic()).count();
        came as u64 + surplus(analysis, name) >= event.lost
    };
    (!events.is_empty() && events.iter().all(came_in_place))
        .then_some("or, if what arrived was meant for someone else")
}

/// Requests that nothing shows to be the sender's, where nothing came that is: they may be its webhooks all the same.
fn strangers(analysis: &Analysis) -> u64 {
    let is_known = analysis.deliveries.iter().any(|delivery| delivery.is_authentic());
    let found = analysis.strangers.found();
    if is_known { 0 } else { found.requests.saturating_sub(found.imitating) }
}

/// What those lack.
fn unrecognised(analysis: &Analysis) -> Option<String> {
    let (came, scheme) = (strangers(analysis), analysis.header.scheme);
    let found = analysis.strangers.found();
    let reasons = found.reasons.iter().filter(|(_, n)| **n > 0);
    let reasons: Vec<String> = reasons.map(|(reason, n)| format!("{reason} {n}")).collect();
    let headers: Vec<String> = scheme.own_headers().iter().map(|name| shown(name)).collect();
    let headers = headers.join(", ");
    (came > 0).then(|| {
        format!(
            "{found} arrived where webhooks go, and nothing shows that they are the sender's (signatures: {}). If they are, compare \
             their headers with what its webhooks have: {headers}",
            reasons.join(", ")
        )
    })
}

/// Webhooks of an event that came more often than their step expects, where others of it never came.
fn too_many(analysis: &Analysis, events: &BTreeMap<String, Event>) -> Option<String> {
    let names = events.keys().filter(|name| surplus(analysis, name) > 0);
    let told: Vec<String> = names
        .map(|name| {
            let n = surplus(analysis, name);
            let what = if n == 1 { "a missing one" } else { "missing ones" };
            format!("{n} more {name} arrived than the steps of other flows expect: perhaps {what} with another flow's values")
        })
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// How many valid webhooks of an event came beyond what was expected of them.
fn surplus(analysis: &Analysis, name: &str) -> u64 {
    let own = analysis.own().filter(|d| d.surplus > 0 && event_name(&d.event) == *name && d.is_authentic());
    own.map(|delivery| u64::from(delivery.surplus)).sum()
}

/// What came and fulfils nothing.
fn unasked(analysis: &Analysis) -> impl Iterator<Item = Cow<'_, Delivery>> {
    analysis.deliveries.iter().filter(|delivery| delivery.unasked > 0 && delivery.fulfils.is_none())
}

fn by_event(analysis: &Analysis, lost: &Lost<'_>) -> BTreeMap<String, Event> {
    let mut events: BTreeMap<String, Event> = BTreeMap::new();
    let all = analysis.expectations().enumerate();
    // Those in whose place something came have been sent.
    for (_, asked) in all.filter(|(index, asked)| asked.due() > 0 && !analysis.near.explains(*index)) {
        let event = events.entry(event_name(asked.event)).or_default();
        let missing = lost.missing(&asked);
        // What may still come, where a run was interrupted, is neither here nor there.
        let came = (asked.by().count() as u64).min(asked.due().into());
        event.due += came + missing;
        if missing > 0 {
            event.lost += missing;
            event.answers.extend(asked.answer);
            event.took_ms.push(took_ms(&asked));
        }
    }
    events.retain(|_, event| event.lost > 0);
    events
}

fn took_ms(asked: &Expectation<'_>) -> u64 {
    u64::try_from(asked.took.as_millis()).unwrap_or(u64::MAX)
}

impl Measure {
    fn of(analysis: &Analysis) -> Self {
        let contract = &analysis.header.retry;
        let pauses: u64 = contract.backoff_ms.iter().sum();
        let early = contract.early_ms.saturating_mul(contract.backoff_ms.len() as u64);
        let firing: BTreeSet<&str> =
            analysis.expectations().filter(|e| e.count > 0).map(|e| e.step_name).collect();
        // Logins hash passwords, which takes its own time.
        let quiet = |name: &&String| !firing.contains(name.as_str()) && !name.contains(':');
        let quiet_steps =
            || analysis.steps.names.iter().filter(quiet).filter_map(|name| analysis.steps.by_name.get(name));
        let medians = quiet_steps().filter_map(|step| step.latency.percentile_us(50.0).map(|us| us / 1000));
        let without = medians.max();
        // The fastest one: where there is one worker only, the others wait for it.
        let fastest = quiet_steps().filter_map(|step| step.latency.min_us().map(|us| us / 1000)).min();
        let tells = pauses >= SHORTEST_SCHEDULE_MS && fastest.is_none_or(|ms| ms.saturating_mul(2) < pauses);
        Self { schedule: tells.then(|| pauses.saturating_sub(early)), pauses, without }
    }

    /// Whether a step took as long as it takes to make all attempts in vain.
    fn is_whole_schedule(&self, ms: u64) -> bool {
        self.schedule.is_some_and(|schedule| ms >= schedule)
    }

    /// Whether a step took so little that nothing can have been tried in it and failed.
    fn is_without(&self, ms: u64) -> bool {
        let quick =
            self.without.is_none_or(|without| ms <= without.saturating_mul(TIMES).saturating_add(SLACK_MS));
        quick && self.schedule.is_some_and(|schedule| ms < schedule)
    }
}

/// Requests that were no webhooks: on the way to the wrong place, or not by the sender at all.
fn refused(analysis: &Analysis) -> Option<String> {
    let n: u64 = analysis.refused.values().sum();
    let first = analysis.first_refused.as_ref()?;
    let first = shown(first);
    if n == analysis.too_large() {
        let requests = counted(n, "requests");
        return Some(format!(
            "{requests} exceeded this receiver's size limit, first {first}: if that is the sender, receive its webhooks with `smoke receive \
             --max-body BYTES` and read them back (--inbox)"
        ));
    }
    let endpoint = shown(&analysis.header.webhook.endpoint);
    let wrong = analysis.refused.keys().any(|status| matches!(status, 404 | 405));
    let method_alone = analysis.refused.keys().all(|status| *status == 405);
    let what = if method_alone {
        "arrived at the right path with another method"
    } else if wrong {
        "arrived at another path or with another method"
    } else {
        "could not be read as webhooks"
    };
    let requests = counted(n, "requests");
    let set = if method_alone {
        "let it use POST, or allow its method in the scenario (`listen: { methods: [POST, PUT] }`)".to_owned()
    } else {
        format!("set its endpoint to {endpoint}")
    };
    Some(format!("{requests} {what}, first {first}: if that is the sender, {set}"))
}

/// Webhooks that came in another spelling than the expected one.
fn nearly(analysis: &Analysis, lost: &Lost<'_>) -> Option<String> {
    let all = analysis.expectations().enumerate();
    let near = all.filter(|(index, asked)| lost.missing(asked) > 0 && analysis.near.explains(*index)).count();
    (near > 0).then(|| {
        let came = counted(near as u64, "webhooks");
        let differ = if near == 1 { "differs" } else { "differ" };
        format!("{came} arrived that {differ} only slightly from a missing one; each case says where")
    })
}

/// What the durations of the steps say, whose sender delivers within them.
fn by_duration(analysis: &Analysis, measure: &Measure, events: &BTreeMap<String, Event>) -> Vec<String> {
    let all = || events.values().flat_map(|event| event.took_ms.iter().copied());
    let tried: Vec<u64> = all().filter(|ms| measure.is_whole_schedule(*ms)).collect();
    let untried: Vec<u64> = all().filter(|ms| measure.is_without(*ms)).collect();
    let breaker = analysis.header.retry.breaker;
    // What came shows that the endpoint is right and webhooks are on.
    let came = analysis.own().next().is_some() || unasked(analysis).any(|delivery| delivery.is_authentic());
    let mut told = Vec::new();
    if let Some(range) = range(&tried).filter(|_| came) {
        told.push(format!(
            "{} took {range}, as long as a whole retry schedule ({} s of pauses): the sender tried, but its attempts failed before \
             they reached this receiver",
            steps(tried.len()),
            seconds(measure.pauses)
        ));
    } else if let Some(range) = range(&tried) {
        told.push(format!(
            "{} took {range}, as long as a whole retry schedule ({} s of pauses): the sender tried, but not here. Its endpoint \
             has another address, port or path, or something in between refuses it: set it to {}{}",
            steps(tried.len()),
            seconds(measure.pauses),
            shown(&analysis.header.webhook.endpoint),
            reach(analysis)
        ));
    }
    if let Some(range) = range(&untried) {
        let without = measure.without.map_or_else(
            || format!("far less than a retry schedule ({} s of pauses)", seconds(measure.pauses)),
            |ms| format!("where a step without a webhook takes {}", took(ms)),
        );
        let open = (!breaker.is_none()).then(|| {
            format!(
                "its circuit breaker is open ({} failures open it for {} s, including those of an earlier run)",
                breaker.failures,
                seconds(breaker.open_ms)
            )
        });
        let dropped =
            ["it dropped them", "it sends them later than smoke waited (--within)"].map(str::to_owned);
        let why: Vec<String> = if came {
            open.into_iter().chain(dropped).collect()
        } else if tried.is_empty() {
            let endpoint = shown(&analysis.header.webhook.endpoint);
            let off =
                ["webhooks are switched off".to_owned(), format!("no endpoint is set (set {endpoint})")];
            let worker = "they are sent by a separate worker that is not running".to_owned();
            off.into_iter().chain(open).chain([worker]).collect()
        } else {
            open.map_or_else(|| dropped.into(), |open| vec![open])
        };
        let why = either(&why);
        let within = if untried.len() == 1 { "it" } else { "them" };
        told.push(format!(
            "{} took {range}, {without}: the sender made no attempt in {within}: {why}",
            steps(untried.len())
        ));
    }
    told
}

/// Events that never came from any step, and those that came from some.
fn by_name(analysis: &Analysis, measure: &Measure, events: &BTreeMap<String, Event>) -> Vec<String> {
    let came: BTreeSet<String> = analysis.deliveries.iter().map(|d| event_name(&d.event)).collect();
    let one = |(name, event): (&String, &Event)| {
        let steps = event.took_ms.len();
        if event.lost < event.due {
            let (lost, due) = (event.lost, event.due);
            return Some(format!(
                "{} of {due} {name} arrived, so webhooks are on and the endpoint is right: look for the other {lost} in the sender's log",
                due - lost
            ));
        }
        if event.took_ms.iter().any(|ms| measure.is_whole_schedule(*ms)) {
            return None;
        }
        let answers: Vec<String> = event.answers.iter().map(u16::to_string).collect();
        let answered = match (answers.as_slice(), steps) {
            ([], _) => String::new(),
            (all, 1) => format!(" that returned {}", all.join(" or ")),
            (all, _) => format!(" that all returned {}", all.join(" or ")),
        };
        let others: Vec<&str> = came
            .iter()
            .filter(|other| *other != name && *other != NO_EVENT)
            .map(String::as_str)
            .take(3)
            .collect();
        let but = if came.contains(name) {
            format!("; {name} of other flows arrived")
        } else if others.is_empty() {
            ", or it sends nothing at all".to_owned()
        } else {
            format!("; {} did arrive", others.join(", "))
        };
        let of = if steps == 1 { "its only step".to_owned() } else { format!("any of {steps} steps") };
        Some(format!("{name} never arrived from {of}{answered}: the sender does not send it{but}"))
    };
    if let Some(told) = none_at_all(&came, measure, events) {
        return vec![told];
    }
    let more = events.len().saturating_sub(EVENTS);
    let told = events.iter().take(EVENTS).filter_map(one);
    told.chain((more > 0).then(|| format!("and {more} more events"))).collect()
}

/// Where no event came at all, one line says so of all of them.
fn none_at_all(
    came: &BTreeSet<String>,
    measure: &Measure,
    events: &BTreeMap<String, Event>,
) -> Option<String> {
    let tried = |event: &Event| event.took_ms.iter().any(|ms| measure.is_whole_schedule(*ms));
    if events.len() < 2 || came.iter().any(|name| name != NO_EVENT) || events.values().any(tried) {
        return None;
    }
    let names: Vec<&str> = events.keys().take(EVENTS).map(String::as_str).collect();
    let more = events.len().saturating_sub(EVENTS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let steps = steps(events.values().map(|event| event.took_ms.len()).sum());
    let answers: BTreeSet<u16> = events.values().flat_map(|event| event.answers.iter().copied()).collect();
    let answers: Vec<String> = answers.iter().map(u16::to_string).collect();
    let answered =
        if answers.is_empty() { String::new() } else { format!(", which returned {}", answers.join(" or ")) };
    Some(format!(
        "none of {}{more} arrived from any of {steps}{answered}: the sender does not send them, or sends nothing at all",
        names.join(", ")
    ))
}

/// What came in place of what was asked for, or for somebody else.
fn others(analysis: &Analysis, lost: &Lost<'_>) -> Vec<String> {
    let mut told = Vec::new();
    let named = |d: &Cow<'_, Delivery>| *d.event != *NO_EVENT;
    let asked: BTreeSet<&str> = analysis.expectations().map(|asked| asked.event).collect();
    let all = unasked(analysis).filter(|d| !d.foreign && d.is_authentic() && named(d));
    // Of several in one request any may have been meant.
    let (ours, others): (Vec<_>, Vec<_>) =
        all.partition(|d| d.event.split(" + ").any(|event| asked.contains(event)) || asked.contains(""));
    if !others.is_empty() {
        let names: BTreeSet<String> = others.iter().map(|d| event_name(&d.event)).collect();
        let names: Vec<String> = names.into_iter().take(EVENTS).collect();
        let came = counted(others.len() as u64, "webhooks");
        told.push(format!("{came} arrived with an event that no step expects: {}", names.join(", ")));
    }
    if !ours.is_empty() {
        let came = counted(ours.len() as u64, "webhooks");
        let why = if ours.iter().all(|delivery| is_early(analysis, lost, delivery)) {
            "before a step was sent that expects such a one: the sender fires too early, or on another step"
        } else {
            "that no step expected: the values by which the scenario recognises its webhooks differ"
        };
        told.push(format!("{came} arrived {why}"));
    }
    let foreign = analysis.deliveries.foreign();
    if foreign > 0 {
        let came = counted(foreign, "webhooks");
        let hold = if foreign == 1 { "holds" } else { "hold" };
        told.push(format!(
            "{came} arrived that {hold} none of this run's values: the sender reaches this receiver, but for other rows than this run drove, or the values are not where \
             the scenario looks for them"
        ));
    }
    told
}

/// Whether one of its event never came for a step that was sent after it.
fn is_early(analysis: &Analysis, lost: &Lost<'_>, delivery: &Delivery) -> bool {
    let name = event_name(&delivery.event);
    let later = analysis.expectations().filter(|asked| asked.at > delivery.first_byte());
    later.filter(|asked| event_name(asked.event) == name).any(|asked| lost.missing(&asked) > 0)
}

/// What keeps a sender elsewhere from this receiver.
fn reach(analysis: &Analysis) -> &'static str {
    let endpoint = &analysis.header.webhook.endpoint;
    let host = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, rest)| rest);
    let here = ["127.", "localhost", "[::1]"].iter().any(|name| host.starts_with(name));
    if here {
        " (an address only this machine can reach: give another with --listen and --public-url)"
    } else {
        ""
    }
}

/// `a, b, or c`.
fn either(all: &[String]) -> String {
    match all {
        [only] => only.clone(),
        [first, second] => format!("{first}, or {second}"),
        [before @ .., last] => format!("{}, or {last}", before.join(", ")),
        [] => String::new(),
    }
}

fn steps(n: usize) -> String {
    counted(n as u64, "steps")
}

/// From the shortest to the longest.
fn range(all_ms: &[u64]) -> Option<String> {
    let (least, most) = (*all_ms.iter().min()?, *all_ms.iter().max()?);
    Some(match (took(least), took(most)) {
        (one, other) if one == other => one,
        (_, most) if least == 0 => format!("at most {most}"),
        (least, most) => format!("{least} to {most}"),
    })
}

/// How long something took, in words.
fn took(ms: u64) -> String {
    match ms {
        0 => "less than 1 ms".to_owned(),
        1..1000 => format!("{ms} ms"),
        _ => format!("{} s", seconds(ms / 100 * 100)),
    }
}

#[cfg(test)]
mod tests;
