//! Candidate bodies: the same JSON value written differently, and what transports do to the ends of a text.

use super::super::template::form_fields;
use super::super::unique_keys::{UniqueKeysError, check_unique_keys};
use super::work::Work;
use serde_json::Value;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;

/// Longer bodies are not re-serialised, in bytes: webhooks are small, and a flood of large ones must stay cheap.
const MAX_JSON: usize = 64 * 1024;

/// A candidate may be so many times as long as the body, and so much longer: white space in front of values that are nested
/// deeply would make a body of 64 KiB one of 14 MiB.
const MOST_TIMES: usize = 4;
const MOST_MORE: usize = 4096;

/// The clause about a body, and its bytes.
pub(super) type Candidate = (String, Vec<u8>);

/// White space between the tokens.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Compact,
    Spaced,
    Indent(usize),
}

/// How characters are written in strings.
#[derive(Debug, Clone, Copy)]
enum Escapes {
    Raw,
    LowerAscii,
    UpperAscii,
    /// Control characters with upper-case digits, the rest raw.
    UpperControl,
    /// PHP's `json_encode`: ASCII, and `/` escaped.
    Php,
    /// The same with `JSON_UNESCAPED_UNICODE`: `/` escaped, the rest raw.
    PhpUnicode,
    /// Go's `json.Marshal`: raw, but `<`, `>` and `&` escaped.
    Go,
}

impl Escapes {
    /// Whether this writes something differently from [`Escapes::Raw`], which wrote `plain`.
    fn concern(self, plain: &[u8]) -> bool {
        let control = || plain.windows(4).any(|w| w == b"\\u00");
        match self {
            Self::Raw => false,
            Self::LowerAscii => !plain.is_ascii(),
            Self::UpperAscii => !plain.is_ascii() || control(),
            Self::UpperControl => control(),
            Self::Php => !plain.is_ascii() || plain.contains(&b'/'),
            Self::PhpUnicode => !plain.is_ascii() && plain.contains(&b'/'),
            Self::Go => plain.iter().any(|b| matches!(b, b'<' | b'>' | b'&')),
        }
    }
}

const LAYOUTS: [(&str, Layout); 4] = [
    ("re-serialised compact JSON", Layout::Compact),
    ("spaced JSON (`, ` and `: `)", Layout::Spaced),
    ("JSON indented by 2", Layout::Indent(2)),
    ("JSON indented by 4", Layout::Indent(4)),
];

const ORDERS: [(&str, Order); 2] = [("", Order::AsSent), (" with sorted keys", Order::Sorted)];

/// All but the raw ones.
const ESCAPES: [(&str, Escapes); 6] = [
    (" with non-ASCII characters escaped", Escapes::LowerAscii),
    (" with escapes in upper case", Escapes::UpperAscii),
    (" with escapes in upper case", Escapes::UpperControl),
    (" with slashes escaped", Escapes::Php),
    (" with slashes escaped and raw Unicode", Escapes::PhpUnicode),
    (" with <, > and & escaped", Escapes::Go),
];

/// Order of an object's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    AsSent,
    Sorted,
}

/// Every other body that the sender may have signed, the most likely first, each once and none equal to `body`, as far as
/// `work` goes.
pub(super) fn mistaken(body: &[u8], work: &mut Work) -> Vec<Candidate> {
    let mut found = Found { known: HashSet::new(), keys: RandomState::new(), all: Vec::new() };
    found.known.insert(found.keys.hash_one(body));
    for (what, change) in CHANGES {
        if body.len() > work.room() {
            return found.all;
        }
        let Some(changed) = change(body) else { continue };
        work.made(changed.len());
        found.add(changed, || valid_over(what));
    }
    for (name, value) in form_values(body) {
        work.made(value.len());
        found.add(value.into_bytes(), || valid_over(&format!("the value of the form's field `{name}`")));
    }
    re_serialised(body, work, &mut found);
    found.all
}

/// The candidates so far, known by their fingerprints: comparing each with each costs the square of them.
struct Found {
    known: HashSet<u64>,
    keys: RandomState,
    all: Vec<Candidate>,
}

impl Found {
    fn add(&mut self, body: Vec<u8>, clause: impl FnOnce() -> String) {
        if self.known.insert(self.keys.hash_one(body.as_slice())) {
            self.all.push((clause(), body));
        }
    }
}

