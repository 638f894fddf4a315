//! `staging_load_output.json`: a load, its figures and its verdict; the same journals give the same bytes.

use super::flows::EndToEnd;
use crate::JsonSchema;
use crate::analysis::load::{LoadSummary, Point};
use crate::gate::{Check, Verdict, overall};
use crate::report::EMBEDDED;
use chrono::SecondsFormat;
use record::latency::Latency;
use record::{Build, Header, LoadFailure, LoadPace, RunKind, RunStats, Tally};
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the shape of this file.
pub const LOAD_SCHEMA_VERSION: &str = "1.0";

/// The artifact of a load.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LoadArtifact {
    /// Version of this shape.
    pub schema_version: String,
    /// The run in the keys that the other artifacts have.
    pub test_run: LoadRun,
    /// How the load was asked for.
    pub load: LoadAsked,
    /// Everything that was counted.
    pub counters: Counters,
    /// Percentiles in milliseconds of each series.
    pub latency_ms: LatencyTable,
    /// The timeline; at most 600 steps (1200 when the run goes on after its schedule).
    pub timeline: Vec<TimelineRow>,
    /// What happened to the webhooks that the flows had to fire; null for a load of webhooks.
    pub end_to_end: Option<EndToEnd>,
    /// A few of the failures.
    pub failures: Vec<LoadFailure>,
    /// The shards.
    pub shards: Vec<ShardRow>,
    /// Shards that are missing.
    pub missing_shards: Vec<u64>,
    /// The criteria and the verdict over them.
    pub acceptance_gates: LoadGates,
    /// What to make of it, in one sentence.
    pub recommendation: String,
    /// What else the reader should know.
    pub notes: Vec<String>,
    /// Where the figures come from.
    pub provenance: LoadProvenance,
}

impl LoadArtifact {
    /// SHA-256 of the journal of a load that has only one.
    #[must_use]
    pub fn journal_sha256(&self) -> &str {
        self.shards.first().map_or("", |shard| &shard.journal_sha256)
    }
}

/// The run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LoadRun {
    /// When the schedule began (of the first shard).
    pub timestamp: String,
    /// `loopback`, or the name of the environment.
    pub environment: String,
    /// Webhooks, not attempts: those that this process began to send, or in a load of flows those that arrived.
    pub webhooks_sent: u64,
    /// Of those, accepted.
    pub webhooks_success: u64,
    /// Of those, not accepted: failed, or given up at an interrupt.
    pub webhooks_failed: u64,
    /// Percent accepted of the webhooks that were sent, or in a load of flows due; null without any.
    pub success_rate: Option<f64>,
    /// From the beginning of the schedule to the end of the last request, seconds.
    pub duration_seconds: f64,
}

/// How the load was asked for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LoadAsked {
    /// What was started.
    pub subject: String,
    /// The event of the webhooks.
    pub event: String,
    /// Where to.
    pub target: String,
    /// `open` (by a schedule) or `closed` (as fast as responses arrive: no response time, no lag).
    pub model: String,
    /// The schedule.
    pub schedule: LoadPace,
    /// Starts of the whole schedule; null in the closed model.
    pub total: Option<u64>,
    /// Most requests in flight, in each shard.
    pub connections: u32,
    /// Threads of the generator, in each shard.
    pub threads: u32,
    /// Time limit of one request, milliseconds.
    pub timeout_ms: u64,
    /// Pause before each attempt, milliseconds.
    pub backoff_ms: Vec<u64>,
    /// How webhooks are signed.
    pub signature_scheme: String,
    /// Starts per second that were made, on average over the schedule, or as much of it as was before an interrupt.
    pub achieved_per_second: f64,
}

/// Everything that was counted.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Counters {
    /// Starts made.
    pub started: u64,
    /// Starts ended.
    pub done: u64,
    /// Starts ended well.
    pub ok: u64,
    /// Starts ended otherwise.
    pub failed: u64,
    /// Starts that could not be made before the end.
    pub dropped: u64,
    /// Starts given up when the run was interrupted.
    pub abandoned: u64,
    /// Requests ended; of a load of flows the steps that were sent.
    pub attempts: u64,
    /// Starts that took more than one request.
    pub retried: u64,
    /// Connections opened; null for a load of flows.
    pub connects: Option<u64>,
    /// Answers by status; of a load of flows those of its steps.
    pub statuses: BTreeMap<String, u64>,
    /// Requests without a response, by what went wrong.
    pub errors: BTreeMap<String, u64>,
    /// Answers 429.
    pub throttled: u64,
    /// The longest Retry-After of them, seconds.
    pub retry_after_s: Option<u64>,
    /// Share of one core that the generator used, 0 to 1; of several threads the busiest of each second. Null where it is not known.
    pub generator_busy: Option<f64>,
    /// Share of the time for which its threads waited for a processor, of several threads the one that waited longest in each
    /// second; of a load of flows all of the process. Null where it is not known.
    pub generator_waited: Option<f64>,
}

