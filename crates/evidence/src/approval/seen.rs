//! What the webhooks of a journal say of whoever sent them, beside what is judged: who, when by his clock, under which ids, and
//! whether they were spread over the time. Nothing here is a contradiction: what is odd leaves the evidence unproven.

use super::demand::Demand;
use super::judgement::{Item, Kind, evidence};
use super::posted::Posted;
use super::proof::Proof;
use crate::analysis::Analysis;
use crate::gate::Verdict;
use chrono::TimeDelta;
use correlate::{Reader, id, print, unpacked};
use foldhash::{HashMap, HashSet};
use memchr::memmem;
use record::faults::Fault;
use record::{Attempt, Header, IdentityPolicy, JudgedBy, Outcome, Record, RunKind, Tick, Watch, WatchBegin};
use serde_json::Value;
use signature::{Reason, Scheme};
use std::time::Duration;
use uuid::Uuid;

/// Where the stand-in and the load generator say that they are no staging system.
const MARK: &str = "/metadata/smoke_stand_in";
/// What the User-Agent of everything that smoke itself sends begins with.
const HARNESS: &str = "smoke";
/// Webhooks that are equal but for an id that is not signed may be signed in one millisecond, where flows share a
/// tournament; a handful of them, not more (docs/deltacrown.md section 11).
const EQUAL_AT_ONCE: usize = 4;
/// The sender's clock may be off by this much, ms, before a time by it says nothing.
const CLOCK_MS: i64 = 5_000;
/// A webhook does not come before it was signed, but for clocks of several hosts of a sender, ms.
const EARLY_MS: i64 = 1_000;
/// A challenge comes back so soon after the first webhook, or says nothing of what came before; and a run ends so soon after its last
/// one, or is as old as that.
pub(super) const QUIET: Duration = Duration::from_secs(10 * 60);
/// Parts of a window that are looked at for traffic; of a stage that is to be promoted each hour is one.
const PARTS: u64 = 6;

/// Facts about the sender, collected in one pass.
#[derive(Debug)]
pub(super) struct Seen {
    kind: RunKind,
    scheme: Scheme,
    reader: Reader,
    /// When the run began by its own clock, and by the receiver's, in Unix ms.
    began_ms: i64,
    started_ms: i64,
    /// How far the receiver's clock was ahead at first, where the journal says so, in µs.
    receiver_ahead_us: Option<i64>,
    challenge: Option<String>,
    /// Webhook attempts.
    pub(super) attempts: u64,
    /// Of those, with the mark of the stand-in inside the body.
    pub(super) stand_in: u64,
    /// Of those, sent by smoke itself.
    harness: u64,
    /// Of those, broken on purpose.
    pub(super) broken: u64,
    /// How many webhooks each fault has met, as far as they can be told apart.
    broken_by: HashMap<Fault, HashSet<u64>>,
    /// Whether a step was refused that may be: it fires nothing.
    pub(super) has_refused_step: bool,
    /// When webhooks came in whose signed bodies the challenge stands.
    challenged: Vec<Tick>,
    /// Ids by signed message (timestamp and body).
    ids: HashMap<(i64, u64), Ids>,
    firsts: HashSet<u64>,
    /// Arrival minus signing of first attempts, ms.
    offsets: Vec<i64>,
    /// Of those, of webhooks that may have been signed since the run began, each with when that was at the latest by its sender's clock: of
    /// others an attempt before it may have come elsewhere.
    of_this_run: Vec<(i64, i64)>,
    /// When first attempts were signed, ms since the Unix epoch, by when their first byte came; `None` where two came at once.
    signed: HashMap<u64, Option<i64>>,
    /// How long after the first attempt a retry comes at the earliest, ms, where both are signed at once.
    retried_after: Option<i64>,
    /// When first attempts of somebody else's webhooks came.
    arrivals: Vec<Tick>,
    /// When the first and the last webhook came that are signed, or may be.
    first_arrival: Option<Tick>,
    last_arrival: Option<Tick>,
    begin: Tick,
    window: Option<WatchBegin>,
    end: Tick,
    /// The receiver's run that judges, where it is elsewhere, and whether nothing could be seen since that was said.
    judging: Option<Uuid>,
    is_gap_told: bool,
    /// Whether it was started again, and no gap says so.
    is_restart_untold: bool,
    /// When the last flow ended.
    played_until: Tick,
    /// Where webhooks say that they were posted to.
    pub(super) posted: Posted,
}

