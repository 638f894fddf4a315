//! One source of records, wherever they are kept.

use super::Batch;
use super::clock_alignment::ClockAlignment;
use super::growing_journal::{self, GrowingJournal, Sight};
use super::remote::{Ask, Remote, RemoteError};
use super::witnessed::Witnessed;
use crate::receive::{Meta, Token, Unwritten};
use record::seal::SignedCheckpoint;
use record::witness::Registering;
use record::{Attempt, Gap, Note, Offset, Record, Tick, Watch};
use signature::{Reason, Verifier};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use wire::Clock;

/// Round trips with which the clock of a receiver elsewhere is measured at the beginning.
const ROUND_TRIPS: usize = 9;
/// A journal is between two files for so long at most, usually.
const BETWEEN_FILES: Duration = Duration::from_millis(250);
/// Pause before a journal that is between two files is looked at again.
const AGAIN: Duration = Duration::from_millis(50);
/// Looks come more often than this: what was not looked at for longer was not seen.
const SEEN_WITHIN: Duration = Duration::from_secs(2);
/// Answers of a receiver that is read to its end, at most: one holds a megabyte.
const LAST_ANSWERS: usize = 1000;

/// What one look gave.
#[derive(Debug)]
pub(crate) struct Look {
    /// What has come, in the time of whoever reads, with the gaps in it.
    pub records: Vec<Record>,
    /// Whether there is more, at once.
    pub more: bool,
    /// Why nothing can be seen, when that has just begun.
    pub lost_sight: Option<String>,
    /// The URL of the receiver, once it is known that it holds another secret than whoever reads: it refuses right webhooks.
    pub other_secret: Option<String>,
}

/// A source of records that is being read.
#[derive(Debug)]
pub(crate) struct RecordSource {
    origin: Origin,
    clock: Clock,
    alignment: ClockAlignment,
    /// Up to when everything was seen.
    seen: Tick,
    /// Since when nothing can be seen, and why.
    blind_since: Option<(Tick, String)>,
    /// Read and not yet given: a look may be dropped at any time.
    pending: Vec<Record>,
}

#[derive(Debug)]
enum Origin {
    Journal(Box<GrowingJournal>),
    Remote(Box<RemoteReceiver>),
}

/// A receiver elsewhere.
#[derive(Debug)]
struct RemoteReceiver {
    remote: Remote,
    url: String,
    run: uuid::Uuid,
    /// By which its times are put on our time line; it stays what it was measured at first.
    offset: Offset,
    /// Verifies again what it refuses; none where whoever reads has no secret.
    own: Option<Verifier>,
    /// Whether it has refused what is right.
    has_other_secret: bool,
    /// Whether it vouches for what comes to a registered run.
    vouches: bool,
    /// The run that is registered there.
    witnessed: Option<Witnessed>,
}

impl RecordSource {
    /// A journal on this machine, read from where it is open.
    pub(crate) fn journal(journal: GrowingJournal, clock: Clock) -> Self {
        let ahead_ms = journal.ahead_ms();
        let mut source = Self::of(Origin::Journal(Box::new(journal)), clock);
        source.alignment.is_ahead(ahead_ms);
        source
    }

    /// The receiver at `url`, read from now on; says what it tells of itself as well.
    ///
    /// # Errors
    /// When the URL is none, or the receiver does not answer as it should.
    pub(crate) async fn remote(url: &str, token: Token, clock: Clock) -> Result<(Self, Meta), RemoteError> {
        let mut remote = Remote::new(url, token)?;
        // What is there already is not ours.
        let mut meta = remote.look(clock, Ask::NOW).await?.0;
        for _ in 1..ROUND_TRIPS {
            meta = remote.look(clock, Ask::NOW).await?.0;
        }
        let unknown = || RemoteError::Malformed("it does not tell its time".to_owned());
        let offset = remote.offset().cloned().ok_or_else(unknown)?;
        // Stated at once, and again at the end: a run that is killed has no end.
        let stated = Record::Watch(Watch::Offset(offset.clone()));
        let (vouches, witnessed) = (meta.witness.is_some(), None);
        let receiver = RemoteReceiver {
            remote,
            url: url.to_owned(),
            run: meta.run_id,
            offset,
            own: None,
            has_other_secret: false,
            vouches,
            witnessed,
        };
        let mut source = Self::of(Origin::Remote(Box::new(receiver)), clock);
        source.alignment.is_ahead(meta.ahead_ms);
        source.pending.push(stated);
        Ok((source, meta))
    }

    /// The same, which verifies again what a receiver elsewhere refuses.
    pub(crate) fn verified_by(mut self, own: Option<Verifier>) -> Self {
        if let Origin::Remote(receiver) = &mut self.origin {
            receiver.own = own;
        }
        self
    }

