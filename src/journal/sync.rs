//! Group commit: one flush to the disk for all records that were written while the last one ran.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::sync::watch;

/// How far the disk has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reached {
    /// All records up to this number.
    Records(u64),
    /// A flush failed; whether anything later is on the disk is not known.
    Failed(String),
}

/// Flushes in a thread of its own, and tells who waits.
#[derive(Debug)]
pub(super) struct GroupCommit {
    kick: SyncSender<()>,
    reached: watch::Receiver<Reached>,
}

impl GroupCommit {
    /// Starts the thread; `written` gives the file and the number of records written to it so far, or `None` when the
    /// journal is gone.
    pub(super) fn start(
        written: impl Fn() -> Option<io::Result<(File, u64)>> + Send + 'static,
    ) -> io::Result<Self> {
        let (kick, kicked) = sync_channel(1);
        let (tell, reached) = watch::channel(Reached::Records(0));
        std::thread::Builder::new()
            .name("journal-sync".to_owned())
            .spawn(move || commit(&kicked, &tell, written))?;
        Ok(Self { kick, reached })
    }

    /// Asks for a flush; one that is under way or asked for already will not do for later records, the next will.
    pub(super) fn ask(&self) {
        let _ = self.kick.try_send(());
    }

    /// A ticket to wait with.
    pub(super) fn ticket(&self, record: u64) -> Ticket {
        Ticket { record, reached: self.reached.clone() }
    }
}

/// Waits until a record is on the disk.
#[derive(Debug)]
pub(super) struct Ticket {
    record: u64,
    reached: watch::Receiver<Reached>,
}

impl Ticket {
    pub(super) async fn wait(mut self) -> io::Result<()> {
        let record = self.record;
        let there = |r: &Reached| matches!(r, Reached::Failed(_)) || *r >= Reached::Records(record);
        let gone = || io::Error::other("the journal's flush thread has ended");
        match &*self.reached.wait_for(there).await.map_err(|_| gone())? {
            Reached::Records(_) => Ok(()),
            Reached::Failed(why) => Err(io::Error::other(why.clone())),
        }
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Records(a), Self::Records(b)) => a.partial_cmp(b),
            _ => None,
        }
    }
}

fn commit(
    kicked: &Receiver<()>,
    tell: &watch::Sender<Reached>,
    written: impl Fn() -> Option<io::Result<(File, u64)>>,
) {
    while kicked.recv().is_ok() {
        let Some(now) = written() else { return };
        match now.and_then(|(file, records)| file.sync_data().map(|()| records)) {
            Ok(records) => tell.send_replace(Reached::Records(records)),
            Err(error) => {
                // After a failed flush the kernel may drop what it could not write: nothing is sure any more.
                tell.send_replace(Reached::Failed(format!("the journal cannot be flushed: {error}")));
                return;
            }
        };
    }
}
