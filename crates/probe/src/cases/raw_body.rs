//! What must be 2xx when it is validly signed: all the ways in which a body's bytes differ from those that a parser would write.

use crate::case::{Bench, Case, Group, Judged, Play};
use crate::forge::Draft;
use crate::shot::{Framing, Manner, Shot};
use record::Right::{Accepted, AcceptedOrUnreadable};
use serde_json::{Map, Value};

type Shots = Result<Vec<Shot>, &'static str>;

const RAW: &str = "Stripe, GitHub, Slack, Standard Webhooks: verify the raw body; parsing and re-serialising it changes \
                   the signed bytes";

const fn case(
    id: &'static str,
    title: &'static str,
    why: &'static str,
    build: fn(&mut Bench<'_>) -> Shots,
) -> Case {
    Case { id, group: Group::RawBody, title, why, play: Play::InTurn, judged: Judged::EachShot, build }
}

pub(crate) static CASES: &[Case] = &[
    case("white-space", "different whitespace and key order", RAW, |bench| {
        let draft = bench.draft();
        let pretty = reordered(&draft, "\n");
        Ok(vec![bench.forge.signed("indented, last key first", &draft.with_body(pretty), Accepted)])
    }),
    case(
        "duplicate-keys",
        "a key twice",
        "RFC 8259 section 4: names should be unique; what a receiver makes of it is \
         up to it, the signature is right",
        |bench| {
            let draft = bench.draft().with_fields("\"smoke_twice\":1,\"smoke_twice\":2");
            Ok(vec![bench.forge.signed("a key twice", &draft, AcceptedOrUnreadable)])
        },
    ),
    case("number-forms", "1.0 and 1e2", RAW, |bench| fields(bench, "1.0 and 1e2", "\"a\":1.0,\"b\":1e2")),
    case(
        "big-integer",
        "2^53+1",
        "RFC 8259 section 6: beyond 2^53 a double loses digits, and the bytes differ",
        |bench| fields(bench, "9007199254740993", "\"smoke_big\":9007199254740993"),
    ),
    case("escaped", "non-ASCII as \\u escapes, and / as \\/", RAW, |bench| {
        fields(bench, "escaped", "\"smoke_text\":\"\\u00e9\\u0995\\ud83d\\ude00 a\\/b\"")
    }),
    case("literal", "non-ASCII as it is", RAW, |bench| fields(bench, "literal", "\"smoke_text\":\"é ক 😀\"")),
    case(
        "normal-forms",
        "é composed and decomposed (NFC, NFD)",
        "Unicode UAX 15: normalising text changes the bytes",
        |bench| {
            let mut shots = fields(bench, "NFC", "\"smoke_text\":\"\u{e9}\"")?;
            shots.extend(fields(bench, "NFD", "\"smoke_text\":\"e\u{301}\"")?);
            Ok(shots)
        },
    ),
    case(
        "byte-order-mark",
        "a leading byte order mark",
        "RFC 8259 section 8.1: a parser may ignore it or refuse it; it is part \
         of what is signed",
        |bench| {
            let draft = bench.draft();
            let marked = draft.with_body(format!("\u{feff}{}", draft.text()));
            Ok(vec![bench.forge.signed("a byte order mark", &marked, AcceptedOrUnreadable)])
        },
    ),
    case("trailing-newline", "a trailing newline", RAW, |bench| {
        let draft = bench.draft();
        let longer = draft.with_body(format!("{}\n", draft.text()));
        Ok(vec![bench.forge.signed("a newline", &longer, Accepted)])
    }),
    case("crlf", "lines that end with CRLF", RAW, |bench| {
        let draft = bench.draft();
        let lines = reordered(&draft, "\r\n");
        Ok(vec![bench.forge.signed("CRLF", &draft.with_body(lines), Accepted)])
    }),
    case(
        "chunked",
        "a chunked body, without a length",
        "RFC 9112 section 7.1: every recipient must be able to read it",
        |bench| {
            let shot = bench.signed("chunks of 7 bytes", Accepted);
            Ok(vec![Shot { framing: Framing::Chunked(7), ..shot }])
        },
    ),
    case(
        "expect-continue",
        "Expect: 100-continue",
        "RFC 9110 section 10.1.1: curl sends this with larger bodies",
        |bench| {
            let shot = bench
                .signed("the body after 100 Continue", Accepted)
                .with_header("Expect", Some("100-continue"));
            Ok(vec![shot.sent(Manner::Expect)])
        },
    ),
    case(
        "header-name-case",
        "header names in different case",
        "RFC 9110 section 5.1: field names are case-insensitive; HTTP/2 \
         makes them lower-case",
        |bench| {
            let mut upper = bench.signed("UPPER CASE", Accepted);
            upper.headers.iter_mut().for_each(|(name, _)| name.make_ascii_uppercase());
            let mut lower = bench.signed("lower case", Accepted);
            lower.headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
            Ok(vec![upper, lower])
        },
    ),
];

fn fields(bench: &mut Bench<'_>, label: &str, fields: &str) -> Shots {
    let draft = bench.draft().with_fields(fields);
    Ok(vec![bench.forge.signed(label, &draft, Accepted)])
}

/// The draft's body with its keys in reverse order, indented, and with this end of line.
fn reordered(draft: &Draft, end: &str) -> String {
    let value: Value = serde_json::from_slice(&draft.body).unwrap_or_default();
    let reversed: Map<String, Value> =
        value.as_object().map(|map| map.clone().into_iter().rev().collect()).unwrap_or_default();
    let pretty = serde_json::to_string_pretty(&reversed).unwrap_or_default();
    pretty.replace('\n', end)
}
