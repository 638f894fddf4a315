//! A sender's requests, checked and taken apart once.

use super::misfits::UNSIGNED_TIME;
use super::spec::{Algorithm, Encoding, Form, RequestSpec, SecretSpec, SpecError};
use super::template::Template;

/// What signer and verifier work from; lives as long as the process.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) name: &'static str,
    pub(crate) spec: &'static RequestSpec,
    pub(crate) template: Template,
    /// The versions of its signature, the usual one first.
    pub(crate) versions: Vec<Version>,
    /// The headers that the sender writes itself, in its order.
    pub(crate) own: Vec<&'static str>,
    /// The places of a JSON body that the signature is made of or stands at.
    pub(crate) own_places: Vec<String>,
    pub(crate) places: Places,
    pub(crate) caveats: Vec<&'static str>,
    /// What stands between the signatures of the header; nothing where it holds one.
    pub(crate) separator: &'static str,
    /// Whether the entries of the header are `version,signature`, as Standard Webhooks has them.
    pub(crate) labelled: bool,
    /// Whether the signature covers the id, or the profile demands it.
    pub(crate) needs_id: bool,
}

/// Which of a sender's own headers holds what.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) signature: Option<usize>,
    pub(crate) timestamp: Option<usize>,
    pub(crate) id: Option<usize>,
    pub(crate) event: Option<usize>,
}

/// One version of a signature.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: &'static str,
    pub(crate) prefix: &'static str,
    pub(crate) prefix_optional: bool,
    pub(crate) encoding: Encoding,
    pub(crate) secret: &'static SecretSpec,
}

impl Compiled {
    /// Checks a profile and takes it apart.
    pub(crate) fn new(name: &str, spec: RequestSpec) -> Result<Self, Vec<SpecError>> {
        let problems = spec.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let template = Template::parse(&spec.signature.message, &spec).map_err(|problems| {
            problems.into_iter().map(|p| SpecError::new("signature.message", p)).collect::<Vec<_>>()
        })?;
        // One for each sender that a process names, and a handle that is copied in place of counted.
        let spec: &'static RequestSpec = Box::leak(Box::new(spec));
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        let s = &spec.signature;
        let first = Version {
            algorithm: s.algorithm,
            key: s.key.as_deref().unwrap_or_default(),
            prefix: &s.prefix,
            prefix_optional: s.prefix_optional,
            encoding: s.encoding,
            secret: &s.secret,
        };
        let more = s.versions.iter().map(|v| Version {
            algorithm: v.algorithm,
            key: v.key.as_deref().unwrap_or(s.key.as_deref().unwrap_or_default()),
            prefix: &v.prefix,
            prefix_optional: false,
            encoding: v.encoding,
            secret: &v.secret,
        });
        let separator = match s.form {
            Form::Plain | Form::MessageSignatures => "",
            Form::List => s.separator.as_deref().unwrap_or(" "),
            Form::Pairs => s.separator.as_deref().unwrap_or(","),
        };
        let labelled = s.form == Form::List && s.prefix.ends_with(',');
        let needs_id = spec.id.required || template.has(&super::template::Piece::Id);
        let versions = std::iter::once(first).chain(more).collect();
        let own = own_headers(spec);
        let place = |name: &Option<String>| {
            let name = name.as_deref()?;
            own.iter().position(|own| own.eq_ignore_ascii_case(name))
        };
        let by_components = s.form == Form::MessageSignatures;
        let of_components = || own.iter().position(|own| own.eq_ignore_ascii_case("Signature"));
        let places = Places {
            signature: if by_components { of_components() } else { place(&s.header) },
            timestamp: s.timestamp.as_ref().and_then(|t| place(&t.header)),
            id: place(&spec.id.header),
            event: place(&spec.event.header),
        };
        let time = s.timestamp.as_ref().and_then(|t| t.json.as_deref());
        let in_body = s.json.as_deref().into_iter().chain(time);
        let own_places = in_body.chain(template.json_places()).map(str::to_owned).collect();
        let unsigned_time = !spec.warnings().is_empty();
        let own_caveats = spec.caveats.iter().map(String::as_str);
        let caveats = own_caveats.chain(unsigned_time.then_some(UNSIGNED_TIME)).collect();
        Ok(Self {
            name,
            spec,
            template,
            versions,
            own,
            own_places,
            places,
            caveats,
            separator,
            labelled,
            needs_id,
        })
    }

    /// The header with the signature, for messages.
    pub(crate) fn signature_name(&self) -> &'static str {
        let s = &self.spec.signature;
        match (&s.header, &s.json, s.form) {
            (Some(header), _, _) => header,
            (None, Some(pointer), _) => pointer,
            (None, None, _) => "Signature",
        }
    }

    /// The header with the timestamp, where it has one of its own.
    #[cfg(test)]
    pub(crate) fn timestamp_header(&self) -> Option<&'static str> {
        self.spec.signature.timestamp.as_ref()?.header.as_deref()
    }
}

/// The headers that a profile lists, and those that it names elsewhere.
fn own_headers(spec: &'static RequestSpec) -> Vec<&'static str> {
    let s = &spec.signature;
    let timestamp = s.timestamp.as_ref().and_then(|t| t.header.as_deref());
    let named = [spec.id.header.as_deref(), timestamp, spec.event.header.as_deref(), s.header.as_deref()];
    let mut own: Vec<&'static str> = spec.headers.iter().map(String::as_str).collect();
    for name in named.into_iter().flatten() {
        if !own.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            own.push(name);
        }
    }
    if spec.headers.is_empty() && s.form == Form::MessageSignatures {
        own.extend(["Content-Digest", "Signature-Input", "Signature"]);
    }
    own
}
