//! The fold over the records of a journal.

use super::delivery::{Delivery, Prints, Try, is_success};
use super::expected::{Expectation, Expectations, Fulfilment, canonical};
use super::privacy::{Privacy, Traffic};
use super::sample::{KEPT_FIRST, KEPT_TROUBLED, Sample, event_name};
use super::steps::Steps;
use super::watched::Watched;
use crate::clock::Tick;
use crate::http1::Ending;
use crate::journal::{Answered, Attempt, End, FlowStart, Forwarded, Header, Note, Record, Watch};
use crate::pii::PolicyError;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// What a journal says so far.
#[derive(Debug)]
pub struct Analysis {
    /// The journal's header.
    pub header: Header,
    /// Deliveries in order of first arrival.
    pub deliveries: Vec<Delivery>,
    /// Flows and steps.
    pub steps: Steps,
    /// Personal data that was found.
    pub privacy: Privacy,
    /// Content of the first deliveries and of troubled ones, by index of the delivery.
    pub samples: HashMap<usize, Sample>,
    /// Requests that were refused before they could be webhooks, by status.
    pub refused: BTreeMap<u16, u64>,
    /// The first of those in words.
    pub first_refused: Option<String>,
    /// Notes, in order.
    pub notes: Vec<Note>,
    /// What a long-running receiver or an observation noted beside the webhooks.
    pub watched: Watched,
    /// The end record, if the journal has one.
    pub end: Option<End>,
    /// Time of the latest record.
    pub latest: Tick,
    /// Diagnoses of invalid signatures with their counts, most frequent first in [`Analysis::diagnoses`].
    diagnoses: HashMap<String, u64>,
    expectations: Expectations,
    by_key: HashMap<u128, usize>,
    by_attempt: HashMap<u64, (usize, Slot)>,
    ours: HashMap<String, HashSet<String>>,
}

/// Where in a delivery an attempt is filed.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Try(usize),
    AfterAcceptance(usize),
    Elsewhere,
}

impl Analysis {
    /// Nothing known but the header.
    ///
    /// # Errors
    /// When the PII policy in the header is none.
    pub fn new(header: Header) -> Result<Self, PolicyError> {
        let privacy = Privacy::new(&header)?;
        Ok(Self {
            header,
            deliveries: Vec::new(),
            steps: Steps::default(),
            privacy,
            samples: HashMap::new(),
            refused: BTreeMap::new(),
            first_refused: None,
            notes: Vec::new(),
            watched: Watched::default(),
            end: None,
            latest: Tick(0),
            diagnoses: HashMap::new(),
            expectations: Expectations::default(),
            by_key: HashMap::new(),
            by_attempt: HashMap::new(),
            ours: HashMap::new(),
        })
    }

    /// Takes in one record.
    pub fn take(&mut self, record: &Record) {
        if let Some(at) = time_of(record) {
            self.latest = self.latest.max(at);
        }
        match record {
            Record::FlowStart(start) => self.flow_started(start),
            Record::FlowEnd(end) => self.steps.flow_ended(end),
            Record::Expect(expect) => self.expectations.add(expect.clone()),
            Record::Step(step) => {
                self.steps.step_ended(step);
                if let Some(flow) = step.flow {
                    self.expectations.step_ended(flow, &step.step, step.outcome);
                }
                self.privacy.scan_step(step);
            }
            Record::Attempt(attempt) => self.arrived(attempt),
            Record::Answered(answered) => self.answered(answered),
            Record::Refused(refused) => {
                *self.refused.entry(refused.status).or_default() += 1;
                self.first_refused.get_or_insert_with(|| format!("{}: {}", refused.status, refused.why));
            }
            Record::Note(note) => self.notes.push(note.clone()),
            Record::Watch(fact) => self.watched(fact),
            Record::End(end) => self.end = Some(end.clone()),
            // A load is read by `analysis::load`.
            Record::Header(_) | Record::Load(_) | Record::Interval(_) => {}
        }
    }

