//! What did not pass, each with its evidence: the webhooks on their rulers, the steps with request and answer, the findings
//! with their pointers.

use super::frame::{anchor, class, figure};
use super::ruler::{of_a_lost, ruler};
use crate::analysis::{
    Analysis, Breach, CAUSE, Case, Delivery, Exchange, TimeLimit, event_name, flow_reasons, retries,
};
use crate::figure::milliseconds;
use crate::gate::{Check, ClauseVerdict, Verdict};
use crate::report::Evidence;
use crate::report::artifact::Artifact;
use maud::{Markup, html};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Webhooks that are drawn behind one criterion; more are listed in words.
const DRAWN: usize = 2;

/// The evidence of every check that did not pass; nothing when all did.
pub(super) fn cards(evidence: &Evidence, artifact: &Artifact) -> Markup {
    let of = |verdict| evidence.checks.iter().filter(move |c| c.verdict == verdict);
    html! {
        @if of(Verdict::Fail).next().is_some() {
            h2 { "What failed" }
            @for check in of(Verdict::Fail) { (card(check, evidence, artifact)) }
        }
        @if of(Verdict::Unproven).next().is_some() {
            h2 { "Not proven" }
            section.card.unproven {
                @for (text, checks) in by_text(of(Verdict::Unproven)) {
                    div.open {
                        @for (i, check) in checks.iter().enumerate() {
                            @if i > 0 { ", " }
                            b id=(anchor(check)) { (check.title) } " " span.figure { (figure(check)) }
                        }
                        ": " (text)
                        @for check in checks { (behind(check, evidence, artifact)) }
                    }
                }
            }
        }
    }
}

/// Checks of which the same is to be said stand together.
fn by_text<'c>(checks: impl Iterator<Item = &'c Check>) -> Vec<(&'c str, Vec<&'c Check>)> {
    let mut all: Vec<(&str, Vec<&Check>)> = Vec::new();
    for check in checks {
        match all.iter_mut().find(|(text, _)| *text == check.text) {
            Some((_, same)) => same.push(check),
            None => all.push((&check.text, vec![check])),
        }
    }
    all
}

fn card(check: &Check, evidence: &Evidence, artifact: &Artifact) -> Markup {
    let behind = behind(check, evidence, artifact);
    html! {
        section.card.(class(check.verdict)) id=(anchor(check)) {
            h3 { (check.title) " " span.figure { (figure(check)) } }
            p { (check.text) }
            (behind)
        }
    }
}

/// The webhooks that are not drawn, folded where they are more than a few; what caused it all is always seen.
fn the_rest(rest: &[String]) -> Markup {
    let (causes, cases): (Vec<&String>, Vec<&String>) = rest.iter().partition(|said| said.starts_with(CAUSE));
    html! {
        @if cases.len() > DRAWN {
            details.rest { summary { (cases.len()) " more" } ul { @for case in cases { li { (case) } } } }
        } @else if !cases.is_empty() {
            ul.rest { @for case in cases { li { (case) } } }
        }
        @if !causes.is_empty() { ul.rest { @for cause in causes { li { (cause) } } } }
    }
}

/// The check of signatures, which has the diagnoses beside its webhooks.
const SIGNATURES: &str = "signatures";

fn behind(check: &Check, evidence: &Evidence, artifact: &Artifact) -> Markup {
    let analysis = &evidence.analysis;
    if let Some(listed) = artifact.cases.of_check(&check.id) {
        let rest = listed.sentences(usize::MAX).into_iter().skip(listed.first.len().min(DRAWN));
        let rest: Vec<String> = rest.collect();
        return html! {
            @for case in listed.first.iter().take(DRAWN) { (of_a_case(case, analysis)) }
            (the_rest(&rest))
            @if check.id == SIGNATURES { (super::sections::signatures(artifact)) }
        };
    }
    match check.id.as_str() {
        "steps" => exchanges(&analysis.exchanges.first),
        "run_completed" => unfinished(analysis),
        SIGNATURES => super::sections::signatures(artifact),
        "sender_contract" => clauses(artifact, analysis),
        "rollback_triggers" => triggers(artifact),
        _ if check.verdict != Verdict::Fail => html! {},
        "latency_p50" | "latency_p95" | "driven_latency_p50" | "driven_latency_p95" => slowest(analysis),
        "success_rate" => picked(analysis, "", |d| d.accepted().is_none()),
        "retry_rate" => picked(analysis, "", |d| !d.injected() && d.tries.len() > 1),
        "client_error_rate" => picked(analysis, "", |d| answered(d, 400..=499)),
        "server_error_rate" => picked(analysis, "", |d| answered(d, 500..=599)),
        id => breaches(id, analysis),
    }
}

fn answered(delivery: &Delivery, statuses: std::ops::RangeInclusive<u16>) -> bool {
    delivery.tries.iter().any(|t| t.fault.is_none() && t.status.is_some_and(|s| statuses.contains(&s)))
}

/// A webhook in trouble: the sentence, and its attempts.
fn of_a_case(case: &Case, analysis: &Analysis) -> Markup {
    let index = case.delivery.and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
    let delivery = index.and_then(|index| analysis.deliveries.get(index));
    let asked = || {
        analysis.expectations().find(|e| {
            Some(e.flow) == case.flow && Some(e.step_name) == case.step.as_deref() && e.event == case.event
        })
    };
    let found = analysis
        .privacy
        .webhooks
        .kept
        .iter()
        .filter(|found| found.delivery.is_some() && found.delivery == index);
    html! {
        div.case {
            p { (case.sentence()) }
            @match delivery {
                Some(delivery) => (ruler(&delivery, &analysis.header.retry)),
                None => @if let Some(asked) = asked().filter(|e| e.missing() > 0) { (of_a_lost(&asked)) },
            }
            @for found in found {
                p.finding { code { (found.finding.place) } " " (found.finding.category.name()) " " code { (found.finding.excerpt) } }
            }
        }
    }
}

