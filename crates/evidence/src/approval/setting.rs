//! What was run, told before anything that it shows: against what, how many flows, what could have been noticed, and what the
//! runner chose. What weakens the evidence leaves it unproven, unless the approver accepts it by name.

use super::demand::Demand;
use super::easier::easier;
use super::judge::Request;
use super::judgement::{Group, Item, Kind};
use super::proof::Proof;
use super::seen::Seen;
use crate::figure::counted;
use crate::gate::{Gates, Verdict};
use crate::report::EMBEDDED;
use pii::{Policy, printable};
use record::faults::{Fault, Target};
use record::period::Period;
use record::{Header, Override, RunKind, Tick};
use scenario::{Scenario, usual_settle};
use std::collections::{BTreeMap, BTreeSet};

/// What of a fact weakens the evidence: the name and value that the approver would accept it by, and why.
pub(super) struct Weakness {
    name: &'static str,
    value: String,
    why: String,
}

impl Weakness {
    pub(super) fn new(name: &'static str, value: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name, value: value.into(), why: why.into() }
    }
}

/// The facts of the run.
pub(super) fn items(request: &Request<'_>, proof: &Proof, kind: Kind) -> Vec<Item> {
    let header = &proof.evidence.analysis.header;
    let scenario = request.checkout.scenario_of(header);
    let demand = request.demand;
    let mut items = vec![target(header, &proof.seen, demand)];
    items.extend(flows(proof, kind, demand));
    items.push(canaries(header, scenario, demand));
    items.push(policy(header, demand));
    items.push(criteria(header, demand));
    items.push(overrides(proof, scenario, demand));
    items.push(faults(header, proof, kind, demand));
    items
}

/// An item from a fact and what weakens it.
pub(super) fn item(id: &str, title: &str, fact: String, weak: &[Weakness], demand: &Demand) -> Item {
    let (accepted, open): (Vec<_>, Vec<_>) = weak.iter().partition(|w| demand.allows(w.name, &w.value));
    let mut figure = fact;
    for weakness in &open {
        let Weakness { name, value, why } = weakness;
        figure.push_str(&format!("; {why} (--allow {name}={value} accepts it)"));
    }
    for weakness in accepted {
        figure.push_str(&format!("; {}, which --allow accepts", weakness.why));
    }
    Item {
        id: id.to_owned(),
        group: Group::Setting,
        title: title.to_owned(),
        verdict: if open.is_empty() { Verdict::Pass } else { Verdict::Unproven },
        figure: printable(&figure).into_owned(),
        source: "journal header".to_owned(),
        open: None,
    }
}

fn target(header: &Header, seen: &Seen, demand: &Demand) -> Item {
    let target = if header.target.is_empty() { "nothing was driven" } else { &header.target };
    let mut weak = Vec::new();
    // A probe is about the receiver that it was pointed at, wherever that is.
    let is_local = header.kind != RunKind::Probe && !header.target.is_empty() && is_loopback(&header.target);
    let named_otherwise = header.tested() != EMBEDDED && header.environment != "loopback";
    if is_local && named_otherwise {
        let why = format!(
            "the target is on the machine that ran smoke, yet is called {}: what answers there may be something else",
            header.environment
        );
        weak.push(Weakness::new("target", "loopback", why));
    }
    if seen.stand_in > 0 && header.tested() != EMBEDDED {
        let why = format!(
            "{} of {} webhooks say in their signed bodies that smoke's own stand-in or load generator sent them",
            seen.stand_in, seen.attempts
        );
        weak.push(Weakness::new("target", "stand-in", why));
    }
    let drives_flows =
        header.kind == RunKind::Run || header.kind == RunKind::Load && header.scenario.is_played();
    if drives_flows && header.environment == EMBEDDED && !header.stand_in {
        let why = "the environment is the stand-in's, yet it is said to be none: the header was changed";
        weak.push(Weakness::new("target", "stand-in", why));
    }
    if drives_flows && header.tested() == EMBEDDED && header.environment != EMBEDDED {
        let why = format!(
            "it is a stand-in called {}, not the embedded one: its people and canary values are the runner's word",
            header.environment
        );
        weak.push(Weakness::new("target", "stand-in", why));
    }
    let mut item = item("target", "Target", target.to_owned(), &weak, demand);
    if let Some(wanted) = &demand.target
        && !same_target(wanted, &header.target)
    {
        item.verdict = Verdict::Unproven;
        item.figure = printable(&format!("{}; not evidence about {wanted}", item.figure)).into_owned();
    }
    item
}

