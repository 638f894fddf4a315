//! What the sender says it delivered against what arrived: by webhook id, and by event and number where there is none.

mod in_window;

use super::clock::{Clock, FURTHEST, Pairs};
use super::counts::{Side, Span, compare};
use super::line::Entry;
use super::lost::{Losses, Seen, Until};
use super::reach::{Claims, Place, Reach};
use chrono::{DateTime, TimeDelta, Utc};
use correlate::{Author, Clue, KnownSender, Reader, id};
use record::Ending;
pub use record::Reconciliation;
use record::{Attempt, Header, Record, RetryContract, Watch};
use sha2::{Digest, Sha256};
use signature::Scheme;
use std::collections::hash_map::Entry as Slot;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Examples that are kept of each kind.
pub(crate) const KEPT: usize = 20;
/// The two clocks, and the time from an answer to its log line, may differ by this much at the edges of the journal.
pub(super) const EDGE: TimeDelta = TimeDelta::seconds(5);

/// A sender waits this long for an answer before its line about an attempt is written.
pub(super) const SENDER_TIMEOUT: TimeDelta = TimeDelta::seconds(10);

/// What arrived, by id; memory grows with the webhooks of the journal, not with the log.
#[derive(Debug)]
pub struct Arrivals {
    scheme: Scheme,
    started: DateTime<Utc>,
    /// Of the file that is being read: the time that its ticks count from.
    file_started: DateTime<Utc>,
    last: DateTime<Utc>,
    all: Vec<Arrival>,
    by_id: HashMap<[u8; 16], usize>,
    under_way: HashMap<u64, UnderWay>,
    events: HashSet<Arc<str>>,
    reader: Reader,
    sender: KnownSender,
    retry: RetryContract,
    /// Whether any was accepted that has no id.
    accepted_without_id: bool,
    /// Attempts answered with a 4xx, without those that strangers made.
    client_errors: BTreeMap<u16, Number>,
    /// Whether smoke broke attempts.
    broken_on_purpose: bool,
    /// Webhooks that are in both, by their times.
    pairs: Pairs,
    /// Webhooks that the log says were delivered, and that nobody saw.
    claims: Option<Claims>,
    /// The latest line about a webhook that nobody saw: it may turn out to be a part of one.
    latest: Option<Unknown>,
    /// What the log says of webhooks that no id tells from others.
    said: Side,
    found: Reconciliation,
}

/// What the log says of a webhook that is not in the journal by its id.
#[derive(Debug)]
struct Unknown {
    at: Option<DateTime<Utc>>,
    line: u64,
    event: Option<Box<str>>,
    /// As much as is shown of it.
    id: Option<String>,
}

/// How many are the sender's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Number {
    pub certainly: u64,
    /// Those that may be the sender's, beside these: nothing proves whose they are.
    pub perhaps: u64,
}

impl Number {
    /// One more of this author: of a stranger's nothing is known of the sender.
    const fn add(&mut self, author: Author) {
        match author {
            Author::Sender => self.certainly += 1,
            Author::Resembling | Author::Imitating | Author::WithoutId => self.perhaps += 1,
            Author::Stranger => {}
        }
    }
}

/// An attempt whose end has not been read.
#[derive(Debug)]
struct UnderWay {
    author: Author,
    place: usize,
    status: Option<u16>,
}

#[derive(Debug)]
struct Arrival {
    /// When it was accepted, else when it came first.
    at: DateTime<Utc>,
    accepted: bool,
    /// Whether an accepting answer went out whole, so that the sender must know of it.
    told: bool,
    logged: bool,
    /// Whose it is: the sender's where any of its attempts is.
    author: Author,
    event: Option<Arc<str>>,
    /// Shown when it turns out not to be logged; `None` where it came without one.
    id: Option<Box<str>>,
}

