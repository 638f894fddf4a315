//! Standard output and error of the program; a closed pipe ends output quietly, any other failure is an exit code.

use pii::printable;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// The first failure to write a result.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

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