/// The ids of one signed message: nearly always one.
#[derive(Debug)]
struct Ids {
    first: u64,
    others: Vec<u64>,
}

impl Ids {
    const fn of(first: u64) -> Self {
        Self { first, others: Vec::new() }
    }

    const fn len(&self) -> usize {
        1 + self.others.len()
    }

    fn is_another(&self, id: u64) -> bool {
        id != self.first && !self.others.contains(&id)
    }
}

impl Seen {
    /// `apart` is the receiver's clock minus the run's.
    pub(super) fn new(header: &Header, apart: Option<TimeDelta>, challenge: Option<&str>) -> Self {
        Self {
            kind: header.kind,
            scheme: header.scheme,
            reader: Reader::new(header.scheme),
            began_ms: header.started.timestamp_millis(),
            started_ms: header.started.timestamp_millis() + apart.unwrap_or_default().num_milliseconds(),
            receiver_ahead_us: None,
            challenge: challenge.map(str::to_owned),
            attempts: 0,
            stand_in: 0,
            harness: 0,
            broken: 0,
            broken_by: HashMap::default(),
            has_refused_step: false,
            challenged: Vec::new(),
            ids: HashMap::default(),
            firsts: HashSet::default(),
            offsets: Vec::new(),
            of_this_run: Vec::new(),
            signed: HashMap::default(),
            retried_after: retried_after(header),
            arrivals: Vec::new(),
            first_arrival: None,
            last_arrival: None,
            begin: Tick(0),
            window: None,
            end: Tick(0),
            judging: None,
            is_gap_told: false,
            is_restart_untold: false,
            played_until: Tick(0),
            posted: Posted::new(header),
        }
    }

    pub(super) fn take(&mut self, record: &Record) {
        match record {
            Record::Attempt(attempt) if !attempt.elsewhere => self.arrived(attempt),
            Record::Watch(Watch::Begin(begin)) => {
                (self.begin, self.window) = (begin.at, Some(begin.clone()));
            }
            Record::Watch(Watch::Gap(_)) => self.is_gap_told = true,
            Record::Watch(Watch::JudgedBy(theirs)) => self.judged_by(theirs),
            Record::Step(step) => self.has_refused_step |= step.outcome == Outcome::Refused,
            Record::FlowEnd(end) => self.played_until = self.played_until.max(end.at),
            Record::End(end) => self.end = end.at,
            _ => {}
        }
    }

    fn judged_by(&mut self, theirs: &JudgedBy) {
        // That of the beginning only: steps that somebody wrote between webhooks could bear out any time.
        if self.attempts == 0 {
            self.receiver_ahead_us = Some(theirs.ahead_us);
            self.started_ms = self.began_ms.saturating_add(theirs.ahead_us.div_euclid(1000));
        }
        let before = self.judging.replace(theirs.receiver);
        let is_gap_told = std::mem::take(&mut self.is_gap_told);
        self.is_restart_untold |= before.is_some_and(|before| before != theirs.receiver) && !is_gap_told;
    }