/// The same base URL, whatever slash stands at its end.
fn same_target(a: &str, b: &str) -> bool {
    a.trim_end_matches('/').eq_ignore_ascii_case(b.trim_end_matches('/'))
}

/// Whether a URL's host is this machine.
fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let ip = host.parse::<std::net::IpAddr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || ip.is_ok_and(|ip| {
            let mapped = match ip {
                std::net::IpAddr::V6(v6) => v6.to_ipv4_mapped(),
                std::net::IpAddr::V4(_) => None,
            };
            ip.is_loopback() || ip.is_unspecified() || mapped.is_some_and(|v4| v4.is_loopback())
        })
}

/// How many flows a run had; of a load how many of its starts ended, where the approver asks for a number.
fn flows(proof: &Proof, kind: Kind, demand: &Demand) -> Option<Item> {
    let (header, asked) = (&proof.evidence.analysis.header, &demand.min_flows);
    let name = &header.scenario.name;
    let (n, fact, least) = match (header.kind, &proof.load) {
        (RunKind::Run, _) => {
            let fact = format!("{}, {} at the same time", header.flows, header.concurrency);
            (u64::from(header.flows), fact, asked.of(kind, name))
        }
        (RunKind::Load, Some((load, _))) => {
            let (n, least) = (load.counters.done, asked.of_load(name)?);
            (n, format!("{n} of a load of {name}"), Some(least))
        }
        _ => return None,
    };
    let weak = least.filter(|least| n < *least).map(|least| {
        Weakness::new("flows", n.to_string(), format!("fewer than the {least} required (--min-flows)"))
    });
    Some(item("flows", "Flows", fact, weak.as_slice(), demand))
}

/// The values that would have been noticed wherever they turned up.
fn canaries(header: &Header, scenario: Option<&Scenario>, demand: &Demand) -> Item {
    let mut by_kind: BTreeMap<String, u64> = BTreeMap::new();
    for identity in &header.identities {
        *by_kind.entry(word(&identity.kind)).or_default() += 1;
    }
    let told: Vec<String> = by_kind.iter().map(|(kind, n)| format!("{kind} {n}")).collect();
    let fact = match (told.is_empty(), header.kind) {
        (false, _) => told.join(", "),
        (true, RunKind::Load) => "none: a load only counts and keeps no values".to_owned(),
        (true, _) => "none: personal data is found by its form alone".to_owned(),
    };
    let asked: BTreeSet<String> = scenario
        .filter(|_| header.kind == RunKind::Run)
        .map(|scenario| scenario.identities.iter().map(|identity| word(&identity.kind)).collect())
        .unwrap_or_default();
    let missing = asked.into_iter().filter(|kind| !by_kind.contains_key(kind));
    let weak: Vec<Weakness> = missing
        .map(|kind| {
            let why = format!("no row has a {kind}, so one in a webhook could not be recognised");
            Weakness::new("canaries", kind, why)
        })
        .collect();
    item("canaries", "Canaries", fact, &weak, demand)
}

/// A kind as it is written in files.
fn word(kind: &impl serde::Serialize) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// What the search for personal data lets pass.
fn policy(header: &Header, demand: &Demand) -> Item {
    let policy = Policy::from_value(header.pii_policy.as_ref()).unwrap_or_default();
    let mut weak = Vec::new();
    let mut add = |what: &str, value: &str| {
        let why = format!("{what} {value}");
        weak.push(Weakness::new("policy", value, why));
    };
    policy.allow_paths.iter().for_each(|path| add("allows anything at", path));
    policy.allow_domains.iter().for_each(|domain| add("allows addresses of", domain));
    policy.allow_addresses.iter().for_each(|address| add("lets pass", address));
    policy.disabled.iter().for_each(|category| add("does not look for", &word(category)));
    let fact = if weak.is_empty() { "allows nothing" } else { "allows something" };
    item("policy", "Personal data policy", fact.to_owned(), &weak, demand)
}

