//! Group commit: one flush to the disk for all records that were written while the last one ran.

use super::writer::lock;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
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
    /// Where it waits.
    thread: ThreadId,
    tell: oneshot::Sender<News>,
}

/// What became of records, for one who waits and for all who do so on the same thread: they are told by the first there, whoever that
/// is, since waking another thread costs a system call each time.
#[derive(Debug)]
struct News {
    became: Result<(), String>,
    others: Vec<oneshot::Sender<News>>,
}

impl Drop for News {
    fn drop(&mut self) {
        for tell in std::mem::take(&mut self.others) {
            // Who has gone away meanwhile is told nothing.
            let _ = tell.send(Self { became: self.became.clone(), others: Vec::new() });
        }
    }
}

impl Disk {
    /// Tells those whose record is there, and nobody else: a flush that wakes all who wait costs more than it does.
    fn reach(&mut self, reached: Result<u64, String>) {
        let there =
            |waiting: &mut Waiting| reached.as_ref().map_or(true, |records| waiting.record <= *records);
        let mut threads: HashMap<ThreadId, Vec<oneshot::Sender<News>>> = HashMap::new();
        for Waiting { thread, tell, .. } in self.waiting.extract_if(.., there) {
            threads.entry(thread).or_default().push(tell);
        }
        for mut others in threads.into_values() {
            if let Some(first) = others.pop() {
                let became = reached.as_ref().map(|_| ()).map_err(String::clone);
                // One who has gone away tells the others all the same.
                let _ = first.send(News { became, others });
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
            disk.waiting.push(Waiting { record, thread: thread::current().id(), tell });
            told
        };
        let _ = self.kick.try_send(());
        let became = ticket.await.map_or_else(|_| Err(ENDED.to_owned()), |news| news.became.clone());
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
        let mut wait = |record| {
            let (tell, ticket) = oneshot::channel();
            disk.waiting.push(Waiting { record, thread: thread::current().id(), tell });
            ticket
        };
        let (gone, mut told) = (wait(1), [4, 2, 3].map(&mut wait));
        drop(gone);
        let look =
            |ticket: &mut oneshot::Receiver<News>| ticket.try_recv().ok().map(|news| news.became.clone());
        let mut news = || {
            // Whoever is told first tells the others.
            let first = told.each_mut().map(look);
            told.iter_mut()
                .zip(first)
                .map(|(ticket, first)| first.or_else(|| look(ticket)))
                .collect::<Vec<_>>()
        };
        disk.reach(Ok(3));
        assert_eq!(news(), [None, Some(Ok(())), Some(Ok(()))]);
        disk.reach(Err("no space".to_owned()));
        assert_eq!(news()[0], Some(Err("no space".to_owned())));
        assert!(disk.waiting.is_empty());
    }
}
