//! The files of a journal: what waits is written to the last one, and a full one is followed by the next.

use super::queue::{Queue, TakenOut};
use super::segment::Segment;
use super::segments::{self, Options, Sync, segment_path, sha256_of};
use super::writer::{Sealed, lock};
use record::{Continues, EncodedRecord, End, Header, Lines, Record, Tick};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use wire::Clock;

/// Where a journal is written. Whoever holds both this and the [`Queue`] has locked this first.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    options: Option<Options>,
    header: Header,
    part: u64,
    open: Segment,
    /// Records over all parts, for the flush to the disk.
    written: u64,
    /// How far the system's wall time is ahead of the time line, in ms.
    ahead_ms: i64,
    /// Held until the journal is finished.
    lock: Option<File>,
    /// Room for lines, used again.
    spare: Vec<u8>,
    /// When the file was last seen where it belongs.
    seen: Instant,
    /// Whether it was not, later on.
    gone: bool,
}

/// How long a look at the file holds: a look costs as much as a small write.
const LOOK: Duration = Duration::from_millis(10);

/// What is said of a journal that somebody took away.
const GONE: &str = "the journal was removed, replaced or changed while it was written";

/// A journal that was taken away, and begun anew.
#[derive(Debug, Clone, Copy)]
pub(super) struct BegunAnew {
    /// How long before now it was seen for the last time.
    pub unseen_for: Duration,
}