    /// Registers a run at a receiver elsewhere that vouches for what comes; its records are read from then on. Does nothing at
    /// any other source.
    ///
    /// # Errors
    /// When the receiver does not answer as it should.
    pub(crate) async fn register(&mut self, registering: Registering<'_>) -> Result<(), RemoteError> {
        let Origin::Remote(receiver) = &mut self.origin else { return Ok(()) };
        if !receiver.vouches {
            return Ok(());
        }
        let zero_us = receiver.zero_us(self.clock);
        let signed = receiver.remote.register(registering).await?;
        let (witnessed, first) = Witnessed::begin(registering.run, signed, zero_us, self.clock.now())?;
        receiver.witnessed = Some(witnessed);
        self.pending.push(first);
        Ok(())
    }

    fn of(origin: Origin, clock: Clock) -> Self {
        let (alignment, seen) = (ClockAlignment::default(), clock.now());
        Self { origin, clock, alignment, seen, blind_since: None, pending: Vec::new() }
    }

    /// What has come since the last look. A receiver elsewhere may wait up to `wait` for something to tell, and has to answer
    /// within `limit`. May be dropped at any time: the next look gives what this one would have.
    pub(crate) async fn look(&mut self, wait: Duration, limit: Duration) -> Look {
        let (more, lost_sight) = match self.origin {
            Origin::Journal(_) => self.look_at_journal().await,
            Origin::Remote(_) => self.look_at_receiver(Ask { wait, closes: false }, limit).await,
        };
        let other_secret = match &self.origin {
            Origin::Remote(receiver) if receiver.has_other_secret => Some(receiver.url.clone()),
            _ => None,
        };
        Look { records: std::mem::take(&mut self.pending), more, lost_sight, other_secret }
    }

    /// The gap that is open: since when nothing can be seen, and why.
    pub(crate) fn open_gap(&self) -> Option<Gap> {
        let (from, why) = self.blind_since.clone()?;
        Some(Gap { from, to: self.clock.now(), why })
    }

    /// Ends: what could not be seen is a gap, and of a receiver elsewhere the clocks are stated. One that vouches for the run
    /// does so for the last time, and has to answer within `limit`.
    pub(crate) async fn end(mut self, limit: Duration) -> Vec<Record> {
        self.close(limit).await;
        if self.blind_since.is_none() && self.clock.now().since(self.seen) > SEEN_WITHIN {
            self.blind_since = Some((self.seen, "it was not read to the end".to_owned()));
        }
        self.end_blindness();
        if let Origin::Remote(receiver) = &self.origin {
            let stated = receiver.stated_offset();
            #[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
            let (offset, uncertainty) =
                (stated.offset_us as f64 / 1000.0, stated.uncertainty_us as f64 / 1000.0);
            let text = format!(
                "webhooks were read back from {}, whose clock is {offset:+.1} ms from this one, known to \
                 within {uncertainty:.1} ms ({} round trips)",
                receiver.url, stated.samples
            );
            self.note(text);
            self.pending.push(Record::Watch(Watch::Offset(stated)));
        }
        self.pending
    }

    /// Has the receiver sign for the last time.
    async fn close(&mut self, limit: Duration) {
        for _ in 0..LAST_ANSWERS {
            let is_open = matches!(&self.origin, Origin::Remote(receiver) if receiver.is_open());
            if !is_open || self.blind_since.is_some() {
                return;
            }
            // One that has nothing more has signed for the last time, or never will.
            if !self.look_at_receiver(Ask { wait: Duration::ZERO, closes: true }, limit).await.0 {
                return;
            }
        }
    }

    async fn look_at_journal(&mut self) -> (bool, Option<String>) {
        let begun = Instant::now();
        loop {
            let Origin::Journal(journal) = &mut self.origin else { return (false, None) };
            let look = match journal.look() {
                Ok(look) => look,
                Err(error) => return (false, self.blinded(error.to_string())),
            };
            let growing_journal::Look { batch, missed, sight } = look;
            self.take_read(batch, missed);
            match sight {
                Sight::More => return (true, None),
                Sight::Clear => {
                    // The file was open all the time: without a break in it nothing was missed.
                    self.blind_since = None;
                    self.seen = self.clock.now();
                    return (false, None);
                }
                Sight::Dark(_) if self.blind_since.is_none() && begun.elapsed() < BETWEEN_FILES => {
                    sleep(AGAIN).await;
                }
                Sight::Dark(why) => return (false, self.blinded(why)),
            }
        }
    }

