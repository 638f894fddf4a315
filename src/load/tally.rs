//! Counts what happens, second by second; its size does not depend on how much happens.

use super::engine::RequestOutcome;
use super::response::{RequestError, Response};
use super::thread_time::ThreadTime;
use record::Tick;
use record::latency::Latency;
use record::{ErrorKind, Interval, LoadFailure};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most failures kept as samples in one second, and in a whole run.
const SAMPLES_PER_SECOND: usize = 5;
const SAMPLES_PER_RUN: usize = 200;
/// Longest reason kept, in characters.
const REASON_CHARS: usize = 200;

/// One start that has ended.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Its number in the whole schedule.
    pub start: u64,
    /// Sent - intended, and the part of it during which a connection was free; `None` in the closed model.
    pub lag: Option<(Duration, Duration)>,
    /// Done - sent, without the pauses between attempts.
    pub service: Duration,
    /// When it ended, counted from the beginning of the schedule.
    pub at: Tick,
    pub outcome: RequestOutcome,
}

/// The counts since they were last taken.
#[derive(Debug)]
pub(crate) struct Tally {
    counts: Counts,
    samples_left: usize,
}

/// Plain counts of one second, and its histograms.
#[derive(Debug)]
struct Counts {
    /// Everything but the histograms, which are still empty in it.
    interval: Interval,
    /// Done - intended.
    response: Latency,
    /// Done - sent.
    service: Latency,
    /// Sent - intended.
    lag: Latency,
    /// The part of the lag during which a connection was free.
    own_lag: Latency,
    /// Answers by status, 0 to 999; a table, since every request counts here.
    statuses: Vec<u64>,
}

impl Counts {
    fn new() -> Self {
        Self {
            interval: Interval::default(),
            response: Latency::new(),
            service: Latency::new(),
            lag: Latency::new(),
            own_lag: Latency::new(),
            statuses: vec![0; 1000],
        }
    }

    /// The record for the journal. All begins anew; the large tables stay where they are.
    fn drain(&mut self) -> Interval {
        let statuses = (0u16..).zip(&self.statuses).filter(|(_, n)| **n > 0).map(|(s, &n)| (s, n));
        let statuses = statuses.collect::<BTreeMap<u16, u64>>();
        self.statuses.fill(0);
        let encode = |latency: &mut Latency| {
            let encoded = latency.encode();
            latency.reset();
            encoded
        };
        Interval {
            statuses,
            response: encode(&mut self.response),
            service: encode(&mut self.service),
            lag: encode(&mut self.lag),
            own_lag: encode(&mut self.own_lag),
            ..std::mem::take(&mut self.interval)
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: Counts::new(), samples_left: SAMPLES_PER_RUN }
    }
}

impl Tally {
    pub(crate) fn started(&mut self) {
        self.counts.interval.started += 1;
        self.counts.interval.in_flight += 1;
    }

    /// Starts that could not begin.
    pub(crate) fn dropped(&mut self, starts: u64) {
        self.counts.interval.dropped += starts;
    }

    #[must_use]
    pub(crate) fn in_flight(&self) -> u64 {
        self.counts.interval.in_flight
    }

    /// Everything in flight is given up.
    pub(crate) fn abandon(&mut self) {
        self.counts.interval.abandoned += std::mem::take(&mut self.counts.interval.in_flight);
    }

    pub(crate) fn ended(&mut self, sample: &Sample) {
        let counts = &mut self.counts;
        let interval = &mut counts.interval;
        interval.in_flight = interval.in_flight.saturating_sub(1);
        interval.done += 1;
        interval.connects += u64::from(sample.outcome.connects);
        interval.retried += u64::from(!sample.outcome.earlier.is_empty());
        counts.service.record(sample.service);
        if let Some((lag, own)) = sample.lag {
            counts.response.record(lag + sample.service + sample.outcome.paused);
            counts.lag.record(lag);
            counts.own_lag.record(own);
        }
        for result in &sample.outcome.earlier {
            self.attempt(result.as_ref());
        }
        self.counts.interval.ok += u64::from(sample.outcome.ok);
        let last = match &sample.outcome.last {
            Ok(None) => return,
            Ok(Some(answer)) => Ok(answer),
            Err(error) => Err(error),
        };
        self.attempt(last);
        if !sample.outcome.ok {
            self.keep(sample, last);
        }
    }

    fn attempt(&mut self, result: Result<&Response, &RequestError>) {
        let interval = &mut self.counts.interval;
        interval.attempts += 1;
        match result {
            Ok(answer) => {
                if let Some(count) = self.counts.statuses.get_mut(usize::from(answer.status)) {
                    *count += 1;
                }
                if answer.status == 429 {
                    interval.throttled += 1;
                    interval.retry_after_s = interval.retry_after_s.max(answer.retry_after_s);
                }
            }
            Err(error) => *interval.errors.entry(error.kind).or_default() += 1,
        }
    }

