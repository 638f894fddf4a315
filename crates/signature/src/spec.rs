//! A sender's requests as data: how they are signed, and where event and id stand. What profiles (`scenarios/senders/`) say.

use crate::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

impl RequestSpec {
    /// Where bodies say the event once more, as JSON pointers.
    pub fn further_events(&self) -> impl Iterator<Item = &str> {
        self.example.iter().flat_map(|example| &example.events).map(String::as_str)
    }
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
    /// Further places of its body that say the event, as JSON pointers. A webhook that has one of them must say its event there.
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
    /// Whether the URL that is signed may have its query escaped anew, as browsers and form encoders escape it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any_query: bool,
    /// Characters that stand in the signed URL as themselves where the request has their escapes: with `:/` here `%3A%2F` is signed
    /// as `:/`. The URL as it is requested is taken too.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url_decodes: String,
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
    /// The same as the 64 bytes of r and s, one behind the other, as JOSE and Web Crypto have it.
    EcdsaP256Raw,
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
            Self::EcdsaP256 | Self::EcdsaP256Raw => "ECDSA P-256",
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
        matches!(self, Self::Ed25519 | Self::EcdsaP256 | Self::EcdsaP256Raw | Self::Rsa | Self::RsaPssSha512)
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
    pub const fn ms(self) -> i64 {
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
    /// The media type that a `Content-Type` must name (RFC 9110, section 8.3), without parameters; any will do when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
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

pub(crate) fn is_body_template(text: &str) -> bool {
    text == "{body}"
}

/// 300 s, as most senders' own libraries have it.
#[expect(clippy::unnecessary_wraps, reason = "serde's default has the field's type")]
const fn tolerance() -> Option<u32> {
    Some(300)
}
