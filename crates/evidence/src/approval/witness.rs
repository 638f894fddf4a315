//! What the receiver that a run was read back from has signed: what its checkpoints amount to, and which other runs were begun at
//! that receiver.

use super::demand::Demand;
use super::judge::Request;
use super::judgement::{Item, evidence};
use crate::gate::Verdict;
use chrono::{DateTime, SecondsFormat, Utc};
use record::witness::{CheckpointStatement, NAMED_RUNS, RegisteredRun};
use record::{Header, RunKind};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Other runs, and addresses, that are named in the answer; more are counted.
pub(super) const TOLD: usize = 5;

/// What the checkpoints of a journal amount to.
#[derive(Debug, Clone)]
pub(super) enum Witnessed {
    /// There are none.
    None,
    /// Nobody said which key they must be signed with.
    Unasked,
    /// They contradict the journal: the kind of contradiction, and a sentence.
    Refuted(&'static str, String),
    /// They do not cover it to its end: why.
    Open(String),
    /// All that came is here as it came; of a load as many as came. Of one that was merged, each of its shards.
    Whole(Vec<Whole>),
}

/// A run that its receiver vouches for.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    pub(super) key: String,
    pub(super) checkpoints: u64,
    pub(super) last: CheckpointStatement,
    pub(super) peers: BTreeSet<IpAddr>,
    pub(super) others: Vec<RegisteredRun>,
    /// Runs that were registered and are not named in any checkpoint.
    pub(super) unnamed: u64,
}

