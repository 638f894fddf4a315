//! From a scenario's requests, expectations and identities, with templates, to plain values for one flow.

use super::model::{Expect, ExpectedWebhook, Scenario};
use super::request::{FilePart, Method, Part, Request};
use super::scope::{Position, Row, Run, Scope};
use super::template::TemplateError;
use super::{form, meant, sent};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pii::Identity;
use record::matcher::{Matcher, MatcherFields};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time limit of a request that names none.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Largest file of a multipart body, in bytes.
pub const MAX_FILE: u64 = 16 * 1024 * 1024;

/// All but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request without templates. It can be a key, as logins are done once for each.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResolvedRequest {
    pub method: Method,
    /// Path and query, or an absolute URL.
    pub path: String,
    /// Where it may lead.
    pub origin: Origin,
    /// Extra headers, in the scenario's order.
    pub headers: Vec<(String, String)>,
    pub body: ResolvedBody,
    /// Time limit of the whole exchange.
    pub timeout: Duration,
}

/// Where a request may lead: with it goes the session's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The target only, whatever a captured URL says.
    Target,
    /// Another one too: the scenario's author has written it out.
    Named,
}

// Headers and bodies may hold passwords and tokens: neither is shown.
impl fmt::Debug for ResolvedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResolvedRequest({} {}, {:?})", self.method.as_str(), self.path, self.body)
    }
}

/// A body without templates.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum ResolvedBody {
    None,
    Json(Value),
    /// `application/x-www-form-urlencoded`, not yet encoded.
    Form(Vec<(String, String)>),
    Multipart(Vec<(String, ResolvedPart)>),
    /// Text; its content type is in the headers.
    Text(String),
}

impl fmt::Debug for ResolvedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no body",
            Self::Json(_) => "JSON",
            Self::Form(_) => "form",
            Self::Multipart(_) => "multipart",
            Self::Text(_) => "text",
        })
    }
}

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ResolvedPart {
    Text(String),
    File {
        /// Name without directories.
        name: String,
        content_type: String,
        bytes: Arc<[u8]>,
    },
}

/// Renders a request for one flow and reads the files of its multipart body.
///
/// # Errors
/// A template without a value, a header value with a line break, a file that cannot be read or is over [`MAX_FILE`].
pub fn resolve_request(request: &Request, scope: &mut Scope) -> Result<ResolvedRequest, TemplateError> {
    let path = scope.render_with(&request.path, |value, position| match position {
        Position::Beginning => value,
        Position::Later => utf8_percent_encode(&value, ENCODED).to_string(),
    })?;
    let path = sent::as_sent(&path).into_owned();
    if let Some(message) = sent::problem(&path) {
        return Err(TemplateError { template: request.path.clone(), message });
    }
    let mut headers = Vec::with_capacity(request.headers.len());
    for (name, text) in request.headers.iter() {
        let value = scope.render_text(text)?;
        if value.contains(|c: char| c.is_control() && c != '\t') {
            let message = format!("the value for header {name} holds a control character");
            return Err(TemplateError { template: text.clone(), message });
        }
        headers.push((name.to_owned(), value));
    }
    let body = resolve_body(request, scope)?;
    let timeout = request.timeout.map_or(DEFAULT_TIMEOUT, super::Period::get);
    Ok(ResolvedRequest {
        method: request.method,
        path,
        origin: origin(&request.path),
        headers,
        body,
        timeout,
    })
}

