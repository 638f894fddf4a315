//! What the sender says it delivered against what arrived: by webhook id, and by event and number where there is none.

use super::counts::{Side, Span, compare};
use super::line::Entry;
use super::lost::{Losses, Seen, Until};
use chrono::{DateTime, TimeDelta, Utc};
use correlate::{Reader, event, id};
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
    retry: RetryContract,
    /// Whether any was accepted that has no id.
    accepted_without_id: bool,
    /// Attempts answered with a 4xx.
    client_errors: BTreeMap<u16, u64>,
    /// Whether smoke broke attempts.
    broken_on_purpose: bool,
    /// What the log says of webhooks that no id tells from others.
    said: Side,
    found: Reconciliation,
}

/// An attempt whose end has not been read.
#[derive(Debug)]
struct UnderWay {
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
            retry: header.retry.clone(),
            accepted_without_id: false,
            client_errors: BTreeMap::new(),
            broken_on_purpose: !header.faults.is_empty(),
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
                let place = open.place;
                self.answered(place, forwarded.status);
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
    pub(super) fn client_errors(&self, status: Option<u16>) -> u64 {
        status.map_or_else(
            || self.client_errors.values().sum(),
            |status| self.client_errors.get(&status).copied().unwrap_or(0),
        )
    }

    /// How many webhooks of this event, or of any, the sender does not know to be accepted. Those without an id are one for each
    /// attempt.
    pub(super) fn unconfirmed(&self, event: Option<&str>) -> u64 {
        let of = |arrival: &&Arrival| event.is_none() || arrival.event.as_deref() == event;
        self.all.iter().filter(of).filter(|arrival| !(arrival.accepted && arrival.told)).count() as u64
    }

