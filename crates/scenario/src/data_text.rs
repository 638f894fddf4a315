//! The text of a data file, read in blocks and as often as it is needed: a file is not held in memory for that. What it says later is what it
//! said when it was opened, or it is told to have changed.

use super::data::{DataError, MAX_DATA};
use record::{InputError, read_input};
use std::borrow::Cow;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const BLOCK: usize = 64 * 1024;

/// The text of a data file, of at most [`MAX_DATA`] bytes.
pub(super) struct DataText {
    path: PathBuf,
    held: Held,
    /// What each block is told by: a number that nobody can know beforehand, so that no other block can be made to have it.
    blocks: Vec<u64>,
    hasher: RandomState,
    bytes: u64,
}

enum Held {
    /// It can be read again. Whoever puts another file in its place does not change this one.
    File(File),
    /// All that a pipe said, which says it once.
    Bytes(Vec<u8>),
}

impl DataText {
    /// Opens a file and reads it once.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or is not UTF-8.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let held = held(path).map_err(|e| read_error(path, e))?;
        let (blocks, hasher) = (Vec::new(), RandomState::new());
        let mut text = Self { path: path.to_owned(), held, blocks, hasher, bytes: 0 };
        text.read_first()?;
        Ok(text)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes what the blocks are told by.
    fn read_first(&mut self) -> Result<(), DataError> {
        let (mut characters, mut lines, mut wrong) = (Characters::default(), 0, None);
        loop {
            let block = self.read(self.blocks.len(), BLOCK).map_err(|e| read_error(&self.path, e.into()))?;
            let (hash, length) = (self.hasher.hash_one(&*block), block.len());
            if wrong.is_none() {
                let mut text = String::new();
                let is_text = characters.take(&block, &mut text) && (length == BLOCK || characters.is_done());
                lines += text.bytes().filter(|b| *b == b'\n').count() as u64;
                wrong = (!is_text).then_some(lines + 1);
            }
            self.bytes += length as u64;
            if self.bytes > MAX_DATA {
                return Err(DataError::TooLarge { file: self.path.clone() });
            }
            self.blocks.extend((length > 0).then_some(hash));
            if length < BLOCK {
                break;
            }
        }
        match wrong {
            Some(line) => Err(read_error(&self.path, InputError::NotText { line })),
            None => Ok(()),
        }
    }

    /// So many bytes of a block, or fewer at the end.
    fn read(&self, block: usize, most: usize) -> io::Result<Cow<'_, [u8]>> {
        let start = block.saturating_mul(BLOCK);
        match &self.held {
            Held::Bytes(bytes) => {
                let rest = bytes.get(start..).unwrap_or_default();
                Ok(Cow::Borrowed(rest.get(..most).unwrap_or(rest)))
            }
            Held::File(file) => {
                let (mut read, mut filled) = (vec![0; most], 0);
                while let Some(free) = read.get_mut(filled..).filter(|free| !free.is_empty()) {
                    match file.read_at(free, (start + filled) as u64) {
                        Ok(0) => break,
                        Ok(more) => filled += more,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                read.truncate(filled);
                Ok(Cow::Owned(read))
            }
        }
    }

    /// The text from its beginning, without a byte order mark.
    pub(super) const fn pieces(&self) -> Pieces<'_> {
        Pieces { text: self, next: 0, characters: Characters { rest: Vec::new() } }
    }

    /// The whole text.
    pub(super) fn whole(&self) -> Result<String, DataError> {
        let (mut pieces, mut whole) = (self.pieces(), String::new());
        while pieces.add_to(&mut whole)? {}
        Ok(whole)
    }

    fn changed(&self) -> DataError {
        DataError::Changed { file: self.path.clone() }
    }
}

fn held(path: &Path) -> Result<Held, InputError> {
    // Of a pipe or a device there is no telling whether it says the same again.
    let known = std::fs::metadata(path)?;
    if !known.is_file() {
        return Ok(Held::Bytes(read_input(path, MAX_DATA)?));
    }
    if known.len() > MAX_DATA {
        Err(InputError::TooLarge(MAX_DATA))
    } else {
        Ok(Held::File(File::open(path)?))
    }
}

fn read_error(path: &Path, error: InputError) -> DataError {
    let file = path.to_owned();
    match error {
        InputError::NotText { line } => {
            DataError::Line { file, line, message: "not UTF-8: save the file as UTF-8".to_owned() }
        }
        InputError::TooLarge(_) => DataError::TooLarge { file },
        source => DataError::Read { file, source },
    }
}

/// A text that is being read.
pub(super) struct Pieces<'t> {
    text: &'t DataText,
    next: usize,
    characters: Characters,
}

