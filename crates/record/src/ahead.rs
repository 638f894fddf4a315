//! Reads a journal on a thread of its own, while what it read before is looked at.

use crate::{Integrity, ReadError, Reader, Record};
use std::io::BufRead;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

/// Records are handed over so many at a time.
const BATCH: usize = 256;
/// Fewer where their lines have more bytes than this together.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that wait at most.
const WAITING: usize = 2;

type Batch = Vec<(Record, Vec<u8>)>;

impl<R: BufRead + Send> Reader<R> {
    /// Gives each record that is left to `take`, in order, with the text of its line. Reading, checking the chain and
    /// parsing go on meanwhile on a thread of their own; memory does not grow with the journal.
    ///
    /// # Errors
    /// The first thing that is wrong with the journal; `take` has seen what stands before it.
    pub fn for_each(mut self, mut take: impl FnMut(Record, &[u8])) -> Result<Integrity, ReadError> {
        let (sender, batches) = sync_channel::<Batch>(WAITING);
        thread::scope(|scope| {
            let reading = scope.spawn(move || self.send_all(&sender).map(|()| self.integrity()));
            for (record, line) in batches.into_iter().flatten() {
                take(record, &line);
            }
            reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn send_all(&mut self, batches: &SyncSender<Batch>) -> Result<(), ReadError> {
        let (mut batch, mut bytes) = (Batch::new(), 0);
        let end = loop {
            match self.next_record() {
                Ok(Some(record)) => {
                    bytes += self.line().len();
                    batch.push((record, self.line().to_vec()));
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            // Nobody takes any more: the other side has panicked, and says so itself.
            if (batch.len() >= BATCH || bytes >= BATCH_BYTES)
                && batches.send(std::mem::take(&mut batch)).is_err()
            {
                return Ok(());
            }
            if batch.is_empty() {
                bytes = 0;
            }
        };
        let _ = batches.send(batch);
        end
    }
}