fn re_serialised(body: &[u8], work: &mut Work, found: &mut Found) {
    let bare = body.strip_prefix(BOM).unwrap_or(body);
    if body.len() > MAX_JSON.min(work.room()) {
        return;
    }
    // Reading it, and looking for a key that appears twice.
    work.made(body.len());
    let value = serde_json::from_slice::<Value>(bare).ok();
    let Some(value) = value.filter(|v| v.is_object() || v.is_array()) else { return };
    let twice = match check_unique_keys(bare) {
        Err(UniqueKeysError::Duplicate { .. }) => " without the key that appears twice",
        _ => "",
    };
    let longest = body.len() * MOST_TIMES + MOST_MORE;
    let mut write = |style| Writer::write(&value, style, longest, work);
    let mut escaped = Vec::new();
    for (order_name, order) in ORDERS {
        for (layout_name, layout) in LAYOUTS {
            let Some(plain) = write((order, layout, Escapes::Raw)) else { continue };
            let raw = if body.is_ascii() && !plain.is_ascii() { RAW } else { "" };
            let concerned = ESCAPES.into_iter().filter(|(_, escapes)| escapes.concern(&plain));
            escaped.extend(concerned.map(|(name, escapes)| {
                (format!("{layout_name}{order_name}{name}{twice}"), (order, layout, escapes))
            }));
            found.add(plain, || valid_over(&format!("{layout_name}{order_name}{raw}{twice}")));
        }
    }
    for (name, style) in escaped {
        let Some(other) = write(style) else { continue };
        found.add(other, || valid_over(&name));
    }
    in_javascript(&value, longest, work, found);
}

/// The JSON with its numbers as JavaScript writes them, where that is another text: `1` for `1.0`.
fn in_javascript(value: &Value, longest: usize, work: &mut Work, found: &mut Found) {
    let mut other = value.clone();
    work.made(longest.min(work.room()) / 8);
    if !as_javascript(&mut other) {
        return;
    }
    for (layout_name, layout) in LAYOUTS {
        for (escapes_name, escapes) in
            [("", Escapes::Raw), (" and non-ASCII characters escaped", Escapes::LowerAscii)]
        {
            let Some(text) = Writer::write(&other, (Order::AsSent, layout, escapes), longest, work) else {
                continue;
            };
            found.add(text, || {
                valid_over(&format!("{layout_name} with numbers as JavaScript writes them{escapes_name}"))
            });
        }
    }
}

/// Whether a number in it is written differently now.
fn as_javascript(value: &mut Value) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().fold(false, |any, item| as_javascript(item) | any),
        Value::Object(map) => map.values_mut().fold(false, |any, item| as_javascript(item) | any),
        Value::Number(number) => {
            let text = number.to_string();
            let Some(float) = number.as_f64().filter(|f| f.is_finite()) else { return false };
            // ECMA-262, Number::toString: the shortest digits, an exponent from 1e21 on and below 1e-6.
            let written = if float == 0.0 {
                "0".to_owned()
            } else if (1e-6..1e21).contains(&float.abs()) {
                format!("{float}")
            } else {
                format!("{float:e}").replace('e', if float.abs() < 1.0 { "e" } else { "e+" })
            };
            let other = (written != text).then(|| written.parse().ok()).flatten();
            other.is_some_and(|other: serde_json::Number| {
                *number = other;
                true
            })
        }
        _ => false,
    }
}

/// The values of a form that are JSON themselves.
fn form_values(body: &[u8]) -> Vec<(String, String)> {
    // A form has no brace outside its percent signs.
    if body.first().is_none_or(|b| matches!(b, b'{' | b'[')) || !body.contains(&b'=') || body.len() > MAX_JSON
    {
        return Vec::new();
    }
    let fields = form_fields(body).into_iter();
    fields
        .filter(|(name, value)| name.len() <= 64 && value.trim_start().starts_with(['{', '[']))
        .take(4)
        .collect()
}

/// What is said of raw characters where the body has escapes.
const RAW: &str = " with raw UTF-8 instead of escapes";

