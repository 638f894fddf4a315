//! Files are written whole: a reader sees the old content or the new, never half.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A value as JSON in lines, with a line end. What a terminal would obey is escaped: an artifact holds other people's words, and
/// is looked at with `cat`.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    pii::printable(&text).into_owned().into_bytes()
}

/// Writes `bytes` to a temporary file beside `path`, flushes it to disk and renames it into place. What is no file, such as
/// `/dev/null`, `/dev/stdout` or a named pipe, is written to as it is: nothing may take its place.
///
/// # Errors
/// When the directory cannot be written; the old file is then untouched.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if is_special(path) {
        return OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let temporary = beside(path);
    let written = (|| {
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// A device, a pipe, or a name that stands for one of this process's own streams.
fn is_special(path: &Path) -> bool {
    let is_stream = path.starts_with("/dev") || path.starts_with("/proc");
    std::fs::metadata(path).is_ok_and(|found| is_stream || !found.is_file() && !found.is_dir())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileTypeExt;

    #[test]
    fn a_file_is_replaced_and_a_pipe_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        for text in ["old and long", "new"] {
            write_whole(&file, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe).unwrap()
        });
        write_whole(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), "through");
        assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert!(is_special(Path::new("/dev/null")) && is_special(Path::new("/dev/stdout")));
        assert!(!is_special(dir.path()) && !is_special(&dir.path().join("none")));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
    }
}
