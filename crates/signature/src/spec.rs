//! A sender's requests as data: how they are signed, and where event and id stand. What profiles (`scenarios/senders/`) say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest text that a profile may hold, in bytes: a template, a prefix, the name of a header.
const MAX_TEXT: usize = 4096;

/// The most versions, components or headers that a profile may list.
const MAX_ITEMS: usize = 32;

/// The components that are derived from a request (RFC 9421, section 2.2), but for `@query-param`, which has parameters.
const DERIVED: [&str; 7] =
    ["@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"];

/// What a time outside the signature means.
pub(crate) const UNSIGNED_TIME: &str =
    "the timestamp is outside the signature: whoever replays a webhook puts a fresh one on it";

/// What a sender's requests look like: its signature, and where event and id stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestSpec {
    /// How requests are signed.
    pub signature: SignatureSpec,
    /// Where the name of the event stands; nowhere when left out.
    #[serde(default, skip_serializing_if = "Place::is_nowhere")]
    pub event: Place,
    /// Where the id of the delivery stands, which tells a retry from a new webhook; nowhere when left out.
    #[serde(default, skip_serializing_if = "Place::is_nowhere")]
    pub id: Place,
    /// What the body is; JSON when left out.
    #[serde(default, skip_serializing_if = "BodySpec::is_json")]
    pub body: BodySpec,
    /// Headers that the sender writes itself, in the order in which it writes them; those of id, timestamp, event and
    /// signature when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// What a valid signature of this sender does not prove, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// The product that its `User-Agent` names, without a version: what names another is rather a stranger's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// What its settings are called, for messages that say what to set.
    #[serde(default, skip_serializing_if = "SettingNames::is_empty")]
    pub settings: SettingNames,
    /// A webhook as it sends them, for probes of receivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<Example>,
}

/// What the settings of a sender are called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingNames {
    /// Whether it sends at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<String>,
    /// How long an attempt may last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Attempts in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<String>,
    /// The earlier scheme of it that signs the body alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_only: Option<String>,
    /// The scheme of it that signs `{timestamp}.{body}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamped: Option<String>,
}

impl SettingNames {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A webhook of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Its event.
    pub event: String,
    /// Its body; event and id are put in where the profile says that they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Further places of its body that say the event, as JSON pointers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
}

/// How requests are signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureSpec {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// What is signed: text, and `{body}`, `{timestamp}`, `{id}`, `{method}`, `{url}` (whole), `{path}` (of the URL, without
    /// its query), `{path_query}` (both), `{header:NAME}`, `{form:sorted}` (all fields of a form, sorted, each name followed by its value), `{form:NAME}`, `{json:/pointer}`.
    #[serde(default = "body_template", skip_serializing_if = "is_body_template")]
    pub message: String,
    /// The header that holds the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// JSON pointer to the signature in the body, for senders that put it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// How the header is made up.
    #[serde(default, skip_serializing_if = "Form::is_plain")]
    pub form: Form,
    /// What stands between the entries of a list (` ` when left out) or of key=value pairs (`,` when left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// In pairs: the key of the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// In pairs: whether a key that the profile does not name makes the header malformed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_keys: bool,
    /// In pairs: whether of several signatures under one key the last alone counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last_only: bool,
    /// Whether the URL that is signed may be the one without its port, or with the usual one, as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_port: bool,
    /// The field of the URL's query that may hold the SHA-256 of the body in hex (`bodySHA256`): the message has nothing of the
    /// body then, which is covered by way of the URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_digest: Option<String>,
    /// What stands before the signature (`sha256=`), in a list before each entry of this version (`v1,`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Whether a signature without the prefix is taken too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prefix_optional: bool,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// How the secret's text becomes the key.
    #[serde(default, skip_serializing_if = "SecretSpec::is_text")]
    pub secret: SecretSpec,
    /// Where the time of signing stands, and how old it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampSpec>,
    /// Further versions that may stand in the same header; the secret's form decides which one is checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionSpec>,
    /// For `message-signatures`: the components that must be covered, such as `@method` or `content-digest`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
}

/// Another version of a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionSpec {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// As [`SignatureSpec::key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// As [`SignatureSpec::prefix`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// How the signature is written.
    #[serde(default)]
    pub encoding: Encoding,
    /// How the secret's text becomes the key.
    #[serde(default, skip_serializing_if = "SecretSpec::is_text")]
    pub secret: SecretSpec,
}

/// What makes a signature out of a message and a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    #[default]
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA on P-256 with SHA-256; in DER, in message signatures 64 bytes.
    EcdsaP256,
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rsa,
    /// RSA-PSS with SHA-512, as RFC 9421 has it.
    RsaPssSha512,
    /// The secret itself stands in the header.
    Token,
    /// Nothing is signed.
    None,
}

