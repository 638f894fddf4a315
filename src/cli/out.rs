//! Standard output and error of the program; a closed pipe ends output quietly, any other failure is an exit code. All that is
//! printed comes through here, and all of it through [`safe`]: much of it are other people's words.

use clap::ValueEnum;
use evidence::report::{Colour, Screen};
use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The first failure to write a result.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// When results are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ColourChoice {
    Auto,
    Always,
    Never,
}

static COLOUR: OnceLock<ColourChoice> = OnceLock::new();

/// Takes what `--color` says, once.
pub(super) fn choose_colour(choice: ColourChoice) {
    let _ = COLOUR.set(choice);
}

/// What results are written to (no-color.org); `all` lists gates that nothing exercised.
pub(super) fn screen(all: bool) -> Screen {
    let terminal = io::stdout().is_terminal();
    let colour = match COLOUR.get() {
        Some(ColourChoice::Always) => true,
        Some(ColourChoice::Never) => false,
        _ => terminal && !is_set("NO_COLOR") && !is_dumb(),
    };
    let size = terminal.then(|| terminal_size::terminal_size_of(io::stdout())).flatten();
    let size = size.map(|(columns, rows)| (usize::from(columns.0), usize::from(rows.0)));
    Screen::new(if colour { Colour::Ansi } else { Colour::None }, size, all)
}

/// Whether a bar can be drawn on stderr.
pub(super) fn draws_bars() -> bool {
    io::stderr().is_terminal() && !is_dumb()
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The colours of our own words (`evidence::report`): of verdicts and of the clauses of a contract.
const COLOURS: [&str; 6] =
    ["\u{1b}[0m", "\u{1b}[2m", "\u{1b}[31;1m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m"];

/// `text` as it may be printed: what a terminal would obey in it is escaped, but for lines, tabs and our colours. Inside a JSON
/// text that still means the same.
pub(super) fn safe(text: &str) -> Cow<'_, str> {
    let colour = |at: &str| COLOURS.into_iter().find(|colour| at.starts_with(colour));
    if !text.contains('\u{1b}') {
        return pii::printable(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\u{1b}') {
        let (before, from) = rest.split_at(at);
        out.push_str(&pii::printable(before));
        let (own, length) = colour(from).map_or(("\\u001b", 1), |colour| (colour, colour.len()));
        out.push_str(own);
        rest = from.split_at(length).1;
    }
    out.push_str(&pii::printable(rest));
    Cow::Owned(out)
}

/// Writes one line of result to stdout. A reader that went away is not an error.
pub(super) fn line(text: impl std::fmt::Display) {
    keep(writeln!(io::stdout().lock(), "{}", safe(&text.to_string())));
}

/// Writes a result that has its own line ends to stdout.
pub(super) fn text(text: &str) {
    keep(io::stdout().lock().write_all(safe(text).as_bytes()));
}

/// Writes a result of JSON to stdout.
pub(super) fn json(bytes: &[u8]) {
    text(&String::from_utf8_lossy(bytes));
}

/// Writes one line to stderr: progress, warnings, hints, never results.
pub(super) fn say(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{}", safe(&text.to_string()));
}

/// Flushes stdout, and gives the first failure to write a result (a full disk), if there was one.
pub(super) fn finish() -> Option<io::Error> {
    keep(io::stdout().lock().flush());
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn keep(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        FAILED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_colours_reach_a_terminal() {
        let text = "a\tb\n\u{1b}[31;1mFAIL\u{1b}[0m \u{1b}]0;title\u{7} \u{1b}[2J \u{9b}2J \u{202e}x \u{1b}";
        let safe = safe(text);
        assert!(safe.starts_with("a\tb\n\u{1b}[31;1mFAIL\u{1b}[0m \\u001b]0;title"), "{safe}");
        assert_eq!(safe.matches('\u{1b}').count(), 2, "{safe}");
        assert!(!safe.contains(['\u{9b}', '\u{202e}', '\u{7}']), "{safe}");
        let json = serde_json::json!({ "a": "\u{9b}\u{202e}\u{1b}" }).to_string();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&super::safe(&json)).unwrap()["a"],
            "\u{9b}\u{202e}\u{1b}"
        );
    }
}
