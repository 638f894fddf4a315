//! What the receiver that a run was read back from has signed, held against the records of the run: whether all that came
//! is here, as it came and when it came, and which other runs were begun at that receiver.

use super::demand::Demand;
use super::judge::Request;
use super::judgement::{Item, evidence};
use crate::gate::Verdict;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use record::seal::PublicKey;
use record::witness::{
    Checkpoint, CheckpointStatement, NAMED_RUNS, RegisteredRun, WitnessChain, is_witnessed, on_witness_clock,
};
use record::{Header, Record, RunKind, RunStats, Tick, Watch};
use signature::Reason;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use uuid::Uuid;

/// Other runs that are named in the answer; more are counted.
const TOLD: usize = 5;
/// The stated offset is the one that records are placed by; this much is left for rounding.
const STATED: TimeDelta = TimeDelta::seconds(1);
/// So long after the receiver has signed for the last time the end is written down.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// The checkpoints of a journal, checked while its records go by.
pub(super) struct Checkpoints<'r> {
    key: Option<&'r PublicKey>,
    run: Uuid,
    kind: RunKind,
    scenario: String,
    flows: u32,
    chain: WitnessChain,
    /// The receiver's time at tick 0, by the last checkpoint.
    zero_us: u64,
    first: Option<CheckpointStatement>,
    last: Option<CheckpointStatement>,
    checkpoints: u64,
    /// Records behind the last checkpoint that it does not count.
    beyond: u64,
    /// Of a load: what it counted of all that came.
    counted: Option<RunStats>,
    others: BTreeMap<Uuid, RegisteredRun>,
    /// Addresses that webhooks came from, as the receiver saw them.
    peers: BTreeSet<IpAddr>,
    /// When the run ended, by its own time.
    ended_at: Option<Tick>,
    found: Option<(&'static str, String)>,
}

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
    key: String,
    checkpoints: u64,
    last: CheckpointStatement,
    peers: BTreeSet<IpAddr>,
    others: Vec<RegisteredRun>,
    /// Runs that were registered and are not named in any checkpoint.
    unnamed: u64,
}

impl<'r> Checkpoints<'r> {
    pub(super) fn new(header: &Header, key: Option<&'r PublicKey>) -> Self {
        Self {
            key,
            run: header.run_id,
            kind: header.kind,
            scenario: header.scenario.name.clone(),
            flows: header.flows,
            chain: WitnessChain::of(header.run_id),
            zero_us: 0,
            first: None,
            last: None,
            checkpoints: 0,
            beyond: 0,
            counted: None,
            others: BTreeMap::new(),
            peers: BTreeSet::new(),
            ended_at: None,
            found: None,
        }
    }

    pub(super) fn take(&mut self, record: &Record) {
        if let Record::Watch(Watch::Checkpoint(checkpoint)) = record {
            self.checkpoints += 1;
            if let (Some(key), None) = (self.key, &self.found) {
                self.found = self.checkpoint(key, checkpoint).err();
            }
            return;
        }
        if let Record::End(end) = record {
            self.ended_at = Some(end.at);
        }
        if self.kind == RunKind::Load {
            if let Record::RunStats(sums) = record {
                self.counted = Some((**sums).clone());
            }
            return;
        }
        let Some(last) = self.last.as_ref().filter(|_| self.found.is_none() && is_witnessed(record)) else {
            return;
        };
        if self.chain.records() >= last.records {
            // That the receiver could not be read for a while is what the run says of itself; its own gaps follow a checkpoint.
            self.beyond += u64::from(!matches!(record, Record::Watch(Watch::Gap(_))));
            return;
        }
        if let Record::Attempt(attempt) = record
            && self.peers.len() <= TOLD
        {
            self.peers.extend(attempt.peer);
        }
        // It was read from a line, so that it is no longer than one.
        let taken = on_witness_clock(record, self.zero_us).map(|placed| self.chain.take(&placed));
        if taken.is_some_and(|taken| taken.is_ok())
            && self.chain.records() == last.records
            && !self.chain.is_at(last)
        {
            self.found = Some(("witness_chain_differs", differs(last)));
        }
    }

