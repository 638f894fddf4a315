//! The other ways in which a sender may have written the URL that it signed: with its port or without, its query escaped otherwise.

use super::spec::SignatureSpec;
use super::template::form_fields;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
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

/// The others under which a sender with this signature may have signed; none for most.
pub(crate) fn other_urls(signature: &SignatureSpec, url: &str) -> Vec<String> {
    let mut all = Vec::new();
    if signature.any_query {
        let escaped = with_query(url, |query| utf8_percent_encode(query, BY_BROWSERS).to_string());
        all.extend(escaped.as_deref().and_then(|url| with_query(url, encoded_anew)));
        all.extend(escaped);
        all.retain(|other| other != url);
    }
    if signature.any_port {
        let ported: Vec<String> =
            all.iter().filter_map(|url| other_port(url)).chain(other_port(url)).collect();
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

    #[test]
    fn a_long_query_is_no_work_without_end() {
        let many: String = (0..200_000).map(|n| format!("k{n}&")).collect();
        let url = format!("https://example.com/in?{many}");
        assert_eq!(other_urls(&Scheme::Twilio.spec().signature, &url).len(), 3);
        assert!(other_urls(&Scheme::Square.spec().signature, &url).is_empty());
    }
}