    async fn look_at_receiver(&mut self, ask: Ask, limit: Duration) -> (bool, Option<String>) {
        let Origin::Remote(receiver) = &mut self.origin else { return (false, None) };
        let looked = match timeout(limit, receiver.remote.look(self.clock, ask)).await {
            Ok(Ok(looked)) => looked,
            Ok(Err(error)) if receiver.forgets(&error) => {
                self.note(format!("{error}: it vouches for nothing from here on"));
                return (true, None);
            }
            Ok(Err(error)) => return (false, self.blinded(error.to_string())),
            Err(_) => {
                let why = format!("the inbox does not respond within {} s", limit.as_secs());
                return (false, self.blinded(why));
            }
        };
        let (meta, batch) = looked;
        let restarted = receiver.follow_run(&batch);
        let (zero_us, url) = (receiver.zero_us(self.clock), receiver.url.clone());
        let begin_us = receiver.witnessed.as_ref().map_or(i64::MIN, |w| w.begin_us(batch.run_id));
        let missed = batch.missed.is_some();
        let records = self.alignment.take(batch, (zero_us, receiver.offset.offset_us), begin_us);
        receiver.verify(&records, self.clock);
        let vouched = receiver.take_vouched(meta.witness.and_then(|w| w.checkpoint), &records, self.clock);
        if restarted {
            // However soon it was there again: what was posted meanwhile was refused, and nobody has seen it.
            self.gap("the receiver was restarted".to_owned());
        }
        let lost_sight = match meta.unwritten {
            Some(unwritten) => self.unwritten(&unwritten),
            None => {
                self.end_blindness();
                None
            }
        };
        if missed {
            self.gap("the inbox dropped records that had not been read yet".to_owned());
        }
        if restarted {
            self.note(format!("the receiver at {url} was restarted; its clock was measured again"));
        }
        match vouched {
            Ok(checkpoint) => self.pending.extend(checkpoint),
            Err(why) => self.note(why),
        }
        self.pending.extend(records);
        self.seen = self.clock.now();
        (meta.more, lost_sight)
    }

    /// Takes in what was read from a file of this machine.
    fn take_read(&mut self, batch: Batch, missed: Option<String>) {
        if let Some(why) = missed {
            self.gap(why);
        }
        let (records, stepped_us) = self.alignment.take_read(batch, self.clock, self.seen);
        if let Some(us) = stepped_us {
            let side = if us > 0 { "ahead of" } else { "behind" };
            #[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
            let apart = us.unsigned_abs() as f64 / 1e6;
            let text = format!(
                "the clock of the receiver's journal is {apart:.1} s {side} this one: times are counted from when it was read"
            );
            self.note(text.clone());
            self.gap(text);
        }
        self.pending.extend(records);
    }

    /// Nothing can be seen; gives why, when that is new.
    fn blinded(&mut self, why: String) -> Option<String> {
        let new = self.blind_since.is_none();
        new.then(|| self.blind_since = Some((self.seen, why.clone())));
        new.then_some(why)
    }

    /// What came since everything was seen last is not all in the receiver's journal; gives why, when that is new.
    fn unwritten(&mut self, unwritten: &Unwritten) -> Option<String> {
        let why = format!(
            "the receiver cannot write its journal: {} webhooks were answered with 503",
            unwritten.webhooks
        );
        let before = self.blind_since.take();
        self.blind_since = Some((before.as_ref().map_or(self.seen, |(from, _)| *from), why.clone()));
        before.is_none().then_some(why)
    }

    /// What happened since everything was seen last is not certain.
    fn gap(&mut self, why: String) {
        let from = self.blind_since.take().map_or(self.seen, |(from, _)| from);
        self.pending.push(Record::Watch(Watch::Gap(Gap { from, to: self.clock.now(), why })));
    }

    fn end_blindness(&mut self) {
        if let Some((from, why)) = self.blind_since.take() {
            self.pending.push(Record::Watch(Watch::Gap(Gap { from, to: self.clock.now(), why })));
        }
    }

    fn note(&mut self, text: String) {
        self.pending.push(Record::Note(Note { at: self.clock.now(), text }));
    }
}

impl RemoteReceiver {
    /// Looks for what is right under our own secret, and was refused there.
    fn verify(&mut self, records: &[Record], clock: Clock) {
        let Some(own) = &self.own else { return };
        let is_right = |attempt: &Attempt| {
            let (posted, at) = ((attempt.method.as_str(), attempt.target.as_str()), attempt.first_byte);
            let now_ms = at.wall(clock.started()).timestamp_millis();
            own.check_posted(posted, &attempt.headers, &attempt.body.bytes(), now_ms).0.reason.is_authentic()
        };
        let refused = records.iter().filter_map(|record| match record {
            Record::Attempt(attempt) if attempt.verdict.reason == Reason::Mismatch => Some(attempt),
            _ => None,
        });
        self.has_other_secret |= refused.into_iter().any(|attempt| is_right(attempt));
    }

