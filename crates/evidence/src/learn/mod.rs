//! What recorded traffic says about its sender: a profile, each line with what it rests on and how certain it is.

mod body;
mod drift;
mod kept;
mod log;
mod log_ids;
mod outcomes;
mod places;
mod retries;
mod signing;

pub use drift::drift;
pub use kept::{Kept, KeptRetries};
pub use log::LogLearner;

use crate::figure::counted;
use crate::usual::{EVENTS, names_event};
use record::faults::Fault;
use record::{Attempt, Ending, Record, Tick, Watch, sha256_hex};
use serde_json::Value;
use signature::{Scheme, Secret};
use std::collections::{BTreeMap, BTreeSet};

/// So many attempts are looked at; more do not make a profile better.
const MAX_ATTEMPTS: usize = 5000;

/// Where bodies usually have an id.
const IDS: [&str; 6] = ["/id", "/event_id", "/eventId", "/uuid", "/webhook_id", "/delivery_id"];
/// Where the id of what it is about stands, which may tell deliveries apart where nothing else does.
const SUBJECT: &str = "/data/id";

/// How certain a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Nothing that was seen says otherwise, and enough was seen.
    Certain,
    /// Seen too seldom, or only nearly always.
    Likely,
    /// Not seen.
    Unseen,
}

impl Certainty {
    /// The word on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Unseen => "not seen",
        }
    }

    /// From `good` of `n` cases.
    const fn of(good: usize, n: usize) -> Self {
        match (good, n) {
            (0, _) | (_, 0) => Self::Unseen,
            (good, n) if good == n && n >= 3 => Self::Certain,
            _ => Self::Likely,
        }
    }
}

/// One thing that was learnt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learnt {
    /// The key of a profile, such as `retry.schedule`.
    pub key: &'static str,
    /// Its value, as YAML; of what no profile says ([`Learnt::is_remark`]) for comparing alone.
    pub value: String,
    /// What was seen.
    pub evidence: String,
    /// How certain it is.
    pub certainty: Certainty,
}

impl Learnt {
    /// Whether it is only said, since no profile has it.
    #[must_use]
    pub fn is_remark(&self) -> bool {
        self.key == outcomes::AGAIN
    }
}

/// An attempt, as far as it is kept.
struct Seen {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    method: String,
    target: String,
    digest: String,
    at: Tick,
    end: Option<Tick>,
    status: Option<u16>,
    /// What was injected into it.
    fault: Option<Fault>,
    /// The number of the redirect that it was answered with.
    redirect: Option<u64>,
    /// The body as far as it can be looked into; of a batch the first webhook.
    json: Option<Value>,
}

#[cfg(test)]
impl Seen {
    /// A POST that was answered with 200, and nothing else about it.
    fn plain(headers: Vec<(String, String)>, body: Vec<u8>, at: Tick) -> Self {
        Self {
            headers,
            digest: sha256_hex(&body),
            body,
            method: "POST".to_owned(),
            target: "/".to_owned(),
            at,
            end: None,
            status: Some(200),
            fault: None,
            redirect: None,
            json: None,
        }
    }
}

/// Takes in a journal, record by record.
#[derive(Default)]
pub struct Learner {
    attempts: Vec<Seen>,
    numbers: BTreeMap<u64, usize>,
    /// The redirects that were followed.
    followed: BTreeSet<u64>,
    last: Tick,
    started_ms: i64,
}

impl Learner {
    pub fn take(&mut self, record: &Record) {
        match record {
            Record::Header(header) => self.started_ms = header.started.timestamp_millis(),
            Record::Attempt(attempt) => self.attempt(attempt),
            Record::Answered(answered) => {
                self.last = self.last.max(answered.end);
                if let Some(seen) =
                    self.numbers.get(&answered.attempt).and_then(|at| self.attempts.get_mut(*at))
                {
                    seen.end = Some(answered.end);
                    // A sender that has left was answered nothing, whatever the real receiver says.
                    if answered.how == Ending::SenderClosed {
                        seen.status = None;
                    }
                }
            }
            // Behind a tap the answer is the real receiver's.
            Record::Watch(Watch::Forwarded(forwarded)) => {
                let seen = self.numbers.get(&forwarded.attempt).and_then(|at| self.attempts.get_mut(*at));
                if let Some(seen) = seen.filter(|seen| seen.end.is_none()) {
                    seen.status = Some(forwarded.status);
                }
            }
            Record::End(end) => self.last = self.last.max(end.at),
            _ => {}
        }
    }

