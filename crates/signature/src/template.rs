//! What is signed: a template, taken apart once and filled in for each request.

use super::spec::{Algorithm, Form, RequestSpec};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::OnceCell;

/// The placeholders, for messages.
pub(crate) const KNOWN: &str = "{body}, {timestamp}, {id}, {method}, {url}, {path}, {path_query}, {header:NAME}, {form:sorted}, {form:NAME}, {json:/pointer}";

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(String),
    Body,
    Timestamp,
    Id,
    Method,
    Url,
    Path,
    PathQuery,
    Header(String),
    FormSorted,
    FormField(String),
    Json(String),
}

/// A template taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
    needs_url: bool,
}

/// What a template is filled in from.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) timestamp: &'a str,
    pub(crate) id: &'a str,
    pub(crate) method: &'a str,
    /// The URL that the sender posts to, whole.
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
    /// Read when it is first asked for.
    json: OnceCell<Option<Value>>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        timestamp: &'a str,
        id: &'a str,
        headers: &'a [(String, String)],
        body: &'a [u8],
    ) -> Self {
        Self { timestamp, id, method: "POST", url: "", headers, body, json: OnceCell::new() }
    }

    pub(crate) fn to(mut self, method: &'a str, url: &'a str) -> Self {
        (self.method, self.url) = (method, url);
        self
    }

    /// The same request with another text of the timestamp.
    pub(crate) fn at<'b>(&'b self, timestamp: &'b str) -> Context<'b> {
        Context::new(timestamp, self.id, self.headers, self.body).to(self.method, self.url)
    }

    /// The same request with another body.
    pub(crate) fn over<'b>(&'b self, body: &'b [u8]) -> Context<'b> {
        Context::new(self.timestamp, self.id, self.headers, body).to(self.method, self.url)
    }

    /// The same request under another URL.
    pub(crate) fn under<'b>(&'b self, url: &'b str) -> Context<'b> {
        Context::new(self.timestamp, self.id, self.headers, self.body).to(self.method, url)
    }

    fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(self.body).ok()).as_ref()
    }

    fn json_text(&self, pointer: &str) -> Cow<'_, [u8]> {
        match self.json().and_then(|json| json.pointer(pointer)) {
            Some(Value::String(text)) => Cow::Borrowed(text.as_bytes()),
            None | Some(Value::Null) => Cow::Borrowed(b""),
            Some(other) => Cow::Owned(other.to_string().into_bytes()),
        }
    }
}

impl Template {
    /// The template of nothing.
    pub(crate) const fn nothing() -> Self {
        Self { pieces: Vec::new(), needs_url: false }
    }