    fn arrived(&mut self, attempt: &Attempt) {
        self.attempts += 1;
        let bytes = attempt.body.bytes();
        let signed = !attempt.verdict.reason.is_refused();
        if signed {
            self.posted.take(attempt);
            self.first_arrival.get_or_insert(attempt.first_byte);
            // What a run plays it plays in a row: what comes long after that may be of another day.
            let is_late = |last: Tick| self.kind == RunKind::Run && attempt.first_byte.since(last) > QUIET;
            if !self.last_arrival.is_some_and(is_late) {
                self.last_arrival = self.last_arrival.max(Some(attempt.first_byte));
            }
        }
        let plain = unpacked(&attempt.headers, &bytes).unwrap_or_default();
        // A token lets anybody in who has it, and signs nothing.
        let is_body_signed = signed && self.scheme.signs_body();
        let in_body =
            |challenge: &String| is_body_signed && memmem::find(&plain, challenge.as_bytes()).is_some();
        if self.challenge.as_ref().is_some_and(in_body) {
            self.challenged.push(attempt.first_byte);
        }
        let marked = || serde_json::from_slice::<Value>(&plain).ok()?.pointer(MARK)?.as_bool();
        // Parsed only where it may be there.
        let stand_in = memmem::find(&plain, b"smoke_stand_in").is_some() && marked() == Some(true);
        let agent = attempt.header("user-agent").unwrap_or_default();
        let harness = agent.get(..HARNESS.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(HARNESS));
        self.stand_in += u64::from(stand_in);
        self.harness += u64::from(harness);
        self.broken += u64::from(attempt.fault.is_some());
        let (body, signed_at) = (print(&bytes), self.scheme.timestamp_ms_of(&attempt.headers, &bytes));
        // Parsed only where the profile has the id in it.
        let in_it = self.scheme.spec().id.json.is_some();
        let read = in_it.then(|| self.reader.read(&attempt.headers, &bytes)).flatten();
        let id = id(self.scheme, &attempt.headers, read.as_ref()).map(|id| print(id.as_bytes()));
        // Equal bodies at the same time are the same webhook only where the time is finer than a second.
        let is_fine = self.scheme.timestamp_step_ms() == Some(1);
        let is_signed_without_id = is_fine && !self.scheme.signs_id();
        // Signed once and sent under several ids: the later ones are retries, which are no younger than their message.
        let mut is_reborn = false;
        if let (Some(id), Some(at), true) = (id, signed_at, is_signed_without_id) {
            let ids = self.ids.entry((at, body)).or_insert_with(|| Ids::of(id));
            is_reborn = ids.is_another(id);
            if is_reborn && ids.len() <= EQUAL_AT_ONCE * 100 {
                ids.others.push(id);
            }
        }
        let delivery = id.unwrap_or(body ^ signed_at.unwrap_or_default().unsigned_abs());
        if let Some(fault) = attempt.fault {
            let is_told_apart = id.is_some() || signed_at.is_some();
            let met = if is_told_apart { delivery } else { attempt.attempt };
            self.broken_by.entry(fault).or_default().insert(met);
        }
        // Without id and timestamp a retry cannot be told from another webhook here: each counts.
        if !self.firsts.insert(delivery) && (id.is_some() || signed_at.is_some()) {
            return;
        }
        let whole_s = !is_fine;
        if let (Some(at), true) = (signed_at, attempt.verdict.reason != Reason::Mismatch && !is_reborn) {
            let came = attempt.first_byte.since(Tick(0)).as_millis();
            let came = self.started_ms.saturating_add(i64::try_from(came).unwrap_or(i64::MAX));
            // A timestamp in whole seconds may lie up to one second before.
            let rounding = if whole_s { 500 } else { 0 };
            let offset = came.saturating_sub(at).saturating_sub(rounding);
            self.offsets.push(offset);
            self.signed.entry(attempt.first_byte.0).and_modify(|known| *known = None).or_insert(Some(at));
            // Whose clock is off by what is forgiven has signed since then all the same.
            if at >= self.started_ms.saturating_sub(CLOCK_MS) {
                self.of_this_run.push((at.saturating_add(2 * rounding), offset));
            }
        }
        if !stand_in && !harness {
            self.arrivals.push(attempt.first_byte);
        }
    }

    /// How many webhooks a fault has met: at least as many, where retries cannot be told from webhooks of their own.
    pub(super) fn met_by(&self, fault: Fault) -> u64 {
        self.broken_by.get(&fault).map_or(0, |met| met.len() as u64)
    }

    /// The clock by which the receiver judged minus the run's, at first, where the journal says so.
    pub(super) fn receiver_ahead(&self) -> Option<TimeDelta> {
        self.receiver_ahead_us.map(TimeDelta::microseconds)
    }

    /// How far the sender's clock is behind the receiver's, by the times of first attempts: the median, which the way from
    /// signing to arrival is a part of.
    pub(super) fn sender_behind(&self) -> Option<TimeDelta> {
        let mut all = self.offsets.clone();
        all.sort_unstable();
        all.get(all.len() / 2).map(|ms| TimeDelta::milliseconds(*ms))
    }

    /// The same where it is so far that the freshness of signatures says nothing.
    pub(super) fn sender_far_behind(&self) -> Option<TimeDelta> {
        self.sender_behind().filter(|behind| behind.num_milliseconds().abs() > CLOCK_MS)
    }

    /// When the webhook was signed whose first attempt came then, ms since the Unix epoch.
    pub(super) fn signed_ms(&self, first_byte: Tick) -> Option<i64> {
        *self.signed.get(&first_byte.0)?
    }

    /// When the last webhook came that is signed, or may be.
    pub(super) const fn last_arrival(&self) -> Option<Tick> {
        self.last_arrival
    }

    /// For how long webhooks were watched for after the last flow had ended.
    pub(super) fn settled_for(&self) -> Duration {
        self.end.since(self.played_until)
    }

