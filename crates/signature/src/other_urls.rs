//! The other ways in which a sender may have written the URL that it signed: with its port or without, its query escaped otherwise.

use super::spec::SignatureSpec;
use super::template::form_fields;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write;

/// What the URL standard escapes in the query of a web address.
const BY_BROWSERS: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'\'');
/// What Node's `querystring` escapes.
const BY_QUERYSTRING: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');
/// Fields beyond so many are left out, as `querystring` does it.
const FIELDS: usize = 1000;

/// The URL as a sender with this signature signs it: the escapes that its profile names stand in it as their characters.
pub(crate) fn signed_url<'u>(signature: &SignatureSpec, url: &'u str) -> Cow<'u, str> {
    let decodes = signature.url_decodes.as_bytes();
    if decodes.is_empty() || !url.contains('%') {
        return Cow::Borrowed(url);
    }
    let (mut all, mut rest) = (String::with_capacity(url.len()), url);
    while let Some((before, after)) = rest.split_once('%') {
        all.push_str(before);
        let cut = after.split_at_checked(2);
        let byte = cut.and_then(|(digits, _)| u8::from_str_radix(digits, 16).ok());
        if let Some((byte, (_, behind))) = byte.filter(|byte| decodes.contains(byte)).zip(cut) {
            all.push(char::from(byte));
            rest = behind;
        } else {
            all.push('%');
            rest = after;
        }
    }
    all.push_str(rest);
    Cow::Owned(all)
}

/// The others than [`signed_url`] under which a sender with this signature may have signed; none for most.
pub(crate) fn other_urls(signature: &SignatureSpec, url: &str) -> Vec<String> {
    let signed = signed_url(signature, url);
    let mut all = Vec::new();
    if signed != url {
        all.push(url.to_owned());
    }
    if signature.any_query {
        let escaped = with_query(url, |query| utf8_percent_encode(query, BY_BROWSERS).to_string());
        all.extend(escaped.as_deref().and_then(|url| with_query(url, encoded_anew)));
        all.extend(escaped);
        all.retain(|other| *other != *signed);
    }
    if signature.any_port {
        let ported: Vec<String> =
            all.iter().filter_map(|url| other_port(url)).chain(other_port(&signed)).collect();
        all.extend(ported);
    }
    all
}

fn with_query(url: &str, change: impl FnOnce(&str) -> String) -> Option<String> {
    let (before, query) = url.split_once('?').filter(|(_, query)| !query.is_empty())?;
    Some(format!("{before}?{}", change(query)))
}

/// A query read into fields and written again, those of one name together; names that are whole numbers come first, as in JavaScript's
/// objects.
fn encoded_anew(query: &str) -> String {
    let fields = form_fields(query.as_bytes());
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (name, value) in fields.iter().take(FIELDS) {
        let at = *known.entry(name).or_insert(groups.len());
        match groups.get_mut(at) {
            Some((_, values)) => values.push(value),
            None => groups.push((name, vec![value])),
        }
    }
    let index = |name: &str| name.parse::<u32>().ok().filter(|n| *n < u32::MAX && n.to_string() == name);
    groups.sort_by_key(|(name, _)| index(name).map_or((true, 0), |index| (false, index)));
    let mut all = String::with_capacity(query.len());
    for (name, value) in
        groups.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
    {
        let between = if all.is_empty() { "" } else { "&" };
        let (name, value) =
            (utf8_percent_encode(name, BY_QUERYSTRING), utf8_percent_encode(value, BY_QUERYSTRING));
        let _ = write!(all, "{between}{name}={value}");
    }
    all
}

/// What is said of a URL that was signed with the other scheme.
pub(crate) const SWAPPED: &str = "the sender signs the URL with http and https swapped";

/// A URL with http in place of https, or the other way round.
pub(crate) fn other_scheme(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    Some(if scheme == "https" { format!("http://{rest}") } else { format!("https://{rest}") })
}

