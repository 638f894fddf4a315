//! The one reader of bodies of webhooks: what a request holds as its sender's profile says. JSON, a form or a field of one,
//! several webhooks in one request, packed or not; text and XML are not looked into.

use super::event::EVENT;
use super::json_projection::{JsonProjection, at, hides_nothing};
use super::reading::{NotJson, mended, read_json};
use percent_encoding::percent_decode;
use pii::{Coding, UndoneEnd};
use serde_json::{Map, Value};
use signature::{BodyFormat, BodySpec, Scheme, repeated_key};
use std::borrow::Cow;

/// The most bytes that a packed body may have unpacked: a packed one of 1 MiB may be a gigabyte.
const MOST_UNPACKED: usize = 16 * 1024 * 1024;
/// The most keys in a form field's name: what is deeper stays a name.
const MOST_KEYS: usize = 16;

/// What is read of the bodies of a sender's webhooks.
#[derive(Debug, Clone)]
pub struct Reader {
    spec: &'static BodySpec,
    /// Of the body as it is; in a batch what stands around the webhooks, and of each webhook the same.
    wanted: JsonProjection,
    each: JsonProjection,
    /// Of a body that is one webhook what is seldom read; what cannot be read there cannot be read.
    aside: JsonProjection,
}

/// What was read of one request: a webhook, or the several of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhooks {
    body: Value,
    /// The webhooks of a batch; `None` where the body is the webhook.
    batch: Option<Vec<Value>>,
}

/// One webhook of a request. What it does not have itself is looked for in what stands around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Webhook<'a> {
    own: &'a Value,
    around: Option<&'a Value>,
}

/// Why a body is not what its sender's profile says, as a phrase, and what it would be without that.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// Such as `its body is not JSON: it is empty`.
    pub why: String,
    /// What could be read all the same.
    pub mended: Option<Webhooks>,
}

impl Reader {
    /// Reads what says event and id of this sender's webhooks.
    #[must_use]
    pub fn new(scheme: Scheme) -> Self {
        let spec = scheme.spec();
        let (wanted, each, aside) = Default::default();
        let mut reader = Self { spec: &spec.body, wanted, each, aside };
        reader.add(EVENT);
        let places = [&spec.event, &spec.id].into_iter().filter_map(|place| place.json.as_deref());
        for pointer in places.chain(spec.further_events()).filter(|pointer| *pointer != EVENT) {
            reader.add(pointer);
        }
        reader
    }

    /// Reads what is at a JSON pointer into a webhook, too; the empty one is all of it.
    pub fn add(&mut self, pointer: &str) {
        self.wanted.add(pointer);
        if let Some(batch) = &self.spec.batch {
            self.each.add(pointer);
            self.wanted.add_each(batch.trim_end_matches("/*"), &self.each);
        }
    }

    /// Reads what is at a JSON pointer into a webhook where [`Reader::read_aside`] is asked.
    pub fn add_aside(&mut self, pointer: &str) {
        if self.spec.batch.is_some() { self.add(pointer) } else { self.aside.add(pointer) }
    }

    /// Reads what was added for that of a body that can be read.
    #[must_use]
    pub fn read_aside(&self, headers: &[(String, String)], body: &[u8]) -> Option<Webhooks> {
        if self.spec.batch.is_some() {
            return self.read(headers, body);
        }
        Self { wanted: self.aside.clone(), ..self.clone() }.read(headers, body)
    }

    /// Reads a body; `None` when it is not what the profile says.
    #[must_use]
    pub fn read(&self, headers: &[(String, String)], body: &[u8]) -> Option<Webhooks> {
        self.text(&unpacked(headers, body)?)
    }

    fn text(&self, text: &[u8]) -> Option<Webhooks> {
        match self.spec.format {
            BodyFormat::Opaque => Some(self.opaque(text)),
            BodyFormat::Json => self.json(text),
            BodyFormat::Form => match &self.spec.field {
                Some(field) => self.json(&field_of(text, field)?),
                None => Some(Webhooks { body: form(text)?, batch: None }),
            },
        }
    }