/// An origin is named where no template stands in it.
fn origin(path: &str) -> Origin {
    let rest = path.strip_prefix("http://").or_else(|| path.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    if host.is_some_and(|host| !host.contains("{{")) { Origin::Named } else { Origin::Target }
}

fn resolve_body(request: &Request, scope: &mut Scope) -> Result<ResolvedBody, TemplateError> {
    if let Some(json) = &request.json {
        return scope.render_json(json).map(ResolvedBody::Json);
    }
    if let Some(form) = &request.form {
        let mut fields = Vec::new();
        for (name, value) in form.iter() {
            form::fields(name, &scope.render_json(value)?, &mut fields);
        }
        return Ok(ResolvedBody::Form(fields));
    }
    if let Some(parts) = &request.multipart {
        let parts = parts.iter().map(|(name, part)| Ok((name.to_owned(), resolve_part(part, scope)?)));
        return parts.collect::<Result<_, _>>().map(ResolvedBody::Multipart);
    }
    match &request.text {
        Some(text) => scope.render_text(text).map(ResolvedBody::Text),
        None => Ok(ResolvedBody::None),
    }
}

fn resolve_part(part: &Part, scope: &mut Scope) -> Result<ResolvedPart, TemplateError> {
    let FilePart { file, content_type } = match part {
        Part::Text(text) => return scope.render_text(text).map(ResolvedPart::Text),
        Part::File(file) => file,
    };
    let file = scope.render_text(file)?;
    let beside = scope.run().dir.join(&file);
    // A path from the environment or a data file is more often meant from where smoke was started.
    let path = if beside.exists() || !Path::new(&file).exists() { beside } else { file.into() };
    let bytes = read_file(&path)
        .map_err(|message| TemplateError { template: path.display().to_string(), message })?;
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let content_type = match content_type {
        Some(text) => scope.render_text(text)?,
        None => media_type(&path).to_owned(),
    };
    Ok(ResolvedPart::File { name, content_type, bytes: bytes.into() })
}

/// Reads a regular file within [`MAX_FILE`].
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let file = std::fs::File::open(path).map_err(|e| format!("cannot be read: {e}"))?;
    // A pipe or device would block or never end.
    if !file.metadata().is_ok_and(|m| m.is_file()) {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| format!("cannot be read: {e}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("is over {MAX_FILE} bytes, the limit for a file in a request"));
    }
    Ok(bytes)
}

fn media_type(path: &Path) -> &'static str {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("pdf") => "application/pdf",
        Some("json") => "application/json",
        Some("csv") => "text/csv",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    }
}

/// Renders the templates of a matcher; in a regular expression the values are escaped.
///
/// # Errors
/// A template without a value.
pub fn resolve_matcher(matcher: &Matcher, scope: &mut Scope) -> Result<Matcher, TemplateError> {
    let fields = match matcher {
        Matcher::Equals(value) => return scope.render_json(value).map(Matcher::Equals),
        Matcher::Full(fields) => fields,
    };
    let equals = fields.equals.as_ref().map(|v| scope.render_json(v)).transpose()?;
    let matches =
        fields.matches.as_ref().map(|p| scope.render_with(p, |v, _| regex::escape(&v))).transpose()?;
    Ok(Matcher::Full(MatcherFields { equals, matches, ..fields.clone() }))
}

/// Renders the matchers of a mapping. A template that renders to null has no value to compare with: its matcher is left
/// out (`null` written as such stays).
///
/// # Errors
/// A template without a value.
pub fn resolve_matchers(
    matchers: &BTreeMap<String, Matcher>,
    scope: &mut Scope,
) -> Result<BTreeMap<String, Matcher>, TemplateError> {
    let mut resolved = BTreeMap::new();
    for (place, matcher) in matchers {
        let plain = resolve_matcher(matcher, scope)?;
        if plain != Matcher::Equals(Value::Null) || *matcher == plain {
            resolved.insert(place.clone(), plain);
        }
    }
    Ok(resolved)
}

/// Renders the expectations on an answer.
///
/// # Errors
/// A template without a value.
pub fn resolve_expect(expect: &Expect, scope: &mut Scope) -> Result<Expect, TemplateError> {
    let headers = resolve_matchers(&expect.headers, scope)?;
    Ok(Expect { status: expect.status.clone(), headers, json: resolve_matchers(&expect.json, scope)? })
}

/// Renders an expected webhook.
///
/// # Errors
/// A template without a value.
pub fn resolve_webhook(
    webhook: &ExpectedWebhook,
    scope: &mut Scope,
) -> Result<ExpectedWebhook, TemplateError> {
    let event = scope.render_text(&webhook.event)?;
    let after = webhook.after.as_ref().map(|after| scope.render_text(after)).transpose()?;
    Ok(ExpectedWebhook {
        event,
        after,
        matchers: resolve_matchers(&webhook.matchers, scope)?,
        headers: resolve_matchers(&webhook.headers, scope)?,
        capture: webhook.capture.clone(),
        count: webhook.count,
        within: webhook.within,
    })
}

/// The canaries of one flow's row, without those that may be empty and are.
///
/// # Errors
/// A template without a value, or with an empty one.
pub fn resolve_identities(
    scenario: &Scenario,
    run: &Arc<Run>,
    flow: u32,
    row: &Row,
) -> Result<Vec<Identity>, TemplateError> {
    let mut scope = run.scope(flow, row.clone());
    let mut found = Vec::with_capacity(scenario.identities.len());
    for Identity { kind, value } in &scenario.identities {
        let rendered = scope.render_text(value)?.trim().to_owned();
        if !rendered.is_empty() {
            found.push(Identity { kind: *kind, value: rendered });
        } else if !meant::may_be_nothing(value) {
            let message = "is empty, and an identity of nothing is never found: give it a value, or write `| default(\"\")` where it may be left out";
            return Err(TemplateError { template: value.clone(), message: message.to_owned() });
        }
    }
    Ok(found)
}
