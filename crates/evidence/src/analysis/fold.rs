//! The fold over the records of a journal.

use super::batch_ids::BatchIds;
use super::copies::Copies;
use super::correlate::UnderWay;
use super::deliveries::Deliveries;
use super::delivery::{Delivery, index_of};
use super::exchange::Exchanges;
use super::expected::{Expectation, Expectations};
use super::nameless::Nameless;
use super::near::NearMisses;
use super::parked::{Found, Parked};
use super::payloads::Payloads;
use super::privacy::Privacy;
use super::sample::{self, Sample};
use super::steps::Steps;
use super::strangers::Strangers;
use super::unreadable::UnreadableWebhooks;
use super::watched::Watched;
use correlate::{Contradiction, Correlator, FlowValues, KnownSender, Reader};
use foldhash::{HashMap, HashSet};
use pii::{Canaries, PolicyError};
use record::Tick;
use record::{EMBEDDED, End, EndedEarly, FlowStart, Header, Learned, Note, Record, Watch};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// The status of a request whose body is larger than the receiver takes (RFC 9110, 15.5.14).
pub(crate) const TOO_LARGE: u16 = 413;

/// What a journal says so far.
#[derive(Debug)]
pub struct Analysis {
    /// The journal's header.
    pub header: Header,
    /// Deliveries in order of first arrival.
    pub deliveries: Deliveries,
    /// Flows and steps.
    pub steps: Steps,
    /// The first steps that went wrong, as they may be shown.
    pub exchanges: Exchanges,
    /// Personal data that was found.
    pub privacy: Privacy,
    /// Webhooks against the schemas of their events.
    pub(super) payloads: Payloads,
    /// Content of the first deliveries and of troubled ones, by index of the delivery.
    pub samples: HashMap<usize, Sample>,
    /// Requests that were refused before they could be webhooks, by status.
    pub refused: BTreeMap<u16, u64>,
    /// The first of those in words.
    pub first_refused: Option<String>,
    /// Requests that nothing shows to be the sender's.
    pub strangers: Strangers,
    /// Notes, in order.
    pub notes: Vec<Note>,
    /// What ended the run early and says nothing about the sender.
    pub ended_early: Option<EndedEarly>,
    /// What a long-running receiver or an observation noted beside the webhooks.
    pub watched: Watched,
    /// The end record, if the journal has one.
    pub end: Option<End>,
    /// Time of the latest record.
    pub latest: Tick,
    /// Diagnoses of invalid signatures with their counts, most frequent first in [`Analysis::diagnoses`].
    pub(super) diagnoses: HashMap<String, u64>,
    /// Attempts that are signed with the secret, and not valid all the same.
    pub(super) by_key: u64,
    pub(super) expectations: Expectations,
    pub(super) near: NearMisses,
    /// Webhooks of the sender's that name no event.
    pub(super) nameless: Nameless,
    /// Webhooks of the sender's whose bodies cannot be read.
    pub unreadable: UnreadableWebhooks,
    /// Webhooks that nothing asks for yet, where flows learn what theirs are told by.
    pub(super) parked: Parked<Found>,
    pub(super) correlator: Correlator,
    /// Ids of webhooks that came in batches.
    pub(super) batch_ids: BatchIds,
    /// Webhooks without an id that are equal to the last bit.
    pub(super) copies: Copies,
    /// Deliveries without an id, by index, whose attempts nothing but the absence of other webhooks holds together, in a system that
    /// others use as well.
    pub(super) by_absence: HashSet<usize>,
    /// What the sender's own webhooks look like.
    pub(super) sender: KnownSender,
    /// The flow that is under way, where flows are played in turn.
    pub(super) turn: Option<u32>,
    /// Attempts that are not answered yet.
    pub(super) under_way: HashMap<u64, UnderWay>,
    /// Number in the `Location` of each injected redirect, and the index of the delivery that was redirected.
    pub(super) redirected: HashMap<u64, usize>,
    /// How the redirect of a delivery was followed, by its index: a phrase.
    pub(super) follow_ups: HashMap<usize, String>,
    /// The values that make a webhook this run's.
    pub(super) ours: FlowValues,
    /// What is read of a body.
    pub(super) reader: Reader,
}

impl Analysis {
    /// Nothing known but the header.
    ///
    /// # Errors
    /// When the PII policy in the header is none.
    pub fn new(header: Header) -> Result<Self, PolicyError> {
        let privacy = Privacy::new(&header)?;
        Ok(Self::with(header, privacy))
    }

    /// The same with canaries that are not in the header.
    pub(super) fn knowing(header: Header, canaries: Canaries) -> Result<Self, PolicyError> {
        let privacy = Privacy::knowing(&header, canaries)?;
        Ok(Self::with(header, privacy))
    }

    /// Nothing known but what this one was told at its beginning.
    pub(super) fn successor(&self) -> Self {
        let mut successor = Self::with(self.header.clone(), self.privacy.successor());
        successor.latest = self.latest;
        successor.sender = self.sender.clone();
        successor.payloads = self.payloads.successor();
        successor
    }

