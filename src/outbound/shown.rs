//! URLs as they may be shown.

use url::Url;

/// What stands in place of a value.
const MASK: &str = "[hidden]";

/// A URL without its credentials and with the values of its query hidden: both hold passwords and tokens. What is no URL is
/// shown up to where such things could begin.
#[must_use]
pub fn shown_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return shown_text(text) };
    let has_user = !url.username().is_empty() || url.password().is_some();
    if url.cannot_be_a_base()
        || has_user && (url.set_username("").is_err() || url.set_password(None).is_err())
    {
        return shown_text(text);
    }
    url.set_fragment(None);
    let query = url.query().map(|query| query.split('&').map(hidden).collect::<Vec<_>>().join("&"));
    url.set_query(None);
    // An address without a path is shown as it was written.
    let mut out = url.to_string();
    if url.path() == "/" && !text.contains(&out) {
        out.truncate(out.trim_end_matches('/').len());
    }
    if has_user {
        out = out.replacen("://", &format!("://{MASK}@"), 1);
    }
    query.map_or(out.clone(), |query| format!("{out}?{query}"))
}

/// A URL as it is written, unless it has parts that are not shown (and that are masked in what smoke writes of a target).
#[must_use]
pub fn without_credentials(text: &str) -> String {
    let shown = shown_url(text);
    if shown.contains(MASK) { shown } else { text.to_owned() }
}

/// `name=[hidden]`; a part without a name may be a token itself.
fn hidden(part: &str) -> String {
    part.split_once('=').map_or_else(|| MASK.to_owned(), |(name, _)| format!("{name}={MASK}"))
}

fn shown_text(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let text = text.get(..end).unwrap_or_default();
    match text.rsplit_once('@') {
        Some((_, host)) => format!("{MASK}@{host}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_credentials_nor_values_of_a_query_are_shown() {
        for (url, wanted) in [
            ("http://h.example:8000", "http://h.example:8000"),
            ("http://h.example/a/", "http://h.example/a/"),
            ("https://joe:hunter2@h.example/x", "https://[hidden]@h.example/x"),
            (
                "https://joe@h.example/x?token=hunter2&a=hunter2#hunter2",
                "https://[hidden]@h.example/x?token=[hidden]&a=[hidden]",
            ),
            ("https://h.example?hunter2", "https://h.example?[hidden]"),
            ("joe:hunter2@h.example/x?hunter2", "[hidden]@h.example/x"),
            ("http://joe:hunter2@h.example:99999/", "[hidden]@h.example:99999/"),
            ("not a url", "not a url"),
        ] {
            assert_eq!(shown_url(url), wanted, "{url}");
            let hides = wanted.contains(MASK);
            assert_eq!(without_credentials(url), if hides { wanted } else { url }, "{url}");
        }
    }
}
