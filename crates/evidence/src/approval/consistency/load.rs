//! What a load says of itself adds up: its plan with its header, its seconds one by one, and both with each other.

use super::Contradictions;
use super::order::s;
use super::run_stats;
use crate::analysis::ReceiverClock;
use record::latency::{Encoded, Latency};
use record::{End, Gap, Header, Interval, LoadPace, LoadPlan, LoadShard, RetryContract, RunStats, Tick};
use scenario::Scenario;
use std::time::Duration;

/// So far the starts of a schedule, which are whole, may be from the integral of its rates.
const WHOLE: f64 = 1.0;
/// A gap is in the sums that are written so long after it.
const SUMMED_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Sums<'a> {
    header: &'a Header,
    /// Only of a load of flows of which the scenario is known.
    scenario: Option<&'a Scenario>,
    plan: Option<LoadPlan>,
    plans: u32,
    started: u64,
    done: u64,
    abandoned: u64,
    dropped: u64,
    /// The end of the last second, from the beginning of the schedule.
    last: Tick,
    interrupted: bool,
    flows: Option<Box<RunStats>>,
    /// When each time was over in which nothing could be seen.
    unseen: Vec<Tick>,
}

impl<'a> Sums<'a> {
    pub(super) const fn new(header: &'a Header, scenario: Option<&'a Scenario>) -> Self {
        Self {
            header,
            scenario,
            plan: None,
            plans: 0,
            started: 0,
            done: 0,
            abandoned: 0,
            dropped: 0,
            last: Tick(0),
            interrupted: false,
            flows: None,
            unseen: Vec::new(),
        }
    }

    /// How it was asked for: written when that is known, and again when the schedule begins.
    pub(super) fn plan(&mut self, plan: &LoadPlan, found: &mut Contradictions) {
        self.plans += 1;
        if self.plans > 2 {
            found.add("load_plan_differs", "the schedule begins twice");
        }
        match &self.plan {
            Some(first) if LoadPlan { started: plan.started, ..first.clone() } != *plan => {
                found.add("load_plan_differs", "the load is not the one that was asked for before it began");
            }
            Some(_) => {}
            None => contradicted(plan, self.header)
                .into_iter()
                .for_each(|what| found.add("load_plan_differs", what)),
        }
        self.plan = Some(plan.clone());
    }

    /// A load that was completed has made each start, or says that it could not; and it ended after its last second.
    pub(super) fn end(&self, end: &End, found: &mut Contradictions) {
        let Some(plan) = &self.plan else { return };
        let mut wrong = |what: String| found.add("load_does_not_add_up", what);
        if end.at < self.last {
            wrong(format!("it ended at {} s, but its last second at {} s", s(end.at), s(self.last)));
        }
        if !end.complete {
            return;
        }
        if self.interrupted {
            wrong("the load completed, but one of its seconds says that it was interrupted".to_owned());
        }
        let made = self.started.saturating_add(self.dropped);
        let due =
            plan.total.zip(self.header.shard).map(|(total, shard): (u64, LoadShard)| shard.share(total));
        if let Some(due) = due.filter(|due| made != *due) {
            wrong(format!("the load completed, but only {made} of {due} starts were made or dropped"));
        }
        if self.done != self.started {
            wrong(format!("the load completed, but {} of {} starts ended", self.done, self.started));
        }
        let lasted = self.last.0 / 1000;
        if let LoadPace::Closed { lasts_ms } = plan.pace
            && lasted < lasts_ms
        {
            wrong(format!("the load completed after {lasted} ms, but was to last {lasts_ms} ms"));
        }
        if let Some(flows) = self.flows.as_deref() {
            run_stats::of_a_whole_load(flows, self.started, self.scenario, found);
        }
    }

    /// What the flows and their webhooks amount to so far.
    pub(super) fn of_flows(&mut self, sums: &RunStats, found: &mut Contradictions) {
        run_stats::check((sums, self.flows.as_deref()), self.header, self.scenario, found);
        let known = self.unseen.iter().filter(|over| over.plus(SUMMED_WITHIN) <= sums.at).count();
        if sums.gaps.len() < known.min(RunStats::MOST_GAPS) {
            let told = sums.gaps.len();
            found.add(
                "load_does_not_add_up",
                format!("nothing could be seen {known} times, but the load counts {told} of them"),
            );
        }
        self.flows = Some(Box::new(sums.clone()));
    }

