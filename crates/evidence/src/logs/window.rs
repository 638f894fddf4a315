//! A log that is followed while webhooks arrive: what it says of deliveries is kept until the window ends, because a
//! webhook may be seen later than its line is read, and only then it is known how far the log's clock is from the journal's.

use super::clock::{Clock, FURTHEST};
use super::errors::Errors;
use super::formats::{Formats, Kind};
use super::line::Entry;
use super::lost::{Losses, Seen, Until};
use super::quote::Quotes;
use super::reach::{Place, Reach};
use super::reconcile::{Arrivals, EDGE, KEPT, SENDER_TIMEOUT};
use chrono::{DateTime, TimeDelta, Utc};
use pii::Engine;
use record::Tick;
use record::{Header, LogCompared, LogErrors, LogLost, LogQuote, Reconciliation, Record, Watch};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most deliveries of the log that are kept; an id takes about 100 bytes. And most errors.
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
    /// The last line with a time of its own: that, and when it was read.
    dated: Option<(DateTime<Utc>, Tick)>,
    /// The latest time that a line has of its own.
    latest: Option<DateTime<Utc>>,
    /// Logs by number, and the one whose lines come.
    logs: BTreeMap<usize, One>,
    log: usize,
    /// When the last line was written.
    last: When,
    /// Errors of the application.
    errors: Vec<Failed>,
}

/// A line stands in the log within this time of the answer that it is about; in a window of less than 50 s a tenth of the
/// window has to do, or a short one would find nothing.
const NEAR: Duration = Duration::from_secs(5);

/// Zones are so far from each other, or a multiple of it.
const ZONES: TimeDelta = TimeDelta::minutes(15);
/// A time that is further off than this is none.
const CENTURY: TimeDelta = TimeDelta::days(36_525);
/// A line that was just written is read within this time.
const LAG: TimeDelta = TimeDelta::seconds(10);

/// How far one of several logs has come.
#[derive(Debug, Default)]
struct One {
    /// The latest time that a line has of its own.
    latest: Option<DateTime<Utc>>,
    /// Whether deliveries are told of in it.
    delivers: bool,
}

/// A delivery of the log.
#[derive(Debug)]
struct Said {
    at: When,
    line: u64,
    id: Option<Box<str>>,
}

/// An error of the application: its line, when it was written, and when that was read.
#[derive(Debug)]
struct Failed {
    line: u64,
    at: When,
    read: Tick,
}

/// When a line was written.
#[derive(Debug, Clone, Copy)]
enum When {
    /// As the line itself says, or the one before it that was read with it: by the log's clock.
    Own(DateTime<Utc>),
    /// When it was read: by ours.
    Read(Tick),
}

