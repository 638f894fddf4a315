//! Every field of the header that has a source is what its source says.

use super::Contradictions;
use record::faults::Sweep;
use record::{EMBEDDED, Header, MAX_SECRETS, Override, Record, RunKind, ScenarioRef, Watch};
use scenario::Scenario;
use std::collections::BTreeSet;

pub(super) fn check(header: &Header, scenario: Option<&Scenario>, found: &mut Contradictions) {
    let mut differs = |what: String| found.add("header_differs", what);
    if header.blind && header.webhook.secret_configured {
        differs("a blind run has no secret, yet one is said to be configured".to_owned());
    }
    if header.webhook.secret_configured != (header.webhook.secret_length_chars > 0) {
        differs("whether a secret was configured contradicts its length".to_owned());
    }
    of_secrets(header, &mut differs);
    if matches!(header.kind, RunKind::Observe | RunKind::Receive) {
        of_one_who_only_receives(header, &mut differs);
    }
    if header.kind == RunKind::Load && header.blind {
        differs("a load keeps no webhooks to verify later, so none is blind".to_owned());
    }
    if !header.kind.accounts_for_each_webhook() {
        return;
    }
    if header.target.is_empty() {
        differs("a run without a target drives nothing".to_owned());
    }
    if !header.webhook.endpoint.contains("://") {
        differs(format!("`{}` is no address to post webhooks to", header.webhook.endpoint));
    }
    of_sender(header, &mut differs);
    header.overrides.iter().filter_map(|given| contradicted(given, header)).for_each(&mut differs);
    // A load has so many connections, however many flows it starts.
    let is_more = header.concurrency > header.flows && header.kind == RunKind::Run;
    if is_more || header.concurrency == 0 {
        differs(format!("{} flows at the same time of {}", header.concurrency, header.flows));
    }
    if let Some(scenario) = scenario {
        of_scenario(header, scenario, found);
    }
}

pub(super) fn secrets_out_of_range(secrets: usize) -> String {
    format!("webhooks are accepted under 1 to {MAX_SECRETS} secrets, and not under {secrets}")
}

/// Whoever says that there were more secrets than there were has what is signed with none of the approver's taken for another's.
fn of_secrets(header: &Header, differs: &mut impl FnMut(String)) {
    let secrets = header.webhook.secrets;
    // Where smoke is the sender, nobody accepts anything.
    let accepts = matches!(header.kind, RunKind::Run | RunKind::Observe | RunKind::Receive);
    if accepts && !(1..=MAX_SECRETS).contains(&secrets) {
        differs(secrets_out_of_range(secrets));
    }
    if accepts && header.blind && secrets > 1 {
        differs(format!("a blind run has no secret, yet {secrets} are said to be accepted"));
    }
}

/// What is said of the sender's settings hangs together.
fn of_sender(header: &Header, differs: &mut impl FnMut(String)) {
    if header.webhook.timeout_ms == 0 {
        differs("a sender that waits 0 ms for an answer sends nothing".to_owned());
    }
    if header.webhook.max_attempts != header.retry.attempts() {
        differs(format!(
            "{} attempts are said to be configured, but the retry contract has {}",
            header.webhook.max_attempts,
            header.retry.attempts()
        ));
    }
}

/// A receiver and a window play nothing: what a run takes from its scenario and its rows is not in their headers.
fn of_one_who_only_receives(header: &Header, differs: &mut impl FnMut(String)) {
    of_sender(header, differs);
    let is_window = header.kind == RunKind::Observe;
    let none = ScenarioRef::none(header.kind);
    let unusual = [
        (header.scenario != none, "a scenario"),
        (header.flows > 0 || header.concurrency > 0 || header.in_turn, "flows"),
        (header.seed != 0, "a seed"),
        (header.shard.is_some(), "a shard"),
        (!header.ours.is_empty(), "places that tell its webhooks from others"),
        (!header.identities.is_empty(), "canaries"),
        (header.pii_policy.is_some(), "a policy on personal data"),
        (is_window && !header.faults.is_empty() || !header.clauses.is_empty(), "faults of its own"),
        (!header.overrides.is_empty(), "options in place of a scenario's"),
        (header.challenge.is_some(), "a challenge"),
    ];
    for (_, what) in unusual.iter().filter(|(is, _)| *is) {
        let who = if is_window { "a window" } else { "a receiver" };
        differs(format!("{who} has no such thing, yet its header names {what}"));
    }
}

/// What an option of the command line was given as, against what the header has by it.
fn contradicted(given: &Override, header: &Header) -> Option<String> {
    let number = || given.value.parse::<u32>().ok();
    let is_so = match given.option.as_str() {
        "flows" => number() == Some(header.flows),
        // Flows in turn run one by one, whatever was asked for.
        "concurrency" => header.in_turn || number().map(|n| n.min(header.flows)) == Some(header.concurrency),
        "scheme" => given.value == header.scheme.to_string(),
        _ => true,
    };
    (!is_so)
        .then(|| format!("--{} {} was given, but the header has something else", given.option, given.value))
}

