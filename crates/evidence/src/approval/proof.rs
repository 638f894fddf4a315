//! The proof of an artifact: its journal, read once, recomputed, verified again.

use super::checkpoints::Checkpoints;
use super::consistency::{Consistency, Driven};
use super::judge::Request;
use super::judgement::{Findings, Item, Judged, evidence};
use super::merged::Span;
use super::seeded;
use super::seen::{QUIET, Seen};
use super::times::SKEW;
use super::unreadable::{broken, changed, of_a_load, of_a_probe};
use super::witness::Witnessed;
use crate::analysis::load::Series;
use crate::analysis::{Cases, Recheck, receiver_clock, tallies};
use crate::gate::{API_PII, Check, EVENT_HEADER, LATENCY_P50, PAYLOADS, PII, REPEATED_KEYS, STEPS, Verdict};
use crate::report::{
    EMBEDDED, Evidence, EvidenceError, LoadArtifact, ProbeArtifact, artifact, load_from_journal,
    probe_from_journal, to_bytes,
};
use chrono::{DateTime, TimeDelta, Utc};
use probe::Case;
use record::{Header, Integrity, LoadShard, Reader, Record, RunKind};
use signature::{Reason, Scheme, Secret, Verdict as Signed};
use std::io::Read;
use std::path::Path;

/// A journal that was read to its end, and what was made of it.
pub(super) struct Proof {
    pub evidence: Evidence,
    /// The artifact that follows from it.
    pub bytes: Vec<u8>,
    /// The gates, judged: of a blind run with the verdicts of the approver, who has the secret.
    pub checks: Vec<Check>,
    /// The cases behind them, where one failed.
    pub cases: Option<Cases>,
    /// What the webhooks say of their sender.
    pub seen: Seen,
    /// Of a load: its artifact and its histograms.
    pub load: Option<(LoadArtifact, Series)>,
    /// Which part of a load it is.
    pub shard: Option<LoadShard>,
    /// What is asked of this kind of run only.
    pub extra: Option<Item>,
    pub recheck: Option<Result<Recheck, String>>,
    /// What the receiver that it was read back from vouches for.
    pub witnessed: Witnessed,
    /// The receiver's clock minus the run's, where they are two.
    pub apart: Option<TimeDelta>,
    /// Of a merged load: when its shards ran.
    pub span: Option<Span>,
    /// Whether the journal is one file, and not several that were merged.
    pub is_one_journal: bool,
}

impl Proof {
    /// Of a load that was merged.
    pub(super) fn of_a_load(
        evidence: Evidence,
        bytes: Vec<u8>,
        seen: Seen,
        load: (LoadArtifact, Series),
    ) -> Self {
        let checks = evidence.checks.clone();
        let (shard, recheck, extra, cases) = (None, None, None, None);
        Self {
            evidence,
            bytes,
            checks,
            cases,
            seen,
            load: Some(load),
            shard,
            extra,
            recheck,
            witnessed: Witnessed::None,
            apart: None,
            span: None,
            is_one_journal: false,
        }
    }

    /// The journals that were read, by name and SHA-256, and their runs; of a merged load those of the shards that count. `journal` is the
    /// path of the one, or of one of them.
    pub(super) fn judged(&self, journal: &Path) -> Judged {
        let (name, header) = (name(journal), &self.evidence.analysis.header);
        if self.is_one_journal {
            let sha256 = self.evidence.integrity.sha256.clone();
            return Judged { files: vec![(name, sha256)], runs: [header.run_id].into(), ..Judged::default() };
        }
        let shards = || self.load.iter().flat_map(|(load, _)| &load.shards);
        Judged {
            files: shards().map(|shard| (name.clone(), shard.journal_sha256.clone())).collect(),
            runs: shards().filter_map(|shard| shard.run_id.parse().ok()).collect(),
            ..Judged::default()
        }
    }

    /// When the run began, by the receiver's clock; of a merged load the first of its shards.
    pub(super) fn started(&self) -> DateTime<Utc> {
        self.span.map_or_else(|| self.by_receiver(self.evidence.analysis.header.started), |span| span.started)
    }

    /// When the run ended: by the receiver's clock, where it is signed or stated.
    pub(super) fn ended(&self) -> DateTime<Utc> {
        let analysis = &self.evidence.analysis;
        let own = analysis.watched_until().wall(analysis.header.started);
        self.witnessed.ended().unwrap_or_else(|| self.by_receiver(own))
    }

