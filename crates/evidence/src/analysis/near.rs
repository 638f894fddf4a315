//! Near misses: a webhook that nothing asked for, and the one that is missing, when they differ in little. They judge
//! nothing; they say what to look at.

use correlate::{NotJson, mended, read_json};
use pii::{Engine, shown};
use record::matcher::Matcher;
use record::{Expect, Tick};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// So many of the latest webhooks that steps asked for are compared with what nothing asked for.
const RECENT: usize = 1024;
/// Near misses that are kept; of a kind that goes wrong always the first ones say it.
const KEPT: usize = 200;
/// Webhooks that are looked at: at a receiver that others use as well there may be very many.
const LOOKED_AT: usize = 10_000;
/// Longest value that is shown, in characters.
const LONGEST: usize = 64;

/// How far a webhook is from the one that was asked for; the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    /// Its body is no JSON, and would be the one if it were.
    Unreadable,
    /// Every value is there, in another type or spelling.
    Spelling,
    /// All but the event.
    OtherEvent,
    /// The event, and some of the values.
    SomeValues,
    /// The event alone.
    EventOnly,
}

/// A webhook that a step asked for.
#[derive(Debug)]
struct Asked {
    index: u32,
    event: String,
    at: Tick,
    until: Tick,
    matchers: BTreeMap<String, Matcher>,
}

/// The latest webhooks that were asked for.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<Asked>);

impl Recent {
    pub(super) fn add(&mut self, index: u32, expect: &Expect) {
        if expect.count == 0 {
            return;
        }
        if self.0.len() >= RECENT {
            self.0.pop_front();
        }
        let (event, at, matchers) = (expect.event.clone(), expect.at, expect.matchers.clone());
        let until = at.plus(std::time::Duration::from_millis(expect.within_ms));
        self.0.push_back(Asked { index, event, at, until, matchers });
    }
}

/// A webhook that nothing asked for, as it came.
pub(super) struct Came<'a> {
    /// Index of its delivery.
    pub delivery: usize,
    pub event: &'a str,
    pub at: Tick,
    pub body: &'a [u8],
}

/// What a webhook nearly fits.
#[derive(Debug)]
struct Near {
    expectation: usize,
    distance: Distance,
    /// How it differs, as a phrase.
    how: String,
}

/// The near misses of a run.
#[derive(Debug, Default)]
pub(super) struct NearMisses {
    looked_at: usize,
    /// By the index of the delivery.
    by_delivery: HashMap<usize, Near>,
    by_expectation: HashMap<usize, usize>,
}

impl NearMisses {
    /// How the delivery with this index differs from what was asked for; with it the expectation.
    pub(super) fn of_delivery(&self, delivery: usize) -> Option<(usize, &str)> {
        self.by_delivery.get(&delivery).map(|near| (near.expectation, near.how.as_str()))
    }

    /// The delivery that nearly fits the expectation with this index, and how it differs.
    pub(super) fn of_expectation(&self, expectation: usize) -> Option<(usize, &str)> {
        let delivery = *self.by_expectation.get(&expectation)?;
        Some((delivery, self.by_delivery.get(&delivery)?.how.as_str()))
    }

    /// It was asked for after all.
    pub(super) fn forget(&mut self, delivery: usize) {
        if let Some(near) = self.by_delivery.remove(&delivery) {
            self.by_expectation.retain(|expectation, of| *expectation != near.expectation || *of != delivery);
        }
    }

    /// Whether what came in place of the expectation with this index is rather the sender's webhook than somebody else's.
    pub(super) fn explains(&self, expectation: usize) -> bool {
        let near = self.by_expectation.get(&expectation).and_then(|delivery| self.by_delivery.get(delivery));
        near.is_some_and(|near| near.distance < Distance::EventOnly)
    }

