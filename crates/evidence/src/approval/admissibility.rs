//! What a run must be to stand as evidence: of this environment, recent, of the scenario and the gates in the checkout.

use super::judgement::{Findings, Item, evidence};
use super::sent_as::sent_as;
use super::times::SKEW;
use crate::gate::{Gates, RetryGate, Verdict};
use crate::report::EMBEDDED;
use chrono::{DateTime, TimeDelta, Utc};
use record::RunKind;
use record::{Header, RetryContract, SenderProfile};
use scenario::Scenario;
use signature::Scheme;
use std::collections::{BTreeMap, BTreeSet};

/// Most attempts that a sender can be told to make (WEBHOOK_MAX_RETRIES).
const MOST_ATTEMPTS: u32 = 10;

/// The scenarios and gates that count: those of the checkout, or the built-in ones where it has none.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// Where the gates are.
    pub gates_name: String,
    /// SHA-256 of the gates file, hex.
    pub gates_sha256: String,
    pub gates: Gates,
    /// Scenarios by name.
    pub scenarios: BTreeMap<String, KnownScenario>,
}

/// A scenario of the checkout.
#[derive(Debug, Clone)]
pub struct KnownScenario {
    /// Where it is.
    pub source: String,
    /// Other files of the checkout that have its name and say something else: which one counts, nobody knows.
    pub others: Vec<String>,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// What it says; `None` for a file that is none.
    pub scenario: Option<Box<Scenario>>,
    /// The profile file that it names; `None` for a built-in profile.
    pub sender: Option<Box<KnownSender>>,
}

/// A profile file of the checkout.
#[derive(Debug, Clone)]
pub struct KnownSender {
    /// Where it is.
    pub source: String,
    /// Its SHA-256, hex.
    pub sha256: String,
    pub profile: SenderProfile,
}

impl Checkout {
    /// The scenario that a run played, where it is known: what the digest in the header stands for.
    pub(super) fn scenario_of(&self, header: &Header) -> Option<&Scenario> {
        self.known_of(header)?;
        self.scenario_named(&header.scenario.name)
    }

    /// The scenario of this name.
    pub(super) fn scenario_named(&self, name: &str) -> Option<&Scenario> {
        let known = self.scenarios.get(name).filter(|known| known.others.is_empty())?;
        known.scenario.as_deref().filter(|scenario| scenario.name == name)
    }

    fn known_of(&self, header: &Header) -> Option<&KnownScenario> {
        self.scenarios.get(&header.scenario.name).filter(|known| known.sha256 == header.scenario.sha256)
    }
}

/// The run's environment against the one that is asked about.
pub(super) fn environment(environment: &str, wanted: &str, source: &str) -> Item {
    let (verdict, figure) = if environment == wanted && wanted == EMBEDDED {
        (Verdict::Pass, "smoke's stand-in, as asked; this says nothing about staging".to_owned())
    } else if environment == wanted {
        (Verdict::Pass, environment.to_owned())
    } else if environment == EMBEDDED {
        (Verdict::Unproven, format!("a run against smoke's stand-in is not evidence about {wanted}"))
    } else {
        let environment: String = environment.chars().take(64).collect();
        (Verdict::Unproven, format!("a run against `{environment}` is not evidence about {wanted}"))
    };
    evidence("environment", "Environment", verdict, figure, source)
}

/// How long ago a run ended.
pub(super) fn age(
    (known, what): (DateTime<Utc>, &str),
    now: DateTime<Utc>,
    max: TimeDelta,
    source: &str,
) -> Item {
    let age = now - known;
    let (verdict, figure) = if age < -SKEW {
        let ahead = span(-age);
        let figure = format!(
            "it ended {ahead} from now: the clock of the machine that ran it is at least that far ahead of this one, or the \
             run was re-dated; sync it with NTP and run again"
        );
        (Verdict::Unproven, figure)
    } else if age > max {
        (Verdict::Unproven, format!("{what} {} ago, more than {}: too old", span(age), span(max)))
    } else {
        (Verdict::Pass, format!("{what} {} ago, at most {}", span(age.max(TimeDelta::zero())), span(max)))
    };
    evidence("age", "Recent", verdict, figure, source)
}

