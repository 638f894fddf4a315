//! One observation: records in, triggers out, everything into the window's own journal.

use super::{Fired, Follow, Judge, LogFollow, LogSaid, Look, Prober, Sight};
use crate::journal::{Journal, Sealed};
use crate::receive::{Batch, ClockAlignment, Remote};
use record::Tick;
use record::{Gap, Hook, LogFacts, Note, Probe, Record, WallClock, Watch, WatchBegin};
use std::io;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use wire::Clock;

/// A journal is between two files for so long at most, usually.
const BETWEEN_FILES: Duration = Duration::from_millis(250);
/// Pause before a journal that is between two files is looked at again.
const AGAIN: Duration = Duration::from_millis(50);
/// One look at a journal that is far behind ends after this.
const CATCH_UP: Duration = Duration::from_secs(1);
/// Looks come more often than this: what was not looked at for longer was not seen.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

/// Looks at the logs when the window ends: one reads a piece, or goes on to the file that came after a rotation.
const LAST_LOOKS: u32 = 4;
/// A receiver elsewhere has this long for its last answer.
const LAST_WITHIN: Duration = Duration::from_secs(2);

/// Where webhooks are seen.
#[derive(Debug)]
pub enum Source {
    /// A journal on this machine.
    Journal(Box<Follow>),
    /// A receiver elsewhere.
    Remote(Box<Remote>),
}

/// What an observation is made of.
pub struct Plan<J> {
    /// How it begins.
    pub begin: WatchBegin,
    /// Its own journal, with the header written.
    pub journal: Journal,
    /// Judges what is in that journal.
    pub judge: J,
    /// The clock of the window.
    pub clock: Clock,
    /// Where webhooks are seen.
    pub source: Source,
    /// The sender's logs.
    pub logs: Vec<LogFollow>,
    /// Facts of what is driven meanwhile, in the time of the window.
    pub driven: Receiver<Record>,
}

/// What one step of an observation gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Triggers that have fired since the last step.
    pub fired: Vec<Fired>,
    /// Why nothing could be seen, when that has just begun.
    pub lost_sight: Option<String>,
}

/// An observation under way.
pub struct Observe<J> {
    begin: WatchBegin,
    journal: Journal,
    judge: J,
    clock: Clock,
    source: Source,
    logs: Vec<LogFollow>,
    driven: Receiver<Record>,
    alignment: ClockAlignment,
    fired: Vec<Fired>,
    blind_since: Option<(Tick, String)>,
    seen: Tick,
    ahead_ms: i64,
    prober: Prober,
}

