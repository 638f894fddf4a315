//! A log that is followed while webhooks arrive: what it says of deliveries is kept until the window ends, because a
//! webhook may be seen later than its line is read.

use super::formats::{Formats, Kind};
use super::line::Entry;
use super::lost::{Losses, Seen, Until};
use super::quote::Quotes;
use super::reach::Reach;
use super::reconcile::{Arrivals, EDGE, SENDER_TIMEOUT};
use chrono::{DateTime, TimeDelta, Utc};
use pii::Engine;
use record::Tick;
use record::{Header, LogCompared, LogLost, LogQuote, Reconciliation, Record, Watch};
use std::time::Duration;

/// Most deliveries of the log that are kept; an id takes about 100 bytes.
const MOST: usize = 200_000;

/// What a followed log says, and what arrived meanwhile.
#[derive(Debug)]
pub struct LogWindow<'f> {
    formats: &'f Formats,
    quotes: Quotes,
    /// `None` when both have been compared.
    arrivals: Option<Arrivals>,
    started: DateTime<Utc>,
    begin: Tick,
    /// Times in which webhooks could not be seen.
    blind: Vec<(Tick, Tick)>,
    said: Vec<Said>,
    /// What it says was lost; `None` when that has been compared.
    losses: Option<Losses>,
    lines: u64,
    not_kept: u64,
}

/// A line stands in the log within this time of the answer that it is about; in a window of less than 50 s a tenth of the
/// window has to do, or a short one would find nothing.
const NEAR: Duration = Duration::from_secs(5);

/// A delivery of the log.
#[derive(Debug)]
struct Said {
    at: Tick,
    line: u64,
    id: Option<Box<str>>,
}

impl<'f> LogWindow<'f> {
    /// Nothing read and nothing seen; `header` is the window's, and the engine says what is masked in quotes.
    #[must_use]
    pub fn new(formats: &'f Formats, header: &Header, engine: Engine) -> Self {
        Self {
            formats,
            quotes: Quotes::new(engine),
            arrivals: Some(Arrivals::new(header)),
            started: header.started,
            begin: Tick(0),
            blind: Vec::new(),
            said: Vec::new(),
            losses: Some(Losses::new(header.retry.clone())),
            lines: 0,
            not_kept: 0,
        }
    }

