//! Group commit: one flush to the disk for all records that were written while the last one ran.

use super::writer::lock;
use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// Flushes in a thread of its own, and tells who waits.
#[derive(Debug)]
pub(super) struct GroupCommit {
    kick: SyncSender<()>,
    disk: Arc<Mutex<Disk>>,
}

/// How far the disk has come, and who waits for it to go on.
#[derive(Debug)]
struct Disk {
    /// The records up to this number are there; or why nobody knows what is there.
    reached: Result<u64, String>,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    record: u64,
    tell: oneshot::Sender<Result<(), String>>,
}

impl Disk {
    /// Tells those whose record is there, and nobody else: a flush that wakes all who wait costs more than it does.
    fn reach(&mut self, reached: Result<u64, String>) {
        let told = |record: u64| match &reached {
            Ok(records) => (record <= *records).then_some(Ok(())),
            Err(why) => Some(Err(why.clone())),
        };
        for waiting in std::mem::take(&mut self.waiting) {
            match told(waiting.record) {
                // Who has gone away meanwhile is told nothing.
                Some(became) => drop(waiting.tell.send(became)),
                None => self.waiting.push(waiting),
            }
        }
        self.reached = reached;
    }
}

impl GroupCommit {
    /// Starts the thread; `written` gives the file and the number of records written to it so far, or `None` when the
    /// journal is gone.
    pub(super) fn start(
        written: impl Fn() -> Option<io::Result<(File, u64)>> + Send + 'static,
    ) -> io::Result<Self> {
        let (kick, kicked) = sync_channel(1);
        let disk = Arc::new(Mutex::new(Disk { reached: Ok(0), waiting: Vec::new() }));
        let told = Arc::clone(&disk);
        std::thread::Builder::new().name("journal-sync".to_owned()).spawn(move || {
            let why = commit(&kicked, &told, written);
            lock(&told).reach(Err(why));
        })?;
        Ok(Self { kick, disk })
    }

    /// Asks for a flush, and waits until this record is on the disk. A flush that is under way or asked for already may not do; then the
    /// next one will.
    ///
    /// # Errors
    /// When the disk fails, now or before.
    pub(super) async fn reaches(&self, record: u64) -> io::Result<()> {
        let ticket = {
            let mut disk = lock(&self.disk);
            match &disk.reached {
                Ok(records) if *records >= record => return Ok(()),
                Ok(_) => {}
                Err(why) => return Err(io::Error::other(why.clone())),
            }
            let (tell, told) = oneshot::channel();
            disk.waiting.push(Waiting { record, tell });
            told
        };
        let _ = self.kick.try_send(());
        let became = ticket.await.unwrap_or_else(|_| Err(ENDED.to_owned()));
        became.map_err(io::Error::other)
    }
}

/// Why nothing is flushed any more when the journal is closed.
const ENDED: &str = "the journal's flush thread has ended";

/// Flushes when it is asked to, and says at last why it does no longer.
fn commit(
    kicked: &Receiver<()>,
    disk: &Mutex<Disk>,
    written: impl Fn() -> Option<io::Result<(File, u64)>>,
) -> String {
    while kicked.recv().is_ok() {
        let Some(now) = written() else { break };
        match now.and_then(|(file, records)| file.sync_data().map(|()| records)) {
            Ok(records) => lock(disk).reach(Ok(records)),
            // After a failed flush the kernel may drop what it could not write: nothing is sure any more.
            Err(error) => return format!("the journal cannot be flushed: {error}"),
        }
    }
    ENDED.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_tells_those_whose_record_is_there_and_a_failed_one_tells_all() {
        let mut disk = Disk { reached: Ok(0), waiting: Vec::new() };
        let mut told = Vec::new();
        for record in [4, 2, 3] {
            let (tell, ticket) = oneshot::channel();
            disk.waiting.push(Waiting { record, tell });
            told.push(ticket);
        }
        disk.reach(Ok(3));
        assert_eq!(
            told.iter_mut().map(|t| t.try_recv().ok()).collect::<Vec<_>>(),
            [None, Some(Ok(())), Some(Ok(()))]
        );
        disk.reach(Err("no space".to_owned()));
        assert_eq!(told[0].try_recv(), Ok(Err("no space".to_owned())));
        assert!(disk.waiting.is_empty());
    }
}
