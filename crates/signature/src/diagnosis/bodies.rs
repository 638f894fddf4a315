//! Candidate bodies: the same JSON value written differently, and what transports do to the ends of a text.

use super::super::unique_keys::{UniqueKeysError, check_unique_keys};
use serde_json::Value;

/// Longer bodies are not re-serialised, in bytes: webhooks are small, and a flood of large ones must stay cheap.
const MAX_JSON: usize = 64 * 1024;

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
    /// Go's `json.Marshal`: raw, but `<`, `>` and `&` escaped.
    Go,
}

const LAYOUTS: [(&str, Layout); 4] = [
    ("re-serialised compact JSON", Layout::Compact),
    ("spaced JSON (`, ` and `: `)", Layout::Spaced),
    ("JSON indented by 2", Layout::Indent(2)),
    ("JSON indented by 4", Layout::Indent(4)),
];

const ORDERS: [(&str, Order); 2] = [("", Order::AsSent), (" with sorted keys", Order::Sorted)];

const ESCAPES: [(&str, Escapes); 6] = [
    ("", Escapes::Raw),
    (" with non-ASCII characters escaped", Escapes::LowerAscii),
    (" with escapes in upper case", Escapes::UpperAscii),
    (" with escapes in upper case", Escapes::UpperControl),
    (" with slashes escaped", Escapes::Php),
    (" with <, > and & escaped", Escapes::Go),
];

/// Order of an object's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    AsSent,
    Sorted,
}

/// Every other body that the sender may have signed, the most likely first, each once and none equal to `body`.
pub(super) fn mistaken(body: &[u8]) -> Vec<Candidate> {
    let mut found = rewritten(body);
    found.extend(re_serialised(body));
    let mut unique: Vec<Candidate> = Vec::with_capacity(found.len());
    for candidate in found {
        if candidate.1 != body && !unique.iter().any(|(_, known)| *known == candidate.1) {
            unique.push(candidate);
        }
    }
    unique
}

fn re_serialised(body: &[u8]) -> Vec<Candidate> {
    let bare = body.strip_prefix(BOM).unwrap_or(body);
    let Some(value) = (body.len() <= MAX_JSON).then(|| serde_json::from_slice::<Value>(bare).ok()).flatten()
    else {
        return Vec::new();
    };
    if !(value.is_object() || value.is_array()) {
        return Vec::new();
    }
    let raw_utf8 = !body.is_ascii();
    let twice = match check_unique_keys(bare) {
        Err(UniqueKeysError::Duplicate { .. }) => " without the key that stands twice",
        _ => "",
    };
    let mut found = Vec::with_capacity(LAYOUTS.len() * ORDERS.len() * ESCAPES.len());
    for (order_name, order) in ORDERS {
        for (layout_name, layout) in LAYOUTS {
            for (escapes_name, escapes) in ESCAPES {
                let mut out = Vec::with_capacity(body.len() * 2);
                Writer { layout, order, escapes, out: &mut out }.value(&value, 0);
                let raw = if matches!(escapes, Escapes::Raw) && !raw_utf8 && !out.is_ascii() {
                    " with raw UTF-8 instead of escapes"
                } else {
                    ""
                };
                found
                    .push((valid_over(&format!("{layout_name}{order_name}{escapes_name}{raw}{twice}")), out));
            }
        }
    }
    found
}

fn valid_over(what: &str) -> String {
    format!("the signature is valid over {what}, not over the bytes sent")
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// The whole body changed as a text.
type Change = fn(&[u8]) -> Vec<u8>;

const CHANGES: [(&str, Change); 10] = [
    ("the body with a newline behind it", |b| [b, b"\n"].concat()),
    ("the body with a carriage return and newline behind it", |b| [b, b"\r\n"].concat()),
    ("the body without the newline behind it", |b| b.strip_suffix(b"\n").unwrap_or(b).to_vec()),
    ("the body without the white space around it", |b| b.trim_ascii().to_vec()),
    ("the body with LF line ends, sent with CRLF", |b| replace(b, b"\r\n", b"\n")),
    ("the body with CRLF line ends, sent with LF", |b| replace(&replace(b, b"\r\n", b"\n"), b"\n", b"\r\n")),
    ("the body without the byte order mark", |b| b.strip_prefix(BOM).unwrap_or(b).to_vec()),
    ("the body with a byte order mark", |b| [BOM, b].concat()),
    ("an empty body", |_| Vec::new()),
    ("the body without its line ends", |b| {
        b.iter().copied().filter(|c| !matches!(c, b'\r' | b'\n')).collect()
    }),
];

fn rewritten(body: &[u8]) -> Vec<Candidate> {
    CHANGES.iter().map(|(what, change)| (valid_over(what), change(body))).collect()
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

/// Writes a JSON value in one style. The parser's limit of 128 levels bounds the recursion.
struct Writer<'o> {
    layout: Layout,
    order: Order,
    escapes: Escapes,
    out: &'o mut Vec<u8>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) {
        match value {
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
            '/' if matches!(self.escapes, Escapes::Php) => Some(b"\\/"),
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
