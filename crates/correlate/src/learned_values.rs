//! Which flow a webhook is about, by values that flows learn from answers: often after the webhook has come.

use super::fingerprint::{Short, canonical, print_of, short};
use super::flow_matcher::{SHARED, Whose};
use super::reader::Webhook;
use foldhash::HashMap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// JSON pointers into a webhook's body to values that flows learn, and whose the values are that were learned so far.
#[derive(Debug, Default)]
pub(crate) struct LearnedValues {
    pointers: Vec<String>,
    flows: Mutex<HashMap<Short, u32>>,
}

impl LearnedValues {
    pub(crate) fn at(pointers: Vec<String>) -> Self {
        Self { pointers, flows: Mutex::default() }
    }

    pub(crate) fn pointers(&self) -> &[String] {
        &self.pointers
    }

    /// From now on these values, by their JSON pointers, are a flow's.
    pub(crate) fn learn(&self, flow: u32, values: &BTreeMap<String, Value>) {
        let mut flows = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        for (pointer, value) in values.iter().filter(|(pointer, _)| self.pointers.contains(pointer)) {
            let whose = flows.entry(fingerprint(pointer, value)).or_insert(flow);
            *whose = if *whose == flow { flow } else { SHARED };
        }
    }

    /// What of a webhook tells whose it is, once a flow has learned it; `None` where nothing does.
    pub(crate) fn said_in(&self, webhook: Webhook<'_>) -> Option<Short> {
        self.pointers.iter().find_map(|pointer| Some(fingerprint(pointer, webhook.pointer(pointer)?)))
    }

    /// Whose this is by now; nobody's that is known is others'.
    pub(crate) fn whose(&self, said: Short) -> Whose {
        match self.flows.lock().unwrap_or_else(PoisonError::into_inner).get(&said) {
            Some(&SHARED) => Whose::Some,
            Some(flow) => Whose::Flow(*flow),
            None => Whose::Others,
        }
    }
}

fn fingerprint(pointer: &str, value: &Value) -> Short {
    short(print_of([pointer.as_bytes(), canonical(value).as_bytes()]))
}