    /// How recent it is, by what nobody can put off: a run that says that it ended long after its last webhook is as old as that; but
    /// no run has ended that says that it will.
    pub(super) fn last_known(&self, now: DateTime<Utc>) -> (DateTime<Utc>, &'static str) {
        let analysis = &self.evidence.analysis;
        let arrived = self.seen.last_arrival();
        let arrived = arrived.map(|at| self.by_receiver(at.wall(analysis.header.started)));
        let ended = self.ended();
        match arrived.filter(|at| (ended - *at).to_std().is_ok_and(|quiet| quiet > QUIET)) {
            Some(at) if ended <= now + SKEW => (at, "its last webhook arrived"),
            _ => match self.span.filter(|span| span.first_ended < ended && ended <= now + SKEW) {
                Some(span) => (span.first_ended, "the first of its shards ended"),
                None => (ended, "ended"),
            },
        }
    }

    /// A time of the run by the receiver's clock.
    pub(super) fn by_receiver(&self, time: DateTime<Utc>) -> DateTime<Utc> {
        time.checked_add_signed(self.apart.unwrap_or_default()).unwrap_or(time)
    }

    /// A receiver whose clock is ahead refuses what is signed rightly, and whoever sent it has done nothing wrong. That it is the
    /// receiver's clock, and not the sender's, is certain where the run ended in the future, and by the sender's clock did not.
    fn excuse_wrong_clock(&mut self, now: DateTime<Utc>) {
        let Some(behind) = self.seen.sender_far_behind() else { return };
        let (ended, (organic, injected)) = (self.ended(), tallies(&self.evidence.analysis));
        let is_ahead =
            ended > now + SKEW && ended.checked_sub_signed(behind).is_some_and(|at| at <= now + SKEW);
        let mut reasons = organic.reasons.keys().chain(injected.reasons.keys());
        if !is_ahead || !reasons.all(|reason| matches!(reason, Reason::Stale | Reason::Future)) {
            return;
        }
        // What webhooks and answers hold does not hang on how they were answered.
        let contents = [STEPS.id, PII.id, API_PII.id, PAYLOADS.id, EVENT_HEADER.id, REPEATED_KEYS.id];
        let failed = |check: &&mut Check| check.verdict == Verdict::Fail && !contents.contains(&&*check.id);
        for check in self.checks.iter_mut().filter(failed) {
            check.verdict = Verdict::Unproven;
            check.text = format!(
                "{}; the clock of the machine that ran it was {} min ahead of the sender's and this one's, so correctly \
                 signed webhooks were refused: sync it with NTP and run again",
                check.text,
                behind.num_minutes()
            );
        }
    }

    /// How long after the steps webhooks came at the median, by the run's own times, in ms.
    pub(super) fn latency_ms(&self) -> Option<f64> {
        let is_run = self.evidence.analysis.header.kind == RunKind::Run;
        self.evidence.checks.iter().find(|check| is_run && check.id == LATENCY_P50.id)?.actual
    }

    /// Webhooks that were due.
    pub(super) fn due(&self) -> u64 {
        self.evidence.analysis.expectations().map(|e| u64::from(e.due())).sum()
    }
}

/// Reads the journal at `path`; what is wrong with it is a finding.
pub(super) fn prove(request: &Request<'_>, path: &Path, found: &mut Findings) -> Option<Proof> {
    if !path.is_file() {
        found.add("journal_unreadable", format!("{}: not a file", name(path)));
        return None;
    }
    read(request, path, found).map_err(|error| broken(path, &error, found)).ok()
}

