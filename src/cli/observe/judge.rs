//! The live judge of an observation: the same analysis and triggers as over the finished journal.

use crate::cli::{Failure, logs};
use crate::observe::{Fired, Judge, LogSaid};
use evidence::analysis::Analysis;
use evidence::gate::{Gates, triggers};
use evidence::logs::{Fold, Formats, LogWindow};
use record::Tick;
use record::{Gap, Header, LogCompared, Reconciliation, Record};
use std::time::Instant;

/// Looking again takes at most one part in so many of the time: the more there is to look at, the rarer it is done.
const SHARE: u32 = 10;

/// What is made of the sender's log.
pub(super) struct SenderLog<'f> {
    fold: Fold<'f>,
    window: LogWindow<'f>,
}

impl<'f> SenderLog<'f> {
    /// Nothing read yet; `header` is the window's.
    pub(super) fn new(formats: &'f Formats, header: &Header) -> Result<Self, Failure> {
        let fold = Fold::new(formats, Some(logs::engine()?), None);
        Ok(Self { fold, window: LogWindow::new(formats, header, logs::engine()?) })
    }
}

/// Analysis, gates and log of a window.
pub(super) struct Live<'f> {
    pub analysis: Analysis,
    pub gates: Gates,
    log: Option<SenderLog<'f>>,
    fired: Vec<Fired>,
    rest: Rest,
}

/// When something that took a while may be done again.
#[derive(Debug, Default)]
pub(super) struct Rest {
    until: Option<Instant>,
}

impl Rest {
    /// Does it, if it has rested for long enough.
    pub(super) fn unless_tired<T>(&mut self, work: impl FnOnce() -> T) -> Option<T> {
        let begun = Instant::now();
        if self.until.is_some_and(|until| begun < until) {
            return None;
        }
        let done = work();
        let ended = Instant::now();
        self.until = Some(ended + (ended - begun) * (SHARE - 1));
        Some(done)
    }
}

impl<'f> Live<'f> {
    /// Nothing seen yet; the log is the sender's, where one is given.
    pub(super) fn new(analysis: Analysis, gates: Gates, log: Option<SenderLog<'f>>) -> Self {
        Self { analysis, gates, log, fired: Vec::new(), rest: Rest::default() }
    }
}

impl Judge for Live<'_> {
    fn take(&mut self, record: &Record) {
        self.analysis.take(record);
        if let Some(log) = &mut self.log {
            log.window.take(record);
        }
    }

    fn blind(&mut self, gap: Option<Gap>) {
        self.analysis.watched.open_gap = gap;
    }

    fn fired(&mut self, now: Tick) -> Vec<Fired> {
        // Silence is a fact too: the analysis knows how far the time has come.
        self.analysis.latest = self.analysis.latest.max(now);
        let Self { analysis, gates, .. } = self;
        if let Some(all) = self.rest.unless_tired(|| triggers(analysis, gates)) {
            self.fired = all.into_iter().map(|t| Fired { id: t.id, evidence: t.evidence }).collect();
        }
        self.fired.clone()
    }

    fn read_log(&mut self, lines: &[Option<String>], at: Tick) -> LogSaid {
        let Some(log) = &mut self.log else { return LogSaid::default() };
        let mut quotes = Vec::new();
        for line in lines {
            log.fold.take(line.as_deref());
            quotes.extend(log.window.read(line.as_deref().unwrap_or_default(), at));
        }
        LogSaid { summary: serde_json::to_value(log.fold.summary()).unwrap_or_default(), quotes }
    }

    fn read_rest(&mut self, line: Option<&str>, at: Tick) -> LogSaid {
        let Some(log) = &mut self.log else { return LogSaid::default() };
        log.fold.take(line);
        let quotes = log.window.read_rest(line.unwrap_or_default(), at).into_iter().collect();
        LogSaid { summary: serde_json::to_value(log.fold.summary()).unwrap_or_default(), quotes }
    }

    fn compare_log(&mut self, end: Tick, gone: Vec<String>) -> LogCompared {
        match &mut self.log {
            Some(log) => log.window.compare(end, gone),
            None => LogCompared { at: end, gone, not_kept: 0, found: Reconciliation::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_done_seldom() {
        let mut rest = Rest::default();
        let begun = Instant::now();
        let spin = || while begun.elapsed().as_millis() < 20 {};
        assert_eq!(rest.unless_tired(spin), Some(()));
        assert_eq!(rest.unless_tired(|| ()), None);
        rest.until = Some(begun);
        assert_eq!(rest.unless_tired(|| ()), Some(()));
    }
}