impl Algorithm {
    /// The name in profiles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "HMAC-SHA1",
            Self::HmacSha256 => "HMAC-SHA256",
            Self::HmacSha512 => "HMAC-SHA512",
            Self::Ed25519 => "Ed25519",
            Self::EcdsaP256 => "ECDSA P-256",
            Self::Rsa => "RSA",
            Self::RsaPssSha512 => "RSA-PSS",
            Self::Token => "token",
            Self::None => "none",
        }
    }

    /// Bytes of a digest, for HMAC.
    pub(crate) const fn digest_bytes(self) -> Option<usize> {
        match self {
            Self::HmacSha1 => Some(20),
            Self::HmacSha256 => Some(32),
            Self::HmacSha512 => Some(64),
            _ => None,
        }
    }

    pub(crate) const fn is_public_key(self) -> bool {
        matches!(self, Self::Ed25519 | Self::EcdsaP256 | Self::Rsa | Self::RsaPssSha512)
    }
}

/// How the header with the signature is made up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// One signature.
    #[default]
    Plain,
    /// Several, one of which must be right.
    List,
    /// `t=…,v1=…`: pairs of key and value, without blanks.
    Pairs,
    /// HTTP Message Signatures (RFC 9421): `Signature-Input`, `Signature`, `Content-Digest`.
    MessageSignatures,
}

impl Form {
    const fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Lower-case hex.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
    /// URL-safe base64, with padding or without.
    Base64url,
}

/// How the secret's text becomes the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretSpec {
    /// How the key is written. PEM is always understood where the algorithm has public keys.
    #[serde(default)]
    pub encoding: KeyEncoding,
    /// What stands before the key and is no part of it (`whsec_`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// Whether a secret without the prefix is taken too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prefix_optional: bool,
    /// What stands before a public key instead (`whpk_`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub public_prefix: String,
}

impl SecretSpec {
    fn is_text(&self) -> bool {
        *self == Self::default()
    }
}

/// How a key is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyEncoding {
    /// The characters are the key.
    #[default]
    Text,
    /// Hex digits.
    Hex,
    /// Base64, standard or URL-safe, padding optional.
    Base64,
}

/// Where the time of signing stands, and how old it may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampSpec {
    /// A header of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A key among the pairs of the signature header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// JSON pointer to it in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Its unit.
    #[serde(default)]
    pub unit: Unit,
    /// How old it may be, in seconds, inclusive; null: as old as it likes.
    #[serde(default = "tolerance")]
    pub back_seconds: Option<u32>,
    /// Whether one that is exactly so old is too old already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
    /// In the body: whether it must be a number, and not a text of digits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub number: bool,
    /// How far ahead it may be, in seconds, inclusive; null: as far as it likes.
    #[serde(default = "tolerance")]
    pub ahead_seconds: Option<u32>,
}

/// The unit of a timestamp on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Unit {
    /// Unix seconds, 1 to 11 digits.
    #[default]
    #[serde(rename = "s")]
    Seconds,
    /// Unix milliseconds, exactly 13 digits.
    #[serde(rename = "ms")]
    Milliseconds,
    /// A moment in the form of RFC 3339.
    #[serde(rename = "rfc3339")]
    Rfc3339,
}

impl Unit {
    /// Milliseconds in one.
    pub(crate) const fn ms(self) -> i64 {
        match self {
            Self::Milliseconds | Self::Rfc3339 => 1,
            Self::Seconds => 1000,
        }
    }

    /// The time in Unix milliseconds that `text` says, when it has the form of this unit.
    pub(crate) fn parse(self, text: &str) -> Option<i64> {
        let fits = match self {
            Self::Milliseconds => text.len() == 13,
            Self::Seconds => (1..=11).contains(&text.len()),
            Self::Rfc3339 => {
                return Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis());
            }
        };
        let value: i64 = (fits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())??;
        value.checked_mul(self.ms())
    }

    /// The text of a time in Unix milliseconds; seconds round down.
    pub(crate) fn write(self, ms: i64) -> String {
        match self {
            Self::Rfc3339 => chrono::DateTime::from_timestamp_millis(ms)
                .map(|t| t.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
                .unwrap_or_default(),
            _ => ms.div_euclid(self.ms()).to_string(),
        }
    }
}

/// Where something stands in a request: in a header, or in the body. Nowhere when both are left out; an event may stand in
/// both, and then the body counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The name of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// JSON pointer (RFC 6901) into the body; in a batch, into each of its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// Whether a request without it is malformed. It always is where the signature covers it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// Whether it must be a UUID (8-4-4-4-12 hex digits).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uuid: bool,
}