fn read(request: &Request<'_>, path: &Path, found: &mut Findings) -> Result<Proof, EvidenceError> {
    let (header, reader) = Reader::open(path)?;
    let (copy, first_line, apart) = (header.clone(), reader.line().to_vec(), receiver_clock(path));
    let mut recheck = secret_for(request, &header.environment)
        .map(|secret| Recheck::new(&header, secret).map(|r| r.by_receiver(apart)).map_err(|e| e.to_string()));
    let mut consistency = Consistency::new(&copy, &first_line, request.checkout.scenario_of(&copy));
    let mut seen = Seen::new(&header, apart, request.demand.challenge.as_deref());
    let mut driven = Driven::new(&copy, request.checkout);
    let mut checkpoints = Checkpoints::new(&header, request.witness);
    let mut evidence = Evidence::read_lines(header, reader, |record, line| {
        consistency.take(record, line);
        seen.take(record);
        driven.take(record);
        checkpoints.take(record);
        if let Some(Ok(recheck)) = &mut recheck {
            recheck.take(record);
        }
    })?;
    let differ = consistency.receiver_clock() != apart;
    consistency.finish().report(&name(path), found);
    let mut readings = Readings { first: evidence.integrity.clone(), differ };
    let scenario = request.checkout.scenario_of(&copy);
    seeded::check(&copy, scenario, request.stand_in_rows, &name(path), found);
    // The one clock or the other is wrong, which is told: signatures are judged by the sender's.
    let mut sender_behind = None;
    if let Some(Ok(done)) = &mut recheck
        && done.is_of_another_time()
        && let Some(secret) = secret_for(request, &copy.environment)
        && let behind @ Some(_) = seen.sender_far_behind()
    {
        sender_behind = behind;
        if let Some((again, integrity)) = by_senders_clock(path, secret, (apart, behind))? {
            readings.take(&integrity.sha256);
            *done = again;
        }
    }
    let witnessed = checkpoints.finish(evidence.integrity.ended, copy.started + apart.unwrap_or_default());
    let shard = copy.shard;
    let Made { bytes, load, extra } = made(path, &copy, &mut evidence, &mut readings)?;
    let extra = extra.or(driven.item(&name(path)));
    // A secret that bears out nothing is not staging's: nothing is judged by it.
    let is_staging_s = matches!(&recheck, Some(Ok(recheck)) if !recheck.is_of_another_secret());
    let judged = match secret_for(request, &copy.environment).filter(|_| copy.blind && is_staging_s) {
        Some(secret) => judged_with(path, secret, (apart, sender_behind))?,
        None => None,
    };
    if let Some(judged) = &judged {
        readings.take(&judged.integrity.sha256);
    }
    readings.report(path, found);
    let by = judged.as_ref().unwrap_or(&evidence);
    let (checks, cases) = (by.checks.clone(), by.failed_cases());
    let mut proof = Proof {
        evidence,
        bytes,
        checks,
        cases,
        seen,
        load,
        shard,
        extra,
        recheck,
        witnessed,
        apart,
        span: None,
        is_one_journal: true,
    };
    proof.excuse_wrong_clock(request.now);
    Ok(proof)
}

/// A journal is read several times. Whoever exchanges it in between would have one of them judged, and another one verified.
struct Readings {
    first: Integrity,
    differ: bool,
}

impl Readings {
    fn take(&mut self, sha256: &str) {
        self.differ |= sha256 != self.first.sha256;
    }

    /// A journal without its end, which proves nothing, may be one that still grows.
    fn report(&self, path: &Path, found: &mut Findings) {
        if self.differ && self.first.ended {
            changed(&name(path), found);
        }
    }
}

/// What follows from a journal.
struct Made {
    bytes: Vec<u8>,
    load: Option<(LoadArtifact, Series)>,
    extra: Option<Item>,
}

/// The artifact of the journal's kind; what judges a load or a probe takes the place of what judges webhooks.
fn made(
    path: &Path,
    header: &Header,
    evidence: &mut Evidence,
    readings: &mut Readings,
) -> Result<Made, EvidenceError> {
    let (mut load, mut extra) = (None, None);
    let bytes = match header.kind {
        RunKind::Load => {
            let (artifact, series, bytes) = load_from_journal(path).map_err(of_a_load)?;
            readings.take(artifact.journal_sha256());
            evidence.verdict = artifact.acceptance_gates.verdict;
            evidence.checks.clone_from(&artifact.acceptance_gates.checks);
            load = Some((artifact, series));
            bytes
        }
        RunKind::Probe => {
            let (probe, bytes) = probe_from_journal(path).map_err(of_a_probe)?;
            readings.take(probe.provenance.journal_sha256.as_deref().unwrap_or_default());
            evidence.verdict = probe.acceptance_gates.verdict;
            extra = Some(all_cases(&probe, header.scheme, &name(path)));
            evidence.checks = probe.acceptance_gates.checks;
            bytes
        }
        _ => to_bytes(&artifact(evidence)),
    };
    Ok(Made { bytes, load, extra })
}

/// The webhooks of a blind run, verified at the times at which they came by the sender's clock.
fn by_senders_clock(
    path: &Path,
    secret: &Secret,
    (apart, behind): (Option<TimeDelta>, Option<TimeDelta>),
) -> Result<Option<(Recheck, Integrity)>, EvidenceError> {
    let (header, mut reader) = Reader::open(path)?;
    let Ok(recheck) = Recheck::new(&header, secret) else { return Ok(None) };
    let mut recheck = recheck.by_receiver(apart).by_sender(behind);
    while let Some(record) = reader.next_record()? {
        recheck.take(&record);
    }
    Ok(Some((recheck, reader.integrity())))
}