    fn checkpoint(&mut self, key: &PublicKey, read: &Checkpoint) -> Result<(), (&'static str, String)> {
        let at = self.checkpoints;
        let statement = read.signed.verify(key).map_err(|error| {
            (
                "witness_signature_not_valid",
                format!("checkpoint {at} is not signed by the given key: {error}"),
            )
        })?;
        let of_another = |what: String| Err(("witness_of_another_run", what));
        if statement.run.run != self.run {
            return of_another(format!("checkpoint {at} is about run {}, not this one", statement.run.run));
        }
        if (statement.run.kind, &statement.run.scenario) != (self.kind, &self.scenario) {
            return of_another(format!(
                "the run was registered as `{}` of `{}`, but is `{}` of `{}`",
                statement.run.kind.name(),
                statement.run.scenario,
                self.kind.name(),
                self.scenario
            ));
        }
        if let Some(flows) = statement.run.flows.filter(|flows| *flows != self.flows) {
            return Err((
                "witness_flows_differ",
                format!("the run was registered with {flows} flows, but its header has {}", self.flows),
            ));
        }
        self.settled()?;
        self.goes_by_one_clock(read, &statement)?;
        if self.first.is_none() && statement.records > 0 {
            let what = format!(
                "the first checkpoint counts {} records: an earlier one was removed",
                statement.records
            );
            return Err(("witness_begin_missing", what));
        }
        if self.last.as_ref().is_some_and(|before| !follows(before, &statement)) {
            return Err((
                "witness_out_of_order",
                format!("checkpoint {at} was signed before the one it follows"),
            ));
        }
        for other in &statement.others {
            self.others.entry(other.run).or_insert_with(|| other.clone());
        }
        self.zero_us = read.zero_us;
        self.first.get_or_insert_with(|| statement.clone());
        self.last = Some(statement);
        Ok(())
    }

    /// Its records are put on the run's time line by one and the same time as long as the receiver is not started again.
    fn goes_by_one_clock(
        &self,
        read: &Checkpoint,
        statement: &CheckpointStatement,
    ) -> Result<(), (&'static str, String)> {
        let is_same = self.last.as_ref().is_some_and(|before| before.receiver == statement.receiver);
        if !is_same || read.zero_us == self.zero_us {
            return Ok(());
        }
        let sentence = format!(
            "checkpoint {} puts what arrived on the run's time line by another clock than the one before, but the receiver was not \
             restarted: times were changed",
            self.checkpoints
        );
        Err(("witness_clock_differs", sentence))
    }

    /// How long after the receiver signed last the run ended, where that is longer than it takes to write it down.
    fn ended_late(&self, last: &CheckpointStatement) -> Option<Duration> {
        let is_watched = matches!(self.kind, RunKind::Run | RunKind::Observe);
        let ended_us = self.zero_us.saturating_add(self.ended_at?.0);
        let after = Duration::from_micros(ended_us.saturating_sub(last.at_us));
        Some(after).filter(|after| is_watched && *after > WRITTEN_WITHIN)
    }

    /// Whether the records since the last checkpoint are those that it counts.
    fn settled(&self) -> Result<(), (&'static str, String)> {
        let Some(last) = &self.last else { return Ok(()) };
        let (is, due) = (self.chain.records(), last.records);
        if self.kind == RunKind::Load {
            return if last.closed { self.counted_as_signed(last) } else { Ok(()) };
        }
        if is < due {
            return Err((
                "witness_records_missing",
                format!(
                    "by {} the receiver had signed {due} records of this run, {} of them webhook attempts, but there are \
                     {is} here, with {} attempts: the others were removed",
                    shown(last.at_us),
                    last.attempts,
                    self.chain.attempts()
                ),
            ));
        }
        if self.beyond > 0 {
            return Err((
                "witness_not_signed",
                format!(
                    "{} webhook records follow those the receiver had signed by {}: they were inserted, or a \
                     checkpoint was removed",
                    self.beyond,
                    shown(last.at_us)
                ),
            ));
        }
        Ok(())
    }

    /// A load keeps no webhooks, but counts them: as many came as the receiver has signed, judged as it judged them, and none of
    /// its own is more.
    fn counted_as_signed(&self, last: &CheckpointStatement) -> Result<(), (&'static str, String)> {
        let differs = |what: String| Err(("witness_counts_differ", what));
        let Some(sums) = self.counted.as_ref().filter(|_| !self.counts_nothing(last)) else { return Ok(()) };
        let told = |counts: &BTreeMap<Reason, u64>| match counts.is_empty() {
            true => "none".to_owned(),
            false => counts.iter().map(|(reason, n)| format!("{n} {reason}")).collect::<Vec<_>>().join(", "),
        };
        if sums.came.values().fold(0, |sum: u64, n| sum.saturating_add(*n)) != last.attempts
            || !last.verdicts.is_empty() && sums.came != last.verdicts
        {
            let (is, signed) = (told(&sums.came), told(&last.verdicts));
            return differs(format!(
                "the receiver signed {} webhook attempts ({signed}), but the load counts: {is}",
                last.attempts
            ));
        }
        Ok(())
    }

