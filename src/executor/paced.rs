//! Plays a prepared run's flows at an even pace while somebody else watches what becomes of their webhooks.

use super::error::RunError;
use super::prepare::Prepared;
use super::tee::{RecordTee, Tee};
use crate::drive::{self, Driver, Event, Listener};
use futures_util::stream::FuturesUnordered;
use futures_util::{Stream, StreamExt};
use record::Tick;
use record::{Gap, Outcome, Record, Watch};
use stand_in::Staging;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// What became of flows that were driven at an even pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacedOutcome {
    /// Flows that began.
    pub started: u64,
    /// Flows that ended.
    pub ended: u64,
    /// Steps that were not as expected.
    pub failed_steps: u64,
}

/// What the driver tells while it drives.
#[derive(Debug, Default)]
struct Counts {
    ended: AtomicU64,
    failed_steps: AtomicU64,
}

impl Prepared {
    /// Begins a flow each `every`, until all have begun and ended, or `stop` turns true: then what is under way is left,
    /// and the journal closed. Its facts are target to an observation as they are written.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn run_paced(
        self,
        every: Duration,
        target: Tee,
        mut stop: watch::Receiver<bool>,
    ) -> Result<PacedOutcome, RunError> {
        let tee = RecordTee::new(target, self.plan.loaded.scenario.name.clone(), self.clock);
        let journal = self.journal.counting(Box::new(tee));
        let counts = Arc::new(Counts::default());
        let driver = Driver::new(drive::Plan {
            loaded: self.plan.loaded,
            client: self.client,
            clock: self.clock,
            journal: journal.clone(),
            redactor: self.plan.redactor,
            listener: listener(&counts),
            within: self.plan.within,
        });
        let mut started = 0;
        let flows = (0u32..).zip(self.rows).map(|(n, row)| (n, self.run.scope(n, row)));
        let work = async {
            let begun = Instant::now();
            let mut under_way = FuturesUnordered::new();
            for (n, scope) in flows {
                let due = begun + every.saturating_mul(n);
                wait(due, &mut under_way).await?;
                started += 1;
                under_way.push(driver.play(n, scope));
            }
            while let Some(ended) = under_way.next().await {
                ended?;
            }
            Ok(())
        };
        let ended: io::Result<()> = tokio::select! {
            ended = work => ended,
            _ = stop.wait_for(|stopped| *stopped) => Ok(()),
        };
        if let Some(staging) = self.staging {
            Staging::shutdown(staging).await;
        }
        let journal_error = |source| RunError::Journal { path: self.plan.journal.clone(), source };
        ended.map_err(journal_error)?;
        // What never came here is not lost: it is looked for where it is watched.
        let why = "they are watched in the journal of the observation".to_owned();
        let (from, to) = (Tick(0), self.clock.now());
        journal.append(&Record::Watch(Watch::Gap(Gap { from, to, why }))).map_err(journal_error)?;
        journal.finish(self.clock.now(), true).map_err(journal_error)?;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ok(PacedOutcome { started, ended: count(&counts.ended), failed_steps: count(&counts.failed_steps) })
    }
}

/// Waits until `due` while the flows that have begun go on.
async fn wait(due: Instant, under_way: &mut (impl Stream<Item = io::Result<()>> + Unpin)) -> io::Result<()> {
    let mut time = std::pin::pin!(sleep_until(due));
    loop {
        tokio::select! {
            () = &mut time => return Ok(()),
            Some(ended) = under_way.next() => ended?,
        }
    }
}

fn listener(counts: &Arc<Counts>) -> Listener {
    let counts = Arc::clone(counts);
    Arc::new(move |event| match event {
        Event::Flow { .. } => {
            counts.ended.fetch_add(1, Ordering::Relaxed);
        }
        Event::Step { outcome: Outcome::Failed, .. } => {
            counts.failed_steps.fetch_add(1, Ordering::Relaxed);
        }
        _ => {}
    })
}
