//! What an observation asks while it goes on; the evidence wing answers.

use record::Tick;
use record::{Gap, LogCompared, LogQuote, Record};
use serde_json::Value;

/// A rollback trigger that has fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fired {
    /// Its stable name.
    pub id: String,
    /// What was seen, with figures.
    pub evidence: String,
}

/// What the sender's log says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LogSaid {
    /// In figures, so far.
    pub summary: Value,
    /// Those of the lines that have just come which are to be quoted.
    pub quotes: Vec<LogQuote>,
}

/// Judges what is in the window's journal so far.
pub(crate) trait Judge {
    /// A record was written.
    fn take(&mut self, record: &Record);
    /// Since when nothing can be seen, and why; `None` when everything can.
    fn blind(&mut self, gap: Option<Gap>);
    /// The triggers that have fired until now, also those of earlier calls.
    fn fired(&mut self, now: Tick) -> Vec<Fired>;
    /// The same when everything was read, whenever they were last looked at.
    fn fired_at_last(&mut self, now: Tick) -> Vec<Fired>;
    /// The lines that come next are those of the log with this number, until another is named.
    fn next_log(&mut self, number: usize);
    /// Sender log lines have come at `at`; none is one that could not be read.
    fn read_log(&mut self, lines: &[Option<String>], at: Tick) -> LogSaid;
    /// The log's last line, whose end has not come by the end of the window, and which may be only a part; its last part came at `at`.
    fn read_rest(&mut self, line: Option<&str>, at: Tick) -> LogSaid;
    /// The window ends at `end`: what the log says against what arrived; `gone` are the logs that could not be read to it.
    fn compare_log(&mut self, end: Tick, gone: Vec<String>) -> LogCompared;
}
