//! Every flow and every webhook, the troubled ones first, to look one up: filtered by state and event without a script.

use super::ruler::{of_a_lost, ruler};
use crate::analysis::{
    Absence, Analysis, Delivery, Expectation, FlowReason, Lost, event_name, flow_reasons, index_of,
};
use crate::figure::{counted, milliseconds};
use maud::{Markup, html};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Webhooks and flows that are listed; a page has to open on a phone.
const LISTED: usize = 200;
/// Events that can be filtered by.
const EVENTS: usize = 16;

/// What may be said of a webhook: class, and the word for it. The first that holds is its state.
const STATES: [(&str, &str); 11] = [
    ("lost", "lost"),
    ("open", "still due"),
    ("swallowed", "dropped by the circuit breaker"),
    ("refused", "not accepted"),
    ("late", "late"),
    ("unexpected", "unexpected"),
    ("leaking", "personal data"),
    ("duplicate", "duplicate"),
    ("broken", "broken on purpose"),
    ("retried", "accepted after a retry"),
    ("accepted", "accepted"),
];
/// As many of those as are trouble.
const TROUBLES: usize = 8;

/// A line of the list of webhooks.
struct Row<'a> {
    event: String,
    /// Indexes into [`STATES`], the gravest first.
    states: Vec<usize>,
    flow: Option<u32>,
    title: String,
    what: What<'a>,
}

enum What<'a> {
    Delivery(Box<Delivery>),
    Missing(Expectation<'a>),
}

/// The webhooks, with what each was answered, and the flows, which lead to those that are listed.
pub(super) fn webhooks_and_flows(analysis: &Analysis) -> Markup {
    let (webhooks, listed) = webhooks(analysis);
    html! { (webhooks) (flows(analysis, &listed)) }
}

/// The webhooks, and the numbers of those that are listed.
fn webhooks(analysis: &Analysis) -> (Markup, BTreeSet<u64>) {
    let mut rows: Vec<Row<'_>> = analysis
        .own()
        .map(|delivery| of_a_delivery(delivery.into_owned(), analysis))
        .chain(missing(analysis))
        .collect();
    if rows.is_empty() {
        return (html! { p.dim { "No webhook arrived, and none was due." } }, BTreeSet::new());
    }
    let total = rows.len();
    // The order of arrival within what is in trouble and what is not.
    rows.sort_by_key(|row| row.states.first().is_none_or(|state| *state >= TROUBLES));
    let counts = counts(&rows);
    let events: Vec<String> =
        rows.iter().map(|r| r.event.clone()).collect::<BTreeSet<_>>().into_iter().take(EVENTS).collect();
    rows.truncate(LISTED);
    let number = |row: &Row<'_>| match &row.what {
        What::Delivery(delivery) => Some(delivery.number),
        What::Missing(_) => None,
    };
    let listed = rows.iter().filter_map(number).collect();
    let list = html! {
        details.list id="webhooks" {
            summary { "Webhooks " span.dim { (told(&counts)) } }
            (choices("State", "wh-state", counts.iter().map(|(state, n)| (*state, format!("{} {n}", word(*state))))))
            @if events.len() > 1 { (choices("Event", "wh-event", events.iter().cloned().enumerate())) }
            @for row in &rows { (of_a_row(row, &events, analysis)) }
            @if total > rows.len() { p.dim { "The first " (rows.len()) " of " (total) ", problems first." } }
        }
    };
    (list, listed)
}

fn word(state: usize) -> &'static str {
    STATES.get(state).map_or("", |(_, word)| word)
}

fn counts(rows: &[Row<'_>]) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for state in rows.iter().flat_map(|row| &row.states) {
        *counts.entry(*state).or_default() += 1;
    }
    counts
}

fn told(counts: &BTreeMap<usize, usize>) -> String {
    let all: Vec<String> = counts.iter().map(|(state, n)| format!("{n} {}", word(*state))).collect();
    all.join(", ")
}

