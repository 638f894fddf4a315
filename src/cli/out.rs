//! Standard output and error of the program; a closed pipe ends output quietly, any other failure is an exit code.

use clap::ValueEnum;
use evidence::report::{Colour, Screen};
use pii::printable;
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

/// Writes one line of result to stdout; what a terminal would obey in it is escaped. A reader that went away is not an
/// error.
pub(super) fn line(text: impl std::fmt::Display) {
    keep(writeln!(io::stdout().lock(), "{}", printable(&text.to_string())));
}

/// Writes bytes of result to stdout as they are.
pub(super) fn raw(bytes: &[u8]) {
    keep(io::stdout().lock().write_all(bytes));
}

/// Writes one line to stderr: progress, warnings, hints, never results. What a terminal would obey in it is escaped.
pub(super) fn say(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{}", printable(&text.to_string()));
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