/// Criteria that are switched off, or easier than the guide's; a retry contract that is not the sender's.
fn criteria(header: &Header, demand: &Demand) -> Item {
    let easier = easier(&Gates::of_run(header).unwrap_or_default(), header);
    let weak: Vec<Weakness> = easier
        .iter()
        .filter(|_| !demand.own_gates)
        .map(|(name, what)| Weakness::new("criteria", *name, format!("{name} {what}")))
        .collect();
    let fact = match (easier.is_empty(), demand.own_gates) {
        (true, _) => "all of the guide's".to_owned(),
        (false, false) => "not all of the guide's".to_owned(),
        (false, true) => {
            let all: Vec<String> = easier.iter().map(|(name, what)| format!("{name} {what}")).collect();
            format!("by the approver's own gates, where {}", all.join(", "))
        }
    };
    item("criteria", "Criteria", fact, &weak, demand)
}

/// What the command line gave in place of the scenario's own.
fn overrides(proof: &Proof, scenario: Option<&Scenario>, demand: &Demand) -> Item {
    let header = &proof.evidence.analysis.header;
    let told: Vec<String> = header.overrides.iter().map(|o| format!("--{} {}", o.option, o.value)).collect();
    let fact = if told.is_empty() { "none".to_owned() } else { told.join(", ") };
    let mut weak: Vec<Weakness> =
        header.overrides.iter().filter_map(|o| weakens(o, header, scenario)).collect();
    if weak.iter().all(|weakness| weakness.name != "settle") {
        weak.extend(watched_briefly(proof, scenario));
    }
    item("overrides", "Given on the command line", fact, &weak, demand)
}

/// A run that was completed watched for duplicates as long as it says: by its own times, whatever its header says.
fn watched_briefly(proof: &Proof, scenario: Option<&Scenario>) -> Option<Weakness> {
    let analysis = &proof.evidence.analysis;
    let is_whole =
        analysis.header.kind == RunKind::Run && analysis.end.as_ref().is_some_and(|end| end.complete);
    let watched = proof.seen.settled_for();
    let usual = usual_settle(scenario, analysis.header.stand_in);
    // What is driven beside a window is watched there, from its beginning to its end.
    let is_seen =
        analysis.watched.gaps.iter().all(|gap| gap.from > Tick(0) || gap.to < analysis.watched_until());
    (is_whole && is_seen && watched < usual).then(|| {
        let told = Period::from_millis(u64::try_from(watched.as_millis()).unwrap_or(u64::MAX)).to_string();
        let usual = usual.as_millis();
        let why =
            format!("the run ended {told} after its last flow, but duplicates are watched for {usual} ms");
        Weakness::new("settle", told, why)
    })
}

fn weakens(given: &Override, header: &Header, scenario: Option<&Scenario>) -> Option<Weakness> {
    let ms = || given.value.parse::<Period>().ok().map(Period::as_millis);
    let Override { option, value } = given;
    match option.as_str() {
        "within" => {
            let shortest = scenario.and_then(shortest_limit_ms);
            let longer = ms().zip(shortest).is_none_or(|(given, own)| given > own);
            let own = shortest.map_or_else(String::new, |own| format!(" of {own} ms"));
            longer.then(|| {
                Weakness::new(
                    "within",
                    value,
                    format!("webhooks may arrive later than the scenario's limit{own}"),
                )
            })
        }
        "settle" => {
            let usual = usual_settle(scenario, header.stand_in).as_millis();
            let shorter = ms().is_none_or(|given| u128::from(given) < usual);
            shorter.then(|| {
                Weakness::new("settle", value, format!("duplicates are watched for less than {usual} ms"))
            })
        }
        "scheme" | "sender" => scenario.filter(|scenario| scenario.scheme != header.scheme).map(|scenario| {
            Weakness::new("scheme", value, format!("the scenario's signature scheme is {}", scenario.scheme))
        }),
        _ => None,
    }
}