/// The time that a receiver signs, µs since the Unix epoch.
pub(super) fn time(us: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(i64::try_from(us).unwrap_or(i64::MAX)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The same for people.
pub(super) fn shown(us: u64) -> String {
    time(us).to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Witnessed {
    /// What the parts of a merged load amount to together: as little as the least of them.
    pub(super) fn of_parts(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Vec::new();
        let mut least: Option<Self> = None;
        for part in parts {
            match (part, &least) {
                (Self::Whole(whole), _) => all.extend(whole),
                (part @ Self::Refuted(..), _) => return part,
                (part, None) => least = Some(part),
                (_, Some(_)) => {}
            }
        }
        least.unwrap_or(if all.is_empty() { Self::None } else { Self::Whole(all) })
    }

    /// The time of its end by the receiver's clock, where that is signed.
    pub(super) fn ended(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Whole(all) => all.iter().map(|whole| time(whole.last.at_us)).max(),
            _ => None,
        }
    }

    pub(super) const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// Whether the receiver vouches for how many flows there were, too; of runs of earlier versions it does not know.
    pub(super) fn counts_flows(&self) -> bool {
        matches!(self, Self::Whole(all) if all.iter().all(|whole| whole.last.run.flows.is_some()))
    }

    /// What is told of it: nothing of a run without checkpoints, where none are asked for.
    pub(super) fn items(&self, request: &Request<'_>, header: &Header) -> Vec<Item> {
        let is_sender =
            header.kind == RunKind::Probe || header.kind == RunKind::Load && !header.scenario.is_played();
        let item = |verdict, figure: String| {
            evidence("witness", "Receiver checkpoints", verdict, figure, "journal and --witness")
        };
        match self {
            Self::None if request.witness.is_none() => Vec::new(),
            Self::None if is_sender => vec![item(
                Verdict::NotExercised,
                "smoke was the sender: there is nothing a receiver could vouch for".to_owned(),
            )],
            Self::None => vec![item(
                Verdict::Unproven,
                "none in the journal: it was not read back from a receiver with --witness-key (--inbox), or they were removed"
                    .to_owned(),
            )],
            Self::Unasked => vec![item(
                Verdict::NotExercised,
                "not checked: give the receiver's public key (--witness)".to_owned(),
            )],
            Self::Refuted(..) => vec![item(Verdict::Fail, "they contradict the journal".to_owned())],
            Self::Open(why) => vec![item(Verdict::Unproven, why.clone())],
            Self::Whole(all) => {
                let told: Vec<String> = all.iter().map(Whole::told).collect();
                let mut items = vec![item(Verdict::Pass, told.join("; "))];
                // Shards of a load see each other's registrations: what one leaves open is told once.
                let runs = all.iter().map(|whole| whole.runs(request));
                items.extend(runs.reduce(|kept, next| if kept.verdict == Verdict::Pass { next } else { kept }));
                items
            }
        }
    }
}

impl Whole {
    fn told(&self) -> String {
        let last = &self.last;
        let (key, attempts) = (super::admissibility::short(&self.key), last.attempts);
        let between = format!("from {} to {} by its clock", shown(last.run.registered_us), shown(last.at_us));
        if last.run.kind == RunKind::Load {
            return format!(
                "{} by {key}: {attempts} webhook attempts arrived {between}, as many as the load counts, with the same verdicts",
                self.checkpoints
            );
        }
        format!(
            "{} by {key}: all {} records that arrived {between}, {attempts} of them webhook attempts{}",
            self.checkpoints,
            last.records,
            self.from()
        )
    }

    /// Where webhooks came from: a runner with the secret may have posted some himself.
    fn from(&self) -> String {
        let told: Vec<String> = self.peers.iter().take(TOLD).map(ToString::to_string).collect();
        let more = if self.peers.len() > TOLD { " and others" } else { "" };
        if told.is_empty() { String::new() } else { format!(", from {}{more}", told.join(", ")) }
    }

    /// The runs like this one that were registered within the time that is asked about, and which of them are shown.
    fn runs(&self, request: &Request<'_>) -> Item {
        let oldest = request.now - request.max_age;
        let oldest = request.not_before.map_or(oldest, |commit| commit.max(oldest));
        let recent = |run: &&RegisteredRun| time(run.registered_us) >= oldest;
        let own = &self.last.run;
        let is_alike = |run: &&RegisteredRun| (run.kind, &run.scenario) == (own.kind, &own.scenario);
        let (alike, mut others): (Vec<_>, Vec<_>) = self.others.iter().filter(recent).partition(is_alike);
        others.retain(|run| !request.shown.contains(&run.run));
        let (given, hidden): (Vec<_>, Vec<_>) =
            alike.iter().partition(|run| request.shown.contains(&run.run));
        let begun = alike.len() + 1;
        let were = if begun == 1 { "1 run was" } else { &format!("{begun} runs were") };
        let is = if given.is_empty() { "1 is" } else { &format!("{} are", given.len() + 1) };
        let mut figure = format!("{were} started, {is} shown ({} of `{}`)", own.kind.name(), own.scenario);
        if !hidden.is_empty() {
            figure += &format!("; not shown: {}", named(&hidden));
        }
        if !others.is_empty() {
            figure += &format!(
                "; registered there under another kind or scenario: {}",
                named(&others.iter().collect::<Vec<_>>())
            );
        }
        let may_be_more = self.unnamed > 0
            && self.others.iter().min_by_key(|run| run.number).is_none_or(|run| recent(&run));
        if may_be_more {
            figure += &format!("; {} more are not named, only the last {NAMED_RUNS} are", self.unnamed);
        }
        let (is_open, accepted) = ((!hidden.is_empty() || may_be_more), allowed(request.demand, begun));
        let verdict = if is_open && !accepted { Verdict::Unproven } else { Verdict::Pass };
        if is_open {
            figure += &match accepted {
                true => "; which --allow accepts".to_owned(),
                false => format!("; give their artifacts too (--allow runs={begun} accepts it)"),
            };
        }
        evidence(
            "witness_runs",
            "Runs started at the receiver",
            verdict,
            pii::shown(&figure),
            "signed checkpoints",
        )
    }
}

fn allowed(demand: &Demand, begun: usize) -> bool {
    demand.allows("runs", &begun.to_string())
}

fn named(runs: &[&&RegisteredRun]) -> String {
    let told = runs.iter().take(TOLD);
    let mut all: Vec<String> = told
        .map(|run| {
            format!("{} of {} ({} of {})", run.run, shown(run.registered_us), run.kind.name(), run.scenario)
        })
        .collect();
    if runs.len() > TOLD {
        all.push(format!("{} more", runs.len() - TOLD));
    }
    all.join(", ")
}
