//! From the located tree to the typed model: a serde deserializer whose errors know their place.

use super::error::{At, Problem};
use super::suggest;
use super::tree::{Kind, Node, Null};
use serde::de::{
    self, DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use std::fmt::{self, Display};

/// Keys that smoke fills in, and nobody writes.
const FILLED_IN: [&str; 1] = ["schemas"];

/// Reads a `T` out of a tree.
pub(super) fn from_tree<T: de::DeserializeOwned>(node: &Node) -> Result<T, Problem> {
    T::deserialize(node).map_err(|e| Problem { at: e.at.unwrap_or(node.at), message: e.message })
}

/// An error on its way up: the innermost value that it passes gives it its place.
#[derive(Debug)]
pub(super) struct Error {
    at: Option<At>,
    message: String,
}

impl Error {
    fn or_at(mut self, at: At) -> Self {
        self.at.get_or_insert(at);
        self
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self { at: None, message: message.to_string() }
    }

    fn invalid_type(found: Unexpected, expected: &dyn Expected) -> Self {
        let quote = match found {
            Unexpected::Bool(_) | Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_)
                if expected.to_string() == "a string" =>
            {
                ": write it in quotes"
            }
            _ => "",
        };
        let expected = plain(expected);
        let is_text = matches!(found, Unexpected::Str(_));
        if is_text && matches!(expected.as_str(), "a mapping" | "a list") {
            // A file with nothing but a secret is one text: it is not repeated.
            return Self::custom(format!("expected {expected}, found text"));
        }
        Self::custom(format!("expected {expected}, found {}{quote}", Found(found)))
    }

    fn invalid_value(found: Unexpected, expected: &dyn Expected) -> Self {
        Self::custom(format!("expected {}, found {}", plain(expected), Found(found)))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let known: Vec<&str> = known.iter().copied().filter(|key| !FILLED_IN.contains(key)).collect();
        let hint = suggest::hint(field, known.iter().copied());
        Self::custom(format!("unknown key `{field}`{hint} (the keys here are {})", known.join(", ")))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        let hint = suggest::hint(variant, known.iter().copied());
        Self::custom(format!("unknown value `{variant}`{hint} (one of {})", known.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("the key `{field}` is missing"))
    }
}

/// What was expected, in the words of a scenario's author rather than of Rust.
fn plain(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a string" => "text".into(),
        "a map" => "a mapping".into(),
        "a sequence" => "a list".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "u64" | "usize" => "a whole number, 0 or more".into(),
        "i64" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        other if other.starts_with("struct ") => "a mapping".into(),
        _ => text,
    }
}

struct Found<'a>(Unexpected<'a>);

impl Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Bool(b) => write!(f, "{b}"),
            Unexpected::Unsigned(n) => write!(f, "the number {n}"),
            Unexpected::Signed(n) => write!(f, "the number {n}"),
            Unexpected::Float(n) => write!(f, "the number {n}"),
            Unexpected::Str(s) => write!(f, "the text \"{}\"", s.chars().take(60).collect::<String>()),
            Unexpected::Unit => f.write_str("nothing"),
            Unexpected::Seq => f.write_str("a list"),
            Unexpected::Map => f.write_str("a mapping"),
            other => write!(f, "{other}"),
        }
    }
}

/// A number for what keeps its digits ([`serde_json::Value`]).
fn exact<'de, V: Visitor<'de>>(number: &serde_json::Number, visitor: V) -> Result<V::Value, Error> {
    number.deserialize_any(visitor).map_err(de::Error::custom)
}

/// What is wrong with a whole number that has more digits than any field takes.
fn too_large(number: &serde_json::Number) -> Option<Error> {
    let written = number.to_string();
    let whole = written.bytes().all(|b| b.is_ascii_digit());
    whole.then(|| de::Error::custom(format!("the number {written} is too large")))
}

/// Numbers for a field of Rust's own number types, which has no more digits than a double.
macro_rules! deserialize_numbers {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match &self.kind {
                Kind::Number(n) => visitor
                    .visit_f64(n.as_f64().unwrap_or_default())
                    .map_err(|e: Error| too_large(n).unwrap_or(e).or_at(self.at)),
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let result = match &self.kind {
            Kind::Null(_) => visitor.visit_unit(),
            Kind::Bool(b) => visitor.visit_bool(*b),
            Kind::Int(n) => u64::try_from(*n).map_or(Number::I(*n), Number::U).visit(visitor),
            Kind::Uint(n) => visitor.visit_u64(*n),
            Kind::Number(n) => exact(n, visitor),
            Kind::Text(s) => visitor.visit_borrowed_str(s),
            Kind::List(items) => visitor.visit_seq(List(items.iter())),
            Kind::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), value: None }),
        };
        result.map_err(|e: Error| e.or_at(self.at))
    }

    // Only a mapping: serde's structs would take a list in the order of their fields as well.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.kind {
            Kind::List(_) => Err(Error::invalid_type(Unexpected::Seq, &"a mapping").or_at(self.at)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // A key with nothing behind it is not one that was left out: what it should say would be dropped in silence.
        let null = match self.kind {
            Kind::Null(Null::MeansNone) => return visitor.visit_none(),
            Kind::Null(null) => null,
            _ => return visitor.visit_some(self),
        };
        match visitor.visit_some(self) {
            Ok(json) if null == Null::Written => Ok(json),
            Ok(_) => Err(Error::custom("expected a value, found nothing")),
            Err(error) => Err(error),
        }
        .map_err(|e| {
            Error { message: format!("{}: give it a value, or leave the key out", e.message), ..e }
                .or_at(self.at)
        })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let result = match &self.kind {
            Kind::Text(s) => visitor.visit_enum(s.as_str().into_deserializer()),
            Kind::Null(_) if variants.contains(&"null") => {
                let expected = format!("one of {}", variants.join(", "));
                Err(Error::custom(format!(
                    "expected {expected}, found nothing; the word needs quotes: \"null\""
                )))
            }
            _ => return self.deserialize_any(Names(variants)).map(|never| match never {}),
        };
        let _ = name;
        result.map_err(|e: Error| e.or_at(self.at))
    }

    deserialize_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64
    }

    forward_to_deserialize_any! {
        bool char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// A whole number as serde likes it: unsigned where it can be.
enum Number {
    U(u64),
    I(i64),
}

impl Number {
    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::U(n) => visitor.visit_u64(n),
            Self::I(n) => visitor.visit_i64(n),
        }
    }
}

/// Refuses everything, naming what an enum would have taken.
struct Names(&'static [&'static str]);

enum Never {}

impl Visitor<'_> for Names {
    type Value = Never;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "one of {}", self.0.join(", "))
    }
}

struct List<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for List<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|node| seed.deserialize(node).map_err(|e| e.or_at(node.at))).transpose()
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, (String, At, Node)>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, at, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(de::value::BorrowedStrDeserializer::new(key))
            .map(Some)
            .map_err(|e: Error| e.or_at(*at))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let node =
            self.value.take().ok_or_else(|| de::Error::custom("a value was asked for before its key"))?;
        seed.deserialize(node).map_err(|e| e.or_at(node.at))
    }
}
