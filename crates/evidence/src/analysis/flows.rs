//! The flows of a run, 40 bytes each.

use super::interned::Interned;
use record::{FlowEnd, FlowStart, Tick};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Flows per chunk, as a power of 2.
const CHUNK_BITS: u32 = 10;
/// No variant; no status yet.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, PartialEq)]
pub struct FlowFacts {
    /// Which variant it played.
    pub variant: Option<String>,
    /// Id of its subject.
    pub subject: Value,
    /// Last known status of its subject; null while the flow runs.
    pub status: Value,
    /// Whether it ended.
    pub ended: bool,
    /// Steps of it that failed.
    pub failed_steps: u32,
    /// From its beginning to its end; zero while it runs.
    pub took: Duration,
}

/// The flows by their numbers.
#[derive(Debug, Clone, Default)]
pub struct Flows {
    chunks: BTreeMap<u32, Vec<Stored>>,
    /// Variants, and statuses as JSON.
    texts: Interned,
    len: usize,
}

#[derive(Debug, Clone)]
struct Stored {
    number: u32,
    failed_steps: u32,
    variant: u32,
    /// [`NONE`] until it ends.
    status: u32,
    /// When it began, and how long it took, in ms.
    began_ms: u32,
    took_ms: u32,
    subject: Subject,
}

#[derive(Debug, Clone)]
enum Subject {
    Number(u64),
    Other(Box<Value>),
}

impl Subject {
    fn of(subject: &Value) -> Self {
        match subject.as_u64() {
            Some(number) => Self::Number(number),
            None => Self::Other(Box::new(subject.clone())),
        }
    }
}

impl Flows {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The flow with this number.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<FlowFacts> {
        let chunk = self.chunks.get(&(number >> CHUNK_BITS))?;
        let at = chunk.binary_search_by_key(&number, |f| f.number).ok()?;
        chunk.get(at).map(|stored| self.facts(stored))
    }

    /// Their numbers, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.stored().map(|f| f.number)
    }

    /// The numbers of those with a step that failed, in order.
    pub fn failed(&self) -> impl Iterator<Item = u32> {
        self.stored().filter(|f| f.failed_steps > 0).map(|f| f.number)
    }

    /// How many have ended.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.stored().filter(|f| f.status != NONE).count() as u64
    }

    fn stored(&self) -> impl Iterator<Item = &Stored> {
        self.chunks.values().flatten()
    }

    fn facts(&self, stored: &Stored) -> FlowFacts {
        let status = self.texts.get(stored.status).and_then(|text| serde_json::from_str(text).ok());
        FlowFacts {
            variant: self.texts.get(stored.variant).map(ToString::to_string),
            subject: match &stored.subject {
                Subject::Number(number) => Value::from(*number),
                Subject::Other(value) => (**value).clone(),
            },
            status: status.unwrap_or_default(),
            ended: stored.status != NONE,
            failed_steps: stored.failed_steps,
            took: Duration::from_millis(stored.took_ms.into()),
        }
    }

    pub(super) fn started(&mut self, start: &FlowStart) {
        let variant = start.variant.as_ref().map_or(NONE, |variant| self.texts.number(variant));
        let subject = Subject::of(&start.subject);
        let (number, began_ms) = (start.flow, ms(start.at));
        let stored = Stored { number, failed_steps: 0, variant, status: NONE, began_ms, took_ms: 0, subject };
        let chunk = self.chunks.entry(start.flow >> CHUNK_BITS).or_default();
        match chunk.binary_search_by_key(&start.flow, |f| f.number) {
            Ok(at) => {
                if let Some(again) = chunk.get_mut(at) {
                    *again = stored;
                }
            }
            Err(at) => {
                chunk.insert(at, stored);
                self.len += 1;
            }
        }
    }

    /// What a flow is about is known only now.
    pub(super) fn is_about(&mut self, number: u32, subject: &Value) {
        if let Some(flow) = self.get_mut(number) {
            flow.subject = Subject::of(subject);
        }
    }

    pub(super) fn has_ended(&mut self, end: &FlowEnd) {
        let status = self.texts.number(&end.status.to_string());
        if let Some(flow) = self.get_mut(end.flow) {
            flow.status = status;
            flow.took_ms = ms(end.at).saturating_sub(flow.began_ms);
        }
    }

    pub(super) fn step_failed(&mut self, number: u32) {
        if let Some(flow) = self.get_mut(number) {
            flow.failed_steps += 1;
        }
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Stored> {
        let chunk = self.chunks.get_mut(&(number >> CHUNK_BITS))?;
        let at = chunk.binary_search_by_key(&number, |f| f.number).ok()?;
        chunk.get_mut(at)
    }
}

/// In ms; 49 days fit.
fn ms(at: Tick) -> u32 {
    u32::try_from(at.0 / 1000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn start(flow: u32, subject: Value) -> FlowStart {
        FlowStart { flow, at: Tick(0), variant: Some("forfeit".to_owned()), subject, ours: BTreeMap::new() }
    }

    #[test]
    fn flows_are_kept_by_number_whatever_their_order_and_ids() {
        assert_eq!(size_of::<Stored>(), 40);
        let mut flows = Flows::default();
        for (flow, subject) in [(5000, json!(7)), (3, json!("b2c0")), (4, json!(-1)), (3, json!(null))] {
            flows.started(&start(flow, subject));
        }
        assert_eq!((flows.len(), flows.numbers().collect::<Vec<_>>()), (3, vec![3, 4, 5000]));
        assert_eq!(flows.get(5000).unwrap().subject, json!(7));
        assert_eq!(flows.get(4).unwrap().subject, json!(-1));
        assert_eq!(flows.get(3).unwrap().subject, json!(null));
        assert_eq!(flows.get(2), None);
        flows.step_failed(4);
        flows.has_ended(&FlowEnd { flow: 4, at: Tick(9_000), status: json!("verified") });
        let facts = flows.get(4).unwrap();
        assert_eq!(facts.took, Duration::from_millis(9));
        assert_eq!((facts.status, facts.ended, facts.failed_steps), (json!("verified"), true, 1));
        assert_eq!(facts.variant.as_deref(), Some("forfeit"));
        assert_eq!((flows.ended(), flows.failed().collect::<Vec<_>>()), (1, vec![4]));
        assert!(flows.get(3).unwrap().status.is_null());
    }
}
