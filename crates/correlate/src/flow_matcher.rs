//! Which flow a webhook is about, by the values that the flows say are theirs.

use super::fingerprint::canonical;
use super::reader::{Reader, Webhook, Webhooks};
use serde_json::Value;
use signature::Scheme;
use std::collections::{BTreeMap, HashMap};

/// Whose a webhook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This flow's, by a value that no other flow has.
    Flow(u32),
    /// Some flow's: it holds a value that several flows share, or the flows name no values.
    Some,
    /// Other traffic.
    Others,
}

/// The values of the flows: JSON pointer into a webhook's body, value there as text, flow; none where several share it.
#[derive(Debug)]
pub struct FlowMatcher {
    ours: HashMap<String, HashMap<String, Option<u32>>>,
    flows: usize,
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
        let mut ours: HashMap<String, HashMap<String, Option<u32>>> = HashMap::new();
        let mut reader = Reader::new(Scheme::default());
        for (flow, values) in (0..).zip(flows) {
            for (pointer, value) in values {
                if !ours.contains_key(pointer) {
                    reader.add(pointer);
                }
                let of = ours.entry(pointer.clone()).or_default();
                of.entry(canonical(value)).and_modify(|whose| *whose = None).or_insert(Some(flow));
            }
        }
        Self { ours, flows: flows.len(), reader }
    }

    /// The same for webhooks of this sender, whose bodies are what its profile says.
    #[must_use]
    pub fn for_sender(mut self, scheme: Scheme) -> Self {
        self.reader = Reader::new(scheme);
        self.ours.keys().for_each(|pointer| self.reader.add(pointer));
        self
    }

    /// Whether every flow has a value of its own, so that a webhook says whose it is.
    #[must_use]
    pub fn tells_flows(&self) -> bool {
        let mut alone: Vec<u32> = self.ours.values().flat_map(HashMap::values).filter_map(|f| *f).collect();
        alone.sort_unstable();
        alone.dedup();
        alone.len() == self.flows
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
        let found = |(pointer, flows): (&String, &HashMap<String, Option<u32>>)| {
            flows.get(&canonical(webhook?.pointer(pointer)?)).copied()
        };
        let found: Vec<Option<u32>> = self.ours.iter().filter_map(found).collect();
        match found.iter().flatten().next() {
            Some(flow) => Whose::Flow(*flow),
            None if found.is_empty() => Whose::Others,
            None => Whose::Some,
        }
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