    fn keep(&mut self, sample: &Sample, failed: Result<&Response, &RequestError>) {
        let kept = &mut self.counts.interval.failures;
        if kept.len() >= SAMPLES_PER_SECOND || self.samples_left == 0 {
            return;
        }
        self.samples_left -= 1;
        let (status, kind, reason) = match failed {
            Ok(answer) => (Some(answer.status), None, in_words(*answer)),
            Err(error) => (None, Some(error.kind), error.why.chars().take(REASON_CHARS).collect()),
        };
        kept.push(LoadFailure { start: sample.start, at: sample.at, status, kind, reason });
    }

    /// Takes the counts of the second from `from` to `to` and begins anew.
    #[must_use]
    pub(crate) fn take(&mut self, from: Tick, to: Tick, used: ThreadTime) -> Interval {
        let taken = self.counts.drain();
        self.counts.interval.in_flight = taken.in_flight;
        Interval { from, to, cpu_us: used.ran_us, wait_us: used.waited_us, ..taken }
    }

    /// A worker died with its start; a bug of ours, and never silent.
    pub(crate) fn lost(&mut self, start: u64, at: Tick) {
        self.ended(&Sample {
            start,
            lag: None,
            service: Duration::ZERO,
            at,
            outcome: RequestOutcome {
                ok: false,
                last: Err(RequestError::new(ErrorKind::Local, "the worker died; please report this")),
                earlier: Vec::new(),
                paused: Duration::ZERO,
                connects: 0,
            },
        });
    }
}

/// A failing status as a reason.
fn in_words(answer: Response) -> String {
    match (answer.status, answer.retry_after_s) {
        (429, Some(s)) => format!("throttled by the target: 429, Retry-After {s} s"),
        (429, None) => "throttled by the target: 429".to_owned(),
        (status, _) => format!("responded with {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(last: Result<u16, ErrorKind>) -> Sample {
        let ok = matches!(last, Ok(200..=204));
        let last = last
            .map(|status| {
                Some(Response { status, retry_after_s: (status == 429).then_some(7), keep_alive: true })
            })
            .map_err(|kind| RequestError::new(kind, "x".repeat(1000)));
        Sample {
            start: 3,
            lag: Some((Duration::from_millis(2), Duration::from_millis(1))),
            service: Duration::from_millis(5),
            at: Tick(9),
            outcome: RequestOutcome { ok, last, earlier: Vec::new(), paused: Duration::ZERO, connects: 1 },
        }
    }

    #[test]
    fn counts_are_kept_apart() {
        let mut tally = Tally::default();
        for last in [Ok(200), Ok(204), Ok(206), Ok(429), Ok(503), Err(ErrorKind::Reset)] {
            tally.started();
            tally.ended(&sample(last));
        }
        tally.started();
        tally.dropped(4);
        let interval = tally.take(Tick(0), Tick(1_000_000), ThreadTime::default());
        assert_eq!((interval.started, interval.done, interval.ok, interval.in_flight), (7, 6, 2, 1));
        assert_eq!((interval.dropped, interval.throttled, interval.retry_after_s), (4, 1, Some(7)));
        assert_eq!(interval.statuses, BTreeMap::from([(200, 1), (204, 1), (206, 1), (429, 1), (503, 1)]));
        assert_eq!(interval.errors, BTreeMap::from([(ErrorKind::Reset, 1)]));
        assert_eq!(Latency::decode(&interval.response).unwrap().max_us(), Some(7000));
        assert_eq!(Latency::decode(&interval.own_lag).unwrap().max_us(), Some(1000));
        assert_eq!(interval.failures.len(), 4);
        assert!(interval.failures[1].reason.contains("Retry-After 7 s"));
        assert_eq!(interval.failures[3].reason.len(), REASON_CHARS);
        let next = tally.take(Tick(1_000_000), Tick(2_000_000), ThreadTime::default());
        assert_eq!((next.started, next.in_flight), (0, 1));
    }

    #[test]
    fn samples_of_failures_are_bounded() {
        let mut tally = Tally::default();
        let mut kept = 0;
        for _ in 0..100 {
            for _ in 0..50 {
                tally.ended(&sample(Ok(500)));
            }
            kept += tally.take(Tick(0), Tick(1), ThreadTime::default()).failures.len();
        }
        assert_eq!(kept, SAMPLES_PER_RUN);
    }
}
