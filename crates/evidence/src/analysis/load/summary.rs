//! A load as a whole: totals, percentiles, and a timeline whose length does not depend on that of the run.

use super::other_traffic::OtherTraffic;
use chrono::TimeDelta;
use record::Tick;
use record::latency::{DecodeError, Latency};
use record::summed;
use record::{EndedEarly, ErrorKind, Interval, LoadFailure, LoadPace, LoadPlan, RunStats};
use std::collections::BTreeMap;

/// Most points of a timeline; longer runs have longer steps.
const MAX_POINTS: u64 = 600;

summed! {
    /// The four histograms of a load, in µs.
    #[derive(Debug, Clone, Default)]
    pub struct Series {
        /// Done - intended.
        pub response: Latency,
        /// Done - sent.
        pub service: Latency,
        /// Sent - intended.
        pub lag: Latency,
        /// The part of the lag during which a connection was free.
        pub own_lag: Latency,
    }
}

impl Series {
    /// Adds the histograms of a recorded second.
    ///
    /// # Errors
    /// When one is no histogram of ours.
    pub fn add_interval(&mut self, interval: &Interval) -> Result<(), DecodeError> {
        self.response.add_encoded(&interval.response)?;
        self.service.add_encoded(&interval.service)?;
        self.lag.add_encoded(&interval.lag)?;
        self.own_lag.add_encoded(&interval.own_lag)
    }

    /// What users wait, as far as the model can tell: the response time, or in the closed model the service time.
    #[must_use]
    pub fn main(&self) -> &Latency {
        if self.response.count() > 0 { &self.response } else { &self.service }
    }
}

/// From this share of a second on, a thread that ran or waited for a processor had no time to spare: what it did not get to was
/// late because of it, and waiting for a free connection cannot be laid at the target's door.
const NO_TIME_TO_SPARE: f64 = 0.9;

/// What the generators themselves added to the times that they measured, as far as the system tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strain {
    /// Starts that ended in a second in which their generator's thread had no time to spare.
    pub without_spare: u64,
    /// The longest that the threads of one generator waited for a processor, or that it was late to wake, in one second, µs.
    pub longest_wait_us: u64,
    /// The longest that one generator was late to wake in one second, in which it neither ran nor waited as far as the system tells, µs.
    pub longest_stop_us: u64,
    /// How long the generators waited in all, µs; `None` where it is not known.
    pub waited_us: Option<u64>,
}

impl Strain {
    /// The strain in a recorded second of one shard.
    fn of(interval: &Interval) -> Self {
        let wall = interval.to.since(interval.from).as_micros() as f64;
        // A thread that waits for a processor wakes late: the same time, unless it was stopped or all of the machine was.
        let waited_us = interval.wait_us.max(interval.late_us);
        let (wait, late) = (waited_us.unwrap_or(0), interval.late_us.unwrap_or(0));
        let occupied = interval.cpu_us.map_or(late, |cpu| cpu.saturating_add(wait)) as f64;
        let spare = wall <= 0.0 || occupied < NO_TIME_TO_SPARE * wall;
        let longest_stop_us =
            late.saturating_sub(interval.wait_us.unwrap_or(0).saturating_add(interval.cpu_us.unwrap_or(0)));
        let without_spare = if spare { 0 } else { interval.done };
        Self { without_spare, longest_wait_us: wait, longest_stop_us, waited_us }
    }

    fn add(&mut self, other: Self) {
        self.without_spare += other.without_spare;
        self.longest_wait_us = self.longest_wait_us.max(other.longest_wait_us);
        self.longest_stop_us = self.longest_stop_us.max(other.longest_stop_us);
        if let Some(us) = other.waited_us {
            self.waited_us = Some(self.waited_us.unwrap_or(0).saturating_add(us));
        }
    }
}

/// One second of a load, all shards together.
#[derive(Debug, Clone, Default)]
pub struct Second {
    /// Its counts; the histograms in it are unset.
    pub counts: Interval,
    /// Its histograms.
    pub series: Series,
    /// What the generators added.
    pub strain: Strain,
    /// Until when starts could be made: to its end, or until all shards in it were interrupted.
    pub until: Option<Tick>,
}

