//! Which flow a webhook is about, by the values that the flows say are theirs.

use super::fingerprint::{Short, canonical, print, short};
use super::learned_values::{LearnedValues, Said};
use super::reader::{Reader, Webhook, Webhooks};
use foldhash::{HashMap, HashSet};
use serde_json::Value;
use signature::Scheme;
use std::collections::BTreeMap;

/// Whose a webhook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This flow's, by a value that no other flow has.
    Flow(u32),
    /// Some flow's: it holds a value that several flows share, values of several, or the flows name no values.
    Some,
    /// Other traffic.
    Others,
}

/// In place of a flow: several have the value.
const SHARED: u32 = u32::MAX;

/// The values by which flows say what is theirs: JSON pointer into a webhook's body, fingerprint of the value there, flow.
#[derive(Debug, Default)]
pub struct FlowValues(HashMap<String, HashMap<Short, u32>>);

impl FlowValues {
    /// From now on these values, by their JSON pointers, are a flow's.
    pub fn add(&mut self, flow: u32, values: &BTreeMap<String, Value>) {
        for (pointer, value) in values {
            if !self.looks_at(pointer) {
                self.0.insert(pointer.clone(), HashMap::default());
            }
            if let Some(known) = self.0.get_mut(pointer) {
                let whose = known.entry(fingerprint(value)).or_insert(flow);
                *whose = if *whose == flow { flow } else { SHARED };
            }
        }
    }

    /// Whether no flow has named a value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a flow has named a value at this JSON pointer.
    #[must_use]
    pub fn looks_at(&self, pointer: &str) -> bool {
        self.0.contains_key(pointer)
    }

    /// Whose a webhook is, by the values that it holds.
    #[must_use]
    pub fn whose(&self, webhook: Webhook<'_>) -> Whose {
        let value = |pointer: &'_ String| Some(fingerprint(webhook.pointer(pointer)?));
        self.whose_of(self.0.iter().filter_map(|(pointer, known)| known.get(&value(pointer)?)))
    }

    /// Whose these values at these JSON pointers are.
    pub(crate) fn whose_is<'p>(&self, values: impl Iterator<Item = (&'p str, Short)>) -> Whose {
        self.whose_of(values.filter_map(|(pointer, value)| self.0.get(pointer)?.get(&value)))
    }

    /// Whose a webhook is that holds values of these flows.
    fn whose_of<'f>(&self, flows: impl Iterator<Item = &'f u32>) -> Whose {
        let mut any = false;
        // What flows share says nothing beside what one has alone.
        let named = flows.copied().inspect(|_| any = true);
        let mut own = named.filter(|flow| *flow != SHARED);
        let first = own.next();
        let alike = own.all(|flow| Some(flow) == first);
        match first {
            Some(flow) if alike => Whose::Flow(flow),
            None if !any => Whose::Others,
            _ => Whose::Some,
        }
    }

    /// How many flows have a value that no other has.
    fn told(&self) -> usize {
        let own = self.0.values().flat_map(HashMap::values).filter(|flow| **flow != SHARED);
        own.collect::<HashSet<_>>().len()
    }
}

pub(crate) fn fingerprint(value: &Value) -> Short {
    short(print(canonical(value).as_bytes()))
}

/// The values of all flows of a run, and what is read of a body to find them there.
#[derive(Debug)]
pub struct FlowMatcher {
    ours: FlowValues,
    flows: usize,
    learned: LearnedValues,
    reader: Reader,
}

impl Default for FlowMatcher {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl FlowMatcher {
    /// Takes for each flow JSON pointers into a webhook's body, and the values there that make it this flow's.
    #[must_use]
    pub fn new(flows: &[BTreeMap<String, Value>]) -> Self {
        let mut ours = FlowValues::default();
        (0..).zip(flows).for_each(|(flow, values)| ours.add(flow, values));
        let (learned, reader) = (LearnedValues::default(), Reader::new(Scheme::default()));
        Self { ours, flows: flows.len(), learned, reader }.for_sender(Scheme::default())
    }

    /// The same where flows learn on the way what stands at these JSON pointers into their webhooks.
    #[must_use]
    pub fn learning<'p>(mut self, pointers: impl IntoIterator<Item = &'p String>) -> Self {
        let unknown = pointers.into_iter().filter(|pointer| !self.ours.looks_at(pointer));
        let pointers: Vec<String> = unknown.cloned().collect();
        pointers.iter().for_each(|pointer| self.reader.add(pointer));
        self.learned = LearnedValues::at(pointers);
        self
    }

    /// A flow has learned values that tell its webhooks, by their JSON pointers.
    pub fn learn(&self, flow: u32, values: &BTreeMap<String, Value>) {
        self.learned.learn(flow, values);
    }

    /// What of a webhook tells whose it is, once a flow has learned it; `None` where nothing does.
    #[must_use]
    pub fn to_be_learned(&self, webhook: Option<Webhook<'_>>) -> Option<Said> {
        self.learned.said_in(webhook?)
    }