    /// Whether all that came has an id.
    pub(super) const fn have_ids(&self) -> bool {
        self.found.arrived_without_id == 0
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
        let name = event(self.scheme, &attempt.headers, webhook).name;
        let event = (!name.is_empty()).then(|| self.interned(name));
        let fresh = Arrival {
            at,
            accepted: false,
            told: false,
            logged: false,
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
        if place == next {
            self.all.push(fresh);
        }
        self.broken_on_purpose |= attempt.fault.is_some();
        if let Some(status) = attempt.answer {
            self.answered(place, status);
        }
        // Behind a tap the status comes later.
        self.under_way.insert(attempt.attempt, UnderWay { place, status: attempt.answer });
    }

    fn answered(&mut self, place: usize, status: u16) {
        if self.retry.succeeds(status) {
            self.accept(place);
        } else if matches!(status, 400..=499) {
            *self.client_errors.entry(status).or_default() += 1;
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
        let journal = Span { from: self.started, to: self.last };
        let outside = entry.at.is_some_and(|at| journal.is_before(at) || journal.is_after(at));
        let known = entry.webhook_id.as_deref().and_then(|id| self.by_id.get(&print(id)).copied());
        let found = &mut self.found;
        let keep = |list: &mut Vec<(u64, String)>| {
            if list.len() < KEPT {
                list.push((line, entry.webhook_id.as_deref().unwrap_or_default().chars().take(64).collect()));
            }
        };
        match known.and_then(|at| self.all.get_mut(at)) {
            Some(arrival) if arrival.accepted => {
                found.agreed += u64::from(!arrival.logged);
                arrival.logged = true;
            }
            Some(arrival) => {
                arrival.logged = true;
                found.not_accepted += 1;
                keep(&mut found.not_accepted_first);
            }
            None if outside => {
                found.outside += 1;
                self.said.take(entry.event.as_deref(), entry.at, journal);
            }
            // It may be one of those that came without their ids.
            None if entry.webhook_id.is_none() || self.accepted_without_id => {
                found.without_id += u64::from(entry.webhook_id.is_none());
                self.said.take(entry.event.as_deref(), entry.at, journal);
            }
            None => {
                found.never_seen += 1;
                keep(&mut found.never_seen_first);
            }
        }
    }

    /// As [`Self::finish`], for a log that has been read whole, with what it says was lost.
    pub(super) fn finish_with(
        self,
        losses: Losses,
        range: Option<(DateTime<Utc>, DateTime<Utc>)>,
        unanswered: u64,
    ) -> Reconciliation {
        let journal = Span { from: self.started, to: self.last };
        let seen = |at: Option<DateTime<Utc>>| match at {
            None => Seen::Perhaps,
            Some(at) if journal.is_before(at) || journal.is_after(at) => Seen::No,
            Some(at) if at < journal.from || at > journal.to => Seen::Perhaps,
            Some(_) => Seen::Certainly,
        };
        let until = range.map(|(_, end)| Until { end, slack: EDGE + SENDER_TIMEOUT });
        let lost = losses.settle(&self, seen, until);
        Reconciliation { lost: Some(lost), ..self.finish(range, unanswered) }
    }

    /// `range` is the time that the log covers; `unanswered` are the attempts whose answers the sender did not see.
    pub(crate) fn finish(
        self,
        range: Option<(DateTime<Utc>, DateTime<Utc>)>,
        unanswered: u64,
    ) -> Reconciliation {
        let mut found = self.found;
        found.in_journal = self.by_id.len() as u64;
        let log = range.map(|(from, to)| Span { from, to });
        let mut silent: Vec<Arrival> =
            self.all.into_iter().filter(|arrival| arrival.told && !arrival.logged).collect();
        silent.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        let covered = |at| log.is_some_and(|log| !log.is_before(at) && !log.is_after(at));
        found.outside_log = silent.iter().filter(|a| !covered(a.at)).count() as u64;
        // A line without an id in a log that gives ids is a line that nothing can be said of.
        let no_ids = self.accepted_without_id || found.without_id > 0 && found.agreed == 0;
        match log {
            // By number alone nobody knows which of them were not logged.
            Some(log) if no_ids => {
                let mut arrived = Side::default();
                silent.iter().for_each(|a| arrived.take(a.event.as_deref(), Some(a.at), log));
                found.counted = Some(compare(self.said, arrived, unanswered));
            }
            _ if no_ids => {}
            _ => {
                let ids = silent.into_iter().filter(|a| covered(a.at)).filter_map(|a| a.id);
                let ids: Vec<Box<str>> = ids.collect();
                found.not_logged = ids.len() as u64;
                found.not_logged_first = ids.into_iter().take(KEPT).map(str::into_string).collect();
            }
        }
        found
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
mod tests {
    use super::super::{Fold, Formats};
    use super::*;
    use record::Tick;
    use record::{Answered, Body};
    use signature::Verdict;

    const NAME: &str = "apps.notifications.services.webhook_service";

    /// A journal of a minute, in which these webhooks came after ten seconds: status, event, and id if any.
    fn arrivals(came: &[(u16, &str, Option<&str>)]) -> Arrivals {
        let started = "2025-11-13T08:30:00Z".parse().unwrap();
        let header = Header::new(record::RunKind::Receive, started).unwrap();
        let last = started + TimeDelta::seconds(60);
        let mut arrivals = Arrivals { last, ..Arrivals::new(&header) };
        for (number, (status, event, id)) in (0..).zip(came) {
            let mut headers = vec![("X-Webhook-Event".to_owned(), (*event).to_owned())];
            headers.extend(id.map(|id| ("X-Webhook-Id".to_owned(), id.to_owned())));
            arrivals.take(&Record::Attempt(Box::new(Attempt {
                attempt: number,
                first_byte: Tick(10_000_000),
                received: Tick(10_000_000),
                peer: None,
                method: "POST".to_owned(),
                target: "/".to_owned(),
                headers,
                body: Body::Text(String::new()),
                verdict: Verdict::valid(),
                answer: Some(*status),
                duplicate: false,
                elsewhere: false,
                fault: None,
                redirect: None,
                holds_secret: false,
            })));
            let end = Tick(10_000_000);
            arrivals.take(&Record::Answered(Answered { attempt: number, end, how: Ending::Sent }));
        }
        arrivals
    }

    fn found(arrivals: Arrivals, lines: &[String]) -> Reconciliation {
        let formats = Formats::built_in().unwrap();
        let mut fold = Fold::new(&formats, None, Some(arrivals));
        lines.iter().for_each(|line| fold.take(Some(line)));
        fold.finish().1.unwrap()
    }

    fn said(minute: u32, id: &str) -> String {
        format!(
            "INFO 2025-11-13 14:{minute}:10,000 {NAME} Webhook delivered successfully: event=e, status=200, attempt=1{id}"
        )
    }

    #[test]
    fn both_sides_are_set_against_each_other() {
        let came = [(200, "e", Some("a")), (200, "e", Some("b")), (400, "e", Some("c"))];
        let found = found(
            arrivals(&came),
            &[
                said(30, ", webhook_id=a"),
                said(30, ", webhook_id=a"),
                said(30, ", webhook_id=c"),
                said(30, ", webhook_id=ghost"),
                said(20, ", webhook_id=earlier"),
            ],
        );
        assert_eq!((found.agreed, found.not_accepted, found.outside, found.without_id), (1, 1, 1, 0));
        assert_eq!((found.never_seen, &found.never_seen_first), (1, &vec![(4, "ghost".to_owned())]));
        assert_eq!((found.not_logged, &found.not_logged_first), (1, &vec!["b".to_owned()]));
        assert!(found.counted.is_none() && found.met() && !found.agrees());
    }

    #[test]
    fn without_ids_the_numbers_of_each_event_are_compared() {
        let with_ids = [(200, "e", Some("a")), (200, "e", Some("b")), (400, "e", Some("c"))];
        let same = found(arrivals(&with_ids), &[said(30, ""), said(30, "")]);
        assert!(same.agrees() && same.met() && same.not_logged == 0, "{same:?}");
        let more = found(arrivals(&with_ids), &[said(30, ""), said(30, ""), said(30, ""), said(30, "")]);
        let counted = more.counted.as_ref().unwrap();
        assert_eq!((counted.said, counted.arrived, counted.more_said), (4, 2, 2));
        assert!(!more.agrees());
        let fewer = found(arrivals(&with_ids), &[said(30, "")]);
        assert_eq!(fewer.counted.as_ref().unwrap().more_arrived, 1);
        // Of one that timed out the sender does not know that it was accepted.
        let late = said(30, "").replace("Webhook delivered successfully", "Webhook timeout");
        assert!(found(arrivals(&with_ids), &[said(30, ""), late]).agrees());
        // The other way round: the log has ids, and what arrived has none.
        let none = [(200, "e", None), (200, "f", None)];
        let found = found(arrivals(&none), &[said(30, ", webhook_id=a"), said(30, ", webhook_id=b")]);
        let counted = found.counted.as_ref().unwrap();
        assert_eq!((found.never_seen, counted.more_said, counted.more_arrived), (0, 1, 1));
        assert_eq!(counted.differing["e"], (2, 1));
    }

    #[test]
    fn a_refused_webhook_without_an_id_hides_nothing() {
        let came = [(200, "e", Some("a")), (401, "e", None)];
        let found = found(arrivals(&came), &[said(30, ", webhook_id=a"), said(30, ", webhook_id=ghost")]);
        assert_eq!((found.never_seen, found.counted), (1, None));
    }

    #[test]
    fn what_arrived_when_nothing_was_logged_is_counted() {
        let other = said(20, ", webhook_id=x");
        let found = found(arrivals(&[(200, "e", Some("a"))]), &[other]);
        assert_eq!((found.outside, found.outside_log, found.not_logged, found.met()), (1, 1, 0, false));
    }
}