/// Until when starts could be made in a recorded second of one shard.
pub(super) fn open_until(interval: &Interval) -> Tick {
    interval.interrupted.map_or(interval.to, |at| at.clamp(interval.from.min(interval.to), interval.to))
}

impl Second {
    /// Adds a recorded second of one shard.
    ///
    /// # Errors
    /// When one of its histograms is none of ours.
    pub fn add(&mut self, interval: &Interval) -> Result<(), DecodeError> {
        self.series.add_interval(interval)?;
        add_counts(&mut self.counts, interval);
        self.strain.add(Strain::of(interval));
        self.until = self.until.max(Some(open_until(interval)));
        Ok(())
    }
}

/// Adds everything that adds up: not the histograms.
fn add_counts(sum: &mut Interval, one: &Interval) {
    sum.from = if sum.to == Tick(0) { one.from } else { sum.from.min(one.from) };
    sum.add(one);
}

/// One point of the timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its beginning and its end.
    pub from: Tick,
    /// Its end.
    pub to: Tick,
    /// Until when starts could be made in it.
    pub until: Tick,
    /// Starts per second asked for at its middle; `None` in the closed model.
    pub asked: Option<f64>,
    /// Starts begun.
    pub started: u64,
    /// Starts ended.
    pub done: u64,
    /// Of those, the failed ones.
    pub failed: u64,
    /// In flight at its end.
    pub in_flight: u64,
    /// p50, p95, p99 and maximum of the response time (closed model: of the service time) in µs.
    pub percentiles_us: Option<[u64; 4]>,
}

/// What is known of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardFacts {
    /// Counted from 0.
    pub index: u64,
    /// The run that it comes from.
    pub run_id: uuid::Uuid,
    /// Wall time at which its schedule began.
    pub started: chrono::DateTime<chrono::Utc>,
    /// Wall time until which it could make starts: the end of its last second, or when it was interrupted.
    pub ended: chrono::DateTime<chrono::Utc>,
    /// Whether it was completed.
    pub complete: bool,
    /// SHA-256 of its journal, hex.
    pub journal_sha256: String,
    /// Bytes of a torn last line.
    pub torn_bytes: usize,
}

/// When the shards of a load ran, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharedTime {
    /// From the first one's beginning to the last one's.
    pub apart_s: f64,
    /// All of them together.
    pub all_s: f64,
    pub any_s: f64,
    /// The one that ran longest.
    pub longest_s: f64,
    /// The most at the same time.
    pub most: usize,
}

/// A load as a whole.
#[derive(Debug, Clone)]
pub struct LoadSummary {
    /// How it was asked for.
    pub plan: LoadPlan,
    /// How many shards it has.
    pub of: u64,
    pub counts: Interval,
    /// All histograms.
    pub series: Series,
    /// What the generators added.
    pub strain: Strain,
    /// The timeline, at most 600 points.
    pub timeline: Vec<Point>,
    /// The shards that were there.
    pub shards: Vec<ShardFacts>,
    /// The shards that were not.
    pub missing: Vec<u64>,
    /// What the flows amount to; `None` for a load of webhooks.
    pub flows: Option<RunStats>,
    /// What came besides the webhooks of the flows.
    pub other_traffic: OtherTraffic,
    /// What was worth telling.
    pub notes: Vec<String>,
    /// What ended it, or one of its shards, early and says nothing about the sender.
    pub ended_early: Option<EndedEarly>,
    /// Until when starts could be made.
    until: Tick,
    step: u64,
    open: Option<Second>,
}

impl LoadSummary {
    /// An empty summary of a load that was asked for like this, in `of` shards.
    #[must_use]
    pub fn new(plan: LoadPlan, of: u64) -> Self {
        let seconds = plan.pace.lasts_ms().div_ceil(1000).max(1);
        Self {
            plan,
            of,
            counts: Interval::default(),
            series: Series::default(),
            strain: Strain::default(),
            timeline: Vec::new(),
            shards: Vec::new(),
            missing: Vec::new(),
            flows: None,
            other_traffic: OtherTraffic::default(),
            notes: Vec::new(),
            ended_early: None,
            until: Tick(0),
            step: seconds.div_ceil(MAX_POINTS).max(1).saturating_mul(1_000_000),
            open: None,
        }
    }

