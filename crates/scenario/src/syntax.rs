//! Checks of the small things that stand in many places: requests, names, matchers, pointers, templates.

use super::check::Checker;
use super::error::{At, Problem};
use super::model::Json;
use super::names::{Names, at};
use super::request::{Part, Request};
use super::scope::BUILT_IN;
use super::sent;
use super::template::{self, Piece};
use super::tree::{Kind, Null, Seg};
use super::typed;
use record::matcher::{Matcher, MatcherFields};
use std::collections::BTreeMap;

/// Headers that say where a body ends: one that says something else than is sent would end it elsewhere (RFC 9112, section 6).
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

impl Checker<'_> {
    pub(super) fn name(&mut self, name: &str, path: &[Seg]) {
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !begins || !name.chars().all(is_word) {
            self.wrong_key(
                path,
                format!("`{name}` is not a name: use letters, digits, `_` and `-`, a letter first"),
            );
        } else if BUILT_IN.contains(&name) || matches!(name, "true" | "false" | "null") {
            self.wrong_key(path, format!("`{name}` is built in: take another name"));
        }
    }

    pub(super) fn request(&mut self, request: &Request, path: &[Seg]) {
        let kinds = [
            ("json", request.json.is_some()),
            ("form", request.form.is_some()),
            ("multipart", request.multipart.is_some()),
            ("text", request.text.is_some()),
        ];
        let given: Vec<&str> = kinds.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        if let [first, second, ..] = given.as_slice() {
            let message = format!("a request has one body: keep `{first}` or `{second}`");
            self.wrong_key(&at(path, [(*second).into()]), message);
        }
        self.url_or_path(&request.path, &at(path, ["path".into()]));
        for (name, value) in request.headers.iter() {
            let path = at(path, ["headers".into(), name.into()]);
            self.header_name(name, &path);
            if FRAMING.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                self.wrong_key(&path, format!("smoke says itself how long the body is: leave `{name}` out"));
            }
            if value.contains(|c: char| c.is_control() && c != '\t') {
                self.wrong(&path, "a header's value has no line breaks or control characters");
            }
        }
        for (name, part) in request.multipart.iter().flat_map(super::Entries::iter) {
            match part {
                Part::File(part) if !part.file.contains("{{") => {
                    self.file(&part.file, &at(path, ["multipart".into(), name.into(), "file".into()]));
                }
                _ => {}
            }
        }
        if request.timeout.is_some_and(|t| t.get().is_zero()) {
            self.wrong(&at(path, ["timeout".into()]), "no response arrives within 0 s: give for example 60s");
        }
    }

    pub(super) fn url_or_path(&mut self, target: &str, path: &[Seg]) {
        let is_target = ["/", "http://", "https://", "{{"].iter().any(|s| target.starts_with(s));
        if !is_target || target.contains(|c: char| c.is_control() || (c == ' ' && !target.contains("{{"))) {
            self.wrong(path, "a path begins with `/` (or is an absolute URL) and has no spaces");
        } else if let Some(message) = sent::problem(&without_templates(target)) {
            self.wrong(path, message);
        }
    }

    pub(super) fn header_value(&mut self, name: &str, path: &[Seg]) {
        if !is_header_name(name) {
            self.wrong(path, format!("`{name}` is not a header name: use letters, digits and `-`"));
        }
    }

    pub(super) fn pattern(&mut self, pattern: &str, path: &[Seg]) {
        let Err(error) = regex::Regex::new(pattern) else { return };
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        self.wrong(path, format!("invalid regular expression: {reason}"));
    }

    pub(super) fn file(&mut self, file: &str, path: &[Seg]) {
        let full = self.dir.join(file);
        match std::fs::metadata(&full) {
            Ok(found) if found.is_file() => {}
            Ok(_) => self.wrong(path, format!("{} is not a regular file", full.display())),
            Err(e) => {
                self.wrong(path, format!("{}: {e} (paths are relative to the scenario)", full.display()));
            }
        }
    }

    fn header_name(&mut self, name: &str, path: &[Seg]) {
        if !is_header_name(name) {
            self.wrong_key(path, format!("`{name}` is not a header name: use letters, digits and `-`"));
        }
    }

    pub(super) fn statuses(&mut self, statuses: &[u16], path: &[Seg]) {
        for (index, status) in statuses.iter().enumerate() {
            if !(100..=599).contains(status) {
                let message = format!("{status} is not an HTTP status: they run from 100 to 599");
                self.wrong(&at(path, [index.into()]), message);
            }
        }
    }

    pub(super) fn matchers(&mut self, matchers: &BTreeMap<String, Matcher>, path: &[Seg], places: Places) {
        for (place, matcher) in matchers {
            let path = at(path, [place.as_str().into()]);
            match places {
                Places::Pointers => self.pointer(place, &path),
                Places::Fields if is_field(place) => {}
                Places::Fields => self.pointer(place, &path),
                Places::Headers => self.header_name(place, &path),
            }
            match matcher {
                Matcher::Equals(Json::Null) if self.is_missing(&path) => {
                    self.wrong_key(&path, "nothing is written here: to compare with null, write it out");
                }
                Matcher::Equals(_) => self.matcher_mapping(&path),
                Matcher::Full(fields) => self.matcher(fields, &path),
            }
        }
    }

    /// Whether a key is there and nothing behind it.
    fn is_missing(&self, path: &[Seg]) -> bool {
        self.tree.get(path).is_some_and(|node| matches!(node.kind, Kind::Null(Null::Missing)))
    }

    /// A mapping that is no matcher would quietly mean `equals`; it is a typing error far more often.
    fn matcher_mapping(&mut self, path: &[Seg]) {
        let Some(node) = self.tree.get(path) else { return };
        if let (Kind::Map(_), Err(problem)) = (&node.kind, typed::from_tree::<MatcherFields>(node)) {
            let message = match problem.message.starts_with("unknown key") {
                true => format!("{}; to compare with a mapping, put it under `equals:`", problem.message),
                false => problem.message,
            };
            self.problems.push(Problem { at: problem.at, message });
        }
    }

    fn matcher(&mut self, fields: &MatcherFields, path: &[Seg]) {
        if *fields == MatcherFields::default() {
            self.wrong(path, "an empty matcher tests nothing: give equals, exists, absent, matches or type");
        }
        if fields.equals == Some(Json::Null) && self.is_missing(&at(path, ["equals".into()])) {
            let message = "nothing is written here: to compare with null, write it out";
            self.wrong_key(&at(path, ["equals".into()]), message);
        }
        if let Some((gone, there)) = contradiction(fields) {
            self.wrong_key(&at(path, [gone.into()]), format!("`{there}` and `{gone}` contradict each other"));
        }
        if let Some(pattern) = fields.matches.as_ref().filter(|p| !p.contains("{{")) {
            self.pattern(pattern, &at(path, ["matches".into()]));
        }
        if fields.matches.as_deref() == Some("") {
            self.wrong(
                &at(path, ["matches".into()]),
                "an empty pattern matches whatever is there: write `exists: true`",
            );
        }
    }

    /// A pointer that is a key.
    pub(super) fn pointer(&mut self, pointer: &str, path: &[Seg]) {
        if let Some(message) = pointer_problem(pointer) {
            self.wrong_key(path, message);
        }
    }

    pub(super) fn pointer_value(&mut self, pointer: &str, path: &[Seg]) {
        if let Some(message) = pointer_problem(pointer) {
            self.wrong(path, message);
        }
    }

    pub(super) fn template(&mut self, path: &[Seg], text: &str, names: &Names) {
        let pieces = match template::parse(text) {
            Ok(pieces) => pieces,
            Err(error) => {
                let at = self.locate(path, &error.template, 0);
                return self.problems.push(Problem { at, message: error.to_string() });
            }
        };
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for piece in &pieces {
            let Piece::Expr { raw, expr } = piece else { continue };
            let nth = seen.entry(raw).or_default();
            if let Some(message) = expr.needed().find_map(|name| names.refuse(name)) {
                let at = self.locate(path, raw, *nth);
                self.problems.push(Problem { at, message });
            }
            *nth += 1;
        }
    }

    /// The place of the `nth` occurrence of `raw` in the value at `path`; of the value when its text is escaped.
    fn locate(&self, path: &[Seg], raw: &str, nth: usize) -> At {
        let at = self.tree.value_at(path);
        let line_start = match at.line {
            0 | 1 => 0,
            line => {
                let mut breaks = self.source.match_indices('\n').map(|(i, _)| i + 1);
                breaks.nth(usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(2)).unwrap_or(0)
            }
        };
        let line = self.source.get(line_start..).unwrap_or_default();
        let skip = usize::try_from(at.column).unwrap_or(1).saturating_sub(1);
        let start = line_start + line.char_indices().nth(skip).map_or(0, |(i, _)| i);
        let rest = self.source.get(start..).unwrap_or_default();
        let Some((found, _)) = rest.match_indices(raw).nth(nth) else { return at };
        let before = self.source.get(..start + found).unwrap_or_default();
        let line = 1 + before.matches('\n').count() as u64;
        let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count() as u64;
        At { line, column }
    }
}

