//! Appends facts to a journal file.

use super::digest::{Digest as Counts, Taken};
use super::durable::{Batch, Durable, Step};
use super::parts::{self, Options, Pace, Sync, part_path, sha256_of};
use super::sync::GroupCommit;
use super::{Continues, End, GENESIS, Header, MAX_LINE, Record, Watch};
use crate::clock::{Clock, Tick};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// SHA-256 of a line in hex.
type Link = [u8; 64];
/// What the first line is linked to: [`GENESIS`].
const FIRST: Link = [b'0'; 64];
/// So much that is put off is written at once, in bytes.
const MAX_PENDING: usize = 256 * 1024;
/// A webhook's record is seldom larger, in bytes.
const USUAL: usize = 2048;

/// A journal open for appending. Clones append to the same file; every append reaches the kernel before it returns,
/// so a killed process loses nothing that it has appended.
#[derive(Debug, Clone)]
pub struct Journal {
    state: Arc<Mutex<State>>,
    commit: Option<Arc<GroupCommit>>,
    digest: Option<Arc<Mutex<Box<dyn Counts>>>>,
}

#[derive(Debug)]
struct State {
    path: PathBuf,
    options: Option<Options>,
    header: Header,
    part: u64,
    open: Part,
    sealed: bool,
    /// Records over all parts, for the flush to the disk.
    written: u64,
    /// What is put off and waited for.
    batch: Arc<Batch>,
}

/// The file that is being written.
#[derive(Debug)]
struct Part {
    file: File,
    opened: Instant,
    bytes: u64,
    prev: Link,
    digest: Sha256,
    records: u64,
    /// Whole lines that are to be written together, with the `prev` behind them and their number.
    pending: Vec<u8>,
    pending_prev: Link,
    pending_records: u64,
}

/// What a finished journal amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// SHA-256 of the whole file, hex.
    pub sha256: String,
    /// Number of records, the end included.
    pub records: u64,
}

