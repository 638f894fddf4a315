//! Candidate messages: which pieces were signed, in which order, with which text of the timestamp.

use super::super::compiled::Compiled;
use super::super::other_urls;
use super::super::spec::Unit;
use super::super::template::{Context, Piece};
use chrono::{DateTime, SecondsFormat};
use std::borrow::Cow;

/// What a message can be made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) timestamp: &'a str,
    pub(super) id: &'a str,
    pub(super) event: &'a str,
    pub(super) url: &'a str,
    pub(super) body: &'a [u8],
}

/// A message in pieces, so that no body is copied for it, and the clause about it.
#[derive(Debug)]
pub(super) struct Message<'b> {
    pub(super) clause: String,
    pub(super) pieces: Vec<Cow<'b, [u8]>>,
}

impl<'b> Message<'b> {
    pub(super) fn new(clause: String, pieces: &[&'b [u8]]) -> Self {
        Self { clause, pieces: pieces.iter().map(|piece| Cow::Borrowed(*piece)).collect() }
    }
}

/// The messages of the sender with other texts of its timestamp.
pub(super) fn restamped(sender: &Compiled, unit: Unit, context: &Context<'_>) -> Vec<Message<'static>> {
    let of = |(clause, text): (&str, String)| Message {
        clause: clause.to_owned(),
        pieces: vec![Cow::Owned(sender.template.whole(&context.at(&text)))],
    };
    timestamps(unit, context.timestamp).into_iter().map(of).collect()
}

/// The messages of the sender under other URLs: as a proxy, a browser or a person writes them.
pub(super) fn readdressed(sender: &Compiled, context: &Context<'_>) -> Vec<Message<'static>> {
    let url = context.url;
    if !sender.template.needs_url() || url.is_empty() {
        return Vec::new();
    }
    let Some(other_scheme) = other_urls::other_scheme(url) else { return Vec::new() };
    let (bare, query) = url.split_once('?').unwrap_or((url, ""));
    let slash = match bare.strip_suffix('/') {
        Some(less) => less.to_owned(),
        None => format!("{bare}/"),
    };
    let slash = if query.is_empty() { slash } else { format!("{slash}?{query}") };
    let decoded = percent_encoding::percent_decode_str(url).decode_utf8_lossy().into_owned();
    let urls = [
        (other_urls::SWAPPED, other_scheme),
        ("the sender signs the URL without its query", bare.to_owned()),
        ("the sender's URL differs from this one in its trailing slash", slash),
        (
            "the sender's URL differs from this one in having a port or not",
            other_urls::other_port(url).unwrap_or_default(),
        ),
        (
            "the sender signs the path instead of the whole URL",
            super::super::template::path_of(url).to_owned(),
        ),
        ("the sender signs the URL percent-decoded", decoded),
        ("the sender signs without the URL", String::new()),
    ];
    let others = urls.into_iter().filter(|(_, other)| other != url);
    let of = |(clause, other): (&str, String)| Message {
        clause: clause.to_owned(),
        pieces: vec![Cow::Owned(sender.template.whole(&context.under(&other)))],
    };
    others.map(of).collect()
}

/// The messages of a sender that puts nothing between their parts, with something between them.
pub(super) fn separated(sender: &Compiled, own: &[Cow<'_, [u8]>]) -> Vec<Message<'static>> {
    if own.len() < 2 || sender.template.has_text() {
        return Vec::new();
    }
    let by = |separator: &str| Message {
        clause: format!("the sender puts `{separator}` between the parts that it signs"),
        pieces: vec![Cow::Owned(own.join(separator.as_bytes()))],
    };
    [".", ":", "|"].map(by).into()
}

/// The pieces of a message.
type Frame = for<'a> fn(Parts<'a>) -> [&'a [u8]; 5];

/// The clause about a signature that covers the body alone. It is no safer to replay than the sender's own where that has no time.
pub(super) fn body_only(sender: &Compiled) -> String {
    let scheme =
        sender.spec.settings.body_only.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    let unsafely = if sender.template.has(&Piece::Timestamp) { ": replay-unsafe" } else { "" };
    format!("the sender signs body only{scheme}{unsafely}")
}

/// The clause about a signature that covers timestamp and body.
fn timestamped(sender: &Compiled) -> String {
    let scheme = sender.spec.settings.timestamped.as_deref().unwrap_or("timestamped");
    format!("the sender signs timestamp.body ({scheme})")
}

/// Frame of another scheme or of a slip, with the clause about it.
const FRAMES: [(&str, Frame); 15] = [
    ("the sender leaves out the `.` between timestamp and body", |p| {
        [p.timestamp.as_bytes(), p.body, b"", b"", b""]
    }),
    ("the sender puts `:` between timestamp and body", |p| [p.timestamp.as_bytes(), b":", p.body, b"", b""]),
    ("the sender puts a newline between timestamp and body", |p| {
        [p.timestamp.as_bytes(), b"\n", p.body, b"", b""]
    }),
    ("the sender puts `|` between timestamp and body", |p| [p.timestamp.as_bytes(), b"|", p.body, b"", b""]),
    ("the sender signs id.timestamp.body (Standard Webhooks)", |p| {
        [p.id.as_bytes(), b".", p.timestamp.as_bytes(), b".", p.body]
    }),
    ("the sender signs timestamp.id.body", |p| [p.timestamp.as_bytes(), b".", p.id.as_bytes(), b".", p.body]),
    ("the sender signs id.body", |p| [p.id.as_bytes(), b".", p.body, b"", b""]),
    ("the sender signs body.timestamp, the wrong way round", |p| {
        [p.body, b".", p.timestamp.as_bytes(), b"", b""]
    }),
    ("the sender signs the body and then the timestamp, without a `.`", |p| {
        [p.body, p.timestamp.as_bytes(), b"", b"", b""]
    }),
    ("the sender signs v0:timestamp:body (Slack)", |p| [b"v0:", p.timestamp.as_bytes(), b":", p.body, b""]),
    ("the sender signs timestamp.event.body", |p| {
        [p.timestamp.as_bytes(), b".", p.event.as_bytes(), b".", p.body]
    }),
    ("the sender signs event.body", |p| [p.event.as_bytes(), b".", p.body, b"", b""]),
    ("the sender signs URL and body (Square)", |p| [p.url.as_bytes(), p.body, b"", b"", b""]),
    ("the sender signs body and URL", |p| [p.body, p.url.as_bytes(), b"", b"", b""]),
    ("the sender signs the timestamp only, not the body", |p| [p.timestamp.as_bytes(), b"", b"", b"", b""]),
];

/// The frames that are not the sender's own and whose pieces are there.
pub(super) fn frames<'p>(
    sender: &Compiled,
    own: &[Cow<'_, [u8]>],
    parts: Parts<'p>,
) -> Vec<(String, [&'p [u8]; 5])> {
    let own: Vec<&[u8]> = own.iter().map(|piece| &**piece).collect();
    let alone = (body_only(sender), [parts.body, b"", b"", b"", b""]);
    let timestamped = (timestamped(sender), [parts.timestamp.as_bytes(), b".", parts.body, b"", b""]);
    [alone, timestamped]
        .into_iter()
        .chain(FRAMES.iter().map(|(clause, frame)| ((*clause).to_owned(), frame(parts))))
        .filter(|(_, pieces)| {
            // A frame whose timestamp or id is absent looks like another frame, or starts with its separator.
            let body_alone = same(pieces, &[parts.body]);
            !same(pieces, &own) && (body_alone || pieces.first().is_some_and(|p| !p.is_empty()))
        })
        .collect()
}

/// Whether pieces make the same text, told without putting them together.
fn same(a: &[&[u8]], b: &[&[u8]]) -> bool {
    let length = |pieces: &[&[u8]]| pieces.iter().map(|p| p.len()).sum::<usize>();
    length(a) == length(b) && a.iter().copied().flatten().eq(b.iter().copied().flatten())
}

/// Other texts of the same moment.
fn timestamps(unit: Unit, text: &str) -> Vec<(&'static str, String)> {
    let Ok(value) = text.parse::<i64>() else { return Vec::new() };
    // `+1795438932` is the number 1795438932, and other texts of it say nothing more.
    if value.to_string() != text {
        let clause = "the sender signs the timestamp without the sign or zeros in front of it here";
        return vec![(clause, value.to_string())];
    }
    let ms = value.saturating_mul(unit.ms());
    let (seconds, millis) = (ms.div_euclid(1000), ms.rem_euclid(1000));
    let mut found = vec![
        ("the sender signs the timestamp in seconds and sends milliseconds", seconds.to_string()),
        ("the sender signs the timestamp in milliseconds and sends seconds", ms.to_string()),
        ("the sender signs the timestamp in milliseconds, cut to whole seconds", format!("{seconds}000")),
        ("the sender signs the timestamp in microseconds", format!("{ms}000")),
        ("the sender signs the timestamp with a `+` before it", format!("+{text}")),
        ("the sender signs the timestamp with a `-` before it", format!("-{text}")),
        ("the sender signs the timestamp in double quotes", format!("\"{text}\"")),
        ("the sender signs the timestamp as a float", format!("{text}.0")),
    ];
    // To three places, and as short as a float can be, which has a digit behind the point.
    let whole = format!("{seconds}.{millis:03}");
    let short = whole.trim_end_matches('0');
    let short = if millis == 0 { format!("{short}0") } else { short.to_owned() };
    found.extend([whole, short].map(|float| ("the sender signs the timestamp as a float in seconds", float)));
    if let Some(time) = DateTime::from_timestamp_millis(ms) {
        const ISO: &str = "the sender signs the timestamp as ISO 8601 text";
        for format in [SecondsFormat::Millis, SecondsFormat::Secs, SecondsFormat::Micros] {
            let zulu = time.to_rfc3339_opts(format, true);
            let bare = zulu.trim_end_matches('Z').to_owned();
            found.extend([(ISO, time.to_rfc3339_opts(format, false)), (ISO, bare), (ISO, zulu)]);
        }
    }
    found.retain(|(_, other)| other != text);
    found
}

/// Moments near the one in the header: read from the clock twice, or stamped afresh for a retry (2 s, 6 s) or a replay.
pub(super) fn nearby(unit: Unit, text: &str) -> impl Iterator<Item = i64> {
    let value: Option<i64> = text.parse().ok();
    let second = 1000 / unit.ms();
    let close = if unit == Unit::Milliseconds { 50 } else { 0 };
    let offsets = (1..=close)
        .chain((1..=300).map(move |s| s * second))
        .chain((1..=close).flat_map(move |ms| [2 * second + ms, 6 * second + ms]))
        .flat_map(|offset| [-offset, offset]);
    offsets.filter_map(move |offset| value?.checked_add(offset))
}

#[cfg(test)]
mod tests {
    use super::super::super::key::{finish, keyed};
    use super::*;
    use crate::{Received, Scheme, Secret, Verifier};

    const SECRET: &str = "a-secret-of-nobody-0123456789abcdef";

    fn mac(message: &str) -> [u8; 32] {
        finish(&keyed(SECRET.as_bytes()), &[message.as_bytes()])
    }

    /// What is said of a Mailgun webhook of 1764115200 with the token `abc` whose signature is over this.
    fn mailgun(signed: &str) -> String {
        let tag = hex::encode(mac(signed));
        let body = format!(
            r#"{{"signature":{{"timestamp":"1764115200","token":"abc","signature":"{tag}"}},"event-data":{{"event":"opened"}}}}"#
        );
        let verifier = Verifier::new(Scheme::Mailgun, &Secret::new(SECRET)).unwrap();
        verifier.verify(&[], body.as_bytes(), 1_764_115_200_000).diagnosis.unwrap_or_default()
    }

    #[test]
    fn a_point_behind_the_timestamp_is_no_float() {
        assert_eq!(mailgun("1764115200.abc"), "the sender puts `.` between the parts that it signs");
        assert_eq!(mailgun("1764115200:abc"), "the sender puts `:` between the parts that it signs");
        assert_eq!(mailgun("1764115200.0abc"), "the sender signs the timestamp as a float");
        assert_eq!(mailgun("1764115200.000abc"), "the sender signs the timestamp as a float in seconds");
        let floats = |text: &str| {
            let all = timestamps(Unit::Milliseconds, text).into_iter();
            let floats = all.filter(|(clause, _)| clause.ends_with("as a float in seconds"));
            floats.map(|(_, float)| float).collect::<Vec<_>>()
        };
        assert_eq!(floats("1764115200000"), ["1764115200.000", "1764115200.0"]);
        assert_eq!(floats("1764115200150"), ["1764115200.150", "1764115200.15"]);
    }

    #[test]
    fn body_only_is_said_to_be_unsafe_only_where_the_senders_own_scheme_is_safer() {
        use base64::Engine;
        let tag = base64::engine::general_purpose::STANDARD.encode(mac("{}"));
        let headers = [("x-square-hmacsha256-signature".to_owned(), tag)];
        let request = Received { method: "POST", url: "https://a.example/", headers: &headers, body: b"{}" };
        let square = Verifier::new(Scheme::Square, &Secret::new(SECRET)).unwrap();
        let said = square.verify_request(&request, 0, &[]).diagnosis.unwrap_or_default();
        assert_eq!(said, "the sender signs body only");
        let stripe = body_only(Scheme::Stripe.compiled());
        assert_eq!(stripe, "the sender signs body only: replay-unsafe");
    }
}
