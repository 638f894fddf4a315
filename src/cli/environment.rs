//! The environment that configuration comes from: the process's own over `--env-file`.

use super::Failure;
use record::read_input_text;
use scenario::Env;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Largest env file in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads the environment, with the variables of `file` where the process has none.
///
/// # Errors
/// Usage: a file that cannot be read or a line that is no `NAME=value`; the line is named, never quoted.
pub(super) fn read(file: Option<&Path>) -> Result<Env, Failure> {
    check_own()?;
    let mut values = BTreeMap::new();
    if let Some(file) = file {
        let wrong = |what: String| Failure::usage(format!("--env-file {}: {what}", file.display()));
        let text = read_input_text(file, MAX_BYTES).map_err(|e| wrong(e.to_string()))?;
        values = parse(&text).map_err(|mistake| wrong(mistake.to_string()))?;
    }
    Ok(Arc::new(move |name| std::env::var(name).ok().or_else(|| values.get(name).cloned())))
}

/// A setting of smoke's own; none when it is not set. One that is set and empty is a mistake, such as a secret that a CI
/// system does not hand out: it must not read as "not set", which means another target.
///
/// # Errors
/// Usage: it is empty or blank.
pub(super) fn setting(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<Option<String>, Failure> {
    match env(name) {
        Some(value) if value.trim().is_empty() => Err(Failure::usage(format!(
            "the environment variable {name} is empty: give it a value, or unset it"
        ))),
        value => Ok(value),
    }
}

/// The value of a flag that must not be empty, as it is when a variable of the shell is.
///
/// # Errors
/// When it is empty or blank.
pub(super) fn not_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("the value is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// The beginnings of the names that smoke and its scenarios read (docs/deltacrown.md section 8).
const OWN: [&str; 9] = [
    "STAGING_",
    "WEBHOOK_",
    "NOTIFICATIONS_",
    "STAFF_",
    "USER_",
    "REGISTRATION_",
    "PAYMENT_",
    "MATCH_",
    "TOURNAMENT_",
];

/// A variable of ours that is not text would read as not set, and the run would be another than the user asked for.
fn check_own() -> Result<(), Failure> {
    for (name, value) in std::env::vars_os() {
        let own = name.to_str().filter(|n| OWN.iter().any(|own| n.starts_with(own)));
        if let (Some(name), None) = (own, value.to_str()) {
            return Err(Failure::usage(format!("the environment variable {name} is not UTF-8 text")));
        }
    }
    Ok(())
}

/// What is wrong with an env file, and in which line. Never quotes the line, which may hold a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {wrong}")]
struct Mistake {
    line: usize,
    wrong: &'static str,
}

/// `NAME=value` lines as shells, docker compose and python-dotenv read them: `export`, comments, single quotes (what
/// stands in them) and double quotes (`\n`, `\r`, `\t`, `\"`, `\\`, `\$`), both over several lines. No `$NAME` is filled
/// in: a password with a dollar sign is that password. Of several lines with one name the last counts.
fn parse(text: &str) -> Result<BTreeMap<String, String>, Mistake> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let (mut rest, mut line) = (text.as_str(), 1);
    let mut values = BTreeMap::new();
    while !rest.is_empty() {
        let (found, after) = entry(rest).map_err(|wrong| Mistake { line, wrong })?;
        line += rest.matches('\n').count() - after.matches('\n').count();
        rest = after;
        values.extend(found);
    }
    Ok(values)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Name and value that a line sets, if it sets one, and the text behind it.
type Entry<'t> = (Option<(String, String)>, &'t str);

/// What a line says. A quoted value may end lines later.
fn entry(text: &str) -> Result<Entry<'_>, &'static str> {
    let (line, after) = cut_line(text);
    if line.trim().is_empty() || line.trim_start().starts_with('#') {
        return Ok((None, after));
    }
    let (name, value) =
        text.split_once('=').filter(|(name, _)| !name.contains('\n')).ok_or("not NAME=value")?;
    let name = checked_name(name)?;
    let from_quote = value.trim_start_matches(BLANKS);
    let (value, after) = if let Some(inside) = from_quote.strip_prefix('\'') {
        let (value, after) = inside.split_once('\'').ok_or(OPEN)?;
        (value.to_owned(), end_of_line(after)?)
    } else if let Some(inside) = from_quote.strip_prefix('"') {
        let (value, after) = unescape(inside)?;
        (value, end_of_line(after)?)
    } else {
        (unquoted(cut_line(value).0).to_owned(), after)
    };
    Ok((Some((name, value)), after))
}

const OPEN: &str = "the quote that starts here is not closed";

fn cut_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Names may have dashes and dots, as other programs' do; smoke asks for none of those.
fn checked_name(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let name = text.strip_prefix("export").filter(|rest| rest.starts_with(BLANKS)).unwrap_or(text).trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let right = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(plain);
    if right { Ok(name.to_owned()) } else { Err("not NAME=value: a name has only letters, digits and `_`") }
}

/// The text up to the closing `"`, and what stands behind it.
fn unescape(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok((value, chars.as_str())),
            '\\' => match chars.next().ok_or(OPEN)? {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    Err(OPEN)
}

/// The lines behind a closing quote, which only blanks and a comment may follow.
fn end_of_line(text: &str) -> Result<&str, &'static str> {
    let (tail, after) = cut_line(text);
    let tail = tail.trim();
    if tail.is_empty() || tail.starts_with('#') { Ok(after) } else { Err("text after the closing quote") }
}

/// The text up to a comment: a `#` with a blank before it.
fn unquoted(value: &str) -> &str {
    let comment = value.char_indices().zip(value.chars().skip(1));
    let end = comment
        .filter(|((_, blank), hash)| BLANKS.contains(blank) && *hash == '#')
        .map(|((at, _), _)| at)
        .next()
        .unwrap_or(value.len());
    value.get(..end).unwrap_or(value).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of_x(text: &str) -> String {
        parse(text).unwrap().remove("X").unwrap()
    }

    #[test]
    fn reads_the_usual_forms() {
        for (text, value) in [
            ("# c\n\nX=1\n", "1"),
            ("X=", ""),
            ("X= # fill in\n", ""),
            ("X=abc\t# note\n", "abc"),
            ("X=a b # c", "a b"),
            ("X=a#b", "a#b"),
            ("X=#b", "#b"),
            ("X = abc \r\n", "abc"),
            ("\u{feff}X=abc\n", "abc"),
            ("export X=abc", "abc"),
            ("export\tX=abc", "abc"),
            ("OTHER-NAME=1\nX=abc\n", "abc"),
            ("X=first\nX=last", "last"),
            ("X=it's", "it's"),
        ] {
            assert_eq!(value_of_x(text), value, "{text:?}");
        }
    }

    #[test]
    fn quotes_keep_comments_escapes_and_lines() {
        for (text, value) in [
            ("X='two words' # why", "two words"),
            ("X=\"x#y\"", "x#y"),
            (r#"X="a\\b""#, r"a\b"),
            (r#"X="a\nb""#, "a\nb"),
            (r#"X="a\"b""#, "a\"b"),
            (r#"X="a\qb""#, r"a\qb"),
            (r"X='a\nb'", r"a\nb"),
            ("X='one\ntwo # three'\nY=1", "one\ntwo # three"),
            ("X=\"one\n two\"", "one\n two"),
        ] {
            assert_eq!(value_of_x(text), value, "{text:?}");
        }
    }

    /// What `dotenvy` does with these: `pa`, and an error (docs/design.md).
    #[test]
    fn a_dollar_sign_in_a_password_stays() {
        assert_eq!(value_of_x("X=pa$word1"), "pa$word1");
        assert_eq!(value_of_x("X=\"pa${word1}\""), "pa${word1}");
    }

    #[test]
    fn a_mistake_has_its_line_and_no_value() {
        let mistake = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(mistake("A=1\nhunter2"), "line 2: not NAME=value");
        assert_eq!(mistake("A='\n\n'\nhunter2\nB=2"), "line 4: not NAME=value");
        assert_eq!(mistake("1A=1"), "line 1: not NAME=value: a name has only letters, digits and `_`");
        assert_eq!(mistake("A=1\nB=\"open\nC=1"), "line 2: the quote that starts here is not closed");
        assert_eq!(mistake("A='a' b"), "line 1: text after the closing quote");
    }
}
