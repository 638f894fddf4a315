//! Reads a journal on a thread of its own, while what it read before is looked at on others.

use crate::{Integrity, ReadError, Reader, Record};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

/// Records are handed over so many at a time.
const BATCH: usize = 256;
/// Fewer where their lines have more bytes than this together.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait at most before each of the threads.
const WAITING: usize = 2;

/// Records that were read, and the text of their lines where somebody looks at it.
#[derive(Default)]
struct Batch {
    /// Each with where its line ends.
    records: Vec<(Record, usize)>,
    lines: Vec<u8>,
    /// Bytes of all lines, whether they are kept or not.
    bytes: usize,
}

impl Batch {
    fn add(&mut self, record: Record, line: &[u8], keeps_line: bool) {
        if keeps_line {
            self.lines.extend_from_slice(line);
        }
        self.bytes += line.len();
        self.records.push((record, self.lines.len()));
    }

    fn take(&self, mut take: impl FnMut(&Record)) {
        self.records.iter().for_each(|(record, _)| take(record));
    }

    /// The room of one that was looked at, to be filled again.
    fn emptied(mut self) -> Self {
        self.records.clear();
        self.lines.clear();
        self.bytes = 0;
        self
    }

    fn is_full(&self) -> bool {
        self.records.len() >= BATCH || self.bytes >= BATCH_BYTES
    }

    /// Each record with its line.
    fn each(&mut self, mut watch: impl FnMut(&mut Record, &[u8])) {
        let mut start = 0;
        for (record, end) in &mut self.records {
            watch(record, self.lines.get(start..*end).unwrap_or_default());
            start = *end;
        }
    }
}

impl Reader {
    /// Gives each record that is left to `take`, in order. Reading, checking the chain and parsing go on meanwhile on a thread of
    /// their own; memory does not grow with the journal.
    ///
    /// # Errors
    /// The first thing that is wrong with the journal; `take` has seen what stands before it.
    pub fn for_each(mut self, mut take: impl FnMut(&Record)) -> Result<Integrity, ReadError> {
        let (to_take, read) = sync_channel::<Batch>(WAITING);
        let (give_back, done) = channel::<Batch>();
        thread::scope(|scope| {
            let reading =
                scope.spawn(move || self.send_all(&to_take, &done, false).map(|()| self.integrity()));
            for batch in read {
                batch.take(&mut take);
                // Freed by the thread that allocated them, which is cheaper than by another.
                let _ = give_back.send(batch);
            }
            reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Gives each record that is left to `watch`, in order, with the text of its line, and what that leaves of it to `take`.
    /// Reading, checking the chain and parsing go on meanwhile on a thread of their own, and so does `watch`; memory does not
    /// grow with the journal.
    ///
    /// # Errors
    /// The first thing that is wrong with the journal; `watch` and `take` have seen what stands before it.
    pub fn for_each_watched(
        mut self,
        mut watch: impl FnMut(&mut Record, &[u8]) + Send,
        mut take: impl FnMut(&Record),
    ) -> Result<Integrity, ReadError> {
        let (to_watch, read) = sync_channel::<Batch>(WAITING);
        let (to_take, watched) = sync_channel::<Batch>(WAITING);
        let (give_back, done) = channel::<Batch>();
        thread::scope(|scope| {
            let reading =
                scope.spawn(move || self.send_all(&to_watch, &done, true).map(|()| self.integrity()));
            let watching = scope.spawn(move || {
                for mut batch in read {
                    batch.each(&mut watch);
                    // Nobody takes any more: the other side has panicked, and says so itself.
                    if to_take.send(batch).is_err() {
                        return;
                    }
                }
            });
            for batch in watched {
                batch.take(&mut take);
                let _ = give_back.send(batch);
            }
            watching.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Sends everything that is left, with the text of the lines or without.
    fn send_all(
        &mut self,
        batches: &SyncSender<Batch>,
        done: &Receiver<Batch>,
        keep_lines: bool,
    ) -> Result<(), ReadError> {
        let mut batch = Batch::default();
        let end = loop {
            match self.next_record() {
                Ok(Some(record)) => batch.add(record, self.line(), keep_lines),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if batch.is_full() {
                if batches.send(std::mem::take(&mut batch)).is_err() {
                    return Ok(());
                }
                done.try_iter().for_each(|done| batch = done.emptied());
            }
        };
        let _ = batches.send(batch);
        end
    }
}
