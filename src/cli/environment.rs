//! The environment that configuration comes from: the process's own over `--env-file`.

use super::Failure;
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
        let size = std::fs::metadata(file).map_err(|e| wrong(format!("cannot be read: {e}")))?.len();
        if size > MAX_BYTES {
            return Err(wrong(format!("larger than {MAX_BYTES} bytes, which is no env file")));
        }
        let text = std::fs::read_to_string(file).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        values = parse(&text).map_err(|line| wrong(format!("line {line}: not NAME=value")))?;
    }
    Ok(Arc::new(move |name| std::env::var(name).ok().or_else(|| values.get(name).cloned())))
}

/// The beginnings of the names that smoke and its scenarios read (CONTRACT.md section 8).
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

/// `NAME=value` lines with optional `export`, quotes and `#` comments; the error is the number of a wrong line.
fn parse(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let mut values = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(number)?;
        let name = name.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(plain) {
            return Err(number);
        }
        values.insert(name.to_owned(), unquoted(value.trim()).ok_or(number)?.to_owned());
    }
    Ok(values)
}

/// The text inside matching quotes, else the text up to a comment; `None` for a quote that is not closed.
fn unquoted(value: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let (inside, after) = rest.split_once(quote)?;
            let after = after.trim_start();
            return (after.is_empty() || after.starts_with('#')).then_some(inside);
        }
    }
    Some(value.split_once(" #").map_or(value, |(before, _)| before.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_forms() {
        let text = "# c\n\nA=1\nexport B='two words' # why\nC=\"x#y\"\nD=a b # c\nE=\n";
        let values = parse(text).unwrap();
        let of = |name: &str| values[name].as_str();
        assert_eq!((of("A"), of("B"), of("C"), of("D"), of("E")), ("1", "two words", "x#y", "a b", ""));
    }

    #[test]
    fn a_wrong_line_is_known_by_its_number() {
        assert_eq!(parse("A=1\nnonsense"), Err(2));
        assert_eq!(parse("1A=1"), Err(1));
        assert_eq!(parse("A='open"), Err(1));
    }
}