    /// Takes a record of the window.
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Watch(Watch::Begin(begin)) => self.begin = begin.at,
            Record::Watch(Watch::Gap(gap)) => self.blind.push((gap.from, gap.to)),
            _ => {}
        }
        if let Some(arrivals) = &mut self.arrivals {
            arrivals.take(record);
        }
    }

    /// Takes a line that was read at `at`; gives it back when it is to be quoted.
    pub fn read(&mut self, line: &str, at: Tick) -> Option<LogQuote> {
        self.take_line(line, at, true)
    }

    /// The same of a last line that has no end, and may be only a part of one: an id may be cut off, unless it is a whole UUID.
    pub fn read_rest(&mut self, line: &str, at: Tick) -> Option<LogQuote> {
        self.take_line(line, at, false)
    }

    fn take_line(&mut self, line: &str, at: Tick, ended: bool) -> Option<LogQuote> {
        self.lines += 1;
        let line = self.formats.unwrapped(line);
        let mut entry = self.formats.read(&line)?;
        let is_uuid = |id: &str| uuid::Uuid::try_parse(id).is_ok();
        let names_one = ended || entry.webhook_id.as_deref().is_some_and(is_uuid);
        if !names_one {
            (entry.webhook_id, entry.event) = (None, None);
            if entry.kind == Some(Kind::Delivered) {
                return None;
            }
        }
        if let Some(losses) = &mut self.losses {
            losses.take(&entry, self.lines, Some(at.wall(self.started)));
        }
        if entry.kind != Some(Kind::Delivered) {
            return self.quotes.pick(&entry, &line, at);
        }
        if self.said.len() < MOST {
            let id = entry.webhook_id.map(|id| id.into_owned().into_boxed_str());
            self.said.push(Said { at, line: self.lines, id });
        } else {
            self.not_kept += 1;
        }
        None
    }

    /// The log against what arrived, when the window ends at `end`; `gone` says which logs could not be read to it.
    pub fn compare(&mut self, end: Tick, gone: Vec<String>) -> LogCompared {
        let said = std::mem::take(&mut self.said);
        // Nothing is known of what was said after the last line that was kept.
        let until = if self.not_kept > 0 { said.last().map_or(end, |last| last.at) } else { end };
        let found = self.arrivals.take().zip(self.losses.take()).map(|(mut arrivals, losses)| {
            let lost = self.lost(&arrivals, losses, end);
            for said in &said {
                self.set_against(&mut arrivals, said, end);
            }
            let wall = |tick: Tick| tick.wall(self.started);
            let near = TimeDelta::from_std(self.near(end)).unwrap_or(EDGE);
            let (from, to) = (wall(self.begin) + near, wall(until) - near);
            let log = Reach { from, to, inner: TimeDelta::zero(), outer: TimeDelta::zero() };
            Reconciliation { lost: Some(lost), ..arrivals.finish(Some(log), 0) }
        });
        let found = self.without_data(found.unwrap_or_default());
        LogCompared { at: end, gone, not_kept: self.not_kept, found }
    }

    /// A sender may write anything where an id stands.
    fn without_data(&self, mut found: Reconciliation) -> Reconciliation {
        let numbered = found.never_seen_first.iter_mut().chain(&mut found.not_accepted_first);
        let lost =
            found.lost.iter_mut().flat_map(|lost| lost.first.iter_mut().chain(&mut lost.unclear_first));
        for text in numbered.chain(lost).map(|(_, text)| text).chain(&mut found.not_logged_first) {
            *text = self.quotes.shown(text);
        }
        found
    }

    /// What the log says was lost. The attempts of a webhook come before the line that gives it up, so that the end of the window hides
    /// none of them.
    fn lost(&self, arrivals: &Arrivals, losses: Losses, end: Tick) -> LogLost {
        let near = self.near(end);
        let seen = |at: Option<DateTime<Utc>>| {
            let since = at.and_then(|at| (at - self.started).num_microseconds());
            let at = Tick(since.and_then(|us| u64::try_from(us).ok()).unwrap_or(0));
            let watched = !self.is_blind(at, near) && at.since(self.begin) >= near;
            if watched { Seen::Certainly } else { Seen::Perhaps }
        };
        let part = TimeDelta::from_std(end.since(self.begin) / 20).unwrap_or(SENDER_TIMEOUT);
        let slack = TimeDelta::from_std(near).unwrap_or(EDGE) + SENDER_TIMEOUT.min(part);
        losses.settle(arrivals, seen, Some(Until { end: end.wall(self.started), slack }))
    }

    fn set_against(&self, arrivals: &mut Arrivals, said: &Said, end: Tick) {
        match said.id.as_deref() {
            Some(id) if !arrivals.accepted(id) && !self.is_watched(said.at, end) => arrivals.said_outside(),
            id => {
                // The time is that of our clock, and has been looked at.
                let entry =
                    Entry { kind: Some(Kind::Delivered), webhook_id: id.map(Into::into), ..Entry::default() };
                arrivals.said_delivered(&entry, said.line);
            }
        }
    }

    /// Whether a webhook that was answered shortly before `at` must have been seen.
    fn is_watched(&self, at: Tick, end: Tick) -> bool {
        let near = self.near(end);
        !self.is_blind(at, near) && at.since(self.begin) >= near && end.since(at) >= near
    }

    fn is_blind(&self, at: Tick, near: Duration) -> bool {
        self.blind.iter().any(|(from, to)| *from <= at.plus(near) && at <= to.plus(near))
    }

    fn near(&self, end: Tick) -> Duration {
        NEAR.min(end.since(self.begin) / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pii::Policy;
    use record::Ending;
    use record::{Answered, Attempt, Body, Gap, RunKind};
    use signature::Verdict;

    const SECOND: u64 = 1_000_000;

    fn arrives(log: &mut LogWindow<'_>, (attempt, second): (u64, u64), id: &str, status: u16, how: Ending) {
        let at = Tick(second * SECOND);
        log.take(&Record::Attempt(Box::new(Attempt {
            attempt,
            first_byte: at,
            received: at,
            peer: None,
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: vec![("X-Webhook-Id".to_owned(), id.to_owned())],
            body: Body::Text(String::new()),
            verdict: Verdict::valid(),
            answer: Some(status),
            duplicate: false,
            elsewhere: false,
            fault: None,
            redirect: None,
            holds_secret: false,
        })));
        log.take(&Record::Answered(Answered { attempt, end: at, how }));
    }

    fn says(log: &mut LogWindow<'_>, second: u64, id: &str) {
        let line = format!("INFO 2025-11-13 14:30:10,000 x.y Webhook delivered successfully: event=e{id}");
        assert_eq!(log.read(&line, Tick(second * SECOND)), None);
    }

    fn window(formats: &Formats) -> LogWindow<'_> {
        let header = Header::new(RunKind::Observe, chrono::Utc::now()).unwrap();
        let engine = Engine::new(&Policy::default(), &[], b"").unwrap();
        LogWindow::new(formats, &header, engine)
    }

    #[test]
    fn a_line_may_come_before_its_webhook_is_seen_and_the_edges_blame_nobody() {
        let formats = Formats::built_in().unwrap();
        let mut log = window(&formats);
        says(&mut log, 2, ", webhook_id=before-the-window");
        says(&mut log, 20, ", webhook_id=a");
        arrives(&mut log, (0, 20), "a", 200, Ending::Sent);
        says(&mut log, 30, ", webhook_id=ghost");
        says(&mut log, 31, "");
        arrives(&mut log, (1, 40), "silent", 200, Ending::Sent);
        // Refused, cut off, and too near the end for its line to be there.
        arrives(&mut log, (2, 41), "refused", 503, Ending::Sent);
        arrives(&mut log, (3, 42), "cut", 200, Ending::SenderClosed);
        arrives(&mut log, (4, 56), "late", 200, Ending::Sent);
        says(&mut log, 45, ", webhook_id=refused");
        says(&mut log, 57, ", webhook_id=after-the-window");
        let compared = log.compare(Tick(60 * SECOND), Vec::new());
        let found = &compared.found;
        assert_eq!((found.agreed, found.outside, found.without_id), (1, 2, 1));
        assert_eq!((found.never_seen, &found.never_seen_first), (1, &vec![(3, "ghost".to_owned())]));
        assert_eq!((found.not_logged, &found.not_logged_first), (1, &vec!["silent".to_owned()]));
        assert_eq!((found.not_accepted, compared.not_kept), (1, 0));
    }

    #[test]
    fn a_last_line_that_is_cut_off_accuses_nobody_and_one_that_only_lacks_its_end_is_read() {
        let formats = Formats::built_in().unwrap();
        let rest = |id: &str, message: &str| {
            let mut log = window(&formats);
            arrives(&mut log, (0, 20), "4960b1c5-318e-4f87-b6c4-62792d82faa3", 200, Ending::Sent);
            says(&mut log, 20, ", webhook_id=4960b1c5-318e-4f87-b6c4-62792d82faa3");
            log.read_rest(
                &format!("INFO 2025-11-13 14:30:10,000 x.y {message}: event=e{id}"),
                Tick(30 * SECOND),
            );
            let found = log.compare(Tick(60 * SECOND), Vec::new()).found;
            (found.never_seen + found.without_id, found.lost.unwrap().count)
        };
        let (delivered, given_up) =
            ("Webhook delivered successfully", "Webhook delivery failed after 3 attempts");
        let ghost = "00000000-0000-4000-8000-000000000000";
        for cut in [String::new(), ", webhook_id=".to_owned(), format!(", webhook_id={}", &ghost[..20])] {
            assert_eq!(rest(&cut, delivered), (0, 0), "{cut}");
        }
        assert_eq!(rest(&format!(", webhook_id={ghost}"), delivered), (1, 0));
        assert_eq!(rest(&format!(", webhook_id={}", &ghost[..20]), given_up), (0, 1), "none was refused");
        assert_eq!(rest(&format!(", webhook_id={ghost}"), given_up), (0, 1));
    }

    #[test]
    fn an_accepted_retry_counts_at_its_own_time() {
        let formats = Formats::built_in().unwrap();
        let mut log = window(&formats);
        arrives(&mut log, (0, 50), "retried", 503, Ending::Sent);
        arrives(&mut log, (1, 56), "retried", 200, Ending::Sent);
        assert_eq!(log.compare(Tick(60 * SECOND), Vec::new()).found.not_logged, 0);
    }

    #[test]
    fn what_could_not_be_seen_was_not_necessarily_absent() {
        let formats = Formats::built_in().unwrap();
        let mut log = window(&formats);
        let (from, to) = (Tick(10 * SECOND), Tick(20 * SECOND));
        log.take(&Record::Watch(Watch::Gap(Gap { from, to, why: "away".to_owned() })));
        says(&mut log, 24, ", webhook_id=maybe");
        says(&mut log, 26, ", webhook_id=john@example.com");
        let found = log.compare(Tick(60 * SECOND), Vec::new()).found;
        assert_eq!(found.never_seen_first, [(2, "j***@e***.com".to_owned())]);
        assert_eq!((found.outside, found.never_seen), (1, 1));
    }
}