    /// The same, with the reason where it cannot be read.
    ///
    /// # Errors
    /// [`Unreadable`] when the body is not what the profile says.
    pub fn explain(&self, headers: &[(String, String)], body: &[u8]) -> Result<Webhooks, Unreadable> {
        if let Some(read) = self.read(headers, body) {
            return Ok(read);
        }
        let plain = |why: &str| Unreadable { why: why.to_owned(), mended: None };
        let Some(text) = unpacked(headers, body) else {
            return Err(plain("its body does not match its Content-Encoding, or exceeds 16 MiB unpacked"));
        };
        // Whatever is packed was read above where a header says so.
        if let Some(coding) = Coding::shown_by(body).filter(|_| matches!(text, Cow::Borrowed(_))) {
            let mended = undone(coding, body).and_then(|text| self.text(&text));
            if mended.is_some() {
                let coding = coding.name();
                return Err(Unreadable {
                    why: format!("its body is compressed ({coding}), but has no Content-Encoding"),
                    mended,
                });
            }
        }
        let text = match (self.spec.format, &self.spec.field) {
            (BodyFormat::Form, Some(field)) => match field_of(&text, field) {
                Some(text) => text,
                None => return Err(plain(&format!("its body is not a form with the field {field}"))),
            },
            (BodyFormat::Form, None) => return Err(plain("its body is not a form")),
            _ => text,
        };
        let is_form = headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("Content-Type") && value.contains("x-www-form-urlencoded")
        });
        if is_form && self.spec.format == BodyFormat::Json && read_json(&text).is_err() {
            return Err(plain(
                "its body is a form, but the sender's profile says JSON (try `body: { format: form }`)",
            ));
        }
        let not_json = |why: &NotJson| format!("its body is not JSON: {why}");
        Err(match (mended(&text), read_json(&text)) {
            (Some((text, why)), _) => Unreadable { why: not_json(&why), mended: self.json(&text) },
            (None, Err(why)) => Unreadable { why: not_json(&why), mended: None },
            (None, Ok(_)) => plain("its body cannot be read"),
        })
    }

    /// The first key that appears twice in one object of a body, as a JSON pointer into the JSON that it holds: which of its values
    /// counts every reader decides by itself. The last one counts here. `None` for what holds no JSON.
    #[must_use]
    pub fn repeated_key(&self, headers: &[(String, String)], body: &[u8]) -> Option<String> {
        let text = unpacked(headers, body)?;
        let json = match (self.spec.format, &self.spec.field) {
            (BodyFormat::Json, _) => text,
            (BodyFormat::Form, Some(field)) => field_of(&text, field)?.into_owned().into(),
            _ => return None,
        };
        repeated_key(&json)
    }

    fn json(&self, text: &[u8]) -> Option<Webhooks> {
        // Texts that nobody asked for are passed over unread, and may be anything.
        let text = std::str::from_utf8(text).ok()?;
        let mut body = self.wanted.read(text)?;
        if !hides_nothing(text) {
            self.aside.read(text)?;
        }
        let batch = self.spec.batch.as_deref().map(|batch| batch.trim_end_matches("/*"));
        let list = batch.and_then(|batch| match body.pointer_mut(batch)? {
            Value::Array(list) if !list.is_empty() => Some(std::mem::take(list)),
            _ => None,
        });
        Some(Webhooks { body, batch: list })
    }

    /// Text that nobody looks into; whole where somebody asks for it.
    fn opaque(&self, text: &[u8]) -> Webhooks {
        let whole = self.wanted.is_whole();
        let body =
            if whole { Value::String(String::from_utf8_lossy(text).into_owned()) } else { Value::Null };
        Webhooks { body, batch: None }
    }
}

impl Webhooks {
    /// The webhooks, at least one.
    pub fn iter(&self) -> impl Iterator<Item = Webhook<'_>> {
        let alone = self.batch.is_none().then_some(Webhook { own: &self.body, around: None });
        let around = Some(&self.body);
        let batch = self.batch.iter().flatten().map(move |own| Webhook { own, around });
        alone.into_iter().chain(batch)
    }

    /// The first of them.
    #[must_use]
    pub fn first(&self) -> Option<Webhook<'_>> {
        self.iter().next()
    }
}

