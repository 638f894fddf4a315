//! The senders with a name: the built-in profiles, and those that a scenario brings along.

use super::compiled::{Compiled, Places};
use super::seen::{self, Seen};
use super::spec::{BodySpec, Example, RequestSpec, SettingNames, SignatureSpec, SpecError};
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError};

mod written;

/// How a sender's requests look: a built-in profile by name, or one of a file. A handle: it is copied, and two are equal when
/// they mean the same.
#[derive(Clone, Copy)]
pub struct Scheme(&'static Slot);

/// Where a profile is kept.
struct Slot {
    /// The name in journals and on the command line.
    name: &'static str,
    /// The name of the profile.
    sender: &'static str,
    aliases: &'static [&'static str],
    /// The profile's file, read when it is first asked for.
    yaml: &'static str,
    compiled: OnceLock<Compiled>,
}

/// Those that are not built in. They are few: one for each profile that a process reads.
static OTHERS: Mutex<Vec<Scheme>> = Mutex::new(Vec::new());

/// A sender's name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown signature scheme `{0}`; known: {known}", known = Scheme::ALL.map(Scheme::name).join(", "))]
pub struct UnknownScheme(pub String);

/// Declares the built-in profiles: constant, name in journals, name of the profile, other names.
macro_rules! built_in {
    ($($constant:ident = $name:literal $sender:literal [$($alias:literal),*];)*) => {
        $(
            #[expect(non_upper_case_globals, reason = "a static for each constant, by the constant's name")]
            static $constant: Slot = Slot {
                name: $name,
                sender: $sender,
                aliases: &[$($alias),*],
                yaml: include_str!(concat!("../../../scenarios/senders/", $sender, ".yaml")),
                compiled: OnceLock::new(),
            };
        )*

        #[expect(non_upper_case_globals, reason = "they were the variants of an enum, and read as such")]
        #[expect(missing_docs, reason = "each is its file in scenarios/senders")]
        impl Scheme {
            $(pub const $constant: Self = Self(&$constant);)*
            /// Every built-in profile, the most usual first: a probe tries the first few where a receiver refuses its own sender.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self(&$constant)),*];
        }
    };
}

built_in! {
    DeltacrownV1 = "deltacrown-v1" "deltacrown-5.5" [];
    DeltacrownV2 = "deltacrown-v2" "deltacrown-5.6" ["deltacrown"];
    StandardWebhooks = "standard-webhooks" "standard-webhooks" [];
    Stripe = "stripe" "stripe" [];
    Github = "github" "github" [];
    Slack = "slack" "slack" [];
    Timestamped = "timestamped" "timestamped" [];
    Svix = "svix" "svix" [];
    Gitlab = "gitlab" "gitlab" [];
    Shopify = "shopify" "shopify" [];
    Woocommerce = "woocommerce" "woocommerce" [];
    Paddle = "paddle" "paddle" [];
    Square = "square" "square" [];
    Twilio = "twilio" "twilio" [];
    Hubspot = "hubspot" "hubspot" [];
    Zoom = "zoom" "zoom" [];
    Linear = "linear" "linear" [];
    Line = "line" "line" [];
    Discord = "discord" "discord" [];
    Sendgrid = "sendgrid" "sendgrid" [];
    Mailgun = "mailgun" "mailgun" [];
    Adyen = "adyen" "adyen" [];
    Telegram = "telegram" "telegram" [];
    Intercom = "intercom" "intercom" [];
    Calendly = "calendly" "calendly" [];
    Mlflow = "mlflow" "mlflow" [];
    Alertmanager = "alertmanager" "alertmanager" [];
    DjangoWebhook = "django-webhook" "django-webhook" [];
    Rfc9421 = "rfc9421" "rfc9421" [];
}