impl When {
    const fn own(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Own(at) => Some(at),
            Self::Read(_) => None,
        }
    }
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
            dated: None,
            latest: None,
            logs: BTreeMap::new(),
            log: 0,
            last: When::Read(Tick(0)),
            errors: Vec::new(),
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

    /// The lines that follow are those of the log with this number.
    pub const fn next_log(&mut self, number: usize) {
        self.log = number;
    }

    /// Takes a line that was read at `at`; gives it back when it is to be quoted.
    pub fn read(&mut self, line: &str, at: Tick) -> Option<LogQuote> {
        self.take_line(line, at, true)
    }

    /// The same of a last line that has no end, and may be only a part of one: an id may be cut off, unless it is a whole UUID.
    pub fn read_rest(&mut self, line: &str, at: Tick) -> Option<LogQuote> {
        self.take_line(line, at, false)
    }

    /// Takes the errors that there are with the line that was read last, at `read`.
    pub fn read_errors(&mut self, errors: &Errors, read: Tick) {
        let all = usize::try_from(errors.count).unwrap_or(MOST).min(MOST);
        while self.errors.len() < all {
            self.errors.push(Failed { line: self.lines, at: self.last, read });
        }
    }

    fn take_line(&mut self, line: &str, at: Tick, ended: bool) -> Option<LogQuote> {
        self.lines += 1;
        let line = self.formats.unwrapped(line);
        let entry = self.formats.read(&line);
        self.last = self.written(entry.as_ref().and_then(|entry| entry.at), at);
        let mut entry = entry?;
        let is_uuid = |id: &str| uuid::Uuid::try_parse(id).is_ok();
        let names_one = ended || entry.webhook_id.as_deref().is_some_and(is_uuid);
        if !names_one {
            (entry.webhook_id, entry.event) = (None, None);
            if entry.kind == Some(Kind::Delivered) {
                return None;
            }
        }
        if let Some(losses) = &mut self.losses {
            // By which clock is not known of a line without a time in a log that has times.
            let at = self.last.own().or_else(|| self.latest.is_none().then(|| at.wall(self.started)));
            losses.take(&entry, self.lines, at);
        }
        if entry.kind != Some(Kind::Delivered) {
            return self.quotes.pick(&entry, &line, at);
        }
        self.logs.entry(self.log).or_default().delivers = true;
        if self.said.len() < MOST {
            let id = entry.webhook_id.map(|id| id.into_owned().into_boxed_str());
            self.said.push(Said { at: self.last, line: self.lines, id });
        } else {
            self.not_kept += 1;
        }
        None
    }

    /// When a line with this time of its own was written that was read at `read`.
    fn written(&mut self, own: Option<DateTime<Utc>>, read: Tick) -> When {
        let Some(at) = own.filter(|at| (*at - self.started).abs() <= CENTURY) else {
            return match self.dated {
                Some((at, with)) if with == read => When::Own(at),
                _ => When::Read(read),
            };
        };
        self.dated = Some((at, read));
        self.latest = self.latest.max(Some(at));
        let log = self.logs.entry(self.log).or_default();
        log.latest = log.latest.max(Some(at));
        When::Own(at)
    }

    /// How far all logs have come in which deliveries are told of: one of them may lag behind the others.
    fn all_reached(&self) -> Option<DateTime<Utc>> {
        let of_deliveries = self.logs.values().filter(|log| log.delivers);
        of_deliveries.filter_map(|log| log.latest).min().or(self.latest)
    }

    /// The log against what arrived, when the window ends at `end`; `gone` says which logs could not be read to it.
    pub fn compare(&mut self, end: Tick, gone: Vec<String>) -> LogCompared {
        let said = std::mem::take(&mut self.said);
        let (mut found, mut errors) = (Reconciliation::default(), LogErrors::default());
        if let Some((mut arrivals, losses)) = self.arrivals.take().zip(self.losses.take()) {
            let (accepted, others): (Vec<&Said>, Vec<&Said>) =
                said.iter().partition(|said| said.id.as_deref().is_some_and(|id| arrivals.accepted(id)));
            accepted.iter().for_each(|said| say(&mut arrivals, said, said.at.own()));
            let clock = arrivals.clock();
            let times = Times::new(self, clock, end);
            let lost = times.lost(&arrivals, losses);
            others.iter().for_each(|said| times.set_against(&mut arrivals, said));
            arrivals.tell_clock(clock);
            errors = times.errors();
            // Nothing is known of what was said after the last line that was kept.
            let last = said.last().filter(|_| self.not_kept > 0).map(|said| said.at);
            let log = times.covered(last);
            found = Reconciliation { lost: Some(lost), ..arrivals.finish(Some(log), 0) };
        }
        LogCompared { at: end, gone, not_kept: self.not_kept, found: self.without_data(found), errors }
    }

    /// A sender may write anything where an id stands.
    fn without_data(&self, mut found: Reconciliation) -> Reconciliation {
        let numbered =
            [&mut found.never_seen_first, &mut found.not_accepted_first, &mut found.edge_said_first];
        let lost =
            found.lost.iter_mut().flat_map(|lost| lost.first.iter_mut().chain(&mut lost.unclear_first));
        let said = numbered.into_iter().flatten().chain(lost).map(|(_, text)| text);
        for text in said.chain(&mut found.not_logged_first).chain(&mut found.edge_arrived_first) {
            *text = self.quotes.shown(text);
        }
        found
    }
}

/// A line about a delivery; `at` tells how far the clocks are apart, and is none where the line's time has been looked at.
fn say(arrivals: &mut Arrivals, said: &Said, at: Option<DateTime<Utc>>) {
    let (kind, webhook_id) = (Some(Kind::Delivered), said.id.as_deref().map(Into::into));
    arrivals.said_delivered(&Entry { kind, webhook_id, at, ..Entry::default() }, said.line);
}

/// Whether so much later than it was written a line is read that was just written, by a program whose clock is in another zone than that
/// of the sender.
fn is_zone(late: TimeDelta) -> bool {
    let behind = late.num_milliseconds().rem_euclid(ZONES.num_milliseconds());
    late.abs() <= FURTHEST && behind.min(ZONES.num_milliseconds() - behind) <= LAG.num_milliseconds()
}

/// The times of a log's lines, held against those of its window.
struct Times<'w, 'f> {
    window: &'w LogWindow<'f>,
    /// How far they are from the window's.
    clock: Clock,
    /// Whether that is known.
    known: bool,
    end: Tick,
    near: Duration,
}

impl<'w, 'f> Times<'w, 'f> {
    fn new(window: &'w LogWindow<'f>, mut clock: Clock, end: Tick) -> Self {
        let known = clock.fits && clock.within.is_some();
        if !clock.fits {
            clock.offset = TimeDelta::zero();
        }
        Self { window, clock, known, end, near: NEAR.min(end.since(window.begin) / 10) }
    }