/// When the run began, by the receiver's clock where that is another one, against the commit. `by_sender` is the same time by the
/// sender's clock, as its signatures tell it: where the two disagree about it, one of them is wrong.
pub(super) fn after_commit(
    started: DateTime<Utc>,
    by_sender: Option<DateTime<Utc>>,
    not_before: Option<DateTime<Utc>>,
    found: &mut Findings,
) -> Option<Item> {
    let commit = not_before.filter(|commit| started < *commit)?;
    let sentence =
        format!("the run began at {started}, before the commit of {commit} that it is supposed to test");
    let Some(by_sender) = by_sender.filter(|by_sender| *by_sender >= commit) else {
        found.add("before_the_commit", sentence);
        return None;
    };
    let figure = format!(
        "{sentence}, but at {by_sender} by the times the sender signed: the clock of the machine that ran it is {} behind, \
         or the sender's is ahead; sync both with NTP and run again",
        span(by_sender - started)
    );
    Some(evidence(
        "after_commit",
        "Started after the commit",
        Verdict::Unproven,
        figure,
        "journal and --not-before",
    ))
}

/// Whether it plays no scenario: by its kind, and a load of webhooks is one of no scenario.
fn plays_none(header: &Header) -> bool {
    match header.kind {
        RunKind::Run => false,
        RunKind::Load => !header.scenario.is_played(),
        RunKind::Receive | RunKind::Observe | RunKind::Probe => true,
    }
}

/// Whether smoke sent the webhooks itself, so that no sender's contract is judged.
pub(super) fn smoke_sent(header: &Header) -> bool {
    matches!(header.kind, RunKind::Load | RunKind::Probe) && plays_none(header)
}

/// The run's scenario against the checkout's.
pub(super) fn scenario(header: &Header, checkout: &Checkout, pinned: &[String]) -> Item {
    let name = &header.scenario.name;
    if !pinned.is_empty() && !plays_none(header) && !pinned.contains(&header.scenario.sha256) {
        let figure = format!(
            "the run's {name} has SHA-256 {}, which is not among --scenario-sha256",
            short(&header.scenario.sha256)
        );
        return evidence("scenario", "Scenario of the checkout", Verdict::Fail, figure, "--scenario-sha256");
    }
    let (verdict, figure, source) = match checkout.scenarios.get(name) {
        _ if plays_none(header) => {
            (Verdict::NotExercised, "it plays no scenario".to_owned(), "journal header".to_owned())
        }
        None => (
            Verdict::Unproven,
            format!("`{name}` is not in the checkout; give its file with --scenario"),
            "journal header".to_owned(),
        ),
        Some(KnownScenario { source, others, .. }) if !others.is_empty() => {
            let figure = format!(
                "{source} and {} are both called {name}: leave one of them, or give the right one with --scenario",
                others.join(", ")
            );
            (Verdict::Unproven, figure, source.clone())
        }
        Some(KnownScenario { source, sha256, .. }) if checkout.scenario_of(header).is_some() => {
            (Verdict::Pass, format!("{name}, SHA-256 {}", short(sha256)), source.clone())
        }
        // A profile that it names may be missing: its flows are held against nothing then.
        Some(KnownScenario { source, sha256, .. }) if *sha256 == header.scenario.sha256 => {
            let figure = format!(
                "{source} cannot be read here as a scenario, so the run's flows cannot be compared with it"
            );
            (Verdict::Unproven, figure, source.clone())
        }
        Some(KnownScenario { source, .. }) if !pinned.is_empty() => (
            Verdict::Unproven,
            format!(
                "the run's matches --scenario-sha256, but {source} here differs: give the right one with --scenario"
            ),
            source.clone(),
        ),
        Some(KnownScenario { source, sha256, .. }) => (
            Verdict::Fail,
            format!(
                "the run's {name} has SHA-256 {}, {source} has {}",
                short(&header.scenario.sha256),
                short(sha256)
            ),
            source.clone(),
        ),
    };
    evidence("scenario", "Scenario of the checkout", verdict, figure, source)
}