/// Name and requests of a sender: what of a profile's file is about them, and what stands for one in a journal.
#[derive(Deserialize)]
struct FileView {
    name: String,
    signature: SignatureSpec,
    #[serde(default)]
    event: super::spec::Place,
    #[serde(default)]
    id: super::spec::Place,
    #[serde(default)]
    body: BodySpec,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    caveats: Vec<String>,
    #[serde(default)]
    user_agent: Option<String>,
    #[serde(default)]
    settings: SettingNames,
    #[serde(default)]
    example: Option<Example>,
}

impl FileView {
    fn spec(self) -> RequestSpec {
        let Self { name: _, signature, event, id, body, headers, caveats, user_agent, settings, example } =
            self;
        RequestSpec { signature, event, id, body, headers, caveats, user_agent, settings, example }
    }
}

impl Slot {
    fn compiled(&'static self) -> &'static Compiled {
        self.compiled.get_or_init(|| {
            let read = serde_saphyr::from_str::<FileView>(self.yaml).ok();
            let compiled = read.and_then(|file| Compiled::new(self.name, file.spec()).ok());
            compiled.unwrap_or_else(|| unreadable(self.name))
        })
    }
}

/// What stands for a built-in profile that cannot be read: a test sees to it that there is none. Nothing is valid under it.
fn unreadable(name: &'static str) -> Compiled {
    static SPEC: OnceLock<RequestSpec> = OnceLock::new();
    let empty = RequestSpec {
        signature: SignatureSpec::default(),
        event: Default::default(),
        id: Default::default(),
        body: BodySpec::default(),
        headers: Vec::new(),
        caveats: Vec::new(),
        user_agent: None,
        settings: SettingNames::default(),
        example: None,
    };
    let spec = SPEC.get_or_init(|| empty);
    let template = super::template::Template::nothing();
    let (versions, own, caveats) = (Vec::new(), Vec::new(), Vec::new());
    Compiled {
        name,
        spec,
        template,
        versions,
        own,
        own_places: Vec::new(),
        places: Places::default(),
        caveats,
        separator: "",
        labelled: false,
        needs_id: false,
    }
}

impl Scheme {
    /// The name in journals, on the command line and in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }

    /// The name of the sender's profile; another than [`Scheme::name`] where journals have an older one.
    #[must_use]
    pub const fn sender(self) -> &'static str {
        self.0.sender
    }

