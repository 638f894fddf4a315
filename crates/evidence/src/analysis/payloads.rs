//! Webhooks held against the schemas of their events, where the sender's profile names some, and keys that stand twice.

use correlate::{Arrived, Contradiction, Reader};
use payload::{Contract, Violation};
use pii::Engine;
use record::{Attempt, Header, PayloadStats};
use std::sync::Arc;

/// Most webhooks whose violations are kept.
const KEPT: usize = 50;
/// Most violations of one webhook that are told.
const TOLD: usize = 5;

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Payloads {
    contract: Option<Arc<Contract>>,
    /// Reads bodies whole.
    reader: Reader,
    pub(super) found: PayloadStats,
    /// The first webhooks that do not fit: the delivery, the event, and what is wrong.
    pub(super) kept: Vec<(usize, String, Vec<Violation>)>,
    /// The first webhooks that contradict the profile: the delivery, which of its attempts, and how.
    pub(super) contradicting: Vec<(usize, usize, Contradiction)>,
    /// The first webhooks in which a key appears twice: the delivery and the key's JSON pointer.
    pub(super) repeating: Vec<(usize, String)>,
}

impl Payloads {
    pub(super) fn new(header: &Header) -> Self {
        let mut reader = Reader::new(header.scheme);
        reader.add("");
        let bundle = header.sender.as_ref().and_then(|sender| sender.schemas.as_ref());
        let made = bundle.map(Contract::of);
        let mut found = PayloadStats { with_contract: bundle.is_some(), ..PayloadStats::default() };
        if let Some(Err(error)) = &made {
            found.problem = error.to_string();
        }
        let contract = made.and_then(Result::ok).map(Arc::new);
        Self { contract, reader, found, kept: Vec::new(), contradicting: Vec::new(), repeating: Vec::new() }
    }

    /// The same contract, nothing found yet.
    pub(super) fn successor(&self) -> Self {
        let found = PayloadStats {
            with_contract: self.found.with_contract,
            problem: self.found.problem.clone(),
            ..PayloadStats::default()
        };
        Self {
            contract: self.contract.clone(),
            reader: self.reader.clone(),
            found,
            kept: Vec::new(),
            contradicting: Vec::new(),
            repeating: Vec::new(),
        }
    }

    /// Notes how a webhook contradicts the profile.
    pub(super) fn contradicted(&mut self, delivery: usize, attempt: usize, how: Contradiction) {
        self.found.contradicted(&how.to_string());
        if self.contradicting.len() < KEPT {
            self.contradicting.push((delivery, attempt, how));
        }
    }

    /// Looks at the webhooks of a request, `came`. What is told of them is masked by `engine`: a key may be somebody's data.
    pub(super) fn look(
        &mut self,
        (delivery, attempt): (usize, &Attempt),
        came: &[Arrived<'_>],
        engine: &Engine,
    ) {
        let body = attempt.body.bytes();
        if let Some(pointer) = self.reader.repeated_key(&attempt.headers, &body) {
            let pointer = engine.masked_place(&pointer);
            self.found.repeated(&pii::shown(&pointer));
            if self.repeating.len() < KEPT {
                self.repeating.push((delivery, pointer));
            }
        }
        let Some(contract) = &self.contract else { return };
        if !came.iter().any(|one| contract.events().any(|event| event == one.event)) {
            self.found.without += came.len() as u64;
            return;
        }
        let whole = self.reader.read(&attempt.headers, &body);
        let whole = whole.iter().flat_map(correlate::Webhooks::iter).zip(came);
        for (webhook, one) in whole {
            let Some(wrong) = contract.check(one.event, webhook.own()) else {
                self.found.without += 1;
                continue;
            };
            self.found.checked += 1;
            if wrong.is_empty() {
                continue;
            }
            self.found.violating += 1;
            let wrong: Vec<Violation> =
                wrong.into_iter().map(|violation| masked(violation, engine)).collect();
            wrong.iter().for_each(|violation| self.found.violated(&told(one.event, violation)));
            if self.kept.len() < KEPT {
                let first = wrong.into_iter().take(TOLD).collect();
                self.kept.push((delivery, one.event.to_owned(), first));
            }
        }
    }
}

fn masked(Violation { pointer, reason }: Violation, engine: &Engine) -> Violation {
    Violation { pointer: engine.masked_place(&pointer), reason: engine.masked(&reason) }
}

/// A violation in words: `paid at /data/id: value is not of type "integer"`.
fn told(event: &str, violation: &Violation) -> String {
    format!("{} {}", super::sample::event_name(event), sentence(violation))
}

/// The same without the event.
pub(super) fn sentence(Violation { pointer, reason }: &Violation) -> String {
    let place = if pointer.is_empty() { "as a whole" } else { "at" };
    let gap = if pointer.is_empty() { "" } else { " " };
    format!("{place}{gap}{}: {}", pii::shown(pointer), pii::shown(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Body, RunKind};
    use serde_json::json;

    #[test]
    fn a_key_that_is_somebodys_data_is_told_masked() {
        let header = Header::new(RunKind::Run, chrono::DateTime::UNIX_EPOCH).unwrap();
        let engine = Engine::new(&pii::Policy::default(), &[], b"").unwrap();
        let mut payloads = Payloads::new(&header);
        let body = br#"{"event":"paid","to":{"joe.smith@gmail.com":1,"joe.smith@gmail.com":2}}"#;
        let attempt = json!({
            "attempt": 1, "first_byte": 0, "received": 0, "method": "POST", "target": "/", "headers": [],
            "body": Body::from_bytes(body.to_vec()),
            "verdict": {"valid": true, "reason": "valid", "diagnosis": null}, "answer": 200
        });
        payloads.look((0, &serde_json::from_value(attempt).unwrap()), &[], &engine);
        assert_eq!(payloads.repeating, [(0, "/to/j***@g***.com".to_owned())]);
        assert_eq!(payloads.found.repeated_keys.keys().collect::<Vec<_>>(), ["/to/j***@g***.com"]);
    }
}
