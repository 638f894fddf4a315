//! Attempts filed into deliveries as the correlator says, and how each ended.

use super::contents::Contents;
use super::deliveries::Deliveries;
use super::delivery::{AttemptResult, Delivery, Fingerprints, SaidBefore};
use super::fold::Analysis;
use super::near::Came;
use super::privacy::Traffic;
use super::sample::{KEPT_FIRST, KEPT_TROUBLED, Sample, event_name, shown_signature};
use super::strangers::Held;
use correlate::{
    Arrival, Arrived, Author, Certainty, Clue, Course, Courses, Key, Place as Belongs, Webhooks, id,
};
use correlate::{head_print, print, signature_print};
use pii::shown;
use record::Ending;
use record::{Answered, Attempt, Forwarded, RunKind};
use std::sync::Arc;

/// Where an attempt is filed that is not answered yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnderWay {
    /// Index of the delivery.
    delivery: usize,
    place: Place,
}

/// Which of a delivery's attempts it is.
#[derive(Debug, Clone, Copy)]
enum Place {
    AttemptResult(usize),
    AfterAcceptance(usize),
    Elsewhere,
}

/// A delivery that is about to begin.
struct Beginning<'a> {
    attempt: &'a Attempt,
    /// What is in it; `None` when its body could not be read.
    read: Option<&'a Webhooks>,
    /// The same as the webhooks that it says it is.
    came: &'a [Arrived<'a>],
    event: Arc<str>,
    has_id: bool,
    id_reused: bool,
    certainty: Certainty,
    made: AttemptResult,
}

/// Most events of a batch that are named.
const EVENTS: usize = 4;
/// Longest location that is shown, in characters.
const LOCATION: usize = 80;

/// Whether an attempt is what is left of a webhook behind a redirect: a request without a body.
fn is_bare(attempt: &Attempt, body: &[u8]) -> bool {
    attempt.elsewhere && body.is_empty()
}

