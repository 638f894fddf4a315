//! Applies the gates to a load. What the generator could not do makes it unproven, never a failure of the target.

use super::check::{Check, Verdict};
use super::config::Gates;
use super::criteria::{
    Criterion, GENERATOR_LAG, GENERATOR_RESOURCES, LATENCY_P50, LATENCY_P95, LOAD_CLIENT_ERRORS,
    LOAD_COMPLETED, LOAD_OFFERED, LOAD_SERVER_ERRORS, LOAD_SUCCESS_RATE, RESPONSE_P50, RESPONSE_P95,
    RESPONSE_P99, SERVICE_P50, SERVICE_P95, SERVICE_P99,
};
use super::ended_early::unprove;
use super::rate::{Side, percentile, rate};
use crate::analysis::load::{LoadSummary, ShardFacts};
use crate::figure::{counted, milliseconds};
use record::{ErrorKind, LoadShard};
use std::time::Duration;

/// Every criterion of a load, judged.
#[must_use]
pub fn judge_load(load: &LoadSummary, gates: &Gates) -> Vec<Check> {
    let lag = lag(load, gates);
    let late = lag.verdict == Verdict::Unproven;
    let mut checks = vec![completed(load), lag, offered(load), own(load)];
    checks.extend(success(load, gates));
    // The steps of flows say themselves which answers they allow.
    if load.flows.is_none() {
        checks.extend(error_rates(load, gates));
    }
    checks.extend(latencies(load, gates, late));
    // The flows that failed for what ended it.
    if let Some(early) = &load.ended_early {
        unprove(early, &[LOAD_SUCCESS_RATE], &mut checks);
    }
    checks
}

fn completed(load: &LoadSummary) -> Check {
    let count = (load.shards.len() + load.missing.len()) as u64;
    let complete = load.shards.iter().filter(|s| s.complete).count() as u64;
    let cut: Vec<String> = load.shards.iter().filter(|s| !s.complete).map(|s| s.index.to_string()).collect();
    let missing: Vec<String> = load.missing.iter().map(u64::to_string).collect();
    let text = match (count, cut.len(), missing.len()) {
        (1, 0, _) => "the load ran to its end".to_owned(),
        (1, _, _) => "the load was interrupted or cut off: these figures only cover its beginning".to_owned(),
        (_, 0, 0) => format!("all {count} shards ran to their end"),
        _ => {
            let part = |what: &str, which: &[String]| {
                let shown = which.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
                (!which.is_empty()).then(|| format!("{what}: {shown} of {}", load.of))
            };
            [part("missing shards", &missing), part("shards cut off", &cut)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ")
        }
    };
    let verdict = if complete == count { Verdict::Pass } else { Verdict::Unproven };
    let target = format!("{count} of {count}");
    Check { actual: Some(complete as f64), n: count, ..LOAD_COMPLETED.check(target, verdict, text) }
}

/// The lag of the generator itself; all of the lag when its thread had no time to spare.
fn lag(load: &LoadSummary, gates: &Gates) -> Check {
    let limit = gates.load.lag_p99_below_ms;
    let target = format!("< {limit} ms");
    if !load.is_open() {
        let text =
            "closed model: nothing is due, so nothing is late, and no response time is claimed".to_owned();
        return GENERATOR_LAG.check(target, Verdict::NotExercised, text);
    }
    let strained = load.is_strained_at(99.0);
    let series = if strained { &load.series.lag } else { &load.series.own_lag };
    let p99 = series.percentile_us(99.0).map(|us| us as f64 / 1000.0);
    let met = p99.is_some_and(|p| p < limit);
    let text = match (p99, met, strained) {
        (None, ..) if load.counts.started > 0 => {
            format!(
                "none of {} ended, and the lag of a start is known at its end",
                counted(load.counts.started, "starts")
            )
        }
        (None, ..) => "no starts".to_owned(),
        (Some(p), true, _) => format!("the generator itself added {} at p99", milliseconds(p)),
        (Some(p), false, true) => format!(
            "p99 of the lag is {}, and the generator's thread {}: {}",
            milliseconds(p),
            occupied(load),
            if is_stopped(load) { advice(load) } else { "too slow for this rate; use more shards" }
        ),
        (Some(p), false, false) => {
            format!(
                "the generator itself added {} at p99: this machine was too slow or too busy for this rate",
                milliseconds(p)
            )
        }
    };
    let actual = p99.map(|p| (p * 1000.0).round() / 1000.0);
    let verdict = if met { Verdict::Pass } else { Verdict::Unproven };
    Check { actual, n: series.count(), ..GENERATOR_LAG.check(target, verdict, text) }
}

/// What kept the generator's thread from its work.
fn occupied(load: &LoadSummary) -> String {
    let percent = |share: Option<f64>| share.map(|share| format!("{:.0} %", share * 100.0));
    if is_stopped(load) {
        return format!(
            "stood still for {:.1} s, stopped or without a CPU",
            load.strain.longest_stop_us as f64 / 1e6
        );
    }
    match (percent(load.busy()), percent(load.waited())) {
        (Some(busy), Some(waited)) => {
            format!("was busy {busy} of the time and waited for a CPU {waited} of it")
        }
        (Some(busy), None) => format!("was busy {busy} of the time"),
        (None, Some(waited)) => format!("waited for a CPU {waited} of the time"),
        (None, None) => "had no time to spare".to_owned(),
    }
}

/// Whether what kept a generator longest from its work was that it was stopped, as far as the system tells.
const fn is_stopped(load: &LoadSummary) -> bool {
    load.strain.longest_stop_us > 0 && load.strain.longest_stop_us >= load.strain.longest_wait_us / 2
}

/// What to do about a generator without time to spare.
const fn advice(load: &LoadSummary) -> &'static str {
    if is_stopped(load) {
        "run the load again"
    } else {
        "use a lower rate, or more shards on separate machines"
    }
}

