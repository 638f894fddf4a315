//! What the sender says about its work: log lines as the real one writes them, and an exact record of its attempts.

use super::super::options::Debug;
use super::super::text::log_time;
use chrono::{DateTime, Utc};
use record::Tick;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::Clock;

/// Log lines and attempts kept in memory; older ones are dropped.
const KEPT: usize = 100_000;

/// Receives each log line.
pub type LogSink = Arc<dyn Fn(&LogLine) + Send + Sync>;

/// A level of Python's logging. DEBUG lines are not emitted: the real root logger is at INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Level {
    Info,
    Warning,
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        })
    }
}

/// A logger of the real application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Logger {
    Webhooks,
    Signals,
}

impl Logger {
    const fn name(self) -> &'static str {
        match self {
            Self::Webhooks => "apps.notifications.services.webhook_service",
            Self::Signals => "apps.notifications.signals",
        }
    }

    const fn module(self) -> &'static str {
        match self {
            Self::Webhooks => "webhook_service",
            Self::Signals => "signals",
        }
    }
}

/// A log line; `Display` gives it in the real system's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub level: Level,
    /// When it was written.
    pub at: DateTime<Utc>,
    pub message: String,
    logger: Logger,
    debug: Debug,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (level, at, name) = (self.level, log_time(self.at), self.logger.name());
        match self.debug {
            Debug::Off => write!(f, "{level} {at} {name} {}", self.message),
            Debug::On => {
                // The thread's number is of no use here; the real one writes its main thread's address.
                let (module, pid) = (self.logger.module(), std::process::id());
                write!(f, "{level} {at} {name} {module} {pid} {pid} {}", self.message)
            }
        }
    }
}

/// One attempt as the sender itself saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEntry {
    /// Number of the delivery, from 1, in the order in which they were triggered.
    pub delivery: u64,
    /// Webhook id of this attempt.
    pub id: String,
    pub event: String,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Just before connecting (µs of the run's clock).
    pub start: Tick,
    /// When the answer had been read, or the attempt was given up.
    pub end: Tick,
    /// Final status, when there was an answer.
    pub status: Option<u16>,
    /// What went wrong, when there was none.
    pub error: Option<String>,
    /// Redirects that were followed.
    pub hops: u32,
}

/// The log of one sender.
pub(in super::super) struct SenderLog {
    clock: Clock,
    debug: Debug,
    sink: Option<LogSink>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    attempts: VecDeque<AttemptEntry>,
}

impl SenderLog {
    pub(in super::super) fn new(clock: Clock, debug: Debug, sink: Option<LogSink>) -> Self {
        Self { clock, debug, sink, kept: Mutex::default() }
    }

    pub(super) fn write(&self, level: Level, message: String) {
        self.write_as(Logger::Webhooks, level, message);
    }

    pub(in super::super) fn write_as(&self, logger: Logger, level: Level, message: String) {
        let at = self.clock.now().wall(self.clock.started());
        let line = LogLine { level, at, message, logger, debug: self.debug };
        if let Some(sink) = &self.sink {
            sink(&line);
        }
        push(&mut self.kept().lines, line);
    }

    pub(super) fn record(&self, attempt: AttemptEntry) {
        push(&mut self.kept().attempts, attempt);
    }

    pub(in super::super) fn lines(&self) -> Vec<LogLine> {
        self.kept().lines.iter().cloned().collect()
    }

    pub(in super::super) fn attempts(&self) -> Vec<AttemptEntry> {
        self.kept().attempts.iter().cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push<T>(ring: &mut VecDeque<T>, one: T) {
    if ring.len() == KEPT {
        ring.pop_front();
    }
    ring.push_back(one);
}

/// The first `n` characters of a text, on one line.
pub(super) fn excerpt(text: &str, n: usize) -> String {
    text.chars().take(n).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_real_format() {
        let at = DateTime::from_timestamp(1_795_438_932, 150_000_000).unwrap();
        let message = "Webhook retry 2/3 after 2s delay".to_owned();
        let line = LogLine { level: Level::Info, at, message, logger: Logger::Webhooks, debug: Debug::Off };
        assert_eq!(
            line.to_string(),
            "INFO 2026-11-23 19:02:12,150 apps.notifications.services.webhook_service Webhook retry 2/3 after 2s delay"
        );
        let pid = std::process::id();
        let debug = LogLine { debug: Debug::On, ..line };
        assert!(
            debug
                .to_string()
                .contains(&format!(".webhook_service webhook_service {pid} {pid} Webhook retry"))
        );
    }
}