/// The two keys of a matcher of which one wants the value to be there and the other not to be.
fn contradiction(fields: &MatcherFields) -> Option<(&'static str, &'static str)> {
    let gone = [("absent", fields.absent == Some(true)), ("exists", fields.exists == Some(false))];
    let there = [
        ("exists", fields.exists == Some(true)),
        ("absent", fields.absent == Some(false)),
        // A value that is not there may stand for null.
        ("equals", fields.equals.as_ref().is_some_and(|value| !value.is_null())),
        ("matches", fields.matches.is_some()),
        ("type", fields.json_type.is_some()),
    ];
    let first = |all: &[(&'static str, bool)]| all.iter().find(|(_, is)| *is).map(|(key, _)| *key);
    Some((first(&gone)?, first(&there)?))
}

/// RFC 9110, section 5.6.2: token.
fn is_header_name(name: &str) -> bool {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !name.is_empty() && name.chars().all(is_token)
}

/// A text with a letter in the place of each template.
fn without_templates(text: &str) -> String {
    let Ok(pieces) = template::parse(text) else { return String::new() };
    let of = |piece: &Piece<'_>| match piece {
        Piece::Text(text) => (*text).to_owned(),
        Piece::Expr { .. } => "x".to_owned(),
    };
    pieces.iter().map(of).collect()
}

/// What the keys of a mapping of matchers are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Places {
    /// Pointers into a response.
    Pointers,
    /// Pointers into a webhook, which may be a form.
    Fields,
    Headers,
}

