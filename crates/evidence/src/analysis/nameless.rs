//! Webhooks without an event name where the sender's profile looks for it, and where it may stand in place of that.

use crate::usual::{EVENTS, names_event};
use correlate::{Arrived, Reader};
use record::Attempt;
use signature::Scheme;
use std::collections::BTreeSet;

/// So many are looked into; all are counted.
const LOOKED_INTO: u64 = 64;
/// So many places are told.
const PLACES: usize = 4;

/// The webhooks without a name.
#[derive(Debug, Default)]
pub(super) struct Nameless {
    count: u64,
    /// Places of bodies that could be the names', as they are told.
    in_bodies: BTreeSet<&'static str>,
    in_headers: BTreeSet<String>,
}

impl Nameless {
    /// Takes a request of the sender's.
    pub(super) fn look(&mut self, scheme: Scheme, attempt: &Attempt, came: &[Arrived<'_>]) {
        let without = came.iter().filter(|one| one.event.is_empty()).count() as u64;
        if without == 0 {
            return;
        }
        if self.count < LOOKED_INTO {
            let mut reader = Reader::new(scheme);
            EVENTS.iter().for_each(|place| reader.add(place));
            let read = reader.read(&attempt.headers, &attempt.body.bytes());
            let bodies = read.iter().flat_map(correlate::Webhooks::iter);
            let named = bodies.flat_map(|body| {
                EVENTS
                    .iter()
                    .filter(move |place| body.pointer(place).is_some_and(serde_json::Value::is_string))
            });
            self.in_bodies.extend(named);
            let headers = attempt.headers.iter().map(|(name, _)| name).filter(|name| names_event(name));
            self.in_headers.extend(headers.take(PLACES).cloned());
        }
        self.count += without;
    }

    /// How many there are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// `10 webhooks came without an event name; their bodies have `type``: none when there are none.
    pub(super) fn told(&self) -> Option<String> {
        let (n, its) = match self.count {
            0 => return None,
            1 => ("1 webhook".to_owned(), ("its body has", "its headers")),
            n => (format!("{n} webhooks"), ("their bodies have", "their headers")),
        };
        let listed = |all: Vec<String>| -> String {
            all.iter()
                .take(PLACES)
                .map(|place| format!("`{}`", pii::shown(place)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        // A key at the top is told by its name.
        let place = |pointer: &&'static str| {
            let key = pointer.trim_start_matches('/');
            if key.contains('/') { (*pointer).to_owned() } else { key.to_owned() }
        };
        // The most usual place first.
        let bodies: Vec<&'static str> =
            EVENTS.iter().copied().filter(|place| self.in_bodies.contains(place)).collect();
        let in_bodies =
            (!bodies.is_empty()).then(|| format!("{} {}", its.0, listed(bodies.iter().map(place).collect())));
        let headers: Vec<String> = self.in_headers.iter().cloned().collect();
        let in_headers = (!headers.is_empty()).then(|| format!("{} {}", its.1, listed(headers.clone())));
        let both: Vec<String> = in_bodies.into_iter().chain(in_headers).collect();
        let write = match (bodies.first(), headers.first()) {
            (Some(pointer), _) => format!("`event: {{ json: {pointer} }}`"),
            (None, Some(name)) => format!("`event: {{ header: {} }}`", pii::shown(name)),
            (None, None) => return Some(format!("{n} arrived without an event name")),
        };
        Some(format!(
            "{n} arrived without an event name; {}: if that is the event, write {write} in the sender's profile",
            both.join(", ")
        ))
    }
}
