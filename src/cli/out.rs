//! Standard output and error of the program; a closed pipe ends output quietly, any other failure is an exit code. All that is
//! printed comes through here, and all of it through [`safe`]: much of it are other people's words.

use clap::{ColorChoice, ValueEnum};
use evidence::report::{Colour, Screen};
use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
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

static QUIET: OnceLock<bool> = OnceLock::new();

/// Takes what `--quiet` says, once.
pub(super) fn choose_quiet(quiet: bool) {
    let _ = QUIET.set(quiet);
}

/// Whether only verdicts, findings, warnings and errors are wanted.
pub(super) fn is_quiet() -> bool {
    QUIET.get().copied().unwrap_or_default()
}

/// Colours of help pages, which are printed before anything that was typed is parsed: as `--color` says among these arguments.
pub(super) fn help_colour(arguments: impl IntoIterator<Item = OsString>) -> ColorChoice {
    let words: Vec<String> = arguments.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let told =
        words.iter().zip(words.iter().skip(1).map(String::as_str).chain([""])).find_map(|(word, next)| {
            if word == "--color" { Some(next) } else { word.strip_prefix("--color=") }
        });
    match told {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// What results are written to (no-color.org); `all` lists gates that nothing exercised.
pub(super) fn screen(all: bool) -> Screen {
    let terminal = io::stdout().is_terminal();
    let size = size(&io::stdout());
    let colour = match COLOUR.get() {
        Some(ColourChoice::Always) => true,
        Some(ColourChoice::Never) => false,
        _ => terminal && !is_set("NO_COLOR") && !is_dumb(),
    };
    Screen::new(if colour { Colour::Ansi } else { Colour::None }, size, all)
}

/// Columns and rows of a terminal; elsewhere the columns that `COLUMNS` asks for, and no end of rows.
fn size(stream: &(impl IsTerminal + AsFd)) -> Option<(usize, usize)> {
    if stream.is_terminal() {
        let (columns, rows) = terminal_size::terminal_size_of(stream)?;
        return Some((usize::from(columns.0), usize::from(rows.0)));
    }
    let columns = std::env::var("COLUMNS").ok()?.trim().parse::<usize>().ok().filter(|n| *n > 0)?;
    Some((columns, usize::MAX))
}

/// `text` with every line that is too long for the stream broken at blanks, and hung under its last column.
fn fitted<'t>(text: &'t str, stream: &(impl IsTerminal + AsFd)) -> Cow<'t, str> {
    let Some((columns, _)) = size(stream) else { return Cow::Borrowed(text) };
    if text.lines().all(|line| seen(line) <= columns) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        if seen(line) <= columns {
            out.push_str(line);
        } else {
            broken(&mut out, line, columns.max(20));
        }
        out.push_str(end);
    }
    Cow::Owned(out)
}

/// Width of a line on a screen: our colours take no room.
fn seen(line: &str) -> usize {
    let colours: usize = COLOURS.iter().map(|colour| line.matches(colour).count() * colour.len()).sum();
    line.chars().count().saturating_sub(colours)
}

fn broken(out: &mut String, line: &str, columns: usize) {
    let hang = column(line, columns);
    let mut used = 0;
    for piece in line.split_inclusive(' ') {
        let width = seen(piece.trim_end());
        if used > hang && used + width > columns {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', hang));
            used = hang;
            if piece.trim().is_empty() {
                continue;
            }
        }
        for (i, c) in piece.chars().enumerate() {
            // A word that fits on no line is broken where the line ends; our colours are in no such word.
            if i > 0 && used >= columns && width > columns.saturating_sub(hang) && c != ' ' {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', hang));
                used = hang;
            }
            out.push(c);
            used += 1;
        }
        used -= piece.chars().count() - seen(piece);
    }
    out.truncate(out.trim_end_matches(' ').len());
}

/// Where the last column of a line begins, if that leaves room for text; else two more than its indentation.
fn column(line: &str, columns: usize) -> usize {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let begins = line.match_indices("  ").map(|(at, gap)| at + gap.len()).filter(|at| {
        let rest = line.get(*at..).unwrap_or_default();
        !rest.starts_with(' ') && *at <= columns / 2
    });
    begins.last().map_or(indent + 2, |at| seen(line.get(..at).unwrap_or_default()))
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
    let text = safe(&text.to_string()).into_owned();
    keep(writeln!(io::stdout().lock(), "{}", fitted(&text, &io::stdout())));
}

/// Writes a result that has its own line ends to stdout.
pub(super) fn text(text: &str) {
    keep(io::stdout().lock().write_all(fitted(&safe(text), &io::stdout()).as_bytes()));
}

/// Writes a result of JSON to stdout.
pub(super) fn json(bytes: &[u8]) {
    raw(&String::from_utf8_lossy(bytes));
}

/// Writes one line of a result that another program or an editor reads: it stays as it is.
pub(super) fn raw_line(text: impl std::fmt::Display) {
    raw(&format!("{text}\n"));
}

/// Writes a result that another program or an editor reads: its lines stay as they are.
pub(super) fn raw(text: &str) {
    keep(io::stdout().lock().write_all(safe(text).as_bytes()));
}

/// Writes one line to stderr: progress, warnings, hints, never results.
pub(super) fn say(text: impl std::fmt::Display) {
    let text = safe(&text.to_string()).into_owned();
    to_stderr(&fitted(&text, &io::stderr()));
}

/// The same for a text that is to be copied: its lines stay as they are.
pub(super) fn raw_say(text: impl std::fmt::Display) {
    to_stderr(&safe(&text.to_string()));
}

fn to_stderr(text: &str) {
    // A bar that stands in the last line is drawn again below what is said.
    let clear = if draws_bars() { "\r\u{1b}[2K" } else { "" };
    let _ = writeln!(io::stderr().lock(), "{clear}{text}");
}

/// Writes one line to stderr that a quiet user does not want: what is under way, which files were written, what may come next.
pub(super) fn chat(text: impl std::fmt::Display) {
    if !is_quiet() {
        say(text);
    }
}

/// Flushes stdout, and gives the first failure to write a result (a full disk), if there was one.
pub(super) fn finish() -> Option<io::Error> {
    keep(io::stdout().lock().flush());
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Keeps the failure to write a result, for the exit code.
pub(super) fn keep(written: io::Result<()>) {
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
    fn help_is_coloured_as_it_was_asked_for() {
        let said = |line: &str| help_colour(line.split(' ').map(OsString::from));
        assert_eq!(said("smoke --color never payments --help"), ColorChoice::Never);
        assert_eq!(said("smoke payments --help --color=always"), ColorChoice::Always);
        assert_eq!(said("smoke payments --color"), ColorChoice::Auto);
    }

    #[test]
    fn a_long_line_is_broken_at_blanks_and_hangs_under_its_column() {
        let said = |line: &str, columns| {
            let mut out = String::new();
            broken(&mut out, line, columns);
            out
        };
        assert_eq!(
            said("ok    payments      15 steps, 10 rows of data, all of them good", 40),
            "ok    payments      15 steps, 10 rows of\n                    data, all of them\n                    good"
        );
        assert_eq!(said("one two three four five six", 20), "one two three four\n  five six");
        assert!(said(&"word ".repeat(60), 40).lines().all(|line| line.len() <= 40));
        assert_eq!(seen("\u{1b}[32mpass\u{1b}[0m"), 4);
    }

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