/// Whether a pointer is to a field of a form, whose name may end as an index does elsewhere: `/tags[0]`.
pub(super) fn is_field(pointer: &str) -> bool {
    pointer.strip_prefix('/').is_some_and(|name| name.ends_with(']') && !name.contains(['/', '.', '*']))
}

/// What is wrong with a JSON pointer (RFC 6901).
pub(super) fn pointer_problem(pointer: &str) -> Option<String> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        let fixed = pointer.trim_start_matches("$.").replace('.', "/");
        return Some(format!("`{pointer}` is not a JSON pointer: it begins with `/`, as in `/{fixed}`"));
    }
    // Nothing is ever there, so that `absent` would hold whatever is sent.
    for name in pointer.split('/').skip(1) {
        if matches!(name, "*" | "**") {
            return Some(format!(
                "`{pointer}`: a JSON pointer leads to one value, and has no `{name}`: write an index, as in {}",
                pointer.replace("**", "*").replace('*', "0")
            ));
        }
        if name == "-" {
            let first = pointer.split('/').map(|name| if name == "-" { "0" } else { name });
            let first = first.collect::<Vec<_>>().join("/");
            return Some(format!(
                "`{pointer}`: `-` is the place behind the last item, where nothing is: write an index, as in {first}"
            ));
        }
        if let Some(steps) = other_notation(name) {
            let fixed = pointer.replacen(name, &steps, 1);
            return Some(format!(
                "`{pointer}`: a step of a JSON pointer is one name or index: write {fixed}"
            ));
        }
    }
    let lonely = pointer.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
    lonely.then(|| {
        format!("`{pointer}` is not a JSON pointer: write `~0` for `~` and `~1` for `/` within a name")
    })
}

/// A step of a pointer that is written as other languages have it (`items[0]`, `items.0.email`), as the steps that it means.
fn other_notation(name: &str) -> Option<String> {
    let is_index = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'*');
    let opened = name.find('[').and_then(|open| Some((open, open + name.get(open..)?.find(']')?)));
    let in_brackets = opened.and_then(|(open, close)| name.get(open + 1..close)).is_some_and(is_index);
    let begins = |text: &str| text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let parts: Vec<&str> = name.split('.').collect();
    let dotted = parts.windows(3).any(|three| match three {
        [before, index, after] => begins(before) && is_index(index) && begins(after),
        _ => false,
    });
    let steps = name.replace(['[', '.'], "/").replace(']', "").replace('*', "0");
    (in_brackets || dotted).then(|| steps.trim_start_matches('/').to_owned())
}
