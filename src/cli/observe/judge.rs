//! The live judge of an observation: the same analysis and triggers as over the finished journal.

use crate::cli::{Failure, logs};
use crate::observe::{Fired, Judge, LogSaid};
use evidence::analysis::Analysis;
use evidence::gate::{Gates, triggers};
use evidence::logs::{Fold, Formats, LogWindow, Pieces};
use record::Tick;
use record::{Gap, Header, LogCompared, LogErrors, Reconciliation, Record};
use std::time::Instant;

/// Looking again takes at most one part in so many of the time: the more there is to look at, the rarer it is done.
const SHARE: u32 = 10;

/// What is made of the sender's log.
pub(super) struct SenderLog<'f> {
    fold: Fold<'f>,
    window: LogWindow<'f>,
    pieces: Pieces,
}

impl<'f> SenderLog<'f> {
    /// Nothing read yet; `header` is the window's.
    pub(super) fn new(formats: &'f Formats, header: &Header) -> Result<Self, Failure> {
        let fold = Fold::new(formats, Some(logs::engine()?), None);
        let window = LogWindow::new(formats, header, logs::engine()?);
        Ok(Self { fold, window, pieces: Pieces::default() })
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

    fn fired_at_last(&mut self, now: Tick) -> Vec<Fired> {
        self.rest = Rest::default();
        self.fired(now)
    }

    fn next_log(&mut self, number: usize) {
        if let Some(log) = &mut self.log {
            log.window.next_log(number);
        }
    }

    fn read_log(&mut self, lines: &[Option<String>], at: Tick) -> LogSaid {
        let Some(log) = &mut self.log else { return LogSaid::default() };
        let mut quotes = Vec::new();
        for line in lines {
            let line = log.pieces.line(line.as_deref());
            log.fold.take(line.as_deref());
            quotes.extend(log.window.read(line.as_deref().unwrap_or_default(), at));
            log.window.read_errors(&log.fold.summary().errors, at);
        }
        LogSaid { summary: serde_json::to_value(log.fold.summary()).unwrap_or_default(), quotes }
    }

    fn read_rest(&mut self, line: Option<&str>, at: Tick) -> LogSaid {
        let Some(log) = &mut self.log else { return LogSaid::default() };
        let line = log.pieces.line(line);
        log.fold.take(line.as_deref());
        let quotes = log.window.read_rest(line.as_deref().unwrap_or_default(), at).into_iter().collect();
        log.window.read_errors(&log.fold.summary().errors, at);
        LogSaid { summary: serde_json::to_value(log.fold.summary()).unwrap_or_default(), quotes }
    }

    fn compare_log(&mut self, end: Tick, mut gone: Vec<String>) -> LogCompared {
        match &mut self.log {
            Some(log) => {
                let cut = "a long line of the log, which the container runtime has cut into pieces, has not come to its end: what it says is unknown";
                gone.extend(log.pieces.are_left().then(|| cut.to_owned()));
                log.window.compare(end, gone)
            }
            None => {
                let (found, errors) = (Reconciliation::default(), LogErrors::default());
                LogCompared { at: end, gone, not_kept: 0, found, errors }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_pieces_is_read_with_its_last_and_one_without_it_is_unknown() {
        let formats = Formats::built_in().unwrap();
        let header = Header::new(record::RunKind::Observe, chrono::Utc::now()).unwrap();
        let log = SenderLog::new(&formats, &header).unwrap_or_else(|_| panic!());
        let mut live = Live::new(Analysis::new(header).unwrap(), Gates::default(), Some(log));
        let piece = |flag, text: &str| Some(format!("2026-11-28T08:30:15.1Z stderr {flag} {text}"));
        let begun = piece("P", r#"{"level":"ERROR","logger":"apps.x","#);
        let errors = |said: LogSaid| said.summary["errors"]["count"].as_u64();
        let end = piece("F", r#""message":"broke"}"#);
        assert_eq!(errors(live.read_log(std::slice::from_ref(&begun), Tick(1))), Some(0));
        assert_eq!(errors(live.read_log(&[end.clone(), begun.clone()], Tick(2))), Some(1));
        assert_eq!(errors(live.read_rest(end.as_deref(), Tick(3))), Some(2));
        live.read_log(&[begun], Tick(4));
        assert!(live.compare_log(Tick(5), Vec::new()).gone[0].contains("has not come to its end"));
    }

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
