//! Everything a value can travel in: one list of decoders, whether they undo an encoding or take a carrier apart.
//!
//! An encoding yields the text that it hid, under the key that the text stood under. A carrier yields keys and values, and
//! which of them belong together. A new one is a function and a line in [`WHOLE`] or [`INSIDE`].

mod base64;
mod bytes;
mod carriers;
mod coding;
mod encoding;
pub(crate) mod fields;
mod inline;
mod json;
mod lines;
pub(crate) mod markup;
mod quoted;
mod relaxed;
mod serialized;
mod string;
mod table;
mod yaml;

pub(crate) use base64::base64_texts;
pub(crate) use bytes::readable_as;
pub use bytes::{Readable, readable};
pub(crate) use carriers::card_property;
pub use coding::{Coding, Undone, UndoneEnd};
pub use encoding::{Encoding, Utf8Reader};
pub(crate) use inline::entities;
use inline::percent;

use crate::text::Classes;
use std::borrow::Cow;

/// The key of a piece; none for an element of a list.
pub(crate) type Key<'t> = Option<Cow<'t, str>>;

/// What a decoder yields.
#[derive(Debug)]
pub(crate) enum Piece<'t> {
    /// A text under the key of the whole.
    Text(Cow<'t, str>),
    /// The same out of a compressed form, and why it is not all of it.
    Inflated(String, Option<&'static str>),
    /// What stands around a carrier: its encodings are undone, but it is none itself.
    Rest(&'t str),
    /// A value under a key.
    Pair(Key<'t>, Cow<'t, str>),
    /// A number under a key.
    Number(Key<'t>, u64),
    /// An object, a row, an element begins.
    Open(Key<'t>),
    /// It ends.
    Close,
}

/// What the decoder says about the text it looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outer {
    /// It is what it was, and is scanned as it stands.
    Stays,
    /// What its numbers are is shown better by what was decoded.
    Veiled,
    /// Its words are joined by `+`.
    Joined,
    /// All of it was handed on; only what is sure anywhere is looked for in the whole.
    Gone,
}

/// One encoding or carrier.
pub(crate) struct Decoder {
    pub name: &'static str,
    /// A cheap test by the classes of characters; most texts fail it.
    pub classes: Classes,
    /// Undoes the encoding, or does nothing.
    pub decode: for<'t> fn(&'t str, &mut Vec<Piece<'t>>) -> Outer,
}

/// One encoding or carrier, in a line.
const fn decoder(
    name: &'static str,
    classes: Classes,
    decode: for<'t> fn(&'t str, &mut Vec<Piece<'t>>) -> Outer,
) -> Decoder {
    Decoder { name, classes, decode }
}

/// What takes a whole text apart, or shows all of it better, in the order in which they are tried. The first that takes a text
/// decides about it.
pub(crate) static WHOLE: &[Decoder] =
    &[
        decoder("UTF-16 read as bytes", Classes::NUL, |text, out| {
            push(Some(text.replace('\0', "")), Outer::Gone, out)
        }),
        // Before the encodings of mail: what they hide in a string of a document would break the document.
        decoder("JSON", Classes::BRACE.or(Classes::QUOTE), json::whole),
        decoder("encoded words", Classes::QUERY, |text, out| {
            let all = text.starts_with("=?") && text.trim_end().ends_with("?=");
            push(quoted::encoded_words(text).filter(|_| all), Outer::Gone, out)
        }),
        decoder("quoted-printable", Classes::EQUALS, |text, out| {
            let sure = |text: &str| text.contains("=\n") || text.contains("=\r\n") || text.contains("=3D");
            push(quoted::quoted_printable(text).filter(|_| sure(text)), Outer::Gone, out)
        }),
        decoder("data URL", Classes::PERCENT, |text, out| push(inline::data_url(text), Outer::Gone, out)),
        decoder("JSON", Classes::BRACE.or(Classes::BACKSLASH).or(Classes::QUOTE), |text, out| {
            if is_otherwise(text) { Outer::Stays } else { json::decode(text, out) }
        }),
        decoder("vCard, iCalendar", Classes::LINE, carriers::cards),
        decoder("HTTP message", Classes::LINE, carriers::http),
        decoder("multipart form", Classes::LINE, carriers::multipart),
        decoder("XML, HTML", Classes::ANGLE, markup::decode),
        decoder("SQL", Classes::PAREN, carriers::sql),
        decoder("lists of SQL", Classes::PAREN, carriers::lists),
        decoder("table", Classes::LINE, table::decode),
        decoder("lines of keys and values", Classes::LINE, lines::decode),
        // What was no such carrier after all.
        decoder("JSON", Classes::BRACE, |text, out| {
            if is_otherwise(text) { json::decode(text, out) } else { Outer::Stays }
        }),
        decoder("object in another notation", Classes::BRACE, relaxed::decode),
        decoder("serialized by PHP", Classes::SEMICOLON, |text, out| {
            if text.contains(";s:") { serialized::decode(text, out) } else { Outer::Stays }
        }),
        decoder("form", Classes::AMPERSAND.or(Classes::QUERY), carriers::form),
        decoder("pairs in a row", Classes::SEMICOLON, lines::row),
    ];

/// What undoes an encoding of a part of a text.
pub(crate) static INSIDE: &[Decoder] = &[
    decoder("encoded words", Classes::QUERY, |text, out| {
        push(quoted::encoded_words(text), Outer::Stays, out)
    }),
    decoder("quoted-printable", Classes::EQUALS, |text, out| {
        push(quoted::quoted_printable(text), Outer::Stays, out)
    }),
    decoder(
        "percent, entities, escapes",
        Classes::PERCENT.or(Classes::AMPERSAND).or(Classes::BACKSLASH),
        |text, out| {
            let decoded = inline::inline(text);
            let outer = if decoded.as_ref().is_some_and(|d| d.veiled) { Outer::Veiled } else { Outer::Stays };
            push(decoded.map(|d| d.text), outer, out)
        },
    ),
    decoder("plus for a space", Classes::PLUS, |text, out| {
        let form = inline::form(text).map(|form| inline::inline(&form).map_or(form, |d| d.text));
        push(form, Outer::Joined, out)
    }),
    decoder("base64", Classes::UPPER.or(Classes::DIGIT), |text, out| {
        base64_texts(text, |found| {
            out.push(if found.inflated {
                Piece::Inflated(found.text, found.unread)
            } else {
                Piece::Text(found.text.into())
            });
        });
        Outer::Stays
    }),
];

/// Whether a text begins as a carrier of another kind does, so that a JSON document in it is no more than one of its values: read
/// first, it would tear the others from their names.
fn is_otherwise(text: &str) -> bool {
    // Quoted-printable whose lines still end in a code is read one layer further down.
    let quoted = || text.split('\n').next().is_some_and(|line| line.trim_end().ends_with("=0D"));
    memchr::memchr2(b'{', b'[', text.as_bytes()).is_some()
        && (markup::is_whole(text)
            || carriers::begins(text)
            || memchr::memchr(b'\n', text.as_bytes()).is_some()
                && (table::begins(text) || lines::is_all_pairs(text)))
        && !quoted()
}

/// Hands a decoded text on, and what that says about the text it came from.
fn push(decoded: Option<String>, outer: Outer, out: &mut Vec<Piece<'_>>) -> Outer {
    match decoded {
        Some(text) => {
            out.push(Piece::Text(text.into()));
            outer
        }
        None => Outer::Stays,
    }
}

/// Percent-decodes a form or query component, `+` being a blank but in base64 that was put there as it is.
pub(crate) fn component(text: &str) -> String {
    if inline::is_base64_with_plus(text) {
        return percent(text).unwrap_or_else(|| text.to_owned());
    }
    let spaced = text.replace('+', " ");
    percent(&spaced).unwrap_or(spaced)
}