    /// Looks for what a webhook that nothing asked for nearly fits; `open` says which expectations wait.
    pub(super) fn look(
        &mut self,
        came: &Came<'_>,
        recent: &Recent,
        open: impl Fn(u32) -> bool,
        engine: &Engine,
    ) {
        if recent.0.is_empty() || self.looked_at >= LOOKED_AT || self.by_delivery.len() >= KEPT {
            return;
        }
        self.looked_at += 1;
        let body = Body::read(came.body);
        let event =
            body.value.as_ref().and_then(|v| v.pointer(correlate::EVENT)?.as_str()).unwrap_or(came.event);
        let candidates = recent.0.iter().filter(|asked| asked.at <= came.at && open(asked.index));
        let near = candidates.filter_map(|asked| {
            let (distance, how) = body.compare(event, asked, came.at, engine)?;
            let taken = self.by_expectation.contains_key(&(asked.index as usize));
            Some((taken, distance, asked.index, how))
        });
        let Some((_, distance, index, how)) =
            near.min_by_key(|(taken, distance, index, _)| (*distance, *taken, *index))
        else {
            return;
        };
        let expectation = index as usize;
        self.by_delivery.insert(came.delivery, Near { expectation, distance, how });
        self.by_expectation.entry(expectation).or_insert(came.delivery);
    }
}

/// A body, read as far as it can be.
struct Body {
    /// `None` when it stays no JSON.
    value: Option<Value>,
    wrong: Option<NotJson>,
}

impl Body {
    fn read(bytes: &[u8]) -> Self {
        match read_json(bytes) {
            Ok(value) => Self { value: Some(value), wrong: None },
            Err(why) => match mended(bytes) {
                Some((bytes, why)) => Self { value: read_json(&bytes).ok(), wrong: Some(why) },
                None => Self { value: None, wrong: Some(why) },
            },
        }
    }

    fn compare(&self, event: &str, asked: &Asked, at: Tick, engine: &Engine) -> Option<(Distance, String)> {
        let unreadable = self.wrong.as_ref().map(|why| format!("its body is not JSON: {why}"));
        let same_event = event == asked.event;
        let Some(value) = &self.value else {
            // Its event stands in a header then.
            return unreadable.filter(|_| same_event).map(|how| (Distance::SomeValues, shown(&how)));
        };
        let differ: Vec<Difference<'_>> =
            asked.matchers.iter().filter_map(|m| Difference::of(m, value)).collect();
        let spelling = differ.iter().all(Difference::is_spelling);
        let distance = match (same_event, differ.len()) {
            (true, 0) if unreadable.is_some() => Distance::Unreadable,
            (true, 0) => return None,
            (true, 1..) if spelling => Distance::Spelling,
            (false, 0) if !asked.matchers.is_empty() => Distance::OtherEvent,
            (true, n) if n < asked.matchers.len() || differ.iter().any(|d| d.came.is_none()) => {
                Distance::SomeValues
            }
            // Of somebody else's as likely as not, unless it came when this one was due.
            (true, 1..) if at <= asked.until => Distance::EventOnly,
            _ => return None,
        };
        let other_event =
            (!same_event).then(|| format!("its event is {}, expected {}", named(event), named(&asked.event)));
        let values = differ.iter().map(|difference| difference.told(engine));
        let parts: Vec<String> = unreadable.into_iter().chain(other_event).chain(values).collect();
        Some((distance, shown(&parts.join(", "))))
    }
}

fn named(event: &str) -> String {
    super::sample::event_name(event)
}

/// A value that is not the expected one.
struct Difference<'a> {
    pointer: &'a str,
    matcher: &'a Matcher,
    came: Option<&'a Value>,
}

impl<'a> Difference<'a> {
    fn of((pointer, matcher): (&'a String, &'a Matcher), body: &'a Value) -> Option<Self> {
        let came = body.pointer(pointer);
        matcher.check(came).is_err().then_some(Self { pointer, matcher, came })
    }