impl Journal {
    /// Creates the file with mode 0600, replacing one that is there, and writes the header.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        // A new file, not a truncated one: an older file of that name may be readable by others, or a link.
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let open = Part::create(path, header, None)?;
        Self::of(State {
            path: path.to_path_buf(),
            options: None,
            header: header.clone(),
            part: 1,
            written: 1,
            open,
            sealed: false,
            batch: Arc::default(),
        })
    }

    /// Creates a journal that is kept in parts. A file that is there is kept: it becomes a full part, and the new file
    /// says that it continues it.
    ///
    /// # Errors
    /// When the file cannot be created or written, or the one before cannot be read or renamed.
    pub fn create_in_parts(path: &Path, header: &Header, options: Options) -> io::Result<Self> {
        let mut part = parts::last_part(path).unwrap_or(0) + 1;
        let mut before = None;
        if path.try_exists()? {
            let full = part_path(path, part);
            std::fs::rename(path, &full)?;
            part += 1;
            before = Some(Continues { part, file: name_of(&full), sha256: sha256_of(&full)? });
        }
        let open = Part::create(path, header, before)?;
        let path = path.to_path_buf();
        Self::of(State {
            path,
            options: Some(options),
            header: header.clone(),
            part,
            written: open.records,
            open,
            sealed: false,
            batch: Arc::default(),
        })
    }

    fn of(state: State) -> io::Result<Self> {
        let to_disk = state.options.is_some_and(|o| o.sync == Sync::Disk);
        let state = Arc::new(Mutex::new(state));
        let weak = Arc::downgrade(&state);
        let written = move || weak.upgrade().map(|s| lock(&s).for_disk());
        let commit = if to_disk { Some(Arc::new(GroupCommit::start(written)?)) } else { None };
        Ok(Self { state, commit, digest: None })
    }

    /// From now on `digest` gets each fact first, and what it takes in is not written.
    #[must_use]
    pub fn counting(self, digest: Box<dyn Counts>) -> Self {
        Self { digest: Some(Arc::new(Mutex::new(digest))), ..self }
    }

    /// Writes what the digest of this journal has taken in up to `at`, if it has one; `complete` says that nothing more
    /// can come.
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub fn append_sums(&self, at: Tick, complete: bool) -> io::Result<()> {
        let Some(digest) = &self.digest else { return Ok(()) };
        let sums = lock(digest).sums(at, complete);
        let fact = Fact::new(&Record::Sums(Box::new(sums)))?;
        lock(&self.state).append(&fact).map(|_| ())
    }

    /// Until when a webhook that has not come yet is in time, as far as a digest knows.
    #[must_use]
    pub fn open_until(&self) -> Option<Tick> {
        lock(self.digest.as_ref()?).open_until()
    }

    fn counts(&self, record: &Record) -> bool {
        self.digest.as_ref().is_some_and(|digest| lock(digest).take(record) == Taken::In)
    }

    /// Appends one fact.
    ///
    /// # Errors
    /// When the file cannot be written, the line would be longer than [`MAX_LINE`], or the journal is finished.
    pub fn append(&self, record: &Record) -> io::Result<()> {
        if self.counts(record) {
            return Ok(());
        }
        let fact = Fact::new(record)?;
        lock(&self.state).append(&fact).map(|_| ())
    }

    /// Appends one fact that nothing waits for; with [`Pace::Together`] it is written with the next one or with the next
    /// [`Journal::flush`].
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub fn append_soon(&self, record: &Record) -> io::Result<()> {
        if self.counts(record) {
            return Ok(());
        }
        let fact = Fact::new(record)?;
        lock(&self.state).append_soon(&fact)
    }

    /// Appends one fact, and gives what to wait for until it survives what the journal was asked to survive: until then it
    /// may be lost.
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub fn append_durably(&self, record: &Record) -> io::Result<Durable> {
        if self.counts(record) {
            return Ok(Durable { journal: self.clone(), step: Step::Written(0) });
        }
        let fact = Fact::new(record)?;
        let step = lock(&self.state).append_durably(&fact)?;
        Ok(Durable { journal: self.clone(), step })
    }

    /// Waits until so many records are on the disk, where that was asked for.
    pub(super) async fn on_disk(&self, records: u64) -> io::Result<()> {
        let Some(commit) = &self.commit else { return Ok(()) };
        commit.ask();
        commit.ticket(records).wait().await
    }

    /// Writes what [`Journal::append_soon`] has put off.
    ///
    /// # Errors
    /// When the file cannot be written; what was put off is then dropped.
    pub fn flush(&self) -> io::Result<()> {
        lock(&self.state).flush()
    }

    /// The file that is being written, and the number of its part.
    #[must_use]
    pub fn part(&self) -> (PathBuf, u64) {
        let state = lock(&self.state);
        (state.path.clone(), state.part)
    }

    /// Writes the end record; what is appended afterwards is refused.
    ///
    /// # Errors
    /// As for [`Journal::append`], and when the file cannot be flushed to disk.
    pub fn finish(&self, at: Tick, complete: bool) -> io::Result<Sealed> {
        let mut state = lock(&self.state);
        state.check_open()?;
        state.flush()?;
        let records = state.open.records;
        state.open.write(&Fact::new(&Record::End(End { at, records, complete }))?)?;
        state.sealed = true;
        state.open.file.sync_data()?;
        Ok(Sealed { sha256: hex::encode(state.open.digest.clone().finalize()), records: state.open.records })
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl State {
    /// Appends and gives the number of records written so far.
    fn append(&mut self, fact: &Fact) -> io::Result<u64> {
        self.check_open()?;
        self.rotate_when_due()?;
        let before = self.open.records;
        let result = self.open.write(fact);
        self.settle(before, &result);
        result.map(|()| self.written)
    }

    fn append_durably(&mut self, fact: &Fact) -> io::Result<Step> {
        if self.options.is_none_or(|o| o.pace == Pace::Each) {
            return self.append(fact).map(Step::Written);
        }
        self.check_open()?;
        self.rotate_when_due()?;
        self.open.put_off(fact);
        let batch = Arc::clone(&self.batch);
        if self.open.pending.len() >= MAX_PENDING {
            self.flush()?;
        }
        Ok(Step::Batched(batch))
    }

    /// Tells those who wait what became of what was put off.
    fn settle(&mut self, before: u64, result: &io::Result<()>) {
        self.written += self.open.records - before;
        if Arc::strong_count(&self.batch) > 1 {
            let became = result.as_ref().map(|()| self.written).map_err(io::Error::kind);
            std::mem::take(&mut self.batch).settle(became);
        }
    }

    fn append_soon(&mut self, fact: &Fact) -> io::Result<()> {
        match self.options.map(|o| o.pace) {
            Some(Pace::Together) => {
                self.check_open()?;
                self.open.put_off(fact);
                Ok(())
            }
            _ => self.append(fact).map(|_| ()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let before = self.open.records;
        let result = self.open.write_pending();
        self.settle(before, &result);
        result
    }

    fn check_open(&self) -> io::Result<()> {
        if self.sealed { Err(io::Error::other("the journal is finished")) } else { Ok(()) }
    }

    fn for_disk(&mut self) -> io::Result<(File, u64)> {
        Ok((self.open.file.try_clone()?, self.written))
    }

    fn rotate_when_due(&mut self) -> io::Result<()> {
        let Some(options) = self.options else { return Ok(()) };
        let full = options.rotation.bytes.is_some_and(|max| self.open.bytes >= max);
        let old = options.rotation.every.is_some_and(|max| self.open.opened.elapsed() >= max);
        if full || old { self.rotate(options.clock, options.sync) } else { Ok(()) }
    }

    /// Ends this file and begins the next. What goes wrong before the end record is written leaves all as it was.
    fn rotate(&mut self, clock: Clock, sync: Sync) -> io::Result<()> {
        self.flush()?;
        let end = Record::End(End { at: clock.now(), records: self.open.records, complete: true });
        let end = Fact::new(&end)?;
        let mut line = Vec::new();
        write_line(&mut line, &self.open.prev, &end);
        let full = part_path(&self.path, self.part);
        let sha256 = hex::encode(self.open.digest.clone().chain_update(&line).finalize());
        let continues = Continues { part: self.part + 1, file: name_of(&full), sha256 };
        let next_path = self.path.with_extension("next");
        let next = Part::create(&next_path, &self.header, Some(continues));
        let begun = next.and_then(|next| self.open.write(&end).map(|()| next));
        let next = begun.inspect_err(|_| {
            let _ = std::fs::remove_file(&next_path);
        })?;
        if sync == Sync::Disk {
            self.open.file.sync_data()?;
            next.file.sync_data()?;
        }
        self.written += 1 + next.records;
        self.open = next;
        self.part += 1;
        std::fs::rename(&self.path, &full)?;
        std::fs::rename(&next_path, &self.path)?;
        if sync == Sync::Disk { parts::sync_dir(&self.path) } else { Ok(()) }
    }
}

impl Part {
    fn create(path: &Path, header: &Header, continues: Option<Continues>) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        let mut part = Self {
            file,
            opened: Instant::now(),
            bytes: 0,
            prev: FIRST,
            digest: Sha256::new(),
            records: 0,
            pending: Vec::new(),
            pending_prev: FIRST,
            pending_records: 0,
        };
        part.put_off(&Fact::new(&Record::Header(Box::new(header.clone())))?);
        if let Some(continues) = continues {
            part.put_off(&Fact::new(&Record::Watch(Watch::Continues(continues)))?);
        }
        part.write_pending()?;
        Ok(part)
    }

    fn write(&mut self, fact: &Fact) -> io::Result<()> {
        self.put_off(fact);
        self.write_pending()
    }

    fn put_off(&mut self, fact: &Fact) {
        self.pending_prev = write_line(&mut self.pending, &self.pending_prev, fact);
        self.pending_records += 1;
    }

    fn write_pending(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.pending);
        if written.is_ok() {
            self.digest.update(&self.pending);
            self.bytes += self.pending.len() as u64;
            self.records += self.pending_records;
            self.prev = self.pending_prev;
        } else {
            self.pending_prev = self.prev;
        }
        self.pending.clear();
        self.pending_records = 0;
        written.inspect_err(|_| {
            // A half-written line (disk full) would break the chain for all that follows. When even this fails the next
            // line goes behind a torn one, and the reader says where.
            let _ = self.file.set_len(self.bytes);
        })
    }
}

/// A record as JSON, made before the file is locked: writers wait for each other as briefly as can be.
struct Fact(Vec<u8>);

impl Fact {
    fn new(record: &Record) -> io::Result<Self> {
        let mut json = Vec::with_capacity(USUAL);
        serde_json::to_writer(&mut json, record)?;
        if json.len() + AROUND > MAX_LINE {
            let bytes = json.len() + AROUND;
            return Err(io::Error::other(format!("a record of {bytes} bytes is longer than {MAX_LINE}")));
        }
        Ok(Self(json))
    }
}

/// Bytes of a line around its record.
const AROUND: usize = r#"{"prev":"","record":}"#.len() + GENESIS.len();

/// Writes a whole line behind `lines`, as `serde_json` writes a [`Line`](super::Line), and gives what links the next one to it.
fn write_line(lines: &mut Vec<u8>, prev: &Link, fact: &Fact) -> Link {
    let begin = lines.len();
    for piece in [br#"{"prev":""#, prev.as_slice(), br#"","record":"#, &fact.0, b"}"] {
        lines.extend_from_slice(piece);
    }
    let digest = Sha256::digest(lines.get(begin..).unwrap_or_default());
    lines.push(b'\n');
    let mut link = FIRST;
    // Never fails: a digest is 32 bytes, and a link 64.
    let _ = hex::encode_to_slice(digest, &mut link);
    link
}
