//! Attempts filed into deliveries: which one an attempt belongs to, and how it ended.

use super::delivery::{AttemptResult, Delivery, Fingerprints, is_success};
use super::expected::Fulfilment;
use super::fingerprints::{canonical, print, print_of, short, signature_print};
use super::fold::Analysis;
use super::privacy::Traffic;
use super::sample::{KEPT_FIRST, KEPT_TROUBLED, Sample, event_name};
use record::Ending;
use record::{Answered, Attempt, Forwarded};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

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

/// An attempt that is about to be filed.
struct Arrival<'a> {
    attempt: &'a Attempt,
    body: &'a [u8],
    event: Arc<str>,
    /// Fingerprint of its id, or of its content where the scheme has no id.
    key: u64,
    has_id: bool,
    made: AttemptResult,
}

impl Analysis {
    pub(super) fn arrived(&mut self, attempt: &Attempt) {
        let body = attempt.body.bytes();
        let arrival = self.arrival(attempt, &body);
        if let Some(diagnosis) = &attempt.verdict.diagnosis {
            self.diagnosed(diagnosis);
        }
        let latest = self.by_key.get(arrival.key).map(|index| index as usize);
        match self.overtaken(&arrival).or(latest) {
            _ if attempt.elsewhere => self.arrived_elsewhere(arrival, latest),
            Some(index) if self.continues(index, &arrival) => self.file(index, arrival),
            _ => {
                self.overtake(&arrival, latest);
                self.first_arrival(arrival, latest.is_some());
            }
        }
    }

    /// The delivery without an id that this one continues, although others with the same content came between.
    fn overtaken(&self, arrival: &Arrival<'_>) -> Option<usize> {
        let open = self.overtaken.get(&arrival.key).filter(|_| !arrival.has_id)?;
        open.iter().copied().find(|index| self.continues(*index, arrival))
    }

    /// Another webhook with the content of `latest` comes, of which a retry may still be due.
    fn overtake(&mut self, arrival: &Arrival<'_>, latest: Option<usize>) {
        let Some(latest) = latest.filter(|_| !arrival.has_id) else { return };
        let (longest, now) = (self.header.retry.latest_retry(), arrival.made.first_byte);
        let deliveries = &self.deliveries;
        let is_open = |index: &usize| {
            let open = |d: Cow<'_, Delivery>| d.accepted().is_none() && now.since(d.last_seen()) <= longest;
            deliveries.get(*index).is_some_and(open)
        };
        let added = Some(latest).filter(is_open);
        if added.is_none() && !self.overtaken.contains_key(&arrival.key) {
            return;
        }
        let open = self.overtaken.entry(arrival.key).or_default();
        open.retain(is_open);
        open.extend(added);
        if open.is_empty() {
            self.overtaken.remove(&arrival.key);
        }
    }

    /// Whether an attempt belongs to a delivery that is known, or holds a value of a flow that is.
    pub(super) fn claims(&self, attempt: &Attempt) -> bool {
        let body = attempt.body.bytes();
        let known = self
            .header
            .scheme
            .id(&attempt.headers)
            .is_some_and(|id| self.by_key.get(print(id.as_bytes())).is_some());
        known || self.wanted.read(&body).is_some_and(|body| self.holds_ours(&body))
    }

    fn arrival<'a>(&mut self, attempt: &'a Attempt, body: &'a [u8]) -> Arrival<'a> {
        let scheme = self.header.scheme;
        let id = scheme.id(&attempt.headers);
        let event = self.event(scheme.event(&attempt.headers), body);
        let fingerprints = Fingerprints {
            body: print(body),
            signature: signature_print(attempt, scheme.own_headers()),
            timestamp_ms: scheme.timestamp_ms(&attempt.headers),
        };
        let made = AttemptResult {
            first_byte: attempt.first_byte,
            end: None,
            status: attempt.answer,
            how: None,
            reason: attempt.verdict.reason,
            fault: attempt.fault.clone(),
            fingerprints,
        };
        let key = id.map_or_else(|| print_of([event.as_bytes(), body]), |id| print(id.as_bytes()));
        Arrival { attempt, body, event, key, has_id: id.is_some(), made }
    }

    /// The event's name, from the header or the body; one that was seen before is not held again.
    fn event(&mut self, header: Option<&str>, body: &[u8]) -> Arc<str> {
        #[derive(serde::Deserialize)]
        struct Envelope {
            event: Option<String>,
        }
        let in_body = || serde_json::from_slice::<Envelope>(body).ok().and_then(|e| e.event);
        let name = match header {
            Some(name) => event_name(name),
            None => event_name(&in_body().unwrap_or_default()),
        };
        self.deliveries.event(&name)
    }

    /// Whether an attempt with the key of delivery `index` is another attempt of it.
    fn continues(&self, index: usize, arrival: &Arrival<'_>) -> bool {
        let Some(delivery) = self.deliveries.get(index) else { return false };
        let made = &arrival.made;
        let same_body = delivery.tries.first().is_some_and(|t| t.fingerprints.body == made.fingerprints.body);
        match (arrival.has_id, delivery.accepted().is_some()) {
            // The same id with other content after acceptance is an id used twice, not a retry.
            (true, accepted) => !accepted || same_body,
            (false, true) => false,
            (false, false) => self.may_be_retry(&delivery, made),
        }
    }