/// The style of the filters: rules that hide the rows which a choice leaves out.
pub(super) fn rules() -> String {
    filters("wh-state", STATES.len()) + &filters("wh-event", EVENTS)
}

fn filters(name: &str, choices: usize) -> String {
    let mut rules = String::new();
    for i in 0..choices {
        let _ = write!(rules, ".list:has(#{name}-{i}:checked) .row:not(.{name}-{i}){{display:none}}");
    }
    rules
}

/// Chips of which one is chosen.
fn choices(title: &str, name: &str, all: impl Iterator<Item = (usize, String)>) -> Markup {
    html! {
        p.chips {
            span.dim { (title) ": " }
            input type="radio" name=(name) id={ (name) "-all" } checked;
            label for={ (name) "-all" } { "all" }
            @for (i, text) in all {
                input type="radio" name=(name) id={ (name) "-" (i) };
                label for={ (name) "-" (i) } { (text) }
            }
        }
    }
}

fn of_a_row(row: &Row<'_>, events: &[String], analysis: &Analysis) -> Markup {
    let mut classes = "row".to_owned();
    for state in &row.states {
        let _ = write!(classes, " wh-state-{state}");
    }
    if let Some(event) = events.iter().position(|event| *event == row.event) {
        let _ = write!(classes, " wh-event-{event}");
    }
    let state = row.states.first().copied().unwrap_or(STATES.len() - 1);
    if state == STATES.len() - 1 {
        classes.push_str(" plain");
    }
    let mark = if state < TROUBLES { "fail" } else { "pass" };
    let words: Vec<&str> = row.states.iter().map(|state| word(*state)).collect();
    let id = match &row.what {
        What::Delivery(delivery) => Some(format!("webhook-{}", delivery.number)),
        What::Missing(_) => None,
    };
    html! {
        details class=(classes) id=[id] {
            summary { span.state.(mark) { (words.join(", ")) } " " (row.title) }
            @match &row.what {
                What::Delivery(delivery) => (ruler(delivery, &analysis.header.retry)),
                What::Missing(asked) => (of_a_lost(asked)),
            }
            @if let Some(flow) = row.flow { p.dim { "Expected by " a href={ "#flow-" (flow) } { "flow " (flow) } } }
        }
    }
}

fn of_a_delivery<'a>(delivery: Delivery, analysis: &'a Analysis) -> Row<'a> {
    let asked = delivery.fulfils.and_then(|index| analysis.expectation(index));
    let index = index_of(delivery.number);
    let accepted = delivery.accepted().is_some();
    let leaks = analysis.privacy.webhooks.kept.iter().any(|found| found.delivery == Some(index));
    let holds = |class: &str| match class {
        "refused" => !accepted,
        "late" => accepted && asked.is_some_and(|asked| delivery.first_byte() > asked.deadline()),
        "unexpected" => analysis.unexpected(&delivery) > 0,
        "leaking" => leaks,
        "duplicate" => delivery.repeats() > 0 || delivery.id_reused || delivery.surplus > 0,
        "broken" => delivery.met_a_fault(),
        "retried" => accepted && delivery.tries.len() > 1,
        "accepted" => accepted && delivery.tries.len() == 1,
        _ => false,
    };
    let states = STATES.iter().enumerate().filter(|(_, (class, _))| holds(class)).map(|(i, _)| i).collect();
    let event = event_name(&delivery.event);
    let took = analysis.latency(&delivery).or_else(|| delivery.accepted_after());
    let took = took.map(|took| format!(", accepted after {}", milliseconds(took.as_secs_f64() * 1000.0)));
    let attempts = (delivery.tries.len() + delivery.after_acceptance.len()) as u64;
    let title = format!(
        "#{} {event}, {}{}",
        delivery.number,
        counted(attempts, "attempts"),
        took.unwrap_or_default()
    );
    Row {
        event,
        states,
        flow: asked.map(|asked| asked.flow),
        title,
        what: What::Delivery(Box::new(delivery)),
    }
}