/// The events of a request, each once.
fn events_of(came: &[Arrived<'_>]) -> String {
    let mut names: Vec<&str> = came.iter().map(|one| one.event).collect();
    names.sort_unstable();
    names.dedup();
    let shown: Vec<String> = names.iter().take(EVENTS).map(|name| event_name(name)).collect();
    let more = if names.len() > EVENTS { " + …" } else { "" };
    shown.join(" + ") + more
}

/// Whether what an attempt holds is the sender's own: what is not signed with its key says nothing about what it sends.
pub(super) const fn is_authentic_body(attempt: &Attempt) -> bool {
    attempt.verdict.reason.is_authentic()
}

impl Courses for Deliveries {
    fn course(&self, delivery: u32) -> Option<Course> {
        self.get(delivery as usize).map(|delivery| delivery.course())
    }
}

impl Analysis {
    pub(super) fn arrived(&mut self, attempt: &Attempt) {
        let body = attempt.body.bytes();
        if self.sets_aside(attempt, &body) {
            return;
        }
        // What follows a redirect without a body is no webhook, and has no signature to be wrong.
        if let Some(diagnosis) = attempt.verdict.diagnosis.as_ref().filter(|_| !is_bare(attempt, &body)) {
            self.diagnosed(diagnosis);
        }
        let made = self.made(attempt, &body);
        if attempt.elsewhere {
            self.arrived_elsewhere(attempt, made);
            return;
        }
        let in_header = self.header.scheme.id(&attempt.headers);
        // A retry with the bytes of a webhook that is known has been read.
        let known = in_header.and_then(|id| self.same_bytes(Key::of_id(id), made.fingerprints.body));
        let read = if known.is_some() { None } else { self.reader.read(&attempt.headers, &body) };
        let id = id(self.header.scheme, &attempt.headers, read.as_ref());
        let said = self.webhooks_of(&attempt.headers, read.as_ref());
        let key = match &id {
            Some(id) => Key::of_id(id),
            None => {
                let first = said.first().map_or("", |one| one.event);
                Key::of_content(first, made.fingerprints.body, None)
            }
        };
        let arrival = Arrival {
            key,
            body: made.fingerprints.body,
            at: made.first_byte,
            alone: !key.has_id && self.is_alone(key, &said, &made),
        };
        let next = u32::try_from(self.deliveries.len()).unwrap_or(u32::MAX);
        let filing = self.correlator.file(&self.header.retry, &self.deliveries, &arrival, next);
        filing.unclear.iter().for_each(|one| self.blur(*one as usize));
        match filing.place {
            Belongs::Of(delivery) => {
                // In a system that others use as well, absence proves nothing.
                let shared = filing.by_absence && !self.is_exclusive();
                if shared || filing.certainty == Certainty::Ambiguous {
                    self.blur(delivery as usize);
                }
                if shared && filing.certainty == Certainty::Certain {
                    self.by_absence.insert(delivery as usize);
                }
                self.file(delivery as usize, attempt, made);
            }
            Belongs::New { id_used: id_reused } => {
                let certainty = filing.certainty;
                let has_id = key.has_id;
                let event = self.deliveries.event(&events_of(&said));
                self.first_arrival(Beginning {
                    attempt,
                    read: read.as_ref(),
                    came: &said,
                    event,
                    has_id,
                    id_reused,
                    certainty,
                    made,
                });
            }
        }
    }

    /// Counts an attempt that is no evidence about the sender; says whether it is that.
    fn sets_aside(&mut self, attempt: &Attempt, body: &[u8]) -> bool {
        match self.author(attempt, body) {
            Author::Sender => return false,
            Author::Stranger => self.strangers.came(attempt),
            Author::Imitating => self.strangers.imitated(attempt),
            Author::WithoutId => {
                if self.header.kind.accounts_for_each_webhook() && !self.is_anybodys(attempt, body) {
                    return false;
                }
                self.strangers.came(attempt);
            }
            Author::Resembling => {
                if !self.is_anybodys(attempt, body) {
                    return false;
                }
                // Of a webhook that comes before the answer it is known only later whether it is due.
                if self.header.learns && !attempt.elsewhere {
                    self.strangers.hold(Held::default(), attempt.clone());
                } else {
                    self.strangers.imitated(attempt);
                }
            }
        }
        true
    }

    /// Whether an attempt without a valid signature may be anybody's: where each webhook is accounted for, it is evidence only if
    /// it belongs to a delivery that counts, or is the only one to come for a webhook that is due.
    pub(super) fn is_anybodys(&self, attempt: &Attempt, body: &[u8]) -> bool {
        if !self.header.kind.accounts_for_each_webhook() {
            return false;
        }
        let scheme = self.header.scheme;
        if attempt.elsewhere {
            // What follows a redirect keeps its headers, and may lose the body that was signed.
            return scheme.id(&attempt.headers).is_some()
                && self.redirected_without_number(attempt).is_none();
        }
        let read = self.reader.read(&attempt.headers, body);
        let id = id(scheme, &attempt.headers, read.as_ref());
        let known = id.and_then(|id| self.correlator.latest(Key::of_id(&id)));
        let is_due = |one: &Arrived<'_>| self.expectations.is_open_for(one, attempt.first_byte, self.turn);
        match known.and_then(|index| self.deliveries.get(index as usize)) {
            Some(delivery) => !delivery.is_authentic() && delivery.fulfils.is_none(),
            None => !self.webhooks_of(&attempt.headers, read.as_ref()).iter().any(is_due),
        }
    }

    /// Whose an attempt is. The body of one that is signed need not be read for that.
    fn author(&mut self, attempt: &Attempt, body: &[u8]) -> Author {
        let (scheme, reason, headers) =
            (self.header.scheme, attempt.verdict.reason, attempt.headers.as_slice());
        let read = if reason.is_authentic() { None } else { self.reader.read(headers, body) };
        let first = read.as_ref().and_then(Webhooks::first);
        self.sender.author(&Clue::of(scheme, headers, (attempt.peer, reason), first))
    }

    /// The delivery with this key, when its first attempt had this body.
    fn same_bytes(&self, key: Key, body: u64) -> Option<u32> {
        let latest = self.correlator.latest(key)?;
        self.deliveries.course(latest).filter(|course| course.body == body).map(|_| latest)
    }

    /// Whether no other webhook with the content of one that is known may come now: a step asked for that one, and for no
    /// other that is still due.
    fn is_alone(&self, key: Key, came: &[Arrived<'_>], made: &AttemptResult) -> bool {
        let latest = self.correlator.latest(key).and_then(|latest| self.deliveries.get(latest as usize));
        let due = |one: &Arrived<'_>| self.expectations.is_due(one, made.first_byte);
        latest.is_some_and(|d| d.is_asked_for()) && !came.iter().any(due)
    }

    /// Nobody can say any more which attempts this delivery has.
    fn blur(&mut self, index: usize) {
        self.by_absence.remove(&index);
        if let Some(delivery) = self.deliveries.get_mut(index) {
            delivery.certainty = Certainty::Ambiguous;
        }
    }

    /// Whether an attempt belongs to a delivery that is known, or holds a value of a flow that is.
    pub(super) fn claims(&self, attempt: &Attempt) -> bool {
        let body = attempt.body.bytes();
        let read = self.reader.read(&attempt.headers, &body);
        let id = id(self.header.scheme, &attempt.headers, read.as_ref());
        let known = id.is_some_and(|id| self.correlator.latest(Key::of_id(&id)).is_some());
        known || read.is_some_and(|read| read.iter().any(|one| self.holds_ours(one)))
    }

    fn made(&self, attempt: &Attempt, body: &[u8]) -> AttemptResult {
        let scheme = self.header.scheme;
        let fingerprints = Fingerprints {
            body: print(body),
            signature: signature_print(attempt, scheme.own_headers()),
            head: head_print(attempt, scheme.own_headers()),
            timestamp_ms: scheme.timestamp_ms_of(&attempt.headers, body),
        };
        AttemptResult {
            first_byte: attempt.first_byte,
            end: None,
            status: attempt.answer,
            taken: attempt.answer.is_some_and(|status| self.header.retry.succeeds(status)),
            how: None,
            reason: attempt.verdict.reason,
            fault: attempt.fault,
            fingerprints,
        }
    }

    fn file(&mut self, index: usize, attempt: &Attempt, made: AttemptResult) {
        if let Some(number) = attempt.redirect {
            self.redirected.insert(number, index);
        }
        self.look_at_retry(index, attempt);
        let Some(delivery) = self.deliveries.get_mut(index) else { return };
        if made.reason.is_authentic() {
            let whose = if delivery.foreign { Traffic::Foreign } else { Traffic::Ours };
            // What a retry says as an attempt before it did has been looked at.
            match delivery.said_before(&made.fingerprints) {
                SaidBefore::Nothing => self.privacy.scan_attempt((index, attempt), whose),
                SaidBefore::Body => self.privacy.scan_head((index, attempt), whose),
                SaidBefore::All => {}
            }
        }
        let place = if delivery.accepted().is_some() {
            delivery.after_acceptance.push(made);
            Place::AfterAcceptance(delivery.after_acceptance.len() - 1)
        } else {
            delivery.tries.push(made);
            Place::AttemptResult(delivery.tries.len() - 1)
        };
        self.under_way.insert(attempt.attempt, UnderWay { delivery: index, place });
    }

    /// Files an attempt that came before the first one of its delivery, and was held back until that was known.
    pub(super) fn precede(&mut self, index: usize, attempt: &Attempt, answered: Option<&Answered>) {
        if let Some(diagnosis) = &attempt.verdict.diagnosis {
            self.diagnosed(diagnosis);
        }
        let made = self.made(attempt, &attempt.body.bytes());
        let Some(delivery) = self.deliveries.get_mut(index) else { return };
        let at = delivery.tries.partition_point(|known| known.first_byte <= made.first_byte);
        delivery.tries.insert(at, made);
        for under_way in self.under_way.values_mut().filter(|one| one.delivery == index) {
            if let Place::AttemptResult(known) = &mut under_way.place {
                *known += usize::from(*known >= at);
            }
        }
        self.under_way.insert(attempt.attempt, UnderWay { delivery: index, place: Place::AttemptResult(at) });
        answered.into_iter().for_each(|answered| self.answered(answered));
    }

    fn first_arrival(&mut self, beginning: Beginning<'_>) {
        let Beginning { attempt, read, came: said, .. } = beginning;
        let index = self.begin(beginning);
        if let Some(number) = attempt.redirect {
            self.redirected.insert(number, index);
        }
        self.keep_sample(index, attempt, read.is_some());
        let Some((is_asked_for, is_foreign)) =
            self.deliveries.get(index).map(|delivery| (delivery.is_asked_for(), delivery.foreign))
        else {
            return;
        };
        if !is_asked_for {
            self.look_for_near(index, attempt);
        }
        if is_authentic_body(attempt) {
            self.nameless.look(self.header.scheme, attempt, said);
            if read.is_none() {
                self.unreadable.look(&self.reader, attempt);
            }
            let whose = if is_foreign { Traffic::Foreign } else { Traffic::Ours };
            self.privacy.scan_attempt((index, attempt), whose);
            if whose == Traffic::Ours {
                self.look_at_payload(index, attempt, said);
            }
        }
    }

    /// Looks for what a delivery that nothing asked for nearly fits.
    pub(super) fn look_for_near(&mut self, index: usize, attempt: &Attempt) {
        let Some(at) = self.deliveries.get(index).map(|delivery| delivery.first_byte()) else { return };
        let (scheme, headers) = (self.header.scheme, &attempt.headers);
        let came = Came { delivery: index, at, scheme, headers, body: &attempt.body.bytes() };
        let open = |expectation| self.expectations.is_open(expectation);
        let tools = (&self.reader, self.privacy.engine());
        self.near.look(&came, self.expectations.recent(), open, tools);
    }

    /// Holds a delivery of this run against the sender's profile and the schemas of its events.
    pub(super) fn look_at_payload(&mut self, index: usize, attempt: &Attempt, came: &[Arrived<'_>]) {
        if self.deliveries.get(index).is_some_and(|delivery| delivery.contradicts)
            && let Some(how) = self.contradiction(attempt, came)
        {
            self.payloads.contradicted(index, 1, how);
        }
        self.payloads.look((index, attempt), came, self.privacy.engine());
    }

    fn begin(&mut self, beginning: Beginning<'_>) -> usize {
        let index = self.deliveries.len();
        let Beginning { attempt, read: _, came, event, has_id, id_reused, certainty, made } = beginning;
        let before = if id_reused { Vec::new() } else { self.repeated(index, came, attempt) };
        let said = Contents::by_now(self, index, came, attempt, &before);
        if said.each.iter().any(|one| one.may_change()) {
            self.park(index, said.each, attempt);
        }
        self.under_way.insert(attempt.attempt, UnderWay { delivery: index, place: Place::AttemptResult(0) });
        // Where each is accounted for, one too many is told by that.
        if !has_id && made.reason.is_authentic() && !self.header.kind.accounts_for_each_webhook() {
            self.copies.look(index, &made.fingerprints);
        }
        // By an id, the receiver knows what it accepted before the window.
        let accepted_before =
            self.header.kind == RunKind::Observe && attempt.duplicate && has_id && made.taken;
        self.deliveries.push(Delivery {
            number: index as u64 + 1,
            event,
            has_id,
            tries: vec![made],
            after_acceptance: Vec::new(),
            accepted_before,
            elsewhere: false,
            id_reused,
            foreign: said.foreign,
            fulfils: said.fulfils,
            surplus: said.surplus,
            unasked: said.unasked,
            repeated: said.repeated,
            forbidden: said.forbidden,
            certainty,
            contradicts: self.contradiction(attempt, came).is_some(),
        });
        index
    }

    fn keep_sample(&mut self, index: usize, attempt: &Attempt, is_readable: bool) {
        let troubled = !attempt.answer.is_some_and(|status| self.header.retry.succeeds(status));
        let room = index < KEPT_FIRST || (troubled && self.samples.len() < KEPT_FIRST + KEPT_TROUBLED);
        if let (true, Some(delivery)) = (room, self.deliveries.get(index)) {
            let signature = shown_signature(self.header.scheme).and_then(|name| attempt.header(name));
            let read = || self.reader.read_aside(&attempt.headers, &attempt.body.bytes());
            let read = is_readable.then(read).flatten();
            let webhook = read.as_ref().and_then(Webhooks::first);
            let sample = Sample::of(&delivery.event, signature.unwrap_or_default(), attempt.answer, webhook);
            self.samples.insert(index, sample);
        }
    }

    /// Something followed an injected redirect: the delivery that was redirected is marked. Each redirect points to a place
    /// of its own; what leaves that out can be told by its id, or because only one delivery was redirected.
    fn arrived_elsewhere(&mut self, attempt: &Attempt, made: AttemptResult) {
        let path = attempt.target.split(['?', '#']).next().unwrap_or_default();
        let number = path.rsplit('/').next().and_then(|last| last.parse::<u64>().ok());
        let by_number = number.and_then(|number| self.redirected.get(&number).copied());
        let Some(index) = by_number.or_else(|| self.redirected_without_number(attempt)) else {
            // It is one of theirs, and nobody knows whose.
            let all: Vec<usize> = self.redirected.values().copied().collect();
            let latest = all.iter().copied().max();
            all.into_iter().for_each(|index| self.blur(index));
            if is_bare(attempt, &attempt.body.bytes()) {
                latest.into_iter().for_each(|index| self.mark_elsewhere(index, attempt));
                return;
            }
            let event = self.deliveries.event(&event_name(""));
            let id = self.header.scheme.id(&attempt.headers);
            let index = self.begin(Beginning {
                attempt,
                read: None,
                came: &Arrived::all(self.header.scheme, &attempt.headers, None),
                event,
                has_id: id.is_some(),
                id_reused: false,
                certainty: Certainty::Ambiguous,
                made,
            });
            self.mark_elsewhere(index, attempt);
            return;
        };
        self.under_way.insert(attempt.attempt, UnderWay { delivery: index, place: Place::Elsewhere });
        self.mark_elsewhere(index, attempt);
    }

    fn redirected_without_number(&self, attempt: &Attempt) -> Option<usize> {
        let mut all: Vec<usize> = self.redirected.values().copied().collect();
        if let Some(id) = self.header.scheme.id(&attempt.headers) {
            let latest = self.correlator.latest(Key::of_id(id))? as usize;
            return all.contains(&latest).then_some(latest);
        }
        all.sort_unstable();
        all.dedup();
        if let [only] = all.as_slice() { Some(*only) } else { None }
    }

    fn mark_elsewhere(&mut self, index: usize, attempt: &Attempt) {
        let Some(delivery) = self.deliveries.get_mut(index) else { return };
        delivery.elsewhere = true;
        let redirect = delivery.tries.iter().rev().find_map(|t| t.status.filter(|status| status / 100 == 3));
        let redirect = redirect.map_or_else(|| "the redirect".to_owned(), |status| format!("the {status}"));
        let location: String = shown(&attempt.target).chars().take(LOCATION).collect();
        let (method, size) = (shown(&attempt.method), attempt.body.bytes().len());
        let what = if size == 0 {
            "without a body: no longer a webhook, yet a 200 to it counts as delivered".to_owned()
        } else {
            format!("with the body ({size} bytes)")
        };
        let how = format!(" ({redirect}, Location {location}): a {method} arrived there, {what}");
        self.follow_ups.entry(index).or_insert(how);
    }

    pub(super) fn answered(&mut self, answered: &Answered) {
        // Forgotten once answered: the index holds only attempts that are under way.
        let Some(at) = self.under_way.remove(&answered.attempt) else {
            self.strangers.answered(answered);
            return;
        };
        if let Some(made) = self.made_mut(at) {
            made.end = Some(answered.end);
            made.how = Some(answered.how);
            if answered.how != Ending::Sent {
                (made.status, made.taken) = (None, false);
            }
        }
        // The clauses of a contract look at headers of which a settled delivery keeps no fingerprint.
        if self.header.clauses.is_empty() {
            self.deliveries.settle(at.delivery);
        }
    }

    /// Behind a tap the status is the real receiver's, which is known only after the attempt was written.
    pub(super) fn forwarded(&mut self, forwarded: &Forwarded) {
        let Some(at) = self.under_way.get(&forwarded.attempt).copied() else { return };
        let taken = self.header.retry.succeeds(forwarded.status);
        if let Some(made) = self.made_mut(at) {
            (made.status, made.taken) = (Some(forwarded.status), taken);
        }
    }

    fn made_mut(&mut self, at: UnderWay) -> Option<&mut AttemptResult> {
        let delivery = self.deliveries.get_mut(at.delivery)?;
        match at.place {
            Place::AttemptResult(i) => delivery.tries.get_mut(i),
            Place::AfterAcceptance(i) => delivery.after_acceptance.get_mut(i),
            Place::Elsewhere => None,
        }
    }
}

#[cfg(test)]
mod tests;
