//! Drives a prepared run to its end, or to the stop signal.

use super::error::RunError;
use super::plan::Plan;
use super::prepare::Prepared;
use super::settle::{at_most, settle};
use crate::drive::{self, Driver, Event, Listener};
use crate::inbox::Inbox;
use crate::journal::Sealed;
use futures_util::{StreamExt, TryStreamExt, stream};
use record::faults::{Before, Order};
use record::{Note, Record};
use stand_in::{AttemptEntry, Staging};
use std::io;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::sleep;
use wire::Clock;

/// Connections that the inbox holds open at once.
const CONNECTIONS: usize = 1024;

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The journal.
    pub journal: Sealed,
    /// Whether the stop signal ended it.
    pub interrupted: bool,
    /// What the stand-in's sender says that it did; empty with a staging system.
    pub sender_log: Vec<AttemptEntry>,
}

/// Waits for what comes before a phase.
async fn wait(plan: &Plan, before: Before, inbox: &Inbox, driver: &Driver, clock: Clock) {
    if before == Before::Settled {
        settle(inbox, &driver.dues(), clock, plan.quiet).await;
    }
    let pause = plan.pause(before);
    if !pause.is_zero() {
        sleep(pause).await;
    }
}

impl Prepared {
    /// Drives all flows, waits until the webhooks have settled, takes everything down and closes the journal. When
    /// `stop` turns true the run ends at once; what was seen is in the journal.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn run(
        self,
        listener: Listener,
        mut stop: watch::Receiver<bool>,
    ) -> Result<Finished, RunError> {
        let (close, closed) = watch::channel(false);
        let webhook_source =
            tokio::spawn(self.webhook_source.open(Arc::clone(&self.inbox), CONNECTIONS, closed));
        let driver = Driver::new(drive::Plan {
            loaded: self.plan.loaded.clone(),
            client: self.client,
            clock: self.clock,
            journal: self.journal.clone(),
            redactor: self.plan.redactor.clone(),
            listener: Arc::clone(&listener),
            within: self.plan.within,
        });
        let mut rows = self.rows.into_iter();
        let work = async {
            for phase in self.plan.phases() {
                wait(&self.plan, phase.before, &self.inbox, &driver, self.clock).await;
                let at_once = if let Order::AtOnce(n) = phase.order { n.max(1) } else { 1 };
                let flows = phase.flows.zip(rows.by_ref());
                let flows = stream::iter(flows.map(|(n, row)| driver.play(n, self.run.scope(n, row))));
                flows.map(Ok::<_, io::Error>).try_buffer_unordered(at_once).try_collect::<()>().await?;
            }
            let (dues, now, quiet) = (driver.dues(), self.clock.now(), self.plan.quiet);
            listener(Event::Settling { at_most: at_most(&self.inbox, &dues, now, quiet) });
            settle(&self.inbox, &dues, self.clock, quiet).await;
            Ok(())
        };
        let ended = tokio::select! {
            ended = work => Some(ended),
            _ = stop.wait_for(|stopped| *stopped) => None,
        };
        // The receiver of `close` lives as long as the webhook_source, which the join below waits for.
        let _ = close.send(true);
        let caught = webhook_source.await.unwrap_or(Ok(()));
        let sender_log = self.staging.as_ref().map(Staging::log).unwrap_or_default();
        if let Some(staging) = self.staging {
            staging.shutdown().await;
        }
        let journal_error = |source| RunError::Journal { path: self.plan.journal.clone(), source };
        let interrupted = ended.is_none();
        if interrupted {
            let note = Note { at: self.clock.now(), text: "interrupted before the end".to_owned() };
            self.journal.append(&Record::Note(note)).map_err(journal_error)?;
        }
        ended.unwrap_or(Ok(())).and(caught).map_err(journal_error)?;
        let journal = self.journal.finish(self.clock.now(), !interrupted).map_err(journal_error)?;
        Ok(Finished { journal, interrupted, sender_log })
    }
}