/// A blind run, judged as if it had had the secret.
fn judged_with(
    path: &Path,
    secret: &Secret,
    (apart, behind): (Option<TimeDelta>, Option<TimeDelta>),
) -> Result<Option<Evidence>, EvidenceError> {
    let (header, reader) = Reader::open(path)?;
    let Ok(verifier) = Recheck::new(&header, secret) else { return Ok(None) };
    let mut verifier = verifier.by_receiver(apart).by_sender(behind);
    let judged = Evidence::read_lines(header, reader, |record, _| {
        verifier.take(record);
        if let Record::Attempt(attempt) = record {
            let reason = verifier.judge(attempt);
            attempt.verdict =
                if reason == Reason::Valid { Signed::valid() } else { Signed::invalid(reason, None) };
        }
    })?;
    Ok(Some(judged))
}

/// Whether a probe was one of everything, and ran to its end.
fn all_cases(probe: &ProbeArtifact, scheme: Scheme, journal: &str) -> Item {
    let (verdict, figure) = match (probe.provenance.whole, probe.provenance.complete) {
        (true, true) => match not_this_smokes(probe, scheme) {
            None => (Verdict::Pass, format!("{} cases", probe.cases.len())),
            Some(why) => (Verdict::Unproven, why),
        },
        (false, _) => {
            (Verdict::Unproven, format!("{} cases; the others were left out (--only)", probe.cases.len()))
        }
        (_, false) => (Verdict::Unproven, "the probe was interrupted".to_owned()),
    };
    evidence("probe_cases", "All cases probed", verdict, figure, journal)
}

/// Why a probe that says that it is whole is not what this smoke sends: a case that is missing, or a request that is none of its case.
fn not_this_smokes(probe: &ProbeArtifact, scheme: Scheme) -> Option<String> {
    let rest = "it was probed by another version of smoke, or edited: probe again with this one";
    let missing: Vec<&str> =
        Case::all().map(|case| case.id).filter(|id| !probe.cases.iter().any(|case| case.id == *id)).collect();
    if !missing.is_empty() {
        return Some(format!(
            "{} of {} cases; not there: {}: {rest}",
            probe.cases.len(),
            Case::all().count(),
            missing.join(", ")
        ));
    }
    probe.cases.iter().find_map(|case| {
        let known = Case::of(&case.id)?.requests(scheme);
        let is_known = |sent: &&probe::Exchange| {
            known.iter().any(|(label, right, _)| (label, right) == (&sent.label, &sent.right))
        };
        let other = case.exchanges.iter().find(|sent| !is_known(sent))?;
        Some(format!("`{}` of case {} is no request of it here: {rest}", pii::shown(&other.label), case.id))
    })
}

/// The secret that was given; else that of the environment, which is the staging system's and never the stand-in's.
fn secret_for<'a>(request: &Request<'a>, environment: &str) -> Option<&'a Secret> {
    request.secret.or(request.staging_secret.filter(|_| environment != EMBEDDED))
}

/// A regular file, whole, of at most `max` bytes.
pub(super) fn read_bounded(path: &Path, max: u64) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(std::io::Error::other(format!("larger than {max} bytes")));
    }
    Ok(bytes)
}

/// A path's last part.
pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_is_exchanged_between_two_readings_is_refused() {
        let told = |ended, stated_otherwise, again: &[&str]| {
            let first = Integrity { sha256: "a".to_owned(), records: 3, ended, torn_bytes: 0 };
            let mut readings = Readings { first, differ: stated_otherwise };
            again.iter().for_each(|sha256| readings.take(sha256));
            let mut found = Findings::default();
            readings.report(Path::new("dir/j.jsonl"), &mut found);
            found.0.into_iter().map(|finding| finding.kind).collect::<Vec<_>>()
        };
        assert!(told(true, false, &[]).is_empty() && told(true, false, &["a", "a"]).is_empty());
        assert_eq!(told(true, false, &["b"]), ["journal_changed"]);
        assert_eq!(told(true, false, &["b", "a"]), ["journal_changed"]);
        assert_eq!(told(true, true, &["a"]), ["journal_changed"]);
        // A journal that still grows is unproven anyway.
        assert!(told(false, true, &["b"]).is_empty());
    }
}
