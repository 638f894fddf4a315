//! `{{ name | default("x") }}`: parsing and rendering of templates, without knowledge of where values come from.

use serde_json::Value;

/// Why a template has no value. Never holds a value, only names, since values may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{template}: {message}")]
pub struct TemplateError {
    /// The template as written, or the file that it led to.
    pub template: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A stretch of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece<'a> {
    Text(&'a str),
    /// One `{{ … }}`.
    Expr {
        /// As written, braces included.
        raw: &'a str,
        expr: Expr<'a>,
    },
}

/// What stands between the braces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expr<'a> {
    /// The value to begin with.
    pub term: Term<'a>,
    /// What is done to it, in order.
    pub filters: Vec<Filter<'a>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term<'a> {
    /// A variable, `env.NAME`, or a built-in.
    Name(&'a str),
    /// A text in quotes, a number, `true`, `false` or `null`.
    Literal(Value),
}

/// A change to a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter<'a> {
    /// Takes the place of a value that is not there.
    Default(Term<'a>),
    Text,
    /// Makes it a whole number.
    Int,
}

/// What the names of values in a step's answer begin with: `response./id`, `response.header.Location`.
pub(super) const ANSWER: &str = "response.";

const FILTERS: [&str; 3] = ["default", "text", "int"];

impl<'a> Expr<'a> {
    /// The names that must be there: those without a default behind them.
    pub(super) fn needed(&self) -> impl Iterator<Item = &'a str> {
        let has_default = self.filters.iter().any(|f| matches!(f, Filter::Default(_)));
        let last = self.filters.iter().rev().find_map(|f| match f {
            Filter::Default(term) => Some(term),
            _ => None,
        });
        let first = (!has_default).then_some(&self.term);
        first.into_iter().chain(last).filter_map(Term::name)
    }

    /// All names, needed or not.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        let defaults = self.filters.iter().filter_map(|f| match f {
            Filter::Default(term) => Some(term),
            _ => None,
        });
        std::iter::once(&self.term).chain(defaults).filter_map(Term::name)
    }
}

impl<'a> Term<'a> {
    const fn name(&self) -> Option<&'a str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Literal(_) => None,
        }
    }
}

