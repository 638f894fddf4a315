//! The sums that a load keeps in place of its flows and webhooks are such as flows and webhooks can amount to.

use super::Contradictions;
use record::latency::Latency;
use record::{PiiStats, RunStats, SessionStep, StepFacts, Tally};
use scenario::{Scenario, Step};

/// What holds of them at any time; `before` are those that were written last.
pub(super) fn check(
    sums: &RunStats,
    before: Option<&RunStats>,
    scenario: Option<&Scenario>,
    found: &mut Contradictions,
) {
    let mut wrong = |what: String| found.add("load_does_not_add_up", what);
    if sums.ended > sums.flows {
        wrong(format!("{} flows ended, but only {} began", sums.ended, sums.flows));
    }
    let is_less =
        |before: &RunStats| sums.flows < before.flows || sums.ended < before.ended || sums.at < before.at;
    if before.is_some_and(is_less) {
        wrong("fewer flows than before".to_owned());
    }
    for (name, step) in &sums.steps {
        of_step(step).into_iter().for_each(|what| wrong(format!("step `{name}`: {what}")));
    }
    for (whose, tally) in [("webhooks that were left alone", &sums.organic), ("broken ones", &sums.injected)]
    {
        of_tally(tally).into_iter().for_each(|what| wrong(format!("{whose}: {what}")));
    }
    of_pii(&sums.webhook_pii, &mut wrong);
    of_pii(&sums.api_pii, &mut wrong);
    if !sums.inbox.is_sound() {
        wrong("minimum, maximum or sum of the receiver's times are not those of their histogram".to_owned());
    }
    if let Some((id, _)) = sums.clauses.iter().find(|(_, clause)| clause.broken > clause.n) {
        wrong(format!("{id} was broken more often than it was put to the test"));
    }
    let came = total(sums.came.values());
    // A body is searched once for each attempt that brings it, and a clause is put to the test by an attempt, or by one that is due.
    let PiiStats { inspected, unread, .. } = sums.webhook_pii;
    if inspected.saturating_add(unread) > came {
        wrong(format!(
            "{inspected} webhooks were searched for personal data, but only {came} attempts arrived"
        ));
    }
    let most = came.saturating_add(sums.organic.expected).saturating_add(sums.injected.expected);
    if let Some((id, clause)) = sums.clauses.iter().find(|(_, clause)| clause.n > most) {
        wrong(format!("{id} was put to the test {} times, but only {came} attempts arrived", clause.n));
    }
    for (reason, came) in &sums.came {
        let of = |tally: &Tally| tally.reasons.get(reason).copied().unwrap_or(0);
        let own = of(&sums.organic).saturating_add(of(&sums.injected));
        if own > *came {
            wrong(format!(
                "{own} attempts of the load's own webhooks are {reason}, but only {came} arrived in all"
            ));
        }
    }
    let own = total(sums.organic.reasons.values()) + total(sums.injected.reasons.values());
    if own > came {
        wrong(format!("{own} attempts of the load's own webhooks, but fewer arrived in all"));
    }
    if let Some(name) = scenario.and_then(|scenario| unknown(sums, scenario)) {
        found.add("step_out_of_place", format!("step `{name}` is not one of the scenario's"));
    }
}

/// What holds once each flow was played to its end.
pub(super) fn of_a_whole_load(
    sums: &RunStats,
    started: u64,
    scenario: Option<&Scenario>,
    found: &mut Contradictions,
) {
    if (sums.flows, sums.ended) != (started, started) {
        let sentence = format!(
            "the load completed with {started} starts, but {} flows began and {} ended",
            sums.flows, sums.ended
        );
        found.add("load_does_not_add_up", sentence);
    }
    // Which variant a flow plays follows from its number, and a shard has some of them.
    let Some(scenario) = scenario.filter(|scenario| scenario.variants.is_empty()) else { return };
    let mut due = 0;
    for step in &scenario.steps {
        let facts = sums.steps.get(&step.name).cloned().unwrap_or_default();
        let told = facts.ok + facts.refused + facts.failed + facts.skipped;
        let times = scenario.steps.iter().filter(|other| other.name == step.name).count() as u64;
        if told != sums.flows.saturating_mul(times) {
            let sentence = format!("{} flows were played, but step `{}` {told} times", sums.flows, step.name);
            found.add("load_does_not_add_up", sentence);
        }
        due += least_due(step).saturating_mul(facts.ok / times.max(1));
    }
    let accounted: u64 =
        [&sums.organic, &sums.injected].iter().map(|t| t.expected + t.pending + t.suppressed).sum();
    if accounted < due {
        let sentence =
            format!("its steps had to fire {due} webhooks, but only {accounted} are accounted for");
        found.add("load_does_not_add_up", sentence);
    }
}