impl Pieces<'_> {
    /// Adds the next piece to what is there; `false` at the end.
    ///
    /// # Errors
    /// When the file cannot be read any more, or has changed.
    pub(super) fn add_to(&mut self, to: &mut String) -> Result<bool, DataError> {
        let Some(known) = self.text.blocks.get(self.next) else { return Ok(false) };
        // What was added behind the end since is none of it.
        let left = self.text.bytes.saturating_sub(self.next as u64 * BLOCK as u64);
        let length = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        let block = self.text.read(self.next, length).map_err(|e| read_error(&self.text.path, e.into()))?;
        if self.text.hasher.hash_one(&*block) != *known {
            return Err(self.text.changed());
        }
        let begun = to.len();
        self.characters.take(&block, to);
        if self.next == 0 && to.get(begun..).is_some_and(|text| text.starts_with('\u{feff}')) {
            to.remove(begun);
        }
        self.next += 1;
        Ok(true)
    }
}

/// Makes characters of bytes that come in blocks.
#[derive(Default)]
struct Characters {
    /// The beginning of one.
    rest: Vec<u8>,
}

impl Characters {
    /// Adds all whole characters; `false` when something is none.
    fn take(&mut self, block: &[u8], to: &mut String) -> bool {
        let mut bytes = Cow::Borrowed(block);
        if !self.rest.is_empty() {
            self.rest.extend_from_slice(block);
            bytes = Cow::Owned(std::mem::take(&mut self.rest));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => to.push_str(text),
            Err(error) => {
                let (good, rest) = bytes.split_at_checked(error.valid_up_to()).unwrap_or_default();
                to.push_str(std::str::from_utf8(good).unwrap_or_default());
                self.rest = rest.to_owned();
                return error.error_len().is_none();
            }
        }
        true
    }

    const fn is_done(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_character_may_lie_across_two_blocks() {
        for before in BLOCK - 4..=BLOCK {
            let text = format!("\u{feff}{}😀é\n", "a".repeat(before));
            let file = file(text.as_bytes());
            assert_eq!(DataText::open(file.path()).unwrap().whole().unwrap(), text[3..]);
        }
    }

    #[test]
    fn what_is_no_text_has_its_line_wherever_a_block_ends() {
        let line_of = |bytes: &[u8]| match DataText::open(file(bytes).path()) {
            Err(DataError::Line { line, .. }) => Some(line),
            _ => None,
        };
        for before in BLOCK - 3..=BLOCK + 1 {
            let text = |end: &[u8]| [b"a\n", "b".repeat(before - 2).as_bytes(), end].concat();
            assert_eq!(line_of(&text(b"\xff")), Some(2), "{before}");
            assert_eq!(line_of(&text(b"\xe2\x82")), Some(2), "{before}: a character that ends too soon");
            assert_eq!(line_of(&text(b"\xe2\x82\n")), Some(2), "{before}");
            assert_eq!(line_of(&text("€".as_bytes())), None, "{before}");
        }
    }

    #[test]
    fn a_file_that_has_changed_is_not_taken_for_what_it_was() {
        let text = format!("{}\n", "a".repeat(2 * BLOCK));
        let file = file(text.as_bytes());
        let opened = DataText::open(file.path()).unwrap();
        let write = |at: usize, bytes: &[u8]| file.as_file().write_all_at(bytes, at as u64).unwrap();
        let read = || opened.whole().map_err(|e| e.to_string());
        write(text.len(), b"behind it");
        assert_eq!(read(), Ok(text.clone()), "rows that are added are not read");
        let mut pieces = opened.pieces();
        assert!(pieces.add_to(&mut String::new()).unwrap());
        write(BLOCK, b"b");
        assert!(matches!(pieces.add_to(&mut String::new()), Err(DataError::Changed { .. })));
        assert!(read().unwrap_err().contains("has changed since its rows were checked"), "{:?}", read());
        write(BLOCK, b"a");
        assert_eq!(read(), Ok(text));
        file.as_file().set_len(10).unwrap();
        assert!(matches!(opened.whole(), Err(DataError::Changed { .. })), "what is cut off");
    }

    #[test]
    fn a_pipe_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let text = "é\n".repeat(BLOCK);
        let writer = std::thread::spawn({
            let (pipe, text) = (pipe.clone(), text.clone());
            move || std::fs::write(pipe, text).unwrap()
        });
        let opened = DataText::open(&pipe).unwrap();
        writer.join().unwrap();
        assert_eq!((opened.whole().unwrap(), opened.whole().unwrap()), (text.clone(), text));
    }

    proptest! {
        #[test]
        fn blocks_of_any_length_make_the_same_text(text in ".{0,20}", ends in proptest::collection::vec(0usize..60, 0..6)) {
            let (mut characters, mut taken, mut at) = (Characters::default(), String::new(), 0);
            let mut ends = ends;
            ends.sort_unstable();
            for end in ends.into_iter().chain([text.len()]) {
                let end = end.min(text.len());
                prop_assert!(characters.take(&text.as_bytes()[at..end], &mut taken));
                at = end;
            }
            prop_assert!(characters.is_done());
            prop_assert_eq!(taken, text);
        }
    }
}