fn valid_over(what: &str) -> String {
    format!("the signature is valid over {what}, not over the bytes sent")
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The whole body changed; `None` where that is not possible.
type Change = fn(&[u8]) -> Option<Vec<u8>>;

const CHANGES: [(&str, Change); 17] = [
    ("the body with a trailing newline", |b| Some([b, b"\n"].concat())),
    ("the body with a trailing carriage return and newline", |b| Some([b, b"\r\n"].concat())),
    ("the body without its trailing newline", |b| b.strip_suffix(b"\n").map(<[u8]>::to_vec)),
    ("the body without surrounding whitespace", |b| Some(b.trim_ascii().to_vec())),
    ("the body with LF line endings, sent with CRLF", |b| Some(replace(b, b"\r\n", b"\n"))),
    ("the body with CRLF line endings, sent with LF", |b| {
        Some(replace(&replace(b, b"\r\n", b"\n"), b"\n", b"\r\n"))
    }),
    ("the body without the byte order mark", |b| b.strip_prefix(BOM).map(<[u8]>::to_vec)),
    ("the body with a byte order mark", |b| Some([BOM, b].concat())),
    ("an empty body", |_| Some(Vec::new())),
    ("the body without its line endings", |b| {
        Some(b.iter().copied().filter(|c| !matches!(c, b'\r' | b'\n')).collect())
    }),
    ("the body before it was compressed", inflated),
    ("the body with every non-UTF-8 byte replaced (it was decoded as text first)", |b| {
        std::str::from_utf8(b).is_err().then(|| String::from_utf8_lossy(b).into_owned().into_bytes())
    }),
    ("the body in Latin-1", |b| {
        let text = std::str::from_utf8(b).ok().filter(|text| !text.is_ascii())?;
        text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
    }),
    ("the body read as Latin-1 and written as UTF-8", |b| {
        (!b.is_ascii()).then(|| b.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes())
    }),
    ("the JSON that the body holds as text (it was encoded twice)", |b| {
        let text = b.trim_ascii().starts_with(b"\"").then(|| serde_json::from_slice::<String>(b).ok());
        text.flatten().map(String::into_bytes)
    }),
    ("the body encoded as JSON once more, as text", |b| {
        let is_json = matches!(b.first(), Some(b'{' | b'['));
        serde_json::to_vec(std::str::from_utf8(b).ok().filter(|_| is_json)?).ok()
    }),
    ("the form percent-decoded", |b| {
        let is_form = b.contains(&b'%') && b.contains(&b'=') && !b.starts_with(b"{") && !b.starts_with(b"[");
        is_form.then(|| percent_encoding::percent_decode(b).collect())
    }),
];

/// The body of a gzip or zlib stream, if it is one and not too long.
fn inflated(body: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let limit = MAX_JSON as u64 + 1;
    match body {
        [0x1f, 0x8b, ..] => {
            flate2::read::MultiGzDecoder::new(body).take(limit).read_to_end(&mut plain).ok()?
        }
        [0x78, ..] => flate2::read::ZlibDecoder::new(body).take(limit).read_to_end(&mut plain).ok()?,
        _ => return None,
    };
    (plain.len() <= MAX_JSON).then_some(plain)
}

fn replace(body: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(tail) = rest.strip_prefix(from) {
            out.extend_from_slice(to);
            rest = tail;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

/// Writes a JSON value in one style, up to a limit. The parser's limit of 128 levels bounds the recursion.
struct Writer {
    layout: Layout,
    order: Order,
    escapes: Escapes,
    limit: usize,
    out: Vec<u8>,
}

impl Writer {
    /// The value in this style; `None` when that is longer than `longest`, or than `work` has room for.
    fn write(
        value: &Value,
        (order, layout, escapes): (Order, Layout, Escapes),
        longest: usize,
        work: &mut Work,
    ) -> Option<Vec<u8>> {
        let limit = longest.min(work.room());
        let mut writer = Self { layout, order, escapes, limit, out: Vec::new() };
        writer.value(value, 0);
        work.made(writer.out.len());
        (writer.out.len() <= limit).then_some(writer.out)
    }

    fn is_full(&self) -> bool {
        self.out.len() > self.limit
    }

    fn value(&mut self, value: &Value, depth: usize) {
        match value {
            _ if self.is_full() => {}
            Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                if self.order == Order::Sorted {
                    entries.sort_by_key(|(key, _)| key.as_str());
                }
                self.block((b'{', b'}'), depth, entries.into_iter(), |writer, (key, value)| {
                    writer.string(key);
                    let colon: &[u8] = if matches!(writer.layout, Layout::Compact) { b":" } else { b": " };
                    writer.out.extend_from_slice(colon);
                    writer.value(value, depth + 1);
                });
            }
            Value::Array(items) => {
                self.block((b'[', b']'), depth, items.iter(), |writer, item| writer.value(item, depth + 1));
            }
            Value::String(text) => self.string(text),
            other => self.out.extend_from_slice(other.to_string().as_bytes()),
        }
    }

    fn block<T>(
        &mut self,
        (open, close): (u8, u8),
        depth: usize,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        self.out.push(open);
        let some = items.len() > 0;
        for (i, item) in items.enumerate() {
            if self.is_full() {
                return;
            }
            if i > 0 {
                self.out.extend_from_slice(if matches!(self.layout, Layout::Spaced) { b", " } else { b"," });
            }
            self.line_end(depth + 1);
            write(self, item);
        }
        if some {
            self.line_end(depth);
        }
        self.out.push(close);
    }

    fn line_end(&mut self, depth: usize) {
        if let Layout::Indent(width) = self.layout {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + width * depth, b' ');
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        for c in text.chars() {
            self.character(c);
        }
        self.out.push(b'"');
    }

    fn character(&mut self, c: char) {
        let short: Option<&[u8]> = match c {
            '"' => Some(b"\\\""),
            '\\' => Some(b"\\\\"),
            '\n' => Some(b"\\n"),
            '\r' => Some(b"\\r"),
            '\t' => Some(b"\\t"),
            '\u{8}' => Some(b"\\b"),
            '\u{c}' => Some(b"\\f"),
            '/' if matches!(self.escapes, Escapes::Php | Escapes::PhpUnicode) => Some(b"\\/"),
            _ => None,
        };
        let ascii_only = matches!(self.escapes, Escapes::LowerAscii | Escapes::UpperAscii | Escapes::Php);
        let html = matches!(self.escapes, Escapes::Go) && matches!(c, '<' | '>' | '&');
        if let Some(short) = short {
            self.out.extend_from_slice(short);
        } else if c < ' ' || html || (ascii_only && !c.is_ascii()) {
            let upper = matches!(self.escapes, Escapes::UpperAscii | Escapes::UpperControl);
            for unit in c.encode_utf16(&mut [0; 2]) {
                let code = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                self.out.extend_from_slice(code.as_bytes());
            }
        } else {
            self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}
