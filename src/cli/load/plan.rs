//! From the command line of a load to what is run.

use super::args::{MOST_THREADS, Rate, ScheduleArgs, Stages};
use crate::cli::Failure;
use crate::load::{LONGEST_RETRY_AFTER_S, Pace, RetryPolicy, Schedule, Shard, Stage, guard};
use chrono::{DateTime, Utc};
use record::{LoadPace, LoadPlan, LoadStage, RetryAfterPolicy, sha256_hex};
use serde_json::json;
use std::time::Duration;

/// Connections of the closed model, as wrk and hey would have about as many.
const CLOSED_CONNECTIONS: u32 = 32;
/// Fewest and most connections that are taken for an open load that does not say.
const OPEN_CONNECTIONS: (u32, u32) = (16, 1024);
/// Most connections that are taken for an open load with retries: a start that sleeps between attempts keeps its own.
const RETRY_CONNECTIONS: u32 = 4096;
/// Retries that sleep for longer than this in all are told before the load begins.
const LONG_RETRIES: Duration = Duration::from_secs(60);

/// What is run.
#[derive(Debug, Clone)]
pub(super) struct LoadWork {
    pub pace: Pace,
    pub shard: Shard,
    pub connections: u32,
    /// How many threads share schedule and connections.
    pub threads: u32,
    pub retry: RetryPolicy,
    pub seed: u64,
    /// When to begin; at once when it has passed.
    pub start_at: Option<DateTime<Utc>>,
    /// The highest rate in starts per second; `None` for as fast as it goes.
    pub peak: Option<f64>,
    stages: Vec<Stage>,
}

impl LoadWork {
    /// Resolves rates, shard and limits; `usual_threads` where the command line does not say.
    ///
    /// # Errors
    /// Usage: something does not parse or is out of range. Environment: too many connections for this process.
    pub(super) fn new(
        args: &ScheduleArgs,
        usual_threads: u32,
        retry: RetryPolicy,
        seed: Option<u64>,
    ) -> Result<Self, Failure> {
        let (pace, stages) = pace(args)?;
        let shard = match args.shard {
            Some(shard) => shard,
            None => Shard::from_environment(args.shards, |name| std::env::var(name).ok())
                .map_err(Failure::usage)?
                .unwrap_or(Shard::WHOLE),
        };
        let peak = match &pace {
            Pace::Open(schedule) => {
                if schedule.total() == 0 {
                    return Err(Failure::usage(
                        "the schedule starts nothing: at this rate the first start is due after it ends",
                    ));
                }
                if shard.share(schedule.total()) == 0 {
                    return Err(Failure::usage(format!(
                        "shard {shard} has nothing to start: the whole schedule has {} starts",
                        schedule.total()
                    )));
                }
                Some(schedule.peak())
            }
            Pace::Closed(_) => None,
        };
        let limit = crate::resources::open_files();
        let peak_here = peak.map(|peak| peak / shard.count() as f64);
        let asleep = retry.asleep();
        let connections = args.connections.unwrap_or_else(|| default_connections(peak_here, asleep, limit));
        guard::check_descriptors(u64::from(connections), limit).map_err(Failure::environment)?;
        Ok(Self {
            pace,
            shard,
            connections,
            threads: threads(args.threads, usual_threads, connections)?,
            retry,
            seed: seed.map_or_else(random, Ok)?,
            start_at: args.start_at,
            peak,
            stages,
        })
    }

    /// What there is to say before a load whose retries may go on for long after its schedule; `sender`: who promises them.
    pub(super) fn long_retries(&self, sender: &str) -> Option<String> {
        let (contract, attempts) = (&self.retry.contract, self.retry.contract.attempts());
        let asleep = self.retry.asleep();
        let longest = asleep.saturating_add(self.retry.timeout.saturating_mul(attempts));
        let told = match contract.retry_after {
            RetryAfterPolicy::Ignore => String::new(),
            _ => format!(
                ", and longer where its target answers with Retry-After ({LONGEST_RETRY_AFTER_S} s at most)"
            ),
        };
        (asleep > LONG_RETRIES).then(|| {
            format!(
                "--retry: a webhook that keeps failing is in flight for up to {}{told}: {attempts} attempts, as {sender} promises. The load \
                 lasts as long as its last webhook; an interrupt ends it, and leaves it unproven. A profile with fewer attempts or \
                 shorter pauses bounds it (--sender FILE)",
                in_hours(longest)
            )
        })
    }

    /// The same beside a target that runs on this machine and needs a core as well, unless the command line says how many threads.
    #[must_use]
    pub(super) fn beside_target(self, args: &ScheduleArgs) -> Self {
        Self { threads: args.threads.unwrap_or_else(|| beside_target(self.threads)), ..self }
    }