/// How many webhooks a step that went well has fired at least.
fn least_due(step: &Step) -> u64 {
    step.webhooks.iter().map(|webhook| u64::from(webhook.count.least())).sum()
}

/// A step that neither the scenario nor one of its sessions has.
fn unknown<'s>(sums: &'s RunStats, scenario: &Scenario) -> Option<&'s String> {
    let variants = scenario.variants.iter().flat_map(|variant| &variant.steps);
    let steps: Vec<&str> = scenario.steps.iter().chain(variants).map(|step| step.name.as_str()).collect();
    let of_session = |name: &str| {
        SessionStep::of(name).is_some_and(|(_, session)| scenario.sessions.contains_key(session))
    };
    sums.steps.keys().find(|name| !steps.contains(&name.as_str()) && !of_session(name))
}

/// Each step that was answered has one status and one time, and none went well without.
fn of_step(step: &StepFacts) -> Option<String> {
    let answered = total(step.statuses.values());
    let sent = step.ok.saturating_add(step.refused).saturating_add(step.failed);
    if step.latency.count() != answered {
        return Some(format!("{} times of {answered} responses", step.latency.count()));
    }
    if step.ok > answered || answered > sent {
        return Some(format!(
            "{answered} responses to {sent} that were sent, {} of them as expected",
            step.ok
        ));
    }
    unsound(&step.latency)
}

/// Each delivery has a fate, an event and attempts, each attempt a verdict; and what was due came, or did not.
fn of_tally(tally: &Tally) -> Option<String> {
    let told = tally.fulfilled.saturating_add(tally.late).saturating_add(tally.lost);
    if told > tally.expected {
        return Some(format!("{told} came or were lost, but only {} were due", tally.expected));
    }
    let (fates, events) = (total(tally.fates.values()), total(tally.events.values()));
    if fates != tally.deliveries || events != tally.deliveries {
        return Some(format!(
            "{} deliveries, but {fates} have a fate and {events} an event",
            tally.deliveries
        ));
    }
    let verdicts = total(tally.reasons.values());
    if verdicts != tally.attempts || tally.attempts < tally.deliveries {
        return Some(format!(
            "{} attempts of {} deliveries, {verdicts} of them with a verdict",
            tally.attempts, tally.deliveries
        ));
    }
    let failed = tally.client_errors.saturating_add(tally.server_errors).saturating_add(tally.unanswered);
    if failed > tally.attempts || tally.retried > tally.deliveries {
        return Some(format!(
            "{failed} attempts failed and {} deliveries were retried of {} and {}",
            tally.retried, tally.attempts, tally.deliveries
        ));
    }
    if tally.latency.count() > tally.deliveries {
        return Some(format!("{} times of {} deliveries", tally.latency.count(), tally.deliveries));
    }
    unsound(&tally.latency)
}

fn unsound(latency: &Latency) -> Option<String> {
    let why = "minimum, maximum or sum of its times are not those of its histogram";
    (!latency.is_sound()).then(|| why.to_owned())
}

fn of_pii(stats: &PiiStats, wrong: &mut impl FnMut(String)) {
    let by_category = total(stats.by_category.values());
    if by_category != stats.total {
        wrong(format!("{} findings of personal data, but {by_category} by category", stats.total));
    }
}

fn total<'n>(counts: impl Iterator<Item = &'n u64>) -> u64 {
    counts.fold(0, |sum, n| sum.saturating_add(*n))
}
