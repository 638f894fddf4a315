//! Applies the gates to a load. What the generator could not do makes it unproven, never a failure of the target.

use super::check::{Check, Verdict};
use super::config::Gates;
use super::rate::{Label, Side, percentile, rate};
use crate::analysis::load::LoadSummary;
use record::ErrorKind;

/// Above this share of its core the generator's thread is the bottleneck, and waiting for a free connection cannot be
/// laid at the target's door.
const BUSY: f64 = 0.9;

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
    checks
}

fn check(id: &str, title: &str, target: &str, unit: &str) -> Check {
    Check {
        id: id.to_owned(),
        title: title.to_owned(),
        target: target.to_owned(),
        actual: None,
        unit: unit.to_owned(),
        n: 0,
        interval_95: None,
        verdict: Verdict::Unproven,
        text: String::new(),
    }
}

fn completed(load: &LoadSummary) -> Check {
    let count = (load.shards.len() + load.missing.len()) as u64;
    let complete = load.shards.iter().filter(|s| s.complete).count() as u64;
    let cut: Vec<String> = load.shards.iter().filter(|s| !s.complete).map(|s| s.index.to_string()).collect();
    let missing: Vec<String> = load.missing.iter().map(u64::to_string).collect();
    let text = match (count, cut.len(), missing.len()) {
        (1, 0, _) => "the load went to its end".to_owned(),
        (1, _, _) => {
            "the load was interrupted or cut off: what is said here is about its beginning".to_owned()
        }
        (_, 0, 0) => format!("all {count} shards went to their end"),
        _ => {
            let part = |what: &str, which: &[String]| {
                let shown = which.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
                (!which.is_empty()).then(|| format!("{what}: {shown} of {}", load.plan.shard.count))
            };
            [part("missing shards", &missing), part("shards cut off", &cut)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ")
        }
    };
    let verdict = if complete == count { Verdict::Pass } else { Verdict::Unproven };
    Check {
        actual: Some(complete as f64),
        n: count,
        verdict,
        text,
        ..check("load_completed", "Load completed", &format!("{count} of {count}"), "shards")
    }
}

/// The lag of the generator itself; all of the lag when its thread had no time to spare.
fn lag(load: &LoadSummary, gates: &Gates) -> Check {
    let limit = gates.load.lag_p99_below_ms;
    let base = check("generator_lag_p99", "Generator on time", &format!("p99 < {limit} ms"), "ms");
    if !load.is_open() {
        let text = "closed model: nothing is due, so nothing is late; no response time is claimed".to_owned();
        return Check { verdict: Verdict::NotExercised, text, ..base };
    }
    let busy = load.busy().filter(|b| *b >= BUSY);
    let series = if busy.is_some() { &load.series.lag } else { &load.series.own_lag };
    let p99 = series.percentile_us(99.0).map(|us| us as f64 / 1000.0);
    let met = p99.is_some_and(|p| p < limit);
    let text = match (p99, met, busy) {
        (None, ..) => "no starts".to_owned(),
        (Some(p), true, _) => format!("p99 of what the generator added is {p:.3} ms"),
        (Some(p), false, Some(busy)) => format!(
            "p99 of the lag is {p:.1} ms, and the generator's thread was busy {:.0} % of the time: it was too slow for \
             this rate; use more shards",
            busy * 100.0
        ),
        (Some(p), false, None) => {
            format!(
                "p99 of what the generator added is {p:.1} ms: this machine was too slow or too busy for this rate"
            )
        }
    };
    let actual = p99.map(|p| (p * 1000.0).round() / 1000.0);
    let verdict = if met { Verdict::Pass } else { Verdict::Unproven };
    Check { actual, n: series.count(), verdict, text, ..base }
}

/// Whether the load that was asked for was put on the target.
fn offered(load: &LoadSummary) -> Check {
    let (dropped, started) = (load.counts.dropped, load.counts.started);
    let base = check("load_offered", "Starts not made", "0", "starts");
    if !load.is_open() {
        return Check { verdict: Verdict::NotExercised, text: "closed model".to_owned(), ..base };
    }
    let text = if dropped == 0 {
        format!("all {started} starts that were due were made")
    } else {
        format!(
            "{dropped} of {} starts found no free connection before the end ({} at most): raise --connections, or the \
             target is too slow for this rate",
            dropped + started,
            load.plan.connections
        )
    };
    let text = if dropped > 0 && load.plan.backoff_ms.len() > 1 {
        format!("{text}; starts that wait to be tried again count as in flight")
    } else {
        text
    };
    let verdict = if dropped == 0 && started > 0 { Verdict::Pass } else { Verdict::Unproven };
    Check { actual: Some(dropped as f64), n: dropped + started, verdict, text, ..base }
}

/// Requests that failed for want of something on this machine.
fn own(load: &LoadSummary) -> Check {
    let local = load.local();
    let text = if local == 0 {
        "no request failed for want of ports, descriptors or memory here".to_owned()
    } else {
        format!("{local} requests failed for want of ports, descriptors or memory on this machine")
    };
    let verdict = if local == 0 { Verdict::Pass } else { Verdict::Unproven };
    let n = load.counts.attempts;
    let base = check("generator_resources", "Generator's own failures", "0", "requests");
    Check { actual: Some(local as f64), n, verdict, text, ..base }
}

fn success(load: &LoadSummary, gates: &Gates) -> Option<Check> {
    let (target, counts) = (gates.success_rate_min_percent?, &load.counts);
    let label = Label { id: "success_rate", title: "Success rate", things: "starts ended well" };
    // What failed for want of something here says nothing about the target.
    let judged = counts.done.saturating_sub(load.local().min(load.failed()));
    let mut check = rate(gates, label, (counts.ok, judged), Side::AtLeast, target);
    let steps = counts.errors.get(&ErrorKind::Step).copied().unwrap_or(0);
    if steps > 0 {
        check.text.push_str(&format!("; in {steps} of them a step failed"));
    }
    let errors = counts.errors.iter().filter(|(trouble, _)| **trouble != ErrorKind::Step);
    let errors: Vec<String> = errors.map(|(trouble, n)| format!("{n} {}", trouble.name())).collect();
    if !errors.is_empty() {
        check.text.push_str(&format!("; without an answer: {}", errors.join(", ")));
    }
    if counts.throttled > 0 {
        let after = counts.retry_after_s.map(|s| format!(", Retry-After up to {s} s")).unwrap_or_default();
        check.text.push_str(&format!(
            "; the target throttled {} requests (429{after}), which is no slowness",
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
    let label = |id, title, things| Label { id, title, things };
    let mut checks = Vec::new();
    if let Some(target) = gates.client_error_rate_below_percent {
        let label = label("client_error_rate", "4xx answers", "requests answered 4xx");
        checks.push(rate(gates, label, (statuses(4), counts.attempts), Side::Below, target));
    }
    if let Some(target) = gates.server_error_rate_below_percent {
        let label = label("server_error_rate", "5xx answers", "requests answered 5xx");
        checks.push(rate(gates, label, (statuses(5), counts.attempts), Side::Below, target));
    }
    checks
}

fn latencies(load: &LoadSummary, gates: &Gates, late: bool) -> Vec<Check> {
    let titles = if load.is_open() {
        ["Response time p50", "Response time p95", "Response time p99"]
    } else {
        [
            "Service time p50 (closed model)",
            "Service time p95 (closed model)",
            "Service time p99 (closed model)",
        ]
    };
    let limits = [
        ("latency_p50", 50.0, gates.latency_p50_below_ms),
        ("latency_p95", 95.0, gates.latency_p95_below_ms),
        ("latency_p99", 99.0, gates.load.latency_p99_below_ms),
    ];
    let things = if load.is_open() { "response times" } else { "service times" };
    let on = titles.into_iter().zip(limits).filter_map(|(title, (id, percent, limit))| {
        limit.map(|limit| (Label { id, title, things }, percent, limit))
    });
    on.map(|(label, percent, limit)| {
        let mut check = percentile(gates, label, load.series.main(), percent, limit);
        if late && check.verdict == Verdict::Fail {
            check.verdict = Verdict::Unproven;
            check.text.push_str("; the generator was late itself, so this is not the target's time");
        }
        check
    })
    .collect()
}