    /// Adds a second; seconds come in order.
    pub fn add(&mut self, second: &Second) {
        let in_flight = second.counts.in_flight;
        add_counts(&mut self.counts, &second.counts);
        self.counts.in_flight = in_flight;
        self.series.add(&second.series);
        self.strain.add(second.strain);
        let until = second.until.unwrap_or(second.counts.to);
        self.until = self.until.max(until);
        let step = |at: Tick| at.0 / self.step;
        if self.open.as_ref().is_some_and(|open| step(open.counts.from) != step(second.counts.from)) {
            self.flush();
        }
        let open = self.open.get_or_insert_default();
        add_counts(&mut open.counts, &second.counts);
        open.counts.in_flight = in_flight;
        open.series.add(&second.series);
        open.until = open.until.max(Some(until));
    }

    /// Ends the timeline. A run that goes on long after its schedule makes a longer one, but never more than twice.
    pub fn flush(&mut self) {
        let Some(open) = self.open.take() else { return };
        let counts = &open.counts;
        let main = open.series.main();
        let at = |percent: f64| main.percentile_us(percent);
        let percentiles_us = match (at(50.0), at(95.0), at(99.0), main.max_us()) {
            (Some(p50), Some(p95), Some(p99), Some(max)) => Some([p50, p95, p99, max]),
            _ => None,
        };
        let middle = counts.from.0.midpoint(counts.to.0);
        self.timeline.push(Point {
            from: counts.from,
            to: counts.to,
            until: open.until.unwrap_or(counts.to),
            asked: self.plan.pace.rate_at(middle),
            started: counts.started,
            done: counts.done,
            failed: counts.done - counts.ok.min(counts.done),
            in_flight: counts.in_flight,
            percentiles_us,
        });
    }

    /// Takes in what the flows amount to: the requests of a load of flows are the steps that were sent.
    pub(super) fn take_flows(&mut self, flows: Option<(RunStats, OtherTraffic)>) {
        let (flows, other_traffic) = flows.unzip();
        self.other_traffic = other_traffic.unwrap_or_default();
        if let Some(sums) = &flows {
            self.counts.attempts = sums.sent_and_failed().0;
            for (&status, n) in sums.steps.values().flat_map(|step| &step.statuses) {
                *self.counts.statuses.entry(status).or_default() += n;
            }
            self.counts.throttled = self.counts.statuses.get(&429).copied().unwrap_or(0);
        }
        self.flows = flows;
    }

    /// From now on this is about the shards that are there and no others: what a shard says of itself.
    pub fn alone(&mut self) {
        if self.missing.is_empty() {
            return;
        }
        self.missing.clear();
        let indexes: Vec<String> = self.shards.iter().map(|s| s.index.to_string()).collect();
        self.notes.push(format!(
            "this is shard {} of {}, one part of the load; `smoke merge` gives the verdict on the whole",
            indexes.join(", "),
            self.of
        ));
    }

    /// A few of the failures.
    #[must_use]
    pub fn failures(&self) -> &[LoadFailure] {
        &self.counts.failures
    }