    /// Whether it is a load that does not say what came, as those of earlier versions do not: nothing can be compared.
    fn counts_nothing(&self, last: &CheckpointStatement) -> bool {
        let is_counted = self.counted.as_ref().is_some_and(|sums| !sums.came.is_empty());
        self.kind == RunKind::Load && last.attempts > 0 && !is_counted
    }

    /// Whether the receiver's time is the one that the run's own and the offset between them amount to; measured anew where
    /// the receiver was restarted, and stated last at the end.
    fn agrees_with(&self, ended: bool, zero: DateTime<Utc>) -> Result<(), (&'static str, String)> {
        let signed = time(self.zero_us);
        if !ended || self.last.is_none() || (signed - zero).abs() <= STATED {
            return Ok(());
        }
        Err((
            "witness_clock_differs",
            format!(
                "the run began at {} by the receiver's clock, but at {} by its header and stated offset: it was \
                 re-dated",
                signed.to_rfc3339_opts(SecondsFormat::Secs, true),
                zero.to_rfc3339_opts(SecondsFormat::Secs, true)
            ),
        ))
    }

    /// What all of it amounts to. `ended` says whether the journal was closed in order, and `zero` the receiver's time at
    /// tick 0 by header and stated offset.
    pub(super) fn finish(mut self, ended: bool, zero: DateTime<Utc>) -> Witnessed {
        if self.checkpoints == 0 {
            return Witnessed::None;
        }
        let Some(key) = self.key else { return Witnessed::Unasked };
        let is_closed = self.last.as_ref().is_some_and(|last| last.closed);
        if self.found.is_none() && (ended || is_closed) && (is_closed || self.beyond == 0) {
            self.found = self.settled().and_then(|()| self.agrees_with(ended, zero)).err();
        }
        if self.found.is_none()
            && let Some(last) = self.last.as_ref().filter(|last| last.closed && self.counts_nothing(last))
        {
            return Witnessed::Open(format!(
                "the receiver signed {} webhook attempts, but the load does not say what arrived: it was written by an earlier \
                 version, or that was removed",
                last.attempts
            ));
        }
        if let (None, Some(last)) = (&self.found, self.last.as_ref().filter(|last| last.closed))
            && let Some(after) = self.ended_late(last)
        {
            return Witnessed::Open(format!(
                "the run says that it ended {:.1} s after the receiver signed last: nobody vouches for what came in between",
                after.as_secs_f64()
            ));
        }
        match (self.found, self.first, self.last) {
            (Some((kind, sentence)), ..) => Witnessed::Refuted(kind, sentence),
            (None, Some(first), Some(last)) if last.closed => {
                let named = first.others.len() as u64;
                Witnessed::Whole(vec![Whole {
                    key: key.to_string(),
                    checkpoints: self.checkpoints,
                    others: self.others.into_values().collect(),
                    peers: self.peers,
                    unnamed: first.run.number.saturating_sub(1 + named),
                    last,
                }])
            }
            (None, _, last) => {
                let until =
                    last.map_or_else(|| "the run was registered".to_owned(), |last| shown(last.at_us));
                let why = match ended {
                    true => {
                        "the receiver vouched for no more (another key, another journal, or parts that were removed)"
                    }
                    false => "the run did not report its end, or the rest was cut off",
                };
                Witnessed::Open(format!("nothing was signed after {until}: {why}"))
            }
        }
    }
}

/// Whether a checkpoint was signed after another one of the same run. Its time says nothing: a receiver that was started again
/// may have another clock.
fn follows(before: &CheckpointStatement, later: &CheckpointStatement) -> bool {
    !before.closed && before.run == later.run && before.records <= later.records && before.runs <= later.runs
}

fn differs(last: &CheckpointStatement) -> String {
    format!(
        "the {} records up to here, {} of them webhook attempts, are not those the receiver signed at {}: something \
         was edited, reordered, re-dated or replaced",
        last.records,
        last.attempts,
        shown(last.at_us)
    )
}

fn time(us: u64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(i64::try_from(us).unwrap_or(i64::MAX)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn shown(us: u64) -> String {
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

/// The runs of journals: which runs are shown.
#[must_use]
pub fn runs_of<'p>(journals: impl IntoIterator<Item = &'p std::path::Path>) -> BTreeSet<Uuid> {
    journals.into_iter().filter_map(super::run_files::run_of).collect()
}
