//! What a probe has to know of a sender, from its profile: where signature, timestamp, id and event stand, and how a body looks.

use serde_json::{Map, Value, json};
use signature::{Algorithm, BodyFormat, Encoding, Form, Scheme, Unit};

/// Where the parts of a signed request stand.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub signature: &'static str,
    pub algorithm: Algorithm,
    pub encoding: Encoding,
    /// A header of its own.
    pub timestamp: Option<&'static str>,
    /// A key in the signature header.
    pub time_key: Option<&'static str>,
    pub unit: Option<Unit>,
    /// How old and how far ahead a timestamp may be, in seconds; none: there is no limit.
    pub limits: (Option<u32>, Option<u32>),
    pub id: Option<&'static str>,
    pub event: Option<&'static str>,
    /// Before a signature.
    pub prefix: String,
    /// Between several signatures in one header; none where there is one only.
    pub separator: Option<&'static str>,
    /// Whether a library of the sender takes the last of several signatures alone.
    pub last_only: bool,
    /// Whether one refuses keys that the sender does not use.
    pub only_keys: bool,
    /// Whether the id is one of the bytes that are signed.
    pub signs_id: bool,
}

impl Layout {
    /// The layout of a sender's requests.
    ///
    /// # Errors
    /// Why its webhooks cannot be imitated, as the end of a sentence about them.
    pub(crate) fn of(scheme: Scheme) -> Result<Self, &'static str> {
        let spec = scheme.spec();
        let s = &spec.signature;
        let time = s.timestamp.as_ref();
        let hmac = matches!(s.algorithm, Algorithm::HmacSha1 | Algorithm::HmacSha256 | Algorithm::HmacSha512);
        let unfit = match scheme.needs_own_body() {
            _ if !hmac => Some("are not signed with HMAC"),
            Some(why) => Some(why),
            _ if s.form != Form::MessageSignatures && !scheme.signs_body() => {
                Some("sign a part of the body alone, so that a receiver may take another rest")
            }
            _ if s.form == Form::MessageSignatures => Some("are signed as HTTP messages (RFC 9421)"),
            _ if scheme.signs_url() => Some("sign the URL, which a receiver may know by another name"),
            _ if spec.body.format != BodyFormat::Json || spec.body.batch.is_some() => {
                Some("are not one JSON object each")
            }
            _ if time.is_some_and(|t| t.unit == Unit::Rfc3339) => Some("carry their signing time as a date"),
            None => None,
        };
        let (None, Some(signature)) = (unfit, s.header.as_deref()) else {
            return Err(unfit.unwrap_or_default());
        };
        let prefix = match (s.form, s.key.as_deref()) {
            (Form::Pairs, Some(key)) => format!("{key}={}", s.prefix),
            _ => s.prefix.clone(),
        };
        let separator = match s.form {
            Form::List => Some(s.separator.as_deref().unwrap_or(" ")),
            Form::Pairs => Some(s.separator.as_deref().unwrap_or(",")),
            _ => None,
        };
        Ok(Self {
            signature,
            algorithm: s.algorithm,
            encoding: s.encoding,
            timestamp: time.and_then(|t| t.header.as_deref()),
            time_key: time.and_then(|t| t.key.as_deref()),
            unit: time.map(|t| t.unit),
            limits: (time.and_then(|t| t.back_seconds), time.and_then(|t| t.ahead_seconds)),
            id: spec.id.header.as_deref(),
            event: spec.event.header.as_deref(),
            prefix,
            separator,
            last_only: s.last_only,
            only_keys: s.only_keys,
            signs_id: s.message.contains("{id}"),
        })
    }

    /// The prefix with a version that the receiver must not take; none where the sender has no versions.
    pub(crate) fn other_prefix(&self) -> Option<String> {
        if self.prefix.contains("sha256") {
            return Some(self.prefix.replace("sha256", "sha1"));
        }
        let digit = self.prefix.chars().find(char::is_ascii_digit)?;
        Some(self.prefix.replacen(digit, if digit == '0' { "1" } else { "0" }, 1))
    }
}

/// Whether a probe can imitate a sender.
///
/// # Errors
/// Why not, in a sentence.
pub fn can_imitate(scheme: Scheme) -> Result<(), String> {
    let told = |why| format!("webhooks of {} {why}: smoke probe cannot imitate them", scheme.sender());
    Layout::of(scheme).map(drop).map_err(told)
}

/// Whether several signatures can stand in one header of this sender, as they do while a secret is rotated.
#[must_use]
pub fn has_list(scheme: Scheme) -> bool {
    Layout::of(scheme).is_ok_and(|layout| layout.separator.is_some())
}

/// An event that the sender is known to send.
#[must_use]
pub fn usual_event(scheme: Scheme) -> &'static str {
    scheme.spec().example.as_ref().map_or("smoke.probe", |example| &example.event)
}

/// Where in the body the event stands.
pub(crate) fn body_events(scheme: Scheme) -> Vec<&'static str> {
    let spec = scheme.spec();
    spec.event.json.as_deref().into_iter().chain(spec.further_events()).collect()
}

/// A body as the sender writes them.
pub(crate) fn usual_body(scheme: Scheme) -> Value {
    let own = scheme.spec().example.as_ref().and_then(|example| example.body.clone());
    own.unwrap_or_else(|| {
        json!({"type": "", "timestamp": "2025-11-26T00:00:00Z", "data": {"id": "smoke-probe", "amount": 100}})
    })
}

/// Puts a text at a JSON pointer; objects on the way are made.
pub(crate) fn put(body: &mut Value, pointer: &str, text: &str) {
    let mut place = body;
    for name in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(map) = place else { return };
        place = map.entry(name).or_insert(Value::Null);
    }
    *place = Value::from(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Case, Forge};
    use record::SenderProfile;

    fn own(change: impl FnOnce(&mut SenderProfile)) -> Scheme {
        let mut profile = SenderProfile::built_in(Scheme::Shopify).unwrap();
        profile.name = "mine".to_owned();
        change(&mut profile);
        profile.scheme().unwrap()
    }

    #[test]
    fn a_profile_of_ones_own_is_imitated_where_it_signs_the_whole_body() {
        assert_eq!(can_imitate(own(|_| ())), Ok(()));
        let part = can_imitate(own(|profile| profile.signature.message = "{json:/id}".to_owned()));
        let wanted = "webhooks of mine sign a part of the body alone, so that a receiver may take another rest: smoke probe cannot \
                      imitate them";
        assert_eq!(part, Err(wanted.to_owned()));
    }

    #[test]
    fn base64_for_urls_may_lack_its_padding() {
        let labels = |encoding| {
            let sender = own(|profile| profile.signature.encoding = encoding);
            let secret = sender.generate_secret().unwrap();
            let forge = Forge::new(sender, &secret, "paid", None, "canary").unwrap();
            let shots = Case::of("respelt-signature").unwrap().shots(&forge, 1_764_115_200_123, 0).unwrap();
            shots.into_iter().map(|shot| shot.label).collect::<Vec<_>>()
        };
        let without = "without its padding".to_owned();
        assert!(labels(Encoding::Base64).contains(&without));
        assert!(!labels(Encoding::Base64url).contains(&without));
    }
}
