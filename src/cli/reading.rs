//! A file that is read from beginning to end, and how far it is: a bar on a terminal, a line now and then elsewhere.

use super::out;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Nothing is shown of a file that is read sooner than this.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two plain lines.
const EVERY: Duration = Duration::from_secs(10);
/// Bytes of a device that are read at most.
const MOST_OF_DEVICE: u64 = 16 * 1024 * 1024;

/// A file that shows how far it has been read.
pub(super) struct Reading {
    file: File,
    name: String,
    size: u64,
    read: u64,
    /// Of a device no more is read.
    most: u64,
    /// When it is shown next; never when quiet.
    next: Option<Instant>,
    bar: Option<ProgressBar>,
}

impl Reading {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = record::open_input(path)?;
        let found = file.metadata()?;
        let size = found.len();
        // `/dev/zero` never ends, and a terminal or `/dev/stdin` may go on for as long as somebody writes.
        let most =
            if found.file_type().is_char_device() && !file.is_terminal() { MOST_OF_DEVICE } else { u64::MAX };
        let name = path.display().to_string();
        let next = (!out::is_quiet()).then(|| Instant::now() + PATIENCE);
        Ok(Self { file, name, size, read: 0, most, next, bar: None })
    }

    fn show(&mut self) {
        if out::draws_bars() {
            let (size, name) = (self.size, self.name.clone());
            self.bar.get_or_insert_with(|| bar(size, &name)).set_position(self.read);
        } else {
            let mb = |bytes: u64| bytes / 1_000_000;
            out::say(format!("{}: {} of {} MB", self.name, mb(self.read), mb(self.size)));
            self.next = Some(Instant::now() + EVERY);
        }
    }

    fn is_due(&self) -> bool {
        self.bar.is_some() || self.next.is_some_and(|next| Instant::now() >= next)
    }
}

fn bar(size: u64, name: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {eta} left  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(out::safe(name).into_owned());
    bar
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.read += n as u64;
        if self.read > self.most {
            return Err(io::Error::other("an endless device, not a file"));
        }
        if n == 0 {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
            }
        } else if self.is_due() {
            self.show();
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_read_is_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[7; 100_000]).unwrap();
        let mut reading = Reading::open(file.path()).unwrap();
        // As if it had taken long.
        reading.next = Some(Instant::now());
        assert!(reading.is_due());
        let mut all = Vec::new();
        assert_eq!(reading.read_to_end(&mut all).unwrap(), 100_000);
        assert_eq!((all, reading.read), (vec![7; 100_000], 100_000));
        assert!(Reading::open(Path::new("/nonexistent")).is_err());
    }
}