    /// What is told of any run.
    pub(super) fn items(&self, demand: &Demand, proof: &Proof) -> Vec<Item> {
        let challenge = demand.challenge.as_deref().map(|c| self.challenge(c, &proof.evidence.analysis));
        [self.ids(), self.clock(proof.latency_ms()), challenge, self.restarted()]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Whoever reads back from a receiver that is started again writes down that nothing could be seen meanwhile.
    fn restarted(&self) -> Option<Item> {
        let figure = "webhooks were judged by another run of the receiver than those before them: it was started again, and the journal \
                      does not say that nothing could be seen meanwhile";
        self.is_restart_untold
            .then(|| evidence("receiver_restarts", "Receiver restarts", Verdict::Unproven, figure, "journal"))
    }

    /// The id is outside the signature of this scheme: many ids on one signed message are one webhook, told as many.
    fn ids(&self) -> Option<Item> {
        let most = self.ids.values().map(Ids::len).max()?;
        let ids: usize = self.ids.values().map(Ids::len).sum();
        let (verdict, figure) = if most > EQUAL_AT_ONCE {
            (
                Verdict::Unproven,
                format!(
                    "{most} ids share one signed message: the id is not signed, so they may be one webhook \
                     under made-up ids; {ids} ids on {} messages in all",
                    self.ids.len()
                ),
            )
        } else {
            (Verdict::Pass, format!("{ids} ids on {} signed messages", self.ids.len()))
        };
        Some(evidence("ids", "Ids and signed messages", verdict, figure, "journal"))
    }

    /// When webhooks were signed, by the sender's clock, against when they came, and when the steps were sent that fired them.
    fn clock(&self, latency_ms: Option<f64>) -> Option<Item> {
        let mut all = self.offsets.clone();
        all.sort_unstable();
        let (first, median) = (*all.first()?, *all.get(all.len() / 2)?);
        let s = |ms: i64| match ms.abs() {
            0..1000 => format!("{ms} ms"),
            _ => format!("{:.1} s", ms as f64 / 1000.0),
        };
        let apart = if median >= 0 { "behind" } else { "ahead of" };
        let is_late = |ms: i64| self.retried_after.is_some_and(|pause| ms >= median + pause);
        // Others' webhooks that found no receiver before the run come again in it: by the run's clock they were signed before it.
        let in_run = |at: i64| at.saturating_add(median) >= self.started_ms;
        let late = self.of_this_run.iter().filter(|(at, ms)| is_late(*ms) && in_run(*at)).count();
        // Among many webhooks of a window some are slow, and fewer than this change no rate of the guide's.
        let few = if self.kind == RunKind::Observe { all.len() / 20 } else { 0 };
        // What was signed after a step was sent came after it by more than by its signing.
        let too_soon = latency_ms.is_some_and(|ms| ms + (EARLY_MS as f64) < median as f64);
        let (verdict, figure) = if median.abs() > CLOCK_MS || median < -EARLY_MS {
            (
                Verdict::Unproven,
                format!(
                    "the sender's clock is {} {apart} the receiver's, or times were changed: latencies and dates rest on \
                     the runner's clock alone",
                    s(median.abs())
                ),
            )
        } else if first < median - EARLY_MS {
            (
                Verdict::Unproven,
                format!(
                    "a webhook arrived {} before it was signed, by the offset of the others ({}): the clocks of the sender's \
                     hosts differ, or its times were changed",
                    s(median - first),
                    s(median)
                ),
            )
        } else if too_soon {
            (
                Verdict::Unproven,
                format!(
                    "webhooks arrived {} after they were signed, but {} after the steps that fired them were sent: the sender's \
                     clock is behind by the difference, or times were changed",
                    s(median),
                    latency_ms.map_or_else(String::new, |ms| s(ms.round() as i64))
                ),
            )
        } else if late > few {
            (
                Verdict::Unproven,
                format!(
                    "{late} of {} webhooks arrived as long after signing ({} or more, the others {}) as a retry would: an \
                     earlier attempt may have been left out, or the sender held them back",
                    all.len(),
                    s(median + self.retried_after.unwrap_or_default()),
                    s(median)
                ),
            )
        } else {
            (
                Verdict::Pass,
                format!("{} webhooks, {} {apart} the receiver's at the median", all.len(), s(median.abs())),
            )
        };
        Some(evidence("sender_clock", "Signed times and arrivals", verdict, figure, "journal"))
    }

    fn challenge(&self, challenge: &str, analysis: &Analysis) -> Item {
        // One that no flow asked for can be had from the sender at any time, and woven into an older run.
        let asked_for: HashSet<Tick> = match analysis.header.kind {
            RunKind::Run => {
                let own = analysis.own().filter(|delivery| delivery.fulfils.is_some());
                own.flat_map(|d| d.tries.iter().map(|a| a.first_byte).collect::<Vec<_>>()).collect()
            }
            _ => self.challenged.iter().copied().collect(),
        };
        let of_flows = || self.challenged.iter().filter(|came| asked_for.contains(*came));
        let n = of_flows().count();
        let before = of_flows().min().zip(self.first_arrival).map(|(came, first)| came.since(first));
        let (verdict, figure) = match (n, self.challenged.len()) {
            (0, 0) => (
                Verdict::Unproven,
                format!(
                    "`{challenge}` is in no signed body: run with --challenge {challenge}, where the scenario sends it"
                ),
            ),
            (0, others) => (
                Verdict::Unproven,
                format!(
                    "`{challenge}` is in {others} signed bodies, but no flow asked for these webhooks: they may have been added to \
                     an older run"
                ),
            ),
            _ if before.is_some_and(|before| before > QUIET) => (
                Verdict::Unproven,
                format!(
                    "in {n} signed bodies, the first of which came {} after the first webhook: those before it may be from before \
                     the challenge was issued",
                    told(before.unwrap_or_default())
                ),
            ),
            _ => (Verdict::Pass, format!("in {n} signed bodies: run after the challenge was issued")),
        };
        evidence("challenge", "Challenge", verdict, figure, "journal")
    }

    /// What is told of an observation: long enough, with enough traffic, spread over it. `by_hour` asks for it in each hour.
    pub(super) fn observation(&self, demand: &Demand, by_hour: bool) -> Vec<Item> {
        let watched = self.window.as_ref().map(|window| window.lasted(self.end)).unwrap_or_default();
        let long = watched >= demand.least_window();
        let figure = format!(
            "{} watched, at least {} required (--min-window)",
            told(watched),
            told(demand.least_window())
        );
        let window = evidence("window", "Length of the window", pass_if(long), figure, "journal");
        let (n, least) =
            (self.arrivals.len() as u64, demand.min_flows.of(Kind::Observation, "").unwrap_or(0));
        let others = self.harness.max(self.stand_in);
        let others = if others == 0 {
            String::new()
        } else {
            format!("; {others} more attempts were sent by smoke itself, not by staging")
        };
        let enough = n >= least || demand.allows("flows", &n.to_string());
        let figure = format!("{n} webhooks, at least {least} required (--min-flows){others}");
        let traffic =
            evidence("traffic", "Traffic", pass_if(enough && self.mostly_others()), figure, "journal");
        vec![window, traffic, self.spread(watched, by_hour)]
    }

    /// Most of what came was sent by somebody else than smoke.
    fn mostly_others(&self) -> bool {
        self.harness.max(self.stand_in) * 2 <= self.attempts
    }

    fn spread(&self, watched: Duration, by_hour: bool) -> Item {
        let hours = watched.as_secs() / 3600;
        let parts = if by_hour { hours.max(PARTS) } else { PARTS };
        let each = (watched.as_micros() as u64 / parts).max(1);
        let part = |at: &Tick| (at.since(self.begin).as_micros() as u64 / each).min(parts - 1);
        let with: HashSet<u64> = self.arrivals.iter().map(part).collect();
        let n = with.len() as u64;
        let what = if by_hour && hours >= PARTS { "hours" } else { "sixths" };
        let figure = format!("traffic in {n} of the window's {parts} {what}, at least half of them required");
        evidence("spread", "Traffic over the window", pass_if(n * 2 >= parts), figure, "journal")
    }
}

/// The first pause of a sender that signs once for all attempts, less what its timestamps leave open, in a run that was there
/// from the first attempt on.
fn retried_after(header: &Header) -> Option<i64> {
    let pause = i64::try_from(*header.retry.backoff_ms.get(1)?).ok()?;
    let is_fine = header.scheme.timestamp_step_ms() == Some(1);
    let left = pause - if is_fine { EARLY_MS / 2 } else { EARLY_MS };
    let is_told = matches!(header.kind, RunKind::Run | RunKind::Observe)
        && header.retry.identity == IdentityPolicy::Same;
    (is_told && left > 0).then_some(left)
}

const fn pass_if(met: bool) -> Verdict {
    if met { Verdict::Pass } else { Verdict::Unproven }
}

fn told(time: Duration) -> String {
    match time.as_secs() {
        s if s < 120 => format!("{s} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}