/// Cuts a text into its pieces.
pub(super) fn parse(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = opening(rest) {
        let (before, template) = rest.split_at(start);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        let (expr, length) = parse_one(template)?;
        let (raw, tail) = template.split_at(length);
        pieces.push(Piece::Expr { raw, expr });
        rest = tail;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// Where the first template of a text begins. Each text of a flow is asked for it, and most have no brace.
fn opening(text: &str) -> Option<usize> {
    let followed = |at: &usize| text.as_bytes().get(at + 1) == Some(&b'{');
    text.match_indices('{').map(|(at, _)| at).find(followed)
}

/// Reads the template at the beginning of `text`, which begins with `{{`; gives its length in bytes too.
fn parse_one(text: &str) -> Result<(Expr<'_>, usize), TemplateError> {
    let mut cursor = Cursor { rest: text.get(2..).unwrap_or_default() };
    let parsed = (|| {
        let term = cursor.term()?;
        let mut filters = Vec::new();
        while cursor.take("|") {
            filters.push(cursor.filter()?);
        }
        if cursor.take("}}") { Ok(Expr { term, filters }) } else { Err(cursor.surprise("`}}` or `|`")) }
    })();
    let shown = || match text.find("}}") {
        Some(end) if end < 80 => text.get(..end + 2).unwrap_or(text).to_owned(),
        _ => text.chars().take(40).collect(),
    };
    let expr = parsed.map_err(|message| TemplateError { template: shown(), message })?;
    Ok((expr, text.len() - cursor.rest.len()))
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn blanks(&mut self) {
        while let Some(rest) = self.rest.strip_prefix(char::is_whitespace) {
            self.rest = rest;
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.blanks();
        self.rest.strip_prefix(token).map(|rest| self.rest = rest).is_some()
    }

    fn surprise(&self, expected: &str) -> String {
        match self.rest.chars().next() {
            None => format!("the template is not closed: expected {expected}"),
            Some(c) => format!("expected {expected}, found `{c}`"),
        }
    }

    fn word(&mut self) -> &'a str {
        self.blanks();
        let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let end = self.rest.bytes().position(|b| !is_word(b)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn term(&mut self) -> Result<Term<'a>, String> {
        self.blanks();
        if self.rest.starts_with(['"', '\'']) {
            return self.quoted().map(|text| Term::Literal(Value::String(text)));
        }
        let before = self.rest;
        let mut word = self.word();
        if word == ANSWER && self.rest.starts_with('/') {
            let pointer = self.pointer();
            word = before.get(..word.len() + pointer.len()).unwrap_or(word);
        }
        match word {
            "" => {
                self.rest = before;
                Err(self.surprise("a name or a text in quotes"))
            }
            "true" | "false" | "null" => Ok(Term::Literal(serde_json::from_str(word).unwrap_or_default())),
            w if w.starts_with(|c: char| c.is_ascii_digit() || c == '-') => serde_json::from_str(w)
                .map(Term::Literal)
                .map_err(|_| format!("`{w}` is neither a number nor a name: names begin with a letter")),
            w if w.starts_with(ANSWER) && w.len() > ANSWER.len() => Ok(Term::Name(word)),
            w if w.starts_with('.')
                || w.ends_with('.')
                || w.as_bytes().windows(2).any(|two| two == b"..") =>
            {
                Err(format!("`{w}` is not a name: a dot joins two words"))
            }
            _ => Ok(Term::Name(word)),
        }
    }

    /// The JSON pointer behind `response.`, up to a blank or what ends a term.
    fn pointer(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| c.is_whitespace() || matches!(c, '|' | '}' | ')'));
        let (pointer, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        pointer
    }

    fn quoted(&mut self) -> Result<String, String> {
        let mut chars = self.rest.char_indices();
        let quote = chars.next().map(|(_, c)| c);
        let mut text = String::new();
        let mut escaped = false;
        for (at, c) in chars {
            if escaped {
                text.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if Some(c) == quote {
                self.rest = self.rest.get(at + 1..).unwrap_or_default();
                return Ok(text);
            } else {
                text.push(c);
            }
        }
        Err("a quoted text is not closed".to_owned())
    }

    fn filter(&mut self) -> Result<Filter<'a>, String> {
        match self.word() {
            "text" => Ok(Filter::Text),
            "int" => Ok(Filter::Int),
            "default" => {
                if !self.take("(") {
                    return Err(self.surprise("`(`, as in default(\"x\")"));
                }
                let term = self.term()?;
                if self.take(")") { Ok(Filter::Default(term)) } else { Err(self.surprise("`)`")) }
            }
            other => {
                let hint = super::suggest::hint(other, FILTERS);
                Err(format!("unknown filter `{other}`{hint} (known: {})", FILTERS.join(", ")))
            }
        }
    }
}

/// Renders a text; `lookup` gives the value of a name, or says why there is none.
pub(super) fn render(
    text: &str,
    lookup: &mut dyn FnMut(&str) -> Result<Value, String>,
) -> Result<Value, TemplateError> {
    if opening(text).is_none() {
        return Ok(Value::String(text.to_owned()));
    }
    let pieces = parse(text)?;
    if let [Piece::Expr { raw, expr }] = pieces.as_slice() {
        return evaluate(raw, expr, lookup);
    }
    let mut out = String::with_capacity(text.len());
    for piece in &pieces {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Expr { raw, expr } => out.push_str(&into_text(evaluate(raw, expr, lookup)?)),
        }
    }
    Ok(Value::String(out))
}

/// The value of one template.
pub(super) fn evaluate(
    raw: &str,
    expr: &Expr<'_>,
    lookup: &mut dyn FnMut(&str) -> Result<Value, String>,
) -> Result<Value, TemplateError> {
    let mut value_of = |term: &Term<'_>| match term {
        Term::Literal(value) => Ok(value.clone()),
        Term::Name(name) => lookup(name),
    };
    let mut value = value_of(&expr.term);
    for filter in &expr.filters {
        value = match (filter, value) {
            // An empty text is what an optional variable without a value renders to.
            (Filter::Default(term), Ok(Value::String(text))) if text.is_empty() => value_of(term),
            (Filter::Default(term), Err(_)) => value_of(term),
            (Filter::Text | Filter::Int, Ok(Value::Null)) => Ok(Value::Null),
            (Filter::Text, Ok(value)) => Ok(Value::String(into_text(value))),
            (Filter::Int, Ok(value)) => int(&value),
            (_, value) => value,
        };
    }
    value.map_err(|message| TemplateError { template: raw.to_owned(), message })
}

/// Whether a value may be taken as a whole number; one that is not given may.
pub(super) fn is_whole(value: &Value) -> bool {
    value.is_null() || int(value).is_ok()
}

fn int(value: &Value) -> Result<Value, String> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    // The value itself stays out of the message: it may be a secret.
    number.map(|n: i64| Value::from(n)).ok_or_else(|| "its value is not a whole number".to_owned())
}

