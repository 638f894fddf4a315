//! Which flow a webhook is about, by values that flows learn from answers: often after the webhook has come.

use super::fingerprint::Short;
use super::flow_matcher::{FlowValues, Whose, fingerprint};
use super::reader::Webhook;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// JSON pointers into a webhook's body to values that flows learn, and whose the values are that were learned so far.
#[derive(Debug, Default)]
pub(crate) struct LearnedValues {
    pointers: Vec<String>,
    flows: Mutex<FlowValues>,
}

/// What a webhook says at those pointers: the index of each that is there, and the value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Said(Box<[(usize, Short)]>);

impl LearnedValues {
    pub(crate) fn at(pointers: Vec<String>) -> Self {
        Self { pointers, flows: Mutex::default() }
    }

    pub(crate) fn pointers(&self) -> &[String] {
        &self.pointers
    }

    /// From now on these values, by their JSON pointers, are a flow's.
    pub(crate) fn learn(&self, flow: u32, values: &BTreeMap<String, Value>) {
        self.flows().add(flow, values);
    }

    /// What of a webhook tells whose it is, once a flow has learned it; `None` where nothing does.
    pub(crate) fn said_in(&self, webhook: Webhook<'_>) -> Option<Said> {
        let values = self.pointers.iter().enumerate();
        let said = values.filter_map(|(at, pointer)| Some((at, fingerprint(webhook.pointer(pointer)?))));
        Some(Said(said.collect())).filter(|said| !said.0.is_empty())
    }

    /// Whose this is by now; nobody's that is known is others'.
    pub(crate) fn whose(&self, said: &Said) -> Whose {
        let at = |(at, value): &(usize, Short)| Some((self.pointers.get(*at)?.as_str(), *value));
        self.flows().whose_is(said.0.iter().filter_map(at))
    }

    fn flows(&self) -> MutexGuard<'_, FlowValues> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
