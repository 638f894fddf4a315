//! The sums that a load keeps in place of its flows and webhooks are such as flows and webhooks can amount to.

use super::Contradictions;
use record::latency::Latency;
use record::{Header, PiiStats, RunStats, SessionStep, StepFacts, Tally};
use scenario::{Scenario, Step};

/// What holds of them at any time; `before` are those that were written last.
pub(super) fn check(
    (sums, before): (&RunStats, Option<&RunStats>),
    header: &Header,
    scenario: Option<&Scenario>,
    found: &mut Contradictions,
) {
    let is_batch = header.scheme.spec().body.batch.is_some();
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
        let found = of_tally(tally).into_iter().chain(of_deliveries(tally, is_batch));
        found.for_each(|what| wrong(format!("{whose}: {what}")));
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

/// Each attempt failed, was accepted, or came after that; each delivery is one that was due, one too many or one that nobody asked
/// for, and what is said to have come in time was accepted. In a batch a delivery is several of them.
fn of_deliveries(tally: &Tally, is_batch: bool) -> Option<String> {
    let sum = |counts: &[u64]| total(counts.iter());
    let delivered = tally.fates.get("delivered").copied().unwrap_or(0);
    let failed = sum(&[tally.client_errors, tally.server_errors, tally.unanswered, tally.unaccepted]);
    let repeats = sum(&[tally.duplicates, tally.unclear_duplicates]);
    // At least so many of the attempts are repeats.
    let again = tally.attempts.saturating_sub(delivered.saturating_add(failed));
    if again > repeats {
        return Some(format!(
            "{} attempts, {delivered} of them accepted and {failed} failed, and {repeats} repeats: {} are not accounted for",
            tally.attempts,
            again - repeats
        ));
    }
    let came = tally.expected.saturating_sub(tally.lost);
    let known = sum(&[came, repeats - again, tally.unexpected]);
    if tally.deliveries > known {
        return Some(format!(
            "{} deliveries, but {came} that were due came, {} too many and {} unexpected ones",
            tally.deliveries,
            repeats - again,
            tally.unexpected
        ));
    }
    let accepted = tally.fulfilled.saturating_add(tally.late);
    let refused = (came.saturating_sub(accepted), tally.deliveries.saturating_sub(delivered));
    if !is_batch && (accepted > delivered || refused.0 > refused.1) {
        return Some(format!(
            "of {came} that were due and came {accepted} were accepted, but {delivered} of {} deliveries",
            tally.deliveries
        ));
    }
    let retries = tally.attempts.saturating_sub(tally.deliveries.saturating_add(repeats));
    (retries > 0 && tally.retried == 0)
        .then(|| format!("{retries} attempts were retries, but no delivery was retried"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::loads;
    use proptest::prelude::*;

    fn told(both: (&RunStats, Option<&RunStats>), header: &Header) -> Vec<String> {
        let mut found = Contradictions::default();
        check(both, header, None, &mut found);
        found.kept.into_iter().map(|(_, sentence)| sentence).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_load_that_was_counted_is_accused((header, all) in loads()) {
            let mut before = None;
            for sums in &all {
                prop_assert_eq!(told((sums, before), &header), Vec::<String>::new(), "{:#?}", sums);
                before = Some(sums);
            }
        }
    }

    /// A load of 100 webhooks, 4 of which came twice, 2 at a second id; 3 late, 2 never, 5 after a failure.
    fn load() -> (Header, RunStats) {
        let header = Header::new(record::RunKind::Load, "2026-09-30T12:00:00Z".parse().unwrap()).unwrap();
        let counts = |name: &str, n| [(name.to_owned(), n)].into();
        let mut sums = RunStats::default();
        sums.organic = Tally {
            expected: 100,
            fulfilled: 94,
            late: 3,
            lost: 2,
            deliveries: 101,
            fates: [("delivered".to_owned(), 100), ("aborted".to_owned(), 1)].into(),
            retried: 5,
            attempts: 108,
            server_errors: 5,
            client_errors: 1,
            duplicates: 4,
            unexpected: 1,
            reasons: [(signature::Reason::Valid, 108)].into(),
            events: counts("paid", 101),
            ..Tally::default()
        };
        sums.came = sums.organic.reasons.clone();
        (header, sums)
    }

    #[test]
    fn a_figure_that_was_edited_is_one_that_does_not_add_up() {
        let (header, sums) = load();
        assert_eq!(told((&sums, None), &header), Vec::<String>::new());
        let caught = |what: &str, edit: fn(&mut Tally)| {
            let mut edited = sums.clone();
            edit(&mut edited.organic);
            assert!(!told((&edited, None), &header).is_empty(), "{what}");
        };
        caught("duplicates", |t| t.duplicates = 0);
        caught("unexpected", |t| t.unexpected = 0);
        caught("late", |t| t.late = 0);
        caught("lost", |t| t.lost = 0);
        caught("server errors", |t| t.server_errors = 0);
        caught("client errors", |t| t.client_errors = 0);
        caught("expected", |t| t.expected = 99);
        caught("retried", |t| t.retried = 0);
    }
}
