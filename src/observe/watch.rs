//! One observation: records in, triggers out, everything into the window's own journal.

use super::{Fired, Judge, LogFollow, LogSaid, Prober};
use crate::journal::{Journal, Sealed};
use crate::record_source::{Look, RecordSource};
use record::{
    Hook, LogCompared, LogFacts, LogQuote, Note, Probe, Record, Tick, WallClock, Watch, WatchBegin,
};
use std::io;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::time::Instant;
use wire::Clock;

/// One look at a journal that is far behind ends after this.
const CATCH_UP: Duration = Duration::from_secs(1);
/// Looks at the logs when the window ends, at least: one reads a piece.
const LAST_LOOKS: u32 = 4;
/// A receiver elsewhere has this long for its last answer.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// What an observation is made of.
pub(crate) struct Plan<J> {
    pub begin: WatchBegin,
    /// Its own journal, with the header written.
    pub journal: Journal,
    /// Judges what is in that journal.
    pub judge: J,
    /// The clock of the window.
    pub clock: Clock,
    /// Where webhooks are seen.
    pub source: RecordSource,
    /// The sender's logs.
    pub logs: Vec<LogFollow>,
    /// Facts of what is driven meanwhile, in the time of the window.
    pub driven: Receiver<Record>,
}

/// What one step of an observation gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Triggers that have fired since the last step.
    pub fired: Vec<Fired>,
    /// Why nothing could be seen, when that has just begun.
    pub lost_sight: Option<String>,
    /// The URL of the receiver, where it holds another secret: what it says of signatures is judged no further.
    pub other_secret: Option<String>,
}

/// An observation under way.
pub(crate) struct Observe<J> {
    begin: WatchBegin,
    journal: Journal,
    judge: J,
    clock: Clock,
    source: RecordSource,
    logs: Vec<LogFollow>,
    driven: Receiver<Record>,
    other_secret: Option<String>,
    fired: Vec<Fired>,
    ahead_ms: i64,
    prober: Prober,
}

