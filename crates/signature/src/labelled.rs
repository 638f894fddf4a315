//! Entries of a list that are `version,signature`, as the library of Standard Webhooks for Python reads them.

/// What keeps that library from reading on behind an entry that is not the right one: it has one comma, and the signature of a
/// version that the library knows (`tag`) is base64 to it, which may have anything else of ASCII in it.
pub(super) fn unreadable(entry: &str, tag: Option<&str>) -> Option<&'static str> {
    if entry.split_once(',').is_none_or(|(_, tag)| tag.contains(',')) {
        return Some("is not `version,signature`");
    }
    let tag = tag?;
    let digits = tag.bytes().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).count();
    let padding = tag.bytes().filter(|b| *b == b'=').count();
    let urls = tag.bytes().filter(|b| matches!(b, b'-' | b'_')).count();
    let is_whole = |digits: usize| matches!((digits % 4, padding), (0, _) | (2, 2..) | (3, 1..));
    if tag.is_ascii() && is_whole(digits) {
        None
    } else if tag.is_ascii() && urls > 0 && (digits + urls) % 4 != 1 && digits + urls + padding == tag.len() {
        Some("is URL-safe base64, with `-` or `_`")
    } else if tag.is_ascii() && digits % 4 != 1 && digits + padding == tag.len() {
        Some("is base64 without its padding (`=`)")
    } else {
        Some("is not base64")
    }
}

#[cfg(test)]
mod tests {
    use crate::key::{finish, keyed};
    use crate::{Reason, Scheme, Secret, Verifier};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    const KEY: &[u8] = b"defghijklmnopqrstuvwxyz{";

    fn standard(id: &str, signature: &str) -> (Reason, String) {
        let secret = Secret::new(format!("whsec_{}", STANDARD.encode(KEY)));
        let headers =
            [("webhook-id", id), ("webhook-timestamp", "1764115200"), ("webhook-signature", signature)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let verifier = Verifier::new(Scheme::StandardWebhooks, &secret).unwrap();
        let verdict = verifier.verify(&headers, b"{}", 1_764_115_200_000);
        (verdict.reason, verdict.diagnosis.unwrap_or_default())
    }

    #[test]
    fn why_an_entry_cannot_be_read_is_told_as_it_is() {
        let tag =
            |id: &str| STANDARD.encode(finish(&keyed(KEY), &[format!("{id}.1764115200.{{}}").as_bytes()]));
        // Base64 of 32 bytes ends in one `=`.
        let right = tag("msg_1");
        let (reason, says) = standard("msg_1", &format!("v1,{}", right.trim_end_matches('=')));
        assert_eq!(reason, Reason::Malformed);
        assert!(says.contains("an entry that is base64 without its padding (`=`), for which"), "{says}");
        assert!(says.ends_with("; the MAC itself is right"), "{says}");

        let id = (0..).map(|n| format!("msg_{n}")).find(|id| tag(id).contains(['+', '/'])).unwrap();
        let url_safe = tag(&id).replace('+', "-").replace('/', "_");
        for coded in [url_safe.as_str(), url_safe.trim_end_matches('=')] {
            let (reason, says) = standard(&id, &format!("v1,{coded}"));
            assert_eq!(reason, Reason::Malformed);
            assert!(says.contains("an entry that is URL-safe base64, with `-` or `_`, for which"), "{says}");
            assert!(says.ends_with("; the signature is URL-safe base64"), "{says}");
        }
        for (entry, why) in [
            ("v1", "not `version,signature`"),
            ("v1,a,b", "not `version,signature`"),
            ("v1,abcde", "not base64"),
        ] {
            let (reason, says) = standard("msg_1", &format!("{entry} v1,{right}"));
            assert!(
                reason == Reason::Malformed && says.contains(&format!("an entry that is {why}, for")),
                "{says}"
            );
        }
        assert_eq!(standard("msg_1", &format!("v1,{right} v1")).0, Reason::Valid);
    }
}
