//! The flows of a run: each is played once, and what becomes of them is counted.

use crate::drive::{Blocked, Driver, Event, Listener, TRIED_FIRST};
use record::Outcome;
use scenario::{Row, Run};
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
    rows: Mutex<HashMap<u32, Packed>>,
    started: AtomicU64,
    progress: Arc<FlowProgress>,
}

/// A row that is not needed yet, as JSON: a fifth of what it takes once it is read, and a load plans up to a million of them.
struct Packed(Box<[u8]>);

impl Packed {
    fn new(row: &Row) -> Option<Self> {
        // What came out of a file or a template goes into JSON.
        serde_json::to_vec(row).ok().map(|json| Self(json.into()))
    }

    fn row(&self) -> Option<Row> {
        serde_json::from_slice(&self.0).ok()
    }
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
    pub(super) fn new(
        driver: Driver,
        run: Arc<Run>,
        rows: impl Iterator<Item = (u32, Row)>,
        progress: Arc<FlowProgress>,
    ) -> Self {
        let rows = rows.filter_map(|(flow, row)| Some((flow, Packed::new(&row)?))).collect();
        Self { driver, run, rows: Mutex::new(rows), started: AtomicU64::new(0), progress }
    }

    pub(super) const fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Tries the sessions of the first flows; gives what stands in the way.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) async fn open_sessions(&self) -> io::Result<Option<Blocked>> {
        let scopes = {
            let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            let mut first: Vec<u32> = rows.keys().copied().collect();
            first.sort_unstable();
            let first = first.into_iter().take(TRIED_FIRST);
            first.filter_map(|flow| Some(self.run.scope(flow, rows.get(&flow)?.row()?))).collect::<Vec<_>>()
        };
        self.driver.open_sessions(scopes).await
    }

    /// Plays one flow to its end.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) async fn play(&self, flow: u32) -> io::Result<Played> {
        let row = self.rows.lock().unwrap_or_else(PoisonError::into_inner).remove(&flow);
        let Some(row) = row.and_then(|packed| packed.row()) else { return Ok(Played::NoRow) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_the_same_when_it_is_needed() {
        let text = r#"{"amount":1.50,"big":123456789012345678901234567890,"name":"A \"b\" ü","none":null,"tags":[1,{"x":true}]}"#;
        let row: Row = serde_json::from_str(text).unwrap();
        let packed = Packed::new(&row).unwrap();
        assert_eq!(packed.row(), Some(row), "every digit");
        assert_eq!(&*packed.0, text.as_bytes());
    }
}