impl<'a> Webhook<'a> {
    /// A webhook by itself.
    #[must_use]
    pub const fn alone(own: &'a Value) -> Self {
        Self { own, around: None }
    }

    /// What is at a JSON pointer: in the webhook, else around it.
    #[must_use]
    pub fn pointer(self, pointer: &str) -> Option<&'a Value> {
        at(self.own, pointer).or_else(|| at(self.around?, pointer))
    }

    /// Whether it has members, which could say whose it is.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.own.is_object()
    }

    /// The webhook itself.
    #[must_use]
    pub const fn own(self) -> &'a Value {
        self.own
    }
}

/// A body without what it was packed in for the way; `None` when it is not what its header says.
#[must_use]
pub fn unpacked<'b>(headers: &[(String, String)], body: &'b [u8]) -> Option<Cow<'b, [u8]>> {
    let named = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Content-Encoding"));
    let named = named.map_or("", |(_, coding)| coding.trim());
    let plain = named.is_empty() || named.eq_ignore_ascii_case("identity");
    if plain {
        return Some(Cow::Borrowed(body));
    }
    match Coding::named(named)? {
        // A proxy on the way has undone it, and left the header.
        Coding::Gzip if Coding::shown_by(body) != Some(Coding::Gzip) => Some(Cow::Borrowed(body)),
        coding => undone(coding, body),
    }
}

fn undone(coding: Coding, body: &[u8]) -> Option<Cow<'_, [u8]>> {
    let undone = coding.undo(body, MOST_UNPACKED);
    (undone.end == UndoneEnd::Whole).then_some(Cow::Owned(undone.bytes))
}

/// Name and value of a form's field, decoded.
type Field<'t> = (Cow<'t, [u8]>, Cow<'t, [u8]>);

/// The fields of a form; `None` where no `=` is in it.
fn fields(text: &[u8]) -> Option<impl Iterator<Item = Field<'_>>> {
    if !text.contains(&b'=') {
        return None;
    }
    let parts = text.split(|b| *b == b'&').filter(|part| !part.is_empty());
    Some(parts.map(|part| {
        let mut halves = part.splitn(2, |b| *b == b'=');
        let mut next = || decoded(halves.next().unwrap_or_default());
        (next(), next())
    }))
}

fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'+') {
        return percent_decode(text).into();
    }
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

fn field_of<'t>(text: &'t [u8], field: &str) -> Option<Cow<'t, [u8]>> {
    fields(text)?.find(|(name, _)| **name == *field.as_bytes()).map(|(_, value)| value)
}

/// A form as an object of texts; a name that comes again is a list, and `data[email]` is `email` inside of `data`.
fn form(text: &[u8]) -> Option<Value> {
    let mut object = Map::new();
    for (name, value) in fields(text)? {
        let name = String::from_utf8_lossy(&name).into_owned();
        let value = Value::String(String::from_utf8_lossy(&value).into_owned());
        if let Err(value) = add(&mut object, &keys_of(&name), value) {
            let _ = add(&mut object, &[&name], value);
        }
    }
    Some(Value::Object(object))
}

/// The keys of a field's name: `data`, `merges`, `EMAIL` of `data[merges][EMAIL]`; the name itself where brackets do not close.
fn keys_of(name: &str) -> Vec<&str> {
    let inside = || name.strip_suffix(']')?.split_once('[');
    let Some((first, rest)) = inside() else { return vec![name] };
    let keys: Vec<&str> = std::iter::once(first).chain(rest.split("][")).collect();
    let are_names = keys.iter().all(|key| !key.is_empty() && !key.contains(['[', ']']));
    if are_names && keys.len() <= MOST_KEYS { keys } else { vec![name] }
}