    fn wall(&self, tick: Tick) -> DateTime<Utc> {
        tick.wall(self.window.started)
    }

    /// A line's time by the window's clock.
    fn of(&self, when: When) -> DateTime<Utc> {
        match when {
            When::Own(at) => at - self.clock.offset,
            When::Read(tick) => self.wall(tick),
        }
    }

    /// The window as far as a webhook whose line is from it must have been seen, or may have been.
    fn watched(&self) -> Reach {
        let (from, to) = (self.wall(self.window.begin), self.wall(self.end));
        let inner = TimeDelta::from_std(self.near).unwrap_or(EDGE);
        Reach { from, to, inner, outer: EDGE, may_go_to: to }
    }

    /// What was written far from the window is not of it, if the clocks are known.
    fn place(&self, when: When) -> Place {
        let at = self.of(when);
        match self.watched().place(at) {
            Place::Outside if when.own().is_some() && !self.known => Place::Edge,
            Place::Inside if !self.is_blind(at) => Place::Inside,
            _ => Place::Outside,
        }
    }

    fn is_blind(&self, at: DateTime<Utc>) -> bool {
        let near = TimeDelta::from_std(self.near).unwrap_or(EDGE);
        let gaps = self.window.blind.iter().map(|(from, to)| (self.wall(*from), self.wall(*to)));
        gaps.into_iter().any(|(from, to)| from <= at + near && at <= to + near)
    }

    /// What the log says of a webhook that was not accepted here.
    fn set_against(&self, arrivals: &mut Arrivals, said: &Said) {
        let place =
            if said.at.own().is_some() && !self.clock.fits { Place::Edge } else { self.place(said.at) };
        match (said.id.as_deref(), place) {
            (_, Place::Inside) | (None, Place::Edge) => say(arrivals, said, None),
            (None, Place::Outside) if !self.known => say(arrivals, said, None),
            (Some(id), Place::Edge) => arrivals.said_at_edge(said.line, id),
            (_, Place::Outside) => arrivals.said_outside(),
        }
    }

    /// What the log says was lost. The attempts of a webhook come before the line that gives it up, so that the end of the window hides
    /// none of them.
    fn lost(&self, arrivals: &Arrivals, losses: Losses) -> LogLost {
        // In a log that has times they are its own.
        let offset = if self.window.latest.is_some() { self.clock.offset } else { TimeDelta::zero() };
        let watched = self.watched();
        let seen = |at: Option<DateTime<Utc>>| {
            let Some(at) = at.map(|at| at - offset) else { return Seen::Perhaps };
            match watched.place(at) {
                Place::Outside if self.known => Seen::No,
                Place::Outside => Seen::Perhaps,
                _ if self.is_blind(at) || at < watched.from + watched.inner => Seen::Perhaps,
                _ => Seen::Certainly,
            }
        };
        let part = TimeDelta::from_std(self.end.since(self.window.begin) / 20).unwrap_or(SENDER_TIMEOUT);
        let slack = watched.inner + SENDER_TIMEOUT.min(part);
        losses.settle(arrivals, seen, Some(Until { end: self.wall(self.end) + offset, slack }))
    }

    /// Errors that are not of the window, or of which that is not known.
    fn errors(&self) -> LogErrors {
        let mut errors = LogErrors::default();
        let watched = self.watched();
        let far = |failed: &&Failed| {
            failed.at.own().is_some() && watched.place(self.of(failed.at)) == Place::Outside
        };
        for failed in self.window.errors.iter().filter(far) {
            if errors.first.len() < KEPT {
                errors.first.push(failed.line);
            }
            let known = self.known && !is_zone(self.wall(failed.read) - self.of(failed.at));
            *(if known { &mut errors.outside } else { &mut errors.unclear }) += 1;
        }
        errors
    }

    /// The time of the window that the log covers. What arrived behind it may yet be logged, up to the window's last moments, which count
    /// against neither side. `last` is the last line that was kept, where not all were.
    fn covered(&self, last: Option<When>) -> Reach {
        let watched = self.watched();
        let to = match self.window.all_reached() {
            _ if self.window.lines == 0 || !self.clock.fits => watched.from,
            Some(latest) => {
                let log = Reach::of((watched.from, latest - self.clock.offset), self.clock.within);
                log.to - log.inner
            }
            None => watched.to,
        };
        let to = last.map_or(to, |last| to.min(self.of(last)));
        let (from, may_go_to) = (watched.from + watched.inner, watched.to - watched.inner);
        Reach { from, to: to.min(may_go_to), inner: TimeDelta::zero(), outer: TimeDelta::zero(), may_go_to }
    }
}

#[cfg(test)]
mod tests;