    /// Whether it is the expected value in another type, case or with blanks around it.
    fn is_spelling(&self) -> bool {
        let plain = |value: &Value| match value {
            Value::String(text) => Some(text.trim().to_ascii_lowercase()),
            Value::Number(_) | Value::Bool(_) => Some(record::number::canonical(value)),
            _ => None,
        };
        let expected = self.matcher.plain_value().and_then(plain);
        expected.is_some() && self.came.and_then(plain) == expected
    }

    fn told(&self, engine: &Engine) -> String {
        let pointer = self.pointer;
        let value = |value: &Value| {
            let text = engine.masked(&value.to_string());
            let text: String = text.chars().take(LONGEST).collect();
            format!("{text} ({})", kind(value))
        };
        match (self.came, self.matcher.plain_value()) {
            (None, Some(expected)) => format!("it has no {pointer}, expected {}", value(expected)),
            (Some(came), Some(expected)) => {
                format!("its {pointer} is {}, expected {}", value(came), value(expected))
            }
            (came, None) => {
                let why = self.matcher.check(came).err().unwrap_or_default();
                format!("its {pointer} {}", engine.masked(&why))
            }
        }
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pii::Policy;
    use serde_json::json;

    fn told(event: &str, body: &[u8], matchers: &Value) -> Option<String> {
        let mut recent = Recent::default();
        let expect = Expect {
            flow: 0,
            step: "verify".to_owned(),
            at: Tick(10),
            event: "paid".to_owned(),
            matchers: serde_json::from_value(matchers.clone()).unwrap(),
            count: 1,
            within_ms: 1000,
        };
        recent.add(0, &expect);
        let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
        let mut near = NearMisses::default();
        near.look(&Came { delivery: 3, event, at: Tick(20), body }, &recent, |_| true, &engine);
        let how = near.of_delivery(3).map(|(_, how)| how.to_owned());
        assert_eq!(
            near.of_expectation(0).map(|(delivery, how)| (delivery, how.to_owned())),
            how.clone().map(|how| (3, how))
        );
        how
    }

    #[test]
    fn a_webhook_that_differs_in_little_is_told_with_what_differs() {
        let id = json!({"/data/id": 42});
        for (body, says) in [
            (
                r#"{"event":"paid","data":{"id":"42"}}"#,
                r#"its /data/id is "42" (text), expected 42 (number)"#,
            ),
            (r#"{"event":"paid","data":{}}"#, "it has no /data/id, expected 42 (number)"),
            (r#"{"event":"paid","data":{"id":43}}"#, "its /data/id is 43 (number), expected 42 (number)"),
            (r#"{"event":"payed","data":{"id":42}}"#, "its event is payed, expected paid"),
            (
                "\u{feff}{\"event\":\"paid\",\"data\":{\"id\":42}}",
                "its body is not JSON: a byte order mark stands before it",
            ),
            (
                "{\"event\":\"paid\",\"data\":{\"id\":42,\"n\":NaN}}",
                "its body is not JSON: NaN (byte 36) is no number of JSON",
            ),
            ("{\"event\":", "its body is not JSON: EOF while parsing a value at line 1 column 9"),
        ] {
            assert_eq!(told("paid", body.as_bytes(), &id).as_deref(), Some(says), "{body}");
        }
    }

    #[test]
    fn what_has_nothing_in_common_is_no_near_miss() {
        let id = json!({"/data/id": 42});
        assert_eq!(told("other", br#"{"event":"other","data":{"id":7}}"#, &id), None);
        assert_eq!(told("other", br#"{"event":"other"}"#, &json!({})), None);
        assert_eq!(told("other", b"no json", &id), None);
    }

    #[test]
    fn a_value_is_shown_without_anybodys_data() {
        let how = told(
            "paid",
            br#"{"event":"paid","data":{"id":"john.doe@example.com"}}"#,
            &json!({"/data/id": 42}),
        )
        .unwrap();
        assert!(!how.contains("john.doe@example.com"), "{how}");
    }
}