    fn attempt(&mut self, attempt: &Attempt) {
        self.last = self.last.max(attempt.received);
        if attempt.elsewhere {
            self.followed(&attempt.target);
            return;
        }
        if self.attempts.len() >= MAX_ATTEMPTS {
            return;
        }
        let body = attempt.body.bytes().to_vec();
        self.numbers.insert(attempt.attempt, self.attempts.len());
        self.attempts.push(Seen {
            headers: attempt.headers.clone(),
            digest: sha256_hex(&body),
            json: None,
            body,
            method: attempt.method.clone(),
            target: attempt.target.clone(),
            at: attempt.received,
            end: None,
            status: attempt.answer,
            fault: attempt.fault,
            redirect: attempt.redirect,
        });
    }

    /// How many attempts there were.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.attempts.len()
    }

    /// What can be said of the sender. `secret`: to tell by which of the built-in senders' signatures it signs; `endpoint`: the
    /// URL that it posts to; `declared`: how it says that its requests look, which is right where it fits as well as anything.
    #[must_use]
    pub fn learn(
        &mut self,
        secret: Option<&Secret>,
        endpoint: &str,
        declared: Option<Scheme>,
    ) -> Vec<Learnt> {
        let mut found = Vec::new();
        let scheme = self.scheme(secret, endpoint, declared, &mut found);
        // One that was found by its signature says nothing of where the rest stands.
        let declared = declared.or(scheme.filter(|scheme| scheme.is_built_in()));
        self.body(declared, &mut found);
        self.event(declared, &mut found);
        let id = self.id(declared, &mut found);
        let deliveries = self.deliveries(id.as_ref());
        let rounds = outcomes::rounds(&deliveries);
        let pauses = self.schedule(&rounds, &mut found);
        outcomes::retry_after(&pauses, &mut found);
        self.statuses(&rounds, &mut found);
        outcomes::again(&deliveries, id.is_some(), &mut found);
        self.identity(&rounds, scheme, &mut found);
        found
    }

    fn event(&self, scheme: Option<Scheme>, found: &mut Vec<Learnt>) {
        // What stands in both counts in the body, which is signed.
        let declared = scheme.map(|s| place_names(&s.spec().event)).unwrap_or_default().into_iter().rev();
        let usual = EVENTS.map(str::to_owned).into_iter().chain(self.headers_like(names_event));
        let places = declared.chain(usual).chain(self.event_places());
        let best = places.map(|place| (self.values(&place), place)).filter(|(values, _)| !values.is_empty());
        // Names repeat: what differs in each webhook is no name.
        let best =
            best.filter(|(values, _)| values.len() < 3 || distinct(values) <= values.len().div_ceil(2));
        // Of places that say as much the first one counts.
        let first_of_most = |one: (Vec<String>, String), other: (Vec<String>, String)| {
            if other.0.len() > one.0.len() { other } else { one }
        };
        let Some((values, place)) = best.reduce(first_of_most) else {
            let evidence = self.top_keys();
            found.push(Learnt {
                key: "event",
                value: "{}".to_owned(),
                evidence,
                certainty: Certainty::Unseen,
            });
            return;
        };
        let names: BTreeSet<&str> = values.iter().map(String::as_str).take(200).collect();
        let shown: Vec<&str> = names.into_iter().take(5).collect();
        let evidence = format!("{} of {} attempts: {}", values.len(), self.attempts.len(), shown.join(", "));
        let certainty = Certainty::of(values.len(), self.attempts.len());
        found.push(Learnt { key: "event", value: written(&place), evidence, certainty });
    }

    fn top_keys(&self) -> String {
        let keys =
            self.attempts.iter().filter_map(|s| s.json.as_ref()?.as_object()).flat_map(|map| map.keys());
        let keys: BTreeSet<&str> = keys.map(String::as_str).take(100).collect();
        let shown: Vec<&str> = keys.into_iter().take(8).collect();
        let n = self.attempts.len();
        match shown.as_slice() {
            [] => format!("{} arrived without an event name", counted(n as u64, "webhooks")),
            keys => {
                let came = counted(n as u64, "webhooks");
                format!("{came} arrived without an event name; their bodies have {}", keys.join(", "))
            }
        }
    }

    /// The place of the id, when one tells deliveries apart.
    fn id(&self, scheme: Option<Scheme>, found: &mut Vec<Learnt>) -> Option<String> {
        let named = |name: &str| {
            let name = name.to_lowercase();
            name.ends_with("-id") || name.contains("uuid") || name.ends_with("-delivery")
        };
        let declared = scheme.map(|s| place_names(&s.spec().id)).unwrap_or_default();
        let usual = self.headers_like(named).into_iter().chain(IDS.map(str::to_owned));
        let places = declared.into_iter().chain(usual).chain(self.id_places()).chain([SUBJECT.to_owned()]);
        let n = self.attempts.len();
        let bodies = distinct(&self.attempts.iter().map(|s| s.digest.clone()).collect::<Vec<_>>());
        // Every attempt has it, and there are at least as many of it as different bodies.
        let tells = |place: &String| {
            let values = self.values(place);
            values.len() == n && n > 0 && distinct(&values) >= bodies
        };
        let mut anew = String::new();
        let mut again = 0;
        let fits = |place: &String| {
            let retries = self.anew(place);
            if retries > 0 && anew.is_empty() {
                again = retries;
                anew = format!(
                    "{place} is new in each attempt, so it does not identify a delivery: {} followed a failed attempt with the same body and another {place}",
                    counted(retries as u64, "attempts")
                );
            }
            retries == 0
        };
        let place = places.into_iter().filter(tells).find(fits);
        let (value, evidence, certainty) = match &place {
            Some(place) => {
                let ids = distinct(&self.values(place));
                (
                    written(place),
                    format!("{ids} different ones in {n} attempts of {bodies} bodies"),
                    Certainty::of(n, n),
                )
            }
            None => (
                "{}".to_owned(),
                "nothing that every attempt has tells deliveries apart".to_owned(),
                if again > 0 { Certainty::Likely } else { Certainty::Unseen },
            ),
        };
        let (evidence, certainty) = if again > 0 {
            (format!("{anew}; {evidence}"), certainty.max(Certainty::Likely))
        } else {
            (evidence, certainty)
        };
        found.push(Learnt { key: "id", value, evidence, certainty });
        place
    }

    /// How many attempts followed a failed one with the same body and another value at a place; none where such bodies also come
    /// again after a success, which retries do not.
    fn anew(&self, place: &str) -> usize {
        let mut before: BTreeMap<&str, (&Seen, String)> = BTreeMap::new();
        let (mut failed, mut taken) = (0, 0);
        for seen in &self.attempts {
            let Some(id) = value(seen, place) else { continue };
            if let Some((other, _)) = before.get(seen.digest.as_str()).filter(|(_, other)| *other != id) {
                let is_taken = other.status.is_some_and(|status| (200..300).contains(&status));
                *(if is_taken { &mut taken } else { &mut failed }) += 1;
            }
            before.insert(&seen.digest, (seen, id));
        }
        if taken == 0 { failed } else { 0 }
    }

    /// Attempts by delivery: by their id, else by their bytes.
    fn deliveries(&self, id: Option<&String>) -> Vec<Vec<&Seen>> {
        let mut by_key: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
        for seen in &self.attempts {
            let key = id.and_then(|place| value(seen, place)).unwrap_or_else(|| seen.digest.clone());
            by_key.entry(key).or_default().push(seen);
        }
        by_key.into_values().collect()
    }

    fn headers_like(&self, named: impl Fn(&str) -> bool) -> Vec<String> {
        let names =
            self.attempts.iter().take(50).flat_map(|seen| &seen.headers).map(|(name, _)| name.as_str());
        let names: BTreeSet<&str> = names.filter(|name| named(name)).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// What stands at a place, for each attempt that has it.
    fn values(&self, place: &str) -> Vec<String> {
        self.attempts.iter().filter_map(|seen| value(seen, place)).collect()
    }
}

fn distinct(values: &[String]) -> usize {
    values.iter().collect::<BTreeSet<_>>().len()
}

fn header<'s>(seen: &'s Seen, name: &str) -> Option<&'s str> {
    seen.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// What an attempt has at a place: a JSON pointer, else the name of a header.
fn value(seen: &Seen, place: &str) -> Option<String> {
    if !place.starts_with('/') {
        return header(seen, place).map(str::to_owned).filter(|text| !text.is_empty() && text.len() <= 256);
    }
    match seen.json.as_ref()?.pointer(place)? {
        Value::String(text) if (1..=256).contains(&text.len()) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn place_names(place: &signature::Place) -> Vec<String> {
    [&place.header, &place.json].into_iter().flatten().cloned().collect()
}

fn written(place: &str) -> String {
    if place.starts_with('/') { format!("{{ json: {place} }}") } else { format!("{{ header: {place} }}") }
}
