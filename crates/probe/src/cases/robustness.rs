//! What must never get 5xx, a stack trace or no response, however broken it is; and never 2xx where nobody has signed it.

use super::gzip::gzip;
use crate::case::{Bench, Case, Group, Judged, Play};
use crate::forge::Draft;
use crate::shot::{Content, Framing, Manner, Shot};
use record::Right::{self, Handled, RefusedAndHandled, RefusedEarly};

type Shots = Result<Vec<Shot>, &'static str>;

/// A body that no webhook has: 10 MiB.
const BIG: u64 = 10 * 1024 * 1024;
/// Bytes of one chunk of it.
const CHUNK: usize = 64 * 1024;
/// A signature header of this many bytes.
const LONG: usize = 8 * 1024;
/// Levels of nesting.
const DEPTH: usize = 500;

const BROKEN: &str = "CWE-755, CWE-248: anyone can send this; a 5xx makes the sender retry, fills the log and shows that it can be \
                      crashed";
const SIGNED: &str =
    "RFC 8259; CWE-248: the real sender can send this by mistake; a 5xx makes it retry for hours";

/// Each of its requests is judged by itself.
pub(super) const fn case(
    id: &'static str,
    title: &'static str,
    why: &'static str,
    build: fn(&mut Bench<'_>) -> Shots,
) -> Case {
    Case { id, group: Group::Robustness, title, why, play: Play::InTurn, judged: Judged::EachShot, build }
}

pub(crate) static CASES: &[Case] = &[
    case("garbage-header", "garbage in the signature header", BROKEN, |bench| {
        let prefix = bench.forge.layout().prefix.clone();
        let values = [
            "garbage".to_owned(),
            "=".to_owned(),
            ",".to_owned(),
            format!("{prefix}not-a-signature"),
            "v1,=,a,b t=x,v1=,%00".to_owned(),
        ];
        let shot = |value: &String| {
            bench.with_value(&format!("`{value}`"), Some(value.as_bytes()), RefusedAndHandled)
        };
        Ok(values.iter().map(shot).collect())
    }),
    case("long-header", "a signature header of 8 KiB", BROKEN, |bench| {
        let draft = bench.draft();
        let value = bench.forge.value(&draft, &"a".repeat(LONG));
        Ok(vec![bench.forge.shot("8 KiB", &draft, Some(value.as_bytes()), RefusedAndHandled)])
    }),
    case("non-ascii-header", "a signature header that is not ASCII", BROKEN, |bench| {
        let draft = bench.draft();
        let mut value = bench.forge.value(&draft, "").into_bytes();
        value.extend("größer é".as_bytes());
        let utf8 = bench.forge.shot("UTF-8", &draft, Some(&value), RefusedAndHandled);
        Ok(vec![utf8, bench.with_value("a byte that is not UTF-8", Some(b"sig\xff\xfe"), RefusedAndHandled)])
    }),
    case("method-get", "GET, not signed", METHOD_WHY, |bench| {
        Ok(vec![method(bench, "GET", Framing::None, Handled)])
    }),
    case("method-put", "PUT and PATCH, not signed", BYPASS_WHY, |bench| {
        let shot = |name| method(bench, name, Framing::Length, RefusedAndHandled);
        Ok(["PUT", "PATCH"].map(shot).into())
    }),
    case("method-options", "OPTIONS, not signed", METHOD_WHY, |bench| {
        Ok(vec![method(bench, "OPTIONS", Framing::None, Handled)])
    }),
    case("header-twice", "the signature header twice", BROKEN, |bench| {
        let name = bench.forge.layout().signature.to_owned();
        let mut twice = bench.signed("the right one twice", Handled);
        let value = twice.header(&name).map(<[u8]>::to_vec).unwrap_or_default();
        twice.headers.push((name.clone(), value));
        let mut broken = bench.with_value("broken ones twice", Some(b"garbage"), RefusedAndHandled);
        broken.headers.push((name, b"rubbish".to_vec()));
        Ok(vec![twice, broken])
    }),
    case("body-empty", "an empty body", SIGNED, |bench| both(bench, b"")),
    case("body-not-utf8", "a body that is not UTF-8", SIGNED, |bench| {
        both(bench, b"{\"smoke_probe\":\"\xff\xfe\xc3\x28\"}")
    }),
    case("body-truncated", "truncated JSON", SIGNED, |bench| {
        let draft = bench.draft();
        let text = draft.text();
        let half = text.get(..text.len() - 7).unwrap_or_default();
        Ok(vec![signed(bench, &draft.with_body(half))])
    }),
    case("body-null", "`null`", SIGNED, |bench| plain(bench, b"null")),
    case("body-array", "`[]`", SIGNED, |bench| plain(bench, b"[]")),
    case("body-number", "a number", SIGNED, |bench| plain(bench, b"42")),
    case("body-deep", "JSON 500 levels deep", "CWE-674: recursive parsers run out of stack", |bench| {
        let draft = bench.draft();
        let deep = format!("\"deep\":{}{}", "[".repeat(DEPTH), "]".repeat(DEPTH));
        Ok(vec![signed(bench, &draft.with_fields(&deep))])
    }),
    case("body-duplicate-keys", "an object with a duplicate key", SIGNED, |bench| {
        let draft = bench.draft();
        Ok(vec![signed(bench, &draft.with_fields("\"smoke_twice\":1,\"smoke_twice\":{\"a\":2}"))])
    }),
    case("big-with-length", "10 MiB without a signature, announced by Content-Length", BIG_WHY, |bench| {
        Ok(vec![big(bench, "10 MiB, announced", Framing::Length)])
    }),
    case("big-chunked", "10 MiB without a signature and without a length", BIG_WHY, |bench| {
        Ok(vec![big(bench, "10 MiB in chunks", Framing::Chunked(CHUNK))])
    }),
    case("content-type", "a wrong Content-Type, and none", TYPE_WHY, |bench| {
        let mut shots = typed(bench, Some("text/plain"));
        shots.extend(typed(bench, Some("not a type")));
        shots.extend(typed(bench, None));
        Ok(shots)
    }),
    case("form", "a form (application/x-www-form-urlencoded)", TYPE_WHY, |bench| {
        let draft = bench.draft();
        let fields: String = draft.body.iter().map(|b| format!("%{b:02x}")).collect();
        Ok(content(bench, &draft.with_body(format!("payload={fields}")), "application/x-www-form-urlencoded"))
    }),
    case("multipart", "a multipart form", TYPE_WHY, |bench| {
        let draft = bench.draft();
        let body = format!(
            "--smoke\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{}\r\n--smoke--\r\n",
            draft.text()
        );
        let mut shots = content(bench, &draft.with_body(body), "multipart/form-data; boundary=smoke");
        let broken = bench.draft().with_body("smoke_probe: no boundary here");
        shots.extend(content(bench, &broken, "multipart/form-data"));
        Ok(shots)
    }),
    case(
        "gzip",
        "a compressed body (Content-Encoding: gzip)",
        "RFC 9110 section 8.4: the bytes as sent are signed; a \
         server that decompresses them first verifies other bytes",
        |bench| {
            let draft = bench.draft();
            let packed = draft.with_body(gzip(&draft.body));
            let coded = |shot: Shot| shot.with_header("Content-Encoding", Some("gzip"));
            let broken = bench.draft().with_body("smoke_probe: no gzip");
            Ok(vec![
                coded(signed(bench, &packed)),
                coded(unsigned(bench, &packed)),
                coded(signed(bench, &broken)),
            ])
        },
    ),
];

const BIG_WHY: &str = "CWE-400, CWE-770: a receiver that reads everything before checking the signature can be flooded by anyone; \
                       webhooks stay below a limit that can be set";
const TYPE_WHY: &str = "CWE-436: the type is not signed; letting it choose the parser means verifying different bytes than are \
                        used, or none";
const METHOD_WHY: &str = "RFC 9110 section 15.5.6: an unsupported method gets 405 (501 will do)";
const BYPASS_WHY: &str = "CWE-650, CWE-347: where POST alone is verified, another method is a way around the signature; an \
                          unsupported method gets 405 (RFC 9110 section 15.5.6)";

/// Signed, and not.
fn both(bench: &mut Bench<'_>, body: &[u8]) -> Shots {
    let (one, other) = (bench.draft().with_body(body), bench.draft().with_body(body));
    Ok(vec![signed(bench, &one), unsigned(bench, &other)])
}

fn plain(bench: &mut Bench<'_>, body: &[u8]) -> Shots {
    let draft = bench.draft().with_body(body);
    Ok(vec![signed(bench, &draft)])
}

fn signed(bench: &Bench<'_>, draft: &Draft) -> Shot {
    bench.forge.signed("validly signed", draft, Handled)
}

fn unsigned(bench: &Bench<'_>, draft: &Draft) -> Shot {
    labelled(bench, "not signed", draft, RefusedAndHandled)
}

fn labelled(bench: &Bench<'_>, label: &str, draft: &Draft, right: Right) -> Shot {
    bench.forge.shot(label, draft, None, right)
}

fn big(bench: &mut Bench<'_>, label: &str, framing: Framing) -> Shot {
    let shot = bench.with_value(label, None, RefusedEarly);
    Shot { body: Content::Filler(BIG), framing, manner: Manner::HoldEnd, ..shot }
}

/// JSON under another type, signed and not.
fn typed(bench: &mut Bench<'_>, name: Option<&str>) -> Vec<Shot> {
    let (one, other) = (bench.draft(), bench.draft());
    let label = name.unwrap_or("no type");
    let shots = [
        bench.forge.signed(&format!("{label}, validly signed"), &one, Handled),
        labelled(bench, &format!("{label}, not signed"), &other, RefusedAndHandled),
    ];
    shots.into_iter().map(|shot| shot.with_header("Content-Type", name)).collect()
}

/// A body of another type, signed and not.
fn content(bench: &Bench<'_>, draft: &Draft, name: &str) -> Vec<Shot> {
    let shots = [signed(bench, draft), unsigned(bench, draft)];
    shots.into_iter().map(|shot| shot.with_header("Content-Type", Some(name))).collect()
}

fn method(bench: &mut Bench<'_>, method: &'static str, framing: Framing, right: Right) -> Shot {
    let shot = bench.with_value(method, None, right);
    let body = if framing == Framing::None { Content::Bytes(Vec::new()) } else { shot.body.clone() };
    Shot { method, framing, body, ..shot }
}