/// A URL without its port, or with the usual one where it has none: as senders write it who are not of one mind about it.
pub(crate) fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // The port stands behind the brackets of an IPv6 address, and behind a user and a password.
    let from = authority.rfind(['@', ']']).map_or(0, |at| at + 1);
    let bare = authority.get(from..)?.find(':').and_then(|at| authority.get(..from + at));
    Some(match bare {
        Some(bare) => format!("{scheme}://{bare}{path}"),
        None if scheme.eq_ignore_ascii_case("https") => format!("{scheme}://{authority}:443{path}"),
        None => format!("{scheme}://{authority}:80{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Received, Scheme, Secret, Verifier};

    #[test]
    fn a_url_has_its_port_or_not() {
        for (url, other) in [
            ("https://a.b/c?d=e:f", "https://a.b:443/c?d=e:f"),
            ("https://a.b:443/c", "https://a.b/c"),
            ("https://a.b:8443?x", "https://a.b?x"),
            ("http://u:p@a.b/c", "http://u:p@a.b:80/c"),
            ("http://u:p@[::1]:80/c", "http://u:p@[::1]/c"),
            ("https://[::1]", "https://[::1]:443"),
        ] {
            assert_eq!(other_port(url).as_deref(), Some(other));
        }
        assert_eq!(other_port(""), None);
    }

    /// Signed by twilio 6.2.0 for Node, whose `validateRequest` takes each at the URL before it (`validateRequest`'s own answer is the
    /// last column).
    #[test]
    fn a_query_may_be_escaped_as_twilios_library_for_node_has_it() {
        for (url, tag, valid) in [
            ("https://example.com/in?name=O'Neil&b=1", "OhukX5o56uw9dvrkg88586IkjVo=", true),
            ("https://example.com/in?name=O'Neil&b=1", "31bdJun1neJ3Ausv6LgBJEqP5d8=", true),
            ("https://example.com/in?name=O%27Neil&b", "cjXnihP/BK/QMXu5OHlqtitPNIU=", true),
            ("https://example.com/in?name=O%27Neil&b", "n/UTSQIaEJzfKBTtV1dW9+q5ED4=", true),
            ("https://example.com:8443/in?a=1&b=x%2Fy&a=2&2=z&1", "YS7jkVSypicu6r6fIWmEftUjeFI=", true),
            ("https://example.com/in?a=1+2&c=%c3%bc", "7oHftdloenuRkwbjPgUyLbAPe6o=", true),
            ("https://example.com/in?a=1+2&c=%c3%bc", "1DRHkM2I5PNKyg+4oFwcH+ke3XY=", true),
            ("https://example.com/in?a=ü", "P/JiftOWj2zqqMs+3r+embNWe7s=", true),
            ("https://example.com/in?a=ü", "4/I5bDSBmPZG5TLtohCeBNki+A4=", true),
            ("https://example.com/in?a=1", "GjuQ3D9bnFWiNqESs89X92AoVGM=", false),
        ] {
            let headers = [("X-Twilio-Signature".to_owned(), tag.to_owned())];
            let request = Received { method: "POST", url, headers: &headers, body: b"A=1" };
            let verifier = Verifier::new(Scheme::Twilio, &Secret::new("12345")).unwrap();
            assert_eq!(verifier.check_request(&request, 0).0.valid, valid, "{url} {tag}");
        }
    }

    /// HubSpot's documentation has a table of escapes that are decoded before the URL is signed; its libraries sign what they are given.
    #[test]
    fn hubspots_url_is_signed_with_its_table_decoded_and_taken_as_it_is_too() {
        use crate::key::{encode, finish, keyed};
        use crate::{Encoding, Outgoing, Signer};
        const ESCAPED: &str = "https://a.example/in%2fb?to=https%3A%2F%2Fb.example%3F%40%21%24%27%28%29%2A%2C%3B&n=%20%26%253A%";
        const DECODED: &str = "https://a.example/in/b?to=https://b.example?@!$'()*,;&n=%20%26%253A%";
        const SECRET: &str = "a-secret-of-nobody-0123456789abcdef";
        assert_eq!(signed_url(&Scheme::Hubspot.spec().signature, ESCAPED), DECODED);
        assert_eq!(signed_url(&Scheme::Square.spec().signature, ESCAPED), ESCAPED);
        let (secret, body, now) = (Secret::new(SECRET), br#"[{"eventId":1}]"#, 1_764_115_200_000);
        let under = |url: &str| {
            let message = [b"POST", url.as_bytes(), body, now.to_string().as_bytes()].concat();
            let mut tag = String::new();
            encode(Encoding::Base64, &finish(&keyed(SECRET.as_bytes()), &[&message]), &mut tag);
            tag
        };
        let judged = |tag: String, body: &[u8]| {
            let named = [("X-HubSpot-Signature-v3", tag), ("X-HubSpot-Request-Timestamp", now.to_string())];
            let headers = named.map(|(name, value)| (name.to_owned(), value));
            let request = Received { method: "POST", url: ESCAPED, headers: &headers, body };
            Verifier::new(Scheme::Hubspot, &secret).unwrap().verify_request(&request, now, &[])
        };
        for (url, valid) in [
            (DECODED, true),
            (ESCAPED, true),
            ("https://a.example/in/b", false),
            (&DECODED.replace("%20", " "), false),
        ] {
            assert_eq!(judged(under(url), body).valid, valid, "{url}");
        }
        let says = judged(under(DECODED), br#"[{"eventId": 1}]"#).diagnosis.unwrap_or_default();
        assert!(says.contains("re-serialised compact JSON"), "{says}");
        let out = Outgoing { event: "", id: "", timestamp_ms: now, body };
        let signer = Signer::new(Scheme::Hubspot, &secret).unwrap().to("POST", ESCAPED);
        assert!(signer.sign(&out).contains(&("X-HubSpot-Signature-v3", under(DECODED))));
    }

    #[test]
    fn what_is_decoded_is_visible_ascii_of_a_url_that_is_signed() {
        let problems = |decodes: &str, message: &str| {
            let mut spec = Scheme::Hubspot.spec().clone();
            (spec.signature.url_decodes, spec.signature.message) = (decodes.to_owned(), message.to_owned());
            spec.problems().iter().map(ToString::to_string).collect::<String>()
        };
        assert_eq!(problems(":/", "{url}{body}"), "");
        assert!(
            problems(":/", "{body}").starts_with("signature.url_decodes: it applies to a message with {url}")
        );
        assert!(problems(":é", "{path}{body}").contains("'é' is not a visible ASCII character"));
    }

    #[test]
    fn a_long_query_is_no_work_without_end() {
        let many: String = (0..200_000).map(|n| format!("k{n}&")).collect();
        let url = format!("https://example.com/in?{many}");
        assert_eq!(other_urls(&Scheme::Twilio.spec().signature, &url).len(), 3);
        assert!(other_urls(&Scheme::Square.spec().signature, &url).is_empty());
    }
}