impl Files {
    /// One file, in place of one that is there.
    ///
    /// # Errors
    /// When it cannot be created or written.
    pub(super) fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let open = Segment::create(path, header, None)?;
        Ok(Self::of(path, header, open))
    }

    /// Parts. A journal that is there is kept: it becomes a full part, and the new file says that it continues it.
    ///
    /// # Errors
    /// When the file cannot be created or written, what is there is no journal or cannot be read or renamed, or another
    /// process writes here.
    pub(super) fn continue_at(path: &Path, header: &Header, options: Options) -> io::Result<Self> {
        let lock = segments::lock_file(path)?;
        let mut part = segments::last_part(path).unwrap_or(0) + 1;
        let mut before = None;
        if segments::left_behind(path)? {
            let (full, sha256) = (segment_path(path, part), sha256_of(path)?);
            segments::rename(path, &full)?;
            part += 1;
            before = Some(Continues { part, file: name_of(&full), sha256, ahead_ms: 0 });
        }
        let open = Segment::create(path, header, before)?;
        Ok(Self { options: Some(options), part, lock: Some(lock), ..Self::of(path, header, open) })
    }

    fn of(path: &Path, header: &Header, open: Segment) -> Self {
        let seen = Instant::now();
        let (path, header, written) = (path.to_path_buf(), header.clone(), open.records);
        Self {
            path,
            options: None,
            header,
            part: 1,
            open,
            written,
            ahead_ms: 0,
            lock: None,
            spare: Vec::new(),
            seen,
            gone: false,
        }
    }

    /// What waits for this file, which is nothing yet.
    pub(super) fn queue(&self) -> Queue {
        Queue::behind(self.open.prev, self.open.bytes, self.open.opened)
    }

    /// From now on the system's wall time is so far ahead of the time line: the next file says so at its beginning.
    pub(super) const fn parted(&mut self, ahead_ms: i64) {
        self.ahead_ms = ahead_ms;
    }

    /// The file that is being written, and the number of its part.
    pub(super) fn part(&self) -> (PathBuf, u64) {
        (self.path.clone(), self.part)
    }

    /// The file that is being written, the number of its part, and how many bytes of it are written whole: what is behind them is
    /// perhaps taken back.
    pub(super) fn whole(&self) -> (PathBuf, u64, u64) {
        (self.path.clone(), self.part, self.open.bytes)
    }

    /// Records written over all parts.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// The file and the number of records written so far, for a flush to the disk.
    ///
    /// # Errors
    /// When there are no file descriptors left.
    pub(super) fn for_disk(&self) -> io::Result<(File, u64)> {
        Ok((self.open.file()?, self.written))
    }

    /// Writes what waits; lines may be put behind it meanwhile.
    ///
    /// # Errors
    /// When the file cannot be written; what waited, and what came meanwhile, is then lost.
    pub(super) fn write_out(&mut self, queue: &Mutex<Queue>) -> io::Result<()> {
        let taken = lock(queue).take(std::mem::take(&mut self.spare));
        let result = self.write(taken);
        if let Err(error) = &result {
            lock(queue).lose(self.open.prev, self.open.bytes, error.kind());
        }
        result
    }

    /// Writes what waits while nobody can put anything behind it.
    fn write_all(&mut self, queue: &mut Queue) -> io::Result<()> {
        let taken = queue.take(std::mem::take(&mut self.spare));
        self.write(taken).inspect_err(|error| queue.lose(self.open.prev, self.open.bytes, error.kind()))
    }

    /// Writes lines, and tells those who wait for them.
    fn write(&mut self, TakenOut { mut lines, batch }: TakenOut) -> io::Result<()> {
        let there = self.check(LOOK);
        let result = if lines.records == 0 { there } else { there.and_then(|()| self.open.write(&lines)) };
        if result.is_ok() {
            self.written += lines.records;
        }
        batch.settle(result.as_ref().map(|()| self.written).map_err(io::Error::kind));
        lines.bytes.clear();
        self.spare = lines.bytes;
        result
    }

    /// Sees to it that the file is where it belongs, unless that was so within `holds`: what is written to a file that was
    /// removed is lost without an error.
    ///
    /// # Errors
    /// When somebody removed, replaced or changed it, from then on.
    fn check(&mut self, holds: Duration) -> io::Result<()> {
        if !self.gone && self.seen.elapsed() < holds {
            return Ok(());
        }
        self.gone = self.gone || !self.open.is_at(&self.path);
        if self.gone {
            return Err(io::Error::new(io::ErrorKind::NotFound, GONE));
        }
        self.seen = Instant::now();
        Ok(())
    }

    /// Begins the journal anew, as the part behind the one that was taken away; `None` when it was not. What stands in its place is
    /// kept where that is a journal, and what is left of our own file that was cut is put aside.
    ///
    /// # Errors
    /// When the file cannot be begun, what stands in its place is no journal, or another process writes here.
    pub(super) fn begin_anew(&mut self, queue: &Mutex<Queue>) -> io::Result<Option<BegunAnew>> {
        if !self.gone || self.options.is_none() {
            return Ok(None);
        }
        let mut queue = lock(queue);
        queue.check_open()?;
        // The lock may have been taken away as well.
        self.lock = None;
        self.lock = Some(segments::lock_file(&self.path)?);
        let lost = segment_path(&self.path, self.part);
        if self.open.has_its_place_at(&self.path) {
            segments::put_aside_if_cut(&self.path, self.part)?;
        }
        if segments::left_behind(&self.path)? {
            segments::rename(&self.path, &lost)?;
        }
        let part = segments::last_part(&self.path)?.max(self.part) + 1;
        let (file, sha256) = (name_of(&lost), self.open.sha256_with(b""));
        let continues = Continues { part, file, sha256, ahead_ms: self.ahead_ms };
        let next = Segment::create(&self.path, &self.header, Some(continues))?;
        queue.lose(next.prev, next.bytes, io::ErrorKind::NotFound);
        self.written += next.records;
        (self.open, self.part) = (next, part);
        *queue = self.queue();
        let unseen_for = self.seen.elapsed();
        (self.seen, self.gone) = (Instant::now(), false);
        Ok(Some(BegunAnew { unseen_for }))
    }

    /// Begins the next file when this one is full.
    ///
    /// # Errors
    /// When the next file cannot be begun. What goes wrong before the end record is written leaves all as it was.
    pub(super) fn rotate_when_due(&mut self, queue: &Mutex<Queue>) -> io::Result<()> {
        let Some(options) = self.options else { return Ok(()) };
        let mut queue = lock(queue);
        queue.check_open()?;
        if queue.is_due(options.rotation) {
            self.rotate(options.clock, options.sync, &mut queue)
        } else {
            Ok(())
        }
    }

    /// Begins the next file of a journal in parts.
    ///
    /// # Errors
    /// As for [`Files::rotate_when_due`].
    pub(super) fn rotate_now(&mut self, queue: &Mutex<Queue>) -> io::Result<()> {
        let Some(options) = self.options else { return Ok(()) };
        let mut queue = lock(queue);
        queue.check_open()?;
        self.check(Duration::ZERO)?;
        self.rotate(options.clock, options.sync, &mut queue)
    }

    fn rotate(&mut self, clock: Clock, sync: Sync, queue: &mut Queue) -> io::Result<()> {
        self.write_all(queue)?;
        let mut end = Lines::behind(self.open.prev);
        let records = self.open.records;
        end.put(&EncodedRecord::new(&Record::End(End { at: clock.now(), records, complete: true }))?);
        let full = segment_path(&self.path, self.part);
        let sha256 = self.open.sha256_with(&end.bytes);
        let (part, file) = (self.part + 1, name_of(&full));
        let continues = Continues { part, file, sha256, ahead_ms: self.ahead_ms };
        let next_path = segments::next_path(&self.path);
        let next = Segment::create(&next_path, &self.header, Some(continues));
        let begun = next.and_then(|next| self.open.write(&end).map(|()| next));
        let next = begun.inspect_err(|_| {
            let _ = std::fs::remove_file(&next_path);
        })?;
        if sync == Sync::Disk {
            self.open.sync()?;
            next.sync()?;
        }
        self.written += 1 + next.records;
        self.open = next;
        self.part += 1;
        *queue = self.queue();
        segments::rename(&self.path, &full)?;
        segments::rename(&next_path, &self.path)?;
        if sync == Sync::Disk { segments::sync_dir(&self.path) } else { Ok(()) }
    }

    /// Writes what waits and the end record; what is appended afterwards is refused.
    ///
    /// # Errors
    /// When the file cannot be written or flushed to disk, or the journal is finished.
    pub(super) fn finish(&mut self, queue: &Mutex<Queue>, at: Tick, complete: bool) -> io::Result<Sealed> {
        let mut queue = lock(queue);
        self.check(Duration::ZERO)?;
        self.write_all(&mut queue)?;
        queue.put(&EncodedRecord::new(&Record::End(End { at, records: self.open.records, complete }))?)?;
        self.write_all(&mut queue)?;
        queue.seal();
        self.lock = None;
        self.open.sync()?;
        Ok(Sealed { sha256: self.open.sha256_with(b""), records: self.open.records })
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