impl<J: Judge> Observe<J> {
    /// Begins.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) fn begin(plan: Plan<J>) -> io::Result<Self> {
        let mut observe = Self {
            begin: plan.begin.clone(),
            journal: plan.journal,
            judge: plan.judge,
            clock: plan.clock,
            source: plan.source,
            logs: plan.logs,
            driven: plan.driven,
            other_secret: None,
            fired: Vec::new(),
            ahead_ms: 0,
            prober: Prober::new(plan.begin.probe.as_deref())?,
        };
        observe.write(&Record::Watch(Watch::Begin(plan.begin)))?;
        observe.journal.flush()?;
        Ok(observe)
    }

    /// The judge and what it knows so far.
    pub(crate) const fn judge(&self) -> &J {
        &self.judge
    }

    /// Looks at everything once; a receiver elsewhere has `within` to answer. May be dropped at any time.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) async fn step(&mut self, within: Duration) -> io::Result<Step> {
        let lost_sight = self.look(within).await?;
        if self.other_secret.is_some() {
            return Ok(Step { fired: Vec::new(), lost_sight, other_secret: self.other_secret.clone() });
        }
        self.read_logs(self.clock.now())?;
        self.check_clock()?;
        // Where nothing comes nothing is written: a journal that somebody took away is noticed all the same.
        self.journal.flush()?;
        // A minute that is not seen is unproven while it lasts, as it will be in the artifact.
        self.judge.blind(self.source.open_gap());
        let all = self.judge.fired(self.clock.now());
        let known = |t: &Fired| self.fired.iter().any(|f| f.id == t.id);
        let fired: Vec<Fired> = all.into_iter().filter(|t| !known(t)).collect();
        self.fired.extend(fired.iter().cloned());
        Ok(Step { fired, lost_sight, other_secret: None })
    }

    /// Tries the receiver's URL from outside.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) async fn probe(&mut self) -> io::Result<()> {
        let Some(url) = self.begin.probe.clone() else { return Ok(()) };
        let sent = self.clock.now();
        let problem = self.prober.problem(&url).await;
        let at = self.clock.now();
        let took_us = u64::try_from(at.since(sent).as_micros()).unwrap_or(u64::MAX);
        self.write(&Record::Watch(Watch::Probe(Probe { at, took_us, problem })))
    }

    /// Notes something that is worth telling.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) fn note(&mut self, text: String) -> io::Result<()> {
        self.write(&Record::Note(Note { at: self.clock.now(), text }))
    }

    /// Looks for the last time, when the window is over, and gives the triggers that have fired since the last step: what a log's last
    /// line says may be one. `goes_on` is asked before each further look at the logs, with how many bytes are left to read.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) async fn end(
        mut self,
        goes_on: impl FnMut(u64) -> bool,
    ) -> io::Result<(Ended<J>, Vec<Fired>)> {
        let ended = self.clock.now();
        self.logs.iter_mut().for_each(LogFollow::end);
        self.write_driven()?;
        self.look_last(ended, goes_on).await?;
        let gone: Vec<String> = self.logs.iter().filter_map(LogFollow::lost).collect();
        for text in &gone {
            self.note(text.clone())?;
        }
        let Self { begin, journal, mut judge, clock, source, fired, .. } = self;
        for record in source.end(LAST_WITHIN).await {
            write(&journal, &mut judge, &record)?;
        }
        judge.blind(None);
        let all = judge.fired_at_last(clock.now());
        let new = all.into_iter().filter(|t| !fired.iter().any(|f| f.id == t.id)).collect();
        let has_log = !begin.logs.is_empty();
        Ok((Ended { journal, judge, clock, ended, gone, has_log }, new))
    }

    /// What the log says of a webhook is written after it has arrived: the log first, then the webhooks.
    async fn look_last(&mut self, ended: Tick, mut goes_on: impl FnMut(u64) -> bool) -> io::Result<()> {
        if self.logs.is_empty() {
            return Ok(());
        }
        let left = |logs: &[LogFollow]| logs.iter().map(LogFollow::left).sum::<u64>();
        for n in 0.. {
            let before = left(&self.logs);
            if n >= LAST_LOOKS && (before == 0 || !goes_on(before)) {
                break;
            }
            self.read_logs(ended)?;
            if n >= LAST_LOOKS && left(&self.logs) == before {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.read_rests(ended)?;
        self.look(LAST_WITHIN).await.map(drop)
    }

    /// Gives why nothing can be seen, when that has just begun.
    async fn look(&mut self, within: Duration) -> io::Result<Option<String>> {
        let begun = Instant::now();
        loop {
            let Look { records, more, lost_sight, other_secret } =
                self.source.look(Duration::ZERO, within).await;
            self.write_driven()?;
            records.iter().try_for_each(|record| self.write(record))?;
            self.other_secret = self.other_secret.take().or(other_secret);
            if lost_sight.is_some() || !more || begun.elapsed() >= CATCH_UP {
                return Ok(lost_sight);
            }
        }
    }

    /// After a look and before what it gave: what was asked for stands before what came of it.
    fn write_driven(&mut self) -> io::Result<()> {
        // The signatures of what was read are verified again by the time that the receiver went by.
        self.check_clock()?;
        while let Ok(record) = self.driven.try_recv() {
            self.write(&record)?;
        }
        Ok(())
    }

    /// Reads what has come; it was written by `at`.
    fn read_logs(&mut self, at: Tick) -> io::Result<()> {
        let Self { logs, judge, .. } = self;
        let mut all: Option<LogSaid> = None;
        for (number, log) in logs.iter_mut().enumerate() {
            // A log that is away for a moment (rotation) is read on when it is there again.
            let lines = log.look().unwrap_or_default();
            if lines.is_empty() {
                continue;
            }
            judge.next_log(number);
            let said = judge.read_log(&lines, at);
            let before = all.take().map(|all| all.quotes).unwrap_or_default();
            let quotes = before.into_iter().chain(said.quotes).collect();
            all = Some(LogSaid { quotes, ..said });
        }
        all.map_or(Ok(()), |said| self.write_said(said))
    }

    /// A last line that nobody has ended says as much as any other.
    fn read_rests(&mut self, ended: Tick) -> io::Result<()> {
        let rests = self.logs.iter_mut().map(LogFollow::rests).enumerate();
        let rests: Vec<_> =
            rests.flat_map(|(number, rests)| rests.into_iter().map(move |rest| (number, rest))).collect();
        for (number, (line, ago)) in rests {
            self.judge.next_log(number);
            let grown = Tick(0).plus(self.clock.now().since(Tick(0)).saturating_sub(ago));
            let said = self.judge.read_rest(line.as_deref(), grown.min(ended));
            self.write_said(said)?;
        }
        Ok(())
    }

    fn write_said(&mut self, said: LogSaid) -> io::Result<()> {
        let at = self.clock.now();
        for quote in said.quotes {
            self.write(&Record::Watch(Watch::Quote(LogQuote { at, ..quote })))?;
        }
        let facts = LogFacts { at, summary: said.summary };
        self.write(&Record::Watch(Watch::Log(Box::new(facts))))
    }

    fn check_clock(&mut self) -> io::Result<()> {
        let ahead_ms = self.clock.ahead().num_milliseconds();
        if ahead_ms.abs_diff(self.ahead_ms) <= Clock::PARTED.num_milliseconds().unsigned_abs() {
            return Ok(());
        }
        self.ahead_ms = ahead_ms;
        self.write(&Record::Watch(Watch::WallClock(WallClock { at: self.clock.now(), ahead_ms })))
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        write(&self.journal, &mut self.judge, record)
    }
}

/// What notes what `--on-rollback` did.
pub(crate) trait Hooked {
    /// It was run for this trigger.
    ///
    /// # Errors
    /// When the journal cannot be written.
    fn hooked(&mut self, trigger: &str, exit: Option<i32>) -> io::Result<()>;
}

impl<J: Judge> Hooked for Observe<J> {
    fn hooked(&mut self, trigger: &str, exit: Option<i32>) -> io::Result<()> {
        write(&self.journal, &mut self.judge, &hook(&self.clock, trigger, exit))
    }
}

/// An observation in which everything has been read.
pub(crate) struct Ended<J> {
    journal: Journal,
    judge: J,
    clock: Clock,
    /// When its window ended.
    ended: Tick,
    /// Why logs could not be read to the end.
    gone: Vec<String>,
    has_log: bool,
}

impl<J: Judge> Hooked for Ended<J> {
    fn hooked(&mut self, trigger: &str, exit: Option<i32>) -> io::Result<()> {
        write(&self.journal, &mut self.judge, &hook(&self.clock, trigger, exit))
    }
}

impl<J: Judge> Ended<J> {
    /// Compares the log with what arrived; `complete` says whether the window ended by itself or by a trigger.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) fn finish(mut self, complete: bool) -> io::Result<Sealed> {
        if self.has_log {
            let found = self.judge.compare_log(self.ended, self.gone);
            let compared = LogCompared { at: self.clock.now(), ..found };
            write(&self.journal, &mut self.judge, &Record::Watch(Watch::Compared(Box::new(compared))))?;
        }
        self.journal.finish(self.clock.now(), complete)
    }
}

fn hook(clock: &Clock, trigger: &str, exit: Option<i32>) -> Record {
    Record::Watch(Watch::Hook(Hook { at: clock.now(), trigger: trigger.to_owned(), exit }))
}

/// The judge knows what is in the journal.
fn write(journal: &Journal, judge: &mut impl Judge, record: &Record) -> io::Result<()> {
    journal.append(record)?;
    judge.take(record);
    Ok(())
}