    /// What was broken on purpose was asked for, unless a receiver elsewhere breaks webhooks by itself.
    pub(super) fn broken(&self, clock: &ReceiverClock, found: &mut Contradictions) {
        let injected =
            self.flows.as_ref().map_or(0, |sums| sums.injected.deliveries.max(sums.injected.expected));
        if injected > 0 && self.header.faults.is_empty() && clock.apart.is_none() {
            let sentence =
                format!("{injected} webhooks count as broken on purpose, and the header asks for no fault");
            found.add("fault_nobody_asked_for", sentence);
        }
    }

    /// For a time nothing could be seen.
    pub(super) fn unseen(&mut self, gap: &Gap) {
        self.unseen.push(gap.to);
    }

    pub(super) fn take(&mut self, second: &Interval, found: &mut Contradictions) {
        let at = second.from.0 / 1_000_000;
        let mut wrong = |what: String| found.add("load_does_not_add_up", format!("second {at}: {what}"));
        self.started = self.started.saturating_add(second.started);
        self.done = self.done.saturating_add(second.done);
        self.abandoned = self.abandoned.saturating_add(second.abandoned);
        self.dropped = self.dropped.saturating_add(second.dropped);
        let ended = self.done.saturating_add(self.abandoned);
        if ended > self.started {
            wrong(format!("{ended} have ended, but only {} have started", self.started));
        } else if self.started - ended != second.in_flight {
            let left = self.started - ended;
            wrong(format!("{} are in flight, but {left} have started and not ended", second.in_flight));
        }
        if second.from != self.last {
            wrong(format!("it begins at {} s, the one before ends at {} s", s(second.from), s(self.last)));
        }
        if second.to < second.from {
            wrong("it ends before it begins".to_owned());
        }
        self.last = second.to;
        if let Some(at) = second.interrupted {
            self.interrupted = true;
            if at > second.to || at < second.from && second.started > 0 {
                wrong(format!("{} started in it, which was interrupted at {} s", second.started, s(at)));
            }
        }
        counts_differ(second, self.plan.as_ref(), &self.header.retry).into_iter().for_each(&mut wrong);
        if let Some(what) = times_differ(second) {
            wrong(what);
        }
    }
}

/// What of a plan contradicts the header, or itself.
fn contradicted(plan: &LoadPlan, header: &Header) -> Vec<String> {
    let mut found = Vec::new();
    let mut differs = |is: bool, what: String| {
        if is {
            found.push(what);
        }
    };
    let (name, of_flows) = (&header.scenario.name, header.scenario.is_played());
    differs(plan.subject != *name, format!("`{}` was loaded, but the header has `{name}`", plan.subject));
    differs(
        plan.is_of_flows() != of_flows,
        format!("its event is `{}`, which a load of flows has not, and one of webhooks has", plan.event),
    );
    let (connections, concurrency) = (plan.connections, header.concurrency);
    differs(
        connections != concurrency,
        format!("{connections} connections, but the header has {concurrency}"),
    );
    differs(
        plan.threads == 0 || plan.threads > connections,
        format!("{} threads share {connections} connections", plan.threads),
    );
    if !of_flows {
        differs(
            plan.timeout_ms != header.webhook.timeout_ms || plan.backoff_ms != header.retry.backoff_ms,
            "its time-out or its pauses are not those of the header".to_owned(),
        );
        differs(
            header.target != header.webhook.endpoint,
            format!("the target is `{}`, but webhooks were posted to another URL", header.target),
        );
    }
    let starts = plan.pace.starts();
    let is_whole = match (plan.total, starts) {
        (None, None) => true,
        (Some(total), Some(starts)) => (as_f64(total) - starts).abs() <= WHOLE + rounded(&plan.pace),
        _ => false,
    };
    differs(
        !is_whole,
        format!(
            "{} starts are not those of its schedule",
            plan.total.map_or("no".to_owned(), |n| n.to_string())
        ),
    );
    if header.scenario.is_played() {
        let total = plan.total.unwrap_or_default();
        differs(
            u64::from(header.flows) != total,
            format!("{total} starts, but the header has {} flows", header.flows),
        );
    }
    found
}