    /// Whether the records are of another run than the last ones: the clock is then measured anew.
    fn follow_run(&mut self, batch: &Batch) -> bool {
        let restarted = batch.run_id != self.run;
        if restarted {
            self.run = batch.run_id;
            self.offset = self.remote.offset().cloned().unwrap_or_else(|| self.offset.clone());
        }
        restarted
    }

    /// Its time at our tick 0, µs since the Unix epoch.
    fn zero_us(&self, clock: Clock) -> i64 {
        clock.started().timestamp_micros().saturating_add(self.offset.offset_us)
    }

    /// Whether a run is registered there that has not been said to have ended.
    fn is_open(&self) -> bool {
        self.witnessed.as_ref().is_some_and(|witnessed| !witnessed.is_closed())
    }

    /// Whether it says that it cannot vouch for the run, which is read on without.
    fn forgets(&mut self, error: &RemoteError) -> bool {
        let is_over = matches!(error, RemoteError::Refused { status: 404 | 409 | 410, .. });
        let forgets = is_over && self.witnessed.take().is_some();
        if forgets {
            self.remote.forget_registration();
        }
        forgets
    }

    /// The checkpoint over the records that have come with it, for the journal; one that they do not lead to is none, and
    /// none is asked for any more.
    fn take_vouched(
        &mut self,
        signed: Option<SignedCheckpoint>,
        records: &[Record],
        clock: Clock,
    ) -> Result<Option<Record>, String> {
        let zero_us = self.zero_us(clock);
        let (Some(witnessed), Some(signed)) = (&mut self.witnessed, signed) else { return Ok(None) };
        witnessed.take(signed, records, zero_us, clock.now()).map_err(|why| {
            self.witnessed = None;
            self.remote.forget_registration();
            format!("{why}: from here on the receiver at {} vouches for nothing", self.url)
        })
    }

    /// What was measured since the beginning may only make the uncertainty larger.
    fn stated_offset(&self) -> Offset {
        let mut stated = self.offset.clone();
        if let Some(best) = self.remote.offset() {
            let apart = stated.offset_us.abs_diff(best.offset_us).saturating_add(best.uncertainty_us);
            stated.uncertainty_us = stated.uncertainty_us.max(apart);
            stated.samples = best.samples;
        }
        stated
    }
}

#[cfg(test)]
mod tests {
    use super::super::growing_journal::tests::{notes, receiver};
    use super::*;

    /// All that is there, how many of it are notes, and why sight was lost.
    async fn all(source: &mut RecordSource) -> (Vec<Record>, usize, Option<String>) {
        let mut records = Vec::new();
        loop {
            let look = source.look(Duration::ZERO, Duration::ZERO).await;
            records.extend(look.records);
            if !look.more {
                let notes = records.iter().filter(|record| matches!(record, Record::Note(_))).count();
                return (records, notes, look.lost_sight);
            }
        }
    }

    fn gap(record: &Record) -> Option<&str> {
        if let Record::Watch(Watch::Gap(gap)) = record { Some(&gap.why) } else { None }
    }

    #[tokio::test]
    async fn what_cannot_be_seen_is_a_gap_among_the_records() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j.jsonl");
        let journal = receiver(&path);
        let growing = GrowingJournal::at_end(&path).unwrap();
        let mut source = RecordSource::journal(growing, Clock::start());
        notes(&journal, 3);
        let (records, seen, lost) = all(&mut source).await;
        assert_eq!((seen, lost), (3, None));
        assert!(records.iter().all(|record| gap(record).is_none()) && source.open_gap().is_none());
        // The kernel drops the lock of a process that is killed; another one goes on.
        drop(journal);
        let (_, seen, lost) = all(&mut source).await;
        assert_eq!(
            (seen, lost.as_deref()),
            (0, Some("the receiver is gone: no process has its journal open"))
        );
        assert!(source.open_gap().is_some());
        assert_eq!(all(&mut source).await.2, None, "it is told once");
        let journal = receiver(&path);
        notes(&journal, 2);
        let (records, seen, _) = all(&mut source).await;
        assert_eq!(seen, 2);
        let gaps: Vec<&str> = records.iter().filter_map(gap).collect();
        assert_eq!(gaps, ["the receiver was restarted"]);
        assert!(source.open_gap().is_none());
        journal.finish(Tick(9), true).unwrap();
        all(&mut source).await;
        let end = source.end(Duration::ZERO).await;
        assert_eq!(end.iter().filter_map(gap).collect::<Vec<_>>(), ["the receiver has ended its journal"]);
    }
}