/// Why a latency that misses its limit may be the generator's own, if it may.
fn own_time(load: &LoadSummary, (percent, us): (f64, u64), limit_ms: f64, late: bool) -> Option<String> {
    if late {
        return Some("the generator itself was late, so this is not the target's time".to_owned());
    }
    let advice = advice(load);
    if load.is_strained_at(percent) {
        let occupied = occupied(load);
        return Some(format!(
            "the generator's thread {occupied}, with none to spare, so this is not the target's time alone; {advice}"
        ));
    }
    let added = load.added_by_waiting(percent, us);
    (us.saturating_sub(added) as f64 / 1000.0 < limit_ms).then(|| {
        let waited = match is_stopped(load) {
            true => format!("the generator {}", occupied(load)),
            false => {
                let ms = load.strain.longest_wait_us as f64 / 1000.0;
                format!("the generator waited up to {ms:.1} ms of a second for a CPU")
            }
        };
        format!("{waited}, enough to explain this, so it is not the target's time alone; {advice}")
    })
}

/// A check of the flows of a load. The process that makes the load receives their webhooks as well: a delivery that is slow because
/// its own threads waited for a processor is no failure of the sender.
#[must_use]
pub fn excuse_own_waits(load: &LoadSummary, gates: &Gates, check: Check) -> Check {
    let limits =
        [(&LATENCY_P50, 50.0, gates.latency_p50_below_ms), (&LATENCY_P95, 95.0, gates.latency_p95_below_ms)];
    let limit = limits.into_iter().find(|(row, ..)| row.id == check.id);
    let (Some((_, percent, Some(limit))), Verdict::Fail, Some(actual)) = (limit, check.verdict, check.actual)
    else {
        return check;
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a latency in µs")]
    let us = (actual * 1000.0).max(0.0) as u64;
    match own_time(load, (percent, us), limit, false) {
        Some(own) => Check { verdict: Verdict::Unproven, text: format!("{own}; {}", check.text), ..check },
        None => check,
    }
}

/// Shards have to run together for this part of the longest one's time, or the target did not have the rate of all.
const TOGETHER: f64 = 0.9;
/// … but for a second, in which processes begin, unless they did not meet at all.
const SKEW_S: f64 = 1.0;

/// Why the target did not have the rate that was asked for, when its shards did not run at the same time.
fn apart(load: &LoadSummary) -> Option<String> {
    let shared = load.in_time()?;
    let missing = shared.longest_s - shared.all_s;
    if shared.all_s > 0.0 && (missing <= SKEW_S || shared.all_s >= shared.longest_s * TOGETHER) {
        return None;
    }
    let n = load.shards.len();
    let had = load.counts.started as f64 / shared.any_s.max(f64::MIN_POSITIVE);
    let planned = load.plan.pace.starts().unwrap_or(load.counts.started as f64);
    let asked = planned * 1000.0 / (load.plan.pace.lasts_ms().max(1) as f64);
    Some(format!(
        "the {n} shards ran together for {:.1} s of {:.1} s, at most {} of them at a time: the target got {had:.1}/s on average \
         instead of {asked:.1}/s; {}",
        shared.all_s,
        shared.longest_s,
        shared.most,
        what_then(load, shared.apart_s)
    ))
}

/// What to do where shards did not run together, of which the last one began so much later than the first.
fn what_then(load: &LoadSummary, apart_s: f64) -> String {
    let cut = |shard: &&ShardFacts| !shard.complete;
    let short: Vec<String> = load.shards.iter().filter(cut).map(|shard| shard.index.to_string()).collect();
    if apart_s > SKEW_S || short.is_empty() {
        return "give all of them the same --start-at".to_owned();
    }
    let shards = if short.len() == 1 { "shard" } else { "shards" };
    format!("{shards} {} ended before the schedule did: run all of them again", short.join(", "))
}

/// How many starts were due in the shards that are there; known where all of them ran to their end.
fn due(load: &LoadSummary) -> Option<u64> {
    let total = load.plan.total.filter(|_| load.shards.iter().all(|shard| shard.complete))?;
    let share = |shard: &ShardFacts| LoadShard { index: shard.index, count: load.of }.share(total);
    Some(load.shards.iter().map(share).fold(0, u64::saturating_add))
}

/// Whether the load that was asked for was put on the target.
fn offered(load: &LoadSummary) -> Check {
    let (dropped, started) = (load.counts.dropped, load.counts.started);
    let starts = dropped.saturating_add(started);
    if let Some(text) = apart(load) {
        let check = LOAD_OFFERED.check("0", Verdict::Unproven, text);
        return Check { actual: Some(dropped as f64), n: starts, ..check };
    }
    if !load.is_open() {
        return LOAD_OFFERED.check("0", Verdict::NotExercised, "closed model");
    }
    let text = if dropped == 0 {
        format!("all {started} starts due were made")
    } else {
        format!(
            "{dropped} of {starts} starts found no free connection before the end (limit {}): raise --connections, or the \
             target is too slow for this rate{}",
            load.plan.connections,
            if load.is_strained_at(99.0) {
                format!(", or the generator is: its thread {}", occupied(load))
            } else {
                String::new()
            }
        )
    };
    let text = if dropped > 0 && load.plan.backoff_ms.len() > 1 {
        format!("{text}; starts waiting for a retry count as in flight")
    } else {
        text
    };
    if let Some(due) = due(load).filter(|due| *due > starts) {
        let made = if dropped == 0 { "were made" } else { "were made or dropped" };
        let text = format!("{starts} of {due} starts due {made}: the journal does not have all seconds");
        let check = LOAD_OFFERED.check("0", Verdict::Unproven, text);
        return Check { actual: Some(dropped as f64), n: starts, ..check };
    }
    let verdict = if dropped == 0 && started > 0 { Verdict::Pass } else { Verdict::Unproven };
    Check { actual: Some(dropped as f64), n: starts, ..LOAD_OFFERED.check("0", verdict, text) }
}

/// Requests that failed for want of something on this machine.
fn own(load: &LoadSummary) -> Check {
    let local = load.local();
    let text = if local == 0 {
        "no request failed for lack of ports, file descriptors or memory here".to_owned()
    } else {
        format!("{local} requests failed for lack of ports, file descriptors or memory on this machine")
    };
    let verdict = if local == 0 { Verdict::Pass } else { Verdict::Unproven };
    let n = load.counts.attempts;
    Check { actual: Some(local as f64), n, ..GENERATOR_RESOURCES.check("0", verdict, text) }
}

fn success(load: &LoadSummary, gates: &Gates) -> Option<Check> {
    let (target, counts) = (gates.success_rate_min_percent?, &load.counts);
    // What failed for want of something here says nothing about the target.
    let judged = counts.done.saturating_sub(load.local().min(load.failed()));
    let mut check = rate(gates, &LOAD_SUCCESS_RATE, (counts.ok, judged), Side::AtLeast, target);
    let steps = counts.errors.get(&ErrorKind::Step).copied().unwrap_or(0);
    if steps > 0 {
        check.text.push_str(&format!("; a step failed in {steps} of them"));
    }
    let errors: Vec<String> =
        without_response(load).map(|(trouble, n)| format!("{n} {}", trouble.name())).collect();
    if !errors.is_empty() {
        let what = if counts.retried > 0 { "attempts without a response" } else { "without a response" };
        check.text.push_str(&format!("; {what}: {}", errors.join(", ")));
    }
    if counts.throttled > 0 {
        let after = counts.retry_after_s.map(|s| format!(", Retry-After up to {s} s")).unwrap_or_default();
        check.text.push_str(&format!(
            "; the target throttled {} requests (429{after}), which is throttling, not slowness",
            counts.throttled
        ));
    }
    Some(check)
}

fn error_rates(load: &LoadSummary, gates: &Gates) -> Vec<Check> {
    let counts = &load.counts;
    let statuses = |class: u16| -> u64 {
        counts.statuses.iter().filter(|(s, _)| **s / 100 == class).map(|(_, n)| n).sum()
    };
    let of = |row: Criterion, class, target: Option<f64>| {
        target.map(|target| rate(gates, &row, (statuses(class), counts.attempts), Side::Below, target))
    };
    let client = of(LOAD_CLIENT_ERRORS, 4, gates.client_error_rate_below_percent);
    let server = of(LOAD_SERVER_ERRORS, 5, gates.server_error_rate_below_percent);
    client.into_iter().chain(server).collect()
}

/// Requests that got no response, by what went wrong.
fn without_response(load: &LoadSummary) -> impl Iterator<Item = (&ErrorKind, &u64)> {
    load.counts.errors.iter().filter(|(trouble, _)| **trouble != ErrorKind::Step)
}

/// The most starts that can have got no response: one that was tried again with success has got one.
fn unanswered(load: &LoadSummary) -> u64 {
    without_response(load).map(|(_, n)| n).sum::<u64>().min(load.failed())
}

/// Whether a percentile is below its limit once what `counted` makes of the number of times below it counts as below.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^52")]
fn holds(load: &LoadSummary, percent: f64, limit_ms: f64, counted: impl Fn(u64) -> u64) -> bool {
    let latency = load.series.main();
    let limit = Duration::try_from_secs_f64(limit_ms / 1000.0).unwrap_or(Duration::MAX);
    counted(latency.count_below(limit)) as f64 >= latency.count() as f64 * percent / 100.0
}

/// Whether a percentile is below its limit even where each start without a response counts as above it.
fn holds_without_response(load: &LoadSummary, percent: f64, limit_ms: f64) -> bool {
    let none = unanswered(load);
    none == 0 || holds(load, percent, limit_ms, |below| below.saturating_sub(none))
}

/// Whether a percentile may be above its limit for no other reason than the retries of webhooks that smoke broke on purpose: steps that
/// fire them may take as long.
fn broken_on_purpose(load: &LoadSummary, percent: f64, limit_ms: f64) -> Option<String> {
    let broken = load.flows.as_ref().map_or(0, |sums| sums.injected.deliveries);
    let explains = broken > 0 && holds(load, percent, limit_ms, |below| below.saturating_add(broken));
    explains.then(|| {
        let webhooks = counted(broken, "webhooks");
        format!("the retries of {webhooks} broken on purpose may be in this time: load without --inject to judge it")
    })
}

fn latencies(load: &LoadSummary, gates: &Gates, late: bool) -> Vec<Check> {
    let rows = if load.is_open() {
        [RESPONSE_P50, RESPONSE_P95, RESPONSE_P99]
    } else {
        [SERVICE_P50, SERVICE_P95, SERVICE_P99]
    };
    let limits = [
        (50.0, gates.latency_p50_below_ms),
        (95.0, gates.latency_p95_below_ms),
        (99.0, gates.load.latency_p99_below_ms),
    ];
    let on = rows.into_iter().zip(limits).filter_map(|(row, (percent, limit))| Some((row, percent, limit?)));
    on.map(|(row, percent, limit)| {
        let mut check = percentile(gates, &row, load.series.main(), percent, limit);
        if check.verdict == Verdict::Pass && !holds_without_response(load, percent, limit) {
            check.verdict = Verdict::Unproven;
            let none = counted(unanswered(load), "starts");
            check.text = format!(
                "{none} got no response and counted with the time until that was known, which is no response time; {}",
                check.text
            );
        }
        if check.verdict == Verdict::Fail
            && let Some(us) = load.series.main().percentile_us(percent)
            && let Some(own) = own_time(load, (percent, us), limit, late)
        {
            check.verdict = Verdict::Unproven;
            // First, since a table cuts the end off.
            check.text = format!("{own}; {}", check.text);
        }
        if check.verdict == Verdict::Fail
            && let Some(broken) = broken_on_purpose(load, percent, limit)
        {
            check.verdict = Verdict::Unproven;
            check.text = format!("{broken}; {}", check.text);
        }
        check
    })
    .collect()
}