/// The run's gates against the checkout's: the file, and what the run made of it.
pub(super) fn gates(header: &Header, checkout: &Checkout, pinned: Option<&str>) -> Item {
    if header.kind == RunKind::Probe {
        let figure = "a probe is not judged by a gates file: its cases are built into smoke";
        return evidence(
            "gates",
            "Gates of the checkout",
            Verdict::NotExercised,
            figure,
            &*checkout.gates_name,
        );
    }
    if let Some(pinned) = pinned.filter(|pinned| **pinned != *header.gates_sha256) {
        let shas = (short(&header.gates_sha256), short(pinned));
        let figure = format!("the run was judged by gates with SHA-256 {}, not {}", shas.0, shas.1);
        return evidence("gates", "Gates of the checkout", Verdict::Fail, figure, "--gates-sha256");
    }
    if pinned.is_some_and(|pinned| pinned != checkout.gates_sha256) {
        let figure = format!(
            "the run's match --gates-sha256, but {} here differs: give the right ones with --gates",
            checkout.gates_name
        );
        return evidence("gates", "Gates of the checkout", Verdict::Unproven, figure, &*checkout.gates_name);
    }
    let mut wanted = checkout.gates.clone();
    let ran: Option<Gates> = Gates::of_run(header).ok();
    // --confidence makes gates stricter than the file.
    wanted.confidence_percent = wanted.confidence_percent.or(ran.as_ref().and_then(|g| g.confidence_percent));
    let (verdict, figure) = if header.gates_sha256 != checkout.gates_sha256 {
        let shas = (short(&header.gates_sha256), short(&checkout.gates_sha256));
        (Verdict::Fail, format!("the run was judged by gates with SHA-256 {}, not {}", shas.0, shas.1))
    } else if ran.as_ref() == Some(&wanted) {
        (Verdict::Pass, format!("SHA-256 {}", short(&checkout.gates_sha256)))
    } else {
        (Verdict::Fail, "the targets in the journal differ from those in the gates file it names".to_owned())
    };
    evidence("gates", "Gates of the checkout", verdict, figure, &*checkout.gates_name)
}

/// The retry contract that the run was judged by against the one in the gates of the checkout.
pub(super) fn retry_contract(header: &Header, checkout: &Checkout) -> Item {
    let gate = checkout.gates.retry_contract.clone().unwrap_or_default();
    let (verdict, figure) = if smoke_sent(header) {
        sent_as(header, checkout)
    } else if let Some(sender) = &header.sender {
        sender_contract(header, sender, &gate, checkout)
    } else {
        usual_contract(header, &gate, checkout)
    };
    evidence("retry_contract", "Retry contract of the checkout", verdict, figure, "journal header")
}

/// The retry contract of a run that names no profile: the usual sender's, where who signs so promises that, or else the one that the scenario of the
/// checkout has by naming no other.
fn usual_contract(header: &Header, gate: &RetryGate, checkout: &Checkout) -> (Verdict, String) {
    let by_profile = SenderProfile::built_in(header.scheme).map(|profile| profile.retry);
    let is_usual = by_profile.is_some_and(|retry| retry == SenderProfile::usual().retry);
    if !is_usual && checkout.scenario_of(header).is_none_or(|scenario| scenario.sender.is_some()) {
        let figure = format!(
            "judged by {}, which is not what {} promises as far as anybody knows: its profile is not in the header (--sender)",
            told(&header.retry),
            header.scheme
        );
        return (Verdict::Unproven, figure);
    }
    if let Some(figure) = fewer_attempts(header, &RetryContract::default(), gate) {
        return (Verdict::Unproven, figure);
    }
    // Where the gates leave the number of attempts open, it is the sender's (WEBHOOK_MAX_RETRIES).
    let wanted = gate.over(RetryContract::default(), Some(header.webhook.max_attempts.min(MOST_ATTEMPTS)));
    if header.retry == wanted {
        return (Verdict::Pass, told(&header.retry));
    }
    let (ran, said, differs) = (told(&header.retry), told(&wanted), told_differences(&header.retry, &wanted));
    (Verdict::Unproven, format!("judged by {ran}, but the checkout's gates say {said}{differs}"))
}

