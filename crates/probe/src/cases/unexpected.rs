//! What must never get 5xx, a stack trace or no response, though the sender has signed it: webhooks that are JSON, and not as the
//! receiver expects them.

use crate::case::{Bench, Case, Group, Judged, Play};
use crate::forge::Draft;
use crate::shot::Shot;
use record::Right::{Handled, RefusedAndHandled};
use serde_json::{Map, Value, json};

type Shots = Result<Vec<Shot>, &'static str>;

/// The member that marks a body as a probe's.
const MARK: &str = "smoke_probe";
/// Longer than a text column of 64 KiB, and shorter than what servers take by default (100 kB and more).
const LARGE: usize = 70 * 1024;
/// More digits than Python's `json` reads of an integer.
const DIGITS: usize = 5000;

const ODD: &str = "RFC 8259 sections 6 and 8.2, CWE-248: this is JSON; a database takes no NUL, UTF-8 no half of a pair, a double no \
                   1e400, Python no integer of 5000 digits";
const FIELDS: &str = "CWE-248, CWE-754: fields are added, left out and null in some events; a 5xx makes the sender retry for hours";
const LONG: &str = "CWE-248: webhooks have no length that is agreed on (GitHub: up to 25 MB); one that is too long gets 413 and no 5xx";
const HEADERS: &str =
    "CWE-248, CWE-476: a proxy may drop a header, and anyone can leave one out; `int(None)` is a 500";

const fn case(
    id: &'static str,
    title: &'static str,
    why: &'static str,
    build: fn(&mut Bench<'_>) -> Shots,
) -> Case {
    Case { id, group: Group::Robustness, title, why, play: Play::InTurn, judged: Judged::EachShot, build }
}

pub(crate) static CASES: &[Case] = &[
    case("body-fields", "fields that are missing, null or of another type", FIELDS, |bench| {
        Ok(vec![
            changed(bench, "no fields", |_| None),
            changed(bench, "every field null", |_| Some(Value::Null)),
            changed(bench, "every field of another type", |value| Some(of_another_type(value))),
        ])
    }),
    case("body-odd-values", "texts and numbers at the edge of JSON", ODD, |bench| {
        let digits = format!("\"smoke_number\":{}", "9".repeat(DIGITS));
        let odd = [
            ("a NUL in a text", "\"smoke_text\":\"a\\u0000b\""),
            ("half of a surrogate pair", "\"smoke_text\":\"\\ud800\""),
            ("1e400", "\"smoke_number\":1e400"),
            ("an integer of 5000 digits", &*digits),
        ];
        let shot = |(label, fields): (&str, &str)| {
            let draft = bench.draft().with_fields(fields);
            bench.forge.signed(label, &draft, Handled)
        };
        Ok(odd.into_iter().map(shot).collect())
    }),
    case("body-long", "a body of 70 KiB", LONG, |bench| {
        let long = bench.draft().with_fields(&format!("\"smoke_text\":\"{}\"", "a".repeat(LARGE)));
        Ok(vec![bench.forge.signed("70 KiB", &long, Handled)])
    }),
    case("header-missing", "a header other than the signature's is missing", HEADERS, without_headers),
];

/// Validly signed, with each member but the mark as it is made anew.
fn changed(bench: &mut Bench<'_>, label: &str, anew: fn(&Value) -> Option<Value>) -> Shot {
    let draft = bench.draft();
    let members: Map<String, Value> = serde_json::from_slice(&draft.body).unwrap_or_default();
    let member = |(name, value): (String, Value)| {
        let value = if name == MARK { Some(value) } else { anew(&value) };
        value.map(|value| (name, value))
    };
    let members: Map<String, Value> = members.into_iter().filter_map(member).collect();
    let draft = draft.with_body(Value::Object(members).to_string());
    bench.forge.signed(label, &draft, Handled)
}

fn of_another_type(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(42),
        Value::Array(_) => json!({}),
        _ => json!("smoke"),
    }
}

/// One request without each of the sender's headers; what is signed, or says how old it is, has to be there.
fn without_headers(bench: &mut Bench<'_>) -> Shots {
    let layout = bench.forge.layout();
    let id = if layout.signs_id { RefusedAndHandled } else { Handled };
    let headers = [(layout.timestamp, RefusedAndHandled), (layout.id, id), (layout.event, Handled)];
    let headers = headers.into_iter().filter_map(|(name, right)| Some((name?, right)));
    let shot = |(name, right)| {
        let draft: Draft = bench.draft();
        bench.forge.signed(&format!("no {name}"), &draft, right).with_header(name, None)
    };
    let shots: Vec<Shot> = headers.map(shot).collect();
    if shots.is_empty() { Err("this sender has no header but the signature's") } else { Ok(shots) }
}

#[cfg(test)]
mod tests;