    /// Whose this is by now; nobody's that is known is others'.
    #[must_use]
    pub fn learner(&self, said: &Said) -> Whose {
        self.learned.whose(said)
    }

    /// The same for webhooks of this sender, whose bodies are what its profile says.
    #[must_use]
    pub fn for_sender(mut self, scheme: Scheme) -> Self {
        self.reader = Reader::new(scheme);
        self.ours.0.keys().chain(self.learned.pointers()).for_each(|pointer| self.reader.add(pointer));
        self
    }

    /// Whether every flow has a value of its own, so that a webhook says whose it is.
    #[must_use]
    pub fn tells_flows(&self) -> bool {
        self.ours.told() == self.flows
    }

    /// Reads of a request what says whose its webhooks are, and their events.
    #[must_use]
    pub fn read(&self, headers: &[(String, String)], body: &[u8]) -> Option<Webhooks> {
        self.reader.read(headers, body)
    }

    /// Whose a webhook is; `None`: its body could not be read.
    #[must_use]
    pub fn whose(&self, webhook: Option<Webhook<'_>>) -> Whose {
        if self.ours.is_empty() {
            return Whose::Some;
        }
        webhook.map_or(Whose::Others, |webhook| self.ours.whose(webhook))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flows(values: &[Value]) -> FlowMatcher {
        let of = |value: &Value| BTreeMap::from([("/id".to_owned(), value.clone())]);
        FlowMatcher::new(&values.iter().map(of).collect::<Vec<_>>())
    }

    #[test]
    fn values_of_several_flows_name_none_and_shared_ones_do_not_count_beside_one() {
        let mut values = FlowValues::default();
        for (flow, own) in [(0, json!({"/a": 1, "/c": 3})), (1, json!({"/b": 2, "/c": 3}))] {
            values.add(flow, &serde_json::from_value(own).unwrap());
        }
        let whose = |body: Value| values.whose(Webhook::alone(&body));
        assert_eq!(whose(json!({"a": 1, "c": 3})), Whose::Flow(0));
        assert_eq!(whose(json!({"b": 2, "x": 1})), Whose::Flow(1));
        assert_eq!((whose(json!({"a": 1, "b": 2})), whose(json!({"c": 3}))), (Whose::Some, Whose::Some));
        assert_eq!(whose(json!({"a": 2})), Whose::Others);
    }

    #[test]
    fn what_a_flow_learns_tells_its_webhooks_afterwards() {
        let matcher = FlowMatcher::default().learning(&["/id".to_owned()]);
        let said = |id: u64| matcher.to_be_learned(Some(Webhook::alone(&json!({ "id": id }))));
        let whose = |id: u64| matcher.learner(&said(id).unwrap());
        assert_eq!(whose(7), Whose::Others);
        let learned =
            |id: u64| BTreeMap::from([("/id".to_owned(), json!(id)), ("/other".to_owned(), json!(8))]);
        matcher.learn(3, &learned(7));
        assert_eq!((whose(7), whose(8)), (Whose::Flow(3), Whose::Others));
        matcher.learn(4, &learned(7));
        assert_eq!(whose(7), Whose::Some);
        assert_eq!(matcher.to_be_learned(Some(Webhook::alone(&json!({ "x": 7 })))), None);
    }

    #[test]
    fn any_of_the_values_that_a_flow_learns_tells_its_webhooks() {
        let matcher = FlowMatcher::default().learning(&["/a".to_owned(), "/b".to_owned()]);
        let said = matcher.to_be_learned(Some(Webhook::alone(&json!({ "a": 1, "b": 2 })))).unwrap();
        matcher.learn(5, &BTreeMap::from([("/b".to_owned(), json!(2))]));
        assert_eq!(matcher.learner(&said), Whose::Flow(5));
        matcher.learn(6, &BTreeMap::from([("/a".to_owned(), json!(1))]));
        assert_eq!(matcher.learner(&said), Whose::Some, "one of each");
    }

    #[test]
    fn a_value_of_its_own_names_a_flow_and_a_shared_one_only_the_run() {
        let matcher = flows(&[json!(1), json!(2), json!(2)]);
        let whose = |id: Value| matcher.whose(Some(Webhook::alone(&json!({ "id": id }))));
        assert_eq!(whose(json!(1.0)), Whose::Flow(0));
        assert_eq!(whose(json!(2)), Whose::Some);
        assert_eq!((whose(json!("2")), matcher.whose(None)), (Whose::Others, Whose::Others));
        assert!(!matcher.tells_flows() && flows(&[json!(1), json!(2)]).tells_flows());
        assert_eq!(FlowMatcher::default().whose(None), Whose::Some);
        assert!(!FlowMatcher::new(&[BTreeMap::new(), BTreeMap::new()]).tells_flows());
    }
}
