//! Judges an answer against what a step expects.

use super::client::{ClientError, Reply};
use crate::outbound::shown_url;
use crate::redact::Redactor;
use correlate::mended;
use record::matcher::Matcher;
use record::{KEPT_BODY, Tick};
use scenario::{Expect, OneOrMany};
use serde_json::Value;
use signature::repeated_key;
use std::collections::BTreeMap;

/// Longest excerpt of a body in a problem, in characters (issue 2).
const EXCERPT: usize = 200;

/// What is said beside the problem of an answer that came at the second try.
const RESENT: &str = " (the connection was closed before an answer arrived, and this answers the request sent again on a new \
                      one: the application may have acted on the first)";

/// An answer, judged.
pub(super) struct Judged {
    pub started: Tick,
    pub ended: Tick,
    pub reply: Result<Reply, ClientError>,
    pub problems: Vec<String>,
    pub tries: u32,
}

impl Judged {
    /// Of a step that could not be sent.
    pub(super) fn unsent(at: Tick, why: String) -> Self {
        let reply = Err(ClientError::Connection(why.clone()));
        Self { started: at, ended: at, reply, problems: vec![why], tries: 1 }
    }
}

/// What is wrong with an answer, one sentence each; none when all is as expected.
pub(super) fn problems(
    reply: &Result<Reply, ClientError>,
    expect: &Expect,
    redactor: &Redactor,
) -> Vec<String> {
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => return vec![redactor.scrub(&error.to_string()).into_owned()],
    };
    let mut problems: Vec<String> =
        status_problem(reply, expect.status.as_ref(), redactor).into_iter().collect();
    for (name, matcher) in &expect.headers {
        if let Err(why) = check_header(reply, name, matcher) {
            problems.push(pii::printable(&redactor.scrub(&format!("header {name} {why}"))).into_owned());
        }
    }
    // With the wrong status the body is another one than expected: one problem says enough.
    if problems.is_empty() {
        problems.extend(json_problems(reply, &expect.json, redactor));
    }
    // What is strange about an answer may come from the request having been done twice.
    if let Some(first) = problems.first_mut().filter(|_| reply.resent) {
        first.push_str(RESENT);
    }
    problems
}

/// One of the headers of that name fits, or all of them as one list (RFC 9110, section 5.3).
fn check_header(reply: &Reply, name: &str, matcher: &Matcher) -> Result<(), String> {
    let named = reply.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    let values: Vec<&str> = named.map(|(_, v)| v.as_str()).collect();
    if values.is_empty() {
        return matcher.check(None);
    }
    let whole = Value::String(values.join(", "));
    let one = values.iter().any(|v| matcher.check(Some(&Value::String((*v).to_owned()))).is_ok());
    if one { Ok(()) } else { matcher.check(Some(&whole)) }
}

fn status_problem(reply: &Reply, expected: Option<&OneOrMany>, redactor: &Redactor) -> Option<String> {
    let fits = expected.map_or(matches!(reply.status, 200..=299), |s| s.as_slice().contains(&reply.status));
    if fits {
        return None;
    }
    let wanted = match expected {
        None => "2xx".to_owned(),
        Some(all) => all.as_slice().iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
    };
    let wait = reply.header("retry-after").map(|v| format!(" (Retry-After: {v})")).unwrap_or_default();
    let what = said(reply, redactor);
    Some(redactor.scrub(&format!("status {}{wait}, expected {wanted}: {what}", reply.status)).into_owned())
}

/// What an answer that is no success says: of a redirect where it leads, of any other its body.
pub(super) fn said(reply: &Reply, redactor: &Redactor) -> String {
    redirect(reply).unwrap_or_else(|| excerpt(reply, redactor))
}

/// Where a redirect leads, and what to change; none for any other answer.
pub fn redirect(reply: &Reply) -> Option<String> {
    if !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let Some(location) = reply.header("location") else {
        return Some("a redirect without a destination".to_owned());
    };
    let Ok(to) = reply.url.join(location) else {
        return Some("a redirect to something that is not a URL".to_owned());
    };
    let mut slash = reply.url.clone();
    slash.set_path(&format!("{}/", reply.url.path()));
    let is_login = |part: &str| ["login", "signin", "sign-in", "sign_in", "sso"].contains(&part);
    let advice = if to.host() != reply.url.host() {
        "it leads to another host: give that one to --staging if it is the one to drive"
    } else if reply.url.scheme() == "http" && to.scheme() == "https" {
        "it only answers over https: give --staging with https://, or turn off its redirect (Django: SECURE_SSL_REDIRECT = False)"
    } else if to.path() == slash.path() {
        "the path needs a trailing slash"
    } else if to.path().to_ascii_lowercase().split('/').any(is_login) {
        "it wants a login: give the step a session that logs in there"
    } else {
        "redirects are not followed: give the path it leads to"
    };
    Some(format!("a redirect to {}; {advice}", pii::printable(&shown_url(to.as_str()))))
}

