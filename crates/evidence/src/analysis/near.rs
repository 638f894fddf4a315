//! Near misses: a webhook that nothing asked for, and the one that is missing, when they differ in little. They judge
//! nothing; they say what to look at.

use correlate::{Arrived, Reader, Unreadable};
use pii::{Engine, shown};
use record::matcher::Matcher;
use record::{Expect, Tick};
use serde_json::Value;
use signature::Scheme;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// So many of the latest webhooks that steps asked for are compared with what nothing asked for.
const RECENT: usize = 1024;
/// Near misses that are kept; of a kind that goes wrong always the first ones say it.
const KEPT: usize = 200;
/// Webhooks that are looked at: at a receiver that others use as well there may be very many.
const LOOKED_AT: usize = 10_000;
/// Webhooks of one batch that are looked at.
const MOST_OF_A_BATCH: usize = 64;
/// Longest value that is shown, in characters.
const LONGEST: usize = 64;

/// How far a webhook is from the one that was asked for; the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    /// Its body is no JSON, and would be the one if it were.
    Unreadable,
    /// Every value is there, in another type or spelling.
    Spelling,
    /// The event, and some of the values.
    SomeValues,
    /// All but the event.
    OtherEvent,
    /// The event; values are not there, or cannot be read.
    NoValues,
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
    headers: BTreeMap<String, Matcher>,
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
        let (event, at) = (expect.event.clone(), expect.at);
        let (matchers, headers) = (expect.matchers.clone(), expect.headers.clone());
        let until = at.plus(std::time::Duration::from_millis(expect.within_ms));
        self.0.push_back(Asked { index, event, at, until, matchers, headers });
    }
}

/// A request with a webhook that nothing asked for, as it came.
pub(super) struct Came<'a> {
    /// Index of its delivery.
    pub delivery: usize,
    pub at: Tick,
    pub scheme: Scheme,
    pub headers: &'a [(String, String)],
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
        (reader, engine): (&Reader, &Engine),
    ) {
        if recent.0.is_empty() || self.looked_at >= LOOKED_AT || self.by_delivery.len() >= KEPT {
            return;
        }
        self.looked_at += 1;
        let (read, wrong) = match reader.explain(came.headers, came.body) {
            Ok(read) => (Some(read), None),
            Err(Unreadable { why, mended }) => (mended, Some(why)),
        };
        let all = Arrived::all(came.scheme, came.headers, read.as_ref()).into_iter().take(MOST_OF_A_BATCH);
        let bodies = all.map(|one| Body { came: one, wrong: wrong.as_deref() });
        let candidates = || recent.0.iter().filter(|asked| asked.at <= came.at && open(asked.index));
        let near = bodies.flat_map(|body| {
            candidates().filter_map(move |asked| {
                let (distance, how) = body.compare(asked, came.at, engine)?;
                Some((distance, asked.index, how))
            })
        });
        let near = near.map(|(distance, index, how)| {
            (self.by_expectation.contains_key(&(index as usize)), distance, index, how)
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

/// A webhook, read as far as it can be.
struct Body<'a> {
    came: Arrived<'a>,
    /// What is wrong with its body.
    wrong: Option<&'a str>,
}

impl Body<'_> {
    fn compare(&self, asked: &Asked, at: Tick, engine: &Engine) -> Option<(Distance, String)> {
        let unreadable = self.wrong.map(str::to_owned);
        let same_event = self.came.event == asked.event;
        let Some(webhook) = self.came.webhook else {
            // Its event stands in a header then.
            return unreadable.filter(|_| same_event).map(|how| (Distance::NoValues, shown(&how)));
        };
        let values = asked.matchers.iter().filter_map(|(pointer, matcher)| {
            Difference::of(pointer, matcher, webhook.pointer(pointer).map(Cow::Borrowed))
        });
        let headers = asked.headers.iter().filter_map(|(name, matcher)| {
            Difference::of(name, matcher, self.came.header(name).map(Cow::Owned))
        });
        let differ: Vec<Difference<'_>> = values.chain(headers).collect();
        let asked_for = asked.matchers.len() + asked.headers.len();
        let spelling = differ.iter().all(Difference::is_spelling);
        let distance = match (same_event, differ.len()) {
            (true, 0) if unreadable.is_some() => Distance::Unreadable,
            (true, 0) => return None,
            (true, 1..) if spelling => Distance::Spelling,
            (false, 0) if asked_for > 0 => Distance::OtherEvent,
            (true, n) if n < asked_for => Distance::SomeValues,
            (true, _) if differ.iter().any(|d| d.came.is_none()) => Distance::NoValues,
            // Of somebody else's as likely as not, unless it came when this one was due.
            (true, 1..) if at <= asked.until => Distance::EventOnly,
            _ => return None,
        };
        let other_event = (!same_event).then(|| match self.came.event {
            "" => format!("it names no event, expected {}", named(&asked.event)),
            other => format!("its event is {}, expected {}", named(other), named(&asked.event)),
        });
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
    /// JSON pointer, or the name of a header.
    place: &'a str,
    matcher: &'a Matcher,
    came: Option<Cow<'a, Value>>,
}

impl<'a> Difference<'a> {
    fn of(place: &'a str, matcher: &'a Matcher, came: Option<Cow<'a, Value>>) -> Option<Self> {
        matcher.check(came.as_deref()).is_err().then_some(Self { place, matcher, came })
    }

    /// Whether it is the expected value in another type, case or with blanks around it.
    fn is_spelling(&self) -> bool {
        let plain = |value: &Value| match value {
            Value::String(text) => Some(text.trim().to_ascii_lowercase()),
            Value::Number(_) | Value::Bool(_) => Some(record::number::canonical(value)),
            _ => None,
        };
        let expected = self.matcher.plain_value().and_then(plain);
        expected.is_some() && self.came.as_deref().and_then(plain) == expected
    }

    fn told(&self, engine: &Engine) -> String {
        let place = self.place;
        let value = |value: &Value| {
            let text = engine.masked(&value.to_string());
            let text: String = text.chars().take(LONGEST).collect();
            format!("{text} ({})", kind(value))
        };
        match (self.came.as_deref(), self.matcher.plain_value()) {
            (None, Some(expected)) => format!("it has no {place}, expected {}", value(expected)),
            (Some(came), Some(expected)) => {
                format!("its {place} is {}, expected {}", value(came), value(expected))
            }
            (came, None) => {
                let why = self.matcher.check(came).err().unwrap_or_default();
                format!("its {place} {}", engine.masked(&why))
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
            headers: [].into(),
            count: 1,
            at_least: false,
            after: None,
            within_ms: 1000,
        };
        recent.add(0, &expect);
        let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
        let mut near = NearMisses::default();
        let scheme = Scheme::DeltacrownV2;
        let mut reader = Reader::new(scheme);
        expect.matchers.keys().for_each(|pointer| reader.add(pointer));
        let headers = [("X-Webhook-Event".to_owned(), event.to_owned())];
        let came = Came { delivery: 3, at: Tick(20), scheme, headers: &headers, body };
        near.look(&came, &recent, |_| true, (&reader, &engine));
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
                "its body is not JSON: it starts with a byte order mark",
            ),
            (
                "{\"event\":\"paid\",\"data\":{\"id\":42,\"n\":NaN}}",
                "its body is not JSON: NaN (byte 36) is not a JSON number",
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