/// Percentiles of each series.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LatencyTable {
    /// Done - intended: what a user waits. Null in the closed model.
    pub response: Option<Percentiles>,
    /// Done - sent: what the target took.
    pub service: Option<Percentiles>,
    /// Sent - intended: what the generator and the bound on connections took. Null in the closed model.
    pub lag: Option<Percentiles>,
    /// The part of the lag during which a connection was free. Null in the closed model.
    pub own_lag: Option<Percentiles>,
}

/// Figures of a series in milliseconds.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Percentiles {
    pub samples: u64,
    pub min: f64,
    pub mean: f64,
    pub p50: f64,
    pub p75: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub p99_99: f64,
    pub max: f64,
}

/// One step of the timeline.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TimelineRow {
    /// Seconds from the beginning of the schedule.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
    /// Starts per second asked for; null in the closed model.
    pub asked_per_second: Option<f64>,
    /// Starts per second made, in as much of it as was before an interrupt.
    pub started_per_second: f64,
    /// Starts ended.
    pub done: u64,
    /// Of those, the failed ones.
    pub failed: u64,
    /// In flight at its end.
    pub in_flight: u64,
    /// Response time (closed model: service time), milliseconds; null without samples.
    pub p50_ms: Option<f64>,
    /// As above.
    pub p95_ms: Option<f64>,
    /// As above.
    pub p99_ms: Option<f64>,
    /// As above.
    pub max_ms: Option<f64>,
}

/// One shard.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ShardRow {
    /// Its index, from 0.
    pub index: u64,
    /// Of how many.
    pub count: u64,
    /// Its run.
    pub run_id: String,
    /// When its schedule began.
    pub started: String,
    /// Whether it was completed.
    pub complete: bool,
    /// SHA-256 of its journal.
    pub journal_sha256: String,
}

/// The criteria.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LoadGates {
    /// The verdict over all of them.
    pub verdict: Verdict,
    /// Each of them.
    pub checks: Vec<Check>,
}

/// Where the figures come from.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LoadProvenance {
    /// The run of the first shard.
    pub run_id: String,
    /// What kind of run it was: a load.
    pub kind: RunKind,
    /// Version of smoke that made the journals.
    pub tool_version: String,
    /// Which build wrote the first shard's journal, if the journal says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// SHA-256 of the parameters that all shards have in common.
    pub parameters_sha256: String,
    /// SHA-256 of the gates file.
    pub gates_sha256: String,
    /// Seed of ids and bodies of the first shard.
    pub seed: u64,
}

/// The artifact of a load that was judged.
#[must_use]
pub fn load_artifact(
    header: &Header,
    load: &LoadSummary,
    checks: Vec<Check>,
    end_to_end: Option<EndToEnd>,
) -> LoadArtifact {
    let verdict = overall(&checks);
    let slow = end_to_end.as_ref().and_then(EndToEnd::slow_inbox);
    LoadArtifact {
        schema_version: LOAD_SCHEMA_VERSION.to_owned(),
        test_run: run(header, load),
        load: asked(header, load),
        counters: counters(load),
        latency_ms: LatencyTable {
            response: percentiles(&load.series.response),
            service: percentiles(&load.series.service),
            lag: percentiles(&load.series.lag),
            own_lag: percentiles(&load.series.own_lag),
        },
        timeline: load.timeline.iter().map(row).collect(),
        end_to_end,
        failures: load.failures().to_vec(),
        shards: load
            .shards
            .iter()
            .map(|s| ShardRow {
                index: s.index,
                count: load.of,
                run_id: s.run_id.to_string(),
                started: s.started.to_rfc3339_opts(SecondsFormat::Millis, true),
                complete: s.complete,
                journal_sha256: s.journal_sha256.clone(),
            })
            .collect(),
        missing_shards: load.missing.clone(),
        recommendation: recommendation(header, verdict, &checks, slow.as_deref()),
        acceptance_gates: LoadGates { verdict, checks },
        notes: load.notes.iter().cloned().chain(slow).collect(),
        provenance: LoadProvenance {
            run_id: header.run_id.to_string(),
            kind: header.kind,
            tool_version: header.tool_version.clone(),
            build: header.build.clone(),
            parameters_sha256: load.plan.parameters_sha256.clone(),
            gates_sha256: header.gates_sha256.clone(),
            seed: header.seed,
        },
    }
}

fn run(header: &Header, load: &LoadSummary) -> LoadRun {
    let started = load.shards.iter().map(|s| s.started).min().unwrap_or(load.plan.started);
    let (sent, success, rate) = match &load.flows {
        Some(RunStats { organic, injected, .. }) => {
            let both = |of: fn(&Tally) -> u64| of(organic) + of(injected);
            let in_the_end = share(both(|t| t.fulfilled + t.late), both(|t| t.expected));
            (both(|t| t.deliveries), both(|t| t.fate("delivered")), in_the_end)
        }
        None => (load.counts.started, load.counts.ok, share(load.counts.ok, load.counts.started)),
    };
    LoadRun {
        timestamp: started.to_rfc3339_opts(SecondsFormat::Millis, true),
        environment: header.environment.clone(),
        webhooks_sent: sent,
        webhooks_success: success,
        webhooks_failed: sent.saturating_sub(success),
        success_rate: rate,
        duration_seconds: round3(load.counts.to.0 as f64 / 1e6),
    }
}