/// The first deliveries of which something holds, each with its ruler.
fn picked(analysis: &Analysis, why: &str, holds: impl Fn(&Delivery) -> bool) -> Markup {
    let all: Vec<_> = analysis.own().filter(|d| holds(d)).take(DRAWN).collect();
    html! { @for delivery in &all { (drawn(delivery, why, analysis)) } }
}

fn drawn(delivery: &Delivery, why: &str, analysis: &Analysis) -> Markup {
    html! {
        div.case {
            p { b { (event_name(&delivery.event)) } " #" (delivery.number) @if !why.is_empty() { ": " (why) } }
            (ruler(delivery, &analysis.header.retry))
        }
    }
}

fn slowest(analysis: &Analysis) -> Markup {
    let mut all: Vec<_> = analysis
        .own()
        .filter(|d| !d.injected())
        .filter_map(|d| Some((analysis.latency(&d).or_else(|| d.accepted_after())?, d)))
        .collect();
    all.sort_by_key(|(took, delivery)| (Reverse(*took), delivery.number));
    html! {
        @for (took, delivery) in all.iter().take(DRAWN) {
            (drawn(delivery, &format!("accepted after {}", milliseconds(took.as_secs_f64() * 1000.0)), analysis))
        }
    }
}

/// Deliveries that broke the clause of the retry policy which this criterion is about.
fn breaches(id: &str, analysis: &Analysis) -> Markup {
    let about = |breach: &Breach| match breach {
        Breach::Gap { .. } => id == "retry_schedule",
        Breach::TooFew { .. } | Breach::TooMany { .. } => id == "retry_attempts" || id == "throttle_policy",
        Breach::RetriedClientError { status, .. } => {
            id == if matches!(status, 408 | 429) { "throttle_policy" } else { "client_error_abort" }
        }
        Breach::RetriedSuccess { .. } => id == "success_accepted",
        Breach::Identity { .. } | Breach::SameTimestamp { .. } => id == "retry_identity",
        Breach::Redirected { .. } => id == "redirects",
        Breach::Overstayed { limit, .. } | Breach::GaveUp { limit, .. } => {
            id == if *limit == TimeLimit::Read { "read_timeout" } else { "attempt_deadline" }
        }
    };
    let found = retries(analysis);
    let mut told = BTreeSet::new();
    let first = found.breaches.iter().filter(|b| about(b)).filter(|b| told.insert(b.delivery()));
    let first: Vec<_> = first.take(DRAWN).collect();
    html! {
        @for breach in first {
            @if let Some(delivery) = usize::try_from(breach.delivery()).ok().and_then(|n| analysis.deliveries.get(n.checked_sub(1)?)) {
                (drawn(&delivery, &breach.what(), analysis))
            }
        }
    }
}

/// Steps with what was sent and what came.
pub(super) fn exchanges(all: &[Exchange]) -> Markup {
    html! { @for exchange in all.iter().take(DRAWN) { (of_a_step(exchange)) } }
}

fn of_a_step(exchange: &Exchange) -> Markup {
    html! {
        div.case {
            p {
                b { (exchange.step) }
                @if let Some(flow) = exchange.flow { " of flow " (flow) }
                ", " (milliseconds(exchange.took.as_secs_f64() * 1000.0))
                @if exchange.tries > 1 { ", sent " (exchange.tries) " times" }
            }
            pre { (exchange.request) "\n" @match exchange.status { Some(status) => (status), None => "no response" } @if let Some(answer) = &exchange.answer { "\n\n" (answer) } }
            @if !exchange.problems.is_empty() { ul { @for problem in &exchange.problems { li { (problem) } } } }
            @if exchange.status.is_some() && exchange.answer.is_none() { p.dim { "The response body is not shown: there was none, or it contains personal data." } }
        }
    }
}

fn unfinished(analysis: &Analysis) -> Markup {
    let reasons = flow_reasons(analysis);
    html! {
        ul { @for (flow, reason) in reasons.iter().take(DRAWN * 2) { li { a href={ "#flow-" (flow) } { "Flow " (flow) } ": " (reason.text) } } }
        (exchanges(&analysis.exchanges.first))
    }
}

fn clauses(artifact: &Artifact, analysis: &Analysis) -> Markup {
    let all = artifact.sender_contract.iter().flat_map(|contract| &contract.clauses);
    let open = all.filter(|c| matches!(c.verdict, ClauseVerdict::Fail | ClauseVerdict::Unproven));
    html! {
        @for clause in open {
            div.case {
                p { b { (clause.clause) } ": " (clause.evidence) }
                p.dim { (clause.why) }
                @if let Some(delivery) = clause.delivery.and_then(|n| analysis.deliveries.get(usize::try_from(n).ok()?.checked_sub(1)?)) {
                    (ruler(&delivery, &analysis.header.retry))
                }
            }
        }
    }
}

fn triggers(artifact: &Artifact) -> Markup {
    let fired = artifact.observation.iter().flat_map(|seen| &seen.triggers);
    html! { ul { @for trigger in fired { li { code { (trigger.id) } ": " (trigger.evidence) } } } }
}