    /// Whether a header of that name is a part of it.
    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// The names of the headers that are parts of it.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Header(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The places of a JSON body that are parts of it.
    pub(crate) fn json_places(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Json(pointer) => Some(pointer.as_str()),
            _ => None,
        })
    }

    /// Whether every message of it has a byte that is not `within`: a text without one is then none of its messages.
    pub(crate) fn leaves(&self, within: impl Fn(u8) -> bool) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Text(text) => !text.bytes().all(&within),
            // `https://`.
            Piece::Url => !within(b':'),
            _ => false,
        })
    }

    /// Takes a text apart; the problems in words when it cannot be.
    pub(crate) fn parse(text: &str, spec: &RequestSpec) -> Result<Self, Vec<String>> {
        let (mut pieces, mut problems) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, tail)) = after.split_once('}') else {
                problems.push("a `{` without its `}`".to_owned());
                return Err(problems);
            };
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            match Piece::named(name) {
                Ok(piece) => pieces.push(piece),
                Err(problem) => problems.push(problem),
            }
            rest = tail;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        let needs_url =
            pieces.iter().any(|piece| matches!(piece, Piece::Url | Piece::Path | Piece::PathQuery));
        let template = Self { pieces, needs_url };
        // One that is no placeholder may have been meant for one that would be missed.
        if problems.is_empty() {
            problems = template.misfits(spec);
        }
        if problems.is_empty() { Ok(template) } else { Err(problems) }
    }

    fn misfits(&self, spec: &RequestSpec) -> Vec<String> {
        let mut problems = Vec::new();
        let s = &spec.signature;
        if matches!(s.algorithm, Algorithm::Token | Algorithm::None) || s.form == Form::MessageSignatures {
            return problems;
        }
        let has = |piece: &Piece| self.pieces.contains(piece);
        let covers = |piece: &Piece| {
            matches!(piece, Piece::Body | Piece::FormSorted | Piece::FormField(_) | Piece::Json(_))
        };
        if !self.pieces.iter().any(covers) {
            problems.push(
                "it covers no part of the body, so anyone could put another body under the signature: \
                 write {body}, {form:sorted} or {json:/pointer}"
                    .to_owned(),
            );
        }
        if has(&Piece::Timestamp) && s.timestamp.is_none() {
            problems
                .push("it has {timestamp}, but `signature.timestamp` does not say where that is".to_owned());
        }
        if has(&Piece::Id) && spec.id.is_nowhere() {
            problems.push("it has {id}, but `id` does not say where that is".to_owned());
        }
        problems
    }

    /// Whether it holds this piece.
    pub(crate) fn has(&self, piece: &Piece) -> bool {
        self.pieces.contains(piece)
    }

    /// Whether it needs the URL that the sender posts to.
    pub(crate) const fn needs_url(&self) -> bool {
        self.needs_url
    }

    /// Whether it needs a body that is a form.
    pub(crate) fn needs_form(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::FormSorted | Piece::FormField(_)))
    }

    /// Whether it signs the body and nothing else.
    pub(crate) fn is_body_only(&self) -> bool {
        matches!(self.pieces.as_slice(), [Piece::Body])
    }

    /// Whether it holds text of its own, such as what stands between its other parts.
    pub(crate) fn has_text(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Text(_)))
    }

    /// Whether the body as it is stands in it.
    pub(crate) fn has_body(&self) -> bool {
        self.has(&Piece::Body)
    }

    /// Whether everything in the body stands in it, as it is or field by field.
    pub(crate) fn covers_body(&self) -> bool {
        self.has_body() || self.has(&Piece::FormSorted)
    }

    /// Gives the message piece by piece, so that no body is copied for it.
    pub(crate) fn feed(&self, context: &Context<'_>, mut sink: impl FnMut(&[u8])) {
        for piece in &self.pieces {
            match piece {
                Piece::Body => sink(context.body),
                Piece::Text(text) => sink(text.as_bytes()),
                Piece::Timestamp => sink(context.timestamp.as_bytes()),
                Piece::Id => sink(context.id.as_bytes()),
                other => sink(&other.fill(context)),
            }
        }
    }

    /// The message in pieces.
    pub(crate) fn pieces<'c>(&'c self, context: &'c Context<'_>) -> Vec<Cow<'c, [u8]>> {
        self.pieces.iter().map(|piece| piece.fill(context)).collect()
    }

    /// The message with what is no text in a body's JSON as Python writes it; nothing where there is no such place.
    pub(crate) fn in_python(&self, context: &Context<'_>) -> Option<Vec<u8>> {
        let mut differs = false;
        let whole = self.pieces.iter().flat_map(|piece| {
            let Piece::Json(pointer) = piece else { return piece.fill(context).into_owned() };
            let word = match context.json().and_then(|json| json.pointer(pointer)) {
                Some(Value::Null) => "None",
                Some(Value::Bool(true)) => "True",
                Some(Value::Bool(false)) => "False",
                _ => return piece.fill(context).into_owned(),
            };
            differs = true;
            word.into()
        });
        let whole = whole.collect();
        differs.then_some(whole)
    }

    /// The message in pieces, with `None` where the body stands.
    pub(crate) fn split_at_body(&self, context: &Context<'_>) -> Vec<Option<Vec<u8>>> {
        let piece = |piece: &Piece| (*piece != Piece::Body).then(|| piece.fill(context).into_owned());
        self.pieces.iter().map(piece).collect()
    }

    /// The message whole.
    pub(crate) fn whole(&self, context: &Context<'_>) -> Vec<u8> {
        let mut all = Vec::with_capacity(context.body.len() + 64);
        self.feed(context, |piece| all.extend_from_slice(piece));
        all
    }
}