    fn with(header: Header, privacy: Privacy) -> Self {
        let mut reader = Reader::new(header.scheme);
        sample::add_to(&mut reader);
        header.ours.iter().for_each(|pointer| reader.add(pointer));
        let payloads = Payloads::new(&header);
        Self {
            header,
            deliveries: Deliveries::default(),
            steps: Steps::default(),
            exchanges: Exchanges::default(),
            privacy,
            payloads,
            samples: HashMap::default(),
            refused: BTreeMap::new(),
            first_refused: None,
            strangers: Strangers::default(),
            notes: Vec::new(),
            ended_early: None,
            watched: Watched::default(),
            end: None,
            latest: Tick(0),
            diagnoses: HashMap::default(),
            by_key: 0,
            expectations: Expectations::default(),
            near: NearMisses::default(),
            nameless: Nameless::default(),
            unreadable: UnreadableWebhooks::default(),
            parked: Parked::default(),
            correlator: Correlator::default(),
            batch_ids: BatchIds::default(),
            copies: Copies::default(),
            by_absence: HashSet::default(),
            sender: KnownSender::default(),
            turn: None,
            under_way: HashMap::default(),
            redirected: HashMap::default(),
            follow_ups: HashMap::default(),
            ours: FlowValues::default(),
            reader,
        }
    }

    pub fn take(&mut self, record: &Record) {
        if let Some(at) = time_of(record) {
            self.latest = self.latest.max(at);
        }
        match record {
            Record::FlowStart(start) => self.flow_started(start),
            Record::Learned(learned) => self.learned(learned),
            Record::FlowEnd(end) => self.steps.flows.has_ended(end),
            Record::Expect(expect) => {
                expect.matchers.keys().for_each(|pointer| self.reader.add(pointer));
                self.expectations.add(expect);
                self.look_again();
            }
            Record::Step(step) => {
                self.steps.step_ended(step);
                if let Some(flow) = step.flow {
                    let freed = self.expectations.step_ended(flow, step);
                    freed.iter().for_each(|freed| self.freed(freed));
                }
                self.privacy.scan_step(step);
                self.exchanges.step_ended(step, self.privacy.engine());
            }
            Record::Attempt(attempt) => self.arrived(attempt),
            Record::Answered(answered) => self.answered(answered),
            Record::Refused(refused) => {
                *self.refused.entry(refused.status).or_default() += 1;
                self.first_refused.get_or_insert_with(|| format!("{}: {}", refused.status, refused.why));
            }
            Record::Note(note) => self.notes.push(note.clone()),
            Record::EndedEarly(early) => {
                self.notes.push(early.note());
                self.ended_early = Some(early.clone());
            }
            Record::Watch(fact) => self.watched(fact),
            Record::End(end) => {
                self.look_at_last();
                self.end = Some(end.clone());
                self.pardon_reborn();
            }
            // A load is read by `analysis::load`, a probe by `report::probe`.
            Record::Header(_)
            | Record::Load(_)
            | Record::Interval(_)
            | Record::RunStats(_)
            | Record::Probe(_) => {}
        }
    }

    /// Requests that were refused as larger than the receiver takes.
    #[must_use]
    pub fn too_large(&self) -> u64 {
        self.refused.get(&TOO_LARGE).copied().unwrap_or(0)
    }

