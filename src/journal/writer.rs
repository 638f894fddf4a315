//! Appends facts to a journal.

use super::durable::{Batch, Durable, Step};
use super::files::Files;
use super::queue::Queue;
use super::segments::{Options, Pace, Sync};
use super::sync::GroupCommit;
use record::{Aggregator, EncodedRecord, Gap, Header, Record, Taken, Tick, WallClock, Watch};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::Poll;
use tokio::task::yield_now;

/// So much that waits is written at once, in bytes.
const MAX_WAITING: usize = 256 * 1024;
/// How often somebody who waits for a write lets others go first before it blocks its thread.
const PATIENCE: u32 = 32;

/// A journal open for appending. Clones append to the same file; every append reaches the kernel before it returns,
/// so a killed process loses nothing that it has appended.
#[derive(Debug, Clone)]
pub struct Journal {
    options: Option<Options>,
    places: Arc<Places>,
    commit: Option<Arc<GroupCommit>>,
    aggregator: Option<Arc<Mutex<Box<dyn Aggregator>>>>,
    tee: Option<Tee>,
}

/// Gets every record as it is appended.
#[derive(Clone)]
struct Tee(Arc<dyn Fn(&Record) + Send + std::marker::Sync>);

impl fmt::Debug for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tee")
    }
}