    /// The webhooks that had to come.
    #[must_use]
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations.all
    }

    /// Diagnoses of invalid signatures, most frequent first.
    #[must_use]
    pub fn diagnoses(&self) -> Vec<(&str, u64)> {
        let mut all: Vec<_> = self.diagnoses.iter().map(|(d, n)| (d.as_str(), *n)).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        all
    }

    /// Deliveries that belong to this run.
    pub fn own(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter().filter(|d| !d.foreign)
    }

    /// Number of attempts that the retry contract allows.
    #[must_use]
    pub fn max_attempts(&self) -> usize {
        self.header.retry.backoff_ms.len()
    }

    fn flow_started(&mut self, start: &FlowStart) {
        for (pointer, value) in &start.ours {
            self.ours.entry(pointer.clone()).or_default().insert(canonical(value));
        }
        self.steps.flow_started(start);
    }

    fn arrived(&mut self, attempt: &Attempt) {
        let body = attempt.body.bytes();
        let scheme = self.header.scheme;
        let timestamp_ms = scheme.timestamp_ms(&attempt.headers);
        let id = scheme.id(&attempt.headers).map(str::to_owned);
        let event = event_of(scheme.event(&attempt.headers), &body);
        let prints = Prints {
            body: print(&body),
            signature: signature_print(attempt, scheme.own_headers()),
            timestamp_ms,
        };
        let made = Try {
            attempt: attempt.attempt,
            first_byte: attempt.first_byte,
            end: None,
            status: attempt.answer,
            how: None,
            reason: attempt.verdict.reason,
            fault: attempt.fault.clone(),
            prints,
        };
        if let Some(diagnosis) = &attempt.verdict.diagnosis {
            *self.diagnoses.entry(diagnosis.clone()).or_default() += 1;
        }
        if attempt.elsewhere {
            return self.arrived_elsewhere(made, id, event);
        }
        let key = id
            .as_ref()
            .map_or_else(|| wide_print(&[event.as_bytes(), &body]), |id| wide_print(&[id.as_bytes()]));
        match self.by_key.get(&key).copied().filter(|&i| self.continues(i, &made, id.is_some())) {
            Some(index) => self.file(index, made, attempt, scheme.own_headers()),
            None => {
                let id_reused = id.is_some() && self.by_key.contains_key(&key);
                let parsed = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let index = self.begin(made, id, event, &parsed, id_reused);
                self.keep_sample(index, attempt, &parsed);
                self.by_key.insert(key, index);
                let foreign = self.deliveries.get(index).is_some_and(|d| d.foreign);
                let whose = if foreign { Traffic::Foreign } else { Traffic::Ours };
                self.privacy.scan_attempt(attempt, scheme.own_headers(), whose);
            }
        }
    }

    /// Whether an attempt with the key of delivery `index` is another attempt of it.
    fn continues(&self, index: usize, made: &Try, has_id: bool) -> bool {
        let Some(delivery) = self.deliveries.get(index) else { return false };
        let same_body = delivery.tries.first().is_some_and(|t| t.prints.body == made.prints.body);
        match (has_id, delivery.accepted().is_some()) {
            // The same id with other content after acceptance is an id used twice, not a retry.
            (true, accepted) => !accepted || same_body,
            (false, true) => false,
            // Without an id, equal content counts as a retry only while one may come.
            (false, false) => {
                let last = delivery.last_end().unwrap_or_else(|| delivery.first_byte());
                let contract = &self.header.retry;
                made.first_byte.since(last) <= Duration::from_millis(contract.longest_ms() + contract.late_ms)
            }
        }
    }

    fn file(&mut self, index: usize, made: Try, attempt: &Attempt, own_headers: &[&str]) {
        let Some(delivery) = self.deliveries.get_mut(index) else { return };
        // A retry with the bytes of the first attempt has been looked at.
        if delivery.tries.first().is_none_or(|t| t.prints.body != made.prints.body) {
            let whose = if delivery.foreign { Traffic::Foreign } else { Traffic::Ours };
            self.privacy.scan_attempt(attempt, own_headers, whose);
        }
        let number = made.attempt;
        let slot = if delivery.accepted().is_some() {
            delivery.after_acceptance.push(made);
            Slot::AfterAcceptance(delivery.after_acceptance.len() - 1)
        } else {
            delivery.tries.push(made);
            Slot::Try(delivery.tries.len() - 1)
        };
        self.by_attempt.insert(number, (index, slot));
    }

    fn begin(
        &mut self,
        made: Try,
        id: Option<String>,
        event: String,
        body: &Value,
        id_reused: bool,
    ) -> usize {
        let index = self.deliveries.len();
        let fulfilment = self.expectations.assign(index, &event, body, made.first_byte);
        // What cannot be read cannot be another's: it was posted to us, and signed or not it is ours to explain.
        let foreign = fulfilment == Fulfilment::None && body.is_object() && !self.is_ours(body);
        let fulfils = if let Fulfilment::Fulfils(i) = fulfilment { Some(i) } else { None };
        self.by_attempt.insert(made.attempt, (index, Slot::Try(0)));
        self.deliveries.push(Delivery {
            number: index as u64 + 1,
            event,
            id,
            tries: vec![made],
            after_acceptance: Vec::new(),
            elsewhere: false,
            id_reused,
            foreign,
            fulfils,
            surplus: matches!(fulfilment, Fulfilment::Surplus(_)),
        });
        index
    }

    fn keep_sample(&mut self, index: usize, attempt: &Attempt, body: &Value) {
        let troubled = !attempt.answer.is_some_and(is_success);
        let room = index < KEPT_FIRST || (troubled && self.samples.len() < KEPT_FIRST + KEPT_TROUBLED);
        if let (true, Some(delivery)) = (room, self.deliveries.get(index)) {
            let signature = self.header.scheme.own_headers().first().and_then(|name| attempt.header(name));
            let sample = Sample::of(&delivery.event, signature.unwrap_or_default(), attempt.answer, body);
            self.samples.insert(index, sample);
        }
    }

    fn is_ours(&self, body: &Value) -> bool {
        self.header.ours.is_empty()
            || self.ours.is_empty()
            || self.ours.iter().any(|(pointer, values)| {
                body.pointer(pointer).is_some_and(|v| values.contains(&canonical(v)))
            })
    }

    /// Something followed an injected redirect: the delivery that was redirected is marked.
    fn arrived_elsewhere(&mut self, made: Try, id: Option<String>, event: String) {
        let redirected = |d: &&mut Delivery| d.tries.iter().any(|t| t.status.is_some_and(|s| s / 100 == 3));
        let same = |d: &&mut Delivery| id.is_none() || d.id == id;
        let number = made.attempt;
        if let Some(delivery) = self.deliveries.iter_mut().rev().find(|d| redirected(d) && same(d)) {
            delivery.elsewhere = true;
            let index = usize::try_from(delivery.number - 1).unwrap_or(usize::MAX);
            self.by_attempt.insert(number, (index, Slot::Elsewhere));
        } else {
            let index = self.begin(made, id, event, &Value::Null, false);
            if let Some(delivery) = self.deliveries.get_mut(index) {
                delivery.elsewhere = true;
            }
        }
    }

    fn answered(&mut self, answered: &Answered) {
        // Forgotten once answered: the index holds only attempts that are under way.
        let Some((index, slot)) = self.by_attempt.remove(&answered.attempt) else { return };
        let Some(delivery) = self.deliveries.get_mut(index) else { return };
        let made = match slot {
            Slot::Try(i) => delivery.tries.get_mut(i),
            Slot::AfterAcceptance(i) => delivery.after_acceptance.get_mut(i),
            Slot::Elsewhere => None,
        };
        if let Some(made) = made {
            made.end = Some(answered.end);
            made.how = Some(answered.how);
            if answered.how != Ending::Sent {
                made.status = None;
            }
        }
    }

    fn watched(&mut self, fact: &Watch) {
        if let Watch::Forwarded(forwarded) = fact {
            self.forwarded(forwarded);
        }
        self.watched.take(fact);
    }

    /// Behind a tap the status is the real receiver's, which is known only after the attempt was written.
    fn forwarded(&mut self, forwarded: &Forwarded) {
        let Some(&(index, slot)) = self.by_attempt.get(&forwarded.attempt) else { return };
        let Some(delivery) = self.deliveries.get_mut(index) else { return };
        let made = match slot {
            Slot::Try(i) => delivery.tries.get_mut(i),
            Slot::AfterAcceptance(i) => delivery.after_acceptance.get_mut(i),
            Slot::Elsewhere => None,
        };
        if let Some(made) = made {
            made.status = Some(forwarded.status);
        }
    }

    /// Whether a delivery was accepted within the limit of its expectation.
    #[must_use]
    pub fn in_time(&self, expectation: &Expectation, delivery: usize) -> bool {
        let limit = expectation.expect.at.plus(Duration::from_millis(expectation.expect.within_ms));
        self.deliveries.get(delivery).is_some_and(|d| d.first_byte() <= limit)
    }

    /// Delivery latency: from the start of the step that triggers the webhook to the end of the accepting answer.
    #[must_use]
    pub fn latency(&self, delivery: &Delivery) -> Option<Duration> {
        let expectation = self.expectations.all.get(delivery.fulfils?)?;
        let accepted = delivery.tries.iter().find(|t| t.status.is_some_and(is_success))?;
        Some(accepted.end?.since(expectation.expect.at))
    }
}

