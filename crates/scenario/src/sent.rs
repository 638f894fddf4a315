//! A path as it goes over the wire, and what no HTTP client sends as it is written.

use super::request::Request;
use super::template::{self, Piece};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::borrow::Cow;

/// What is percent-encoded in a path and query that somebody wrote (WHATWG URL, path percent-encode set). `%` stays.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}');

/// What stands on the wire for a path, or for a piece of one: letters that are not ASCII are percent-encoded.
#[must_use]
pub fn as_sent(path: &str) -> Cow<'_, str> {
    utf8_percent_encode(path, ENCODED).into()
}

/// The same for a path with templates, which stay as they are.
#[must_use]
pub fn as_sent_around(path: &str) -> String {
    let Ok(pieces) = template::parse(path) else { return path.to_owned() };
    let of = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => as_sent(text).into_owned(),
        Piece::Expr { raw, .. } => (*raw).to_owned(),
    };
    pieces.iter().map(of).collect()
}

impl Request {
    /// Method and path as they are sent, with the templates.
    #[must_use]
    pub fn as_sent(&self) -> String {
        format!("{} {}", self.method.as_str(), as_sent_around(&self.path))
    }
}

/// Why a path cannot be sent as it is written; `None` when it can. Pieces that a template fills in later are left out of it.
pub(super) fn problem(path: &str) -> Option<String> {
    let rest = path.strip_prefix("http://").or_else(|| path.strip_prefix("https://"));
    let path = rest.map_or(path, |rest| rest.find('/').map_or("", |at| rest.get(at..).unwrap_or_default()));
    if path.contains('#') {
        return Some("anything after a `#` is never sent: leave it out, or write %23".to_owned());
    }
    let path = path.split('?').next().unwrap_or_default();
    if path.contains('\\') {
        return Some("a `\\` in a path would be sent as `/`: write %5C".to_owned());
    }
    let dots = path.split('/').find(|segment| is_dots(segment))?;
    Some(format!(
        "a segment `{dots}` is resolved before a path is sent and never reaches the server: write the resolved path"
    ))
}

/// Whether a segment is `.` or `..`, in any spelling that a URL has for them.
fn is_dots(segment: &str) -> bool {
    // None of them is longer than `%2e%2e` or begins with anything else.
    if segment.len() > 6 || !segment.starts_with(['.', '%']) {
        return false;
    }
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_sent_as_written_or_refused_by_name() {
        for good in
            ["/", "//a//b/", "/a?next=/../b", "/a..b/...", "https://h.example/a", "/x/{{ id }}", "{{ url }}"]
        {
            assert_eq!(problem(good), None, "{good}");
        }
        for (bad, words) in [
            ("/a/../b", "`..`"),
            ("/a/./b", "`.`"),
            ("/a/%2E%2e", "`%2E%2e`"),
            ("https://h.example/..", "`..`"),
            ("/a#b", "`#`"),
            ("/a\\b", "%5C"),
        ] {
            assert!(problem(bad).unwrap().contains(words), "{bad}");
        }
        assert_eq!(as_sent("/städte/a%20b"), "/st%C3%A4dte/a%20b");
    }
}