/// Puts a value below these keys; gives it back where a text stands in the way.
fn add(members: &mut Map<String, Value>, keys: &[&str], value: Value) -> Result<(), Value> {
    match keys {
        [] => Err(value),
        [name] => {
            match members.get_mut(*name) {
                None => {
                    members.insert((*name).to_owned(), value);
                }
                Some(Value::Array(list)) => list.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
            Ok(())
        }
        [first, rest @ ..] => {
            let inner = members.entry(*first).or_insert_with(|| Value::Object(Map::new()));
            match inner.as_object_mut() {
                Some(inner) => add(inner, rest, value),
                None => Err(value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{event, id};
    use super::*;
    use serde_json::json;
    use std::io::Write;

    fn reader(body: &Value, event: &Value) -> (Scheme, Reader) {
        // Nothing is looked for in an opaque body.
        let id = if body["format"] == "opaque" { json!({}) } else { json!({ "json": "/id" }) };
        let spec: signature::RequestSpec = serde_json::from_value(json!({
            "signature": { "algorithm": "none" }, "body": body, "event": event, "id": id,
        }))
        .unwrap();
        let scheme = Scheme::of("mine", spec).unwrap();
        let mut reader = Reader::new(scheme);
        reader.add("/data/order");
        (scheme, reader)
    }

    fn header(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn a_batch_is_several_webhooks_each_with_what_stands_around_them() {
        let (scheme, reader) = reader(&json!({"batch": "/alerts/*"}), &json!({"json": "/status"}));
        let body = br#"{"status":"firing","id":9,"note":"x","alerts":[{"data":{"order":1}},{"status":"resolved","data":{"order":2}}]}"#;
        let read = reader.read(&[], body).unwrap();
        let seen: Vec<_> = read
            .iter()
            .map(|one| {
                (event(scheme, &[], Some(one)).to_owned(), one.pointer("/data/order").unwrap().clone())
            })
            .collect();
        assert_eq!(seen, [("firing".to_owned(), json!(1)), ("resolved".to_owned(), json!(2))]);
        assert_eq!(read.first().unwrap().pointer("/note"), None, "not asked for");
        assert_eq!(id(scheme, &[], Some(&read)).as_deref(), Some("9"));
        // Without any, what stands around them is all there is.
        let empty = reader.read(&[], br#"{"status":"firing","alerts":[]}"#).unwrap();
        assert_eq!(empty.iter().count(), 1);
    }

    #[test]
    fn a_list_as_body_is_a_batch_whose_id_is_that_of_all() {
        let (scheme, reader) = reader(&json!({"batch": "/*"}), &json!({"json": "/event"}));
        let read =
            reader.read(&[], br#"[{"event":"delivered","id":"a"},{"event":"open","id":"b"}]"#).unwrap();
        let names: Vec<&str> = read.iter().map(|one| event(scheme, &[], Some(one))).collect();
        assert_eq!(names, ["delivered", "open"]);
        assert_eq!(id(scheme, &[], Some(&read)).as_deref(), Some("a\nb"));
        assert!(reader.read(&[], b"[{]").is_none());
    }

    #[test]
    fn fields_with_brackets_are_members() {
        let read = |text: &str| form(text.as_bytes()).unwrap();
        assert_eq!(
            read("type=subscribe&data%5Bemail%5D=a&data[merges][X]=1&data[merges][X]=2"),
            json!({ "type": "subscribe", "data": { "email": "a", "merges": { "X": ["1", "2"] } } })
        );
        for odd in ["a[]", "a[b", "[b]", "a]b[c]", "a[b]c", "a[b[c]]"] {
            assert_eq!(read(&format!("{odd}=1")), json!({ odd: "1" }));
        }
        assert_eq!(read("a=1&a[b]=2"), json!({ "a": "1", "a[b]": "2" }));
        let deep = format!("a{}", "[b]".repeat(2000));
        assert_eq!(read(&format!("{deep}=1")), json!({ deep: "1" }));
    }

    #[test]
    fn forms_are_read_whole_or_by_the_field_that_holds_json() {
        let (_, whole) = reader(&json!({"format": "form"}), &json!({"json": "/type"}));
        let read = whole.read(&[], b"type=paid&data%2Forder=a+b&tag=1&tag=2").unwrap();
        assert_eq!(
            read.first().unwrap().own(),
            &json!({"type": "paid", "data/order": "a b", "tag": ["1", "2"]})
        );
        let told = whole.explain(&[], b"{}").unwrap_err();
        assert_eq!((told.why.as_str(), told.mended), ("its body is not a form", None));
        let (scheme, field) =
            reader(&json!({"format": "form", "field": "payload"}), &json!({"json": "/type"}));
        let read = field
            .read(&[], b"v=1&payload=%7B%22type%22%3A%22paid%22%2C%22data%22%3A%7B%22order%22%3A7%7D%7D")
            .unwrap();
        assert_eq!(event(scheme, &[], read.first()), "paid");
        assert_eq!(read.first().unwrap().pointer("/data/order"), Some(&json!(7)));
        let told = field.explain(&[], b"v=1").unwrap_err();
        assert_eq!(told.why, "its body is not a form with the field payload");
    }

    #[test]
    fn a_key_that_stands_twice_is_found_wherever_the_json_is() {
        let twice =
            |body: &Value, text: &[u8]| reader(body, &json!({"json": "/type"})).1.repeated_key(&[], text);
        let text = br#"{"type":"paid","data":{"order":1,"order":2}}"#;
        assert_eq!(twice(&json!({}), text).as_deref(), Some("/data/order"));
        assert_eq!(twice(&json!({}), br#"{"type":"paid","data":[{"order":1},{"order":2}]}"#), None);
        assert_eq!(twice(&json!({}), b"{"), None);
        let field = json!({"format": "form", "field": "p"});
        assert_eq!(twice(&field, b"p=%7B%22a%22%3A1%2C%22a%22%3A2%7D").as_deref(), Some("/a"));
        assert_eq!(twice(&json!({"format": "form"}), b"tag=1&tag=2"), None);
    }

    #[test]
    fn what_is_packed_is_unpacked_within_bounds() {
        let (scheme, reader) = reader(&json!({}), &json!({"json": "/type"}));
        let packed = |text: &[u8]| {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            packed.write_all(text).unwrap();
            packed.finish().unwrap()
        };
        let body = packed(br#"{"type":"paid"}"#);
        let headers = header("content-encoding", "GZIP");
        assert_eq!(event(scheme, &headers, reader.read(&headers, &body).unwrap().first()), "paid");
        // Whoever reads it as it says it is finds no JSON.
        let told = reader.explain(&[], &body).unwrap_err();
        assert_eq!(told.why, "its body is compressed (gzip), but has no Content-Encoding");
        assert_eq!(event(scheme, &[], told.mended.unwrap().first()), "paid");
        let brotli = b"\x0b\x07\x80{\"type\":\"paid\"}\x03";
        assert_eq!(
            event(scheme, &[], reader.read(&header("Content-Encoding", "br"), brotli).unwrap().first()),
            "paid"
        );
        for coding in ["zstd", "gzip, br"] {
            assert!(
                reader.read(&header("Content-Encoding", coding), br#"{"type":"paid"}"#).is_none(),
                "{coding}"
            );
        }
        let bomb = packed(&vec![b' '; 17 * 1024 * 1024]);
        let told = reader.explain(&header("Content-Encoding", "gzip"), &bomb).unwrap_err();
        assert!(told.why.contains("16 MiB"), "{}", told.why);
    }

    #[test]
    fn opaque_bodies_are_text_where_somebody_asks_for_it() {
        let (scheme, mut reader) = reader(&json!({"format": "opaque"}), &json!({"header": "X-Topic"}));
        let xml = b"<order id=\"7\"/>";
        assert_eq!(reader.read(&[], xml).unwrap().first().unwrap().own(), &Value::Null);
        reader.add("");
        let read = reader.read(&[], xml).unwrap();
        assert_eq!(read.first().unwrap().pointer(""), Some(&json!("<order id=\"7\"/>")));
        let topic = header("X-Topic", "orders/create");
        assert_eq!(event(scheme, &topic, read.first()), "orders/create");
    }

    #[test]
    fn what_is_no_json_is_told_and_mended() {
        let (_, reader) = reader(&json!({}), &json!({"json": "/type"}));
        let told = reader.explain(&[], b"\xef\xbb\xbf{\"type\":\"paid\"}").unwrap_err();
        assert_eq!(told.why, "its body is not JSON: it starts with a byte order mark");
        assert_eq!(told.mended.unwrap().first().unwrap().pointer("/type"), Some(&json!("paid")));
    }
}
