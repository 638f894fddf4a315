//! Records that somebody waits for: those that come together are written with one call.

use super::writer::Journal;
use std::io;
use std::sync::OnceLock;

/// Records that are written together, and what became of them: how many records had been written then, or why not.
#[derive(Debug, Default)]
pub(super) struct Batch(OnceLock<Result<u64, io::ErrorKind>>);

impl Batch {
    pub(super) fn is_settled(&self) -> bool {
        self.0.get().is_some()
    }

    pub(super) fn settle(&self, became: Result<u64, io::ErrorKind>) {
        // A batch is settled once, by the one write that takes it.
        let _ = self.0.set(became);
    }
}

/// Why a record is not as safe as it was asked to be.
#[derive(Debug)]
pub enum NotDurable {
    /// It is not in the journal.
    NotWritten(io::Error),
    /// It is with the kernel, and the disk has failed.
    NotOnDisk(io::Error),
}

/// A record that waits to be written, or is with the kernel and perhaps has to reach the disk.
#[derive(Debug)]
pub struct Durable {
    pub(super) journal: Journal,
    pub(super) step: Step,
}

/// How far a record has come.
#[derive(Debug)]
pub(super) enum Step {
    /// It waits for a write, with others.
    Batched(std::sync::Arc<Batch>),
    /// It is with the kernel, as this many records in all are.
    Written(u64),
}

impl Durable {
    /// Waits until the record survives what its journal was asked to survive. All that is ready at this moment goes first,
    /// so that it shares the write.
    ///
    /// # Errors
    /// When the file cannot be written, or the disk fails.
    pub async fn wait(self) -> Result<(), NotDurable> {
        let records = match self.step {
            Step::Written(records) => records,
            Step::Batched(batch) => {
                self.journal.write_batch(&batch).await;
                let lost = || NotDurable::NotWritten(io::Error::other("the journal is gone"));
                let became = batch.0.get().copied().ok_or_else(lost)?;
                became.map_err(|kind| NotDurable::NotWritten(kind.into()))?
            }
        };
        self.journal.on_disk(records).await.map_err(NotDurable::NotOnDisk)
    }
}