/// The retry contract of a run that names its sender's profile: one that is built in can be compared, and so can the file that the
/// scenario of the checkout names; another one that came with the run is the runner's word.
fn sender_contract(
    header: &Header,
    sender: &SenderProfile,
    gate: &RetryGate,
    checkout: &Checkout,
) -> (Verdict, String) {
    let own_file = checkout.known_of(header).and_then(|known| known.sender.as_deref());
    let own = sender.contract();
    // A profile may have as many as it likes: the limit is for what a header claims beside it.
    let other = Some(header.webhook.max_attempts).filter(|attempts| *attempts != own.attempts());
    let wanted = gate.over(own, other.map(|attempts| attempts.min(MOST_ATTEMPTS)));
    let same_file = own_file.filter(|file| file.profile == *sender);
    if same_file.is_none() && !is_built_in(header, sender, checkout) {
        let name = &sender.name;
        let why = match own_file {
            Some(KnownSender { source, sha256, .. }) => format!(
                "the profile {name} came with the run and differs from {source} here (SHA-256 {}), which the scenario names",
                short(sha256)
            ),
            None => format!(
                "the profile {name} came with the run; review it in the journal's header, use a built-in one, or give the scenario \
                 it sits next to (--scenario)"
            ),
        };
        (Verdict::Unproven, why)
    } else if let Some(figure) = fewer_attempts(header, &sender.contract(), gate) {
        (Verdict::Unproven, figure)
    } else if header.retry == wanted {
        let whose = same_file.map_or_else(String::new, |KnownSender { source, sha256, .. }| {
            format!("; the profile is that of {source} here, SHA-256 {}", short(sha256))
        });
        (Verdict::Pass, format!("{}: {}{whose}", sender.name, told(&header.retry)))
    } else {
        let name = &sender.name;
        (
            Verdict::Unproven,
            format!(
                "judged by {}, which differs from what {name} and the gates say{}",
                told(&header.retry),
                told_differences(&header.retry, &wanted)
            ),
        )
    }
}

/// What the runner says of a sender that makes fewer attempts than it promises: one that gives up too early would set its own limit.
fn fewer_attempts(header: &Header, promised: &RetryContract, gate: &RetryGate) -> Option<String> {
    let (made, promised) = (header.webhook.max_attempts, promised.attempts());
    (made < promised && gate.backoff_ms.is_none()).then(|| {
        format!(
            "judged by {made} of the {promised} attempts that the sender promises, as the runner said (WEBHOOK_MAX_RETRIES): set it so at \
             the sender, or let backoff_ms in the checkout's gates say how many are to be made"
        )
    })
}

/// Whether the profile is a built-in one that the run may have: its webhooks are signed as it says, and it does not stand in the
/// place of a file that the scenario names, unless the run says that it does (a scheme that is not the scenario's).
pub(super) fn is_built_in(header: &Header, sender: &SenderProfile, checkout: &Checkout) -> bool {
    let built_in = sender.name.parse::<Scheme>().ok().and_then(SenderProfile::built_in);
    let signs_so = header.given("scheme").is_some() || sender.scheme().is_ok_and(|own| own == header.scheme);
    let has_file = checkout.known_of(header).is_some_and(|known| known.sender.is_some());
    let is_told = checkout.scenario_of(header).is_some_and(|scenario| scenario.scheme != header.scheme);
    built_in.as_ref() == Some(sender) && signs_so && (!has_file || is_told)
}

/// What differs in two contracts besides what is told of them anyway.
pub(super) fn told_differences(ran: &RetryContract, wanted: &RetryContract) -> String {
    let fields = |contract| serde_json::to_value(contract).unwrap_or_default();
    let (ran, wanted) = (fields(ran), fields(wanted));
    let keys = ran.as_object().into_iter().chain(wanted.as_object()).flatten().map(|(key, _)| key);
    let told: BTreeSet<String> = keys
        .filter(|key| !key.ends_with("_ms") && ran.get(*key) != wanted.get(*key))
        .map(|key| format!("; {key} is {}, and must be {}", word(&ran, key), word(&wanted, key)))
        .collect();
    pii::shown(&told.into_iter().collect::<String>())
}

/// A member as it is written in files.
fn word(object: &serde_json::Value, key: &str) -> String {
    object.get(key).map_or_else(|| "absent".to_owned(), |value| value.to_string().replace('"', ""))
}

/// A contract in one line.
fn told(contract: &RetryContract) -> String {
    let pauses: Vec<String> =
        contract.backoff_ms.iter().map(|ms| super::document::shown(seconds(*ms))).collect();
    format!("{} s, -{} ms +{} ms", pauses.join(" / "), contract.early_ms, contract.late_ms)
}

#[expect(clippy::cast_precision_loss, reason = "a pause in ms")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

/// The first digits of a digest.
pub(super) fn short(sha256: &str) -> String {
    sha256.chars().take(12).collect::<String>() + "…"
}

/// A time span in its largest fitting unit.
fn span(time: TimeDelta) -> String {
    match time.num_seconds() {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}