impl Arrivals {
    /// Nothing has arrived yet.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        Self {
            scheme: header.scheme,
            started: header.started,
            file_started: header.started,
            last: header.started,
            all: Vec::new(),
            by_id: HashMap::new(),
            under_way: HashMap::new(),
            events: HashSet::new(),
            reader: Reader::new(header.scheme),
            sender: KnownSender::default(),
            retry: header.retry.clone(),
            accepted_without_id: false,
            client_errors: BTreeMap::new(),
            broken_on_purpose: !header.faults.is_empty(),
            pairs: Pairs::default(),
            claims: None,
            latest: None,
            said: Side::default(),
            found: Reconciliation::default(),
        }
    }

    /// The records that follow are those of a file with this header.
    pub fn next_file(&mut self, header: &Header) {
        self.file_started = header.started;
        self.started = self.started.min(header.started);
        self.under_way.clear();
    }

    /// Takes a record of the journal.
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Attempt(attempt) => self.attempt(attempt),
            Record::Watch(Watch::Forwarded(forwarded)) => {
                let Some(open) = self.under_way.get_mut(&forwarded.attempt) else { return };
                open.status = Some(forwarded.status);
                let (place, author) = (open.place, open.author);
                self.answered(place, author, forwarded.status);
            }
            Record::Answered(answered) => {
                let Some(open) = self.under_way.remove(&answered.attempt) else { return };
                let told = answered.how == Ending::Sent
                    && open.status.is_some_and(|status| self.retry.succeeds(status));
                if let Some(arrival) = self.all.get_mut(open.place).filter(|_| told) {
                    // The sender writes its line after it.
                    arrival.at = answered.end.wall(self.file_started);
                    arrival.told = true;
                }
            }
            Record::End(end) => self.last = self.last.max(end.at.wall(self.file_started)),
            _ => {}
        }
    }

    /// How many webhooks with an id there are, and how many attempts without one.
    pub(crate) fn with_and_without_id(&self) -> (u64, u64) {
        (self.by_id.len() as u64, self.found.arrived_without_id)
    }

    /// How many webhooks with an id were accepted.
    pub(crate) fn accepted_by_id(&self) -> u64 {
        self.by_id.values().filter(|place| self.all.get(**place).is_some_and(|a| a.accepted)).count() as u64
    }

    /// How many were accepted in an answer that went out whole.
    pub(crate) fn told(&self) -> u64 {
        self.all.iter().filter(|arrival| arrival.told).count() as u64
    }

    /// Whether a webhook with this id was accepted.
    pub(super) fn accepted(&self, id: &str) -> bool {
        self.by_id
            .get(&print(id))
            .and_then(|place| self.all.get(*place))
            .is_some_and(|arrival| arrival.accepted)
    }

    /// Whether a webhook with this id came.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.by_id.contains_key(&print(id))
    }

    /// What the log of this journal's sender says was lost: nothing yet.
    pub(super) fn losses(&self) -> Losses {
        Losses::new(self.retry.clone())
    }

    /// How many attempts were answered with this status, or with any 4xx.
    pub(super) fn client_errors(&self, status: Option<u16>) -> Number {
        let of = self.client_errors.iter().filter(|(known, _)| status.is_none_or(|status| **known == status));
        of.fold(Number::default(), |sum, (_, number)| Number {
            certainly: sum.certainly + number.certainly,
            perhaps: sum.perhaps + number.perhaps,
        })
    }

    /// How many webhooks of this event, or of any, the sender does not know to be accepted. Those without an id are one for each
    /// attempt.
    pub(super) fn unconfirmed(&self, event: Option<&str>) -> Number {
        let of = |arrival: &&Arrival| event.is_none() || arrival.event.as_deref() == event;
        let mut number = Number::default();
        let left = self.all.iter().filter(of).filter(|arrival| !(arrival.accepted && arrival.told));
        left.for_each(|arrival| number.add(arrival.author));
        number
    }

    /// Whether all that the sender sent has an id.
    pub(super) fn have_ids(&self) -> bool {
        self.all.iter().all(|arrival| arrival.id.is_some() || arrival.author == Author::Stranger)
    }

    /// Whether smoke broke attempts.
    pub(super) const fn broken_on_purpose(&self) -> bool {
        self.broken_on_purpose
    }

    /// A line says so of a time about which nothing can be said.
    pub(super) fn said_outside(&mut self) {
        self.found.outside += 1;
    }

    fn attempt(&mut self, attempt: &Attempt) {
        let at = attempt.received.wall(self.file_started);
        self.last = self.last.max(at);
        let read = self.reader.read(&attempt.headers, &attempt.body.bytes());
        let id = id(self.scheme, &attempt.headers, read.as_ref());
        let webhook = read.as_ref().and_then(correlate::Webhooks::first);
        let from = (attempt.peer, attempt.verdict.reason);
        let clue = Clue::of(self.scheme, &attempt.headers, from, webhook);
        let author = self.sender.author(&clue);
        let event = (!clue.event.is_empty()).then(|| self.interned(clue.event));
        let fresh = Arrival {
            at,
            accepted: false,
            told: false,
            logged: false,
            author,
            event,
            id: id.as_deref().map(Into::into),
        };
        let next = self.all.len();
        let place = match id.map(|id| self.by_id.entry(print(&id))) {
            Some(Slot::Occupied(known)) => *known.get(),
            Some(Slot::Vacant(free)) => *free.insert(next),
            None => {
                self.found.arrived_without_id += 1;
                next
            }
        };
        let author = match self.all.get_mut(place) {
            // Only the sender knows an id that it has made.
            Some(known) if author == Author::Sender || known.author == Author::Sender => {
                known.author = Author::Sender;
                Author::Sender
            }
            Some(_) => author,
            None => {
                self.all.push(fresh);
                author
            }
        };
        self.broken_on_purpose |= attempt.fault.is_some();
        if let Some(status) = attempt.answer {
            self.answered(place, author, status);
        }
        // Behind a tap the status comes later.
        self.under_way.insert(attempt.attempt, UnderWay { author, place, status: attempt.answer });
    }

    fn answered(&mut self, place: usize, author: Author, status: u16) {
        if self.retry.succeeds(status) {
            self.accept(place);
        } else if matches!(status, 400..=499) {
            self.client_errors.entry(status).or_default().add(author);
        }
    }

    fn accept(&mut self, place: usize) {
        if let Some(arrival) = self.all.get_mut(place) {
            arrival.accepted = true;
            self.accepted_without_id |= arrival.id.is_none();
        }
    }

    /// One copy of each name.
    fn interned(&mut self, event: &str) -> Arc<str> {
        if let Some(known) = self.events.get(event) {
            return Arc::clone(known);
        }
        let name: Arc<str> = event.into();
        self.events.insert(Arc::clone(&name));
        name
    }

    pub(super) fn said_delivered(&mut self, entry: &Entry<'_>, line: u64) {
        self.take_latest();
        let known = entry.webhook_id.as_deref().and_then(|id| self.by_id.get(&print(id)).copied());
        let shown = entry.webhook_id.as_deref().map(|id| id.chars().take(64).collect::<String>());
        let found = &mut self.found;
        match known.and_then(|at| self.all.get_mut(at)) {
            Some(arrival) if arrival.accepted => {
                if let Some(at) = entry.at.filter(|_| !arrival.logged) {
                    self.pairs.take(at, arrival.at);
                }
                found.agreed += u64::from(!arrival.logged);
                arrival.logged = true;
            }
            Some(arrival) => {
                arrival.logged = true;
                found.not_accepted += 1;
                keep(&mut found.not_accepted_first, line, shown);
            }
            None => {
                let event = entry.event.as_deref().map(Into::into);
                self.latest = Some(Unknown { at: entry.at, line, event, id: shown });
            }
        }
    }

    /// The line with this number has no end, and is the last: unless its id is a whole UUID, it may be only a part of one.
    pub(super) fn set_aside(&mut self, line: u64) {
        let is_whole = |id: &String| uuid::Uuid::try_parse(id).is_ok();
        let cut = |latest: &mut Unknown| latest.line == line && !latest.id.as_ref().is_some_and(is_whole);
        self.found.cut_off += u64::from(self.latest.take_if(cut).is_some());
    }

    fn take_latest(&mut self) {
        let Some(Unknown { at, line, event, id }) = self.latest.take() else { return };
        let journal = Span { from: self.started, to: self.last };
        let found = &mut self.found;
        // It may be one of those that came without their ids.
        if id.is_none() || self.accepted_without_id {
            let outside = at.is_some_and(|at| journal.is_before(at) || journal.is_after(at));
            found.outside += u64::from(outside);
            found.without_id += u64::from(!outside && id.is_none());
            self.said.take(event.as_deref(), at, journal);
            return;
        }
        match at {
            // No clock is so wrong.
            Some(at) if at < journal.from - FURTHEST || at > journal.to + FURTHEST => found.outside += 1,
            // Whether it is of the journal's time is known when the clocks are.
            Some(at) => {
                let claims = self.claims.get_or_insert_with(|| Claims::new(journal.to - journal.from));
                claims.add(at, line, id.as_deref().unwrap_or_default());
            }
            None => {
                found.never_seen += 1;
                keep(&mut found.never_seen_first, line, id);
            }
        }
    }

    /// As [`Self::finish`], for a log that has been read whole, with what it says was lost. `range` is the time from its first line to its
    /// last, by its own clock.
    pub(super) fn finish_with(
        mut self,
        losses: Losses,
        range: Option<(DateTime<Utc>, DateTime<Utc>)>,
        unanswered: u64,
    ) -> Reconciliation {
        self.take_latest();
        let clock = self.pairs.clock();
        let journal = Reach::of((self.started, self.last), clock.within);
        let log = range.map(|(from, to)| Reach::of((from - clock.offset, to - clock.offset), clock.within));
        let seen = |at: Option<DateTime<Utc>>| match at.map(|at| journal.place(at - clock.offset)) {
            Some(Place::Outside) if clock.fits => Seen::No,
            Some(Place::Inside) if clock.fits => Seen::Certainly,
            _ => Seen::Perhaps,
        };
        let until = range.map(|(_, end)| Until { end, slack: EDGE + SENDER_TIMEOUT });
        let lost = losses.settle(&self, seen, until);
        self.place_claims(clock, &journal, log.as_ref());
        let log = log.filter(|_| clock.fits);
        Reconciliation { lost: Some(lost), clock: clock.told(), ..self.finish(log, unanswered) }
    }

    /// Deliveries that nobody saw, by whether that means anything.
    fn place_claims(&mut self, clock: Clock, journal: &Reach, log: Option<&Reach>) {
        // Where the clocks are known well, and the log goes on beyond the journal, it has lines near its ends that are not of it.
        let known = clock.within.is_some();
        let goes_on = |at: DateTime<Utc>| {
            log.is_some_and(|log| {
                known
                    && if at < journal.from + journal.inner {
                        log.from < journal.from - EDGE
                    } else {
                        log.to > journal.to + EDGE
                    }
            })
        };
        for (at, claimed) in self.claims.take().into_iter().flat_map(Claims::all) {
            let at = at - clock.offset;
            let found = &mut self.found;
            let (n, first) = match journal.place(at) {
                _ if !clock.fits => (&mut found.edge_said, &mut found.edge_said_first),
                Place::Inside => (&mut found.never_seen, &mut found.never_seen_first),
                Place::Edge if !goes_on(at) => (&mut found.edge_said, &mut found.edge_said_first),
                Place::Edge | Place::Outside => {
                    found.outside += claimed.n;
                    continue;
                }
            };
            *n += claimed.n;
            first.extend(claimed.first);
        }
        for first in [&mut self.found.never_seen_first, &mut self.found.edge_said_first] {
            first.sort();
            first.truncate(KEPT);
        }
    }

    /// `log` is the time that the log covers, `None` where its times say nothing; `unanswered` are the attempts whose answers the sender
    /// did not see.
    pub(super) fn finish(mut self, log: Option<Reach>, unanswered: u64) -> Reconciliation {
        self.take_latest();
        let mut found = self.found;
        found.in_journal = self.by_id.len() as u64;
        let mut silent: Vec<Arrival> =
            self.all.into_iter().filter(|arrival| arrival.told && !arrival.logged).collect();
        silent.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        let place = |at| log.map_or(Place::Edge, |log| log.place(at));
        found.outside_log = silent.iter().filter(|a| place(a.at) == Place::Outside).count() as u64;
        // A line without an id in a log that gives ids is a line that nothing can be said of.
        let no_ids = self.accepted_without_id || found.without_id > 0 && found.agreed == 0;
        match log {
            // By number alone nobody knows which of them were not logged.
            Some(log) if no_ids => {
                let mut arrived = Side::default();
                // It is wider by the edge.
                let log = Span { from: log.from + EDGE - log.outer, to: log.to - EDGE + log.outer };
                silent.iter().for_each(|a| arrived.take(a.event.as_deref(), Some(a.at), log));
                found.counted = Some(compare(self.said, arrived, unanswered));
            }
            _ if no_ids => {}
            _ => {
                for Arrival { at, id, .. } in silent {
                    let Some(id) = id else { continue };
                    let (n, first) = match place(at) {
                        Place::Inside => (&mut found.not_logged, &mut found.not_logged_first),
                        Place::Edge => (&mut found.edge_arrived, &mut found.edge_arrived_first),
                        Place::Outside => continue,
                    };
                    *n += 1;
                    if first.len() < KEPT {
                        first.push(id.into_string());
                    }
                }
            }
        }
        found
    }
}

fn keep(list: &mut Vec<(u64, String)>, line: u64, id: Option<String>) {
    if list.len() < KEPT {
        list.push((line, id.unwrap_or_default()));
    }
}

/// Of an id as it is meant: a UUID is the same in upper case and in braces (RFC 9562, section 4).
fn print(id: &str) -> [u8; 16] {
    let id = id.trim();
    let uuid = uuid::Uuid::try_parse(id).map(|uuid| uuid.hyphenated().to_string());
    let mut print = [0; 16];
    Sha256::digest(uuid.as_deref().unwrap_or(id).as_bytes())
        .iter()
        .zip(&mut print)
        .for_each(|(from, to)| *to = *from);
    print
}

#[cfg(test)]
mod tests;
