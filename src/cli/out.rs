//! Standard output and error of the program; a closed pipe ends output quietly.

use std::io::{self, Write};

/// Writes one line of result to stdout. A reader that went away is not an error.
pub(super) fn line(text: impl std::fmt::Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes one line to stderr: progress, warnings, hints, never results.
pub(super) fn say(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes bytes of result to stdout as they are.
pub(super) fn raw(bytes: &[u8]) {
    let _ = io::stdout().lock().write_all(bytes);
}
