//! Files that a user names: read within a size and a time, since a name may lead to a device or a pipe that never ends.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// How long a pipe may take (`--data <(command)`): a command that asks a person for a password is done by then.
const MOST_TIME: Duration = Duration::from_secs(60);

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The system says no.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is larger than such a file can be.
    #[error("larger than {0} bytes, the limit for such a file")]
    TooLarge(u64),
    /// Nothing is in it: cut off, or never written.
    #[error("the file is empty; without it what is built in is used")]
    Empty,
    /// A pipe without a writer, or one that says nothing.
    #[error("a pipe that did not end within {} s", MOST_TIME.as_secs())]
    Endless,
    /// It is no text.
    #[error("not UTF-8: save the file as UTF-8 (line {line})")]
    NotText {
        /// The first line that is none, from 1.
        line: u64,
    },
}

/// The bytes of a file of at most `most` bytes.
///
/// # Errors
/// See [`InputError`].
pub fn read_input(path: &Path, most: u64) -> Result<Vec<u8>, InputError> {
    if std::fs::metadata(path)?.is_file() {
        return bounded(path, most);
    }
    within(MOST_TIME, path, move |path| bounded(path, most))
}

/// Opening a pipe without a writer never returns, and cannot be called back: the thread ends with the process.
fn within<T: Send + 'static>(
    time: Duration,
    path: &Path,
    read: impl FnOnce(&Path) -> Result<T, InputError> + Send + 'static,
) -> Result<T, InputError> {
    let (tell, told) = mpsc::channel();
    let owned = path.to_owned();
    std::thread::Builder::new().name("input".into()).spawn(move || tell.send(read(&owned)))?;
    told.recv_timeout(time).unwrap_or(Err(InputError::Endless))
}

/// A file that is read piece by piece. A pipe is waited for until somebody writes to it, within the same time.
///
/// # Errors
/// When it cannot be opened, or is a pipe without a writer.
pub fn open_input(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        return File::open(path);
    }
    within(MOST_TIME, path, |path| Ok(File::open(path)?)).map_err(|error| match error {
        InputError::Io(error) => error,
        other => io::Error::new(io::ErrorKind::TimedOut, other),
    })
}

/// The text of a file of at most `most` bytes, without a byte order mark.
///
/// # Errors
/// See [`InputError`].
pub fn read_input_text(path: &Path, most: u64) -> Result<String, InputError> {
    let text = String::from_utf8(read_input(path, most)?).map_err(|e| {
        let good = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
        InputError::NotText { line: 1 + good.iter().filter(|b| **b == b'\n').count() as u64 }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The same of a file of settings, which says something: one that was cut off or never written asks for nothing, and would pass
/// for what is built in.
///
/// # Errors
/// See [`InputError`].
pub fn read_settings_text(path: &Path, most: u64) -> Result<String, InputError> {
    let text = read_input_text(path, most)?;
    if text.trim().is_empty() { Err(InputError::Empty) } else { Ok(text) }
}

fn bounded(path: &Path, most: u64) -> Result<Vec<u8>, InputError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(InputError::TooLarge(most)) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_never_ends_is_too_large() {
        assert!(matches!(read_input(Path::new("/dev/zero"), 1000), Err(InputError::TooLarge(1000))));
        assert!(matches!(read_input(Path::new("/nonexistent"), 1000), Err(InputError::Io(_))));
    }

    #[test]
    fn a_pipe_without_a_writer_is_not_waited_for_for_ever() {
        let dir = tempfile::TempDir::new().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let read = within(Duration::from_millis(20), &pipe, |path| bounded(path, 10));
        assert!(matches!(read, Err(InputError::Endless)));
        // Whoever still waits for the first one would take what is written to it.
        let pipe = dir.path().join("another");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::write(pipe, "text").unwrap()
        });
        assert_eq!(read_input(&pipe, 10).unwrap(), b"text");
        writer.join().unwrap();
    }

    #[test]
    fn text_is_taken_without_its_mark_and_told_where_it_is_none() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = dir.path().join("f");
        std::fs::write(&file, "\u{feff}a\n").unwrap();
        assert_eq!(read_input_text(&file, 100).unwrap(), "a\n");
        assert_eq!(read_settings_text(&file, 100).unwrap(), "a\n");
        std::fs::write(&file, "\u{feff} \n").unwrap();
        assert!(matches!(read_settings_text(&file, 100), Err(InputError::Empty)));
        std::fs::write(&file, b"a\nb\xff").unwrap();
        assert!(matches!(read_input_text(&file, 100), Err(InputError::NotText { line: 2 })));
    }
}