impl Place {
    /// Whether it stands in no place at all.
    #[must_use]
    pub const fn is_nowhere(&self) -> bool {
        self.header.is_none() && self.json.is_none()
    }
}

/// What a body is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodySpec {
    /// Its format.
    #[serde(default)]
    pub format: BodyFormat,
    /// For a form: the field whose value is JSON (`payload`); all fields become one object when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// JSON pointer to the array of webhooks in one request, ending in `/*`: `/alerts/*`, or `/*` for an array as body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

impl BodySpec {
    fn is_json(&self) -> bool {
        *self == Self::default()
    }
}

/// The format of a body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BodyFormat {
    /// JSON.
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// XML, text or bytes that are not looked into.
    Opaque,
}

/// Something that a profile cannot say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct SpecError {
    /// Where, such as `signature.message`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl SpecError {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }
}

fn body_template() -> String {
    "{body}".to_owned()
}

fn is_body_template(text: &str) -> bool {
    text == "{body}"
}

/// 300 s, as most senders' own libraries have it.
#[expect(clippy::unnecessary_wraps, reason = "serde's default has the field's type")]
const fn tolerance() -> Option<u32> {
    Some(300)
}

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
                say("signature", "where does the signature stand? give `header: NAME`, or `json: /pointer`");
            }
            (true, true, true) => {
                say("signature.json", "the signature stands in a header or in the body, not both");
            }
            (false, true, _) | (false, _, true) => {
                say("signature.algorithm", "`none` has no signature, so leave out `header` and `json`");
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
            say("signature.separator", "it is empty; leave it out, or say what stands between the entries");
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
        if let Err(problems) = super::template::Template::parse(&s.message, self) {
            found.extend(problems.into_iter().map(|problem| SpecError::new("signature.message", problem)));
        }
        found
    }

    fn version_problems(&self, found: &mut Vec<SpecError>) {
        let s = &self.signature;
        let mut say = |path: String, problem: &str| found.push(SpecError::new(path, problem));
        // As the key of a secret is chosen: by what the secret begins with, PEM for the first key pair, else the first version
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
            let by_pem = algorithm.is_public_key() && !before.iter().any(|(other, _)| other.is_public_key());
            let by_prefix = prefixes(secret).iter().any(is_new);
            let by_itself = is_bare(secret) && !before.iter().any(|(_, other)| is_bare(other));
            if !(by_pem || by_prefix || by_itself) {
                say(
                    format!("signature.versions.{i}"),
                    "no secret chooses this version, so that it is never checked: give it a `secret.prefix` of its own, or \
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
            let problem = "`content-digest` is not among them, so that anybody can put another body under the signature: write \
                           [\"@method\", \"@target-uri\", \"content-digest\"]";
            say("signature.components", problem.to_owned());
        }
        for (i, component) in s.components.iter().enumerate() {
            let path = format!("signature.components.{i}");
            let derived = component.starts_with('@');
            if derived && !DERIVED.contains(&component.as_str()) {
                let known = DERIVED.join(", ");
                say(&path, format!("`{}` is no component of a request; there are {known}", shown(component)));
            } else if !derived && (!is_token(component) || component.bytes().any(|b| b.is_ascii_uppercase()))
            {
                let problem = "is no name of a header in lower case, as components are written";
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
            say("signature.timestamp.number", "it belongs to a time in the body: `json: /pointer`");
        }
    }

    fn place_problems(&self, found: &mut Vec<SpecError>) {
        let mut pointers = vec![("signature.json", self.signature.json.as_deref())];
        if let Some(t) = &self.signature.timestamp {
            pointers.push(("signature.timestamp.json", t.json.as_deref()));
        }
        // An event may stand in both: then the body counts, which is signed.
        if self.id.header.is_some() && self.id.json.is_some() {
            found.push(SpecError::new("id", "it stands in a header or in the body, not both"));
        }
        pointers.extend([("event.json", self.event.json.as_deref()), ("id.json", self.id.json.as_deref())]);
        for (path, pointer) in pointers {
            if let Some(pointer) = pointer.filter(|p| !p.is_empty() && !p.starts_with('/')) {
                let problem = format!("`{}` is no JSON pointer: it begins with `/`", shown(pointer));
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
            found.push(SpecError::new(
                path,
                "the body is opaque, which means that nothing is looked for in it",
            ));
        }
        if let Some(batch) = self.body.batch.as_deref().filter(|b| !(b.starts_with('/') && b.ends_with("/*")))
        {
            let problem = format!("`{}` is no place of an array: write `/alerts/*`, or `/*`", shown(batch));
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
                let problem = format!("`{}` is no name of a header", shown(name));
                found.push(SpecError::new(path, problem));
            }
        }
        let texts = [s.message.len(), s.prefix.len(), s.separator.as_deref().map_or(0, str::len)];
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