impl<J: Judge> Observe<J> {
    /// Begins.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn begin(plan: Plan<J>) -> io::Result<Self> {
        let mut observe = Self {
            begin: plan.begin.clone(),
            journal: plan.journal,
            judge: plan.judge,
            clock: plan.clock,
            source: plan.source,
            logs: plan.logs,
            driven: plan.driven,
            alignment: ClockAlignment::default(),
            fired: Vec::new(),
            blind_since: None,
            seen: plan.clock.now(),
            ahead_ms: 0,
            prober: Prober::new()?,
        };
        observe.write(&Record::Watch(Watch::Begin(plan.begin)))?;
        Ok(observe)
    }

    /// The judge and what it knows so far.
    #[must_use]
    pub const fn judge(&self) -> &J {
        &self.judge
    }

    /// Looks at everything once; a receiver elsewhere has `within` to answer. May be dropped at any time.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn step(&mut self, within: Duration) -> io::Result<Step> {
        let lost_sight = self.look(within).await?;
        self.read_logs()?;
        self.check_clock()?;
        // A minute that is not seen is unproven while it lasts, as it will be in the artifact.
        let open = self.blind_since.clone();
        self.judge.blind(open.map(|(from, why)| Gap { from, to: self.clock.now(), why }));
        let all = self.judge.fired(self.clock.now());
        let known = |t: &Fired| self.fired.iter().any(|f| f.id == t.id);
        let fired: Vec<Fired> = all.into_iter().filter(|t| !known(t)).collect();
        self.fired.extend(fired.iter().cloned());
        Ok(Step { fired, lost_sight })
    }

    /// Tries the receiver's URL from outside.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn probe(&mut self) -> io::Result<()> {
        let Some(url) = self.begin.probe.clone() else { return Ok(()) };
        let sent = self.clock.now();
        let problem = self.prober.problem(&url).await;
        let at = self.clock.now();
        let took_us = u64::try_from(at.since(sent).as_micros()).unwrap_or(u64::MAX);
        self.write(&Record::Watch(Watch::Probe(Probe { at, took_us, problem })))
    }

    /// Notes what `--on-rollback` did.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn hooked(&mut self, trigger: &str, exit: Option<i32>) -> io::Result<()> {
        let hook = Hook { at: self.clock.now(), trigger: trigger.to_owned(), exit };
        self.write(&Record::Watch(Watch::Hook(hook)))
    }

    /// Notes something that is worth telling.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn note(&mut self, text: String) -> io::Result<()> {
        self.write(&Record::Note(Note { at: self.clock.now(), text }))
    }

    /// Ends; `complete` says whether the window ended by itself or by a trigger.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn finish(mut self, complete: bool) -> io::Result<Sealed> {
        self.write_driven()?;
        self.look_last().await?;
        let gone: Vec<String> = self.logs.iter().filter_map(LogFollow::lost).collect();
        for text in &gone {
            self.note(text.clone())?;
        }
        let now = self.clock.now();
        if self.blind_since.is_none() && now.since(self.seen) > SEEN_WITHIN {
            self.blind_since = Some((self.seen, "it was not read to the end".to_owned()));
        }
        self.end_blindness()?;
        if !self.logs.is_empty() {
            let compared = self.judge.compare_log(self.clock.now(), gone);
            self.write(&Record::Watch(Watch::Compared(Box::new(compared))))?;
        }
        if let Source::Remote(remote) = &self.source
            && let Some(offset) = remote.offset().cloned()
        {
            self.write(&Record::Watch(Watch::Offset(offset)))?;
        }
        self.journal.finish(self.clock.now(), complete)
    }

    /// What the log says of a webhook is written after it has arrived: the log first, then the webhooks.
    async fn look_last(&mut self) -> io::Result<()> {
        if self.logs.is_empty() {
            return Ok(());
        }
        for _ in 0..LAST_LOOKS {
            self.read_logs()?;
        }
        self.look(LAST_WITHIN).await.map(drop)
    }

    async fn look(&mut self, within: Duration) -> io::Result<Option<String>> {
        let begun = Instant::now();
        loop {
            let look = match &mut self.source {
                Source::Remote(_) => return self.look_there(within).await,
                Source::Journal(follow) => follow.look(),
            };
            let Look { batch, missed, sight } = match look {
                Ok(look) => look,
                Err(error) => return Ok(self.blinded(error.to_string())),
            };
            self.take_read(batch, missed)?;
            match sight {
                Sight::More if begun.elapsed() < CATCH_UP => {}
                Sight::More => return Ok(None),
                Sight::Clear => {
                    // The file was open all the time: without a break in it nothing was missed.
                    self.blind_since = None;
                    self.seen = self.clock.now();
                    return Ok(None);
                }
                Sight::Dark(_) if self.blind_since.is_none() && begun.elapsed() < BETWEEN_FILES => {
                    sleep(AGAIN).await;
                }
                Sight::Dark(why) => return Ok(self.blinded(why)),
            }
        }
    }

    async fn look_there(&mut self, within: Duration) -> io::Result<Option<String>> {
        let Source::Remote(remote) = &mut self.source else { return Ok(None) };
        let looked = match timeout(within, remote.look(self.clock, Duration::ZERO)).await {
            Ok(Ok((_, batch))) => Ok((batch, remote.offset().map_or(0, |o| o.offset_us))),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the inbox does not answer within {} s", within.as_secs())),
        };
        match looked {
            Ok((batch, offset_us)) => {
                self.end_blindness()?;
                if batch.missed {
                    self.gap("the inbox has dropped records that were not read yet".to_owned())?;
                }
                self.seen = self.clock.now();
                self.write_driven()?;
                for record in self.alignment.take(batch, self.clock, offset_us) {
                    self.write(&record)?;
                }
                Ok(None)
            }
            Err(why) => Ok(self.blinded(why)),
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

    /// Nothing can be seen; gives why, when that is new.
    fn blinded(&mut self, why: String) -> Option<String> {
        let new = self.blind_since.is_none();
        new.then(|| self.blind_since = Some((self.seen, why.clone())));
        new.then_some(why)
    }

    /// Takes in what was read from a file of this machine.
    fn take_read(&mut self, batch: Batch, missed: Option<String>) -> io::Result<()> {
        if let Some(why) = missed {
            self.gap(why)?;
        }
        self.write_driven()?;
        let (records, stepped_us) = self.alignment.take_read(batch, self.clock, self.seen);
        if let Some(us) = stepped_us {
            let side = if us > 0 { "ahead of" } else { "behind" };
            #[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
            let apart = us.unsigned_abs() as f64 / 1e6;
            let text = format!(
                "the clock of the receiver's journal is {apart:.1} s {side} this one: its times are counted from when it was read"
            );
            self.note(text.clone())?;
            self.gap(text)?;
        }
        records.iter().try_for_each(|record| self.write(record))
    }

    /// What happened since everything was seen last is not certain.
    fn gap(&mut self, why: String) -> io::Result<()> {
        let from = self.blind_since.take().map_or(self.seen, |(from, _)| from);
        self.write(&Record::Watch(Watch::Gap(Gap { from, to: self.clock.now(), why })))
    }

    fn end_blindness(&mut self) -> io::Result<()> {
        let Some((from, why)) = self.blind_since.take() else { return Ok(()) };
        let to = self.clock.now();
        self.write(&Record::Watch(Watch::Gap(Gap { from, to, why })))
    }

    fn read_logs(&mut self) -> io::Result<()> {
        if self.logs.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for log in &mut self.logs {
            // A log that is away for a moment (rotation) is read on when it is there again.
            lines.extend(log.look().unwrap_or_default());
        }
        if lines.is_empty() {
            return Ok(());
        }
        let at = self.clock.now();
        let LogSaid { summary, quotes } = self.judge.read_log(&lines, at);
        for quote in quotes {
            self.write(&Record::Watch(Watch::Quote(quote)))?;
        }
        let facts = LogFacts { at, summary };
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
        self.journal.append(record)?;
        self.judge.take(record);
        Ok(())
    }
}