    /// The text of a built-in profile's file; empty for another.
    #[must_use]
    pub const fn profile(self) -> &'static str {
        self.0.yaml
    }

    /// Whether the profile is built in.
    #[must_use]
    pub const fn is_built_in(self) -> bool {
        !self.0.yaml.is_empty()
    }

    pub(crate) fn compiled(self) -> &'static Compiled {
        self.0.compiled()
    }

    /// The profile's part about requests.
    #[must_use]
    pub fn spec(self) -> &'static RequestSpec {
        self.compiled().spec
    }

    /// A sender of this name with these requests. The same data give the same handle.
    ///
    /// # Errors
    /// Everything that is wrong with the data, each with its place.
    pub fn of(name: &str, spec: RequestSpec) -> Result<Self, Vec<SpecError>> {
        let same = |known: &Self| known.sender() == name && *known.spec() == spec;
        if let Some(known) = Self::ALL.iter().find(|known| same(known)) {
            return Ok(*known);
        }
        let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = others.iter().find(|known| same(known)) {
            return Ok(*known);
        }
        let compiled = Compiled::new(name, spec)?;
        let name = compiled.name;
        let slot = Slot { name, sender: name, aliases: &[], yaml: "", compiled: OnceLock::from(compiled) };
        let scheme = Self(Box::leak(Box::new(slot)));
        others.push(scheme);
        Ok(scheme)
    }

    /// The bytes that a request's signature covers, with any text in place of its timestamp: for whoever makes requests that
    /// no sender would. Without meaning for HTTP message signatures.
    #[must_use]
    pub fn message(self, request: &crate::Received<'_>, timestamp: &str, id: &str) -> Vec<u8> {
        let context = super::template::Context::new(timestamp, id, request.headers, request.body);
        let url = super::other_urls::signed_url(&self.spec().signature, request.url);
        self.compiled().template.whole(&context.to(request.method, &url))
    }

    /// A fresh secret in the form that this sender's have: for key pairs, a pair, which signs and verifies.
    ///
    /// # Errors
    /// When the operating system gives no random bytes, or the sender's keys are RSA, which other tools make.
    pub fn generate_secret(self) -> Result<crate::Secret, getrandom::Error> {
        crate::Secret::generate_for(self.compiled())
    }

    /// The id of the delivery, where it stands in a header.
    #[must_use]
    pub fn id(self, headers: &[(String, String)]) -> Option<&str> {
        seen::first(headers, self.spec().id.header.as_deref()?)
    }

    /// Whether webhooks of this sender carry an id.
    #[must_use]
    pub fn has_id(self) -> bool {
        !self.spec().id.is_nowhere()
    }

    /// Whether webhooks of this scheme name their event in a header.
    #[must_use]
    pub fn has_event(self) -> bool {
        self.spec().event.header.is_some()
    }

    /// Whether webhooks of this sender say when they were signed.
    #[must_use]
    pub fn has_timestamp(self) -> bool {
        self.spec().signature.timestamp.is_some()
    }

    /// To how many milliseconds webhooks of this sender say when they were signed: 1000 for whole seconds.
    #[must_use]
    pub fn timestamp_step_ms(self) -> Option<i64> {
        Some(self.spec().signature.timestamp.as_ref()?.unit.ms())
    }

    /// Whether the signature covers the id.
    #[must_use]
    pub fn signs_id(self) -> bool {
        self.compiled().template.has(&super::template::Piece::Id)
    }

    /// Whether the signature is an HMAC-SHA256 in hex digits that stands in a header by itself.
    #[must_use]
    pub fn is_plain_hex_sha256(self) -> bool {
        use super::spec::{Algorithm, Encoding, Form};
        let s = &self.spec().signature;
        let plain = s.form == Form::Plain && s.header.is_some();
        plain && (s.algorithm, s.encoding) == (Algorithm::HmacSha256, Encoding::Hex)
    }

    /// Whether webhooks of this sender are signed at all.
    #[must_use]
    pub fn is_signed(self) -> bool {
        self.spec().signature.algorithm != super::spec::Algorithm::None
    }

    /// Whether nobody but the holder of the key can have made up the body of a webhook: a token is shown to whoever receives one, and
    /// some senders sign a part of what they send.
    #[must_use]
    pub fn signs_body(self) -> bool {
        use super::spec::{Algorithm, Form};
        let signature = &self.spec().signature;
        match (signature.algorithm, signature.form) {
            (Algorithm::None | Algorithm::Token, _) => false,
            (_, Form::MessageSignatures) => {
                signature.components.iter().any(|component| component == "content-digest")
            }
            _ => self.compiled().template.covers_body(),
        }
    }

    /// Whether the URL that the sender posts to is part of what it signs.
    #[must_use]
    pub fn signs_url(self) -> bool {
        self.compiled().template.needs_url()
            || self.spec().signature.components.iter().any(|c| c.starts_with('@') && c != "@method")
    }

    /// Why headers alone do not sign a JSON body that was made without knowing the sender, as the end of a sentence about its
    /// webhooks; none where they do, and for a sender that signs nothing.
    #[must_use]
    pub fn needs_own_body(self) -> Option<&'static str> {
        let time = self.spec().signature.timestamp.as_ref();
        if !self.is_signed() {
            None
        } else if self.signature_header().is_none() {
            Some("are not signed in a header")
        } else if self.compiled().template.needs_form() {
            Some("sign the fields of a form")
        } else if time.is_some_and(|time| time.json.is_some()) {
            Some("carry their signing time in the body")
        } else if self.signed_foreign_header().is_some() {
            Some("sign a header that is none of the sender's own")
        } else {
            None
        }
    }

    /// A header that is signed and says neither id, event nor time, so that whoever signs for the sender does not know its value.
    #[must_use]
    pub fn signed_foreign_header(self) -> Option<&'static str> {
        let Compiled { own, template, places, .. } = self.compiled();
        let known = [places.id, places.event, places.timestamp].map(|place| own.get(place?));
        let is_known = |header: &str| known.iter().flatten().any(|name| name.eq_ignore_ascii_case(header));
        template.headers().find(|header| !is_known(header))
    }

    /// The header with the signature.
    #[must_use]
    pub fn signature_header(self) -> Option<&'static str> {
        let spec = self.spec();
        let whole = spec.signature.form == super::spec::Form::MessageSignatures;
        spec.signature.header.as_deref().or(whole.then_some("Signature"))
    }

    /// The timestamp of the delivery in Unix milliseconds, where a header has one in the sender's form.
    #[must_use]
    pub fn timestamp_ms(self, headers: &[(String, String)]) -> Option<i64> {
        self.timestamp_ms_of(headers, b"")
    }

    /// The same of a sender that says it in the body, too.
    #[must_use]
    pub fn timestamp_ms_of(self, headers: &[(String, String)], body: &[u8]) -> Option<i64> {
        let s = &self.spec().signature;
        let unit = s.timestamp.as_ref()?.unit;
        if s.form == super::spec::Form::MessageSignatures {
            let (_, created) = seen::first(headers, "Signature-Input")?.split_once(";created=")?;
            let digits = created.split(|c: char| !c.is_ascii_digit()).next()?;
            return super::spec::Unit::Seconds.parse(digits);
        }
        unit.parse(Seen::read(self.compiled(), headers, body).timestamp.as_deref()?)
    }

    /// Whether two signatures of the same request differ, since there is chance in each.
    #[must_use]
    pub fn signs_anew(self) -> bool {
        use super::spec::Algorithm::{EcdsaP256, EcdsaP256Raw, RsaPssSha512};
        self.compiled()
            .versions
            .iter()
            .any(|v| matches!(v.algorithm, EcdsaP256 | EcdsaP256Raw | RsaPssSha512))
    }

    /// A value as webhooks of this sender can have it: all that a form holds is text.
    #[must_use]
    pub fn as_sent(self, value: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        let body = &self.spec().body;
        match value {
            Value::Number(_) | Value::Bool(_)
                if body.format == super::spec::BodyFormat::Form && body.field.is_none() =>
            {
                Value::String(value.to_string())
            }
            other => other,
        }
    }

    /// The event that the headers name, where the sender has such a header. It is mostly outside the MAC.
    #[must_use]
    pub fn event(self, headers: &[(String, String)]) -> Option<&str> {
        seen::first(headers, self.spec().event.header.as_deref()?)
    }

    /// Names of the headers that the sender itself writes; their values are no user's data.
    #[must_use]
    pub fn own_headers(self) -> &'static [&'static str] {
        &self.compiled().own
    }

    /// JSON pointers of the places in a body that the signature is made of or stands at. What is there may be a user's data,
    /// but a token there is the signature's.
    #[must_use]
    pub fn own_places(self) -> &'static [String] {
        &self.compiled().own_places
    }

    /// What a valid signature of this sender does not prove, one sentence each.
    #[must_use]
    pub fn caveats(self) -> &'static [&'static str] {
        &self.compiled().caveats
    }
}

impl Default for Scheme {
    fn default() -> Self {
        Self::DeltacrownV2
    }
}

impl PartialEq for Scheme {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Scheme {}

impl std::hash::Hash for Scheme {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::ptr::from_ref(self.0).hash(state);
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scheme({})", self.name())
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        let known = |s: &Self| s.0.name == name || s.0.sender == name || s.0.aliases.contains(&name);
        Self::ALL.into_iter().find(known).ok_or_else(|| UnknownScheme(name.to_owned()))
    }
}

#[cfg(test)]
mod tests;
