//! The sums of a load add up, second by second.

use super::Contradictions;
use record::latency::Latency;
use record::{Header, Interval, LoadPlan, LoadShard, RunStats, Tally};

pub(super) struct Sums {
    /// Whether each answer is counted: of a load of flows the steps are, by the flows.
    counts_answers: bool,
    started: u64,
    done: u64,
    abandoned: u64,
    dropped: u64,
    shard: Option<LoadShard>,
    /// Starts that this shard had to make, where they were due by a schedule.
    due: Option<u64>,
}

impl Sums {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            counts_answers: !header.scenario.is_played(),
            started: 0,
            done: 0,
            abandoned: 0,
            dropped: 0,
            shard: header.shard,
            due: None,
        }
    }

    /// How it was asked for.
    pub(super) fn plan(&mut self, plan: &LoadPlan) {
        self.due = plan.total.zip(self.shard).map(|(total, shard)| shard.share(total));
    }

    /// A load that was completed has made each start, or says that it could not.
    pub(super) fn end(&self, complete: bool, found: &mut Contradictions) {
        let made = self.started.saturating_add(self.dropped);
        if let Some(due) = self.due.filter(|due| complete && made != *due) {
            let sentence =
                format!("the load completed, but only {made} of {due} starts were made or dropped");
            found.add("load_does_not_add_up", sentence);
        }
    }

    /// What is counted of the load's own webhooks is a part of what came.
    pub(super) fn of_flows(sums: &RunStats, found: &mut Contradictions) {
        for (reason, came) in &sums.came {
            let of = |tally: &Tally| tally.reasons.get(reason).copied().unwrap_or(0);
            let own = of(&sums.organic).saturating_add(of(&sums.injected));
            if own > *came {
                let sentence = format!(
                    "{own} attempts of the load's own webhooks are {reason}, but only {came} arrived in all"
                );
                found.add("load_does_not_add_up", sentence);
            }
        }
    }

    pub(super) fn take(&mut self, second: &Interval, found: &mut Contradictions) {
        let at = second.from.0 / 1_000_000;
        let mut wrong = |what: String| found.add("load_does_not_add_up", format!("second {at}: {what}"));
        if second.ok > second.done {
            wrong(format!("{} succeeded of {} that ended", second.ok, second.done));
        }
        self.started = self.started.saturating_add(second.started);
        self.done = self.done.saturating_add(second.done);
        self.abandoned = self.abandoned.saturating_add(second.abandoned);
        self.dropped = self.dropped.saturating_add(second.dropped);
        if self.done.saturating_add(self.abandoned) > self.started {
            wrong(format!(
                "{} have ended, but only {} have started",
                self.done + self.abandoned,
                self.started
            ));
        }
        if second.to < second.from {
            wrong("it ends before it begins".to_owned());
        }
        if let Some(what) = times_differ(second) {
            wrong(what);
        }
        let sum = |mut all: Box<dyn Iterator<Item = u64> + '_>| all.try_fold(0u64, u64::checked_add);
        let answered = sum(Box::new(second.statuses.values().copied()));
        let failed = sum(Box::new(second.errors.values().copied()));
        let attempts = answered.zip(failed).and_then(|(a, b)| a.checked_add(b));
        if self.counts_answers && attempts != Some(second.attempts) {
            wrong(format!(
                "{} requests ended, but responses and failures do not add up to that",
                second.attempts
            ));
        }
    }
}

/// Histograms keep three digits; a mean of them is no nearer than this share.
const DIGITS: f64 = 0.01;

/// Each start that ended is in each of the histograms once, and what a user waits is not less than what it is made of.
fn times_differ(second: &Interval) -> Option<String> {
    let read = |encoded| Latency::decode(encoded).ok();
    let all = [&second.response, &second.service, &second.lag, &second.own_lag].map(read);
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