    /// Without an id, equal content counts as a retry only while one may come. Where no step asked for the webhook, others
    /// with the same content are to be expected: then a retry is one that comes when the contract has it.
    fn may_be_retry(&self, delivery: &Delivery, made: &AttemptResult) -> bool {
        let contract = &self.header.retry;
        let pause = made.first_byte.since(delivery.last_seen());
        let status = delivery.tries.last().and_then(|t| t.status);
        let due = contract.gap_ms(delivery.tries.len(), None).map(|ms| ms.saturating_sub(contract.early_ms));
        let in_order = !status.is_some_and(|status| contract.aborts(status))
            && due.is_some_and(|ms| pause >= Duration::from_millis(ms));
        pause <= contract.latest_retry() && (delivery.is_asked_for() || in_order)
    }

    fn file(&mut self, index: usize, arrival: Arrival<'_>) {
        let Some(delivery) = self.deliveries.get_mut(index) else { return };
        let Arrival { attempt, made, .. } = arrival;
        // A retry with the bytes of the first attempt has been looked at.
        if delivery.tries.first().is_none_or(|t| t.fingerprints.body != made.fingerprints.body) {
            let whose = if delivery.foreign { Traffic::Foreign } else { Traffic::Ours };
            self.privacy.scan_attempt((index, attempt), self.header.scheme.own_headers(), whose);
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

    fn first_arrival(&mut self, arrival: Arrival<'_>, key_used: bool) {
        let parsed = self.wanted.read(arrival.body).unwrap_or_default();
        let (attempt, key, has_id) = (arrival.attempt, arrival.key, arrival.has_id);
        let index = self.begin(arrival, &parsed);
        self.keep_sample(index, attempt, &parsed);
        self.by_key.insert(key, u32::try_from(index).unwrap_or(u32::MAX));
        let Some(delivery) = self.deliveries.get_mut(index) else { return };
        delivery.id_reused = has_id && key_used;
        let whose = if delivery.foreign { Traffic::Foreign } else { Traffic::Ours };
        self.privacy.scan_attempt((index, attempt), self.header.scheme.own_headers(), whose);
    }

    fn begin(&mut self, arrival: Arrival<'_>, body: &Value) -> usize {
        let index = self.deliveries.len();
        let Arrival { attempt, event, has_id, made, .. } = arrival;
        let fulfilment = self.expectations.assign(index, &event, body, made.first_byte);
        // What cannot be read cannot be another's: it was posted to us, and signed or not it is ours to explain.
        let foreign = fulfilment == Fulfilment::None && body.is_object() && !self.is_ours(body);
        self.under_way.insert(attempt.attempt, UnderWay { delivery: index, place: Place::AttemptResult(0) });
        self.deliveries.push(Delivery {
            number: index as u64 + 1,
            event,
            has_id,
            tries: vec![made],
            after_acceptance: Vec::new(),
            elsewhere: false,
            id_reused: false,
            foreign,
            fulfils: if let Fulfilment::Fulfils(i) = fulfilment { Some(i) } else { None },
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
        // Before the first flow begins, what comes cannot be ours; flows that name nothing tell nothing apart.
        let names_nothing = self.ours.is_empty() && !self.steps.flows.is_empty();
        self.header.ours.is_empty() || names_nothing || self.holds_ours(body)
    }

    fn holds_ours(&self, body: &Value) -> bool {
        self.ours.iter().any(|(pointer, values)| {
            body.pointer(pointer).is_some_and(|v| values.contains(&short(print(canonical(v).as_bytes()))))
        })
    }

    /// Something followed an injected redirect: the delivery that was redirected is marked. Without an id it is the latest
    /// that was.
    fn arrived_elsewhere(&mut self, arrival: Arrival<'_>, latest: Option<usize>) {
        let redirected = |d: &Delivery| d.tries.iter().any(|t| t.status.is_some_and(|s| s / 100 == 3));
        let source = if arrival.has_id {
            latest.filter(|index| self.deliveries.get(*index).is_some_and(|d| redirected(&d)))
        } else {
            let numbers = (0..self.deliveries.len()).rev();
            numbers.zip(self.deliveries.iter().rev()).find(|(_, d)| redirected(d)).map(|(index, _)| index)
        };
        let number = arrival.attempt.attempt;
        let index = source.unwrap_or_else(|| self.begin(arrival, &Value::Null));
        if source.is_some() {
            self.under_way.insert(number, UnderWay { delivery: index, place: Place::Elsewhere });
        }
        if let Some(delivery) = self.deliveries.get_mut(index) {
            delivery.elsewhere = true;
        }
    }

    pub(super) fn answered(&mut self, answered: &Answered) {
        // Forgotten once answered: the index holds only attempts that are under way.
        let Some(at) = self.under_way.remove(&answered.attempt) else { return };
        if let Some(made) = self.made_mut(at) {
            made.end = Some(answered.end);
            made.how = Some(answered.how);
            if answered.how != Ending::Sent {
                made.status = None;
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
        if let Some(made) = self.made_mut(at) {
            made.status = Some(forwarded.status);
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
