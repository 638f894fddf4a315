//! The checkpoints of a journal, held against its records while they go by: whether all that came is here, as it came and when it
//! came.

use super::witness::{TOLD, Whole, Witnessed, shown, time};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use record::seal::PublicKey;
use record::witness::{
    Checkpoint, CheckpointStatement, RegisteredRun, WitnessChain, is_witnessed, on_witness_clock,
};
use record::{Header, JudgedBy, Record, RunKind, RunStats, Tick, Watch};
use signature::Reason;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use uuid::Uuid;

/// The stated offset is the one that records are placed by; this much is left for rounding.
const STATED: TimeDelta = TimeDelta::seconds(1);
/// A run begins behind its registration; so far the clocks may be from what was measured of them.
const REGISTERED: TimeDelta = TimeDelta::seconds(2);
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
    /// The same by the first one, before anything was restarted.
    first_zero_us: u64,
    /// When the window, or the first flow, began by its own time.
    began: Option<Tick>,
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
    /// Whether the run says of a time since the last checkpoint that it could not read the receiver then.
    is_gap_told: bool,
    /// Where the receiver was started again, and the run does not say so: its last signature before and the first after.
    untold: Option<(u64, u64)>,
    /// When the run ended, by its own time.
    ended_at: Option<Tick>,
    found: Option<(&'static str, String)>,
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
            first_zero_us: 0,
            began: None,
            first: None,
            last: None,
            checkpoints: 0,
            beyond: 0,
            counted: None,
            others: BTreeMap::new(),
            peers: BTreeSet::new(),
            is_gap_told: false,
            untold: None,
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
        match record {
            Record::End(end) => self.ended_at = Some(end.at),
            Record::Watch(Watch::Begin(begin)) => self.began = self.began.or(Some(begin.at)),
            Record::FlowStart(start) => self.began = self.began.or(Some(start.at)),
            Record::Watch(Watch::Gap(_)) => self.is_gap_told = true,
            Record::Watch(Watch::JudgedBy(by)) if self.found.is_none() => self.found = self.judged(by).err(),
            _ => {}
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
        let is_told = std::mem::take(&mut self.is_gap_told);
        let restarted = self.last.as_ref().filter(|before| before.receiver != statement.receiver);
        if let Some(before) = restarted.filter(|_| !is_told) {
            self.untold = self.untold.or(Some((before.at_us, statement.at_us)));
        }
        for other in &statement.others {
            self.others.entry(other.run).or_insert_with(|| other.clone());
        }
        self.zero_us = read.zero_us;
        if self.first.is_none() {
            self.first_zero_us = read.zero_us;
        }
        self.first.get_or_insert_with(|| statement.clone());
        self.last = Some(statement);
        Ok(())
    }

    /// A run is registered when its journal has begun, and before the window or its first flow has.
    fn began_behind_its_registration(&self) -> Result<(), (&'static str, String)> {
        let Some(first) = &self.first else { return Ok(()) };
        let (registered, header) = (time(first.run.registered_us), time(self.first_zero_us));
        let began = self.began.map(|at| time(self.first_zero_us.saturating_add(at.0)));
        let told = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let sentence = match began.filter(|began| *began + REGISTERED < registered) {
            Some(began) => format!(
                "it is said to have begun at {}, but was registered at the receiver at {}, which comes first: it was stretched",
                told(began),
                told(registered)
            ),
            None if registered + REGISTERED < header => format!(
                "its journal is said to have begun at {}, but it was registered at the receiver at {}: it was re-dated",
                told(header),
                told(registered)
            ),
            None => return Ok(()),
        };
        Err(("witness_clock_differs", sentence))
    }

    /// What follows was judged by the run of the receiver that signs it.
    fn judged(&self, by: &JudgedBy) -> Result<(), (&'static str, String)> {
        let signed = self.last.as_ref().and_then(|last| last.receiver);
        if signed.is_none_or(|receiver| receiver == by.receiver) {
            return Ok(());
        }
        let sentence =
            "webhooks are said to be judged by another run of the receiver than the one that signed them"
                .to_owned();
        Err(("witness_of_another_run", sentence))
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
            self.found = self.found.take().or_else(|| self.began_behind_its_registration().err());
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
        if let (None, Some((before, after))) = (&self.found, self.untold) {
            return Witnessed::Open(format!(
                "another run of the receiver signed from {} on than until {}: it was started again, and the run does not say that webhooks \
                 could not be seen meanwhile",
                shown(after),
                shown(before)
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
