//! The flows of a run: each is played once, and what becomes of them is counted.

use super::rows_ahead::RowsAhead;
use crate::drive::{Blocked, Driver, Event, Listener, TRIED_FIRST};
use record::Outcome;
use scenario::Run;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many flows were played, and how they went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FlowCounts {
    /// Flows that began.
    pub started: u64,
    /// Flows that ended.
    pub ended: u64,
    /// Steps that were not as expected.
    pub failed_steps: u64,
}

/// How one flow went.
pub(super) enum Played {
    AsExpected,
    /// Its first problem.
    Failed(String),
    /// There is no data row for it.
    NoRow,
}

/// The flows of a run that have not begun yet, and what plays them.
pub(super) struct Flows {
    driver: Driver,
    run: Arc<Run>,
    rows: RowsAhead,
    started: AtomicU64,
    progress: Arc<FlowProgress>,
}

/// What the driver tells of the flows under way.
#[derive(Default)]
pub(super) struct FlowProgress {
    ended: AtomicU64,
    failed_steps: AtomicU64,
    /// The first problem of each flow that has not ended.
    problems: Mutex<HashMap<u32, String>>,
}

impl FlowProgress {
    /// Counts each event before `listener` gets it.
    pub(super) fn ahead_of(self: &Arc<Self>, listener: Listener) -> Listener {
        let progress = Arc::clone(self);
        Arc::new(move |event| {
            progress.take(&event);
            listener(event);
        })
    }

    fn take(&self, event: &Event) {
        match event {
            Event::FlowEnded => {
                self.ended.fetch_add(1, Ordering::Relaxed);
            }
            Event::Step { flow, step, outcome: Outcome::Failed, problem, .. } => {
                self.failed_steps.fetch_add(1, Ordering::Relaxed);
                if let Some(flow) = flow {
                    let why = problem.as_deref().unwrap_or("not as expected");
                    let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
                    problems.entry(*flow).or_insert_with(|| format!("step {step}: {why}"));
                }
            }
            _ => {}
        }
    }

    fn problem_of(&self, flow: u32) -> Option<String> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).remove(&flow)
    }
}

impl Flows {
    /// `driver` has to tell `progress` what it does.
    pub(super) fn new(driver: Driver, run: Arc<Run>, rows: RowsAhead, progress: Arc<FlowProgress>) -> Self {
        Self { driver, run, rows, started: AtomicU64::new(0), progress }
    }

    pub(super) const fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Tries the sessions of the first flows; gives what stands in the way.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) async fn open_sessions(&self) -> io::Result<Option<Blocked>> {
        let first = match self.rows.first(TRIED_FIRST).await {
            Ok(first) => first,
            Err(why) => return Ok(Some(Blocked::Data { why })),
        };
        let scopes = first.into_iter().map(|(flow, row)| self.run.scope(flow, row)).collect();
        self.driver.open_sessions(scopes).await
    }

    /// Plays one flow to its end.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) async fn play(&self, flow: u32) -> io::Result<Played> {
        let row = match self.rows.take(flow).await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Played::NoRow),
            Err(why) => {
                self.driver.end_flows(Blocked::Data { why });
                // The run ends by that, and leaves this flow as it leaves what is under way.
                return std::future::pending().await;
            }
        };
        self.started.fetch_add(1, Ordering::Relaxed);
        self.driver.play(flow, self.run.scope(flow, row)).await?;
        Ok(self.progress.problem_of(flow).map_or(Played::AsExpected, Played::Failed))
    }

    pub(super) fn counts(&self) -> FlowCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        FlowCounts {
            started: count(&self.started),
            ended: count(&self.progress.ended),
            failed_steps: count(&self.progress.failed_steps),
        }
    }
}