/// Webhooks that were due and did not come.
fn missing(analysis: &Analysis) -> impl Iterator<Item = Row<'_>> {
    let lost = Lost::new(analysis);
    analysis.expectations().filter(|asked| asked.missing() > 0).map(move |asked| {
        let event = event_name(asked.event);
        let title = format!("{event} of flow {}, step {}", asked.flow, asked.step_name);
        let state = match lost.absence(&asked) {
            Absence::Lost => 0,
            Absence::Pending => 1,
            Absence::Swallowed | Absence::PerhapsSwallowed => 2,
        };
        Row { event, states: vec![state], flow: Some(asked.flow), title, what: What::Missing(asked) }
    })
}

/// The flows, those that went wrong first.
fn flows(analysis: &Analysis, webhooks: &BTreeSet<u64>) -> Markup {
    let flows = &analysis.steps.flows;
    if flows.is_empty() {
        return html! {};
    }
    let reasons = flow_reasons(analysis);
    let mut numbers: Vec<u32> = flows.numbers().collect();
    numbers.sort_by_key(|number| !reasons.contains_key(number));
    let (total, wrong) = (numbers.len(), numbers.iter().filter(|n| reasons.contains_key(n)).count());
    numbers.truncate(LISTED);
    let listed: BTreeSet<u32> = numbers.iter().copied().collect();
    let mut asked: BTreeMap<u32, Vec<Expectation<'_>>> = BTreeMap::new();
    for one in analysis.expectations().filter(|one| listed.contains(&one.flow)) {
        asked.entry(one.flow).or_default().push(one);
    }
    html! {
        details.list id="flows" {
            summary { "Flows " span.dim { (total) ", " (wrong) " with problems" } }
            @for number in &numbers { (flow(*number, analysis, reasons.get(number), (asked.get(number), webhooks))) }
            @if total > numbers.len() { p.dim { "The first " (numbers.len()) " of " (total) ", problems first." } }
        }
    }
}

fn flow(
    number: u32,
    analysis: &Analysis,
    reason: Option<&FlowReason>,
    (asked, listed): (Option<&Vec<Expectation<'_>>>, &BTreeSet<u64>),
) -> Markup {
    let Some(facts) = analysis.steps.flows.get(number) else { return html! {} };
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (mark, state) = match reason {
        Some(reason) if reason.is_failure => ("fail", "problem"),
        Some(_) => ("unproven", "open"),
        None => ("pass", "as expected"),
    };
    let status = match &facts.status {
        Value::Null if facts.ended => "ended".to_owned(),
        Value::Null => "did not end".to_owned(),
        status => plain(status),
    };
    html! {
        details.row.plain[reason.is_none()] id={ "flow-" (number) } {
            summary {
                span.state.(mark) { (state) }
                " Flow " (number) @if !facts.subject.is_null() { ", id " (plain(&facts.subject)) }
                ", " (status) ", " (milliseconds(facts.took.as_secs_f64() * 1000.0))
            }
            @if let Some(variant) = &facts.variant { p.dim { "Variant " (variant) } }
            @if let Some(reason) = reason { p { (reason.text) } }
            @if let Some(asked) = asked {
                ul { @for one in asked { li { (of_an_expectation(one, listed)) } } }
            }
        }
    }
}

fn of_an_expectation(asked: &Expectation<'_>, listed: &BTreeSet<u64>) -> Markup {
    let event = event_name(asked.event);
    html! {
        "Step " code { (asked.step_name) } @if asked.count == 0 { " must not fire " } @else { " expects " } code { (event) } @if asked.count > 0 { ": " }
        @if asked.count == 0 {}
        @else if asked.due() == 0 { "not due" }
        @else if asked.missing() > 0 { "never arrived" }
        @else {
            @for number in asked.by().map(|index| index as u64 + 1) {
                @if listed.contains(&number) { a href={ "#webhook-" (number) } { "#" (number) } } @else { "#" (number) } " "
            }
        }
    }
}