fn json_problems(reply: &Reply, expected: &BTreeMap<String, Matcher>, redactor: &Redactor) -> Vec<String> {
    if expected.is_empty() {
        return Vec::new();
    }
    let Some(body) = reply.json() else {
        let kind = pii::printable(reply.header("content-type").unwrap_or("no content type"));
        // Of what is quite another thing the beginning says more than where it stops being JSON.
        let why = mended(&reply.body).map(|(_, why)| format!("{why}: ")).unwrap_or_default();
        return vec![format!("the response is not JSON ({kind}): {why}{}", excerpt(reply, redactor))];
    };
    let shown = |text: String| pii::printable(&redactor.scrub(&text)).into_owned();
    let check = |(pointer, matcher): (&String, &Matcher)| {
        let why = matcher.check(body.pointer(pointer)).err()?;
        Some(shown(format!("{pointer} {why}")))
    };
    let mut problems: Vec<String> = expected.iter().filter_map(check).collect();
    if let Some(twice) = repeated_key(&reply.body) {
        let inside = |pointer: &String| {
            pointer.strip_prefix(&twice).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if expected.keys().any(inside) {
            problems.push(shown(format!(
                "{twice} appears twice in the response: parsers differ on which one counts"
            )));
        }
    }
    problems
}

/// What a body says, on one line, scrubbed, with nothing that a terminal obeys: of an HTML page its title and error, of
/// anything else the first 200 characters.
pub(super) fn excerpt(reply: &Reply, redactor: &Redactor) -> String {
    let size = reply.body.len();
    if let Some(coding) =
        reply.header("content-encoding").filter(|c| !c.trim().eq_ignore_ascii_case("identity"))
    {
        return format!(
            "({size} bytes encoded as {}, which smoke did not ask for)",
            pii::printable(coding.trim())
        );
    }
    let text = String::from_utf8_lossy(&reply.body);
    let text = redactor.scrub(&text);
    let text = html_message(&text).map_or(text, Into::into);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = pii::printable(&line);
    match line.chars().count() {
        0 => "(empty body)".to_owned(),
        n if n <= EXCERPT => line.into_owned(),
        _ => line.chars().take(EXCERPT).chain(['…']).collect(),
    }
}

/// Whether an answer is a web page.
pub(super) fn is_html(reply: &Reply) -> bool {
    let said = reply.header("content-type").is_some_and(|kind| kind.trim_start().starts_with("text/html"));
    said || html_message(&String::from_utf8_lossy(&reply.body)).is_some()
}

/// The title of an HTML page and what its exception says: the beginning of such a page says nothing.
fn html_message(text: &str) -> Option<String> {
    let begins = text.trim_start().get(..14).unwrap_or(text.trim_start()).to_ascii_lowercase();
    if !begins.starts_with("<!doctype html") && !begins.starts_with("<html") {
        return None;
    }
    // Django's page of an exception, and those of servers and proxies.
    let parts = [("<title", "</title>"), ("<pre class=\"exception_value", "</pre>"), ("<h1", "</h1>")];
    let mut found: Vec<String> = Vec::new();
    for (from, to) in parts {
        found.extend(element(text, from, to).filter(|new| !found.contains(new)));
    }
    // Where no exception is quoted, the first paragraph says why: `CSRF verification failed`.
    if !text.contains("<pre class=\"exception_value") {
        found.extend(element(&text.replace("<p>", "<p >"), "<p ", "</p>"));
    }
    (!found.is_empty()).then(|| format!("HTML page: {}", found.join(": ")))
}

/// The text of the first element that begins with `from`, without the tags in it.
fn element(text: &str, from: &str, to: &str) -> Option<String> {
    let (_, rest) = text.split_once(from)?;
    let (_, rest) = rest.split_once('>')?;
    let (inner, _) = rest.split_once(to)?;
    let mut plain = String::new();
    for (n, piece) in inner.split('<').enumerate() {
        plain.push_str(if n == 0 { piece } else { piece.split_once('>').map_or("", |(_, text)| text) });
    }
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    let plain = entities.iter().fold(plain, |text, (entity, c)| text.replace(entity, c));
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    (!plain.is_empty()).then_some(plain)
}

/// The body for the journal: text, scrubbed, cut at a character boundary.
pub(super) fn kept_body(reply: &Reply, redactor: &Redactor) -> String {
    let text = String::from_utf8_lossy(&reply.body);
    let mut kept = redactor.scrub(&text).into_owned();
    if kept.len() > KEPT_BODY {
        kept.truncate(kept.floor_char_boundary(KEPT_BODY));
    }
    kept
}