/// A value as text: a string as it is, null as nothing, anything else as JSON.
pub(super) fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// The same of a value that nobody needs any more.
pub(super) fn into_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => as_text(&other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn eval(text: &str) -> Result<Value, String> {
        let mut lookup = |name: &str| match name {
            "n" => Ok(json!(7)),
            "s" => Ok(json!("seven")),
            "o" => Ok(json!({"a": [1]})),
            other => Err(format!("undefined variable `{other}`")),
        };
        render(text, &mut lookup).map_err(|e| e.to_string())
    }

    #[test]
    fn a_template_alone_keeps_its_type_and_in_text_becomes_text() {
        assert_eq!(eval("{{ n }}"), Ok(json!(7)));
        assert_eq!(eval("{{n}}"), Ok(json!(7)));
        assert_eq!(eval("{{ o }}"), Ok(json!({"a": [1]})));
        assert_eq!(eval("/x/{{ n }}/{{ s }}"), Ok(json!("/x/7/seven")));
        assert_eq!(eval(" {{ n }}"), Ok(json!(" 7")));
        assert_eq!(eval("{{ n | text }}"), Ok(json!("7")));
        assert_eq!(eval("{{ '12' | int }}"), Ok(json!(12)));
        assert_eq!(eval(r#"{{ "{{" }}x}}"#), Ok(json!("{{x}}")));
    }

    #[test]
    fn defaults() {
        assert_eq!(eval(r#"{{ gone | default("x") }}"#), Ok(json!("x")));
        assert_eq!(eval(r#"{{ gone | default("a\"}}b") }}"#), Ok(json!("a\"}}b")));
        assert_eq!(eval("{{ gone | default(away) | default(3) }}"), Ok(json!(3)));
        assert_eq!(eval("{{ gone | default(n) }}"), Ok(json!(7)));
        assert_eq!(eval("{{ n | default(3) }}"), Ok(json!(7)));
        assert_eq!(eval("{{ gone | default(null) }}"), Ok(json!(null)));
        assert_eq!(eval("{{ gone | default(null) | int }}"), Ok(json!(null)));
        assert_eq!(eval(r#"{{ gone | default("") | default("x") }}"#), Ok(json!("x")), "empty is absent");
    }

    #[test]
    fn errors_name_the_template() {
        let error = |text: &str| eval(text).unwrap_err();
        assert_eq!(error("a {{ gone }}"), "{{ gone }}: undefined variable `gone`");
        assert_eq!(error("{{ n"), "{{ n: the template is not closed: expected `}}` or `|`");
        assert_eq!(error("{{ }}"), "{{ }}: expected a name or a text in quotes, found `}`");
        assert_eq!(error("{{ n m }}"), "{{ n m }}: expected `}}` or `|`, found `m`");
        assert_eq!(error("{{ s | int }}"), "{{ s | int }}: its value is not a whole number");
        assert_eq!(
            error("{{ s | defualt(1) }}"),
            "{{ s | defualt(1) }}: unknown filter `defualt`; did you mean `default`? (known: default, text, int)"
        );
    }

    proptest! {
        #[test]
        fn text_without_braces_is_itself(text in "[^{]*") {
            prop_assert_eq!(eval(&text), Ok(json!(text)));
        }

        #[test]
        fn a_quoted_literal_comes_back(text in ".*") {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(eval(&format!("{{{{ \"{quoted}\" }}}}")), Ok(json!(text)));
        }

        #[test]
        fn never_panics(text in "[{}a-z|\"'(). \\\\é]*") {
            let _ = eval(&text);
        }

        #[test]
        fn the_pieces_make_up_the_text(text in "([a-z ]|\\{\\{ n \\}\\})*") {
            let joined: String = parse(&text).unwrap().iter().map(|p| match p {
                Piece::Text(t) => *t,
                Piece::Expr { raw, .. } => *raw,
            }).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