fn time_of(record: &Record) -> Option<Tick> {
    Some(match record {
        // The seconds of a load count from the beginning of its schedule, not of the run.
        Record::Header(_) | Record::Load(_) | Record::Interval(_) => return None,
        Record::FlowStart(r) => r.at,
        Record::Expect(r) => r.at,
        Record::Step(r) => r.ended,
        Record::FlowEnd(r) => r.at,
        Record::Attempt(r) => r.received,
        Record::Answered(r) => r.end,
        Record::Refused(r) => r.at,
        Record::Note(r) => r.at,
        Record::Watch(r) => return r.at(),
        Record::End(r) => r.at,
    })
}

fn event_of(header: Option<&str>, body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Envelope {
        event: Option<String>,
    }
    let in_body = || serde_json::from_slice::<Envelope>(body).ok().and_then(|e| e.event);
    event_name(&header.map(str::to_owned).or_else(in_body).unwrap_or_default())
}

fn wide_print(parts: &[&[u8]]) -> u128 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).fold(0, |n, &b| n << 8 | u128::from(b))
}

#[expect(clippy::cast_possible_truncation, reason = "half of a digest is as good a fingerprint as the whole")]
fn print(bytes: &[u8]) -> u64 {
    wide_print(&[bytes]) as u64
}

/// One fingerprint over the signature headers, id and timestamp included.
fn signature_print(attempt: &Attempt, own_headers: &[&str]) -> u64 {
    let values: Vec<&str> = own_headers.iter().map(|name| attempt.header(name).unwrap_or_default()).collect();
    print(values.join("\u{1f}").as_bytes())
}