fn asked(header: &Header, load: &LoadSummary) -> LoadAsked {
    LoadAsked {
        subject: load.plan.subject.clone(),
        event: load.plan.event.clone(),
        target: header.target.clone(),
        model: if load.is_open() { "open" } else { "closed" }.to_owned(),
        schedule: load.plan.pace.clone(),
        total: load.plan.total,
        connections: load.plan.connections,
        threads: load.plan.threads,
        timeout_ms: load.plan.timeout_ms,
        backoff_ms: load.plan.backoff_ms.clone(),
        signature_scheme: header.scheme.name().to_owned(),
        achieved_per_second: round3(load.achieved()),
    }
}

fn counters(load: &LoadSummary) -> Counters {
    let counts = &load.counts;
    Counters {
        started: counts.started,
        done: counts.done,
        ok: counts.ok,
        failed: load.failed(),
        dropped: counts.dropped,
        abandoned: counts.abandoned,
        attempts: counts.attempts,
        retried: counts.retried,
        connects: load.flows.is_none().then_some(counts.connects),
        statuses: counts.statuses.iter().map(|(s, &n)| (s.to_string(), n)).collect(),
        errors: load.errors().into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
        throttled: counts.throttled,
        retry_after_s: counts.retry_after_s,
        generator_busy: load.busy().map(round3),
        generator_waited: load.waited().map(round3),
    }
}

fn percentiles(latency: &Latency) -> Option<Percentiles> {
    let ms = |us: u64| us as f64 / 1000.0;
    let at = |percent: f64| latency.percentile_us(percent).map(ms);
    Some(Percentiles {
        samples: latency.count(),
        min: ms(latency.min_us()?),
        mean: round3(latency.mean_us()? / 1000.0),
        p50: at(50.0)?,
        p75: at(75.0)?,
        p90: at(90.0)?,
        p95: at(95.0)?,
        p99: at(99.0)?,
        p99_9: at(99.9)?,
        p99_99: at(99.99)?,
        max: ms(latency.max_us()?),
    })
}

fn row(point: &Point) -> TimelineRow {
    let seconds = point.until.since(point.from).as_secs_f64();
    let ms = |i: usize| point.percentiles_us.and_then(|p| p.get(i).map(|&us| us as f64 / 1000.0));
    TimelineRow {
        from_s: point.from.0 as f64 / 1e6,
        to_s: point.to.0 as f64 / 1e6,
        asked_per_second: point.asked.map(round3),
        started_per_second: if seconds > 0.0 { round3(point.started as f64 / seconds) } else { 0.0 },
        done: point.done,
        failed: point.failed,
        in_flight: point.in_flight,
        p50_ms: ms(0),
        p95_ms: ms(1),
        p99_ms: ms(2),
        max_ms: ms(3),
    }
}

impl LoadArtifact {
    /// The recommendation without the notes that are shown by themselves.
    pub(super) fn decided(&self) -> String {
        let told = self.recommendation.clone();
        self.notes.iter().fold(told, |told, note| told.replace(&format!(" Note: {note}."), ""))
    }
}

fn recommendation(header: &Header, verdict: Verdict, checks: &[Check], slow_inbox: Option<&str>) -> String {
    let stand_in = header.tested() == EMBEDDED;
    let judged = judgement(verdict, checks, stand_in);
    match slow_inbox {
        Some(slow) => format!("{judged} Note: {slow}."),
        None => judged,
    }
}

fn judgement(verdict: Verdict, checks: &[Check], stand_in: bool) -> String {
    let of = |wanted: Verdict| {
        let titles: Vec<&str> =
            checks.iter().filter(|c| c.verdict == wanted).map(|c| c.title.as_str()).collect();
        titles.join(", ")
    };
    match verdict {
        Verdict::Pass if stand_in => {
            "The stand-in carried this load. This shows that the harness works; it is not evidence about staging.".to_owned()
        }
        Verdict::Pass => "The target carried this load within its gates.".to_owned(),
        Verdict::Fail => format!("The target did not carry this load: {} failed.", of(Verdict::Fail)),
        Verdict::Unproven | Verdict::NotExercised => format!("No decision yet: {} unproven.", of(Verdict::Unproven)),
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| round3(part as f64 / whole as f64 * 100.0))
}

/// Rounded to three decimals, so that artifacts are readable and stable.
fn round3(x: f64) -> f64 {
    (x * 1000.0).round() / 1000.0
}