impl Piece {
    fn named(name: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "`{{{}}}` is not a placeholder; known: {KNOWN}",
                name.chars().take(40).collect::<String>()
            )
        };
        Ok(match name.split_once(':') {
            None => match name {
                "body" => Self::Body,
                "timestamp" => Self::Timestamp,
                "id" => Self::Id,
                "method" => Self::Method,
                "url" => Self::Url,
                "path" => Self::Path,
                "path_query" => Self::PathQuery,
                _ => return Err(unknown()),
            },
            Some(("header", header)) if super::misfits::is_token(header) => Self::Header(header.to_owned()),
            Some(("header", _)) => return Err(format!("`{{{name}}}`: {{header:NAME}} names a header")),
            Some(("form", "sorted")) => Self::FormSorted,
            Some(("form", field)) if !field.is_empty() => Self::FormField(field.to_owned()),
            Some(("json", pointer)) if pointer.starts_with('/') => Self::Json(pointer.to_owned()),
            Some(("json", _)) => return Err(format!("`{{{name}}}`: a JSON pointer begins with `/`")),
            Some(_) => return Err(unknown()),
        })
    }

    fn fill<'c>(&'c self, context: &'c Context<'_>) -> Cow<'c, [u8]> {
        match self {
            Self::Text(text) => Cow::Borrowed(text.as_bytes()),
            Self::Body => Cow::Borrowed(context.body),
            Self::Timestamp => Cow::Borrowed(context.timestamp.as_bytes()),
            Self::Id => Cow::Borrowed(context.id.as_bytes()),
            Self::Method => Cow::Borrowed(context.method.as_bytes()),
            Self::Url => Cow::Borrowed(context.url.as_bytes()),
            Self::Path => {
                let whole = path_of(context.url);
                Cow::Borrowed(whole.split_once('?').map_or(whole, |(path, _)| path).as_bytes())
            }
            Self::PathQuery => Cow::Borrowed(path_of(context.url).as_bytes()),
            Self::Header(name) => {
                Cow::Borrowed(super::seen::first(context.headers, name).unwrap_or_default().as_bytes())
            }
            Self::FormSorted => Cow::Owned(sorted_form(context.body)),
            Self::FormField(name) => {
                let field = form_fields(context.body).into_iter().find(|(n, _)| n == name);
                Cow::Owned(field.map(|(_, value)| value.into_bytes()).unwrap_or_default())
            }
            Self::Json(pointer) => context.json_text(pointer),
        }
    }
}

/// Path and query of a URL.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
}

/// The value of a field of a URL's query, decoded; the first one.
pub(crate) fn query_field(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    form_fields(query.as_bytes()).into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
}

/// The fields of a form, decoded, as they stand.
pub(crate) fn form_fields(body: &[u8]) -> Vec<(String, String)> {
    let decode = |text: &[u8]| {
        let blanks: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        percent_encoding::percent_decode(&blanks).decode_utf8_lossy().into_owned()
    };
    body.split(|b| *b == b'&')
        .filter(|field| !field.is_empty())
        .map(|field| {
            let at = field.iter().position(|b| *b == b'=');
            let (name, value) = match at {
                Some(at) => (field.get(..at), field.get(at + 1..)),
                None => (Some(field), None),
            };
            (decode(name.unwrap_or_default()), decode(value.unwrap_or_default()))
        })
        .collect()
}

/// Name and value of each field, sorted, one behind the other; the same pair counts once (as Twilio's libraries have it).
fn sorted_form(body: &[u8]) -> Vec<u8> {
    let mut fields = form_fields(body);
    fields.sort();
    fields.dedup();
    fields.into_iter().flat_map(|(name, value)| [name, value]).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_its_query_where_the_profile_says_so() {
        let spec = RequestSpec::default();
        let context = Context::new("", "", &[], b"x").to("PUT", "https://a.b/c/d?e=f");
        let whole = |text: &str| Template::parse(text, &spec).map(|t| t.whole(&context)).unwrap();
        assert_eq!(whole("{method} {path} {body}"), b"PUT /c/d x");
        assert_eq!(whole("{method} {path_query} {body}"), b"PUT /c/d?e=f x");
        assert_eq!(query_field("https://a.b/c?e=%66&e=g#h", "e").as_deref(), Some("f"));
    }
}
