//! Where in bodies an event or an id may stand that stands at none of the usual places.

use super::Learner;
use serde_json::Value;
use std::collections::BTreeSet;

/// What the member is called that names the event.
const EVENT: [&str; 9] =
    ["event", "event_type", "eventType", "event_name", "eventName", "type", "topic", "kind", "action"];
/// What the member is called that is the id.
const ID: [&str; 9] =
    ["id", "uuid", "uid", "guid", "event_id", "eventId", "webhook_id", "delivery_id", "message_id"];
/// In what an id stands that is the delivery's, and not that of what it is about.
const AROUND: [&str; 12] = [
    "context",
    "delivery",
    "envelope",
    "event",
    "header",
    "headers",
    "info",
    "message",
    "meta",
    "metadata",
    "notification",
    "webhook",
];
/// So many bodies are looked into, so deep, and for so many places.
const BODIES: usize = 50;
const DEPTH: usize = 3;
const PLACES: usize = 40;

impl Learner {
    /// Where bodies have a member that is called as one that names the event.
    pub(super) fn event_places(&self) -> Vec<String> {
        self.places(&|steps| steps.last().is_some_and(|last| EVENT.contains(last)))
    }

    /// Where bodies have an id at the top or in what tells of the delivery.
    pub(super) fn id_places(&self) -> Vec<String> {
        self.places(&|steps| match steps {
            [.., around, last] => AROUND.contains(around) && ID.contains(last),
            [last] => ID.contains(last),
            [] => false,
        })
    }

    fn places(&self, is_one: &dyn Fn(&[&str]) -> bool) -> Vec<String> {
        let mut found = BTreeSet::new();
        for body in self.attempts.iter().take(BODIES).filter_map(|seen| seen.json.as_ref()) {
            look(body, &mut Vec::new(), is_one, &mut found);
        }
        // The outer ones first.
        let mut found: Vec<String> = found.into_iter().collect();
        found.sort_by_key(|pointer| pointer.matches('/').count());
        found
    }
}

fn look<'v>(
    value: &'v Value,
    steps: &mut Vec<&'v str>,
    is_one: &dyn Fn(&[&str]) -> bool,
    found: &mut BTreeSet<String>,
) {
    match value {
        Value::Object(members) if steps.len() < DEPTH => {
            for (name, value) in members {
                steps.push(name);
                look(value, steps, is_one, found);
                steps.pop();
            }
        }
        Value::String(_) | Value::Number(_) if found.len() < PLACES && is_one(steps) => {
            let step = |name: &&str| format!("/{}", pii::pointer_step(name));
            found.insert(steps.iter().map(step).collect());
        }
        _ => {}
    }
}
