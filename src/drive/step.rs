//! Judges an answer against what a step expects.

use super::client::{ClientError, Reply};
use crate::redact::Redactor;
use record::matcher::Matcher;
use scenario::{Expect, OneOrMany};
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest excerpt of a body in a problem, in characters (issue 2).
const EXCERPT: usize = 200;
/// Longest body that is kept in the journal, in bytes.
const KEPT_BODY: usize = 64 * 1024;

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
        let value = reply.header(name).map(|v| Value::String(v.to_owned()));
        if let Err(why) = matcher.check(value.as_ref()) {
            problems.push(redactor.scrub(&format!("header {name} {why}")).into_owned());
        }
    }
    // With the wrong status the body is another one than expected: one problem says enough.
    if problems.is_empty() {
        problems.extend(json_problems(reply, &expect.json, redactor));
    }
    problems
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
    Some(format!("status {}{wait}, expected {wanted}: {}", reply.status, excerpt(reply, redactor)))
}

fn json_problems(reply: &Reply, expected: &BTreeMap<String, Matcher>, redactor: &Redactor) -> Vec<String> {
    if expected.is_empty() {
        return Vec::new();
    }
    let body: Value = match serde_json::from_slice(&reply.body) {
        Ok(body) => body,
        Err(_) => {
            let kind = reply.header("content-type").unwrap_or("no content type");
            return vec![format!("the answer is not JSON ({kind}): {}", excerpt(reply, redactor))];
        }
    };
    let check = |(pointer, matcher): (&String, &Matcher)| {
        let why = matcher.check(body.pointer(pointer)).err()?;
        Some(redactor.scrub(&format!("{pointer} {why}")).into_owned())
    };
    expected.iter().filter_map(check).collect()
}

/// The first 200 characters of a body on one line, scrubbed.
pub(super) fn excerpt(reply: &Reply, redactor: &Redactor) -> String {
    let text = String::from_utf8_lossy(&reply.body);
    let line: String = redactor.scrub(&text).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.chars().count() {
        0 => "(empty body)".to_owned(),
        n if n <= EXCERPT => line,
        _ => line.chars().take(EXCERPT).chain(['…']).collect(),
    }
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