/// By so many starts a schedule may differ from what is recorded of it, where a stage lasts no whole milliseconds.
fn rounded(pace: &LoadPace) -> f64 {
    let LoadPace::Open { stages } = pace else { return 0.0 };
    stages.iter().map(|stage| stage.from.max(stage.to) / 1000.0).sum()
}

#[expect(clippy::cast_precision_loss, reason = "starts, below 2^52")]
fn as_f64(n: u64) -> f64 {
    n as f64
}

/// The counts of one second hang together: each request has a status or an error, each start that ended well one status by which
/// `sender` counts a webhook as delivered.
fn counts_differ(second: &Interval, plan: Option<&LoadPlan>, sender: &RetryContract) -> Vec<String> {
    let mut found = Vec::new();
    let sum = |mut all: Box<dyn Iterator<Item = u64> + '_>| all.try_fold(0u64, u64::checked_add);
    if second.ok > second.done {
        found.push(format!("{} succeeded of {} that ended", second.ok, second.done));
    }
    if second.retried > second.done {
        found.push(format!("{} were retried of {} that ended", second.retried, second.done));
    }
    let throttled = second.statuses.get(&429).copied().unwrap_or(0);
    if second.throttled != throttled {
        found.push(format!("{} were throttled, but {throttled} were answered with 429", second.throttled));
    }
    let (answered, failed) =
        (sum(Box::new(second.statuses.values().copied())), sum(Box::new(second.errors.values().copied())));
    let attempts = answered.zip(failed).and_then(|(a, b)| a.checked_add(b));
    if attempts != Some(second.attempts) {
        found.push(format!(
            "{} requests ended, but responses and failures do not add up to that",
            second.attempts
        ));
    }
    // Of a load of flows the steps are requests, and counted with the flows.
    let Some(plan) = plan.filter(|plan| !plan.is_of_flows()) else { return found };
    let accepted = second.statuses.iter().filter(|(status, _)| sender.succeeds(**status));
    let accepted = sum(Box::new(accepted.map(|(_, n)| *n)));
    if accepted != Some(second.ok) {
        found.push(format!("{} succeeded, but other statuses say so", second.ok));
    }
    // Each request goes out on a connection that is kept, or opens one.
    let unconnected = second.errors.iter().filter(|(kind, _)| kind.is_of_connecting()).map(|(_, n)| *n);
    let unconnected = sum(Box::new(unconnected)).unwrap_or(u64::MAX);
    if second.connects > second.attempts || second.connects < unconnected {
        found.push(format!(
            "{} connections were opened for {} requests, and {unconnected} of them failed",
            second.connects, second.attempts
        ));
    }
    let most = second.done.saturating_mul(plan.backoff_ms.len().max(1) as u64);
    if second.attempts < second.done.saturating_add(second.retried) || second.attempts > most {
        found.push(format!(
            "{} requests for {} that ended, {} of them retried",
            second.attempts, second.done, second.retried
        ));
    }
    found
}

/// Histograms keep three digits; a mean of them is no nearer than this share.
const DIGITS: f64 = 0.01;

/// Each start that ended is in each of the histograms once, and what a user waits is not less than what it is made of.
fn times_differ(second: &Interval) -> Option<String> {
    let read = |encoded: &Encoded| Latency::decode(encoded).ok();
    let all = [&second.response, &second.service, &second.lag, &second.own_lag].map(read);
    if all.iter().flatten().any(|latency| !latency.is_sound()) {
        return Some("minimum, maximum or sum of its times are not those of its histogram".to_owned());
    }
    // One that cannot be read is told where the load is.
    let [Some(response), Some(service), Some(lag), Some(own_lag)] = all else { return None };
    let counts = [response.count(), lag.count(), own_lag.count()];
    let is_closed = counts == [0, 0, 0];
    if service.count() != second.done || !is_closed && counts != [second.done; 3] {
        return Some(format!("{} ended, but the number of their times differs", second.done));
    }
    let mean = |latency: &Latency| latency.mean_us().unwrap_or(0.0);
    let (waited, least) = (mean(&response), mean(&service) + mean(&lag));
    let is_less = !is_closed && waited + 1.0 < least * (1.0 - DIGITS);
    is_less.then(|| {
        format!(
            "a response took {:.3} ms on average, but lag and service together {:.3} ms",
            waited / 1000.0,
            least / 1000.0
        )
    })
}