/// The shortest time limit of a webhook that must come.
fn shortest_limit_ms(scenario: &Scenario) -> Option<u64> {
    let steps = scenario.steps.iter().chain(scenario.variants.iter().flat_map(|v| &v.steps));
    let limits = steps.flat_map(|step| &step.webhooks).filter(|webhook| !webhook.count.forbids());
    limits.map(|webhook| u64::try_from(webhook.within().as_millis()).unwrap_or(u64::MAX)).min()
}

/// What was broken on purpose, and whether enough was left alone.
fn faults(header: &Header, proof: &Proof, kind: Kind, demand: &Demand) -> Item {
    let told: Vec<String> = header.faults.iter().map(ToString::to_string).collect();
    let fact = match (told.is_empty(), header.clauses.is_empty()) {
        (true, true) => "none".to_owned(),
        (true, false) => {
            format!("one for each fault of {} clauses of the sender's contract", header.clauses.len())
        }
        (false, _) => told.join(", "),
    };
    // A window breaks nothing itself: what the receiver that it watches broke is not judged.
    let by_receiver = proof.seen.broken;
    if kind == Kind::Observation && by_receiver > 0 {
        let fact = format!("{by_receiver} of {} attempts, by the receiver", proof.seen.attempts);
        let why = "rates and latencies are judged on the others";
        let weak = [Weakness::new("faults", by_receiver.to_string(), why)];
        return item("faults", "Broken on purpose", fact, &weak, demand);
    }
    let least = demand.min_flows.of(kind, &header.scenario.name);
    let least = least.map(|flows| flows.min(header.flows.max(1).into()).div_ceil(2));
    let judged = !matches!(kind, Kind::Observation | Kind::Probe) && !told.is_empty();
    let alone = organic(proof);
    let few = least.filter(|least| judged && alone < *least).map(|_| {
        let why = format!(
            "{alone} of {} webhooks due were left alone; rates and latencies are judged on those",
            proof.due()
        );
        Weakness::new("faults", alone.to_string(), why)
    });
    let unmet = unmet(header, proof).map(|why| Weakness::new("faults", "unmet", why));
    let weak: Vec<Weakness> = few.into_iter().chain(unmet).collect();
    item("faults", "Broken on purpose", fact, &weak, demand)
}

/// Faults that have met fewer webhooks than they were to: what those would have shown is not there, or their answers were changed.
fn unmet(header: &Header, proof: &Proof) -> Option<String> {
    if header.kind != RunKind::Run || proof.apart.is_some() {
        return None;
    }
    // The numbers of those that were to be broken count requests: in a batch several webhooks come together, and a step that may
    // be refused fires none.
    let is_one_each = header.scheme.spec().body.batch.is_none() && !proof.seen.has_refused_step;
    let mut due: Vec<(Fault, u64)> = Vec::new();
    for spec in &header.faults {
        let n = match spec.target {
            Target::Every => 1,
            Target::Nth(_) => u64::from(is_one_each),
            Target::Share(share) => share.of(proof.due()) * u64::from(is_one_each),
        };
        match due.iter_mut().find(|(fault, _)| *fault == spec.fault) {
            Some((_, sum)) => *sum += n,
            None => due.push((spec.fault, n)),
        }
    }
    let (fault, due) = due.into_iter().find(|(fault, due)| proof.seen.met_by(*fault) < *due)?;
    let met = proof.seen.met_by(fault);
    Some(format!(
        "{fault} was to break {}, but broke {met}: what it would show is not there",
        counted(due, "webhooks")
    ))
}

/// Webhooks that were due and nothing was done to.
fn organic(proof: &Proof) -> u64 {
    let rate = proof.evidence.checks.iter().find(|check| check.id == "success_rate");
    rate.map_or(0, |check| check.n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_this_machine_in_every_spelling() {
        for url in [
            "http://127.0.0.1:8000/",
            "http://localhost",
            "https://LOCALHOST.:8443/x",
            "http://[::1]:8000/",
            "http://127.1.2.3/",
            "http://app.localhost/",
            "http://0.0.0.0:1/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://staging.example/",
            "http://10.0.0.1/",
            "http://localhost.example/",
            "http://127.example/",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
