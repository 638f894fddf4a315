//! What must never get 5xx, a stack trace or no response, though the sender has signed it: webhooks that are JSON, and not as the
//! receiver expects them.

use super::robustness::case;
use crate::case::{Bench, Case};
use crate::shot::Shot;
use record::Right::{Handled, RefusedAndHandled};

type Shots = Result<Vec<Shot>, &'static str>;

/// Longer than a text column of 64 KiB, and shorter than what servers take by default (100 kB and more).
const LARGE: usize = 70 * 1024;

const ODD: &str = "RFC 8259 section 8.2, CWE-248: a user's text may have them, and so a webhook; a database takes no NUL, UTF-8 no half \
                   of a surrogate pair, and a 5xx makes the sender retry for hours";
const LONG: &str = "CWE-248: webhooks have no length that is agreed on (GitHub: up to 25 MB); one that is too long gets 413 and no 5xx";
const HEADERS: &str =
    "CWE-248, CWE-476: a proxy may drop a header, and anyone can leave one out; `int(None)` is a 500";

pub(crate) static CASES: &[Case] = &[
    case("body-odd-text", "texts with a NUL, and with half of a surrogate pair", ODD, |bench| {
        let odd = [("a NUL", "a\\u0000b"), ("half of a surrogate pair", "\\ud800")];
        let shot = |(label, text): (&str, &str)| {
            let draft = bench.draft().with_fields(&format!("\"smoke_text\":\"{text}\""));
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

/// One request without each of the sender's headers; what is signed, or says how old it is, has to be there.
fn without_headers(bench: &mut Bench<'_>) -> Shots {
    let layout = bench.forge.layout();
    let id = if layout.signs_id { RefusedAndHandled } else { Handled };
    let headers = [(layout.timestamp, RefusedAndHandled), (layout.id, id), (layout.event, Handled)];
    let headers = headers.into_iter().filter_map(|(name, right)| Some((name?, right)));
    let shot = |(name, right)| {
        let draft = bench.draft();
        bench.forge.signed(&format!("no {name}"), &draft, right).with_header(name, None)
    };
    let shots: Vec<Shot> = headers.map(shot).collect();
    if shots.is_empty() { Err("this sender has no header but the signature's") } else { Ok(shots) }
}

#[cfg(test)]
mod tests;