/// What waits and where it goes. The files are locked first, where both are.
#[derive(Debug)]
struct Places {
    files: Mutex<Files>,
    queue: Mutex<Queue>,
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
        Self::of(Files::create(path, header)?, None)
    }

    /// Creates a journal that is kept in parts. A file that is there is kept: it becomes a full part, and the new file
    /// says that it continues it.
    ///
    /// # Errors
    /// When the file cannot be created or written, or the one before cannot be read or renamed.
    pub fn create_in_segments(path: &Path, header: &Header, options: Options) -> io::Result<Self> {
        Self::of(Files::continue_at(path, header, options)?, Some(options))
    }

    fn of(files: Files, options: Option<Options>) -> io::Result<Self> {
        let queue = Mutex::new(files.queue());
        let places = Arc::new(Places { files: Mutex::new(files), queue });
        let weak = Arc::downgrade(&places);
        let written = move || weak.upgrade().map(|places| lock(&places.files).for_disk());
        let to_disk = options.is_some_and(|o| o.sync == Sync::Disk);
        let commit = if to_disk { Some(Arc::new(GroupCommit::start(written)?)) } else { None };
        Ok(Self { options, places, commit, aggregator: None, tee: None })
    }

    /// From now on `aggregator` gets each fact first, and what it takes in is not written.
    #[must_use]
    pub fn counting(self, aggregator: Box<dyn Aggregator>) -> Self {
        Self { aggregator: Some(Arc::new(Mutex::new(aggregator))), ..self }
    }

    /// Writes what the aggregator of this journal has taken in up to `at`, if it has one; `complete` says that nothing more
    /// can come.
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub fn append_stats(&self, at: Tick, complete: bool) -> io::Result<()> {
        let Some(aggregator) = &self.aggregator else { return Ok(()) };
        let sums = lock(aggregator).stats(at, complete);
        self.write(&Record::RunStats(Box::new(sums))).map(|_| ())
    }

    /// Until when a webhook that has not come yet is in time, as far as a aggregator knows.
    #[must_use]
    pub fn open_until(&self) -> Option<Tick> {
        lock(self.aggregator.as_ref()?).open_until()
    }

    /// From now on `tee` gets each record before it is counted or written.
    #[must_use]
    pub(crate) fn with_tee(self, tee: impl Fn(&Record) + Send + std::marker::Sync + 'static) -> Self {
        Self { tee: Some(Tee(Arc::new(tee))), ..self }
    }

    /// Passes a record on, and says whether the aggregator has taken it in, so that it need not be written.
    fn counts(&self, record: &Record) -> bool {
        if let Some(Tee(tee)) = &self.tee {
            tee(record);
        }
        self.aggregator.as_ref().is_some_and(|aggregator| lock(aggregator).take(record) == Taken::In)
    }

    /// Appends one fact.
    ///
    /// # Errors
    /// When the file cannot be written, the line would be longer than [`MAX_LINE`](record::MAX_LINE), or the journal is
    /// finished.
    pub fn append(&self, record: &Record) -> io::Result<()> {
        if self.counts(record) { Ok(()) } else { self.write(record).map(|_| ()) }
    }

    /// Appends one fact that nothing waits for; with [`Pace::Together`] it is written with the next one or with the next
    /// [`Journal::flush`].
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub fn append_soon(&self, record: &Record) -> io::Result<()> {
        match self.options.map(|o| o.pace) {
            _ if self.counts(record) => Ok(()),
            Some(Pace::Together) => lock(&self.places.queue).put(&EncodedRecord::new(record)?).map(|_| ()),
            _ => self.write(record).map(|_| ()),
        }
    }

    /// Appends as [`Journal::append_soon`] how far the system's wall time is from the time line, which every further file of a
    /// journal in parts says at its beginning.
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub fn append_wall_clock(&self, parted: WallClock) -> io::Result<()> {
        lock(&self.places.files).parted(parted.ahead_ms);
        self.append_soon(&Record::Watch(Watch::WallClock(parted)))
    }

    /// Appends one fact, and gives what to wait for until it survives what the journal was asked to survive: until then it
    /// may be lost.
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub fn append_durably(&self, record: &Record) -> io::Result<Durable> {
        let step = match self.options {
            _ if self.counts(record) => Step::Written(0),
            Some(options) if options.pace == Pace::Together => {
                self.put(&EncodedRecord::new(record)?, options)?
            }
            _ => Step::Written(self.write(record)?),
        };
        Ok(Durable { journal: self.clone(), step })
    }

    /// Puts a fact where it waits to be written together with others.
    fn put(&self, fact: &EncodedRecord, options: Options) -> io::Result<Step> {
        let Places { files, queue } = &*self.places;
        let mut waiting = lock(queue);
        if waiting.is_due(options.rotation) {
            drop(waiting);
            lock(files).rotate_when_due(queue)?;
            waiting = lock(queue);
        }
        let batch = Arc::clone(waiting.put(fact)?);
        let full = waiting.waiting() >= MAX_WAITING;
        drop(waiting);
        if full {
            // What comes of it is the batch's.
            let _ = self.flush();
        }
        Ok(Step::Batched(batch))
    }

    /// Writes a fact, and all that waits before it, and says how many records there are then.
    fn write(&self, record: &Record) -> io::Result<u64> {
        let fact = EncodedRecord::new(record)?;
        let Places { files, queue } = &*self.places;
        let mut files = lock(files);
        files.rotate_when_due(queue)?;
        lock(queue).put(&fact)?;
        files.write_out(queue)?;
        Ok(files.written())
    }

    /// Waits until so many records are on the disk, where that was asked for.
    pub(super) async fn on_disk(&self, records: u64) -> io::Result<()> {
        let Some(commit) = &self.commit else { return Ok(()) };
        commit.reaches(records).await
    }

    /// Writes what [`Journal::append_soon`] has put off.
    ///
    /// # Errors
    /// When the file cannot be written; what was put off is then dropped.
    pub fn flush(&self) -> io::Result<()> {
        let Places { files, queue } = &*self.places;
        lock(files).write_out(queue)
    }

    /// Begins a journal in parts anew whose file somebody took away, and says for how long nothing is certain; does nothing to one
    /// that is there. Until then nothing can be appended.
    ///
    /// # Errors
    /// When the file cannot be begun again.
    pub fn begin_anew(&self) -> io::Result<()> {
        let Places { files, queue } = &*self.places;
        let Some(begun) = lock(files).begin_anew(queue)? else { return Ok(()) };
        let Some(options) = self.options else { return Ok(()) };
        let to = options.clock.now();
        let unseen_us = u64::try_from(begun.unseen_for.as_micros()).unwrap_or(u64::MAX);
        let from = Tick(to.0.saturating_sub(unseen_us));
        let why = "the journal file was removed, replaced or changed: what was written to it may be lost"
            .to_owned();
        self.append(&Record::Watch(Watch::Gap(Gap { from, to, why })))
    }

    /// Begins the next file of a journal in parts now, however full this one is; what appends meanwhile goes on there.
    ///
    /// # Errors
    /// As for [`Journal::append`].
    pub fn begin_next(&self) -> io::Result<()> {
        let Places { files, queue } = &*self.places;
        lock(files).rotate_now(queue)
    }

    /// Sees to it that `batch`, in which the caller has put a line, is written. All that is ready at this moment goes first,
    /// so that it shares the write, and while somebody else writes there is other work to do.
    pub(super) async fn write_batch(&self, batch: &Batch) {
        after_what_is_ready().await;
        for _ in 0..PATIENCE {
            if batch.is_settled() || self.try_write_out() {
                return;
            }
            yield_now().await;
        }
        let _ = self.flush();
    }

    /// Writes what waits, unless somebody else writes just now. What comes of it is the batch's.
    fn try_write_out(&self) -> bool {
        let Places { files, queue } = &*self.places;
        let _ = match files.try_lock() {
            Ok(mut files) => files.write_out(queue),
            Err(TryLockError::Poisoned(files)) => files.into_inner().write_out(queue),
            Err(TryLockError::WouldBlock) => return false,
        };
        true
    }

    /// The file that is being written, and the number of its part.
    #[must_use]
    pub fn part(&self) -> (PathBuf, u64) {
        lock(&self.places.files).part()
    }

    /// The file that is being written, the number of its part, and how many bytes of it are written whole. What is behind them
    /// is taken back where it cannot be written to its end.
    #[must_use]
    pub fn whole(&self) -> (PathBuf, u64, u64) {
        lock(&self.places.files).whole()
    }

    /// Writes the end record; what is appended afterwards is refused.
    ///
    /// # Errors
    /// As for [`Journal::append`], and when the file cannot be flushed to disk.
    pub fn finish(&self, at: Tick, complete: bool) -> io::Result<Sealed> {
        let Places { files, queue } = &*self.places;
        lock(files).finish(queue, at, complete)
    }
}

/// Waits for the end of the queue of tasks that are ready. It looks for no new ones as `yield_now` does, which costs a look at all
/// sockets for each webhook that comes alone.
async fn after_what_is_ready() {
    let mut went_last = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut went_last, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What a panic elsewhere has left behind is still whole: lines are put and written in one step.
pub(super) fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
