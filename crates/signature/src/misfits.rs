//! What is wrong with a sender's requests as data, and what may be meant so and mostly is not.

use super::public_key::Kind;
use super::spec::{
    Algorithm, BodyFormat, Form, RequestSpec, SecretSpec, SpecError, TimestampSpec, is_body_template,
};
use super::template::Template;

/// The longest text that a profile may hold, in bytes: a template, a prefix, the name of a header.
const MAX_TEXT: usize = 4096;

/// The most versions, components or headers that a profile may list.
const MAX_ITEMS: usize = 32;

/// The components that are derived from a request (RFC 9421, section 2.2), but for `@query-param`, which has parameters.
const DERIVED: [&str; 7] =
    ["@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"];

/// What a time outside the signature means.
pub(crate) const UNSIGNED_TIME: &str =
    "the timestamp is not signed: anyone replaying a webhook can put a fresh one on it";

impl RequestSpec {
    /// Everything that is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<SpecError> {
        let mut found = Vec::new();
        let mut say = |path: &str, problem: &str| found.push(SpecError::new(path, problem));
        let s = &self.signature;
        let signed = !matches!(s.algorithm, Algorithm::None);
        let in_header = s.header.is_some() || s.form == Form::MessageSignatures;
        match (signed, in_header, s.json.is_some()) {
            (true, false, false) => {
                say("signature", "where is the signature? give `header: NAME` or `json: /pointer`");
            }
            (true, true, true) => {
                say("signature.json", "the signature is in a header or in the body, not both");
            }
            (false, true, _) | (false, _, true) => {
                say("signature.algorithm", "`none` has no signature: leave out `header` and `json`");
            }
            _ => {}
        }
        if s.form == Form::Pairs && s.key.is_none() {
            say("signature.form", "pairs need the `key` of the signature, such as `key: v1`");
        }
        if s.form != Form::Pairs && s.key.is_some() {
            say("signature.key", "a key belongs to `form: pairs`");
        }
        for (is_set, path) in [(s.only_keys, "signature.only_keys"), (s.last_only, "signature.last_only")] {
            if is_set && s.form != Form::Pairs {
                say(path, "it belongs to `form: pairs`");
            }
        }
        if s.separator.as_deref() == Some("") {
            say("signature.separator", "it is empty; leave it out, or say what separates the entries");
        }
        let no_message = s.message.is_empty() || is_body_template(&s.message);
        if matches!(s.algorithm, Algorithm::Token | Algorithm::None) && !no_message {
            say(
                "signature.message",
                "a token covers nothing and `none` has no signature: leave out the message",
            );
        }
        if s.prefix.chars().any(char::is_control) {
            say("signature.prefix", "it holds a line break or a control character, which no header can have");
        }
        self.version_problems(&mut found);
        self.component_problems(&mut found);
        self.timestamp_problems(&mut found);
        self.place_problems(&mut found);
        self.size_problems(&mut found);
        match Template::parse(&s.message, self) {
            Ok(message) => self.url_problems(&message, &mut found),
            Err(problems) => {
                found
                    .extend(problems.into_iter().map(|problem| SpecError::new("signature.message", problem)));
            }
        }
        found
    }

    fn url_problems(&self, message: &Template, found: &mut Vec<SpecError>) {
        let s = &self.signature;
        let mut say = |problem: String| found.push(SpecError::new("signature.url_decodes", problem));
        if s.url_decodes.is_empty() {
            return;
        }
        if s.form == Form::MessageSignatures || !message.needs_url() {
            say("it applies to a message with {url}, {path} or {path_query}".to_owned());
        }
        if let Some(other) = s.url_decodes.chars().find(|c| !c.is_ascii_graphic()) {
            say(format!("{other:?} is not a visible ASCII character"));
        }
    }

    fn version_problems(&self, found: &mut Vec<SpecError>) {
        let s = &self.signature;
        let mut say = |path: String, problem: &str| found.push(SpecError::new(path, problem));
        // As the key of a secret is chosen: by what the secret begins with, PEM by the kind of its key, else the first version
        // that asks for no beginning.
        let first = (s.algorithm, &s.secret);
        let mut before = vec![first];
        for (i, version) in s.versions.iter().enumerate() {
            let (algorithm, secret) = (version.algorithm, &version.secret);
            if !algorithm.is_public_key() && algorithm.digest_bytes().is_none() {
                say(
                    format!("signature.versions.{i}.algorithm"),
                    "a version is an HMAC or a public-key signature",
                );
                continue;
            }
            let prefixes = |secret: &SecretSpec| [secret.prefix.clone(), secret.public_prefix.clone()];
            let is_new = |prefix: &String| {
                !prefix.is_empty() && !before.iter().any(|(_, other)| prefixes(other).contains(prefix))
            };
            let is_bare =
                |secret: &SecretSpec| secret.prefix_optional || prefixes(secret).iter().all(String::is_empty);
            let kind = Kind::of(algorithm);
            let by_pem = kind.is_some() && !before.iter().any(|(other, _)| Kind::of(*other) == kind);
            let by_prefix = prefixes(secret).iter().any(is_new);
            let by_itself = is_bare(secret) && !before.iter().any(|(_, other)| is_bare(other));
            if !(by_pem || by_prefix || by_itself) {
                say(
                    format!("signature.versions.{i}"),
                    "no secret selects this version, so it is never checked: give it its own `secret.prefix`, or \
                     leave it out",
                );
            }
            before.push((algorithm, secret));
        }
    }

    /// What may be meant so and mostly is not: where, and what follows from it.
    #[must_use]
    pub fn warnings(&self) -> Vec<SpecError> {
        let s = &self.signature;
        let mut found = Vec::new();
        let signed = s.algorithm.is_public_key() || s.algorithm.digest_bytes().is_some();
        let time = s.timestamp.as_ref().filter(|_| signed && s.form != Form::MessageSignatures);
        let is_outside = |t: &&TimestampSpec| {
            (t.header.is_some() || t.key.is_some()) && !s.message.contains("{timestamp}")
        };
        if time.filter(is_outside).is_some() {
            found.push(SpecError::new("signature.timestamp", UNSIGNED_TIME));
        }
        found
    }

    fn component_problems(&self, found: &mut Vec<SpecError>) {
        let s = &self.signature;
        let mut say = |path: &str, problem: String| found.push(SpecError::new(path, problem));
        if s.form != Form::MessageSignatures {
            if !s.components.is_empty() {
                say("signature.components", "components belong to `form: message-signatures`".to_owned());
            }
            return;
        }
        if s.algorithm == Algorithm::Token {
            say("signature.algorithm", "message signatures are an HMAC or a public-key signature".to_owned());
        }
        if !s.components.iter().any(|c| c == "content-digest") {
            let problem = "`content-digest` is missing, so anyone could put another body under the signature: write \
                           [\"@method\", \"@target-uri\", \"content-digest\"]";
            say("signature.components", problem.to_owned());
        }
        for (i, component) in s.components.iter().enumerate() {
            let path = format!("signature.components.{i}");
            let derived = component.starts_with('@');
            if derived && !DERIVED.contains(&component.as_str()) {
                let known = DERIVED.join(", ");
                say(&path, format!("`{}` is not a component of a request; known: {known}", shown(component)));
            } else if !derived && (!is_token(component) || component.bytes().any(|b| b.is_ascii_uppercase()))
            {
                let problem = "is not a lower-case header name, as components must be";
                say(&path, format!("`{}` {problem}", shown(component)));
            } else if s.components.iter().take(i).any(|before| before == component) {
                say(&path, format!("`{}` is here twice", shown(component)));
            }
        }
    }

    fn timestamp_problems(&self, found: &mut Vec<SpecError>) {
        let Some(t) = &self.signature.timestamp else { return };
        let mut say = |path: &str, problem: &str| found.push(SpecError::new(path, problem));
        let places =
            [t.header.is_some(), t.key.is_some(), t.json.is_some()].into_iter().filter(|p| *p).count();
        let by_itself = self.signature.form == Form::MessageSignatures;
        if places != 1 && !(by_itself && places == 0) {
            say(
                "signature.timestamp",
                "give one of `header: NAME`, `key: t` (of pairs) and `json: /pointer`",
            );
        }
        if t.key.is_some() && self.signature.form != Form::Pairs {
            say("signature.timestamp.key", "a key belongs to `form: pairs`");
        }
        if t.header
            .as_ref()
            .zip(self.signature.header.as_ref())
            .is_some_and(|(t, s)| t.eq_ignore_ascii_case(s))
        {
            say(
                "signature.timestamp.header",
                "that is the signature's header: for both in one, `form: pairs`",
            );
        }
        if t.number && t.json.is_none() {
            say("signature.timestamp.number", "it only applies to a time in the body: `json: /pointer`");
        }
    }

    fn place_problems(&self, found: &mut Vec<SpecError>) {
        let mut pointers = vec![("signature.json", self.signature.json.as_deref())];
        if let Some(t) = &self.signature.timestamp {
            pointers.push(("signature.timestamp.json", t.json.as_deref()));
        }
        // An event may stand in both: then the body counts, which is signed.
        if self.id.header.is_some() && self.id.json.is_some() {
            found.push(SpecError::new("id", "it is in a header or in the body, not both"));
        }
        pointers.extend([("event.json", self.event.json.as_deref()), ("id.json", self.id.json.as_deref())]);
        for (path, pointer) in pointers {
            if let Some(pointer) = pointer.filter(|p| !p.is_empty() && !p.starts_with('/')) {
                let problem = format!("`{}` is not a JSON pointer: it begins with `/`", shown(pointer));
                found.push(SpecError::new(path, problem));
            }
        }
        let opaque = self.body.format == BodyFormat::Opaque;
        let inside = [
            ("event.json", self.event.json.is_some()),
            ("id.json", self.id.json.is_some()),
            ("body.batch", self.body.batch.is_some()),
        ];
        for (path, _) in inside.into_iter().filter(|(_, is_set)| opaque && *is_set) {
            found.push(SpecError::new(path, "the body is opaque, so nothing is read from it"));
        }
        if let Some(batch) = self.body.batch.as_deref().filter(|b| !(b.starts_with('/') && b.ends_with("/*")))
        {
            let problem = format!("`{}` is not an array: write `/alerts/*` or `/*`", shown(batch));
            found.push(SpecError::new("body.batch", problem));
        }
        if self.body.field.is_some() && self.body.format != BodyFormat::Form {
            found.push(SpecError::new("body.field", "a field belongs to `format: form`"));
        }
    }

    fn size_problems(&self, found: &mut Vec<SpecError>) {
        let s = &self.signature;
        let names = [
            ("signature.header", s.header.as_deref()),
            ("signature.timestamp.header", s.timestamp.as_ref().and_then(|t| t.header.as_deref())),
            ("event.header", self.event.header.as_deref()),
            ("id.header", self.id.header.as_deref()),
        ];
        let headers = self.headers.iter().map(|name| ("headers", Some(name.as_str())));
        for (path, name) in names.into_iter().chain(headers) {
            let Some(name) = name else { continue };
            if !is_token(name) {
                let problem = format!("`{}` is not the name of a header", shown(name));
                found.push(SpecError::new(path, problem));
            }
        }
        let separator = s.separator.as_deref().map_or(0, str::len);
        let texts = [s.message.len(), s.prefix.len(), separator, s.url_decodes.len()];
        if texts.into_iter().any(|length| length > MAX_TEXT) {
            found.push(SpecError::new("signature", format!("a text is longer than {MAX_TEXT} bytes")));
        }
        let lists = [s.versions.len(), s.components.len(), self.headers.len(), self.caveats.len()];
        if lists.into_iter().any(|length| length > MAX_ITEMS) {
            found.push(SpecError::new("signature", format!("a list has more than {MAX_ITEMS} entries")));
        }
    }
}

/// A name of a header, as RFC 9110 has it.
pub(crate) fn is_token(name: &str) -> bool {
    let part = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=256).contains(&name.len()) && name.bytes().all(part)
}

/// The beginning of a text for a message.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
