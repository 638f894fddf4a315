//! The sender's circuit breaker, where a run has left it open: told, kept beside the artifacts, and waited for by the next run.
//! Webhooks that an open breaker drops are never tried, and would count as lost.

use super::{Failure, out};
use crate::outbound::system_of;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use evidence::analysis::{Analysis, Breaker};
use evidence::report::write_whole;
use record::{InputError, Tick, read_input};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// The file beside the artifacts.
const FILE: &str = "sender_breaker.json";
/// Largest file of this kind, in bytes.
const MOST_BYTES: u64 = 64 * 1024;
/// Longer than any breaker is meant to stay open: a time beyond it is a slip of somebody's clock.
const AT_MOST: TimeDelta = TimeDelta::hours(1);
/// On top of it: the sender's clock begins later than ours.
const MARGIN: Duration = Duration::from_millis(500);

/// A breaker that was left open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeftOpen {
    /// The system whose sender it is.
    target: String,
    /// Until when it drops webhooks; the first one after that is a probe.
    open_until: DateTime<Utc>,
    /// The run that opened it.
    opened_by: String,
    /// Whether it is not certain: the run ended while deliveries were still being tried.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    maybe: bool,
}

impl LeftOpen {
    /// Whether a run has left the breaker of its target open at the time `now`, or may have.
    pub(super) fn of(analysis: &Analysis, name: &str, now: DateTime<Utc>) -> Option<Self> {
        let header = &analysis.header;
        let last = Breaker::of(analysis).openings.last().copied();
        let opened =
            last.filter(|last| !last.probe.is_some_and(|probe| probe.succeeded)).map(|last| last.until);
        let left = |until: Tick, maybe| {
            let open_until = until.wall(header.started);
            let target = header.target.clone();
            (open_until > now).then(|| Self { target, open_until, opened_by: name.to_owned(), maybe })
        };
        let certain = opened.and_then(|until| left(until, false));
        certain.or_else(|| Breaker::may_open_until(analysis).and_then(|until| left(until, true)))
    }

    /// Keeps it beside the artifacts, and says it.
    ///
    /// # Errors
    /// Environment: the file cannot be written.
    pub(super) fn keep(&self, dir: &Path, now: DateTime<Utc>) -> Result<(), Failure> {
        let path = path(dir);
        let wrong = |e| Failure::environment(format!("cannot write {}: {e}", path.display()));
        let mut bytes = serde_json::to_vec_pretty(self).map_err(Failure::environment)?;
        bytes.push(b'\n');
        write_whole(&path, &bytes).map_err(wrong)?;
        let (left, until) =
            (self.seconds_left(now), self.open_until.to_rfc3339_opts(SecondsFormat::Secs, true));
        let open = match self.maybe {
            true => format!(
                "deliveries were still being retried when this run ended: if their remaining attempts fail, the sender's circuit \
                 breaker opens and drops webhooks, for at most {left} s from now, until {until}"
            ),
            false => format!(
                "this run opened the sender's circuit breaker, which drops webhooks for {left} s more, until {until}"
            ),
        };
        let dir = dir.display();
        out::say(format!(
            "{open}; the next run into {dir} waits for it to close (--leave-closed waits at the end of this run)"
        ));
        Ok(())
    }

    /// What an earlier run has left of this target, as long as that lasts. A file that cannot be read is told: it may say that the breaker
    /// is open.
    pub(super) fn recall(dir: &Path, target: &str, now: DateTime<Utc>) -> Option<Self> {
        let path = path(dir);
        let left = Self::read(&path).unwrap_or_else(|why| {
            out::say(format!(
                "warning: {} {why}: an earlier run may have left the sender's circuit breaker open, and what it drops would count \
                 as lost. Wait until it must have closed, then remove the file",
                path.display()
            ));
            None
        })?;
        let same = system_of(&left.target) == system_of(target);
        let lasts = left.open_until > now && left.open_until - now <= AT_MOST;
        (same && lasts).then_some(left)
    }

    /// What is kept in a file, if there is one.
    fn read(path: &Path) -> Result<Option<Self>, String> {
        match read_input(path, MOST_BYTES) {
            Ok(bytes) => {
                let wrong = |e| format!("is not what smoke writes there ({e})");
                serde_json::from_slice(&bytes).map(Some).map_err(wrong)
            }
            Err(InputError::Io(e)) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Waits until the breaker lets a probe through, or only warns; the end of the wait is false when `stop` turned true.
    pub(super) async fn wait(&self, only_warn: bool, stop: &mut watch::Receiver<bool>) -> bool {
        let left = self.seconds_left(Utc::now());
        let by = &self.opened_by;
        let open = match self.maybe {
            true => format!(
                "the sender's circuit breaker may stay open for {left} s more, since {by} ended while deliveries were still being retried"
            ),
            false => {
                format!("the sender's circuit breaker is open for {left} s more: {by} opened it")
            }
        };
        if only_warn {
            out::say(format!("warning: {open}: what it drops until then counts as lost"));
            return true;
        }
        out::chat(format!("{open}: waiting (--no-pause does not)"));
        tokio::select! {
            () = sleep(self.left()) => true,
            _ = stop.wait_for(|stop| *stop) => false,
        }
    }

    /// Waits, at the end of the run that has opened it, until it lets a probe through, or until `stop` turns true.
    pub(super) async fn wait_out(&self, mut stop: watch::Receiver<bool>) {
        out::chat(format!(
            "waiting {} s for it (--leave-closed); the next webhook is the probe that closes it",
            self.seconds_left(Utc::now())
        ));
        tokio::select! {
            () = sleep(self.left()) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    fn left(&self) -> Duration {
        (self.open_until - Utc::now()).to_std().unwrap_or_default() + MARGIN
    }

    fn seconds_left(&self, now: DateTime<Utc>) -> i64 {
        (self.open_until - now).num_milliseconds().max(0) / 1000 + 1
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_recalled_for_its_target_and_as_long_as_it_lasts() {
        let dir = tempfile::tempdir().unwrap();
        let now = Utc::now();
        let left = LeftOpen {
            target: "http://staging.test/".to_owned(),
            open_until: now + TimeDelta::seconds(60),
            opened_by: "staging_payments".to_owned(),
            maybe: false,
        };
        left.keep(dir.path(), now).unwrap();
        let recall = |target: &str, after| LeftOpen::recall(dir.path(), target, now + after);
        for spelled in ["http://staging.test", "HTTP://Staging.Test:80/", "http://staging.test."] {
            assert_eq!(recall(spelled, TimeDelta::seconds(1)).as_ref(), Some(&left), "{spelled}");
        }
        assert_eq!(recall("http://other.test", TimeDelta::seconds(1)), None);
        assert_eq!(recall("http://staging.test", TimeDelta::seconds(61)), None);
        assert_eq!(recall("http://staging.test", TimeDelta::hours(-2)), None, "of a clock that was wrong");
        assert_eq!(LeftOpen::read(&path(&dir.path().join("elsewhere"))), Ok(None));
        std::fs::write(path(dir.path()), "{").unwrap();
        assert!(LeftOpen::read(&path(dir.path())).unwrap_err().contains("not what smoke writes"));
        assert_eq!(recall("http://staging.test", TimeDelta::seconds(1)), None);
    }
}