    /// Starts that ended without success.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.counts.done.saturating_sub(self.counts.ok)
    }

    /// Requests that failed for want of something on this machine, which say nothing about the target.
    #[must_use]
    pub fn local(&self) -> u64 {
        self.counts.errors.get(&ErrorKind::Local).copied().unwrap_or(0)
    }

    /// How busy the generator's thread was, 0 to 1, on average over the shards; `None` where it is not known.
    #[must_use]
    pub fn busy(&self) -> Option<f64> {
        self.share_of_time(self.counts.cpu_us)
    }

    /// For which share of the time the generator's threads waited for a processor, on average over the shards; `None` where it is
    /// not known. Of a load of flows, which many threads make, it may be more than 1.
    #[must_use]
    pub fn waited(&self) -> Option<f64> {
        self.share_of_time(self.strain.waited_us)
    }

    fn share_of_time(&self, us: Option<u64>) -> Option<f64> {
        let shards = self.shards.len().max(1) as f64;
        let wall = self.counts.to.since(self.counts.from).as_micros() as f64 * shards;
        us.filter(|_| wall > 0.0).map(|us| us as f64 / wall)
    }

    /// Whether so many starts ended while their generator had no time to spare that this percentile is its own doing.
    #[must_use]
    pub const fn is_strained_at(&self, percent: f64) -> bool {
        let strained = self.strain.without_spare as f64;
        strained > 0.0 && strained * 100.0 >= self.counts.done as f64 * (100.0 - percent)
    }

    /// The most that waiting for a processor can have added to this percentile of a time, when it was `us` µs; 0 when too few
    /// starts can have met a wait.
    #[must_use]
    pub fn added_by_waiting(&self, percent: f64, us: u64) -> u64 {
        // What comes in during a wait is late, and so is what comes while it is made up for.
        let spare = (1.0 - self.busy().unwrap_or(0.0)).max(1.0 - NO_TIME_TO_SPARE);
        let met = self.waited().unwrap_or(0.0) / spare * 100.0;
        let seconds = us / 1_000_000 + 2;
        if met >= 100.0 - percent { us.min(self.strain.longest_wait_us.saturating_mul(seconds)) } else { 0 }
    }

    /// Whether starts were due by a schedule.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.plan.pace, LoadPace::Open { .. })
    }

    /// Starts begun per second of the time in which shards made starts: that of the schedule, and more where they did not
    /// run together.
    #[must_use]
    pub fn achieved(&self) -> f64 {
        let scheduled = self.scheduled_s();
        let apart = self.in_time().map_or(0.0, |shared| shared.any_s - shared.longest_s);
        let lasts = scheduled + apart.max(0.0);
        if lasts > 0.0 { self.counts.started as f64 / lasts } else { 0.0 }
    }

    /// The seconds in which starts were due, as far as it got.
    fn scheduled_s(&self) -> f64 {
        (self.plan.pace.lasts_ms() as f64 / 1000.0).min(self.until.0 as f64 / 1e6)
    }

    /// The times of several shards against each other, each as long as its schedule at most; `None` for one.
    #[must_use]
    pub fn in_time(&self) -> Option<SharedTime> {
        let most = TimeDelta::milliseconds(i64::try_from(self.plan.pace.lasts_ms()).unwrap_or(i64::MAX));
        let span = |s: &ShardFacts| (s.started, s.ended.min(s.started + most));
        let mut spans: Vec<_> = self.shards.iter().map(span).collect();
        spans.sort_unstable();
        if spans.len() < 2 {
            return None;
        }
        let seconds = |span: TimeDelta| span.num_milliseconds().max(0) as f64 / 1000.0;
        let all = *spans.iter().map(|(_, to)| to).min()? - *spans.iter().map(|(from, _)| from).max()?;
        let (mut any, mut until) = (0.0, spans.first()?.0);
        for (from, to) in &spans {
            any += seconds(*to - until.max(*from));
            until = until.max(*to);
        }
        let at_once = |at| spans.iter().filter(|(from, to)| *from <= at && at < *to).count();
        let began = spans.iter().map(|(from, _)| *from);
        Some(SharedTime {
            apart_s: seconds(began.clone().max()? - began.min()?),
            all_s: seconds(all),
            any_s: any,
            longest_s: spans.iter().map(|(from, to)| seconds(*to - *from)).fold(0.0, f64::max),
            most: spans.iter().map(|(from, _)| at_once(*from)).max().unwrap_or(0),
        })
    }

    /// Count by error kind, by name.
    #[must_use]
    pub fn errors(&self) -> BTreeMap<&'static str, u64> {
        self.counts.errors.iter().map(|(trouble, &n)| (trouble.name(), n)).collect()
    }
}