    /// The webhooks that were due.
    pub fn expectations(&self) -> impl Iterator<Item = Expectation<'_>> {
        self.expectations.iter()
    }

    /// The webhook that was due with this index.
    pub(crate) fn expectation(&self, index: usize) -> Option<Expectation<'_>> {
        self.expectations.get(index)
    }

    /// How many steps had to fire webhooks, or must not.
    #[must_use]
    pub const fn expectation_count(&self) -> usize {
        self.expectations.len()
    }

    /// Diagnoses of invalid signatures, most frequent first.
    #[must_use]
    pub fn diagnoses(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.diagnoses.iter().map(|(d, n)| (d.as_str(), *n)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all
    }

    /// Requests without a valid signature that are the sender's for certain: signed with the secret, or the only ones to come for a
    /// webhook that a step asked for.
    #[must_use]
    pub fn certainly_invalid(&self) -> u64 {
        let stands_in = |delivery: &Cow<'_, Delivery>| delivery.fulfils.is_some() && !delivery.is_authentic();
        let due = self.deliveries.iter().filter(stands_in).count() as u64;
        due + self.by_key + self.strangers.found().by_key
    }

    /// Deliveries that belong to this run. Anyone may have sent what is not signed with the sender's key: it is the sender's only
    /// where a step asked for it, and nothing authentic came in its place.
    pub fn own(&self) -> impl Iterator<Item = Cow<'_, Delivery>> {
        self.deliveries.iter().filter(|delivery| self.is_own(delivery))
    }

    /// Those of them that were not simply accepted at their only attempt.
    pub(crate) fn own_troubled(&self) -> impl Iterator<Item = Cow<'_, Delivery>> {
        self.deliveries.unsettled().filter(|delivery| self.is_own(delivery))
    }

    fn is_own(&self, delivery: &Delivery) -> bool {
        let due = || self.header.kind.accounts_for_each_webhook() && delivery.fulfils.is_some();
        !delivery.foreign && (delivery.is_authentic() || due())
    }

    /// Deliveries that look like the sender's, and are not [`Analysis::own`] because their signature is not of its key.
    pub fn doubtful(&self) -> impl Iterator<Item = Cow<'_, Delivery>> {
        let are_told = !self.header.kind.accounts_for_each_webhook();
        let all = are_told.then(|| self.deliveries.iter()).into_iter().flatten();
        all.filter(|d| !d.foreign && !d.is_authentic())
    }

    /// What was found of webhooks against the schemas of their events.
    pub(crate) const fn payloads(&self) -> &record::PayloadStats {
        &self.payloads.found
    }

    /// How webhooks contradict the sender's profile about their event or their format; the first ones.
    pub(crate) fn contradicting(&self) -> impl Iterator<Item = Contradiction> {
        self.payloads.contradicting.iter().map(|(.., how)| *how)
    }

    /// Whether nobody but this run uses the system under test: then a webhook that no step explains is the sender's doing.
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.header.environment == EMBEDDED
    }

    /// Number of attempts that the retry contract allows.
    #[must_use]
    pub fn max_attempts(&self) -> usize {
        self.header.retry.backoff_ms.len()
    }

    /// Until when the journal's writer watched, by its own clock: the end record's time. The times of webhooks may come from
    /// another clock, and count only while there is no end.
    #[must_use]
    pub fn watched_until(&self) -> Tick {
        self.end.as_ref().map_or(self.latest, |end| end.at)
    }

    /// How the redirect of a delivery was followed, as a phrase that begins with a space; empty where it is not known.
    pub(crate) fn follow_up(&self, delivery: &Delivery) -> String {
        self.follow_ups.get(&index_of(delivery.number)).cloned().unwrap_or_default()
    }

    fn flow_started(&mut self, start: &FlowStart) {
        self.values_of_flow(start.flow, &start.ours);
        self.turn = self.header.in_turn.then_some(start.flow);
        self.steps.flows.started(start);
    }

    fn learned(&mut self, learned: &Learned) {
        self.values_of_flow(learned.flow, &learned.ours);
        if let Some(subject) = &learned.subject {
            self.steps.flows.is_about(learned.flow, subject);
        }
        self.look_again();
    }

    /// These values make a webhook this run's.
    fn values_of_flow(&mut self, flow: u32, ours: &BTreeMap<String, Value>) {
        for pointer in ours.keys().filter(|pointer| !self.ours.looks_at(pointer)) {
            self.reader.add(pointer);
        }
        self.ours.add(flow, ours);
    }

    fn watched(&mut self, fact: &Watch) {
        match fact {
            Watch::Forwarded(forwarded) => self.forwarded(forwarded),
            Watch::Diagnosed(found) if self.strangers.diagnosed(found) => {}
            Watch::Diagnosed(found) => {
                self.by_key += u64::from(found.by_key);
                self.diagnosed(&found.text);
            }
            Watch::NotKept(more) => self.strangers.not_kept(more.requests),
            Watch::WallClock(parted) => self.notes.push(Note { at: parted.at, text: parted.to_string() }),
            _ => {}
        }
        self.watched.take(fact);
    }

    /// Counts what is known of an invalid signature.
    pub(super) fn diagnosed(&mut self, text: &str) {
        if let Some(n) = self.diagnoses.get_mut(text) {
            *n += 1;
        } else {
            self.diagnoses.insert(text.to_owned(), 1);
        }
    }

    /// Delivery latency: from the start of the step that triggers the webhook to the end of the accepting response, less what that
    /// answer was held back on purpose.
    #[must_use]
    pub fn latency(&self, delivery: &Delivery) -> Option<Duration> {
        let expectation = self.expectations.get(delivery.fulfils?)?;
        let accepted = delivery.tries.iter().find(|t| t.taken)?;
        Some(accepted.end?.since(expectation.at).saturating_sub(accepted.held_back()))
    }
}

fn time_of(record: &Record) -> Option<Tick> {
    Some(match record {
        // The seconds of a load count from the beginning of its schedule, not of the run.
        Record::Header(_) | Record::Load(_) | Record::Interval(_) | Record::RunStats(_) => return None,
        Record::FlowStart(r) => r.at,
        Record::Learned(r) => r.at,
        Record::Expect(r) => r.at,
        Record::Step(r) => r.ended,
        Record::FlowEnd(r) => r.at,
        Record::Attempt(r) => r.received,
        Record::Answered(r) => r.end,
        Record::Refused(r) => r.at,
        Record::Note(r) => r.at,
        Record::EndedEarly(r) => r.at,
        Record::Watch(r) => return r.at(),
        Record::Probe(r) => r.at(),
        Record::End(r) => r.at,
    })
}