    /// What the journal says of it. `common` is whatever else shards must have in common.
    pub(super) fn record(
        &self,
        subject: &str,
        event: &str,
        common: &serde_json::Value,
        started: DateTime<Utc>,
    ) -> LoadPlan {
        let pace = self.recorded_pace();
        let timeout_ms = ms(self.retry.timeout);
        let backoff_ms = self.retry.contract.backoff_ms.clone();
        let total = match &self.pace {
            Pace::Open(schedule) => Some(schedule.total()),
            Pace::Closed(_) => None,
        };
        let parameters = json!({
            "subject": subject, "event": event, "pace": pace, "timeout_ms": timeout_ms, "backoff_ms": backoff_ms,
            "common": common,
        });
        LoadPlan {
            subject: subject.to_owned(),
            pace,
            total,
            connections: self.connections,
            threads: self.threads,
            timeout_ms,
            backoff_ms,
            event: event.to_owned(),
            parameters_sha256: sha256_hex(parameters.to_string().as_bytes()),
            started,
        }
    }

    fn recorded_pace(&self) -> LoadPace {
        let stage = |s: &Stage| LoadStage { from: s.from, to: s.to, lasts_ms: ms(s.lasts) };
        match &self.pace {
            Pace::Open(_) => LoadPace::Open { stages: self.stages.iter().map(stage).collect() },
            Pace::Closed(lasts) => LoadPace::Closed { lasts_ms: ms(*lasts) },
        }
    }
}

/// A long time in words.
fn in_hours(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    if minutes < 120 { format!("{minutes} min") } else { format!("{} h {} min", minutes / 60, minutes % 60) }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn pace(args: &ScheduleArgs) -> Result<(Pace, Vec<Stage>), Failure> {
    let stages = match (&args.stages, args.rate, args.duration) {
        (Some(Stages(stages)), ..) => stages.clone(),
        (None, Some(Rate::Max), Some(lasts)) => return Ok((Pace::Closed(lasts), Vec::new())),
        (None, Some(Rate::PerSecond(rate)), Some(lasts)) => vec![Stage { from: rate, to: rate, lasts }],
        _ => {
            return Err(Failure::usage(
                "give --rate and --duration (--rate 20/s --duration 60s), or --stages",
            ));
        }
    };
    Ok((Pace::Open(Schedule::new(&stages)), stages))
}

/// Requests that take a second each fit in flight (Little's law), and with retries all that sleep for as long as they
/// can; within reason and within the limit of descriptors. `peak` is this shard's, in starts per second.
fn default_connections(peak: Option<f64>, asleep: Duration, limit: Option<u64>) -> u32 {
    let (least, most) = OPEN_CONNECTIONS;
    let wanted = match peak {
        None => CLOSED_CONNECTIONS,
        Some(peak) => {
            let sleeping = (peak * asleep.as_secs_f64()).ceil() as u32;
            (peak.ceil() as u32).clamp(least, most).saturating_add(sleeping).min(RETRY_CONNECTIONS)
        }
    };
    let fit = limit.map_or(u64::MAX, guard::most_connections).max(1);
    wanted.min(u32::try_from(fit).unwrap_or(u32::MAX))
}

/// A thread for each core that this process may use.
pub(super) fn cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores).map_or(MOST_THREADS, |cores| cores.min(MOST_THREADS))
}

/// The usual threads, less one for a target on this machine.
fn beside_target(usual: u32) -> u32 {
    usual.saturating_sub(1).max(1)
}

fn threads(asked: Option<u32>, usual: u32, connections: u32) -> Result<u32, Failure> {
    match asked {
        Some(threads) if threads > connections => Err(Failure::usage(format!(
            "--threads {threads}: each thread needs its own connection, and there are {connections}; give --connections \
             {threads} or more, or fewer threads"
        ))),
        Some(threads) => Ok(threads),
        None => Ok(usual.min(connections)),
    }
}

fn random() -> Result<u64, Failure> {
    getrandom::u64().map_err(|e| Failure::environment(format!("no random bytes: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::RetryContract;

    #[test]
    fn each_thread_has_a_connection() {
        assert_eq!(threads(None, 8, 32).unwrap(), 8);
        assert_eq!(threads(None, 8, 3).unwrap(), 3, "fewer than cores");
        assert_eq!(threads(Some(4), 8, 4).unwrap(), 4);
        assert_eq!(
            [beside_target(4), beside_target(2), beside_target(1)],
            [3, 1, 1],
            "a core for the target"
        );
        assert!(
            matches!(threads(Some(5), 8, 4), Err(Failure::Usage(e)) if e.to_string().contains("--connections 5"))
        );
    }

    #[test]
    fn starts_that_sleep_between_attempts_have_room() {
        let policy = RetryPolicy { timeout: Duration::ZERO, contract: RetryContract::default().into() };
        let six = policy.asleep();
        assert_eq!(default_connections(Some(50.0), Duration::ZERO, None), 50);
        assert_eq!(default_connections(Some(50.0), six, None), 350);
        assert_eq!(default_connections(Some(50.0), six, Some(132)), 100);
        assert_eq!(default_connections(Some(100_000.0), six, None), RETRY_CONNECTIONS);
        assert_eq!(default_connections(None, six, None), CLOSED_CONNECTIONS);
    }
}
