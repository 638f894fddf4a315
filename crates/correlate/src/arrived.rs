//! A webhook that has come, and whether it is what somebody asks for.

use super::event::event;
use super::reader::{Webhook, Webhooks};
use record::matcher::Matcher;
use serde_json::Value;
use signature::Scheme;

/// One webhook of a request.
#[derive(Debug, Clone, Copy)]
pub struct Arrived<'a> {
    /// Its event; empty when it names none.
    pub event: &'a str,
    /// `None` when its body could not be read.
    pub webhook: Option<Webhook<'a>>,
    /// The headers of its request.
    pub headers: &'a [(String, String)],
    /// The flow that it is about, by a value which no other flow has; `None` where nothing says that, or nobody looked.
    pub flow: Option<u32>,
}

impl<'a> Arrived<'a> {
    /// The webhooks of a request of this sender; one without a body when it could not be read.
    #[must_use]
    pub fn all(scheme: Scheme, headers: &'a [(String, String)], read: Option<&'a Webhooks>) -> Vec<Self> {
        let of = |webhook| Self { event: event(scheme, headers, webhook), webhook, headers, flow: None };
        read.map_or_else(|| vec![of(None)], |read| read.iter().map(|one| of(Some(one))).collect())
    }

    /// What is at a JSON pointer.
    #[must_use]
    pub fn value(&self, pointer: &str) -> Option<&'a Value> {
        self.webhook?.pointer(pointer)
    }

    /// The value of a header, as matchers take it.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Value> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| Value::String(value.clone()))
    }

    /// Whether it has what is asked for at JSON pointers, and in headers.
    pub fn fits<'m>(
        &self,
        values: impl IntoIterator<Item = (&'m String, &'m Matcher)>,
        headers: impl IntoIterator<Item = (&'m String, &'m Matcher)>,
    ) -> bool {
        values.into_iter().all(|(pointer, matcher)| matcher.check(self.value(pointer)).is_ok())
            && headers.into_iter().all(|(name, matcher)| matcher.check(self.header(name).as_ref()).is_ok())
    }
}