/// The scenario of the checkout has the digest in the header: what the header took from it must be in it.
fn of_scenario(header: &Header, scenario: &Scenario, found: &mut Contradictions) {
    let mut differs = |what: String| found.add("header_differs", what);
    if header.scenario.subject != scenario.subject.kind || header.scenario.plural != scenario.subject.plural {
        differs("the subject of the flows is not the scenario's".to_owned());
    }
    let given = ["scheme", "sender"].iter().any(|name| header.given(name).is_some());
    if header.scheme != scenario.scheme && !given {
        differs(format!(
            "the signature scheme is {}, but the scenario's is {}",
            header.scheme, scenario.scheme
        ));
    }
    of_scenarios_sender(header, scenario, &mut differs);
    let ours: BTreeSet<&String> = scenario.webhooks.ours.keys().collect();
    if header.ours.iter().collect::<BTreeSet<_>>() != ours {
        differs("the places that identify this run's webhooks differ from the scenario's".to_owned());
    }
    if header.learns != scenario::learns(scenario) {
        differs("what its flows learn from responses is not what the scenario says".to_owned());
    }
    if header.pii_policy != scenario.pii {
        differs("the policy on personal data is not the scenario's `pii:`".to_owned());
    }
    let kinds: BTreeSet<_> = scenario.identities.iter().map(|identity| identity.kind).collect();
    if header.identities.iter().any(|identity| !kinds.contains(&identity.kind)) {
        differs("a canary is of a kind that the scenario does not have".to_owned());
    }
    if header.clauses != Sweep::of_contract(&scenario.contract, &header.retry).clauses {
        differs("the clauses of the sender's contract are not the scenario's".to_owned());
    }
    of_scenarios_size(header, scenario, &mut differs);
}

/// As many flows as the scenario has, unless the command line gave another number. A sweep has one for each case of its clauses, and
/// a staging system gets one for each row that the scenario has written out, where no other data was given.
fn of_scenarios_size(header: &Header, scenario: &Scenario, differs: &mut impl FnMut(String)) {
    let rows = u32::try_from(scenario.data.rows.len()).unwrap_or(u32::MAX);
    let takes_rows = header.environment != EMBEDDED && header.given("data").is_none() && rows > 0;
    let by_rows = takes_rows && header.flows == rows.min(scenario.flows);
    let is_sized = header.given("flows").is_some() || !scenario.contract.is_empty();
    if !is_sized && !by_rows && header.flows != scenario.flows {
        differs(format!(
            "{} flows, but the scenario has {} and no other number was given",
            header.flows, scenario.flows
        ));
    }
}

/// The profile in the header is the one that the scenario names, or `--sender` in its place; without either there is none. By it
/// the retry contract and the time-out are judged.
fn of_scenarios_sender(header: &Header, scenario: &Scenario, differs: &mut impl FnMut(String)) {
    let is_given = header.given("sender").is_some();
    if is_given && header.given("scheme").is_some() {
        differs("--sender and --scheme are said to have been given at once, which smoke refuses".to_owned());
    }
    let is_named = is_given || scenario.sender.is_some();
    // `--scheme` alone leaves the scenario's profile in its place.
    let signed_as = if is_given { header.scheme } else { scenario.scheme };
    match &header.sender {
        None if is_named => {
            differs(format!(
                "the sender is {}, but the header does not have its profile",
                signed_as.sender()
            ));
        }
        Some(sender) if !is_named => differs(format!(
            "the header has the profile of {}, but neither the scenario nor --sender names a sender",
            sender.name
        )),
        Some(sender) if sender.name != signed_as.sender() => differs(format!(
            "the header has the profile of {}, but the sender is {}",
            sender.name,
            signed_as.sender()
        )),
        _ => {}
    }
}

/// Whether a journal of this kind has such records.
pub(super) fn fits(kind: RunKind, record: &Record, found: &mut Contradictions) {
    let fits = match record {
        Record::Load(_) | Record::Interval(_) | Record::RunStats(_) => kind == RunKind::Load,
        Record::FlowStart(_)
        | Record::Learned(_)
        | Record::Expect(_)
        | Record::Step(_)
        | Record::FlowEnd(_) => {
            matches!(kind, RunKind::Run | RunKind::Observe)
        }
        // A load counts its webhooks and keeps none.
        Record::Attempt(_) | Record::Answered(_) | Record::Refused(_) => kind != RunKind::Load,
        Record::Watch(Watch::Begin(_)) => kind == RunKind::Observe,
        Record::Watch(Watch::Continues(_)) => kind == RunKind::Receive,
        Record::EndedEarly(_) => kind.accounts_for_each_webhook(),
        _ => true,
    };
    if !fits {
        found.add(
            "record_of_another_kind",
            format!("a journal of kind `{}` has no such records", kind.name()),
        );
    }
}
